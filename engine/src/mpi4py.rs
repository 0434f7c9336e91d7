//! Which MPI a mpi4py was built for, told from its files: to import it would decide what is to be decided here.
//!
//! A wheel has one extension module per ABI family, `MPI.mpich.*.so` and `MPI.openmpi.*.so`, and picks one when it is
//! imported. A build of one's own has one, `MPI.*.so`, which needs the library that it was linked to.

use std::fs;
use std::path::{Path, PathBuf};

use anympi::Family;

/// The variable by which mpi4py is told which of its modules to load.
pub const MPI4PY_MPIABI: &str = "MPI4PY_MPIABI";

/// The soname of the standard ABI's library.
const STANDARD: &str = "libmpi_abi.so.1";

/// What mpi4py calls the ABI of a family.
#[must_use]
pub fn name_of(family: Family) -> &'static str {
    match family {
        Family::OpenMpi => "openmpi",
        Family::Mpich => "mpich",
        Family::Abi => "mpiabi",
    }
}

/// Whether the mpi4py in these directories of one package is to be given the standard ABI for a library of this family:
/// it has a module for the standard ABI, and none for the family itself.
#[must_use]
pub fn wants_standard_abi(package: &[PathBuf], family: Family) -> bool {
    let modules: Vec<PathBuf> = package.iter().flat_map(|directory| extension_modules(directory)).collect();
    let own = format!("MPI.{}.", name_of(family));
    let for_family =
        family != Family::Abi && modules.iter().any(|module| file_name(module).starts_with(&own));
    !for_family && modules.iter().any(|module| is_standard(module))
}

fn extension_modules(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| file_name(path).starts_with("MPI.") && file_name(path).ends_with(".so")).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_standard(module: &Path) -> bool {
    anympi::needed(module).is_ok_and(|names| names.iter().any(|name| name == STANDARD))
}

/// The library of the standard ABI that belongs to this engine: beside its extension module, as it is built, or where an
/// installation has it.
#[must_use]
pub fn our_library(module: &Path) -> Option<PathBuf> {
    let directory = module.parent()?;
    let names = [STANDARD, "libmpi_abi.so", "../lib/anympi/lib/libmpi_abi.so.1"];
    names.iter().map(|name| directory.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::process::Command;

    /// A package with these modules, each of which needs a library.
    fn package(modules: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (module, needs) in modules {
            let at = |name: &str| directory.path().join(name);
            let build = |arguments: &[&str], output: &Path| {
                let mut command = Command::new("cc");
                command.args(["-shared", "-nostdlib", "-x", "c", "/dev/null", "-o"]).arg(output);
                assert!(
                    command
                        .args(["-Wl,--no-as-needed", "-x", "none"])
                        .args(arguments)
                        .status()
                        .unwrap()
                        .success()
                );
            };
            build(&[&format!("-Wl,-soname,{needs}")], &at(needs));
            build(&[at(needs).to_str().unwrap()], &at(module));
        }
        directory
    }

    #[test]
    fn our_library_is_beside_the_module_or_in_the_installation() {
        let prefix = tempfile::tempdir().unwrap();
        let module = prefix.path().join("bin/libanympi_python.so");
        assert_eq!(our_library(&module), None);
        for place in ["lib/anympi/lib/libmpi_abi.so.1", "bin/libmpi_abi.so"] {
            let file = prefix.path().join(place);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::create_dir_all(prefix.path().join("bin")).unwrap();
            fs::write(&file, "").unwrap();
            let found = our_library(&module).unwrap();
            assert_eq!(found.canonicalize().unwrap(), file.canonicalize().unwrap());
        }
    }

    #[test]
    fn a_wheel_serves_its_families() {
        let wheel = package(&[("MPI.mpich.so", "libmpi.so.12"), ("MPI.openmpi.so", "libmpi.so.40")]);
        for family in [Family::OpenMpi, Family::Mpich, Family::Abi] {
            assert!(!wants_standard_abi(&[wheel.path().to_owned()], family), "{family:?}");
        }
    }

    #[test]
    fn a_build_for_the_standard_serves_all() {
        let build = package(&[("MPI.cpython-311-x86_64-linux-gnu.so", "libmpi_abi.so.1")]);
        let both = package(&[("MPI.mpich.so", "libmpi.so.12"), ("MPI.mpiabi.so", "libmpi_abi.so.1")]);
        let native = package(&[("MPI.cpython-311-x86_64-linux-gnu.so", "libmpi.so.40")]);
        for family in [Family::OpenMpi, Family::Mpich, Family::Abi] {
            assert!(wants_standard_abi(&[build.path().to_owned()], family), "{family:?}");
            assert_eq!(wants_standard_abi(&[both.path().to_owned()], family), family != Family::Mpich);
            assert!(!wants_standard_abi(&[native.path().to_owned()], family), "{family:?}");
        }
        assert!(!wants_standard_abi(&[], Family::Abi));
    }
}
