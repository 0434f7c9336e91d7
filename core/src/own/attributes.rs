//! Keyvals and attributes: callbacks that carry state, and attribute values that the library keeps in its own terms.

use core::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicI32, Ordering};

use super::pure::variable;
use crate::abi::*;
use crate::enumerations::value_out;
use crate::family::Abi;
use crate::kinds::{Comm, Datatype, Keyval, Kind, Out, Scalar, Win};

type CopyFunction<H> =
    unsafe extern "C" fn(H, c_int, *mut c_void, *mut c_void, *mut c_void, *mut c_int) -> c_int;
type DeleteFunction<H> = unsafe extern "C" fn(H, c_int, *mut c_void, *mut c_void) -> c_int;

/// What a keyval was made of. It lives as long as the process: objects may hold attributes after the keyval was freed.
struct Functions {
    copy: usize,
    delete: usize,
    extra_state: *mut c_void,
}

/// `MPI_*_NULL_COPY_FN` and `MPI_*_NULL_DELETE_FN`
const NULL_FUNCTION: usize = 0;
/// `MPI_*_DUP_FN`
const DUP_FUNCTION: usize = 1;

unsafe extern "C" fn copy<A: Abi, K: Scalar>(
    object: K::Native<A>,
    keyval: c_int,
    state: *mut c_void,
    value: *mut c_void,
    copied: *mut c_void,
    flag: *mut c_int,
) -> c_int {
    // SAFETY: `state` is what `create` gave the library; the other arguments are the library's.
    unsafe {
        let functions = &*state.cast::<Functions>();
        match functions.copy {
            NULL_FUNCTION => *flag = 0,
            DUP_FUNCTION => {
                *variable::<*mut c_void>(copied) = value;
                *flag = 1;
            }
            function => {
                let function: CopyFunction<K::Outer> =
                    core::mem::transmute(core::ptr::with_exposed_provenance::<c_void>(function));
                let outer = outer_of::<A, K>(object);
                let code = function(outer, A::keyval_out(keyval), functions.extra_state, value, copied, flag);
                return A::bound().code_in(code);
            }
        }
    }
    0
}

unsafe extern "C" fn delete<A: Abi, K: Scalar>(
    object: K::Native<A>,
    keyval: c_int,
    value: *mut c_void,
    state: *mut c_void,
) -> c_int {
    // SAFETY: as for `copy`.
    unsafe {
        let functions = &*state.cast::<Functions>();
        if functions.delete == NULL_FUNCTION {
            return 0;
        }
        let function: DeleteFunction<K::Outer> =
            core::mem::transmute(core::ptr::with_exposed_provenance::<c_void>(functions.delete));
        let outer = outer_of::<A, K>(object);
        A::bound().code_in(function(outer, A::keyval_out(keyval), value, functions.extra_state))
    }
}

/// # Safety
/// `K::Outer` is plain data for which all zeros is a value.
unsafe fn outer_of<A: Abi, K: Scalar>(native: K::Native<A>) -> K::Outer {
    // SAFETY: as the caller promises; it only serves as the previous value, which handles ignore.
    K::outward::<A>(native, unsafe { core::mem::zeroed() })
}

macro_rules! keyvals {
    ($($name:ident $kind:ident;)*) => {$(
        pub unsafe extern "C" fn $name<A: Abi>(
            copy_function: *const c_void,
            delete_function: *const c_void,
            keyval: *mut c_int,
            extra_state: *mut c_void,
        ) -> c_int {
            let Some(native) = A::bound().native.$name else { return MPI_ERR_UNSUPPORTED_OPERATION };
            let functions = Box::into_raw(Box::new(Functions {
                copy: copy_function.expose_provenance(),
                delete: delete_function.expose_provenance(),
                extra_state,
            }));
            // SAFETY: the caller's arguments, with functions and a state that the library may keep for ever.
            unsafe {
                let mut held = <Out<Keyval> as Kind>::enter::<A>(keyval, [0, 0]);
                let code = native(
                    copy::<A, $kind> as *const c_void,
                    delete::<A, $kind> as *const c_void,
                    <Out<Keyval> as Kind>::native::<A>(&mut held, keyval),
                    functions.cast(),
                );
                let code = A::bound().code_out(code);
                <Out<Keyval> as Kind>::leave::<A>(&mut held, keyval, [0, 0], code);
                if code != 0 {
                    drop(Box::from_raw(functions));
                }
                code
            }
        }
    )*};
}

keyvals! {
    MPI_Comm_create_keyval Comm;
    MPI_Keyval_create Comm;
    MPI_Type_create_keyval Datatype;
    MPI_Win_create_keyval Win;
}

