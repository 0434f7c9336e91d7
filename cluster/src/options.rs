//! The command line: subcommands, options, and the stock program's `--Class.trait=value` forms.

use anympi::Selection;
use anympi_wire::ProfileOptions;
use anympi_wire::arguments::{LogLevel, Setting};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// The stock program's settings that have an option here.
pub const SETTINGS: &[Setting] = &[
    Setting::value("Cluster.n", "--n"),
    Setting::value("IPClusterStart.n", "--n"),
    Setting::value("IPClusterEngines.n", "--n"),
    Setting::value("Cluster.engine_launcher_class", "--engines"),
    Setting::value("IPClusterStart.engine_launcher_class", "--engines"),
    Setting::value("IPClusterEngines.engine_launcher_class", "--engines"),
    Setting::value("Cluster.controller_launcher_class", "--controller"),
    Setting::value("IPClusterStart.controller_launcher_class", "--controller"),
    Setting::value("Cluster.controller_ip", "--ip"),
    Setting::value("Cluster.controller_location", "--location"),
    Setting::value("Cluster.delay", "--delay"),
    Setting::value("IPClusterStart.delay", "--delay"),
    Setting::value("Cluster.cluster_id", "--cluster-id"),
    Setting::value("BaseParallelApplication.cluster_id", "--cluster-id"),
    Setting::value("Cluster.profile_dir", "--profile-dir"),
    Setting::value("ProfileDir.location", "--profile-dir"),
    Setting::value("BaseIPythonApplication.profile", "--profile"),
    Setting::value("BaseIPythonApplication.ipython_dir", "--ipython-dir"),
    Setting::value("Application.log_level", "--log-level"),
    Setting::value("BaseParallelApplication.log_level", "--log-level"),
    Setting::switch("IPClusterStart.daemonize", "--daemonize"),
    Setting::switch("IPClusterEngines.daemonize", "--daemonize"),
    Setting::value("IPClusterStart.early_shutdown", "--early-shutdown"),
    Setting::value("IPClusterEngines.early_shutdown", "--early-shutdown"),
    Setting::value("IPClusterStart.clean_logs", "--clean-logs"),
    Setting::value("IPClusterStop.signal", "--signal"),
    Setting::switch("IPClusterStop.all_cluster_ids", "--all"),
    Setting::value("IPClusterList.output_format", "--output"),
    Setting::switch("IPClusterClean.force", "--force"),
    Setting::switch("IPClusterClean.all_profiles", "--all"),
];

const EXAMPLES: &str = "\
Examples:
  ipcluster mpirun -n 4 --mpi=openmpi      a controller and four engines in one MPI_COMM_WORLD
  ipcluster local -n 4                     four engines without MPI
  ipcluster start -n 4 --daemonize         in the background, once all engines are there
  ipcluster list                           what runs
  ipcluster stop                           end it

In Python, `import ipyparallel; rc = ipyparallel.Client()` then connects to the cluster.";

const MPIRUN_EXAMPLES: &str = "\
Examples:
  ipcluster mpirun -n 4                        with the first MPI found
  ipcluster mpirun -n 4 --mpi=openmpi          with Open MPI and the mpirun that belongs to it
  ipcluster mpirun -n 4 --mpi=mpich            with MPICH
  ipcluster mpirun -n 4 --mpi=/opt/mpi/lib/libmpi.so.12
  ipcluster mpirun -n 4 --mpi-args='--bind-to none'
  ipcluster mpirun -n 4 --cluster-id=b -- --ping=1000

Arguments after -- go to ipcontroller.";

const START_EXAMPLES: &str = "\
Examples:
  ipcluster start -n 4                         four engines without MPI
  ipcluster start -n 4 --engines=mpi           four engines in one MPI_COMM_WORLD
  ipcluster start -n 4 --mpi=openmpi           the same, with Open MPI
  ipcluster start -n 4 --profile=work --daemonize
  ipcluster start -n 0                         the controller alone; start engines by `mpirun -n 4 ipengine --mpi`

Arguments after -- go to ipcontroller.";

