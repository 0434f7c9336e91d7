//! Tool information: handles of objects behind an untyped pointer.

use core::ffi::{c_int, c_void};

use crate::abi::*;
use crate::enumerations::value_out;
use crate::family::Abi;
use crate::kinds::{
    Comm, Datatype, Errhandler, File, Group, Info, Message, Op, Request, Scalar, Session, Win,
};

/// Room for one native handle of any class.
type Room = [usize; 1];

/// The object that a variable is bound to, translated into `room`; null stays null.
///
/// # Safety
/// `object` is null or the address of a handle of the class that `bind` names.
unsafe fn object<A: Abi>(bind: c_int, object: *mut c_void, room: &mut Room) -> *mut c_void {
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

/// Makes a handle that is bound to an object: `ask` tells of what class the object is, `allocate` gets it translated.
///
/// # Safety
/// As for [`object`].
pub(super) unsafe fn bound<A: Abi>(
    bound_to: *mut c_void,
    ask: impl FnOnce(&mut c_int) -> c_int,
    allocate: impl FnOnce(*mut c_void) -> c_int,
) -> c_int {
    let (mut bind, mut room) = (0, [0]);
    let mut code = ask(&mut bind);
    if code == 0 {
        // SAFETY: as the caller promises.
        code = allocate(unsafe { object::<A>(value_out(A::ENUMERATIONS.bind, bind), bound_to, &mut room) });
    }
    A::bound().code_out(code)
}

/// What is not wanted of a description.
pub(super) fn unwanted<T>() -> *mut T {
    core::ptr::null_mut()
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
    // SAFETY: what is not wanted may be null; the rest are the caller's arguments.
    unsafe {
        bound::<A>(
            bound_to,
            |bind| {
                ask(
                    index,
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    bind,
                    unwanted(),
                )
            },
            |object| allocate(index, object, handle, count),
        )
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
    // SAFETY: as for `MPI_T_cvar_handle_alloc`.
    unsafe {
        bound::<A>(
            bound_to,
            |bind| {
                ask(
                    index,
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    bind,
                    unwanted(),
                    unwanted(),
                    unwanted(),
                )
            },
            |object| allocate(session, index, object, handle, count),
        )
    }
}
