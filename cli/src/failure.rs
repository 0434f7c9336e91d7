//! Why a command could not be done.

use std::path::PathBuf;
use std::process::ExitCode;

use anympi::{InspectError, OpenError, ParseSelectionError, SelectionError};

/// What went wrong, in one sentence for the terminal.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The value of `--mpi` cannot be read.
    #[error(transparent)]
    Value(#[from] ParseSelectionError),
    /// No library for it.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The library cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The library cannot be read.
    #[error("{} {source}", .path.display())]
    Inspect {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: InspectError,
    },
    /// A plugin cannot be used.
    #[error(transparent)]
    Plugin(#[from] anympi::plugins::PluginError),
    /// No plugin has that name.
    #[error(
        "no plugin is named `{name}`; `anympi list` shows those of the search path, and a path needs a slash"
    )]
    NoPlugin {
        /// What was asked for.
        name: String,
    },
    /// A name that no plugin can have.
    #[error("`{name}` is no name for a plugin: a lower-case letter, then at most 63 of a-z, 0-9 and _")]
    PluginName {
        /// What was asked for.
        name: String,
    },
    /// Something is there already.
    #[error("{} is there already", .path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program cannot be run.
    #[error("cannot run {}: {source}", .program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The library has no launcher.
    #[error(transparent)]
    Launcher(#[from] anympi::launch::LauncherNotFound),
    /// `--mpi=none`, where an MPI is needed.
    #[error("--mpi=none leaves no MPI that could {doing}")]
    NoMpi {
        /// What it was to do.
        doing: &'static str,
    },
}

impl Failure {
    /// What the program exits with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Value(_) | Self::NoMpi { .. } => ExitCode::from(2),
            Self::Plugin(error) => ExitCode::from(error.fault.number()),
            _ => ExitCode::FAILURE,
        }
    }
}
