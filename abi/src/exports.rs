//! The exported symbols. Each jumps through a slot of its own; until the first call all slots lead to functions that
//! choose a library, fill the slots from its table, and do what was asked.

use core::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use anympi::abi::{MPI_ERR_ARG, MPI_SUBVERSION, MPI_SUCCESS, MPI_VERSION};
use anympi::kinds::*;
use anympi::{FnTable, mpi_functions, sharing};

use crate::choice;

/// Marks this library for those who look for an MPI to put below it.
// SAFETY: a name that nobody else uses.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "a symbol of C")]
static anympi_library: u8 = 1;

static CHOSEN: OnceLock<&'static FnTable> = OnceLock::new();

/// The chosen table, chosen now if it was not before.
fn chosen() -> &'static FnTable {
    CHOSEN.get_or_init(|| {
        let table = with_our_version(choice::table());
        SLOTS.fill(table);
        table
    })
}

/// The table, but that the version of the standard is that of our `mpi.h` and not what the library claims: what a library
/// lacks of it is made of what it has, so programs need not do without.
fn with_our_version(table: &FnTable) -> &'static FnTable {
    unsafe extern "C" fn version(major: *mut c_int, minor: *mut c_int) -> c_int {
        if major.is_null() || minor.is_null() {
            return MPI_ERR_ARG;
        }
        // SAFETY: the caller's ints.
        unsafe { (*major, *minor) = (MPI_VERSION, MPI_SUBVERSION) };
        MPI_SUCCESS
    }
    Box::leak(Box::new(FnTable { MPI_Get_version: version, ..table.clone() }))
}

/// Takes the table of a program that has opened an MPI itself, instead of choosing one.
///
/// # Safety
/// As [`sharing::UseTable`] says.
// SAFETY: a name that nobody else uses.
#[unsafe(no_mangle)]
unsafe extern "C" fn anympi_use_table(layout: u64, table: *const FnTable) -> c_int {
    const _: sharing::UseTable = anympi_use_table;
    if layout != sharing::LAYOUT {
        return sharing::OTHER_LAYOUT;
    }
    // SAFETY: as the caller promises: a table of this layout that lives for ever.
    let table: &'static FnTable = unsafe { &*table };
    if table.size != size_of::<FnTable>() {
        return sharing::OTHER_LAYOUT;
    }
    let table = with_our_version(table);
    if CHOSEN.set(table).is_err() {
        return sharing::TOO_LATE;
    }
    SLOTS.fill(table);
    sharing::TAKEN
}

macro_rules! exports {
    ($($(#[$own:ident $(($small:ident))?])? fn $function:ident($($parameter:ident: $kind:ty $([$($related:ident),+])?),*) -> $return:ident;)*) => {
        /// Where each function goes: one load and one jump away from the caller. A page begins with it, as with `Slot`.
        #[repr(align(4096))]
        #[allow(non_snake_case, reason = "MPI's own names")]
        struct Slots {
            $($function: AtomicPtr<c_void>,)*
        }

        static SLOTS: Slots = Slots {
            $($function: AtomicPtr::new(first_call::$function as *mut c_void),)*
        };

        impl Slots {
            fn fill(&self, table: &FnTable) {
                $(self.$function.store(table.$function as *mut c_void, Ordering::Release);)*
            }
        }

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
                    // SAFETY: a slot always holds a function of its signature; the caller's arguments.
                    unsafe {
                        core::mem::transmute::<
                            *mut c_void,
                            unsafe extern "C" fn($(<$kind as Kind>::Outer),*) -> <$return as Return>::Value,
                        >(SLOTS.$function.load(Ordering::Acquire))($($parameter),*)
                    }
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
                    unsafe {
                        core::mem::transmute::<
                            *mut c_void,
                            unsafe extern "C" fn($(<$kind as Kind>::Outer),*) -> <$return as Return>::Value,
                        >(SLOTS.$function.load(Ordering::Acquire))($($parameter),*)
                    }
                }
            )*
        }
    };
}

mpi_functions!(exports);
