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
    /// Write and check plugins, which bring an MPI in their own way (see docs/PLUGIN-ABI.md)
    Plugin {
        /// What to do
        #[command(subcommand)]
        command: Plugin,
    },
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

/// Of `plugin`.
#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// Try every rule of docs/PLUGIN-ABI.md on a plugin, also with ranks under the launcher of its MPI
    ///
    /// Exits with 0 if all rules are kept, with the number of the fault that ended the check (10 to 39, see the document),
    /// else with 1.
    Check(PluginCheck),
    /// Make a directory with a new plugin that builds and keeps the rules
    New(PluginNew),
    /// One rank of `check`
    #[command(hide = true)]
    Rank(PluginRank),
}

/// Of `plugin check`.
#[derive(Debug, Args)]
pub struct PluginCheck {
    /// The plugin: a path or a name, then perhaps a colon and the text for it, as in --mpi
    pub plugin: String,
    /// Ranks to start; 0: only the rules that need no MPI
    #[arg(long, short = 'n', default_value_t = 2)]
    pub ranks: u32,
    /// The verdicts as JSON
    #[arg(long)]
    pub json: bool,
}

/// Of `plugin new`.
#[derive(Debug, Args)]
pub struct PluginNew {
    /// The plugin's name, and the directory's: a lower-case letter, then a-z, 0-9 and _
    pub name: String,
    /// The language
    #[arg(long, value_enum, default_value_t = Language::C)]
    pub lang: Language,
    /// For Rust: where the crate anympi-plugin-sdk is
    #[arg(long, value_name = "DIRECTORY", default_value = "../plugins/sdk")]
    pub sdk: std::path::PathBuf,
}

/// What a plugin can be written in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// C, with the header and a Makefile
    C,
    /// Rust, with the SDK
    Rust,
}

/// Of `plugin rank`.
#[derive(Debug, Args)]
pub struct PluginRank {
    /// The plugin, as a value of --mpi
    pub plugin: String,
    /// How many ranks there are
    #[arg(long)]
    pub ranks: u32,
}
