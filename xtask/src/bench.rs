//! Measurements: our programs beside the stock ones, in one run, turn by turn, through the stock client; and, in [`mpi`],
//! calls through `libmpi_abi.so.1` beside native ones.
//!
//! Absolute times say much about the machine and its load and little about a program. So both implementations are measured
//! in every round, the order alternates, medians are compared, and the load of the machine is printed with them.

mod goals;
mod instructions;
mod mpi;
mod plot;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use serde_json::{Map, Value};

use crate::build;
use crate::failure::{Doing, Failure, Outcome};
use crate::figures::Figures;
use crate::mpis::Mpi;
use crate::processes::{Interrupt, Run, Started};
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;

/// The MPI of the measured clusters: the one that comes up fastest, so that it hides least.
const MPI: &str = "mpich5";

/// How long one measuring script may take.
const LIMIT: Duration = Duration::from_secs(300);

/// How long processes may take to be gone.
const GONE: Duration = Duration::from_secs(20);

/// What to measure.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Time until four engines are there, time to stop, memory of the controller
    Start {
        #[command(flatten)]
        options: Options,
    },
    /// Latency, 2,000 load-balanced tasks, 64 MB to, from and between engines, memory of the controller afterwards
    Client {
        #[command(flatten)]
        options: Options,
    },
    /// Calls of MPI through libmpi_abi.so.1 beside native ones: what is added, with each goal met or missed, and plots
    Mpi {
        #[command(flatten)]
        options: mpi::Options,
    },
}

/// What all measurements share.
#[derive(clap::Args, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How often everything is measured; medians are over the rounds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Print JSON with every single value instead of a table
    #[arg(long)]
    json: bool,
}

/// Measures and prints.
pub fn run(workspace: &Workspace, subject: &Subject) -> Outcome<()> {
    match subject {
        Subject::Start { options } => clusters(workspace, *options, |bench, rounds| bench.start(rounds)),
        Subject::Client { options } => clusters(workspace, *options, |bench, rounds| bench.client(rounds)),
        Subject::Mpi { options } => mpi::run(workspace, options),
    }
}

/// Measures clusters and prints.
fn clusters(
    workspace: &Workspace,
    options: Options,
    measure: fn(&Bench<'_>, u32) -> Outcome<Figures>,
) -> Outcome<()> {
    let description = setup::set_up(workspace, Purpose::Run)?;
    build::programs(workspace)?;
    let mpi = description
        .mpis
        .iter()
        .find(|mpi| mpi.name == MPI)
        .ok_or_else(|| Failure::new(format!("{MPI} is not installed")))?;
    let bench = Bench { workspace, mpi, interrupt: Interrupt::catch()? };
    let figures = measure(&bench, options.rounds)?;
    if options.json {
        println!("{:#}", figures.json());
    } else {
        println!("{}", figures.table());
    }
    Ok(())
}

/// Whose programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Those of this workspace.
    Ours,
    /// Those of ipyparallel in the virtual environment.
    Stock,
}

impl Owner {
    /// Both, the first of them changing from round to round.
    fn in_turn(round: u32) -> [Self; 2] {
        if round.is_multiple_of(2) { [Self::Ours, Self::Stock] } else { [Self::Stock, Self::Ours] }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Stock => "stock",
        }
    }
}

/// How engines are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Local,
    Mpi,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Local => "local engines",
            Self::Mpi => "MPI engines",
        }
    }
}

struct Bench<'a> {
    workspace: &'a Workspace,
    mpi: &'a Mpi,
    interrupt: Interrupt,
}

