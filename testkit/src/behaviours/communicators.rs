//! New communicators (MPI-5.0, chapter 7).

use core::ptr;

use anympi::Vendor;
use anympi::abi::{
    MPI_ANY_SOURCE, MPI_COMM_NULL, MPI_COMM_SELF, MPI_COMM_TYPE_HW_GUIDED, MPI_COMM_TYPE_HW_UNGUIDED,
    MPI_COMM_TYPE_RESOURCE_GUIDED, MPI_COMM_WORLD, MPI_INFO_NULL, MPI_INT, MPI_REQUEST_NULL,
    MPI_STATUS_IGNORE, MPI_UNDEFINED,
};

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
