//! `MPI_Type_get_contents`: an array of datatypes, and integers whose meaning depends on the constructor.

use core::ffi::c_int;

use super::recipes::Recipe;
use crate::abi::*;
use crate::array::Buffer as ArrayBuffer;
use crate::enumerations::value_out;
use crate::family::Abi;
use crate::kinds::{Combiner, Datatype, Scalar};
use crate::raise::{Object, raise};

/// How many of each there are, and the constructor in standard terms.
struct Envelope {
    datatypes: usize,
    combiner: c_int,
}

/// # Safety
/// MPI is running.
unsafe fn envelope<A: Abi>(datatype: A::Handle) -> Result<Envelope, c_int> {
    let native = &A::bound().native;
    let Some(ask) = native.MPI_Type_get_envelope else { return Err(MPI_ERR_UNSUPPORTED_OPERATION) };
    let (mut integers, mut addresses, mut datatypes, mut combiner) = (0, 0, 0, 0);
    // SAFETY: four ints.
    let code = unsafe { ask(datatype, &mut integers, &mut addresses, &mut datatypes, &mut combiner) };
    if code != 0 {
        return Err(A::bound().code_out(code));
    }
    let combiner = Combiner::outward::<A>(combiner, 0);
    Ok(Envelope { datatypes: usize::try_from(datatypes).unwrap_or(0), combiner })
}

/// Translates orders, distributions and their arguments in place (MPI-5.0, section 5.1.13).
///
/// # Safety
/// `integers` holds what the library wrote for that constructor.
unsafe fn translate_integers<A: Abi>(combiner: c_int, integers: *mut c_int) {
    let tables = A::ENUMERATIONS;
    // SAFETY: as the caller promises: the positions are those of the standard.
    unsafe {
        let order = |at: usize| *integers.add(at) = value_out(tables.order, *integers.add(at));
        match combiner {
            MPI_COMBINER_SUBARRAY => {
                let dimensions = usize::try_from(*integers).unwrap_or(0);
                order(1 + 3 * dimensions);
            }
            MPI_COMBINER_DARRAY => {
                let dimensions = usize::try_from(*integers.add(2)).unwrap_or(0);
                for at in 3 + dimensions..3 + 2 * dimensions {
                    *integers.add(at) = value_out(tables.distribution, *integers.add(at));
                }
                for at in 3 + 2 * dimensions..3 + 3 * dimensions {
                    *integers.add(at) = value_out(tables.distribution_argument, *integers.add(at));
                }
                order(3 + 4 * dimensions);
            }
            _ => {}
        }
    }
}

/// Hands the datatypes over.
///
/// # Safety
/// The caller's array has room for that many.
unsafe fn hand_over<A: Abi>(natives: &ArrayBuffer<A::Handle>, datatypes: *mut MPI_Datatype, count: usize) {
    for (index, &native) in natives.as_slice().iter().take(count).enumerate() {
        // SAFETY: as the caller promises.
        unsafe { *datatypes.add(index) = Datatype::outward::<A>(native, MPI_DATATYPE_NULL) };
    }
}

pub unsafe extern "C" fn MPI_Type_get_contents<A: Abi>(
    datatype: MPI_Datatype,
    max_integers: c_int,
    max_addresses: c_int,
    max_datatypes: c_int,
    integers: *mut c_int,
    addresses: *mut MPI_Aint,
    datatypes: *mut MPI_Datatype,
) -> c_int {
    let Some(native) = A::bound().native.MPI_Type_get_contents else { return MPI_ERR_UNSUPPORTED_OPERATION };
    let datatype = Datatype::inward::<A>(datatype);
    // SAFETY: the caller's arguments; Open MPI reads beyond its own array when asked for more datatypes than there are.
    unsafe {
        let envelope = match envelope::<A>(datatype) {
            Ok(envelope) => envelope,
            Err(code) => return code,
        };
        let room = usize::try_from(max_datatypes).unwrap_or(0).min(envelope.datatypes);
        let mut natives = ArrayBuffer::from_fn(room, |_| Datatype::inward::<A>(MPI_DATATYPE_NULL));
        let room_argument = if max_datatypes < 0 { max_datatypes } else { room as c_int };
        let code = native(
            datatype,
            max_integers,
            max_addresses,
            room_argument,
            integers,
            addresses,
            natives.as_mut_ptr(),
        );
        let code = A::bound().code_out(code);
        if code != 0 {
            return code;
        }
        if envelope.combiner == MPI_COMBINER_DUP
            && let Some(&original) = natives.as_slice().first()
            && let Err(code) = Recipe::<A>::hand_on(datatype, original)
        {
            return code;
        }
        hand_over::<A>(&natives, datatypes, room);
        translate_integers::<A>(envelope.combiner, integers);
        code
    }
}

