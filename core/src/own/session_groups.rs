//! Communicators made of groups alone, on a library that makes them only out of other communicators.
//!
//! The private duplicate of the world stands in for the communicator that is not given, and the string that tells
//! concurrent calls apart becomes a tag there.

use core::ffi::{CStr, c_char, c_int};
use std::hash::{DefaultHasher, Hasher};

use super::{session_errors, startup};
use crate::abi::*;
use crate::family::Abi;

/// The communicator out of which others are made.
fn parent() -> MPI_Comm {
    match startup::private() {
        MPI_COMM_NULL => MPI_COMM_WORLD,
        private => private,
    }
}

/// A tag for a string, the same on every process and within the bounds of every library.
///
/// # Safety
/// Null or a C string.
unsafe fn tag_of(string: *const c_char) -> c_int {
    let mut hasher = DefaultHasher::new();
    if !string.is_null() {
        // SAFETY: as the caller promises.
        hasher.write(unsafe { CStr::from_ptr(string) }.to_bytes());
    }
    (hasher.finish() % 32_749) as c_int
}

fn checked(code: c_int) -> Result<(), c_int> {
    if code == MPI_SUCCESS { Ok(()) } else { Err(code) }
}

/// Gives a new communicator its error handler and hints.
///
/// # Safety
/// A live communicator, error handler and info object.
unsafe fn furnish<A: Abi>(made: MPI_Comm, info: MPI_Info, errhandler: MPI_Errhandler) -> Result<(), c_int> {
    let table = A::bound().table();
    if made == MPI_COMM_NULL {
        return Ok(());
    }
    // SAFETY: as the caller promises.
    unsafe {
        checked((table.MPI_Comm_set_errhandler)(made, errhandler))?;
        if info == MPI_INFO_NULL { Ok(()) } else { checked((table.MPI_Comm_set_info)(made, info)) }
    }
}

/// The code of the whole; an error goes to the error handler that was given.
fn outcome<A: Abi>(result: Result<(), c_int>, errhandler: MPI_Errhandler) -> c_int {
    let code = result.err().unwrap_or(MPI_SUCCESS);
    session_errors::end_if_fatal::<A>(errhandler, code);
    code
}

pub unsafe extern "C" fn MPI_Comm_create_from_group<A: Abi>(
    group: MPI_Group,
    string: *const c_char,
    info: MPI_Info,
    errhandler: MPI_Errhandler,
    made: *mut MPI_Comm,
) -> c_int {
    let table = A::bound().table();
    // SAFETY: the caller's arguments.
    let result = unsafe {
        *made = MPI_COMM_NULL;
        if group == MPI_GROUP_EMPTY {
            return MPI_SUCCESS;
        }
        checked((table.MPI_Comm_create_group)(parent(), group, tag_of(string), made))
            .and_then(|()| furnish::<A>(*made, info, errhandler))
    };
    outcome::<A>(result, errhandler)
}

pub unsafe extern "C" fn MPI_Intercomm_create_from_groups<A: Abi>(
    local_group: MPI_Group,
    local_leader: c_int,
    remote_group: MPI_Group,
    remote_leader: c_int,
    string: *const c_char,
    info: MPI_Info,
    errhandler: MPI_Errhandler,
    made: *mut MPI_Comm,
) -> c_int {
    let table = A::bound().table();
    // SAFETY: the caller's arguments, and objects that are freed again.
    let result = unsafe {
        let tag = tag_of(string);
        let (mut parent_group, mut local) = (MPI_GROUP_NULL, MPI_COMM_NULL);
        let mut leader = MPI_UNDEFINED;
        let result = checked((table.MPI_Comm_group)(parent(), &mut parent_group))
            .and_then(|()| {
                let translate = table.MPI_Group_translate_ranks;
                checked(translate(remote_group, 1, &remote_leader, parent_group, &mut leader))
            })
            .and_then(|()| checked((table.MPI_Comm_create_group)(parent(), local_group, tag, &mut local)))
            .and_then(|()| {
                checked((table.MPI_Intercomm_create)(local, local_leader, parent(), leader, tag, made))
            })
            .and_then(|()| furnish::<A>(*made, info, errhandler));
        if parent_group != MPI_GROUP_NULL {
            (table.MPI_Group_free)(&mut parent_group);
        }
        if local != MPI_COMM_NULL {
            (table.MPI_Comm_free)(&mut local);
        }
        result
    };
    outcome::<A>(result, errhandler)
}
