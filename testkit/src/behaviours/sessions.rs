//! Sessions beside the world (MPI-5.0, sections 11.3 and 7.4).

use core::ffi::{CStr, c_char, c_int};
use core::ptr;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use anympi::abi::*;

use crate::Context;

/// An open session whose errors are returned.
fn open(context: &Context<'_>) -> Result<MPI_Session, String> {
    let mut session = MPI_SESSION_NULL;
    call!(context, MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &mut session));
    expect!(session == MPI_SESSION_NULL, false, "a session was made");
    Ok(session)
}

fn close(context: &Context<'_>, mut session: MPI_Session) -> Result<(), String> {
    call!(context, MPI_Session_finalize(&mut session));
    expect!(session, MPI_SESSION_NULL, "session after MPI_Session_finalize");
    Ok(())
}

pub fn process_sets_have_names_and_sizes(context: &Context<'_>) -> Result<(), String> {
    let session = open(context)?;
    let mut number = 0;
    call!(context, MPI_Session_get_num_psets(session, MPI_INFO_NULL, &mut number));
    let mut names = Vec::new();
    for n in 0..number {
        let mut length = 0;
        let nothing = ptr::null_mut();
        call!(context, MPI_Session_get_nth_pset(session, MPI_INFO_NULL, n, &mut length, nothing));
        let mut name = vec![1 as c_char; length as usize + 1];
        call!(context, MPI_Session_get_nth_pset(session, MPI_INFO_NULL, n, &mut length, name.as_mut_ptr()));
        expect!(name[length as usize - 1..], [0, 1], "the NUL of a name, and what lies behind");
        // SAFETY: a NUL was just found.
        names.push(unsafe { CStr::from_ptr(name.as_ptr()) }.to_owned());
    }
    for (name, size) in [(c"mpi://WORLD", context.size), (c"mpi://SELF", 1)] {
        expect!(names.iter().any(|known| known.as_c_str() == name), true, "{name:?} is in {names:?}");
        let mut info = MPI_INFO_NULL;
        call!(context, MPI_Session_get_pset_info(session, name.as_ptr(), &mut info));
        let (mut value, mut flag) = ([0 as c_char; 64], 0);
        let buffer = value.as_mut_ptr();
        call!(context, MPI_Info_get_string(info, c"mpi_size".as_ptr(), &mut 64, buffer, &mut flag));
        // SAFETY: MPI ends it with a NUL.
        let text = unsafe { CStr::from_ptr(value.as_ptr()) }.to_string_lossy().into_owned();
        expect!((flag, text), (1, size.to_string()), "mpi_size of {name:?}");
        call!(context, MPI_Info_free(&mut info));
    }
    close(context, session)
}

/// The group of a process set.
fn group_of(context: &Context<'_>, session: MPI_Session, name: &CStr) -> Result<MPI_Group, String> {
    let mut group = MPI_GROUP_NULL;
    call!(context, MPI_Group_from_session_pset(session, name.as_ptr(), &mut group));
    Ok(group)
}

pub fn groups_make_communicators(context: &Context<'_>) -> Result<(), String> {
    let session = open(context)?;
    let mut group = group_of(context, session, c"mpi://WORLD")?;
    let (mut rank, mut size) = (-1, -1);
    call!(context, MPI_Group_rank(group, &mut rank));
    call!(context, MPI_Group_size(group, &mut size));
    expect!((rank, size), (context.rank, context.size), "rank and size in the group");
    let mut made = MPI_COMM_NULL;
    let name = c"anympi.test.world".as_ptr();
    call!(context, MPI_Comm_create_from_group(group, name, MPI_INFO_NULL, MPI_ERRORS_RETURN, &mut made));
    let (mine, mut sum): (c_int, c_int) = (context.rank, -1);
    call!(
        context,
        MPI_Allreduce(ptr::from_ref(&mine).cast(), ptr::from_mut(&mut sum).cast(), 1, MPI_INT, MPI_SUM, made)
    );
    expect!(sum, context.size * (context.size - 1) / 2, "sum over the new communicator");
    let mut handler = MPI_ERRHANDLER_NULL;
    call!(context, MPI_Comm_get_errhandler(made, &mut handler));
    expect!(handler, MPI_ERRORS_RETURN, "its error handler");
    call!(context, MPI_Errhandler_free(&mut handler));
    // Halves of the world make their own at the same time, each in another order.
    let mut half = MPI_GROUP_NULL;
    let members: Vec<c_int> = (0..context.size).filter(|other| other % 2 == context.rank % 2).rev().collect();
    call!(context, MPI_Group_incl(group, members.len() as c_int, members.as_ptr(), &mut half));
    let mut part = MPI_COMM_NULL;
    let name = c"anympi.test.half".as_ptr();
    call!(context, MPI_Comm_create_from_group(half, name, MPI_INFO_NULL, MPI_ERRORS_RETURN, &mut part));
    call!(context, MPI_Comm_rank(part, &mut rank));
    call!(context, MPI_Comm_size(part, &mut size));
    expect!(size as usize, members.len(), "size of the half");
    expect!(members[rank as usize], context.rank, "order in the half");
    for comm in [&mut made, &mut part] {
        call!(context, MPI_Comm_free(comm));
    }
    for group in [&mut group, &mut half] {
        call!(context, MPI_Group_free(group));
    }
    let mut alone = group_of(context, session, c"mpi://SELF")?;
    call!(context, MPI_Group_size(alone, &mut size));
    expect!(size, 1, "size of the group of the process itself");
    call!(context, MPI_Group_free(&mut alone));
    close(context, session)
}

