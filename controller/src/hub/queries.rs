//! What clients ask the hub about tasks.

use std::collections::BTreeSet;
use std::sync::Arc;

use anympi_wire::contents::ErrorContent;
use anympi_wire::{Header, Session};
use anympi_zmq::{Message, Multipart};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::books::Books;
use super::engines::Engines;
use crate::records::{KEYS, Query, Record};

/// A reply's type, content and buffers.
pub struct Answer {
    /// The reply's `msg_type`.
    pub kind: &'static str,
    /// Its content.
    pub content: Value,
    /// Its buffers.
    pub buffers: Vec<Message>,
}

impl Answer {
    /// A reply without buffers.
    pub fn new(kind: &'static str, content: Value) -> Answer {
        Answer { kind, content, buffers: Vec::new() }
    }

    /// An exception in the client.
    pub fn error(kind: &'static str, name: &str, text: impl Into<String>) -> Answer {
        Answer::new(kind, json!(ErrorContent::new(name, text)))
    }
}

/// One engine or several, by id or uuid.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Target {
    Id(i64),
    Text(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Targets {
    #[default]
    All,
    One(Target),
    Some(Vec<Target>),
}

#[derive(Debug, Deserialize)]
struct QueueRequest {
    #[serde(default)]
    targets: Targets,
    #[serde(default)]
    verbose: bool,
}

fn ids(targets: Targets, engines: &Engines) -> Result<Vec<i64>, String> {
    let find = |target: &Target| match target {
        Target::Id(id) => engines.uuid(*id).map(|_| *id),
        Target::Text(text) => engines.id(text),
    };
    let list = match targets {
        Targets::All => return Ok(engines.all().map(|(id, _)| id).collect()),
        Targets::One(Target::Text(all)) if all == "all" => return ids(Targets::All, engines),
        Targets::One(target) => vec![target],
        Targets::Some(list) => list,
    };
    list.iter().map(|target| find(target).ok_or_else(|| format!("No Such Engine: [{target}]"))).collect()
}

impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Id(id) => write!(formatter, "{id}"),
            Target::Text(text) => write!(formatter, "'{text}'"),
        }
    }
}

/// `queue_request`.
pub fn queue(content: &[u8], engines: &Engines, books: &Books) -> Answer {
    let request: QueueRequest = match serde_json::from_slice(content) {
        Ok(request) => request,
        Err(error) => return Answer::error("hub_error", "ValueError", error.to_string()),
    };
    let targets = match ids(request.targets, engines) {
        Ok(targets) => targets,
        Err(text) => return Answer::error("hub_error", "IndexError", text),
    };
    let mut reply = Map::new();
    reply.insert("status".to_string(), json!("ok"));
    for id in targets {
        let Some(workload) = engines.uuid(id).and_then(|uuid| books.workloads.get(uuid)) else { continue };
        let state = match request.verbose {
            true => json!({
                "queue": list(&workload.queue),
                "completed": workload.completed.iter().map(|it| &**it).collect::<Vec<_>>(),
                "tasks": list(&workload.tasks),
            }),
            false => json!({
                "queue": workload.queue.len(),
                "completed": workload.completed_count,
                "tasks": workload.tasks.len(),
            }),
        };
        reply.insert(id.to_string(), state);
    }
    let unassigned = match request.verbose {
        true => json!(list(&books.unassigned)),
        false => json!(books.unassigned.len()),
    };
    reply.insert("unassigned".to_string(), unassigned);
    Answer::new("queue_reply", reply.into())
}

fn list<'a>(msg_ids: impl IntoIterator<Item = &'a Arc<str>>) -> Vec<&'a str> {
    let mut list: Vec<&str> = msg_ids.into_iter().map(|msg_id| &**msg_id).collect();
    list.sort_unstable();
    list
}

