//! Partitioned communication (MPI-5.0, chapter 4).

use core::ffi::c_int;

use anympi::Vendor;
use anympi::abi::*;

use crate::Context;

/// Both ends of a ring's links: a request that sends to the right, one that receives from the left.
struct Link {
    send: MPI_Request,
    receive: MPI_Request,
}

/// Makes them: ints divided into so many partitions here and there.
fn link(
    context: &Context<'_>,
    comm: MPI_Comm,
    sent: &[c_int],
    sent_in: c_int,
    received: &mut [c_int],
    received_in: c_int,
) -> Result<Link, String> {
    let (right, left) = ((context.rank + 1) % context.size, (context.rank + context.size - 1) % context.size);
    let mut link = Link { send: MPI_REQUEST_NULL, receive: MPI_REQUEST_NULL };
    let count = sent.len() as MPI_Count / MPI_Count::from(sent_in);
    let (start, info) = (sent.as_ptr().cast(), MPI_INFO_NULL);
    call!(context, MPI_Psend_init(start, sent_in, count, MPI_INT, right, 41, comm, info, &mut link.send));
    let count = received.len() as MPI_Count / MPI_Count::from(received_in);
    let start = received.as_mut_ptr().cast();
    call!(
        context,
        MPI_Precv_init(start, received_in, count, MPI_INT, left, 41, comm, info, &mut link.receive)
    );
    Ok(link)
}

impl Link {
    fn free(mut self, context: &Context<'_>) -> Result<(), String> {
        for request in [&mut self.send, &mut self.receive] {
            call!(context, MPI_Request_free(request));
            expect!(*request, MPI_REQUEST_NULL, "request after MPI_Request_free");
        }
        Ok(())
    }
}

/// What a rank sends in a round.
fn message(rank: c_int, round: c_int) -> Vec<c_int> {
    (0..12).map(|place| 1000 * rank + 100 * round + place).collect()
}

fn is_of_open_mpi_5(context: &Context<'_>) -> bool {
    let info = context.mpi.info();
    info.image.vendor == Vendor::OpenMpi && info.release.is_some_and(|release| release.0 >= 5)
}

pub fn partitions_arrive_round_after_round(context: &Context<'_>) -> Result<(), String> {
    let left = (context.rank + context.size - 1) % context.size;
    let (mut sent, mut received) = (vec![0; 12], vec![-1; 12]);
    let mut link = link(context, context.world, &sent, 4, &mut received, 4)?;
    for round in 0..3 {
        sent.copy_from_slice(&message(context.rank, round));
        received.fill(-1);
        let mut both = [link.receive, link.send];
        call!(context, MPI_Startall(2, both.as_mut_ptr()));
        // Open MPI 5.0 says at times that a send is complete before it has begun, and then waits for ever.
        if !is_of_open_mpi_5(context) {
            let mut flag = 1;
            call!(context, MPI_Test(&mut link.send, &mut flag, MPI_STATUS_IGNORE));
            expect!(flag, 0, "a send is complete before its partitions are ready");
        }
        // Each in another order and by another function.
        call!(context, MPI_Pready(3, link.send));
        call!(context, MPI_Pready_range(1, 2, link.send));
        call!(context, MPI_Pready_list(1, [0].as_ptr(), link.send));
        for partition in 0..4 {
            let mut arrived = 0;
            while arrived == 0 {
                call!(context, MPI_Parrived(link.receive, partition, &mut arrived));
            }
        }
        call!(context, MPI_Wait(&mut link.send, MPI_STATUS_IGNORE));
        call!(context, MPI_Wait(&mut link.receive, MPI_STATUS_IGNORE));
        expect!(received, message(left, round), "what arrived in round {round}");
        expect!(link.send == MPI_REQUEST_NULL || link.receive == MPI_REQUEST_NULL, false, "requests stay");
    }
    link.free(context)
}

pub fn both_sides_divide_differently(context: &Context<'_>) -> Result<(), String> {
    let left = (context.rank + context.size - 1) % context.size;
    for (here, there) in [(3, 4), (1, 6), (6, 2)] {
        let (sent, mut received) = (message(context.rank, 7), vec![-1; 12]);
        let mut link = link(context, context.world, &sent, here, &mut received, there)?;
        call!(context, MPI_Start(&mut link.receive));
        call!(context, MPI_Start(&mut link.send));
        for partition in (0..here).rev() {
            call!(context, MPI_Pready(partition, link.send));
        }
        let mut both = [link.send, link.receive];
        call!(context, MPI_Waitall(2, both.as_mut_ptr(), MPI_STATUS_IGNORE));
        expect!(received, message(left, 7), "{here} partitions received as {there}");
        link.free(context)?;
    }
    Ok(())
}

