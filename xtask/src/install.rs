//! Installing what was built below a prefix, where everything finds everything:
//!
//! ```text
//! PREFIX/bin/                     the programs, and the extension module that ipengine loads
//! PREFIX/lib/anympi/bin/mpicc     the compiler wrapper, a link to the program anympi
//! PREFIX/lib/anympi/include/mpi.h
//! PREFIX/lib/anympi/lib/libmpi_abi.so.1
//! ```

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::build;
use crate::failure::{Doing, Outcome};
use crate::workspace::Workspace;

/// What goes into `bin`.
const PROGRAMS: [&str; 6] =
    ["anympi", "anympi-behave", "ipcluster", "ipcontroller", "ipengine", "libanympi_python.so"];

/// Builds and installs.
pub fn run(workspace: &Workspace, prefix: &Path) -> Outcome<()> {
    build::everything(workspace)?;
    install(&workspace.programs(), &workspace.root.join("abi/include/mpi.h"), prefix)?;
    println!("installed into {}; add {} to PATH", prefix.display(), prefix.join("bin").display());
    Ok(())
}

fn install(built: &Path, header: &Path, prefix: &Path) -> Outcome<()> {
    let kit = prefix.join("lib/anympi");
    for directory in ["bin", "include", "lib"] {
        let directory = kit.join(directory);
        fs::create_dir_all(&directory).doing("make", &directory)?;
    }
    let bin = prefix.join("bin");
    fs::create_dir_all(&bin).doing("make", &bin)?;
    for program in PROGRAMS {
        copy(&built.join(program), &bin.join(program))?;
    }
    copy(&built.join("libmpi_abi.so"), &kit.join("lib/libmpi_abi.so.1"))?;
    copy(header, &kit.join("include/mpi.h"))?;
    link("../../../bin/anympi", &kit.join("bin/mpicc"))?;
    link("libmpi_abi.so.1", &kit.join("lib/libmpi_abi.so"))
}

/// Copies beside the place and moves it there: a running program keeps the file that it has.
fn copy(from: &Path, to: &Path) -> Outcome<()> {
    let beside = to.with_extension("new");
    fs::copy(from, &beside).doing("copy", from)?;
    fs::rename(&beside, to).doing("write", to)
}

fn link(place: &str, name: &Path) -> Outcome<()> {
    let beside = name.with_extension("new");
    // A leftover of an installation that was interrupted; there usually is none.
    let _ = fs::remove_file(&beside);
    symlink(place, &beside).doing("make", name)?;
    fs::rename(&beside, name).doing("make", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_installation_replaces_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let (built, prefix) = (directory.path().join("built"), directory.path().join("prefix"));
        fs::create_dir(&built).unwrap();
        let header = built.join("mpi.h");
        for text in ["1", "2"] {
            for name in PROGRAMS.iter().chain(&["libmpi_abi.so", "mpi.h"]) {
                fs::write(built.join(name), text).unwrap();
            }
            install(&built, &header, &prefix).unwrap();
            for name in [
                "bin/ipengine",
                "lib/anympi/bin/mpicc",
                "lib/anympi/include/mpi.h",
                "lib/anympi/lib/libmpi_abi.so",
            ] {
                assert_eq!(fs::read_to_string(prefix.join(name)).unwrap(), text, "{name}");
            }
        }
        assert_eq!(fs::read_dir(prefix.join("lib/anympi/lib")).unwrap().count(), 2);
    }
}
