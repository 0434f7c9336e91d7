//! The parts of a plugin that a program calls besides MPI.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use anympi_core::{Hooks, MpiError};
use anympi_plugin_api::*;

use crate::error::{Fault, PluginError};
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
        if let Some(before) = self.shutdown.and_then(|part| part.before) {
            Stage::Shutdown.enter();
            // SAFETY: MPI is up, or was taken down by the program.
            unsafe { before() };
        }
    }

    /// `anympi_shutdown.after`.
    pub fn after_shutdown(&self) {
        if let Some(after) = self.shutdown.and_then(|part| part.after) {
            Stage::Shutdown.enter();
            // SAFETY: MPI is down.
            unsafe { after() };
        }
    }
}

type Step<'a> = &'a mut dyn FnMut(Duration) -> bool;

impl Hooks for PluginHooks {
    fn poll_interval(&self) -> Option<Duration> {
        self.progress.map(|part| Duration::from_micros(part.interval.max(SHORTEST_INTERVAL).into()))
    }

    fn poll(&self) {
        if let Some(poll) = self.progress.and_then(|part| part.poll) {
            // SAFETY: MPI is up, on the main thread.
            unsafe { poll() };
        }
    }

    fn owns_loop(&self) -> bool {
        self.main_loop.is_some()
    }

    fn run_loop(&self, step: &mut dyn FnMut(Duration) -> bool) -> Result<(), MpiError> {
        let Some(run) = self.main_loop.and_then(|part| part.run) else {
            while step(Duration::MAX) {}
            return Ok(());
        };
        let mut step: Step<'_> = step;
        let outside = anympi_loop {
            size: size_field::<anympi_loop>(),
            reserved: 0,
            data: (&raw mut step).cast(),
            step: Some(one_step),
        };
        let mut error = empty_error();
        // SAFETY: both live until the function returns.
        let code = unsafe { run(&raw const outside, &raw mut error) };
        let failed = |fault| MpiError::Plugin(PluginError::new(&self.path, fault).to_string());
        outcome("run", code, &error).map_err(failed)
    }

    fn python_code(&self) -> Option<String> {
        let code = self.python.and_then(|part| part.code)?;
        // SAFETY: MPI is up.
        let text = unsafe { code() };
        if text.is_null() {
            return None;
        }
        match Memory::now().text(text, "the Python code") {
            Ok(text) => Some(text),
            Err(fault) => {
                tracing::error!("{}", PluginError::new(&self.path, fault));
                None
            }
        }
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
