//! Error classes, codes and strings of the user's (MPI-5.0, section 9.5), with their removal, which is new in MPI-4.1.
//!
//! Where a library cannot remove, what was added is remembered here, and removing makes it unknown again under the
//! standard's conditions: a class goes after its codes, a code or a class after its string.

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

static ADDED: Mutex<BTreeMap<c_int, Added>> = Mutex::new(BTreeMap::new());

fn added() -> MutexGuard<'static, BTreeMap<c_int, Added>> {
    ADDED.lock().unwrap_or_else(PoisonError::into_inner)
}

pub unsafe extern "C" fn MPI_Add_error_class<A: Abi>(class: *mut c_int) -> c_int {
    let Some(native) = A::bound().native.MPI_Add_error_class else { return MPI_ERR_UNSUPPORTED_OPERATION };
    let mut made = 0;
    // SAFETY: one int of ours, and the caller's.
    unsafe {
        let code = A::bound().code_out(native(&mut made));
        if code == MPI_SUCCESS {
            *class = A::bound().code_out(made);
            added().insert(*class, Added { class: None, has_string: false });
        }
        code
    }
}

pub unsafe extern "C" fn MPI_Add_error_code<A: Abi>(class: c_int, code: *mut c_int) -> c_int {
    let Some(native) = A::bound().native.MPI_Add_error_code else { return MPI_ERR_UNSUPPORTED_OPERATION };
    let mut made = 0;
    // SAFETY: as above.
    unsafe {
        let answer = A::bound().code_out(native(A::bound().code_in(class), &mut made));
        if answer == MPI_SUCCESS {
            *code = A::bound().code_out(made);
            added().insert(*code, Added { class: Some(class), has_string: false });
        }
        answer
    }
}

pub unsafe extern "C" fn MPI_Add_error_string<A: Abi>(code: c_int, string: *const c_char) -> c_int {
    let Some(native) = A::bound().native.MPI_Add_error_string else { return MPI_ERR_UNSUPPORTED_OPERATION };
    // SAFETY: the caller's arguments.
    let answer = A::bound().code_out(unsafe { native(A::bound().code_in(code), string) });
    if answer == MPI_SUCCESS
        && let Some(known) = added().get_mut(&code)
    {
        known.has_string = true;
    }
    answer
}

/// Removes a class or a code that was added, has no string and, if it is a class, no codes.
fn remove<A: Abi>(code: c_int, is_class: bool) -> c_int {
    let mut all = added();
    let free = all.get(&code).is_some_and(|known| known.class.is_none() == is_class && !known.has_string)
        && !all.values().any(|other| other.class == Some(code));
    if free {
        all.remove(&code);
        return MPI_SUCCESS;
    }
    drop(all);
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
    let known = added().get_mut(&code).map(|known| std::mem::take(&mut known.has_string));
    match (known, native.MPI_Add_error_string) {
        // The string of a code without one is empty.
        // SAFETY: an empty C string.
        (Some(true), Some(add)) => A::bound().code_out(unsafe { add(code_in, c"".as_ptr()) }),
        (Some(true), None) => MPI_ERR_UNSUPPORTED_OPERATION,
        _ => raise::<A>(Object::Nothing, MPI_ERR_ARG),
    }
}
