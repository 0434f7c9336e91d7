//! `MPI_*_toint` and `MPI_*_fromint`: an int for every handle (MPI-5.0, section 20.4.5).
//!
//! A predefined handle is its own value. A dynamic one whose native bits fit an int is those bits; a pointer gets a
//! number, the same one whenever the same pointer comes.

use core::ffi::c_int;
use std::sync::{Mutex, PoisonError};

use super::interned::Interned;
use crate::abi::*;
use crate::family::Abi;
use crate::table::FnTable;

/// The pointers that have numbers, in the order of their numbers.
static POINTERS: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// The number of the first pointer: above every predefined handle, below every handle of the MPICH ABI.
const FIRST: usize = 0x1000;

fn to_int<H: Handle>(handle: H) -> c_int {
    let bits = handle.bits();
    if bits < PREDEFINED_END || (FIRST << 12..=u32::MAX as usize).contains(&bits) {
        return bits as u32 as c_int;
    }
    static NUMBERS: Interned<usize, c_int> = Interned::new();
    let number = NUMBERS.get(bits, |_| {
        let mut pointers = POINTERS.lock().unwrap_or_else(PoisonError::into_inner);
        pointers.push(bits);
        c_int::try_from(FIRST + pointers.len() - 1).ok()
    });
    number.unwrap_or(H::CLASS.null() as c_int)
}

fn from_int<H: Handle>(number: c_int) -> H {
    let bits = number.cast_unsigned() as usize;
    if !(FIRST..FIRST << 12).contains(&bits) {
        return H::from_bits(bits);
    }
    let pointers = POINTERS.lock().unwrap_or_else(PoisonError::into_inner);
    H::from_bits(pointers.get(bits - FIRST).copied().unwrap_or(H::CLASS.null()))
}

macro_rules! integers {
    ($($to:ident $from:ident $handle:ident;)*) => {
        /// Answers these functions here instead of in the library: for one that gets them wrong.
        pub fn answer_integers(table: &mut FnTable) {
            $(
                unsafe extern "C" fn $to(handle: $handle) -> c_int {
                    to_int(handle)
                }
                unsafe extern "C" fn $from(number: c_int) -> $handle {
                    from_int(number)
                }
                table.$to = $to;
                table.$from = $from;
            )*
        }
    $(
        pub unsafe extern "C" fn $to<A: Abi>(handle: $handle) -> c_int {
            to_int(handle)
        }

        pub unsafe extern "C" fn $from<A: Abi>(number: c_int) -> $handle {
            from_int(number)
        }
    )*};
}

integers! {
    MPI_Comm_toint MPI_Comm_fromint MPI_Comm;
    MPI_Errhandler_toint MPI_Errhandler_fromint MPI_Errhandler;
    MPI_File_toint MPI_File_fromint MPI_File;
    MPI_Group_toint MPI_Group_fromint MPI_Group;
    MPI_Info_toint MPI_Info_fromint MPI_Info;
    MPI_Message_toint MPI_Message_fromint MPI_Message;
    MPI_Op_toint MPI_Op_fromint MPI_Op;
    MPI_Request_toint MPI_Request_fromint MPI_Request;
    MPI_Session_toint MPI_Session_fromint MPI_Session;
    MPI_Type_toint MPI_Type_fromint MPI_Datatype;
    MPI_Win_toint MPI_Win_fromint MPI_Win;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_handle_comes_back() {
        for bits in
            [MPI_COMM_WORLD.0, MPI_COMM_NULL.0, 0x8400_0001, 0x4400_0000, 0x7fff_1234_5670, 0x5555_0000_1000]
        {
            let number = to_int(MPI_Comm(bits));
            assert_eq!(from_int::<MPI_Comm>(number), MPI_Comm(bits), "{bits:#x}");
            assert_eq!(to_int(MPI_Comm(bits)), number);
        }
        assert_eq!(to_int(MPI_INT), MPI_INT.0 as c_int);
    }
}