/// `load_request`: how many tasks each engine has.
pub fn load(content: &[u8], engines: &Engines, books: &Books) -> Answer {
    let request: QueueRequest = match serde_json::from_slice(content) {
        Ok(request) => request,
        Err(error) => return Answer::error("hub_error", "ValueError", error.to_string()),
    };
    let targets = match ids(request.targets, engines) {
        Ok(targets) => targets,
        Err(text) => return Answer::error("hub_error", "IndexError", text),
    };
    let mut reply = Map::new();
    reply.insert("status".to_string(), json!("ok"));
    for id in targets {
        let workload = engines.uuid(id).and_then(|uuid| books.workloads.get(uuid));
        let load = workload.map_or(0, |it| it.queue.len() + it.tasks.len());
        reply.insert(id.to_string(), json!(load));
    }
    Answer::new("load_reply", reply.into())
}

#[derive(Debug, Deserialize)]
struct ResultRequest {
    msg_ids: BTreeSet<String>,
    #[serde(default)]
    status_only: bool,
}

/// `result_request`.
pub fn result(content: &[u8], books: &Books) -> Answer {
    let request: ResultRequest = match serde_json::from_slice(content) {
        Ok(request) => request,
        Err(error) => return Answer::error("result_reply", "ValueError", error.to_string()),
    };
    let (mut pending, mut completed) = (Vec::new(), Vec::new());
    let mut reply = Map::new();
    let mut buffers = Vec::new();
    reply.insert("status".to_string(), json!("ok"));
    for msg_id in &request.msg_ids {
        if books.pending.contains_key(msg_id.as_str()) {
            pending.push(msg_id);
            continue;
        }
        match books.store.get(msg_id) {
            Some(record) if record.completed.is_some() => {
                completed.push(msg_id);
                if !request.status_only {
                    reply.insert(msg_id.clone(), record.result());
                    buffers.extend(record.result_buffers.iter().cloned());
                }
            }
            Some(_) => pending.push(msg_id),
            None => {
                let why =
                    if books.store.is_on() { "" } else { " (this controller keeps no results: --nodb)" };
                return Answer::error("result_reply", "KeyError", format!("No such message: {msg_id}{why}"));
            }
        }
    }
    reply.insert("pending".to_string(), json!(pending));
    reply.insert("completed".to_string(), json!(completed));
    Answer { kind: "result_reply", content: reply.into(), buffers }
}

/// `history_request`.
pub fn history(books: &Books) -> Answer {
    Answer::new("history_reply", json!({"status": "ok", "history": books.store.history()}))
}

#[derive(Debug, Deserialize)]
struct DatabaseRequest {
    #[serde(default)]
    query: Option<Value>,
    #[serde(default)]
    keys: Option<Vec<String>>,
}

