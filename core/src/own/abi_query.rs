//! What the ABI says of itself (MPI-5.0, chapter 20). It is our ABI that the program sees, so we answer.

use core::ffi::{CStr, c_int, c_void};
use std::ffi::CString;
use std::sync::{Mutex, PoisonError};

use crate::abi::*;
use crate::family::Abi;
use crate::kinds::{Datatype, Scalar};

pub unsafe extern "C" fn MPI_Abi_get_version<A: Abi>(major: *mut c_int, minor: *mut c_int) -> c_int {
    if major.is_null() || minor.is_null() {
        return MPI_ERR_ARG;
    }
    // SAFETY: the caller's ints.
    unsafe { (*major, *minor) = (1, 0) };
    MPI_SUCCESS
}

/// Makes an info object of pairs.
///
/// # Safety
/// `info` is the caller's variable; info objects may be made in the present state of MPI.
unsafe fn make_info<A: Abi>(info: *mut MPI_Info, pairs: &[(&CStr, String)]) -> c_int {
    let table = A::bound().table();
    // SAFETY: the caller's variable, and C strings.
    unsafe {
        let mut code = (table.MPI_Info_create)(info);
        for (key, value) in pairs {
            if code == MPI_SUCCESS {
                let value = CString::new(value.as_str()).unwrap_or_default();
                code = (table.MPI_Info_set)(*info, key.as_ptr(), value.as_ptr());
            }
        }
        code
    }
}

pub unsafe extern "C" fn MPI_Abi_get_info<A: Abi>(info: *mut MPI_Info) -> c_int {
    let size = |bytes: usize| bytes.to_string();
    let pairs = [
        (c"mpi_aint_size", size(size_of::<MPI_Aint>())),
        (c"mpi_count_size", size(size_of::<MPI_Count>())),
        (c"mpi_offset_size", size(size_of::<i64>())),
    ];
    // SAFETY: the caller's variable.
    unsafe { make_info::<A>(info, &pairs) }
}

/// Sizes of Fortran's types, as every known compiler has them by default.
const FORTRAN_SIZES: [(&CStr, &str); 4] = [
    (c"mpi_logical_size", "4"),
    (c"mpi_integer_size", "4"),
    (c"mpi_real_size", "4"),
    (c"mpi_double_precision_size", "8"),
];

const FORTRAN_TYPES: [(&CStr, MPI_Datatype); 19] = [
    (c"mpi_logical1_supported", MPI_LOGICAL1),
    (c"mpi_logical2_supported", MPI_LOGICAL2),
    (c"mpi_logical4_supported", MPI_LOGICAL4),
    (c"mpi_logical8_supported", MPI_LOGICAL8),
    (c"mpi_logical16_supported", MPI_LOGICAL16),
    (c"mpi_integer1_supported", MPI_INTEGER1),
    (c"mpi_integer2_supported", MPI_INTEGER2),
    (c"mpi_integer4_supported", MPI_INTEGER4),
    (c"mpi_integer8_supported", MPI_INTEGER8),
    (c"mpi_integer16_supported", MPI_INTEGER16),
    (c"mpi_real2_supported", MPI_REAL2),
    (c"mpi_real4_supported", MPI_REAL4),
    (c"mpi_real8_supported", MPI_REAL8),
    (c"mpi_real16_supported", MPI_REAL16),
    (c"mpi_complex4_supported", MPI_COMPLEX4),
    (c"mpi_complex8_supported", MPI_COMPLEX8),
    (c"mpi_complex16_supported", MPI_COMPLEX16),
    (c"mpi_complex32_supported", MPI_COMPLEX32),
    (c"mpi_double_complex_supported", MPI_DOUBLE_COMPLEX),
];

/// Whether the library has a datatype: one with a size.
fn has<A: Abi>(datatype: MPI_Datatype) -> bool {
    let native = Datatype::inward::<A>(datatype);
    if A::handle_bits(native) == A::handle_bits(Datatype::inward::<A>(MPI_DATATYPE_NULL)) {
        return false;
    }
    let mut size = 0;
    // SAFETY: a handle that is not null, and one int.
    let code = A::bound().native.MPI_Type_size.map(|ask| unsafe { ask(native, &mut size) });
    code == Some(0) && size > 0
}

pub unsafe extern "C" fn MPI_Abi_get_fortran_info<A: Abi>(info: *mut MPI_Info) -> c_int {
    let sizes = FORTRAN_SIZES.iter().map(|&(key, value)| (key, value.to_owned()));
    let types = FORTRAN_TYPES.iter().map(|&(key, datatype)| (key, has::<A>(datatype).to_string()));
    let pairs: Vec<_> = sizes.chain(types).collect();
    // SAFETY: the caller's variable.
    unsafe { make_info::<A>(info, &pairs) }
}

/// The library below fixes what Fortran has; it can be asked, not told.
pub unsafe extern "C" fn MPI_Abi_set_fortran_info<A: Abi>(_info: MPI_Info) -> c_int {
    MPI_ERR_ABI
}

/// Size of a logical, its true and its false.
type Booleans = (usize, [u8; 16], [u8; 16]);

/// Fortran's true and false, once somebody has told them.
static BOOLEANS: Mutex<Option<Booleans>> = Mutex::new(None);

fn logical_size(size: c_int) -> Option<usize> {
    usize::try_from(size).ok().filter(|size| matches!(size, 1 | 2 | 4 | 8 | 16))
}

pub unsafe extern "C" fn MPI_Abi_get_fortran_booleans<A: Abi>(
    size: c_int,
    true_value: *mut c_void,
    false_value: *mut c_void,
    is_set: *mut c_int,
) -> c_int {
    let Some(size) = logical_size(size) else { return MPI_ERR_ARG };
    let known = *BOOLEANS.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: the caller's variables, each as large as the size says.
    unsafe {
        *is_set = c_int::from(known.is_some());
        if let Some((known_size, true_bytes, false_bytes)) = known {
            if known_size != size {
                return MPI_ERR_ARG;
            }
            true_value.cast::<u8>().copy_from_nonoverlapping(true_bytes.as_ptr(), size);
            false_value.cast::<u8>().copy_from_nonoverlapping(false_bytes.as_ptr(), size);
        }
    }
    MPI_SUCCESS
}

pub unsafe extern "C" fn MPI_Abi_set_fortran_booleans<A: Abi>(
    size: c_int,
    true_value: *mut c_void,
    false_value: *mut c_void,
) -> c_int {
    let Some(size) = logical_size(size) else { return MPI_ERR_ARG };
    let mut known = BOOLEANS.lock().unwrap_or_else(PoisonError::into_inner);
    if known.is_some() {
        return MPI_ERR_ABI;
    }
    let (mut true_bytes, mut false_bytes) = ([0; 16], [0; 16]);
    // SAFETY: the caller's variables, each as large as the size says.
    unsafe {
        true_bytes.as_mut_ptr().copy_from_nonoverlapping(true_value.cast(), size);
        false_bytes.as_mut_ptr().copy_from_nonoverlapping(false_value.cast(), size);
    }
    *known = Some((size, true_bytes, false_bytes));
    MPI_SUCCESS
}
