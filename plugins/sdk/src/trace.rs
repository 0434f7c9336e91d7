//! A function around each function of MPI, which tells the plugin of the call.

use core::ffi::{c_int, c_void};
use std::time::{Duration, Instant};

use anympi_core::kinds::*;
use anympi_core::mpi_functions;
use anympi_plugin_api::anympi_function;

use crate::parts::logged;
use crate::wrapped::functions;

/// Tells the plugin; its panic must not reach MPI's caller.
fn called(function: &'static str, code: c_int, took: Duration) {
    logged("called", |plugin| plugin.called(function, code, took));
}

macro_rules! traced {
    ($($(#[$own:ident $(($small:ident))?])? fn $function:ident($($parameter:ident: $kind:ty $([$($related:ident),+])?),*) -> $return:ident;)*) => {
        #[allow(non_snake_case, reason = "MPI's own names")]
        mod traced {
            use super::*;
            $(
                pub(super) unsafe extern "C" fn $function($($parameter: <$kind as Kind>::Outer),*) -> <$return as Return>::Value {
                    let Some(original) = functions() else { return <$return as Return>::UNSUPPORTED };
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
