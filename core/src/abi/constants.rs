//! Integer constants, sentinels and string sizes of the standard ABI (MPI-5.0, Appendix A).

use core::ffi::{c_int, c_void};

macro_rules! constants {
    ($($name:ident: $type:ty = $value:expr;)*) => {$(
        #[doc = concat!("`", stringify!($name), "`")]
        pub const $name: $type = $value;
    )*};
}

// Version of the standard (MPI-5.0, section 9.1.1)
constants! {
    MPI_VERSION: c_int = 5;
    MPI_SUBVERSION: c_int = 0;
}

// Wildcards, levels and limits
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

// Order of array storage
constants! {
    MPI_ORDER_C: c_int = 12;
    MPI_ORDER_FORTRAN: c_int = 15;
}

// Distributions of darrays
constants! {
    MPI_DISTRIBUTE_NONE: c_int = 16;
    MPI_DISTRIBUTE_BLOCK: c_int = 17;
    MPI_DISTRIBUTE_CYCLIC: c_int = 18;
}

// The default distribution argument
constants! {
    MPI_DISTRIBUTE_DFLT_DARG: c_int = 19;
}

// Constructors of datatypes
constants! {
    MPI_COMBINER_NAMED: c_int = 101;
    MPI_COMBINER_DUP: c_int = 102;
    MPI_COMBINER_CONTIGUOUS: c_int = 103;
    MPI_COMBINER_VECTOR: c_int = 104;
    MPI_COMBINER_HVECTOR: c_int = 105;
    MPI_COMBINER_INDEXED: c_int = 106;
    MPI_COMBINER_HINDEXED: c_int = 107;
    MPI_COMBINER_INDEXED_BLOCK: c_int = 108;
    MPI_COMBINER_HINDEXED_BLOCK: c_int = 109;
    MPI_COMBINER_STRUCT: c_int = 110;
    MPI_COMBINER_SUBARRAY: c_int = 111;
    MPI_COMBINER_DARRAY: c_int = 112;
    MPI_COMBINER_F90_REAL: c_int = 113;
    MPI_COMBINER_F90_COMPLEX: c_int = 114;
    MPI_COMBINER_F90_INTEGER: c_int = 115;
    MPI_COMBINER_RESIZED: c_int = 116;
    MPI_COMBINER_VALUE_INDEX: c_int = 117;
}

// Classes of types
constants! {
    MPI_TYPECLASS_INTEGER: c_int = 192;
    MPI_TYPECLASS_REAL: c_int = 193;
    MPI_TYPECLASS_COMPLEX: c_int = 194;
}

// Results of comparisons
constants! {
    MPI_IDENT: c_int = 201;
    MPI_CONGRUENT: c_int = 202;
    MPI_SIMILAR: c_int = 203;
    MPI_UNEQUAL: c_int = 204;
}

// Kinds of topologies
constants! {
    MPI_CART: c_int = 211;
    MPI_GRAPH: c_int = 212;
    MPI_DIST_GRAPH: c_int = 213;
}

// Types of splits
constants! {
    MPI_COMM_TYPE_SHARED: c_int = 221;
    MPI_COMM_TYPE_HW_UNGUIDED: c_int = 222;
    MPI_COMM_TYPE_HW_GUIDED: c_int = 223;
    MPI_COMM_TYPE_RESOURCE_GUIDED: c_int = 224;
}

// Locks of windows
constants! {
    MPI_LOCK_EXCLUSIVE: c_int = 301;
    MPI_LOCK_SHARED: c_int = 302;
}

// How a window was made
constants! {
    MPI_WIN_FLAVOR_CREATE: c_int = 311;
    MPI_WIN_FLAVOR_ALLOCATE: c_int = 312;
    MPI_WIN_FLAVOR_DYNAMIC: c_int = 313;
    MPI_WIN_FLAVOR_SHARED: c_int = 314;
}

// Memory models of windows
constants! {
    MPI_WIN_UNIFIED: c_int = 321;
    MPI_WIN_SEPARATE: c_int = 322;
}

