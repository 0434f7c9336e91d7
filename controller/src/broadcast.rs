//! The broadcast scheduler: one request to many engines.
//!
//! The stock controller has a tree of processes; here one thread plays the root and the leaves of a tree of depth one.
//! Clients and engines see the same frames: each engine gets the message with an id of its own and returns the identities
//! that it came with.
//!
//! Of a coalescing request the replies are collected and sent as one. When one engine fails, that one reply is the
//! failure; when one dies, no reply is sent, because clients end the task when they learn of the death.

use std::collections::HashMap;
use std::sync::Arc;

use anympi_wire::contents::{BroadcastMetadata, Status};
use anympi_wire::{DELIMITER, DigestHistory, Envelope, EnvelopeError, Session, SignatureError};
use anympi_zmq::{Error, Events, Message, Multipart, PollItem, Socket, poll};
use serde_json::{Map, Value, json};

use crate::events::{Command, Uuid};
use crate::mailbox::Mailbox;
use crate::malformed::Dropped;
use crate::relay::BATCH;
use crate::watch::PeerWatch;

/// How many sockets engines are spread over.
pub const LEAVES: usize = 2;
/// The root's identity, which engines see behind their leaf's.
pub const ROOT: &str = "sub_scheduler_0";

/// One socket for engines.
pub struct Leaf {
    /// A ROUTER with the mandatory option.
    pub engines: Socket,
    /// Watches it.
    pub watch: PeerWatch,
}

/// The scheduler.
pub struct BroadcastScheduler {
    /// The clients' ROUTER.
    pub clients: Socket,
    /// The engine with id N is at leaf N modulo their number.
    pub leaves: [Leaf; LEAVES],
    /// Orders.
    pub mailbox: Mailbox<Command>,
    /// Signs and verifies.
    pub session: Arc<Session>,
    /// Coalescing requests under way, by the client's message id.
    pub groups: HashMap<String, Group>,
}

/// A coalescing request under way.
pub struct Group {
    client: Message,
    targets: Vec<(String, i64)>,
    replies: HashMap<String, Multipart>,
    failure: Option<Multipart>,
    missing: usize,
}

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
}

enum Problem {
    Refused(Refused),
    Socket(Error),
}

impl<E: Into<Refused>> From<E> for Problem {
    fn from(reason: E) -> Problem {
        Problem::Refused(reason.into())
    }
}

impl BroadcastScheduler {
    /// Schedule until told to stop.
    pub fn run(mut self) -> Result<(), Error> {
        let mut requests = Dropped::new("broadcast (clients)");
        let mut replies = Dropped::new("broadcast (engines)");
        let mut history = DigestHistory::default();
        let mut frames = Multipart::new();
        loop {
            let [left, right] = &self.leaves;
            let timeout = [left.watch.timeout(), right.watch.timeout()].into_iter().flatten().min();
            let mut items = [
                PollItem::socket(&self.clients, Events::READABLE),
                PollItem::socket(&left.engines, Events::READABLE),
                PollItem::socket(&right.engines, Events::READABLE),
                PollItem::fd(self.mailbox.fd(), Events::READABLE),
                left.watch.poll_item(),
                right.watch.poll_item(),
            ];
            poll(&mut items, timeout)?;
            let [clients, left, right, mailbox, ..] = items.each_ref().map(PollItem::is_readable);
            for (index, readable) in [left, right].into_iter().enumerate() {
                for _ in 0..if readable { BATCH } else { 0 } {
                    if !self.leaves[index].engines.try_recv_into(&mut frames)? {
                        break;
                    }
                    match self.reply(&mut frames, &mut history) {
                        Ok(()) => {}
                        Err(Problem::Refused(reason)) => replies.note(reason),
                        Err(Problem::Socket(error)) => return Err(error),
                    }
                }
            }
            if mailbox && !self.obey() {
                return Ok(());
            }
            for _ in 0..if clients { BATCH } else { 0 } {
                if !self.clients.try_recv_into(&mut frames)? {
                    break;
                }
                match self.request(&frames, &mut history) {
                    Ok(()) => {}
                    Err(Problem::Refused(reason)) => requests.note(reason),
                    Err(Problem::Socket(error)) => return Err(error),
                }
            }
            for Leaf { engines, watch } in &mut self.leaves {
                watch.look(engines)?;
            }
        }
    }

    fn obey(&mut self) -> bool {
        let mut go_on = true;
        let Self { mailbox, leaves, groups, .. } = self;
        while mailbox.take(BATCH, |command| match command {
            Command::Expect(uuid, id) => leaves[leaf_of(id)].watch.expect(uuid),
            Command::Remove(uuid) => {
                leaves.iter_mut().for_each(|leaf| leaf.watch.forget(&uuid));
                groups.retain(|_, group| !group.waits_for(&uuid));
            }
            Command::Stop => go_on = false,
            Command::Add(..) | Command::Submit(_) => {}
        }) {}
        go_on
    }

