//! Socket types and socket options.

use std::ffi::{c_int, c_void};
use std::time::Duration;

use crate::socket::Socket;
use crate::{Error, sys};

/// The pattern that a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
#[allow(missing_docs, reason = "named as in zmq_socket(3)")]
pub enum SocketType {
    Pair = 0,
    Pub = 1,
    Sub = 2,
    Dealer = 5,
    Router = 6,
    Pull = 7,
    Push = 8,
    Xpub = 9,
    Xsub = 10,
}

impl SocketType {
    pub(crate) fn raw(self) -> c_int {
        self as c_int
    }
}

impl Socket {
    fn set_bytes(&self, option: c_int, value: &[u8]) -> Result<(), Error> {
        // SAFETY: the socket is alive and used by this thread only; the value is valid for its length.
        match unsafe { sys::zmq_setsockopt(self.raw(), option, value.as_ptr().cast(), value.len()) } {
            0 => Ok(()),
            _ => Err(Error::last("zmq_setsockopt")),
        }
    }

    fn set_int(&self, option: c_int, value: c_int) -> Result<(), Error> {
        self.set_bytes(option, &value.to_ne_bytes())
    }

    fn get_int(&self, option: c_int) -> Result<c_int, Error> {
        let mut value: c_int = 0;
        let mut size = std::mem::size_of::<c_int>();
        let place = (&raw mut value).cast::<c_void>();
        loop {
            // SAFETY: the socket is alive and used by this thread only; the place has room for an int.
            match unsafe { sys::zmq_getsockopt(self.raw(), option, place, &mut size) } {
                0 => return Ok(value),
                _ if crate::error::last_code() == libc::EINTR => continue,
                _ => return Err(Error::last("zmq_getsockopt")),
            }
        }
    }

    /// The identity under which a ROUTER at the other end knows this socket; at most 255 bytes, set before connecting.
    pub fn set_identity(&self, identity: &[u8]) -> Result<(), Error> {
        self.set_bytes(sys::ZMQ_ROUTING_ID, identity)
    }

    /// Subscribe to messages that begin with these bytes; an empty prefix means all.
    pub fn subscribe(&self, prefix: &[u8]) -> Result<(), Error> {
        self.set_bytes(sys::ZMQ_SUBSCRIBE, prefix)
    }

    /// Undo one [`Socket::subscribe`].
    pub fn unsubscribe(&self, prefix: &[u8]) -> Result<(), Error> {
        self.set_bytes(sys::ZMQ_UNSUBSCRIBE, prefix)
    }

    /// The most messages that wait in each direction for one peer; 0 means no limit.
    pub fn set_high_water_mark(&self, messages: u32) -> Result<(), Error> {
        let messages = c_int::try_from(messages).unwrap_or(c_int::MAX);
        self.set_int(sys::ZMQ_SNDHWM, messages)?;
        self.set_int(sys::ZMQ_RCVHWM, messages)
    }

    /// How long a closed socket still tries to send what waits; `None` means for ever.
    pub fn set_linger(&self, time: Option<Duration>) -> Result<(), Error> {
        self.set_int(sys::ZMQ_LINGER, milliseconds(time))
    }

    /// The longest wait of a blocking send; `None` means for ever.
    pub fn set_send_timeout(&self, time: Option<Duration>) -> Result<(), Error> {
        self.set_int(sys::ZMQ_SNDTIMEO, milliseconds(time))
    }

    /// The longest wait of a blocking receive; `None` means for ever.
    pub fn set_receive_timeout(&self, time: Option<Duration>) -> Result<(), Error> {
        self.set_int(sys::ZMQ_RCVTIMEO, milliseconds(time))
    }

    /// ROUTER: report an identity that is not connected as [`Error::HostUnreachable`] instead of dropping the message.
    pub fn set_router_mandatory(&self, on: bool) -> Result<(), Error> {
        self.set_int(sys::ZMQ_ROUTER_MANDATORY, c_int::from(on))
    }

    /// ROUTER: a new connection with a known identity takes the place of the old one (a peer that lost its network and
    /// came back) instead of being ignored.
    pub fn set_router_handover(&self, on: bool) -> Result<(), Error> {
        self.set_int(sys::ZMQ_ROUTER_HANDOVER, c_int::from(on))
    }

    /// XPUB: pass on every subscription, also of topics that another peer has already.
    pub fn set_xpub_verbose(&self, on: bool) -> Result<(), Error> {
        self.set_int(sys::ZMQ_XPUB_VERBOSE, c_int::from(on))
    }

    /// Let TCP itself probe a silent peer: first after `idle`, then every `interval`, giving up after `count` probes.
    pub fn set_tcp_keepalive(&self, idle: Duration, interval: Duration, count: u32) -> Result<(), Error> {
        let seconds = |time: Duration| c_int::try_from(time.as_secs().max(1)).unwrap_or(c_int::MAX);
        self.set_int(sys::ZMQ_TCP_KEEPALIVE, 1)?;
        self.set_int(sys::ZMQ_TCP_KEEPALIVE_IDLE, seconds(idle))?;
        self.set_int(sys::ZMQ_TCP_KEEPALIVE_INTVL, seconds(interval))?;
        self.set_int(sys::ZMQ_TCP_KEEPALIVE_CNT, c_int::try_from(count).unwrap_or(c_int::MAX))
    }

    /// The most connections that wait to be accepted.
    pub fn set_backlog(&self, connections: u32) -> Result<(), Error> {
        self.set_int(sys::ZMQ_BACKLOG, c_int::try_from(connections).unwrap_or(c_int::MAX))
    }

    /// The pause before a lost connection is tried again.
    pub fn set_reconnect_interval(&self, time: Duration) -> Result<(), Error> {
        self.set_int(sys::ZMQ_RECONNECT_IVL, milliseconds(Some(time)))
    }

    /// Allow IPv6 besides IPv4.
    pub fn set_ipv6(&self, on: bool) -> Result<(), Error> {
        self.set_int(sys::ZMQ_IPV6, c_int::from(on))
    }

    /// Whether a message can be received and sent now. Also makes the socket take note of peers that came or went.
    pub fn events(&self) -> Result<crate::Events, Error> {
        Ok(crate::Events::from_raw(self.get_int(sys::ZMQ_EVENTS)? as i16))
    }

    /// The edge-triggered descriptor of zmq_getsockopt(3), ZMQ_FD, for a foreign event loop: when it becomes readable,
    /// ask [`Socket::events`].
    pub fn notification_fd(&self) -> Result<std::os::fd::RawFd, Error> {
        self.get_int(sys::ZMQ_FD)
    }

    /// The endpoint of the last bind, with the port that was really taken.
    pub fn last_endpoint(&self) -> Result<String, Error> {
        let mut bytes = vec![0_u8; 1024];
        let mut size = bytes.len();
        // SAFETY: the socket is alive and used by this thread only; the buffer has `size` bytes.
        let result = unsafe {
            sys::zmq_getsockopt(self.raw(), sys::ZMQ_LAST_ENDPOINT, bytes.as_mut_ptr().cast(), &mut size)
        };
        if result != 0 {
            return Err(Error::last("zmq_getsockopt"));
        }
        bytes.truncate(size.saturating_sub(1));
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn milliseconds(time: Option<Duration>) -> c_int {
    match time {
        None => -1,
        Some(time) => c_int::try_from(time.as_millis()).unwrap_or(c_int::MAX),
    }
}
