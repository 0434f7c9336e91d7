//! The context: libzmq's I/O threads, shared by sockets.

use std::ffi::c_void;
use std::sync::Arc;

use crate::options::SocketType;
use crate::socket::Socket;
use crate::{Error, error, sys};

/// The version of the libzmq that is linked in: major, minor, patch.
pub fn version() -> (i32, i32, i32) {
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    // SAFETY: three valid places for an int.
    unsafe { sys::zmq_version(&mut major, &mut minor, &mut patch) };
    (major, minor, patch)
}

/// libzmq's I/O threads and the sockets on them.
///
/// Cheap to clone. The last owner (a clone or a socket) ends it, and waits at most for the sockets' linger time.
#[derive(Clone, Debug)]
pub struct Context {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    raw: *mut c_void,
}

// SAFETY: a libzmq context is documented as thread safe.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle came from zmq_ctx_new and no socket is left: each holds a reference to this.
        while unsafe { sys::zmq_ctx_term(self.raw) } != 0 && error::last_code() == libc::EINTR {}
    }
}

impl Context {
    /// A context with one I/O thread and room for 65,536 sockets.
    pub fn new() -> Result<Context, Error> {
        Self::with_io_threads(1)
    }

    /// A context with that many I/O threads (one per GB/s that is to be moved, says libzmq's guide).
    pub fn with_io_threads(threads: u16) -> Result<Context, Error> {
        // SAFETY: no preconditions.
        let raw = unsafe { sys::zmq_ctx_new() };
        if raw.is_null() {
            return Err(Error::last("zmq_ctx_new"));
        }
        let context = Context { handle: Arc::new(Handle { raw }) };
        context.set(sys::ZMQ_IO_THREADS, i32::from(threads.max(1)))?;
        context.set(sys::ZMQ_MAX_SOCKETS, 65_535)?;
        Ok(context)
    }

    fn set(&self, option: i32, value: i32) -> Result<(), Error> {
        // SAFETY: the context is alive.
        match unsafe { sys::zmq_ctx_set(self.handle.raw, option, value) } {
            0 => Ok(()),
            _ => Err(Error::last("zmq_ctx_set")),
        }
    }

    /// A new socket, with a linger time of one second.
    pub fn socket(&self, kind: SocketType) -> Result<Socket, Error> {
        // SAFETY: the context is alive.
        let raw = unsafe { sys::zmq_socket(self.handle.raw, kind.raw()) };
        if raw.is_null() {
            return Err(Error::last("zmq_socket"));
        }
        Socket::adopt(raw, self.clone(), kind)
    }
}
