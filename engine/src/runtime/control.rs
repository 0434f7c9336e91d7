//! Control requests that need no Python: they are served by the I/O thread, whatever user code is doing.

use anympi_wire::contents::{AbortRequest, ErrorContent};
use serde::Deserialize;
use serde_json::{Value, json};

use super::outbox::Answer;
use super::request::Request;
use super::{Shared, signal_names};

/// What the I/O thread has to do after serving a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing more
    Nothing,
    /// Send what is in the outbox, then end the engine
    End,
    /// Send what is in the outbox, then send this signal to the process: it may not survive it
    Signal(i32),
    /// The request is for Python
    Python,
}

/// The content of `signal_request`.
#[derive(Debug, Default, Deserialize)]
struct SignalRequest {
    #[serde(default)]
    sig: Value,
}

/// The ids of an abort_request. The protocol says a list; older clients send one string.
fn ids(content: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct One {
        msg_ids: String,
    }
    if let Ok(One { msg_ids }) = serde_json::from_slice(content) {
        return vec![msg_ids];
    }
    serde_json::from_slice::<AbortRequest>(content).unwrap_or_default().msg_ids.unwrap_or_default()
}

/// Serve a request if it needs no Python. `request` stays untouched when it does.
pub fn serve(shared: &Shared, request: &mut Request) -> Then {
    match request.msg_type.as_str() {
        "abort_request" => {
            announce(shared, request);
            for aborted in shared.abort(&ids(&request.content)) {
                shared.outbox.refuse_aborted(aborted, false);
            }
            finish(shared, request, None);
            Then::Nothing
        }
        "shutdown_request" => {
            announce(shared, request);
            let content = br#"{"status":"ok","restart":false}"#;
            // The hub forgets the engine when it sees this one on iopub.
            shared.outbox.publish(
                super::outbox::Publication {
                    msg_type: "shutdown_reply",
                    topic: Some(format!("engine.{}.shutdown", shared.outbox.engine_id()).as_bytes()),
                    parent: Some(&request.parent.header),
                    content,
                    ..Default::default()
                },
                false,
            );
            finish(shared, request, Some(content));
            Then::End
        }
        "interrupt_request" => {
            announce(shared, request);
            finish(shared, request, None);
            Then::Signal(libc::SIGINT)
        }
        "signal_request" => {
            // The stock engine's nanny serves this one, without a status.
            let wanted: SignalRequest = serde_json::from_slice(&request.content).unwrap_or_default();
            match signal_names::number(&wanted.sig) {
                Some(number) => {
                    reply(shared, request, None, "ok");
                    Then::Signal(number)
                }
                None => {
                    let sentence = format!("there is no signal {}", wanted.sig);
                    let content = json!(ErrorContent::new("AttributeError", sentence)).to_string();
                    reply(shared, request, Some(content.as_bytes()), "error");
                    Then::Nothing
                }
            }
        }
        _ => Then::Python,
    }
}

fn announce(shared: &Shared, request: &mut Request) {
    request.started = anympi_wire::Date::now().to_string();
    request.announced = true;
    shared.outbox.status(request, "busy", false);
}

fn finish(shared: &Shared, request: &mut Request, content: Option<&[u8]>) {
    reply(shared, request, content, "ok");
    shared.outbox.status(request, "idle", false);
}

fn reply(shared: &Shared, request: &mut Request, content: Option<&[u8]>, status: &str) {
    shared.outbox.answer(request, Answer { content, status, ..Answer::default() }, false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_as_a_list_a_string_or_not_at_all() {
        assert_eq!(ids(br#"{"msg_ids":["a","b"]}"#), ["a", "b"]);
        assert_eq!(ids(br#"{"msg_ids":"a"}"#), ["a"]);
        for none in [&br#"{"msg_ids":null}"#[..], b"{}", b"not json", b"[]"] {
            assert!(ids(none).is_empty());
        }
    }
}
