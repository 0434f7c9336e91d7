//! Counts beyond an int, with datatypes that make them cheap: without data, or of one large part.

use core::ffi::{c_int, c_void};
use core::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use anympi::Vendor;
use anympi::abi::*;

use crate::Context;

/// More than an int counts.
const COUNT: MPI_Count = (1 << 31) + 8;

/// A committed datatype without data, so that a large count of it is no message of many bytes.
fn nothing(context: &Context<'_>) -> Result<MPI_Datatype, String> {
    let mut datatype = MPI_DATATYPE_NULL;
    call!(context, MPI_Type_contiguous(0, MPI_INT, &mut datatype));
    call!(context, MPI_Type_commit(&mut datatype));
    Ok(datatype)
}

/// Size, lower bound and extent; frees the datatype.
fn measures(context: &Context<'_>, mut datatype: MPI_Datatype) -> Result<[MPI_Count; 3], String> {
    let (mut size, mut lower, mut extent) = (-1, -1, -1);
    call!(context, MPI_Type_size_c(datatype, &mut size));
    call!(context, MPI_Type_get_extent_c(datatype, &mut lower, &mut extent));
    call!(context, MPI_Type_free(&mut datatype));
    Ok([size, lower, extent])
}

/// A part of an array of two dimensions: their sizes, subsizes and starts.
fn subarray(
    context: &Context<'_>,
    [sizes, parts, starts]: [[MPI_Count; 2]; 3],
    order: c_int,
    of: MPI_Datatype,
) -> Result<MPI_Datatype, String> {
    let mut made = MPI_DATATYPE_NULL;
    let (sizes, parts, starts) = (sizes.as_ptr(), parts.as_ptr(), starts.as_ptr());
    call!(context, MPI_Type_create_subarray_c(2, sizes, parts, starts, order, of, &mut made));
    Ok(made)
}

pub fn constructors_take_large_numbers(context: &Context<'_>) -> Result<(), String> {
    let mut made = MPI_DATATYPE_NULL;
    call!(context, MPI_Type_contiguous_c(COUNT, MPI_SHORT, &mut made));
    expect!(measures(context, made)?, [2 * COUNT, 0, 2 * COUNT], "contiguous");
    call!(context, MPI_Type_vector_c(3, 2, COUNT, MPI_INT, &mut made));
    expect!(measures(context, made)?, [24, 0, 8 * COUNT + 8], "vector with a large stride");
    call!(context, MPI_Type_vector_c(COUNT, 1, 2, MPI_BYTE, &mut made));
    expect!(measures(context, made)?, [COUNT, 0, 2 * COUNT - 1], "vector of many blocks");
    call!(context, MPI_Type_create_hvector_c(2, COUNT, 3 * COUNT, MPI_BYTE, &mut made));
    expect!(measures(context, made)?, [2 * COUNT, 0, 4 * COUNT], "hvector of large blocks");

    let (lengths, offsets, bytes) = ([COUNT, 2], [4, 2 * COUNT], [16, 8 * COUNT]);
    call!(context, MPI_Type_indexed_c(2, lengths.as_ptr(), offsets.as_ptr(), MPI_INT, &mut made));
    expect!(measures(context, made)?, [4 * COUNT + 8, 16, 8 * COUNT - 8], "indexed");
    call!(context, MPI_Type_create_hindexed_c(2, lengths.as_ptr(), bytes.as_ptr(), MPI_INT, &mut made));
    expect!(measures(context, made)?, [4 * COUNT + 8, 16, 8 * COUNT - 8], "hindexed");
    call!(context, MPI_Type_create_indexed_block_c(2, 2, offsets.as_ptr(), MPI_INT, &mut made));
    expect!(measures(context, made)?, [16, 16, 8 * COUNT - 8], "indexed block");
    call!(context, MPI_Type_create_hindexed_block_c(2, COUNT, bytes.as_ptr(), MPI_BYTE, &mut made));
    expect!(measures(context, made)?, [2 * COUNT, 16, 9 * COUNT - 16], "hindexed block");
    let types = [MPI_BYTE, MPI_INT];
    call!(context, MPI_Type_create_struct_c(2, lengths.as_ptr(), bytes.as_ptr(), types.as_ptr(), &mut made));
    expect!(measures(context, made)?, [COUNT + 8, 16, 8 * COUNT - 8], "struct");

    let (sizes, parts, starts) = ([3, COUNT], [2, 5], [1, COUNT - 5]);
    for (order, reverse) in [(MPI_ORDER_C, false), (MPI_ORDER_FORTRAN, true)] {
        let in_order = |mut values: [MPI_Count; 2]| {
            if reverse {
                values.reverse();
            }
            values
        };
        let [sizes, parts, starts] = [sizes, parts, starts].map(in_order);
        made = subarray(context, [sizes, parts, starts], order, MPI_SHORT)?;
        let (mut lower, mut extent) = (-1, -1);
        call!(context, MPI_Type_get_true_extent_c(made, &mut lower, &mut extent));
        expect!(
            [lower, extent],
            [4 * COUNT - 10, 2 * COUNT + 10],
            "true extent of a subarray, order {order}"
        );
        expect!(measures(context, made)?, [20, 0, 6 * COUNT], "subarray, order {order}");
    }
    Ok(())
}

