//! A plugin in Rust: tells the host's log of every call of the MPI that it wraps, and at the end how many there were.
//!
//!     mpirun -n 4 ipengine --mpi=./libexample_rust.so:openmpi --debug

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anympi_plugin_sdk::api::{ANYMPI_LOG_DEBUG, ANYMPI_LOG_INFO};
use anympi_plugin_sdk::{Error, Offer, Plugin, Request, log, plugin};

struct Tracer {
    calls: AtomicU64,
}

impl Plugin for Tracer {
    fn probe(&self, _: &Request<'_>) -> Result<Offer, Error> {
        Ok(Offer::wraps().with_note("traces every call"))
    }

    fn traces(&self) -> bool {
        true
    }

    fn called(&self, function: &'static str, code: i32, took: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        log(ANYMPI_LOG_DEBUG, &format!("{function} returned {code} after {took:?}"));
    }

    fn after_shutdown(&self) {
        log(ANYMPI_LOG_INFO, &format!("example_rust: {} calls of MPI", self.calls.load(Ordering::Relaxed)));
    }
}

static TRACER: Tracer = Tracer { calls: AtomicU64::new(0) };

plugin!(
    TRACER,
    name: "example_rust",
    release: "1.0.0",
    description: "traces the calls of the MPI that it wraps",
);
