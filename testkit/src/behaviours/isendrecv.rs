//! A send and a receive behind one request (MPI-5.0, section 3.10), in every function that takes requests.

use core::ffi::c_int;
use core::ptr;

use anympi::Vendor;
use anympi::abi::*;

use crate::Context;

/// MPICH's own operation, up to 5.0 and in Intel MPI, leaves the status as it was, hides truncation, mixes up elements
/// that lie apart and fails when there is nobody on the other side. Only a library of the standard ABI shows it.
fn is_of_mpich(context: &Context<'_>) -> bool {
    context.mpi.info().backend == "abi"
}

/// Whether truncation is told. Open MPI 5's own operation hides it as well, and Open MPI 4 hides it in receives from
/// the process itself.
fn tells_of_truncation(context: &Context<'_>) -> bool {
    let info = context.mpi.info();
    let open_mpi_tells = info.release.is_some_and(|release| release.0 == 4) && context.size > 1;
    !is_of_mpich(context) && (info.image.vendor != Vendor::OpenMpi || open_mpi_tells)
}

/// The neighbours in a ring: to send to, to receive from.
fn neighbours(context: &Context<'_>) -> (c_int, c_int) {
    ((context.rank + 1) % context.size, (context.rank + context.size - 1) % context.size)
}

/// Begins to send `sent` to the right and to receive from the left.
fn exchange(
    context: &Context<'_>,
    sent: &[c_int; 2],
    received: &mut [c_int; 2],
    tag: c_int,
) -> Result<MPI_Request, String> {
    let (right, left) = neighbours(context);
    let mut request = MPI_REQUEST_NULL;
    call!(
        context,
        MPI_Isendrecv(
            sent.as_ptr().cast(),
            2,
            MPI_INT,
            right,
            tag,
            received.as_mut_ptr().cast(),
            2,
            MPI_INT,
            left,
            tag,
            context.world,
            &mut request
        )
    );
    expect!(request == MPI_REQUEST_NULL, false, "a request was made");
    Ok(request)
}

fn count_of(context: &Context<'_>, status: &MPI_Status) -> Result<c_int, String> {
    let mut count = -1;
    call!(context, MPI_Get_count(status, MPI_INT, &mut count));
    Ok(count)
}

pub fn the_status_is_that_of_the_receive(context: &Context<'_>) -> Result<(), String> {
    let (_, left) = neighbours(context);
    let (sent, mut received) = ([context.rank, 7], [-1; 2]);
    let mut request = exchange(context, &sent, &mut received, 61)?;
    let mut status = MPI_Status { MPI_ERROR: 4321, ..MPI_Status::default() };
    call!(context, MPI_Wait(&mut request, &mut status));
    expect!(request, MPI_REQUEST_NULL, "request after MPI_Wait");
    expect!(received, [left, 7], "what arrived");
    expect!(status.MPI_ERROR, 4321, "the error field of a single completion");
    if !is_of_mpich(context) {
        expect!((status.MPI_SOURCE, status.MPI_TAG), (left, 61), "source and tag");
        expect!(count_of(context, &status)?, 2, "count");
    }
    Ok(())
}

pub fn looking_leaves_the_request(context: &Context<'_>) -> Result<(), String> {
    let (_, left) = neighbours(context);
    let (sent, mut received) = ([context.rank, 8], [-1; 2]);
    let mut request = exchange(context, &sent, &mut received, 62)?;
    let (mut flag, mut status) = (0, MPI_Status::default());
    while flag == 0 {
        call!(context, MPI_Request_get_status(request, &mut flag, &mut status));
    }
    if !is_of_mpich(context) {
        expect!((status.MPI_SOURCE, count_of(context, &status)?), (left, 2), "status of a complete request");
    }
    expect!(request == MPI_REQUEST_NULL, false, "the request is still there");
    (flag, status) = (0, MPI_Status::default());
    call!(context, MPI_Test(&mut request, &mut flag, &mut status));
    expect!((flag, request), (1, MPI_REQUEST_NULL), "flag and request of MPI_Test");
    expect!(received, [left, 8], "what arrived");
    if !is_of_mpich(context) {
        expect!(status.MPI_SOURCE, left, "source");
    }
    Ok(())
}