// Whence of a seek
constants! {
    MPI_SEEK_CUR: c_int = 401;
    MPI_SEEK_END: c_int = 402;
    MPI_SEEK_SET: c_int = 403;
}

// Predefined keyvals
constants! {
    MPI_KEYVAL_INVALID: c_int = 0;
    MPI_TAG_UB: c_int = 501;
    MPI_IO: c_int = 502;
    MPI_HOST: c_int = 503;
    MPI_WTIME_IS_GLOBAL: c_int = 504;
    MPI_APPNUM: c_int = 505;
    MPI_LASTUSEDCODE: c_int = 506;
    MPI_UNIVERSE_SIZE: c_int = 507;
    MPI_WIN_BASE: c_int = 601;
    MPI_WIN_DISP_UNIT: c_int = 602;
    MPI_WIN_SIZE: c_int = 603;
    MPI_WIN_CREATE_FLAVOR: c_int = 604;
    MPI_WIN_MODEL: c_int = 605;
}

// Bits of file access modes
constants! {
    MPI_MODE_APPEND: c_int = 1;
    MPI_MODE_CREATE: c_int = 2;
    MPI_MODE_DELETE_ON_CLOSE: c_int = 4;
    MPI_MODE_EXCL: c_int = 8;
    MPI_MODE_RDONLY: c_int = 16;
    MPI_MODE_RDWR: c_int = 32;
    MPI_MODE_SEQUENTIAL: c_int = 64;
    MPI_MODE_UNIQUE_OPEN: c_int = 128;
    MPI_MODE_WRONLY: c_int = 256;
}

// Bits of window assertions
constants! {
    MPI_MODE_NOCHECK: c_int = 1024;
    MPI_MODE_NOPRECEDE: c_int = 2048;
    MPI_MODE_NOPUT: c_int = 4096;
    MPI_MODE_NOSTORE: c_int = 8192;
    MPI_MODE_NOSUCCEED: c_int = 16384;
}

// Safety levels of tool callbacks
constants! {
    MPI_T_CB_REQUIRE_NONE: c_int = 0;
    MPI_T_CB_REQUIRE_MPI_RESTRICTED: c_int = 3;
    MPI_T_CB_REQUIRE_THREAD_SAFE: c_int = 15;
    MPI_T_CB_REQUIRE_ASYNC_SIGNAL_SAFE: c_int = 63;
}

// Order of event sources
constants! {
    MPI_T_SOURCE_ORDERED: c_int = 1;
    MPI_T_SOURCE_UNORDERED: c_int = 2;
}

// Verbosity levels
constants! {
    MPI_T_VERBOSITY_USER_BASIC: c_int = 9;
    MPI_T_VERBOSITY_USER_DETAIL: c_int = 10;
    MPI_T_VERBOSITY_USER_ALL: c_int = 12;
    MPI_T_VERBOSITY_TUNER_BASIC: c_int = 17;
    MPI_T_VERBOSITY_TUNER_DETAIL: c_int = 18;
    MPI_T_VERBOSITY_TUNER_ALL: c_int = 20;
    MPI_T_VERBOSITY_MPIDEV_BASIC: c_int = 33;
    MPI_T_VERBOSITY_MPIDEV_DETAIL: c_int = 34;
    MPI_T_VERBOSITY_MPIDEV_ALL: c_int = 36;
}

// Objects that variables are bound to
constants! {
    MPI_T_BIND_NO_OBJECT: c_int = 1;
    MPI_T_BIND_MPI_COMM: c_int = 2;
    MPI_T_BIND_MPI_DATATYPE: c_int = 3;
    MPI_T_BIND_MPI_ERRHANDLER: c_int = 4;
    MPI_T_BIND_MPI_FILE: c_int = 5;
    MPI_T_BIND_MPI_GROUP: c_int = 6;
    MPI_T_BIND_MPI_OP: c_int = 7;
    MPI_T_BIND_MPI_REQUEST: c_int = 8;
    MPI_T_BIND_MPI_WIN: c_int = 9;
    MPI_T_BIND_MPI_MESSAGE: c_int = 10;
    MPI_T_BIND_MPI_INFO: c_int = 11;
    MPI_T_BIND_MPI_SESSION: c_int = 12;
}

