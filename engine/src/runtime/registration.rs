//! Getting into the cluster: ask the hub for an id, connect every channel, then let the heart beat.

use std::time::{Duration, Instant};

use anympi_wire::contents::{ErrorContent, RegistrationReply, RegistrationRequest};
use anympi_wire::{EngineConnection, Envelope, Session};
use anympi_zmq::{Context, Error, EventKind, Events, Message, Monitor, PollItem, Socket, SocketType, poll};
use thiserror::Error as ThisError;

use super::wake::Wake;

/// How long the channels may take to connect before the heart beats all the same.
const CONNECTING: Duration = Duration::from_secs(2);

/// Why the engine did not get in.
#[derive(Debug, ThisError)]
pub enum RegistrationError {
    /// Nobody is there.
    #[error(
        "no controller answers at {endpoint}: it has ended, or cannot be reached from this machine; start it again, or give the connection file of one that runs"
    )]
    NobodyThere {
        /// Where the connection file says it is
        endpoint: String,
    },
    /// Somebody is there and keeps silent: that is what controllers do with messages whose signature is wrong.
    #[error(
        "the controller at {endpoint} did not answer the registration within {seconds} s: the key of the connection file is not its key, or it is overloaded (see --timeout)"
    )]
    NoAnswer {
        /// Where the connection file says it is
        endpoint: String,
        /// How long was waited
        seconds: f32,
    },
    /// It said no.
    #[error("the controller at {endpoint} refused the registration: {reason}")]
    Refused {
        /// Where the connection file says it is
        endpoint: String,
        /// The controller's words
        reason: String,
    },
    /// The engine was told to end before it was in.
    #[error("stopped before the registration was complete")]
    Stopped,
    /// ZeroMQ failed.
    #[error("a socket failed during registration: {0}")]
    Socket(#[from] Error),
}

/// The engine's sockets, but for those of the heartbeat.
#[derive(Debug)]
pub struct Sockets {
    /// To the hub
    pub registration: Socket,
    /// Work
    pub shell: Socket,
    /// Control
    pub control: Socket,
    /// Output
    pub iopub: Socket,
    /// News of the connections of the sockets above. Kept and read for as long as they live: libzmq's I/O thread would
    /// wait for a reader.
    pub monitors: Vec<Monitor>,
}

/// What the hub granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// The engine's id
    pub id: i64,
    /// Time between pings
    pub period: Duration,
}

/// The socket to the hub, which stays open to say goodbye by.
#[derive(Debug)]
pub struct Registrar {
    socket: Socket,
    monitor: Monitor,
}

/// Ask for an id.
pub fn register(
    context: &Context,
    connection: &EngineConnection,
    session: &Session,
    wanted: Option<i64>,
    timeout: Duration,
    end: &Wake,
) -> Result<(Registrar, Granted), RegistrationError> {
    let endpoint = connection.endpoint(connection.registration);
    let socket = identified(context, SocketType::Dealer, session)?;
    let monitor = socket.monitor()?;
    socket.connect(&endpoint)?;
    let request = RegistrationRequest { uuid: session.id().to_owned(), id: wanted };
    let mut frames =
        session.message::<Message>("registration_request").content(&request).build().map_err(|error| {
            RegistrationError::Refused { endpoint: endpoint.clone(), reason: error.to_string() }
        })?;
    socket.send_multipart(&mut frames)?;
    let deadline = Instant::now() + timeout;
    let mut connected = false;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(match connected {
                true => RegistrationError::NoAnswer { endpoint, seconds: timeout.as_secs_f32() },
                false => RegistrationError::NobodyThere { endpoint },
            });
        }
        let mut items = [
            PollItem::socket(&socket, Events::READABLE),
            PollItem::socket(monitor.socket(), Events::READABLE),
            PollItem::fd(end.fd(), Events::READABLE),
        ];
        poll(&mut items, Some(left))?;
        if items[2].is_readable() {
            return Err(RegistrationError::Stopped);
        }
        while let Some(event) = monitor.try_recv()? {
            connected |= event.kind == EventKind::HandshakeSucceeded;
        }
        while let Some(frames) = socket.try_recv_multipart()? {
            match reply(&frames, session) {
                Ok(Ok(granted)) => return Ok((Registrar { socket, monitor }, granted)),
                Ok(Err(reason)) => return Err(RegistrationError::Refused { endpoint, reason }),
                Err(what) => tracing::warn!("dropped an answer to the registration: {what}"),
            }
        }
    }
}

