//! The hub: registration, queries, notifications and the books, on one thread.
//!
//! The routers tell it what passes through a channel and never wait for it.

mod books;
mod engines;
mod queries;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anympi_wire::contents::{
    ConnectionReply, EngineNotification, ErrorContent, RegistrationReply, RegistrationRequest, Status,
    UnregistrationRequest,
};
use anympi_wire::{DigestHistory, Envelope, EnvelopeError, HeaderView, Session, SignatureError};
use anympi_zmq::{Error, Events, Message, Multipart, PollItem, Socket, poll};
use serde::Serialize;
use serde_json::{Value, json};

use crate::events::{Command, HubEvent, Uuid};
use crate::mailbox::{Mailbox, Sender};
use crate::malformed::Dropped;
use crate::records::Limits;
use crate::relay::BATCH;
use crate::task::ignore_unreachable;
use books::Books;
use engines::Engines;
use queries::Answer;

/// How often the hub looks whether time has decided something, while something waits for that.
const TICK: Duration = Duration::from_millis(20);
/// After a look into the books' mailbox the next one waits this long, unless somebody asks: a wake-up for every message
/// would take the processor from the routers and the engines.
const REST: Duration = Duration::from_millis(5);
/// The engines' state is written at most this often.
const STATE_PAUSE: Duration = Duration::from_millis(200);
/// Removals that happened this short a time ago are told to new subscribers.
const RECENT: Duration = Duration::from_secs(10);

/// What the hub is made with.
pub struct Setup {
    /// ROUTER for registrations and queries.
    pub query: Socket,
    /// XPUB for notifications, verbose.
    pub notifier: Socket,
    /// News from the routers.
    pub mailbox: Mailbox<HubEvent>,
    /// The routers and the heart monitor.
    pub routers: Vec<Sender<Command>>,
    /// The task scheduler among them.
    pub task: Sender<Command>,
    /// Signs and verifies.
    pub session: Arc<Session>,
    /// Bounds of the records; `None`: no records.
    pub limits: Option<Limits>,
    /// Time between heartbeats.
    pub period: Duration,
    /// The engines' connection file without its secrets.
    pub connection_info: Value,
    /// Where the state of the engines is written.
    pub engines_file: PathBuf,
    /// Told when a client asks for the end.
    pub ending: crossbeam_channel::Sender<crate::controller::Ending>,
}

/// The hub.
pub struct Hub {
    setup: Setup,
    engines: Engines,
    books: Books,
    history: DigestHistory,
    queries: Dropped,
    news: Dropped,
    removed: Vec<(Instant, EngineNotification)>,
    /// When clients were told the engines that have not subscribed since: from then on they may have missed something.
    asked: VecDeque<Instant>,
    state_changed: bool,
    state_written: Instant,
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("it names no sender")]
    NoSender,
}

impl Hub {
    /// A hub; `restored` are engines of an earlier controller and the next id.
    pub fn new(setup: Setup, restored: (BTreeMap<i64, String>, i64)) -> Hub {
        let patience = Duration::from_secs(30).max(10 * setup.period);
        let books = Books::new(setup.limits, setup.session.clone());
        let mut hub = Hub {
            engines: Engines::new(patience),
            books,
            history: DigestHistory::default(),
            queries: Dropped::new("registration"),
            news: Dropped::new("the books"),
            removed: Vec::new(),
            asked: VecDeque::new(),
            state_changed: false,
            state_written: Instant::now(),
            setup,
        };
        hub.engines.continue_from(restored.1);
        for (id, uuid) in restored.0 {
            let uuid: Uuid = uuid.into();
            hub.engines.restore(id, uuid.clone());
            hub.books.add_engine(&uuid);
            hub.tell(|| Command::Expect(uuid.clone(), id));
            hub.tell(|| Command::Add(uuid.clone()));
        }
        hub
    }

