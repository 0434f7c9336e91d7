//! `anympi plugin`: for the authors of plugins.

mod check;
mod new;
mod rank;

use std::process::ExitCode;

use crate::failure::Failure;
use crate::options::Plugin;

pub use check::{Listed, found};

/// Runs the subcommand.
pub fn plugin(command: &Plugin) -> Result<ExitCode, Failure> {
    match command {
        Plugin::Check(arguments) => check::check(arguments),
        Plugin::New(arguments) => new::new(arguments),
        Plugin::Rank(arguments) => rank::rank(arguments),
    }
}
