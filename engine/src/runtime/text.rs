//! Printed text that waits to be sent.
//!
//! A program that prints in a loop would make a message of every line, so text is gathered for a tenth of a second. What
//! was written to stdout and stderr stays in the order it was written, whichever thread wrote it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::request::Parent;

/// How long text waits at most.
pub const PATIENCE: Duration = Duration::from_millis(100);
/// Text is sent at once when this much of it waits.
const ENOUGH: usize = 256 * 1024;

/// Which of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output
    Stdout,
    /// Standard error
    Stderr,
}

impl Stream {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// Text of one stream that belongs to one request.
#[derive(Debug)]
pub struct Piece {
    /// Where it was written
    pub stream: Stream,
    /// The request that printed it
    pub parent: Option<Arc<Parent>>,
    /// What was printed
    pub text: String,
}

/// The text that waits, in order.
#[derive(Debug, Default)]
pub struct Waiting {
    pieces: Vec<Piece>,
    size: usize,
    since: Option<Instant>,
}

/// What the writer has to do after adding text.
#[derive(Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing: a timer runs already
    Nothing,
    /// Start the timer
    StartTimer,
    /// Send now
    Send,
}

impl Waiting {
    /// Add text.
    pub fn write(&mut self, stream: Stream, parent: Option<&Arc<Parent>>, text: &str) -> After {
        let same_parent = |piece: &Piece| match (&piece.parent, parent) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        match self.pieces.last_mut() {
            Some(last) if last.stream == stream && same_parent(last) => last.text.push_str(text),
            _ => self.pieces.push(Piece { stream, parent: parent.cloned(), text: text.to_owned() }),
        }
        self.size += text.len();
        if self.size >= ENOUGH {
            After::Send
        } else if self.since.is_none() {
            self.since = Some(Instant::now());
            After::StartTimer
        } else {
            After::Nothing
        }
    }

    /// When the text must be sent, if some waits.
    pub fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + PATIENCE)
    }

    /// Take all of it.
    pub fn take(&mut self) -> Vec<Piece> {
        self.size = 0;
        self.since = None;
        std::mem::take(&mut self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_neighbours_are_joined() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.write(Stream::Stdout, None, "a"), After::StartTimer);
        assert_eq!(waiting.write(Stream::Stdout, None, "b"), After::Nothing);
        waiting.write(Stream::Stderr, None, "c");
        waiting.write(Stream::Stdout, None, "d");
        assert!(waiting.due().is_some());
        let seen: Vec<_> = waiting.take().into_iter().map(|piece| (piece.stream, piece.text)).collect();
        let wanted = [(Stream::Stdout, "ab"), (Stream::Stderr, "c"), (Stream::Stdout, "d")]
            .map(|(s, t)| (s, t.to_owned()));
        assert_eq!(seen, wanted);
        assert!(waiting.due().is_none() && waiting.take().is_empty());
    }

    #[test]
    fn much_text_does_not_wait() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.write(Stream::Stdout, None, &"x".repeat(ENOUGH)), After::Send);
    }

    #[test]
    fn text_of_different_requests_is_not_joined() {
        let mut waiting = Waiting::default();
        let [one, two] = ["one", "two"].map(|id| Arc::new(Parent::for_test(id)));
        waiting.write(Stream::Stdout, Some(&one), "a");
        waiting.write(Stream::Stdout, Some(&two), "b");
        waiting.write(Stream::Stdout, Some(&two), "c");
        assert_eq!(waiting.take().len(), 2);
    }
}
