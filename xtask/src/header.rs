//! `abi/include/mpi.h`: the header of the standard ABI, made from the list of functions and the constants of the core.
//!
//! Types, callbacks and sentinels that are not in the core are in `assets/mpi.h.in`; everything that the core knows is
//! taken from it, so that the header cannot say anything else. The file is checked in: whoever builds a program for the
//! ABI needs no Rust. A test proves it fresh.

mod constants;
mod functions;

use std::path::PathBuf;

use crate::failure::{Doing, Outcome};
use crate::workspace::Workspace;

/// Where the header is.
pub fn file(workspace: &Workspace) -> PathBuf {
    workspace.root.join("abi/include/mpi.h")
}

/// Writes the header.
pub fn write(workspace: &Workspace) -> Outcome<()> {
    let path = file(workspace);
    std::fs::write(&path, text(workspace)?).doing("write", &path)
}

/// The header as it should be.
fn text(workspace: &Workspace) -> Outcome<String> {
    let read = |path: &str| {
        let path = workspace.root.join(path);
        std::fs::read_to_string(&path).doing("read", &path)
    };
    let mut constants = constants::handles(&read("core/src/abi/handles.rs")?)?;
    constants.push('\n');
    constants.push_str(&constants::values(&read("core/src/abi/constants.rs")?)?);
    let chapters = functions::parse(&read("core/src/list.rs")?)?;
    let mut header = String::new();
    for line in read("xtask/assets/mpi.h.in")?.lines() {
        match line {
            "@constants@" => header.push_str(&constants),
            "@functions@" => header.push_str(&functions::prototypes(&chapters, "")?),
            "@profiling@" => header.push_str(&functions::prototypes(&chapters, "P")?),
            _ => {
                header.push_str(line);
                header.push('\n');
            }
        }
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        Workspace::find().unwrap()
    }

    #[test]
    fn the_header_is_fresh() {
        let workspace = workspace();
        let there = std::fs::read_to_string(file(&workspace)).unwrap();
        assert!(there == text(&workspace).unwrap(), "abi/include/mpi.h is stale: run `cargo xtask header`");
    }

    #[test]
    fn every_function_has_two_prototypes() {
        let header = text(&workspace()).unwrap();
        let declared = header.lines().filter(|line| line.ends_with(");") && !line.starts_with("typedef"));
        let names: Vec<&str> = declared.filter_map(|line| line.split('(').next()).collect();
        let count = |prefix: &str| names.iter().filter(|name| name.contains(prefix)).count();
        let converters = 22;
        assert_eq!((count(" MPI_"), count(" PMPI_")), (662 + converters, 662));
    }
}
