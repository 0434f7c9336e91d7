//! Functions with large counts on libraries that have none: the same call with ints, where the numbers fit.
//!
//! A `#[small(NAME)]` line of the list names the twin. [`Narrow`] says what becomes of each kind of parameter: most
//! stay, counts shrink, arrays of counts are copied, results are widened afterwards. The type of the twin's parameter
//! decides, so that a count that the twin takes as an address stays one. What does not fit is for [`crate::beyond`].

use core::ffi::{c_int, c_void};

use crate::abi::{MPI_Datatype, MPI_IN_PLACE, MPI_Request};
use crate::attachments::Kept;
use crate::beyond::{Fitting, Survey};
use crate::family::Abi;
use crate::kinds::*;
use crate::lengths::{group_lengths, neighbour_lengths, root_length};
use crate::raise::Object;

/// A whole number that may or may not fit an int.
pub trait Whole: Copy + TryInto<c_int> + TryInto<i64> + 'static {}

impl Whole for i64 {}
impl Whole for isize {}
impl Whole for c_int {}

/// What becomes of a parameter of this kind.
pub trait Narrow: Kind {
    /// The parameter with what it needs around the call.
    type Kept;

    /// Before the call.
    ///
    /// # Safety
    /// As for [`Kind::enter`].
    unsafe fn keep<A: Abi>(outer: Self::Outer, related: Relations) -> Self::Kept;

    /// After the call.
    ///
    /// # Safety
    /// As for [`Kind::leave`].
    unsafe fn finish(kept: Self::Kept, code: c_int, arrays: &mut Vec<Kept>) {
        let _ = (kept, code, arrays);
    }

    /// Takes this parameter down, of a call that did not fit.
    fn survey(kept: &Self::Kept, survey: &mut Survey) {
        let _ = (kept, survey);
    }

    /// The request that the call makes, if this parameter is it.
    fn request(kept: &Self::Kept) -> *mut MPI_Request {
        let _ = kept;
        core::ptr::null_mut()
    }
}