/// `db_request`.
pub fn database(content: &[u8], books: &Books) -> Answer {
    let fail = |name, text: String| Answer::error("db_reply", name, text);
    let request: DatabaseRequest = match serde_json::from_slice(content) {
        Ok(request) => request,
        Err(error) => return fail("ValueError", error.to_string()),
    };
    let query = match Query::parse(&request.query.unwrap_or_else(|| json!({}))) {
        Ok(query) => query,
        Err(error) => return fail("ValueError", error.to_string()),
    };
    if !books.store.is_on() {
        return fail("KeyError", "this controller keeps no results (--nodb)".to_string());
    }
    // An empty list means all, as in the stock controller.
    let asked: Vec<&str> = match &request.keys {
        Some(keys) if !keys.is_empty() => std::iter::once("msg_id")
            .chain(keys.iter().map(String::as_str).filter(|key| *key != "msg_id"))
            .collect(),
        _ => KEYS.to_vec(),
    };
    if let Some(unknown) = asked.iter().find(|key| !KEYS.contains(key)) {
        return fail("KeyError", format!("'{unknown}'"));
    }
    let wants = |name: &str| request.keys.as_ref().is_some_and(|keys| keys.iter().any(|key| key == name));
    let mut lengths = wants("buffers").then(Vec::new);
    let mut result_lengths = wants("result_buffers").then(Vec::new);
    let mut buffers = Vec::new();
    let mut records = Vec::new();
    for record in books.store.find(&query) {
        let fields = asked.iter().filter(|key| !matches!(**key, "buffers" | "result_buffers"));
        let fields: Map<String, Value> =
            fields.map(|key| (key.to_string(), record.field(key).unwrap_or_default())).collect();
        records.push(fields);
        for (lengths, list) in
            [(&mut lengths, &record.buffers), (&mut result_lengths, &record.result_buffers)]
        {
            if let Some(lengths) = lengths {
                lengths.push(list.len());
                buffers.extend(list.iter().cloned());
            }
        }
    }
    let content = json!({
        "status": "ok",
        "records": records,
        "buffer_lens": lengths,
        "result_buffer_lens": result_lengths,
    });
    Answer { kind: "db_reply", content, buffers }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Purged {
    Text(String),
    List(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct PurgeRequest {
    #[serde(default)]
    msg_ids: Option<Purged>,
    #[serde(default)]
    engine_ids: Vec<i64>,
}

/// `purge_request`.
pub fn purge(content: &[u8], engines: &Engines, books: &mut Books) -> Answer {
    let fail = |name, text: String| Answer::error("purge_reply", name, text);
    let request: PurgeRequest = match serde_json::from_slice(content) {
        Ok(request) => request,
        Err(error) => return fail("ValueError", error.to_string()),
    };
    match request.msg_ids {
        Some(Purged::Text(all)) if all == "all" => {
            books.store.remove_where(|record| record.completed.is_some());
        }
        Some(Purged::Text(other)) => {
            return fail("ValueError", format!("`{other}` is neither a list nor 'all'"));
        }
        Some(Purged::List(msg_ids)) => {
            if let Some(msg_id) = msg_ids.iter().find(|it| books.pending.contains_key(it.as_str())) {
                return fail("IndexError", format!("msg pending: '{msg_id}'"));
            }
            msg_ids.iter().for_each(|msg_id| books.store.remove(msg_id));
        }
        None => {}
    }
    for id in request.engine_ids {
        let Some(uuid) = engines.uuid(id) else { return fail("IndexError", format!("No such engine: {id}")) };
        let of_engine = |record: &Record| record.engine_uuid.as_deref() == Some(uuid);
        books.store.remove_where(|record| record.completed.is_some() && of_engine(record));
    }
    Answer::new("purge_reply", json!({"status": "ok"}))
}

#[derive(Debug, Deserialize)]
struct ResubmitRequest {
    msg_ids: Vec<String>,
}

/// `resubmit_request`: the answer, and the new messages for the task scheduler.
pub fn resubmit(content: &[u8], books: &mut Books, session: &Session) -> (Answer, Vec<Multipart>) {
    let fail = |name, text: String| (Answer::error("resubmit_reply", name, text), Vec::new());
    let request: ResubmitRequest = match serde_json::from_slice(content) {
        Ok(request) => request,
        Err(error) => return fail("ValueError", error.to_string()),
    };
    let missing: Vec<&String> =
        request.msg_ids.iter().filter(|msg_id| books.store.get(msg_id).is_none()).collect();
    if !missing.is_empty() {
        return fail("KeyError", format!("No such msg(s): {missing:?}"));
    }
    let mut resubmitted = Map::new();
    let mut messages = Vec::new();
    for msg_id in &request.msg_ids {
        let Some(record) = books.store.get(msg_id) else { continue };
        let Ok(header) = serde_json::from_slice::<Header>(&record.header) else {
            return fail("ValueError", format!("the header of {msg_id} cannot be read"));
        };
        // The old header, so that the task still belongs to its client, but for what must be new.
        let fresh = session.header(&header.msg_type);
        let header = Header { msg_id: fresh.msg_id.clone(), date: fresh.date, ..header };
        let old = record.header.clone();
        let message = session
            .message_with::<Message>(header)
            .parent(&old)
            .content_bytes(&record.content)
            .buffers(record.buffers.iter().cloned())
            .build();
        match message {
            Ok(message) => messages.push(message),
            Err(error) => return fail("ValueError", error.to_string()),
        }
        books.store.update(msg_id, |record| record.resubmitted = Some(fresh.msg_id.clone()));
        resubmitted.insert(msg_id.clone(), json!(fresh.msg_id));
    }
    for message in &messages {
        // Known at once, or a client that asks for the result now would be told that there is no such task.
        let _ = books.task_request(message);
    }
    (Answer::new("resubmit_reply", json!({"status": "ok", "resubmitted": resubmitted})), messages)
}
