//! The header of a message: whole and owned, or only what routing needs, borrowed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The version of Jupyter's messaging protocol that is sent.
pub const PROTOCOL_VERSION: &str = "5.4";

/// A whole header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Unique per message; `<session>_<process id>_<counter>`, but opaque to receivers.
    pub msg_id: String,
    /// What the message is, such as `apply_request`.
    pub msg_type: String,
    /// The sender's user name.
    #[serde(default)]
    pub username: String,
    /// The sender's session; an engine's is its uuid.
    pub session: String,
    /// When it was sent, ISO 8601 in UTC.
    #[serde(default)]
    pub date: String,
    /// Version of the messaging protocol.
    #[serde(default)]
    pub version: String,
}

/// The fields that routing needs, borrowed from the frame (owned only where JSON escapes demand it).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HeaderView<'a> {
    /// See [`Header::msg_id`].
    #[serde(borrow)]
    pub msg_id: Cow<'a, str>,
    /// See [`Header::msg_type`].
    #[serde(borrow)]
    pub msg_type: Cow<'a, str>,
    /// See [`Header::session`].
    #[serde(borrow)]
    pub session: Cow<'a, str>,
    /// See [`Header::date`].
    #[serde(borrow, default)]
    pub date: Cow<'a, str>,
}
