//! Requests of our own, for operations that a library lacks: `MPI_Isendrecv` and partitioned communication.
//!
//! Such a request is an object behind a handle that no library makes: its highest bit is set, which neither an
//! address nor a handle of the MPICH ABI has. Functions that take requests look for that bit, and only on libraries
//! that need it (see [`makes_requests`]); there a program that never uses such operations pays a look at that bit, or
//! one relaxed load where there are many requests.

use core::ffi::c_int;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::abi::{MPI_ERR_REQUEST, MPI_REQUEST_NULL, MPI_Request, MPI_Status};
use crate::family::Abi;
use crate::table::NativeTable;

/// Whether a library lacks an operation whose emulation makes requests.
pub(crate) fn makes_requests<A: Abi>(native: &NativeTable<A>) -> bool {
    native.MPI_Isendrecv.is_none() || native.MPI_Psend_init.is_none()
}

/// The bit that marks handles of ours.
pub(super) const OURS: usize = 1 << (usize::BITS - 1);

/// An operation of ours. All of its functions are called under its lock.
pub(super) trait Operation: Send {
    /// Whether it was started and not yet finished; one that is not persistent is active from the beginning.
    fn is_active(&self) -> bool {
        true
    }
    /// Whether its request stays after completion.
    fn is_persistent(&self) -> bool {
        false
    }
    /// Moves on without blocking; whether an active operation is complete.
    fn poll(&mut self) -> Result<bool, c_int>;
    /// The status of a complete operation, which stays as it is.
    fn status(&mut self) -> Result<MPI_Status, c_int>;
    /// Ends a complete operation: its status and its error code.
    fn finish(&mut self) -> (MPI_Status, c_int);
    /// Begins again.
    fn start(&mut self) -> c_int {
        MPI_ERR_REQUEST
    }
    /// Tries to cancel what can be cancelled.
    fn cancel(&mut self) -> c_int;
    /// Lets go of the operation, which may go on by itself.
    fn free(&mut self) -> c_int;
    /// The operation as one with partitions.
    fn partitioned(&mut self) -> Option<&mut dyn Partitioned> {
        None
    }
}

/// What partitioned operations can do beyond.
pub(super) trait Partitioned {
    /// `MPI_Pready` of the partitions from `low` to `high`.
    fn ready(&mut self, low: c_int, high: c_int) -> Result<(), c_int>;
    /// `MPI_Parrived`.
    fn arrived(&mut self, partition: c_int) -> Result<bool, c_int>;
}

type Shared = Arc<Mutex<Box<dyn Operation>>>;

/// The operations by their handles.
static OPERATIONS: LazyLock<Mutex<HashMap<usize, Shared>>> = LazyLock::new(Mutex::default);

/// How many there are.
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn operations() -> MutexGuard<'static, HashMap<usize, Shared>> {
    OPERATIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether there is any request of ours.
#[inline]
pub(super) fn any() -> bool {
    COUNT.load(Ordering::Relaxed) != 0
}

/// Whether a handle is one of ours.
#[inline]
pub(super) fn is_ours(request: MPI_Request) -> bool {
    request.0 & OURS != 0
}

/// A handle for an operation.
pub(super) fn insert(operation: Box<dyn Operation>) -> MPI_Request {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let bits = OURS | NEXT.fetch_add(1, Ordering::Relaxed);
    operations().insert(bits, Arc::new(Mutex::new(operation)));
    COUNT.fetch_add(1, Ordering::Relaxed);
    MPI_Request(bits)
}

/// Does something with the operation of a request.
///
/// # Errors
/// `MPI_ERR_REQUEST` if there is none, and what `act` says.
pub(super) fn with<T>(
    request: MPI_Request,
    act: impl FnOnce(&mut dyn Operation) -> Result<T, c_int>,
) -> Result<T, c_int> {
    // The map is free again while the operation works: other threads may use theirs.
    let found = operations().get(&request.0).cloned().ok_or(MPI_ERR_REQUEST)?;
    let mut operation = found.lock().unwrap_or_else(PoisonError::into_inner);
    act(&mut **operation)
}

/// Forgets an operation; the handle becomes null.
pub(super) fn remove(request: &mut MPI_Request) {
    if operations().remove(&request.0).is_some() {
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
    *request = MPI_REQUEST_NULL;
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(u32);

    impl Operation for Counter {
        fn poll(&mut self) -> Result<bool, c_int> {
            self.0 += 1;
            Ok(self.0 > 1)
        }
        fn status(&mut self) -> Result<MPI_Status, c_int> {
            Ok(MPI_Status::default())
        }
        fn finish(&mut self) -> (MPI_Status, c_int) {
            (MPI_Status::default(), 0)
        }
        fn cancel(&mut self) -> c_int {
            0
        }
        fn free(&mut self) -> c_int {
            0
        }
    }

    #[test]
    fn a_request_lives_until_it_is_removed() {
        let mut request = insert(Box::new(Counter(0)));
        let copy = request;
        assert!(
            any() && is_ours(request) && !is_ours(MPI_REQUEST_NULL) && !is_ours(MPI_Request(0x9c00_0001))
        );
        assert_eq!(with(request, |operation| operation.poll()), Ok(false));
        assert_eq!(with(request, |operation| operation.poll()), Ok(true));
        remove(&mut request);
        assert_eq!(request, MPI_REQUEST_NULL);
        assert_eq!(with(copy, |operation| operation.poll()), Err(MPI_ERR_REQUEST));
    }
}
