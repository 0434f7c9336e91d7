//! Functions that are answered without the library, so every library has them.

use core::ffi::{c_int, c_void};

use crate::abi::{MPI_Aint, MPI_ERR_ARG, MPI_SUCCESS, MPI_Status};
use crate::family::Abi;

macro_rules! status_fields {
    ($($get:ident $set:ident $field:ident;)*) => {$(
        pub unsafe extern "C" fn $get<A: Abi>(status: *const MPI_Status, value: *mut c_int) -> c_int {
            if status.is_null() || value.is_null() {
                return MPI_ERR_ARG;
            }
            // SAFETY: both are the caller's and not null.
            unsafe { *value = (*status).$field };
            MPI_SUCCESS
        }

        pub unsafe extern "C" fn $set<A: Abi>(status: *mut MPI_Status, value: c_int) -> c_int {
            if status.is_null() {
                return MPI_ERR_ARG;
            }
            // SAFETY: the caller's, and not null.
            unsafe { (*status).$field = value };
            MPI_SUCCESS
        }
    )*};
}

status_fields! {
    MPI_Status_get_error MPI_Status_set_error MPI_ERROR;
    MPI_Status_get_source MPI_Status_set_source MPI_SOURCE;
    MPI_Status_get_tag MPI_Status_set_tag MPI_TAG;
}

pub unsafe extern "C" fn MPI_Aint_add<A: Abi>(base: MPI_Aint, displacement: MPI_Aint) -> MPI_Aint {
    base.wrapping_add(displacement)
}

pub unsafe extern "C" fn MPI_Aint_diff<A: Abi>(one: MPI_Aint, other: MPI_Aint) -> MPI_Aint {
    one.wrapping_sub(other)
}

/// The address of a caller's variable as a pointer to what MPI stores there.
#[inline]
pub(super) fn variable<T>(address: *mut c_void) -> *mut T {
    address.cast()
}
