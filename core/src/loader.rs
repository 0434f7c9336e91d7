//! Loading a library for the life of the process, and looking symbols up in it.

use core::ffi::{CStr, c_void};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW};

/// Who can see the symbols of a loaded library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Only those who ask for them: the choice for a program that uses the function table alone.
    Local,
    /// Every library loaded later: what extensions of the host, such as mpi4py's, need to bind to this very library.
    Global,
    /// As `Local`, and the library resolves its own symbols first: for a host that itself exports `MPI_` symbols, which
    /// the library's inner calls must not reach.
    Isolated,
}

/// While it is held, no thread is loading a library by [`LoadedLibrary::open`].
///
/// For those who fork: a child in whose memory the dynamic linker was interrupted can load nothing.
pub fn pause_loading() -> MutexGuard<'static, ()> {
    static LOADING: Mutex<()> = Mutex::new(());
    LOADING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A library that stays loaded until the process ends: neither MPI nor its plugins survive being unloaded.
#[derive(Debug)]
pub struct LoadedLibrary {
    library: Library,
}

impl LoadedLibrary {
    /// Loads a file. Its initialisers run; no MPI function is called.
    ///
    /// # Errors
    /// The dynamic linker's own words.
    pub fn open(path: &Path, visibility: Visibility) -> Result<&'static Self, String> {
        let scope = match visibility {
            Visibility::Local => RTLD_LOCAL,
            Visibility::Global => RTLD_GLOBAL,
            Visibility::Isolated => RTLD_LOCAL | libc::RTLD_DEEPBIND,
        };
        let alone = pause_loading();
        // SAFETY: the file was inspected and is an MPI library; its initialisers are trusted as the user trusts it.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | scope) };
        drop(alone);
        let library = library.map_err(|error| {
            let source = std::error::Error::source(&error);
            source.map_or_else(|| error.to_string(), ToString::to_string)
        })?;
        Ok(Box::leak(Box::new(Self { library })))
    }

    /// The address of a symbol, or null.
    #[must_use]
    pub fn symbol(&self, name: &CStr) -> *const c_void {
        // SAFETY: only the address is taken.
        let found = unsafe { self.library.get::<*const c_void>(name) };
        found.map_or(core::ptr::null(), |symbol| symbol.as_raw_ptr().cast_const())
    }
}
