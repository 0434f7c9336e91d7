//! Optional predefined datatypes: every one has a handle, also where the library cannot do it.
//!
//! Such a handle has a name, and its size is `MPI_UNDEFINED` (MPI-5.0, section 20.4.1), by which a program finds out.

use core::ffi::{c_char, c_int};

use crate::abi::*;
use crate::family::Abi;
use crate::kinds::{Comm, Datatype, Scalar, Win};
use crate::rare::rare;

/// Whether a datatype, which has become `native`, is predefined by the standard but unknown to the library.
#[inline]
fn lacks<A: Abi>(datatype: MPI_Datatype, native: A::Handle) -> bool {
    if A::handle_bits(native) != A::handle_bits(Datatype::inward::<A>(MPI_DATATYPE_NULL)) {
        return false;
    }
    rare();
    datatype.0 < PREDEFINED_END && datatype != MPI_DATATYPE_NULL
}

macro_rules! sizes {
    ($($name:ident $size:ty $(, $twin:ident)?;)*) => {$(
        pub unsafe extern "C" fn $name<A: Abi>(datatype: MPI_Datatype, size: *mut $size) -> c_int {
            let functions = &A::bound().native;
            let Some(ask) = functions.$name$(.or(functions.$twin))? else { return MPI_ERR_UNSUPPORTED_OPERATION };
            let native = Datatype::inward::<A>(datatype);
            // SAFETY: the caller's arguments.
            unsafe {
                if !lacks::<A>(datatype, native) {
                    let code = A::bound().code_out(ask(native, size));
                    // Open MPI knows types that it was built without by this size, which no predefined type has.
                    if code != 0 || *size != 0 || datatype.0 >= PREDEFINED_END {
                        return code;
                    }
                    rare();
                }
                *size = MPI_UNDEFINED.into();
            }
            MPI_SUCCESS
        }
    )*};
}

sizes! {
    MPI_Type_size c_int;
    MPI_Type_size_c MPI_Count, MPI_Type_size_x;
    MPI_Type_size_x MPI_Count, MPI_Type_size_c;
}

/// The standard's name of a predefined handle.
fn name_of(value: usize) -> &'static [u8] {
    PREDEFINED.iter().find(|known| known.1 == value).map_or(b"", |known| known.0.as_bytes())
}

/// Writes the standard's name of a predefined handle, as `MPI_Type_get_name` does.
///
/// # Safety
/// `name` is as long as `MPI_MAX_OBJECT_NAME`, `length` one int.
pub unsafe fn tell_name<H: Handle>(object: H, name: *mut c_char, length: *mut c_int) -> c_int {
    let known = name_of(object.bits());
    // SAFETY: as the caller promises; no name of a handle is as long.
    unsafe {
        name.copy_from_nonoverlapping(known.as_ptr().cast(), known.len());
        *name.add(known.len()) = 0;
        *length = known.len() as c_int;
    }
    MPI_SUCCESS
}

/// Null handles have names since MPI-4.1 (section 7.8); the libraries are asked for the others.
macro_rules! names {
    ($($function:ident $kind:ident $handle:ident, |$object:ident| $answered:expr;)*) => {$(
        pub unsafe extern "C" fn $function<A: Abi>($object: $handle, name: *mut c_char, length: *mut c_int) -> c_int {
            // SAFETY: the caller's arguments.
            unsafe {
                if $answered {
                    return tell_name($object, name, length);
                }
                match A::bound().native.$function {
                    Some(native) => A::bound().code_out(native($kind::inward::<A>($object), name, length)),
                    None => MPI_ERR_UNSUPPORTED_OPERATION,
                }
            }
        }
    )*};
}

names! {
    MPI_Comm_get_name Comm MPI_Comm, |comm| comm == MPI_COMM_NULL;
    MPI_Type_get_name Datatype MPI_Datatype, |datatype| datatype == MPI_DATATYPE_NULL || lacks::<A>(datatype, Datatype::inward::<A>(datatype));
    MPI_Win_get_name Win MPI_Win, |win| win == MPI_WIN_NULL;
}

#[cfg(test)]
mod tests {
    use core::ffi::CStr;

    use super::*;

    #[test]
    fn handles_have_the_names_of_the_standard() {
        assert_eq!(name_of(MPI_REAL2.0), b"MPI_REAL2");
        assert_eq!(name_of(MPI_DATATYPE_NULL.0), b"MPI_DATATYPE_NULL");
        assert_eq!(name_of(MPI_COMM_NULL.0), b"MPI_COMM_NULL");
    }

    #[test]
    fn a_name_ends_with_nul() {
        let (mut text, mut length) = ([1 as c_char; 32], 0);
        // SAFETY: the name is shorter than the buffer.
        unsafe { tell_name(MPI_REAL2, text.as_mut_ptr(), &mut length) };
        // SAFETY: it ends with NUL.
        let written = unsafe { CStr::from_ptr(text.as_ptr()) };
        assert_eq!((written, length), (c"MPI_REAL2", 9));
    }
}
