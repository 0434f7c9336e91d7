//! Many threads in MPI at once (MPI-5.0, section 11.6).

use core::ffi::c_int;
use core::ptr;

use anympi::Vendor;
use anympi::abi::{
    MPI_INFO_NULL, MPI_INT, MPI_REQUEST_NULL, MPI_STATUS_IGNORE, MPI_Status, MPI_THREAD_MULTIPLE,
};

use crate::Context;

pub fn many_threads_exchange(context: &Context<'_>) -> Result<(), String> {
    const THREADS: c_int = 4;
    const ROUNDS: c_int = 200;
    let mut provided = 0;
    call!(context, MPI_Query_thread(&mut provided));
    expect!(provided, MPI_THREAD_MULTIPLE, "thread level granted");
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || exchange(context, thread, ROUNDS))).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| "a thread panicked".to_owned())?)
    })
}

/// Each thread has a tag of its own, so threads must not get each other's messages.
fn exchange(context: &Context<'_>, thread: c_int, rounds: c_int) -> Result<(), String> {
    let right = (context.rank + 1) % context.size;
    let left = (context.rank + context.size - 1) % context.size;
    let tag = 500 + thread;
    for round in 0..rounds {
        let sent = [context.rank, thread, round];
        let mut received = [-1; 3];
        let mut request = MPI_REQUEST_NULL;
        call!(
            context,
            MPI_Isend(sent.as_ptr().cast_mut().cast(), 3, MPI_INT, right, tag, context.world, &mut request)
        );
        let mut status = MPI_Status::default();
        call!(
            context,
            MPI_Recv(received.as_mut_ptr().cast(), 3, MPI_INT, left, tag, context.world, &mut status)
        );
        call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));
        expect!(
            (received, status.MPI_SOURCE, status.MPI_TAG),
            ([left, thread, round], left, tag),
            "round {round}"
        );
        let mut value = round;
        call!(
            context,
            MPI_Sendrecv(
                ptr::from_mut(&mut value).cast(),
                1,
                MPI_INT,
                context.rank,
                tag + 100,
                ptr::from_mut(&mut received).cast(),
                1,
                MPI_INT,
                context.rank,
                tag + 100,
                context.world,
                MPI_STATUS_IGNORE
            )
        );
        expect!(received[0], round, "message to oneself");
    }
    Ok(())
}

/// All threads complete send-receives and make partitions ready at the same time.
pub fn many_threads_share_requests(context: &Context<'_>) -> Result<(), String> {
    // Open MPI 5.0's own partitioned communication hangs here.
    let info = context.mpi.info();
    if info.image.vendor == Vendor::OpenMpi && info.release.is_some_and(|release| release.0 >= 5) {
        return Ok(());
    }
    const THREADS: c_int = 4;
    const ROUNDS: c_int = 20;
    let (right, left) = ((context.rank + 1) % context.size, (context.rank + context.size - 1) % context.size);
    let (mut sent, mut received) = (vec![0; 2 * THREADS as usize], vec![-1; 2 * THREADS as usize]);
    let (mut send, mut receive) = (MPI_REQUEST_NULL, MPI_REQUEST_NULL);
    let (from, to, info) = (sent.as_mut_ptr().cast(), received.as_mut_ptr().cast(), MPI_INFO_NULL);
    let world = context.world;
    call!(context, MPI_Psend_init(from, THREADS, 2, MPI_INT, right, 510, world, info, &mut send));
    call!(context, MPI_Precv_init(to, THREADS, 2, MPI_INT, left, 510, world, info, &mut receive));
    for round in 0..ROUNDS {
        let message = |rank: c_int| -> Vec<c_int> {
            (0..2 * THREADS).map(|place| 1000 * rank + 10 * round + place).collect()
        };
        sent.copy_from_slice(&message(context.rank));
        call!(context, MPI_Start(&mut receive));
        call!(context, MPI_Start(&mut send));
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    scope.spawn(move || {
                        let mut value = context.rank;
                        let mut request = MPI_REQUEST_NULL;
                        let (buffer, tag) = (ptr::from_mut(&mut value).cast(), 520 + thread);
                        let (right, left) = (right, left);
                        call!(
                            context,
                            MPI_Isendrecv_replace(
                                buffer,
                                1,
                                MPI_INT,
                                right,
                                tag,
                                left,
                                tag,
                                context.world,
                                &mut request
                            )
                        );
                        call!(context, MPI_Pready(thread, send));
                        call!(context, MPI_Wait(&mut request, MPI_STATUS_IGNORE));
                        expect!(value, left, "what thread {thread} got in round {round}");
                        Ok(())
                    })
                })
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| "a thread panicked".to_owned())?)
        })?;
        let mut both = [send, receive];
        call!(context, MPI_Waitall(2, both.as_mut_ptr(), MPI_STATUS_IGNORE));
        expect!(received, message(left), "partitions of round {round}");
    }
    for request in [&mut send, &mut receive] {
        call!(context, MPI_Request_free(request));
    }
    Ok(())
}
