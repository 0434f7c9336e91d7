//! Building the programs in release mode.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::{Doing, Failure, Outcome};
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

/// Builds the plugins for Trilinos, and the library that their tests call, into the directory of plugins beside the programs.
pub fn trilinos_plugins(workspace: &Workspace) -> Outcome<()> {
    let mut make = Command::new("make");
    make.args(["--no-print-directory", "-j2", "plugins", "example", "-C"])
        .arg(workspace.root.join("plugins/trilinos"));
    make.arg(format!("OUT={}", workspace.plugins().display()));
    let status = make.stdin(Stdio::null()).status().doing("run", Path::new("make"))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new("make could not build the Trilinos plugins: see above"))
    }
}

/// Runs one cargo command in the workspace, with its output on the terminal.
pub fn cargo_step(workspace: &Workspace, what: &str, command: &mut Command) -> Outcome<()> {
    let status = command.current_dir(&workspace.root).stdin(Stdio::null()).status().doing("run", &cargo())?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("cargo could not {what}: see above"))) }
}
