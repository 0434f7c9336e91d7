//! Requests that wait for the main thread, and which of them are not to run any more.
//!
//! An abort may overtake what it aborts, because the two come by different channels: ids that are not here yet are
//! remembered until they arrive.

use std::collections::{HashSet, VecDeque};

use super::request::Request;

/// So many ids of requests that never came are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 65_536;

/// The requests that wait.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<Request>,
    aborted: HashSet<String>,
    order: VecDeque<String>,
}

impl Queue {
    /// Add a request; gives it back when it was aborted before it came.
    pub fn push(&mut self, request: Request) -> Option<Request> {
        if self.aborted.remove(&request.parent.msg_id) {
            return Some(request);
        }
        self.waiting.push_back(request);
        None
    }

    /// The next request to serve.
    pub fn pop(&mut self) -> Option<Request> {
        self.waiting.pop_front()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Take out the requests with these ids, and remember the ids that are not here. No ids at all means every request.
    pub fn abort(&mut self, ids: &[String]) -> Vec<Request> {
        if ids.is_empty() {
            return self.waiting.drain(..).collect();
        }
        let mut wanted: HashSet<&str> = ids.iter().map(String::as_str).collect();
        let taken = self.take(|request| wanted.remove(request.parent.msg_id.as_str()));
        for id in wanted {
            if self.aborted.insert(id.to_owned()) {
                self.order.push_back(id.to_owned());
            }
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.aborted.remove(&oldest);
            }
        }
        taken
    }

    /// Take out every waiting execute_request: what follows a cell that failed.
    pub fn abort_executes(&mut self) -> Vec<Request> {
        self.take(|request| request.msg_type == "execute_request")
    }

    fn take(&mut self, mut wanted: impl FnMut(&Request) -> bool) -> Vec<Request> {
        let (taken, kept) = self.waiting.drain(..).partition(|request| wanted(request));
        self.waiting = kept;
        Vec::from(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::{Channel, Parent};
    use super::*;
    use anympi_zmq::Message;

    fn request(id: &str, msg_type: &str) -> Request {
        Request {
            channel: Channel::Shell,
            identities: Vec::new(),
            msg_type: msg_type.to_owned(),
            parent: std::sync::Arc::new(Parent::for_test(id)),
            metadata: Message::new(),
            content: Message::new(),
            buffers: Vec::new(),
            announced: false,
            started: String::new(),
        }
    }

    fn ids(requests: &[Request]) -> Vec<&str> {
        requests.iter().map(|request| request.parent.msg_id.as_str()).collect()
    }

    #[test]
    fn abort_takes_what_waits_and_remembers_what_does_not() {
        let mut queue = Queue::default();
        for id in ["a", "b", "c"] {
            assert!(queue.push(request(id, "apply_request")).is_none());
        }
        assert_eq!(ids(&queue.abort(&["b".into(), "late".into()])), ["b"]);
        assert!(queue.push(request("late", "apply_request")).is_some());
        assert!(queue.push(request("late", "apply_request")).is_none(), "an id is aborted once");
        assert_eq!(queue.waiting.len(), 3);
        assert_eq!(ids(&queue.abort(&[])), ["a", "c", "late"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_failed_cell_aborts_cells_and_not_calls() {
        let mut queue = Queue::default();
        for (id, kind) in [("a", "execute_request"), ("b", "apply_request"), ("c", "execute_request")] {
            queue.push(request(id, kind));
        }
        assert_eq!(ids(&queue.abort_executes()), ["a", "c"]);
        assert_eq!(queue.pop().map(|left| left.parent.msg_id.clone()).as_deref(), Some("b"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut queue = Queue::default();
        for number in 0..REMEMBERED + 10 {
            queue.abort(&[number.to_string()]);
        }
        assert!(queue.aborted.len() <= REMEMBERED);
        assert!(queue.push(request("0", "apply_request")).is_none(), "the oldest is forgotten");
        assert!(queue.push(request("20", "apply_request")).is_some());
    }
}
