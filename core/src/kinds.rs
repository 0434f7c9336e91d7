//! Kinds: how one argument crosses from the standard ABI to a library's own and back.
//!
//! A kind names the meaning of a parameter, and its [`Kind`] implementation is the whole translation of that
//! meaning: `enter` before the call makes what the library reads, `native` is the argument itself, `leave` after
//! the call hands results to the caller. The macros that make the shims hold no translation logic.

use core::ffi::{c_char, c_int, c_void};
use core::mem::MaybeUninit;
use std::marker::PhantomData;

use crate::abi::{
    Handle, MPI_Comm, MPI_Datatype, MPI_ERR_IN_STATUS, MPI_ERR_UNSUPPORTED_OPERATION, MPI_Errhandler, MPI_Op,
    MPI_Request, MPI_Status,
};
use crate::array::Buffer as ArrayBuffer;
use crate::family::{Abi, buffer_in, thread_in, thread_out};

/// How one parameter crosses.
pub trait Kind {
    /// The parameter in the standard ABI.
    type Outer: Copy;
    /// The parameter in the ABI `A`.
    type Native<A: Abi>: Copy;
    /// What must live until the call has returned.
    type Held<A: Abi>;

    /// Before the call. `related` is the value of the parameter named in brackets, 0 where there is none.
    ///
    /// # Safety
    /// `outer` is a valid argument of this kind, as the MPI standard defines it.
    unsafe fn enter<A: Abi>(outer: Self::Outer, related: usize) -> Self::Held<A>;

    /// The argument itself.
    fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A>;

    /// After the call, which returned the (already translated) `code`.
    ///
    /// # Safety
    /// As for `enter`, and the library has returned from the call.
    #[inline]
    unsafe fn leave<A: Abi>(held: Self::Held<A>, outer: Self::Outer, related: usize, code: c_int) {
        let _ = (held, outer, related, code);
    }
}

/// A value that crosses by itself, in either direction; `Out`, `InOut` and the arrays are made of it.
pub trait Scalar {
    /// The value in the standard ABI.
    type Outer: Copy + 'static;
    /// The value in the ABI `A`.
    type Native<A: Abi>: Copy + 'static;
    /// As an argument.
    fn to<A: Abi>(outer: Self::Outer) -> Self::Native<A>;
    /// As a result; `previous` is what the caller's variable holds, for fields that must survive.
    fn from<A: Abi>(native: Self::Native<A>, previous: Self::Outer) -> Self::Outer;
}

