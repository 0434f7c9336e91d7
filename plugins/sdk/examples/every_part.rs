//! A plugin with every part that the SDK has; what follows its name says what goes wrong.

use std::ffi::{CStr, CString, c_int};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anympi_plugin_sdk::abi::{MPI_Comm, MPI_ERR_OTHER};
use anympi_plugin_sdk::{
    Arguments, Error, FnTable, Launch, MainLoop, Offer, Plugin, Request, ThreadLevel, Wrapped, plugin,
};

struct EveryPart {
    mpi: OnceLock<Wrapped>,
    polls: AtomicU32,
    steps: AtomicU32,
    barriers: AtomicU32,
}

impl EveryPart {
    fn mpi(&self) -> Result<&Wrapped, Error> {
        self.mpi.get().ok_or_else(|| Error::failed("there is no MPI to wrap"))
    }
}

/// In the place of `MPI_Barrier`.
unsafe extern "C" fn counted_barrier(comm: MPI_Comm) -> c_int {
    EVERY_PART.barriers.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the caller's communicator.
    EVERY_PART.mpi.get().map_or(MPI_ERR_OTHER, |mpi| unsafe { (mpi.functions().MPI_Barrier)(comm) })
}

impl Plugin for EveryPart {
    fn probe(&self, _: &Request<'_>) -> Result<Offer, Error> {
        Ok(Offer::wraps().with_note("shows every part"))
    }

    fn open(&self, request: &Request<'_>) -> Result<(), Error> {
        if let Some(mpi) = request.wrapped {
            let same = mpi.function("MPI_Barrier").map(|function| function as *const ());
            assert_eq!(same, Some(mpi.functions().MPI_Barrier as *const ()));
            assert!(mpi.function("MPI_No_such_function").is_none());
            assert!(mpi.selection().ends_with(&mpi.library().display().to_string()));
            assert!(mpi.rank().is_err_and(|error| error.message == "MPI is not up"));
            // Once, for the host opens a plugin once.
            let _ = self.mpi.set(mpi);
        }
        self.mpi().map(|_| ())
    }

    fn brings_up(&self) -> bool {
        true
    }

    fn bring_up(&self, arguments: Arguments, wanted: ThreadLevel) -> Result<ThreadLevel, Error> {
        assert!(wanted > ThreadLevel::Single, "no single thread, on purpose");
        let mpi = self.mpi()?;
        let granted = mpi.bring_up(arguments, wanted)?;
        assert!(mpi.is_up() && mpi.rank()? < mpi.size()?);
        Ok(granted)
    }

    fn take_down(&self) -> Result<(), Error> {
        self.mpi()?.take_down()
    }

    fn replace(&self, functions: &mut FnTable) {
        functions.MPI_Barrier = counted_barrier;
    }

    fn poll_interval(&self) -> Option<Duration> {
        Some(Duration::from_millis(2))
    }

    fn poll(&self) {
        assert!(self.polls.fetch_add(1, Ordering::Relaxed) < 2, "a third poll, on purpose");
    }

    fn owns_loop(&self) -> bool {
        true
    }

    fn run(&self, main_loop: &MainLoop<'_>) -> Result<(), Error> {
        while main_loop.step(Duration::from_millis(7)) {
            assert!(self.steps.fetch_add(1, Ordering::Relaxed) < 9, "the loop fails on purpose");
        }
        Ok(())
    }

    fn prepare(&self, request: &Request<'_>, launch: &Launch<'_>) -> Result<(), Error> {
        match request.argument {
            "refuse" => return Err(Error::unavailable("not with this launcher")),
            "panic" => panic!("on purpose"),
            _ => launch.word(&format!("--{}={}", launch.kind(), launch.ranks())),
        }
        launch.variable("SITE_MPI", launch.launcher());
        Ok(())
    }

    fn python_code(&self) -> Option<&'static CStr> {
        let [polls, steps, barriers] =
            [&self.polls, &self.steps, &self.barriers].map(|count| count.load(Ordering::Relaxed));
        let code = CString::new(format!("polls, steps, barriers = {polls}, {steps}, {barriers}")).ok()?;
        Some(Box::leak(code.into_boxed_c_str()))
    }
}

static EVERY_PART: EveryPart = EveryPart {
    mpi: OnceLock::new(),
    polls: AtomicU32::new(0),
    steps: AtomicU32::new(0),
    barriers: AtomicU32::new(0),
};

plugin!(
    EVERY_PART,
    name: "every_part",
    release: env!("CARGO_PKG_VERSION"),
    description: "shows every part",
);
