//! What other translations of MPI got wrong, each as a behaviour; docs/translation.md lists which is which.

use core::ffi::{c_int, c_void};
use core::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use anympi::abi::*;

use crate::Context;

/// A status that shows what was written to it.
const MARKED: MPI_Status =
    MPI_Status { MPI_SOURCE: -91, MPI_TAG: -92, MPI_ERROR: -93, MPI_internal: [-94; 5] };

/// Begins to receive one int from this very rank.
fn receive(context: &Context<'_>, value: &mut c_int, tag: c_int) -> Result<MPI_Request, String> {
    let mut request = MPI_REQUEST_NULL;
    let buffer = ptr::from_mut(value).cast();
    call!(context, MPI_Irecv(buffer, 1, MPI_INT, context.rank, tag, context.world, &mut request));
    Ok(request)
}

/// Sends one int to this very rank.
fn send(context: &Context<'_>, value: c_int, tag: c_int) -> Result<(), String> {
    call!(context, MPI_Send(ptr::from_ref(&value).cast(), 1, MPI_INT, context.rank, tag, context.world));
    Ok(())
}

pub fn testsome_fills_from_the_front(context: &Context<'_>) -> Result<(), String> {
    let mut values = [0; 3];
    let [first, second, third] = &mut values;
    let mut requests = [
        MPI_REQUEST_NULL,
        receive(context, first, 71)?,
        receive(context, second, 72)?,
        receive(context, third, 73)?,
    ];
    send(context, 5, 73)?;
    let (mut count, mut indices, mut statuses) = (0, [-1; 4], [MARKED; 4]);
    while count == 0 {
        call!(
            context,
            MPI_Testsome(4, requests.as_mut_ptr(), &mut count, indices.as_mut_ptr(), statuses.as_mut_ptr())
        );
    }
    expect!((count, indices[0], statuses[0].MPI_TAG), (1, 3, 73), "what completed");
    expect!(statuses[1..], [MARKED; 3], "the statuses behind it");
    send(context, 6, 71)?;
    send(context, 7, 72)?;
    call!(context, MPI_Waitall(4, requests.as_mut_ptr(), MPI_STATUSES_IGNORE));
    expect!(values, [6, 7, 5], "messages");
    Ok(())
}

pub fn single_completions_keep_the_error_field(context: &Context<'_>) -> Result<(), String> {
    let mut value = 0;
    for round in 0..4 {
        let (tag, mut status, mut flag, mut index) = (74 + round, MARKED, 0, -1);
        let mut request = receive(context, &mut value, tag)?;
        send(context, round, tag)?;
        while flag == 0 {
            match round {
                0 => call!(context, MPI_Test(&mut request, &mut flag, &mut status)),
                1 => call!(context, MPI_Testany(1, &mut request, &mut index, &mut flag, &mut status)),
                2 => {
                    call!(context, MPI_Waitany(1, &mut request, &mut index, &mut status));
                    flag = 1;
                }
                _ => {
                    call!(context, MPI_Wait(&mut request, &mut status));
                    flag = 1;
                }
            }
        }
        expect!((status.MPI_TAG, status.MPI_ERROR), (tag, MARKED.MPI_ERROR), "status of round {round}");
    }
    Ok(())
}

pub fn no_flag_leaves_any_status(context: &Context<'_>) -> Result<(), String> {
    let (mut flag, mut index, mut status, mut statuses) = (-1, -1, MARKED, [MARKED; 2]);
    let (mut message, mut values) = (MPI_MESSAGE_NULL, [0; 2]);
    call!(context, MPI_Improbe(MPI_ANY_SOURCE, 4245, context.world, &mut flag, &mut message, &mut status));
    // The message is undefined then, and some libraries write the null handle.
    expect!((flag, status), (0, MARKED), "MPI_Improbe without a message");
    let [first, second] = &mut values;
    let mut requests = [receive(context, first, 81)?, receive(context, second, 82)?];
    let pending = requests;
    call!(context, MPI_Testany(2, requests.as_mut_ptr(), &mut index, &mut flag, &mut status));
    expect!((flag, index, status), (0, MPI_UNDEFINED, MARKED), "MPI_Testany of pending receives");
    call!(context, MPI_Testall(2, requests.as_mut_ptr(), &mut flag, statuses.as_mut_ptr()));
    expect!((flag, statuses), (0, [MARKED; 2]), "MPI_Testall of pending receives");
    let mut indices = [-1; 2];
    call!(
        context,
        MPI_Testsome(2, requests.as_mut_ptr(), &mut flag, indices.as_mut_ptr(), statuses.as_mut_ptr())
    );
    expect!((flag, statuses), (0, [MARKED; 2]), "MPI_Testsome of pending receives");
    call!(context, MPI_Request_get_status(requests[0], &mut flag, &mut status));
    expect!((flag, status), (0, MARKED), "MPI_Request_get_status of a pending receive");
    call!(context, MPI_Request_get_status_all(2, requests.as_ptr(), &mut flag, statuses.as_mut_ptr()));
    expect!((flag, statuses), (0, [MARKED; 2]), "MPI_Request_get_status_all of pending receives");
    expect!(requests, pending, "pending requests");
    send(context, 1, 81)?;
    send(context, 2, 82)?;
    call!(context, MPI_Waitall(2, requests.as_mut_ptr(), statuses.as_mut_ptr()));
    expect!(values, [1, 2], "messages");
    Ok(())
}

