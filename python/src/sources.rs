//! The Python half, embedded.
//!
//! The user's environment has nothing of ours installed, so the package's sources travel in this library and are imported
//! from memory. They stay readable in tracebacks.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use std::ffi::CString;

/// Module name, text.
const MODULES: &[(&str, &str)] = &[
    ("anympi_engine", include_str!("../anympi_engine/__init__.py")),
    ("anympi_engine.apply", include_str!("../anympi_engine/apply.py")),
    ("anympi_engine.comms", include_str!("../anympi_engine/comms.py")),
    ("anympi_engine.configuration", include_str!("../anympi_engine/configuration.py")),
    ("anympi_engine.kernel", include_str!("../anympi_engine/kernel.py")),
    ("anympi_engine.output", include_str!("../anympi_engine/output.py")),
    ("anympi_engine.parent", include_str!("../anympi_engine/parent.py")),
    ("anympi_engine.queries", include_str!("../anympi_engine/queries.py")),
    ("anympi_engine.requirements", include_str!("../anympi_engine/requirements.py")),
    ("anympi_engine.session", include_str!("../anympi_engine/session.py")),
    ("anympi_engine.shell", include_str!("../anympi_engine/shell.py")),
    ("anympi_engine.signals", include_str!("../anympi_engine/signals.py")),
    ("anympi_engine.start", include_str!("../anympi_engine/start.py")),
];

/// Defines the importer.
const IMPORTER: &str = include_str!("importer.py");

/// Make the package importable.
pub fn install(py: Python<'_>) -> PyResult<()> {
    let texts = PyDict::new(py);
    for (name, text) in MODULES {
        texts.set_item(name, text)?;
    }
    let code = CString::new(IMPORTER)?;
    let importer = PyModule::from_code(py, &code, c"<anympi_engine>/importer.py", c"anympi_engine_importer")?;
    importer.call_method1("install", (texts,))?;
    Ok(())
}
