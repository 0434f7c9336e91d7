//! The extension module that hosts the user's Python inside ipengine.
//!
//! The program `ipengine` has become the user's interpreter, which loads this library by its path and calls [`run`]. This
//! crate is the border and nothing more: [`engine`] and [`request`] show `anympi_engine`'s runtime to Python, [`frames`] and
//! [`lending`] move buffers across without copying them, [`mpi`] brings MPI up and down, [`sources`] holds the Python half
//! (`python/anympi_engine`).
//!
//! Symbols of libpython are those of the process; libzmq is linked statically and hidden, so that pyzmq's own can live
//! beside it.

mod engine;
mod frames;
mod lending;
mod mpi;
mod request;
mod sources;

use std::os::fd::{FromRawFd, OwnedFd};
use std::str::FromStr;
use std::sync::OnceLock;

use anympi_engine::logging;
use anympi_engine::settings::{MpiNames, Settings};
use anympi_wire::arguments::LogLevel;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

create_exception!(
    anympi_python,
    StartError,
    PyException,
    "The engine cannot start; the text is for the user."
);

/// What the program left; set once by [`run`].
static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// The settings of this process.
fn settings_of_this_process() -> PyResult<&'static Settings> {
    SETTINGS.get().ok_or_else(|| PyRuntimeError::new_err("anympi_python is loaded by ipengine only"))
}

/// Be the engine whose settings the descriptor holds; returns the exit status.
#[pyfunction]
#[pyo3(name = "run")]
fn run(py: Python<'_>, descriptor: i32) -> PyResult<i32> {
    // SAFETY: the program left this descriptor for us, and nothing else in this process knows of it.
    let settings = Settings::take(unsafe { OwnedFd::from_raw_fd(descriptor) })?;
    let level = LogLevel::from_str(&settings.log_level.to_string()).unwrap_or(LogLevel::Info);
    logging::start(level, settings.log_file.as_deref())?;
    let settings = SETTINGS.get_or_init(|| settings);
    let mut arguments = vec![settings.program.display().to_string()];
    arguments.extend(settings.arguments.iter().cloned());
    py.import("sys")?.setattr("argv", arguments)?;
    sources::install(py)?;
    py.import("anympi_engine.start")?.call_method0("main")?.extract()
}

/// The settings that the Python half needs, as a dict.
#[pyfunction]
fn settings(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let settings = settings_of_this_process()?;
    let dict = PyDict::new(py);
    dict.set_item("profile_dir", settings.profile_dir.display().to_string())?;
    dict.set_item("traits", settings.traits.clone())?;
    dict.set_item("startup_command", &settings.startup_command)?;
    dict.set_item("startup_script", &settings.startup_script)?;
    dict.set_item("init_mpi", settings.init_mpi.as_deref())?;
    let import = match settings.mpi_names {
        MpiNames::None | MpiNames::RankAndSize => "no",
        MpiNames::Mpi4pyIfThere => "if there",
        MpiNames::Mpi4py => "required",
    };
    dict.set_item("import_mpi4py", import)?;
    Ok(dict)
}

/// Log a line; `level` is a name of Python's logging module in lower case.
#[pyfunction]
fn log(level: &str, text: &str) {
    match level {
        "critical" | "error" => tracing::error!("{text}"),
        "warning" => tracing::warn!("{text}"),
        "info" => tracing::info!("{text}"),
        _ => tracing::debug!("{text}"),
    }
}

/// The module's content.
#[pymodule]
fn anympi_python(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("StartError", module.py().get_type::<StartError>())?;
    module.add_class::<engine::Engine>()?;
    module.add_class::<request::Request>()?;
    for function in [
        wrap_pyfunction!(run, module)?,
        wrap_pyfunction!(settings, module)?,
        wrap_pyfunction!(log, module)?,
        wrap_pyfunction!(mpi::start_mpi, module)?,
        wrap_pyfunction!(mpi::plugin_code, module)?,
        wrap_pyfunction!(mpi::run_plugin_loop, module)?,
        wrap_pyfunction!(engine::connect, module)?,
        wrap_pyfunction!(engine::fail, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}
