//! One task: its request, its result, and what it printed.
//!
//! JSON parts are kept as the bytes that came and parsed when somebody asks.

use anympi_wire::{Date, Envelope, HeaderView};
use anympi_zmq::Message;
use serde_json::{Map, Value};

/// The names of a record's fields.
pub const KEYS: [&str; 23] = [
    "msg_id",
    "header",
    "metadata",
    "content",
    "buffers",
    "submitted",
    "client_uuid",
    "engine_uuid",
    "started",
    "completed",
    "resubmitted",
    "received",
    "result_header",
    "result_metadata",
    "result_content",
    "result_buffers",
    "queue",
    "execute_input",
    "execute_result",
    "error",
    "stdout",
    "stderr",
    "label",
];

/// What one task was and became. Fields are named as on the wire.
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "named by the protocol")]
pub struct Record {
    pub msg_id: String,
    pub header: Message,
    pub metadata: Message,
    pub content: Message,
    pub buffers: Vec<Message>,
    pub submitted: Option<Date>,
    pub client_uuid: String,
    pub engine_uuid: Option<String>,
    pub started: Option<Date>,
    pub completed: Option<Date>,
    pub resubmitted: Option<String>,
    pub received: Option<Date>,
    pub result_header: Option<Message>,
    pub result_metadata: Option<Message>,
    pub result_content: Option<Message>,
    pub result_buffers: Vec<Message>,
    pub queue: Option<&'static str>,
    pub execute_input: Option<String>,
    pub execute_result: Option<Value>,
    pub error: Option<Value>,
    pub stdout: String,
    pub stderr: String,
    pub label: Value,
}

/// Bytes that outlive the message they came in.
fn keep(bytes: &[u8]) -> Message {
    Message::copied(bytes)
}

/// Large buffers are shared with the message that is being sent; small ones are copied, so that they do not keep
/// libzmq's receive buffer.
fn keep_buffers(buffers: &[Message]) -> Vec<Message> {
    buffers.iter().map(|buffer| buffer.clone().detached()).collect()
}

impl Record {
    /// The record of a request.
    pub fn of_request(
        envelope: &Envelope<'_, Message>,
        header: &HeaderView<'_>,
        queue: Option<&'static str>,
    ) -> Record {
        let metadata: Map<String, Value> = envelope.metadata().unwrap_or_default();
        Record {
            msg_id: header.msg_id.to_string(),
            header: keep(envelope.header),
            metadata: keep(envelope.metadata),
            content: keep(envelope.content),
            buffers: keep_buffers(envelope.buffers),
            submitted: header.date.parse().ok().or_else(|| Some(Date::now())),
            client_uuid: header.session.to_string(),
            queue,
            label: metadata.get("label").cloned().unwrap_or_default(),
            ..Record::default()
        }
    }

    /// Add the reply.
    pub fn complete(&mut self, envelope: &Envelope<'_, Message>, header: &HeaderView<'_>) {
        let metadata: Map<String, Value> = envelope.metadata().unwrap_or_default();
        let text = |key: &str| metadata.get(key).and_then(Value::as_str);
        if let Some(engine) = text("engine") {
            self.engine_uuid = Some(engine.to_string());
        }
        self.started = text("started").and_then(|date| date.parse().ok());
        self.completed = header.date.parse().ok().or_else(|| Some(Date::now()));
        self.received = Some(Date::now());
        self.result_header = Some(keep(envelope.header));
        self.result_metadata = Some(keep(envelope.metadata));
        self.result_content = Some(keep(envelope.content));
        self.result_buffers = keep_buffers(envelope.buffers);
    }

    /// The bytes that the record keeps in memory, nearly.
    pub fn size(&self) -> usize {
        let messages = [&self.header, &self.metadata, &self.content];
        let results = [&self.result_header, &self.result_metadata, &self.result_content];
        let bytes = |buffers: &[Message]| buffers.iter().map(|buffer| buffer.len()).sum::<usize>();
        messages.iter().map(|message| message.len()).sum::<usize>()
            + results
                .iter()
                .filter_map(|message| message.as_ref())
                .map(|message| message.len())
                .sum::<usize>()
            + bytes(&self.buffers)
            + bytes(&self.result_buffers)
            + self.stdout.len()
            + self.stderr.len()
            + self.execute_input.as_ref().map_or(0, String::len)
            + std::mem::size_of::<Record>()
    }

    /// One field as JSON; buffers as their number. `None` for a name that no record has.
    pub fn field(&self, key: &str) -> Option<Value> {
        let json = |message: &Message| serde_json::from_slice(message).unwrap_or_default();
        let optional = |message: &Option<Message>| message.as_ref().map_or(Value::Null, json);
        let date = |date: Option<Date>| date.map_or(Value::Null, |date| Value::from(date.to_string()));
        Some(match key {
            "msg_id" => Value::from(self.msg_id.as_str()),
            "header" => json(&self.header),
            "metadata" => json(&self.metadata),
            "content" => json(&self.content),
            "buffers" => Value::from(self.buffers.len()),
            "submitted" => date(self.submitted),
            "client_uuid" => Value::from(self.client_uuid.as_str()),
            "engine_uuid" => Value::from(self.engine_uuid.as_deref()),
            "started" => date(self.started),
            "completed" => date(self.completed),
            "resubmitted" => Value::from(self.resubmitted.as_deref()),
            "received" => date(self.received),
            "result_header" => optional(&self.result_header),
            "result_metadata" => optional(&self.result_metadata),
            "result_content" => optional(&self.result_content),
            "result_buffers" => Value::from(self.result_buffers.len()),
            "queue" => Value::from(self.queue),
            "execute_input" => Value::from(self.execute_input.as_deref()),
            "execute_result" => self.execute_result.clone().unwrap_or_default(),
            "error" => self.error.clone().unwrap_or_default(),
            "stdout" => Value::from(self.stdout.as_str()),
            "stderr" => Value::from(self.stderr.as_str()),
            "label" => self.label.clone(),
            _ => return None,
        })
    }

    /// The record as `result_reply` has it.
    pub fn result(&self) -> Value {
        let pick = |keys: &[&str]| -> Map<String, Value> {
            keys.iter().map(|key| (key.to_string(), self.field(key).unwrap_or_default())).collect()
        };
        let keys = ["header", "metadata", "result_metadata", "result_header", "result_content", "received"];
        let mut result = pick(&keys);
        let io = pick(&["execute_input", "execute_result", "error", "stdout", "stderr"]);
        result.insert("io".to_string(), Value::Object(io));
        Value::Object(result)
    }
}
