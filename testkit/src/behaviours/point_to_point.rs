//! Messages between two ranks (MPI-5.0, chapter 3).

use core::ffi::c_int;
use core::ptr;

use anympi::abi::{
    MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_BYTE, MPI_DOUBLE, MPI_INT, MPI_PROC_NULL, MPI_REQUEST_NULL, MPI_Request,
    MPI_STATUS_IGNORE, MPI_STATUSES_IGNORE, MPI_Status,
};

use crate::Context;

/// A status that shows what was written to it.
const MARKED: MPI_Status =
    MPI_Status { MPI_SOURCE: -91, MPI_TAG: -92, MPI_ERROR: -93, MPI_internal: [-94; 5] };

fn right(context: &Context<'_>) -> c_int {
    (context.rank + 1) % context.size
}

fn left(context: &Context<'_>) -> c_int {
    (context.rank + context.size - 1) % context.size
}

fn count_of(context: &Context<'_>, status: &MPI_Status) -> Result<c_int, String> {
    let mut count = -1;
    call!(context, MPI_Get_count(status, MPI_INT, &mut count));
    Ok(count)
}

pub fn status_tells_source_tag_and_count(context: &Context<'_>) -> Result<(), String> {
    let sent = [context.rank, 2, 3];
    let mut request = MPI_REQUEST_NULL;
    call!(
        context,
        MPI_Isend(
            sent.as_ptr().cast_mut().cast(),
            3,
            MPI_INT,
            right(context),
            17,
            context.world,
            &mut request
        )
    );
    let mut received = [0; 8];
    let mut status = MARKED;
    call!(
        context,
        MPI_Recv(received.as_mut_ptr().cast(), 8, MPI_INT, left(context), 17, context.world, &mut status)
    );
    expect!(received[..3], [left(context), 2, 3], "message");
    expect!((status.MPI_SOURCE, status.MPI_TAG), (left(context), 17), "source and tag");
    expect!(count_of(context, &status)?, 3, "count");
    call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));
    expect!(request, MPI_REQUEST_NULL, "request after MPI_Wait");
    Ok(())
}

pub fn wildcards_match(context: &Context<'_>) -> Result<(), String> {
    let sent = context.rank * 10;
    let mut request = MPI_REQUEST_NULL;
    let tag = 100 + context.rank;
    call!(
        context,
        MPI_Isend(
            ptr::from_ref(&sent).cast_mut().cast(),
            1,
            MPI_INT,
            right(context),
            tag,
            context.world,
            &mut request
        )
    );
    let mut received = -1;
    let mut status = MARKED;
    call!(
        context,
        MPI_Recv(
            ptr::from_mut(&mut received).cast(),
            1,
            MPI_INT,
            MPI_ANY_SOURCE,
            MPI_ANY_TAG,
            context.world,
            &mut status
        )
    );
    expect!(
        (status.MPI_SOURCE, status.MPI_TAG, received),
        (left(context), 100 + left(context), left(context) * 10),
        "what came"
    );
    call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));
    call!(context, MPI_Barrier(context.world));
    Ok(())
}

pub fn proc_null_is_nobody(context: &Context<'_>) -> Result<(), String> {
    let mut value = 5;
    let buffer = ptr::from_mut(&mut value).cast();
    call!(context, MPI_Send(buffer, 1, MPI_INT, MPI_PROC_NULL, 3, context.world));
    let mut status = MARKED;
    call!(context, MPI_Recv(buffer, 1, MPI_INT, MPI_PROC_NULL, 3, context.world, &mut status));
    expect!(
        (status.MPI_SOURCE, status.MPI_TAG),
        (MPI_PROC_NULL, MPI_ANY_TAG),
        "status of a receive from nobody"
    );
    expect!((count_of(context, &status)?, value), (0, 5), "count and untouched buffer");
    Ok(())
}

