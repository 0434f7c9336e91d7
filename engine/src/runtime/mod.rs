//! The engine at run time, without Python: sockets, queues, heartbeat, output.
//!
//! Three threads. The *I/O thread* ([`io`]) owns the sockets. The *heartbeat* ([`heartbeat`]) echoes pings. The caller's
//! *main thread* takes requests from [`Engine::next_request`], serves them, and answers by [`Engine::answer`] and
//! [`Engine::done`]; a second thread of the caller's takes those control requests that need Python from
//! [`Engine::next_control`]. Everything that is sent goes through the [`outbox`], in one order.

mod captured;
mod children;
mod control;
pub mod ending;
mod heartbeat;
mod incoming;
mod io;
mod outbox;
mod queue;
mod registration;
mod request;
mod signal_names;
mod text;
mod wake;

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anympi_wire::{EngineConnection, Session};

pub use outbox::{Answer, Publication};
pub use registration::RegistrationError;
pub use request::{Channel, Parent, Request};
pub use text::Stream;

use captured::Captured;
use children::Children;
use outbox::Outbox;
use queue::Queue;
use wake::{Wake, wait_readable};

/// How long an engine may take to end after SIGTERM before it is ended; launchers wait five seconds.
const GRACE: Duration = Duration::from_secs(4);

/// The same of an engine whom nobody will kill: told by a client, or by the silence of the controller. Four ranks that take
/// Python down on two busy cores need more than those seconds.
const LONG_GRACE: Duration = Duration::from_secs(30);

/// Called with a sentence when the engine cannot go on. Must not return: with MPI running it aborts the world.
pub type OnFatal = Box<dyn Fn(&str) + Send + Sync>;

/// What an engine needs to know to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the controller is
    pub connection: EngineConnection,
    /// The id to ask for
    pub id: Option<i64>,
    /// How long to wait for the controller's answer
    pub timeout: Duration,
    /// After so many missed pings the controller counts as gone; 0: never
    pub maximum_misses: u32,
}

/// How far the registration is.
#[derive(Debug)]
enum Phase {
    Registering,
    Registered(i64),
    Failed(RegistrationError),
}

#[derive(Debug, Default)]
struct Waiting {
    shell: Queue,
    control: VecDeque<Request>,
    /// The request that the main thread serves now
    running: Option<Arc<Parent>>,
    /// Whether the main thread waits for a request
    idle: bool,
}

/// What the threads share.
struct Shared {
    outbox: Outbox,
    waiting: Mutex<Waiting>,
    control_came: Condvar,
    phase: Mutex<Phase>,
    phase_changed: Condvar,
    main: Wake,
    /// Ends the registration when the engine is told to stop
    end: Wake,
    /// Where Python writes the number of each signal that arrives
    signals: UnixDatagram,
    signal_writer: OwnedFd,
    signal_pending: AtomicBool,
    captured: Captured,
    children: Children,
    stopping: AtomicBool,
    /// Whether others must not suffer from this engine's end: it may then wait for them in MPI_Finalize
    gently: AtomicBool,
    closing: AtomicBool,
    lost: AtomicBool,
    on_fatal: OnFatal,
}

/// What [`Engine::next_request`] returns.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "moved once, straight to where it is used")]
pub enum Next {
    /// A request to serve
    Request(Request),
    /// A signal arrived or the time is over: let Python run its handlers, then ask again
    Signal,
    /// The engine ends
    Stop,
}

