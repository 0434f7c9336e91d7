//! The command line.

use std::path::PathBuf;

use anympi_wire::ProfileOptions;
use anympi_wire::arguments::{LogLevel, Setting};
use clap::{ArgAction, Parser};

/// Start an engine: a Python that computes for the clients of a controller.
///
/// A controller must run already (`ipcontroller`, or `ipcluster start`); its connection
/// file is found in the profile. With --mpi the engines that one mpirun starts are one
/// MPI_COMM_WORLD:
///
///     mpirun -n 4 ipengine --mpi=openmpi
///
/// The engine runs in your own Python, which must have ipyparallel: the one of --python,
/// of $ANYMPI_PYTHON, of the active virtual or conda environment, or the first python3
/// in PATH.
///
/// --Class.trait=value sets a trait of IPython's classes, such as
/// --InteractiveShell.colors=nocolor.
#[derive(Debug, Parser)]
#[command(name = "ipengine", version, verbatim_doc_comment, args_override_self = true)]
pub struct Options {
    /// Use an MPI library: openmpi, mpich, intel, abi, auto, none, mpi4py, NAME:/path/to/lib.so or /path/to/lib.so; or a plugin, by its name or path
    ///
    /// Without a value, or with auto: the family whose mpirun started this process. mpi4py is auto, and imports mpi4py
    /// into the engine's namespace (without a value too, if it can be imported). Every engine has mpi_rank and mpi_size.
    #[arg(long, value_name = "SELECTION", num_args = 0..=1, require_equals = true)]
    pub mpi: Option<Option<String>>,
    /// The Python to run: an executable, or the directory of its environment
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// The controller's connection file for engines, instead of the profile's
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Name of the profile
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The profile's directory
    #[arg(long, value_name = "DIRECTORY")]
    pub profile_dir: Option<PathBuf>,
    /// The directory of the profiles
    #[arg(long, value_name = "DIRECTORY")]
    pub ipython_dir: Option<PathBuf>,
    /// Which cluster of the profile
    #[arg(long, value_name = "ID")]
    pub cluster_id: Option<String>,
    /// The controller's host name or address, when the connection file's is wrong
    #[arg(long, value_name = "HOST")]
    pub location: Option<String>,
    /// Seconds to wait for the controller's answer
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    pub timeout: f64,
    /// Code to run at start
    #[arg(short = 'c', long = "c", value_name = "CODE", default_value = "", hide_default_value = true)]
    pub command: String,
    /// A script to run at start
    #[arg(short = 's', long = "s", value_name = "FILE", default_value = "", hide_default_value = true)]
    pub script: String,
    /// The engine's uuid, instead of a random one
    #[arg(long, value_name = "UUID")]
    pub ident: Option<String>,
    /// The id to ask for, instead of the MPI rank
    #[arg(long, value_name = "N")]
    pub id: Option<u32>,
    /// Enter this directory first
    #[arg(long, value_name = "DIRECTORY")]
    pub work_dir: Option<PathBuf>,
    /// How much to log: DEBUG, INFO, WARN, ERROR, CRITICAL or a number
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<LogLevel>,
    /// Log everything
    #[arg(long, action = ArgAction::SetTrue)]
    pub debug: bool,
    /// Log only what ends the engine
    #[arg(long, action = ArgAction::SetTrue)]
    pub quiet: bool,
    /// Log to a file in the profile's log directory
    #[arg(long, action = ArgAction::SetTrue)]
    pub log_to_file: bool,
    /// Seconds to wait for the connection file
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub wait_for_file: f64,
    /// Missed heartbeats after which the controller counts as gone; 0: never
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub max_heartbeat_misses: u32,
    /// Seconds per rank by which ranks from 100 on register later
    #[arg(long, value_name = "SECONDS", default_value_t = 0.02)]
    pub registration_delay: f64,
    /// Do not start the process that tells the controller when the engine crashes
    #[arg(long, action = ArgAction::SetTrue)]
    pub no_watcher: bool,
    /// Code that puts MPI into the namespace, instead of what --mpi does
    #[arg(long, value_name = "CODE")]
    pub init_mpi: Option<String>,
    #[command(flatten)]
    pub foreign: Foreign,
}

