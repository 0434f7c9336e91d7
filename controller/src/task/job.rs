//! One task on its way.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anympi_wire::{Envelope, EnvelopeError, HeaderView};
use anympi_zmq::{Message, Multipart};
use serde::Deserialize;

use super::dependency::{Dependency, Written};
use crate::events::Uuid;

/// Numbered in the order of arrival; a job keeps its number, and so its place, when it is tried again.
pub type JobId = u64;

/// What the scheduler reads of a request's metadata.
#[derive(Debug, Default, Deserialize)]
struct Wishes {
    #[serde(default)]
    targets: Option<Vec<String>>,
    #[serde(default)]
    retries: Option<u32>,
    #[serde(default)]
    after: Written,
    #[serde(default)]
    follow: Written,
    #[serde(default)]
    timeout: Option<f64>,
}

/// A task that waits or runs.
#[derive(Debug)]
pub struct Job {
    /// The request's message id.
    pub msg_id: Arc<str>,
    /// The whole message as it came: the client's identity (unless nobody waits for the reply), then the parts.
    pub frames: Multipart,
    /// The only engines that may run it; empty means any.
    pub targets: HashSet<Uuid>,
    /// How often it may still be tried again after an error.
    pub retries: u32,
    /// Tasks that must be finished.
    pub after: Dependency,
    /// Tasks that must be finished on the same engine.
    pub follow: Dependency,
    /// How long it may wait for an engine.
    pub timeout: Option<Duration>,
    /// Until when it may wait.
    pub deadline: Option<Instant>,
    /// Engines that refused it or failed.
    pub refused: HashSet<Uuid>,
    /// Where it runs.
    pub engine: Option<Uuid>,
    /// In whose queues it waits.
    pub queued: Vec<Uuid>,
}

impl Job {
    /// Understand a verified request.
    pub fn new(
        envelope: &Envelope<'_, Message>,
        header: &HeaderView<'_>,
        frames: Multipart,
    ) -> Result<Job, EnvelopeError> {
        let wishes: Wishes = envelope.metadata()?;
        let timeout = wishes.timeout.filter(|seconds| *seconds > 0.0);
        Ok(Job {
            msg_id: Arc::from(&*header.msg_id),
            frames,
            targets: wishes.targets.unwrap_or_default().into_iter().map(Arc::from).collect(),
            retries: wishes.retries.unwrap_or(0),
            after: Dependency::new(wishes.after),
            follow: Dependency::new(wishes.follow),
            timeout: timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            deadline: None,
            refused: HashSet::new(),
            engine: None,
            queued: Vec::new(),
        })
    }
}