pub fn many_requests_complete(context: &Context<'_>) -> Result<(), String> {
    // More than the arrays that are translated on the stack hold.
    const PAIRS: usize = 100;
    let sent: Vec<c_int> = (0..PAIRS as c_int).map(|index| context.rank * 1000 + index).collect();
    let mut received = vec![-1; PAIRS];
    let mut requests = vec![MPI_REQUEST_NULL; 2 * PAIRS];
    for index in 0..PAIRS {
        let slot = ptr::from_mut(&mut received[index]).cast();
        call!(
            context,
            MPI_Irecv(slot, 1, MPI_INT, left(context), index as c_int, context.world, &mut requests[index])
        );
    }
    for index in (0..PAIRS).rev() {
        let slot = ptr::from_ref(&sent[index]).cast_mut().cast();
        call!(
            context,
            MPI_Isend(
                slot,
                1,
                MPI_INT,
                right(context),
                index as c_int,
                context.world,
                &mut requests[PAIRS + index]
            )
        );
    }
    let mut statuses = vec![MARKED; 2 * PAIRS];
    call!(context, MPI_Waitall(2 * PAIRS as c_int, requests.as_mut_ptr(), statuses.as_mut_ptr()));
    expect!(requests, vec![MPI_REQUEST_NULL; 2 * PAIRS], "requests after MPI_Waitall");
    for index in 0..PAIRS {
        expect!(received[index], left(context) * 1000 + index as c_int, "message {index}");
        let status = &statuses[index];
        expect!((status.MPI_SOURCE, status.MPI_TAG), (left(context), index as c_int), "status {index}");
        expect!(count_of(context, status)?, 1, "count {index}");
    }
    Ok(())
}

pub fn waiting_with_ignored_statuses(context: &Context<'_>) -> Result<(), String> {
    let sent = context.rank;
    let mut received = -1;
    let mut requests = [MPI_REQUEST_NULL; 3];
    call!(
        context,
        MPI_Irecv(
            ptr::from_mut(&mut received).cast(),
            1,
            MPI_INT,
            left(context),
            5,
            context.world,
            &mut requests[0]
        )
    );
    call!(
        context,
        MPI_Isend(
            ptr::from_ref(&sent).cast_mut().cast(),
            1,
            MPI_INT,
            right(context),
            5,
            context.world,
            &mut requests[2]
        )
    );
    call!(context, MPI_Waitall(3, requests.as_mut_ptr(), MPI_STATUSES_IGNORE));
    expect!((received, requests), (left(context), [MPI_REQUEST_NULL; 3]), "message and requests");
    call!(context, MPI_Waitall(0, ptr::null_mut(), MPI_STATUSES_IGNORE));
    Ok(())
}

pub fn error_field_is_kept(context: &Context<'_>) -> Result<(), String> {
    let sent = 1;
    let mut request = MPI_REQUEST_NULL;
    call!(
        context,
        MPI_Isend(
            ptr::from_ref(&sent).cast_mut().cast(),
            1,
            MPI_INT,
            right(context),
            6,
            context.world,
            &mut request
        )
    );
    let mut received = 0;
    let mut status = MARKED;
    call!(
        context,
        MPI_Recv(
            ptr::from_mut(&mut received).cast(),
            1,
            MPI_INT,
            left(context),
            6,
            context.world,
            &mut status
        )
    );
    expect!(status.MPI_ERROR, MARKED.MPI_ERROR, "MPI_ERROR after MPI_Recv");
    let mut status = MARKED;
    call!(context, MPI_Wait(&mut request, &mut status));
    expect!(status.MPI_ERROR, MARKED.MPI_ERROR, "MPI_ERROR after MPI_Wait");
    Ok(())
}

pub fn no_flag_leaves_the_status(context: &Context<'_>) -> Result<(), String> {
    let mut flag = -1;
    let mut status = MARKED;
    call!(context, MPI_Iprobe(MPI_ANY_SOURCE, 4242, context.world, &mut flag, &mut status));
    expect!((flag, status), (0, MARKED), "MPI_Iprobe without a message");
    let mut received = 0;
    let mut request = MPI_REQUEST_NULL;
    call!(
        context,
        MPI_Irecv(
            ptr::from_mut(&mut received).cast(),
            1,
            MPI_INT,
            left(context),
            4243,
            context.world,
            &mut request
        )
    );
    let pending = request;
    call!(context, MPI_Test(&mut request, &mut flag, &mut status));
    expect!((flag, status, request), (0, MARKED, pending), "MPI_Test of a pending receive");
    // Nobody sends before everybody has tested.
    call!(context, MPI_Barrier(context.world));
    let sent = 9;
    call!(
        context,
        MPI_Send(ptr::from_ref(&sent).cast_mut().cast(), 1, MPI_INT, right(context), 4243, context.world)
    );
    while flag == 0 {
        call!(context, MPI_Test(&mut request, &mut flag, &mut status));
    }
    expect!(
        (received, status.MPI_SOURCE, status.MPI_TAG, request),
        (9, left(context), 4243, MPI_REQUEST_NULL),
        "MPI_Test at last"
    );
    Ok(())
}