/// How a datatype was made: its combiner, then integers, large counts and datatypes.
type Contents = (c_int, Vec<c_int>, Vec<MPI_Count>, Vec<MPI_Datatype>);

/// Reads it; frees the datatype.
fn contents(context: &Context<'_>, mut datatype: MPI_Datatype) -> Result<Contents, String> {
    let (mut sizes, mut combiner) = ([0; 4], -1);
    let [integers, addresses, counts, datatypes] = &mut sizes;
    call!(context, MPI_Type_get_envelope_c(datatype, integers, addresses, counts, datatypes, &mut combiner));
    let mut integers = vec![-1; sizes[0] as usize];
    let mut addresses = vec![-1; sizes[1] as usize];
    let mut counts = vec![-1; sizes[2] as usize];
    let mut datatypes = vec![MPI_DATATYPE_NULL; sizes[3] as usize];
    call!(
        context,
        MPI_Type_get_contents_c(
            datatype,
            sizes[0],
            sizes[1],
            sizes[2],
            sizes[3],
            integers.as_mut_ptr(),
            addresses.as_mut_ptr(),
            counts.as_mut_ptr(),
            datatypes.as_mut_ptr()
        )
    );
    call!(context, MPI_Type_free(&mut datatype));
    expect!(addresses.len(), 0, "addresses in a datatype with large counts, combiner {combiner}");
    Ok((combiner, integers, counts, datatypes))
}

