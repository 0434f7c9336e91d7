//! What functions return.

use core::ffi::c_int;

use crate::abi::*;
use crate::family::Abi;

/// What a function returns.
pub trait Return {
    /// The value in the standard ABI.
    type Value: Copy;
    /// The value in the ABI `A`.
    type Native<A: Abi>: Copy;
    /// The native value in the standard ABI.
    fn leave<A: Abi>(native: Self::Native<A>) -> Self::Value;
    /// The error code in it; 0 for functions that return none.
    fn code(value: Self::Value) -> c_int;
    /// What is returned where the library lacks the function.
    const UNSUPPORTED: Self::Value;
}

/// An error code.
pub enum Code {}

impl Return for Code {
    type Value = c_int;
    type Native<A: Abi> = c_int;
    #[inline]
    fn leave<A: Abi>(native: c_int) -> c_int {
        A::bound().code_out(native)
    }
    #[inline]
    fn code(value: c_int) -> c_int {
        value
    }
    const UNSUPPORTED: c_int = MPI_ERR_UNSUPPORTED_OPERATION;
}

macro_rules! plain_returns {
    ($($(#[$doc:meta])* $name:ident: $value:ty, $unsupported:expr;)*) => {$(
        $(#[$doc])*
        pub enum $name {}

        impl Return for $name {
            type Value = $value;
            type Native<A: Abi> = $value;
            #[inline]
            fn leave<A: Abi>(native: $value) -> $value {
                native
            }
            #[inline]
            fn code(_value: $value) -> c_int {
                0
            }
            const UNSUPPORTED: $value = $unsupported;
        }
    )*};
}

plain_returns! {
    /// A time in seconds.
    Seconds: f64, f64::NAN;
    /// An address.
    AintValue: MPI_Aint, 0;
    /// The integer that stands for a handle.
    IntValue: c_int, 0;
}

macro_rules! handle_returns {
    ($($name:ident: $handle:ident, $native:ty, $null:expr, |$from:ident| $leave:expr;)*) => {$(
        #[doc = concat!("A handle of type `", stringify!($handle), "`.")]
        pub enum $name {}

        impl Return for $name {
            type Value = $handle;
            type Native<A: Abi> = $native;
            #[inline]
            fn leave<A: Abi>($from: $native) -> $handle {
                $leave
            }
            #[inline]
            fn code(_value: $handle) -> c_int {
                0
            }
            const UNSUPPORTED: $handle = $null;
        }
    )*};
}

handle_returns! {
    CommValue: MPI_Comm, A::Handle, MPI_COMM_NULL, |native| A::bound().handle_out(native);
    ErrhandlerValue: MPI_Errhandler, A::Handle, MPI_ERRHANDLER_NULL, |native| A::bound().handle_out(native);
    FileValue: MPI_File, A::File, MPI_FILE_NULL, |native| A::file_out(native);
    GroupValue: MPI_Group, A::Handle, MPI_GROUP_NULL, |native| A::bound().handle_out(native);
    InfoValue: MPI_Info, A::Handle, MPI_INFO_NULL, |native| A::bound().handle_out(native);
    MessageValue: MPI_Message, A::Handle, MPI_MESSAGE_NULL, |native| A::bound().handle_out(native);
    OpValue: MPI_Op, A::Handle, MPI_OP_NULL, |native| A::bound().handle_out(native);
    RequestValue: MPI_Request, A::Handle, MPI_REQUEST_NULL, |native| A::bound().handle_out(native);
    SessionValue: MPI_Session, A::Handle, MPI_SESSION_NULL, |native| A::bound().handle_out(native);
    WinValue: MPI_Win, A::Handle, MPI_WIN_NULL, |native| A::bound().handle_out(native);
    DatatypeValue: MPI_Datatype, A::Handle, MPI_DATATYPE_NULL, |native| A::bound().handle_out(native);
}
