//! `MPI_*_create_errhandler`: the library calls the user's function with a handle and a code of its own.

use core::ffi::{c_int, c_void};

use super::session_errors;
use super::thunk::{ContextArgument, thunk};
use crate::abi::{MPI_ERR_NO_MEM, MPI_ERR_UNSUPPORTED_OPERATION, MPI_Errhandler, MPI_SUCCESS};
use crate::family::Abi;
use crate::kinds::{Comm, Errhandler, File, Kind, Out, Scalar, Session, Win};

/// What the library calls; `K` is the kind of object that the error happened on.
unsafe extern "C" fn handle<A: Abi, K: Scalar>(
    object: *mut K::Native<A>,
    code: *mut c_int,
    function: *const c_void,
) {
    // SAFETY: the library's arguments; `function` is the user's, which takes more arguments than it is given here:
    // those that are the implementation's own business (MPI-5.0, section 9.3.1).
    unsafe {
        let mut outer = core::mem::MaybeUninit::<K::Outer>::zeroed();
        outer.write(K::outward::<A>(*object, outer.assume_init()));
        let mut outer_code = A::bound().code_out(*code);
        let function: unsafe extern "C" fn(*mut K::Outer, *mut c_int, ...) = core::mem::transmute(function);
        function(outer.as_mut_ptr(), &mut outer_code);
    }
}

macro_rules! creators {
    ($($name:ident $kind:ident $missing:expr;)*) => {$(
        pub unsafe extern "C" fn $name<A: Abi>(function: *const c_void, errhandler: *mut MPI_Errhandler) -> c_int {
            let Some(native) = A::bound().native.$name else {
                let instead: Option<fn(*const c_void) -> MPI_Errhandler> = $missing;
                let Some(instead) = instead else { return MPI_ERR_UNSUPPORTED_OPERATION };
                // SAFETY: the caller's variable.
                unsafe { *errhandler = instead(function) };
                return MPI_SUCCESS;
            };
            let handler = handle::<A, $kind> as *const c_void;
            let function = if function.is_null() {
                function
            } else {
                match thunk(handler, function, ContextArgument::Third) {
                    Some(function) => function,
                    None => return MPI_ERR_NO_MEM,
                }
            };
            // SAFETY: the caller's arguments, with a function that the library may call.
            unsafe {
                let mut held = <Out<Errhandler> as Kind>::enter::<A>(errhandler, [0, 0]);
                let argument = <Out<Errhandler> as Kind>::native::<A>(&mut held, errhandler);
                let code = A::bound().code_out(native(function, argument));
                <Out<Errhandler> as Kind>::leave::<A>(&mut held, errhandler, [0, 0], code);
                code
            }
        }
    )*};
}

creators! {
    MPI_Comm_create_errhandler Comm None;
    MPI_File_create_errhandler File None;
    MPI_Session_create_errhandler Session Some(session_errors::create);
    MPI_Win_create_errhandler Win None;
}
