//! The socket: bind, connect, send, receive.

use std::cell::Cell;
use std::ffi::{CString, c_int, c_void};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::message::{Message, Multipart};
use crate::{Context, Error, SocketType, error, sys};

/// A ZeroMQ socket. `Send`, not `Sync`: one thread at a time.
pub struct Socket {
    raw: *mut c_void,
    kind: SocketType,
    // Dropped after the socket is closed (see Drop), so the context outlives it.
    _context: Context,
    _not_sync: PhantomData<Cell<()>>,
}

// SAFETY: libzmq allows a socket to migrate between threads with a full memory barrier, which every safe way to move a
// value between threads has.
unsafe impl Send for Socket {}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: the socket is open and closed once.
        unsafe { sys::zmq_close(self.raw) };
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Socket({:?})", self.kind)
    }
}

impl Socket {
    pub(crate) fn adopt(raw: *mut c_void, context: Context, kind: SocketType) -> Result<Socket, Error> {
        let socket = Socket { raw, kind, _context: context, _not_sync: PhantomData };
        socket.set_linger(Some(Duration::from_secs(1)))?;
        Ok(socket)
    }

    pub(crate) fn raw(&self) -> *mut c_void {
        self.raw
    }

    pub(crate) fn context(&self) -> &Context {
        &self._context
    }

    /// The socket's type.
    pub fn kind(&self) -> SocketType {
        self.kind
    }

    /// Bind to an endpoint such as `tcp://127.0.0.1:*` and return the one taken, such as `tcp://127.0.0.1:40123`.
    pub fn bind(&self, endpoint: &str) -> Result<String, Error> {
        let name = c_string(endpoint)?;
        // SAFETY: the socket is alive and used by this thread only; the name is NUL terminated.
        match unsafe { sys::zmq_bind(self.raw, name.as_ptr()) } {
            0 => self.last_endpoint(),
            _ => Err(Error::at("zmq_bind", endpoint)),
        }
    }

    /// Bind to a TCP port of an interface (`tcp://127.0.0.1`), 0 meaning any free one, and return the port taken.
    pub fn bind_port(&self, interface: &str, port: u16) -> Result<u16, Error> {
        let endpoint = match port {
            0 => format!("{interface}:*"),
            port => format!("{interface}:{port}"),
        };
        let taken = self.bind(&endpoint)?;
        let port = taken.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        port.ok_or(Error::InvalidEndpoint { endpoint: taken })
    }

    /// Stop listening at an endpoint, given as [`Socket::bind`] returned it.
    pub fn unbind(&self, endpoint: &str) -> Result<(), Error> {
        let name = c_string(endpoint)?;
        // SAFETY: as in bind.
        match unsafe { sys::zmq_unbind(self.raw, name.as_ptr()) } {
            0 => Ok(()),
            _ => Err(Error::at("zmq_unbind", endpoint)),
        }
    }

    /// Connect to an endpoint. Returns at once; the connection is made, and made again when lost, in the background.
    pub fn connect(&self, endpoint: &str) -> Result<(), Error> {
        let name = c_string(endpoint)?;
        // SAFETY: as in bind.
        match unsafe { sys::zmq_connect(self.raw, name.as_ptr()) } {
            0 => Ok(()),
            _ => Err(Error::at("zmq_connect", endpoint)),
        }
    }

    /// End the connection to an endpoint.
    pub fn disconnect(&self, endpoint: &str) -> Result<(), Error> {
        let name = c_string(endpoint)?;
        // SAFETY: as in bind.
        match unsafe { sys::zmq_disconnect(self.raw, name.as_ptr()) } {
            0 => Ok(()),
            _ => Err(Error::at("zmq_disconnect", endpoint)),
        }
    }

    /// Send one frame; `more` says that another of the same message follows. `wait` false never blocks: on
    /// [`Error::WouldBlock`] the message is still in `message`, as after every error.
    pub fn send_frame(&self, message: &mut Message, more: bool, wait: bool) -> Result<(), Error> {
        let mut flags = 0;
        if more {
            flags |= sys::ZMQ_SNDMORE;
        }
        if !wait {
            flags |= sys::ZMQ_DONTWAIT;
        }
        loop {
            // SAFETY: the socket is alive and used by this thread only. On success libzmq takes the content and leaves
            // an empty, initialised handle.
            if unsafe { sys::zmq_msg_send(message.as_raw(), self.raw, flags) } >= 0 {
                return Ok(());
            }
            match error::last_code() {
                libc::EINTR => continue,
                libc::EHOSTUNREACH => {
                    return Err(Error::HostUnreachable { identity: printable(message) });
                }
                code => return Err(Error::from_code("zmq_msg_send", code)),
            }
        }
    }

