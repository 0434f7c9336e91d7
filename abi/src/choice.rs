//! Which MPI a program gets: `ANYMPI`, else the family whose launcher started it, else the first one found.
//!
//! A launcher that does not fit ends the program with one sentence, before MPI_Init where that can be known, else after it:
//! otherwise each process would take itself for rank 0 of a world of its own.

use core::ffi::{c_char, c_int};
use std::env;
use std::sync::OnceLock;

use anympi::abi::{MPI_COMM_NULL, MPI_COMM_WORLD};
use anympi::launch::{Launcher, check_library, check_world};
use anympi::{FnTable, LibraryInfo, SearchPaths, Selection, Visibility};

/// The value of `--mpi`, for programs that have no such option.
pub const ANYMPI: &str = "ANYMPI";

/// `1`: say on standard error what was chosen and why.
pub const ANYMPI_VERBOSE: &str = "ANYMPI_VERBOSE";

/// The table of the library that this process gets. Where there is none, the process ends with one sentence.
pub fn table() -> &'static FnTable {
    match choose() {
        Ok(table) => table,
        Err(reason) => end(&reason),
    }
}

/// Ends the process with a sentence.
fn end(reason: &str) -> ! {
    eprintln!("anympi: {reason}");
    std::process::exit(1);
}

/// What is looked at once MPI is up: who started this process, the library, and its functions.
struct Started {
    launcher: Launcher,
    info: LibraryInfo,
    table: &'static FnTable,
}

static STARTED: OnceLock<Started> = OnceLock::new();

/// Ends the process if the launcher announced a world of several ranks and this is one of its own. Ranks that another
/// program spawned are its business.
///
/// # Safety
/// MPI is running.
unsafe fn check_start(code: c_int) -> c_int {
    let Some(started) = STARTED.get().filter(|_| code == 0) else { return code };
    let (mut size, mut parent) = (0, MPI_COMM_NULL);
    // SAFETY: as the caller promises; variables for the results.
    let known = unsafe {
        (started.table.MPI_Comm_size)(MPI_COMM_WORLD, &mut size) == 0
            && (started.table.MPI_Comm_get_parent)(&mut parent) == 0
    };
    if known
        && size == 1
        && parent == MPI_COMM_NULL
        && let Err(mismatch) = check_world(Some(&started.launcher), &started.info, 1)
    {
        end(&mismatch.sentence("ANYMPI="));
    }
    code
}

unsafe extern "C" fn init(argc: *mut c_int, argv: *mut *mut *mut c_char) -> c_int {
    match STARTED.get() {
        // SAFETY: the caller's arguments.
        Some(started) => unsafe { check_start((started.table.MPI_Init)(argc, argv)) },
        None => anympi::abi::MPI_ERR_INTERN,
    }
}

unsafe extern "C" fn init_thread(
    argc: *mut c_int,
    argv: *mut *mut *mut c_char,
    required: c_int,
    provided: *mut c_int,
) -> c_int {
    match STARTED.get() {
        // SAFETY: the caller's arguments.
        Some(started) => unsafe {
            check_start((started.table.MPI_Init_thread)(argc, argv, required, provided))
        },
        None => anympi::abi::MPI_ERR_INTERN,
    }
}

/// The table, looking at the world when it comes up.
fn checked(launcher: Option<Launcher>, info: &LibraryInfo, table: &'static FnTable) -> &'static FnTable {
    let Some(launcher) = launcher else { return table };
    if STARTED.set(Started { launcher, info: info.clone(), table }).is_err() {
        return table;
    }
    let mut checked = table.clone();
    checked.MPI_Init = init;
    checked.MPI_Init_thread = init_thread;
    Box::leak(Box::new(checked))
}

fn choose() -> Result<&'static FnTable, String> {
    let asked = env::var(ANYMPI).ok().filter(|value| !value.is_empty());
    let selection: Selection = match &asked {
        Some(value) => value.parse().map_err(|error| format!("{ANYMPI}={value}: {error}"))?,
        None => Selection::Auto,
    };
    let launcher = Launcher::detect();
    let mut search = SearchPaths::from_environment();
    if let Some(prefix) = launcher.as_ref().and_then(|launcher| launcher.prefix.as_deref()) {
        search = search.prefer(prefix, "launcher");
    }
    let launched_by = launcher.as_ref().and_then(Launcher::vendor);
    let registry = anympi::registry();
    let candidate = registry
        .choose(&selection, &search, launched_by)
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("{ANYMPI}={selection} asks for no MPI, but the program calls it"))?;
    let mpi = registry.open(&candidate, Visibility::Isolated).map_err(|error| error.to_string())?;
    if env::var(ANYMPI_VERBOSE).is_ok_and(|value| value != "0") {
        let why = asked
            .map_or_else(|| format!("found by {}", candidate.found_by), |value| format!("{ANYMPI}={value}"));
        eprintln!("anympi: {} through the backend {}, {why}", mpi.info().summary(), candidate.backend);
    }
    check_library(launcher.as_ref(), mpi.info()).map_err(|mismatch| mismatch.sentence("ANYMPI="))?;
    let table = checked(launcher, mpi.info(), mpi.table());
    // The library stays loaded and in use until the process ends.
    std::mem::forget(mpi);
    Ok(table)
}
