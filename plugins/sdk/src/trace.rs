//! A function around each function of MPI, which tells the plugin of the call.

use core::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anympi_core::kinds::*;
use anympi_core::{FnTable, mpi_functions};
use anympi_plugin_api::{anympi_function, anympi_wrapped};

use crate::entry::plugin;

/// The functions of the MPI that is wrapped.
static ORIGINAL: OnceLock<FnTable> = OnceLock::new();

/// Keeps the functions of the MPI that is wrapped.
pub fn remember(wrapped: &'static anympi_wrapped) {
    let Some(symbol) = wrapped.symbol else { return };
    ORIGINAL.get_or_init(|| {
        // SAFETY: the interface says that these are the functions of these names in the standard ABI, for ever.
        unsafe {
            FnTable::direct(&mut |name| {
                let function = symbol(wrapped, name.as_ptr().cast::<c_char>());
                function.map_or(core::ptr::null(), |function| function as *const c_void)
            })
        }
    });
}

/// Tells the plugin; its panic must not reach MPI's caller.
fn called(function: &'static str, code: c_int, took: Duration) {
    if let Some(plugin) = plugin() {
        let telling = std::panic::AssertUnwindSafe(|| plugin.called(function, code, took));
        if std::panic::catch_unwind(telling).is_err() {
            crate::log(
                anympi_plugin_api::ANYMPI_LOG_ERROR,
                "the plugin panicked while it was told of a call",
            );
        }
    }
}

macro_rules! traced {
    ($($(#[$own:ident $(($small:ident))?])? fn $function:ident($($parameter:ident: $kind:ty $([$($related:ident),+])?),*) -> $return:ident;)*) => {
        #[allow(non_snake_case, reason = "MPI's own names")]
        mod traced {
            use super::*;
            $(
                pub(super) unsafe extern "C" fn $function($($parameter: <$kind as Kind>::Outer),*) -> <$return as Return>::Value {
                    let Some(original) = ORIGINAL.get() else { return <$return as Return>::UNSUPPORTED };
                    let start = Instant::now();
                    // SAFETY: the caller's arguments.
                    let value = unsafe { (original.$function)($($parameter),*) };
                    called(stringify!($function), <$return as Return>::code(value), start.elapsed());
                    value
                }
            )*
        }

        /// The function around the one of that name.
        pub fn function(name: &str) -> anympi_function {
            let address = match name {
                $(stringify!($function) => traced::$function as *const c_void,)*
                _ => return None,
            };
            // SAFETY: a function; whoever calls it knows its type by its name.
            Some(unsafe { core::mem::transmute::<*const c_void, unsafe extern "C" fn()>(address) })
        }
    };
}

mpi_functions!(traced);
