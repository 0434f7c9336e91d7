//! Which engines there are, and which are about to be.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::events::{Channel, Uuid};

/// How long an engine that lost its connections has to come back.
const GRACE: Duration = Duration::from_millis(300);
/// How long a living engine that misses a connection is waited for before it is let in anyway.
const PARTIAL: Duration = Duration::from_secs(1);
/// The connections whose loss together means that the engine's process is gone.
const SHELL: u8 = 1 << Channel::Mux as u8 | 1 << Channel::Task as u8;

/// An engine that may be given work.
struct Registered {
    id: i64,
    connected: u8,
    /// Since when none of the shell's connections stands, after one did.
    lost_since: Option<Instant>,
}

/// An engine that has asked to be let in but is not connected everywhere yet.
struct Pending {
    id: i64,
    connected: u8,
    beat: Option<Instant>,
    since: Instant,
    lost_since: Option<Instant>,
}

/// The engines.
pub struct Engines {
    ids: BTreeMap<i64, Uuid>,
    registered: HashMap<Uuid, Registered>,
    pending: HashMap<Uuid, Pending>,
    next_id: i64,
    /// How long a registration may take.
    patience: Duration,
}

impl Engines {
    /// None yet.
    pub fn new(patience: Duration) -> Engines {
        Engines {
            ids: BTreeMap::new(),
            registered: HashMap::new(),
            pending: HashMap::new(),
            next_id: 0,
            patience,
        }
    }

    /// Uuid by id of the registered engines.
    pub fn all(&self) -> impl Iterator<Item = (i64, &Uuid)> {
        self.ids.iter().map(|(id, uuid)| (*id, uuid))
    }

    /// The engine with this id.
    pub fn uuid(&self, id: i64) -> Option<&Uuid> {
        self.ids.get(&id)
    }

    /// The id of a registered engine.
    pub fn id(&self, uuid: &str) -> Option<i64> {
        self.registered.get(uuid).map(|engine| engine.id)
    }

    /// Begin a registration, with the id asked for if it is free. The error says why it is refused.
    pub fn begin(&mut self, uuid: &Uuid, requested: Option<i64>) -> Result<i64, String> {
        if uuid.is_empty() || uuid.len() > 255 || uuid.starts_with('\0') {
            return Err(format!("`{uuid}` cannot be an engine's uuid"));
        }
        if self.registered.contains_key(uuid) {
            return Err(format!("the engine {uuid} is registered already"));
        }
        if self.pending.contains_key(uuid) {
            return Err(format!("the engine {uuid} is registering already"));
        }
        let taken =
            |id: i64| self.ids.contains_key(&id) || self.pending.values().any(|pending| pending.id == id);
        let id = match requested {
            Some(id) if (0..i64::MAX).contains(&id) && !taken(id) => id,
            requested => {
                if let Some(id) = requested {
                    tracing::warn!(
                        "engine {uuid} asked for the id {id}, which is taken; it gets {}",
                        self.next_id
                    );
                }
                self.next_id
            }
        };
        self.next_id = self.next_id.max(id + 1);
        let since = Instant::now();
        let pending = Pending { id, connected: 0, beat: None, since, lost_since: None };
        self.pending.insert(uuid.clone(), pending);
        Ok(id)
    }

    /// Let an engine in, as after a controller's restart.
    pub fn restore(&mut self, id: i64, uuid: Uuid) {
        self.next_id = self.next_id.max(id.saturating_add(1));
        self.ids.insert(id, uuid.clone());
        self.registered.insert(uuid, Registered { id, connected: 0, lost_since: None });
    }

    /// At least this id next.
    pub fn continue_from(&mut self, next_id: i64) {
        self.next_id = self.next_id.max(next_id);
    }

    /// A connection stands. True when the engine is thereby ready to be let in.
    pub fn connected(&mut self, channel: Channel, uuid: &str) -> bool {
        if let Some(engine) = self.registered.get_mut(uuid) {
            engine.connected |= channel.bit();
            if channel.bit() & SHELL != 0 {
                engine.lost_since = None;
            }
        }
        let Some(pending) = self.pending.get_mut(uuid) else { return false };
        pending.connected |= channel.bit();
        pending.lost_since = None;
        pending.beat.is_some() && pending.connected == Channel::ALL
    }

    /// A connection is lost.
    pub fn disconnected(&mut self, channel: Channel, uuid: &str) {
        let now = Instant::now();
        if let Some(engine) = self.registered.get_mut(uuid) {
            engine.connected &= !channel.bit();
            if channel.bit() & SHELL != 0 && engine.connected & SHELL == 0 {
                engine.lost_since.get_or_insert(now);
            }
        }
        if let Some(pending) = self.pending.get_mut(uuid) {
            pending.connected &= !channel.bit();
            if pending.connected == 0 {
                pending.lost_since = Some(now);
            }
        }
    }

    /// The first heartbeat came back. True when the engine is thereby ready to be let in.
    pub fn beat(&mut self, uuid: &str) -> bool {
        let Some(pending) = self.pending.get_mut(uuid) else { return false };
        pending.beat = Some(Instant::now());
        pending.connected == Channel::ALL
    }

