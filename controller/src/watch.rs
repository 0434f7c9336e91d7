//! Who is connected to a ROUTER.
//!
//! libzmq does not say which peer a connection event belongs to, so every event leads to a look at all peers that are
//! watched. Looks are at least [`PAUSE`] apart however many events there are, and go on for [`ATTENTION`] after the last
//! one, because the event comes a moment before the socket itself knows.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anympi_zmq::{Error, EventKind, Monitor, PollItem, Socket};

use crate::events::{Channel, HubEvent, Uuid};
use crate::mailbox::Sender;

const PAUSE: Duration = Duration::from_millis(5);
const ATTENTION: Duration = Duration::from_millis(400);

/// Watches the engines on one ROUTER and tells the hub when one comes or goes.
pub struct PeerWatch {
    channel: Channel,
    monitor: Monitor,
    hub: Sender<HubEvent>,
    connected: HashMap<Uuid, bool>,
    next_look: Option<Instant>,
    attentive_until: Instant,
    failed_handshakes: u64,
}

impl PeerWatch {
    /// Watch this socket, which must not have been bound yet.
    pub fn new(channel: Channel, socket: &Socket, hub: Sender<HubEvent>) -> Result<PeerWatch, Error> {
        Ok(PeerWatch {
            channel,
            monitor: socket.monitor()?,
            hub,
            connected: HashMap::new(),
            next_look: None,
            attentive_until: Instant::now(),
            failed_handshakes: 0,
        })
    }

    /// To be polled for readability; call [`PeerWatch::look`] afterwards in any case.
    pub fn poll_item(&self) -> PollItem<'_> {
        PollItem::socket(self.monitor.socket(), anympi_zmq::Events::READABLE)
    }

    /// Begin to watch for an engine.
    pub fn expect(&mut self, uuid: Uuid) {
        self.connected.entry(uuid).or_insert(false);
        self.be_attentive();
    }

    /// No longer watch for an engine.
    pub fn forget(&mut self, uuid: &str) {
        self.connected.remove(uuid);
    }

    /// How long the next look may wait.
    pub fn timeout(&self) -> Option<Duration> {
        self.next_look.map(|time| time.saturating_duration_since(Instant::now()))
    }

    fn be_attentive(&mut self) {
        let now = Instant::now();
        self.attentive_until = now + ATTENTION;
        self.next_look.get_or_insert(now);
    }

    /// Fetch connection events, and look at the peers if it is time.
    pub fn look(&mut self, socket: &Socket) -> Result<(), Error> {
        let mut news = false;
        while let Some(event) = self.monitor.try_recv()? {
            news = true;
            if event.kind == EventKind::HandshakeFailed {
                self.failed_handshakes += 1;
                tracing::debug!("{:?}: a peer that does not speak ZMTP was turned away", self.channel);
            }
        }
        if news {
            self.be_attentive();
        }
        let now = Instant::now();
        if self.next_look.is_none_or(|time| time > now) {
            return Ok(());
        }
        self.next_look = (now < self.attentive_until).then(|| now + PAUSE);
        socket.events()?;
        for (uuid, connected) in &mut self.connected {
            let now_connected = socket.peer_known(uuid.as_bytes())?;
            if now_connected != *connected {
                *connected = now_connected;
                let event = if now_connected { HubEvent::PeerUp } else { HubEvent::PeerDown };
                self.hub.send(event(self.channel, uuid.clone()));
            }
        }
        Ok(())
    }
}
