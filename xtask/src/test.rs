//! Every test: format, lints, the Rust tests, the Python tests that drive the programs from the stock client, and mpi4py's
//! own test suite on every library.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use crate::build::{self, cargo_step};
use crate::conformance;
use crate::environment;
use crate::failure::{Doing, Failure, Outcome};
use crate::mpis::TABLE;
use crate::setup::{self, Purpose};
use crate::support;
use crate::workspace::{Workspace, cargo};

/// The suites in Python, each with a configuration of its own.
const PYTHON_SUITES: [(&str, &str); 2] = [
    ("tests of the programs from the stock client", "tests/interop"),
    ("tests of the engine's Python half", "python/tests"),
];

/// The feature that compares our tables with the headers of the MPIs.
const HEADERS: &str = "anympi/verify-headers";

/// Where bindgen looks for libclang.
const LIBCLANG_PATH: &str = "LIBCLANG_PATH";

/// What pytest returns when no test matched; with a filter that is no failure.
const PYTEST_NOTHING_SELECTED: i32 = 5;

/// Runs all tests, or those whose name contains `filter`.
///
/// Format, lints and build stop at the first failure; the runners of tests all run to their end, so that one call tells
/// everything.
pub fn run(workspace: &Workspace, filter: Option<&str>) -> Outcome<()> {
    let began = Instant::now();
    let heading = |text: &str| {
        let minutes = began.elapsed().as_secs() / 60;
        eprintln!("==> {text} ({minutes} min since the start)");
    };
    let description = setup::set_up(workspace, Purpose::Test)?;
    if filter.is_none() {
        heading("format");
        cargo_step(
            workspace,
            "find every file formatted",
            Command::new(cargo()).args(["fmt", "--all", "--check"]),
        )?;
        heading("lints");
        let clippy =
            ["clippy", "--workspace", "--all-targets", "--features", HEADERS, "--", "--deny", "warnings"];
        let mut clippy_command = Command::new(cargo());
        clippy_command.args(clippy).env(LIBCLANG_PATH, setup::libclang(workspace));
        cargo_step(workspace, "pass the lints", &mut clippy_command)?;
    }
    heading("programs");
    build::everything(workspace)?;
    build::rsmpi_example(workspace)?;
    if description.pytrilinos.is_some() {
        build::trilinos_plugins(workspace)?;
    }
    let check = if filter.is_none() { build::Check::FormatAndLints } else { build::Check::No };
    build::rsmpi_plugin(workspace, check)?;

    heading("Rust tests");
    let mut rust = Command::new(cargo());
    rust.args(["test", "--workspace", "--no-fail-fast", "--features", HEADERS]).args(filter);
    rust.env(LIBCLANG_PATH, setup::libclang(workspace));
    let rust = run_tests(workspace, &mut rust)?;

    let mut failed: Vec<&str> = Vec::new();
    if !rust.success() {
        failed.push("Rust tests");
    }
    for (what, suite) in PYTHON_SUITES {
        heading(what);
        let mut python = Command::new(workspace.python());
        python.args(["-m", "pytest", suite]);
        if let Some(filter) = filter {
            python.args(["-k", filter]);
        }
        let status = run_tests(workspace, &mut python)?;
        let nothing_asked_for = filter.is_some() && status.code() == Some(PYTEST_NOTHING_SELECTED);
        if !status.success() && !nothing_asked_for {
            failed.push(what);
        }
    }
    if filter.is_none() {
        heading("mpi4py's own test suite through libmpi_abi.so.1");
        if let Err(failure) = conformance::check(workspace) {
            eprintln!("{failure}");
            failed.push("mpi4py's own test suite");
        }
    }
    if filter.is_none() {
        heading("the matrix of supported functions");
        if let Err(failure) = support::check(workspace, &description) {
            eprintln!("{failure}");
            failed.push("docs/support.md");
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("failed, see above: {}", failed.join(", "))))
    }
}

fn run_tests(workspace: &Workspace, command: &mut Command) -> Outcome<ExitStatus> {
    let program = command.get_program().to_os_string();
    command
        .current_dir(&workspace.root)
        .env(environment::TEST_SETUP, workspace.description())
        .env(environment::TEST_PROGRAMS, workspace.programs())
        .env("PATH", path_without_venvs())
        .stdin(Stdio::null());
    // What lets an MPI run as root and on few cores is harmless to the others, so every test gets all of it.
    for row in TABLE {
        command.envs(row.environment.iter().copied());
    }
    // A virtual environment or an MPI that happens to be active here must not decide what the tests see.
    for name in [
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "MPI_HOME",
        "I_MPI_ROOT",
        "CRAY_MPICH_DIR",
        "IPYTHONDIR",
        "PYTHONPATH",
    ] {
        command.env_remove(name);
    }
    command.status().doing("start", program.as_ref())
}

/// PATH without the directory of an active virtual environment.
fn path_without_venvs() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let active = env::var_os("VIRTUAL_ENV").map(|venv| std::path::Path::new(&venv).join("bin"));
    let kept: Vec<_> =
        env::split_paths(&path).filter(|directory| Some(directory) != active.as_ref()).collect();
    env::join_paths(kept).unwrap_or(path)
}