macro_rules! scalars {
    ($($(#[$doc:meta])* $name:ident: $outer:ty, $native:ty, |$to:ident| $enter:expr, |$from:ident| $leave:expr;)*) => {$(
        $(#[$doc])*
        pub enum $name {}

        impl Scalar for $name {
            type Outer = $outer;
            type Native<A: Abi> = $native;
            #[inline]
            fn to<A: Abi>($to: $outer) -> $native {
                $enter
            }
            #[inline]
            fn from<A: Abi>($from: $native, _previous: $outer) -> $outer {
                $leave
            }
        }

        impl Kind for $name {
            type Outer = $outer;
            type Native<A: Abi> = $native;
            type Held<A: Abi> = $native;
            #[inline]
            unsafe fn enter<A: Abi>(outer: $outer, _related: usize) -> $native {
                Self::to::<A>(outer)
            }
            #[inline]
            fn native<A: Abi>(held: &mut $native, _outer: $outer) -> $native {
                *held
            }
        }
    )*};
}

scalars! {
    /// A communicator.
    Comm: MPI_Comm, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().handle_out(native);
    /// A datatype.
    Datatype: MPI_Datatype, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().handle_out(native);
    /// A reduction operation.
    Op: MPI_Op, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().handle_out(native);
    /// A request.
    Request: MPI_Request, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().handle_out(native);
    /// An error handler.
    Errhandler: MPI_Errhandler, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().handle_out(native);
    /// A rank, or one of `MPI_ANY_SOURCE`, `MPI_PROC_NULL`, `MPI_ROOT`.
    Rank: c_int, c_int, |outer| A::rank_in(outer), |native| A::rank_out(native);
    /// A tag, or `MPI_ANY_TAG`.
    Tag: c_int, c_int, |outer| A::tag_in(outer), |native| A::tag_out(native);
    /// A thread level.
    Thread: c_int, c_int, |outer| thread_in(outer), |native| thread_out(native);
    /// An error code or class.
    ErrorCode: c_int, c_int, |outer| A::bound().code_in(outer), |native| A::bound().code_out(native);
    /// The initial address of a choice buffer, `MPI_BOTTOM` or `MPI_IN_PLACE`.
    Buffer: *mut c_void, *mut c_void, |outer| buffer_in::<A>(outer), |native| native;
    /// An `int` that means the same everywhere: a count, a key, a colour, an exit code.
    Int: c_int, c_int, |outer| outer, |native| native;
    /// An array of such `int`s that MPI reads.
    Ints: *const c_int, *const c_int, |outer| outer, |native| native;
    /// An `int` that MPI writes and that means the same everywhere: a size, a count, a flag.
    OutInt: *mut c_int, *mut c_int, |outer| outer, |native| native;
    /// A string buffer that MPI writes; the standard ABI's sizes are the largest of all libraries.
    OutChars: *mut c_char, *mut c_char, |outer| outer, |native| native;
    /// `argc` of `main`, or null.
    Argc: *mut c_int, *mut c_int, |outer| outer, |native| native;
    /// `argv` of `main`, or null.
    Argv: *mut *mut *mut c_char, *mut *mut *mut c_char, |outer| outer, |native| native;
}

/// A status. As a result it leaves `MPI_ERROR` alone, as MPI-5.0 section 3.2.5 demands of single completions.
pub enum Status {}

impl Scalar for Status {
    type Outer = MPI_Status;
    type Native<A: Abi> = A::Status;
    #[inline]
    fn to<A: Abi>(outer: MPI_Status) -> A::Status {
        A::status_in(&outer)
    }
    #[inline]
    fn from<A: Abi>(native: A::Status, mut previous: MPI_Status) -> MPI_Status {
        A::status_out(&native, &mut previous);
        previous
    }
}

/// A kind whose null pointer is a sentinel with an address of its own in some libraries.
pub trait Pointee: Scalar {
    /// What the library gets where the caller passed null.
    fn null<A: Abi>() -> *mut Self::Native<A> {
        core::ptr::null_mut()
    }
    /// What a result variable holds before the call; a call that fails may leave it so.
    fn blank<A: Abi>() -> MaybeUninit<Self::Native<A>> {
        MaybeUninit::uninit()
    }
    /// Whether a result is there after a call that failed.
    const SURVIVES_ERROR: bool = false;
}

impl Pointee for Comm {}
impl Pointee for Errhandler {}
impl Pointee for Rank {}
impl Pointee for Thread {}
impl Pointee for ErrorCode {}
impl Pointee for Request {}
impl Pointee for Status {
    #[inline]
    fn null<A: Abi>() -> *mut A::Status {
        core::ptr::without_provenance_mut(A::STATUS_IGNORE)
    }
    #[inline]
    fn blank<A: Abi>() -> MaybeUninit<A::Status> {
        MaybeUninit::new(A::status_in(&MPI_Status::default()))
    }
    // MPI_Recv that truncates says in the status what it received.
    const SURVIVES_ERROR: bool = true;
}

/// A result: always a variable of our own, for a library may write less than the standard ABI holds.
pub struct Out<K>(PhantomData<K>);

impl<K: Pointee> Kind for Out<K> {
    type Outer = *mut K::Outer;
    type Native<A: Abi> = *mut K::Native<A>;
    type Held<A: Abi> = MaybeUninit<K::Native<A>>;

    #[inline]
    unsafe fn enter<A: Abi>(_outer: Self::Outer, _related: usize) -> Self::Held<A> {
        K::blank::<A>()
    }
    #[inline]
    fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A> {
        if outer.is_null() { K::null::<A>() } else { held.as_mut_ptr() }
    }
    #[inline]
    unsafe fn leave<A: Abi>(held: Self::Held<A>, outer: Self::Outer, _related: usize, code: c_int) {
        if !outer.is_null() && (code == 0 || K::SURVIVES_ERROR) {
            // SAFETY: the caller's variable is writable; the library has written `held`, or it was never blank.
            unsafe { *outer = K::from::<A>(held.assume_init(), *outer) };
        }
    }
}

/// A result that is there only if the flag named in brackets came back true.
pub struct OutIf<K>(PhantomData<K>);

impl<K: Pointee> Kind for OutIf<K> {
    type Outer = *mut K::Outer;
    type Native<A: Abi> = *mut K::Native<A>;
    type Held<A: Abi> = MaybeUninit<K::Native<A>>;

    #[inline]
    unsafe fn enter<A: Abi>(_outer: Self::Outer, _related: usize) -> Self::Held<A> {
        K::blank::<A>()
    }
    #[inline]
    fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A> {
        if outer.is_null() { K::null::<A>() } else { held.as_mut_ptr() }
    }
    #[inline]
    unsafe fn leave<A: Abi>(held: Self::Held<A>, outer: Self::Outer, related: usize, code: c_int) {
        let flag = core::ptr::with_exposed_provenance::<c_int>(related);
        // SAFETY: the flag is the caller's int, which the library has written when the call succeeded.
        let there = !outer.is_null() && code == 0 && unsafe { *flag } != 0;
        if there {
            // SAFETY: as in `Out::leave`.
            unsafe { *outer = K::from::<A>(held.assume_init(), *outer) };
        }
    }
}

/// A variable that MPI reads and writes, such as a request that becomes `MPI_REQUEST_NULL`.
pub struct InOut<K>(PhantomData<K>);

impl<K: Pointee> Kind for InOut<K> {
    type Outer = *mut K::Outer;
    type Native<A: Abi> = *mut K::Native<A>;
    type Held<A: Abi> = MaybeUninit<K::Native<A>>;

    #[inline]
    unsafe fn enter<A: Abi>(outer: Self::Outer, _related: usize) -> Self::Held<A> {
        if outer.is_null() {
            MaybeUninit::uninit()
        } else {
            // SAFETY: the caller's variable is readable.
            MaybeUninit::new(K::to::<A>(unsafe { *outer }))
        }
    }
    #[inline]
    fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A> {
        if outer.is_null() { core::ptr::null_mut() } else { held.as_mut_ptr() }
    }
    #[inline]
    unsafe fn leave<A: Abi>(held: Self::Held<A>, outer: Self::Outer, _related: usize, _code: c_int) {
        if !outer.is_null() {
            // SAFETY: initialised by `enter`; the caller's variable is writable.
            unsafe { *outer = K::from::<A>(held.assume_init(), *outer) };
        }
    }
}

/// A value behind a pointer that MPI reads.
pub struct In<K>(PhantomData<K>);

impl<K: Pointee> Kind for In<K> {
    type Outer = *const K::Outer;
    type Native<A: Abi> = *const K::Native<A>;
    type Held<A: Abi> = MaybeUninit<K::Native<A>>;

    #[inline]
    unsafe fn enter<A: Abi>(outer: Self::Outer, related: usize) -> Self::Held<A> {
        // SAFETY: as the caller promises; nothing is written through the pointer.
        unsafe { InOut::<K>::enter::<A>(outer.cast_mut(), related) }
    }
    #[inline]
    fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A> {
        if outer.is_null() { K::null::<A>() } else { held.as_ptr() }
    }
}

/// An array of handles that MPI reads and writes; its length is the parameter in brackets.
pub struct InOutArray<K>(PhantomData<K>);

impl<K: Scalar<Outer: Handle>> Kind for InOutArray<K> {
    type Outer = *mut K::Outer;
    type Native<A: Abi> = *mut K::Native<A>;
    type Held<A: Abi> = ArrayBuffer<K::Native<A>>;

    #[inline]
    unsafe fn enter<A: Abi>(outer: Self::Outer, related: usize) -> Self::Held<A> {
        // SAFETY: the caller's array has `related` readable elements.
        ArrayBuffer::from_fn(related, |index| K::to::<A>(unsafe { *outer.add(index) }))
    }
    #[inline]
    fn native<A: Abi>(held: &mut Self::Held<A>, _outer: Self::Outer) -> Self::Native<A> {
        held.as_mut_ptr()
    }
    #[inline]
    unsafe fn leave<A: Abi>(held: Self::Held<A>, outer: Self::Outer, _related: usize, _code: c_int) {
        for (index, &native) in held.as_slice().iter().enumerate() {
            // SAFETY: the caller's array is as long as the one that `enter` made from it.
            unsafe {
                let slot = outer.add(index);
                *slot = K::from::<A>(native, *slot);
            }
        }
    }
}

/// An array of statuses that MPI writes; its length is the parameter in brackets.
pub struct OutArray<K>(PhantomData<K>);

impl Kind for OutArray<Status> {
    type Outer = *mut MPI_Status;
    type Native<A: Abi> = *mut A::Status;
    type Held<A: Abi> = ArrayBuffer<A::Status>;

    #[inline]
    unsafe fn enter<A: Abi>(outer: Self::Outer, related: usize) -> Self::Held<A> {
        let blank = A::status_in(&MPI_Status::default());
        ArrayBuffer::from_fn(if outer.is_null() { 0 } else { related }, |_| blank)
    }
    #[inline]
    fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A> {
        if outer.is_null() { Status::null::<A>() } else { held.as_mut_ptr() }
    }
    #[inline]
    unsafe fn leave<A: Abi>(held: Self::Held<A>, outer: Self::Outer, _related: usize, code: c_int) {
        for (index, native) in held.as_slice().iter().enumerate() {
            // SAFETY: the caller's array is as long as the one that `enter` made.
            let slot = unsafe { &mut *outer.add(index) };
            A::status_out(native, slot);
            if code == MPI_ERR_IN_STATUS {
                slot.MPI_ERROR = A::bound().code_out(A::status_error(native));
            }
        }
    }
}

/// The value of a parameter that another one depends on.
pub trait Related: Copy {
    /// A length, or the address of a flag.
    fn related(self) -> usize;
}

impl Related for c_int {
    #[inline]
    fn related(self) -> usize {
        usize::try_from(self).unwrap_or(0)
    }
}

impl Related for *mut c_int {
    #[inline]
    fn related(self) -> usize {
        self.expose_provenance()
    }
}

/// What a function returns.
pub trait Return {
    /// In C, in every ABI.
    type Value: Copy;
    /// The native value in the standard ABI.
    fn leave<A: Abi>(native: Self::Value) -> Self::Value;
    /// The error code in it; 0 for functions that return none.
    fn code(value: Self::Value) -> c_int;
    /// What is returned where the library lacks the function.
    const UNSUPPORTED: Self::Value;
}

/// An error code.
pub enum Code {}

impl Return for Code {
    type Value = c_int;
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

/// A time in seconds.
pub enum Seconds {}

impl Return for Seconds {
    type Value = f64;
    #[inline]
    fn leave<A: Abi>(native: f64) -> f64 {
        native
    }
    #[inline]
    fn code(_value: f64) -> c_int {
        0
    }
    const UNSUPPORTED: f64 = f64::NAN;
}