/// Three requests: an exchange, an ordinary receive, an exchange; and a null one. The receive's send as the last.
struct Mixed {
    sent: Box<[[c_int; 2]; 3]>,
    received: Box<[[c_int; 2]; 3]>,
    requests: [MPI_Request; 5],
}

fn mixed(context: &Context<'_>, tag: c_int) -> Result<Mixed, String> {
    let (right, left) = neighbours(context);
    let mut all = Mixed {
        sent: Box::new([[context.rank, 0], [context.rank, 1], [context.rank, 2]]),
        received: Box::new([[-1; 2]; 3]),
        requests: [MPI_REQUEST_NULL; 5],
    };
    all.requests[0] = exchange(context, &all.sent[0], &mut all.received[0], tag)?;
    let buffer = all.received[1].as_mut_ptr().cast();
    call!(context, MPI_Irecv(buffer, 2, MPI_INT, left, tag + 1, context.world, &mut all.requests[1]));
    all.requests[2] = exchange(context, &all.sent[2], &mut all.received[2], tag + 2)?;
    let buffer = all.sent[1].as_mut_ptr().cast();
    call!(context, MPI_Isend(buffer, 2, MPI_INT, right, tag + 1, context.world, &mut all.requests[4]));
    Ok(all)
}

impl Mixed {
    fn arrived(&self, context: &Context<'_>, how: &str) -> Result<(), String> {
        let (_, left) = neighbours(context);
        expect!(*self.received, [[left, 0], [left, 1], [left, 2]], "messages after {how}");
        expect!(self.requests, [MPI_REQUEST_NULL; 5], "requests after {how}");
        Ok(())
    }
}

pub fn all_sorts_of_requests_together(context: &Context<'_>) -> Result<(), String> {
    let (_, left) = neighbours(context);
    let mut all = mixed(context, 70)?;
    let mut statuses = [MPI_Status { MPI_ERROR: 4321, ..MPI_Status::default() }; 5];
    call!(context, MPI_Waitall(5, all.requests.as_mut_ptr(), statuses.as_mut_ptr()));
    all.arrived(context, "MPI_Waitall")?;
    expect!((statuses[1].MPI_SOURCE, statuses[1].MPI_TAG), (left, 71), "status of the receive");
    if !is_of_mpich(context) {
        expect!(statuses.map(|status| status.MPI_TAG)[..3], [70, 71, 72], "tags");
        expect!(statuses[2].MPI_SOURCE, left, "source of the third");
    }

    let mut all = mixed(context, 75)?;
    let mut flag = 0;
    while flag == 0 {
        call!(context, MPI_Testall(5, all.requests.as_mut_ptr(), &mut flag, MPI_STATUS_IGNORE));
    }
    all.arrived(context, "MPI_Testall")?;

    let mut all = mixed(context, 80)?;
    let mut seen = [false; 5];
    for _ in 0..4 {
        let (mut index, mut status) = (-1, MPI_Status::default());
        call!(context, MPI_Waitany(5, all.requests.as_mut_ptr(), &mut index, &mut status));
        expect!((0..5).contains(&index) && index != 3, true, "an index of MPI_Waitany");
        expect!(seen[index as usize], false, "whether {index} had completed before");
        seen[index as usize] = true;
        if index < 3 && !is_of_mpich(context) {
            expect!((status.MPI_SOURCE, status.MPI_TAG), (left, 80 + index), "status of {index}");
        }
    }
    all.arrived(context, "MPI_Waitany")?;
    let (mut index, mut flag) = (-1, 0);
    call!(context, MPI_Testany(5, all.requests.as_mut_ptr(), &mut index, &mut flag, MPI_STATUS_IGNORE));
    expect!((index, flag), (MPI_UNDEFINED, 1), "index and flag without requests");

    let mut all = mixed(context, 85)?;
    let mut ended = 0;
    while ended < 4 {
        let (mut count, mut indices, mut statuses) = (-1, [-1; 5], [MPI_Status::default(); 5]);
        call!(
            context,
            MPI_Waitsome(
                5,
                all.requests.as_mut_ptr(),
                &mut count,
                indices.as_mut_ptr(),
                statuses.as_mut_ptr()
            )
        );
        expect!((1..=4).contains(&count), true, "count {count} of MPI_Waitsome");
        for (&index, status) in indices.iter().zip(&statuses).take(count as usize) {
            if index == 1 || index < 3 && !is_of_mpich(context) {
                expect!(status.MPI_TAG, 85 + index, "tag of {index}");
            }
        }
        ended += count;
    }
    all.arrived(context, "MPI_Waitsome")
}

