//! Which mpirun belongs to a library: looked for where the library is installed, and asked who it is before it is trusted.
//!
//! Names prove nothing: `mpirun` in a shared bin directory may be anybody's, and the `mpirun` script of Intel's wheel runs
//! whatever `mpiexec.hydra` the PATH holds. So every candidate is asked for its version, and one of another family is refused.

use crate::command::LauncherCommand;
use crate::kind::LauncherKind;
use crate::variables::{OPAL_PREFIX, describes_a_job};
use anympi_core::{Family, Image, Vendor};
use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a launcher may take to say its version.
const PATIENCE: Duration = Duration::from_secs(20);

/// A launcher that was looked at and not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Where it is.
    pub path: PathBuf,
    /// Why it was not taken.
    pub reason: String,
}

/// No launcher of a library could be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct LauncherNotFound {
    /// The library.
    pub library: PathBuf,
    /// Directories that were searched.
    pub directories: Vec<PathBuf>,
    /// What was found there, and why it was not taken.
    pub tried: Vec<Tried>,
}

impl fmt::Display for LauncherNotFound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "no mpirun or mpiexec that belongs to {} was found", self.library.display())?;
        for (index, tried) in self.tried.iter().enumerate() {
            write!(
                formatter,
                "{}{} {}",
                if index == 0 { "; " } else { ", " },
                tried.path.display(),
                tried.reason
            )?;
        }
        let directories: Vec<_> = self.directories.iter().map(|path| path.display().to_string()).collect();
        write!(formatter, " (searched {})", directories.join(", "))
    }
}

/// The launcher that belongs to a library: beside it in its installation prefix, else one of the same maker in the PATH.
///
/// Runs the candidates with `--version`, nothing else.
///
/// # Errors
///
/// [`LauncherNotFound`] with each directory searched and each candidate refused.
pub fn launcher_of(image: &Image) -> Result<LauncherCommand, LauncherNotFound> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    launcher_in(image, std::env::split_paths(&path).collect())
}

fn launcher_in(image: &Image, search_path: Vec<PathBuf>) -> Result<LauncherCommand, LauncherNotFound> {
    let mut tried = Vec::new();
    let mut directories = Vec::new();
    let mut seen = BTreeSet::new();
    for directory in installation_directories(&image.path).into_iter().chain(search_path) {
        if !directory.is_absolute() || !seen.insert(directory.clone()) || !directory.is_dir() {
            continue;
        }
        for name in names(image) {
            let candidate = directory.join(name);
            if !is_executable(&candidate) {
                continue;
            }
            match identify(&candidate) {
                Ok(launcher) if belongs(launcher.kind, image) => return Ok(launcher),
                Ok(launcher) => {
                    tried.push(Tried { path: candidate, reason: format!("is {}", launcher.kind) })
                }
                Err(reason) => tried.push(Tried { path: candidate, reason }),
            }
        }
        directories.push(directory);
    }
    Err(LauncherNotFound { library: image.path.clone(), directories, tried })
}

/// `bin` of each directory above the library, nearest first: covers `prefix/lib`, `prefix/lib64`,
/// `prefix/lib/x86_64-linux-gnu/openmpi/lib`. The path as given comes before what its symbolic links lead to.
fn installation_directories(library: &Path) -> Vec<PathBuf> {
    let real = library.canonicalize().ok();
    let paths = std::iter::once(library.to_owned()).chain(real);
    paths
        .flat_map(|path| {
            let above: Vec<_> =
                path.ancestors().skip(1).take(6).map(|directory| directory.join("bin")).collect();
            above
        })
        .filter(|directory| directory != Path::new("/bin"))
        .collect()
}

/// Names under which the launcher of a library may be installed, the most telling first.
fn names(image: &Image) -> &'static [&'static str] {
    match (image.vendor, image.family) {
        (Vendor::OpenMpi, _) | (Vendor::Other, Family::OpenMpi) => {
            &["mpirun.openmpi", "mpirun", "mpiexec.openmpi", "mpiexec", "orterun"]
        }
        (Vendor::Intel, _) => &["mpiexec.hydra", "mpiexec"],
        _ => &["mpiexec.hydra", "mpiexec.mpich", "mpirun.mpich", "mpiexec", "mpirun", "mpiexec.gforker"],
    }
}

