//! Log lines: one format for the program and the extension module, on stderr or in a file.

use std::fs::OpenOptions;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;

use anympi_wire::arguments::LogLevel;
use tracing::Level;
use tracing_subscriber::filter::LevelFilter;

/// The filter for a level.
fn filter(level: LogLevel) -> LevelFilter {
    LevelFilter::from_level(match level {
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Warning => Level::WARN,
        LogLevel::Error | LogLevel::Critical => Level::ERROR,
    })
}

/// Log from now on. Without a file, or when it cannot be written, to stderr. Later calls change nothing.
pub fn start(level: LogLevel, file: Option<&Path>) -> std::io::Result<()> {
    let lines = tracing_subscriber::fmt().with_max_level(filter(level)).with_target(false);
    // It fails only when a log is already there, which then stays.
    let _ = match file {
        None => {
            lines.with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr).try_init().is_ok()
        }
        Some(path) => {
            if let Some(directory) = path.parent() {
                std::fs::create_dir_all(directory)?;
            }
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            lines.with_ansi(false).with_writer(Mutex::new(file)).try_init().is_ok()
        }
    };
    Ok(())
}
