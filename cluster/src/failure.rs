//! Everything that can go wrong, each with its sentence and its exit code.

use anympi::SelectionError;
use anympi_launch::LauncherNotFound;
use anympi_wire::{ConnectionError, ProfileError};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Exit code when a cluster is already running, as the stock program has it.
pub const ALREADY_STARTED: u8 = 10;
/// Exit code of `stop` when there is nothing to stop, as the stock program has it.
pub const ALREADY_STOPPED: u8 = 11;
/// Exit code of `engines` when there is no cluster to join, as the stock program has it.
pub const NO_CLUSTER: u8 = 12;
/// Exit code after Ctrl-C before the cluster was up, as a shell has it.
pub const INTERRUPTED: u8 = 130;

/// Why `ipcluster` does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A value of an option that cannot be.
    #[error("{0}")]
    Usage(String),
    /// The profile's place.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The value of `--mpi`.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The plugin refuses the launch.
    #[error(transparent)]
    Plugin(#[from] anympi::plugins::PluginError),
    /// No launcher for the library.
    #[error(transparent)]
    Launcher(#[from] LauncherNotFound),
    /// Open MPI's mpirun will not run for root.
    #[error(
        "{} refuses to run as root: run as another user, or, in a container of your own, allow it with --allow-run-as-root",
        launcher.display()
    )]
    Root {
        /// The launcher.
        launcher: PathBuf,
    },
    /// A program of ours is not where it should be.
    #[error("{name} is not beside {}: install the programs together, or say where it is in {variable}", directory.display())]
    NoProgram {
        /// The program.
        name: &'static str,
        /// Where it was looked for.
        directory: PathBuf,
        /// The variable that overrides the place.
        variable: &'static str,
    },
    /// A process cannot be started.
    #[error("cannot start {name} ({}): {source}", program.to_string_lossy())]
    Start {
        /// What it would be.
        name: String,
        /// The program.
        program: OsString,
        /// Why not.
        source: io::Error,
    },
    /// A log cannot be written.
    #[error("cannot write the log {}: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A cluster of that name runs.
    #[error("a cluster is already running ({}): stop it with `ipcluster stop`, or start another with --cluster-id=NAME", path.display())]
    AlreadyStarted {
        /// Its cluster file, or its connection file when the controller was started by hand.
        path: PathBuf,
    },
    /// There is no cluster that could be stopped.
    #[error("{0}")]
    AlreadyStopped(String),
    /// There is no controller to join.
    #[error("no cluster to join: {0}")]
    NoCluster(#[from] ConnectionError),
    /// The controller ended before it was ready.
    #[error("the controller {how} before it was ready; the end of its output:\n{output}")]
    ControllerDied {
        /// How it ended.
        how: String,
        /// The end of its log.
        output: String,
    },
    /// The controller does not become ready.
    #[error("the controller was not ready after {} s ({reason}); the end of its output:\n{output}", after.as_secs())]
    ControllerSilent {
        /// How long was waited.
        after: Duration,
        /// What is missing.
        reason: String,
        /// The end of its log.
        output: String,
    },
    /// The controller ended while the cluster ran.
    #[error("the controller {how}, so the cluster is being stopped; the end of its output:\n{output}")]
    ControllerLost {
        /// How it ended.
        how: String,
        /// The end of its log.
        output: String,
    },
    /// Engines ended too early.
    #[error("{name} {how} {when}; the end of its output:\n{output}\n{hint}")]
    EnginesDied {
        /// Which.
        name: String,
        /// How they ended.
        how: String,
        /// How far they had come.
        when: String,
        /// The end of their log.
        output: String,
        /// What may be the cause.
        hint: &'static str,
    },
    /// Engines failed after the cluster was up.
    #[error("engines failed while the cluster ran; see {}", log.display())]
    EnginesFailed {
        /// Their log.
        log: PathBuf,
    },
    /// A file about the cluster.
    #[error("{doing} {}: {source}", path.display())]
    File {
        /// What was to be done, such as `cannot write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A cluster would not stop.
    #[error("process {0} of the cluster is still running although it was killed")]
    WillNotDie(i32),
    /// Files of a running cluster would be removed.
    #[error("the cluster of {} is still running: stop it first, or remove the files with --force", .0.display())]
    StillRunning(PathBuf),
    /// The process in the background is gone.
    #[error("the background process ended without a word; see {}", log.display())]
    BackgroundLost {
        /// Its log.
        log: PathBuf,
    },
    /// What the process in the background reported.
    #[error("{message}")]
    Background {
        /// Its message.
        message: String,
        /// Its exit code.
        code: u8,
    },
    /// Ctrl-C or a signal before the cluster was up.
    #[error("interrupted before the cluster was up; everything that had been started is ended")]
    Interrupted,
    /// Something that does not happen on a working system.
    #[error("{doing}: {source}")]
    System {
        /// What was to be done.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
}

impl Failure {
    /// Exit code of the program.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::AlreadyStarted { .. } => ALREADY_STARTED,
            Self::AlreadyStopped(_) => ALREADY_STOPPED,
            Self::NoCluster(_) => NO_CLUSTER,
            Self::Interrupted => INTERRUPTED,
            Self::Background { code, .. } => *code,
            _ => 1,
        }
    }

    /// As the program's result.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }
}