fn belongs(kind: LauncherKind, image: &Image) -> bool {
    match image.vendor {
        Vendor::Other => kind.serves(image) != Some(false),
        vendor => kind.vendor() == Some(vendor),
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// What a launcher says of itself when it is run with `--version`.
///
/// # Errors
///
/// Why that is not known, as the end of a sentence.
pub fn identify(path: &Path) -> Result<LauncherCommand, String> {
    let text = version_text(path)?;
    let (kind, version) =
        recognise(&text, path).ok_or_else(|| "does not say that it is a launcher of MPI".to_owned())?;
    Ok(LauncherCommand::new(path.to_owned(), kind, version))
}

fn version_text(path: &Path) -> Result<String, String> {
    let mut command = Command::new(path);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| describes_a_job(name) || name == OPAL_PREFIX) {
            command.env_remove(name);
        }
    }
    let mut child = command.spawn().map_err(|error| format!("cannot be run: {error}"))?;
    let Some(mut output) = child.stdout.take() else { return Err("has no output".to_owned()) };
    // The text is far smaller than a pipe's buffer, so the program ends whether or not it is read meanwhile.
    let start = Instant::now();
    while matches!(child.try_wait(), Ok(None)) {
        if start.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("did not answer --version within {} s", PATIENCE.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut text = Vec::new();
    output
        .by_ref()
        .take(64 * 1024)
        .read_to_end(&mut text)
        .map_err(|error| format!("cannot be read: {error}"))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Reads the answers to `--version`; MPICH's gforker has none, but nobody else has its name.
fn recognise(text: &str, path: &Path) -> Option<(LauncherKind, String)> {
    if text.contains("Intel(R) MPI Library") {
        return Some((LauncherKind::IntelHydra, word_after(text, "Version ")));
    }
    if text.contains("HYDRA build details") {
        return Some((LauncherKind::MpichHydra, word_after(text, "Version:")));
    }
    for marker in ["(OpenRTE) ", "(Open MPI) "] {
        if text.contains(marker) {
            let version = word_after(text, marker);
            let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok())?;
            return Some((if major < 5 { LauncherKind::OpenMpi4 } else { LauncherKind::OpenMpi5 }, version));
        }
    }
    if path.file_name().is_some_and(|name| name == "mpiexec.gforker") {
        return Some((LauncherKind::MpichGforker, String::new()));
    }
    None
}

fn word_after(text: &str, marker: &str) -> String {
    let rest = text.split_once(marker).map_or("", |(_, rest)| rest);
    rest.split_whitespace().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn image(path: &Path, family: Family, vendor: Vendor) -> Image {
        Image { path: path.to_owned(), soname: None, family, vendor }
    }

    fn program(path: &Path, says: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\ncat <<'END'\n{says}\nEND\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    const OPEN_MPI_4: &str =
        "mpirun.openmpi (OpenRTE) 4.1.4\n\nReport bugs to http://www.open-mpi.org/community/help/";
    const OPEN_MPI_5: &str =
        "mpirun (Open MPI) 5.0.11\n\nReport bugs to https://www.open-mpi.org/community/help/";
    const HYDRA: &str =
        "HYDRA build details:\n    Version:                                 5.0.2\n    Release Date: x";
    const INTEL: &str =
        "Intel(R) MPI Library for Linux* OS, Version 2021.18.1 Build 20260626 (id: b44796a)\nCopyright";

    #[test]
    fn each_answer_is_recognised() {
        let path = Path::new("/x/bin/mpirun");
        let of = |text: &str| recognise(text, path).unwrap();
        assert_eq!(of(OPEN_MPI_4), (LauncherKind::OpenMpi4, "4.1.4".into()));
        assert_eq!(of(OPEN_MPI_5), (LauncherKind::OpenMpi5, "5.0.11".into()));
        assert_eq!(of(HYDRA), (LauncherKind::MpichHydra, "5.0.2".into()));
        assert_eq!(of(INTEL), (LauncherKind::IntelHydra, "2021.18.1".into()));
        assert_eq!(recognise("usage: mpirun", path), None);
        assert_eq!(recognise("", Path::new("/x/bin/mpiexec.gforker")).unwrap().0, LauncherKind::MpichGforker);
    }

    #[test]
    fn the_launcher_of_the_prefix_is_taken() {
        let prefix = tempfile::tempdir().unwrap();
        program(&prefix.path().join("bin/mpirun"), OPEN_MPI_5);
        let library = prefix.path().join("lib/libmpi.so.40");
        let found = launcher_in(&image(&library, Family::OpenMpi, Vendor::OpenMpi), vec![]).unwrap();
        assert_eq!(found.path, prefix.path().join("bin/mpirun"));
        assert_eq!(found.kind, LauncherKind::OpenMpi5);
        assert_eq!(found.version, "5.0.11");
    }

    #[test]
    fn a_shared_bin_directory_gives_each_library_its_own() {
        let prefix = tempfile::tempdir().unwrap();
        program(&prefix.path().join("bin/mpirun"), OPEN_MPI_4);
        program(&prefix.path().join("bin/mpiexec"), OPEN_MPI_4);
        program(&prefix.path().join("bin/mpirun.mpich"), HYDRA);
        let library = prefix.path().join("lib/x86_64-linux-gnu/libmpich.so.12");
        let found = launcher_in(&image(&library, Family::Mpich, Vendor::Mpich), vec![]).unwrap();
        assert_eq!(found.path, prefix.path().join("bin/mpirun.mpich"));
        let library = prefix.path().join("lib/x86_64-linux-gnu/openmpi/lib/libmpi.so.40");
        let found = launcher_in(&image(&library, Family::OpenMpi, Vendor::OpenMpi), vec![]).unwrap();
        assert_eq!(found.path, prefix.path().join("bin/mpirun"));
    }

    #[test]
    fn one_of_another_family_is_refused_and_named() {
        let prefix = tempfile::tempdir().unwrap();
        program(&prefix.path().join("bin/mpiexec"), OPEN_MPI_5);
        let library = prefix.path().join("lib/libmpi.so.12");
        let elsewhere = tempfile::tempdir().unwrap();
        program(&elsewhere.path().join("mpiexec"), INTEL);
        let mpich = image(&library, Family::Mpich, Vendor::Mpich);
        let error = launcher_in(&mpich, vec![elsewhere.path().to_owned()]).unwrap_err();
        assert_eq!(error.tried.len(), 2);
        let text = error.to_string();
        assert!(text.contains("is Open MPI 5's mpirun") && text.contains("is Intel MPI's mpiexec"), "{text}");
        assert!(!text.contains('\n'));
    }

    #[test]
    fn the_path_is_searched_last() {
        let prefix = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        program(&elsewhere.path().join("mpiexec"), HYDRA);
        let library = prefix.path().join("lib/libmpi.so.12");
        let mpich = image(&library, Family::Mpich, Vendor::Mpich);
        let search = vec![elsewhere.path().to_owned()];
        assert_eq!(launcher_in(&mpich, search.clone()).unwrap().path, elsewhere.path().join("mpiexec"));
        program(&prefix.path().join("bin/mpiexec.hydra"), HYDRA);
        assert_eq!(launcher_in(&mpich, search).unwrap().path, prefix.path().join("bin/mpiexec.hydra"));
    }

    #[test]
    fn a_library_of_an_unknown_maker_takes_what_may_serve_it() {
        let prefix = tempfile::tempdir().unwrap();
        program(&prefix.path().join("bin/mpiexec"), HYDRA);
        let library = prefix.path().join("lib/libmpi.so.12");
        assert!(launcher_in(&image(&library, Family::Mpich, Vendor::Other), vec![]).is_ok());
        assert!(launcher_in(&image(&library, Family::OpenMpi, Vendor::Other), vec![]).is_err());
    }
}
