//! The parts of a plugin that a program calls besides MPI.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anympi_core::{Hooks, MpiError};
use anympi_plugin_api::*;

use crate::error::{Fault, PluginError};
use crate::exceptions::Unwinding;
use crate::loaded::{Loaded, empty_error, outcome};
use crate::memory::Memory;
use crate::stage::Stage;

/// What one plugin asks of the program.
pub struct PluginHooks {
    path: PathBuf,
    progress: Option<&'static anympi_progress>,
    main_loop: Option<&'static anympi_main_loop>,
    shutdown: Option<&'static anympi_shutdown>,
    python: Option<&'static anympi_python>,
    /// A function that throws would do so a thousand times a second.
    poll_threw: AtomicBool,
}

/// No plugin gets more of the engine's time than this.
const SHORTEST_INTERVAL: u32 = 100;

impl PluginHooks {
    /// Asks for the parts and checks their functions.
    pub fn of(loaded: &Loaded) -> Result<Self, Fault> {
        let hooks = Self {
            path: loaded.path.clone(),
            progress: loaded.part(ANYMPI_PLUGIN_PROGRESS)?,
            main_loop: loaded.part(ANYMPI_PLUGIN_MAIN_LOOP)?,
            shutdown: loaded.part(ANYMPI_PLUGIN_SHUTDOWN)?,
            python: loaded.part(ANYMPI_PLUGIN_PYTHON)?,
            poll_threw: AtomicBool::new(false),
        };
        let memory = Memory::now();
        if let Some(part) = hooks.progress {
            memory.function(part.poll.map_or(0, |it| it as usize), "anympi_progress.poll")?;
        }
        if let Some(part) = hooks.main_loop {
            memory.function(part.run.map_or(0, |it| it as usize), "anympi_main_loop.run")?;
        }
        if let Some(part) = hooks.python {
            memory.function(part.code.map_or(0, |it| it as usize), "anympi_python.code")?;
        }
        for function in hooks.shutdown.into_iter().flat_map(|part| [part.before, part.after]).flatten() {
            memory.function(function as usize, "a function of anympi_shutdown")?;
        }
        Ok(hooks)
    }

    /// `anympi_shutdown.before`.
    pub fn before_shutdown(&self) {
        self.at_the_end(self.shutdown.and_then(|part| part.before));
    }

    /// `anympi_shutdown.after`.
    pub fn after_shutdown(&self) {
        self.at_the_end(self.shutdown.and_then(|part| part.after));
    }

    fn at_the_end(&self, function: Option<unsafe extern "C" fn()>) {
        if let Some(function) = function.map(Unwinding::unwinding) {
            // SAFETY: MPI is up or down as the part wants it, on the main thread.
            self.logged(Stage::Shutdown.call(|| unsafe { function() }));
        }
    }

    /// What cannot be told to anybody goes to the log; whether it was well.
    fn logged<T>(&self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| tracing::error!("{}", PluginError::new(&self.path, fault))).ok()
    }
}

type Step<'a> = &'a mut dyn FnMut(Duration) -> bool;

impl Hooks for PluginHooks {
    fn poll_interval(&self) -> Option<Duration> {
        self.progress.map(|part| Duration::from_micros(part.interval.max(SHORTEST_INTERVAL).into()))
    }

    fn poll(&self) {
        let Some(poll) = self.progress.and_then(|part| part.poll).map(Unwinding::unwinding) else { return };
        if self.poll_threw.load(Ordering::Relaxed) {
            return;
        }
        // SAFETY: MPI is up, on the main thread.
        if self.logged(Stage::Poll.call(|| unsafe { poll() })).is_none() {
            self.poll_threw.store(true, Ordering::Relaxed);
        }
    }

    fn owns_loop(&self) -> bool {
        self.main_loop.is_some()
    }

    fn run_loop(&self, step: &mut dyn FnMut(Duration) -> bool) -> Result<(), MpiError> {
        let Some(run) = self.main_loop.and_then(|part| part.run).map(Unwinding::unwinding) else {
            while step(Duration::MAX) {}
            return Ok(());
        };
        let mut goes_on = true;
        let mut noted = |wait| {
            goes_on = step(wait);
            goes_on
        };
        let mut step: Step<'_> = &mut noted;
        let outside = anympi_loop {
            size: size_field::<anympi_loop>(),
            reserved: 0,
            data: (&raw mut step).cast(),
            step: Some(one_step),
        };
        let mut error = empty_error();
        // SAFETY: both live until the function returns.
        let code = Stage::Run.call(|| unsafe { run(&raw const outside, &raw mut error) });
        let result = code.and_then(|code| outcome("run", code, &error)).and_then(|()| {
            let message = "it returned although step had not told it to".to_owned();
            if goes_on {
                Err(Fault::Failed { doing: "run".to_owned(), code: ANYMPI_OK, message })
            } else {
                Ok(())
            }
        });
        result.map_err(|fault| MpiError::Plugin(PluginError::new(&self.path, fault).to_string()))
    }

    fn python_code(&self) -> Option<String> {
        let code = self.python.and_then(|part| part.code)?.unwinding();
        // SAFETY: MPI is up.
        let text = self.logged(Stage::Code.call(|| unsafe { code() }))?;
        if text.is_null() {
            return None;
        }
        self.logged(Memory::now().text(text, "the Python code"))
    }
}

unsafe extern "C" fn one_step(outside: *const anympi_loop, milliseconds: i32) -> i32 {
    // SAFETY: the plugin hands back what it was given, while run_loop waits for it.
    let step = unsafe { outside.as_ref().and_then(|outside| outside.data.cast::<Step<'_>>().as_mut()) };
    let Some(step) = step else { return 0 };
    let wait = u64::try_from(milliseconds).map_or(Duration::MAX, Duration::from_millis);
    // A panic may not cross the plugin.
    i32::from(catch_unwind(AssertUnwindSafe(|| step(wait))).unwrap_or(false))
}
