//! Generalized requests and data representations: callbacks that carry state.

use core::ffi::{c_char, c_int, c_void};

use crate::abi::*;
use crate::family::Abi;
use crate::kinds::{Datatype, Kind, NewRequest, Scalar};

type Query = unsafe extern "C" fn(*mut c_void, *mut MPI_Status) -> c_int;
type Free = unsafe extern "C" fn(*mut c_void) -> c_int;
type Cancel = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;

/// What `MPI_Grequest_start` got; freed by the request's own free function.
struct Generalized {
    query: Option<Query>,
    free: Option<Free>,
    cancel: Option<Cancel>,
    extra_state: *mut c_void,
}

unsafe extern "C" fn query<A: Abi>(state: *mut c_void, status: *mut A::Status) -> c_int {
    // SAFETY: `state` is what the request was started with; the status is the library's.
    unsafe {
        let request = &*state.cast::<Generalized>();
        let Some(function) = request.query else { return 0 };
        let mut outer = MPI_Status::default();
        A::status_out(&*status, &mut outer);
        let code = function(request.extra_state, &mut outer);
        *status = A::status_in(&outer);
        A::bound().code_in(code)
    }
}

unsafe extern "C" fn free<A: Abi>(state: *mut c_void) -> c_int {
    // SAFETY: the library calls this once, as the last of the three.
    unsafe {
        let request = Box::from_raw(state.cast::<Generalized>());
        request.free.map_or(0, |function| A::bound().code_in(function(request.extra_state)))
    }
}

unsafe extern "C" fn cancel<A: Abi>(state: *mut c_void, complete: c_int) -> c_int {
    // SAFETY: as for `query`.
    unsafe {
        let request = &*state.cast::<Generalized>();
        request.cancel.map_or(0, |function| A::bound().code_in(function(request.extra_state, complete)))
    }
}

pub unsafe extern "C" fn MPI_Grequest_start<A: Abi>(
    query_function: *const c_void,
    free_function: *const c_void,
    cancel_function: *const c_void,
    extra_state: *mut c_void,
    request: *mut MPI_Request,
) -> c_int {
    let Some(native) = A::bound().native.MPI_Grequest_start else { return MPI_ERR_UNSUPPORTED_OPERATION };
    // SAFETY: the caller's functions have these signatures; null is none.
    unsafe {
        let state = Box::into_raw(Box::new(Generalized {
            query: core::mem::transmute::<*const c_void, Option<Query>>(query_function),
            free: core::mem::transmute::<*const c_void, Option<Free>>(free_function),
            cancel: core::mem::transmute::<*const c_void, Option<Cancel>>(cancel_function),
            extra_state,
        }));
        let code = native(
            query::<A> as *const c_void,
            free::<A> as *const c_void,
            cancel::<A> as *const c_void,
            state.cast(),
            <NewRequest as Kind>::native::<A>(&mut (), request),
        );
        let code = A::bound().code_out(code);
        if code != 0 {
            drop(Box::from_raw(state));
        }
        <NewRequest as Kind>::leave::<A>(&mut (), request, [0, 0], code);
        code
    }
}

type Extent = unsafe extern "C" fn(MPI_Datatype, *mut MPI_Aint, *mut c_void) -> c_int;
type Convert<C> = unsafe extern "C" fn(*mut c_void, MPI_Datatype, C, *mut c_void, i64, *mut c_void) -> c_int;

/// What `MPI_Register_datarep` got. A representation cannot be unregistered, so it lives as long as the process.
struct Representation<C> {
    read: Option<Convert<C>>,
    write: Option<Convert<C>>,
    extent: Option<Extent>,
    extra_state: *mut c_void,
}

unsafe extern "C" fn extent<A: Abi, C>(
    datatype: A::Handle,
    extent: *mut MPI_Aint,
    state: *mut c_void,
) -> c_int {
    // SAFETY: `state` is what the representation was registered with.
    unsafe {
        let representation = &*state.cast::<Representation<C>>();
        let Some(function) = representation.extent else { return 0 };
        let datatype = Datatype::outward::<A>(datatype, MPI_DATATYPE_NULL);
        A::bound().code_in(function(datatype, extent, representation.extra_state))
    }
}

unsafe extern "C" fn convert<A: Abi, N: Into<C>, C, const WRITE: bool>(
    user: *mut c_void,
    datatype: A::Handle,
    count: N,
    file: *mut c_void,
    position: i64,
    state: *mut c_void,
) -> c_int {
    // SAFETY: as for `extent`.
    unsafe {
        let representation = &*state.cast::<Representation<C>>();
        let function = if WRITE { representation.write } else { representation.read };
        let Some(function) = function else { return 0 };
        let datatype = Datatype::outward::<A>(datatype, MPI_DATATYPE_NULL);
        A::bound().code_in(function(user, datatype, count.into(), file, position, representation.extra_state))
    }
}

type Register =
    unsafe extern "C" fn(*const c_char, *const c_void, *const c_void, *const c_void, *mut c_void) -> c_int;

/// Registers with functions of our own in place of the user's; `N` is the library's count, `C` the user's.
///
/// # Safety
/// The functions are null or have the signatures of a representation with counts of type `C`.
unsafe fn register<A: Abi, N: Into<C>, C>(
    native: Register,
    name: *const c_char,
    read: *const c_void,
    write: *const c_void,
    extent_function: *const c_void,
    extra_state: *mut c_void,
) -> c_int {
    // SAFETY: as the caller promises; a null conversion means that the data need none.
    unsafe {
        let state = Box::into_raw(Box::new(Representation::<C> {
            read: core::mem::transmute::<*const c_void, Option<Convert<C>>>(read),
            write: core::mem::transmute::<*const c_void, Option<Convert<C>>>(write),
            extent: core::mem::transmute::<*const c_void, Option<Extent>>(extent_function),
            extra_state,
        }));
        let or_null = |given: *const c_void, ours: *const c_void| if given.is_null() { given } else { ours };
        let code = native(
            name,
            or_null(read, convert::<A, N, C, false> as *const c_void),
            or_null(write, convert::<A, N, C, true> as *const c_void),
            or_null(extent_function, extent::<A, C> as *const c_void),
            state.cast(),
        );
        if code != 0 {
            drop(Box::from_raw(state));
        }
        A::bound().code_out(code)
    }
}

pub unsafe extern "C" fn MPI_Register_datarep<A: Abi>(
    name: *const c_char,
    read: *const c_void,
    write: *const c_void,
    extent: *const c_void,
    extra_state: *mut c_void,
) -> c_int {
    match A::bound().native.MPI_Register_datarep {
        // SAFETY: the caller's arguments.
        Some(native) => unsafe {
            register::<A, c_int, c_int>(native, name, read, write, extent, extra_state)
        },
        None => MPI_ERR_UNSUPPORTED_OPERATION,
    }
}

pub unsafe extern "C" fn MPI_Register_datarep_c<A: Abi>(
    name: *const c_char,
    read: *const c_void,
    write: *const c_void,
    extent: *const c_void,
    extra_state: *mut c_void,
) -> c_int {
    let native = &A::bound().native;
    // SAFETY: the caller's arguments; a library without large counts calls with ints, which are widened.
    unsafe {
        match (native.MPI_Register_datarep_c, native.MPI_Register_datarep) {
            (Some(large), _) => {
                register::<A, MPI_Count, MPI_Count>(large, name, read, write, extent, extra_state)
            }
            (None, Some(small)) => {
                register::<A, c_int, MPI_Count>(small, name, read, write, extent, extra_state)
            }
            (None, None) => MPI_ERR_UNSUPPORTED_OPERATION,
        }
    }
}
