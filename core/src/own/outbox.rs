//! Sends from memory of ours that nobody waits for: they are looked after until they have left.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::abi::{MPI_REQUEST_NULL, MPI_Request, MPI_STATUS_IGNORE};
use crate::family::Abi;

/// A send, and what it sends.
struct Sending {
    request: MPI_Request,
    _memory: Vec<u8>,
}

static SENDING: Mutex<Vec<Sending>> = Mutex::new(Vec::new());
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn sending() -> MutexGuard<'static, Vec<Sending>> {
    SENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks after a send.
pub(super) fn keep<A: Abi>(request: MPI_Request, memory: Vec<u8>) {
    let mut all = sending();
    all.push(Sending { request, _memory: memory });
    COUNT.store(all.len(), Ordering::Relaxed);
    drop(all);
    sweep::<A>();
}

/// Frees what has left; whether nothing is on its way any more.
pub(super) fn sweep<A: Abi>() -> bool {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return true;
    }
    let mut all = sending();
    all.retain_mut(|one| {
        let mut flag = 0;
        // SAFETY: a send of ours. One that failed has ended as well; its error handler has heard of it.
        let code = unsafe { (A::bound().table().MPI_Test)(&mut one.request, &mut flag, MPI_STATUS_IGNORE) };
        code == 0 && one.request != MPI_REQUEST_NULL
    });
    COUNT.store(all.len(), Ordering::Relaxed);
    all.is_empty()
}
