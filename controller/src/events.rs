//! What the threads tell each other.

use std::sync::Arc;

use anympi_zmq::Multipart;

/// An engine's identity on every socket: its uuid.
pub type Uuid = Arc<str>;

/// A ROUTER that engines connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Direct requests.
    Mux,
    /// Control requests.
    Control,
    /// Load-balanced requests.
    Task,
    /// The engine's leaf of the broadcast scheduler.
    Broadcast,
}

impl Channel {
    /// One bit per channel.
    pub fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The bits of all channels.
    pub const ALL: u8 = 0b1111;
}

/// News for the hub.
pub enum HubEvent {
    /// An engine is connected on a channel.
    PeerUp(Channel, Uuid),
    /// An engine that was connected on a channel is not any more.
    PeerDown(Channel, Uuid),
    /// An engine's first heartbeat came back.
    FirstBeat(Uuid),
    /// Too many heartbeats of an engine did not come back.
    HeartStopped(Uuid),
    /// A direct request as sent on: engine, client, message.
    DirectRequest(Multipart),
    /// A direct reply as sent on: client, engine, message.
    DirectReply(Multipart),
    /// A verified request to the task scheduler, identities and message.
    TaskRequest(Multipart),
    /// A load-balanced task was given to an engine.
    TaskAssigned(Arc<str>, Uuid),
    /// A verified (or the scheduler's own) final reply to a load-balanced task.
    TaskReply(Multipart),
    /// What an engine published.
    Output(Multipart),
    /// The program ends.
    Stop,
}

/// What the hub tells the routers.
pub enum Command {
    /// Watch for this engine: it registers. The number is its id.
    Expect(Uuid, i64),
    /// The engine is registered: give it work.
    Add(Uuid),
    /// The engine is gone.
    Remove(Uuid),
    /// Run this message (without identities) as a load-balanced task for nobody in particular.
    Submit(Multipart),
    /// The program ends.
    Stop,
}
