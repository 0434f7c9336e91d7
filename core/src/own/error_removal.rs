//! Error classes, codes and strings of the user's (MPI-5.0, section 9.5), with their removal, which is new in MPI-4.1.
//!
//! Where a library cannot remove, what was added is remembered here, and removing makes it unknown again under the
//! standard's conditions: a class goes after its codes, a code or a class after its string. What was removed is given out
//! again, for no library has room for many.

use core::ffi::{c_char, c_int};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::abi::{MPI_ERR_ARG, MPI_ERR_OTHER, MPI_ERR_UNSUPPORTED_OPERATION, MPI_SUCCESS};
use crate::family::Abi;
use crate::raise::{Object, raise};

/// A class or code that was added.
struct Added {
    /// The class of a code; none for a class.
    class: Option<c_int>,
    has_string: bool,
}

/// What was added and not removed, and what was removed, by its class.
struct Known {
    added: BTreeMap<c_int, Added>,
    removed: BTreeMap<Option<c_int>, Vec<c_int>>,
}

static KNOWN: Mutex<Known> = Mutex::new(Known { added: BTreeMap::new(), removed: BTreeMap::new() });

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a code of `class`, or a class: one that was removed before, else the one that the library makes.
///
/// # Safety
/// `place` is the caller's variable.
unsafe fn add<A: Abi>(
    class: Option<c_int>,
    place: *mut c_int,
    make: impl FnOnce(&mut c_int) -> c_int,
) -> c_int {
    let again = known().removed.get_mut(&class).and_then(Vec::pop);
    let value = match again {
        Some(value) => value,
        None => {
            let mut made = 0;
            let code = A::bound().code_out(make(&mut made));
            if code != MPI_SUCCESS {
                return code;
            }
            A::bound().code_out(made)
        }
    };
    if A::bound().native.MPI_Remove_error_class.is_none() {
        known().added.insert(value, Added { class, has_string: false });
    }
    // SAFETY: as the caller promises.
    unsafe { *place = value };
    MPI_SUCCESS
}

pub unsafe extern "C" fn MPI_Add_error_class<A: Abi>(class: *mut c_int) -> c_int {
    let Some(native) = A::bound().native.MPI_Add_error_class else { return MPI_ERR_UNSUPPORTED_OPERATION };
    // SAFETY: one int of ours, and the caller's.
    unsafe { add::<A>(None, class, |made| native(made)) }
}

pub unsafe extern "C" fn MPI_Add_error_code<A: Abi>(class: c_int, code: *mut c_int) -> c_int {
    let Some(native) = A::bound().native.MPI_Add_error_code else { return MPI_ERR_UNSUPPORTED_OPERATION };
    // SAFETY: as above.
    unsafe { add::<A>(Some(class), code, |made| native(A::bound().code_in(class), made)) }
}

pub unsafe extern "C" fn MPI_Add_error_string<A: Abi>(code: c_int, string: *const c_char) -> c_int {
    let Some(native) = A::bound().native.MPI_Add_error_string else { return MPI_ERR_UNSUPPORTED_OPERATION };
    // SAFETY: the caller's arguments.
    let answer = A::bound().code_out(unsafe { native(A::bound().code_in(code), string) });
    if answer == MPI_SUCCESS
        && let Some(added) = known().added.get_mut(&code)
    {
        added.has_string = true;
    }
    answer
}

/// Removes a class or a code that was added, has no string and, if it is a class, no codes.
fn remove<A: Abi>(code: c_int, is_class: bool) -> c_int {
    let mut known = known();
    let is_free = |added: &Added| added.class.is_none() == is_class && !added.has_string;
    if known.added.get(&code).is_some_and(is_free)
        && !known.added.values().any(|other| other.class == Some(code))
        && let Some(added) = known.added.remove(&code)
    {
        known.removed.entry(added.class).or_default().push(code);
        return MPI_SUCCESS;
    }
    drop(known);
    raise::<A>(Object::Nothing, MPI_ERR_OTHER)
}

macro_rules! removers {
    ($($name:ident $is_class:literal;)*) => {$(
        pub unsafe extern "C" fn $name<A: Abi>(code: c_int) -> c_int {
            match A::bound().native.$name {
                // SAFETY: MPI checks the code.
                Some(native) => A::bound().code_out(unsafe { native(A::bound().code_in(code)) }),
                None => remove::<A>(code, $is_class),
            }
        }
    )*};
}

removers! {
    MPI_Remove_error_class true;
    MPI_Remove_error_code false;
}

pub unsafe extern "C" fn MPI_Remove_error_string<A: Abi>(code: c_int) -> c_int {
    let native = &A::bound().native;
    let code_in = A::bound().code_in(code);
    if let Some(remove) = native.MPI_Remove_error_string {
        // SAFETY: MPI checks the code.
        return A::bound().code_out(unsafe { remove(code_in) });
    }
    let had_one = known().added.get_mut(&code).map(|added| std::mem::take(&mut added.has_string));
    match (had_one, native.MPI_Add_error_string) {
        // The string of a code without one is empty.
        // SAFETY: an empty C string.
        (Some(true), Some(add)) => A::bound().code_out(unsafe { add(code_in, c"".as_ptr()) }),
        (Some(true), None) => MPI_ERR_UNSUPPORTED_OPERATION,
        _ => raise::<A>(Object::Nothing, MPI_ERR_ARG),
    }
}
