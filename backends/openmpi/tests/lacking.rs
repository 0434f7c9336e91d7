//! A library that lacks nearly everything: what a call of a missing function does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use core::ffi::{CStr, c_int, c_void};
use core::ptr;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use anympi_core::abi::*;
use anympi_core::{Abi, Bound, FnTable, NativeTable, Weights};
use anympi_openmpi::{NativeHandle, OpenMpi};

static UP: AtomicI32 = AtomicI32::new(0);
static CALLS: AtomicI32 = AtomicI32::new(0);
static OBJECT: AtomicUsize = AtomicUsize::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);

unsafe extern "C" fn initialized(flag: *mut c_int) -> c_int {
    // SAFETY: the caller's variable.
    unsafe { *flag = UP.load(Ordering::Relaxed) };
    0
}

unsafe extern "C" fn finalized(flag: *mut c_int) -> c_int {
    // SAFETY: the caller's variable.
    unsafe { *flag = 0 };
    0
}

unsafe extern "C" fn call_errhandler(object: NativeHandle, code: c_int) -> c_int {
    CALLS.fetch_add(1, Ordering::Relaxed);
    OBJECT.store(OpenMpi::handle_bits(object), Ordering::Relaxed);
    CODE.store(code, Ordering::Relaxed);
    0
}

unsafe extern "C" fn win_call_errhandler(object: NativeHandle, code: c_int) -> c_int {
    // SAFETY: as the library that calls it.
    unsafe { call_errhandler(object, code + 1000) }
}

fn lookup(name: &CStr) -> *const c_void {
    match name.to_bytes() {
        b"MPI_Initialized" => initialized as *const c_void,
        b"MPI_Finalized" => finalized as *const c_void,
        b"MPI_Comm_call_errhandler" => call_errhandler as *const c_void,
        b"MPI_Win_call_errhandler" => win_call_errhandler as *const c_void,
        _ => ptr::null(),
    }
}

/// The native number of `MPI_ERR_UNSUPPORTED_OPERATION`.
const UNSUPPORTED: c_int = 52;

#[test]
fn the_error_handler_hears_of_a_function_that_is_missing() {
    // SAFETY: the functions above have the signatures of their names.
    let native = unsafe { NativeTable::<OpenMpi>::load(&mut |name| lookup(name)) };
    let handles = [(MPI_COMM_WORLD.0, 0x1000), (MPI_COMM_SELF.0, 0x2000), (MPI_COMM_NULL.0, 0x3000)];
    let bound = OpenMpi::slot().fill(Bound::new(native, &handles, Weights { unweighted: 2, empty: 3 }));
    let table = FnTable::translated::<OpenMpi>(&bound.ok().unwrap().native);
    let heard = || {
        (CALLS.swap(0, Ordering::Relaxed), OBJECT.swap(0, Ordering::Relaxed), CODE.swap(0, Ordering::Relaxed))
    };
    let nothing = (0, 0, 0);
    // SAFETY: none of these functions reads its arguments.
    unsafe {
        let send = || (table.MPI_Send)(ptr::null(), 0, MPI_INT, 0, 0, MPI_COMM_WORLD);
        assert_eq!((send(), heard()), (MPI_ERR_UNSUPPORTED_OPERATION, nothing), "before MPI_Init");
        UP.store(1, Ordering::Relaxed);
        assert_eq!((send(), heard()), (MPI_ERR_UNSUPPORTED_OPERATION, (1, 0x1000, UNSUPPORTED)));
        let code = (table.MPI_Win_fence)(0, MPI_Win(0x4000));
        assert_eq!((code, heard()), (MPI_ERR_UNSUPPORTED_OPERATION, (1, 0x4000, UNSUPPORTED + 1000)));
        let code = (table.MPI_Type_commit)(&mut { MPI_INT });
        assert_eq!((code, heard()), (MPI_ERR_UNSUPPORTED_OPERATION, (1, 0x2000, UNSUPPORTED)), "no object");
        let code = (table.MPI_T_cvar_get_num)(&mut 0);
        assert_eq!((code, heard()), (MPI_ERR_UNSUPPORTED_OPERATION, nothing), "tool information");
        assert!((table.MPI_Wtime)().is_nan());
        assert_eq!(heard(), nothing, "no error code");
    }
    let unsupported = table.unsupported();
    assert!(unsupported.contains(&"MPI_Send") && unsupported.contains(&"MPI_T_cvar_get_num"));
    assert!(!unsupported.contains(&"MPI_Initialized"));
}
