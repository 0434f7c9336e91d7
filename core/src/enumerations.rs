//! Numbers with names: what a family calls them, and how they cross.

use core::ffi::c_int;

use crate::abi::{
    MPI_TAG_UB, MPI_THREAD_FUNNELED, MPI_THREAD_MULTIPLE, MPI_THREAD_SERIALIZED, MPI_THREAD_SINGLE,
    MPI_UNDEFINED, MPI_WIN_MODEL,
};

/// Pairs of a standard value and a native one.
pub type Pairs = &'static [(c_int, c_int)];

/// One family's values of every enumeration and mask of the standard ABI.
#[derive(Clone, Copy, Debug)]
pub struct Enumerations {
    /// Order of array storage.
    pub order: Pairs,
    /// Distributions of darrays.
    pub distribution: Pairs,
    /// The default distribution argument.
    pub distribution_argument: Pairs,
    /// Constructors of datatypes.
    pub combiner: Pairs,
    /// Classes of types.
    pub type_class: Pairs,
    /// Results of comparisons.
    pub comparison: Pairs,
    /// Kinds of topologies.
    pub topology: Pairs,
    /// Types of splits.
    pub split_type: Pairs,
    /// Locks of windows.
    pub lock_type: Pairs,
    /// How a window was made.
    pub flavor: Pairs,
    /// Memory models of windows.
    pub model: Pairs,
    /// Whence of a seek.
    pub whence: Pairs,
    /// Predefined keyvals.
    pub keyval: Pairs,
    /// Bits of file access modes.
    pub file_mode: Pairs,
    /// Bits of window assertions.
    pub assertion: Pairs,
    /// Safety levels of tool callbacks.
    pub callback_safety: Pairs,
    /// Order of event sources.
    pub source_order: Pairs,
    /// Verbosity levels.
    pub verbosity: Pairs,
    /// Objects that variables are bound to.
    pub bind: Pairs,
    /// Scopes of control variables.
    pub scope: Pairs,
    /// Classes of performance variables.
    pub pvar_class: Pairs,
}

/// The thread levels of the standard ABI, at the places where every existing library has them: 0 to 3.
const THREAD_LEVELS: [c_int; 4] =
    [MPI_THREAD_SINGLE, MPI_THREAD_FUNNELED, MPI_THREAD_SERIALIZED, MPI_THREAD_MULTIPLE];

/// A thread level, as an argument; one that the standard does not know stays unknown.
#[inline]
pub fn thread_in(level: c_int) -> c_int {
    let place = THREAD_LEVELS.iter().position(|&known| known == level);
    place.map_or(c_int::MIN, |place| place as c_int)
}

/// A thread level, as a result.
#[inline]
pub fn thread_out(level: c_int) -> c_int {
    usize::try_from(level).ok().and_then(|place| THREAD_LEVELS.get(place)).copied().unwrap_or(level)
}

/// A value of an enumeration, as an argument. `MPI_UNDEFINED` is the same everywhere; a value that the family does
/// not know becomes one that no library takes for something else.
pub fn value_in(pairs: Pairs, value: c_int) -> c_int {
    match pairs.iter().find(|pair| pair.0 == value) {
        Some(&(_, native)) => native,
        None if value == MPI_UNDEFINED => MPI_UNDEFINED,
        None => c_int::MIN,
    }
}

/// How many numbers lie from the first predefined keyval to the last.
pub const PREDEFINED_KEYVALS: usize = (MPI_WIN_MODEL - MPI_TAG_UB) as usize + 1;

/// The native keyval for each predefined one, counted from the first.
pub const fn predefined_keyvals(pairs: Pairs) -> [Option<c_int>; PREDEFINED_KEYVALS] {
    let mut native = [None; PREDEFINED_KEYVALS];
    let mut index = 0;
    while index < pairs.len() {
        if pairs[index].0 >= MPI_TAG_UB && pairs[index].0 <= MPI_WIN_MODEL {
            native[(pairs[index].0 - MPI_TAG_UB) as usize] = Some(pairs[index].1);
        }
        index += 1;
    }
    native
}

/// As [`value_in`], for numbers of which only some are special.
pub fn argument_in(pairs: Pairs, value: c_int) -> c_int {
    pairs.iter().find(|pair| pair.0 == value).map_or(value, |pair| pair.1)
}

/// A value of an enumeration, as a result; one that the standard does not know stays as it is.
pub fn value_out(pairs: Pairs, native: c_int) -> c_int {
    pairs.iter().find(|pair| pair.1 == native).map_or(native, |pair| pair.0)
}

/// A bit that no mask of any family uses: what stands for bits that the family does not know.
const UNKNOWN_BIT: c_int = 1 << 30;

/// A mask, as an argument.
pub fn bits_in(pairs: Pairs, mask: c_int) -> c_int {
    let known = pairs.iter().fold(0, |all, pair| all | pair.0);
    let native = pairs.iter().filter(|pair| mask & pair.0 != 0).fold(0, |all, pair| all | pair.1);
    if mask & !known == 0 { native } else { native | UNKNOWN_BIT }
}

/// A mask, as a result.
pub fn bits_out(pairs: Pairs, native: c_int) -> c_int {
    pairs.iter().filter(|pair| native & pair.1 != 0).fold(0, |all, pair| all | pair.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_levels_cross_and_come_back() {
        for (place, level) in THREAD_LEVELS.into_iter().enumerate() {
            assert_eq!(thread_in(level), place as c_int);
            assert_eq!(thread_out(place as c_int), level);
        }
    }
}
