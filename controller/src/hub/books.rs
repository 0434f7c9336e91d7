//! The record of every task, and what is on its way where.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use anympi_wire::contents::{ErrorContent, Status};
use anympi_wire::{Envelope, EnvelopeError, HeaderView, Session, SignatureError};
use anympi_zmq::{Message, Multipart};
use serde_json::{Map, Value, json};

use crate::events::Uuid;
use crate::records::{Limits, Record, Store};

/// How many finished tasks per engine are listed by a verbose `queue_request`; all are counted.
const LISTED: usize = 1024;

/// What one engine has to do and has done.
#[derive(Debug, Default)]
pub struct Workload {
    /// Direct requests under way.
    pub queue: HashSet<Arc<str>>,
    /// Load-balanced tasks under way.
    pub tasks: HashSet<Arc<str>>,
    /// The last finished ones.
    pub completed: VecDeque<Arc<str>>,
    /// The number of all finished ones.
    pub completed_count: u64,
}

/// Why a message is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum NotRecorded {
    /// It is malformed.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// It is not signed as it should be.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// The books.
pub struct Books {
    /// The records.
    pub store: Store,
    /// Tasks without a result, and the engine that has them.
    pub pending: HashMap<Arc<str>, Option<Uuid>>,
    /// Load-balanced tasks that no engine has.
    pub unassigned: BTreeSet<Arc<str>>,
    /// By engine.
    pub workloads: HashMap<Uuid, Workload>,
    session: Arc<Session>,
}

impl Books {
    /// Empty books.
    pub fn new(limits: Option<Limits>, session: Arc<Session>) -> Books {
        Books {
            store: Store::new(limits),
            pending: HashMap::new(),
            unassigned: BTreeSet::new(),
            workloads: HashMap::new(),
            session,
        }
    }

    /// An engine takes part.
    pub fn add_engine(&mut self, uuid: &Uuid) {
        self.workloads.entry(uuid.clone()).or_default();
    }

    /// A direct request, on its way to an engine: `[engine, client, message]`.
    pub fn direct_request(&mut self, frames: &Multipart) -> Result<(), NotRecorded> {
        let envelope = Envelope::split(frames)?;
        self.session.signer().verify(&envelope)?;
        let header = envelope.header_view()?;
        let engine = envelope.idents.first().and_then(|ident| std::str::from_utf8(ident).ok());
        // Messages that get no reply (such as those of widgets) and such to engines that do not exist leave no trace.
        let Some((uuid, _)) = engine.and_then(|engine| self.workloads.get_key_value(engine)) else {
            return Ok(());
        };
        if !header.msg_type.ends_with("_request") {
            return Ok(());
        }
        let uuid = uuid.clone();
        let mut record = Record::of_request(&envelope, &header, Some("mux"));
        record.engine_uuid = Some(uuid.to_string());
        let msg_id: Arc<str> = record.msg_id.as_str().into();
        if let Some(workload) = self.workloads.get_mut(&uuid) {
            workload.queue.insert(msg_id.clone());
        }
        self.pending.insert(msg_id, Some(uuid));
        self.store.insert(record);
        Ok(())
    }

    /// A direct reply: `[client, engine, message]`.
    pub fn direct_reply(&mut self, frames: &Multipart) -> Result<(), NotRecorded> {
        let envelope = Envelope::split(frames)?;
        self.session.signer().verify(&envelope)?;
        self.complete(&envelope)
    }

    /// A verified load-balanced request.
    pub fn task_request(&mut self, frames: &Multipart) -> Result<(), NotRecorded> {
        let envelope = Envelope::split(frames)?;
        let header = envelope.header_view()?;
        self.add_task(Record::of_request(&envelope, &header, Some("task")));
        Ok(())
    }

    /// A load-balanced task that waits.
    pub fn add_task(&mut self, record: Record) {
        let msg_id: Arc<str> = record.msg_id.as_str().into();
        self.pending.insert(msg_id.clone(), None);
        self.unassigned.insert(msg_id);
        self.store.insert(record);
    }

