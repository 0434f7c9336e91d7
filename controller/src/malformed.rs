//! Counting what is dropped, and saying so without flooding the log.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// The shortest time between two lines about one socket.
const PAUSE: Duration = Duration::from_secs(5);

/// Counts the malformed, unsigned and replayed messages of one socket.
pub struct Dropped {
    socket: &'static str,
    count: u64,
    told: u64,
    last: Option<Instant>,
}

impl Dropped {
    /// For the socket of this name.
    pub fn new(socket: &'static str) -> Dropped {
        Dropped { socket, count: 0, told: 0, last: None }
    }

    /// One more was dropped, for this reason. Logged at once, but at most every few seconds.
    pub fn note(&mut self, reason: impl Display) {
        self.count += 1;
        if self.last.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        let more = self.count - self.told - 1;
        tracing::warn!(
            "{}: dropped a message: {reason} ({more} more since the last such line, {} in all)",
            self.socket,
            self.count
        );
        self.told = self.count;
        self.last = Some(Instant::now());
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        if self.count > self.told {
            tracing::warn!("{}: dropped {} messages in all", self.socket, self.count);
        }
    }
}
