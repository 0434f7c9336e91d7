//! A plugin in safe Rust.
//!
//! ```
//! use anympi_plugin_sdk::{Error, Offer, Plugin, Request, plugin};
//!
//! struct Mine;
//!
//! impl Plugin for Mine {
//!     fn probe(&self, _: &Request<'_>) -> Result<Offer, Error> {
//!         Ok(Offer::wraps())
//!     }
//! }
//!
//! plugin!(Mine, name: "mine", release: "1.0.0", description: "wraps another MPI");
//! # fn main() {}
//! ```
//!
//! Build it as a `cdylib`. A panic in any of the functions becomes an error at the host.
//!
//! A plugin may do more: bring MPI up in its own way, hook or own the engine's main loop, help the launcher.
//!
//! ```
//! use std::sync::OnceLock;
//! use std::time::Duration;
//!
//! use anympi_plugin_sdk::{
//!     Arguments, Error, Launch, MainLoop, Offer, Plugin, Request, ThreadLevel, Wrapped, plugin,
//! };
//!
//! struct Site {
//!     mpi: OnceLock<Wrapped>,
//! }
//!
//! impl Site {
//!     fn mpi(&self) -> Result<&Wrapped, Error> {
//!         self.mpi.get().ok_or_else(|| Error::failed("there is no MPI to wrap"))
//!     }
//! }
//!
//! impl Plugin for Site {
//!     fn probe(&self, _: &Request<'_>) -> Result<Offer, Error> {
//!         Ok(Offer::wraps())
//!     }
//!
//!     fn open(&self, request: &Request<'_>) -> Result<(), Error> {
//!         request.wrapped.map(|mpi| self.mpi.set(mpi));
//!         self.mpi().map(|_| ())
//!     }
//!
//!     fn brings_up(&self) -> bool {
//!         true
//!     }
//!
//!     fn bring_up(&self, arguments: Arguments, wanted: ThreadLevel) -> Result<ThreadLevel, Error> {
//!         // Here a site does what its MPI needs.
//!         self.mpi()?.bring_up(arguments, wanted)
//!     }
//!
//!     fn take_down(&self) -> Result<(), Error> {
//!         self.mpi()?.take_down()
//!     }
//!
//!     fn owns_loop(&self) -> bool {
//!         true
//!     }
//!
//!     fn run(&self, main_loop: &MainLoop<'_>) -> Result<(), Error> {
//!         while main_loop.step(Duration::from_millis(10)) {
//!             // And what its MPI needs again and again.
//!         }
//!         Ok(())
//!     }
//!
//!     fn prepare(&self, _: &Request<'_>, launch: &Launch<'_>) -> Result<(), Error> {
//!         if launch.kind() == "openmpi" {
//!             launch.word("--bind-to");
//!             launch.word("none");
//!         }
//!         launch.variable("SITE_RANKS", &launch.ranks().to_string());
//!         Ok(())
//!     }
//! }
//!
//! static SITE: Site = Site { mpi: OnceLock::new() };
//!
//! plugin!(SITE, name: "site", release: "1.0.0", description: "the MPI of our site");
//! # fn main() {}
//! ```

mod entry;
mod own;
mod panics;
mod parts;
mod trace;
mod wrapped;

use core::ffi::{CStr, c_char, c_int};
use std::fmt;
use std::time::Duration;

pub use anympi_core::{FnTable, ThreadLevel, abi};
pub use anympi_plugin_api as api;
pub use entry::{Exported, entry, log};
pub use parts::{Launch, MainLoop};
pub use wrapped::Wrapped;

/// Why something failed: one of the header's codes and a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// `ANYMPI_ERROR_...`
    pub code: i32,
    /// The sentence.
    pub message: String,
}

impl Error {
    /// A failure of any sort.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self { code: api::ANYMPI_ERROR_FAILED, message: message.to_string() }
    }

    /// A function of MPI failed.
    pub fn mpi(message: impl fmt::Display) -> Self {
        Self { code: api::ANYMPI_ERROR_MPI, message: message.to_string() }
    }

    /// What the plugin needs is not on this machine.
    pub fn unavailable(message: impl fmt::Display) -> Self {
        Self { code: api::ANYMPI_ERROR_UNAVAILABLE, message: message.to_string() }
    }
}

/// What is asked of a plugin.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The text after the colon in `--mpi=NAME:TEXT`.
    pub argument: &'a str,
    /// The MPI that is wrapped; `None` in [`Plugin::probe`] and [`Plugin::prepare`], and where nothing is wrapped.
    pub wrapped: Option<Wrapped>,
}

/// What a plugin can bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub(crate) source: i32,
    pub(crate) text: String,
    pub(crate) note: String,
}

impl Offer {
    /// Another MPI: the one that the argument names, or any.
    #[must_use]
    pub fn wraps() -> Self {
        Self::wraps_selection("")
    }

    /// Another MPI: the one that this value of `--mpi` means.
    pub fn wraps_selection(selection: impl Into<String>) -> Self {
        Self { source: api::ANYMPI_SOURCE_WRAPS, text: selection.into(), note: String::new() }
    }

    /// The library in a file.
    pub fn library(path: impl Into<String>) -> Self {
        Self { source: api::ANYMPI_SOURCE_LIBRARY, text: path.into(), note: String::new() }
    }