/// A parameter that can be what the twin's parameter is.
pub trait Fit<T> {
    /// The twin's argument; says `wrong` if it does not fit.
    fn fit(&mut self, fitting: &mut Fitting<'_>) -> T;
}

/// A parameter that stays as it is.
pub struct Same<T>(T);

impl<T: Copy> Fit<T> for Same<T> {
    fn fit(&mut self, _fitting: &mut Fitting<'_>) -> T {
        self.0
    }
}

macro_rules! same {
    ($($kind:ty),* $(,)?) => {$(
        impl Narrow for $kind {
            type Kept = Same<Self::Outer>;
            unsafe fn keep<A: Abi>(outer: Self::Outer, _related: Relations) -> Self::Kept {
                Same(outer)
            }
        }
    )*};
}

same!(
    Request,
    Group,
    Session,
    Message,
    Info,
    Rank,
    Tag,
    Int,
    Offset,
    Order,
    Assert,
    AttachBuffer,
    OutBuffer,
    Address,
    Chars,
    OutInt,
    Out<Status>,
    Out<Datatype>,
    Out<Win>,
    Out<Message>,
    In<Status>,
    InOut<Status>,
    InOut<Message>,
    InArray<Datatype>,
    InArray<Distribution>,
    InArray<DistributionArgument>,
    Ints,
    Callback,
    OutChars,
);

/// Parameters that stay and are taken down.
macro_rules! surveyed {
    ($($kind:ident, |$survey:ident, $value:ident| $note:expr;)*) => {$(
        impl Narrow for $kind {
            type Kept = Same<Self::Outer>;
            unsafe fn keep<A: Abi>(outer: Self::Outer, _related: Relations) -> Self::Kept {
                Same(outer)
            }
            fn survey(kept: &Self::Kept, $survey: &mut Survey) {
                let $value = kept.0;
                $note;
            }
        }
    )*};
}

surveyed! {
    Comm, |survey, comm| survey.object(Object::Comm(comm));
    Win, |survey, win| survey.object(Object::Win(win));
    File, |survey, file| survey.object(Object::File(file));
    Op, |survey, _op| survey.operation();
}

/// A datatype, of which its count may make another.
pub struct Typed(MPI_Datatype);

impl Fit<MPI_Datatype> for Typed {
    fn fit(&mut self, fitting: &mut Fitting<'_>) -> MPI_Datatype {
        fitting.datatype(self.0)
    }
}

impl Narrow for Datatype {
    type Kept = Typed;
    unsafe fn keep<A: Abi>(outer: MPI_Datatype, _related: Relations) -> Typed {
        Typed(outer)
    }
    fn survey(kept: &Typed, survey: &mut Survey) {
        survey.datatype(kept.0);
    }
}

/// A buffer, which may begin elsewhere.
pub struct Place<P>(P);

macro_rules! places {
    ($($pointer:ty: $($kind:ident),+;)*) => {$(
        impl Fit<$pointer> for Place<$pointer> {
            fn fit(&mut self, fitting: &mut Fitting<'_>) -> $pointer {
                let moved = fitting.moved();
                if moved == 0 || self.0.addr() == MPI_IN_PLACE.addr() { self.0 } else { self.0.wrapping_byte_offset(moved) }
            }
        }

        $(impl Narrow for $kind {
            type Kept = Place<$pointer>;
            unsafe fn keep<A: Abi>(outer: $pointer, _related: Relations) -> Self::Kept {
                Place(outer)
            }
        })+
    )*};
}

places! {
    *mut c_void: Buffer, CollectiveBuffer;
    *const c_void: ConstBuffer, ConstCollectiveBuffer;
}

impl Narrow for NewRequest {
    type Kept = Same<*mut MPI_Request>;
    unsafe fn keep<A: Abi>(outer: Self::Outer, _related: Relations) -> Self::Kept {
        Same(outer)
    }
    fn request(kept: &Self::Kept) -> *mut MPI_Request {
        kept.0
    }
}

/// A number.
pub struct Number<T>(T);

impl Fit<c_int> for Number<i64> {
    fn fit(&mut self, fitting: &mut Fitting<'_>) -> c_int {
        fitting.count(self.0)
    }
}

impl Fit<c_int> for Number<isize> {
    fn fit(&mut self, fitting: &mut Fitting<'_>) -> c_int {
        self.0.try_into().unwrap_or_else(|_| {
            fitting.too_large();
            0
        })
    }
}

impl Fit<isize> for Number<i64> {
    fn fit(&mut self, fitting: &mut Fitting<'_>) -> isize {
        isize::try_from(self.0).unwrap_or_else(|_| {
            fitting.too_large();
            0
        })
    }
}

impl Fit<i64> for Number<i64> {
    fn fit(&mut self, _fitting: &mut Fitting<'_>) -> i64 {
        self.0
    }
}

impl Fit<isize> for Number<isize> {
    fn fit(&mut self, _fitting: &mut Fitting<'_>) -> isize {
        self.0
    }
}

impl Narrow for Count {
    type Kept = Number<i64>;
    unsafe fn keep<A: Abi>(outer: i64, _related: Relations) -> Self::Kept {
        Number(outer)
    }
    fn survey(kept: &Self::Kept, survey: &mut Survey) {
        survey.count(kept.0);
    }
}

impl Narrow for Aint {
    type Kept = Number<isize>;
    unsafe fn keep<A: Abi>(outer: isize, _related: Relations) -> Self::Kept {
        Number(outer)
    }
}

/// A result: the twin writes to a variable of its own type, which is widened afterwards.
pub struct Widened<T> {
    outer: *mut T,
    small: Option<c_int>,
    result: c_int,
    used: bool,
}

impl<T> Fit<*mut c_int> for Widened<T> {
    fn fit(&mut self, fitting: &mut Fitting<'_>) -> *mut c_int {
        let Some(small) = self.small else {
            fitting.too_large();
            return core::ptr::null_mut();
        };
        if self.outer.is_null() {
            return core::ptr::null_mut();
        }
        (self.result, self.used) = (small, true);
        &raw mut self.result
    }
}

impl Fit<*mut isize> for Widened<i64> {
    fn fit(&mut self, _fitting: &mut Fitting<'_>) -> *mut isize {
        const { assert!(size_of::<isize>() == size_of::<i64>()) };
        self.outer.cast()
    }
}

impl Fit<*mut i64> for Widened<i64> {
    fn fit(&mut self, _fitting: &mut Fitting<'_>) -> *mut i64 {
        self.outer
    }
}

macro_rules! results {
    ($($kind:ident $type:ty),*) => {$(
        impl Narrow for $kind {
            type Kept = Widened<$type>;
            unsafe fn keep<A: Abi>(outer: *mut $type, _related: Relations) -> Self::Kept {
                Widened { outer, small: Some(0), result: 0, used: false }
            }
            unsafe fn finish(kept: Self::Kept, code: c_int, _arrays: &mut Vec<Kept>) {
                if kept.used && code == 0 {
                    // SAFETY: the caller's variable, which was not null.
                    unsafe { *kept.outer = kept.result as $type };
                }
            }
        }
    )*};
}

results!(OutCount i64, OutAint isize);

impl Narrow for InOutCount {
    type Kept = Widened<i64>;
    unsafe fn keep<A: Abi>(outer: *mut i64, _related: Relations) -> Self::Kept {
        // SAFETY: the caller's variable, which MPI reads.
        let value = if outer.is_null() { 0 } else { unsafe { *outer } };
        Widened { outer, small: c_int::try_from(value).ok(), result: 0, used: false }
    }
    unsafe fn finish(kept: Self::Kept, code: c_int, arrays: &mut Vec<Kept>) {
        // SAFETY: as the caller promises.
        unsafe { <OutCount as Narrow>::finish(kept, code, arrays) };
    }
}

impl Fit<*mut isize> for Widened<isize> {
    fn fit(&mut self, _fitting: &mut Fitting<'_>) -> *mut isize {
        self.outer
    }
}

/// An array: copied as ints when the twin takes ints, the caller's own when it takes addresses.
pub struct Array<T> {
    outer: *const T,
    length: Result<usize, c_int>,
    copy: Option<Box<[c_int]>>,
}

impl<T> Array<T> {
    /// An array of the caller's; nothing is read where it is null or the length is 0.
    pub fn new(outer: *const T, length: usize) -> Self {
        Self { outer, length: Ok(length), copy: None }
    }

