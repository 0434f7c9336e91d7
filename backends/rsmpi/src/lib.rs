//! `--mpi=rsmpi`: MPI comes up through the crate [`mpi`], on whatever MPI this machine has.
//!
//! `--mpi=rsmpi:openmpi` and the like say on which: what follows the colon is any value of `--mpi`. The crate is built once,
//! against the standard ABI. The host opens the MPI and hands out its functions in that ABI; see [`symbols`].

mod symbols;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::catch_unwind;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use anympi_plugin_api::*;
use mpi::Threading;
use mpi::environment::{Universe, initialize_with_threading};

/// Finalizes MPI when it is dropped.
static UNIVERSE: Mutex<Option<Universe>> = Mutex::new(None);

/// Brings MPI up and returns the level that it grants.
fn bring_up(wanted: i32) -> Result<i32, &'static str> {
    let wanted = match wanted {
        ..ANYMPI_THREAD_FUNNELED => Threading::Single,
        ANYMPI_THREAD_FUNNELED..ANYMPI_THREAD_SERIALIZED => Threading::Funneled,
        ANYMPI_THREAD_SERIALIZED..ANYMPI_THREAD_MULTIPLE => Threading::Serialized,
        ANYMPI_THREAD_MULTIPLE.. => Threading::Multiple,
    };
    let (universe, granted) = initialize_with_threading(wanted).ok_or("MPI is initialised already")?;
    *UNIVERSE.lock().unwrap_or_else(PoisonError::into_inner) = Some(universe);
    Ok(match granted {
        Threading::Single => ANYMPI_THREAD_SINGLE,
        Threading::Funneled => ANYMPI_THREAD_FUNNELED,
        Threading::Serialized => ANYMPI_THREAD_SERIALIZED,
        Threading::Multiple => ANYMPI_THREAD_MULTIPLE,
    })
}

/// Takes MPI down.
fn take_down() {
    drop(UNIVERSE.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// What the host calls. No panic leaves any of these functions.
mod boundary {
    use super::*;

    struct Shared<T>(T);

    // SAFETY: names and functions that never change.
    unsafe impl<T> Sync for Shared<T> {}

    static BACKEND: anympi_backend = anympi_backend {
        size: size_field::<anympi_backend>(),
        reserved: 0,
        probe: Some(probe),
        open: Some(open),
        symbol: None,
        bring_up: Some(start),
        take_down: Some(stop),
    };

    static PLUGIN: Shared<anympi_plugin> = Shared(anympi_plugin {
        size: size_field::<anympi_plugin>(),
        abi: ANYMPI_PLUGIN_ABI,
        magic: ANYMPI_PLUGIN_MAGIC,
        name: c"rsmpi".as_ptr(),
        release: concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast(),
        description: c"MPI through the Rust crate mpi, on any MPI".as_ptr(),
        extension: Some(extension),
    });

    /// Writes the sentence of a failure, cut to what the host has room for.
    unsafe fn fail(error: *mut anympi_error, code: i32, sentence: &str) -> i32 {
        // SAFETY: the host's memory, which nobody else uses during the call; a NUL follows.
        unsafe {
            (*error).code = code;
            let message = &mut (*error).message;
            let length = sentence.len().min(message.len() - 1);
            for (place, byte) in message.iter_mut().zip(&sentence.as_bytes()[..length]) {
                *place = byte.cast_signed();
            }
            message[length] = 0;
        }
        code
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn anympi_plugin_entry(
        _host: *const anympi_host,
        version: *mut u32,
        error: *mut anympi_error,
    ) -> *const anympi_plugin {
        // SAFETY: the host's memory, which nobody else uses during the call.
        unsafe {
            if *version < ANYMPI_PLUGIN_ABI {
                *version = ANYMPI_PLUGIN_ABI;
                fail(error, ANYMPI_ERROR_VERSION, "this plugin speaks version 1 of the interface");
                return ptr::null();
            }
            *version = ANYMPI_PLUGIN_ABI;
        }
        &raw const PLUGIN.0
    }

    unsafe extern "C" fn extension(id: *const c_char) -> *const c_void {
        // SAFETY: a string of the host's.
        if unsafe { CStr::from_ptr(id) } == ANYMPI_PLUGIN_BACKEND {
            (&raw const BACKEND).cast()
        } else {
            ptr::null()
        }
    }

    unsafe extern "C" fn probe(
        _request: *const anympi_request,
        offer: *mut anympi_offer,
        _error: *mut anympi_error,
    ) -> i32 {
        // SAFETY: the host's memory; `wraps` stays empty, which stands for the text after the colon.
        unsafe {
            (*offer).source = ANYMPI_SOURCE_WRAPS;
        }
        ANYMPI_OK
    }

    unsafe extern "C" fn open(request: *const anympi_request, error: *mut anympi_error) -> i32 {
        // SAFETY: the host's; what is wrapped lives as long as the process, and gives functions of the standard ABI.
        unsafe {
            let wrapped = (*request).wrapped;
            let Some(symbol) = wrapped.as_ref().and_then(|wrapped| wrapped.symbol) else {
                return fail(error, ANYMPI_ERROR_FAILED, "the host gave no MPI to wrap");
            };
            symbols::connect(&mut |name| {
                symbol(wrapped, name.as_ptr()).map_or(ptr::null(), |found| found as *const c_void)
            });
        }
        ANYMPI_OK
    }

    unsafe extern "C" fn start(
        _count: *mut c_int,
        _arguments: *mut *mut *mut c_char,
        wanted: i32,
        granted: *mut i32,
        error: *mut anympi_error,
    ) -> i32 {
        // SAFETY: the host's memory.
        unsafe {
            match catch_unwind(|| bring_up(wanted)) {
                Ok(Ok(level)) => {
                    *granted = level;
                    ANYMPI_OK
                }
                Ok(Err(sentence)) => fail(error, ANYMPI_ERROR_MPI, sentence),
                Err(_) => fail(error, ANYMPI_ERROR_FAILED, "the crate mpi panicked while it brought MPI up"),
            }
        }
    }

    unsafe extern "C" fn stop(error: *mut anympi_error) -> i32 {
        match catch_unwind(take_down) {
            Ok(()) => ANYMPI_OK,
            // SAFETY: the host's memory.
            Err(_) => unsafe {
                fail(error, ANYMPI_ERROR_FAILED, "the crate mpi panicked while it took MPI down")
            },
        }
    }
}
