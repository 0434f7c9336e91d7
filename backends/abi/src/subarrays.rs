//! Subarrays and darrays that Intel MPI's files can use.
//!
//! In the library of Intel MPI 2021.18 that has the standard ABI, the file part takes their order of storage for another
//! number and ends the program when it meets such a datatype, in a view or in memory. So a program gets an equal
//! datatype of other constructors, and as an attribute of it the library's own one, which tells how it was made.

use core::ffi::{c_int, c_void};
use std::sync::OnceLock;

use anympi_core::FnTable;
use anympi_core::abi::*;

use crate::quirks::original;

/// Puts functions into the table that make such datatypes, and that tell how a datatype was made.
pub fn mend(table: &mut FnTable) {
    table.MPI_Type_create_subarray = subarray;
    table.MPI_Type_create_subarray_c = subarray_c;
    table.MPI_Type_create_darray = darray;
    table.MPI_Type_create_darray_c = darray_c;
    table.MPI_Type_get_envelope = envelope;
    table.MPI_Type_get_envelope_c = envelope_c;
    table.MPI_Type_get_contents = contents;
    table.MPI_Type_get_contents_c = contents_c;
}

/// What of one dimension belongs to the datatype: blocks at equal distances, and perhaps a shorter one behind them.
/// All in elements of that dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    size: i64,
    first: i64,
    block: i64,
    blocks: i64,
    distance: i64,
    rest: i64,
}

impl Part {
    /// One block.
    fn block(size: i64, first: i64, block: i64) -> Self {
        Self { size, first, block, blocks: 1, distance: 0, rest: 0 }
    }

    /// The part of a process with this coordinate in a row of `processes` (MPI-5.0, section 5.1.4).
    fn distributed(size: i64, distribution: c_int, argument: c_int, processes: i64, coordinate: i64) -> Self {
        let default = argument == MPI_DISTRIBUTE_DFLT_DARG;
        match distribution {
            MPI_DISTRIBUTE_BLOCK => {
                let block = if default { (size + processes - 1) / processes } else { argument.into() };
                Self::block(size, coordinate * block, block.min(size - coordinate * block).max(0))
            }
            MPI_DISTRIBUTE_CYCLIC => {
                let block = if default { 1 } else { i64::from(argument) };
                let (first, distance) = (coordinate * block, processes * block);
                let left = (size - first).max(0);
                let (blocks, rest) = (left / distance, left % distance);
                if rest >= block {
                    Self { size, first, block, blocks: blocks + 1, distance, rest: 0 }
                } else {
                    Self { size, first, block, blocks, distance, rest }
                }
            }
            _ => Self::block(size, 0, size),
        }
    }

    /// Whether the constructors below, which take ints, can make it.
    fn fits(&self) -> bool {
        [self.block, self.blocks, self.rest].iter().all(|number| c_int::try_from(*number).is_ok())
    }
}

/// A datatype that was made on the way and is freed at the end of it.
struct Step(MPI_Datatype);

impl Drop for Step {
    fn drop(&mut self) {
        // SAFETY: a datatype that nobody else has; others made of it stay as they are.
        unsafe { (original().MPI_Type_free)(&mut self.0) };
    }
}

/// Calls a function that makes a datatype.
fn made(make: impl FnOnce(*mut MPI_Datatype) -> c_int) -> Result<Step, c_int> {
    let mut datatype = MPI_DATATYPE_NULL;
    match make(&mut datatype) {
        MPI_SUCCESS => Ok(Step(datatype)),
        code => Err(code),
    }
}

/// The datatype of the parts of all dimensions, of which the first changes fastest.
fn of_parts(parts: impl Iterator<Item = Part>, element: MPI_Datatype) -> Result<MPI_Datatype, c_int> {
    let (mut lower, mut stride): (MPI_Aint, MPI_Aint) = (0, 0);
    // SAFETY: a datatype of the caller's that the library has accepted before.
    let code = unsafe { (original().MPI_Type_get_extent)(element, &mut lower, &mut stride) };
    if code != MPI_SUCCESS {
        return Err(code);
    }
    let mut step: Option<Step> = None;
    for part in parts {
        let inner = step.as_ref().map_or(element, |step| step.0);
        step = Some(of_part(part, inner, stride)?);
        stride *= part.size as MPI_Aint;
    }
    let datatype = step.as_ref().map_or(MPI_DATATYPE_NULL, |step| step.0);
    core::mem::forget(step);
    Ok(datatype)
}

