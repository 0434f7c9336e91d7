//! The tables made from the list: a library's own functions, and the function table of the standard ABI.

use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::abi::{
    MPI_Request, MPI_SUCCESS, MPI_T_ERR_INVALID_HANDLE, MPI_T_ERR_INVALID_INDEX, MPI_T_ERR_INVALID_NAME,
};
use crate::attachments;
use crate::beyond::{Fitting, Survey, retry};
use crate::family::Abi;
use crate::kinds::*;
use crate::narrow::{Fit, Narrow};
use crate::raise::{Hearing, Object, Unheard};
use crate::{mpi_functions, own};

/// Looks one symbol up; null where the library has none.
pub type Lookup<'a> = dyn FnMut(&'static CStr) -> *const c_void + 'a;

const fn name(with_nul: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(with_nul.as_bytes()) {
        Ok(name) => name,
        Err(_) => panic!("a function name holds a NUL"),
    }
}

/// What goes into a slot: the shim if the library has the function, else a refusal; or what was written by hand.
macro_rules! choose {
    ([] $function:ident, $native:ident) => {
        if $native.$function.is_some() { shim::$function::<A> } else { refusal!(missing::$function::<A>) }
    };
    ([own] $function:ident, $native:ident) => {
        own::$function::<A>
    };
    ([own $needed:ident] $function:ident, $native:ident) => {
        if $native.$function.is_some() || $native.$needed.is_some() {
            own::$function::<A>
        } else {
            refusal!(missing::$function::<A>)
        }
    };
    ([absent $code:ident] $function:ident, $native:ident) => {
        if $native.$function.is_some() { shim::$function::<A> } else { absent::$function }
    };
    ([small $small:ident] $function:ident, $native:ident) => {
        if $native.$function.is_some() {
            shim::$function::<A>
        } else if $native.$small.is_some() {
            narrowed::$function::<A>
        } else {
            refusal!(missing::$function::<A>)
        }
    };
    ([emulated] $function:ident, $native:ident) => {
        if $native.$function.is_some() { shim::$function::<A> } else { own::$function::<A> }
    };
    ([emulated $small:ident] $function:ident, $native:ident) => {
        if $native.$function.is_some() {
            shim::$function::<A>
        } else if $native.$small.is_some() {
            narrowed::$function::<A>
        } else {
            own::$function::<A>
        }
    };
    ([requests] $function:ident, $native:ident) => {
        if own::makes_requests($native) { own::$function::<A> } else { shim::$function::<A> }
    };
    ([older $($small:ident)?] $function:ident, $native:ident) => {
        if $native.$function.is_none() $(&& $native.$small.is_none())? {
            refusal!(missing::$function::<A>)
        } else if own::is_before_41($native) || $native.$function.is_none() {
            own::$function::<A>
        } else {
            shim::$function::<A>
        }
    };
    ([startup] $function:ident, $native:ident) => {
        if own::knows_no_sessions($native) { own::$function::<A> } else { shim::$function::<A> }
    };
}

/// The function that crosses from the standard ABI to a native one and back.
macro_rules! shim {
    ([own $($needed:ident)?] $($signature:tt)*) => {};
    ([$mark:ident $($small:ident)?] $($signature:tt)*) => {
        shim!([] $($signature)*);
    };
    ([] $function:ident($($parameter:ident: $kind:ty $([$($related:ident),+])?),*) -> $return:ident) => {
        pub(crate) unsafe extern "C" fn $function<A: Abi>(
            $($parameter: <$kind as Kind>::Outer),*
        ) -> <$return as Return>::Value {
            // SAFETY: the table names this shim only if the library has the function; the arguments are what the
            // caller owes to MPI, and each kind turns one into what the library's ABI owes.
            unsafe {
                let function = A::bound().native.$function.unwrap_unchecked();
                // Each parameter is held in a variable of its own, which stays in a register unless its address is
                // given away.
                #[allow(clippy::let_unit_value, reason = "functions without parameters hold nothing")]
                let ($($parameter,)*) = ($((
                    &mut MaybeUninit::<<$kind as Kind>::Held<A>>::uninit(),
                    $parameter,
                    relations!($($($related),+)?),
                ),)*);
                $(<$kind as Kind>::enter_at::<A>($parameter.0, $parameter.1, $parameter.2);)*
                $(let $parameter = ($parameter.0.assume_init_mut(), $parameter.1, $parameter.2);)*
                let value = function($(<$kind as Kind>::native::<A>($parameter.0, $parameter.1)),*);
                let value = <$return as Return>::leave::<A>(value);
                #[allow(unused_variables, reason = "functions without parameters read no code")]
                let code = <$return as Return>::code(value);
                $(<$kind as Kind>::leave::<A>($parameter.0, $parameter.1, $parameter.2, code);)*
                $(core::ptr::drop_in_place($parameter.0);)*
                value
            }
        }
    };
}

