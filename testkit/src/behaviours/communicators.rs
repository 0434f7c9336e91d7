//! New communicators (MPI-5.0, chapter 7).

use core::ffi::c_void;
use core::ptr;

use anympi::Vendor;
use anympi::abi::*;

use crate::Context;

pub fn duplicate_is_apart(context: &Context<'_>) -> Result<(), String> {
    let mut copy = MPI_COMM_NULL;
    call!(context, MPI_Comm_dup(context.world, &mut copy));
    // A message in the duplicate is not seen in the original.
    let (sent, mut received) = (context.rank, -1);
    let mut request = MPI_REQUEST_NULL;
    call!(
        context,
        MPI_Isend(ptr::from_ref(&sent).cast_mut().cast(), 1, MPI_INT, context.rank, 4, copy, &mut request)
    );
    let mut flag = -1;
    call!(context, MPI_Iprobe(MPI_ANY_SOURCE, 4, context.world, &mut flag, MPI_STATUS_IGNORE));
    expect!(flag, 0, "a probe of the original");
    call!(
        context,
        MPI_Recv(ptr::from_mut(&mut received).cast(), 1, MPI_INT, MPI_ANY_SOURCE, 4, copy, MPI_STATUS_IGNORE)
    );
    call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));
    expect!(received, context.rank, "message");
    let mut size = 0;
    call!(context, MPI_Comm_size(copy, &mut size));
    expect!(size, context.size, "size of the duplicate");
    call!(context, MPI_Comm_free(&mut copy));
    Ok(())
}

pub fn split_orders_by_key(context: &Context<'_>) -> Result<(), String> {
    let mut part = MPI_COMM_NULL;
    // Two parts, each in reverse order.
    call!(context, MPI_Comm_split(context.world, context.rank % 2, -context.rank, &mut part));
    let (mut rank, mut size) = (-1, -1);
    call!(context, MPI_Comm_rank(part, &mut rank));
    call!(context, MPI_Comm_size(part, &mut size));
    let members: Vec<_> = (0..context.size).filter(|other| other % 2 == context.rank % 2).rev().collect();
    expect!(size as usize, members.len(), "size of the part");
    expect!(members[rank as usize], context.rank, "order in the part");
    call!(context, MPI_Comm_free(&mut part));
    Ok(())
}

pub fn undefined_colour_gets_null(context: &Context<'_>) -> Result<(), String> {
    let mut part = MPI_COMM_SELF;
    let colour = if context.rank == 0 { MPI_UNDEFINED } else { 0 };
    call!(context, MPI_Comm_split(context.world, colour, 0, &mut part));
    expect!(part == MPI_COMM_NULL, context.rank == 0, "who is left out");
    if context.rank != 0 {
        call!(context, MPI_Comm_free(&mut part));
    }
    Ok(())
}

pub fn freed_handle_is_null(context: &Context<'_>) -> Result<(), String> {
    let mut copy = MPI_COMM_NULL;
    call!(context, MPI_Comm_dup(MPI_COMM_SELF, &mut copy));
    expect!(copy == MPI_COMM_NULL || copy == MPI_COMM_SELF, false, "a duplicate that is nothing new");
    call!(context, MPI_Comm_free(&mut copy));
    expect!(copy, MPI_COMM_NULL, "handle after MPI_Comm_free");
    Ok(())
}

/// A split by resources that a library does not know gives no communicator, and is no error.
pub fn split_by_unknown_resources(context: &Context<'_>) -> Result<(), String> {
    let of_intel = context.mpi.info().image.vendor == Vendor::Intel;
    let mut info = MPI_INFO_NULL;
    call!(context, MPI_Info_create(&mut info));
    call!(context, MPI_Info_set(info, c"mpi_hw_resource_type".as_ptr(), c"no such resource".as_ptr()));
    for split_type in [MPI_COMM_TYPE_HW_GUIDED, MPI_COMM_TYPE_RESOURCE_GUIDED] {
        for info in [info, MPI_INFO_NULL] {
            let mut part = MPI_COMM_WORLD;
            call!(context, MPI_Comm_split_type(MPI_COMM_WORLD, split_type, 0, info, &mut part));
            if of_intel && part != MPI_COMM_NULL {
                // Intel MPI does not look at what the resource is.
                call!(context, MPI_Comm_free(&mut part));
            }
            expect!(part, MPI_COMM_NULL, "communicator of split type {split_type}");
        }
    }
    call!(context, MPI_Info_free(&mut info));
    let mut part = MPI_COMM_WORLD;
    call!(
        context,
        MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_HW_UNGUIDED, 0, MPI_INFO_NULL, &mut part)
    );
    if part != MPI_COMM_NULL {
        call!(context, MPI_Comm_free(&mut part));
    }
    Ok(())
}

pub fn split_by_shared_memory(context: &Context<'_>) -> Result<(), String> {
    let of_intel = context.mpi.info().image.vendor == Vendor::Intel;
    let mut info = MPI_INFO_NULL;
    call!(context, MPI_Info_create(&mut info));
    call!(context, MPI_Info_set(info, c"mpi_hw_resource_type".as_ptr(), c"mpi_shared_memory".as_ptr()));
    for split_type in [MPI_COMM_TYPE_SHARED, MPI_COMM_TYPE_HW_GUIDED, MPI_COMM_TYPE_RESOURCE_GUIDED] {
        let (mut part, mut size) = (MPI_COMM_NULL, -1);
        call!(context, MPI_Comm_split_type(context.world, split_type, 0, info, &mut part));
        if of_intel && split_type != MPI_COMM_TYPE_SHARED && part == MPI_COMM_NULL {
            // Intel MPI guides by other resources alone.
            continue;
        }
        call!(context, MPI_Comm_size(part, &mut size));
        expect!(size, context.size, "processes of this machine by split type {split_type}");
        call!(context, MPI_Comm_free(&mut part));
    }
    call!(context, MPI_Info_free(&mut info));
    Ok(())
}

pub fn windows_of_own_memory_can_be_asked(context: &Context<'_>) -> Result<(), String> {
    let (mut win, mut memory) = (MPI_WIN_NULL, ptr::null_mut::<c_void>());
    let (mut size, mut unit, mut base) = (-1, -1, ptr::null_mut::<c_void>());
    let place = (&raw mut memory).cast();
    call!(context, MPI_Win_allocate(64, 1, MPI_INFO_NULL, context.world, place, &mut win));
    // Intel MPI is by default compatible with MPI-3.1, where this was an error.
    if context.mpi.info().image.vendor != Vendor::Intel {
        let place = (&raw mut base).cast();
        call!(context, MPI_Win_shared_query(win, context.rank, &mut size, &mut unit, place));
        let wanted = if size == 0 { (0, true) } else { (64, false) };
        expect!((size, base.is_null()), wanted, "memory of an allocated window, which others may see or not");
    }
    call!(context, MPI_Win_free(&mut win));
    let place = (&raw mut memory).cast();
    call!(context, MPI_Win_allocate_shared(64, 8, MPI_INFO_NULL, context.world, place, &mut win));
    let place = (&raw mut base).cast();
    call!(context, MPI_Win_shared_query(win, context.rank, &mut size, &mut unit, place));
    expect!((size, unit, base), (64, 8, memory), "memory of a shared window");
    let mut large_unit = -1;
    let place = (&raw mut base).cast();
    call!(context, MPI_Win_shared_query_c(win, context.rank, &mut size, &mut large_unit, place));
    expect!((size, large_unit, base), (64, 8, memory), "the same with large counts");
    call!(context, MPI_Win_free(&mut win));
    Ok(())
}
