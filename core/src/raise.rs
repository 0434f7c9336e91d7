//! Errors that are found here: the error handler of the object hears of them, as of the library's own (MPI-5.0,
//! section 9.3).

use core::ffi::c_int;

use crate::abi::{MPI_COMM_NULL, MPI_COMM_SELF, MPI_Comm, MPI_FILE_NULL, MPI_File, MPI_WIN_NULL, MPI_Win};
use crate::family::Abi;
use crate::kinds::{Comm, File, Scalar, Win};
use crate::own::is_running;

/// What an error happened on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Object {
    /// Nothing with an error handler; `MPI_COMM_SELF` stands in.
    #[default]
    Nothing,
    /// A communicator.
    Comm(MPI_Comm),
    /// A window.
    Win(MPI_Win),
    /// A file.
    File(MPI_File),
}

impl Object {
    /// This object, or the other one where this is nothing.
    pub fn or(self, other: Self) -> Self {
        if self == Self::Nothing { other } else { self }
    }
}

/// Who is told of a function that a library lacks.
pub trait Hearing {
    /// Tells of an error on an object.
    fn hear(object: Object, class: c_int);
}

impl<A: Abi> Hearing for A {
    fn hear(object: Object, class: c_int) {
        if is_running::<A>() {
            raise::<A>(object, class);
        }
    }
}

/// Nobody: a table of functions of the standard ABI does not know whose they are.
pub enum Unheard {}

impl Hearing for Unheard {
    fn hear(_object: Object, _class: c_int) {}
}

/// Calls the error handler of an object; the class is what the function returns, if the handler comes back.
pub fn raise<A: Abi>(object: Object, class: c_int) -> c_int {
    let native = &A::bound().native;
    let code = A::bound().code_in(class);
    let comm = match object {
        Object::Comm(comm) if comm != MPI_COMM_NULL => comm,
        _ => MPI_COMM_SELF,
    };
    // SAFETY: MPI is running and the object is the caller's, or the library refuses.
    unsafe {
        match object {
            Object::Win(win) if win != MPI_WIN_NULL => {
                native.MPI_Win_call_errhandler.map(|call| call(Win::inward::<A>(win), code))
            }
            Object::File(file) if file != MPI_FILE_NULL => {
                native.MPI_File_call_errhandler.map(|call| call(File::inward::<A>(file), code))
            }
            _ => native.MPI_Comm_call_errhandler.map(|call| call(Comm::inward::<A>(comm), code)),
        }
    };
    class
}