pub fn probe_sees_the_message(context: &Context<'_>) -> Result<(), String> {
    let sent = [1, 2, 3, 4, 5];
    let mut request = MPI_REQUEST_NULL;
    call!(
        context,
        MPI_Isend(
            sent.as_ptr().cast_mut().cast(),
            5,
            MPI_INT,
            right(context),
            8,
            context.world,
            &mut request
        )
    );
    let mut status = MARKED;
    call!(context, MPI_Probe(MPI_ANY_SOURCE, 8, context.world, &mut status));
    expect!(
        (status.MPI_SOURCE, status.MPI_TAG, count_of(context, &status)?),
        (left(context), 8, 5),
        "MPI_Probe"
    );
    let mut flag = 0;
    let mut again = MARKED;
    call!(context, MPI_Iprobe(left(context), 8, context.world, &mut flag, &mut again));
    expect!((flag, again.MPI_SOURCE, again.MPI_TAG), (1, left(context), 8), "MPI_Iprobe");
    let mut received = [0; 5];
    call!(
        context,
        MPI_Recv(
            received.as_mut_ptr().cast(),
            5,
            MPI_INT,
            left(context),
            8,
            context.world,
            MPI_STATUS_IGNORE
        )
    );
    expect!(received, sent, "message");
    call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));
    Ok(())
}

pub fn sendrecv_around_the_ring(context: &Context<'_>) -> Result<(), String> {
    let sent = vec![f64::from(context.rank); 50_000];
    let mut received = vec![-1.0; 50_000];
    let mut status = MARKED;
    call!(
        context,
        MPI_Sendrecv(
            sent.as_ptr().cast_mut().cast(),
            50_000,
            MPI_DOUBLE,
            right(context),
            1,
            received.as_mut_ptr().cast(),
            50_000,
            MPI_DOUBLE,
            left(context),
            1,
            context.world,
            &mut status,
        )
    );
    expect!(received, vec![f64::from(left(context)); 50_000], "message");
    let mut bytes = 0;
    call!(context, MPI_Get_count(&status, MPI_BYTE, &mut bytes));
    expect!(bytes, 400_000, "bytes");
    Ok(())
}

pub fn cancelled_receive(context: &Context<'_>) -> Result<(), String> {
    let mut received = 0;
    let mut request = MPI_REQUEST_NULL;
    call!(
        context,
        MPI_Irecv(
            ptr::from_mut(&mut received).cast(),
            1,
            MPI_INT,
            left(context),
            4244,
            context.world,
            &mut request
        )
    );
    call!(context, MPI_Cancel(&mut request));
    let mut status = MARKED;
    call!(context, MPI_Wait(&mut request, &mut status));
    let mut cancelled = -1;
    call!(context, MPI_Test_cancelled(&status, &mut cancelled));
    expect!((cancelled != 0, request), (true, MPI_REQUEST_NULL), "a cancelled receive");
    Ok(())
}

pub fn null_requests_complete_at_once(context: &Context<'_>) -> Result<(), String> {
    let mut request: MPI_Request = MPI_REQUEST_NULL;
    let mut flag = 0;
    let mut status = MARKED;
    call!(context, MPI_Test(&mut request, &mut flag, &mut status));
    // The empty status of MPI-5.0, section 3.7.3.
    expect!((flag, status.MPI_SOURCE, status.MPI_TAG), (1, MPI_ANY_SOURCE, MPI_ANY_TAG), "the empty status");
    expect!(count_of(context, &status)?, 0, "its count");
    Ok(())
}
