//! Arrays whose elements must be translated. Their lengths are the parameters in brackets.

use core::ffi::c_int;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};

use super::scalars::*;
use super::{Kind, Pointee, Relations, int_at, length};
use crate::abi::{Handle, MPI_ERR_IN_STATUS, MPI_SUCCESS, MPI_Status, PREDEFINED_END};
use crate::array::Buffer as ArrayBuffer;
use crate::attachments;
use crate::family::Abi;

/// An array that MPI reads.
pub struct InArray<K>(PhantomData<K>);

impl<K: Scalar> Kind for InArray<K> {
    type Outer = *const K::Outer;
    type Native<A: Abi> = *const K::Native<A>;
    type Held<A: Abi> = ArrayBuffer<K::Native<A>>;

    #[inline]
    unsafe fn enter<A: Abi>(outer: Self::Outer, related: Relations) -> Self::Held<A> {
        let mut held = MaybeUninit::uninit();
        // SAFETY: as the caller promises; `enter_at` fills what it is given.
        unsafe {
            Self::enter_at::<A>(&mut held, outer, related);
            held.assume_init()
        }
    }
    #[inline]
    unsafe fn enter_at<A: Abi>(
        place: &mut MaybeUninit<Self::Held<A>>,
        outer: Self::Outer,
        related: Relations,
    ) {
        let length = room(outer, related);
        // SAFETY: both arrays have that many elements.
        unsafe {
            let first = ArrayBuffer::uninit_at(place, length);
            for index in 0..length {
                first.add(index).write(K::inward::<A>(*outer.add(index)));
            }
        }
    }
    #[inline]
    fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A> {
        if outer.is_null() { core::ptr::null() } else { held.as_mut_ptr() }
    }
}

/// An array of handles that MPI reads and writes: requests.
///
/// Native handles are not larger than those of the standard ABI, so for the time of the call the caller's own array
/// holds the native ones, packed at its start. No length of it needs memory.
pub struct InOutArray<K>(PhantomData<K>);

/// What was in such an array before the call.
pub struct Before<H>(Box<[H]>);

impl<K: Scalar<Outer: Handle>> Kind for InOutArray<K> {
    type Outer = *mut K::Outer;
    type Native<A: Abi> = *mut K::Native<A>;
    // There if somebody waits for the end of a request, and then one word as well; `leave` frees it.
    type Held<A: Abi> = Option<ManuallyDrop<Box<Before<K::Outer>>>>;

    #[inline]
    unsafe fn enter<A: Abi>(outer: Self::Outer, related: Relations) -> Self::Held<A> {
        const { assert!(size_of::<K::Native<A>>() <= size_of::<K::Outer>()) };
        const { assert!(align_of::<K::Native<A>>() <= align_of::<K::Outer>()) };
        let length = room(outer, related);
        // SAFETY: the caller's array has that many readable elements.
        let before = if attachments::any() { Some(unsafe { copy_of(outer, length) }) } else { None };
        let packed = outer.cast::<K::Native<A>>();
        for index in 0..length {
            // SAFETY: the array is the caller's to be written; what is overwritten has been read before.
            unsafe {
                let handle = outer.add(index).read();
                if !is_same_place::<K, A>() || handle.bits() < PREDEFINED_END {
                    packed.add(index).write(K::inward::<A>(handle));
                }
            }
        }
        before
    }
    #[inline]
    fn native<A: Abi>(_held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A> {
        outer.cast()
    }
    #[inline]
    unsafe fn leave<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer, related: Relations, _code: c_int) {
        let packed = outer.cast::<K::Native<A>>();
        // Backwards: a handle may lie where one before it is unpacked to.
        for index in (0..room(outer, related)).rev() {
            // SAFETY: `enter` has packed that many elements.
            unsafe {
                let handle = K::outward::<A>(packed.add(index).read(), K::Outer::from_bits(0));
                if !is_same_place::<K, A>() || handle.bits() != outer.add(index).read().bits() {
                    outer.add(index).write(handle);
                }
            }
        }
        if let Some(before) = held.take() {
            let before = ManuallyDrop::into_inner(before);
            // SAFETY: as above.
            unsafe { release_ended(&before, outer) };
        }
    }
}

/// How many elements an array has for the library.
#[inline]
fn room<T>(array: *const T, related: Relations) -> usize {
    if array.is_null() { 0 } else { length(related[0]) }
}

/// Whether packing leaves dynamic handles where and as they are.
const fn is_same_place<K: Scalar, A: Abi>() -> bool {
    size_of::<K::Native<A>>() == size_of::<K::Outer>()
}

/// Frees what is attached to requests that have become null.
///
/// # Safety
/// The array is as long as the copy that was made of it.
#[cold]
#[inline(never)]
unsafe fn release_ended<H: Handle>(before: &Before<H>, array: *const H) {
    for (index, before) in before.0.iter().enumerate() {
        // SAFETY: as the caller promises.
        if unsafe { *array.add(index) }.bits() == H::CLASS.null() {
            attachments::release(before.bits());
        }
    }
}

/// # Safety
/// The array has that many readable elements.
#[cold]
#[inline(never)]
unsafe fn copy_of<H: Handle>(array: *const H, length: usize) -> ManuallyDrop<Box<Before<H>>> {
    // SAFETY: as the caller promises.
    ManuallyDrop::new(Box::new(Before((0..length).map(|index| unsafe { *array.add(index) }).collect())))
}