    /// Serve until told to stop.
    pub fn run(mut self) -> Result<(), Error> {
        let mut frames = Multipart::new();
        let mut busy = false;
        let mut rest_until = Instant::now();
        loop {
            let pause = rest_until.saturating_duration_since(Instant::now());
            let waits = self.engines.needs_time() || self.state_changed;
            let timeout = match (busy, waits) {
                (true, _) => Some(Duration::ZERO),
                _ if !pause.is_zero() => Some(pause),
                (false, true) => Some(TICK),
                (false, false) => None,
            };
            let mut items = [
                PollItem::socket(&self.setup.query, Events::READABLE),
                PollItem::socket(&self.setup.notifier, Events::READABLE),
                PollItem::fd(self.setup.mailbox.fd(), Events::READABLE),
            ];
            let polled = if pause.is_zero() { items.len() } else { items.len() - 1 };
            poll(&mut items[..polled], timeout)?;
            let [query, notifier, mailbox] = items.each_ref().map(PollItem::is_readable);
            // The books before the queries: who asks after having got a reply finds it recorded.
            if mailbox || busy || query {
                let mut events = Vec::new();
                let limit = if query { 256 * BATCH } else { 4 * BATCH };
                busy = self.setup.mailbox.take(limit, |event| events.push(event));
                rest_until = Instant::now() + REST;
                for event in events {
                    if matches!(event, HubEvent::Stop) {
                        self.write_state();
                        return Ok(());
                    }
                    self.news(event)?;
                }
            }
            for _ in 0..if query { BATCH } else { 0 } {
                if !self.setup.query.try_recv_into(&mut frames)? {
                    break;
                }
                match self.serve(&frames) {
                    Ok(Some(answer)) => self.answer(&frames, answer)?,
                    Ok(None) => {}
                    Err(reason) => self.queries.note(reason),
                }
            }
            let mut newcomer = false;
            for _ in 0..if notifier { BATCH } else { 0 } {
                if !self.setup.notifier.try_recv_into(&mut frames)? {
                    break;
                }
                newcomer |= frames.first().is_some_and(|frame| frame.first() == Some(&1));
            }
            if newcomer {
                self.repeat_notifications()?;
            }
            self.keep_time()?;
        }
    }

    fn tell(&self, command: impl Fn() -> Command) {
        self.setup.routers.iter().for_each(|router| router.send(command()));
    }

    fn news(&mut self, event: HubEvent) -> Result<(), Error> {
        let recorded = match event {
            HubEvent::PeerUp(channel, uuid) => {
                if self.engines.connected(channel, &uuid) {
                    self.complete(&uuid)?;
                }
                Ok(())
            }
            HubEvent::PeerDown(channel, uuid) => {
                self.engines.disconnected(channel, &uuid);
                Ok(())
            }
            HubEvent::FirstBeat(uuid) => {
                if self.engines.beat(&uuid) {
                    self.complete(&uuid)?;
                }
                Ok(())
            }
            HubEvent::HeartStopped(uuid) => {
                return self.remove(&uuid, "it does not answer heartbeats");
            }
            HubEvent::DirectRequest(frames) => self.books.direct_request(&frames),
            HubEvent::DirectReply(frames) => self.books.direct_reply(&frames),
            HubEvent::TaskRequest(frames) => self.books.task_request(&frames),
            HubEvent::TaskReply(frames) => self.books.task_reply(&frames),
            HubEvent::TaskAssigned(msg_id, uuid) => {
                self.books.assigned(&msg_id, &uuid);
                Ok(())
            }
            HubEvent::Output(frames) => match self.books.output(&frames) {
                Ok(Some(session)) => return self.remove(&session.into(), "it was shut down"),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            },
            HubEvent::Stop => Ok(()),
        };
        if let Err(reason) = recorded {
            self.news.note(reason);
        }
        Ok(())
    }

