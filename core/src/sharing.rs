//! One table for a whole process: how a program that has opened an MPI gives its functions to `libmpi_abi.so.1`.
//!
//! A program in whose process others call MPI through that library (an engine with a mpi4py of the standard ABI) would
//! otherwise have two tables over one loaded MPI, each with emulated requests, error codes and a private communicator that
//! the other does not know; and a plugin, which is there only once, would be in front of one of them alone.

use core::ffi::{CStr, c_int, c_void};

use crate::loader::LoadedLibrary;
use crate::table::{FUNCTIONS, FnTable};

/// The function of `libmpi_abi.so.1` that takes a table.
pub const USE_TABLE: &CStr = c"anympi_use_table";

/// Its type. The table lives as long as the process. Nothing may have called MPI through the library before.
pub type UseTable = unsafe extern "C" fn(layout: u64, table: *const FnTable) -> c_int;

/// What [`UseTable`] returns: the table is used from now on.
pub const TAKEN: c_int = 0;
/// The library was built from another list of functions.
pub const OTHER_LAYOUT: c_int = 1;
/// Somebody has called MPI through the library, which has chosen a table then.
pub const TOO_LATE: c_int = 2;

/// A number for the order of the table's functions: two files that agree in it have the same table.
pub const LAYOUT: u64 = layout(FUNCTIONS);

/// FNV-1a over all names, each with an end.
const fn layout(names: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut name = 0;
    while name < names.len() {
        let bytes = names[name].as_bytes();
        let mut at = 0;
        while at <= bytes.len() {
            let byte = if at < bytes.len() { bytes[at] } else { 0 };
            hash = (hash ^ byte as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        name += 1;
    }
    hash
}

/// Gives a table to a loaded `libmpi_abi.so.1`.
///
/// # Errors
/// Why the library does not use it.
pub fn share_table(library: &LoadedLibrary, table: &'static FnTable) -> Result<(), &'static str> {
    let function = library.symbol(USE_TABLE);
    if function.is_null() {
        return Err("it is of another release");
    }
    // SAFETY: the function of that name has that type.
    let take = unsafe { core::mem::transmute::<*const c_void, UseTable>(function) };
    // SAFETY: the table lives for ever.
    match unsafe { take(LAYOUT, table) } {
        TAKEN => Ok(()),
        TOO_LATE => Err("MPI was called through it before"),
        _ => Err("it is of another release"),
    }
}

#[cfg(test)]
mod tests {
    use super::layout;

    #[test]
    fn names_and_their_order_count() {
        let layouts = [layout(&["a", "b"]), layout(&["b", "a"]), layout(&["ab"]), layout(&["a"])];
        for (place, one) in layouts.iter().enumerate() {
            assert!(!layouts[..place].contains(one), "{layouts:?}");
        }
    }
}