pub fn constructors_of_large_numbers_can_be_asked(context: &Context<'_>) -> Result<(), String> {
    let mut made = MPI_DATATYPE_NULL;
    call!(context, MPI_Type_contiguous_c(COUNT, MPI_SHORT, &mut made));
    let wanted = (MPI_COMBINER_CONTIGUOUS, vec![], vec![COUNT], vec![MPI_SHORT]);
    expect!(contents(context, made)?, wanted, "contiguous");
    call!(context, MPI_Type_vector_c(3, 2, COUNT, MPI_INT, &mut made));
    let wanted = (MPI_COMBINER_VECTOR, vec![], vec![3, 2, COUNT], vec![MPI_INT]);
    expect!(contents(context, made)?, wanted, "vector");
    call!(context, MPI_Type_create_hvector_c(2, COUNT, 3 * COUNT, MPI_BYTE, &mut made));
    let wanted = (MPI_COMBINER_HVECTOR, vec![], vec![2, COUNT, 3 * COUNT], vec![MPI_BYTE]);
    expect!(contents(context, made)?, wanted, "hvector");
    let (lengths, offsets) = ([COUNT, 1], [0, 2 * COUNT]);
    for (indexed, combiner) in [(true, MPI_COMBINER_INDEXED), (false, MPI_COMBINER_HINDEXED)] {
        let (lengths, offsets) = (lengths.as_ptr(), offsets.as_ptr());
        if indexed {
            call!(context, MPI_Type_indexed_c(2, lengths, offsets, MPI_BYTE, &mut made));
        } else {
            call!(context, MPI_Type_create_hindexed_c(2, lengths, offsets, MPI_BYTE, &mut made));
        }
        let wanted = (combiner, vec![], vec![2, COUNT, 1, 0, 2 * COUNT], vec![MPI_BYTE]);
        expect!(contents(context, made)?, wanted, "indexed, combiner {combiner}");
    }
    call!(context, MPI_Type_create_indexed_block_c(2, COUNT, offsets.as_ptr(), MPI_BYTE, &mut made));
    let wanted = (MPI_COMBINER_INDEXED_BLOCK, vec![], vec![2, COUNT, 0, 2 * COUNT], vec![MPI_BYTE]);
    expect!(contents(context, made)?, wanted, "indexed block");
    call!(context, MPI_Type_create_hindexed_block_c(2, COUNT, offsets.as_ptr(), MPI_BYTE, &mut made));
    let wanted = (MPI_COMBINER_HINDEXED_BLOCK, vec![], vec![2, COUNT, 0, 2 * COUNT], vec![MPI_BYTE]);
    expect!(contents(context, made)?, wanted, "hindexed block");
    let datatypes = [MPI_BYTE, MPI_CHAR];
    call!(
        context,
        MPI_Type_create_struct_c(2, lengths.as_ptr(), offsets.as_ptr(), datatypes.as_ptr(), &mut made)
    );
    let wanted = (MPI_COMBINER_STRUCT, vec![], vec![2, COUNT, 1, 0, 2 * COUNT], datatypes.to_vec());
    expect!(contents(context, made)?, wanted, "struct");
    made = subarray(context, [[COUNT, 4], [COUNT - 1, 2], [1, 1]], MPI_ORDER_FORTRAN, MPI_BYTE)?;
    let numbers = vec![COUNT, 4, COUNT - 1, 2, 1, 1];
    let wanted = (MPI_COMBINER_SUBARRAY, vec![2, MPI_ORDER_FORTRAN], numbers, vec![MPI_BYTE]);
    expect!(contents(context, made)?, wanted, "subarray");

    // A datatype that is not predefined is the program's to free, and the original may go before.
    let (mut inner, mut outer, mut size) = (MPI_DATATYPE_NULL, MPI_DATATYPE_NULL, 0);
    call!(context, MPI_Type_contiguous(3, MPI_INT, &mut inner));
    call!(context, MPI_Type_contiguous_c(COUNT, inner, &mut outer));
    call!(context, MPI_Type_free(&mut inner));
    call!(context, MPI_Type_dup(outer, &mut made));
    call!(context, MPI_Type_free(&mut outer));
    let (combiner, .., duplicated) = contents(context, made)?;
    expect!((combiner, duplicated.len()), (MPI_COMBINER_DUP, 1), "a duplicate");
    let (combiner, .., mut inside) = contents(context, duplicated[0])?;
    expect!((combiner, inside.len()), (MPI_COMBINER_CONTIGUOUS, 1), "what it is a duplicate of");
    call!(context, MPI_Type_size(inside[0], &mut size));
    expect!(size, 12, "size of the inner datatype");
    call!(context, MPI_Type_free(&mut inside[0]));
    Ok(())
}

pub fn statuses_hold_large_counts(context: &Context<'_>) -> Result<(), String> {
    let mut status = MPI_Status::default();
    call!(context, MPI_Status_set_elements_c(&mut status, MPI_BYTE, 4 * COUNT));
    let (mut count, mut elements, mut small) = (-1, -1, 0);
    call!(context, MPI_Get_count_c(&status, MPI_INT, &mut count));
    call!(context, MPI_Get_elements_c(&status, MPI_BYTE, &mut elements));
    call!(context, MPI_Get_count(&status, MPI_BYTE, &mut small));
    expect!((count, elements, small), (COUNT, 4 * COUNT, MPI_UNDEFINED), "a status of many bytes");
    call!(context, MPI_Status_set_elements_c(&mut status, MPI_BYTE, 4 * COUNT + 1));
    call!(context, MPI_Get_count_c(&status, MPI_INT, &mut count));
    expect!(count, MPI_Count::from(MPI_UNDEFINED), "a status with a part of an element");
    Ok(())
}

