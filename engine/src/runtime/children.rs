//! Text printed by forked children.
//!
//! `multiprocessing` and `os.fork` copy the process without its I/O thread. What a child prints goes through a datagram
//! socket to the engine, which publishes it as output of the request that is running.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

use super::outbox::Outbox;
use super::request::Parent;
use super::text::Stream;

/// Bytes of text in one datagram: well below the system's default limit of a datagram.
const PIECE: usize = 32 * 1024;

/// The two ends.
#[derive(Debug)]
pub struct Children {
    parent: UnixDatagram,
    child: UnixDatagram,
}

impl Children {
    /// Make the pair.
    pub fn new() -> io::Result<Children> {
        let (parent, child) = UnixDatagram::pair()?;
        parent.set_nonblocking(true)?;
        Ok(Children { parent, child })
    }

    /// In a forked child: hand text to the engine. What cannot be handed over is lost, as with any broken pipe.
    pub fn send(&self, stream: Stream, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let mut end = rest.len().min(PIECE);
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let (piece, more) = rest.split_at(end);
            let mut datagram = Vec::with_capacity(piece.len() + 1);
            datagram.push(u8::from(stream == Stream::Stderr));
            datagram.extend_from_slice(piece.as_bytes());
            if self.child.send(&datagram).is_err() {
                return;
            }
            rest = more;
        }
    }

    /// In the engine: take what children sent.
    pub fn receive(&self, outbox: &Outbox, parent: Option<&Arc<Parent>>) {
        let mut datagram = vec![0_u8; PIECE + 1];
        while let Ok(size) = self.parent.recv(&mut datagram) {
            if let Some((&stream, text)) = datagram[..size].split_first() {
                let stream = if stream == 1 { Stream::Stderr } else { Stream::Stdout };
                outbox.write(stream, parent, &String::from_utf8_lossy(text));
            }
        }
    }

    /// Readable when a child has printed.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.parent.as_fd()
    }
}
