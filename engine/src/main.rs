//! The program `ipengine`: does what can be done before Python, then becomes the user's Python (see the library's head).

mod program;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == anympi_engine::watcher::ARGUMENT) {
        anympi_engine::watcher::watch();
        return ExitCode::SUCCESS;
    }
    // Returns only when it could not become Python.
    let Err(failure) = program::run();
    eprintln!("ipengine: {failure}");
    ExitCode::FAILURE
}