/// The datatype of one dimension, whose elements lie `stride` bytes apart.
fn of_part(part: Part, inner: MPI_Datatype, stride: MPI_Aint) -> Result<Step, c_int> {
    let int = |number: i64| number as c_int;
    let bytes = |elements: i64| elements as MPI_Aint * stride;
    let functions = original();
    // SAFETY: arrays as long as the calls say, and datatypes that exist.
    unsafe {
        let blocks = made(|new| {
            (functions.MPI_Type_create_hvector)(
                int(part.blocks),
                int(part.block),
                bytes(part.distance),
                inner,
                new,
            )
        })?;
        // The file part wants no empty blocks in a structure.
        let both = [
            (1, part.first, blocks.0, part.blocks * part.block > 0),
            (int(part.rest), part.first + part.blocks * part.distance, inner, part.rest > 0),
        ];
        let there = || both.iter().filter(|(.., is_there)| *is_there);
        let lengths: Vec<c_int> = there().map(|entry| entry.0).collect();
        let places: Vec<MPI_Aint> = there().map(|entry| bytes(entry.1)).collect();
        let datatypes: Vec<MPI_Datatype> = there().map(|entry| entry.2).collect();
        let placed = made(|new| {
            (functions.MPI_Type_create_struct)(
                lengths.len() as c_int,
                lengths.as_ptr(),
                places.as_ptr(),
                datatypes.as_ptr(),
                new,
            )
        })?;
        made(|new| (functions.MPI_Type_create_resized)(placed.0, 0, bytes(part.size), new))
    }
}

/// Under which keyval a datatype has the library's own one; `MPI_KEYVAL_INVALID` if the library gives none.
fn keyval() -> c_int {
    static KEYVAL: OnceLock<c_int> = OnceLock::new();
    *KEYVAL.get_or_init(|| {
        let mut keyval = MPI_KEYVAL_INVALID;
        // SAFETY: a function of the right signature, and null, which copies nothing.
        let code = unsafe {
            (original().MPI_Type_create_keyval)(
                core::ptr::null(),
                free_original as *const c_void,
                &mut keyval,
                core::ptr::null_mut(),
            )
        };
        if code == MPI_SUCCESS { keyval } else { MPI_KEYVAL_INVALID }
    })
}

/// Frees the library's own datatype together with that which the program has.
unsafe extern "C" fn free_original(_: MPI_Datatype, _: c_int, value: *mut c_void, _: *mut c_void) -> c_int {
    drop(Step(MPI_Datatype(value.addr())));
    MPI_SUCCESS
}

/// Which datatype tells how this one was made.
fn telling(datatype: MPI_Datatype) -> MPI_Datatype {
    let (mut value, mut flag) = (core::ptr::null_mut::<c_void>(), 0);
    let is_derived = datatype.0 >= PREDEFINED_END;
    // SAFETY: the value of the attribute is a pointer, which the place has room for.
    let code = is_derived.then(|| unsafe {
        (original().MPI_Type_get_attr)(datatype, keyval(), (&raw mut value).cast(), &mut flag)
    });
    if code == Some(MPI_SUCCESS) && flag != 0 { MPI_Datatype(value.addr()) } else { datatype }
}

/// Replaces the library's own datatype, which the call has made, by an equal one that has it as an attribute.
///
/// # Safety
/// The caller's variable.
unsafe fn replace(
    code: c_int,
    parts: impl Iterator<Item = Part> + Clone,
    element: MPI_Datatype,
    datatype: *mut MPI_Datatype,
) -> c_int {
    if code != MPI_SUCCESS || !parts.clone().all(|part| part.fits()) {
        return code;
    }
    // SAFETY: the library has written the variable, for it succeeded.
    unsafe {
        let own = Step(*datatype);
        match of_parts(parts, element) {
            Ok(equal) => {
                let value = core::ptr::without_provenance_mut(own.0.0);
                let code = (original().MPI_Type_set_attr)(equal, keyval(), value);
                if code == MPI_SUCCESS {
                    core::mem::forget(own);
                    *datatype = equal;
                } else {
                    drop(Step(equal));
                }
                code
            }
            Err(code) => code,
        }
    }
}

/// Dimensions from the one that changes fastest on.
fn fastest_first(order: c_int, dimensions: c_int) -> impl Iterator<Item = usize> + Clone {
    let dimensions = usize::try_from(dimensions).unwrap_or(0);
    (0..dimensions).map(move |index| if order == MPI_ORDER_C { dimensions - 1 - index } else { index })
}

macro_rules! subarrays {
    ($($name:ident $function:ident $size:ty;)*) => {$(
        unsafe extern "C" fn $name(
            dimensions: c_int,
            sizes: *const $size,
            subsizes: *const $size,
            starts: *const $size,
            order: c_int,
            element: MPI_Datatype,
            datatype: *mut MPI_Datatype,
        ) -> c_int {
            // SAFETY: the caller's arguments, which the library has accepted when the arrays are read.
            unsafe {
                let code = (original().$function)(dimensions, sizes, subsizes, starts, order, element, datatype);
                let at = |array: *const $size, index| i64::from(*array.add(index));
                let parts = fastest_first(order, dimensions)
                    .map(|index| Part::block(at(sizes, index), at(starts, index), at(subsizes, index)));
                replace(code, parts, element, datatype)
            }
        }
    )*};
}

subarrays! {
    subarray MPI_Type_create_subarray c_int;
    subarray_c MPI_Type_create_subarray_c MPI_Count;
}