impl Bench<'_> {
    fn start(&self, rounds: u32) -> Outcome<Figures> {
        let mut figures = Figures::default();
        for round in 0..rounds {
            figures.note_load(round)?;
            for form in [Form::Local, Form::Mpi] {
                for owner in Owner::in_turn(round) {
                    eprintln!("round {} of {rounds}: {}, {}", round + 1, owner.name(), form.name());
                    figures.add(owner, &self.start_once(owner, form)?);
                }
            }
        }
        Ok(figures)
    }

    fn start_once(&self, owner: Owner, form: Form) -> Outcome<Map<String, Value>> {
        let run = Run::new(&self.interrupt)?;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut cluster = self.cluster(&run, owner, form)?;
        let started = since_1970.to_string();
        let arguments = ["start", "--form", form.name(), "--started", started.as_str()];
        let mut figures = self.measure(&run, owner, &mut cluster, &arguments)?;
        let stopping = Instant::now();
        cluster.interrupt_and_wait()?;
        let left = run.leftovers(GONE);
        if left.is_empty() {
            figures.insert(format!("{}: to stop (s)", form.name()), stopping.elapsed().as_secs_f64().into());
        } else {
            eprintln!("{} left running after Ctrl-C, ended by force: {}", owner.name(), left.join("; "));
        }
        Ok(figures)
    }

    fn client(&self, rounds: u32) -> Outcome<Figures> {
        let mut figures = Figures::default();
        // Both clusters stay up: idle ones cost next to nothing, and starting is measured elsewhere.
        let (ours, stock) = (Run::new(&self.interrupt)?, Run::new(&self.interrupt)?);
        let mut our_cluster = self.cluster(&ours, Owner::Ours, Form::Mpi)?;
        let mut stock_cluster = self.cluster(&stock, Owner::Stock, Form::Mpi)?;
        for round in 0..rounds {
            figures.note_load(round)?;
            for owner in Owner::in_turn(round) {
                eprintln!("round {} of {rounds}: {}", round + 1, owner.name());
                let (run, cluster) = match owner {
                    Owner::Ours => (&ours, &mut our_cluster),
                    Owner::Stock => (&stock, &mut stock_cluster),
                };
                figures.add(owner, &self.measure(run, owner, cluster, &["client"])?);
            }
        }
        our_cluster.interrupt_and_wait()?;
        stock_cluster.interrupt_and_wait()?;
        Ok(figures)
    }

    /// Starts controller and four engines of one implementation, in the foreground form that Ctrl-C ends.
    fn cluster(&self, run: &Run, owner: Owner, form: Form) -> Outcome<Started> {
        let mut command = match owner {
            Owner::Ours => self.workspace.program("ipcluster"),
            Owner::Stock => Command::new(self.workspace.venv().join("bin/ipcluster")),
        };
        command.env("PATH", self.workspace.path_of_venv()).envs(&self.mpi.environment);
        match (owner, form) {
            (Owner::Ours, Form::Local) => command.args(["local", "-n", "4"]),
            (Owner::Ours, Form::Mpi) => command.args(["mpirun", "-n", "4"]).arg(format!(
                "--mpi={}:{}",
                self.mpi.backend,
                self.mpi.library.display()
            )),
            (Owner::Stock, Form::Local) => command.args(["start", "-n", "4", "--engines=local"]),
            // The stock programs take what they find: the launcher on PATH, the library on the loader's path.
            (Owner::Stock, Form::Mpi) => command
                .args(["start", "-n", "4", "--engines=mpi"])
                .arg(format!("--MPIEngineSetLauncher.mpi_cmd={}", self.mpi.launcher.display()))
                .env("MPI4PY_MPIABI", "mpich")
                .env("LD_LIBRARY_PATH", self.mpi.library.parent().unwrap_or(Path::new("/"))),
        };
        run.start(&mut command, &self.workspace.logs().join(format!("bench-{}.log", owner.name())))
    }

    /// Runs the measuring script against a cluster.
    fn measure(
        &self,
        run: &Run,
        owner: Owner,
        cluster: &mut Started,
        arguments: &[&str],
    ) -> Outcome<Map<String, Value>> {
        let result = run.directory().join("figures.json");
        let mut script = run.start(
            Command::new(self.workspace.python())
                .arg(self.workspace.asset("measure.py"))
                .args(arguments)
                .arg("--result")
                .arg(&result),
            &self.workspace.logs().join(format!("bench-{}-script.log", owner.name())),
        )?;
        script.finish(cluster, LIMIT)?;
        let text = std::fs::read_to_string(&result).doing("read", &result)?;
        serde_json::from_str(&text).doing("read", &result)
    }
}