/// The outer error: not a reply at all. The inner one: a refusal.
fn reply(frames: &[Message], session: &Session) -> Result<Result<Granted, String>, String> {
    let envelope = Envelope::split(frames).map_err(|error| error.to_string())?;
    session.signer().verify(&envelope).map_err(|error| error.to_string())?;
    if let Ok(RegistrationReply { id, hb_period, .. }) = envelope.content() {
        // A period of zero would make the engine think that the controller is gone.
        return Ok(Ok(Granted { id, period: Duration::from_millis(hb_period.max(1)) }));
    }
    match envelope.content::<ErrorContent>() {
        Ok(error) => Ok(Err(format!("{}: {}", error.ename, error.evalue))),
        Err(error) => Err(error.to_string()),
    }
}

/// Connect the channels, and wait until they stand: the hub lets clients send as soon as the heart beats, and a ROUTER at
/// the other end drops what it gets for an engine that is not connected yet.
pub fn connect(
    context: &Context,
    connection: &EngineConnection,
    session: &Session,
    registrar: Registrar,
    id: i64,
) -> Result<Sockets, Error> {
    let shell = identified(context, SocketType::Router, session)?;
    let control = identified(context, SocketType::Router, session)?;
    let iopub = identified(context, SocketType::Xpub, session)?;
    let mut monitors = [(shell.monitor()?, 0), (control.monitor()?, 1)];
    let leaf = u64::try_from(id).ok().and_then(|id| connection.broadcast_port(id));
    for port in [connection.mux, connection.task].into_iter().chain(leaf) {
        shell.connect(&connection.endpoint(port))?;
        monitors[0].1 += 1;
    }
    control.connect(&connection.endpoint(connection.control))?;
    iopub.connect(&connection.endpoint(connection.iopub))?;
    wait_until_connected(&mut monitors, &iopub)?;
    let Registrar { socket: registration, monitor } = registrar;
    let monitors = monitors.into_iter().map(|(monitor, _)| monitor).chain([monitor]).collect();
    Ok(Sockets { registration, shell, control, iopub, monitors })
}

fn identified(context: &Context, kind: SocketType, session: &Session) -> Result<Socket, Error> {
    let socket = context.socket(kind)?;
    socket.set_identity(session.id().as_bytes())?;
    socket.set_high_water_mark(0)?;
    Ok(socket)
}

fn wait_until_connected(monitors: &mut [(Monitor, usize); 2], iopub: &Socket) -> Result<(), Error> {
    let deadline = Instant::now() + CONNECTING;
    let mut subscribed = false;
    while !(subscribed && monitors.iter().all(|(_, missing)| *missing == 0)) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            tracing::debug!("not every channel is connected yet");
            return Ok(());
        }
        let mut items = [
            PollItem::socket(monitors[0].0.socket(), Events::READABLE),
            PollItem::socket(monitors[1].0.socket(), Events::READABLE),
            PollItem::socket(iopub, Events::READABLE),
        ];
        poll(&mut items, Some(left))?;
        for (monitor, missing) in monitors.iter_mut() {
            while let Some(event) = monitor.try_recv()? {
                if event.kind == EventKind::HandshakeSucceeded {
                    *missing = missing.saturating_sub(1);
                }
            }
        }
        // The first frame of a subscription is a 1 and the topic.
        while let Some(frames) = iopub.try_recv_multipart()? {
            subscribed |= frames.first().is_some_and(|frame| frame.first() == Some(&1));
        }
    }
    Ok(())
}
