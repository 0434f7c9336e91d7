//! `MPI_Op_create`: the library calls the user's function with a datatype of its own.

use core::ffi::{c_int, c_void};

use super::thunk::{ContextArgument, thunk};
use crate::abi::{MPI_Count, MPI_Datatype, MPI_ERR_NO_MEM, MPI_ERR_UNSUPPORTED_OPERATION, MPI_Op};
use crate::family::Abi;
use crate::kinds::{Kind, Op, Out};

type UserFunction<C> = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut C, *mut MPI_Datatype);

/// What the library calls: translates the datatype and hands on. `C` is the library's count, `U` the user's.
unsafe extern "C" fn reduce<A: Abi, C: Copy + Into<U>, U>(
    input: *mut c_void,
    in_out: *mut c_void,
    count: *mut C,
    datatype: *mut A::Handle,
    function: *const c_void,
) {
    // SAFETY: the library's arguments; `function` is the user's, which `MPI_Op_create` got.
    unsafe {
        let mut outer: MPI_Datatype = A::bound().handle_out(*datatype);
        let mut length: U = (*count).into();
        let function: UserFunction<U> = core::mem::transmute(function);
        function(input, in_out, &mut length, &mut outer);
    }
}

type Create<A> = unsafe extern "C" fn(*const c_void, c_int, *mut <A as Abi>::Handle) -> c_int;

unsafe fn create<A: Abi>(
    native: Create<A>,
    handler: *const c_void,
    function: *const c_void,
    commute: c_int,
    op: *mut MPI_Op,
) -> c_int {
    let function = if function.is_null() {
        function
    } else {
        match thunk(handler, function, ContextArgument::Fifth) {
            Some(function) => function,
            None => return MPI_ERR_NO_MEM,
        }
    };
    // SAFETY: the caller's arguments, with a function that the library may call.
    unsafe {
        let mut held = <Out<Op> as Kind>::enter::<A>(op, [0, 0]);
        let code =
            A::bound().code_out(native(function, commute, <Out<Op> as Kind>::native::<A>(&mut held, op)));
        <Out<Op> as Kind>::leave::<A>(&mut held, op, [0, 0], code);
        code
    }
}

pub unsafe extern "C" fn MPI_Op_create<A: Abi>(
    function: *const c_void,
    commute: c_int,
    op: *mut MPI_Op,
) -> c_int {
    match A::bound().native.MPI_Op_create {
        // SAFETY: the caller's arguments.
        Some(native) => unsafe {
            create::<A>(native, reduce::<A, c_int, c_int> as *const c_void, function, commute, op)
        },
        None => MPI_ERR_UNSUPPORTED_OPERATION,
    }
}

pub unsafe extern "C" fn MPI_Op_create_c<A: Abi>(
    function: *const c_void,
    commute: c_int,
    op: *mut MPI_Op,
) -> c_int {
    let native = &A::bound().native;
    // A library without large counts calls with an int, which the user's function gets widened.
    let (native, handler) = match (native.MPI_Op_create_c, native.MPI_Op_create) {
        (Some(large), _) => (large, reduce::<A, MPI_Count, MPI_Count> as *const c_void),
        (None, Some(small)) => (small, reduce::<A, c_int, MPI_Count> as *const c_void),
        (None, None) => return MPI_ERR_UNSUPPORTED_OPERATION,
    };
    // SAFETY: the caller's arguments.
    unsafe { create::<A>(native, handler, function, commute, op) }
}
