//! The functions of MPI that the crate `mpi` is linked to: each jumps through the table of the MPI that the host opened.
//!
//! They are in this library and hidden in it: its calls are bound to them when it is linked, so the file needs no MPI to be
//! loaded and no other MPI in the process takes their place; nor do they take the place of an MPI for anybody else.

use std::arch::global_asm;

use anympi_core::kinds::{Kind, Return, *};
use anympi_core::{FnTable, Slot, mpi_functions};

/// The table of the wrapped MPI; filled before the first call.
static TABLE: Slot<FnTable> = Slot::empty();

/// Fills the table, once, with the functions of the wrapped MPI.
pub fn connect(functions: &FnTable) {
    // A second call changes nothing.
    drop(TABLE.fill(functions.clone()));
}

macro_rules! symbols {
    ($($(#[$own:ident $(($small:ident))?])? fn $function:ident($($parameter:ident: $kind:ty $([$($related:ident),+])?),*) -> $return:ident;)*) => {
        #[allow(non_snake_case, reason = "MPI's own names")]
        mod mpi {
            use super::*;
            $(
                // SAFETY: the C function of that name and signature.
                #[unsafe(no_mangle)]
                unsafe extern "C" fn $function($($parameter: <$kind as Kind>::Outer),*) -> <$return as Return>::Value {
                    // SAFETY: nothing calls MPI before `connect`, which happens on the same thread; the caller's arguments.
                    unsafe { (TABLE.get_unchecked().$function)($($parameter),*) }
                }
            )*
        }

        // `no_mangle` exports; only the assembler can take that back. It works within one object file, hence the one
        // codegen unit of the profiles.
        global_asm!($(concat!(".hidden ", stringify!($function)),)*);
    };
}

mpi_functions!(symbols);
