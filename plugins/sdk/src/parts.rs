//! The parts of a plugin beside the one that brings an MPI: what the engine's loop, the launcher, the end and Python call.

use core::ffi::{CStr, c_char, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anympi_plugin_api::*;

use crate::Plugin;
use crate::entry::{c_text, caught, log, report, request, text};

/// The engine's work, as a main loop of the plugin's own sees it; see [`Plugin::run`].
pub struct MainLoop<'a> {
    outside: &'a anympi_loop,
}

impl MainLoop<'_> {
    /// Serves at most one request, waiting for it so long at most. False: [`Plugin::run`] returns now.
    #[must_use]
    pub fn step(&self, patience: Duration) -> bool {
        let milliseconds = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the host's structure, given back to its function within `run`.
        self.outside.step.is_some_and(|step| unsafe { step(self.outside, milliseconds) } != 0)
    }
}

/// A launcher that is about to start ranks; see [`Plugin::prepare`].
pub struct Launch<'a> {
    outside: &'a anympi_launch,
}

impl<'a> Launch<'a> {
    /// The number of ranks.
    #[must_use]
    pub fn ranks(&self) -> u32 {
        self.outside.ranks
    }

    /// The launcher's file.
    #[must_use]
    pub fn launcher(&self) -> &'a str {
        // SAFETY: a text of the host's, valid until `prepare` returns.
        unsafe { text(self.outside.launcher) }
    }

    /// What the launcher is: `openmpi`, `mpich`, `intel`, `other`.
    #[must_use]
    pub fn kind(&self) -> &'a str {
        // SAFETY: as in `launcher`.
        unsafe { text(self.outside.kind) }
    }

    /// Adds a word to the launcher's command line, before the program.
    pub fn word(&self, word: &str) {
        if let Some(add) = self.outside.word {
            // SAFETY: the host's structure, and a text that it copies.
            unsafe { add(self.outside, c_text(word).as_ptr()) };
        }
    }

    /// Sets a variable for the launcher and for every rank.
    pub fn variable(&self, name: &str, value: &str) {
        if let Some(add) = self.outside.variable {
            // SAFETY: the host's structure, and texts that it copies.
            unsafe { add(self.outside, c_text(name).as_ptr(), c_text(value).as_ptr()) };
        }
    }
}

/// Runs something that can tell nobody of a failure but the log; whether it succeeded.
pub fn logged(doing: &str, work: impl FnOnce(&'static dyn Plugin)) -> bool {
    let result = caught(|plugin| {
        work(plugin);
        Ok(())
    });
    if let Err(failure) = &result {
        log(ANYMPI_LOG_ERROR, &format!("{doing}: {}", failure.message));
    }
    result.is_ok()
}

unsafe extern "C" fn poll() {
    /// A function that panics would do so a thousand times a second.
    static PANICKED: AtomicBool = AtomicBool::new(false);
    if !PANICKED.load(Ordering::Relaxed) && !logged("poll, which is not called any more", Plugin::poll) {
        PANICKED.store(true, Ordering::Relaxed);
    }
}

unsafe extern "C" fn run(outside: *const anympi_loop, error: *mut anympi_error) -> i32 {
    // SAFETY: the host's structure, valid until this function returns.
    let main_loop = MainLoop { outside: unsafe { &*outside } };
    report(error, caught(|plugin| plugin.run(&main_loop)))
}

unsafe extern "C" fn prepare(
    asked: *const anympi_request,
    launch: *const anympi_launch,
    error: *mut anympi_error,
) -> i32 {
    // SAFETY: the host's structures, valid until this function returns.
    let (asked, launch) = unsafe { (request(asked), Launch { outside: &*launch }) };
    report(error, caught(|plugin| plugin.prepare(&asked, &launch)))
}

unsafe extern "C" fn before_shutdown() {
    logged("before_shutdown", Plugin::before_shutdown);
}

unsafe extern "C" fn after_shutdown() {
    logged("after_shutdown", Plugin::after_shutdown);
}

unsafe extern "C" fn python_code() -> *const c_char {
    caught(|plugin| Ok(plugin.python_code())).ok().flatten().map_or(core::ptr::null(), CStr::as_ptr)
}

static MAIN_LOOP: anympi_main_loop =
    anympi_main_loop { size: size_field::<anympi_main_loop>(), reserved: 0, run: Some(run) };

static LAUNCHING: anympi_launching =
    anympi_launching { size: size_field::<anympi_launching>(), reserved: 0, prepare: Some(prepare) };

static SHUTDOWN: anympi_shutdown = anympi_shutdown {
    size: size_field::<anympi_shutdown>(),
    reserved: 0,
    before: Some(before_shutdown),
    after: Some(after_shutdown),
};

static PYTHON: anympi_python =
    anympi_python { size: size_field::<anympi_python>(), reserved: 0, code: Some(python_code) };

/// The part that polls, if the plugin wants that. It is asked once, for what a plugin gives stays as it is.
fn progress() -> Option<&'static anympi_progress> {
    static PROGRESS: OnceLock<Option<anympi_progress>> = OnceLock::new();
    let part = PROGRESS.get_or_init(|| {
        let interval = caught(|plugin| Ok(plugin.poll_interval())).ok().flatten()?;
        let interval = u32::try_from(interval.as_micros()).unwrap_or(u32::MAX);
        Some(anympi_progress { size: size_field::<anympi_progress>(), interval, poll: Some(poll) })
    });
    part.as_ref()
}

/// A part by its name, or null.
pub fn part(id: &CStr) -> *const c_void {
    fn found<T>(part: &'static T) -> *const c_void {
        core::ptr::from_ref(part).cast()
    }
    if id == ANYMPI_PLUGIN_PROGRESS {
        return progress().map_or(core::ptr::null(), found);
    }
    if id == ANYMPI_PLUGIN_MAIN_LOOP && caught(|plugin| Ok(plugin.owns_loop())).unwrap_or(false) {
        return found(&MAIN_LOOP);
    }
    if id == ANYMPI_PLUGIN_LAUNCHING {
        return found(&LAUNCHING);
    }
    if id == ANYMPI_PLUGIN_SHUTDOWN {
        return found(&SHUTDOWN);
    }
    if id == ANYMPI_PLUGIN_PYTHON {
        return found(&PYTHON);
    }
    core::ptr::null()
}
