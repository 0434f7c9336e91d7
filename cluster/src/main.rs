//! `ipcluster`: starts, lists and stops a controller and its engines.

#![forbid(unsafe_code)]

use anympi_cluster::{main as run, report::say};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Err((failure, told)) = run() else { return ExitCode::SUCCESS };
    if !told {
        say(&format!("ipcluster: {failure}"));
    }
    failure.exit_code()
}
