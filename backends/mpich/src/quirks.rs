//! Where released libraries of this family depart from MPICH or from the standard, keyed on vendor and on what they lack.

use core::ffi::{CStr, c_int, c_void};
use core::mem::transmute;

use anympi_core::abi::{MPI_LOGICAL2, MPI_LOGICAL4, MPI_LOGICAL8};
use anympi_core::{Abi, LoadedLibrary, Slot, Vendor};

use crate::Mpich;
use crate::constants::HANDLES_SINCE_5;

/// A function of the library, or ours in its place.
///
/// Every release so far has `MPI_Isendrecv` in a form that no program can use: 4.0 to 5.0 tell nothing of the message in
/// the status, mix up elements that lie apart, free datatypes too often and crash when there is nobody on the other side.
/// Releases before 4.1.3, and so before the standard ABI's functions, need a buffer for nothing in [`reduce`].
pub fn symbol(library: &LoadedLibrary, name: &CStr) -> *const c_void {
    let found = library.symbol(name);
    match name.to_bytes() {
        name if name.starts_with(b"MPI_Isendrecv") => core::ptr::null(),
        b"MPI_Reduce" if needs_buffers(library) => replaced::<c_int>(found),
        b"MPI_Reduce_c" if needs_buffers(library) => replaced::<i64>(found),
        _ => found,
    }
}

fn needs_buffers(library: &LoadedLibrary) -> bool {
    library.symbol(c"MPI_Abi_get_version").is_null()
}

/// `MPI_Reduce` or, with large counts, `MPI_Reduce_c`.
type Reduce<C> = unsafe extern "C" fn(*const c_void, *mut c_void, C, c_int, c_int, c_int, c_int) -> c_int;

/// A count of either size, with the library's function that takes it.
trait Count: Copy + 'static {
    fn library() -> &'static Slot<Reduce<Self>>;
}

impl Count for c_int {
    fn library() -> &'static Slot<Reduce<Self>> {
        static FUNCTION: Slot<Reduce<c_int>> = Slot::empty();
        &FUNCTION
    }
}

impl Count for i64 {
    fn library() -> &'static Slot<Reduce<Self>> {
        static FUNCTION: Slot<Reduce<i64>> = Slot::empty();
        &FUNCTION
    }
}

/// [`reduce`] in place of the library's function, if it has that.
fn replaced<C: Count>(function: *const c_void) -> *const c_void {
    if function.is_null() {
        return function;
    }
    // SAFETY: the library's function of that name, whose type is that of the count.
    let _ = C::library().fill(unsafe { transmute::<*const c_void, Reduce<C>>(function) });
    reduce::<C> as *const c_void
}

/// Between two groups the root and its own group send nothing, and their send buffer means nothing; these releases want it
/// not to be null, and leave the other group's message behind when it is.
unsafe extern "C" fn reduce<C: Count>(
    sendbuf: *const c_void,
    recvbuf: *mut c_void,
    count: C,
    datatype: c_int,
    op: c_int,
    root: c_int,
    comm: c_int,
) -> c_int {
    static NOTHING: u64 = 0;
    let sends = !matches!(root, Mpich::ROOT | Mpich::PROC_NULL);
    let sendbuf = if sendbuf.is_null() && !sends { (&raw const NOTHING).cast() } else { sendbuf };
    // SAFETY: filled before this function was given away; the caller's arguments, and nothing is read from the buffer.
    unsafe { (C::library().get_unchecked())(sendbuf, recvbuf, count, datatype, op, root, comm) }
}

/// The optional datatypes that a library with the standard ABI's functions has.
///
/// Intel MPI 2021.18 has three of MPICH's: its `MPI_LOGICAL1` is another type (`MPIX_C_BF16`), the others have a size
/// but no name, no alignment and no operations.
pub fn optional_datatypes(vendor: Vendor) -> impl Iterator<Item = &'static (usize, u32)> {
    let intel = [MPI_LOGICAL2.0, MPI_LOGICAL4.0, MPI_LOGICAL8.0];
    HANDLES_SINCE_5.iter().filter(move |known| vendor != Vendor::Intel || intel.contains(&known.0))
}

#[cfg(test)]
mod tests {
    use anympi_core::abi::{MPI_LOGICAL1, MPI_REAL2};

    use super::*;

    #[test]
    fn intel_lacks_what_it_takes_for_another_type() {
        let has = |vendor, value| optional_datatypes(vendor).any(|known| known.0 == value);
        for value in [MPI_LOGICAL1.0, MPI_REAL2.0] {
            assert!(has(Vendor::Mpich, value) && !has(Vendor::Intel, value));
        }
        assert!(has(Vendor::Intel, MPI_LOGICAL4.0));
    }
}