    /// Let a pending engine in; its id.
    pub fn complete(&mut self, uuid: &Uuid) -> Option<i64> {
        let pending = self.pending.remove(uuid)?;
        self.ids.insert(pending.id, uuid.clone());
        let engine =
            Registered { id: pending.id, connected: pending.connected, lost_since: pending.lost_since };
        self.registered.insert(uuid.clone(), engine);
        Some(pending.id)
    }

    /// Remove an engine, registered or pending. The id when it was registered.
    pub fn remove(&mut self, uuid: &str) -> Option<i64> {
        self.pending.remove(uuid);
        let engine = self.registered.remove(uuid)?;
        self.ids.remove(&engine.id);
        Some(engine.id)
    }

    /// The engine, registered or pending, that has this id.
    pub fn with_id(&self, id: i64) -> Option<Uuid> {
        let pending = self.pending.iter().find(|(_, pending)| pending.id == id).map(|(uuid, _)| uuid);
        self.ids.get(&id).or(pending).cloned()
    }

    /// Whether [`Engines::due`] may have something to tell soon.
    pub fn needs_time(&self) -> bool {
        !self.pending.is_empty() || self.registered.values().any(|engine| engine.lost_since.is_some())
    }

    /// What time has decided: engines to let in, engines that are dead, registrations that took too long.
    pub fn due(&self) -> Due {
        let mut due = Due::default();
        let over = |time: Option<Instant>, limit| time.is_some_and(|time| time.elapsed() > limit);
        for (uuid, pending) in &self.pending {
            if over(pending.beat, PARTIAL) && pending.connected & SHELL != 0 {
                due.ready.push(uuid.clone());
            } else if over(pending.lost_since, GRACE) || pending.since.elapsed() > self.patience {
                due.stalled.push(uuid.clone());
            }
        }
        for (uuid, engine) in &self.registered {
            if over(engine.lost_since, GRACE) {
                due.dead.push(uuid.clone());
            }
        }
        due
    }

    /// What `--restore` needs, as the stock controller writes it.
    pub fn state(&self) -> Value {
        let engines: BTreeMap<String, &str> =
            self.ids.iter().map(|(id, uuid)| (id.to_string(), &**uuid)).collect();
        json!({"engines": engines, "next_id": self.next_id})
    }
}

/// What time has decided.
#[derive(Debug, Default)]
pub struct Due {
    /// To be let in.
    pub ready: Vec<Uuid>,
    /// Given up.
    pub stalled: Vec<Uuid>,
    /// Gone.
    pub dead: Vec<Uuid>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNELS: [Channel; 4] = [Channel::Mux, Channel::Control, Channel::Task, Channel::Broadcast];

    #[test]
    fn ids_are_those_asked_for_or_the_next() {
        let mut engines = Engines::new(Duration::from_secs(30));
        let mut begin = |uuid: &str, id| engines.begin(&uuid.into(), id);
        assert_eq!(begin("a", None), Ok(0));
        assert_eq!(begin("b", Some(5)), Ok(5));
        assert_eq!(begin("c", Some(5)), Ok(6));
        assert_eq!(begin("d", Some(2)), Ok(2));
        assert_eq!(begin("e", Some(-1)), Ok(7));
        assert!(begin("a", None).is_err());
        assert!(begin("", None).is_err());
    }

    #[test]
    fn an_engine_is_ready_when_connected_everywhere_and_alive() {
        let mut engines = Engines::new(Duration::from_secs(30));
        let uuid: Uuid = "a".into();
        engines.begin(&uuid, None).unwrap();
        for channel in CHANNELS {
            assert!(!engines.connected(channel, &uuid));
        }
        assert!(engines.beat(&uuid));
        assert_eq!(engines.complete(&uuid), Some(0));
        assert_eq!(engines.id("a"), Some(0));
        assert_eq!(engines.state(), json!({"engines": {"0": "a"}, "next_id": 1}));
    }

    #[test]
    fn a_lost_shell_is_a_death_unless_it_comes_back_in_time() {
        let mut engines = Engines::new(Duration::from_secs(30));
        engines.restore(3, "a".into());
        engines.restore(4, "b".into());
        for uuid in ["a", "b"] {
            for channel in CHANNELS {
                engines.connected(channel, uuid);
            }
            engines.disconnected(Channel::Mux, uuid);
            engines.disconnected(Channel::Control, uuid);
            assert!(!engines.needs_time());
        }
        engines.disconnected(Channel::Task, "a");
        engines.disconnected(Channel::Task, "b");
        assert!(engines.needs_time());
        engines.connected(Channel::Mux, "b");
        std::thread::sleep(GRACE + Duration::from_millis(20));
        assert_eq!(engines.due().dead, ["a".into()]);
        assert_eq!((engines.remove("a"), engines.remove("a")), (Some(3), None));
        // One that a restored controller has seen on one of its connections only.
        engines.restore(5, "c".into());
        engines.connected(Channel::Mux, "c");
        assert!(!engines.needs_time());
        engines.disconnected(Channel::Mux, "c");
        assert!(engines.needs_time());
    }
}
