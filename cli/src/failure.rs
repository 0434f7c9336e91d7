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
            _ => ExitCode::FAILURE,
        }
    }
}