/// Options of the stock program that are accepted so that its launchers work, and have no or hardly any effect here.
#[derive(Debug, clap::Args)]
pub struct Foreign {
    /// The value of `IPEngine.enable_nanny`
    #[arg(long, hide = true, value_name = "BOOL")]
    pub enable_nanny: Option<String>,
    /// The hub's address: the connection file says it
    #[arg(long, hide = true)]
    pub url: Option<String>,
    /// An ssh server to tunnel through
    #[arg(long, hide = true)]
    pub ssh: Option<String>,
    /// The key for the ssh server
    #[arg(long, hide = true)]
    pub sshkey: Option<PathBuf>,
    /// The user name in messages
    #[arg(long, hide = true)]
    pub user: Option<String>,
    /// A file with the key: the connection file has it
    #[arg(long, hide = true)]
    pub keyfile: Option<PathBuf>,
    /// A configuration file of traitlets
    #[arg(long, hide = true)]
    pub config: Option<PathBuf>,
    /// Where to forward log lines
    #[arg(long, hide = true)]
    pub log_url: Option<String>,
    /// Remove old log files
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    pub clean_logs: bool,
    /// All options: `--help` shows them
    #[arg(long, hide = true, action = ArgAction::Help)]
    pub help_all: Option<bool>,
    /// Make the profile's directories
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    pub init: bool,
    /// Sign messages: the connection file says whether
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    pub secure: bool,
    /// Do not sign messages: the connection file says whether
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    pub no_secure: bool,
}

impl Foreign {
    /// The options that were given and do nothing here, with the reason.
    pub fn without_effect(&self) -> Vec<(&'static str, &'static str)> {
        let decides = "the connection file decides that";
        let missing = "this engine has no such function";
        [
            (self.url.is_some(), "--url", decides),
            (self.sshkey.is_some(), "--sshkey", missing),
            (self.user.is_some(), "--user", missing),
            (self.keyfile.is_some(), "--keyfile", decides),
            (self.config.is_some(), "--config", "only ipengine_config.py of the profile is read"),
            (self.log_url.is_some(), "--log-url", missing),
            (self.clean_logs, "--clean-logs", missing),
            (self.secure, "--secure", decides),
            (self.no_secure, "--no-secure", decides),
        ]
        .into_iter()
        .filter_map(|(given, option, reason)| given.then_some((option, reason)))
        .collect()
    }
}

impl Options {
    /// What `--profile` and its like say.
    pub fn profile_options(&self) -> ProfileOptions {
        ProfileOptions {
            profile_dir: self.profile_dir.clone(),
            profile: self.profile.clone(),
            ipython_dir: self.ipython_dir.clone(),
            cluster_id: self.cluster_id.clone(),
        }
    }

    /// The level of the log.
    pub fn level(&self) -> LogLevel {
        match self {
            Self { debug: true, .. } => LogLevel::Debug,
            Self { quiet: true, .. } => LogLevel::Critical,
            _ => self.log_level.unwrap_or(LogLevel::Info),
        }
    }

    /// Whether a watcher is wanted.
    pub fn wants_watcher(&self) -> bool {
        let nanny = self.foreign.enable_nanny.as_deref().unwrap_or("True");
        !self.no_watcher && !matches!(nanny.to_ascii_lowercase().as_str(), "false" | "0" | "no" | "off")
    }
}

/// The traits of the stock program that have an option here.
pub const SETTINGS: &[Setting] = &[
    Setting::value("IPEngine.url_file", "--file"),
    Setting::value("IPEngine.registration_url", "--url"),
    Setting::value("IPEngine.id", "--id"),
    Setting::value("IPEngine.location", "--location"),
    Setting::value("IPEngine.timeout", "--timeout"),
    Setting::value("IPEngine.startup_command", "--c"),
    Setting::value("IPEngine.startup_script", "--s"),
    Setting::value("IPEngine.sshserver", "--ssh"),
    Setting::value("IPEngine.sshkey", "--sshkey"),
    Setting::switch("IPEngine.use_mpi", "--mpi"),
    Setting::value("IPEngine.init_mpi", "--init-mpi"),
    Setting::value("IPEngine.mpi_registration_delay", "--registration-delay"),
    Setting::value("IPEngine.wait_for_url_file", "--wait-for-file"),
    Setting::value("IPEngine.max_heartbeat_misses", "--max-heartbeat-misses"),
    Setting::value("IPEngine.enable_nanny", "--enable-nanny"),
    Setting::value("IPEngine.log_url", "--log-url"),
    Setting::value("IPEngine.log_level", "--log-level"),
    Setting::switch("IPEngine.log_to_file", "--log-to-file"),
    Setting::value("IPEngine.work_dir", "--work-dir"),
    Setting::value("IPEngine.cluster_id", "--cluster-id"),
    Setting::value("IPEngine.profile", "--profile"),
    Setting::value("IPEngine.ipython_dir", "--ipython-dir"),
    Setting::value("Application.log_level", "--log-level"),
    Setting::switch("BaseParallelApplication.log_to_file", "--log-to-file"),
    Setting::value("BaseParallelApplication.log_url", "--log-url"),
    Setting::value("BaseParallelApplication.work_dir", "--work-dir"),
    Setting::value("BaseParallelApplication.cluster_id", "--cluster-id"),
    Setting::value("BaseIPythonApplication.profile", "--profile"),
    Setting::value("BaseIPythonApplication.ipython_dir", "--ipython-dir"),
    Setting::value("ProfileDir.location", "--profile-dir"),
    Setting::value("Session.session", "--ident"),
    Setting::value("Session.username", "--user"),
    Setting::value("Session.keyfile", "--keyfile"),
];