pub fn nothing_else_matches(context: &Context<'_>) -> Result<(), String> {
    let left = (context.rank + context.size - 1) % context.size;
    let right = (context.rank + 1) % context.size;
    // Two communicators of the same members, and an ordinary message with the same tag.
    let mut copy = MPI_COMM_NULL;
    call!(context, MPI_Comm_dup(context.world, &mut copy));
    let (first, second) = (message(context.rank, 1), message(context.rank, 2));
    let (mut of_first, mut of_second) = (vec![-1; 12], vec![-1; 12]);
    let mut in_copy = link(context, copy, &second, 2, &mut of_second, 2)?;
    let mut in_world = link(context, context.world, &first, 2, &mut of_first, 2)?;
    let mut plain = [-1; 12];
    let mut request = MPI_REQUEST_NULL;
    let start = plain.as_mut_ptr().cast();
    call!(context, MPI_Irecv(start, 12, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, context.world, &mut request));
    for link in [&mut in_world, &mut in_copy] {
        call!(context, MPI_Start(&mut link.receive));
        call!(context, MPI_Start(&mut link.send));
        call!(context, MPI_Pready_range(0, 1, link.send));
    }
    for link in [&mut in_copy, &mut in_world] {
        let mut both = [link.send, link.receive];
        call!(context, MPI_Waitall(2, both.as_mut_ptr(), MPI_STATUS_IGNORE));
    }
    expect!((of_first, of_second), (message(left, 1), message(left, 2)), "what arrived in each communicator");
    let mut flag = 1;
    call!(context, MPI_Test(&mut request, &mut flag, MPI_STATUS_IGNORE));
    expect!(flag, 0, "an ordinary receive got a partition");
    // Nobody sends before everybody has looked.
    call!(context, MPI_Barrier(context.world));
    let ordinary = message(context.rank, 3);
    call!(context, MPI_Send(ordinary.as_ptr().cast(), 12, MPI_INT, right, 41, context.world));
    call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));
    expect!(plain.to_vec(), message(left, 3), "the ordinary message");
    in_copy.free(context)?;
    in_world.free(context)?;
    call!(context, MPI_Comm_free(&mut copy));
    Ok(())
}

pub fn elements_may_lie_apart(context: &Context<'_>) -> Result<(), String> {
    // Open MPI 5.0 counts elements without their gaps and leaves out the last ones.
    if is_of_open_mpi_5(context) {
        return Ok(());
    }
    let (right, left) = ((context.rank + 1) % context.size, (context.rank + context.size - 1) % context.size);
    let mut pair = MPI_DATATYPE_NULL;
    // Two ints with a gap between them, and one behind.
    let mut vector = MPI_DATATYPE_NULL;
    call!(context, MPI_Type_vector(2, 1, 2, MPI_INT, &mut vector));
    call!(context, MPI_Type_create_resized(vector, 0, 4 * size_of::<c_int>() as MPI_Aint, &mut pair));
    call!(context, MPI_Type_commit(&mut pair));
    call!(context, MPI_Type_free(&mut vector));
    let sent: Vec<c_int> = (0..12).map(|place| 100 * context.rank + place).collect();
    let mut received = vec![-1; 12];
    let (mut send, mut receive) = (MPI_REQUEST_NULL, MPI_REQUEST_NULL);
    let (from, to, info) = (sent.as_ptr().cast(), received.as_mut_ptr().cast(), MPI_INFO_NULL);
    call!(context, MPI_Psend_init(from, 3, 1, pair, right, 43, context.world, info, &mut send));
    call!(context, MPI_Precv_init(to, 3, 1, pair, left, 43, context.world, info, &mut receive));
    call!(context, MPI_Start(&mut receive));
    call!(context, MPI_Start(&mut send));
    call!(context, MPI_Pready_range(0, 2, send));
    for request in [&mut send, &mut receive] {
        call!(context, MPI_Wait(request, MPI_STATUS_IGNORE));
        call!(context, MPI_Request_free(request));
    }
    let wanted: Vec<c_int> =
        (0..12).map(|place| if place % 2 == 0 { 100 * left + place } else { -1 }).collect();
    expect!(received, wanted, "elements and gaps");
    call!(context, MPI_Type_free(&mut pair));
    Ok(())
}
