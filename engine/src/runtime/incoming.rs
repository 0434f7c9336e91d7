//! From frames to requests: what comes from a socket is checked before anything is done with it.

use std::sync::Arc;

use anympi_wire::{DigestHistory, Envelope, EnvelopeError, SignatureError, Signer};
use anympi_zmq::Multipart;

use super::request::{Channel, Parent, Request};

/// Why frames were dropped.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not a message
    #[error("malformed: {0}")]
    Envelope(#[from] EnvelopeError),
    /// Not from somebody who has the key, or not for the first time
    #[error("refused: {0}")]
    Signature(#[from] SignatureError),
}

/// Checks what arrives, and counts what is dropped.
#[derive(Debug)]
pub struct Incoming {
    signer: Signer,
    history: DigestHistory,
    dropped: u64,
}

impl Incoming {
    /// For messages signed with this key.
    pub fn new(signer: Signer) -> Incoming {
        Incoming { signer, history: DigestHistory::default(), dropped: 0 }
    }

    /// The request in these frames; `None` when they are dropped, which is counted and logged.
    pub fn request(&mut self, frames: Multipart, channel: Channel) -> Option<Request> {
        match self.check(frames, channel) {
            Ok(request) => Some(request),
            Err(refusal) => {
                self.dropped += 1;
                let count = self.dropped;
                // Who sends rubbish may send a lot of it: the log must not become the damage.
                if count <= 10 || count.is_power_of_two() {
                    tracing::warn!(
                        "dropped a message of the {channel:?} channel: {refusal} ({count} so far)"
                    );
                }
                None
            }
        }
    }

    fn check(&mut self, mut frames: Multipart, channel: Channel) -> Result<Request, Refusal> {
        let envelope = Envelope::split(&frames)?;
        self.history.accept(&self.signer, &envelope)?;
        let view = envelope.header_view()?;
        let msg_type = view.msg_type.into_owned();
        let parent = Parent { msg_id: view.msg_id.into_owned(), header: envelope.header.to_vec() };
        let routing = envelope.idents.len();
        // The split has seen a delimiter and five frames after the routing frames.
        let buffers = frames.split_off(routing + 6);
        let mut json = frames.split_off(routing);
        let content = json.pop().unwrap_or_default();
        let metadata = json.pop().unwrap_or_default();
        Ok(Request {
            channel,
            identities: frames,
            msg_type,
            parent: Arc::new(parent),
            metadata,
            content,
            buffers,
            announced: false,
            started: String::new(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use anympi_wire::Session;
    use anympi_zmq::Message;

    fn signer(key: &[u8]) -> Signer {
        Signer::new("hmac-sha256", key).unwrap()
    }

    fn frames(key: &[u8]) -> Multipart {
        let session = Session::new("client", signer(key));
        let message =
            session.message::<Message>("apply_request").idents(["mux_out", "client"].map(Message::from));
        message
            .metadata_bytes(br#"{"label":"x"}"#)
            .buffers([Message::from("one"), Message::from("two")])
            .build()
            .unwrap()
    }

    #[test]
    fn a_request_is_taken_apart() {
        let mut incoming = Incoming::new(signer(b"key"));
        let request = incoming.request(frames(b"key"), Channel::Shell).unwrap();
        assert_eq!(request.msg_type, "apply_request");
        assert_eq!(request.reply_type(), "apply_reply");
        assert_eq!(
            request.identities.iter().map(|it| it.to_vec()).collect::<Vec<_>>(),
            [b"mux_out".to_vec(), b"client".to_vec()]
        );
        assert_eq!(request.buffers.iter().map(|it| it.to_vec()).collect::<Vec<_>>(), [b"one", b"two"]);
        assert_eq!(request.label().label, "x");
        assert_eq!(&*request.content, b"{}");
    }

    #[test]
    fn rubbish_forgeries_and_replays_are_dropped_and_counted() {
        let mut incoming = Incoming::new(signer(b"key"));
        let good = frames(b"key");
        let again: Multipart = good.to_vec();
        assert!(incoming.request(good, Channel::Shell).is_some());
        let mut not_json = frames(b"key");
        not_json[4] = Message::from("{");
        let cut: Multipart = frames(b"key").into_iter().take(5).collect();
        let cases = [again, frames(b"other"), not_json, cut, Vec::new(), vec![Message::from("<IDS|MSG>")]];
        let count = cases.len() as u64;
        for case in cases {
            assert!(incoming.request(case, Channel::Control).is_none());
        }
        assert_eq!(incoming.dropped, count);
    }
}
