//! Why a command could not be done.

use std::path::PathBuf;
use std::process::ExitCode;

use anympi::{InspectError, OpenError, ParseSelectionError, SelectionError};
use anympi_launch::LauncherNotFound;

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
    /// The library has no launcher.
    #[error("{0}; install the launcher of that library, or choose another library with --mpi")]
    Launcher(#[from] LauncherNotFound),
    /// Open MPI's mpirun does not run as root.
    #[error(
        "{} refuses to run as root: run as another user, or, in a container of your own, allow it with --allow-run-as-root",
        .launcher.display()
    )]
    Root {
        /// The launcher.
        launcher: PathBuf,
    },
    /// A text of words with half a quote.
    #[error("a quote is not closed in --mpi-args={text}")]
    OpenQuote {
        /// The text.
        text: String,
    },
    /// This process could not become another program.
    #[error("{} cannot be run: {source}", .program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// This program does not know where it is.
    #[error("this program cannot find itself: {0}")]
    Lost(#[source] std::io::Error),
    /// There is no library to build with.
    #[error(
        "libmpi_abi.so.1 is neither in {} nor beside this program in {}: install both together, or build both with `cargo build --release`",
        .installed.display(), .beside.display()
    )]
    NoKit {
        /// Where it is once installed.
        installed: PathBuf,
        /// Where it is once built.
        beside: PathBuf,
    },
    /// The directory for building cannot be made.
    #[error("{} cannot be written: {source}", .prefix.display())]
    Kit {
        /// The directory.
        prefix: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A variable names no compiler.
    #[error("{variable}={value} is no command: name a C compiler, or unset the variable")]
    BadCompiler {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// `cc` without arguments.
    #[error(
        "there is nothing to compile; give the compiler's arguments, such as `ring.c -o ring`, or see `anympi cc --help`"
    )]
    NothingToCompile,
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
            Self::Value(_) | Self::NoMpi { .. } | Self::OpenQuote { .. } | Self::NothingToCompile => {
                ExitCode::from(2)
            }
            Self::Plugin(error) => ExitCode::from(error.fault.number()),
            _ => ExitCode::FAILURE,
        }
    }
}
