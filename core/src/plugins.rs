//! What the framework knows of plugins: that somebody else finds and opens them, and what they may ask of a program.
//!
//! Everything about files, interfaces and isolation is in the crate that implements [`Plugins`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::image::Vendor;
use crate::init::{MpiError, MpiInit};
use crate::loader::Visibility;
use crate::registry::{Candidate, OpenError, Registry, SelectionError};
use crate::search::SearchPaths;

/// The plugin that a candidate goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFile {
    /// What the plugin calls itself.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// The text for it: for a plugin that wraps another MPI the selection that means exactly that MPI.
    pub argument: String,
}

/// What is known where a plugin is chosen.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// Chooses what a plugin wraps or names.
    pub registry: &'a Registry,
    /// Where libraries are looked for.
    pub search: &'a SearchPaths,
    /// The vendor whose launcher started this process.
    pub launched_by: Option<Vendor>,
}

/// Finds and opens plugins.
pub trait Plugins: Send + Sync {
    /// The names of the plugins on the search path.
    fn names(&self) -> Vec<String>;

    /// The plugin of that name; `None` if there is none.
    ///
    /// # Errors
    /// Why the plugin of that name cannot be used.
    fn by_name(
        &self,
        name: &str,
        argument: &str,
        here: Circumstances<'_>,
    ) -> Result<Option<Candidate>, SelectionError>;

    /// The plugin in a file; `None` if the file is no plugin.
    ///
    /// # Errors
    /// Why the plugin cannot be used.
    fn by_path(
        &self,
        path: &Path,
        argument: &str,
        here: Circumstances<'_>,
    ) -> Result<Option<Candidate>, SelectionError>;

    /// Loads the plugin of a candidate, and what it brings. No MPI function is called but those that are legal before
    /// `MPI_Init`.
    ///
    /// # Errors
    /// What the plugin, or the library that it brings, lacks.
    fn open(
        &self,
        registry: &Registry,
        plugin: &PluginFile,
        candidate: &Candidate,
        visibility: Visibility,
    ) -> Result<Box<dyn MpiInit>, OpenError>;
}

/// What an MPI may ask of the program that runs it, besides the calls that MPI knows. All of it on the main thread, while
/// MPI is up.
pub trait Hooks: Send + Sync {
    /// How often [`Hooks::poll`] wants to be called while the program waits; `None`: never.
    fn poll_interval(&self) -> Option<Duration> {
        None
    }

    /// Makes progress.
    fn poll(&self) {}

    /// Whether [`Hooks::run_loop`] must be the program's main loop.
    fn owns_loop(&self) -> bool {
        false
    }

    /// Runs the main loop: calls `step` with the longest time it may wait, until it returns false.
    ///
    /// # Errors
    /// Why the loop ended early.
    fn run_loop(&self, step: &mut dyn FnMut(Duration) -> bool) -> Result<(), MpiError> {
        while step(Duration::MAX) {}
        Ok(())
    }

    /// Statements for a Python program's namespace.
    fn python_code(&self) -> Option<String> {
        None
    }
}
