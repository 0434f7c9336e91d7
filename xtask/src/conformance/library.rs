//! The libraries that a suite runs on, and how a program gets at each: through `libmpi_abi.so.1` of ours, or natively.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::environment;
use crate::failure::{Doing, Failure, Outcome};
use crate::mpis::Mpi;
use crate::setup::abi_mpi4py;
use crate::workspace::Workspace;

/// What the file that a program of the standard ABI needs is called.
const ABI_SONAME: &str = "libmpi_abi.so.1";

/// Settings of whoever runs the task that would decide what the suite sees.
const NOT_INHERITED: [&str; 8] = [
    "ANYMPI",
    "ANYMPI_VERBOSE",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "MPI4PY_MPIABI",
    "MPI4PY_LIBMPI",
    "PYTHONHOME",
    "VIRTUAL_ENV",
];

/// What the suite needs on Intel MPI, and the other tests do not.
const INTEL: [(&str, &str); 4] = [
    // Ports and spawned processes need a network: without one Intel MPI crashes in MPI_Open_port.
    ("I_MPI_FABRICS", "shm:ofi"),
    ("FI_PROVIDER", "tcp"),
    ("FI_TCP_IFACE", "lo"),
    // The suite skips everything that spawns on Intel MPI unless mpi4py is told to receive without matched probes.
    ("MPI4PY_RC_RECV_MPROBE", "0"),
];

/// Which way a program gets at a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Built for the standard ABI, through our `libmpi_abi.so.1`.
    Ours,
    /// As without this project: mpi4py's wheel for a classic library, mpi4py of the standard ABI for the others.
    Native,
}

impl Way {
    /// As in the names of logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Native => "native",
        }
    }
}

/// One library: a classic one, or the one with the standard ABI beside it.
#[derive(Clone, Debug)]
pub struct Library {
    /// What the record and the tables call it: the name of its MPI, with `-abi` for the standard ABI.
    pub name: String,
    /// The MPI that it belongs to.
    pub mpi: Mpi,
    /// Its file.
    pub file: PathBuf,
    /// Whether it has the standard ABI.
    standard: bool,
}

/// Every library of `mpis`.
pub fn of(mpis: &[Mpi]) -> Vec<Library> {
    let mut libraries = Vec::new();
    for mpi in mpis {
        libraries.push(Library {
            name: mpi.name.clone(),
            mpi: mpi.clone(),
            file: mpi.library.clone(),
            standard: false,
        });
        libraries.extend(mpi.abi_library.iter().map(|file| Library {
            name: format!("{}-abi", mpi.name),
            mpi: mpi.clone(),
            file: file.clone(),
            standard: true,
        }));
    }
    libraries
}

impl Library {
    /// The launcher with `ranks` ranks of the virtual environment's Python, with mpi4py on this library. Links that this
    /// needs are put into `links`, an empty directory that must stay as long as the processes.
    pub fn python(&self, workspace: &Workspace, way: Way, ranks: usize, links: &Path) -> Outcome<Command> {
        let mut command = Command::new(&self.mpi.launcher);
        command.args(&self.mpi.launcher_arguments).args(["-n", &ranks.to_string()]).arg(workspace.python());
        for name in NOT_INHERITED {
            command.env_remove(name);
        }
        command.envs(&self.mpi.environment);
        if self.mpi.backend == "intel" {
            command.envs(INTEL);
        }

        let tests = abi_mpi4py::tests(workspace);
        let site = abi_mpi4py::site(workspace);
        let beside = self.file.parent().unwrap_or(Path::new("/"));
        // The tests too: functions of theirs are unpickled in processes that they spawn.
        let (packages, libraries) = match (way, self.standard) {
            (Way::Ours, _) => {
                link(&our_library(workspace), &links.join(ABI_SONAME))?;
                command.env(environment::ANYMPI, &self.file);
                (paths(&[&site, &tests])?, paths(&[links])?)
            }
            (Way::Native, true) => (paths(&[&site, &tests])?, paths(&[beside])?),
            (Way::Native, false) => {
                let (abi, soname) = match self.mpi.backend.as_str() {
                    "openmpi" => ("openmpi", "libmpi.so.40"),
                    _ => ("mpich", "libmpi.so.12"),
                };
                command.env("MPI4PY_MPIABI", abi);
                let libraries = if self.file.file_name().is_some_and(|name| name == soname) {
                    // Not by a link: a library may look for others beside the name that it was loaded by.
                    beside
                } else {
                    // Debian has MPICH under another name than the one that mpi4py's wheel needs.
                    link(&self.file, &links.join(soname))?;
                    links
                };
                (paths(&[&tests])?, paths(&[libraries])?)
            }
        };
        command.env("PYTHONPATH", packages).env("LD_LIBRARY_PATH", libraries);
        Ok(command)
    }

    /// What MPI_Get_library_version says first, where the version is one that set-up chose.
    pub fn pinned_version(&self) -> Option<String> {
        let name =
            self.mpi.announces.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        Some(format!("{name}{}", self.mpi.version.as_ref()?))
    }

