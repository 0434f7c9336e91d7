//! Making the controller's sockets and finding ports for them.

use std::collections::VecDeque;
use std::time::Duration;

use anympi_zmq::{Context, Error, Socket, SocketType};

/// Makes sockets and binds them to one interface.
pub struct Binder {
    context: Context,
    interface: String,
    pool: VecDeque<u16>,
}

impl Binder {
    /// For an interface such as `tcp://127.0.0.1`, with ports to take first.
    pub fn new(context: Context, interface: String, pool: &[u16]) -> Binder {
        Binder { context, interface, pool: pool.iter().copied().collect() }
    }

    /// A socket without limits of waiting messages, and with an identity when the peers see one.
    pub fn socket(&self, kind: SocketType, identity: &str) -> Result<Socket, Error> {
        let socket = self.context.socket(kind)?;
        socket.set_high_water_mark(0)?;
        socket.set_backlog(4096)?;
        socket.set_linger(Some(Duration::from_millis(500)))?;
        // A host that vanishes without a word is noticed after two minutes.
        socket.set_tcp_keepalive(Duration::from_secs(60), Duration::from_secs(15), 4)?;
        if self.interface.contains('[') {
            socket.set_ipv6(true)?;
        }
        if !identity.is_empty() {
            socket.set_identity(identity.as_bytes())?;
        }
        Ok(socket)
    }

    /// A ROUTER that tells when a peer is not there, and lets a peer that lost its connection come back.
    pub fn router_for_engines(&self, identity: &str) -> Result<Socket, Error> {
        let socket = self.socket(SocketType::Router, identity)?;
        socket.set_router_mandatory(true)?;
        socket.set_router_handover(true)?;
        Ok(socket)
    }

    /// Bind to a port that is wished for (not 0), else to the next one of the pool that is free, else to any.
    pub fn bind(&mut self, socket: &Socket, wish: u16) -> Result<u16, Error> {
        if wish != 0 {
            return socket.bind_port(&self.interface, wish);
        }
        while let Some(port) = self.pool.pop_front() {
            match socket.bind_port(&self.interface, port) {
                Err(Error::AddressInUse { endpoint }) => {
                    tracing::warn!("{endpoint} is in use; the next port is tried");
                }
                result => return result,
            }
        }
        socket.bind_port(&self.interface, 0)
    }
}
