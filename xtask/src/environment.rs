//! Every environment variable that the tasks set or read, and the file that tells tests what is installed.
//!
//! Set-up writes `.anympi/mpis.json`:
//!
//! ```json
//! {
//!   "format": 1,
//!   "root": "/home/me/anympi",
//!   "python": "/home/me/anympi/.anympi/venv/bin/python",
//!   "programs": "/home/me/anympi/target/release",
//!   "pytrilinos": "/home/me/anympi/.anympi/pytrilinos/site",
//!   "mpis": [
//!     {
//!       "name": "openmpi5",
//!       "backend": "openmpi",
//!       "version": "5.0.11",
//!       "prefix": "/home/me/anympi/.anympi/mpi/openmpi",
//!       "library": "/home/me/anympi/.anympi/mpi/openmpi/lib/libmpi.so.40",
//!       "abi_library": null,
//!       "launcher": "/home/me/anympi/.anympi/mpi/openmpi/bin/mpirun",
//!       "launcher_arguments": ["--oversubscribe"],
//!       "environment": {"OMPI_ALLOW_RUN_AS_ROOT": "1"}
//!     }
//!   ]
//! }
//! ```
//!
//! A test starts N ranks as `launcher *launcher_arguments -n N program`, with `environment` added to its own. The fields of
//! an MPI are those of [`crate::mpis::Mpi`], where each is described. An MPI that is not installed is not in the list.

use std::path::PathBuf;

use serde::Serialize;

use crate::failure::{Doing, Failure, Outcome};
use crate::mpis::{self, Mpi};
use crate::setup;
use crate::workspace::Workspace;

/// Path of `mpis.json`, set by `cargo xtask test` for every test. Tests that are run without it read `.anympi/mpis.json` of
/// their repository.
pub const TEST_SETUP: &str = "ANYMPI_TEST_SETUP";

/// Directory of the programs that the Python tests start, instead of `programs` of `mpis.json`.
pub const TEST_PROGRAMS: &str = "ANYMPI_TEST_PROGRAMS";

/// The choice of `libmpi_abi.so.1`: the file of the library that it is to use.
pub const ANYMPI: &str = "ANYMPI";

/// `true` on a build server: what a person may leave out for lack of something is a failure there.
pub const CI: &str = "CI";

/// The Python that set-up makes its virtual environment with, instead of the first suitable one on PATH.
pub const PYTHON: &str = "PYTHON";

/// What is installed, as written to `mpis.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// Version of this format.
    format: u32,
    /// The repository.
    root: PathBuf,
    /// The Python of the virtual environment.
    pub python: PathBuf,
    /// Where `cargo build --release` puts the programs.
    pub programs: PathBuf,
    /// What to put on PYTHONPATH for PyTrilinos; null where Trilinos is not installed, so that its plugin cannot be built.
    pub pytrilinos: Option<PathBuf>,
    /// The MPIs that are installed, in the order of the table.
    pub mpis: Vec<Mpi>,
}

impl Description {
    /// What is installed now.
    pub fn of(workspace: &Workspace) -> Outcome<Self> {
        Ok(Self {
            format: 1,
            root: workspace.root.clone(),
            python: workspace.python(),
            programs: workspace.programs(),
            pytrilinos: setup::pytrilinos(workspace),
            mpis: mpis::installed(workspace)?,
        })
    }

    /// Writes `mpis.json`, in one step, so that a reader never sees half of it.
    pub fn write(&self, workspace: &Workspace) -> Outcome<()> {
        let path = workspace.description();
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::new(format!("cannot describe the MPIs as JSON: {error}")))?;
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(());
        }
        let beside = path.with_extension("json.new");
        std::fs::write(&beside, text).doing("write", &beside)?;
        std::fs::rename(&beside, &path).doing("write", &path)
    }
}

/// Whether this is a build server.
pub fn is_ci() -> bool {
    std::env::var(CI).is_ok_and(|value| value == "true" || value == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_written_once_and_names_its_python() {
        let directory = tempfile::tempdir().unwrap();
        let workspace = Workspace { root: directory.path().into(), target: directory.path().join("target") };
        std::fs::create_dir_all(workspace.installed()).unwrap();
        Description::of(&workspace).unwrap().write(&workspace).unwrap();
        let written = std::fs::metadata(workspace.description()).unwrap().modified().unwrap();
        Description::of(&workspace).unwrap().write(&workspace).unwrap();
        assert_eq!(std::fs::metadata(workspace.description()).unwrap().modified().unwrap(), written);
        let text = std::fs::read_to_string(workspace.description()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["format"], 1);
        assert_eq!(value["python"], workspace.python().to_str().unwrap());
    }
}
