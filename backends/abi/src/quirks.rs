//! Where released libraries depart from the standard ABI, keyed on vendor and version.

use core::ffi::c_int;

use anympi_core::abi::{MPI_Comm, MPI_ERR_INTERN, MPI_ERRORS_ABORT, MPI_ERRORS_RETURN, MPI_Errhandler};
use anympi_core::{FnTable, Image, LibraryInfo, Slot, Vendor};

/// The table with what the library gets wrong put right.
pub fn mend(image: &Image, table: FnTable) -> FnTable {
    if image.vendor != Vendor::Intel {
        return table;
    }
    match LibraryInfo::of("abi", image.clone(), &table).release {
        Some((2021, ..=18, _)) => {
            let mut table = mend_draft_errhandlers(table);
            // Its predefined handles have the numbers of its own ABI.
            anympi_core::answer_integers(&mut table);
            table
        }
        _ => table,
    }
}

type SetErrhandler = unsafe extern "C" fn(MPI_Comm, MPI_Errhandler) -> c_int;
type GetErrhandler = unsafe extern "C" fn(MPI_Comm, *mut MPI_Errhandler) -> c_int;

/// What [`mend_draft_errhandlers`] replaced.
static ORIGINAL: Slot<(SetErrhandler, GetErrhandler)> = Slot::empty();

/// Intel MPI 2021.18 follows a draft in which `MPI_ERRORS_ABORT` and `MPI_ERRORS_RETURN` had each other's value.
fn mend_draft_errhandlers(mut table: FnTable) -> FnTable {
    let _ = ORIGINAL.fill((table.MPI_Comm_set_errhandler, table.MPI_Comm_get_errhandler));
    table.MPI_Comm_set_errhandler = set_errhandler;
    table.MPI_Comm_get_errhandler = get_errhandler;
    table
}

fn swapped(errhandler: MPI_Errhandler) -> MPI_Errhandler {
    match errhandler {
        MPI_ERRORS_ABORT => MPI_ERRORS_RETURN,
        MPI_ERRORS_RETURN => MPI_ERRORS_ABORT,
        other => other,
    }
}

unsafe extern "C" fn set_errhandler(comm: MPI_Comm, errhandler: MPI_Errhandler) -> c_int {
    match ORIGINAL.get() {
        // SAFETY: the caller's arguments, with the handle that this library means by it.
        Some((set, _)) => unsafe { set(comm, swapped(errhandler)) },
        None => MPI_ERR_INTERN,
    }
}

unsafe extern "C" fn get_errhandler(comm: MPI_Comm, errhandler: *mut MPI_Errhandler) -> c_int {
    let Some((_, get)) = ORIGINAL.get() else { return MPI_ERR_INTERN };
    // SAFETY: the caller's arguments.
    let code = unsafe { get(comm, errhandler) };
    if code == 0 && !errhandler.is_null() {
        // SAFETY: the library has written it.
        unsafe { *errhandler = swapped(*errhandler) };
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use anympi_core::abi::MPI_ERRORS_ARE_FATAL;

    #[test]
    fn only_the_two_are_swapped() {
        assert_eq!(swapped(MPI_ERRORS_ABORT), MPI_ERRORS_RETURN);
        assert_eq!(swapped(MPI_ERRORS_RETURN), MPI_ERRORS_ABORT);
        assert_eq!(swapped(MPI_ERRORS_ARE_FATAL), MPI_ERRORS_ARE_FATAL);
    }
}