    /// The copy, if one was made, to be kept alive.
    pub fn kept(self) -> Option<Kept> {
        self.copy.map(|copy| Box::new(copy) as Kept)
    }
}

impl<T: Whole> Array<T> {
    /// The values, none where the caller's array is not read.
    fn values(&self) -> impl Iterator<Item = T> {
        let length = if self.outer.is_null() { 0 } else { self.length.unwrap_or(0) };
        // SAFETY: the caller's array is as long as its kind says.
        (0..length).map(|index| unsafe { *self.outer.add(index) })
    }

    /// The values as counts.
    fn counts(&self) -> Vec<i64> {
        self.values().map(|value| value.try_into().unwrap_or(i64::MAX)).collect()
    }
}

impl<T: Whole> Fit<*const c_int> for Array<T> {
    fn fit(&mut self, fitting: &mut Fitting<'_>) -> *const c_int {
        if let Err(code) = self.length {
            fitting.wrong = code;
        }
        let numbers: Result<Box<[c_int]>, _> = match fitting.array() {
            (1, 0) => self.values().map(|value| value.try_into().map_err(|_| ())).collect(),
            (divisor, middle) => {
                let moved = self.counts().into_iter().map(|value| value / divisor - middle);
                moved.map(|value| c_int::try_from(value).map_err(|_| ())).collect()
            }
        };
        match numbers {
            Ok(copy) if copy.is_empty() => self.outer.cast(),
            Ok(copy) => self.copy.insert(copy).as_ptr(),
            Err(()) => {
                fitting.too_large();
                core::ptr::null()
            }
        }
    }
}

impl Fit<*const isize> for Array<i64> {
    fn fit(&mut self, _fitting: &mut Fitting<'_>) -> *const isize {
        const { assert!(size_of::<isize>() == size_of::<i64>()) };
        self.outer.cast()
    }
}

impl Fit<*const isize> for Array<isize> {
    fn fit(&mut self, _fitting: &mut Fitting<'_>) -> *const isize {
        self.outer
    }
}

macro_rules! arrays {
    ($($kind:ty, $element:ty, |$abi:ident, $related:ident| $length:expr;)*) => {$(
        impl Narrow for $kind {
            type Kept = Array<$element>;
            unsafe fn keep<$abi: Abi>(outer: *const $element, $related: Relations) -> Self::Kept {
                Array { outer, length: $length, copy: None }
            }
            fn survey(kept: &Self::Kept, survey: &mut Survey) {
                survey.array(kept.counts());
            }
            unsafe fn finish(kept: Self::Kept, _code: c_int, arrays: &mut Vec<Kept>) {
                arrays.extend(kept.kept());
            }
        }
    )*};
}

/// The communicator behind the bits of a relation.
fn comm<A: Abi>(bits: usize) -> A::Handle {
    Comm::inward::<A>(crate::abi::MPI_Comm(bits))
}

/// The length of arrays with one element per rank; none are read for a sender that is in place.
fn per_rank<A: Abi>(related: Relations) -> Result<usize, c_int> {
    if related[1] == MPI_IN_PLACE.addr() {
        return Ok(0);
    }
    // SAFETY: the library refuses what is no communicator.
    unsafe { group_lengths::<A>(comm::<A>(related[0])) }.map(|lengths| lengths.receive)
}

fn at_root<A: Abi>(related: Relations) -> Result<usize, c_int> {
    // A root is the only negative relation; it crossed as the bits of an int.
    let root = related[1] as u32 as c_int;
    // SAFETY: as above.
    unsafe { root_length::<A>(comm::<A>(related[0]), root) }
}

fn neighbours<A: Abi>(related: Relations, senders: bool) -> Result<usize, c_int> {
    // SAFETY: as above.
    let lengths = unsafe { neighbour_lengths::<A>(comm::<A>(related[0])) };
    lengths.map(|lengths| if senders { lengths.receive } else { lengths.send })
}

arrays! {
    Counts, i64, |_A, related| Ok(length(related[0]));
    Aints, isize, |_A, related| Ok(length(related[0]));
    PerRank<Counts>, i64, |A, related| per_rank::<A>(related);
    PerRank<Aints>, isize, |A, related| per_rank::<A>(related);
    AtRoot<Counts>, i64, |A, related| at_root::<A>(related);
    AtRoot<Aints>, isize, |A, related| at_root::<A>(related);
    PerSource<Counts>, i64, |A, related| neighbours::<A>(related, true);
    PerSource<Aints>, isize, |A, related| neighbours::<A>(related, true);
    PerDestination<Counts>, i64, |A, related| neighbours::<A>(related, false);
    PerDestination<Aints>, isize, |A, related| neighbours::<A>(related, false);
}