// Scopes of control variables
constants! {
    MPI_T_SCOPE_CONSTANT: c_int = 1;
    MPI_T_SCOPE_READONLY: c_int = 2;
    MPI_T_SCOPE_LOCAL: c_int = 3;
    MPI_T_SCOPE_GROUP: c_int = 4;
    MPI_T_SCOPE_GROUP_EQ: c_int = 5;
    MPI_T_SCOPE_ALL: c_int = 6;
    MPI_T_SCOPE_ALL_EQ: c_int = 7;
}

// Classes of performance variables
constants! {
    MPI_T_PVAR_CLASS_STATE: c_int = 1;
    MPI_T_PVAR_CLASS_LEVEL: c_int = 2;
    MPI_T_PVAR_CLASS_SIZE: c_int = 3;
    MPI_T_PVAR_CLASS_PERCENTAGE: c_int = 4;
    MPI_T_PVAR_CLASS_HIGHWATERMARK: c_int = 5;
    MPI_T_PVAR_CLASS_LOWWATERMARK: c_int = 6;
    MPI_T_PVAR_CLASS_COUNTER: c_int = 7;
    MPI_T_PVAR_CLASS_AGGREGATE: c_int = 8;
    MPI_T_PVAR_CLASS_TIMER: c_int = 9;
    MPI_T_PVAR_CLASS_GENERIC: c_int = 10;
}

// Error classes of the tool information interface (MPI-5.0, section 15.3.10)
constants! {
    MPI_T_ERR_CANNOT_INIT: c_int = 1001;
    MPI_T_ERR_NOT_ACCESSIBLE: c_int = 1002;
    MPI_T_ERR_NOT_INITIALIZED: c_int = 1003;
    MPI_T_ERR_NOT_SUPPORTED: c_int = 1004;
    MPI_T_ERR_MEMORY: c_int = 1005;
    MPI_T_ERR_INVALID: c_int = 1006;
    MPI_T_ERR_INVALID_INDEX: c_int = 1007;
    MPI_T_ERR_INVALID_ITEM: c_int = 1008;
    MPI_T_ERR_INVALID_SESSION: c_int = 1009;
    MPI_T_ERR_INVALID_HANDLE: c_int = 1010;
    MPI_T_ERR_INVALID_NAME: c_int = 1011;
    MPI_T_ERR_OUT_OF_HANDLES: c_int = 1012;
    MPI_T_ERR_OUT_OF_SESSIONS: c_int = 1013;
    MPI_T_ERR_CVAR_SET_NOT_NOW: c_int = 1014;
    MPI_T_ERR_CVAR_SET_NEVER: c_int = 1015;
    MPI_T_ERR_PVAR_NO_WRITE: c_int = 1016;
    MPI_T_ERR_PVAR_NO_STARTSTOP: c_int = 1017;
    MPI_T_ERR_PVAR_NO_ATOMIC: c_int = 1018;
}

// Sizes of strings (MPI-5.0, Appendix A.1.1)
constants! {
    MPI_MAX_DATAREP_STRING: usize = 128;
    MPI_MAX_INFO_KEY: usize = 256;
    MPI_MAX_INFO_VAL: usize = 1024;
    MPI_MAX_OBJECT_NAME: usize = 128;
    MPI_MAX_PORT_NAME: usize = 1024;
    MPI_MAX_STRINGTAG_LEN: usize = 1024;
    MPI_MAX_PSET_NAME_LEN: usize = 1024;
    MPI_BSEND_OVERHEAD: usize = 512;
}

// Sentinels
constants! {
    MPI_DISPLACEMENT_CURRENT: i64 = -1;
    MPI_BUFFER_AUTOMATIC: *mut c_void = core::ptr::without_provenance_mut(2);
    MPI_UNWEIGHTED: *mut c_int = core::ptr::without_provenance_mut(10);
    MPI_WEIGHTS_EMPTY: *mut c_int = core::ptr::without_provenance_mut(11);
}