    fn keep_time(&mut self) -> Result<(), Error> {
        if self.engines.needs_time() {
            let due = self.engines.due();
            for uuid in due.ready {
                self.complete(&uuid)?;
            }
            for uuid in due.dead {
                self.remove(&uuid, "its connections are gone")?;
            }
            for uuid in due.stalled {
                tracing::warn!("engine {uuid} did not complete its registration");
                self.engines.remove(&uuid);
                self.tell(|| Command::Remove(uuid.clone()));
            }
        }
        if self.state_changed && self.state_written.elapsed() > STATE_PAUSE {
            self.write_state();
        }
        Ok(())
    }

    /// An engine is ready for work.
    fn complete(&mut self, uuid: &Uuid) -> Result<(), Error> {
        let Some(id) = self.engines.complete(uuid) else { return Ok(()) };
        tracing::info!("engine {id} ({uuid}) is registered");
        self.books.add_engine(uuid);
        self.removed.retain(|(_, removed)| removed.id != id);
        self.tell(|| Command::Add(uuid.clone()));
        self.state_changed = true;
        self.notify("registration_notification", &EngineNotification { id, uuid: uuid.to_string() })
    }

    /// An engine is gone.
    fn remove(&mut self, uuid: &Uuid, why: &str) -> Result<(), Error> {
        let id = self.engines.remove(uuid);
        self.tell(|| Command::Remove(uuid.clone()));
        let Some(id) = id else { return Ok(()) };
        tracing::info!("engine {id} ({uuid}) is gone: {why}");
        self.books.engine_gone(uuid, id);
        self.state_changed = true;
        let notification = EngineNotification { id, uuid: uuid.to_string() };
        self.notify("unregistration_notification", &notification)?;
        self.removed.retain(|(time, _)| time.elapsed() < RECENT);
        self.removed.push((Instant::now(), notification));
        Ok(())
    }

    fn notify(&self, kind: &str, content: &impl Serialize) -> Result<(), Error> {
        self.publish(kind, content, b"{}")
    }

    fn publish(&self, kind: &str, content: &impl Serialize, parent: &[u8]) -> Result<(), Error> {
        match self.setup.session.message::<Message>(kind).parent(parent).content(content).build() {
            Ok(mut frames) => self.setup.notifier.send_multipart(&mut frames),
            Err(error) => {
                tracing::error!("{error}");
                Ok(())
            }
        }
    }

    /// A client has subscribed, perhaps after it asked for the engines: what it may have missed is told again. To the
    /// other clients this is no news and does no harm.
    ///
    /// Removals are told only if they came after a client was told the engines: one that has never heard of an engine
    /// would take its removal for the loss of one that it waits for.
    fn repeat_notifications(&mut self) -> Result<(), Error> {
        self.removed.retain(|(time, _)| time.elapsed() < RECENT);
        self.asked.retain(|time| time.elapsed() < RECENT);
        if let Some(since) = self.asked.pop_front() {
            for (_, removed) in self.removed.iter().filter(|(time, _)| *time > since) {
                self.notify("unregistration_notification", removed)?;
            }
        }
        for (id, uuid) in self.engines.all() {
            let uuid = uuid.to_string();
            self.notify("registration_notification", &EngineNotification { id, uuid })?;
        }
        Ok(())
    }

