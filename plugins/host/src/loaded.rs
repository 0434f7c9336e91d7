//! A plugin in memory: negotiated, its layout checked, its parts at hand.

use core::ffi::{CStr, c_char, c_void};
use std::path::{Path, PathBuf};

use anympi_core::{LoadedLibrary, Visibility};
use anympi_plugin_api::*;

use crate::error::Fault;
use crate::exceptions::Unwinding;
use crate::memory::{Memory, text_in};
use crate::stage::Stage;

/// A loaded plugin. It stays loaded until the process ends.
pub struct Loaded {
    /// The file.
    pub path: PathBuf,
    library: &'static LoadedLibrary,
    plugin: &'static anympi_plugin,
    /// Its part that brings an MPI.
    pub backend: &'static anympi_backend,
    /// What it calls itself.
    pub name: String,
    /// Its version.
    pub release: String,
    /// What it is, in its own words.
    pub description: String,
}

// SAFETY: the structures never change, and their functions say themselves which thread may call them.
unsafe impl Send for Loaded {}
// SAFETY: as above.
unsafe impl Sync for Loaded {}

/// What the host is, for every plugin.
struct Host(anympi_host);
// SAFETY: constant.
unsafe impl Sync for Host {}

static HOST: Host = Host(anympi_host {
    size: size_field::<anympi_host>(),
    abi: ANYMPI_PLUGIN_ABI,
    magic: ANYMPI_PLUGIN_MAGIC,
    name: c"anympi".as_ptr(),
    release: RELEASE.as_ptr().cast(),
    extension: Some(host_extension),
});

const RELEASE: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

static LOG: anympi_log = anympi_log { size: size_field::<anympi_log>(), reserved: 0, write: Some(write_log) };

/// The host, as a plugin sees it.
pub fn host() -> *const anympi_host {
    &raw const HOST.0
}

unsafe extern "C" fn host_extension(_: *const anympi_host, id: *const c_char) -> *const c_void {
    // SAFETY: the interface says that it is a C string.
    if !id.is_null() && unsafe { CStr::from_ptr(id) } == ANYMPI_HOST_LOG {
        return (&raw const LOG).cast();
    }
    core::ptr::null()
}

unsafe extern "C" fn write_log(_: *const anympi_host, level: i32, message: *const c_char) {
    if message.is_null() {
        return;
    }
    // SAFETY: the interface says that it is a C string.
    let message = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    match level {
        ANYMPI_LOG_ERROR.. => tracing::error!("{message}"),
        ANYMPI_LOG_WARNING.. => tracing::warn!("{message}"),
        ANYMPI_LOG_INFO.. => tracing::info!("{message}"),
        _ => tracing::debug!("{message}"),
    }
}

/// An empty error for a plugin to fill.
pub fn empty_error() -> anympi_error {
    anympi_error { size: size_field::<anympi_error>(), code: ANYMPI_OK, message: [0; 1016] }
}

/// What a function returned, as a result.
pub fn outcome(doing: &str, code: i32, error: &anympi_error) -> Result<(), Fault> {
    if code == ANYMPI_OK {
        return Ok(());
    }
    let message = text_in(&error.message, &format!("the error text of {doing}"))?;
    let message = if message.trim().is_empty() {
        let word = match code {
            ANYMPI_ERROR_UNAVAILABLE => "what it needs is not on this machine",
            ANYMPI_ERROR_VERSION => "no common version of the interface",
            ANYMPI_ERROR_ARGUMENT => "the text after its name makes no sense to it",
            ANYMPI_ERROR_MPI => "an MPI function failed",
            _ => "it gave no reason",
        };
        word.to_owned()
    } else {
        message
    };
    Err(Fault::Failed { doing: doing.to_owned(), code, message })
}

