//! The load-balanced scheduler's sockets: requests in, to the engine of the plan's choice, replies back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anympi_wire::contents::{ErrorContent, Status};
use anympi_wire::{Date, DigestHistory, Envelope, EnvelopeError, Session, SignatureError};
use anympi_zmq::{Error, Events, Message, Multipart, PollItem, Socket, poll};
use serde::Deserialize;
use serde_json::json;

use super::job::{Job, JobId};
use super::plan::{Action, Failure, Plan, Reply, Verdict};
use crate::events::{Command, HubEvent, Uuid};
use crate::mailbox::{Mailbox, Sender};
use crate::malformed::Dropped;
use crate::relay::BATCH;
use crate::watch::PeerWatch;

/// How long after an engine's death its last replies may still arrive.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How often unreachable engines are tried.
const RETRY: Duration = Duration::from_millis(100);

/// The scheduler's sockets, connections to other threads, and plan.
pub struct TaskScheduler {
    /// The clients' ROUTER.
    pub clients: Socket,
    /// The engines' ROUTER, with the mandatory option.
    pub engines: Socket,
    /// Watches the engines' ROUTER.
    pub watch: PeerWatch,
    /// Orders.
    pub mailbox: Mailbox<Command>,
    /// The books.
    pub hub: Sender<HubEvent>,
    /// Signs, verifies, makes failure replies.
    pub session: Arc<Session>,
    state: State,
}

struct State {
    plan: Plan,
    history: DigestHistory,
    /// Engines that died, and what ran there.
    dying: Vec<(Instant, Uuid, Vec<JobId>)>,
    requests: Dropped,
    replies: Dropped,
}

/// Why a message is dropped.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("it names no sender")]
    NoSender,
    #[error("a reply that nobody waits for")]
    Unknown,
    #[error("`{0}` is no request that an engine answers, so it would hold its engine for ever")]
    NoTask(String),
}

/// What the scheduler reads of a reply's metadata.
#[derive(Debug, Default, Deserialize)]
struct ReplyState {
    #[serde(default)]
    dependencies_met: Option<bool>,
    #[serde(default)]
    status: Option<String>,
}

impl TaskScheduler {
    /// A scheduler over these sockets.
    #[allow(clippy::too_many_arguments, reason = "each is one end of a connection")]
    pub fn new(
        clients: Socket,
        engines: Socket,
        watch: PeerWatch,
        mailbox: Mailbox<Command>,
        hub: Sender<HubEvent>,
        session: Arc<Session>,
        scheme: super::Scheme,
        high_water_mark: usize,
    ) -> TaskScheduler {
        let seed = Date::now().microseconds().unsigned_abs();
        let state = State {
            plan: Plan::new(scheme, high_water_mark, seed),
            history: DigestHistory::default(),
            dying: Vec::new(),
            requests: Dropped::new("task (clients)"),
            replies: Dropped::new("task (engines)"),
        };
        TaskScheduler { clients, engines, watch, mailbox, hub, session, state }
    }