    fn serve(&mut self, frames: &Multipart) -> Result<Option<Answer>, Refused> {
        let envelope = Envelope::split(frames)?;
        let [sender, ..] = envelope.idents else { return Err(Refused::NoSender) };
        self.history.accept(self.setup.session.signer(), &envelope)?;
        let header: HeaderView<'_> = envelope.header_view()?;
        let content = envelope.content;
        Ok(match &*header.msg_type {
            "registration_request" => Some(self.register(envelope.content()?)),
            "unregistration_request" => {
                self.unregister(envelope.content()?, sender);
                None
            }
            "connection_request" => {
                let engines =
                    self.engines.all().map(|(id, uuid)| (id.to_string(), uuid.to_string())).collect();
                self.asked.push_back(Instant::now());
                let reply = ConnectionReply { status: "ok".to_string(), engines };
                Some(Answer::new("connection_reply", json!(reply)))
            }
            "queue_request" => Some(queries::queue(content, &self.engines, &self.books)),
            "load_request" => Some(queries::load(content, &self.engines, &self.books)),
            "result_request" => Some(queries::result(content, &self.books)),
            "history_request" => Some(queries::history(&self.books)),
            "db_request" => Some(queries::database(content, &self.books)),
            "purge_request" => Some(queries::purge(content, &self.engines, &mut self.books)),
            "resubmit_request" => {
                let (answer, messages) = queries::resubmit(content, &mut self.books, &self.setup.session);
                messages.into_iter().for_each(|message| self.setup.task.send(Command::Submit(message)));
                Some(answer)
            }
            "shutdown_request" => Some(Answer::new("shutdown_reply", json!(Status::ok()))),
            "become_dask_request" => {
                let text = "this controller does not run dask";
                Some(Answer::error("become_dask_reply", "NotImplementedError", text))
            }
            "stop_distributed_request" => Some(Answer::new("stop_distributed_reply", json!(Status::ok()))),
            other => {
                let text = format!("Bad Message Type: '{other}'");
                Some(Answer::error("hub_error", "KeyError", text))
            }
        })
    }

    fn answer(&mut self, request: &Multipart, answer: Answer) -> Result<(), Error> {
        let Ok(envelope) = Envelope::split(request) else { return Ok(()) };
        // Engines know their registration reply by its type; it has no parent.
        let parent = if answer.kind == "registration_reply" { b"{}" } else { envelope.header };
        let shutdown = answer.kind == "shutdown_reply";
        let message = self
            .setup
            .session
            .message::<Message>(answer.kind)
            .idents(envelope.idents.iter().cloned())
            .parent(parent)
            .content(&answer.content)
            .buffers(answer.buffers)
            .build();
        match message {
            Ok(mut frames) => self.setup.query.try_send_multipart(&mut frames).or_else(ignore_unreachable)?,
            Err(error) => tracing::error!("{error}"),
        }
        if shutdown {
            self.publish("shutdown_notification", &Status::ok(), envelope.header)?;
            let _ = self.setup.ending.send(crate::controller::Ending::Requested);
        }
        Ok(())
    }

    fn register(&mut self, request: RegistrationRequest) -> Answer {
        let uuid: Uuid = request.uuid.into();
        match self.engines.begin(&uuid, request.id) {
            Ok(id) => {
                self.tell(|| Command::Expect(uuid.clone(), id));
                let reply = RegistrationReply {
                    id,
                    status: "ok".to_string(),
                    hb_period: u64::try_from(self.setup.period.as_millis()).unwrap_or(u64::MAX),
                    connection_info: self.setup.connection_info.clone(),
                };
                Answer::new("registration_reply", json!(reply))
            }
            Err(text) => {
                tracing::warn!("{text}");
                Answer::new("registration_reply", json!(ErrorContent::new("KeyError", text)))
            }
        }
    }

    fn unregister(&mut self, request: UnregistrationRequest, sender: &[u8]) {
        let uuid = match request.id {
            Some(id) => self.engines.with_id(id),
            // It never learnt its id, but its identity is its uuid.
            None => std::str::from_utf8(sender).ok().map(Uuid::from),
        };
        if let Some(uuid) = uuid
            && let Err(error) = self.remove(&uuid, "it said goodbye")
        {
            tracing::error!("cannot publish: {error}");
        }
    }

    /// For `--restore`. That it cannot be written is not worth an end.
    fn write_state(&mut self) {
        self.state_changed = false;
        self.state_written = Instant::now();
        if let Err(error) = std::fs::write(&self.setup.engines_file, self.engines.state().to_string()) {
            tracing::warn!("cannot write {}: {error}", self.setup.engines_file.display());
        }
    }
}
