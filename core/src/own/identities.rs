//! What two processes can both call a communicator, on a library without partitioned communication.
//!
//! Messages of ours travel on a communicator of our own, so they must say which of the user's they belong to. Handles
//! differ between processes. The members and their order do not, and communicators of the same members are made in
//! the same order everywhere, for making one is collective: so members and number name a communicator.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use core::ffi::c_int;

use crate::abi::*;
use crate::family::Abi;

/// Members and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub members: u64,
    pub number: u64,
}

/// The number of a communicator that came without us seeing it, as those of `MPI_Comm_idup` do: they are known when
/// the library completes them. Several of the same members are one to us.
const UNSEEN: u64 = u64::MAX;

#[derive(Default)]
struct Known {
    comms: HashMap<usize, Identity>,
    numbers: HashMap<u64, u64>,
}

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A communicator was made.
pub(crate) fn made<A: Abi>(comm: MPI_Comm) {
    if A::bound().native.MPI_Psend_init.is_some() || comm.0 < PREDEFINED_END {
        return;
    }
    let Ok(members) = members::<A>(comm) else { return };
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let number = known.numbers.entry(members).or_default();
    *number += 1;
    let identity = Identity { members, number: *number };
    known.comms.insert(comm.0, identity);
    COUNT.store(known.comms.len(), Ordering::Relaxed);
}

/// A handle became null, perhaps: the handle may come again for another communicator.
#[inline]
pub(crate) fn watch(before: MPI_Comm, after: MPI_Comm) {
    if after == MPI_COMM_NULL && COUNT.load(Ordering::Relaxed) != 0 {
        KNOWN.lock().unwrap_or_else(PoisonError::into_inner).comms.remove(&before.0);
    }
}

/// The identity of a communicator.
///
/// # Errors
/// What the library says of the handle.
pub(super) fn identity<A: Abi>(comm: MPI_Comm) -> Result<Identity, c_int> {
    if comm == MPI_COMM_WORLD || comm == MPI_COMM_SELF {
        return Ok(Identity { members: comm.0 as u64, number: 0 });
    }
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).comms.get(&comm.0).copied();
    match known {
        Some(identity) => Ok(identity),
        None => Ok(Identity { members: members::<A>(comm)?, number: UNSEEN }),
    }
}

fn checked(code: c_int) -> Result<(), c_int> {
    if code == MPI_SUCCESS { Ok(()) } else { Err(code) }
}

/// The ranks in the world of these ranks of a group.
///
/// # Errors
/// What the library says.
fn in_world<A: Abi>(group: MPI_Group, ranks: &[c_int]) -> Result<Vec<c_int>, c_int> {
    let table = A::bound().table();
    let mut found = vec![MPI_UNDEFINED; ranks.len()];
    let mut world = MPI_GROUP_NULL;
    // SAFETY: arrays of ours, as long as their count says.
    unsafe {
        checked((table.MPI_Comm_group)(MPI_COMM_WORLD, &mut world))?;
        let count = ranks.len() as c_int;
        let translate = table.MPI_Group_translate_ranks;
        let code = translate(group, count, ranks.as_ptr(), world, found.as_mut_ptr());
        (table.MPI_Group_free)(&mut world);
        checked(code)?;
    }
    Ok(found)
}

/// Does something with a group of a communicator, the one that its messages go to or the other.
fn with_group<A: Abi, T>(
    comm: MPI_Comm,
    remote: bool,
    act: impl FnOnce(MPI_Group) -> Result<T, c_int>,
) -> Result<T, c_int> {
    let table = A::bound().table();
    let mut group = MPI_GROUP_NULL;
    // SAFETY: the library checks the communicator.
    unsafe {
        let make = if remote { table.MPI_Comm_remote_group } else { table.MPI_Comm_group };
        checked(make(comm, &mut group))?;
        let result = act(group);
        (table.MPI_Group_free)(&mut group);
        result
    }
}

/// Whether a communicator has two sides.
fn is_inter<A: Abi>(comm: MPI_Comm) -> Result<bool, c_int> {
    let mut flag = 0;
    // SAFETY: one int; the library checks the communicator.
    checked(unsafe { (A::bound().table().MPI_Comm_test_inter)(comm, &mut flag) })?;
    Ok(flag != 0)
}

/// A number for the members of a communicator, the same on both sides of one that has two.
fn members<A: Abi>(comm: MPI_Comm) -> Result<u64, c_int> {
    let side = |remote| {
        with_group::<A, _>(comm, remote, |group| {
            let mut size = 0;
            // SAFETY: one int.
            checked(unsafe { (A::bound().table().MPI_Group_size)(group, &mut size) })?;
            let mut hasher = DefaultHasher::new();
            for rank in in_world::<A>(group, &(0..size).collect::<Vec<_>>())? {
                hasher.write_i32(rank);
            }
            Ok(hasher.finish())
        })
    };
    if is_inter::<A>(comm)? { Ok(side(false)?.wrapping_add(side(true)?)) } else { side(false) }
}

/// The rank in the world of a rank that a communicator sends to.
///
/// # Errors
/// `MPI_ERR_UNSUPPORTED_OPERATION` for a process outside the world, and what the library says of a bad rank.
pub(super) fn world_rank<A: Abi>(comm: MPI_Comm, rank: c_int) -> Result<c_int, c_int> {
    let remote = is_inter::<A>(comm)?;
    match with_group::<A, _>(comm, remote, |group| in_world::<A>(group, &[rank]))?[..] {
        [MPI_UNDEFINED] | [] => Err(MPI_ERR_UNSUPPORTED_OPERATION),
        [rank, ..] => Ok(rank),
    }
}
