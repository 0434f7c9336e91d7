//! News of a socket's connections.

use std::ffi::CString;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Multipart, Socket, SocketType, sys};

/// Distinguishes the in-process addresses of monitors.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// What happened to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A listener is open.
    Listening,
    /// A TCP connection was accepted; the handshake follows.
    Accepted,
    /// An outgoing TCP connection stands; the handshake follows.
    Connected,
    /// The handshake is done: messages can flow.
    HandshakeSucceeded,
    /// The handshake failed; the peer speaks another protocol or may not come in.
    HandshakeFailed,
    /// The connection is gone.
    Disconnected,
    /// A listener or connection was closed from this side.
    Closed,
    /// Another event of zmq_socket_monitor(3).
    Other(u16),
}

/// One event of a monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The event's value: a descriptor or an error code, see zmq_socket_monitor(3).
    pub value: u32,
    /// The endpoint that it happened to.
    pub endpoint: String,
}

/// Receives the connection events of one socket.
#[derive(Debug)]
pub struct Monitor {
    socket: Socket,
}

impl Socket {
    /// Watch this socket's handshakes and disconnections. One monitor per socket; a second one takes its place.
    pub fn monitor(&self) -> Result<Monitor, Error> {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let endpoint = format!("inproc://anympi-monitor-{number}");
        let name = CString::new(endpoint.as_str())
            .map_err(|_| Error::InvalidEndpoint { endpoint: endpoint.clone() })?;
        let events = sys::ZMQ_EVENT_HANDSHAKE_SUCCEEDED
            | sys::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | sys::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
            | sys::ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
            | sys::ZMQ_EVENT_DISCONNECTED;
        // SAFETY: the socket is alive and used by this thread only; the name is NUL terminated.
        if unsafe { sys::zmq_socket_monitor(self.raw(), name.as_ptr(), i32::from(events)) } != 0 {
            return Err(Error::last("zmq_socket_monitor"));
        }
        let socket = self.context().socket(SocketType::Pair)?;
        // Without a limit, or the I/O thread would wait in the middle of its work when events are not fetched.
        socket.set_high_water_mark(0)?;
        socket.connect(&endpoint)?;
        Ok(Monitor { socket })
    }
}

impl Monitor {
    /// The socket to poll for readability.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The next event if there is one.
    pub fn try_recv(&self) -> Result<Option<Event>, Error> {
        loop {
            match self.socket.try_recv_multipart()? {
                None => return Ok(None),
                Some(frames) => {
                    if let Some(event) = parse(&frames) {
                        return Ok(Some(event));
                    }
                }
            }
        }
    }
}

/// Version 1 of the format: a frame with a 16 bit event and a 32 bit value, then a frame with the endpoint.
fn parse(frames: &Multipart) -> Option<Event> {
    let [head, endpoint] = frames.as_slice() else { return None };
    let event = u16::from_ne_bytes(head.get(..2)?.try_into().ok()?);
    let value = u32::from_ne_bytes(head.get(2..6)?.try_into().ok()?);
    let kind = match event {
        sys::ZMQ_EVENT_LISTENING => EventKind::Listening,
        sys::ZMQ_EVENT_ACCEPTED => EventKind::Accepted,
        sys::ZMQ_EVENT_CONNECTED => EventKind::Connected,
        sys::ZMQ_EVENT_HANDSHAKE_SUCCEEDED => EventKind::HandshakeSucceeded,
        sys::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
        | sys::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
        | sys::ZMQ_EVENT_HANDSHAKE_FAILED_AUTH => EventKind::HandshakeFailed,
        sys::ZMQ_EVENT_DISCONNECTED => EventKind::Disconnected,
        sys::ZMQ_EVENT_CLOSED => EventKind::Closed,
        other => EventKind::Other(other),
    };
    Some(Event { kind, value, endpoint: String::from_utf8_lossy(endpoint).into_owned() })
}
