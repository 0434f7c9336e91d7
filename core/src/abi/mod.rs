//! The MPI-5.0 standard ABI in Rust: handles, status and constants under MPI's own names.
//!
//! These are the types of the function table. Layouts and values follow MPI-5.0, chapter 20 and Appendix A.

mod constants;
mod handles;

pub use constants::*;
pub use handles::*;

use core::ffi::c_int;

/// `MPI_Status`: 32 bytes, three public fields and twenty private bytes that belong to the library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
#[expect(non_snake_case, reason = "MPI's own field names")]
pub struct MPI_Status {
    /// Rank of the sender in the communicator of the receive.
    pub MPI_SOURCE: c_int,
    /// Tag of the message.
    pub MPI_TAG: c_int,
    /// Error code; written by calls that complete several requests only (MPI-5.0, section 3.2.5).
    pub MPI_ERROR: c_int,
    /// Private to the implementation.
    pub MPI_internal: [c_int; 5],
}

/// `MPI_STATUS_IGNORE`
pub const MPI_STATUS_IGNORE: *mut MPI_Status = core::ptr::null_mut();
/// `MPI_STATUSES_IGNORE`
pub const MPI_STATUSES_IGNORE: *mut MPI_Status = core::ptr::null_mut();

/// `MPI_Aint`: an address or a difference of addresses, in bytes.
pub type MPI_Aint = isize;
/// `MPI_Count`: a number of elements.
pub type MPI_Count = i64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_has_the_standard_layout() {
        assert_eq!(size_of::<MPI_Status>(), 32);
        assert_eq!(core::mem::offset_of!(MPI_Status, MPI_SOURCE), 0);
        assert_eq!(core::mem::offset_of!(MPI_Status, MPI_TAG), 4);
        assert_eq!(core::mem::offset_of!(MPI_Status, MPI_ERROR), 8);
        assert_eq!(core::mem::offset_of!(MPI_Status, MPI_internal), 12);
    }
}