pub unsafe extern "C" fn MPI_Type_get_envelope_c<A: Abi>(
    datatype: MPI_Datatype,
    integers: *mut MPI_Count,
    addresses: *mut MPI_Count,
    large_counts: *mut MPI_Count,
    datatypes: *mut MPI_Count,
    combiner: *mut c_int,
) -> c_int {
    let native = &A::bound().native;
    let datatype = Datatype::inward::<A>(datatype);
    let mut native_combiner = 0;
    // SAFETY: the caller's variables.
    unsafe {
        let code = match (native.MPI_Type_get_envelope_c, native.MPI_Type_get_envelope) {
            (Some(large), _) => {
                large(datatype, integers, addresses, large_counts, datatypes, &mut native_combiner)
            }
            (None, Some(small)) => {
                if let Some(recipe) = Recipe::<A>::find(datatype) {
                    let number = |length: usize| length as MPI_Count;
                    (*integers, *addresses) = (number(recipe.integers.len()), 0);
                    (*large_counts, *datatypes) = (number(recipe.counts.len()), number(recipe.ingredients()));
                    *combiner = recipe.combiner;
                    return MPI_SUCCESS;
                }
                let mut counts = [0; 3];
                let [a, b, c] = &mut counts;
                let code = small(datatype, a, b, c, &mut native_combiner);
                (*integers, *addresses, *large_counts, *datatypes) =
                    (counts[0].into(), counts[1].into(), 0, counts[2].into());
                code
            }
            (None, None) => return MPI_ERR_UNSUPPORTED_OPERATION,
        };
        if code == 0 {
            *combiner = Combiner::outward::<A>(native_combiner, 0);
        }
        A::bound().code_out(code)
    }
}

pub unsafe extern "C" fn MPI_Type_get_contents_c<A: Abi>(
    datatype: MPI_Datatype,
    max_integers: MPI_Count,
    max_addresses: MPI_Count,
    max_large_counts: MPI_Count,
    max_datatypes: MPI_Count,
    integers: *mut c_int,
    addresses: *mut MPI_Aint,
    large_counts: *mut MPI_Count,
    datatypes: *mut MPI_Datatype,
) -> c_int {
    let Some(native) = A::bound().native.MPI_Type_get_contents_c else {
        if let Some(recipe) = Recipe::<A>::find(Datatype::inward::<A>(datatype)) {
            let room = [max_integers, max_large_counts, max_datatypes];
            // SAFETY: the caller's arrays.
            return match unsafe { recipe.tell(room, integers, large_counts, datatypes) } {
                Ok(()) => MPI_SUCCESS,
                Err(code @ MPI_ERR_ARG) => raise::<A>(Object::Nothing, code),
                // What the library found it has raised itself.
                Err(code) => code,
            };
        }
        // Without large counts no other datatype holds one, so the other function tells everything.
        let small = |count: MPI_Count| c_int::try_from(count).unwrap_or(c_int::MAX);
        // SAFETY: the caller's arguments.
        return unsafe {
            MPI_Type_get_contents::<A>(
                datatype,
                small(max_integers),
                small(max_addresses),
                small(max_datatypes),
                integers,
                addresses,
                datatypes,
            )
        };
    };
    let datatype = Datatype::inward::<A>(datatype);
    // SAFETY: the caller's arguments; the array of datatypes is ours.
    unsafe {
        let Some(ask) = A::bound().native.MPI_Type_get_envelope_c else {
            return MPI_ERR_UNSUPPORTED_OPERATION;
        };
        let (mut counts, mut combiner) = ([0; 4], 0);
        let [a, b, c, d] = &mut counts;
        let code = ask(datatype, a, b, c, d, &mut combiner);
        if code != 0 {
            return A::bound().code_out(code);
        }
        let combiner = Combiner::outward::<A>(combiner, 0);
        let room = usize::try_from(max_datatypes.min(counts[3])).unwrap_or(0);
        let mut natives = ArrayBuffer::from_fn(room, |_| Datatype::inward::<A>(MPI_DATATYPE_NULL));
        let code = native(
            datatype,
            max_integers,
            max_addresses,
            max_large_counts,
            max_datatypes.min(counts[3]),
            integers,
            addresses,
            large_counts,
            natives.as_mut_ptr(),
        );
        let code = A::bound().code_out(code);
        if code == 0 {
            hand_over::<A>(&natives, datatypes, room);
            // With large counts the sizes stand in the other array, and only the special integers remain here.
            translate_large::<A>(combiner, &counts, integers);
        }
        code
    }
}

/// As [`translate_integers`], for constructors whose sizes are large counts.
///
/// # Safety
/// As for [`translate_integers`].
unsafe fn translate_large<A: Abi>(combiner: c_int, counts: &[MPI_Count; 4], integers: *mut c_int) {
    if counts[2] == 0 {
        // SAFETY: as the caller promises.
        return unsafe { translate_integers::<A>(combiner, integers) };
    }
    let tables = A::ENUMERATIONS;
    // SAFETY: as the caller promises.
    unsafe {
        match combiner {
            // ndims, order
            MPI_COMBINER_SUBARRAY => *integers.add(1) = value_out(tables.order, *integers.add(1)),
            // size, rank, ndims, distribs, dargs, psizes, order
            MPI_COMBINER_DARRAY => {
                let dimensions = usize::try_from(*integers.add(2)).unwrap_or(0);
                for at in 3..3 + dimensions {
                    *integers.add(at) = value_out(tables.distribution, *integers.add(at));
                }
                for at in 3 + dimensions..3 + 2 * dimensions {
                    *integers.add(at) = value_out(tables.distribution_argument, *integers.add(at));
                }
                let order = integers.add(3 + 3 * dimensions);
                *order = value_out(tables.order, *order);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enumerations::argument_in;

    #[test]
    fn default_arguments_cross_only_where_they_stand() {
        let pairs = &[(MPI_DISTRIBUTE_DFLT_DARG, -49_767)];
        assert_eq!(argument_in(pairs, MPI_DISTRIBUTE_DFLT_DARG), -49_767);
        assert_eq!(argument_in(pairs, 4), 4);
        assert_eq!(value_out(pairs, -49_767), MPI_DISTRIBUTE_DFLT_DARG);
    }
}