/// The call of the twin, `None` if the arguments do not fit it.
macro_rules! attempt {
    ($fitting:expr, $kept:ident, $small:ident($($parameter:ident),*)) => {{
        let ($($parameter,)*) = &mut $kept;
        let ($($parameter,)*) = ($($parameter.fit($fitting),)*);
        ($fitting.wrong == 0).then(|| shim::$small::<A>($($parameter),*))
    }};
}

/// What is done with arguments that do not fit: some functions have a way of their own.
macro_rules! beyond {
    (MPI_Type_vector_c $arguments:tt $otherwise:block) => { return own::MPI_Type_vector_c::<A> $arguments };
    (MPI_Type_create_hvector_c $arguments:tt $otherwise:block) => { return own::MPI_Type_create_hvector_c::<A> $arguments };
    (MPI_Type_indexed_c $arguments:tt $otherwise:block) => { return own::MPI_Type_indexed_c::<A> $arguments };
    (MPI_Type_create_hindexed_c $arguments:tt $otherwise:block) => { return own::MPI_Type_create_hindexed_c::<A> $arguments };
    (MPI_Type_create_indexed_block_c $arguments:tt $otherwise:block) => {
        return own::MPI_Type_create_indexed_block_c::<A> $arguments
    };
    (MPI_Type_create_hindexed_block_c $arguments:tt $otherwise:block) => {
        return own::MPI_Type_create_hindexed_block_c::<A> $arguments
    };
    (MPI_Type_create_struct_c $arguments:tt $otherwise:block) => { return own::MPI_Type_create_struct_c::<A> $arguments };
    (MPI_Type_create_subarray_c $arguments:tt $otherwise:block) => { return own::MPI_Type_create_subarray_c::<A> $arguments };
    (MPI_Pack_c $arguments:tt $otherwise:block) => { return own::MPI_Pack_c::<A> $arguments };
    (MPI_Unpack_c $arguments:tt $otherwise:block) => { return own::MPI_Unpack_c::<A> $arguments };
    ($function:ident $arguments:tt $otherwise:block) => { $otherwise };
}

/// The function that does the work of one with large counts by its twin without them.
macro_rules! narrowed {
    ([$($mark:ident)?] $($signature:tt)*) => {};
    ([own $needed:ident] $($signature:tt)*) => {};
    ([older $small:ident] $($signature:tt)*) => {};
    ([absent $code:ident] $($signature:tt)*) => {};
    ([$mark:ident $small:ident] $function:ident($($parameter:ident: $kind:ty $([$($related:ident),+])?),*) -> $return:ident) => {
        pub(super) unsafe extern "C" fn $function<A: Abi>(
            $($parameter: <$kind as Kind>::Outer),*
        ) -> <$return as Return>::Value {
            // SAFETY: the table names this function only if the library has the twin; the arguments are the caller's.
            unsafe {
                let mut kept = ($(<$kind as Narrow>::keep::<A>($parameter, relations!($($($related),+)?)),)*);
                let mut arrays = Vec::new();
                let fitting = &mut Fitting::default();
                let code = match attempt!(fitting, kept, $small($($parameter),*)) {
                    Some(code) => code,
                    None => beyond!($function ($($parameter),*) {
                        let mut survey = Survey::default();
                        let ($($parameter,)*) = &kept;
                        $(<$kind as Narrow>::survey($parameter, &mut survey);)*
                        let in_parts = const { is_blocking_reduction(stringify!($function)) };
                        retry::<A>(&survey, fitting.wrong, in_parts, &mut arrays, |fitting| {
                            attempt!(fitting, kept, $small($($parameter),*))
                        })
                    }),
                };
                let ($($parameter,)*) = kept;
                let mut request = core::ptr::null_mut();
                $(request = request_of(request, <$kind as Narrow>::request(&$parameter));)*
                $(<$kind as Narrow>::finish($parameter, code, &mut arrays);)*
                if code == 0 && !request.is_null() {
                    attachments::attach::<A>(
                        Request::inward::<A>(*request),
                        const { is_persistent(stringify!($function)) },
                        arrays,
                    );
                }
                code
            }
        }
    };
}

