//! Coming up and going down where a library knows nothing of sessions (MPI-5.0, chapter 11).
//!
//! Such a library can be initialised once. The first session does that if the program has not, and the program's own
//! `MPI_Init` then finds it done. It stays up when the last session ends, for another may follow; when the process
//! exits it is finalized. A program that finalizes while sessions are open gets that when the last of them ends.
//!
//! What is emulated on such a library needs a communicator of ours. It is made as soon as the library is up, and goes when
//! the library is finalized: both also where somebody else does that, past the table.

use core::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{outbox, sessions};
use crate::abi::*;
use crate::family::Abi;
use crate::table::{NativeTable, shim};

/// Whether a library knows nothing of sessions: then little of it may be called before `MPI_Init`.
pub(crate) fn knows_no_sessions<A: Abi>(native: &NativeTable<A>) -> bool {
    native.MPI_Session_init.is_none()
}

/// What the program has done, which differs from what the library has seen.
struct Life {
    by_session: bool,
    initialized: bool,
    finalized: bool,
    /// A duplicate of `MPI_COMM_WORLD` for messages of ours.
    private: MPI_Comm,
}

static LIFE: Mutex<Life> =
    Mutex::new(Life { by_session: false, initialized: false, finalized: false, private: MPI_COMM_NULL });

fn life() -> MutexGuard<'static, Life> {
    LIFE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the library is up: initialised and not yet finalized.
pub(crate) fn is_running<A: Abi>() -> bool {
    let native = &A::bound().native;
    let (mut initialized, mut finalized) = (0, 0);
    // SAFETY: legal at any time; one int each.
    unsafe {
        native.MPI_Initialized.map(|ask| ask(&mut initialized));
        native.MPI_Finalized.map(|ask| ask(&mut finalized));
    }
    initialized != 0 && finalized == 0
}

/// The communicator for messages of ours; null where nobody told us that MPI is up.
pub(super) fn private() -> MPI_Comm {
    life().private
}

/// What is done once as soon as the library is up, on all processes.
fn begin<A: Abi>(life: &mut Life) {
    if life.private != MPI_COMM_NULL {
        return;
    }
    let table = A::bound().table();
    // SAFETY: MPI is running, and all processes of the world get here.
    unsafe {
        let mut made = MPI_COMM_NULL;
        if (table.MPI_Comm_dup)(MPI_COMM_WORLD, &mut made) == MPI_SUCCESS {
            (table.MPI_Comm_set_errhandler)(made, MPI_ERRORS_RETURN);
            if end_with_self::<A>() == MPI_SUCCESS {
                life.private = made;
            } else {
                (table.MPI_Comm_free)(&mut made);
            }
        }
    }
}

/// Has the library call [`before_the_end`] when it is finalized, whoever does that: before anything else it deletes the
/// attributes of `MPI_COMM_SELF`, the last one first (MPI-5.0, section 11.2.4).
fn end_with_self<A: Abi>() -> c_int {
    let table = A::bound().table();
    let delete: unsafe extern "C" fn(MPI_Comm, c_int, *mut c_void, *mut c_void) -> c_int =
        before_the_end::<A>;
    let mut keyval = MPI_KEYVAL_INVALID;
    // SAFETY: MPI is running; the functions are null, which copies nothing, and one of that type.
    unsafe {
        let make = table.MPI_Comm_create_keyval;
        let code = make(core::ptr::null(), delete as *const c_void, &mut keyval, core::ptr::null_mut());
        if code != MPI_SUCCESS {
            return code;
        }
        let code = (table.MPI_Comm_set_attr)(MPI_COMM_SELF, keyval, core::ptr::null_mut());
        (table.MPI_Comm_free_keyval)(&mut keyval);
        code
    }
}

/// Waits for what we have sent and frees what we have made. MPI is still up, and every process gets here.
unsafe extern "C" fn before_the_end<A: Abi>(_: MPI_Comm, _: c_int, _: *mut c_void, _: *mut c_void) -> c_int {
    while !outbox::sweep::<A>() {
        std::thread::yield_now();
    }
    let mut private = core::mem::replace(&mut life().private, MPI_COMM_NULL);
    if private == MPI_COMM_NULL {
        return MPI_SUCCESS;
    }
    // SAFETY: MPI is running; nobody else has this communicator.
    unsafe { (A::bound().table().MPI_Comm_free)(&mut private) }
}