const ENGINES_EXAMPLES: &str = "\
Examples:
  ipcluster engines -n 4                       four more engines for the cluster that runs
  ipcluster engines -n 4 --engines=mpi --mpi=mpich";

const STOP_EXAMPLES: &str = "\
Examples:
  ipcluster stop                               the default cluster of the default profile
  ipcluster stop --profile=work a b            the clusters a and b of the profile `work`
  ipcluster stop --all                         all clusters of the profile";

/// Starts, lists and stops a controller and its engines.
///
/// With an MPI chosen, the engines are started by the mpirun that belongs to it and are one MPI_COMM_WORLD.
/// One Ctrl-C ends everything.
#[derive(Debug, Parser)]
#[command(name = "ipcluster", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// The stock program's word for all options: `--help` shows them
    #[arg(long, hide = true, global = true, action = ArgAction::Help)]
    pub help_all: Option<bool>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a controller and engines
    #[command(after_help = START_EXAMPLES)]
    Start(StartArguments),
    /// Start a controller, and engines under the mpirun of an MPI
    #[command(visible_alias = "mpiexec", after_help = MPIRUN_EXAMPLES)]
    Mpirun(ClusterArguments),
    /// Start a controller, and engines without MPI
    Local(ClusterArguments),
    /// Start engines for a controller that runs
    #[command(after_help = ENGINES_EXAMPLES)]
    Engines(EnginesArguments),
    /// Stop clusters
    #[command(after_help = STOP_EXAMPLES)]
    Stop(StopArguments),
    /// List the clusters of all profiles, or of one
    List(ListArguments),
    /// Remove what ended clusters left behind: cluster files, connection files, logs
    Clean(CleanArguments),
    /// Print a script that completes this program's options in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Options of `start`.
#[derive(Debug, Args)]
pub struct StartArguments {
    /// How to start the engines: `local` or `mpi` [default: mpi if --mpi is given, else local]
    #[arg(long, value_name = "WAY", value_parser = way)]
    pub engines: Option<Way>,
    /// How to start the controller: only `local`
    #[arg(long, value_name = "WAY", value_parser = local_way)]
    pub controller: Option<Way>,
    /// The rest.
    #[command(flatten)]
    pub cluster: ClusterArguments,
}

/// Options of everything that starts a controller.
#[derive(Debug, Args)]
pub struct ClusterArguments {
    /// The engines.
    #[command(flatten)]
    pub set: EngineSetArguments,
    /// Address on which the controller listens; '*' for all
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    pub ip: String,
    /// Name or address under which other machines reach the controller
    #[arg(long, value_name = "HOST", default_value = "", hide_default_value = true)]
    pub location: String,
    /// Seconds to wait between the controller and the engines
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pub delay: f64,
    /// Remove the logs of earlier clusters of the profile
    #[arg(
        long,
        value_name = "BOOL",
        default_value = "true",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = truth
    )]
    pub clean_logs: bool,
    /// Arguments for ipcontroller
    #[arg(last = true, value_name = "CONTROLLER ARGUMENTS")]
    pub controller_arguments: Vec<String>,
}

/// Options of `engines`.
#[derive(Debug, Args)]
pub struct EnginesArguments {
    /// How to start the engines: `local` or `mpi` [default: mpi if --mpi is given, else local]
    #[arg(long, value_name = "WAY", value_parser = way)]
    pub engines: Option<Way>,
    /// The engines.
    #[command(flatten)]
    pub set: EngineSetArguments,
}

