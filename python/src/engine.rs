//! The engine, as Python sees it: sockets, queues and output of `anympi_engine::runtime`.

use std::io::Write;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anympi_engine::runtime::{self, Answer, Next, Options, Publication, Stream};
use anympi_engine::watcher::Watched;
use anympi_wire::Session;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::request::Request;
use crate::{StartError, lending, mpi, settings_of_this_process};

/// The exit status of an engine that failed.
const FAILED: i32 = 1;

/// The one engine of this process.
static ENGINE: OnceLock<runtime::Engine> = OnceLock::new();
/// The pipe to the watcher; gone in forked children and after the end.
static WATCHED: Mutex<Option<Watched>> = Mutex::new(None);
/// Whether this process is a forked child.
static FORKED: AtomicBool = AtomicBool::new(false);

fn watched() -> MutexGuard<'static, Option<Watched>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a forked child has printed and not handed over: whole lines are, so that those of several children do not mix.
struct ChildText {
    stdout: String,
    stderr: String,
}

static CHILD_TEXT: Mutex<ChildText> = Mutex::new(ChildText { stdout: String::new(), stderr: String::new() });

fn children_text() -> MutexGuard<'static, ChildText> {
    CHILD_TEXT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ChildText {
    fn write(&mut self, runtime: &runtime::Engine, stream: Stream, text: &str) {
        let line = if stream == Stream::Stdout { &mut self.stdout } else { &mut self.stderr };
        line.push_str(text);
        if let Some(end) = line.rfind('\n') {
            let rest = line.split_off(end + 1);
            runtime.write_from_child(stream, line);
            *line = rest;
        }
    }

    fn flush(&mut self, runtime: &runtime::Engine) {
        for (stream, text) in [(Stream::Stdout, &mut self.stdout), (Stream::Stderr, &mut self.stderr)] {
            runtime.write_from_child(stream, &std::mem::take(text));
        }
    }
}

/// Have the main thread look at what waits for it.
pub fn nudge() {
    if let Some(engine) = ENGINE.get() {
        engine.nudge();
    }
}

/// Begin to register with the controller.
#[pyfunction]
pub fn connect(py: Python<'_>) -> PyResult<Engine> {
    let settings = settings_of_this_process()?;
    let refuse = |error: &dyn std::fmt::Display| StartError::new_err(error.to_string());
    if let Some(descriptor) = settings.watcher {
        // SAFETY: the program left this descriptor for us, and nothing else in this process knows of it.
        let pipe = unsafe { OwnedFd::from_raw_fd(descriptor) };
        *watched() = Some(Watched::take(pipe)?);
    }
    let signer = settings.connection.signer().map_err(|error| refuse(&error))?;
    let (id, delay) = mpi::place(settings);
    py.detach(|| std::thread::sleep(delay));
    let options = Options {
        connection: settings.connection.clone(),
        id,
        timeout: Duration::try_from_secs_f64(settings.timeout).unwrap_or(Duration::from_secs(5)),
        maximum_misses: settings.max_heartbeat_misses,
    };
    let session = Session::new(settings.uuid.clone(), signer);
    let on_fatal = Box::new(|reason: &str| die(reason));
    let engine = runtime::Engine::start(session, options, on_fatal)?;
    if ENGINE.set(engine).is_err() {
        return Err(refuse(&"the engine runs already"));
    }
    Ok(Engine {})
}

/// How long a launcher gets to read the last words: it throws away what it has not read when a rank aborts.
const LAST_WORDS: Duration = Duration::from_millis(200);

fn die(reason: &str) {
    // In one piece, for the same reason. When stderr is gone there is nobody to tell.
    drop(std::io::stderr().write_all(format!("ipengine: {reason}\n").as_bytes()));
    std::thread::sleep(LAST_WORDS);
    mpi::abort(FAILED);
}

/// End the engine because of a fault, and the whole world with it when MPI runs. Does not return.
#[pyfunction]
pub fn fail(py: Python<'_>, reason: &str) {
    if let Some(engine) = ENGINE.get() {
        py.detach(|| engine.close());
        say_goodbye();
    }
    die(reason);
}

fn say_goodbye() {
    if let Some(mut watched) = watched().take()
        && let Err(error) = watched.goodbye()
    {
        tracing::debug!("the watcher is gone: {error}");
    }
}

/// The engine.
#[pyclass(frozen)]
pub struct Engine {}

impl Engine {
    fn runtime(&self) -> &'static runtime::Engine {
        // An `Engine` is made by `connect` only, which has set it.
        ENGINE.get().unwrap_or_else(|| unreachable!("connect has set the engine"))
    }
}

/// The header of what caused a message: of a request, or as JSON.
#[derive(FromPyObject)]
enum Cause<'py> {
    Request(Bound<'py, Request>),
    Header(Bound<'py, PyBytes>),
}

impl Cause<'_> {
    fn header(&self) -> &[u8] {
        match self {
            Cause::Request(request) => &request.get().parent().header,
            Cause::Header(bytes) => bytes.as_bytes(),
        }
    }
}

