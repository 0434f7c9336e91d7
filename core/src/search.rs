//! Where MPI libraries are looked for, and in which order.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// One directory, and why it is searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchDirectory {
    /// The directory.
    pub path: PathBuf,
    /// Why, in words that an error message can show.
    pub reason: String,
}

/// Environment variables that name an installation prefix of an MPI, in the order in which they are tried.
pub const PREFIX_VARIABLES: &[&str] = &[
    "MPI_HOME",
    "MPI_ROOT",
    "OPAL_PREFIX",
    "OPENMPI_HOME",
    "I_MPI_ROOT",
    "CRAY_MPICH_DIR",
    "MPICH_HOME",
    "MPICH_DIR",
];

/// The directories that are searched for MPI libraries, in order.
///
/// Order: the launcher's own prefix (see [`SearchPaths::prefer`]); the active virtual environment and conda prefix;
/// `.anympi/mpi/*` above the working directory and the program; [`PREFIX_VARIABLES`]; `LD_LIBRARY_PATH`; the prefixes
/// of `mpirun` and `mpiexec` on `PATH`; the system's directories.
#[derive(Clone, Debug, Default)]
pub struct SearchPaths {
    directories: Vec<SearchDirectory>,
}

impl SearchPaths {
    /// The search order of this process.
    #[must_use]
    pub fn from_environment() -> Self {
        let starts = [env::current_dir().ok(), env::current_exe().ok()];
        Self::from_variables(
            &|name| env::var_os(name).filter(|value| !value.is_empty()),
            starts.into_iter().flatten(),
        )
    }

    /// The search order under the given environment variables; `.anympi` is looked for above each of `starts`.
    pub fn from_variables(
        variable: &dyn Fn(&str) -> Option<OsString>,
        starts: impl IntoIterator<Item = PathBuf>,
    ) -> Self {
        let mut paths = Self::default();
        for (name, what) in
            [("VIRTUAL_ENV", "active virtual environment"), ("CONDA_PREFIX", "active conda environment")]
        {
            if let Some(prefix) = variable(name) {
                paths.add_prefix(Path::new(&prefix), what);
            }
        }
        for start in starts {
            paths.add_local_store(&start);
        }
        for name in PREFIX_VARIABLES {
            if let Some(prefix) = variable(name) {
                paths.add_prefix(Path::new(&prefix), name);
            }
        }
        if let Some(list) = variable("LD_LIBRARY_PATH") {
            for directory in env::split_paths(&list).filter(|path| path.is_absolute()) {
                paths.add(directory, "LD_LIBRARY_PATH");
            }
        }
        if let Some(list) = variable("PATH") {
            for directory in env::split_paths(&list).filter(|path| path.is_absolute()) {
                let holds_launcher = ["mpirun", "mpiexec"].iter().any(|name| directory.join(name).exists());
                if let (true, Some(prefix)) = (holds_launcher, directory.parent()) {
                    paths.add_prefix(prefix, "launcher on PATH");
                }
            }
        }
        for directory in SYSTEM_DIRECTORIES {
            paths.add(directory.into(), "system");
        }
        paths
    }

    /// Puts the libraries of one installation prefix first.
    #[must_use]
    pub fn prefer(mut self, prefix: &Path, reason: &str) -> Self {
        let mut first = Self::default();
        first.add_prefix(prefix, reason);
        let known = std::mem::take(&mut self.directories);
        for directory in known {
            first.add(directory.path, &directory.reason);
        }
        first
    }

    /// The directories, in order; only those that exist.
    #[must_use]
    pub fn directories(&self) -> &[SearchDirectory] {
        &self.directories
    }

    fn add(&mut self, path: PathBuf, reason: &str) {
        if path.is_dir() && !self.directories.iter().any(|known| known.path == path) {
            self.directories.push(SearchDirectory { path, reason: reason.to_owned() });
        }
    }

    fn add_prefix(&mut self, prefix: &Path, reason: &str) {
        for below in ["lib", "lib64", "lib/release"] {
            self.add(prefix.join(below), reason);
        }
        // Debian's multiarch directory belongs to the prefix /usr.
        for below in multiarch_directories() {
            self.add(prefix.join("lib").join(below), reason);
        }
    }

    fn add_local_store(&mut self, start: &Path) {
        let store = start.ancestors().map(|above| above.join(".anympi/mpi")).find(|store| store.is_dir());
        let Some(Ok(entries)) = store.map(std::fs::read_dir) else { return };
        let mut prefixes: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        prefixes.sort();
        for prefix in prefixes {
            self.add_prefix(&prefix, ".anympi");
        }
    }
}

fn multiarch_directories() -> &'static [&'static str] {
    match env::consts::ARCH {
        "x86_64" => &["x86_64-linux-gnu"],
        "aarch64" => &["aarch64-linux-gnu"],
        "powerpc64" => &["powerpc64le-linux-gnu"],
        "riscv64" => &["riscv64-linux-gnu"],
        _ => &[],
    }
}

const SYSTEM_DIRECTORIES: &[&str] = &[
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/powerpc64le-linux-gnu",
    "/usr/lib/riscv64-linux-gnu",
    "/usr/lib64/openmpi/lib",
    "/usr/lib64/mpich/lib",
    "/usr/lib64",
    "/usr/lib",
    "/opt/cray/pe/lib64",
    "/opt/intel/oneapi/mpi/latest/lib",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_documented_one() {
        let root = tempfile::tempdir().unwrap();
        let make = |below: &str| {
            let path = root.path().join(below);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let venv = make("venv/lib");
        let store = make("project/.anympi/mpi/mpich/lib");
        let home = make("home/lib");
        let loader = make("loader");
        let preferred = make("preferred/lib");
        let deep = make("project/a/b");
        let variable = |name: &str| match name {
            "VIRTUAL_ENV" => Some(root.path().join("venv").into_os_string()),
            "MPI_HOME" => Some(root.path().join("home").into_os_string()),
            "LD_LIBRARY_PATH" => Some(format!("{}:relative:{}", loader.display(), venv.display()).into()),
            _ => None,
        };
        let paths =
            SearchPaths::from_variables(&variable, [deep]).prefer(&root.path().join("preferred"), "launcher");
        let found: Vec<&Path> =
            paths.directories().iter().map(|directory| directory.path.as_path()).collect();
        assert_eq!(&found[..5], [&*preferred, &*venv, &*store, &*home, &*loader]);
    }
}
