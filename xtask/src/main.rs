//! Development tasks of this repository, run as `cargo xtask <command>`.
//!
//! Each task sets up what it needs first (Python packages and MPIs below `.anympi/`), so that a fresh clone and one command
//! are enough. See `cargo xtask --help`.

#![forbid(unsafe_code)]

mod bench;
mod build;
mod conformance;
mod demo;
mod environment;
mod failure;
mod figures;
mod header;
mod install;
mod mpis;
mod processes;
mod requirements;
mod setup;
mod step;
mod support;
mod test;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Outcome;
use setup::Purpose;
use workspace::Workspace;

/// Development tasks: set up what is needed into .anympi/, then do one thing.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo                 the main job on each MPI that needs no root
  cargo xtask test                 format, lints and every test
  cargo xtask test connection      only tests whose name has that word in it
  cargo xtask bench start          how long until four engines are there, beside the stock programs
  cargo xtask bench client --json  latency, tasks and data, every value as JSON
  cargo xtask bench mpi            what libmpi_abi.so.1 adds to a call of MPI, on each library
  cargo xtask conformance mpi4py   mpi4py's own tests through libmpi_abi.so.1 beside native, as a table
  cargo xtask setup                only install what the other tasks need
  cargo xtask header               write abi/include/mpi.h anew after a change of the list
  cargo xtask install ~/.local     the programs, mpicc, mpi.h and libmpi_abi.so.1 below a prefix";

#[derive(Subcommand)]
enum Task {
    /// Run the main job on each MPI that needs no root: a cluster of four engines sums a distributed array by MPI
    Demo,
    /// Run format check, lints, the Rust tests, the Python tests and mpi4py's own test suite with one and two ranks
    Test {
        /// Only tests whose name contains this, without format check, lints and mpi4py's suite
        filter: Option<String>,
    },
    /// Measure our programs beside stock ipyparallel's, or our MPI beside the native ones, in one run
    Bench {
        #[command(subcommand)]
        subject: bench::Subject,
    },
    /// Compare what mpi4py's own test suite does through libmpi_abi.so.1 with what it does natively, on every library
    Conformance {
        #[command(subcommand)]
        suite: conformance::Suite,
    },
    /// Only install what the other tasks need; with everything in place this takes no time
    Setup {
        /// Also what the tests need: Debian's Open MPI and MPICH, by apt-get when root, and mpi4py for the standard ABI
        #[arg(long)]
        tests: bool,
    },
    /// Write abi/include/mpi.h from the list of functions and the constants
    Header,
    /// Write docs/support.md: how each function is done on each MPI that the tests know
    Support {
        /// Only say whether it is stale
        #[arg(long)]
        check: bool,
    },
    /// Build everything and install it below a prefix
    Install {
        /// The prefix: programs go to its bin, what is compiled with to its lib/anympi
        prefix: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Outcome<()> {
    let workspace = Workspace::find()?;
    match task {
        Task::Demo => demo::run(&workspace),
        Task::Test { filter } => test::run(&workspace, filter.as_deref()),
        Task::Bench { subject } => bench::run(&workspace, &subject),
        Task::Header => header::write(&workspace),
        Task::Conformance { suite } => conformance::run(&workspace, &suite),
        Task::Support { check } => {
            let description = setup::set_up(&workspace, Purpose::Test)?;
            build::everything(&workspace)?;
            if check {
                support::check(&workspace, &description)
            } else {
                support::write(&workspace, &description)
            }
        }
        Task::Install { prefix } => install::run(&workspace, &prefix),
        Task::Setup { tests } => {
            let purpose = if tests { Purpose::Test } else { Purpose::Run };
            let description = setup::set_up(&workspace, purpose)?;
            for mpi in description.mpis {
                println!("{}: {}", mpi.name, mpi.library.display());
            }
            Ok(())
        }
    }
}