/// The classes of IPython whose traits are handed to it.
const IPYTHON_CLASSES: &[&str] = &[
    "Completer",
    "DisplayFormatter",
    "ExtensionManager",
    "HistoryManager",
    "IPCompleter",
    "IPKernelApp",
    "InteractiveShell",
    "InteractiveShellApp",
    "LoggingMagics",
    "MagicsManager",
    "PlainTextFormatter",
    "PrefilterManager",
    "ScriptMagics",
    "StoreMagics",
    "TerminalInteractiveShell",
    "ZMQDisplayPublisher",
    "ZMQInteractiveShell",
];

/// A setting in its two parts, when IPython takes it.
pub fn for_ipython(setting: &str) -> Option<(String, String)> {
    let (name, value) = setting.split_once('=')?;
    let (class, _) = name.split_once('.')?;
    IPYTHON_CLASSES.contains(&class).then(|| (name.to_owned(), value.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use anympi_wire::arguments::prepare;
    use clap::CommandFactory;

    fn parse(line: &str) -> Options {
        let words = line.split_whitespace().map(str::to_owned);
        Options::try_parse_from(prepare(words, SETTINGS).arguments).unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn what_stock_launchers_pass_is_understood() {
        let options = parse(
            "ipengine --mpi --profile=iptest --log-level=10 --cluster-id x --c=a=1 --IPEngine.timeout=20 --IPEngine.id=3",
        );
        assert_eq!(options.mpi, Some(None));
        assert_eq!(options.profile.as_deref(), Some("iptest"));
        assert_eq!(options.level(), LogLevel::Debug);
        assert_eq!(options.cluster_id.as_deref(), Some("x"));
        assert_eq!(options.command, "a=1");
        assert_eq!((options.timeout, options.id), (20.0, Some(3)));
        assert!(parse("ipengine --IPEngine.use_mpi=True").mpi.is_some());
        assert!(parse("ipengine --IPEngine.use_mpi=False").mpi.is_none());
        assert!(!parse("ipengine --IPEngine.enable_nanny=False").wants_watcher());
    }

    #[test]
    fn the_stock_word_for_all_options_shows_help() {
        let shown = Options::try_parse_from(["ipengine", "--help-all"]).unwrap_err();
        assert_eq!(shown.kind(), clap::error::ErrorKind::DisplayHelp);
    }

    #[test]
    fn mpi_takes_a_value_after_an_equals_sign_only() {
        assert_eq!(parse("ipengine --mpi=openmpi").mpi, Some(Some("openmpi".into())));
        let stray = Options::try_parse_from(["ipengine", "--mpi", "openmpi"]);
        assert!(stray.is_err(), "a word after --mpi is not swallowed");
        assert!(parse("ipengine --mpi --debug").debug);
    }

    #[test]
    fn every_setting_names_an_option_that_exists() {
        let command = Options::command();
        for setting in SETTINGS {
            let name = setting.option.trim_start_matches('-');
            assert!(command.get_arguments().any(|it| it.get_long() == Some(name)), "{}", setting.option);
        }
    }

    #[test]
    fn traits_of_ipython_are_told_from_others() {
        let colors = for_ipython("InteractiveShell.colors=nocolor");
        assert_eq!(colors, Some(("InteractiveShell.colors".into(), "nocolor".into())));
        assert_eq!(for_ipython("HeartMonitor.period=200"), None);
    }
}
