//! Large counts, arrays of requests and of datatypes, and what a datatype was made of.

use core::ffi::c_int;
use core::ptr;

use anympi::abi::*;

use crate::Context;

pub fn large_counts(context: &Context<'_>) -> Result<(), String> {
    let (mine, mut sum) = (context.rank + 1, 0);
    call!(
        context,
        MPI_Allreduce_c(
            ptr::from_ref(&mine).cast(),
            ptr::from_mut(&mut sum).cast(),
            1,
            MPI_INT,
            MPI_SUM,
            context.world
        )
    );
    expect!(sum, context.size * (context.size + 1) / 2, "MPI_Allreduce_c");

    // Rank r sends r + 1 elements to everybody, in reverse order of the receivers.
    let size = context.size as usize;
    let counts: Vec<MPI_Count> = vec![MPI_Count::from(context.rank) + 1; size];
    let offsets: Vec<MPI_Aint> =
        (0..size).rev().map(|other| (other * counts[0] as usize) as MPI_Aint).collect();
    let sent: Vec<c_int> = vec![context.rank; size * counts[0] as usize];
    let expected: Vec<c_int> = (0..context.size).flat_map(|other| vec![other; other as usize + 1]).collect();
    let in_counts: Vec<MPI_Count> = (1..=MPI_Count::from(context.size)).collect();
    let in_offsets: Vec<MPI_Aint> =
        (0..context.size as MPI_Aint).map(|other| other * (other + 1) / 2).collect();
    let mut received = vec![-1; expected.len()];
    call!(
        context,
        MPI_Alltoallv_c(
            sent.as_ptr().cast(),
            counts.as_ptr(),
            offsets.as_ptr(),
            MPI_INT,
            received.as_mut_ptr().cast(),
            in_counts.as_ptr(),
            in_offsets.as_ptr(),
            MPI_INT,
            context.world
        )
    );
    expect!(received, expected, "MPI_Alltoallv_c");
    received.fill(-1);
    let mut request = MPI_REQUEST_NULL;
    call!(
        context,
        MPI_Ialltoallv_c(
            sent.as_ptr().cast(),
            counts.as_ptr(),
            offsets.as_ptr(),
            MPI_INT,
            received.as_mut_ptr().cast(),
            in_counts.as_ptr(),
            in_offsets.as_ptr(),
            MPI_INT,
            context.world,
            &mut request
        )
    );
    call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));
    expect!(received, expected, "MPI_Ialltoallv_c");

    let (mut size_c, mut status) = (0, MPI_Status::default());
    call!(context, MPI_Type_size_c(MPI_DOUBLE, &mut size_c));
    expect!(size_c, 8, "MPI_Type_size_c");
    let mut request = MPI_REQUEST_NULL;
    call!(
        context,
        MPI_Isend_c(ptr::from_ref(&mine).cast(), 1, MPI_INT, context.rank, 3, context.world, &mut request)
    );
    call!(
        context,
        MPI_Recv_c(ptr::from_mut(&mut sum).cast(), 1, MPI_INT, MPI_ANY_SOURCE, 3, context.world, &mut status)
    );
    call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));
    let mut count = -1;
    call!(context, MPI_Get_count_c(&status, MPI_INT, &mut count));
    expect!((sum, count, status.MPI_SOURCE), (mine, 1, context.rank), "MPI_Recv_c");
    Ok(())
}

pub fn alltoallw_takes_a_type_for_each(context: &Context<'_>) -> Result<(), String> {
    let size = context.size as usize;
    let sent: Vec<c_int> = (0..context.size).map(|other| context.rank * 100 + other).collect();
    let expected: Vec<c_int> = (0..context.size).map(|other| other * 100 + context.rank).collect();
    let (counts, types) = (vec![1; size], vec![MPI_INT; size]);
    let offsets: Vec<c_int> = (0..context.size).map(|other| other * 4).collect();
    let mut received = vec![-1; size];
    call!(
        context,
        MPI_Alltoallw(
            sent.as_ptr().cast(),
            counts.as_ptr(),
            offsets.as_ptr(),
            types.as_ptr(),
            received.as_mut_ptr().cast(),
            counts.as_ptr(),
            offsets.as_ptr(),
            types.as_ptr(),
            context.world
        )
    );
    expect!(received, expected, "MPI_Alltoallw");
    received.fill(-1);
    let mut request = MPI_REQUEST_NULL;
    {
        // The caller's arrays of datatypes may go as soon as the call has returned only for blocking calls; ours stay
        // until the wait, what the translation made of them must as well.
        let types = types.clone();
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
        call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));
    }
    expect!(received, expected, "MPI_Ialltoallw");
    Ok(())
}

