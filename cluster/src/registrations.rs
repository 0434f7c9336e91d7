//! Which engines have registered, learned as any client learns it: by asking the hub and by its notifications.

use crate::supervise::Event;
use anympi_wire::contents::{ConnectionReply, EngineNotification};
use anympi_wire::{ClientConnection, Envelope, Session, random_id};
use anympi_zmq::{Context, Message, Multipart, Socket, SocketType};
use anympi_zmq::{Events, PollItem, poll};
use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// How often the hub is asked. Notifications are quicker, but one that comes before the subscription is lost.
const QUESTIONS: Duration = Duration::from_millis(250);
/// How often once all are there: news come by notification, this only mends what a lost one left.
const RARE_QUESTIONS: Duration = Duration::from_secs(5);

/// A thread that tells of each change of the set of registered engines. It ends when it is dropped.
pub struct Watch {
    leave: Arc<AtomicBool>,
    relaxed: Arc<AtomicBool>,
}

impl Watch {
    /// Begins to watch a controller; the first answer comes as soon as the hub gives it.
    pub fn begin(connection: &ClientConnection, events: Sender<Event>) -> Result<Self, Box<dyn Error>> {
        let hub = Hub::connect(connection)?;
        let watch = Self { leave: Arc::default(), relaxed: Arc::default() };
        let (leave, relaxed) = (Arc::clone(&watch.leave), Arc::clone(&watch.relaxed));
        std::thread::Builder::new().name("registrations".to_owned()).spawn(move || {
            if let Err(error) = follow(&hub, &leave, &relaxed, &events) {
                // Nobody listens any more when the supervisor is about to end.
                let _ = events.send(Event::WatchFailed(error.to_string()));
            }
        })?;
        Ok(watch)
    }

    /// All are there: no hurry any more.
    pub fn relax(&self) {
        self.relaxed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.leave.store(true, Ordering::Relaxed);
    }
}

struct Hub {
    query: Socket,
    notification: Socket,
    session: Session,
}

impl Hub {
    fn connect(connection: &ClientConnection) -> Result<Self, Box<dyn Error>> {
        let context = Context::new()?;
        let query = context.socket(SocketType::Dealer)?;
        query.set_linger(Some(Duration::ZERO))?;
        query.connect(&connection.endpoint(connection.registration))?;
        let notification = context.socket(SocketType::Sub)?;
        notification.subscribe(b"")?;
        notification.connect(&connection.endpoint(connection.notification))?;
        Ok(Self { query, notification, session: Session::new(random_id()?, connection.signer()?) })
    }

    fn ask(&self) -> Result<(), Box<dyn Error>> {
        let mut frames: Multipart =
            self.session.message::<Message>("connection_request").build()?.into_iter().collect();
        match self.query.try_send_multipart(&mut frames) {
            // The controller is gone or not there yet; whoever started it will notice.
            Err(error) if error.is_would_block() => Ok(()),
            sent => Ok(sent?),
        }
    }

    /// The message type and the envelope's content, if the message is genuine.
    fn understand<T: serde::de::DeserializeOwned>(&self, frames: &[Message], kind: &str) -> Option<T> {
        let envelope = Envelope::split(frames).ok()?;
        self.session.signer().verify(&envelope).ok()?;
        (envelope.header_view().ok()?.msg_type == kind)
            .then(|| serde_json::from_slice(envelope.content).ok())?
    }
}

fn follow(
    hub: &Hub,
    leave: &AtomicBool,
    relaxed: &AtomicBool,
    events: &Sender<Event>,
) -> Result<(), Box<dyn Error>> {
    let mut known: Option<BTreeSet<String>> = None;
    let mut asked: Option<Instant> = None;
    while !leave.load(Ordering::Relaxed) {
        let pause = if relaxed.load(Ordering::Relaxed) { RARE_QUESTIONS } else { QUESTIONS };
        if asked.is_none_or(|asked| asked.elapsed() >= pause) {
            hub.ask()?;
            asked = Some(Instant::now());
        }
        let mut items = [
            PollItem::socket(&hub.query, Events::READABLE),
            PollItem::socket(&hub.notification, Events::READABLE),
        ];
        poll(&mut items, Some(pause))?;
        let before = known.clone();
        while let Some(frames) = hub.query.try_recv_multipart()? {
            if let Some(reply) = hub.understand::<ConnectionReply>(&frames, "connection_reply") {
                known = Some(reply.engines.into_values().collect());
            }
        }
        while let Some(frames) = hub.notification.try_recv_multipart()? {
            // A set that is not known yet comes with the first reply.
            let Some(known) = &mut known else { continue };
            if let Some(engine) = hub.understand::<EngineNotification>(&frames, "registration_notification") {
                known.insert(engine.uuid);
            } else if let Some(engine) =
                hub.understand::<EngineNotification>(&frames, "unregistration_notification")
            {
                known.remove(&engine.uuid);
            }
        }
        if known != before
            && let Some(known) = &known
            && events.send(Event::Engines(known.clone())).is_err()
        {
            break;
        }
    }
    Ok(())
}
