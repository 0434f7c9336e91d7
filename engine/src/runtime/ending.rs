//! Ending in time.
//!
//! An engine that was told to end but hangs in user code, in another thread or in the destructor of a library is ended
//! after a while. The exception is MPI_Finalize of an engine that a client shut down alone: it waits for the other ranks,
//! and ending it would take them down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Set when everything but MPI_Finalize is done.
static FINALIZING: AtomicBool = AtomicBool::new(false);
/// Set when the clock runs.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// The exit status of a process that SIGTERM ended, as shells give it.
const STATUS: i32 = 128 + libc::SIGTERM;

/// Call this right before MPI_Finalize.
pub fn reached_finalize() {
    FINALIZING.store(true, Ordering::SeqCst);
}

/// End the process after `time` if it has not ended by then. Once: later calls change nothing.
pub fn within(time: Duration, gently: bool) {
    if RUNNING.swap(true, Ordering::SeqCst) {
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
