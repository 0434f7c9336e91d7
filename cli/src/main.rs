//! `anympi`: what MPIs there are on this machine, and programs compiled for and run on any of them.
//!
//! - [`options`] is the command line; each subcommand is a module of its own name.
//! - [`describe`] asks one library what it is, in a process of its own; [`list`] shows the answers.

#![forbid(unsafe_code)]

mod describe;
mod failure;
mod list;
mod options;
mod output;
mod plugin;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use failure::Failure;
use options::{Arguments, Command};

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("anympi: {failure}");
            failure.exit_code()
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    match arguments.command {
        Command::List(arguments) => list::list(&arguments),
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
