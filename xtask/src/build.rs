//! Building the programs in release mode.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::environment;
use crate::failure::{Doing, Failure, Outcome};
use crate::mpis;
use crate::setup;
use crate::workspace::{Workspace, cargo};

/// The packages of the programs and of the extension module beside them.
const PACKAGES: &[&str] = &["anympi-engine", "anympi-controller", "anympi-cluster", "anympi-python"];

/// Builds what users run; cargo tells how far it is.
pub fn programs(workspace: &Workspace) -> Outcome<()> {
    let packages = PACKAGES.iter().flat_map(|package| ["--package", package]);
    cargo_step(
        workspace,
        "build the programs",
        Command::new(cargo()).args(["build", "--release"]).args(packages),
    )
}

/// Builds the library of the standard ABI.
pub fn abi(workspace: &Workspace) -> Outcome<()> {
    let arguments = ["build", "--release", "--package", "anympi-libmpi-abi"];
    cargo_step(workspace, "build libmpi_abi.so", Command::new(cargo()).args(arguments))
}

/// Builds what tests run as well: the behaviours and the library of the standard ABI.
pub fn everything(workspace: &Workspace) -> Outcome<()> {
    cargo_step(workspace, "build the workspace", Command::new(cargo()).args(["build", "--release"]))
}

/// Builds the plugins for Trilinos, and the library that their tests call, beside the programs,
/// where they are found by their names.
pub fn trilinos_plugins(workspace: &Workspace) -> Outcome<()> {
    let mut make = Command::new("make");
    make.args(["--no-print-directory", "-j2", "plugins", "example", "-C"])
        .arg(workspace.root.join("plugins/trilinos"));
    make.arg(format!("OUT={}", workspace.programs().display()));
    let status = make.stdin(Stdio::null()).status().doing("run", Path::new("make"))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new("make could not build the Trilinos plugins: see above"))
    }
}

/// Checks and builds the plugin that stands on the crate `mpi`: a workspace of its own, because it needs libclang.
pub fn rsmpi_plugin(workspace: &Workspace, check: Check) -> Outcome<()> {
    if env::var_os("LIBCLANG_PATH").is_none() && mpis::on_path("clang").is_none() {
        let sentence = "no libclang, so the plugin rsmpi is not built and not tested; to test it too: sudo apt-get install clang";
        if environment::is_ci() {
            return Err(Failure::new(sentence));
        }
        eprintln!("{sentence}");
        return Ok(());
    }
    let directory = workspace.root.join("backends/rsmpi");
    let run = |what: &str, arguments: &[&str]| {
        let mut command = Command::new(cargo());
        command.args(arguments).current_dir(&directory).env("CARGO_TARGET_DIR", &workspace.target);
        finish(what, &mut command)
    };
    if check == Check::FormatAndLints {
        run("find the plugin rsmpi formatted", &["fmt", "--check"])?;
        run("pass the lints in the plugin rsmpi", &["clippy", "--release", "--", "--deny", "warnings"])?;
    }
    run("build the plugin rsmpi", &["build", "--release"])
}

/// Whether code is only built or checked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Format and lints first.
    FormatAndLints,
    /// Nothing.
    No,
}

/// Builds the example with rsmpi, whose build script asks our `mpicc` where an MPI is and reads our `mpi.h` with libclang.
/// Whatever else is to be built on rsmpi takes the same two variables.
pub fn rsmpi_example(workspace: &Workspace) -> Outcome<()> {
    let program = workspace.programs().join("anympi");
    let asked = Command::new(&program).args(["cc", "--prefix"]).stdin(Stdio::null()).output();
    let asked = asked.doing("run", &program)?;
    if !asked.status.success() {
        let said = String::from_utf8_lossy(&asked.stderr);
        return Err(Failure::new(format!("`anympi cc --prefix` failed: {}", said.trim())));
    }
    let kit = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim());
    let mut build = Command::new(cargo());
    build
        .args(["build", "--locked", "--manifest-path"])
        .arg(workspace.root.join("examples/rsmpi/Cargo.toml"));
    build.arg("--target-dir").arg(workspace.rsmpi());
    build.env("MPICC", kit.join("bin/mpicc")).env("LIBCLANG_PATH", setup::libclang(workspace));
    cargo_step(workspace, "build the example with rsmpi", &mut build)
}

/// Runs one cargo command in the workspace, with its output on the terminal.
pub fn cargo_step(workspace: &Workspace, what: &str, command: &mut Command) -> Outcome<()> {
    finish(what, command.current_dir(&workspace.root))
}

fn finish(what: &str, command: &mut Command) -> Outcome<()> {
    let status = command.stdin(Stdio::null()).status().doing("run", &cargo())?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("cargo could not {what}: see above"))) }
}
