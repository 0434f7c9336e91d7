//! How each function of the table is done on one library: for `anympi list` and the support matrix.
//!
//! A slot that refuses is known by its address, which is noted where a table is filled; whether the library has a function
//! itself is in its file.

use std::collections::HashSet;
use std::fmt;

use crate::image::{Image, InspectError, exported_functions};
use crate::table::{FUNCTIONS, FnTable};

/// How a function is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Support {
    /// The library has it.
    Native,
    /// It is made of what the library has.
    Emulated,
    /// It returns `MPI_ERR_UNSUPPORTED_OPERATION`.
    Unsupported,
}

impl Support {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Native, Self::Emulated, Self::Unsupported];
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Emulated => "emulated",
            Self::Unsupported => "unsupported",
        })
    }
}

/// How each of [`FUNCTIONS`] is done by `table` on the library that is described by `image`.
///
/// # Errors
/// The file cannot be read any more.
pub fn support(image: &Image, table: &FnTable) -> Result<Vec<Support>, InspectError> {
    let exported = exported_functions(&image.path)?;
    let refused: HashSet<&str> = table.unsupported().into_iter().collect();
    let of = |name: &&str| match (refused.contains(name), exported.contains(*name)) {
        (true, _) => Support::Unsupported,
        (false, true) => Support::Native,
        (false, false) => Support::Emulated,
    };
    Ok(FUNCTIONS.iter().map(of).collect())
}