/// Values of predefined attributes that differ from the library's own, at addresses that never go away.
static HOST: AtomicI32 = AtomicI32::new(0);
static IO: AtomicI32 = AtomicI32::new(0);
static LAST_USED_CODE: AtomicI32 = AtomicI32::new(0);
static FLAVORS: [c_int; 4] =
    [MPI_WIN_FLAVOR_CREATE, MPI_WIN_FLAVOR_ALLOCATE, MPI_WIN_FLAVOR_DYNAMIC, MPI_WIN_FLAVOR_SHARED];
/// The size of a dynamic window (MPI-5.0, section 12.2.6).
static NO_BYTES: MPI_Aint = 0;
static MODELS: [c_int; 2] = [MPI_WIN_UNIFIED, MPI_WIN_SEPARATE];

fn address_in(values: &'static [c_int], value: c_int) -> Option<*mut c_void> {
    values.iter().find(|known| **known == value).map(|known| core::ptr::from_ref(known).cast_mut().cast())
}

/// Whether an attribute has a value that differs from the library's own.
#[inline]
fn is_answered(keyval: c_int) -> bool {
    matches!(
        keyval,
        MPI_HOST | MPI_IO | MPI_LASTUSEDCODE | MPI_WIN_CREATE_FLAVOR | MPI_WIN_MODEL | MPI_WIN_SIZE
    )
}

/// The attribute value that the user sees for the one that the library gave, where [`is_answered`] says so.
///
/// # Safety
/// `value` is the library's value of a predefined attribute: the address of an int.
unsafe fn predefined<A: Abi>(keyval: c_int, value: *mut c_void) -> *mut c_void {
    // SAFETY: as the caller promises.
    let number = || unsafe { *value.cast::<c_int>() };
    let stored = |place: &'static AtomicI32, value: c_int| {
        place.store(value, Ordering::Relaxed);
        place.as_ptr().cast::<c_void>()
    };
    match keyval {
        MPI_HOST => stored(&HOST, A::rank_out(number())),
        MPI_IO => stored(&IO, A::rank_out(number())),
        MPI_LASTUSEDCODE => stored(&LAST_USED_CODE, crate::error_codes::last_used_code()),
        MPI_WIN_CREATE_FLAVOR => {
            address_in(&FLAVORS, value_out(A::ENUMERATIONS.flavor, number())).unwrap_or(value)
        }
        MPI_WIN_MODEL => address_in(&MODELS, value_out(A::ENUMERATIONS.model, number())).unwrap_or(value),
        _ => value,
    }
}

/// # Safety
/// `flavor` is the library's value of its attribute for the flavor of a window.
unsafe fn is_dynamic<A: Abi>(flavor: *const c_int) -> bool {
    // SAFETY: as the caller promises.
    let flavor = unsafe { flavor.as_ref() };
    flavor.is_some_and(|flavor| value_out(A::ENUMERATIONS.flavor, *flavor) == MPI_WIN_FLAVOR_DYNAMIC)
}

macro_rules! getters {
    ($($name:ident $kind:ident;)*) => {$(
        pub unsafe extern "C" fn $name<A: Abi>(
            object: <$kind as Scalar>::Outer,
            keyval: c_int,
            value: *mut c_void,
            flag: *mut c_int,
        ) -> c_int {
            let Some(native) = A::bound().native.$name else { return MPI_ERR_UNSUPPORTED_OPERATION };
            // SAFETY: the caller's arguments; the library writes an address and a flag.
            unsafe {
                let code = native($kind::inward::<A>(object), A::keyval_in(keyval), value, flag);
                let code = A::bound().code_out(code);
                if code != 0 || *flag == 0 || !is_answered(keyval) {
                    return code;
                }
                let given = variable::<*mut c_void>(value);
                if !(*given).is_null() {
                    *given = predefined::<A>(keyval, *given);
                    if keyval == MPI_WIN_SIZE {
                        // Intel MPI over a network says -1 of a dynamic window, Open MPI now and then what was there before.
                        let mut flavor: *const c_int = core::ptr::null();
                        let place = (&raw mut flavor).cast::<c_void>();
                        let mut known = 0;
                        let keyval = A::keyval_in(MPI_WIN_CREATE_FLAVOR);
                        let code = native($kind::inward::<A>(object), keyval, place, &mut known);
                        if code == 0 && known != 0 && is_dynamic::<A>(flavor) {
                            *given = core::ptr::from_ref(&NO_BYTES).cast_mut().cast();
                        }
                    }
                }
                code
            }
        }
    )*};
}

getters! {
    MPI_Comm_get_attr Comm;
    MPI_Attr_get Comm;
    MPI_Type_get_attr Datatype;
    MPI_Win_get_attr Win;
}
