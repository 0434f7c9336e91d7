//! Trying a plugin in a process of its own.
//!
//! The child is a fork: it needs no program beside this one and is there in a millisecond. It runs the work, leaves the
//! result in an anonymous file and ends without destructors. Whatever it prints goes to another such file. It dies with its
//! parent, leaves no core and cannot fill the memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Fault;
use crate::stage::{self, Stage};

/// More than this nobody needs to print in a probe.
const LONGEST_OUTPUT: u64 = 16 << 20;
/// As much of it is shown.
const SHOWN: usize = 400;

/// What a child did.
#[derive(Debug)]
pub struct Tried<T> {
    /// What the work returned.
    pub result: T,
    /// What it wrote to standard output.
    pub stdout: String,
}

fn anonymous(name: &core::ffi::CStr) -> io::Result<File> {
    // SAFETY: a name that ends; the descriptor is checked, and nobody else has it.
    let descriptor = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

fn contents(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(LONGEST_OUTPUT).read_to_end(&mut bytes));
    if read.is_err() {
        return String::new();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The beginning of a text, on one line.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}

/// Runs `work` in a child of this process.
///
/// # Errors
/// [`Fault::Crashed`], [`Fault::Exited`] or [`Fault::TimeOut`] with the function of the plugin that ran, and what it had
/// printed; [`Fault::System`] if there can be no child.
pub fn isolated<T: Serialize + DeserializeOwned>(
    limit: Duration,
    work: impl FnOnce() -> T,
) -> Result<Tried<T>, Fault> {
    let system = |error: io::Error| Fault::System(error.to_string());
    let mut result = anonymous(c"anympi-result").map_err(system)?;
    let mut stdout = anonymous(c"anympi-stdout").map_err(system)?;
    let mut stderr = anonymous(c"anympi-stderr").map_err(system)?;
    let mut progress = anonymous(c"anympi-stage").map_err(system)?;
    // SAFETY: gives a number.
    let parent = unsafe { libc::getpid() };
    let loading = anympi_core::pause_loading();
    // SAFETY: the child runs on with a copy of this thread alone. The C library makes its own locks usable there; a lock
    // of anybody else that was held is what the time limit is for.
    let child = unsafe { libc::fork() };
    // In the child too, which has a lock of its own.
    drop(loading);
    if child < 0 {
        return Err(system(io::Error::last_os_error()));
    }
    if child == 0 {
        confine(parent, &stdout, &stderr);
        stage::report_to(progress.as_raw_fd());
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            serde_json::to_vec(&work()).is_ok_and(|bytes| result.write_all(&bytes).is_ok())
        }));
        // SAFETY: ends the process at once: nothing of the parent's may be undone here.
        unsafe { libc::_exit(if matches!(done, Ok(true)) { 0 } else { UNFINISHED }) };
    }
    let status = wait(child, limit);
    let mut number = [0];
    let known = progress.seek(SeekFrom::Start(0)).and_then(|_| progress.read(&mut number));
    let doing =
        if known.is_ok_and(|count| count == 1) { Stage::named(number[0]) } else { "its work" }.to_owned();
    let stdout = contents(&mut stdout);
    let said = shortened(&format!("{} {stdout}", contents(&mut stderr)));
    match status {
        None => Err(Fault::TimeOut { doing, seconds: limit.as_secs(), said }),
        Some(status) if libc::WIFSIGNALED(status) => {
            Err(Fault::Crashed { doing, signal: signal_name(libc::WTERMSIG(status)), said })
        }
        Some(status) => match serde_json::from_str(&contents(&mut result)) {
            Ok(result) => Ok(Tried { result, stdout }),
            Err(_) => Err(Fault::Exited { doing, status: libc::WEXITSTATUS(status), said }),
        },
    }
}

/// The status of a child whose work panicked, which is a fault of ours.
const UNFINISHED: i32 = 125;

/// Makes the child harmless.
fn confine(parent: i32, stdout: &File, stderr: &File) {
    let limit = |resource, value| {
        let limits = libc::rlimit { rlim_cur: value, rlim_max: value };
        // SAFETY: a structure that lives. A limit that cannot be set is no reason not to go on.
        unsafe { libc::setrlimit(resource, &raw const limits) };
    };
    limit(libc::RLIMIT_CORE, 0);
    limit(libc::RLIMIT_FSIZE, LONGEST_OUTPUT);
    // SAFETY: system calls on descriptors that are open; SIGABRT and its like end this process, whatever the parent does
    // with them.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != parent {
            libc::_exit(UNFINISHED);
        }
        libc::dup2(stdout.as_raw_fd(), 1);
        libc::dup2(stderr.as_raw_fd(), 2);
        let nothing = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY);
        if nothing >= 0 {
            libc::dup2(nothing, 0);
        }
        for signal in 1..32 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = core::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, core::ptr::null_mut());
    }
}

/// Waits for a child; `None`: it took too long and was killed.
fn wait(child: i32, limit: Duration) -> Option<i32> {
    let end = Instant::now() + limit;
    // SAFETY: a system call with two numbers.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, child, 0) };
    let descriptor = i32::try_from(descriptor).unwrap_or(-1);
    // SAFETY: the kernel gave this descriptor to us alone.
    let exit = (descriptor >= 0).then(|| unsafe { File::from_raw_fd(descriptor) });
    let mut status = 0;
    loop {
        // SAFETY: our own child, and a variable that lives.
        match unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } {
            0 => {}
            // Children of a program that ignores SIGCHLD leave no status; what they left behind tells enough.
            -1 if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted => return Some(0),
            _ => return Some(status),
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // SAFETY: our own child, which has not been waited for.
            unsafe {
                libc::kill(child, libc::SIGKILL);
                libc::waitpid(child, &raw mut status, 0);
            }
            return None;
        }
        // Where the kernel cannot tell when a process ends, look again soon.
        let patience = if exit.is_some() { left } else { left.min(Duration::from_millis(5)) };
        let milliseconds = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX).max(1);
        let mut poll = libc::pollfd {
            fd: exit.as_ref().map_or(-1, AsRawFd::as_raw_fd),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one structure that lives.
        unsafe { libc::poll(&raw mut poll, 1, milliseconds) };
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGBUS => "SIGBUS",
        libc::SIGILL => "SIGILL",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXFSZ => "SIGXFSZ: it wrote too much",
        other => return other.to_string(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[test]
    fn results_and_output_come_back() {
        let tried = isolated(LIMIT, || {
            // SAFETY: the bytes are there.
            unsafe { libc::write(1, c"noise".as_ptr().cast(), 5) };
            42
        });
        let tried = tried.unwrap();
        assert_eq!((tried.result, &*tried.stdout), (42, "noise"));
    }

    #[test]
    fn every_end_is_told() {
        let crash = isolated(LIMIT, || {
            Stage::Probe.enter();
            std::process::abort();
        });
        let crash: Result<Tried<()>, Fault> = crash;
        assert!(matches!(&crash, Err(Fault::Crashed { doing, .. }) if doing == "probe"), "{crash:?}");
        // SAFETY: ends the child.
        let exit: Result<Tried<()>, Fault> = isolated(LIMIT, || unsafe { libc::_exit(7) });
        assert!(matches!(exit, Err(Fault::Exited { status: 7, .. })), "{exit:?}");
        let endless: Result<Tried<()>, Fault> = isolated(Duration::from_millis(50), || {
            loop {
                std::thread::sleep(LIMIT);
            }
        });
        assert!(matches!(endless, Err(Fault::TimeOut { .. })), "{endless:?}");
    }
}
