//! `--mpi=rsmpi`: MPI comes up through the crate [`mpi`], on whatever MPI this machine has.
//!
//! `--mpi=rsmpi:openmpi` and the like say on which: what follows the colon is any value of `--mpi`. The crate is built once,
//! against the standard ABI. The host opens the MPI and hands out its functions in that ABI; see [`symbols`].

mod symbols;

use std::sync::{Mutex, MutexGuard, PoisonError};

use anympi_plugin_sdk::{Arguments, Error, Offer, Plugin, Request, ThreadLevel, plugin};
use mpi::Threading;
use mpi::environment::{Universe, initialize_with_threading};

/// The plugin: what finalizes MPI when it is dropped.
struct Rsmpi(Mutex<Option<Universe>>);

impl Rsmpi {
    fn universe(&self) -> MutexGuard<'_, Option<Universe>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plugin for Rsmpi {
    fn probe(&self, _: &Request<'_>) -> Result<Offer, Error> {
        Ok(Offer::wraps())
    }

    fn open(&self, request: &Request<'_>) -> Result<(), Error> {
        let wrapped = request.wrapped.ok_or_else(|| Error::failed("the host gave no MPI to wrap"))?;
        symbols::connect(wrapped.functions());
        Ok(())
    }

    fn brings_up(&self) -> bool {
        true
    }

    fn bring_up(&self, _: Arguments, wanted: ThreadLevel) -> Result<ThreadLevel, Error> {
        let wanted = match wanted {
            ThreadLevel::Single => Threading::Single,
            ThreadLevel::Funneled => Threading::Funneled,
            ThreadLevel::Serialized => Threading::Serialized,
            ThreadLevel::Multiple => Threading::Multiple,
        };
        let (universe, granted) =
            initialize_with_threading(wanted).ok_or_else(|| Error::mpi("MPI is initialised already"))?;
        *self.universe() = Some(universe);
        Ok(match granted {
            Threading::Single => ThreadLevel::Single,
            Threading::Funneled => ThreadLevel::Funneled,
            Threading::Serialized => ThreadLevel::Serialized,
            Threading::Multiple => ThreadLevel::Multiple,
        })
    }

    fn take_down(&self) -> Result<(), Error> {
        drop(self.universe().take());
        Ok(())
    }
}

static RSMPI: Rsmpi = Rsmpi(Mutex::new(None));

plugin!(
    RSMPI,
    name: "rsmpi",
    release: env!("CARGO_PKG_VERSION"),
    description: "MPI through the Rust crate mpi, on any MPI",
);
