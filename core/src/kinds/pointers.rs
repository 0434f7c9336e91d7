//! Values behind a pointer: read, written, or both.

use core::ffi::{c_int, c_void};
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use super::scalars::*;
use super::{Kind, Relations, int_at};
use crate::abi::{Handle, MPI_BUFFER_AUTOMATIC, MPI_Comm, MPI_REQUEST_NULL, MPI_Request, MPI_Status};
use crate::attachments;
use crate::family::Abi;
use crate::own::{communicator_made, watch_communicator};
use crate::rare::rare;

/// A kind whose null pointer is a sentinel with an address of its own in some libraries.
pub trait Pointee: Scalar {
    /// What the library gets where the caller passed null: an error, if it is no sentinel.
    #[inline]
    fn null<A: Abi>() -> *mut Self::Native<A> {
        rare();
        core::ptr::null_mut()
    }
    /// What a result variable holds before the call; a call that fails may leave it so.
    fn blank<A: Abi>() -> MaybeUninit<Self::Native<A>> {
        MaybeUninit::uninit()
    }
    /// Looks at what a variable became, after a call that may have ended the life of what it held.
    #[inline]
    fn watch(before: Self::Outer, after: Self::Outer) {
        let _ = (before, after);
    }
    /// Looks at a result that a call made.
    #[inline]
    fn made<A: Abi>(made: Self::Outer) {
        let _ = made;
    }
    /// Whether a result is there after a call that failed.
    const SURVIVES_ERROR: bool = false;
}

macro_rules! plain_pointees {
    ($($kind:ident),*) => {$( impl Pointee for $kind {} )*};
}

plain_pointees!(
    Datatype,
    Op,
    Errhandler,
    Group,
    Win,
    Session,
    Message,
    Info,
    File,
    Rank,
    Tag,
    Thread,
    ErrorCode,
    Keyval,
    Combiner,
    Comparison,
    Topology,
    FileMode,
    ToolSourceOrder,
    Verbosity,
    Bind,
    Scope,
    PvarClass
);

impl Pointee for Comm {
    #[inline]
    fn watch(before: MPI_Comm, after: MPI_Comm) {
        watch_communicator(before, after);
    }
    #[inline]
    fn made<A: Abi>(made: MPI_Comm) {
        communicator_made::<A>(made);
    }
}

impl Pointee for Request {
    #[inline]
    fn watch(before: MPI_Request, after: MPI_Request) {
        if attachments::any() && after == MPI_REQUEST_NULL {
            attachments::release(before.0);
        }
    }
}

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
    unsafe fn enter<A: Abi>(_outer: Self::Outer, _related: Relations) -> Self::Held<A> {
        K::blank::<A>()
    }
    #[inline]
    fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A> {
        if outer.is_null() { K::null::<A>() } else { held.as_mut_ptr() }
    }
    #[inline]
    unsafe fn leave<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer, _related: Relations, code: c_int) {
        if !outer.is_null() && (code == 0 || K::SURVIVES_ERROR) {
            // SAFETY: the caller's variable is writable; the library has written `held`, or it was never blank.
            unsafe {
                *outer = K::outward::<A>(held.assume_init_read(), *outer);
                K::made::<A>(*outer);
            }
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
    unsafe fn enter<A: Abi>(outer: Self::Outer, related: Relations) -> Self::Held<A> {
        // SAFETY: as the caller promises.
        unsafe { Out::<K>::enter::<A>(outer, related) }
    }
    #[inline]
    fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A> {
        Out::<K>::native::<A>(held, outer)
    }
    #[inline]
    unsafe fn leave<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer, related: Relations, code: c_int) {
        // SAFETY: the flag is the caller's int, which the library has written when the call succeeded.
        unsafe {
            if code == 0 && int_at(related[0]) != 0 {
                Out::<K>::leave::<A>(held, outer, related, code);
            }
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
    unsafe fn enter<A: Abi>(outer: Self::Outer, _related: Relations) -> Self::Held<A> {
        if outer.is_null() {
            MaybeUninit::uninit()
        } else {
            // SAFETY: the caller's variable is readable.
            MaybeUninit::new(K::inward::<A>(unsafe { *outer }))
        }
    }
    #[inline]
    fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A> {
        if outer.is_null() { K::null::<A>() } else { held.as_mut_ptr() }
    }
    #[inline]
    unsafe fn leave<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer, _related: Relations, _code: c_int) {
        if !outer.is_null() {
            // SAFETY: initialised by `enter`; the caller's variable is writable.
            unsafe {
                let before = *outer;
                *outer = K::outward::<A>(held.assume_init_read(), before);
                K::watch(before, *outer);
            }
        }
    }
}

/// A value behind a pointer that MPI reads: a status.
pub struct In<K>(PhantomData<K>);

impl Kind for In<Status> {
    type Outer = *const MPI_Status;
    type Native<A: Abi> = *const A::Status;
    type Held<A: Abi> = ();

    #[inline]
    unsafe fn enter<A: Abi>(_outer: Self::Outer, _related: Relations) {}
    // Whoever gets a status asks for its count or whether it was cancelled, which lie in its private bytes as in a
    // native status. The fields that the user may have changed are not read.
    #[inline]
    fn native<A: Abi>(_held: &mut (), outer: Self::Outer) -> Self::Native<A> {
        if outer.is_null() { Status::null::<A>() } else { outer.wrapping_byte_add(A::STATUS_INSIDE).cast() }
    }
}

/// A handle that the library may write after the call has returned, when the operation completes.
///
/// Where native handles are pointers the library gets the caller's variable itself: no such result is predefined.
/// Libraries whose handles are smaller write them before they return.
pub struct Late<K>(PhantomData<K>);

impl<K: Pointee<Outer: Handle>> Kind for Late<K> {
    type Outer = *mut K::Outer;
    type Native<A: Abi> = *mut K::Native<A>;
    type Held<A: Abi> = MaybeUninit<K::Native<A>>;

    #[inline]
    unsafe fn enter<A: Abi>(_outer: Self::Outer, _related: Relations) -> Self::Held<A> {
        MaybeUninit::uninit()
    }
    #[inline]
    fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A> {
        if outer.is_null() || size_of::<K::Native<A>>() == size_of::<K::Outer>() {
            outer.cast()
        } else {
            held.as_mut_ptr()
        }
    }
    #[inline]
    unsafe fn leave<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer, related: Relations, code: c_int) {
        if size_of::<K::Native<A>>() != size_of::<K::Outer>() {
            // SAFETY: the library has written `held`, as for any other result.
            unsafe { Out::<K>::leave::<A>(held, outer, related, code) };
        }
    }
}

