//! Making messages.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::{DELIMITER, Date, Header, PROTOCOL_VERSION, Signer};

/// A part of a message that cannot be written as JSON.
#[derive(Debug, thiserror::Error)]
#[error("the message of type {msg_type} cannot be written as JSON: {source}")]
pub struct BuildError {
    msg_type: String,
    source: serde_json::Error,
}

/// One sender: its identity, its counter of messages, its key. Shared between threads by reference.
#[derive(Debug)]
pub struct Session {
    id: String,
    username: String,
    process: u32,
    counter: AtomicU64,
    signer: Signer,
}

impl Session {
    /// A sender with this identity (see [`crate::random_id`]) and key.
    pub fn new(id: impl Into<String>, signer: Signer) -> Session {
        let username = std::env::var("USER").ok().filter(|name| !name.is_empty());
        Session {
            id: id.into(),
            username: username.unwrap_or_else(|| "username".to_string()),
            process: std::process::id(),
            counter: AtomicU64::new(0),
            signer,
        }
    }

    /// The session's identity; an engine's is its uuid.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What signs and verifies.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// A new header with an id of its own and the date of now.
    pub fn header(&self, msg_type: &str) -> Header {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        Header {
            msg_id: format!("{}_{}_{}", self.id, self.process, number),
            msg_type: msg_type.to_string(),
            username: self.username.clone(),
            session: self.id.clone(),
            date: Date::now().to_string(),
            version: PROTOCOL_VERSION.to_string(),
        }
    }

    /// Begin a message of this type.
    pub fn message<F>(&self, msg_type: &str) -> MessageBuilder<'_, F> {
        self.message_with(self.header(msg_type))
    }

    /// Begin a message with a header of the caller's.
    pub fn message_with<F>(&self, header: Header) -> MessageBuilder<'_, F> {
        MessageBuilder {
            session: self,
            idents: Vec::new(),
            parent: Cow::Borrowed(b"{}"),
            metadata: Cow::Borrowed(b"{}"),
            content: Cow::Borrowed(b"{}"),
            buffers: Vec::new(),
            failure: None,
            header,
        }
    }
}

/// A message in the making. Parts not given are `{}`.
#[derive(Debug)]
pub struct MessageBuilder<'a, F> {
    session: &'a Session,
    header: Header,
    idents: Vec<F>,
    parent: Cow<'a, [u8]>,
    metadata: Cow<'a, [u8]>,
    content: Cow<'a, [u8]>,
    buffers: Vec<F>,
    failure: Option<serde_json::Error>,
}

impl<'a, F: From<Vec<u8>>> MessageBuilder<'a, F> {
    /// The id that the message will have.
    pub fn msg_id(&self) -> &str {
        &self.header.msg_id
    }

    /// Add a routing identity after those that are there.
    pub fn ident(mut self, ident: impl Into<F>) -> Self {
        self.idents.push(ident.into());
        self
    }

    /// Add routing identities after those that are there.
    pub fn idents(mut self, idents: impl IntoIterator<Item = F>) -> Self {
        self.idents.extend(idents);
        self
    }

    /// The header of the request that this answers, as the bytes that came.
    pub fn parent(mut self, header: &'a [u8]) -> Self {
        self.parent = Cow::Borrowed(header);
        self
    }

    /// The metadata.
    pub fn metadata(mut self, metadata: &impl Serialize) -> Self {
        match serde_json::to_vec(metadata) {
            Ok(bytes) => self.metadata = Cow::Owned(bytes),
            Err(error) => self.failure = Some(error),
        }
        self
    }

    /// The metadata, as JSON bytes.
    pub fn metadata_bytes(mut self, metadata: &'a [u8]) -> Self {
        self.metadata = Cow::Borrowed(metadata);
        self
    }

    /// The content.
    pub fn content(mut self, content: &impl Serialize) -> Self {
        match serde_json::to_vec(content) {
            Ok(bytes) => self.content = Cow::Owned(bytes),
            Err(error) => self.failure = Some(error),
        }
        self
    }

    /// The content, as JSON bytes.
    pub fn content_bytes(mut self, content: &'a [u8]) -> Self {
        self.content = Cow::Borrowed(content);
        self
    }

    /// Add buffers after those that are there.
    pub fn buffers(mut self, buffers: impl IntoIterator<Item = F>) -> Self {
        self.buffers.extend(buffers);
        self
    }

    /// Sign, and put the frames in order.
    pub fn build(self) -> Result<Vec<F>, BuildError> {
        let fail = |source| BuildError { msg_type: self.header.msg_type.clone(), source };
        if let Some(source) = self.failure {
            return Err(fail(source));
        }
        let header = serde_json::to_vec(&self.header).map_err(fail)?;
        let signature = self.session.signer.sign([&header, &self.parent, &self.metadata, &self.content]);
        let mut frames = self.idents;
        frames.reserve(6 + self.buffers.len());
        frames.push(F::from(DELIMITER.to_vec()));
        frames.push(F::from(signature));
        frames.push(F::from(header));
        frames.push(F::from(self.parent.into_owned()));
        frames.push(F::from(self.metadata.into_owned()));
        frames.push(F::from(self.content.into_owned()));
        frames.extend(self.buffers);
        Ok(frames)
    }
}
