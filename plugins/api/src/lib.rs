//! `anympi_plugin.h` in Rust: the same structures, field by field.
//!
//! What each field means, who owns it and which thread may use it stands in the header, [`HEADER`], and nowhere else. A
//! test compiles the header and compares every size and offset with this file.

#![no_std]
#![expect(non_camel_case_types, reason = "the names of the header")]
#![expect(missing_docs, reason = "the header documents every field")]

use core::ffi::{CStr, c_char, c_int, c_void};

/// The header itself, for those who write it into a directory of somebody's own.
pub const HEADER: &str = include_str!("../include/anympi_plugin.h");

pub const ANYMPI_PLUGIN_ABI: u32 = 1;
pub const ANYMPI_PLUGIN_MAGIC: u64 = 0x4c50_4950_4d59_4e41;

pub const ANYMPI_OK: i32 = 0;
pub const ANYMPI_ERROR_UNAVAILABLE: i32 = 1;
pub const ANYMPI_ERROR_VERSION: i32 = 2;
pub const ANYMPI_ERROR_ARGUMENT: i32 = 3;
pub const ANYMPI_ERROR_MPI: i32 = 4;
pub const ANYMPI_ERROR_FAILED: i32 = 5;

pub const ANYMPI_THREAD_SINGLE: i32 = 0;
pub const ANYMPI_THREAD_FUNNELED: i32 = 1024;
pub const ANYMPI_THREAD_SERIALIZED: i32 = 2048;
pub const ANYMPI_THREAD_MULTIPLE: i32 = 4096;

pub const ANYMPI_SOURCE_LIBRARY: i32 = 1;
pub const ANYMPI_SOURCE_PROCESS: i32 = 2;
pub const ANYMPI_SOURCE_WRAPS: i32 = 3;
pub const ANYMPI_SOURCE_OWN: i32 = 4;

pub const ANYMPI_FAMILY_UNKNOWN: i32 = 0;
pub const ANYMPI_FAMILY_OPENMPI: i32 = 1;
pub const ANYMPI_FAMILY_MPICH: i32 = 2;
pub const ANYMPI_FAMILY_STANDARD: i32 = 3;

pub const ANYMPI_LOG_DEBUG: i32 = 10;
pub const ANYMPI_LOG_INFO: i32 = 20;
pub const ANYMPI_LOG_WARNING: i32 = 30;
pub const ANYMPI_LOG_ERROR: i32 = 40;

pub const ANYMPI_PLUGIN_ENTRY: &CStr = c"anympi_plugin_entry";
pub const ANYMPI_HOST_LOG: &CStr = c"anympi.log/1";
pub const ANYMPI_PLUGIN_BACKEND: &CStr = c"anympi.backend/1";
pub const ANYMPI_PLUGIN_PROGRESS: &CStr = c"anympi.progress/1";
pub const ANYMPI_PLUGIN_MAIN_LOOP: &CStr = c"anympi.main_loop/1";
pub const ANYMPI_PLUGIN_LAUNCHING: &CStr = c"anympi.launching/1";
pub const ANYMPI_PLUGIN_SHUTDOWN: &CStr = c"anympi.shutdown/1";
pub const ANYMPI_PLUGIN_PYTHON: &CStr = c"anympi.python/1";

pub type anympi_function = Option<unsafe extern "C" fn()>;

pub type anympi_plugin_entry_function =
    unsafe extern "C" fn(*const anympi_host, *mut u32, *mut anympi_error) -> *const anympi_plugin;

/// Defines structures, and lists their fields so that tests can compare the layout.
macro_rules! structures {
    ($($name:ident { $($field:ident: $kind:ty,)* })*) => {
        $(
            #[derive(Clone, Copy)]
            #[repr(C)]
            pub struct $name {
                $(pub $field: $kind,)*
            }
        )*

        /// Name, size, and name and offset of each field, of every structure.
        pub const LAYOUT: &[(&str, usize, &[(&str, usize)])] = &[
            $((
                stringify!($name),
                size_of::<$name>(),
                &[$((stringify!($field), core::mem::offset_of!($name, $field)),)*],
            ),)*
        ];
    };
}

