//! Kinds: how one argument crosses from the standard ABI to a library's own and back.
//!
//! A kind names the meaning of a parameter, and its [`Kind`] implementation is the whole translation of that
//! meaning: `enter` before the call makes what the library reads, `native` is the argument itself, `leave` after
//! the call hands results to the caller. The macros that make the shims hold no translation logic.

mod arrays;
mod pointers;
mod returns;
mod scalars;

pub use arrays::*;
pub use pointers::*;
pub use returns::*;
pub use scalars::*;

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;

use crate::abi::MPI_Comm;
use crate::family::Abi;
use crate::raise::Object;

/// The values of up to two parameters that another one depends on: lengths, or addresses of results.
pub type Relations = [usize; 2];

/// How one parameter crosses.
pub trait Kind {
    /// The parameter in the standard ABI.
    type Outer: Copy;
    /// The parameter in the ABI `A`.
    type Native<A: Abi>: Copy;
    /// What must live until the call has returned.
    type Held<A: Abi>;

    /// Before the call. `related` holds the values of the parameters named in brackets.
    ///
    /// # Safety
    /// `outer` is a valid argument of this kind, as the MPI standard defines it.
    unsafe fn enter<A: Abi>(outer: Self::Outer, related: Relations) -> Self::Held<A>;

    /// As [`Kind::enter`], into the variable that holds it: for what is too large to be moved there.
    ///
    /// # Safety
    /// As for `enter`.
    #[inline]
    unsafe fn enter_at<A: Abi>(
        place: &mut MaybeUninit<Self::Held<A>>,
        outer: Self::Outer,
        related: Relations,
    ) {
        // SAFETY: as the caller promises.
        place.write(unsafe { Self::enter::<A>(outer, related) });
    }

    /// The argument itself.
    fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A>;

    /// After the call, which returned the (already translated) `code`.
    ///
    /// # Safety
    /// As for `enter`, and the library has returned from the call.
    #[inline]
    unsafe fn leave<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer, related: Relations, code: c_int) {
        let _ = (held, outer, related, code);
    }

    /// What an error of the call happens on, as far as this parameter tells.
    fn object(outer: Self::Outer) -> Object {
        let _ = outer;
        Object::Nothing
    }
}

/// The value of a parameter that another one depends on.
pub trait Related: Copy {
    /// A length, a root, the bits of a handle, or an address.
    fn related(self) -> usize;
}

impl Related for c_int {
    #[inline]
    fn related(self) -> usize {
        self as isize as usize
    }
}

impl Related for i64 {
    #[inline]
    fn related(self) -> usize {
        self as isize as usize
    }
}

impl Related for *const c_void {
    #[inline]
    fn related(self) -> usize {
        self.addr()
    }
}

impl Related for MPI_Comm {
    #[inline]
    fn related(self) -> usize {
        self.0
    }
}

/// The length in a relation: 0 where the caller passed a negative number, which the library refuses.
#[inline]
pub(crate) fn length(related: usize) -> usize {
    if related.cast_signed() < 0 { 0 } else { related }
}

impl Related for *mut c_int {
    #[inline]
    fn related(self) -> usize {
        self.expose_provenance()
    }
}

/// The int behind the address that [`Related`] took; 0 where the caller passed null.
///
/// # Safety
/// `related` is null or came from a pointer to an int that was written.
#[inline]
unsafe fn int_at(related: usize) -> c_int {
    let pointer = core::ptr::with_exposed_provenance::<c_int>(related);
    // SAFETY: as the caller promises.
    if pointer.is_null() { 0 } else { unsafe { *pointer } }
}
