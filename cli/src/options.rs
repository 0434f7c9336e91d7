//! The command line.

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  anympi list                      every MPI library found, and why a file is none
  anympi list --functions          how each of the 662 functions of MPI-5.0 is done on each of them
  anympi completions bash          a script that completes this command";

/// Any MPI, chosen when the program starts.
#[derive(Debug, Parser)]
#[command(name = "anympi", version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the MPI libraries of this machine, in the order in which they are taken
    List(List),
    /// Print what one library is, as JSON; `list` runs it for each, so that none can harm another
    #[command(hide = true)]
    Describe(Describe),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Of `list`.
#[derive(Debug, Args)]
pub struct List {
    /// For each library, each function as native, emulated or unsupported, and the totals
    #[arg(long)]
    pub functions: bool,
    /// Everything as JSON
    #[arg(long)]
    pub json: bool,
}

/// Of `describe`.
#[derive(Debug, Args)]
pub struct Describe {
    /// The library, as a value of --mpi
    pub library: String,
}
