//! Each rank sends its number to the next one, and all sum their numbers.

use mpi::collective::SystemOperation;
use mpi::traits::*;

fn main() {
    let universe = mpi::initialize().expect("MPI comes up once");
    let world = universe.world();
    let (rank, size) = (world.rank(), world.size());

    let next = world.process_at_rank((rank + 1) % size);
    let previous = world.process_at_rank((rank + size - 1) % size);
    let (received, status): (i32, _) = mpi::point_to_point::send_receive(&rank, &next, &previous);
    assert_eq!(received, status.source_rank());

    let mut sum = 0;
    world.all_reduce_into(&rank, &mut sum, SystemOperation::sum());
    assert_eq!(sum, size * (size - 1) / 2);
    if rank == 0 {
        let library = mpi::environment::library_version().unwrap_or_default();
        let library = library.lines().next().unwrap_or_default();
        println!("rsmpi: ring of {size}, sum {sum}, on {library}");
    }
}