    /// `[client, message]`.
    fn request(&mut self, frames: &Multipart, history: &mut DigestHistory) -> Result<(), Problem> {
        let envelope = Envelope::split(frames)?;
        let [client, ..] = envelope.idents else { return Err(Refused::NoSender.into()) };
        history.accept(self.session.signer(), &envelope)?;
        let mut header: Map<String, Value> = envelope.parse(anympi_wire::Part::Header)?;
        let mut metadata: Map<String, Value> = envelope.metadata()?;
        let wishes: BroadcastMetadata = envelope.metadata()?;
        let original = match wishes.original_msg_id {
            Some(original) => original,
            None => envelope.header_view()?.msg_id.into_owned(),
        };
        if wishes.is_coalescing && !wishes.targets.is_empty() {
            let group = Group {
                client: client.clone(),
                targets: wishes.targets.clone(),
                replies: HashMap::new(),
                failure: None,
                missing: wishes.targets.len(),
            };
            self.groups.insert(original.clone(), group);
        }
        metadata.insert("original_msg_id".to_string(), json!(original));
        for (index, leaf) in self.leaves.iter().enumerate() {
            let targets: Vec<&(String, i64)> =
                wishes.targets.iter().filter(|(_, id)| leaf_of(*id) == index).collect();
            if targets.is_empty() {
                continue;
            }
            metadata.insert("targets".to_string(), json!(targets));
            let metadata = Message::from(json!(metadata).to_string());
            let part = |bytes: &[u8]| Message::copied(bytes);
            let (parent, content) = (part(envelope.parent), part(envelope.content));
            for (uuid, _) in targets {
                header.insert("msg_id".to_string(), json!(format!("{original}_{uuid}")));
                let header = json!(header).to_string();
                let parts = [header.as_bytes(), &parent, &metadata, &content];
                let signature = self.session.signer().sign(parts);
                let mut message = Multipart::with_capacity(9 + envelope.buffers.len());
                message.extend([Message::from(uuid.as_str()), Message::from(ROOT)]);
                message.extend(envelope.idents.iter().cloned());
                message.extend([Message::from(DELIMITER), Message::from(signature), Message::from(header)]);
                message.extend([parent.clone(), metadata.clone(), content.clone()]);
                message.extend(envelope.buffers.iter().cloned());
                match leaf.engines.try_send_multipart(&mut message) {
                    // The client learns of an engine's death by notification.
                    Ok(()) | Err(Error::HostUnreachable { .. } | Error::WouldBlock { .. }) => {}
                    Err(error) => return Err(Problem::Socket(error)),
                }
            }
        }
        Ok(())
    }

    /// `[engine, root, client, message]`.
    fn reply(&mut self, frames: &mut Multipart, history: &mut DigestHistory) -> Result<(), Problem> {
        let envelope = Envelope::split(frames)?;
        let [engine, _, _, ..] = envelope.idents else { return Err(Refused::NoSender.into()) };
        history.accept(self.session.signer(), &envelope)?;
        let metadata: Map<String, Value> = envelope.metadata()?;
        if metadata.get("is_coalescing") != Some(&Value::Bool(true)) {
            frames.drain(..2);
            return self.to_client(frames);
        }
        let original = metadata.get("original_msg_id").and_then(Value::as_str).unwrap_or_default();
        let group = self.groups.get_mut(original).ok_or(Refused::Unknown)?;
        let engine = String::from_utf8_lossy(engine).into_owned();
        if !group.targets.iter().any(|(uuid, _)| *uuid == engine) || group.replies.contains_key(&engine) {
            return Err(Refused::Unknown.into());
        }
        let ok = envelope.content::<Status>()?.status == "ok";
        group.replies.insert(engine, envelope.buffers.to_vec());
        group.missing -= 1;
        if !ok && group.failure.is_none() {
            group.failure = Some(frames.clone());
        }
        if group.missing > 0 {
            return Ok(());
        }
        let Some(group) = self.groups.remove(original) else { return Ok(()) };
        let mut message = group.finish(frames, metadata, &self.session)?;
        self.to_client(&mut message)
    }

    fn to_client(&self, message: &mut Multipart) -> Result<(), Problem> {
        let sent = self.clients.try_send_multipart(message);
        sent.or_else(crate::task::ignore_unreachable).map_err(Problem::Socket)
    }
}

fn leaf_of(id: i64) -> usize {
    id.rem_euclid(LEAVES as i64) as usize
}

impl Group {
    fn waits_for(&self, uuid: &Uuid) -> bool {
        self.targets.iter().any(|(target, _)| target[..] == uuid[..]) && !self.replies.contains_key(&**uuid)
    }

    /// One message out of all replies: the last one's parts with everybody's buffers, or the first failure.
    fn finish(
        self,
        last: &Multipart,
        metadata: Map<String, Value>,
        session: &Session,
    ) -> Result<Multipart, Refused> {
        let (frames, mut metadata) = match &self.failure {
            Some(frames) => (frames, Envelope::split(frames)?.metadata()?),
            None => (last, metadata),
        };
        let envelope = Envelope::split(frames)?;
        metadata.insert("broadcast_targets".to_string(), json!(self.targets));
        let metadata = json!(metadata).to_string();
        let parts = [envelope.header, envelope.parent, metadata.as_bytes(), envelope.content];
        let signature = session.signer().sign(parts);
        let mut message = vec![self.client, Message::from(DELIMITER), Message::from(signature)];
        message.extend(parts.map(Message::copied));
        if self.failure.is_none() {
            for (uuid, _) in &self.targets {
                message.extend(self.replies.get(uuid).into_iter().flatten().cloned());
            }
        }
        Ok(message)
    }
}
