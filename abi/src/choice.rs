//! Which MPI a program gets: `ANYMPI`, else the family whose launcher started it, else the first one found.

use std::env;

use anympi::launch::Launcher;
use anympi::{FnTable, SearchPaths, Selection, Visibility};

/// The value of `--mpi`, for programs that have no such option.
pub const ANYMPI: &str = "ANYMPI";

/// `1`: say on standard error what was chosen and why.
pub const ANYMPI_VERBOSE: &str = "ANYMPI_VERBOSE";

/// The table of the library that this process gets. Where there is none, the process ends with one sentence.
pub fn table() -> &'static FnTable {
    match choose() {
        Ok(table) => table,
        Err(reason) => {
            eprintln!("anympi: {reason}");
            std::process::exit(1);
        }
    }
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
    let table = mpi.table();
    // The library stays loaded and in use until the process ends.
    std::mem::forget(mpi);
    Ok(table)
}