    /// Send a message of one frame, waiting for room.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        self.send_frame(&mut message.into(), false, true)
    }

    /// Send all frames as one message, waiting for room if needed. The vector is left empty, ready for reuse; on error
    /// it is unchanged.
    pub fn send_multipart(&self, frames: &mut Multipart) -> Result<(), Error> {
        self.send_frames(frames, true)
    }

    /// As [`Socket::send_multipart`], never waiting.
    pub fn try_send_multipart(&self, frames: &mut Multipart) -> Result<(), Error> {
        self.send_frames(frames, false)
    }

    fn send_frames(&self, frames: &mut Multipart, wait: bool) -> Result<(), Error> {
        let count = frames.len();
        for (index, frame) in frames.iter_mut().enumerate() {
            // libzmq decides about waiting and unreachable peers at the first frame; what it has begun it finishes.
            self.send_frame(frame, index + 1 < count, wait || index > 0)?;
        }
        frames.clear();
        Ok(())
    }

    /// Receive one frame. `wait` false: `None` when there is none.
    pub fn recv_frame(&self, wait: bool) -> Result<Option<Message>, Error> {
        let mut message = Message::new();
        let flags: c_int = if wait { 0 } else { sys::ZMQ_DONTWAIT };
        loop {
            // SAFETY: the socket is alive and used by this thread only; the handle is initialised.
            if unsafe { sys::zmq_msg_recv(message.as_raw(), self.raw, flags) } >= 0 {
                return Ok(Some(message));
            }
            match error::last_code() {
                libc::EINTR => continue,
                libc::EAGAIN if !wait => return Ok(None),
                code => return Err(Error::from_code("zmq_msg_recv", code)),
            }
        }
    }

    /// Wait for one whole message and append its frames.
    ///
    /// Errors: [`Error::WouldBlock`] after the socket's receive timeout.
    pub fn recv_multipart(&self) -> Result<Multipart, Error> {
        let mut frames = Multipart::with_capacity(12);
        self.recv_frames(&mut frames, true)?;
        Ok(frames)
    }

    /// The next message if one is there.
    pub fn try_recv_multipart(&self) -> Result<Option<Multipart>, Error> {
        let mut frames = Multipart::with_capacity(12);
        Ok(self.recv_frames(&mut frames, false)?.then_some(frames))
    }

    /// As [`Socket::try_recv_multipart`], into a vector that is emptied first; false when there is no message.
    pub fn try_recv_into(&self, frames: &mut Multipart) -> Result<bool, Error> {
        frames.clear();
        self.recv_frames(frames, false)
    }

    fn recv_frames(&self, frames: &mut Multipart, wait: bool) -> Result<bool, Error> {
        let Some(first) = self.recv_frame(wait)? else { return Ok(false) };
        let mut more = first.more();
        frames.push(first);
        while more {
            // The rest of a message is always there already: libzmq delivers whole messages.
            let Some(next) = self.recv_frame(true)? else { break };
            more = next.more();
            frames.push(next);
        }
        Ok(true)
    }

    /// ROUTER: whether a peer with this identity is connected now.
    ///
    /// The socket first takes note of connections and disconnections that its I/O thread has seen since.
    pub fn peer_connected(&self, identity: &[u8]) -> Result<bool, Error> {
        self.events()?;
        self.peer_known(identity)
    }

    /// As [`Socket::peer_connected`], without taking note of news first: for asking about many peers in a row after one
    /// call of [`Socket::events`].
    pub fn peer_known(&self, identity: &[u8]) -> Result<bool, Error> {
        // SAFETY: the socket is alive and used by this thread only; the identity is valid for its length.
        let state =
            unsafe { sys::zmq_socket_get_peer_state(self.raw, identity.as_ptr().cast(), identity.len()) };
        match state {
            0.. => Ok(true),
            _ if error::last_code() == libc::EHOSTUNREACH => Ok(false),
            _ => Err(Error::last("zmq_socket_get_peer_state")),
        }
    }
}

fn c_string(endpoint: &str) -> Result<CString, Error> {
    CString::new(endpoint).map_err(|_| Error::InvalidEndpoint { endpoint: endpoint.replace('\0', "\\0") })
}

fn printable(identity: &[u8]) -> String {
    identity.escape_ascii().to_string()
}
