//! What a task waits for.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;

use crate::events::Uuid;

/// A dependency as clients write it: a list of message ids, or an object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
pub enum Written {
    /// Nothing.
    #[default]
    None,
    /// All of these, successfully.
    Ids(Vec<String>),
    /// With conditions.
    Full {
        /// Message ids.
        dependencies: Vec<String>,
        /// All of them, or one.
        #[serde(default = "yes")]
        all: bool,
        /// Success counts.
        #[serde(default = "yes")]
        success: bool,
        /// Failure counts.
        #[serde(default)]
        failure: bool,
    },
}

fn yes() -> bool {
    true
}

/// How a finished task ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Where it ran; `None` when it never did.
    pub engine: Option<Uuid>,
    /// Whether it succeeded.
    pub ok: bool,
}

/// Whether a dependency is fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Tasks that matter are not finished.
    Waiting,
    /// Fulfilled.
    Met,
    /// It can never be fulfilled.
    Impossible,
}

/// A dependency that learns of outcomes one by one.
#[derive(Debug, Clone)]
pub struct Dependency {
    pending: HashSet<Arc<str>>,
    /// Where the tasks that count have run.
    engines: HashSet<Uuid>,
    all: bool,
    success: bool,
    failure: bool,
    state: State,
    empty: bool,
}

impl Dependency {
    /// From what a client wrote.
    pub fn new(written: Written) -> Dependency {
        let (ids, all, success, failure) = match written {
            Written::None => (Vec::new(), true, true, false),
            Written::Ids(ids) => (ids, true, true, false),
            Written::Full { dependencies, all, success, failure } => (dependencies, all, success, failure),
        };
        let pending: HashSet<Arc<str>> = ids.into_iter().map(Arc::from).collect();
        let empty = pending.is_empty();
        let state = if empty { State::Met } else { State::Waiting };
        Dependency { pending, engines: HashSet::new(), all, success, failure, state, empty }
    }

    /// The tasks not finished yet, as far as is known here.
    pub fn pending(&self) -> impl Iterator<Item = &Arc<str>> {
        self.pending.iter()
    }

    /// A task is finished.
    pub fn note(&mut self, msg_id: &str, outcome: &Outcome) {
        if !self.pending.remove(msg_id) {
            return;
        }
        let counts = if outcome.ok { self.success } else { self.failure };
        if counts {
            self.engines.extend(outcome.engine.clone());
        }
        self.state = match (self.all, counts) {
            _ if self.state == State::Impossible => State::Impossible,
            (true, false) => State::Impossible,
            (true, true) if self.pending.is_empty() => State::Met,
            (false, true) => State::Met,
            (false, false) if self.pending.is_empty() && self.state != State::Met => State::Impossible,
            _ => self.state,
        };
    }

    /// Whether it is fulfilled.
    pub fn state(&self) -> State {
        self.state
    }

    /// For a dependency on the place: the engines that fit. `None`: any engine. Meaningful when it is met.
    pub fn engines(&self) -> Option<HashSet<Uuid>> {
        match self.empty {
            true => None,
            // All on one engine, or none fits.
            false if self.all && self.engines.len() > 1 => Some(HashSet::new()),
            false => Some(self.engines.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(engine: &str, ok: bool) -> Outcome {
        Outcome { engine: Some(engine.into()), ok }
    }

    fn dependency(json: &str) -> Dependency {
        Dependency::new(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn all_need_all_and_any_needs_one() {
        let mut all = dependency(r#"["a", "b"]"#);
        all.note("a", &outcome("e", true));
        assert_eq!(all.state(), State::Waiting);
        all.note("b", &outcome("e", true));
        assert_eq!((all.state(), all.engines().unwrap().len()), (State::Met, 1));
        let mut any = dependency(r#"{"dependencies": ["a", "b"], "all": false}"#);
        any.note("a", &outcome("e", false));
        assert_eq!(any.state(), State::Waiting);
        any.note("b", &outcome("f", true));
        assert_eq!((any.state(), any.engines().unwrap().contains("f")), (State::Met, true));
    }

    #[test]
    fn what_cannot_happen_is_impossible() {
        let mut all = dependency(r#"["a", "b"]"#);
        all.note("a", &outcome("e", false));
        assert_eq!(all.state(), State::Impossible);
        all.note("b", &outcome("e", true));
        assert_eq!(all.state(), State::Impossible);
        let mut any =
            dependency(r#"{"dependencies": ["a"], "all": false, "success": false, "failure": true}"#);
        any.note("a", &outcome("e", true));
        assert_eq!(any.state(), State::Impossible);
        let mut apart = dependency(r#"["a", "b"]"#);
        apart.note("a", &outcome("e", true));
        apart.note("b", &outcome("f", true));
        assert!(apart.engines().unwrap().is_empty(), "no engine has run both");
    }

    #[test]
    fn nothing_is_met_at_once() {
        for json in ["null", "[]", r#"{"dependencies": []}"#] {
            let none = dependency(json);
            assert_eq!((none.state(), none.engines()), (State::Met, None), "{json}");
        }
    }
}