/// An array that MPI writes.
pub struct OutArray<K>(PhantomData<K>);

impl Kind for OutArray<Rank> {
    type Outer = *mut c_int;
    type Native<A: Abi> = *mut c_int;
    type Held<A: Abi> = usize;

    #[inline]
    unsafe fn enter<A: Abi>(_outer: Self::Outer, related: Relations) -> usize {
        length(related[0])
    }
    #[inline]
    fn native<A: Abi>(_held: &mut usize, outer: Self::Outer) -> Self::Native<A> {
        outer
    }
    #[inline]
    unsafe fn leave<A: Abi>(&mut length: &mut usize, outer: Self::Outer, _related: Relations, code: c_int) {
        if code == 0 && !outer.is_null() {
            for index in 0..length {
                // SAFETY: the library has written that many elements of the caller's array.
                unsafe { *outer.add(index) = A::rank_out(*outer.add(index)) };
            }
        }
    }
}

/// Copies the first `length` statuses to the caller; with `MPI_ERR_IN_STATUS` their error fields as well.
///
/// # Safety
/// The caller's array has that many elements, and the library has written them.
#[inline]
unsafe fn hand_over<A: Abi>(
    held: &mut ArrayBuffer<A::Status>,
    outer: *mut MPI_Status,
    length: usize,
    code: c_int,
) {
    let natives = held.as_mut_ptr();
    for index in 0..length.min(held.len()) {
        // SAFETY: as the caller promises.
        let (native, slot) = unsafe { (&*natives.add(index), &mut *outer.add(index)) };
        A::status_out(native, slot);
        if code == MPI_ERR_IN_STATUS {
            slot.MPI_ERROR = A::bound().code_out(A::status_error(native));
        }
    }
}

/// An array that MPI writes only if a flag comes back true: `[length, flag]`.
pub struct OutArrayIf<K>(PhantomData<K>);

/// An array of which MPI writes as many elements as a result says: `[room, written]`.
pub struct OutSome<K>(PhantomData<K>);

/// Arrays of statuses, which differ in how many elements are there after the call.
macro_rules! status_arrays {
    ($($kind:ident, |$related:ident, $code:ident| $there:expr;)*) => {$(
        impl Kind for $kind<Status> {
            type Outer = *mut MPI_Status;
            type Native<A: Abi> = *mut A::Status;
            type Held<A: Abi> = ArrayBuffer<A::Status>;

            #[inline]
            unsafe fn enter<A: Abi>(outer: Self::Outer, related: Relations) -> Self::Held<A> {
                let mut held = MaybeUninit::uninit();
                // SAFETY: as the caller promises; `enter_at` fills what it is given.
                unsafe {
                    Self::enter_at::<A>(&mut held, outer, related);
                    held.assume_init()
                }
            }
            #[inline]
            unsafe fn enter_at<A: Abi>(
                place: &mut MaybeUninit<Self::Held<A>>,
                outer: Self::Outer,
                related: Relations,
            ) {
                // SAFETY: the library writes what `leave` reads.
                unsafe { ArrayBuffer::uninit_at(place, room(outer, related)) };
            }
            #[inline]
            fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A> {
                if outer.is_null() { Status::null::<A>() } else { held.as_mut_ptr() }
            }
            #[inline]
            unsafe fn leave<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer, $related: Relations, $code: c_int) {
                // SAFETY: a related result is the caller's int, which the library has written when the call
                // succeeded; the array is as long as the one that `enter` made. A call that returns one of the
                // two codes has written the statuses that it says are there.
                unsafe {
                    if $code == MPI_SUCCESS || $code == MPI_ERR_IN_STATUS {
                        hand_over::<A>(held, outer, $there, $code);
                    }
                }
            }
        }
    )*};
}

status_arrays! {
    OutArray, |_related, code| usize::MAX;
    OutArrayIf, |related, code| {
        if code == MPI_ERR_IN_STATUS || int_at(related[1]) != 0 { usize::MAX } else { 0 }
    };
    // The number is MPI_UNDEFINED where no request was active.
    OutSome, |related, _code| usize::try_from(int_at(related[1])).unwrap_or(0);
}

/// How long an array is that only functions with large counts have: it crosses by itself, but where it must be
/// narrowed its length has to be found out.
macro_rules! measured {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        pub struct $name<K>(PhantomData<K>);

        impl<K: Kind> Kind for $name<K> {
            type Outer = K::Outer;
            type Native<A: Abi> = K::Native<A>;
            type Held<A: Abi> = K::Held<A>;
            #[inline]
            unsafe fn enter<A: Abi>(outer: Self::Outer, related: Relations) -> Self::Held<A> {
                // SAFETY: as the caller promises.
                unsafe { K::enter::<A>(outer, related) }
            }
            #[inline]
            fn native<A: Abi>(held: &mut Self::Held<A>, outer: Self::Outer) -> Self::Native<A> {
                K::native::<A>(held, outer)
            }
        }
    )*};
}

measured! {
    /// One element per rank of the communicator: `[comm]`, or `[comm, sendbuf]` where it is not read in place.
    PerRank,
    /// One element per rank of the communicator, at the root: `[comm, root]`.
    AtRoot,
    /// One element per neighbour that sends to this rank: `[comm]`.
    PerSource,
    /// One element per neighbour that this rank sends to: `[comm]`.
    PerDestination
}