/// Cancelling a receive does not touch what a pending operation with arrays of datatypes still reads.
pub fn cancelling_keeps_the_arrays_of_others(context: &Context<'_>) -> Result<(), String> {
    let size = context.size as usize;
    let sent: Vec<c_int> = (0..context.size).map(|other| context.rank * 100 + other).collect();
    let expected: Vec<c_int> = (0..context.size).map(|other| other * 100 + context.rank).collect();
    let (counts, types) = (vec![1; size], vec![MPI_INT; size]);
    let offsets: Vec<c_int> = (0..context.size).map(|other| other * 4).collect();
    let mut received = vec![-1; size];
    let (mut request, mut value) = (MPI_REQUEST_NULL, 0);
    call!(
        context,
        MPI_Ialltoallw(
            sent.as_ptr().cast(),
            counts.as_ptr(),
            offsets.as_ptr(),
            types.as_ptr(),
            received.as_mut_ptr().cast(),
            counts.as_ptr(),
            offsets.as_ptr(),
            types.as_ptr(),
            context.world,
            &mut request
        )
    );
    let mut cancelled = receive(context, &mut value, 83)?;
    call!(context, MPI_Cancel(&mut cancelled));
    call!(context, MPI_Wait(&mut cancelled, MPI_STATUS_IGNORE));
    call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));
    expect!(received, expected, "MPI_Ialltoallw");
    Ok(())
}

pub fn contents_of_darrays_are_in_standard_terms(context: &Context<'_>) -> Result<(), String> {
    let mut made = MPI_DATATYPE_NULL;
    let (sizes, processes) = ([8, 9, 10], [2, 1, 1]);
    let distributions = [MPI_DISTRIBUTE_BLOCK, MPI_DISTRIBUTE_CYCLIC, MPI_DISTRIBUTE_NONE];
    let arguments = [MPI_DISTRIBUTE_DFLT_DARG, 3, MPI_DISTRIBUTE_DFLT_DARG];
    call!(
        context,
        MPI_Type_create_darray(
            2,
            1,
            3,
            sizes.as_ptr(),
            distributions.as_ptr(),
            arguments.as_ptr(),
            processes.as_ptr(),
            MPI_ORDER_C,
            MPI_INT,
            &mut made
        )
    );
    let (mut integers, mut addresses, mut datatypes, mut combiner) = (0, 0, 0, 0);
    call!(context, MPI_Type_get_envelope(made, &mut integers, &mut addresses, &mut datatypes, &mut combiner));
    expect!((integers, addresses, datatypes, combiner), (16, 0, 1, MPI_COMBINER_DARRAY), "envelope");
    let (mut found, mut datatype) = ([0; 16], MPI_DATATYPE_NULL);
    call!(context, MPI_Type_get_contents(made, 16, 0, 1, found.as_mut_ptr(), ptr::null_mut(), &mut datatype));
    let wanted: Vec<c_int> =
        [&[2, 1, 3][..], &sizes, &distributions, &arguments, &processes, &[MPI_ORDER_C]].concat();
    expect!(found[..], wanted[..], "integers");
    expect!(datatype, MPI_INT, "datatype");
    call!(context, MPI_Type_free(&mut made));
    Ok(())
}

static SEEN: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn keep(_: *mut c_void, _: *mut c_void, _: *mut c_int, datatype: *mut MPI_Datatype) {
    // SAFETY: MPI passes a datatype.
    SEEN.store(unsafe { (*datatype).0 }, Ordering::Relaxed);
}