/// The coordinate of a rank in each dimension of a grid of processes, which is in row-major order whatever the array is in.
///
/// # Safety
/// As many processes as dimensions.
unsafe fn coordinates(rank: c_int, dimensions: c_int, processes: *const c_int) -> Vec<i64> {
    let mut left = rank;
    let mut coordinates: Vec<i64> = (0..usize::try_from(dimensions).unwrap_or(0))
        .rev()
        .map(|index| {
            // SAFETY: as the caller promises.
            let row = unsafe { *processes.add(index) };
            let coordinate = left % row;
            left /= row;
            coordinate.into()
        })
        .collect();
    coordinates.reverse();
    coordinates
}

macro_rules! darrays {
    ($($name:ident $function:ident $size:ty;)*) => {$(
        unsafe extern "C" fn $name(
            size: c_int,
            rank: c_int,
            dimensions: c_int,
            sizes: *const $size,
            distributions: *const c_int,
            arguments: *const c_int,
            processes: *const c_int,
            order: c_int,
            element: MPI_Datatype,
            datatype: *mut MPI_Datatype,
        ) -> c_int {
            // SAFETY: the caller's arguments, which the library has accepted when the arrays are read.
            unsafe {
                let code = (original().$function)(
                    size, rank, dimensions, sizes, distributions, arguments, processes, order, element, datatype,
                );
                if code != MPI_SUCCESS {
                    return code;
                }
                let coordinates = coordinates(rank, dimensions, processes);
                let parts = fastest_first(order, dimensions).map(|index| {
                    let (size, distribution) = (i64::from(*sizes.add(index)), *distributions.add(index));
                    let (argument, processes) = (*arguments.add(index), i64::from(*processes.add(index)));
                    Part::distributed(size, distribution, argument, processes, coordinates[index])
                });
                replace(code, parts, element, datatype)
            }
        }
    )*};
}

darrays! {
    darray MPI_Type_create_darray c_int;
    darray_c MPI_Type_create_darray_c MPI_Count;
}

macro_rules! answers {
    ($($name:ident $function:ident($($parameter:ident: $type:ty),*);)*) => {$(
        unsafe extern "C" fn $name(datatype: MPI_Datatype, $($parameter: $type),*) -> c_int {
            // SAFETY: the caller's arguments, or another datatype in place of the first.
            unsafe { (original().$function)(telling(datatype), $($parameter),*) }
        }
    )*};
}

answers! {
    envelope MPI_Type_get_envelope(
        integers: *mut c_int, addresses: *mut c_int, datatypes: *mut c_int, combiner: *mut c_int
    );
    envelope_c MPI_Type_get_envelope_c(
        integers: *mut MPI_Count, addresses: *mut MPI_Count, counts: *mut MPI_Count, datatypes: *mut MPI_Count,
        combiner: *mut c_int
    );
    contents MPI_Type_get_contents(
        most_integers: c_int, most_addresses: c_int, most_datatypes: c_int,
        integers: *mut c_int, addresses: *mut MPI_Aint, datatypes: *mut MPI_Datatype
    );
    contents_c MPI_Type_get_contents_c(
        most_integers: MPI_Count, most_addresses: MPI_Count, most_counts: MPI_Count, most_datatypes: MPI_Count,
        integers: *mut c_int, addresses: *mut MPI_Aint, counts: *mut MPI_Count, datatypes: *mut MPI_Datatype
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The elements of a part.
    fn elements(part: Part) -> Vec<i64> {
        let block = |start: i64, length: i64| start..start + length;
        let regular =
            (0..part.blocks).flat_map(|index| block(part.first + index * part.distance, part.block));
        regular.chain(block(part.first + part.blocks * part.distance, part.rest)).collect()
    }

    #[test]
    fn every_element_of_a_distributed_dimension_belongs_to_one_process() {
        for size in 1..20 {
            for processes in 1..5 {
                for (distribution, argument) in [
                    (MPI_DISTRIBUTE_BLOCK, MPI_DISTRIBUTE_DFLT_DARG),
                    (MPI_DISTRIBUTE_BLOCK, 20),
                    (MPI_DISTRIBUTE_CYCLIC, MPI_DISTRIBUTE_DFLT_DARG),
                    (MPI_DISTRIBUTE_CYCLIC, 2),
                    (MPI_DISTRIBUTE_CYCLIC, 3),
                ] {
                    let of = |coordinate| {
                        elements(Part::distributed(size, distribution, argument, processes, coordinate))
                    };
                    let mut all: Vec<i64> = (0..processes).flat_map(of).collect();
                    all.sort_unstable();
                    assert_eq!(
                        all,
                        (0..size).collect::<Vec<_>>(),
                        "{size} over {processes}: {distribution}, {argument}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_last_block_may_be_shorter() {
        let part = Part::distributed(11, MPI_DISTRIBUTE_CYCLIC, 2, 3, 2);
        assert_eq!(elements(part), [4, 5, 10]);
        assert_eq!((part.blocks, part.rest), (1, 1));
    }

    #[test]
    fn ranks_lie_in_the_grid_row_by_row() {
        let grid = [2, 3];
        // SAFETY: two dimensions.
        let all: Vec<_> = (0..6).map(|rank| unsafe { coordinates(rank, 2, grid.as_ptr()) }).collect();
        assert_eq!(all, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]);
    }
}
