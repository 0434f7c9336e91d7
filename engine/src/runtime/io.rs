//! The I/O thread: owns the engine's sockets, and moves messages between them and the queues.
//!
//! It never runs user code and never takes Python's lock, so the engine answers control messages, and says what happens to
//! it, while user code computes, sleeps or hangs.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anympi_wire::contents::UnregistrationRequest;
use anympi_zmq::{Context, Error, EventKind, Events, Multipart, PollItem, Socket, poll};

use super::control::{self, Then};
use super::heartbeat::Heartbeat;
use super::incoming::Incoming;
use super::outbox::Outlet;
use super::registration::{self, Granted, RegistrationError, Sockets};
use super::request::{Channel, Request};
use super::wake::{Wake, block_signals};
use super::{Options, Phase, Shared};

/// Time for libzmq to put the last words on the wire before a signal that may be deadly.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// Run until the engine is closed.
pub fn run(shared: &Arc<Shared>, options: &Options) {
    block_signals();
    let context = match Context::new() {
        Ok(context) => context,
        Err(error) => return shared.set_phase(Phase::Failed(RegistrationError::Socket(error))),
    };
    let session = shared.outbox.session();
    let entered = registration::register(
        &context,
        &options.connection,
        session,
        options.id,
        options.timeout,
        &shared.end,
    )
    .and_then(|(registrar, granted)| {
        shared.outbox.set_engine_id(granted.id);
        let sockets = registration::connect(&context, &options.connection, session, registrar, granted.id)?;
        Ok((sockets, granted))
    });
    let (sockets, granted) = match entered {
        Ok(entered) => entered,
        Err(error) => return shared.set_phase(Phase::Failed(error)),
    };
    let heart_end = match Wake::new() {
        Ok(wake) => Arc::new(wake),
        Err(error) => {
            let reason = format!("no descriptor for the heartbeat: {error}");
            return shared.fatal(&reason);
        }
    };
    let heart = start_heart(shared, options, granted, heart_end.clone());
    shared.set_phase(Phase::Registered(granted.id));
    // The stock engine's words: its users and its launchers' tests look for them.
    tracing::info!("Completed registration with id {}", granted.id);
    let mut thread = Io { shared, sockets, incoming: Incoming::new(session.signer().clone()) };
    if let Err(error) = thread.serve() {
        shared.fatal(&format!("a socket of the engine failed: {error}"));
    }
    thread.say_goodbye(granted.id);
    heart_end.wake();
    if let Ok(heart) = heart {
        // The thread ends at once; when it panicked that has been reported.
        drop(heart.join());
    }
}

fn start_heart(
    shared: &Arc<Shared>,
    options: &Options,
    granted: Granted,
    end: Arc<Wake>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let connection = &options.connection;
    let heartbeat = Heartbeat {
        ping: connection.endpoint(connection.hb_ping),
        pong: connection.endpoint(connection.hb_pong),
        identity: shared.outbox.session().id().to_owned(),
        // As the stock engine does, a little longer than the hub's, so that a late ping is no missed one.
        period: granted.period + Duration::from_millis(500),
        maximum_misses: options.maximum_misses,
    };
    let informed = shared.clone();
    let started = heartbeat.start(end, move |reason| informed.controller_lost(&reason));
    if let Err(error) = &started {
        shared.fatal(&format!("the heartbeat cannot be started: {error}"));
    }
    started
}

struct Io<'a> {
    shared: &'a Arc<Shared>,
    sockets: Sockets,
    incoming: Incoming,
}