/// The answer of a function about things that the library has none of.
macro_rules! absent {
    ([absent $code:ident] $function:ident($($parameter:ident: $kind:ty $([$($related:ident),+])?),*) -> $return:ident) => {
        pub(super) unsafe extern "C" fn $function($(_: <$kind as Kind>::Outer),*) -> <$return as Return>::Value {
            $code
        }
    };
    ([$($other:tt)*] $($signature:tt)*) => {};
}

/// The addresses of functions that refuse, of all tables.
static REFUSALS: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

fn refusals() -> MutexGuard<'static, BTreeSet<usize>> {
    REFUSALS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that a function refuses, for [`FnTable::unsupported`].
macro_rules! refusal {
    ($function:path) => {{
        refusals().insert(($function as *const c_void).addr());
        $function
    }};
}

/// Whether errors of a function go to an error handler: those of the tool information interface do not (MPI-5.0,
/// chapter 15).
const fn has_error_handler(function: &str) -> bool {
    !ends_with(function.split_at(MPI_T.len()).0, MPI_T)
}

const MPI_T: &str = "MPI_T_";

/// The request of a call, which only one parameter is.
fn request_of(known: *mut MPI_Request, found: *mut MPI_Request) -> *mut MPI_Request {
    if found.is_null() { known } else { found }
}

/// Whether a reduction may be done in parts: it is blocking, and each element of the result depends on one of each rank.
const fn is_blocking_reduction(function: &str) -> bool {
    let names: [&str; 5] =
        ["MPI_Reduce_c", "MPI_Allreduce_c", "MPI_Scan_c", "MPI_Exscan_c", "MPI_Reduce_local_c"];
    let mut index = 0;
    while index < names.len() {
        if ends_with(function, names[index]) && function.len() == names[index].len() {
            return true;
        }
        index += 1;
    }
    false
}

/// Whether a function makes a persistent request.
const fn is_persistent(function: &str) -> bool {
    ends_with(function, "_init_c")
}

const fn ends_with(name: &str, tail: &str) -> bool {
    let (name, tail) = (name.as_bytes(), tail.as_bytes());
    let mut index = 0;
    while index < tail.len() {
        if name.len() < tail.len() || name[name.len() - tail.len() + index] != tail[index] {
            return false;
        }
        index += 1;
    }
    true
}

macro_rules! relations {
    () => {
        [0, 0]
    };
    ($one:ident) => {
        [Related::related($one), 0]
    };
    ($one:ident, $two:ident) => {
        [Related::related($one), Related::related($two)]
    };
}

