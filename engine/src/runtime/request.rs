//! A request as the engine keeps it: still in the frames in which it came.
//!
//! Headers and contents are JSON that Python or the client will read; the engine looks at a few fields and passes the bytes
//! on. Buffers stay libzmq's: Python sees them without a copy.

use anympi_zmq::Message;
use serde::Deserialize;

/// The channel that a request came by; its reply goes back there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Work: served one at a time, in order, on the main thread
    Shell,
    /// Control: served at once, beside running work
    Control,
}

/// What messages caused by a request say of it: its header, as JSON.
#[derive(Debug, PartialEq, Eq)]
pub struct Parent {
    /// The header's bytes
    pub header: Vec<u8>,
    /// The request's id
    pub msg_id: String,
}

impl Parent {
    #[cfg(test)]
    pub(crate) fn for_test(msg_id: &str) -> Parent {
        Parent { header: format!(r#"{{"msg_id":"{msg_id}"}}"#).into_bytes(), msg_id: msg_id.to_owned() }
    }
}

/// One request.
#[derive(Debug)]
pub struct Request {
    /// Where it came from
    pub channel: Channel,
    /// The routing frames, to be given back in front of the reply
    pub identities: Vec<Message>,
    /// Its type, such as `apply_request`
    pub msg_type: String,
    /// Its header and id, shared with what it causes
    pub parent: std::sync::Arc<Parent>,
    /// Metadata, as JSON
    pub metadata: Message,
    /// Content, as JSON
    pub content: Message,
    /// What follows the JSON
    pub buffers: Vec<Message>,
    /// Whether `status: busy` has been published for it
    pub announced: bool,
    /// When it began to be served (ISO 8601)
    pub started: String,
}

impl Request {
    /// The type of its reply.
    pub fn reply_type(&self) -> String {
        match self.msg_type.strip_suffix("_request") {
            Some(stem) => format!("{stem}_reply"),
            None => format!("{}_reply", self.msg_type),
        }
    }

    /// The parts of its metadata that the reply repeats; a broadcast cannot be answered without them. Metadata that cannot
    /// be read counts as empty.
    pub fn label(&self) -> Label {
        serde_json::from_slice(&self.metadata).unwrap_or_default()
    }
}

/// What a reply's metadata repeats of the request's.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub struct Label {
    /// Sent to several engines by one message
    pub is_broadcast: bool,
    /// The replies of several engines are to be joined
    pub is_coalescing: bool,
    /// The id of the client's message, of which this is a copy
    pub original_msg_id: String,
    /// The user's own label
    pub label: serde_json::Value,
}
