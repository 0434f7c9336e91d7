//! `anympi run`: a program under the launcher that belongs to the MPI that is chosen.
//!
//! This process becomes the launcher by exec, so signals reach it and its exit code is the caller's, with nobody between.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anympi::{Candidate, Family, SearchPaths};
use anympi_launch::{Launch, LauncherCommand, launcher_of};

use crate::choice::Choice;
use crate::failure::Failure;
use crate::kit::Kit;
use crate::options::Run;
use crate::variables::{ANYMPI, LD_LIBRARY_PATH, MPI4PY_MPIABI};

/// What the processes get, on other machines too.
const EXPORTED: &[&str] = &[ANYMPI, LD_LIBRARY_PATH, MPI4PY_MPIABI, "PATH"];

/// Becomes the launcher.
pub fn run(arguments: &Run) -> Result<ExitCode, Failure> {
    let choice = Choice::of(arguments.mpi.as_deref())?;
    let registry = anympi::registry();
    let candidate = registry
        .choose(&choice.selection, &SearchPaths::from_environment(), None)?
        .ok_or(Failure::NoMpi { doing: "start the program" })?;
    let launcher = launcher_of(&candidate.image)?;
    if launcher.refuses_root() && !arguments.allow_run_as_root {
        return Err(Failure::Root { launcher: launcher.path });
    }
    let mut launch = Launch::of(arguments.n);
    launch.exported = EXPORTED.iter().map(|name| (*name).to_owned()).collect();
    if let Some(text) = &arguments.mpi_args {
        let words = anympi_launch::words(text).ok_or_else(|| Failure::OpenQuote { text: text.clone() })?;
        launch.arguments = words.into_iter().map(OsString::from).collect();
    }
    let mut command = command(&candidate, &launcher, &launch);
    if arguments.allow_run_as_root {
        launcher.allow_root(&mut command);
    }
    command.args(&arguments.program);
    if arguments.verbose {
        eprintln!(
            "anympi: {} starts {} processes on {}",
            launcher.path.display(),
            arguments.n,
            candidate.selection()
        );
    }
    Err(Failure::Run { program: launcher.path, source: command.exec() })
}

/// The launcher with its own arguments and what its processes inherit.
fn command(candidate: &Candidate, launcher: &LauncherCommand, launch: &Launch) -> Command {
    let mut command = launcher.command(launch);
    command.env(ANYMPI, candidate.selection());
    // Without the kit a program that was not built for the standard ABI runs all the same.
    let kit = Kit::find().ok().map(|kit| kit.library_directory());
    let known = std::env::var_os(LD_LIBRARY_PATH);
    if let Some(path) = library_path(kit, &candidate.image.path, known.as_deref()) {
        command.env(LD_LIBRARY_PATH, path);
    }
    if std::env::var_os(MPI4PY_MPIABI).is_none() {
        let module = match candidate.image.family {
            Family::OpenMpi => "openmpi",
            Family::Mpich => "mpich",
            Family::Abi => "mpiabi",
        };
        command.env(MPI4PY_MPIABI, module);
    }
    command
}

/// Our library first; then the chosen one, for programs that are linked to a library of its family.
fn library_path(kit: Option<PathBuf>, library: &Path, known: Option<&OsStr>) -> Option<OsString> {
    let own = library.parent().filter(|directory| !is_of_the_system(directory)).map(Path::to_owned);
    let known = known.filter(|known| !known.is_empty()).into_iter().flat_map(std::env::split_paths);
    let directories: Vec<PathBuf> = kit.into_iter().chain(own).chain(known).collect();
    if directories.is_empty() { None } else { std::env::join_paths(directories).ok() }
}

/// Whether the dynamic linker looks there by itself. Naming such a directory would put all of its libraries before those
/// that a program brings.
fn is_of_the_system(directory: &Path) -> bool {
    let usual = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"].map(Path::new);
    let multiarch = directory.file_name().is_some_and(|name| name.to_string_lossy().ends_with("-linux-gnu"));
    usual.contains(&directory) || multiarch && directory.parent().is_some_and(|above| usual.contains(&above))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_library_comes_first_and_the_system_is_left_alone() {
        let path = |library: &str, known: Option<&str>| {
            library_path(Some("/kit".into()), Path::new(library), known.map(OsStr::new)).unwrap()
        };
        assert_eq!(path("/opt/mpi/lib/libmpi.so.12", Some("/a:/b")), "/kit:/opt/mpi/lib:/a:/b");
        assert_eq!(path("/usr/lib/x86_64-linux-gnu/libmpi.so.40", None), "/kit");
        assert_eq!(path("/usr/lib64/openmpi/lib/libmpi.so.40", Some("")), "/kit:/usr/lib64/openmpi/lib");
        assert_eq!(library_path(None, Path::new("/usr/lib/libmpi.so.40"), None), None);
    }
}
