//! `anympi`: what MPIs there are on this machine, and programs compiled for and run on any of them.
//!
//! - [`options`] is the command line; each subcommand is a module of its own name.
//! - [`cc`] is `mpicc` too: a link of that name to this program. [`kit`] is what it compiles with.
//! - [`describe`] asks one library what it is, in a process of its own; [`list`] shows the answers.

#![forbid(unsafe_code)]

mod cc;
mod choice;
mod describe;
mod doctor;
mod failure;
mod kit;
mod list;
mod options;
mod output;
mod plugin;
mod run;
mod variables;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use failure::Failure;
use options::{Arguments, Command};

fn main() -> ExitCode {
    match run(Arguments::parse_from(words())) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("anympi: {failure}");
            failure.exit_code()
        }
    }
}

/// The command line; under the name `mpicc` this program is its subcommand `cc`.
fn words() -> Vec<OsString> {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let is_compiler = words.first().is_some_and(|name| Path::new(name).file_name() == Some("mpicc".as_ref()));
    if is_compiler {
        words.splice(..1, ["anympi".into(), "cc".into()]);
    }
    words
}

fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    match arguments.command {
        Command::List(arguments) => list::list(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Cc(arguments) => cc::cc(&arguments),
        Command::Describe(arguments) => describe::describe(&arguments),
        Command::Plugin { command } => plugin::plugin(&command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "anympi", &mut script);
            output::print(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
    }
}
