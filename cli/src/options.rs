//! The command line.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  anympi list                      every MPI library found, and why a file is none
  anympi list --functions          how each of the 662 functions of MPI-5.0 is done on each of them
  anympi doctor                    what would be chosen here, and what is wrong
  anympi cc ring.c -o ring         compile a program once, for every MPI
  anympi run -n 4 --mpi=mpich ./ring
                                   start it, by the launcher that belongs to that MPI
  anympi completions bash          a script that completes this command";

const RUN_EXAMPLES: &str = "\
Examples:
  anympi run -n 4 ./ring                        on the first MPI found
  anympi run -n 4 --mpi=openmpi ./ring          on Open MPI, by its mpirun
  anympi run -n 4 --mpi=/opt/mpi/lib/libmpi.so.12 ./ring --an-option-of-ring
  anympi run -n 2 --mpi=mpich python -m mpi4py.bench helloworld
  anympi run -n 4 --mpi-args='--bind-to none' ./ring

The processes get ANYMPI, and LD_LIBRARY_PATH with libmpi_abi.so.1 and the library chosen. The exit code is the launcher's.";

const CC_EXAMPLES: &str = "\
Examples:
  anympi cc -O2 ring.c -o ring           compile and link
  anympi cc -show                        the command, as MPICH's wrapper shows it
  anympi cc -showme:compile              the arguments for compiling (or --cflags), as Open MPI's wrapper shows them
  anympi cc -showme:link                 the arguments for linking (or --libs)
  MPICC=$(anympi cc --prefix)/bin/mpicc cargo build      Rust programs that use rsmpi

The directory that --prefix prints holds bin/mpicc, include/mpi.h and lib/libmpi_abi.so.1; build systems that take an MPI by
its prefix take that. The compiler is ANYMPI_CC, else CC, else cc.";

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
    /// Say what would be chosen here and why, which launcher starts what, and what is wrong
    Doctor(Doctor),
    /// Start a program under the launcher that belongs to the MPI chosen
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
    /// Compile a C program for every MPI: the C compiler with mpi.h and libmpi_abi.so.1
    #[command(after_help = CC_EXAMPLES)]
    Cc(Cc),
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

/// Of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Which MPI the question is about: none, auto, openmpi, mpich, intel, abi or a file; ANYMPI stands in
    #[arg(long, value_name = "MPI")]
    pub mpi: Option<String>,
    /// Everything as JSON
    #[arg(long)]
    pub json: bool,
}

/// Of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// How many processes
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub n: u32,
    /// Which MPI: auto, openmpi, mpich, intel, abi or a file; ANYMPI stands in, without it the first one found is taken
    #[arg(long, value_name = "MPI")]
    pub mpi: Option<String>,
    /// More arguments for the launcher, in one text
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub mpi_args: Option<String>,
    /// Let Open MPI's mpirun run as root, which it refuses otherwise
    #[arg(long)]
    pub allow_run_as_root: bool,
    /// Say what is started
    #[arg(short, long)]
    pub verbose: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    pub program: Vec<OsString>,
}

/// Of `cc`.
#[derive(Debug, Args)]
pub struct Cc {
    /// Arguments of the compiler, or a question
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    pub arguments: Vec<OsString>,
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
