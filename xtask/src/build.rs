//! Building the programs in release mode.

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

/// Builds what tests run as well: the behaviours and the library of the standard ABI.
pub fn everything(workspace: &Workspace) -> Outcome<()> {
    cargo_step(workspace, "build the workspace", Command::new(cargo()).args(["build", "--release"]))
}

/// Runs one cargo command in the workspace, with its output on the terminal.
pub fn cargo_step(workspace: &Workspace, what: &str, command: &mut Command) -> Outcome<()> {
    let status = command.current_dir(&workspace.root).stdin(Stdio::null()).status().doing("run", &cargo())?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("cargo could not {what}: see above"))) }
}
