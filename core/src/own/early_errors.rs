//! What an error code means, on a library that aborts when asked while it is not up (Open MPI 4), or that is older
//! than the class.

use core::ffi::{CStr, c_char, c_int};

use super::startup::is_running;
use crate::abi::*;
use crate::family::Abi;
use crate::table::shim;

macro_rules! texts {
    ($($class:ident)*) => {
        /// The text of a class: its name.
        fn text_of(class: c_int) -> Option<&'static CStr> {
            match class {
                $($class => CStr::from_bytes_with_nul(concat!(stringify!($class), "\0").as_bytes()).ok(),)*
                _ => None,
            }
        }
    };
}

texts! {
    MPI_SUCCESS MPI_ERR_BUFFER MPI_ERR_COUNT MPI_ERR_TYPE MPI_ERR_TAG MPI_ERR_COMM MPI_ERR_RANK MPI_ERR_REQUEST
    MPI_ERR_ROOT MPI_ERR_GROUP MPI_ERR_OP MPI_ERR_TOPOLOGY MPI_ERR_DIMS MPI_ERR_ARG MPI_ERR_UNKNOWN MPI_ERR_TRUNCATE
    MPI_ERR_OTHER MPI_ERR_INTERN MPI_ERR_PENDING MPI_ERR_IN_STATUS MPI_ERR_ACCESS MPI_ERR_AMODE MPI_ERR_ASSERT
    MPI_ERR_BAD_FILE MPI_ERR_BASE MPI_ERR_CONVERSION MPI_ERR_DISP MPI_ERR_DUP_DATAREP MPI_ERR_FILE_EXISTS
    MPI_ERR_FILE_IN_USE MPI_ERR_FILE MPI_ERR_INFO_KEY MPI_ERR_INFO_NOKEY MPI_ERR_INFO_VALUE MPI_ERR_INFO MPI_ERR_IO
    MPI_ERR_KEYVAL MPI_ERR_LOCKTYPE MPI_ERR_NAME MPI_ERR_NO_MEM MPI_ERR_NOT_SAME MPI_ERR_NO_SPACE
    MPI_ERR_NO_SUCH_FILE MPI_ERR_PORT MPI_ERR_QUOTA MPI_ERR_READ_ONLY MPI_ERR_RMA_ATTACH MPI_ERR_RMA_CONFLICT
    MPI_ERR_RMA_RANGE MPI_ERR_RMA_SHARED MPI_ERR_RMA_SYNC MPI_ERR_SERVICE MPI_ERR_SIZE MPI_ERR_SPAWN
    MPI_ERR_UNSUPPORTED_DATAREP MPI_ERR_UNSUPPORTED_OPERATION MPI_ERR_WIN MPI_ERR_RMA_FLAVOR MPI_ERR_PROC_ABORTED
    MPI_ERR_VALUE_TOO_LARGE MPI_ERR_SESSION MPI_ERR_ERRHANDLER MPI_ERR_ABI
}

/// The first class that a library without sessions cannot know.
const NEWER: c_int = MPI_ERR_PROC_ABORTED;

pub unsafe extern "C" fn MPI_Error_string<A: Abi>(
    code: c_int,
    string: *mut c_char,
    length: *mut c_int,
) -> c_int {
    let is_newer = (NEWER..ERROR_CLASSES as c_int).contains(&code);
    // SAFETY: the caller's buffer holds `MPI_MAX_ERROR_STRING` characters, more than any name has.
    unsafe {
        if !is_newer && is_running::<A>() {
            return shim::MPI_Error_string::<A>(code, string, length);
        }
        let Some(text) = text_of(code) else { return MPI_ERR_ARG };
        string.copy_from_nonoverlapping(text.as_ptr(), text.count_bytes() + 1);
        *length = text.count_bytes() as c_int;
    }
    MPI_SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_text() {
        for class in 0..ERROR_CLASSES as c_int {
            assert!(text_of(class).is_some_and(|text| text.to_bytes().starts_with(b"MPI_")), "{class}");
        }
        assert_eq!(text_of(ERROR_CLASSES as c_int), None);
    }
}
