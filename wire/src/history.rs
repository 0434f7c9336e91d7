//! Refusing messages that were accepted before.

use std::collections::{HashSet, VecDeque};

use crate::signing::Digest;
use crate::{Envelope, SignatureError, Signer};

/// How many digests are remembered unless told otherwise; the number that the stock programs use.
pub const HISTORY_SIZE: usize = 65_536;

/// The digests of the messages accepted last; the oldest is forgotten first.
#[derive(Debug)]
pub struct DigestHistory {
    known: HashSet<Digest>,
    order: VecDeque<Digest>,
    size: usize,
}

impl Default for DigestHistory {
    fn default() -> Self {
        Self::new(HISTORY_SIZE)
    }
}

impl DigestHistory {
    /// A history of that many digests; 0 turns the check off.
    pub fn new(size: usize) -> DigestHistory {
        DigestHistory { known: HashSet::new(), order: VecDeque::new(), size }
    }

    /// Verify a message and refuse it when it was accepted before; remember it otherwise.
    pub fn accept<F: AsRef<[u8]>>(
        &mut self,
        signer: &Signer,
        envelope: &Envelope<'_, F>,
    ) -> Result<(), SignatureError> {
        let Some(digest) = signer.verify(envelope)? else { return Ok(()) };
        self.remember(digest)
    }

    /// Remember a digest, or refuse it when it is known.
    pub fn remember(&mut self, digest: Digest) -> Result<(), SignatureError> {
        if self.size == 0 {
            return Ok(());
        }
        if !self.known.insert(digest) {
            return Err(SignatureError::Replayed);
        }
        if self.order.len() == self.size
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(digest);
        Ok(())
    }

    /// How many digests are remembered.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