/// The request of an operation that the call starts.
///
/// The library writes it into the caller's own variable, which a native request fits into, for it is hardly ever null.
/// After a call that failed the variable is undefined, as natively.
pub enum NewRequest {}

impl Kind for NewRequest {
    type Outer = *mut MPI_Request;
    type Native<A: Abi> = *mut A::Handle;
    type Held<A: Abi> = ();

    #[inline]
    unsafe fn enter<A: Abi>(_outer: *mut MPI_Request, _related: Relations) {
        const { assert!(size_of::<A::Handle>() <= size_of::<MPI_Request>()) };
        const { assert!(align_of::<A::Handle>() <= align_of::<MPI_Request>()) };
    }
    #[inline]
    fn native<A: Abi>(_held: &mut (), outer: *mut MPI_Request) -> *mut A::Handle {
        outer.cast()
    }
    #[inline]
    unsafe fn leave<A: Abi>(_held: &mut (), outer: *mut MPI_Request, _related: Relations, code: c_int) {
        if code != 0 {
            return;
        }
        // SAFETY: a variable of the caller's, which the library has written, for it succeeded.
        unsafe {
            let bits = A::handle_bits(outer.cast::<A::Handle>().read());
            if bits == A::null_request() {
                rare();
                *outer = MPI_REQUEST_NULL;
            } else if size_of::<A::Handle>() < size_of::<MPI_Request>() {
                *outer = MPI_Request(bits);
            }
        }
    }
}

/// Where MPI writes the address of a buffer that it gives back, which may be `MPI_BUFFER_AUTOMATIC`.
pub enum OutBuffer {}

impl Kind for OutBuffer {
    type Outer = *mut c_void;
    type Native<A: Abi> = *mut c_void;
    type Held<A: Abi> = ();

    #[inline]
    unsafe fn enter<A: Abi>(_outer: *mut c_void, _related: Relations) {}
    #[inline]
    fn native<A: Abi>(_held: &mut (), outer: *mut c_void) -> *mut c_void {
        outer
    }
    #[inline]
    unsafe fn leave<A: Abi>(_held: &mut (), outer: *mut c_void, _related: Relations, code: c_int) {
        let given = outer.cast::<*mut c_void>();
        // SAFETY: the caller's variable, which the library has written when the call succeeded.
        unsafe {
            if code == 0 && !given.is_null() && (*given).addr() == A::BUFFER_AUTOMATIC.cast_unsigned() {
                *given = MPI_BUFFER_AUTOMATIC;
            }
        }
    }
}
