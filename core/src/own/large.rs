//! Constructors and packing with numbers beyond an int, for libraries without large counts.
//!
//! The constructors make a datatype with the same data and bounds out of others, so its envelope names another combiner.
//! They are reached only when a number does not fit the twin without large counts.

use core::ffi::{c_int, c_void};

use super::recipes::Recipe;
use crate::abi::*;
use crate::derive::{Derived, Made, bounded, bounds, contiguous, hvector, structure, subarray};
use crate::family::Abi;
use crate::kinds::{Comm, ConstCollectiveBuffer, Datatype, Kind, Out, Scalar};
use crate::raise::{Object, raise};
use crate::table::shim;

/// Hands a datatype that was made, and its recipe, to the caller, or the error to the error handler.
///
/// # Safety
/// The caller's variable.
unsafe fn hand_over<A: Abi>(
    result: Made<Derived<A>>,
    recipe: impl FnOnce() -> Made<Recipe<A>>,
    made: *mut MPI_Datatype,
) -> c_int {
    let with_recipe = |derived: Derived<A>| recipe()?.attach(&derived).map(|()| derived);
    match result.and_then(with_recipe) {
        Ok(derived) => {
            // SAFETY: the caller's variable.
            unsafe { *made = Datatype::outward::<A>(derived.release(), MPI_DATATYPE_NULL) };
            MPI_SUCCESS
        }
        Err(code @ (MPI_ERR_VALUE_TOO_LARGE | MPI_ERR_ARG)) => raise::<A>(Object::Nothing, code),
        // What the library found it has raised itself.
        Err(code) => code,
    }
}

pub unsafe extern "C" fn MPI_Type_contiguous_c<A: Abi>(
    count: MPI_Count,
    datatype: MPI_Datatype,
    made: *mut MPI_Datatype,
) -> c_int {
    let native = &A::bound().native;
    let inner = Datatype::inward::<A>(datatype);
    // SAFETY: the caller's arguments.
    unsafe {
        let Some(large) = native.MPI_Type_contiguous_c else {
            let is_large = c_int::try_from(count).is_err();
            return if is_large {
                let recipe = || Recipe::new(MPI_COMBINER_CONTIGUOUS, &[], &[&[count]], &[datatype]);
                hand_over(contiguous::<A>(count, inner), recipe, made)
            } else {
                shim::MPI_Type_contiguous::<A>(count as c_int, datatype, made)
            };
        };
        let mut held = <Out<Datatype> as Kind>::enter::<A>(made, [0, 0]);
        let code = large(count, inner, <Out<Datatype> as Kind>::native::<A>(&mut held, made));
        let code = A::bound().code_out(code);
        <Out<Datatype> as Kind>::leave::<A>(&mut held, made, [0, 0], code);
        code
    }
}

/// A number of elements as a number of bytes.
fn bytes(elements: MPI_Count, extent: MPI_Aint) -> Made<MPI_Aint> {
    elements.checked_mul(extent as MPI_Count).map(|bytes| bytes as MPI_Aint).ok_or(MPI_ERR_VALUE_TOO_LARGE)
}

/// Blocks of one datatype, with the bounds that a constructor of indexed types gives.
fn indexed<A: Abi>(
    blocks: impl Iterator<Item = (MPI_Count, Made<MPI_Aint>)>,
    of: A::Handle,
) -> Made<Derived<A>> {
    let (lower, extent) = bounds::<A>(of)?;
    let (mut least, mut most) = (MPI_Aint::MAX, MPI_Aint::MIN);
    let mut parts = Vec::new();
    for (length, offset) in blocks {
        let offset = offset?;
        if length < 0 {
            return Err(MPI_ERR_ARG);
        }
        if length > 0 {
            let last = offset + lower + bytes(length - 1, extent)?;
            least = least.min(offset + lower).min(last);
            most = most.max(offset + lower + extent).max(last + extent);
        }
        parts.push((length, offset, of));
    }
    let whole = structure::<A>(&parts)?;
    if least > most { Ok(whole) } else { bounded::<A>(whole, least, most - least) }
}

/// The caller's array.
///
/// # Safety
/// It has `count` elements.
unsafe fn elements<'a, T>(array: *const T, count: MPI_Count) -> &'a [T] {
    match usize::try_from(count) {
        // SAFETY: as the caller promises.
        Ok(count) if count > 0 && !array.is_null() => unsafe { core::slice::from_raw_parts(array, count) },
        _ => &[],
    }
}

/// Constructors, each as an expression of its arguments and with its recipe; `$extent` is that of the datatype.
macro_rules! composed {
    ($($name:ident($($argument:ident: $type:ty),*),
        $combiner:ident($integers:expr, $counts:expr),
        |$of:ident, $extent:ident| $make:expr;)*) => {$(
        pub unsafe extern "C" fn $name<A: Abi>(
            $($argument: $type,)*
            datatype: MPI_Datatype,
            made: *mut MPI_Datatype,
        ) -> c_int {
            let $of = Datatype::inward::<A>(datatype);
            // SAFETY: the caller's arguments: arrays as long as their count, and a variable.
            unsafe {
                let result = match bounds::<A>($of) {
                    Ok((_, $extent)) => $make,
                    Err(code) => Err(code),
                };
                hand_over::<A>(result, || Recipe::new($combiner, &$integers, &$counts, &[datatype]), made)
            }
        }
    )*};
}

