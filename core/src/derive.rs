//! Datatypes of more elements than an int counts, made of several that the library can count.
//!
//! What is made here is freed when its [`Derived`] goes. MPI lets a datatype be freed while an operation uses it
//! (MPI-5.0, section 5.1.9); those of nonblocking operations are kept until the request completes all the same.

use core::ffi::c_int;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use crate::abi::{MPI_Aint, MPI_Count, MPI_ERR_UNSUPPORTED_OPERATION, MPI_ERR_VALUE_TOO_LARGE};
use crate::family::Abi;

/// The result of a step; the error is a code of the standard ABI.
pub type Made<T> = Result<T, c_int>;

/// A datatype that is freed when this goes.
pub struct Derived<A: Abi> {
    bits: usize,
    family: PhantomData<fn() -> A>,
}

impl<A: Abi> Derived<A> {
    /// The datatype.
    pub fn handle(&self) -> A::Handle {
        A::handle_from_bits(self.bits)
    }

    /// The datatype, no longer freed by this.
    pub fn release(self) -> A::Handle {
        let handle = self.handle();
        core::mem::forget(self);
        handle
    }

    /// Ready for communication.
    pub fn commit(self) -> Made<Self> {
        let commit = A::bound().native.MPI_Type_commit.ok_or(MPI_ERR_UNSUPPORTED_OPERATION)?;
        let mut handle = self.handle();
        // SAFETY: a datatype of ours.
        match unsafe { commit(&mut handle) } {
            0 => Ok(self),
            code => Err(A::bound().code_out(code)),
        }
    }
}

impl<A: Abi> Drop for Derived<A> {
    fn drop(&mut self) {
        let mut handle = self.handle();
        if let Some(free) = A::bound().native.MPI_Type_free {
            // SAFETY: a datatype of ours, which nobody frees twice.
            unsafe { free(&mut handle) };
        }
    }
}

/// What a constructor that returned `code` has written.
///
/// # Safety
/// The variable is written if the code is 0.
unsafe fn made<A: Abi>(code: c_int, handle: MaybeUninit<A::Handle>) -> Made<Derived<A>> {
    if code != 0 {
        return Err(A::bound().code_out(code));
    }
    // SAFETY: as the caller promises.
    Ok(Derived { bits: A::handle_bits(unsafe { handle.assume_init() }), family: PhantomData })
}

/// Calls a constructor of the library's with a variable for its result.
macro_rules! construct {
    ($family:ident . $function:ident($($argument:expr),*)) => {{
        let construct = $family::bound().native.$function.ok_or(MPI_ERR_UNSUPPORTED_OPERATION)?;
        let mut handle = MaybeUninit::uninit();
        // SAFETY: arrays as long as their count, and a variable for the result.
        unsafe {
            let code = construct($($argument,)* handle.as_mut_ptr());
            made::<$family>(code, handle)
        }
    }};
}

/// Lower bound and extent.
pub fn bounds<A: Abi>(of: A::Handle) -> Made<(MPI_Aint, MPI_Aint)> {
    let ask = A::bound().native.MPI_Type_get_extent.ok_or(MPI_ERR_UNSUPPORTED_OPERATION)?;
    let (mut lower, mut extent) = (0, 0);
    // SAFETY: two variables.
    match unsafe { ask(of, &mut lower, &mut extent) } {
        0 => Ok((lower, extent)),
        code => Err(A::bound().code_out(code)),
    }
}

/// A number of bytes or elements as an address, and a refusal where it is none.
fn product(one: MPI_Count, other: MPI_Aint) -> Made<MPI_Aint> {
    one.checked_mul(other as MPI_Count).map(|product| product as MPI_Aint).ok_or(MPI_ERR_VALUE_TOO_LARGE)
}

/// The same data with other bounds.
fn resized<A: Abi>(of: A::Handle, lower: MPI_Aint, extent: MPI_Aint) -> Made<Derived<A>> {
    construct!(A.MPI_Type_create_resized(of, lower, extent))
}

