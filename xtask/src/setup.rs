//! Set-up: what demo, tests and measurements need and the checkout does not hold.
//!
//! Everything that is downloaded goes below `.anympi/`: one prefix per MPI and one virtual environment. Each part has a stamp,
//! a file with the text of what was asked for, that is written when the part is complete and removed before it is touched. So a
//! part that was interrupted, or whose pinned version changed, is made anew, and a set-up with nothing to do takes milliseconds.

pub mod abi_mpi4py;
mod headers;
mod part;
mod python;
mod system;
mod trilinos;

use std::fs::File;

pub use headers::libclang;
pub use part::Part;
pub use trilinos::pytrilinos;

use crate::environment::{self, Description};
use crate::failure::{Doing, Outcome};
use crate::mpis::{self, Source};
use crate::workspace::Workspace;

/// What the set-up is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The demo and the measurements: the MPIs that need no root.
    Run,
    /// mpi4py's own test suite: the MPIs of the system too, and mpi4py for the standard ABI.
    Conformance,
    /// The tests: everything.
    Test,
}

/// Installs what is missing and returns what there is.
pub fn set_up(workspace: &Workspace, purpose: Purpose) -> Outcome<Description> {
    let directory = workspace.installed();
    std::fs::create_dir_all(&directory).doing("make", &directory)?;
    let _lock = lock(workspace)?;

    let mut missing = part::missing(workspace, purpose)?;
    let compiler = system::compiler();
    let mut packages = Vec::new();
    if purpose != Purpose::Run {
        packages.extend(system::missing_mpis(workspace)?);
    }
    if purpose == Purpose::Test {
        packages.extend(system::missing_tools());
        packages.extend(trilinos::missing_packages());
        if missing.contains(&Part::PyTrilinos) {
            packages.extend(trilinos::missing_headers());
        }
    }
    system::install(workspace, compiler, &packages)?;
    if !trilinos::missing_packages().is_empty() {
        missing.retain(|part| *part != Part::PyTrilinos);
    }
    if !missing.is_empty() {
        // Found before anything is said to be downloaded: without a Python there will be no download.
        let python = python::find()?;
        announce(workspace, &missing);
        for part in missing {
            part.install(workspace, &python)?;
        }
    }

    let description = Description::of(workspace)?;
    description.write(workspace)?;
    if purpose != Purpose::Run {
        report_left_out(&description, purpose)?;
    }
    Ok(description)
}

/// One set-up at a time: a second one waits, then finds nothing to do.
fn lock(workspace: &Workspace) -> Outcome<File> {
    let path = workspace.installed().join("lock");
    let file = File::create(&path).doing("write", &path)?;
    if file.try_lock().is_err() {
        eprintln!("waiting for another set-up in {}", workspace.installed().display());
        file.lock().doing("lock", &path)?;
    }
    Ok(file)
}

fn announce(workspace: &Workspace, missing: &[Part]) {
    eprintln!(
        "Set-up downloads, from PyPI unless another place is named, into {}:",
        workspace.installed().display()
    );
    for part in missing {
        eprintln!("    {}", part.announcement());
    }
}

/// Says which MPIs of the table the purpose will lack, and whether the tests will lack Trilinos; on a build server that is a
/// failure.
fn report_left_out(description: &Description, purpose: Purpose) -> Outcome<()> {
    let mut left_out: Vec<&str> = mpis::TABLE
        .iter()
        .filter(|row| !description.mpis.iter().any(|mpi| mpi.name == row.name))
        .map(|row| row.name)
        .collect();
    let mut packages: Vec<&str> = mpis::TABLE
        .iter()
        .filter(|row| left_out.contains(&row.name))
        .filter_map(|row| match row.source {
            Source::Debian { packages } => Some(packages),
            Source::Wheel { .. } => None,
        })
        .flatten()
        .copied()
        .collect();
    if purpose == Purpose::Test && description.pytrilinos.is_none() {
        left_out.push("Trilinos");
        packages.extend(trilinos::missing_packages());
    }
    if left_out.is_empty() {
        return Ok(());
    }
    let sentence = format!(
        "not installed, so not tested: {}; to test them too: sudo apt-get install {}",
        left_out.join(", "),
        packages.join(" ")
    );
    if environment::is_ci() {
        return Err(crate::failure::Failure::new(sentence));
    }
    eprintln!("{sentence}");
    Ok(())
}