composed! {
    MPI_Type_vector_c(count: MPI_Count, length: MPI_Count, stride: MPI_Count),
        MPI_COMBINER_VECTOR([], [&[count, length, stride]]),
        |of, extent| bytes(stride, extent).and_then(|stride| hvector::<A>(count, length, stride, of));
    MPI_Type_create_hvector_c(count: MPI_Count, length: MPI_Count, stride: MPI_Count),
        MPI_COMBINER_HVECTOR([], [&[count, length, stride]]),
        |of, _extent| hvector::<A>(count, length, stride as MPI_Aint, of);
    MPI_Type_indexed_c(count: MPI_Count, lengths: *const MPI_Count, offsets: *const MPI_Count),
        MPI_COMBINER_INDEXED([], [&[count], elements(lengths, count), elements(offsets, count)]),
        |of, extent| {
            let (lengths, offsets) = (elements(lengths, count), elements(offsets, count));
            indexed::<A>(lengths.iter().zip(offsets).map(|(&length, &offset)| (length, bytes(offset, extent))), of)
        };
    MPI_Type_create_hindexed_c(count: MPI_Count, lengths: *const MPI_Count, offsets: *const MPI_Count),
        MPI_COMBINER_HINDEXED([], [&[count], elements(lengths, count), elements(offsets, count)]),
        |of, _extent| {
            let (lengths, offsets) = (elements(lengths, count), elements(offsets, count));
            indexed::<A>(lengths.iter().zip(offsets).map(|(&length, &offset)| (length, Ok(offset as MPI_Aint))), of)
        };
    MPI_Type_create_indexed_block_c(count: MPI_Count, length: MPI_Count, offsets: *const MPI_Count),
        MPI_COMBINER_INDEXED_BLOCK([], [&[count, length], elements(offsets, count)]),
        |of, extent| {
            let offsets = elements(offsets, count).iter();
            indexed::<A>(offsets.map(|&offset| (length, bytes(offset, extent))), of)
        };
    MPI_Type_create_hindexed_block_c(count: MPI_Count, length: MPI_Count, offsets: *const MPI_Count),
        MPI_COMBINER_HINDEXED_BLOCK([], [&[count, length], elements(offsets, count)]),
        |of, _extent| {
            let offsets = elements(offsets, count).iter();
            indexed::<A>(offsets.map(|&offset| (length, Ok(offset as MPI_Aint))), of)
        };
    MPI_Type_create_subarray_c(
        count: c_int, sizes: *const MPI_Count, parts: *const MPI_Count, starts: *const MPI_Count, order: c_int
    ),
    MPI_COMBINER_SUBARRAY(
        [count, order], [sizes, parts, starts].map(|array| elements(array, MPI_Count::from(count)))
    ),
    |of, _extent| {
        let count = MPI_Count::from(count);
        let (sizes, parts, starts) = (elements(sizes, count), elements(parts, count), elements(starts, count));
        let mut dimensions: Vec<_> =
            sizes.iter().zip(parts).zip(starts).map(|((&size, &part), &start)| [size, part, start]).collect();
        if order == MPI_ORDER_C {
            dimensions.reverse();
        }
        subarray::<A>(&dimensions, of)
    };
}

pub unsafe extern "C" fn MPI_Type_create_struct_c<A: Abi>(
    count: MPI_Count,
    lengths: *const MPI_Count,
    offsets: *const MPI_Count,
    datatypes: *const MPI_Datatype,
    made: *mut MPI_Datatype,
) -> c_int {
    // SAFETY: the caller's arrays and variable.
    unsafe {
        let (lengths, offsets) = (elements(lengths, count), elements(offsets, count));
        let datatypes = elements(datatypes, count);
        let blocks = lengths.iter().zip(offsets).zip(datatypes);
        let blocks: Vec<_> = blocks
            .map(|((&length, &offset), &of)| (length, offset as MPI_Aint, Datatype::inward::<A>(of)))
            .collect();
        let recipe = || Recipe::new(MPI_COMBINER_STRUCT, &[], &[&[count], lengths, offsets], datatypes);
        hand_over::<A>(structure::<A>(&blocks), recipe, made)
    }
}

/// A count and a datatype that hold as much as those of the caller, and what must live as long.
fn folded<A: Abi>(count: MPI_Count, datatype: MPI_Datatype) -> Made<(c_int, A::Handle, Option<Derived<A>>)> {
    let of = Datatype::inward::<A>(datatype);
    match c_int::try_from(count) {
        Ok(count) => Ok((count, of, None)),
        Err(_) => {
            let longer = contiguous::<A>(count, of)?.commit()?;
            Ok((1, longer.handle(), Some(longer)))
        }
    }
}

