//! The C side of a plugin: every function catches panics and turns results into codes and texts.

use core::ffi::{CStr, c_char, c_int, c_void};
use std::ffi::CString;
use std::sync::OnceLock;

use anympi_plugin_api::*;

use anympi_core::ThreadLevel;

use crate::{Arguments, Error, Offer, Plugin, Request, Wrapped, own, panics, parts};

/// A plugin with its texts.
pub struct Exported {
    plugin: &'static dyn Plugin,
    outside: anympi_plugin,
}

// SAFETY: the pointers are to texts that live for ever, and the plugin is Sync.
unsafe impl Sync for Exported {}

impl Exported {
    /// A plugin with its texts, each of which ends with NUL.
    #[must_use]
    pub const fn new(
        plugin: &'static dyn Plugin,
        name: &'static str,
        release: &'static str,
        description: &'static str,
    ) -> Self {
        let outside = anympi_plugin {
            size: size_field::<anympi_plugin>(),
            abi: ANYMPI_PLUGIN_ABI,
            magic: ANYMPI_PLUGIN_MAGIC,
            name: name.as_ptr().cast(),
            release: release.as_ptr().cast(),
            description: description.as_ptr().cast(),
            extension: Some(extension),
        };
        Self { plugin, outside }
    }
}

/// The plugin of this library.
static PLUGIN: OnceLock<&'static Exported> = OnceLock::new();
/// The host, by its address.
static HOST: OnceLock<usize> = OnceLock::new();

fn plugin() -> Option<&'static dyn Plugin> {
    PLUGIN.get().map(|exported| exported.plugin)
}

/// What [`crate::plugin!`] calls.
///
/// # Safety
/// The arguments are what the interface says of the entry.
pub unsafe fn entry(
    exported: &'static Exported,
    host: *const anympi_host,
    version: *mut u32,
    error: *mut anympi_error,
) -> *const anympi_plugin {
    // SAFETY: the host's variable.
    let Some(version) = (unsafe { version.as_mut() }) else { return core::ptr::null() };
    if *version < ANYMPI_PLUGIN_ABI {
        *version = ANYMPI_PLUGIN_ABI;
        let message = "this plugin speaks version 1 of the interface and no older one".to_owned();
        report(error, Err(Error { code: ANYMPI_ERROR_VERSION, message }));
        return core::ptr::null();
    }
    *version = ANYMPI_PLUGIN_ABI;
    let _ = HOST.set(host.expose_provenance());
    &raw const PLUGIN.get_or_init(|| exported).outside
}

/// Writes a line to the host's log; `level` is one of `ANYMPI_LOG_...`.
pub fn log(level: i32, message: &str) {
    let Some(&host) = HOST.get() else { return };
    let host = core::ptr::with_exposed_provenance::<anympi_host>(host);
    let text = c_text(message);
    // SAFETY: the host lives as long as the process, and its part is what the interface says.
    unsafe {
        if let Some(extension) = (*host).extension
            && let Some(log) = extension(host, ANYMPI_HOST_LOG.as_ptr()).cast::<anympi_log>().as_ref()
            && let Some(write) = log.write
        {
            write(host, level, text.as_ptr());
        }
    }
}

/// Copies a text into the host's memory, as much as fits, and ends it.
fn copy(text: &str, buffer: &mut [c_char]) {
    let mut length = text.len().min(buffer.len().saturating_sub(1));
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    for (place, byte) in buffer.iter_mut().zip(text.as_bytes()[..length].iter().chain([&0])) {
        *place = byte.cast_signed();
    }
}

/// A C string of a text, with spaces for what would end it.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).unwrap_or_default()
}

/// A text of the host's; empty where there is none.
///
/// # Safety
/// Null or a C string that lives long enough.
pub(crate) unsafe fn text<'a>(pointer: *const c_char) -> &'a str {
    if pointer.is_null() {
        return "";
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(pointer) }.to_str().unwrap_or_default()
}

