//! The whole care for launchers in one small program: `mpirun -n 2 world LIBRARY`.
//!
//! Says who started it, repairs the environment by starting itself anew with what must be changed, refuses a launcher that
//! does not fit, brings MPI up, and compares the world with what was announced.

use anympi::launch::{Launcher, check_library, check_world, repairs};
use anympi::{ProcessArguments, SearchPaths, Selection, ThreadLevel, Visibility};
use std::error::Error;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("world: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: world LIBRARY")?);
    let launcher = Launcher::detect();
    let registry = anympi::registry();
    let selection = Selection::Path { backend: None, path };
    let candidate =
        registry.choose(&selection, &SearchPaths::from_environment(), None)?.ok_or("no library")?;
    let changes = repairs(launcher.as_ref(), &candidate.image);
    if !changes.is_empty() {
        // A library reads the environment of C, which safe Rust does not change; a new program starts with the right one.
        let mut again = Command::new(std::env::current_exe()?);
        again.args(std::env::args_os().skip(1));
        changes.iter().for_each(|change| change.apply(&mut again));
        return Err(again.exec().into());
    }
    let mpi = registry.open(&candidate, Visibility::Local)?;
    check_library(launcher.as_ref(), mpi.info())?;
    mpi.init(&mut ProcessArguments::of_this_process(), ThreadLevel::Funneled)?;
    let (rank, size) = (mpi.rank()?, mpi.size()?);
    check_world(launcher.as_ref(), mpi.info(), size)?;
    let announced = launcher.as_ref().and_then(|launcher| launcher.rank);
    if announced.is_some_and(|announced| announced != rank) {
        return Err(format!("the launcher said rank {announced:?}, the library says {rank}").into());
    }
    let by = launcher.map_or("nobody".to_owned(), |launcher| launcher.to_string());
    println!("rank {rank} of {size} by {by}\n");
    mpi.finalize()?;
    Ok(())
}
