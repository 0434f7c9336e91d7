//! The exported symbols. Each jumps through the table; until the first call the table is one that chooses a library.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use anympi::kinds::*;
use anympi::{FnTable, mpi_functions};

use crate::choice;

/// Marks this library for those who look for an MPI to put below it.
// SAFETY: a name that nobody else uses.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "a symbol of C")]
static anympi_library: u8 = 1;

/// The table in use.
static TABLE: AtomicPtr<FnTable> = AtomicPtr::new((&raw const FIRST_CALL).cast_mut());

/// The chosen table, chosen now if it was not before.
fn chosen() -> &'static FnTable {
    static CHOSEN: OnceLock<&'static FnTable> = OnceLock::new();
    let table = *CHOSEN.get_or_init(choice::table);
    TABLE.store(std::ptr::from_ref(table).cast_mut(), Ordering::Release);
    table
}

macro_rules! exports {
    ($($(#[$own:ident $(($small:ident))?])? fn $function:ident($($parameter:ident: $kind:ty $([$($related:ident),+])?),*) -> $return:ident;)*) => {
        /// The table before the first call: every slot chooses the library, then does what was asked.
        static FIRST_CALL: FnTable = FnTable {
            size: size_of::<FnTable>(),
            $($function: first_call::$function,)*
        };

        #[allow(non_snake_case, reason = "MPI's own names")]
        mod first_call {
            use super::*;
            $(
                pub(super) unsafe extern "C" fn $function($($parameter: <$kind as Kind>::Outer),*) -> <$return as Return>::Value {
                    // SAFETY: the caller's arguments.
                    unsafe { (chosen().$function)($($parameter),*) }
                }
            )*
        }

        #[allow(non_snake_case, reason = "MPI's own names")]
        mod mpi {
            use super::*;
            $(
                // SAFETY: the C function of that name and signature.
                #[unsafe(no_mangle)]
                unsafe extern "C" fn $function($($parameter: <$kind as Kind>::Outer),*) -> <$return as Return>::Value {
                    // SAFETY: the pointer always leads to a table; the caller's arguments.
                    unsafe { ((*TABLE.load(Ordering::Relaxed)).$function)($($parameter),*) }
                }
            )*
        }

        #[allow(non_snake_case, reason = "MPI's own names")]
        mod pmpi {
            use super::*;
            $(
                // SAFETY: the C function of that name and signature.
                #[unsafe(export_name = concat!("P", stringify!($function)))]
                unsafe extern "C" fn $function($($parameter: <$kind as Kind>::Outer),*) -> <$return as Return>::Value {
                    // SAFETY: as for the function without the P.
                    unsafe { ((*TABLE.load(Ordering::Relaxed)).$function)($($parameter),*) }
                }
            )*
        }
    };
}

mpi_functions!(exports);
