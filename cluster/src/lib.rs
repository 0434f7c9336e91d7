//! `ipcluster`: starts, lists and stops a controller and its engines.
//!
//! - [`options`] is the command line, [`plan`] what follows from it: library, launcher, programs, all checked before
//!   anything is started.
//! - [`supervise`] is the life of a cluster; [`registrations`] tells it which engines are there, [`signals`] what the user
//!   wants; [`start`] runs it here or in the background.
//! - [`cluster_file`] is the record that [`stop`] and [`list`] read, in the stock program's format.
//! - [`processes`] finds and ends processes by their numbers, [`child`] is one that was started.
//!
//! Invariant: whatever ends a cluster, no process of it is left, and no file but its logs.

#![forbid(unsafe_code)]

pub mod child;
pub mod cluster_file;
pub mod failure;
pub mod list;
pub mod options;
pub mod plan;
pub mod processes;
pub mod registrations;
pub mod report;
pub mod signals;
pub mod start;
pub mod stop;
pub mod supervise;
pub mod variables;

use anympi_wire::arguments::prepare;
use clap::{CommandFactory, Parser};
use failure::Failure;
use options::{Arguments, Command, SETTINGS, Way};
use report::Report;

/// The program: reads the command line and does what it says.
///
/// # Errors
///
/// What failed, and whether the user was told already.
pub fn main() -> Result<(), (Failure, bool)> {
    // Words that are not Unicode cannot be options; as values they are passed on readable, and fail by name if they matter.
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let prepared = prepare(words, SETTINGS);
    let arguments = Arguments::parse_from(prepared.arguments);
    let verbosity = match &arguments.command {
        Command::Start(start) => &start.cluster.set.verbosity,
        Command::Mpirun(cluster) | Command::Local(cluster) => &cluster.set.verbosity,
        Command::Engines(engines) => &engines.set.verbosity,
        Command::Stop(stop) => &stop.verbosity,
        Command::List(list) => &list.verbosity,
        Command::Clean(clean) => &clean.verbosity,
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(*shell, &mut command, "ipcluster", &mut std::io::stdout());
            return Ok(());
        }
    };
    let mut report = Report::to_user(verbosity.level());
    start::warn_of_unknown(&prepared.unknown, &mut report);
    let result = match &arguments.command {
        Command::Start(start) => start::cluster(start.engines, &start.cluster, &mut report),
        Command::Mpirun(cluster) => start::cluster(Some(Way::Mpi), cluster, &mut report),
        Command::Local(cluster) => start::cluster(Some(Way::Local), cluster, &mut report),
        Command::Engines(engines) => start::engines(engines.engines, &engines.set, &mut report),
        Command::Stop(arguments) => stop::stop(arguments, &mut report),
        Command::List(arguments) => list::list(arguments, &mut report),
        Command::Clean(arguments) => list::clean(arguments, &mut report),
        Command::Completions { .. } => Ok(()),
    };
    result.map_err(|failure| {
        let told = report.failed(&failure.to_string(), failure.code());
        (failure, told)
    })
}