/// Somebody has brought the library up past the table; all processes of the world get here at the same point.
pub fn came_up<A: Abi>() {
    if knows_no_sessions(&A::bound().native) && is_running::<A>() {
        begin::<A>(&mut life());
    }
}

/// Brings the library up for a session, if it is not up.
pub(super) fn bring_up<A: Abi>() -> Result<(), c_int> {
    let mut life = life();
    if is_running::<A>() {
        return Ok(());
    }
    let mut finalized = 0;
    // SAFETY: legal at any time, then the one initialisation. Who calls MPI_Init_thread later may ask for any level.
    let code = unsafe {
        shim::MPI_Finalized::<A>(&mut finalized);
        if finalized != 0 {
            return Err(MPI_ERR_OTHER);
        }
        let null = core::ptr::null_mut;
        shim::MPI_Init_thread::<A>(null(), core::ptr::null_mut(), MPI_THREAD_MULTIPLE, &mut 0)
    };
    if code != MPI_SUCCESS {
        return Err(code);
    }
    life.by_session = true;
    begin::<A>(&mut life);
    // SAFETY: a function of this library, which is never unloaded.
    unsafe { libc::atexit(at_exit::<A>) };
    Ok(())
}

/// Finalizes a library that only sessions used, all of which have ended.
extern "C" fn at_exit<A: Abi>() {
    let left_to_us = {
        let life = life();
        life.finalized || !life.initialized
    };
    if left_to_us && !sessions::any() && is_running::<A>() {
        end::<A>();
    }
}

/// Finalizes the library.
fn end<A: Abi>() -> c_int {
    // SAFETY: MPI is running, or says itself what is wrong.
    unsafe { shim::MPI_Finalize::<A>() }
}

/// What is left to do when the last session has ended.
pub(super) fn last_session_ended<A: Abi>() -> c_int {
    let asked = life().finalized;
    if asked && is_running::<A>() { end::<A>() } else { MPI_SUCCESS }
}

/// Initialises, unless a session did already.
fn initialize<A: Abi>(native: impl FnOnce() -> c_int) -> c_int {
    let mut life = life();
    if life.by_session && !life.initialized && is_running::<A>() {
        life.initialized = true;
        return MPI_SUCCESS;
    }
    let code = native();
    if code == MPI_SUCCESS {
        life.initialized = true;
        begin::<A>(&mut life);
    }
    code
}

pub unsafe extern "C" fn MPI_Init<A: Abi>(argc: *mut c_int, argv: *mut *mut *mut c_char) -> c_int {
    // SAFETY: the caller's arguments.
    initialize::<A>(|| unsafe { shim::MPI_Init::<A>(argc, argv) })
}

pub unsafe extern "C" fn MPI_Init_thread<A: Abi>(
    argc: *mut c_int,
    argv: *mut *mut *mut c_char,
    required: c_int,
    provided: *mut c_int,
) -> c_int {
    // SAFETY: the caller's arguments; MPI runs when the level is asked for.
    unsafe {
        let code = initialize::<A>(|| shim::MPI_Init_thread::<A>(argc, argv, required, provided));
        if code == MPI_SUCCESS {
            shim::MPI_Query_thread::<A>(provided);
        }
        code
    }
}

pub unsafe extern "C" fn MPI_Initialized<A: Abi>(flag: *mut c_int) -> c_int {
    let life = life();
    if life.by_session {
        // SAFETY: the caller's variable.
        unsafe { *flag = life.initialized.into() };
        return MPI_SUCCESS;
    }
    // SAFETY: as above.
    unsafe { shim::MPI_Initialized::<A>(flag) }
}

pub unsafe extern "C" fn MPI_Finalized<A: Abi>(flag: *mut c_int) -> c_int {
    let life = life();
    if life.by_session || life.finalized {
        // SAFETY: the caller's variable.
        unsafe { *flag = life.finalized.into() };
        return MPI_SUCCESS;
    }
    // SAFETY: as above.
    unsafe { shim::MPI_Finalized::<A>(flag) }
}

pub unsafe extern "C" fn MPI_Finalize<A: Abi>() -> c_int {
    if sessions::any() {
        life().finalized = true;
        return MPI_SUCCESS;
    }
    let code = end::<A>();
    if code == MPI_SUCCESS {
        life().finalized = true;
    }
    code
}