/// A running engine.
pub struct Engine {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// Begin to register, on a thread of its own.
    pub fn start(session: Session, options: Options, on_fatal: OnFatal) -> std::io::Result<Engine> {
        let (signals, signal_writer) = UnixDatagram::pair()?;
        signals.set_nonblocking(true)?;
        signal_writer.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            outbox: Outbox::new(session)?,
            waiting: Mutex::default(),
            control_came: Condvar::new(),
            phase: Mutex::new(Phase::Registering),
            phase_changed: Condvar::new(),
            main: Wake::new()?,
            end: Wake::new()?,
            signals,
            signal_writer: signal_writer.into(),
            signal_pending: AtomicBool::new(false),
            captured: Captured::new()?,
            children: Children::new()?,
            stopping: AtomicBool::new(false),
            gently: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            on_fatal,
        });
        let theirs = shared.clone();
        let thread = std::thread::Builder::new().name("engine-io".into()).spawn(move || {
            let run = std::panic::AssertUnwindSafe(|| io::run(&theirs, &options));
            if std::panic::catch_unwind(run).is_err() {
                theirs.fatal("the I/O thread panicked (see above): this is a fault of the engine");
            }
        })?;
        Ok(Engine { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Wait until the registration has succeeded or failed; the id.
    pub fn wait_registered(&self) -> Result<i64, RegistrationError> {
        let mut phase = lock(&self.shared.phase);
        loop {
            match std::mem::replace(&mut *phase, Phase::Registering) {
                Phase::Registering => {
                    let changed = self.shared.phase_changed.wait(phase);
                    phase = changed.unwrap_or_else(PoisonError::into_inner);
                }
                Phase::Registered(id) => {
                    *phase = Phase::Registered(id);
                    return Ok(id);
                }
                Phase::Failed(error) => return Err(error),
            }
        }
    }

    /// The engine's uuid.
    pub fn uuid(&self) -> &str {
        self.shared.outbox.session().id()
    }

    /// The engine's id; -1 before it has one.
    pub fn id(&self) -> i64 {
        self.shared.outbox.engine_id()
    }

    /// Wait for the next request, a signal, or the end, at most for the given time. For the main thread.
    pub fn next_request(&self, limit: Option<Duration>) -> Next {
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            if self.shared.signal_pending.swap(false, Ordering::SeqCst) {
                return Next::Signal;
            }
            if self.shared.stopping.load(Ordering::SeqCst) {
                return Next::Stop;
            }
            {
                let mut waiting = lock(&self.shared.waiting);
                if let Some(mut request) = waiting.shell.pop() {
                    waiting.idle = false;
                    waiting.running = Some(request.parent.clone());
                    drop(waiting);
                    if !request.announced {
                        request.announced = true;
                        self.shared.outbox.status(&request, "busy", true);
                    }
                    request.started = anympi_wire::Date::now().to_string();
                    return Next::Request(request);
                }
                waiting.idle = true;
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if !wait_readable([self.shared.main.fd()], left)[0] {
                // Over, or a signal interrupted the wait; its handler may not have written to the descriptor.
                return Next::Signal;
            }
            self.shared.main.reset();
        }
    }

    /// Wait for the next control request that needs Python; `None` when the engine ends.
    pub fn next_control(&self) -> Option<Request> {
        let mut waiting = lock(&self.shared.waiting);
        loop {
            if self.shared.stopping.load(Ordering::SeqCst) {
                return None;
            }
            if let Some(request) = waiting.control.pop_front() {
                return Some(request);
            }
            waiting = self.shared.control_came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Answer a request. It goes out with [`Engine::done`], which must follow.
    pub fn answer(&self, request: &mut Request, answer: Answer<'_>) {
        captured::flush_c();
        self.shared.take_captured();
        self.shared.outbox.answer(request, answer, false);
    }

    /// Say that a request has been served.
    pub fn done(&self, request: &Request) {
        self.shared.outbox.status(request, "idle", true);
    }

    /// Publish to every client.
    pub fn publish(&self, publication: Publication<'_>) {
        self.shared.outbox.publish(publication, true);
    }

    /// Add printed text.
    pub fn write(&self, stream: Stream, parent: Option<&Arc<Parent>>, text: &str) {
        self.shared.take_captured();
        self.shared.outbox.write(stream, parent, text);
    }

    /// From now on, what is written to descriptor 1 past Python is printed text too.
    pub fn begin_capture(&self) -> std::io::Result<()> {
        self.shared.captured.begin()
    }

    /// Give descriptor 1 back to the launcher.
    pub fn end_capture(&self) {
        self.shared.captured.end(&self.shared.outbox, self.shared.running().as_ref());
    }

    /// In a forked child: print through the engine that it was forked from.
    pub fn write_from_child(&self, stream: Stream, text: &str) {
        self.shared.children.send(stream, text);
    }

    /// Send printed text now.
    pub fn flush(&self) {
        self.shared.outbox.flush();
    }

    /// Abort the execute requests that wait: what follows a cell that failed.
    pub fn abort_executes(&self) {
        let aborted = lock(&self.shared.waiting).shell.abort_executes();
        for request in aborted {
            self.shared.outbox.refuse_aborted(request, true);
        }
    }

    /// Make [`Engine::next_request`] return [`Next::Signal`], from any thread.
    pub fn nudge(&self) {
        self.shared.signal_pending.store(true, Ordering::SeqCst);
        self.shared.main.wake();
    }

    /// The descriptor to which the number of each arriving signal is to be written, as one byte.
    pub fn signal_descriptor(&self) -> RawFd {
        self.shared.signal_writer.as_raw_fd()
    }

    /// Tell every thread that the engine ends.
    pub fn stop(&self, reason: &str) {
        self.shared.stop(reason, false);
    }

    /// Whether the engine ends because its controller is gone.
    pub fn controller_is_lost(&self) -> bool {
        self.shared.lost.load(Ordering::SeqCst)
    }

    /// Say goodbye to the hub, send what waits, and close the sockets.
    pub fn close(&self) {
        self.shared.stop("the engine is closed", false);
        self.shared.closing.store(true, Ordering::SeqCst);
        self.shared.outbox.wake().wake();
        if let Some(thread) = lock(&self.thread).take() {
            // A panic of the thread has been reported by itself.
            drop(thread.join());
        }
    }
}

impl Shared {
    fn set_phase(&self, phase: Phase) {
        *lock(&self.phase) = phase;
        self.phase_changed.notify_all();
    }

    fn running(&self) -> Option<Arc<Parent>> {
        lock(&self.waiting).running.clone()
    }

    fn take_captured(&self) {
        self.captured.take(&self.outbox, || self.running());
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    fn abort(&self, ids: &[String]) -> Vec<Request> {
        lock(&self.waiting).shell.abort(ids)
    }

    /// A request for the main thread arrived. The caller is the I/O thread, which sends the outbox afterwards.
    fn arrived(&self, mut request: Request) {
        let aborted = {
            let mut waiting = lock(&self.waiting);
            if waiting.idle && waiting.shell.is_empty() {
                // It begins now; announced here, it costs the main thread nothing.
                request.announced = true;
                self.outbox.status(&request, "busy", false);
            }
            waiting.shell.push(request)
        };
        match aborted {
            Some(request) => self.outbox.refuse_aborted(request, false),
            None => self.main.wake(),
        }
    }

    fn control_arrived(&self, request: Request) {
        lock(&self.waiting).control.push_back(request);
        self.control_came.notify_one();
    }

    /// Python has written the numbers of the signals that arrived.
    fn signals_arrived(&self) {
        let mut number = [0_u8; 64];
        while let Ok(count) = self.signals.recv(&mut number) {
            if number[..count].iter().any(|&number| i32::from(number) == libc::SIGTERM) {
                // Also when user code does not let Python run its handler.
                self.stop("received SIGTERM", false);
                ending::within(GRACE, self.gently.load(Ordering::SeqCst));
            }
        }
        self.signal_pending.store(true, Ordering::SeqCst);
        self.main.wake();
    }

    /// Tell every thread that the engine ends. `gently`: the others of its MPI world go on.
    fn stop(&self, reason: &str, gently: bool) {
        if self.stopping.swap(true, Ordering::SeqCst) {
            return;
        }
        tracing::info!("stopping: {reason}");
        self.gently.store(gently, Ordering::SeqCst);
        self.end.wake();
        self.main.wake();
        // Under the lock, or a thread between its look at `stopping` and its wait would sleep on.
        let waiting = lock(&self.waiting);
        self.control_came.notify_all();
        drop(waiting);
    }

    /// As [`Shared::stop`], from a thread that is not the main one: interrupts user code.
    fn stop_from_outside(&self, reason: &str, gently: bool) {
        let first = !self.stopping.load(Ordering::SeqCst);
        self.stop(reason, gently);
        if first && !lock(&self.waiting).idle {
            // Python's handler unwinds the code that is running. None is sent to an idle engine: it ends by itself, and
            // the signal could arrive when Python has taken its handlers down.
            // SAFETY: no preconditions; the signal goes to this very process.
            unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
        }
        ending::within(LONG_GRACE, gently);
    }

    /// No ping came for too long.
    fn controller_lost(&self, reason: &str) {
        tracing::error!("{reason}; this engine ends");
        self.lost.store(true, Ordering::SeqCst);
        self.stop_from_outside("the controller is gone", false);
    }

    fn fatal(&self, reason: &str) {
        tracing::error!("{reason}");
        (self.on_fatal)(reason);
    }
}
