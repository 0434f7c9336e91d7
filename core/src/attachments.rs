//! Memory that must live until a request has completed.
//!
//! A nonblocking collective may read its arrays until it completes, a persistent one until its request is freed.
//! Arrays that a shim made for such a call are attached to the request and freed when the request becomes null. Few
//! programs have any, so the way out of every completion costs one relaxed load.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::family::Abi;

/// What is kept alive.
pub type Kept = Box<dyn Any + Send>;

/// The number of requests that have something attached.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// What is attached, by the bits of the native request.
static ATTACHED: LazyLock<Mutex<HashMap<usize, Vec<Kept>>>> = LazyLock::new(Mutex::default);

/// Attaches memory to a request that was just made, unless that has completed already: completed requests share one
/// handle in some libraries.
///
/// # Safety
/// `request` is a live native request.
pub unsafe fn attach<A: Abi>(request: A::Handle, persistent: bool, kept: Vec<Kept>) {
    if kept.is_empty() {
        return;
    }
    let mut done = 0;
    if let (false, Some(ask)) = (persistent, A::bound().native.MPI_Request_get_status) {
        let ignore = core::ptr::without_provenance_mut(A::STATUS_IGNORE);
        // SAFETY: asking leaves the request as it is.
        if unsafe { ask(request, &mut done, ignore) } == 0 && done != 0 {
            return;
        }
    }
    let mut attached = ATTACHED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = attached.entry(A::handle_bits(request)).or_default();
    if known.is_empty() {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }
    known.extend(kept);
}

/// Whether any request has something attached.
#[inline]
pub fn any() -> bool {
    COUNT.load(Ordering::Relaxed) != 0
}

/// Frees what is attached to a request that is no more.
#[cold]
pub fn release(bits: usize) {
    let freed = ATTACHED.lock().unwrap_or_else(PoisonError::into_inner).remove(&bits);
    if freed.is_some() {
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}