/// The position from which a buffer that is larger than an int counts is seen as one that is not.
///
/// # Safety
/// The caller's variable.
unsafe fn window(position: *const MPI_Count, size: MPI_Count) -> (MPI_Aint, c_int) {
    // SAFETY: as the caller promises.
    let start = unsafe { *position };
    (start as MPI_Aint, c_int::try_from((size - start).max(0)).unwrap_or(c_int::MAX))
}

pub unsafe extern "C" fn MPI_Pack_c<A: Abi>(
    input: *const c_void,
    count: MPI_Count,
    datatype: MPI_Datatype,
    output: *mut c_void,
    size: MPI_Count,
    position: *mut MPI_Count,
    comm: MPI_Comm,
) -> c_int {
    let Some(pack) = A::bound().native.MPI_Pack else { return MPI_ERR_UNSUPPORTED_OPERATION };
    // SAFETY: the caller's arguments, with the buffer from its position on.
    unsafe {
        let (count, of, _longer) = match folded::<A>(count, datatype) {
            Ok(folded) => folded,
            Err(code) => return code,
        };
        let (start, room) = window(position, size);
        let (input, output) = (ConstCollectiveBuffer::inward::<A>(input), output.wrapping_byte_offset(start));
        let mut packed = 0;
        let code = pack(input, count, of, output, room, &mut packed, Comm::inward::<A>(comm));
        *position += MPI_Count::from(packed);
        A::bound().code_out(code)
    }
}

pub unsafe extern "C" fn MPI_Unpack_c<A: Abi>(
    input: *const c_void,
    size: MPI_Count,
    position: *mut MPI_Count,
    output: *mut c_void,
    count: MPI_Count,
    datatype: MPI_Datatype,
    comm: MPI_Comm,
) -> c_int {
    let Some(unpack) = A::bound().native.MPI_Unpack else { return MPI_ERR_UNSUPPORTED_OPERATION };
    // SAFETY: as for `MPI_Pack_c`.
    unsafe {
        let (count, of, _longer) = match folded::<A>(count, datatype) {
            Ok(folded) => folded,
            Err(code) => return code,
        };
        let (start, room) = window(position, size);
        let mut unpacked = 0;
        let code = unpack(
            input.wrapping_byte_offset(start),
            room,
            &mut unpacked,
            output,
            count,
            of,
            Comm::inward::<A>(comm),
        );
        *position += MPI_Count::from(unpacked);
        A::bound().code_out(code)
    }
}

/// Where the sum would not fit an int, one element is measured.
pub unsafe extern "C" fn MPI_Pack_size_c<A: Abi>(
    count: MPI_Count,
    datatype: MPI_Datatype,
    comm: MPI_Comm,
    size: *mut MPI_Count,
) -> c_int {
    let native = &A::bound().native;
    let (of, comm) = (Datatype::inward::<A>(datatype), Comm::inward::<A>(comm));
    // SAFETY: the caller's arguments, and variables of ours.
    unsafe {
        if let Some(large) = native.MPI_Pack_size_c {
            return A::bound().code_out(large(count, of, comm, size));
        }
        let Some(measure) = native.MPI_Pack_size else { return MPI_ERR_UNSUPPORTED_OPERATION };
        let mut one = 0;
        let code = measure(1, of, comm, &mut one);
        if code != 0 {
            return A::bound().code_out(code);
        }
        let (whole, total) = (c_int::try_from(count), count.checked_mul(one.into()));
        *size = match (whole, total) {
            (Ok(count), Some(..=0x3fff_ffff)) => {
                let code = measure(count, of, comm, &mut one);
                if code != 0 {
                    return A::bound().code_out(code);
                }
                one.into()
            }
            (_, Some(total)) => total,
            (_, None) => return raise::<A>(Object::Nothing, MPI_ERR_VALUE_TOO_LARGE),
        };
        MPI_SUCCESS
    }
}

/// Where the library says that its int is undefined, the bytes are counted.
pub unsafe extern "C" fn MPI_Get_count_c<A: Abi>(
    status: *const MPI_Status,
    datatype: MPI_Datatype,
    count: *mut MPI_Count,
) -> c_int {
    let native = &A::bound().native;
    let of = Datatype::inward::<A>(datatype);
    // SAFETY: the caller's arguments, and variables of ours.
    unsafe {
        let inner = A::status_in(&*status);
        if let Some(large) = native.MPI_Get_count_c {
            return A::bound().code_out(large(&inner, of, count));
        }
        let (Some(small), Some(elements), Some(size_of)) =
            (native.MPI_Get_count, native.MPI_Get_elements_x, native.MPI_Type_size_x)
        else {
            return MPI_ERR_UNSUPPORTED_OPERATION;
        };
        let mut number = 0;
        let code = small(&inner, of, &mut number);
        *count = number.into();
        if code != 0 || number != MPI_UNDEFINED {
            return A::bound().code_out(code);
        }
        let (mut received, mut size) = (0, 0);
        let code = elements(&inner, Datatype::inward::<A>(MPI_BYTE), &mut received);
        let code = if code == 0 { size_of(of, &mut size) } else { code };
        if code == 0 && size > 0 && received % size == 0 {
            *count = received / size;
        }
        A::bound().code_out(code)
    }
}
