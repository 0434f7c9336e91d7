//! Ending in time.
//!
//! An engine that was told to end but hangs in user code, in another thread or in the destructor of a library is ended
//! after a while. The exception is MPI_Finalize of an engine that a client shut down alone: it waits for the other ranks,
//! and ending it would take them down.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Set when everything but MPI_Finalize is done.
static FINALIZING: AtomicBool = AtomicBool::new(false);
/// The time in seconds of the shortest clock that runs.
static SHORTEST: AtomicU64 = AtomicU64::new(u64::MAX);

/// The exit status of a process that SIGTERM ended, as shells give it.
const STATUS: i32 = 128 + libc::SIGTERM;

/// Call this right before MPI_Finalize.
pub fn reached_finalize() {
    FINALIZING.store(true, Ordering::SeqCst);
}

/// End the process after `time` if it has not ended by then. A later call changes something only if its time is shorter.
pub fn within(time: Duration, gently: bool) {
    if SHORTEST.fetch_min(time.as_secs(), Ordering::SeqCst) <= time.as_secs() {
        return;
    }
    let clock = move || {
        super::wake::block_signals();
        std::thread::sleep(time);
        if gently && FINALIZING.load(Ordering::SeqCst) {
            return;
        }
        tracing::error!(
            "the engine did not end within {} s of being told to: ended by force",
            time.as_secs()
        );
        // SAFETY: ends the process without running its destructors, which is what is wanted: they hang.
        unsafe { libc::_exit(STATUS) };
    };
    if std::thread::Builder::new().name("ending".into()).spawn(clock).is_err() {
        tracing::warn!("no thread for the clock that ends this engine");
    }
}