pub fn replaced_in_place(context: &Context<'_>) -> Result<(), String> {
    let (right, left) = neighbours(context);
    // Every second int: what lies between must stay.
    let apart = !is_of_mpich(context);
    let mut vector = MPI_DATATYPE_NULL;
    call!(context, MPI_Type_vector(3, 1, 2, MPI_INT, &mut vector));
    call!(context, MPI_Type_commit(&mut vector));
    let (count, datatype) = if apart { (1, vector) } else { (5, MPI_INT) };
    let mut values = [context.rank, -7, context.rank + 100, -8, context.rank + 200];
    let mut request = MPI_REQUEST_NULL;
    let buffer = values.as_mut_ptr().cast();
    call!(
        context,
        MPI_Isendrecv_replace(buffer, count, datatype, right, 63, left, 63, context.world, &mut request)
    );
    call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));
    expect!(values, [left, -7, left + 100, -8, left + 200], "values after the exchange");
    call!(context, MPI_Type_free(&mut vector));
    Ok(())
}

pub fn nobody_on_either_side(context: &Context<'_>) -> Result<(), String> {
    if is_of_mpich(context) {
        return Ok(());
    }
    let nobody = MPI_PROC_NULL;
    let mut request = MPI_REQUEST_NULL;
    let (sent, mut value): (c_int, c_int) = (4, 5);
    let (sent, received) = (ptr::from_ref(&sent).cast(), ptr::from_mut(&mut value).cast());
    call!(
        context,
        MPI_Isendrecv(
            sent,
            1,
            MPI_INT,
            nobody,
            0,
            received,
            1,
            MPI_INT,
            nobody,
            0,
            context.world,
            &mut request
        )
    );
    let mut status = MPI_Status::default();
    call!(context, MPI_Wait(&mut request, &mut status));
    expect!((value, request), (5, MPI_REQUEST_NULL), "value and request");
    expect!((status.MPI_SOURCE, count_of(context, &status)?), (MPI_PROC_NULL, 0), "source and count");
    Ok(())
}

pub fn too_much_is_truncated(context: &Context<'_>) -> Result<(), String> {
    let (right, left) = neighbours(context);
    let (sent, mut received) = ([context.rank; 4], [-1; 2]);
    let mut request = MPI_REQUEST_NULL;
    call!(
        context,
        MPI_Isendrecv(
            sent.as_ptr().cast(),
            4,
            MPI_INT,
            right,
            64,
            received.as_mut_ptr().cast(),
            1,
            MPI_INT,
            left,
            64,
            context.world,
            &mut request
        )
    );
    // SAFETY: the request that was just made.
    let code = unsafe { (context.table.MPI_Wait)(&mut request, MPI_STATUS_IGNORE) };
    if tells_of_truncation(context) {
        let mut class = 0;
        call!(context, MPI_Error_class(code, &mut class));
        expect!(class, MPI_ERR_TRUNCATE, "class of the code");
    }
    expect!((request, received[1]), (MPI_REQUEST_NULL, -1), "request, and what lies behind the buffer");
    Ok(())
}
