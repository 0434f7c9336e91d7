//! Development tasks of this repository, run as `cargo xtask <command>`.
//!
//! Each task sets up what it needs first (Python packages and MPIs below `.anympi/`), so that a fresh clone and one command
//! are enough. See `cargo xtask --help`.

#![forbid(unsafe_code)]

mod environment;
mod failure;
mod mpis;
mod requirements;
mod setup;
mod step;
mod workspace;

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
  cargo xtask setup                install the MPIs and Python packages below .anympi/";

#[derive(Subcommand)]
enum Task {
    /// Only install what the other tasks need; with everything in place this takes no time
    Setup {
        /// Also what the tests need: Debian's Open MPI and MPICH, by apt-get when root
        #[arg(long)]
        tests: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.task) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Outcome<ExitCode> {
    let workspace = Workspace::find()?;
    match task {
        Task::Setup { tests } => {
            let purpose = if tests { Purpose::Test } else { Purpose::Run };
            let description = setup::set_up(&workspace, purpose)?;
            for mpi in description.mpis {
                println!("{}: {}", mpi.name, mpi.library.display());
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}
