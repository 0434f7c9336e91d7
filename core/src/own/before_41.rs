//! What functions do since MPI-4.1 that they do not do in a library of an earlier version.

use core::ffi::{c_char, c_int, c_void};

use crate::abi::*;
use crate::family::Abi;
use crate::table::{NativeTable, shim};

/// Whether a library is of an earlier version.
pub fn is_before_41<A: Abi>(native: &NativeTable<A>) -> bool {
    native.MPI_Get_hw_resource_info.is_none()
}

/// The type of split that the library knows for this one.
///
/// A resource that is shared memory has an older name. A library that knows no resources of a sort makes no communicator
/// of them, but all of its processes must call (MPI-5.0, section 7.4.2).
///
/// # Safety
/// An info object, or none.
unsafe fn known_split_type<A: Abi>(split_type: c_int, info: MPI_Info) -> c_int {
    let is_guided = matches!(split_type, MPI_COMM_TYPE_HW_GUIDED | MPI_COMM_TYPE_RESOURCE_GUIDED);
    let is_of_40 = matches!(split_type, MPI_COMM_TYPE_HW_GUIDED | MPI_COMM_TYPE_HW_UNGUIDED);
    if !(is_guided || is_of_40) || is_of_40 && A::bound().native.MPI_Session_init.is_some() {
        return split_type;
    }
    // SAFETY: as the caller promises.
    let is_shared_memory = is_guided && unsafe { names_shared_memory::<A>(info) };
    if is_shared_memory { MPI_COMM_TYPE_SHARED } else { MPI_UNDEFINED }
}

const SHARED_MEMORY: &[u8] = b"mpi_shared_memory\0";

/// # Safety
/// An info object, or none.
unsafe fn names_shared_memory<A: Abi>(info: MPI_Info) -> bool {
    if info == MPI_INFO_NULL {
        return false;
    }
    // One more than the name, so that a longer one is told from it.
    let mut value = [0 as c_char; SHARED_MEMORY.len() + 1];
    let (mut room, mut flag) = (value.len() as c_int, 0);
    let table = A::bound().table();
    // SAFETY: the caller's object, and a buffer as long as it says.
    let code = unsafe {
        let key = c"mpi_hw_resource_type".as_ptr();
        (table.MPI_Info_get_string)(info, key, &mut room, value.as_mut_ptr(), &mut flag)
    };
    let is_name = value.iter().zip(SHARED_MEMORY).all(|(found, wanted)| *found == *wanted as c_char);
    code == MPI_SUCCESS && flag != 0 && is_name
}

pub unsafe extern "C" fn MPI_Comm_split_type<A: Abi>(
    comm: MPI_Comm,
    split_type: c_int,
    key: c_int,
    info: MPI_Info,
    made: *mut MPI_Comm,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { shim::MPI_Comm_split_type::<A>(comm, known_split_type::<A>(split_type, info), key, info, made) }
}

/// Whether a window has memory of its processes' own, which an older library does not let others see.
///
/// # Safety
/// A window.
unsafe fn has_own_memory<A: Abi>(win: MPI_Win) -> bool {
    let (mut flavor, mut flag) = (core::ptr::null::<c_int>(), 0);
    // SAFETY: the value of this attribute is the address of an int.
    unsafe {
        let place = (&raw mut flavor).cast::<c_void>();
        let code = (A::bound().table().MPI_Win_get_attr)(win, MPI_WIN_CREATE_FLAVOR, place, &mut flag);
        code == MPI_SUCCESS && flag != 0 && matches!(*flavor, MPI_WIN_FLAVOR_CREATE | MPI_WIN_FLAVOR_ALLOCATE)
    }
}

/// Tells that nothing can be seen, which is allowed for windows that were not made to be shared (MPI-5.0, section 12.2.3).
///
/// # Safety
/// The caller's variables.
unsafe fn nothing_is_seen<U: From<bool>>(size: *mut MPI_Aint, unit: *mut U, base: *mut c_void) -> c_int {
    // SAFETY: as the caller promises.
    unsafe {
        (*size, *unit) = (0, U::from(true));
        *base.cast::<*mut c_void>() = core::ptr::null_mut();
    }
    MPI_SUCCESS
}

pub unsafe extern "C" fn MPI_Win_shared_query<A: Abi>(
    win: MPI_Win,
    rank: c_int,
    size: *mut MPI_Aint,
    unit: *mut c_int,
    base: *mut c_void,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if has_own_memory::<A>(win) {
            return nothing_is_seen(size, unit, base);
        }
        shim::MPI_Win_shared_query::<A>(win, rank, size, unit, base)
    }
}

pub unsafe extern "C" fn MPI_Win_shared_query_c<A: Abi>(
    win: MPI_Win,
    rank: c_int,
    size: *mut MPI_Aint,
    unit: *mut MPI_Aint,
    base: *mut c_void,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if has_own_memory::<A>(win) {
            return nothing_is_seen(size, unit, base);
        }
        if A::bound().native.MPI_Win_shared_query_c.is_some() {
            return shim::MPI_Win_shared_query_c::<A>(win, rank, size, unit, base);
        }
        let mut narrow = 0;
        let code = shim::MPI_Win_shared_query::<A>(win, rank, size, &mut narrow, base);
        if code == MPI_SUCCESS {
            *unit = narrow as MPI_Aint;
        }
        code
    }
}