    /// A load-balanced task was given to an engine, perhaps after another one.
    pub fn assigned(&mut self, msg_id: &Arc<str>, uuid: &Uuid) {
        let Some(engine) = self.pending.get_mut(msg_id) else { return };
        let before = engine.replace(uuid.clone());
        self.unassigned.remove(msg_id);
        if let Some(workload) = before.and_then(|before| self.workloads.get_mut(&before)) {
            workload.tasks.remove(msg_id);
        }
        if let Some(workload) = self.workloads.get_mut(uuid) {
            workload.tasks.insert(msg_id.clone());
        }
        self.store.update(msg_id, |record| record.engine_uuid = Some(uuid.to_string()));
    }

    /// A verified reply to a load-balanced task.
    pub fn task_reply(&mut self, frames: &Multipart) -> Result<(), NotRecorded> {
        self.complete(&Envelope::split(frames)?)
    }

    fn complete(&mut self, envelope: &Envelope<'_, Message>) -> Result<(), NotRecorded> {
        let request = envelope.parent_view()?;
        let header: HeaderView<'_> = envelope.header_view()?;
        self.store.update(&request.msg_id, |record| record.complete(envelope, &header));
        let Some((msg_id, engine)) = self.pending.remove_entry(&*request.msg_id) else { return Ok(()) };
        self.unassigned.remove(&msg_id);
        let Some(workload) = engine.and_then(|engine| self.workloads.get_mut(&engine)) else { return Ok(()) };
        workload.queue.remove(&msg_id);
        workload.tasks.remove(&msg_id);
        if envelope.content::<Status>().is_ok_and(|it| it.status != "aborted") {
            workload.completed_count += 1;
            workload.completed.push_back(msg_id);
            if workload.completed.len() > LISTED {
                workload.completed.pop_front();
            }
        }
        Ok(())
    }

    /// Something that an engine published. Returns the session of an engine that says that it shuts down.
    pub fn output(&mut self, frames: &Multipart) -> Result<Option<String>, NotRecorded> {
        let envelope = Envelope::split(frames)?;
        let header = envelope.header_view()?;
        if header.msg_type == "status" {
            return Ok(None);
        }
        self.session.signer().verify(&envelope)?;
        if header.msg_type == "shutdown_reply" {
            return Ok(Some(header.session.into_owned()));
        }
        // Without a parent it belongs to no task.
        let Ok(request) = envelope.parent_view() else { return Ok(None) };
        if self.store.get(&request.msg_id).is_none() {
            return Ok(None);
        }
        let mut content: Map<String, Value> = envelope.content()?;
        let mut text = |key: &str| content.remove(key).and_then(|it| it.as_str().map(str::to_string));
        match &*header.msg_type {
            "stream" => {
                let (name, text) = (text("name").unwrap_or_default(), text("text").unwrap_or_default());
                self.store.update(&request.msg_id, |record| match name.as_str() {
                    "stderr" => record.stderr.push_str(&text),
                    _ => record.stdout.push_str(&text),
                });
            }
            "execute_input" => {
                let code = text("code");
                self.store.update(&request.msg_id, |record| record.execute_input = code);
            }
            "execute_result" => {
                self.store.update(&request.msg_id, |record| record.execute_result = Some(content.into()));
            }
            "error" => self.store.update(&request.msg_id, |record| record.error = Some(content.into())),
            _ => {}
        }
        Ok(None)
    }

    /// An engine is gone: its direct requests have failed. Its load-balanced tasks are the scheduler's matter.
    pub fn engine_gone(&mut self, uuid: &Uuid, id: i64) {
        let Some(workload) = self.workloads.remove(uuid) else { return };
        for msg_id in workload.queue {
            let text = format!("Engine {id} died while running task '{msg_id}'");
            let header = self.store.get(&msg_id).map(|record| record.header.clone()).unwrap_or_default();
            let reply = self
                .session
                .message::<Message>("apply_reply")
                .parent(&header)
                .metadata(&json!({"engine": &**uuid, "status": "error"}))
                .content(&ErrorContent::new("EngineError", text))
                .build();
            let recorded = reply.ok().is_some_and(|frames| self.task_reply(&frames).is_ok());
            if !recorded {
                self.pending.remove(&msg_id);
            }
        }
    }
}
