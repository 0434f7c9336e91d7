//! What is to be started, decided and checked before anything is.

use crate::failure::Failure;
use crate::variables::{ANYMPI_IPCONTROLLER, ANYMPI_IPENGINE, EXPORTED};
use anympi::plugins::launch_additions;
use anympi::{SearchPaths, Selection, Vendor};
use anympi_launch::{Launch, LauncherCommand, launcher_of, words};
use anympi_wire::Profile;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// A cluster, or engines for one.
#[derive(Debug)]
pub struct Plan {
    /// Where it belongs.
    pub profile: Profile,
    /// The controller; none when engines join one that runs.
    pub controller: Option<ControllerPlan>,
    /// The engines.
    pub engines: EnginesPlan,
    /// Engines that end so soon after their start are taken for a failure of the cluster.
    pub early_shutdown: Duration,
    /// Whether logs of earlier clusters are removed.
    pub clean_logs: bool,
}

/// How the controller is started.
#[derive(Debug)]
pub struct ControllerPlan {
    /// The program with its arguments.
    pub command: Vec<OsString>,
    /// Arguments after `--`.
    pub arguments: Vec<String>,
    /// `--ip`.
    pub ip: String,
    /// `--location`.
    pub location: String,
    /// Between the controller and the engines.
    pub delay: Duration,
}

impl ControllerPlan {
    /// Whether it takes over the connection files of an earlier controller.
    pub fn reuses(&self) -> bool {
        self.arguments.iter().any(|argument| argument == "--reuse" || argument == "--restore")
    }
}

/// How the engines are started.
#[derive(Debug)]
pub struct EnginesPlan {
    /// How many.
    pub n: u32,
    /// The program with its arguments.
    pub command: Vec<OsString>,
    /// The launcher; none when each engine is started by itself.
    pub launcher: Option<(LauncherCommand, Launch)>,
    /// Variables for the launcher and its ranks, wished for by a plugin.
    pub environment: Vec<(String, String)>,
    /// Whether root allowed the launcher to run.
    pub allow_root: bool,
}

impl EnginesPlan {
    /// The stock program's name for the way of starting.
    pub fn class(&self) -> &'static str {
        if self.launcher.is_some() { "mpi" } else { "local" }
    }
}

/// What the command line says of the engines.
#[derive(Debug, Clone)]
pub struct EngineWishes {
    /// How many.
    pub n: u32,
    /// Under a launcher of MPI.
    pub under_mpi: bool,
    /// `--mpi`, if it was given.
    pub mpi: Option<Selection>,
    /// `--python`.
    pub python: Option<PathBuf>,
    /// More words for the launcher.
    pub launcher_arguments: Option<String>,
    /// `--allow-run-as-root`.
    pub allow_root: bool,
}

/// The controller's program, before its arguments.
pub fn controller_program() -> Result<Vec<OsString>, Failure> {
    program("ipcontroller", ANYMPI_IPCONTROLLER)
}

fn program(name: &'static str, variable: &'static str) -> Result<Vec<OsString>, Failure> {
    if let Some(text) = anympi_wire::variables::get(variable) {
        return match words(&text) {
            Some(words) if !words.is_empty() => Ok(words.into_iter().map(OsString::from).collect()),
            _ => Err(Failure::Usage(format!("{variable} is no command: {text}"))),
        };
    }
    let this = std::env::current_exe()
        .and_then(|path| path.canonicalize())
        .map_err(|source| Failure::System { doing: "cannot find out where ipcluster itself is", source })?;
    let directory = this.parent().map(PathBuf::from).unwrap_or_default();
    let path = directory.join(name);
    if !path.is_file() {
        return Err(Failure::NoProgram { name, directory, variable });
    }
    Ok(vec![path.into()])
}

/// Chooses the library and its launcher, and puts the engines' command together.
pub fn plan_engines(wishes: &EngineWishes) -> Result<EnginesPlan, Failure> {
    let mut command = program("ipengine", ANYMPI_IPENGINE)?;
    let mut environment = Vec::new();
    let launcher = match (&wishes.mpi, wishes.under_mpi) {
        (Some(selection), false) => {
            // Every engine is a world of its own; it finds its library itself, but a wrong value is told at once.
            anympi::registry().choose(selection, &SearchPaths::from_environment(), None)?;
            command.push(format!("--mpi={selection}").into());
            None
        }
        (None, false) => None,
        (selection, true) => {
            let selection = selection.clone().unwrap_or(Selection::Auto);
            let candidate = anympi::registry().choose(&selection, &SearchPaths::from_environment(), None)?;
            let candidate = candidate.ok_or_else(|| {
                Failure::Usage(
                    "--mpi=none leaves no MPI whose mpirun could start the engines: use `ipcluster local`"
                        .to_owned(),
                )
            })?;
            let launcher = launcher_of(&candidate.image)?;
            if launcher.refuses_root() && !wishes.allow_root {
                return Err(Failure::Root { launcher: launcher.path });
            }
            let exact = candidate.selection();
            // The word mpi4py asks for more than a library; under this launcher it chooses the same one.
            let value = if selection == Selection::Mpi4py { "mpi4py".to_owned() } else { exact };
            command.push(format!("--mpi={value}").into());
            let mut launch = Launch::of(wishes.n);
            launch.exported = EXPORTED.iter().map(|name| (*name).to_owned()).collect();
            if let Some(plugin) = &candidate.plugin {
                let kind = match launcher.kind.vendor() {
                    Some(Vendor::OpenMpi) => "openmpi",
                    Some(Vendor::Mpich) => "mpich",
                    Some(Vendor::Intel) => "intel",
                    _ => "other",
                };
                let additions = launch_additions(plugin, &launcher.path, kind, wishes.n)?;
                launch.arguments = additions.words.into_iter().map(OsString::from).collect();
                launch.exported.extend(additions.variables.iter().map(|(name, _)| name.clone()));
                environment = additions.variables;
            }
            if let Some(text) = &wishes.launcher_arguments {
                let more = words(text)
                    .ok_or_else(|| Failure::Usage(format!("a quote is not closed in --mpi-args={text}")))?;
                launch.arguments.extend(more.into_iter().map(OsString::from));
            }
            Some((launcher, launch))
        }
    };
    if let Some(python) = &wishes.python {
        let mut argument = OsString::from("--python=");
        argument.push(python);
        command.push(argument);
    }
    Ok(EnginesPlan { n: wishes.n, command, launcher, environment, allow_root: wishes.allow_root })
}
