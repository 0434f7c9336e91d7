//! The environment variables of this crate.

use std::ffi::OsString;
use std::time::Duration;

/// Directories, separated by colons, in which plugins are looked for first; relative ones are ignored.
pub const ANYMPI_PLUGIN_PATH: &str = "ANYMPI_PLUGIN_PATH";

/// Seconds that a plugin may take to say what it can bring; 10 if it is not set.
pub const ANYMPI_PLUGIN_TIMEOUT: &str = "ANYMPI_PLUGIN_TIMEOUT";

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A variable that is set and not empty.
pub(crate) fn get(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// [`ANYMPI_PLUGIN_TIMEOUT`], or what holds without it.
pub(crate) fn timeout() -> Duration {
    let seconds = get(ANYMPI_PLUGIN_TIMEOUT).and_then(|text| text.to_str()?.parse::<u64>().ok());
    seconds.map_or(DEFAULT_TIMEOUT, Duration::from_secs)
}
