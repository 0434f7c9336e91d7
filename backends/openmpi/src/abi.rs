//! Open MPI's ABI: handles are pointers, the status has 24 bytes.

use core::ffi::{c_int, c_void};

use anympi_core::abi::{MPI_File, MPI_Status};
use anympi_core::{Abi, Bound, Enumerations, Slot};

use crate::constants::{ENUMERATIONS, ERROR_CLASSES};

/// The family of Open MPI 4 and 5.
pub enum OpenMpi {}

static BOUND: Slot<Bound<OpenMpi>> = Slot::empty();

/// Open MPI's `MPI_Status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Status {
    source: c_int,
    tag: c_int,
    error: c_int,
    cancelled: c_int,
    count: usize,
}

/// A native handle. The pointer is never followed here, so it may travel between threads.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct NativeHandle(*mut c_void);

// SAFETY: an opaque value that only the library follows.
unsafe impl Send for NativeHandle {}
// SAFETY: as above.
unsafe impl Sync for NativeHandle {}

impl Abi for OpenMpi {
    type Handle = NativeHandle;
    type Status = Status;
    type File = NativeHandle;

    const ANY_SOURCE: c_int = -1;
    const PROC_NULL: c_int = -2;
    const ROOT: c_int = -4;
    const ANY_TAG: c_int = -1;
    const IN_PLACE: isize = 1;
    const STATUS_IGNORE: usize = 0;
    // Source, tag and error lie where the standard has them, the private fields behind them.
    const STATUS_INSIDE: usize = 0;
    // No release has automatic buffers; an address that is never given back.
    const BUFFER_AUTOMATIC: isize = -2;
    const DISPLACEMENT_CURRENT: i64 = -54_278_278;
    // Open MPI counts keyvals from 0; the standard's predefined ones lie between 501 and 605.
    const KEYVAL_OFFSET: c_int = 0x10_0000;
    const ENUMERATIONS: Enumerations = ENUMERATIONS;
    const ERROR_CLASSES: &'static [(c_int, c_int)] = ERROR_CLASSES;

    #[inline]
    fn slot() -> &'static Slot<Bound<Self>> {
        &BOUND
    }

    #[inline]
    fn handle_from_bits(bits: usize) -> NativeHandle {
        NativeHandle(core::ptr::with_exposed_provenance_mut(bits))
    }

    #[inline]
    fn handle_bits(handle: NativeHandle) -> usize {
        handle.0.expose_provenance()
    }

    #[inline]
    fn file_in(file: MPI_File) -> NativeHandle {
        Self::bound().handle_in(file)
    }

    #[inline]
    fn file_out(native: NativeHandle) -> MPI_File {
        Self::bound().handle_out(native)
    }

    #[inline]
    fn status_in(outer: &MPI_Status) -> Status {
        let [cancelled, low, high, ..] = outer.MPI_internal;
        let count = u64::from(low.cast_unsigned()) | u64::from(high.cast_unsigned()) << 32;
        Status {
            source: Self::rank_in(outer.MPI_SOURCE),
            tag: Self::tag_in(outer.MPI_TAG),
            error: 0,
            cancelled,
            count: count as usize,
        }
    }

    #[inline]
    fn status_out(native: &Status, outer: &mut MPI_Status) {
        outer.MPI_SOURCE = Self::rank_out(native.source);
        outer.MPI_TAG = Self::tag_out(native.tag);
        outer.MPI_internal[0] = native.cancelled;
        outer.MPI_internal[1] = native.count as u32 as c_int;
        outer.MPI_internal[2] = (native.count as u64 >> 32) as c_int;
    }

    #[inline]
    fn status_error(native: &Status) -> c_int {
        native.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anympi_core::abi::{MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_PROC_NULL};

    #[test]
    fn the_status_survives_the_way_there_and_back() {
        assert_eq!(size_of::<Status>(), 24);
        let native = Status { source: 3, tag: 7, error: 0, cancelled: 1, count: 0x1234_5678_9abc };
        let mut outer = MPI_Status { MPI_ERROR: 77, ..MPI_Status::default() };
        OpenMpi::status_out(&native, &mut outer);
        assert_eq!(outer.MPI_ERROR, 77, "a single completion leaves MPI_ERROR alone");
        assert_eq!(OpenMpi::status_in(&outer), native);
    }

    #[test]
    fn the_private_fields_lie_inside_the_standard_status_as_in_the_native_one() {
        let native = Status { cancelled: 1, count: 0x1234_5678_9abc, ..Status::default() };
        let mut outer = MPI_Status { MPI_SOURCE: 3, MPI_TAG: 4, ..MPI_Status::default() };
        OpenMpi::status_out(&native, &mut outer);
        let inside = (&raw const outer).wrapping_byte_add(OpenMpi::STATUS_INSIDE).cast::<Status>();
        // SAFETY: no alignment is needed, and the bytes are those of `outer`.
        let inside = unsafe { inside.read_unaligned() };
        assert_eq!((inside.cancelled, inside.count), (native.cancelled, native.count));
        assert!(OpenMpi::STATUS_INSIDE + size_of::<Status>() <= size_of::<MPI_Status>());
    }

    #[test]
    fn wildcards_are_not_confused() {
        let mut outer = MPI_Status::default();
        OpenMpi::status_out(&Status { source: -2, tag: -1, ..Status::default() }, &mut outer);
        assert_eq!((outer.MPI_SOURCE, outer.MPI_TAG), (MPI_PROC_NULL, MPI_ANY_TAG));
        assert_eq!(OpenMpi::rank_in(MPI_ANY_SOURCE), -1);
        assert_eq!(OpenMpi::rank_in(MPI_PROC_NULL), -2);
        assert_eq!(OpenMpi::rank_out(-1), MPI_ANY_SOURCE);
        assert_eq!(OpenMpi::tag_in(MPI_ANY_TAG), -1);
        assert!(OpenMpi::rank_in(-77) < -4, "a rank that the standard does not know stays invalid");
    }
}
