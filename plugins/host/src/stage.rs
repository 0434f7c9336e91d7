//! Which function of a plugin runs, so that its end can be told.
//!
//! A plugin is tried in a process of its own first. What it does later, in the program itself, cannot be undone; but an
//! exception that leaves a function there is an error like any other, and a crash still ends with one sentence that names
//! the plugin and the function.

use std::ffi::CString;
use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU8, Ordering};

use crate::error::Fault;
use crate::exceptions::{Thrown, caught};

/// What a plugin is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Nothing.
    Idle,
    /// Its initialisers, run by the dynamic linker.
    Loading,
    /// `anympi_plugin_entry`.
    Entry,
    /// `anympi_plugin.extension`.
    Extension,
    /// `anympi_backend.probe`.
    Probe,
    /// `anympi_launching.prepare`.
    Prepare,
    /// `anympi_backend.open`.
    Open,
    /// `anympi_backend.symbol`.
    Symbol,
    /// `anympi_backend.bring_up`.
    BringUp,
    /// Functions of MPI, asked after it came up.
    Asked,
    /// `anympi_progress.poll`.
    Poll,
    /// `anympi_main_loop.run`.
    Run,
    /// `anympi_python.code`.
    Code,
    /// `anympi_backend.take_down`.
    TakeDown,
    /// `anympi_shutdown.before` or `after`.
    Shutdown,
}

const STAGES: &[(Stage, &str)] = &[
    (Stage::Idle, "nothing"),
    (Stage::Loading, "its initialisers"),
    (Stage::Entry, "anympi_plugin_entry"),
    (Stage::Extension, "extension"),
    (Stage::Probe, "probe"),
    (Stage::Prepare, "prepare"),
    (Stage::Open, "open"),
    (Stage::Symbol, "symbol"),
    (Stage::BringUp, "bring_up"),
    (Stage::Asked, "the functions of MPI"),
    (Stage::Poll, "poll"),
    (Stage::Run, "run"),
    (Stage::Code, "code"),
    (Stage::TakeDown, "take_down"),
    (Stage::Shutdown, "shutdown"),
];

static CURRENT: AtomicU8 = AtomicU8::new(Stage::Idle as u8);
/// Where a process that tries a plugin tells its stage to its parent.
static REPORT: AtomicI32 = AtomicI32::new(-1);

impl Stage {
    /// The stage of a number that [`Stage::enter`] reported.
    pub fn named(number: u8) -> &'static str {
        name_of(number)
    }

    /// Calls the plugin: `work` calls one function of it, as one that may unwind.
    ///
    /// # Errors
    /// [`Fault::Threw`]
    pub fn call<T>(self, work: impl FnOnce() -> T) -> Result<T, Fault> {
        self.enter();
        caught(work).map_err(|Thrown| Fault::Threw { doing: name_of(self as u8).to_owned() })
    }

    /// Says that the plugin does this now.
    pub fn enter(self) {
        CURRENT.store(self as u8, Ordering::Relaxed);
        let report = REPORT.load(Ordering::Relaxed);
        if report >= 0 {
            // SAFETY: one byte of a variable that lives. If it cannot be written, the parent names no function.
            unsafe { libc::pwrite(report, (&raw const self).cast(), 1, 0) };
        }
    }
}

fn name_of(number: u8) -> &'static str {
    STAGES.iter().find(|(stage, _)| *stage as u8 == number).map_or("a function", |(_, name)| name)
}

/// From now on stages go to this descriptor too.
pub fn report_to(descriptor: i32) {
    REPORT.store(descriptor, Ordering::Relaxed);
}

const SIGNALS: [i32; 5] = [libc::SIGABRT, libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];
/// The exit code of a program that a plugin brought down.
const CRASHED: i32 = 32;

static SENTENCE: AtomicPtr<libc::c_char> = AtomicPtr::new(core::ptr::null_mut());

/// While it lives, a crash of this process ends with a sentence and an exit code instead of a signal.
pub struct Guard {
    before: Vec<(i32, libc::sigaction)>,
}

impl Guard {
    /// Guards calls of the plugin at `path`.
    pub fn of(path: &Path) -> Self {
        let text = format!("anympi: the plugin {} brought this process down in ", path.display());
        let sentence = CString::new(text).unwrap_or_default().into_raw();
        let earlier = SENTENCE.swap(sentence, Ordering::AcqRel);
        if !earlier.is_null() {
            // SAFETY: made by into_raw, and nobody else has it. A handler that reads it now ends the process anyway.
            drop(unsafe { CString::from_raw(earlier) });
        }
        let mut before = Vec::new();
        for signal in SIGNALS {
            // SAFETY: both structures live on this stack; the handler calls only what a handler may.
            unsafe {
                let mut action: libc::sigaction = core::mem::zeroed();
                action.sa_sigaction = crashed as extern "C" fn(i32) as usize;
                action.sa_flags = libc::SA_ONSTACK;
                let mut old: libc::sigaction = core::mem::zeroed();
                if libc::sigaction(signal, &raw const action, &raw mut old) == 0 {
                    before.push((signal, old));
                }
            }
        }
        Self { before }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        Stage::Idle.enter();
        for (signal, old) in &self.before {
            // SAFETY: as in `of`. An MPI library may have put a handler of its own there, which stays.
            unsafe {
                let mut now: libc::sigaction = core::mem::zeroed();
                libc::sigaction(*signal, core::ptr::null(), &raw mut now);
                if now.sa_sigaction == crashed as extern "C" fn(i32) as usize {
                    libc::sigaction(*signal, old, core::ptr::null_mut());
                }
            }
        }
    }
}

/// Says which function it was, and ends the process.
extern "C" fn crashed(_: i32) {
    let sentence = SENTENCE.load(Ordering::Acquire);
    let stage = name_of(CURRENT.load(Ordering::Relaxed));
    let rest = "; `anympi plugin check` tells more\n";
    // SAFETY: write, strlen and _exit may be called by handlers; the texts live for ever.
    unsafe {
        if !sentence.is_null() {
            libc::write(2, sentence.cast(), libc::strlen(sentence));
            libc::write(2, stage.as_ptr().cast(), stage.len());
            libc::write(2, rest.as_ptr().cast(), rest.len());
        }
        libc::_exit(CRASHED);
    }
}
