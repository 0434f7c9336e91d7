//! MPI in the engine's process: up before the first line of user code, down after the last.

use std::ffi::c_int;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use anympi::launch::{Launcher, check_library, check_world};
use anympi::sharing::share_table;
use anympi::{
    Candidate, Family, Hooks, LoadedLibrary, MpiInit, ProcessArguments, SearchPaths, Selection, State,
    ThreadLevel, Visibility,
};
use anympi_engine::mpi4py::{self, MPI4PY_MPIABI};
use anympi_engine::runtime::ending;
use anympi_engine::settings::{Mpi, MpiNames, Settings};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::{StartError, settings_of_this_process};

/// The variable by which `libmpi_abi.so.1` is told which library to use.
const ANYMPI: &str = "ANYMPI";
/// The soname that builds for MPICH ask for; Debian's MPICH has another.
const MPICH_SONAME: &str = "libmpi.so.12";
/// From this rank on, ranks register one after the other.
const STAGGERED_FROM: u32 = 100;

/// A library that is up, and the process that brought it up: a forked child must not take it down.
struct Running {
    mpi: Box<dyn MpiInit>,
    process: u32,
}

static RUNNING: OnceLock<Running> = OnceLock::new();

fn refuse(error: impl std::fmt::Display) -> PyErr {
    StartError::new_err(error.to_string())
}

/// Load the chosen library and bring MPI up, on this, the main, thread. Returns rank and size; `None` without `--mpi`.
#[pyfunction]
pub fn start_mpi(py: Python<'_>) -> PyResult<Option<(u32, u32)>> {
    let settings = settings_of_this_process()?;
    let Some(chosen) = &settings.mpi else {
        // --mpi=none: every engine is a world of its own.
        return Ok((settings.mpi_names != MpiNames::None).then_some((0, 1)));
    };
    let launcher = Launcher::detect();
    let candidate = candidate(chosen)?;
    let standard = prepare_standard_abi(py, &candidate)?;
    // Global, so that mpi4py and other extensions bind to this library, whatever else is on their search path. But when
    // they bind to ours in front of it, neither they nor the library itself may find one's symbols in place of the other's.
    let visibility = if standard.is_some() { Visibility::Isolated } else { Visibility::Global };
    let mpi = anympi::registry().open(&candidate, visibility).map_err(refuse)?;
    if let Some(library) = standard
        && let Err(reason) = share_table(library, mpi.table())
    {
        tracing::warn!("libmpi_abi.so.1 chooses its MPI itself: {reason}");
    }
    let info = mpi.info();
    check_library(launcher.as_ref(), info).map_err(refuse)?;
    prepare_mpi4py(py, &*mpi, standard.is_some())?;
    let started = py.detach(|| mpi.init(&mut ProcessArguments::of_this_process(), ThreadLevel::Multiple));
    let level = started.map_err(refuse)?;
    let (rank, size) = (mpi.rank().map_err(refuse)?, mpi.size().map_err(refuse)?);
    if let Err(mismatch) = check_world(launcher.as_ref(), info, size) {
        // Each of these processes is a world of its own, so nobody waits for anybody here.
        if let Err(error) = mpi.finalize() {
            tracing::warn!("{error}");
        }
        return Err(refuse(mismatch));
    }
    tracing::info!("rank {rank} of {size} on {}", info.summary());
    if level < ThreadLevel::Multiple {
        tracing::warn!(
            "the library grants {level}, not MPI_THREAD_MULTIPLE: call MPI from the main thread only"
        );
    }
    if RUNNING.set(Running { mpi, process: std::process::id() }).is_ok() {
        // SAFETY: the function is a C function without arguments that uses nothing of Python.
        unsafe { ffi::Py_AtExit(Some(finalize)) };
    }
    Ok(Some((rank, size)))
}

fn candidate(chosen: &Mpi) -> PyResult<Candidate> {
    let selection: Selection = chosen.selection.parse().map_err(refuse)?;
    let found =
        anympi::registry().choose(&selection, &SearchPaths::from_environment(), None).map_err(refuse)?;
    found.ok_or_else(|| refuse("no MPI library was chosen"))
}

