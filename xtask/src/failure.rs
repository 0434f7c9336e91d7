//! The one error type of the tasks: a sentence for the person at the terminal.
//!
//! A task is run by a human or by CI, and nothing inside it decides by the kind of an error, so a failure is text: what
//! was tried, what went wrong, what to do next.

use std::fmt::Display;
use std::path::Path;

/// Why a task could not be done, as one message.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

/// What every step of a task returns.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure that says `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Adds to an error what was being done when it happened.
pub trait Doing<T> {
    /// Turns the error into `cannot <action> <path>: <error>`.
    fn doing(self, action: &str, path: &Path) -> Outcome<T>;
}

impl<T, E: Display> Doing<T> for Result<T, E> {
    fn doing(self, action: &str, path: &Path) -> Outcome<T> {
        self.map_err(|error| Failure(format!("cannot {action} {}: {error}", path.display())))
    }
}