pub(crate) fn report(error: *mut anympi_error, result: Result<(), Error>) -> i32 {
    let Err(failure) = result else { return ANYMPI_OK };
    // SAFETY: the host's structure, or null.
    if let Some(error) = unsafe { error.as_mut() } {
        error.code = failure.code;
        copy(&failure.message.replace('\0', " "), &mut error.message);
    }
    failure.code
}

/// Runs a function of the plugin; a panic is a failure.
pub(crate) fn caught<T>(work: impl FnOnce(&'static dyn Plugin) -> Result<T, Error>) -> Result<T, Error> {
    let Some(plugin) = plugin() else { return Err(Error::failed("the entry was not called")) };
    panics::caught(|| work(plugin)).unwrap_or_else(|panic| Err(Error::failed(panic)))
}

/// # Safety
/// A request of the host, of which nothing but what is wrapped outlives the call.
pub(crate) unsafe fn request<'a>(request: *const anympi_request) -> Request<'a> {
    // SAFETY: the host's structures and texts; what is wrapped lives as long as the process.
    unsafe {
        Request {
            argument: text((*request).argument),
            wrapped: (*request).wrapped.as_ref().map(Wrapped::new),
        }
    }
}

unsafe extern "C" fn probe(
    asked: *const anympi_request,
    offer: *mut anympi_offer,
    error: *mut anympi_error,
) -> i32 {
    // SAFETY: the host's arguments.
    let asked = unsafe { request(asked) };
    let result = caught(|plugin| plugin.probe(&asked)).map(|Offer { source, text, note }| {
        // SAFETY: the host's structure.
        if let Some(offer) = unsafe { offer.as_mut() } {
            offer.source = source;
            match source {
                ANYMPI_SOURCE_LIBRARY => copy(&text, &mut offer.library),
                _ => copy(&text, &mut offer.wraps),
            }
            copy(&note, &mut offer.note);
        }
    });
    report(error, result)
}

unsafe extern "C" fn open(asked: *const anympi_request, error: *mut anympi_error) -> i32 {
    // SAFETY: the host's arguments.
    let asked = unsafe { request(asked) };
    report(error, caught(|plugin| plugin.open(&asked)))
}

unsafe extern "C" fn symbol(name: *const c_char) -> anympi_function {
    // SAFETY: a C string of the host.
    own::function(unsafe { text(name) })
}

unsafe extern "C" fn bring_up(
    count: *mut c_int,
    values: *mut *mut *mut c_char,
    wanted: i32,
    granted: *mut i32,
    error: *mut anympi_error,
) -> i32 {
    let wanted = ThreadLevel::from_value(wanted);
    let result = caught(|plugin| plugin.bring_up(Arguments { count, values }, wanted));
    let result = result.map(|level| {
        // SAFETY: the host's variable.
        if let Some(granted) = unsafe { granted.as_mut() } {
            *granted = level.value();
        }
    });
    report(error, result)
}

unsafe extern "C" fn take_down(error: *mut anympi_error) -> i32 {
    report(error, caught(|plugin| plugin.take_down()))
}

static BACKEND: anympi_backend = anympi_backend {
    size: size_field::<anympi_backend>(),
    reserved: 0,
    probe: Some(probe),
    open: Some(open),
    symbol: Some(symbol),
    bring_up: None,
    take_down: None,
};

static BACKEND_THAT_BRINGS_UP: anympi_backend =
    anympi_backend { bring_up: Some(bring_up), take_down: Some(take_down), ..BACKEND };

unsafe extern "C" fn extension(id: *const c_char) -> *const c_void {
    // SAFETY: a C string of the host.
    let id = unsafe { CStr::from_ptr(id) };
    if id == ANYMPI_PLUGIN_BACKEND {
        let brings_up = caught(|plugin| Ok(plugin.brings_up())).unwrap_or(false);
        return core::ptr::from_ref(if brings_up { &BACKEND_THAT_BRINGS_UP } else { &BACKEND }).cast();
    }
    parts::part(id)
}
