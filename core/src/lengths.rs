//! How long the arrays of collective operations are: as many elements as a communicator has ranks or neighbours.

use core::ffi::c_int;

use crate::abi::{
    MPI_CART, MPI_COMM_NULL, MPI_DIST_GRAPH, MPI_ERR_TOPOLOGY, MPI_ERR_UNSUPPORTED_OPERATION, MPI_GRAPH,
    MPI_ROOT,
};
use crate::family::Abi;
use crate::kinds::{Comm, Scalar, Topology};
use crate::raise::{Object, raise};

/// How long the arrays of a call are: one element per sender, one per receiver.
pub struct Lengths {
    /// Receivers.
    pub send: usize,
    /// Senders.
    pub receive: usize,
}

fn length(number: c_int) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// The lengths for a collective of a whole communicator.
///
/// # Safety
/// `comm` is a communicator or refused by the library.
pub unsafe fn group_lengths<A: Abi>(comm: A::Handle) -> Result<Lengths, c_int> {
    let native = &A::bound().native;
    let (mut is_inter, mut size) = (0, 0);
    let ask = |function: Option<unsafe extern "C" fn(A::Handle, *mut c_int) -> c_int>, number: &mut c_int| {
        let Some(function) = function else { return Err(MPI_ERR_UNSUPPORTED_OPERATION) };
        // SAFETY: one int.
        let code = unsafe { function(comm, number) };
        if code == 0 { Ok(()) } else { Err(A::bound().code_out(code)) }
    };
    ask(native.MPI_Comm_test_inter, &mut is_inter)?;
    ask(if is_inter == 0 { native.MPI_Comm_size } else { native.MPI_Comm_remote_size }, &mut size)?;
    Ok(Lengths { send: length(size), receive: length(size) })
}

/// The lengths for a collective of neighbours.
///
/// # Safety
/// As for [`group_lengths`].
pub unsafe fn neighbour_lengths<A: Abi>(comm: A::Handle) -> Result<Lengths, c_int> {
    let native = &A::bound().native;
    let checked = |code: c_int| if code == 0 { Ok(()) } else { Err(A::bound().code_out(code)) };
    let missing = MPI_ERR_UNSUPPORTED_OPERATION;
    let mut topology = 0;
    // SAFETY: each function writes the ints that it gets.
    unsafe {
        checked(native.MPI_Topo_test.ok_or(missing)?(comm, &mut topology))?;
        match Topology::outward::<A>(topology, 0) {
            MPI_CART => {
                let mut dimensions = 0;
                checked(native.MPI_Cartdim_get.ok_or(missing)?(comm, &mut dimensions))?;
                Ok(Lengths { send: 2 * length(dimensions), receive: 2 * length(dimensions) })
            }
            MPI_GRAPH => {
                let (mut rank, mut neighbours) = (0, 0);
                checked(native.MPI_Comm_rank.ok_or(missing)?(comm, &mut rank))?;
                checked(native.MPI_Graph_neighbors_count.ok_or(missing)?(comm, rank, &mut neighbours))?;
                Ok(Lengths { send: length(neighbours), receive: length(neighbours) })
            }
            MPI_DIST_GRAPH => {
                let (mut sources, mut destinations, mut weighted) = (0, 0, 0);
                let ask = native.MPI_Dist_graph_neighbors_count.ok_or(missing)?;
                checked(ask(comm, &mut sources, &mut destinations, &mut weighted))?;
                Ok(Lengths { send: length(destinations), receive: length(sources) })
            }
            _ => {
                let comm = Comm::outward::<A>(comm, MPI_COMM_NULL);
                Err(raise::<A>(Object::Comm(comm), MPI_ERR_TOPOLOGY))
            }
        }
    }
}

/// The length of an array that counts at the root only: 0 elsewhere.
///
/// # Safety
/// As for [`group_lengths`].
pub unsafe fn root_length<A: Abi>(comm: A::Handle, root: c_int) -> Result<usize, c_int> {
    let native = &A::bound().native;
    let (mut is_inter, mut rank) = (0, -1);
    // SAFETY: two ints.
    let codes = unsafe {
        [
            native.MPI_Comm_test_inter.map(|ask| ask(comm, &mut is_inter)),
            native.MPI_Comm_rank.map(|ask| ask(comm, &mut rank)),
        ]
    };
    for code in codes {
        match code {
            Some(0) => {}
            Some(code) => return Err(A::bound().code_out(code)),
            None => return Err(MPI_ERR_UNSUPPORTED_OPERATION),
        }
    }
    let here = if is_inter == 0 { root == rank } else { root == MPI_ROOT };
    // SAFETY: as the caller promises.
    if here { unsafe { group_lengths::<A>(comm).map(|lengths| lengths.receive) } } else { Ok(0) }
}