pub fn two_groups_make_an_intercommunicator(context: &Context<'_>) -> Result<(), String> {
    if context.size < 2 {
        return Ok(());
    }
    let session = open(context)?;
    let mut world = group_of(context, session, c"mpi://WORLD")?;
    let of_parity = |parity: c_int| -> Result<(MPI_Group, c_int), String> {
        let members: Vec<c_int> = (0..context.size).filter(|rank| rank % 2 == parity).collect();
        let mut group = MPI_GROUP_NULL;
        call!(context, MPI_Group_incl(world, members.len() as c_int, members.as_ptr(), &mut group));
        Ok((group, members.len() as c_int))
    };
    let parity = context.rank % 2;
    let ((mut mine, _), (mut others, their_size)) = (of_parity(parity)?, of_parity(1 - parity)?);
    let mut made = MPI_COMM_NULL;
    let name = c"anympi.test.bridge".as_ptr();
    call!(
        context,
        MPI_Intercomm_create_from_groups(
            mine,
            0,
            others,
            0,
            name,
            MPI_INFO_NULL,
            MPI_ERRORS_RETURN,
            &mut made
        )
    );
    let (mut is_inter, mut remote_size) = (0, 0);
    call!(context, MPI_Comm_test_inter(made, &mut is_inter));
    call!(context, MPI_Comm_remote_size(made, &mut remote_size));
    expect!((is_inter, remote_size), (1, their_size), "an intercommunicator, and the size of its other side");
    let (one, mut sum): (c_int, c_int) = (1, 0);
    let (sent, received) = (ptr::from_ref(&one).cast(), ptr::from_mut(&mut sum).cast());
    call!(context, MPI_Allreduce(sent, received, 1, MPI_INT, MPI_SUM, made));
    expect!(sum, their_size, "sum of the other side");
    call!(context, MPI_Comm_free(&mut made));
    for group in [&mut mine, &mut others, &mut world] {
        call!(context, MPI_Group_free(group));
    }
    close(context, session)
}

static HANDLED: AtomicI32 = AtomicI32::new(0);
static HANDLED_ON: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn on_error(session: *mut MPI_Session, code: *mut c_int) {
    // SAFETY: MPI passes both.
    unsafe {
        HANDLED_ON.store((*session).0, Ordering::Relaxed);
        HANDLED.store(*code, Ordering::Relaxed);
    }
}

pub fn errors_reach_the_handler(context: &Context<'_>) -> Result<(), String> {
    let session = open(context)?;
    let mut handler = MPI_ERRHANDLER_NULL;
    call!(context, MPI_Session_create_errhandler(on_error as *const _, &mut handler));
    call!(context, MPI_Session_set_errhandler(session, handler));
    let mut again = MPI_ERRHANDLER_NULL;
    call!(context, MPI_Session_get_errhandler(session, &mut again));
    expect!(again, handler, "the handler that was set");
    call!(context, MPI_Errhandler_free(&mut again));
    // The session keeps it.
    call!(context, MPI_Errhandler_free(&mut handler));
    expect!(handler, MPI_ERRHANDLER_NULL, "handler after MPI_Errhandler_free");
    call!(context, MPI_Session_call_errhandler(session, MPI_ERR_OTHER));
    expect!(HANDLED.load(Ordering::Relaxed), MPI_ERR_OTHER, "code that the handler got");
    expect!(HANDLED_ON.load(Ordering::Relaxed), session.0, "session that the handler got");
    close(context, session)
}

pub fn many_sessions_one_after_another(context: &Context<'_>) -> Result<(), String> {
    let first = open(context)?;
    for _ in 0..20 {
        let other = open(context)?;
        expect!(other == first, false, "two open sessions are one");
        close(context, other)?;
    }
    close(context, first)?;
    let mut finalized = 1;
    call!(context, MPI_Finalized(&mut finalized));
    expect!(finalized, 0, "the world goes on without sessions");
    Ok(())
}