impl Loaded {
    /// Loads a file that was inspected, and negotiates.
    pub fn load(path: &Path, visibility: Visibility) -> Result<Self, Fault> {
        Stage::Loading.enter();
        // Its symbols are for nobody else; within a library that exports MPI_ itself it must find its own MPI.
        let visibility = if visibility == Visibility::Isolated { visibility } else { Visibility::Local };
        let library = LoadedLibrary::open(path, visibility).map_err(Fault::Load)?;
        let entry = library.symbol(ANYMPI_PLUGIN_ENTRY);
        let memory = Memory::now();
        memory.function(entry.addr(), "anympi_plugin_entry").map_err(|_| Fault::NoEntry)?;
        // SAFETY: a function of that name has that type.
        let entry =
            unsafe { core::mem::transmute::<*const c_void, anympi_plugin_entry_function>(entry) }.unwinding();
        let mut version = ANYMPI_PLUGIN_ABI;
        let mut error = empty_error();
        // SAFETY: host lives for ever, the others outlive the call.
        let plugin = Stage::Entry.call(|| unsafe { entry(host(), &raw mut version, &raw mut error) })?;
        if plugin.is_null() {
            if version > ANYMPI_PLUGIN_ABI {
                return Err(Fault::TooNew { needs: version, speaks: ANYMPI_PLUGIN_ABI });
            }
            outcome("anympi_plugin_entry", error.code, &error)?;
            return Err(Fault::Nothing);
        }
        let memory = Memory::now();
        let plugin = memory.structure(plugin, "the structure of the plugin")?;
        if plugin.magic != ANYMPI_PLUGIN_MAGIC {
            return Err(Fault::Magic(plugin.magic));
        }
        let speaks = if version == ANYMPI_PLUGIN_ABI { plugin.abi } else { version };
        match speaks {
            ANYMPI_PLUGIN_ABI => {}
            ..ANYMPI_PLUGIN_ABI => return Err(Fault::TooOld { speaks, needs: ANYMPI_PLUGIN_ABI }),
            _ => return Err(Fault::TooNew { needs: speaks, speaks: ANYMPI_PLUGIN_ABI }),
        }
        let name = memory.text(plugin.name, "name")?;
        if !is_name(&name) {
            return Err(Fault::Name(name));
        }
        let release = memory.text(plugin.release, "release")?;
        let description = memory.text(plugin.description, "description")?;
        memory.function(plugin.extension.map_or(0, |it| it as usize), "extension")?;
        let backend = part::<anympi_backend>(plugin, ANYMPI_PLUGIN_BACKEND)?
            .ok_or_else(|| Fault::Lacks("the part anympi.backend/1".to_owned()))?;
        let memory = Memory::now();
        memory.function(backend.probe.map_or(0, |it| it as usize), "anympi_backend.probe")?;
        for (address, what) in [
            (backend.open.map(|it| it as usize), "anympi_backend.open"),
            (backend.symbol.map(|it| it as usize), "anympi_backend.symbol"),
            (backend.bring_up.map(|it| it as usize), "anympi_backend.bring_up"),
            (backend.take_down.map(|it| it as usize), "anympi_backend.take_down"),
        ] {
            if let Some(address) = address {
                memory.function(address, what)?;
            }
        }
        Ok(Self { path: path.to_owned(), library, plugin, backend, name, release, description })
    }

    /// A part of the plugin, if it has it.
    pub fn part<T>(&self, id: &'static CStr) -> Result<Option<&'static T>, Fault> {
        part(self.plugin, id)
    }

    /// Calls the entry once more, as a host of that version would: the structure's address, the version, the error.
    pub fn enter_as(&self, abi: u32) -> Result<(usize, u32, anympi_error), Fault> {
        let entry = self.library.symbol(ANYMPI_PLUGIN_ENTRY);
        // SAFETY: checked when it was loaded.
        let entry =
            unsafe { core::mem::transmute::<*const c_void, anympi_plugin_entry_function>(entry) }.unwinding();
        let mut version = abi;
        let mut error = empty_error();
        // SAFETY: as in `load`.
        let plugin = Stage::Entry.call(|| unsafe { entry(host(), &raw mut version, &raw mut error) })?;
        Ok((plugin.addr(), version, error))
    }

    /// The address of the structure that the entry returned.
    pub fn address(&self) -> usize {
        core::ptr::from_ref(self.plugin).addr()
    }

    /// The file that defines a symbol which the plugin, or what it is linked to, has.
    pub fn file_of(&self, symbol: &'static CStr) -> Option<PathBuf> {
        let address = self.library.symbol(symbol);
        if address.is_null() {
            return None;
        }
        // SAFETY: an address within a loaded object, and a structure for the answer, whose name lives with the object.
        unsafe {
            let mut info: libc::Dl_info = core::mem::zeroed();
            if libc::dladdr(address, &raw mut info) == 0 || info.dli_fname.is_null() {
                return None;
            }
            let bytes = CStr::from_ptr(info.dli_fname).to_bytes();
            Some(PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)))
        }
    }

    /// Whether the MPI that the plugin is linked to has been initialised or finalized; false without one.
    pub fn mpi_was_called(&self) -> bool {
        [c"MPI_Initialized", c"MPI_Finalized"].into_iter().any(|name| {
            let function = self.library.symbol(name);
            let mut flag = 0;
            if !function.is_null() {
                // SAFETY: that function has this signature in every ABI, and is legal in every state.
                unsafe {
                    let function =
                        core::mem::transmute::<*const c_void, unsafe extern "C" fn(*mut i32) -> i32>(function);
                    function(&raw mut flag);
                }
            }
            flag != 0
        })
    }

    /// The plugin's own function of a name.
    pub fn own_function(&self, name: &CStr) -> Result<*const c_void, Fault> {
        let Some(symbol) = self.backend.symbol.map(Unwinding::unwinding) else {
            return Ok(core::ptr::null());
        };
        // SAFETY: a C string.
        let function = Stage::Symbol.call(|| unsafe { symbol(name.as_ptr()) })?;
        Ok(function.map_or(core::ptr::null(), |function| function as *const c_void))
    }
}

fn part<T>(plugin: &'static anympi_plugin, id: &'static CStr) -> Result<Option<&'static T>, Fault> {
    let Some(extension) = plugin.extension.map(Unwinding::unwinding) else { return Ok(None) };
    // SAFETY: a C string that lives for ever.
    let pointer = Stage::Extension.call(|| unsafe { extension(id.as_ptr()) })?;
    if pointer.is_null() {
        return Ok(None);
    }
    Memory::now().structure(pointer.cast::<T>(), &id.to_string_lossy()).map(Some)
}

/// A lower-case letter, then at most 63 of a-z, 0-9, _ and -.
fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
}
