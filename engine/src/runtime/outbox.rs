//! What the engine sends: made and signed by any thread, in one order, and put on the sockets by the I/O thread.
//!
//! There is one order for all channels, so that a reply never overtakes the output of the code that it answers: waiting
//! text is made into messages before anything else is added.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anympi_wire::Session;
use anympi_wire::contents::{EngineInfo, ReplyMetadata};
use anympi_zmq::{Message, Multipart};
use serde::Serialize;

use super::request::{Channel, Parent, Request};
use super::text::{After, Stream, Waiting};
use super::wake::Wake;

/// The socket that a message leaves by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlet {
    /// A reply on the channel of its request
    Reply(Channel),
    /// To every client
    Iopub,
    /// To the hub
    Registration,
}

/// One thing to publish. Parts not given are empty.
#[derive(Debug, Default)]
pub struct Publication<'a> {
    /// Such as `display_data`
    pub msg_type: &'a str,
    /// First frame; `engine.<id>.<msg_type>` when not given
    pub topic: Option<&'a [u8]>,
    /// Header of the request that caused it, as JSON
    pub parent: Option<&'a [u8]>,
    /// JSON; names this engine when not given
    pub metadata: Option<&'a [u8]>,
    /// JSON
    pub content: &'a [u8],
    /// Frames after the JSON
    pub buffers: Vec<Message>,
}

/// An answer to a request.
#[derive(Debug, Default)]
pub struct Answer<'a> {
    /// JSON; `{"status": <status>}` when not given
    pub content: Option<&'a [u8]>,
    /// `ok`, `error` or `aborted`
    pub status: &'a str,
    /// The exception's class, for an error
    pub error_name: Option<&'a str>,
    /// Frames after the JSON
    pub buffers: Vec<Message>,
}

#[derive(Debug, Default)]
struct Contents {
    text: Waiting,
    messages: Vec<(Outlet, Multipart)>,
}

/// See the module.
#[derive(Debug)]
pub struct Outbox {
    session: Session,
    engine_id: AtomicI64,
    contents: Mutex<Contents>,
    wake: Wake,
    closed: AtomicBool,
}

impl Outbox {
    /// An empty one, for messages of this session.
    pub fn new(session: Session) -> io::Result<Outbox> {
        Ok(Outbox {
            session,
            engine_id: AtomicI64::new(-1),
            contents: Mutex::default(),
            wake: Wake::new()?,
            closed: AtomicBool::new(false),
        })
    }

    /// Who sends.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Readable when there is something to send.
    pub fn wake(&self) -> &Wake {
        &self.wake
    }

    /// The id that the hub gave; -1 before that.
    pub fn engine_id(&self) -> i64 {
        self.engine_id.load(Ordering::Relaxed)
    }

