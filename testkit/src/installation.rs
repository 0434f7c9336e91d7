//! Which MPIs are there to test against, as `cargo xtask` wrote it to `.anympi/mpis.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The file's contents.
#[derive(Debug, Deserialize)]
pub struct Installation {
    /// The Python that has ipyparallel, IPython, NumPy and mpi4py.
    pub python: PathBuf,
    /// The directory of the built programs.
    pub programs: PathBuf,
    /// What to put on `PYTHONPATH` for PyTrilinos; `None` where Trilinos is not installed.
    pub pytrilinos: Option<PathBuf>,
    /// The MPIs.
    pub mpis: Vec<Mpi>,
}

/// One MPI.
#[derive(Debug, Deserialize)]
pub struct Mpi {
    /// What tests call it.
    pub name: String,
    /// The value of `--mpi` that names it.
    pub backend: String,
    /// Its library.
    pub library: PathBuf,
    /// Its library with the standard ABI, where it has one.
    pub abi_library: Option<PathBuf>,
    /// Its launcher.
    pub launcher: PathBuf,
    /// What the launcher needs to start more ranks than cores.
    pub launcher_arguments: Vec<String>,
    /// What to set for the launcher.
    pub environment: BTreeMap<String, String>,
}

impl Installation {
    /// Reads the file that `ANYMPI_TEST_SETUP` names, else `.anympi/mpis.json` above the working directory.
    /// `ANYMPI_TEST_PROGRAMS` replaces the directory of the programs.
    ///
    /// # Errors
    /// What is missing or wrong, and the command that makes it.
    pub fn load() -> Result<Self, String> {
        let named = std::env::var_os("ANYMPI_TEST_SETUP").map(PathBuf::from);
        let above = || {
            let start = std::env::current_dir().ok()?;
            start.ancestors().map(|above| above.join(".anympi/mpis.json")).find(|file| file.is_file())
        };
        let file =
            named.or_else(above).ok_or("no .anympi/mpis.json here or above; run `cargo xtask test`")?;
        let mut installation = Self::read(&file)?;
        if let Some(programs) = std::env::var_os("ANYMPI_TEST_PROGRAMS") {
            installation.programs = programs.into();
        }
        Ok(installation)
    }

    /// Reads such a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
    }
}