    /// An error unless the MPI libraries in `files`, those of a process, are the ones that were meant.
    pub fn check(&self, workspace: &Workspace, way: Way, files: &[PathBuf]) -> Outcome<()> {
        let has = |library: &Path| {
            // A library that is not there is none of a process: ours is not built for native runs.
            library.canonicalize().is_ok_and(|library| {
                files.iter().any(|file| file.canonicalize().is_ok_and(|file| file == library))
            })
        };
        if has(&self.file) && has(&our_library(workspace)) == (way == Way::Ours) {
            return Ok(());
        }
        Err(Failure::new(format!(
            "the suite ran with {}, where {} {} was meant",
            files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", "),
            self.file.display(),
            match way {
                Way::Ours => "through our libmpi_abi.so.1",
                Way::Native => "alone",
            }
        )))
    }
}

/// The library under test.
fn our_library(workspace: &Workspace) -> PathBuf {
    workspace.programs().join("libmpi_abi.so")
}

fn link(target: &Path, name: &Path) -> Outcome<()> {
    symlink(target, name).doing("make the link", name)
}

fn paths(directories: &[&Path]) -> Outcome<OsString> {
    std::env::join_paths(directories)
        .map_err(|error| Failure::new(format!("cannot put a directory on a path: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mpi(root: &Path) -> Mpi {
        Mpi {
            name: "mpich5".into(),
            backend: "mpich".into(),
            version: None,
            prefix: None,
            library: root.join("lib/libmpi.so.12"),
            abi_library: Some(root.join("lib/libmpi_abi.so.1")),
            launcher: "mpiexec".into(),
            launcher_arguments: Vec::new(),
            environment: [].into(),
            announces: "MPICH".into(),
        }
    }

    fn variable(command: &Command, name: &str) -> Option<String> {
        let (_, value) = command.get_envs().find(|(key, _)| *key == name)?;
        value.map(|value| value.to_string_lossy().into_owned())
    }

    #[test]
    fn an_mpi_with_two_abis_is_two_libraries() {
        let libraries = of(&[mpi(Path::new("/mpi"))]);
        let names: Vec<&str> = libraries.iter().map(|library| library.name.as_str()).collect();
        assert_eq!(names, ["mpich5", "mpich5-abi"]);
        assert_eq!(libraries[1].file, Path::new("/mpi/lib/libmpi_abi.so.1"));
    }

    #[test]
    fn a_pinned_version_is_known_without_the_library() {
        let mpi = Mpi {
            version: Some("5.0.2".into()),
            announces: "MPICH Version: 5.".into(),
            ..mpi(Path::new("/"))
        };
        assert_eq!(of(&[mpi])[0].pinned_version().as_deref(), Some("MPICH Version: 5.0.2"));
    }

    #[test]
    fn each_way_has_the_packages_and_libraries_that_belong_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let workspace = Workspace { root: directory.path().into(), target: directory.path().join("target") };
        let libraries = of(&[mpi(Path::new("/mpi"))]);
        let command = |library: &Library, way| {
            let links = tempfile::tempdir().unwrap();
            library.python(&workspace, way, 2, links.path()).unwrap()
        };
        let ours = command(&libraries[0], Way::Ours);
        assert_eq!(variable(&ours, "ANYMPI").as_deref(), Some("/mpi/lib/libmpi.so.12"));
        assert!(variable(&ours, "PYTHONPATH").unwrap().contains("mpi4py-abi/site:"));
        assert!(!variable(&ours, "LD_LIBRARY_PATH").unwrap().contains("/mpi/lib"));

        let classic = command(&libraries[0], Way::Native);
        assert_eq!(variable(&classic, "ANYMPI"), None);
        assert_eq!(variable(&classic, "MPI4PY_MPIABI").as_deref(), Some("mpich"));
        assert!(!variable(&classic, "PYTHONPATH").unwrap().contains("site"));

        let standard = command(&libraries[1], Way::Native);
        assert_eq!(variable(&standard, "LD_LIBRARY_PATH").as_deref(), Some("/mpi/lib"));
        assert!(variable(&standard, "PYTHONPATH").unwrap().contains("mpi4py-abi/site:"));
    }

    #[test]
    fn another_library_than_the_one_meant_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let workspace = Workspace { root: root.into(), target: root.join("target") };
        let library = &of(&[mpi(root)])[0];
        let ours = our_library(&workspace);
        for file in [&library.file, &ours] {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let both = [library.file.clone(), ours.clone()];
        library.check(&workspace, Way::Ours, &both).unwrap();
        library.check(&workspace, Way::Native, &both[..1]).unwrap();
        library.check(&workspace, Way::Native, &both).unwrap_err();
        library.check(&workspace, Way::Ours, &both[..1]).unwrap_err();
        let error = library.check(&workspace, Way::Ours, &both[1..]).unwrap_err().to_string();
        assert!(error.contains("through our libmpi_abi.so.1 was meant"), "{error}");
    }
}