structures! {
    anympi_error {
        size: u32,
        code: i32,
        message: [c_char; 1016],
    }
    anympi_host {
        size: u32,
        abi: u32,
        magic: u64,
        name: *const c_char,
        release: *const c_char,
        extension: Option<unsafe extern "C" fn(*const anympi_host, *const c_char) -> *const c_void>,
    }
    anympi_log {
        size: u32,
        reserved: u32,
        write: Option<unsafe extern "C" fn(*const anympi_host, i32, *const c_char)>,
    }
    anympi_plugin {
        size: u32,
        abi: u32,
        magic: u64,
        name: *const c_char,
        release: *const c_char,
        description: *const c_char,
        extension: Option<unsafe extern "C" fn(*const c_char) -> *const c_void>,
    }
    anympi_request {
        size: u32,
        reserved: u32,
        argument: *const c_char,
        wrapped: *const anympi_wrapped,
    }
    anympi_offer {
        size: u32,
        source: i32,
        family: i32,
        reserved: u32,
        library: [c_char; 4096],
        wraps: [c_char; 4096],
        note: [c_char; 512],
    }
    anympi_wrapped {
        size: u32,
        family: i32,
        selection: *const c_char,
        library: *const c_char,
        symbol: Option<unsafe extern "C" fn(*const anympi_wrapped, *const c_char) -> anympi_function>,
    }
    anympi_backend {
        size: u32,
        reserved: u32,
        probe: Option<unsafe extern "C" fn(*const anympi_request, *mut anympi_offer, *mut anympi_error) -> i32>,
        open: Option<unsafe extern "C" fn(*const anympi_request, *mut anympi_error) -> i32>,
        symbol: Option<unsafe extern "C" fn(*const c_char) -> anympi_function>,
        bring_up: Option<
            unsafe extern "C" fn(*mut c_int, *mut *mut *mut c_char, i32, *mut i32, *mut anympi_error) -> i32,
        >,
        take_down: Option<unsafe extern "C" fn(*mut anympi_error) -> i32>,
    }
    anympi_progress {
        size: u32,
        interval: u32,
        poll: Option<unsafe extern "C" fn()>,
    }
    anympi_loop {
        size: u32,
        reserved: u32,
        data: *mut c_void,
        step: Option<unsafe extern "C" fn(*const anympi_loop, i32) -> i32>,
    }
    anympi_main_loop {
        size: u32,
        reserved: u32,
        run: Option<unsafe extern "C" fn(*const anympi_loop, *mut anympi_error) -> i32>,
    }
    anympi_launch {
        size: u32,
        ranks: u32,
        launcher: *const c_char,
        kind: *const c_char,
        data: *mut c_void,
        word: Option<unsafe extern "C" fn(*const anympi_launch, *const c_char)>,
        variable: Option<unsafe extern "C" fn(*const anympi_launch, *const c_char, *const c_char)>,
    }
    anympi_launching {
        size: u32,
        reserved: u32,
        prepare: Option<
            unsafe extern "C" fn(*const anympi_request, *const anympi_launch, *mut anympi_error) -> i32,
        >,
    }
    anympi_shutdown {
        size: u32,
        reserved: u32,
        before: Option<unsafe extern "C" fn()>,
        after: Option<unsafe extern "C" fn()>,
    }
    anympi_python {
        size: u32,
        reserved: u32,
        code: Option<unsafe extern "C" fn() -> *const c_char>,
    }
}

/// The size that goes into the first field of a structure.
#[must_use]
pub const fn size_field<T>() -> u32 {
    // Every structure of the header is smaller than 4 GiB by far.
    size_of::<T>() as u32
}
