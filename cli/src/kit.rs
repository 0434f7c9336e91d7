//! What a developer builds with: a directory with `bin/mpicc`, `include/mpi.h` and `lib/libmpi_abi.so.1`, the shape in
//! which build systems expect an MPI.
//!
//! Installed, `PREFIX/bin/anympi` has it in `PREFIX/lib/anympi`. Where cargo has built the programs, or where they lie
//! together in one directory, it is made on first use in the directory `mpi` beside them: links, and a copy of the
//! header that this program carries.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The name of the library, which is its soname too.
pub const LIBRARY: &str = "libmpi_abi.so.1";

/// The header.
const HEADER: &str = include_str!("../../abi/include/mpi.h");

/// The directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kit {
    /// It holds `bin`, `include` and `lib`.
    pub prefix: PathBuf,
}

impl Kit {
    /// The kit of this program.
    pub fn find() -> Result<Self, Failure> {
        let this = std::env::current_exe().map_err(Failure::Lost)?;
        Self::of_program(&this.canonicalize().map_err(Failure::Lost)?)
    }

    /// The kit of a program with that path.
    fn of_program(program: &Path) -> Result<Self, Failure> {
        let directory = program.parent().unwrap_or(Path::new("/"));
        let installed = directory.parent().unwrap_or(directory).join("lib/anympi");
        if installed.join("lib").join(LIBRARY).exists() {
            return Ok(Self { prefix: installed });
        }
        // What cargo builds has the name without the number.
        let library = ["libmpi_abi.so", LIBRARY].into_iter().find(|name| directory.join(name).is_file());
        let Some(library) = library else {
            return Err(Failure::NoKit { installed: installed.join("lib"), beside: directory.to_owned() });
        };
        let kit = Self { prefix: directory.join("mpi") };
        kit.make(program, library).map_err(|source| Failure::Kit { prefix: kit.prefix.clone(), source })?;
        Ok(kit)
    }

    /// Where `mpi.h` is.
    pub fn include(&self) -> PathBuf {
        self.prefix.join("include")
    }

    /// Where `libmpi_abi.so.1` is.
    pub fn library_directory(&self) -> PathBuf {
        self.prefix.join("lib")
    }

    /// Makes what is missing or was made by another version.
    fn make(&self, program: &Path, library: &str) -> io::Result<()> {
        for directory in ["bin", "include", "lib"] {
            std::fs::create_dir_all(self.prefix.join(directory))?;
        }
        let name = program.file_name().unwrap_or("anympi".as_ref());
        link(&Path::new("../..").join(name), &self.prefix.join("bin/mpicc"))?;
        link(&Path::new("../..").join(library), &self.prefix.join("lib").join(LIBRARY))?;
        link(Path::new(LIBRARY), &self.prefix.join("lib/libmpi_abi.so"))?;
        let header = self.prefix.join("include/mpi.h");
        if std::fs::read_to_string(&header).is_ok_and(|text| text == HEADER) {
            return Ok(());
        }
        replace(&header, |new| std::fs::write(new, HEADER))
    }
}

/// A link of that name to that place.
fn link(place: &Path, name: &Path) -> io::Result<()> {
    if std::fs::read_link(name).is_ok_and(|known| known == place) {
        return Ok(());
    }
    replace(name, |new| symlink(place, new))
}

/// Makes a file beside the one of that name and moves it there, since another process may be about to do the same.
fn replace(name: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut new = name.as_os_str().to_owned();
    new.push(format!(".{}", std::process::id()));
    let new = PathBuf::from(new);
    make(&new)?;
    std::fs::rename(&new, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    #[test]
    fn an_installed_program_has_its_kit_in_its_prefix() {
        let prefix = tempfile::tempdir().unwrap();
        let program = prefix.path().join("bin/anympi");
        touch(&program);
        touch(&prefix.path().join("lib/anympi/lib").join(LIBRARY));
        let kit = Kit::of_program(&program).unwrap();
        assert_eq!(kit.prefix, prefix.path().join("lib/anympi"));
    }

    #[test]
    fn a_built_program_makes_its_kit_and_mends_it() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("anympi");
        touch(&program);
        touch(&directory.path().join("libmpi_abi.so"));
        let kit = Kit::of_program(&program).unwrap();
        let same = |link: &str, file: &str| {
            assert_eq!(
                kit.prefix.join(link).canonicalize().unwrap(),
                directory.path().join(file).canonicalize().unwrap()
            );
        };
        same("bin/mpicc", "anympi");
        same("lib/libmpi_abi.so.1", "libmpi_abi.so");
        same("lib/libmpi_abi.so", "libmpi_abi.so");
        let header = kit.include().join("mpi.h");
        std::fs::write(&header, "old").unwrap();
        assert_eq!(Kit::of_program(&program).unwrap(), kit);
        assert_eq!(std::fs::read_to_string(&header).unwrap(), HEADER);
        assert_eq!(std::fs::read_dir(kit.include()).unwrap().count(), 1);
    }

    #[test]
    fn without_the_library_both_places_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("bin/anympi");
        touch(&program);
        let error = Kit::of_program(&program).unwrap_err().to_string();
        assert!(error.contains("lib/anympi/lib") && error.contains("bin"), "{error}");
    }
}