pub fn messages_of_large_counts(context: &Context<'_>) -> Result<(), String> {
    let mut datatype = nothing(context)?;
    let (right, left) = ((context.rank + 1) % context.size, (context.rank + context.size - 1) % context.size);
    let (mut data, world) = ([0; 4], context.world);
    let (buffer, mut requests) = (data.as_mut_ptr().cast::<c_void>(), [MPI_REQUEST_NULL; 4]);
    let mut statuses = [MPI_Status::default(); 4];
    call!(context, MPI_Irecv_c(buffer, COUNT, datatype, left, 61, world, &mut requests[0]));
    call!(context, MPI_Isend_c(buffer, COUNT, datatype, right, 61, world, &mut requests[1]));
    call!(context, MPI_Recv_init_c(buffer, COUNT, datatype, left, 62, world, &mut requests[2]));
    call!(context, MPI_Ssend_init_c(buffer, COUNT, datatype, right, 62, world, &mut requests[3]));
    call!(context, MPI_Startall(2, requests[2..].as_mut_ptr()));
    call!(context, MPI_Waitall(4, requests.as_mut_ptr(), statuses.as_mut_ptr()));
    expect!((statuses[0].MPI_SOURCE, statuses[2].MPI_TAG), (left, 62), "statuses");
    for request in &mut requests[2..] {
        call!(context, MPI_Request_free(request));
    }
    expect!(requests, [MPI_REQUEST_NULL; 4], "requests");

    call!(context, MPI_Isend_c(buffer, COUNT, datatype, right, 63, world, &mut requests[0]));
    let mut message = MPI_MESSAGE_NULL;
    call!(context, MPI_Mprobe(left, 63, world, &mut message, &mut statuses[0]));
    call!(context, MPI_Mrecv_c(buffer, COUNT, datatype, &mut message, &mut statuses[0]));
    call!(context, MPI_Wait(&mut requests[0], MPI_STATUS_IGNORE));
    call!(
        context,
        MPI_Sendrecv_c(
            buffer,
            COUNT,
            datatype,
            right,
            64,
            buffer.wrapping_byte_add(8),
            COUNT,
            datatype,
            left,
            64,
            world,
            &mut statuses[0]
        )
    );
    expect!((statuses[0].MPI_SOURCE, statuses[0].MPI_TAG), (left, 64), "status of MPI_Sendrecv_c");
    call!(context, MPI_Type_free(&mut datatype));
    Ok(())
}

pub fn collectives_of_large_counts(context: &Context<'_>) -> Result<(), String> {
    let mut datatype = nothing(context)?;
    // Two ranks at most: Intel MPI adds up the counts of more in ways that refuse them.
    let (mut pair, mut data, mut size) = (MPI_COMM_NULL, [0; 4], 0);
    call!(context, MPI_Comm_split(context.world, context.rank / 2, 0, &mut pair));
    call!(context, MPI_Comm_size(pair, &mut size));
    let send = data.as_mut_ptr().cast::<c_void>();
    let receive = send.wrapping_byte_add(8);
    call!(context, MPI_Bcast_c(send, COUNT, datatype, 0, pair));
    call!(context, MPI_Gather_c(send, COUNT, datatype, receive, COUNT, datatype, 0, pair));
    call!(context, MPI_Scatter_c(send, COUNT, datatype, receive, COUNT, datatype, 0, pair));
    call!(context, MPI_Allgather_c(send, COUNT, datatype, receive, COUNT, datatype, pair));
    call!(context, MPI_Alltoall_c(send, COUNT, datatype, receive, COUNT, datatype, pair));
    let mut request = MPI_REQUEST_NULL;
    call!(context, MPI_Iallgather_c(send, COUNT, datatype, receive, COUNT, datatype, pair, &mut request));
    call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));

    let size = size as usize;
    let counts = vec![COUNT; size];
    let offsets: Vec<MPI_Aint> =
        (0..size).map(|rank| rank * COUNT as usize).map(|at| at as MPI_Aint).collect();
    let (counts, offsets) = (counts.as_ptr(), offsets.as_ptr());
    call!(context, MPI_Allgatherv_c(send, COUNT, datatype, receive, counts, offsets, datatype, pair));
    call!(context, MPI_Gatherv_c(send, COUNT, datatype, receive, counts, offsets, datatype, 0, pair));
    call!(context, MPI_Scatterv_c(send, counts, offsets, datatype, receive, COUNT, datatype, 0, pair));
    call!(
        context,
        MPI_Alltoallv_c(send, counts, offsets, datatype, receive, counts, offsets, datatype, pair)
    );
    let types = vec![datatype; size];
    call!(
        context,
        MPI_Ialltoallw_c(
            send,
            counts,
            offsets,
            types.as_ptr(),
            receive,
            counts,
            offsets,
            types.as_ptr(),
            pair,
            &mut request
        )
    );
    call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));
    call!(context, MPI_Comm_free(&mut pair));
    call!(context, MPI_Type_free(&mut datatype));
    Ok(())
}

