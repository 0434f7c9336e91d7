//! Typed contents and metadata of the messages. Field names are those of the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `registration_request`: an engine asks to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationRequest {
    /// The engine's session, and its identity on every socket.
    pub uuid: String,
    /// The id it would like to have: its rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
}

/// `registration_reply` that lets an engine in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistrationReply {
    /// The id given.
    pub id: i64,
    /// `ok`, else the content is an [`ErrorContent`].
    pub status: String,
    /// Time between heartbeats in milliseconds.
    #[serde(default)]
    pub hb_period: u64,
    /// The engine's connection file without secrets.
    #[serde(default)]
    pub connection_info: Value,
}

/// `unregistration_request`: an engine, or its nanny, says goodbye.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnregistrationRequest {
    /// The id; null when the engine never got one.
    #[serde(default)]
    pub id: Option<i64>,
}

/// `registration_notification` and `unregistration_notification`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineNotification {
    /// The engine's id.
    pub id: i64,
    /// The engine's uuid.
    pub uuid: String,
}

/// `connection_reply`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionReply {
    /// `ok`.
    pub status: String,
    /// Uuid by id; ids as decimal text.
    pub engines: BTreeMap<String, String>,
}

/// The content `{"status": ...}` of many replies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// `ok`, `error` or `aborted`.
    #[serde(default)]
    pub status: String,
}

impl Status {
    /// `{"status": "ok"}`.
    pub fn ok() -> Status {
        Status { status: "ok".to_string() }
    }

    /// `{"status": "aborted"}`.
    pub fn aborted() -> Status {
        Status { status: "aborted".to_string() }
    }
}

/// Which engine an error is from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineInfo {
    /// The engine's uuid.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub engine_uuid: String,
    /// The engine's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_id: Option<i64>,
    /// `apply` or `execute`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub method: String,
}

/// The content of a reply that reports an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorContent {
    /// `error`.
    pub status: String,
    /// The exception's class name.
    pub ename: String,
    /// The exception's text.
    pub evalue: String,
    /// Lines.
    pub traceback: Vec<String>,
    /// Empty when the error is the controller's.
    #[serde(default)]
    pub engine_info: EngineInfo,
}

impl ErrorContent {
    /// An error of the controller's own.
    pub fn new(ename: &str, evalue: impl Into<String>) -> ErrorContent {
        let evalue = evalue.into();
        ErrorContent {
            status: "error".to_string(),
            ename: ename.to_string(),
            traceback: vec![format!("{ename}: {evalue}")],
            evalue,
            engine_info: EngineInfo::default(),
        }
    }
}

/// Metadata of a request on the broadcast channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroadcastMetadata {
    /// Uuid and id of each engine.
    pub targets: Vec<(String, i64)>,
    /// Whether the replies come back as one.
    #[serde(default)]
    pub is_coalescing: bool,
    /// The client's message id, once the scheduler has given the message others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_msg_id: Option<String>,
}

/// Metadata of an engine's reply to an apply or execute request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplyMetadata {
    /// When the work began.
    pub started: String,
    /// False when the work refused to run on this engine.
    pub dependencies_met: bool,
    /// The engine's uuid.
    pub engine: String,
    /// Copied from the request.
    pub is_broadcast: bool,
    /// Copied from the request.
    pub is_coalescing: bool,
    /// Copied from the request, else empty.
    pub original_msg_id: String,
    /// Copied from the request.
    pub label: Value,
    /// As in the content.
    pub status: String,
    /// For errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_info: Option<EngineInfo>,
}

/// `abort_request`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbortRequest {
    /// The messages to abort; none means all.
    #[serde(default)]
    pub msg_ids: Option<Vec<String>>,
}

/// `execute_request`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecuteRequest {
    /// A cell of code.
    pub code: String,
    /// Without display of a result.
    #[serde(default)]
    pub silent: bool,
    /// Expressions to evaluate afterwards.
    #[serde(default)]
    pub user_expressions: serde_json::Map<String, Value>,
    /// Whether an error aborts what is queued behind; default true.
    #[serde(default = "yes")]
    pub stop_on_error: bool,
}

fn yes() -> bool {
    true
}