    /// Set the id that the hub gave.
    pub fn set_engine_id(&self, id: i64) {
        self.engine_id.store(id, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Add printed text.
    pub fn write(&self, stream: Stream, parent: Option<&Arc<Parent>>, text: &str) {
        let mut contents = self.lock();
        match contents.text.write(stream, parent, text) {
            After::Nothing => {}
            // The I/O thread looks at the time when it is woken.
            After::StartTimer => self.wake.wake(),
            After::Send => {
                self.make_text(&mut contents);
                self.wake.wake();
            }
        }
    }

    /// Send waiting text now.
    pub fn flush(&self) {
        let mut contents = self.lock();
        if contents.text.due().is_some() {
            self.make_text(&mut contents);
            self.wake.wake();
        }
    }

    /// Add one publication. `wake` false when the caller adds more at once, or is the I/O thread itself.
    pub fn publish(&self, publication: Publication<'_>, wake: bool) {
        let frames = self.frames(publication);
        self.add(Outlet::Iopub, frames, wake);
    }

    /// Add the answer to a request; it takes the request's routing frames, so a second answer goes nowhere.
    pub fn answer(&self, request: &mut Request, answer: Answer<'_>, wake: bool) {
        let outlet = Outlet::Reply(request.channel);
        let identities = std::mem::take(&mut request.identities);
        let label = request.label();
        let uuid = self.session.id();
        let info = || EngineInfo {
            engine_uuid: uuid.to_owned(),
            engine_id: Some(self.engine_id()),
            method: String::new(),
        };
        let metadata = ReplyMetadata {
            started: request.started.clone(),
            dependencies_met: answer.error_name != Some("UnmetDependency"),
            engine: uuid.to_owned(),
            is_broadcast: label.is_broadcast,
            is_coalescing: label.is_coalescing,
            original_msg_id: label.original_msg_id,
            label: label.label,
            status: answer.status.to_owned(),
            engine_info: (answer.status == "error").then(info),
        };
        let plain = format!(r#"{{"status":"{}"}}"#, answer.status);
        let message = self
            .session
            .message(&request.reply_type())
            .idents(identities)
            .parent(&request.parent.header)
            .metadata(&metadata)
            .content_bytes(answer.content.unwrap_or(plain.as_bytes()))
            .buffers(answer.buffers);
        self.add(outlet, built(message.build()), wake);
    }

    /// Publish that the engine is `busy` with a request or `idle` after it.
    pub fn status(&self, request: &Request, state: &str, wake: bool) {
        let content = format!(r#"{{"execution_state":"{state}"}}"#);
        let parent = Some(&*request.parent.header);
        let publication =
            Publication { msg_type: "status", parent, content: content.as_bytes(), ..Publication::default() };
        self.publish(publication, wake);
    }

    /// Answer a request that is not to run.
    pub fn refuse_aborted(&self, mut request: Request, wake: bool) {
        request.started = anympi_wire::Date::now().to_string();
        if !request.announced {
            self.status(&request, "busy", false);
        }
        self.answer(&mut request, Answer { status: "aborted", ..Answer::default() }, false);
        self.status(&request, "idle", wake);
    }

    /// Add a message for the hub.
    pub fn to_hub(&self, msg_type: &str, content: &impl Serialize) {
        let message = self.session.message(msg_type).content(content);
        self.add(Outlet::Registration, built(message.build()), true);
    }

    /// Take what is to be sent now, in order. The second part says when to look again though nobody wakes.
    pub fn take(&self) -> (Vec<(Outlet, Multipart)>, Option<Instant>) {
        let mut contents = self.lock();
        if contents.text.due().is_some_and(|due| due <= Instant::now()) {
            self.make_text(&mut contents);
        }
        (std::mem::take(&mut contents.messages), contents.text.due())
    }

    /// Take everything, also text that could wait, and accept nothing more.
    pub fn take_last(&self) -> Vec<(Outlet, Multipart)> {
        let mut contents = self.lock();
        self.make_text(&mut contents);
        self.closed.store(true, Ordering::Relaxed);
        std::mem::take(&mut contents.messages)
    }

    fn add(&self, outlet: Outlet, frames: Multipart, wake: bool) {
        if frames.is_empty() || self.closed.load(Ordering::Relaxed) {
            return;
        }
        let mut contents = self.lock();
        self.make_text(&mut contents);
        contents.messages.push((outlet, frames));
        if wake {
            self.wake.wake();
        }
    }

    fn make_text(&self, contents: &mut Contents) {
        #[derive(Serialize)]
        struct Text<'a> {
            name: &'a str,
            text: &'a str,
        }
        for piece in contents.text.take() {
            let name = piece.stream.name();
            let content = serde_json::to_vec(&Text { name, text: &piece.text }).unwrap_or_default();
            let topic = format!("engine.{}.{name}", self.engine_id());
            let parent = piece.parent.as_ref().map(|parent| &*parent.header);
            let frames = self.frames(Publication {
                msg_type: "stream",
                topic: Some(topic.as_bytes()),
                parent,
                content: &content,
                ..Publication::default()
            });
            contents.messages.push((Outlet::Iopub, frames));
        }
    }

    fn frames(&self, publication: Publication<'_>) -> Multipart {
        let own_topic;
        let topic = match publication.topic {
            Some(topic) => topic,
            None => {
                own_topic = format!("engine.{}.{}", self.engine_id(), publication.msg_type);
                own_topic.as_bytes()
            }
        };
        let own_metadata;
        let metadata = match publication.metadata {
            Some(metadata) => metadata,
            None => {
                own_metadata = format!(r#"{{"engine":"{}"}}"#, self.session.id());
                own_metadata.as_bytes()
            }
        };
        let message = self
            .session
            .message::<Message>(publication.msg_type)
            .ident(Message::copied(topic))
            .parent(publication.parent.unwrap_or(b"{}"))
            .metadata_bytes(metadata)
            .content_bytes(publication.content)
            .buffers(publication.buffers);
        built(message.build())
    }
}

/// The frames, or none: the parts are our own structures and cannot fail to become JSON, but one lost message is better
/// than an engine that dies of it.
fn built(frames: Result<Multipart, anympi_wire::BuildError>) -> Multipart {
    frames.unwrap_or_else(|error| {
        tracing::error!("a message could not be made: {error}");
        Multipart::new()
    })
}