/// A datatype with these bounds. It is changed only if it has others: bounds that were set explicitly rule over those
/// of the data in whatever is made of it (MPI-5.0, section 5.1.6).
pub fn bounded<A: Abi>(datatype: Derived<A>, lower: MPI_Aint, extent: MPI_Aint) -> Made<Derived<A>> {
    if bounds::<A>(datatype.handle())? == (lower, extent) {
        return Ok(datatype);
    }
    resized::<A>(datatype.handle(), lower, extent)
}

/// As many elements one behind the other. Beyond an int they are blocks of the largest int, and the rest behind them, which
/// is what programs that ask for the contents of such a datatype know.
pub fn contiguous<A: Abi>(count: MPI_Count, of: A::Handle) -> Made<Derived<A>> {
    if let Ok(count) = c_int::try_from(count) {
        return construct!(A.MPI_Type_contiguous(count, of));
    }
    let (lower, extent) = bounds::<A>(of)?;
    let part = MPI_Count::from(c_int::MAX);
    let parts = c_int::try_from(count / part).map_err(|_| MPI_ERR_VALUE_TOO_LARGE)?;
    let blocks = construct!(A.MPI_Type_vector(parts, c_int::MAX, c_int::MAX, of))?;
    let tail = contiguous::<A>(count % part, of)?;
    let behind = product(MPI_Count::from(parts) * part, extent)?;
    let whole = structure::<A>(&[(1, 0, blocks.handle()), (1, behind, tail.handle())])?;
    bounded::<A>(whole, lower, product(count, extent)?)
}

/// As many blocks of elements, each a number of bytes behind the one before.
pub fn hvector<A: Abi>(
    count: MPI_Count,
    length: MPI_Count,
    stride: MPI_Aint,
    of: A::Handle,
) -> Made<Derived<A>> {
    let Ok(short_length) = c_int::try_from(length) else {
        let block = contiguous::<A>(length, of)?;
        return hvector::<A>(count, 1, stride, block.handle());
    };
    if let Ok(count) = c_int::try_from(count) {
        return construct!(A.MPI_Type_create_hvector(count, short_length, stride, of));
    }
    // As many parts of the largest int as fit, and the rest behind them.
    let part = MPI_Count::from(c_int::MAX);
    let (parts, rest) = (count / part, count % part);
    let inner = hvector::<A>(part, length, stride, of)?;
    let step = product(part, stride)?;
    let outer = hvector::<A>(parts, 1, step, inner.handle())?;
    let tail = hvector::<A>(rest, length, stride, of)?;
    structure::<A>(&[(1, 0, outer.handle()), (1, product(parts, step)?, tail.handle())])
}

/// Blocks of elements: how many, how many bytes from the start, of which type.
pub fn structure<A: Abi>(blocks: &[(MPI_Count, MPI_Aint, A::Handle)]) -> Made<Derived<A>> {
    let count = c_int::try_from(blocks.len()).map_err(|_| MPI_ERR_VALUE_TOO_LARGE)?;
    let mut inner = Vec::new();
    let (mut lengths, mut offsets, mut types) = (Vec::new(), Vec::new(), Vec::new());
    for &(length, offset, of) in blocks {
        let (length, of) = match c_int::try_from(length) {
            Ok(length) => (length, of),
            Err(_) => {
                inner.push(contiguous::<A>(length, of)?);
                (1, inner.last().map_or(of, Derived::handle))
            }
        };
        lengths.push(length);
        offsets.push(offset);
        types.push(of);
    }
    construct!(A.MPI_Type_create_struct(count, lengths.as_ptr(), offsets.as_ptr(), types.as_ptr()))
}

/// A part of an array with several dimensions, the fastest one first: size, part and start of each.
pub fn subarray<A: Abi>(dimensions: &[[MPI_Count; 3]], of: A::Handle) -> Made<Derived<A>> {
    let (lower, extent) = bounds::<A>(of)?;
    let (mut part, mut stride, mut start) = (contiguous::<A>(1, of)?, extent, 0);
    for &[size, length, first] in dimensions {
        if length < 1 || first < 0 || first > size - length {
            return Err(crate::abi::MPI_ERR_ARG);
        }
        part = hvector::<A>(length, 1, stride, part.handle())?;
        start += product(first, stride)?;
        stride = product(size, stride)?;
    }
    let placed = structure::<A>(&[(1, start, part.handle())])?;
    resized::<A>(placed.handle(), lower, stride)
}