/// Where the user's mpi4py was built for the standard ABI, let it bind to our `libmpi_abi.so.1` over the chosen library.
///
/// Ours must be the first and global: Open MPI 4 makes itself global in `MPI_Init`, and mpi4py would find it first. It gets
/// the engine's table; the variable is for programs that user code starts.
fn prepare_standard_abi(py: Python<'_>, candidate: &Candidate) -> PyResult<Option<&'static LoadedLibrary>> {
    if !mpi4py::wants_standard_abi(&package_of_mpi4py(py)?, candidate.image.family) {
        return Ok(None);
    }
    let module: PathBuf = py.import("anympi_python")?.getattr("__file__")?.extract()?;
    let Some(library) = mpi4py::our_library(&module) else {
        tracing::warn!(
            "mpi4py is built for the standard ABI and cannot be used: there is no libmpi_abi.so.1 that belongs to {}",
            module.display()
        );
        return Ok(None);
    };
    py.import("os")?.getattr("environ")?.set_item(ANYMPI, candidate.selection())?;
    LoadedLibrary::open(&library, Visibility::Global).map_err(refuse).map(Some)
}

/// The directories of the package that `import mpi4py` would find, without importing it.
fn package_of_mpi4py(py: Python<'_>) -> PyResult<Vec<PathBuf>> {
    let spec = py.import("importlib.util")?.call_method1("find_spec", ("mpi4py",));
    // A finder of the user's may fail; the import will say so.
    let Ok(spec) = spec else { return Ok(Vec::new()) };
    if spec.is_none() {
        return Ok(Vec::new());
    }
    let directories = spec.getattr("submodule_search_locations")?;
    if directories.is_none() {
        Ok(Vec::new())
    } else {
        directories.try_iter()?.map(|one| one?.extract()).collect()
    }
}

/// Make mpi4py, when user code imports it, bind to this very library, or to ours in front of it.
fn prepare_mpi4py(py: Python<'_>, mpi: &dyn MpiInit, standard: bool) -> PyResult<()> {
    let image = &mpi.info().image;
    let abi = mpi4py::name_of(if standard { Family::Abi } else { image.family });
    // By os.environ, which keeps Python's view and the process's the same.
    py.import("os")?.getattr("environ")?.set_item(MPI4PY_MPIABI, abi)?;
    if !standard
        && image.family == Family::Mpich
        && image.soname.as_deref() != Some(MPICH_SONAME)
        && let Err(error) = anympi::provide_soname(image, MPICH_SONAME)
    {
        tracing::warn!("mpi4py may not find {}: {error}", image.path.display());
    }
    Ok(())
}

/// The id to ask for: the user's, else the rank in a world of more than one. And how long to wait before asking.
pub fn place(settings: &Settings) -> (Option<i64>, Duration) {
    let world = RUNNING.get().and_then(|running| Some((running.mpi.rank().ok()?, running.mpi.size().ok()?)));
    let Some((rank, size)) = world else { return (settings.id, Duration::ZERO) };
    let rank_as_id = (size > 1).then_some(i64::from(rank));
    let delay = if rank >= STAGGERED_FROM { settings.registration_delay * f64::from(rank) } else { 0.0 };
    (settings.id.or(rank_as_id), Duration::try_from_secs_f64(delay).unwrap_or_default())
}

/// What the MPI that runs asks of the engine, if it asks anything.
fn hooks() -> Option<&'static dyn Hooks> {
    RUNNING.get().filter(|running| running.process == std::process::id())?.mpi.hooks()
}

/// How often a plugin wants to make progress while the engine waits.
pub fn poll_interval() -> Option<Duration> {
    hooks()?.poll_interval()
}

/// Lets the plugin make progress.
pub fn poll() {
    if let Some(hooks) = hooks() {
        hooks.poll();
    }
}

/// Python statements of the plugin for the user's namespace.
#[pyfunction]
pub fn plugin_code() -> Option<String> {
    hooks()?.python_code()
}

/// Let the plugin run the main loop if it must: `step` serves one request, waiting so many seconds or, with None, for
/// ever, and says whether to go on. False when no plugin wants that.
#[pyfunction]
pub fn run_plugin_loop(py: Python<'_>, step: Py<PyAny>) -> PyResult<bool> {
    let Some(hooks) = hooks().filter(|hooks| hooks.owns_loop()) else { return Ok(false) };
    let mut one = |wait: Duration| {
        let seconds = (wait != Duration::MAX).then_some(wait.as_secs_f64());
        let done = Python::attach(|py| step.call1(py, (seconds,))?.extract::<bool>(py));
        done.unwrap_or_else(|error| {
            tracing::error!("the main loop of the plugin ends: {error}");
            false
        })
    };
    py.detach(|| hooks.run_loop(&mut one)).map_err(refuse)?;
    Ok(true)
}

/// The engine cannot go on: end it, and with MPI running the whole world, as a rank that dies does.
pub fn abort(status: c_int) -> ! {
    if let Some(running) = RUNNING.get()
        && running.process == std::process::id()
        && running.mpi.state() == State::Running
    {
        running.mpi.abort(status);
    }
    // SAFETY: ends the process; Python cannot be taken down from here, where a thread of it may hold any lock.
    unsafe { libc::_exit(status) }
}

/// Runs after the interpreter is gone, so that destructors of user objects could still call MPI.
extern "C" fn finalize() {
    let Some(running) = RUNNING.get() else { return };
    if running.process != std::process::id() {
        return;
    }
    ending::reached_finalize();
    // Does nothing when user code has called MPI_Finalize itself.
    if let Err(error) = running.mpi.finalize() {
        tracing::error!("{error}");
    }
}