    /// Schedule until told to stop.
    pub fn run(mut self) -> Result<(), Error> {
        let mut frames = Multipart::new();
        loop {
            let timeout = self.timeout();
            let mut items = [
                PollItem::socket(&self.clients, Events::READABLE),
                PollItem::socket(&self.engines, Events::READABLE),
                PollItem::fd(self.mailbox.fd(), Events::READABLE),
                self.watch.poll_item(),
            ];
            poll(&mut items, timeout)?;
            let [clients, engines, mailbox, _] = items.each_ref().map(PollItem::is_readable);
            for _ in 0..if engines { BATCH } else { 0 } {
                if !self.engines.try_recv_into(&mut frames)? {
                    break;
                }
                match self.reply(&mut frames) {
                    Ok(()) => {}
                    Err(Problem::Refused(reason)) => self.state.replies.note(reason),
                    Err(Problem::Socket(error)) => return Err(error),
                }
                self.act()?;
            }
            if mailbox && !self.obey() {
                return Ok(());
            }
            for _ in 0..if clients { BATCH } else { 0 } {
                if !self.clients.try_recv_into(&mut frames)? {
                    break;
                }
                if let Err(reason) = self.request(&mut frames) {
                    self.state.requests.note(reason);
                }
                self.act()?;
            }
            self.watch.look(&self.engines)?;
            self.keep_time()?;
            self.act()?;
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let now = Instant::now();
        let deadline = self.state.plan.next_deadline();
        let dying = self.state.dying.iter().map(|(time, ..)| *time).min();
        let paused = (!self.state.plan.paused().is_empty()).then(|| now + RETRY);
        let next = [deadline, dying, paused].into_iter().flatten().min();
        let next = next.map(|time| time.saturating_duration_since(now));
        [next, self.watch.timeout()].into_iter().flatten().min()
    }

    fn obey(&mut self) -> bool {
        let mut go_on = true;
        let Self { state, watch, mailbox, hub, .. } = self;
        while mailbox.take(BATCH, |command| match command {
            Command::Expect(uuid, _) => watch.expect(uuid),
            Command::Add(uuid) => state.plan.add_engine(&uuid),
            Command::Remove(uuid) => {
                watch.forget(&uuid);
                let jobs = state.plan.remove_engine(&uuid);
                if !jobs.is_empty() {
                    state.dying.push((Instant::now() + LAST_WORDS, uuid, jobs));
                }
            }
            Command::Submit(frames) => {
                // From the hub, which has checked it; nobody waits for the reply.
                if let Err(reason) = state.submit(frames, hub) {
                    state.requests.note(reason);
                }
            }
            Command::Stop => go_on = false,
        }) {}
        go_on
    }

    fn keep_time(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        let plan = &mut self.state.plan;
        plan.expire(now);
        self.state.dying.retain(|(time, uuid, jobs)| {
            let waits = *time > now;
            if !waits {
                jobs.iter().for_each(|id| plan.engine_died(uuid, *id));
            }
            waits
        });
        for uuid in plan.paused() {
            if self.engines.peer_connected(uuid.as_bytes())? {
                plan.resume(&uuid);
            }
        }
        Ok(())
    }

    /// `[client, message]`.
    fn request(&mut self, frames: &mut Multipart) -> Result<(), Refused> {
        let envelope = Envelope::split(frames)?;
        if envelope.idents.is_empty() {
            return Err(Refused::NoSender);
        }
        self.state.history.accept(self.session.signer(), &envelope)?;
        self.state.submit(std::mem::take(frames), &self.hub)
    }

    /// `[engine, client, message]`, or without the client when nobody waits.
    fn reply(&mut self, frames: &mut Multipart) -> Result<(), Problem> {
        let envelope = Envelope::split(frames).map_err(Refused::from)?;
        let [engine, ..] = envelope.idents else { return Err(Refused::NoSender.into()) };
        let engine = std::str::from_utf8(engine).map_err(|_| Refused::NoSender)?;
        self.state.history.accept(self.session.signer(), &envelope).map_err(Refused::from)?;
        let request = envelope.parent_view().map_err(Refused::from)?;
        let said: ReplyState = envelope.metadata().map_err(Refused::from)?;
        let status = match said.status {
            Some(status) => status,
            None => envelope.content::<Status>().map_err(Refused::from)?.status,
        };
        let reply = match (said.dependencies_met, status.as_str()) {
            (Some(false), _) => Reply::Refused,
            (_, "ok") => Reply::Ok,
            (_, "aborted") => Reply::Aborted,
            _ => Reply::Error,
        };
        match self.state.plan.reply(&Arc::from(engine), &request.msg_id, reply) {
            Verdict::Again => {}
            Verdict::Unknown => return Err(Refused::Unknown.into()),
            Verdict::Deliver(job) => {
                let has_client = client_of(&job.frames).is_some() && envelope.idents.len() >= 2;
                self.hub.send(HubEvent::TaskReply(frames.clone()));
                if has_client {
                    frames.swap(0, 1);
                    self.clients.try_send_multipart(frames).or_else(ignore_unreachable)?;
                }
            }
        }
        Ok(())
    }

    /// Do what the plan has decided.
    fn act(&mut self) -> Result<(), Error> {
        while let Some(action) = self.state.plan.next_action() {
            match action {
                Action::Send(id, uuid) => {
                    let Some(job) = self.state.plan.job(id) else { continue };
                    let mut frames = Multipart::with_capacity(job.frames.len() + 1);
                    frames.push(Message::copied(uuid.as_bytes()));
                    frames.extend(job.frames.iter().cloned());
                    let msg_id = job.msg_id.clone();
                    match self.engines.try_send_multipart(&mut frames) {
                        Ok(()) => self.hub.send(HubEvent::TaskAssigned(msg_id, uuid)),
                        Err(Error::HostUnreachable { .. } | Error::WouldBlock { .. }) => {
                            self.state.plan.pause(&uuid, id);
                        }
                        Err(error) => return Err(error),
                    }
                }
                Action::Fail(job, failure) => self.fail(&job, failure)?,
            }
        }
        Ok(())
    }

    /// Make a reply in an engine's place.
    fn fail(&mut self, job: &Job, failure: Failure) -> Result<(), Error> {
        let Ok(envelope) = Envelope::split(&job.frames) else { return Ok(()) };
        let request = envelope.header_view().ok();
        let kind = request.as_ref().map_or("apply_request", |header| &*header.msg_type);
        let engine = job.engine.as_deref().unwrap_or_default();
        let (name, text) = match failure {
            Failure::Invalid => {
                ("InvalidDependency", "it depends on itself or on an unknown task".to_string())
            }
            Failure::Impossible => ("ImpossibleDependency", "no engine can ever run this task".to_string()),
            Failure::Timeout => ("TaskTimeout", "no engine could run this task in time".to_string()),
            Failure::EngineDied => {
                ("EngineError", format!("Engine '{engine}' died while running task '{}'", job.msg_id))
            }
        };
        let metadata = match failure {
            Failure::EngineDied => json!({"status": "error", "engine": engine, "date": Date::now()}),
            _ => json!({}),
        };
        let built = self
            .session
            .message::<Message>(&kind.replace("_request", "_reply"))
            .idents(envelope.idents.iter().cloned())
            .parent(envelope.header)
            .metadata(&metadata)
            .content(&ErrorContent::new(name, text))
            .build();
        match built {
            Ok(mut frames) => {
                self.hub.send(HubEvent::TaskReply(frames.clone()));
                if client_of(&frames).is_some() {
                    self.clients.try_send_multipart(&mut frames).or_else(ignore_unreachable)?;
                }
            }
            Err(error) => tracing::error!("task: {error}"),
        }
        Ok(())
    }
}

impl State {
    fn submit(&mut self, frames: Multipart, hub: &Sender<HubEvent>) -> Result<(), Refused> {
        let copy = frames.clone();
        let envelope = Envelope::split(&copy)?;
        let header = envelope.header_view()?;
        if !matches!(&*header.msg_type, "apply_request" | "execute_request") {
            return Err(Refused::NoTask(header.msg_type.into_owned()));
        }
        let job = Job::new(&envelope, &header, frames)?;
        // The books first, so that they know the task before anything happens to it.
        hub.send(HubEvent::TaskRequest(copy.clone()));
        self.plan.submit(job, Instant::now());
        Ok(())
    }
}

enum Problem {
    Refused(Refused),
    Socket(Error),
}

impl From<Refused> for Problem {
    fn from(reason: Refused) -> Problem {
        Problem::Refused(reason)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem::Socket(error)
    }
}

/// The client's identity, before the delimiter.
fn client_of(frames: &Multipart) -> Option<&Message> {
    frames.first().filter(|first| ***first != *anympi_wire::DELIMITER)
}

/// A client that has gone does not get its reply.
pub fn ignore_unreachable(error: Error) -> Result<(), Error> {
    match error {
        Error::HostUnreachable { .. } | Error::WouldBlock { .. } => Ok(()),
        error => Err(error),
    }
}
