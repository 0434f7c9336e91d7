//! Port names: the library is told how long a name may be.
//!
//! A name has up to 1024 bytes in the standard ABI and 256 in MPICH's own, too few for the address of a process with
//! several networks; there the hint `port_name_size` says that the caller has more room. Others ignore hints that they do
//! not know.

use core::ffi::{c_char, c_int};

use crate::abi::*;
use crate::family::Abi;
use crate::kinds::{Info, Scalar};

/// Calls `with` an info object that holds what `info` does and the hint.
///
/// # Safety
/// `info` is valid where `with` may be called.
unsafe fn with_room<A: Abi>(
    info: MPI_Info,
    with: impl FnOnce(<Info as Scalar>::Native<A>) -> c_int,
) -> c_int {
    let native = &A::bound().native;
    let (Some(create), Some(duplicate), Some(set), Some(free)) =
        (native.MPI_Info_create, native.MPI_Info_dup, native.MPI_Info_set, native.MPI_Info_free)
    else {
        return MPI_ERR_UNSUPPORTED_OPERATION;
    };
    let mut hints = Info::inward::<A>(MPI_INFO_NULL);
    // SAFETY: the caller's object and a variable; what was made here is freed here.
    unsafe {
        let made = if info == MPI_INFO_NULL {
            create(&mut hints)
        } else {
            duplicate(Info::inward::<A>(info), &mut hints)
        };
        if made != 0 {
            return A::bound().code_out(made);
        }
        let size = c"1024";
        debug_assert_eq!(size.to_str().ok().and_then(|text| text.parse().ok()), Some(MPI_MAX_PORT_NAME));
        let mut code = set(hints, c"port_name_size".as_ptr(), size.as_ptr());
        if code == 0 {
            code = with(hints);
        }
        free(&mut hints);
        A::bound().code_out(code)
    }
}

pub unsafe extern "C" fn MPI_Open_port<A: Abi>(info: MPI_Info, port_name: *mut c_char) -> c_int {
    let Some(native) = A::bound().native.MPI_Open_port else { return MPI_ERR_UNSUPPORTED_OPERATION };
    // SAFETY: the caller's arguments.
    unsafe { with_room::<A>(info, |hints| native(hints, port_name)) }
}

pub unsafe extern "C" fn MPI_Lookup_name<A: Abi>(
    service_name: *const c_char,
    info: MPI_Info,
    port_name: *mut c_char,
) -> c_int {
    let Some(native) = A::bound().native.MPI_Lookup_name else { return MPI_ERR_UNSUPPORTED_OPERATION };
    // SAFETY: the caller's arguments.
    unsafe { with_room::<A>(info, |hints| native(service_name, hints, port_name)) }
}
