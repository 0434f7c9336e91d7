//! Starts ranks of a program with the launcher that belongs to a library: `start LIBRARY RANKS PROGRAM [ARGUMENTS]`.

use anympi_launch::{Launch, launcher_of};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let usage = "usage: start LIBRARY RANKS PROGRAM [ARGUMENTS]";
    let library = PathBuf::from(arguments.next().ok_or(usage)?);
    let ranks = arguments.next().and_then(|ranks| ranks.to_str()?.parse().ok()).ok_or(usage)?;
    let launcher = launcher_of(&anympi_core::inspect(&library)?)?;
    let status = launcher.command(&Launch::of(ranks)).args(arguments).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