unsafe extern "C" fn on_error(_: *mut MPI_Comm, _: *mut c_int) {}

pub fn callbacks_get_the_datatype_of_the_user(context: &Context<'_>) -> Result<(), String> {
    let (mut datatype, mut op, mut values) = (MPI_DATATYPE_NULL, MPI_OP_NULL, [0; 4]);
    call!(context, MPI_Type_contiguous(2, MPI_INT, &mut datatype));
    call!(context, MPI_Type_commit(&mut datatype));
    call!(context, MPI_Op_create(keep as *const c_void, 1, &mut op));
    let (input, output) = values.split_at_mut(2);
    call!(context, MPI_Reduce_local(input.as_ptr().cast(), output.as_mut_ptr().cast(), 1, datatype, op));
    expect!(SEEN.load(Ordering::Relaxed), datatype.0, "the datatype that the function got");
    call!(context, MPI_Op_free(&mut op));
    call!(context, MPI_Type_free(&mut datatype));
    Ok(())
}

/// More of them at a time than a table of fixed size holds.
pub fn nothing_runs_out(context: &Context<'_>) -> Result<(), String> {
    let mut operations = vec![MPI_OP_NULL; 2000];
    let mut handlers = vec![MPI_ERRHANDLER_NULL; 2000];
    // Open MPI takes a second for as many, so one rank does it.
    let mut keyvals = vec![MPI_KEYVAL_INVALID; if context.rank == 0 { 32_768 } else { 2000 }];
    for op in &mut operations {
        call!(context, MPI_Op_create(keep as *const c_void, 1, op));
    }
    for handler in &mut handlers {
        call!(context, MPI_Comm_create_errhandler(on_error as *const c_void, handler));
    }
    for keyval in &mut keyvals {
        call!(context, MPI_Comm_create_keyval(ptr::null(), ptr::null(), keyval, ptr::null_mut()));
    }
    let mut distinct = keyvals.clone();
    distinct.sort_unstable();
    distinct.dedup();
    expect!(distinct.len(), keyvals.len(), "different keyvals");
    for op in &mut operations {
        call!(context, MPI_Op_free(op));
    }
    for handler in &mut handlers {
        call!(context, MPI_Errhandler_free(handler));
    }
    for keyval in &mut keyvals {
        call!(context, MPI_Comm_free_keyval(keyval));
    }
    Ok(())
}

pub fn the_root_of_another_group_needs_no_send_buffer(context: &Context<'_>) -> Result<(), String> {
    if context.size < 2 {
        return Ok(());
    }
    let in_first = context.rank < context.size / 2;
    let (mut group, mut both) = (MPI_COMM_NULL, MPI_COMM_NULL);
    call!(context, MPI_Comm_split(context.world, c_int::from(!in_first), context.rank, &mut group));
    let other_leader = if in_first { context.size / 2 } else { 0 };
    call!(context, MPI_Intercomm_create(group, 0, context.world, other_leader, 81, &mut both));
    let (mut rank, mut senders) = (0, 0);
    call!(context, MPI_Comm_rank(group, &mut rank));
    call!(context, MPI_Comm_remote_size(both, &mut senders));
    for round in 1..3 {
        let mut sum: c_int = -1;
        let into = ptr::from_mut(&mut sum).cast();
        if in_first {
            let root = if rank == 0 { MPI_ROOT } else { MPI_PROC_NULL };
            call!(context, MPI_Reduce(ptr::null(), into, 1, MPI_INT, MPI_SUM, root, both));
            expect!(sum, if rank == 0 { round * senders } else { -1 }, "sum of round {round}");
            call!(context, MPI_Reduce_c(ptr::null(), into, 1, MPI_INT, MPI_SUM, root, both));
            expect!(sum, if rank == 0 { 10 * round * senders } else { -1 }, "large sum of round {round}");
        } else {
            let (one, ten) = (round, 10 * round);
            let nowhere = ptr::null_mut();
            call!(context, MPI_Reduce(ptr::from_ref(&one).cast(), nowhere, 1, MPI_INT, MPI_SUM, 0, both));
            call!(context, MPI_Reduce_c(ptr::from_ref(&ten).cast(), nowhere, 1, MPI_INT, MPI_SUM, 0, both));
        }
    }
    call!(context, MPI_Comm_free(&mut both));
    call!(context, MPI_Comm_free(&mut group));
    Ok(())
}
