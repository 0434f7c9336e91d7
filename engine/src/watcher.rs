//! The watcher: tells the hub at once when the engine dies without saying goodbye.
//!
//! A small process beside the engine that holds the reading end of a pipe; the engine holds the only writing end. When the
//! engine is killed or crashes the pipe ends, and the watcher unregisters it, where the hub would otherwise wait for half a
//! minute of missed heartbeats. An engine that ended in order has said so on the pipe.
//!
//! It is forked from the program before anything else runs (a process with MPI and threads cannot fork safely), twice, so
//! that it is nobody's child: MPICH's launchers do not reap ranks that have children. It holds none of the launcher's
//! descriptors, or the launcher would wait for it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use anympi_wire::contents::UnregistrationRequest;
use anympi_wire::{EngineConnection, Session, random_id};
use anympi_zmq::{Context, EventKind, Message, SocketType};
use serde::{Deserialize, Serialize};

/// The first argument by which the program knows that it is to watch.
pub const ARGUMENT: &str = "--watch-an-engine";
/// The name under which it runs. It contains "nanny", by which tools that know ipyparallel's engines recognise it.
pub const NAME: &str = "ipengine-nanny";
/// The descriptor of the pipe in the watcher: its standard input.
const PIPE: RawFd = 0;
/// The line that an engine writes when it ends in order.
const GOODBYE: &str = "goodbye";

/// What the engine tells once it is registered.
#[derive(Debug, Serialize, Deserialize)]
struct Engine {
    id: i64,
    connection: EngineConnection,
}

/// Start the watcher; returns the writing end of its pipe, which survives exec.
pub fn start() -> std::io::Result<OwnedFd> {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: two new descriptors that nobody else owns.
    let [reading, writing] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    let program = std::env::current_exe()?;
    let mut command = Command::new(program);
    command.arg0(NAME).arg(ARGUMENT).env_clear().stdin(reading);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    // SAFETY: the closure calls only functions that are safe between fork and exec: setsid, fork, _exit, fcntl.
    unsafe {
        command.pre_exec(|| {
            libc::setsid();
            match libc::fork() {
                -1 => return Err(std::io::Error::last_os_error()),
                0 => {}
                _ => libc::_exit(0),
            }
            mark_all_for_closing();
            Ok(())
        });
    }
    // The child that spawn knows is the one in between, which has ended when this returns.
    command.spawn()?.wait()?;
    set_inheritable(&writing)?;
    Ok(writing)
}

/// Close every descriptor but the standard ones at exec: those of the launcher above all.
///
/// Not at once: the one by which `Command` learns of a failed exec must stay until then.
fn mark_all_for_closing() {
    // SAFETY: changes flags of descriptors of this process only; those that are not open fail without harm.
    unsafe {
        let marked = libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
        if marked != 0 {
            for descriptor in 3..4096 {
                libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC);
            }
        }
    }
}

fn set_inheritable(descriptor: &OwnedFd) -> std::io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: changes a flag of a descriptor that we own.
    match unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFD, 0) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// The engine's end of the pipe.
#[derive(Debug)]
pub struct Watched {
    pipe: File,
}

impl Watched {
    /// Take over the descriptor that the program left. From now on children do not inherit it: a child that outlives the
    /// engine would hide its death.
    pub fn take(descriptor: OwnedFd) -> std::io::Result<Watched> {
        use std::os::fd::AsRawFd;
        // SAFETY: changes a flag of a descriptor that we own.
        if unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Watched { pipe: File::from(descriptor) })
    }

    /// The engine is registered: watch it.
    pub fn registered(&mut self, id: i64, connection: &EngineConnection) -> std::io::Result<()> {
        let mut line = serde_json::to_string(&Engine { id, connection: connection.clone() })?;
        line.push('\n');
        self.pipe.write_all(line.as_bytes())
    }

    /// The engine ends in order: there is nothing to tell.
    pub fn goodbye(&mut self) -> std::io::Result<()> {
        self.pipe.write_all(GOODBYE.as_bytes())?;
        self.pipe.write_all(b"\n")
    }
}

/// The watcher's whole life.
pub fn watch() {
    // SAFETY: the descriptor is the standard input, which nothing else in this process uses.
    let pipe = File::from(unsafe { OwnedFd::from_raw_fd(PIPE) });
    let mut engine: Option<Engine> = None;
    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
        if line == GOODBYE {
            return;
        }
        engine = serde_json::from_str(&line).ok();
    }
    if let Some(engine) = engine {
        // There is nobody to tell when this fails; the hub's own heartbeat remains.
        drop(unregister(&engine));
    }
}

fn unregister(engine: &Engine) -> Result<(), Box<dyn std::error::Error>> {
    let connection = &engine.connection;
    let session = Session::new(random_id()?, connection.signer()?);
    let context = Context::new()?;
    let socket = context.socket(SocketType::Dealer)?;
    let monitor = socket.monitor()?;
    monitor.socket().set_receive_timeout(Some(Duration::from_secs(5)))?;
    socket.connect(&connection.endpoint(connection.registration))?;
    let content = UnregistrationRequest { id: Some(engine.id) };
    let mut frames = session.message::<Message>("unregistration_request").content(&content).build()?;
    socket.send_multipart(&mut frames)?;
    // Wait for the connection; what is queued then goes out within the socket's linger time.
    let mut item = [anympi_zmq::PollItem::socket(monitor.socket(), anympi_zmq::Events::READABLE)];
    while anympi_zmq::poll(&mut item, Some(Duration::from_secs(5)))? > 0 {
        match monitor.try_recv()? {
            Some(event) if event.kind == EventKind::HandshakeSucceeded => break,
            _ => continue,
        }
    }
    Ok(())
}
