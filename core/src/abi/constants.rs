//! Integer constants, sentinels and string sizes of the standard ABI (MPI-5.0, Appendix A).

use core::ffi::{c_int, c_void};

macro_rules! constants {
    ($($name:ident: $type:ty = $value:expr;)*) => {$(
        #[doc = concat!("`", stringify!($name), "`")]
        pub const $name: $type = $value;
    )*};
}

constants! {
    MPI_ANY_SOURCE: c_int = -1;
    MPI_ANY_TAG: c_int = -2;
    MPI_PROC_NULL: c_int = -3;
    MPI_ROOT: c_int = -4;
    MPI_UNDEFINED: c_int = -32766;
    MPI_THREAD_SINGLE: c_int = 0;
    MPI_THREAD_FUNNELED: c_int = 1024;
    MPI_THREAD_SERIALIZED: c_int = 2048;
    MPI_THREAD_MULTIPLE: c_int = 4096;
    MPI_BOTTOM: *mut c_void = core::ptr::null_mut();
    MPI_IN_PLACE: *mut c_void = core::ptr::without_provenance_mut(1);
    MPI_MAX_ERROR_STRING: usize = 512;
    MPI_MAX_LIBRARY_VERSION_STRING: usize = 8192;
    MPI_MAX_PROCESSOR_NAME: usize = 256;
    MPI_SUCCESS: c_int = 0;
    MPI_ERR_LASTCODE: c_int = 0x3fff;
}

/// How many error classes the standard ABI numbers, `MPI_SUCCESS` included (0 to `MPI_ERR_ABI`).
pub const ERROR_CLASSES: usize = 63;

// Error classes (MPI-5.0, section 9.4)
constants! {
    MPI_ERR_BUFFER: c_int = 1;
    MPI_ERR_COUNT: c_int = 2;
    MPI_ERR_TYPE: c_int = 3;
    MPI_ERR_TAG: c_int = 4;
    MPI_ERR_COMM: c_int = 5;
    MPI_ERR_RANK: c_int = 6;
    MPI_ERR_REQUEST: c_int = 7;
    MPI_ERR_ROOT: c_int = 8;
    MPI_ERR_GROUP: c_int = 9;
    MPI_ERR_OP: c_int = 10;
    MPI_ERR_TOPOLOGY: c_int = 11;
    MPI_ERR_DIMS: c_int = 12;
    MPI_ERR_ARG: c_int = 13;
    MPI_ERR_UNKNOWN: c_int = 14;
    MPI_ERR_TRUNCATE: c_int = 15;
    MPI_ERR_OTHER: c_int = 16;
    MPI_ERR_INTERN: c_int = 17;
    MPI_ERR_PENDING: c_int = 18;
    MPI_ERR_IN_STATUS: c_int = 19;
    MPI_ERR_ACCESS: c_int = 20;
    MPI_ERR_AMODE: c_int = 21;
    MPI_ERR_ASSERT: c_int = 22;
    MPI_ERR_BAD_FILE: c_int = 23;
    MPI_ERR_BASE: c_int = 24;
    MPI_ERR_CONVERSION: c_int = 25;
    MPI_ERR_DISP: c_int = 26;
    MPI_ERR_DUP_DATAREP: c_int = 27;
    MPI_ERR_FILE_EXISTS: c_int = 28;
    MPI_ERR_FILE_IN_USE: c_int = 29;
    MPI_ERR_FILE: c_int = 30;
    MPI_ERR_INFO_KEY: c_int = 31;
    MPI_ERR_INFO_NOKEY: c_int = 32;
    MPI_ERR_INFO_VALUE: c_int = 33;
    MPI_ERR_INFO: c_int = 34;
    MPI_ERR_IO: c_int = 35;
    MPI_ERR_KEYVAL: c_int = 36;
    MPI_ERR_LOCKTYPE: c_int = 37;
    MPI_ERR_NAME: c_int = 38;
    MPI_ERR_NO_MEM: c_int = 39;
    MPI_ERR_NOT_SAME: c_int = 40;
    MPI_ERR_NO_SPACE: c_int = 41;
    MPI_ERR_NO_SUCH_FILE: c_int = 42;
    MPI_ERR_PORT: c_int = 43;
    MPI_ERR_QUOTA: c_int = 44;
    MPI_ERR_READ_ONLY: c_int = 45;
    MPI_ERR_RMA_ATTACH: c_int = 46;
    MPI_ERR_RMA_CONFLICT: c_int = 47;
    MPI_ERR_RMA_RANGE: c_int = 48;
    MPI_ERR_RMA_SHARED: c_int = 49;
    MPI_ERR_RMA_SYNC: c_int = 50;
    MPI_ERR_SERVICE: c_int = 51;
    MPI_ERR_SIZE: c_int = 52;
    MPI_ERR_SPAWN: c_int = 53;
    MPI_ERR_UNSUPPORTED_DATAREP: c_int = 54;
    MPI_ERR_UNSUPPORTED_OPERATION: c_int = 55;
    MPI_ERR_WIN: c_int = 56;
    MPI_ERR_RMA_FLAVOR: c_int = 57;
    MPI_ERR_PROC_ABORTED: c_int = 58;
    MPI_ERR_VALUE_TOO_LARGE: c_int = 59;
    MPI_ERR_SESSION: c_int = 60;
    MPI_ERR_ERRHANDLER: c_int = 61;
    MPI_ERR_ABI: c_int = 62;
}
