//! ipcontroller: one process that routes, schedules and keeps the books.
//!
//! One thread per router, without locks between them: the direct and the control relay,
//! the load-balanced scheduler, the broadcast scheduler, the relay of output, the heart monitor,
//! and the hub with registration, queries, notifications and records. They tell each other what happens through
//! mailboxes, which never make the sender wait. A router moves messages by handle and never copies a body; what the
//! books keep of a body is a reference.
//!
//! An engine is registered as soon as it is connected to all its sockets and a heartbeat came back, and is gone as soon
//! as its connections are (besides heartbeats and goodbyes): see `watch` and `hub::engines`.
//!
//! Malformed, unsigned, wrongly signed and replayed messages are counted, logged at a limited rate, and dropped.

#![forbid(unsafe_code)]

pub mod arguments;
mod broadcast;
mod controller;
mod events;
mod heart;
mod hub;
mod mailbox;
mod malformed;
mod output;
mod ports;
pub mod records;
mod relay;
mod settings;
mod task;
mod watch;

pub use controller::{Controller, Ending, StartError};
pub use settings::Settings;
pub use task::Scheme;
