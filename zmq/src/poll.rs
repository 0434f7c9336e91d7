//! Waiting for several sockets and file descriptors at once.

use std::ffi::{c_int, c_long, c_short};
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::{Error, Socket, error, sys};

/// What to wait for, or what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Events {
    /// A message or byte can be received without waiting.
    pub readable: bool,
    /// A message or byte can be sent without waiting.
    pub writable: bool,
    /// A descriptor has an error condition (not for sockets).
    pub error: bool,
}

impl Events {
    /// Wait until there is something to receive.
    pub const READABLE: Events = Events { readable: true, writable: false, error: true };
    /// Wait until something can be sent.
    pub const WRITABLE: Events = Events { readable: false, writable: true, error: true };

    pub(crate) fn from_raw(raw: c_short) -> Events {
        Events {
            readable: raw & sys::ZMQ_POLLIN != 0,
            writable: raw & sys::ZMQ_POLLOUT != 0,
            error: raw & sys::ZMQ_POLLERR != 0,
        }
    }

    fn raw(self) -> c_short {
        let bit = |on, bit| if on { bit } else { 0 };
        bit(self.readable, sys::ZMQ_POLLIN)
            | bit(self.writable, sys::ZMQ_POLLOUT)
            | bit(self.error, sys::ZMQ_POLLERR)
    }
}

/// One thing that [`poll`] waits for, and afterwards what happened to it.
#[repr(transparent)]
pub struct PollItem<'a> {
    raw: sys::RawPollItem,
    _source: PhantomData<&'a Socket>,
}

impl<'a> PollItem<'a> {
    /// Wait for a socket.
    pub fn socket(socket: &'a Socket, events: Events) -> PollItem<'a> {
        let raw = sys::RawPollItem { socket: socket.raw(), fd: -1, events: events.raw(), revents: 0 };
        PollItem { raw, _source: PhantomData }
    }

    /// Wait for a file descriptor.
    pub fn fd(fd: BorrowedFd<'a>, events: Events) -> PollItem<'a> {
        let raw = sys::RawPollItem {
            socket: std::ptr::null_mut(),
            fd: fd.as_raw_fd(),
            events: events.raw(),
            revents: 0,
        };
        PollItem { raw, _source: PhantomData }
    }

    /// What happened, after [`poll`].
    pub fn ready(&self) -> Events {
        Events::from_raw(self.raw.revents)
    }

    /// Whether there is something to receive, after [`poll`]; an error condition counts, so that it is seen.
    pub fn is_readable(&self) -> bool {
        self.raw.revents & (sys::ZMQ_POLLIN | sys::ZMQ_POLLERR) != 0
    }
}

/// Wait until something is ready or the time is over (`None`: for ever), and return how many items are ready.
///
/// A signal does not end the wait; the remaining time is waited.
pub fn poll(items: &mut [PollItem<'_>], timeout: Option<Duration>) -> Result<usize, Error> {
    let end = timeout.map(|time| Instant::now() + time);
    let count = c_int::try_from(items.len()).unwrap_or(c_int::MAX);
    loop {
        let left: c_long = match end {
            None => -1,
            Some(end) => {
                // Rounded up, or the last part of a millisecond would be spent in a busy loop.
                let left = end.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
                c_long::try_from(left).unwrap_or(c_long::MAX)
            }
        };
        // SAFETY: PollItem is transparent over the C struct; the sockets are borrowed, so alive, and being not Sync are
        // used by this thread only.
        let ready = unsafe { sys::zmq_poll(items.as_mut_ptr().cast(), count, left) };
        match usize::try_from(ready) {
            Ok(ready) => return Ok(ready),
            Err(_) if error::last_code() == libc::EINTR => continue,
            Err(_) => return Err(Error::last("zmq_poll")),
        }
    }
}
