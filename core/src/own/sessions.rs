//! Sessions on a library that knows only the world (MPI-5.0, section 11.3).
//!
//! A session is a handle of ours with an error handler. It has the two process sets that every implementation has,
//! and its groups are those of `MPI_COMM_WORLD` and `MPI_COMM_SELF`.

use core::ffi::{CStr, c_char, c_int};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::virtual_requests::OURS;
use super::{session_errors, startup};
use crate::abi::*;
use crate::family::Abi;

/// The error handlers of the open sessions, by their handles.
static SESSIONS: Mutex<BTreeMap<usize, MPI_Errhandler>> = Mutex::new(BTreeMap::new());

fn sessions() -> MutexGuard<'static, BTreeMap<usize, MPI_Errhandler>> {
    SESSIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a session is open.
pub(super) fn any() -> bool {
    !sessions().is_empty()
}

/// The error handler of a session; none if there is no such session.
pub(super) fn errhandler_of(session: MPI_Session) -> Option<MPI_Errhandler> {
    sessions().get(&session.0).copied()
}

/// Sets the error handler of a session; gives the former one back.
pub(super) fn set_errhandler(session: MPI_Session, errhandler: MPI_Errhandler) -> Option<MPI_Errhandler> {
    sessions().get_mut(&session.0).map(|held| core::mem::replace(held, errhandler))
}

pub unsafe extern "C" fn MPI_Session_init<A: Abi>(
    _info: MPI_Info,
    errhandler: MPI_Errhandler,
    session: *mut MPI_Session,
) -> c_int {
    if let Err(code) = startup::bring_up::<A>() {
        return session_errors::complain::<A>(code);
    }
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let bits = OURS | NEXT.fetch_add(1, Ordering::Relaxed);
    session_errors::hold(errhandler);
    sessions().insert(bits, errhandler);
    // SAFETY: the caller's variable.
    unsafe { *session = MPI_Session(bits) };
    MPI_SUCCESS
}

pub unsafe extern "C" fn MPI_Session_finalize<A: Abi>(session: *mut MPI_Session) -> c_int {
    // SAFETY: the caller's variable.
    let session = unsafe { &mut *session };
    let Some(errhandler) = sessions().remove(&session.0) else {
        return session_errors::complain::<A>(MPI_ERR_SESSION);
    };
    session_errors::release(errhandler);
    *session = MPI_SESSION_NULL;
    if any() { MPI_SUCCESS } else { startup::last_session_ended::<A>() }
}

/// The process sets, and the communicators whose groups they are.
const SETS: [(&CStr, MPI_Comm); 2] = [(c"mpi://WORLD", MPI_COMM_WORLD), (c"mpi://SELF", MPI_COMM_SELF)];

/// Answers for an open session; errors go to its error handler.
fn answer<A: Abi>(session: MPI_Session, act: impl FnOnce() -> Result<(), c_int>) -> c_int {
    if errhandler_of(session).is_none() {
        return session_errors::complain::<A>(MPI_ERR_SESSION);
    }
    match act() {
        Ok(()) => MPI_SUCCESS,
        Err(code) => session_errors::raise::<A>(session, code),
    }
}

/// The communicator whose group a process set is.
///
/// # Safety
/// Null or a C string.
unsafe fn comm_of(name: *const c_char) -> Result<MPI_Comm, c_int> {
    if name.is_null() {
        return Err(MPI_ERR_ARG);
    }
    // SAFETY: as the caller promises.
    let name = unsafe { CStr::from_ptr(name) };
    // It is a URI, whose first two parts are the same in capital letters.
    let is = |set: &CStr| set.to_bytes().eq_ignore_ascii_case(name.to_bytes());
    SETS.iter().find(|set| is(set.0)).map(|set| set.1).ok_or(MPI_ERR_ARG)
}

fn checked(code: c_int) -> Result<(), c_int> {
    if code == MPI_SUCCESS { Ok(()) } else { Err(code) }
}

pub unsafe extern "C" fn MPI_Session_get_num_psets<A: Abi>(
    session: MPI_Session,
    _info: MPI_Info,
    number: *mut c_int,
) -> c_int {
    answer::<A>(session, || {
        // SAFETY: the caller's variable.
        unsafe { *number = SETS.len() as c_int };
        Ok(())
    })
}

pub unsafe extern "C" fn MPI_Session_get_nth_pset<A: Abi>(
    session: MPI_Session,
    _info: MPI_Info,
    n: c_int,
    length: *mut c_int,
    name: *mut c_char,
) -> c_int {
    answer::<A>(session, || {
        let set = usize::try_from(n).ok().and_then(|n| SETS.get(n)).ok_or(MPI_ERR_ARG)?;
        let bytes = set.0.to_bytes_with_nul();
        // SAFETY: the caller's variables; the buffer is as long as the caller says, and a name that does not fit is
        // cut before a NUL.
        unsafe {
            if let Some(room) = usize::try_from(*length).ok().filter(|&room| room > 0) {
                let fits = bytes.len().min(room) - 1;
                name.copy_from_nonoverlapping(bytes.as_ptr().cast(), fits);
                *name.add(fits) = 0;
            }
            *length = bytes.len() as c_int;
        }
        Ok(())
    })
}

/// A new info object with one entry.
///
/// # Safety
/// The caller's variable.
unsafe fn inform<A: Abi>(info: *mut MPI_Info, key: &CStr, value: &CStr) -> Result<(), c_int> {
    let table = A::bound().table();
    // SAFETY: as the caller promises; C strings.
    unsafe {
        checked((table.MPI_Info_create)(info))?;
        checked((table.MPI_Info_set)(*info, key.as_ptr(), value.as_ptr()))
    }
}

pub unsafe extern "C" fn MPI_Session_get_info<A: Abi>(session: MPI_Session, info: *mut MPI_Info) -> c_int {
    answer::<A>(session, || {
        let mut level = MPI_THREAD_SINGLE;
        // SAFETY: MPI runs while a session is open; the caller's variable.
        unsafe {
            checked((A::bound().table().MPI_Query_thread)(&mut level))?;
            let level = match level {
                MPI_THREAD_FUNNELED => c"MPI_THREAD_FUNNELED",
                MPI_THREAD_SERIALIZED => c"MPI_THREAD_SERIALIZED",
                MPI_THREAD_MULTIPLE => c"MPI_THREAD_MULTIPLE",
                _ => c"MPI_THREAD_SINGLE",
            };
            inform::<A>(info, c"thread_level", level)
        }
    })
}

pub unsafe extern "C" fn MPI_Session_get_pset_info<A: Abi>(
    session: MPI_Session,
    name: *const c_char,
    info: *mut MPI_Info,
) -> c_int {
    answer::<A>(session, || {
        let mut size = 0;
        // SAFETY: the caller's string and variable.
        unsafe {
            checked((A::bound().table().MPI_Comm_size)(comm_of(name)?, &mut size))?;
            let text = std::ffi::CString::new(size.to_string()).map_err(|_| MPI_ERR_INTERN)?;
            inform::<A>(info, c"mpi_size", &text)
        }
    })
}

pub unsafe extern "C" fn MPI_Group_from_session_pset<A: Abi>(
    session: MPI_Session,
    name: *const c_char,
    group: *mut MPI_Group,
) -> c_int {
    // SAFETY: the caller's string and variable.
    answer::<A>(session, || unsafe { checked((A::bound().table().MPI_Comm_group)(comm_of(name)?, group)) })
}