impl Io<'_> {
    fn serve(&mut self) -> Result<(), Error> {
        loop {
            let due = self.send()?;
            if self.shared.is_closing() {
                return Ok(());
            }
            let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
            let [shell, control, hub, iopub, outbox, signals, children, captured, monitors] =
                self.wait(wait)?;
            if outbox {
                self.shared.outbox.wake().reset();
            }
            if signals {
                self.shared.signals_arrived();
            }
            if children {
                self.shared.children.receive(&self.shared.outbox, self.shared.running().as_ref());
            }
            if captured {
                self.shared.take_captured();
            }
            // Control first: an abort that came with the work it aborts should find it waiting.
            if control {
                while let Some(frames) = self.sockets.control.try_recv_multipart()? {
                    self.control(frames)?;
                }
            }
            if shell {
                while let Some(frames) = self.sockets.shell.try_recv_multipart()? {
                    if let Some(request) = self.incoming.request(frames, Channel::Shell) {
                        self.shared.arrived(request);
                    }
                }
            }
            if hub {
                while self.sockets.registration.try_recv_multipart()?.is_some() {}
            }
            if iopub {
                while self.sockets.iopub.try_recv_multipart()?.is_some() {}
            }
            if monitors {
                self.news()?;
            }
        }
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<[bool; 9], Error> {
        let Sockets { registration, shell, control, iopub, monitors } = &self.sockets;
        let mut items: Vec<PollItem<'_>> = [shell, control, registration, iopub]
            .map(|socket| PollItem::socket(socket, Events::READABLE))
            .into_iter()
            .chain(
                [
                    self.shared.outbox.wake().fd(),
                    self.shared.signals.as_fd(),
                    self.shared.children.fd(),
                    self.shared.captured.fd(),
                ]
                .map(|fd| PollItem::fd(fd, Events::READABLE)),
            )
            .chain(monitors.iter().map(|monitor| PollItem::socket(monitor.socket(), Events::READABLE)))
            .collect();
        poll(&mut items, timeout)?;
        let mut ready = [false; 9];
        for (index, item) in items.iter().enumerate() {
            // All monitors share the last place.
            ready[index.min(8)] |= item.is_readable();
        }
        Ok(ready)
    }

    fn control(&mut self, frames: Multipart) -> Result<(), Error> {
        let Some(mut request) = self.incoming.request(frames, Channel::Control) else { return Ok(()) };
        tracing::debug!("control: {}", request.msg_type);
        match control::serve(self.shared, &mut request) {
            Then::Nothing => {}
            Then::Python => self.for_python(request),
            Then::End => {
                self.send()?;
                self.shared.stop_from_outside("a client asked for it", true);
            }
            Then::Signal(number) => {
                self.send()?;
                if !matches!(number, 0 | libc::SIGINT | libc::SIGTERM | libc::SIGUSR1 | libc::SIGUSR2) {
                    std::thread::sleep(LAST_WORDS);
                }
                // SAFETY: no preconditions; the signal goes to this very process.
                unsafe { libc::kill(libc::getpid(), number) };
            }
        }
        Ok(())
    }

    fn for_python(&self, mut request: Request) {
        request.started = anympi_wire::Date::now().to_string();
        request.announced = true;
        self.shared.outbox.status(&request, "busy", false);
        self.shared.control_arrived(request);
    }

    /// Send what is in the outbox; returns when to look again.
    fn send(&self) -> Result<Option<Instant>, Error> {
        let (messages, due) = self.shared.outbox.take();
        self.put(messages)?;
        Ok(due)
    }

    fn put(&self, messages: Vec<(Outlet, Multipart)>) -> Result<(), Error> {
        for (outlet, mut frames) in messages {
            let socket: &Socket = match outlet {
                Outlet::Reply(Channel::Shell) => &self.sockets.shell,
                Outlet::Reply(Channel::Control) => &self.sockets.control,
                Outlet::Iopub => &self.sockets.iopub,
                Outlet::Registration => &self.sockets.registration,
            };
            socket.send_multipart(&mut frames)?;
        }
        Ok(())
    }

    fn news(&self) -> Result<(), Error> {
        for monitor in &self.sockets.monitors {
            while let Some(event) = monitor.try_recv()? {
                match event.kind {
                    EventKind::Disconnected => tracing::warn!("lost the connection to {}", event.endpoint),
                    EventKind::HandshakeFailed => {
                        tracing::warn!("the handshake with {} failed", event.endpoint)
                    }
                    EventKind::HandshakeSucceeded => tracing::debug!("connected to {}", event.endpoint),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn say_goodbye(&self, id: i64) {
        self.shared.outbox.to_hub("unregistration_request", &UnregistrationRequest { id: Some(id) });
        if let Err(error) = self.put(self.shared.outbox.take_last()) {
            tracing::warn!("the last messages could not be sent: {error}");
        }
    }
}
