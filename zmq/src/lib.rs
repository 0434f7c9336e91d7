//! A thin, safe wrapper of libzmq 4.3.5, built from source and linked statically.
//!
//! Why our own: it needs what the crates on offer lack together: buffers of somebody else sent without a copy, messages
//! cloned by reference count, the state of one peer of a ROUTER, socket monitors, and a static library whose symbols
//! stay inside a shared library that lives beside another libzmq (pyzmq's) in one process.
//!
//! - [`Context`] makes [`Socket`]s; a socket keeps its context alive.
//! - [`Message`] is one frame. Moving one from `recv` to `send` moves a handle, never the bytes.
//! - [`poll`] waits for sockets and file descriptors.
//! - [`Monitor`] reports handshakes and disconnections of a socket's peers.
//!
//! Every call is repeated when a signal interrupts it. A [`Socket`] may be sent to another thread, not shared.

mod context;
mod error;
mod message;
mod monitor;
mod options;
mod poll;
mod socket;
mod sys;

pub use context::{Context, version};
pub use error::Error;
pub use message::{Message, Multipart};
pub use monitor::{Event, EventKind, Monitor};
pub use options::SocketType;
pub use poll::{Events, PollItem, poll};
pub use socket::Socket;