macro_rules! native_table {
    ($($(#[$own:ident $(($small:ident))?])? fn $function:ident($($parameter:ident: $kind:ty $([$($related:ident),+])?),*) -> $return:ident;)*) => {
        /// The functions of one library in its own ABI; `None` where it lacks one.
        #[expect(non_snake_case, reason = "MPI's own names")]
        pub struct NativeTable<A: Abi> {
            $(
                #[doc = concat!("The library's own `", stringify!($function), "`.")]
                pub $function: Option<unsafe extern "C" fn($(<$kind as Kind>::Native<A>),*) -> <$return as Return>::Native<A>>,
            )*
        }

        impl<A: Abi> NativeTable<A> {
            /// Fills the table.
            ///
            /// # Safety
            /// `lookup` gives null or a function with the C signature of that name in the ABI `A`, which stays
            /// loaded for ever.
            pub unsafe fn load(lookup: &mut Lookup<'_>) -> Self {
                Self {
                    // SAFETY: a pointer to that very function, or null, which is `None`.
                    $($function: unsafe {
                        core::mem::transmute::<
                            *const c_void,
                            Option<unsafe extern "C" fn($(<$kind as Kind>::Native<A>),*) -> <$return as Return>::Native<A>>,
                        >(lookup(const { name(concat!(stringify!($function), "\0")) }))
                    },)*
                }
            }
        }
    };
}

macro_rules! standard_table {
    ($($(#[$own:ident $(($small:ident))?])? fn $function:ident($($parameter:ident: $kind:ty $([$($related:ident),+])?),*) -> $return:ident;)*) => {
        /// Every function of the list in the standard ABI. A slot is never empty: where a library lacks the
        /// function, it returns `MPI_ERR_UNSUPPORTED_OPERATION`.
        #[derive(Clone)]
        #[repr(C)]
        #[expect(non_snake_case, reason = "MPI's own names")]
        pub struct FnTable {
            /// Size of the table in bytes. A reader treats slots beyond it as absent.
            pub size: usize,
            $(
                #[doc = concat!("`", stringify!($function), "`")]
                pub $function: unsafe extern "C" fn($($parameter: <$kind as Kind>::Outer),*) -> <$return as Return>::Value,
            )*
        }

        impl FnTable {
            /// The table of a library whose ABI is `A`, through the shims.
            #[must_use]
            pub fn translated<A: Abi>(native: &NativeTable<A>) -> Self {
                Self {
                    size: size_of::<Self>(),
                    $($function: choose!([$($own $($small)?)?] $function, native),)*
                }
            }

            /// The table of a library that speaks the standard ABI itself: its own functions.
            ///
            /// # Safety
            /// As for [`NativeTable::load`], with the standard ABI.
            pub unsafe fn direct(lookup: &mut Lookup<'_>) -> Self {
                Self {
                    size: size_of::<Self>(),
                    // SAFETY: a pointer to that very function, or null, which is `None`.
                    $($function: unsafe {
                        core::mem::transmute::<
                            *const c_void,
                            Option<unsafe extern "C" fn($(<$kind as Kind>::Outer),*) -> <$return as Return>::Value>,
                        >(lookup(const { name(concat!(stringify!($function), "\0")) }))
                    }.unwrap_or_else(|| refusal!(missing::$function::<Unheard>)),)*
                }
            }

            /// The addresses in the slots, in the order of [`FUNCTIONS`].
            #[must_use]
            pub fn slots(&self) -> &[*const c_void] {
                const { assert!(size_of::<Self>() == size_of::<usize>() * (FUNCTIONS.len() + 1)) };
                // SAFETY: after the size, the table is nothing but function pointers, one for each name.
                unsafe {
                    let first = core::ptr::from_ref(self).cast::<*const c_void>().add(1);
                    core::slice::from_raw_parts(first, FUNCTIONS.len())
                }
            }

            /// The functions that this table cannot do.
            #[must_use]
            pub fn unsupported(&self) -> Vec<&'static str> {
                let refusals = refusals();
                let refused = |slot: &*const c_void| refusals.contains(&slot.addr());
                FUNCTIONS.iter().zip(self.slots()).filter(|(_, slot)| refused(slot)).map(|(name, _)| *name).collect()
            }
        }

        /// The names of all functions, in the order of the slots.
        pub const FUNCTIONS: &[&str] = &[$(stringify!($function)),*];

        #[expect(non_snake_case, reason = "MPI's own names")]
        pub(crate) mod shim {
            use super::*;
            $(shim!([$($own $($small)?)?] $function($($parameter: $kind $([$($related),+])?),*) -> $return);)*
        }

        #[expect(non_snake_case, reason = "MPI's own names")]
        mod narrowed {
            use super::*;
            $(narrowed!([$($own $($small)?)?] $function($($parameter: $kind $([$($related),+])?),*) -> $return);)*
        }

        #[expect(non_snake_case, reason = "MPI's own names")]
        mod absent {
            use super::*;
            $(absent!([$($own $($small)?)?] $function($($parameter: $kind $([$($related),+])?),*) -> $return);)*
        }

        #[expect(non_snake_case, reason = "MPI's own names")]
        mod missing {
            use super::*;
            $(
                pub(super) unsafe extern "C" fn $function<H: Hearing>(
                    $($parameter: <$kind as Kind>::Outer),*
                ) -> <$return as Return>::Value {
                    let value = <$return as Return>::UNSUPPORTED;
                    let code = <$return as Return>::code(value);
                    if code != 0 && const { has_error_handler(stringify!($function)) } {
                        let object = Object::Nothing$(.or(<$kind as Kind>::object($parameter)))*;
                        H::hear(object, code);
                    }
                    value
                }
            )*
        }
    };
}

mpi_functions!(native_table);
mpi_functions!(standard_table);
