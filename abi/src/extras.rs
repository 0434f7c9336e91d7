//! What lies outside the ABI and many programs expect of an MPI all the same: the converters between handles of C and
//! integers of Fortran. Here they are the ABI's own `toint` and `fromint`.

use std::ffi::c_int;

use anympi::abi::*;

macro_rules! converters {
    ($($handle:ident: $to_fortran:ident $from_fortran:ident by $to_integer:ident $from_integer:ident;)*) => {
        // SAFETY: the C functions of these names, which this library exports.
        unsafe extern "C" {
            $(
                fn $to_integer(handle: $handle) -> c_int;
                fn $from_integer(integer: c_int) -> $handle;
            )*
        }
        $(
            // SAFETY: the C function of that name and signature.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $to_fortran(handle: $handle) -> c_int {
                // SAFETY: the caller's handle.
                unsafe { $to_integer(handle) }
            }

            // SAFETY: the C function of that name and signature.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $from_fortran(integer: c_int) -> $handle {
                // SAFETY: the caller's integer, which stands for a handle.
                unsafe { $from_integer(integer) }
            }
        )*
    };
}

#[allow(non_snake_case, reason = "MPI's own names")]
mod converters {
    use super::*;
    converters! {
        MPI_Comm: MPI_Comm_c2f MPI_Comm_f2c by MPI_Comm_toint MPI_Comm_fromint;
        MPI_Errhandler: MPI_Errhandler_c2f MPI_Errhandler_f2c by MPI_Errhandler_toint MPI_Errhandler_fromint;
        MPI_File: MPI_File_c2f MPI_File_f2c by MPI_File_toint MPI_File_fromint;
        MPI_Group: MPI_Group_c2f MPI_Group_f2c by MPI_Group_toint MPI_Group_fromint;
        MPI_Info: MPI_Info_c2f MPI_Info_f2c by MPI_Info_toint MPI_Info_fromint;
        MPI_Message: MPI_Message_c2f MPI_Message_f2c by MPI_Message_toint MPI_Message_fromint;
        MPI_Op: MPI_Op_c2f MPI_Op_f2c by MPI_Op_toint MPI_Op_fromint;
        MPI_Request: MPI_Request_c2f MPI_Request_f2c by MPI_Request_toint MPI_Request_fromint;
        MPI_Session: MPI_Session_c2f MPI_Session_f2c by MPI_Session_toint MPI_Session_fromint;
        MPI_Datatype: MPI_Type_c2f MPI_Type_f2c by MPI_Type_toint MPI_Type_fromint;
        MPI_Win: MPI_Win_c2f MPI_Win_f2c by MPI_Win_toint MPI_Win_fromint;
    }
}