/// Displacements beyond an int, of data that is there: both ends of a range of addresses of which the middle is none.
pub fn displacements_beyond_an_int(context: &Context<'_>) -> Result<(), String> {
    let size = context.size as usize;
    // The elements of this type lie far apart only in name: its extent is 0, so every displacement is the same place.
    let mut folded = MPI_DATATYPE_NULL;
    call!(context, MPI_Type_create_resized(MPI_INT, 0, 0, &mut folded));
    call!(context, MPI_Type_commit(&mut folded));
    let sent = [context.rank * 3];
    let mut received = [-1];
    let mut counts = vec![0; size];
    counts[size - 1] = 1;
    let offsets: Vec<MPI_Aint> = (0..size).map(|rank| rank as MPI_Aint + 3_000_000_000).collect();
    let mine = MPI_Count::from(context.rank + 1 == context.size);
    call!(
        context,
        MPI_Allgatherv_c(
            sent.as_ptr().cast(),
            mine,
            MPI_INT,
            received.as_mut_ptr().cast(),
            counts.as_ptr(),
            offsets.as_ptr(),
            folded,
            context.world
        )
    );
    expect!(received, [(context.size - 1) * 3], "what the last rank sent");
    call!(context, MPI_Type_free(&mut folded));
    Ok(())
}

/// Nobody gets the data, so there need not be any.
pub fn nobody_takes_large_counts(context: &Context<'_>) -> Result<(), String> {
    let (mut data, nobody) = ([0; 8], MPI_PROC_NULL);
    let buffer = data.as_mut_ptr().cast::<c_void>();
    let mut status = MPI_Status::default();
    call!(context, MPI_Send_c(buffer, COUNT, MPI_DOUBLE, nobody, 65, context.world));
    call!(context, MPI_Recv_c(buffer, COUNT, MPI_DOUBLE, nobody, 65, context.world, &mut status));
    let mut count = -1;
    call!(context, MPI_Get_count_c(&status, MPI_DOUBLE, &mut count));
    expect!((status.MPI_SOURCE, count), (MPI_PROC_NULL, 0), "what nobody sent");
    Ok(())
}

/// The same through a window. A rank alone has none: Open MPI 4 makes no window there with `MPI_THREAD_MULTIPLE`.
pub fn nobody_takes_large_counts_from_a_window(context: &Context<'_>) -> Result<(), String> {
    if context.size == 1 {
        return Ok(());
    }
    let (mut data, mut window, nobody) = ([0; 8], MPI_WIN_NULL, MPI_PROC_NULL);
    let buffer = data.as_mut_ptr().cast::<c_void>();
    call!(context, MPI_Win_create(buffer, 16, 1, MPI_INFO_NULL, context.world, &mut window));
    call!(context, MPI_Win_fence(0, window));
    call!(context, MPI_Put_c(buffer, COUNT, MPI_INT, nobody, 0, COUNT, MPI_INT, window));
    call!(context, MPI_Get_c(buffer, COUNT, MPI_INT, nobody, 0, COUNT, MPI_INT, window));
    call!(context, MPI_Accumulate_c(buffer, COUNT, MPI_INT, nobody, 0, COUNT, MPI_INT, MPI_SUM, window));
    call!(context, MPI_Win_fence(0, window));
    call!(context, MPI_Win_free(&mut window));
    Ok(())
}