    /// The library that the plugin is linked to.
    #[must_use]
    pub fn linked() -> Self {
        Self { source: api::ANYMPI_SOURCE_PROCESS, text: String::new(), note: String::new() }
    }

    /// Adds a line for `anympi list`.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// `argc` and `argv` of the process, for those who hand them to a library.
pub struct Arguments {
    count: *mut c_int,
    values: *mut *mut *mut c_char,
}

impl Arguments {
    /// `&argc` and `&argv`, as `MPI_Init` takes them. They live as long as the process and may be changed as `MPI_Init` may
    /// change them.
    #[must_use]
    pub fn as_raw(&self) -> (*mut c_int, *mut *mut *mut c_char) {
        (self.count, self.values)
    }
}

/// A plugin. Which thread calls what stands in `anympi_plugin.h`.
pub trait Plugin: Sync {
    /// Says what the plugin would bring, without side effects. MPI may not be called.
    ///
    /// # Errors
    /// Why it can bring nothing here.
    fn probe(&self, request: &Request<'_>) -> Result<Offer, Error>;

    /// Prepares. MPI may not be called yet.
    ///
    /// # Errors
    /// Why the plugin cannot be used.
    fn open(&self, request: &Request<'_>) -> Result<(), Error> {
        let _ = request;
        Ok(())
    }

    /// Whether [`Plugin::bring_up`] and [`Plugin::take_down`] do the work; if not, the host calls `MPI_Init_thread` and
    /// `MPI_Finalize`.
    fn brings_up(&self) -> bool {
        false
    }

    /// Brings MPI up; gives the thread level.
    ///
    /// # Errors
    /// Why it did not come up.
    fn bring_up(&self, arguments: Arguments, wanted: ThreadLevel) -> Result<ThreadLevel, Error> {
        let _ = (arguments, wanted);
        Err(Error::failed("this plugin does not bring MPI up itself"))
    }

    /// Takes MPI down.
    ///
    /// # Errors
    /// Why it did not go down.
    fn take_down(&self) -> Result<(), Error> {
        Err(Error::failed("this plugin does not take MPI down itself"))
    }

    /// Puts functions of the plugin's own into a table that has none; those take the place of the MPI's, which stay in
    /// [`Wrapped::functions`]. Their types are those of the standard ABI, in [`abi`]. Called once; a panic in one of the
    /// functions ends the process, as its caller is C.
    fn replace(&self, functions: &mut FnTable) {
        let _ = functions;
    }

    /// Whether [`Plugin::called`] wants to know of every call of MPI but those of functions that it has replaced; for plugins
    /// that wrap another MPI.
    fn traces(&self) -> bool {
        false
    }

    /// A call of MPI has returned: its name, the error code (0 for functions that return something else), and how long it
    /// took. On the thread that called.
    fn called(&self, function: &'static str, code: c_int, took: Duration) {
        let _ = (function, code, took);
    }

    /// How often [`Plugin::poll`] wants to be called while the engine waits for work, 100 microseconds at least; `None`:
    /// never. Asked once.
    fn poll_interval(&self) -> Option<Duration> {
        None
    }

    /// Makes progress and returns soon; MPI is up. On the main thread. After a panic it is not called any more.
    fn poll(&self) {}

    /// Whether [`Plugin::run`] must be the engine's main loop.
    fn owns_loop(&self) -> bool {
        false
    }

    /// The engine's main loop: calls [`MainLoop::step`] until that returns false. On the main thread; MPI is up.
    ///
    /// # Errors
    /// Why it ends before; the engine then ends too.
    fn run(&self, main_loop: &MainLoop<'_>) -> Result<(), Error> {
        while main_loop.step(Duration::MAX) {}
        Ok(())
    }

    /// A launcher is about to start ranks, and may be given words and variables. MPI may not be called.
    ///
    /// # Errors
    /// Why they cannot be started so.
    fn prepare(&self, request: &Request<'_>, launch: &Launch<'_>) -> Result<(), Error> {
        let _ = (request, launch);
        Ok(())
    }

    /// The end is near; MPI is up, unless the program took it down.
    fn before_shutdown(&self) {}

    /// MPI is down.
    fn after_shutdown(&self) {}

    /// Python statements for the user's namespace, asked once MPI is up.
    fn python_code(&self) -> Option<&'static CStr> {
        None
    }
}

/// Exports a plugin: `plugin!(VALUE, name: "...", release: "...", description: "...");` The texts are literals, or macros that
/// give some, as `env!("CARGO_PKG_VERSION")`.
#[macro_export]
macro_rules! plugin {
    ($plugin:expr, name: $name:expr, release: $release:expr, description: $description:expr $(,)?) => {
        /// The one exported function.
        ///
        /// # Safety
        /// The arguments are what the interface says of the entry.
        // SAFETY: the name that the interface demands.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn anympi_plugin_entry(
            host: *const $crate::api::anympi_host,
            version: *mut u32,
            error: *mut $crate::api::anympi_error,
        ) -> *const $crate::api::anympi_plugin {
            static PLUGIN: $crate::Exported = $crate::Exported::new(
                &$plugin,
                concat!($name, "\0"),
                concat!($release, "\0"),
                concat!($description, "\0"),
            );
            // SAFETY: the host's arguments.
            unsafe { $crate::entry(&PLUGIN, host, version, error) }
        }
    };
}