pub fn contents_are_in_standard_terms(context: &Context<'_>) -> Result<(), String> {
    let mut made = MPI_DATATYPE_NULL;
    let (sizes, parts, starts) = ([4, 6], [2, 3], [1, 2]);
    call!(
        context,
        MPI_Type_create_subarray(
            2,
            sizes.as_ptr(),
            parts.as_ptr(),
            starts.as_ptr(),
            MPI_ORDER_FORTRAN,
            MPI_DOUBLE,
            &mut made
        )
    );
    let (mut integers, mut addresses, mut datatypes, mut combiner) = (0, 0, 0, 0);
    call!(context, MPI_Type_get_envelope(made, &mut integers, &mut addresses, &mut datatypes, &mut combiner));
    expect!((integers, addresses, datatypes, combiner), (8, 0, 1, MPI_COMBINER_SUBARRAY), "envelope");
    let (mut found, mut types) = ([0; 8], [MPI_DATATYPE_NULL; 3]);
    // More room for datatypes than there are.
    call!(
        context,
        MPI_Type_get_contents(made, 8, 0, 3, found.as_mut_ptr(), ptr::null_mut(), types.as_mut_ptr())
    );
    expect!(found, [2, 4, 6, 2, 3, 1, 2, MPI_ORDER_FORTRAN], "integers");
    expect!(types[0], MPI_DOUBLE, "datatype");
    call!(context, MPI_Type_free(&mut made));
    expect!(made, MPI_DATATYPE_NULL, "datatype after MPI_Type_free");
    Ok(())
}

pub fn waitsome_fills_from_the_front(context: &Context<'_>) -> Result<(), String> {
    const MARKED: MPI_Status =
        MPI_Status { MPI_SOURCE: -91, MPI_TAG: -92, MPI_ERROR: -93, MPI_internal: [-94; 5] };
    let (sent, mut received) = ([5, 6], [0; 3]);
    let mut requests = [MPI_REQUEST_NULL; 5];
    // Requests 1 and 3 complete; 4 does not, 0 and 2 are null.
    for (slot, tag) in [(1, 31), (3, 33), (4, 34)] {
        let buffer = ptr::from_mut(&mut received[slot / 2]).cast();
        call!(context, MPI_Irecv(buffer, 1, MPI_INT, context.rank, tag, context.world, &mut requests[slot]));
    }
    call!(context, MPI_Send(ptr::from_ref(&sent[0]).cast(), 1, MPI_INT, context.rank, 31, context.world));
    call!(context, MPI_Send(ptr::from_ref(&sent[1]).cast(), 1, MPI_INT, context.rank, 33, context.world));
    let (mut tags, mut total) = (Vec::new(), 0);
    while total < 2 {
        let (mut count, mut indices, mut statuses) = (-1, [-1; 5], [MARKED; 5]);
        call!(
            context,
            MPI_Waitsome(5, requests.as_mut_ptr(), &mut count, indices.as_mut_ptr(), statuses.as_mut_ptr())
        );
        for at in 0..count as usize {
            expect!(statuses[at].MPI_TAG, 30 + indices[at], "status {at} belongs to request {}", indices[at]);
            tags.push(statuses[at].MPI_TAG);
        }
        expect!(statuses[count as usize], MARKED, "the status behind the last");
        total += count;
    }
    tags.sort_unstable();
    expect!(tags, vec![31, 33], "tags");
    call!(context, MPI_Cancel(&mut requests[4]));
    call!(context, MPI_Wait(&mut requests[4], MPI_STATUS_IGNORE));
    Ok(())
}

pub fn handles_have_integers(context: &Context<'_>) -> Result<(), String> {
    let mut copy = MPI_COMM_NULL;
    call!(context, MPI_Comm_dup(MPI_COMM_SELF, &mut copy));
    // SAFETY: live handles.
    unsafe {
        let table = context.table;
        expect!((table.MPI_Comm_toint)(MPI_COMM_WORLD), MPI_COMM_WORLD.0 as c_int, "MPI_COMM_WORLD");
        expect!((table.MPI_Type_toint)(MPI_DOUBLE), MPI_DOUBLE.0 as c_int, "MPI_DOUBLE");
        let number = (table.MPI_Comm_toint)(copy);
        expect!((table.MPI_Comm_fromint)(number), copy, "a duplicate");
    }
    call!(context, MPI_Comm_free(&mut copy));
    Ok(())
}