#[pymethods]
impl Engine {
    /// The engine's uuid.
    #[getter]
    fn uuid(&self) -> &'static str {
        self.runtime().uuid()
    }

    /// The engine's id; -1 before it has one.
    #[getter]
    fn id(&self) -> i64 {
        self.runtime().id()
    }

    /// Wait until the controller has let the engine in. Raises StartError when it does not.
    fn wait_registered(&self, py: Python<'_>) -> PyResult<i64> {
        let runtime = self.runtime();
        let id = py.detach(|| runtime.wait_registered());
        let id = id.map_err(|error| StartError::new_err(error.to_string()))?;
        if let Some(watched) = &mut *watched()
            && let Err(error) = watched.registered(id, &settings_of_this_process()?.connection)
        {
            tracing::warn!("the watcher is gone; a crash will be noticed late ({error})");
        }
        Ok(id)
    }

    /// Wait for the next request, at most so many seconds. Whether the engine goes on, and the request if one came.
    ///
    /// Runs Python's signal handlers while it waits, and the progress function of the plugin if there is one.
    #[pyo3(signature = (seconds))]
    fn next_request(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<(bool, Option<Request>)> {
        let runtime = self.runtime();
        let limit = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        let interval = mpi::poll_interval();
        loop {
            lending::release_returned(py);
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let patience = [left, interval].into_iter().flatten().min();
            match py.detach(|| runtime.next_request(patience)) {
                Next::Request(request) => return Ok((true, Some(Request::new(request)))),
                Next::Signal => py.check_signals()?,
                Next::Stop => return Ok((false, None)),
            }
            if interval.is_some() {
                py.detach(mpi::poll);
            }
            if left.is_some_and(|left| left.is_zero()) {
                return Ok((true, None));
            }
        }
    }

    /// Wait for the next request of the control channel; None when the engine ends.
    fn next_control(&self, py: Python<'_>) -> Option<Request> {
        let runtime = self.runtime();
        py.detach(|| runtime.next_control()).map(Request::new)
    }

    /// Answer a request. Only the first answer is sent; it goes out with `done`.
    #[pyo3(signature = (request, content, status, error_name, buffers))]
    fn reply(
        &self,
        request: &Bound<'_, Request>,
        content: Option<&[u8]>,
        status: &str,
        error_name: Option<&str>,
        buffers: Option<&Bound<'_, PyList>>,
    ) -> PyResult<()> {
        let buffers = lending::messages(buffers)?;
        let request = request.get();
        if request.answer_once() {
            let answer = Answer { content, status, error_name, buffers };
            self.runtime().answer(&mut request.lock(), answer);
        }
        Ok(())
    }

    /// Say that a request has been served.
    fn done(&self, request: &Bound<'_, Request>) {
        self.runtime().done(&request.get().lock());
    }

    /// Publish to every client.
    #[pyo3(signature = (msg_type, content, parent, topic, metadata, buffers))]
    fn publish(
        &self,
        msg_type: &str,
        content: &[u8],
        parent: Option<Cause<'_>>,
        topic: Option<&[u8]>,
        metadata: Option<&[u8]>,
        buffers: Option<&Bound<'_, PyList>>,
    ) -> PyResult<()> {
        if FORKED.load(Ordering::Relaxed) {
            return Ok(());
        }
        let buffers = lending::messages(buffers)?;
        let parent = parent.as_ref().map(Cause::header);
        self.runtime().publish(Publication { msg_type, topic, parent, metadata, content, buffers });
        Ok(())
    }

    /// Add printed text: stream 0 is stdout, 1 stderr.
    #[pyo3(signature = (stream, text, parent))]
    fn write(&self, stream: u8, text: &str, parent: Option<&Bound<'_, Request>>) {
        let stream = if stream == 0 { Stream::Stdout } else { Stream::Stderr };
        if FORKED.load(Ordering::Relaxed) {
            return children_text().write(self.runtime(), stream, text);
        }
        let parent: Option<&Arc<runtime::Parent>> = parent.map(|request| request.get().parent());
        self.runtime().write(stream, parent, text);
    }

    /// Send printed text now.
    fn flush(&self) {
        if FORKED.load(Ordering::Relaxed) {
            return children_text().flush(self.runtime());
        }
        self.runtime().flush();
    }

    /// Take what child processes and C code write to descriptor 1 as printed text.
    fn begin_capture(&self) {
        if let Err(error) = self.runtime().begin_capture() {
            tracing::warn!("what child processes print will not reach the clients: {error}");
        }
    }

    /// Give descriptor 1 back to the launcher.
    fn end_capture(&self) {
        self.runtime().end_capture();
    }

    /// Abort the cells that wait behind one that failed.
    fn abort_executes(&self) {
        self.runtime().abort_executes();
    }

    /// Where Python is to write the numbers of arriving signals.
    fn wakeup_descriptor(&self) -> i32 {
        self.runtime().signal_descriptor()
    }

    /// Tell every thread that the engine ends.
    fn stop(&self, reason: &str) {
        self.runtime().stop(reason);
    }

    /// Say goodbye to the controller and close the sockets. Returns the exit status.
    fn close(&self, py: Python<'_>) -> i32 {
        let runtime = self.runtime();
        py.detach(|| runtime.close());
        lending::release_returned(py);
        say_goodbye();
        if runtime.controller_is_lost() { FAILED } else { 0 }
    }

    /// To be called in every forked child: it has the engine's memory, but neither its threads nor its duties.
    fn forked(&self) {
        FORKED.store(true, Ordering::Relaxed);
        // Not waited for: a thread of the parent may have held the lock when it forked.
        if let Ok(mut watched) = WATCHED.try_lock() {
            watched.take();
        }
    }
}
