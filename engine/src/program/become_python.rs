//! Becoming the user's Python.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anympi::launch::Change;
use anympi_engine::settings::Settings;
use thiserror::Error;

/// The file of the extension module.
const MODULE: &str = "libanympi_python.so";

/// What Python runs. Its arguments are the program's path and the user's: so `ipengine` can be seen in the process list.
const BOOTSTRAP: &str = include_str!("bootstrap.py");

/// The program could not become Python.
#[derive(Debug, Error)]
pub enum BecomeError {
    /// The other half is missing.
    #[error("the engine's extension module was not found; tried {}; install it beside ipengine", tried.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and "))]
    NoModule {
        /// Where it was looked for
        tried: Vec<PathBuf>,
    },
    /// Its path cannot be written in Python.
    #[error("the path {} of the engine's extension module is not valid Unicode", .0.display())]
    Path(PathBuf),
    /// The settings could not be left.
    #[error("no memory file for the engine's settings: {0}")]
    Settings(std::io::Error),
    /// The interpreter could not be run.
    #[error("cannot run {}: {source}; choose another Python with --python", python.display())]
    Run {
        /// The interpreter
        python: PathBuf,
        /// Why
        source: std::io::Error,
    },
}

/// The extension module: beside the program, or in `../lib/anympi`.
pub fn find_module(program: &Path) -> Result<PathBuf, BecomeError> {
    let beside = program.parent().unwrap_or(Path::new("."));
    let tried = vec![beside.join(MODULE), beside.join("../lib/anympi").join(MODULE)];
    match tried.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(BecomeError::NoModule { tried }),
    }
}

/// Exec. Process id, environment and descriptors stay as they are, but for `changes`.
pub fn become_python(
    python: &Path,
    module: &Path,
    settings: &Settings,
    changes: &[Change],
    arguments: impl Iterator<Item = OsString>,
) -> Result<Infallible, BecomeError> {
    let path = module.to_str().ok_or_else(|| BecomeError::Path(module.to_owned()))?;
    let descriptor = settings.leave().map_err(BecomeError::Settings)?;
    // A JSON string is a Python string.
    let path = serde_json::Value::from(path).to_string();
    let code =
        BOOTSTRAP.replace("@MODULE@", &path).replace("@SETTINGS@", &descriptor.as_raw_fd().to_string());
    let mut command = Command::new(python);
    command.arg("-c").arg(code).arg(&settings.program).args(arguments);
    for change in changes {
        tracing::info!("{change}");
        change.apply(&mut command);
    }
    let source = command.exec();
    Err(BecomeError::Run { python: python.to_owned(), source })
}
