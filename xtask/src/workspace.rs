//! Where things are: the repository, cargo's target directory, and everything below `.anympi/`.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome};

/// The directories of one checkout.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The repository's root.
    pub root: PathBuf,
    /// Cargo's target directory, which CARGO_TARGET_DIR or a configuration file may have moved.
    pub target: PathBuf,
}

impl Workspace {
    /// Asks cargo where the workspace and its target directory are.
    pub fn find() -> Outcome<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let output = Command::new(cargo())
            .args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"])
            .arg(&manifest)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::new(format!("cannot run `cargo metadata`: {error}")))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("`cargo metadata` failed: {}", text.trim())));
        }
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| Failure::new(format!("cannot read what `cargo metadata` printed: {error}")))?;
        let path = |key: &str| {
            metadata[key]
                .as_str()
                .map(PathBuf::from)
                .ok_or_else(|| Failure::new(format!("`cargo metadata` printed no `{key}`")))
        };
        Ok(Self { root: path("workspace_root")?, target: path("target_directory")? })
    }

    /// Everything that set-up installs and writes; ignored by git.
    pub fn installed(&self) -> PathBuf {
        self.root.join(".anympi")
    }

    /// The prefix of one MPI from a wheel.
    pub fn mpi_prefix(&self, directory: &str) -> PathBuf {
        self.installed().join("mpi").join(directory)
    }

    /// The virtual environment.
    pub fn venv(&self) -> PathBuf {
        self.installed().join("venv")
    }

    /// PyTrilinos and the source that it was built from.
    pub fn pytrilinos(&self) -> PathBuf {
        self.installed().join("pytrilinos")
    }

    /// The Python of the virtual environment.
    pub fn python(&self) -> PathBuf {
        self.venv().join("bin/python")
    }

    /// What compares our tables with the headers of the MPIs: headers that no library brought, and libclang.
    pub fn headers(&self) -> PathBuf {
        self.installed().join("headers")
    }

    /// mpi4py for the standard ABI: `site` to be put on PYTHONPATH, and `source` with its test suite.
    pub fn abi_mpi4py(&self) -> PathBuf {
        self.installed().join("mpi4py-abi")
    }

    /// Where the example with rsmpi is built: beside our own programs, with which tests look for it.
    pub fn rsmpi(&self) -> PathBuf {
        self.target.join("rsmpi")
    }

    /// Logs of what set-up, demo and bench started.
    pub fn logs(&self) -> PathBuf {
        self.installed().join("log")
    }

    /// What set-up found; its format is described in [`crate::environment`].
    pub fn description(&self) -> PathBuf {
        self.installed().join("mpis.json")
    }

    /// Where `cargo build --release` puts the programs.
    pub fn programs(&self) -> PathBuf {
        self.target.join("release")
    }

    /// A command that starts one of our programs as a user with the active virtual environment would.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs().join(name));
        command.env("VIRTUAL_ENV", self.venv()).env("PATH", self.path_of_venv());
        command
    }

    /// PATH with the virtual environment in front.
    pub fn path_of_venv(&self) -> OsString {
        let path = env::var_os("PATH").unwrap_or_default();
        let directories = std::iter::once(self.venv().join("bin")).chain(env::split_paths(&path));
        // Only a directory with a colon in its name cannot be joined, and that did not come out of splitting.
        env::join_paths(directories).unwrap_or(path)
    }

    /// A script of the tasks.
    pub fn asset(&self, name: &str) -> PathBuf {
        self.root.join("xtask/assets").join(name)
    }
}

/// The cargo that runs this task.
pub fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}