/// Options of everything that starts engines.
#[derive(Debug, Args)]
pub struct EngineSetArguments {
    /// Number of engines [default: the number of processors]
    #[arg(short = 'n', long = "n", visible_alias = "num", value_name = "N")]
    pub n: Option<u32>,
    /// The engines' MPI: none, auto, mpi4py, a backend's or plugin's name, NAME:/path/to/lib.so or /path/to/lib.so
    #[arg(long, value_name = "MPI", num_args = 0..=1, require_equals = true, default_missing_value = "auto")]
    pub mpi: Option<Selection>,
    /// More arguments for the mpirun, as one text
    #[arg(long, value_name = "ARGUMENTS", allow_hyphen_values = true)]
    pub mpi_args: Option<String>,
    /// Let Open MPI's mpirun run as root
    #[arg(long)]
    pub allow_run_as_root: bool,
    /// The Python that runs the engines [default: the active environment's]
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// Leave the cluster in the background once it is up
    #[arg(long)]
    pub daemonize: bool,
    /// Seconds within which the end of an engine is taken for a failure of the start
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub early_shutdown: f64,
    /// This process is the one in the background
    #[arg(long, hide = true)]
    pub in_background: bool,
    /// Which profile.
    #[command(flatten)]
    pub profile: ProfileArguments,
    /// How much is told.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// Which profile, and which cluster in it.
#[derive(Debug, Clone, Args)]
pub struct ProfileArguments {
    /// Name of the IPython profile [default: default]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Directory of the profile, instead of its name [env: IPP_PROFILE_DIR]
    #[arg(long, value_name = "DIRECTORY")]
    pub profile_dir: Option<PathBuf>,
    /// Directory that holds the profiles [env: IPYTHONDIR] [default: ~/.ipython]
    #[arg(long, value_name = "DIRECTORY")]
    pub ipython_dir: Option<PathBuf>,
    /// Tells several clusters of one profile apart [env: IPP_CLUSTER_ID]
    #[arg(long, value_name = "ID")]
    pub cluster_id: Option<String>,
}

impl ProfileArguments {
    /// The same for the library that locates profiles.
    pub fn options(&self) -> ProfileOptions {
        ProfileOptions {
            profile: self.profile.clone(),
            profile_dir: self.profile_dir.clone(),
            ipython_dir: self.ipython_dir.clone(),
            cluster_id: self.cluster_id.clone(),
        }
    }
}

/// How much is told.
#[derive(Debug, Clone, Args)]
pub struct Verbosity {
    /// Tell everything, such as each command that is started
    #[arg(long)]
    pub debug: bool,
    /// Tell only what is wrong
    #[arg(long, conflicts_with = "debug")]
    pub quiet: bool,
    /// How much to tell: DEBUG, INFO, WARN, ERROR, CRITICAL, or a number such as 10
    #[arg(long, value_name = "LEVEL", default_value = "INFO")]
    pub log_level: LogLevel,
}

impl Verbosity {
    /// The level that the options ask for.
    pub fn level(&self) -> LogLevel {
        match (self.debug, self.quiet) {
            (true, _) => LogLevel::Debug,
            (_, true) => LogLevel::Error,
            _ => self.log_level,
        }
    }
}

/// Options of `stop`.
#[derive(Debug, Args)]
pub struct StopArguments {
    /// The clusters' ids [default: that of --cluster-id, else the default cluster]
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// All clusters of the profile
    #[arg(long)]
    pub all: bool,
    /// Signal that asks processes to end; 9 leaves them no choice
    #[arg(long, value_name = "NUMBER", default_value = "15")]
    pub signal: i32,
    /// Which profile.
    #[command(flatten)]
    pub profile: ProfileArguments,
    /// How much is told.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// Options of `list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// As a table, or as JSON
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "text", ignore_case = true)]
    pub output: Format,
    /// The same as --output=json
    #[arg(long, conflicts_with = "output")]
    pub json: bool,
    /// Which profile.
    #[command(flatten)]
    pub profile: ProfileArguments,
    /// How much is told.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

impl ListArguments {
    /// The form that was asked for, in either way.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }
}

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table.
    Text,
    /// The cluster files as one JSON list.
    Json,
}

/// Options of `clean`.
#[derive(Debug, Args)]
pub struct CleanArguments {
    /// Also the files of clusters that run, which leaves their processes without a record
    #[arg(long)]
    pub force: bool,
    /// In all profiles, not only this one
    #[arg(long)]
    pub all: bool,
    /// Which profile.
    #[command(flatten)]
    pub profile: ProfileArguments,
    /// How much is told.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// A way of starting engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Each by itself on this machine.
    Local,
    /// All by the launcher of an MPI.
    Mpi,
}