pub fn packing_counts_far(context: &Context<'_>) -> Result<(), String> {
    let (mut size, world) = (-1, context.world);
    call!(context, MPI_Pack_size_c(COUNT, MPI_INT, world, &mut size));
    expect!(size >= 4 * COUNT, true, "room for {COUNT} ints is {size}");
    // A buffer that begins far before the place that is written.
    let (sent, mut packed, mut received) = ([7, 8], [0u8; 64], [0; 2]);
    let far = packed.as_mut_ptr().wrapping_byte_sub(COUNT as usize).cast::<c_void>();
    let (mut position, mut back) = (COUNT, COUNT);
    call!(context, MPI_Pack_c(sent.as_ptr().cast(), 2, MPI_INT, far, COUNT + 64, &mut position, world));
    call!(context, MPI_Unpack_c(far, position, &mut back, received.as_mut_ptr().cast(), 2, MPI_INT, world));
    expect!((received, back), (sent, position), "packed and unpacked");
    expect!((COUNT + 8..=COUNT + 64).contains(&position), true, "the position is {position}");
    Ok(())
}

static HANDLED: AtomicI32 = AtomicI32::new(0);

unsafe extern "C" fn on_error(_: *mut MPI_Comm, code: *mut c_int) {
    // SAFETY: MPI passes a code.
    HANDLED.store(unsafe { *code }, Ordering::Relaxed);
}

/// What is found before the library is called is an error like any other: its handler is called.
pub fn refusals_call_the_error_handler(context: &Context<'_>) -> Result<(), String> {
    let (mut copy, mut handler) = (MPI_COMM_NULL, MPI_ERRHANDLER_NULL);
    call!(context, MPI_Comm_dup(MPI_COMM_SELF, &mut copy));
    call!(context, MPI_Comm_create_errhandler(on_error as *const c_void, &mut handler));
    call!(context, MPI_Comm_set_errhandler(copy, handler));
    let class_of = |code| -> Result<c_int, String> {
        let mut class = -1;
        call!(context, MPI_Error_class(code, &mut class));
        Ok(class)
    };
    // There is no buffer to give back, which not every library minds.
    let (mut start, mut room) = (ptr::null_mut::<c_void>(), 0);
    // SAFETY: two variables.
    let code = unsafe {
        (context.table.MPI_Comm_detach_buffer_c)(copy, ptr::from_mut(&mut start).cast(), &mut room)
    };
    let handled = HANDLED.swap(0, Ordering::Relaxed);
    expect!(class_of(code)?, class_of(handled)?, "class that the handler got");
    expect!([MPI_SUCCESS, MPI_ERR_BUFFER].contains(&class_of(code)?), true, "class of detaching no buffer");
    if context.mpi.info().image.vendor == Vendor::OpenMpi {
        // A nonblocking reduction can neither be done in parts nor on a datatype that is made.
        let (mut value, mut request) = (0, MPI_REQUEST_NULL);
        let buffer = ptr::from_mut(&mut value).cast::<c_void>();
        // SAFETY: refused before the library reads anything.
        let code = unsafe {
            (context.table.MPI_Iallreduce_c)(
                MPI_IN_PLACE,
                buffer,
                COUNT,
                MPI_INT,
                MPI_SUM,
                copy,
                &mut request,
            )
        };
        expect!(class_of(code)?, MPI_ERR_VALUE_TOO_LARGE, "class of a count that is too large");
        expect!(HANDLED.load(Ordering::Relaxed) == 0, false, "the handler was not called");
        expect!(request, MPI_REQUEST_NULL, "request");
    }
    call!(context, MPI_Errhandler_free(&mut handler));
    call!(context, MPI_Comm_free(&mut copy));
    Ok(())
}
