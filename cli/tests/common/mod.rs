//! What the tests of the built program share: the program that lies beside `libmpi_abi.so`, and the MPIs there are.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anympi_testkit::installation::{Installation, Mpi};

/// The MPIs of the machine.
pub fn installation() -> Installation {
    Installation::load().unwrap_or_else(|reason| panic!("{reason}"))
}

/// One of them.
pub fn mpi(name: &str) -> Mpi {
    let found = installation().mpis.into_iter().find(|mpi| mpi.name == name);
    found.unwrap_or_else(|| panic!("{name} is not installed"))
}

/// The program as users have it.
pub fn program() -> PathBuf {
    let program = installation().programs.join("anympi");
    assert!(program.is_file(), "{} is not built", program.display());
    program
}

/// A command that ends, come what may, with none of the user's own choices.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "120"]).arg(program).stdin(Stdio::null());
    for name in
        ["ANYMPI", "ANYMPI_CC", "CC", "LD_LIBRARY_PATH", "MPI4PY_MPIABI", "VIRTUAL_ENV", "CONDA_PREFIX"]
    {
        command.env_remove(name);
    }
    command
}

/// `anympi` with these arguments.
pub fn anympi(arguments: &[&str]) -> Command {
    let mut command = command(&program());
    command.args(arguments);
    command
}

pub fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Everything that was written.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a command writes to standard output when it succeeds, without the end of the line.
pub fn answer(command: &mut Command) -> String {
    let output = output(command);
    assert!(output.status.success(), "{command:?}:\n{}", text(&output));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// A file of the repository.
pub fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}