/// Reads `mpi`, `MPI`, `MPIEngineSetLauncher` and the stock class's full name alike.
fn way(text: &str) -> Result<Way, String> {
    let name = text.rsplit('.').next().unwrap_or(text);
    let name =
        name.strip_suffix("EngineSetLauncher").or(name.strip_suffix("ControllerLauncher")).unwrap_or(name);
    match name.to_ascii_lowercase().as_str() {
        "local" => Ok(Way::Local),
        "mpi" | "mpiexec" | "mpirun" => Ok(Way::Mpi),
        _ => Err(format!("`{text}` is not known: use local or mpi")),
    }
}

fn local_way(text: &str) -> Result<Way, String> {
    match way(text) {
        Ok(Way::Local) => Ok(Way::Local),
        _ => Err(format!("the controller cannot be started as `{text}`: use local")),
    }
}

/// A time that can be waited for.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e9).contains(&seconds) => Ok(seconds),
        _ => Err(format!("`{text}` is no number of seconds")),
    }
}

/// A truth in Python's words or anybody's.
fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anympi_wire::arguments::prepare;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        let words = std::iter::once("ipcluster").chain(line.split_whitespace()).map(str::to_owned);
        Arguments::try_parse_from(prepare(words, SETTINGS).arguments)
    }

    #[test]
    fn the_declaration_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn stock_and_historic_forms_are_understood() {
        for line in [
            "start -n 4 --engines=MPI",
            "start --n=4 --engines mpi",
            "start --Cluster.n=4 --engines=MPIEngineSetLauncher",
        ] {
            let Command::Start(start) = parse(line).unwrap().command else { panic!("{line}") };
            assert_eq!((start.cluster.set.n, start.engines), (Some(4), Some(Way::Mpi)), "{line}");
        }
        for line in ["mpirun -n 4 --mpi=openmpi", "mpiexec --num 4 --mpi=openmpi"] {
            let Command::Mpirun(cluster) = parse(line).unwrap().command else { panic!("{line}") };
            assert_eq!(
                (cluster.set.n, cluster.set.mpi),
                (Some(4), Some(Selection::Named("openmpi".into()))),
                "{line}"
            );
        }
        let Command::Mpirun(cluster) = parse("mpirun --mpi -- --ping=5 --x").unwrap().command else {
            panic!()
        };
        assert_eq!(cluster.set.mpi, Some(Selection::Auto));
        assert_eq!(cluster.controller_arguments, ["--ping=5", "--x"]);
        let Command::Start(start) =
            parse("start --IPClusterEngines.daemonize=True --IPClusterStart.clean_logs=False")
                .unwrap()
                .command
        else {
            panic!()
        };
        assert!(start.cluster.set.daemonize && !start.cluster.clean_logs);
        let Command::Stop(stop) = parse("stop --all").unwrap().command else { panic!() };
        assert!(stop.all);
        for line in ["list --json", "list -o json"] {
            let Command::List(list) = parse(line).unwrap().command else { panic!("{line}") };
            assert_eq!(list.format(), Format::Json, "{line}");
        }
        for line in ["--help-all", "start --help-all", "stop --help-all"] {
            assert_eq!(parse(line).unwrap_err().kind(), clap::error::ErrorKind::DisplayHelp, "{line}");
        }
    }

    #[test]
    fn unknown_settings_are_set_aside() {
        let words = ["ipcluster", "start", "--No.such=1", "-n", "2"].map(str::to_owned);
        let prepared = prepare(words, SETTINGS);
        assert_eq!(prepared.unknown, ["No.such=1"]);
        assert!(Arguments::try_parse_from(prepared.arguments).is_ok());
    }

    #[test]
    fn bad_values_are_refused() {
        for line in [
            "start -n x",
            "start --engines=slurm",
            "start --controller=mpi",
            "start --delay=-1",
            "list -o xml",
            "no",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
