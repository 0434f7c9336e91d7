//! What is done before Python.

mod become_python;
mod connection;
mod options;

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anympi::launch::{Change, Launcher, repairs};
use anympi::{ParseSelectionError, SearchPaths, Selection, SelectionError};
use anympi_engine::interpreter::{Interpreter, InterpreterError, Places};
use anympi_engine::settings::{Mpi, MpiNames, Settings};
use anympi_engine::{logging, watcher};
use anympi_wire::arguments::{LogLevel, prepare};
use anympi_wire::{Profile, ProfileError, random_id};
use clap::Parser;
use thiserror::Error;

use become_python::{BecomeError, become_python, find_module};
use connection::NoController;
use options::{Options, SETTINGS, for_ipython};

/// Why the engine does not start. Each is one sentence.
#[derive(Debug, Error)]
pub enum Failure {
    /// An argument that is not Unicode.
    #[error("an argument is not valid Unicode: {}", .0.display())]
    Argument(PathBuf),
    /// `--ssh`.
    #[error(transparent)]
    Controller(#[from] NoController),
    /// No profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// `--work-dir`.
    #[error("cannot enter the working directory {}: {source}", path.display())]
    WorkingDirectory {
        /// The directory
        path: PathBuf,
        /// Why
        source: std::io::Error,
    },
    /// `--log-to-file`.
    #[error("cannot write the log file {}: {source}", path.display())]
    LogFile {
        /// The file
        path: PathBuf,
        /// Why
        source: std::io::Error,
    },
    /// `--mpi`.
    #[error(transparent)]
    Selection(#[from] ParseSelectionError),
    /// `--mpi`.
    #[error(transparent)]
    Library(#[from] SelectionError),
    /// `--timeout` and its like.
    #[error("{option} must be a number of seconds, zero or more; it is {value}")]
    Seconds {
        /// The option
        option: &'static str,
        /// Its value
        value: f64,
    },
    /// No Python.
    #[error(transparent)]
    Interpreter(#[from] InterpreterError),
    /// No random numbers, or no path of the program itself.
    #[error("{what}: {source}")]
    System {
        /// What was wanted
        what: &'static str,
        /// Why it cannot be had
        source: std::io::Error,
    },
    /// Python could not be started.
    #[error(transparent)]
    Become(#[from] BecomeError),
}

/// Do everything and become Python.
pub fn run() -> Result<Infallible, Failure> {
    let given: Vec<String> = std::env::args_os()
        .map(|argument| argument.into_string().map_err(|wrong| Failure::Argument(wrong.into())))
        .collect::<Result<_, _>>()?;
    let prepared = prepare(given.iter().cloned(), SETTINGS);
    let options = Options::parse_from(&prepared.arguments);
    for (option, value) in [
        ("--timeout", options.timeout),
        ("--wait-for-file", options.wait_for_file),
        ("--registration-delay", options.registration_delay),
    ] {
        seconds(option, value)?;
    }
    let program = std::env::current_exe()
        .map_err(|source| Failure::System { what: "the program's own path", source })?;
    let module = find_module(&program)?;
    if let Some(path) = &options.work_dir {
        std::env::set_current_dir(path)
            .map_err(|source| Failure::WorkingDirectory { path: path.clone(), source })?;
    }
    let profile = Profile::locate(&options.profile_options())?;
    let log_file =
        options.log_to_file.then(|| profile.log_dir().join(format!("ipengine-{}.log", std::process::id())));
    logging::start(options.level(), log_file.as_deref()).map_err(|source| {
        let path = log_file.clone().unwrap_or_default();
        Failure::LogFile { path, source }
    })?;
    let mut traits = Vec::new();
    for setting in &prepared.unknown {
        match for_ipython(setting) {
            Some(pair) => traits.push(pair),
            None => tracing::warn!("this engine knows no setting {setting}; it has no effect"),
        }
    }
    for (option, reason) in options.foreign.without_effect() {
        tracing::warn!("{option} has no effect: {reason}");
    }
    if let Some(server) = options.foreign.ssh.as_deref().filter(|server| !server.is_empty()) {
        return Err(NoController::Tunnel(format!("--ssh={server}")).into());
    }
    // All that can be wrong with this machine is found before the controller is waited for.
    let interpreter = Places::of_this_process(options.python.clone()).find()?;
    tracing::debug!("Python: {} ({})", interpreter.path.display(), interpreter.found_by);
    let launcher = Launcher::detect();
    let (mpi, mpi_names, changes) = choose_mpi(&options, &interpreter, launcher.as_ref())?;
    let file = options.file.clone().unwrap_or_else(|| profile.engine_file());
    let wait = seconds("--wait-for-file", options.wait_for_file)?;
    let connection = connection::find(&file, wait, options.location.as_deref())?;
    let uuid = match &options.ident {
        Some(uuid) => uuid.clone(),
        None => random_id().map_err(|source| Failure::System { what: "no random numbers", source })?,
    };
    let watcher = options.wants_watcher().then(watcher::start).and_then(|started| {
        started.inspect_err(|error| tracing::warn!("no watcher: a crash will be noticed late ({error})")).ok()
    });
    let settings = Settings {
        program,
        arguments: given.iter().skip(1).cloned().collect(),
        connection,
        uuid,
        id: options.id.map(i64::from),
        timeout: options.timeout,
        max_heartbeat_misses: options.max_heartbeat_misses,
        registration_delay: options.registration_delay,
        mpi,
        mpi_names,
        init_mpi: options.init_mpi.clone().filter(|_| options.mpi.is_some()),
        profile_dir: profile.directory().to_owned(),
        log_level: number(options.level()),
        log_file,
        startup_command: options.command.clone(),
        startup_script: options.script.clone(),
        traits,
        watcher: watcher.as_ref().map(std::os::fd::AsRawFd::as_raw_fd),
    };
    let arguments = std::env::args_os().skip(1);
    Ok(become_python(&interpreter.path, &module, &settings, &changes, arguments)?)
}

fn seconds(option: &'static str, value: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(value).map_err(|_| Failure::Seconds { option, value })
}

/// A level as Python's logging module counts.
fn number(level: LogLevel) -> u32 {
    match level {
        LogLevel::Debug => 10,
        LogLevel::Info => 20,
        LogLevel::Warning => 30,
        LogLevel::Error => 40,
        LogLevel::Critical => 50,
    }
}

/// The library, what the user's namespace gets, and what to change in the environment for the library.
fn choose_mpi(
    options: &Options,
    interpreter: &Interpreter,
    launcher: Option<&Launcher>,
) -> Result<(Option<Mpi>, MpiNames, Vec<Change>), Failure> {
    let Some(value) = &options.mpi else { return Ok((None, MpiNames::None, Vec::new())) };
    let selection = match value {
        None => Selection::Auto,
        Some(text) => text.parse::<Selection>()?,
    };
    let names = match (value, &selection) {
        (None, _) => MpiNames::Mpi4pyIfThere,
        (_, Selection::Mpi4py) => MpiNames::Mpi4py,
        _ => MpiNames::RankAndSize,
    };
    let mut search = SearchPaths::from_environment();
    if let Some(environment) = environment_of(&interpreter.path) {
        search = search.prefer(environment, "the environment of the chosen Python");
    }
    if let Some(prefix) = launcher.and_then(|launcher| launcher.prefix.as_deref()) {
        search = search.prefer(prefix, "the installation of the launcher");
    }
    let launched_by = launcher.and_then(Launcher::vendor);
    let candidate = anympi::registry().choose(&selection, &search, launched_by)?;
    let Some(candidate) = candidate else { return Ok((None, names, Vec::new())) };
    tracing::debug!("MPI: {} ({})", candidate.image.path.display(), candidate.found_by);
    let changes = repairs(launcher, &candidate.image);
    let mpi = Mpi { selection: candidate.selection() };
    Ok((Some(mpi), names, changes))
}

/// The directory of the virtual environment that an interpreter belongs to.
fn environment_of(python: &Path) -> Option<&Path> {
    let environment = python.parent()?.parent()?;
    environment.join("pyvenv.cfg").is_file().then_some(environment)
}
