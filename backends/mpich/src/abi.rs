//! The MPICH ABI: handles are ints, the status has 20 bytes.

use core::ffi::{c_int, c_void};

use anympi_core::abi::{MPI_FILE_NULL, MPI_File, MPI_Status};
use anympi_core::{Abi, Bound, Enumerations, Slot};

use crate::constants::{ENUMERATIONS, ERROR_CLASSES, NULL_REQUEST};

/// The family of MPICH and of those that follow its ABI.
pub enum Mpich {}

static BOUND: Slot<Bound<Mpich>> = Slot::empty();

/// MPICH's `MPI_Status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Status {
    count_low: c_int,
    count_high_and_cancelled: c_int,
    source: c_int,
    tag: c_int,
    error: c_int,
}

/// A native file. The pointer is never followed here.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct NativeFile(*mut c_void);

impl Abi for Mpich {
    type Handle = c_int;
    type Status = Status;
    type File = NativeFile;

    const ANY_SOURCE: c_int = -2;
    const PROC_NULL: c_int = -1;
    const ROOT: c_int = -3;
    const ANY_TAG: c_int = -1;
    const IN_PLACE: isize = -1;
    const STATUS_IGNORE: usize = 1;
    // The private fields come first.
    const STATUS_INSIDE: usize = core::mem::offset_of!(MPI_Status, MPI_internal);
    const BUFFER_AUTOMATIC: isize = -2;
    const DISPLACEMENT_CURRENT: i64 = -54_278_278;
    // MPICH's keyvals carry the bits of a handle and are far from the standard's predefined ones.
    const KEYVAL_OFFSET: c_int = 0;
    const ENUMERATIONS: Enumerations = ENUMERATIONS;
    const ERROR_CLASSES: &'static [(c_int, c_int)] = ERROR_CLASSES;

    #[inline]
    fn slot() -> &'static Slot<Bound<Self>> {
        &BOUND
    }

    #[inline]
    fn handle_from_bits(bits: usize) -> c_int {
        bits as u32 as c_int
    }

    #[inline]
    fn handle_bits(handle: c_int) -> usize {
        handle.cast_unsigned() as usize
    }

    #[inline]
    fn file_in(file: MPI_File) -> NativeFile {
        if file == MPI_FILE_NULL {
            NativeFile(core::ptr::null_mut())
        } else {
            NativeFile(core::ptr::with_exposed_provenance_mut(file.0))
        }
    }

    #[inline]
    fn file_out(native: NativeFile) -> MPI_File {
        if native.0.is_null() { MPI_FILE_NULL } else { MPI_File(native.0.expose_provenance()) }
    }

    #[inline]
    fn status_in(outer: &MPI_Status) -> Status {
        let [count_low, count_high_and_cancelled, ..] = outer.MPI_internal;
        Status {
            count_low,
            count_high_and_cancelled,
            source: Self::rank_in(outer.MPI_SOURCE),
            tag: Self::tag_in(outer.MPI_TAG),
            error: 0,
        }
    }

    #[inline]
    fn status_out(native: &Status, outer: &mut MPI_Status) {
        outer.MPI_SOURCE = Self::rank_out(native.source);
        outer.MPI_TAG = Self::tag_out(native.tag);
        outer.MPI_internal[0] = native.count_low;
        outer.MPI_internal[1] = native.count_high_and_cancelled;
    }

    // A number in this family, not an address.
    #[inline]
    fn null_request() -> usize {
        NULL_REQUEST as usize
    }

    #[inline]
    fn status_error(native: &Status) -> c_int {
        native.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anympi_core::abi::{MPI_ANY_SOURCE, MPI_PROC_NULL, MPI_ROOT};

    #[test]
    fn the_status_survives_the_way_there_and_back() {
        assert_eq!(size_of::<Status>(), 20);
        let native = Status { count_low: -5, count_high_and_cancelled: 9, source: 1, tag: 2, error: 0 };
        let mut outer = MPI_Status { MPI_ERROR: 77, ..MPI_Status::default() };
        Mpich::status_out(&native, &mut outer);
        assert_eq!(outer.MPI_ERROR, 77, "a single completion leaves MPI_ERROR alone");
        assert_eq!(Mpich::status_in(&outer), native);
    }

    #[test]
    fn the_private_fields_lie_inside_the_standard_status_as_in_the_native_one() {
        let native = Status { count_low: -5, count_high_and_cancelled: 9, ..Status::default() };
        let mut outer = MPI_Status { MPI_SOURCE: 3, MPI_TAG: 4, ..MPI_Status::default() };
        Mpich::status_out(&native, &mut outer);
        let inside = (&raw const outer).wrapping_byte_add(Mpich::STATUS_INSIDE).cast::<Status>();
        // SAFETY: no alignment is needed, and the bytes are those of `outer`.
        let inside = unsafe { inside.read_unaligned() };
        assert_eq!(
            (inside.count_low, inside.count_high_and_cancelled),
            (native.count_low, native.count_high_and_cancelled)
        );
        assert!(Mpich::STATUS_INSIDE + size_of::<Status>() <= size_of::<MPI_Status>());
    }

    #[test]
    fn wildcards_are_not_confused() {
        assert_eq!(Mpich::rank_in(MPI_ANY_SOURCE), -2);
        assert_eq!(Mpich::rank_in(MPI_PROC_NULL), -1);
        assert_eq!(Mpich::rank_in(MPI_ROOT), -3);
        assert_eq!(Mpich::rank_out(-1), MPI_PROC_NULL);
        assert_eq!(Mpich::rank_out(-2), MPI_ANY_SOURCE);
        assert!(Mpich::rank_in(-77) < -3, "a rank that the standard does not know stays invalid");
    }

    #[test]
    fn handles_keep_their_upper_bits() {
        let handle = 0x9c00_0001_u32.cast_signed();
        assert_eq!(Mpich::handle_bits(handle), 0x9c00_0001);
        assert_eq!(Mpich::handle_from_bits(Mpich::handle_bits(handle)), handle);
    }
}
