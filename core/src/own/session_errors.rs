//! Error handlers of sessions on a library that knows no sessions.
//!
//! They may be made before the library is up, so they are handles of ours. As everywhere in MPI a freed one lives on
//! while a session has it. The library counts references to predefined handlers too, so those that sessions have or
//! gave out are counted here.

use core::ffi::{c_int, c_void};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::virtual_requests::OURS;
use super::{sessions, startup};
use crate::abi::*;
use crate::family::Abi;
use crate::raise::Object;
use crate::table::shim;

/// A function of the user's; none in a predefined handler.
#[derive(Default)]
struct Handler {
    function: Option<usize>,
    references: usize,
}

static HANDLERS: LazyLock<Mutex<HashMap<usize, Handler>>> = LazyLock::new(Mutex::default);

fn handlers() -> MutexGuard<'static, HashMap<usize, Handler>> {
    HANDLERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One more reference to a handler.
pub(super) fn hold(errhandler: MPI_Errhandler) {
    handlers().entry(errhandler.0).or_default().references += 1;
}

/// One reference less; whether there was one.
pub(super) fn release(errhandler: MPI_Errhandler) -> bool {
    let mut all = handlers();
    let Some(handler) = all.get_mut(&errhandler.0) else { return false };
    handler.references -= 1;
    if handler.references == 0 {
        all.remove(&errhandler.0);
    }
    true
}

/// Makes an error handler for sessions.
pub(super) fn create(function: *const c_void) -> MPI_Errhandler {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let bits = OURS | NEXT.fetch_add(1, Ordering::Relaxed);
    handlers().insert(bits, Handler { function: Some(function.expose_provenance()), references: 1 });
    MPI_Errhandler(bits)
}

/// An error that belongs to no session: the initial error handler hears of it if the library is up.
pub(super) fn complain<A: Abi>(code: c_int) -> c_int {
    if startup::is_running::<A>() { crate::raise::raise::<A>(Object::Nothing, code) } else { code }
}

/// What an error handler that was given, not set, does with an error.
pub(super) fn end_if_fatal<A: Abi>(errhandler: MPI_Errhandler, code: c_int) {
    if code != MPI_SUCCESS && (errhandler == MPI_ERRORS_ARE_FATAL || errhandler == MPI_ERRORS_ABORT) {
        if startup::is_running::<A>() {
            // SAFETY: MPI is running.
            unsafe { (A::bound().table().MPI_Abort)(MPI_COMM_WORLD, code) };
        }
        std::process::exit(code);
    }
}

/// An error on an open session.
pub(super) fn raise<A: Abi>(session: MPI_Session, code: c_int) -> c_int {
    let Some(errhandler) = sessions::errhandler_of(session) else { return complain::<A>(MPI_ERR_SESSION) };
    end_if_fatal::<A>(errhandler, code);
    let function = handlers().get(&errhandler.0).and_then(|handler| handler.function);
    if let Some(function) = function {
        let (mut session, mut told) = (session, code);
        let function = core::ptr::with_exposed_provenance::<c_void>(function);
        // SAFETY: the user's function, which takes more arguments than it is given here: those that are the
        // implementation's own business (MPI-5.0, section 9.3.1).
        unsafe {
            let function: unsafe extern "C" fn(*mut MPI_Session, *mut c_int, ...) =
                core::mem::transmute(function);
            function(&mut session, &mut told);
        }
    }
    code
}

pub unsafe extern "C" fn MPI_Errhandler_free<A: Abi>(errhandler: *mut MPI_Errhandler) -> c_int {
    // SAFETY: the caller's variable.
    unsafe {
        if !release(*errhandler) && startup::is_running::<A>() {
            return shim::MPI_Errhandler_free::<A>(errhandler);
        }
        *errhandler = MPI_ERRHANDLER_NULL;
    }
    MPI_SUCCESS
}

pub unsafe extern "C" fn MPI_Session_call_errhandler<A: Abi>(session: MPI_Session, code: c_int) -> c_int {
    if sessions::errhandler_of(session).is_none() {
        return complain::<A>(MPI_ERR_SESSION);
    }
    raise::<A>(session, code);
    MPI_SUCCESS
}

pub unsafe extern "C" fn MPI_Session_get_errhandler<A: Abi>(
    session: MPI_Session,
    errhandler: *mut MPI_Errhandler,
) -> c_int {
    let Some(held) = sessions::errhandler_of(session) else { return complain::<A>(MPI_ERR_SESSION) };
    hold(held);
    // SAFETY: the caller's variable.
    unsafe { *errhandler = held };
    MPI_SUCCESS
}

pub unsafe extern "C" fn MPI_Session_set_errhandler<A: Abi>(
    session: MPI_Session,
    errhandler: MPI_Errhandler,
) -> c_int {
    if sessions::errhandler_of(session).is_none() {
        return complain::<A>(MPI_ERR_SESSION);
    }
    if errhandler == MPI_ERRHANDLER_NULL {
        return raise::<A>(session, MPI_ERR_ARG);
    }
    hold(errhandler);
    if let Some(former) = sessions::set_errhandler(session, errhandler) {
        release(former);
    }
    MPI_SUCCESS
}
