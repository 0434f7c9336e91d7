//! Tool information: handles of objects behind an untyped pointer.

use core::ffi::{c_int, c_void};

use crate::abi::*;
use crate::family::{Abi, value_out};
use crate::kinds::{
    Comm, Datatype, Errhandler, File, Group, Info, Message, Op, Request, Scalar, Session, Win,
};

/// Room for one native handle of any class.
pub(super) type Room = [usize; 1];

/// The object that a variable is bound to, translated into `room`; null stays null.
///
/// # Safety
/// `object` is null or the address of a handle of the class that `bind` names.
pub(super) unsafe fn object<A: Abi>(bind: c_int, object: *mut c_void, room: &mut Room) -> *mut c_void {
    macro_rules! by_class {
        ($($bind:ident $kind:ident),*) => {
            match bind {
                // SAFETY: as the caller promises; the room holds a handle of any native type.
                $($bind => unsafe {
                    room.as_mut_ptr().cast::<<$kind as Scalar>::Native<A>>().write($kind::inward::<A>(*object.cast()));
                },)*
                _ => return object,
            }
        };
    }
    if object.is_null() {
        return object;
    }
    by_class!(
        MPI_T_BIND_MPI_COMM Comm, MPI_T_BIND_MPI_DATATYPE Datatype, MPI_T_BIND_MPI_ERRHANDLER Errhandler,
        MPI_T_BIND_MPI_FILE File, MPI_T_BIND_MPI_GROUP Group, MPI_T_BIND_MPI_OP Op, MPI_T_BIND_MPI_REQUEST Request,
        MPI_T_BIND_MPI_WIN Win, MPI_T_BIND_MPI_MESSAGE Message, MPI_T_BIND_MPI_INFO Info,
        MPI_T_BIND_MPI_SESSION Session
    );
    room.as_mut_ptr().cast()
}

pub unsafe extern "C" fn MPI_T_cvar_handle_alloc<A: Abi>(
    index: c_int,
    bound_to: *mut c_void,
    handle: *mut *mut c_void,
    count: *mut c_int,
) -> c_int {
    let native = &A::bound().native;
    let (Some(allocate), Some(ask)) = (native.MPI_T_cvar_handle_alloc, native.MPI_T_cvar_get_info) else {
        return MPI_ERR_UNSUPPORTED_OPERATION;
    };
    let null = core::ptr::null_mut::<c_int>;
    let mut bind = 0;
    let mut room = [0];
    // SAFETY: what is not wanted may be null; the rest are the caller's arguments.
    unsafe {
        let code = ask(
            index,
            null().cast(),
            null(),
            null(),
            null().cast(),
            null().cast(),
            null().cast(),
            null(),
            &mut bind,
            null(),
        );
        if code != 0 {
            return A::bound().code_out(code);
        }
        let object = object::<A>(value_out(A::ENUMERATIONS.bind, bind), bound_to, &mut room);
        A::bound().code_out(allocate(index, object, handle, count))
    }
}

pub unsafe extern "C" fn MPI_T_pvar_handle_alloc<A: Abi>(
    session: *mut c_void,
    index: c_int,
    bound_to: *mut c_void,
    handle: *mut *mut c_void,
    count: *mut c_int,
) -> c_int {
    let native = &A::bound().native;
    let (Some(allocate), Some(ask)) = (native.MPI_T_pvar_handle_alloc, native.MPI_T_pvar_get_info) else {
        return MPI_ERR_UNSUPPORTED_OPERATION;
    };
    let null = core::ptr::null_mut::<c_int>;
    let mut bind = 0;
    let mut room = [0];
    // SAFETY: as for `MPI_T_cvar_handle_alloc`.
    unsafe {
        let code = ask(
            index,
            null().cast(),
            null(),
            null(),
            null(),
            null().cast(),
            null().cast(),
            null().cast(),
            null(),
            &mut bind,
            null(),
            null(),
            null(),
        );
        if code != 0 {
            return A::bound().code_out(code);
        }
        let object = object::<A>(value_out(A::ENUMERATIONS.bind, bind), bound_to, &mut room);
        A::bound().code_out(allocate(session, index, object, handle, count))
    }
}
