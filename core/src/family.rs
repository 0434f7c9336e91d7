//! What one ABI family is: its native types, its constants, and the tables that translate its handles and codes.
//!
//! A family is a zero-sized type that implements [`Abi`]. Everything that differs between families and is known
//! before a library is loaded is a constant of the trait; the rest (addresses of predefined handles, the native
//! functions) is a [`Bound`], made once when the library is opened and then only read.

use core::ffi::{c_int, c_void};
use core::fmt;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::abi::{
    Class, ERROR_CLASSES, Handle, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_ERR_LASTCODE, MPI_ERR_OTHER,
    MPI_ERR_UNKNOWN, MPI_File, MPI_KEYVAL_INVALID, MPI_PROC_NULL, MPI_REQUEST_NULL, MPI_ROOT, MPI_Request,
    MPI_Status, MPI_TAG_UB, MPI_THREAD_FUNNELED, MPI_THREAD_MULTIPLE, MPI_THREAD_SERIALIZED,
    MPI_THREAD_SINGLE, MPI_UNDEFINED, MPI_UNWEIGHTED, MPI_WEIGHTS_EMPTY, MPI_WIN_MODEL, PREDEFINED_END,
};
use crate::rare::rare;
use crate::table::{FnTable, NativeTable};

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

/// One family of MPI libraries that share a binary interface.
pub trait Abi: Sized + 'static {
    /// A native handle: a pointer or an `int`.
    type Handle: Copy + 'static;
    /// The native `MPI_Status`.
    type Status: Copy + 'static;
    /// The native `MPI_File`, which in MPICH's ABI is a pointer unlike the other handles.
    type File: Copy + 'static;

    /// Native `MPI_ANY_SOURCE`.
    const ANY_SOURCE: c_int;
    /// Native `MPI_PROC_NULL`.
    const PROC_NULL: c_int;
    /// Native `MPI_ROOT`.
    const ROOT: c_int;
    /// Native `MPI_ANY_TAG`.
    const ANY_TAG: c_int;
    /// The address that is the native `MPI_IN_PLACE`.
    const IN_PLACE: isize;
    /// The address that is the native `MPI_STATUS_IGNORE` and `MPI_STATUSES_IGNORE`.
    const STATUS_IGNORE: usize;
    /// How many bytes into a standard status a native one begins whose private fields are those of the standard one.
    const STATUS_INSIDE: usize;
    /// The address that is the native `MPI_BUFFER_AUTOMATIC`, or one that the library refuses.
    const BUFFER_AUTOMATIC: isize;
    /// Native `MPI_DISPLACEMENT_CURRENT`.
    const DISPLACEMENT_CURRENT: i64;
    /// What is added to a keyval that the library made, so that it is none of the standard's predefined ones.
    const KEYVAL_OFFSET: c_int;
    /// Enumerations and masks.
    const ENUMERATIONS: Enumerations;
    /// Error classes: the standard value and the native one, `MPI_SUCCESS` left out.
    const ERROR_CLASSES: &'static [(c_int, c_int)];

    /// Where the library of this family, once opened, is kept.
    fn slot() -> &'static Slot<Bound<Self>>;
    /// A dynamic handle from the bits that the standard ABI carries.
    fn handle_from_bits(bits: usize) -> Self::Handle;
    /// The bits of a native handle.
    fn handle_bits(handle: Self::Handle) -> usize;
    /// A file, as an argument.
    fn file_in(file: MPI_File) -> Self::File;
    /// A file, as a result.
    fn file_out(native: Self::File) -> MPI_File;
    /// A native status with the fields of a standard one.
    fn status_in(outer: &MPI_Status) -> Self::Status;
    /// Copies a native status but for its error field, which stays as it is in `outer`.
    fn status_out(native: &Self::Status, outer: &mut MPI_Status);
    /// The bits of the native null request.
    #[inline]
    fn null_request() -> usize {
        Self::bound().null_request
    }
    /// The error field of a native status, untranslated.
    fn status_error(native: &Self::Status) -> c_int;

    /// The opened library.
    #[inline]
    fn bound() -> &'static Bound<Self> {
        // SAFETY: a shim is reachable only through a table, and a table is made only after the slot was filled.
        unsafe { Self::slot().get_unchecked() }
    }

    /// A rank, as an argument.
    #[inline]
    fn rank_in(rank: c_int) -> c_int {
        if rank >= 0 {
            return rank;
        }
        rare();
        match rank {
            MPI_ANY_SOURCE => Self::ANY_SOURCE,
            MPI_PROC_NULL => Self::PROC_NULL,
            MPI_ROOT => Self::ROOT,
            // Not a rank of the standard ABI: a value that every library refuses as a rank.
            _ => c_int::MIN,
        }
    }

    /// A rank, as a result. `MPI_UNDEFINED` has one value everywhere.
    #[inline]
    fn rank_out(rank: c_int) -> c_int {
        if rank >= 0 {
            return rank;
        }
        rare();
        if rank == Self::PROC_NULL {
            MPI_PROC_NULL
        } else if rank == Self::ANY_SOURCE {
            MPI_ANY_SOURCE
        } else if rank == Self::ROOT {
            MPI_ROOT
        } else {
            rank
        }
    }

    /// A tag, as an argument.
    #[inline]
    fn tag_in(tag: c_int) -> c_int {
        if tag >= 0 {
            return tag;
        }
        rare();
        if tag == MPI_ANY_TAG { Self::ANY_TAG } else { c_int::MIN }
    }

    /// A keyval, as an argument.
    #[inline]
    fn keyval_in(keyval: c_int) -> c_int {
        let native = const { &predefined_keyvals(Self::ENUMERATIONS.keyval) };
        let place = keyval.wrapping_sub(MPI_TAG_UB).cast_unsigned() as usize;
        match native.get(place) {
            Some(&Some(native)) => native,
            None if keyval == MPI_KEYVAL_INVALID => argument_in(Self::ENUMERATIONS.keyval, keyval),
            _ => keyval.wrapping_sub(Self::KEYVAL_OFFSET),
        }
    }

    /// A keyval, as a result.
    #[inline]
    fn keyval_out(native: c_int) -> c_int {
        match Self::ENUMERATIONS.keyval.iter().find(|pair| pair.1 == native) {
            Some(&(standard, _)) => standard,
            None => native.wrapping_add(Self::KEYVAL_OFFSET),
        }
    }

    /// A tag, as a result.
    #[inline]
    fn tag_out(tag: c_int) -> c_int {
        if tag == Self::ANY_TAG { MPI_ANY_TAG } else { tag }
    }
}

/// The addresses that are a library's `MPI_UNWEIGHTED` and `MPI_WEIGHTS_EMPTY`.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    /// `MPI_UNWEIGHTED`
    pub unweighted: usize,
    /// `MPI_WEIGHTS_EMPTY`
    pub empty: usize,
}

/// An opened library of the family `A`: its functions and its translation tables.
pub struct Bound<A: Abi> {
    /// The library's own functions.
    pub native: NativeTable<A>,
    /// Native handle for each predefined value of the standard ABI; the class's null handle where it has none.
    forward: [A::Handle; PREDEFINED_END],
    null_request: usize,
    reverse: Reverse,
    class_in: [c_int; ERROR_CLASSES],
    class_out: Vec<c_int>,
    unweighted: usize,
    weights_empty: usize,
    table: OnceLock<Box<FnTable>>,
}

impl<A: Abi> Bound<A> {
    /// The functions in the standard ABI, for what is emulated out of them.
    pub(crate) fn table(&self) -> &FnTable {
        self.table.get_or_init(|| Box::new(FnTable::translated::<A>(&self.native)))
    }

    /// Makes the tables. `predefined` gives each predefined handle that the library has: standard value, native bits.
    ///
    /// A predefined handle that the library lacks becomes the null handle of its class, never a bit pattern that
    /// the library could take for something else. Where several standard values share one native handle, the first
    /// is the one that comes back.
    #[must_use]
    pub fn new(native: NativeTable<A>, predefined: &[(usize, usize)], weights: Weights) -> Self {
        let lookup = |value: usize| predefined.iter().find(|entry| entry.0 == value).map(|entry| entry.1);
        let forward = std::array::from_fn(|value| {
            let bits = lookup(value)
                .or_else(|| Class::of_predefined(value).and_then(|class| lookup(class.null())))
                .unwrap_or(0);
            A::handle_from_bits(bits)
        });
        let last_native = A::ERROR_CLASSES.iter().map(|entry| entry.1).max().unwrap_or(0);
        let mut class_in = [0; ERROR_CLASSES];
        let mut class_out = vec![MPI_ERR_UNKNOWN; usize::try_from(last_native).unwrap_or(0) + 1];
        class_out[0] = 0;
        let other = A::ERROR_CLASSES.iter().find(|entry| entry.0 == MPI_ERR_OTHER).map_or(0, |entry| entry.1);
        for (standard, slot) in class_in.iter_mut().enumerate().skip(1) {
            let native = A::ERROR_CLASSES.iter().find(|entry| usize::try_from(entry.0) == Ok(standard));
            *slot = native.map_or(other, |entry| entry.1);
        }
        for &(standard, native) in A::ERROR_CLASSES {
            if let Some(slot) = usize::try_from(native).ok().and_then(|native| class_out.get_mut(native)) {
                *slot = standard;
            }
        }
        Self {
            native,
            forward,
            null_request: lookup(MPI_REQUEST_NULL.0).unwrap_or(0),
            reverse: Reverse::new(predefined),
            class_in,
            class_out,
            unweighted: weights.unweighted,
            weights_empty: weights.empty,
            table: OnceLock::new(),
        }
    }

    /// A handle, as an argument.
    #[inline]
    #[must_use]
    pub fn handle_in<H: Handle>(&self, handle: H) -> A::Handle {
        match self.forward.get(handle.bits()) {
            Some(&native) => native,
            None => A::handle_from_bits(handle.bits()),
        }
    }

    /// A handle, as a result.
    #[inline]
    #[must_use]
    pub fn handle_out<H: Handle>(&self, native: A::Handle) -> H {
        let bits = A::handle_bits(native);
        H::from_bits(self.reverse.find(H::CLASS, bits).unwrap_or(bits))
    }

    /// A request, as a result: the null request is the only predefined one.
    #[inline]
    #[must_use]
    pub fn request_out(&self, native: A::Handle) -> MPI_Request {
        let bits = A::handle_bits(native);
        if bits == self.null_request { MPI_REQUEST_NULL } else { MPI_Request(bits) }
    }

    /// A request that a call has just made, which few are null.
    #[inline]
    #[must_use]
    pub fn request_made(&self, native: A::Handle) -> MPI_Request {
        let bits = A::handle_bits(native);
        if bits != A::null_request() {
            return MPI_Request(bits);
        }
        rare();
        MPI_REQUEST_NULL
    }

    /// Weights of a graph, as an argument.
    #[must_use]
    pub fn weights_in(&self, weights: *mut c_int) -> *mut c_int {
        if weights == MPI_UNWEIGHTED {
            core::ptr::with_exposed_provenance_mut(self.unweighted)
        } else if weights == MPI_WEIGHTS_EMPTY {
            core::ptr::with_exposed_provenance_mut(self.weights_empty)
        } else {
            weights
        }
    }

    /// An error code that a native function returned, as a code of the standard ABI.
    ///
    /// A class becomes the class. A code beyond the classes keeps its identity (and so its message) under a number
    /// above `MPI_ERR_LASTCODE`, which [`Bound::code_in`] takes back.
    #[inline]
    #[must_use]
    pub fn code_out(&self, native: c_int) -> c_int {
        if native == 0 { 0 } else { self.code_out_slow(native) }
    }

    #[cold]
    fn code_out_slow(&self, native: c_int) -> c_int {
        if let Some(&class) = usize::try_from(native).ok().and_then(|native| self.class_out.get(native)) {
            return class;
        }
        if let Some(code) = CODES.intern(native) {
            return code;
        }
        let mut class = 0;
        // SAFETY: `MPI_Error_class` takes any code that the library returned and writes one int.
        let asked = self.native.MPI_Error_class.map(|ask| unsafe { ask(native, &mut class) });
        match (asked, usize::try_from(class).ok().and_then(|class| self.class_out.get(class))) {
            (Some(0), Some(&class)) => class,
            _ => MPI_ERR_UNKNOWN,
        }
    }

    /// An error code of the standard ABI, as the library's own.
    #[must_use]
    pub fn code_in(&self, code: c_int) -> c_int {
        if let Some(&class) = usize::try_from(code).ok().and_then(|code| self.class_in.get(code)) {
            return class;
        }
        let tool = A::ERROR_CLASSES.iter().find(|pair| pair.0 == code).map(|pair| pair.1);
        tool.or_else(|| CODES.native(code)).unwrap_or(code)
    }
}

/// Error codes beyond the classes, numbered in the order of their first appearance.
///
/// One table serves the process, for a process runs one MPI. It is bounded: a program that meets more different
/// codes gets their classes from then on.
struct Codes(Mutex<Vec<c_int>>);

static CODES: Codes = Codes(Mutex::new(Vec::new()));

/// The largest error code in use (MPI-5.0, section 9.5): at least `MPI_ERR_LASTCODE`.
pub(crate) fn last_used_code() -> c_int {
    let known = CODES.0.lock().unwrap_or_else(PoisonError::into_inner);
    c_int::try_from(known.len()).map_or(c_int::MAX, |count| MPI_ERR_LASTCODE + count)
}

impl Codes {
    const LIMIT: usize = 65_536;
    const FIRST: c_int = MPI_ERR_LASTCODE + 1;

    fn intern(&self, native: c_int) -> Option<c_int> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match known.iter().position(|&code| code == native) {
            Some(index) => index,
            None if known.len() < Self::LIMIT => {
                known.push(native);
                known.len() - 1
            }
            None => return None,
        };
        Some(Self::FIRST + c_int::try_from(index).ok()?)
    }

    fn native(&self, code: c_int) -> Option<c_int> {
        let index = usize::try_from(code.checked_sub(Self::FIRST)?).ok()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(index).copied()
    }
}

/// From native bits and class back to the predefined handle: an open-addressing hash table, mostly empty.
struct Reverse {
    entries: [Entry; Reverse::SIZE],
    /// All predefined handles lie between these, and most others do not.
    least: usize,
    most: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    key: u64,
    value: usize,
}

impl Reverse {
    const BITS: u32 = 10;
    const SIZE: usize = 1 << Self::BITS;
    /// A key that nothing has, for no class has the highest number.
    const EMPTY: u64 = u64::MAX;

    fn new(predefined: &[(usize, usize)]) -> Self {
        assert!(predefined.len() * 2 <= Self::SIZE, "the table of predefined handles outgrew its hash");
        let mut entries = [Entry { key: Self::EMPTY, value: 0 }; Self::SIZE];
        for &(value, bits) in predefined {
            let Some(class) = Class::of_predefined(value) else { continue };
            let key = Self::key(class, bits);
            let mut at = Self::hash(key);
            while entries[at].key != Self::EMPTY && entries[at].key != key {
                at = (at + 1) % Self::SIZE;
            }
            if entries[at].key == Self::EMPTY {
                entries[at] = Entry { key, value };
            }
        }
        let bits = || predefined.iter().map(|entry| entry.1);
        Self { entries, least: bits().min().unwrap_or(0), most: bits().max().unwrap_or(0) }
    }

    /// The class in the byte that no address and no int uses.
    #[inline]
    fn key(class: Class, bits: usize) -> u64 {
        bits as u64 ^ (class as u64) << 56
    }

    #[inline]
    fn hash(key: u64) -> usize {
        // Multiplied by the golden ratio, whose upper bits are as good as random.
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - Self::BITS)) as usize
    }

    #[inline]
    fn find(&self, class: Class, bits: usize) -> Option<usize> {
        if bits < self.least || bits > self.most {
            return None;
        }
        let key = Self::key(class, bits);
        let mut at = Self::hash(key);
        loop {
            let entry = self.entries[at % Self::SIZE];
            if entry.key == key {
                return Some(entry.value);
            }
            if entry.key == Self::EMPTY {
                return None;
            }
            at += 1;
        }
    }
}

/// A place that is written once and then read without a check.
pub struct Slot<T> {
    filled: AtomicBool,
    claimed: AtomicBool,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is written once, before `filled` is set with Release; afterwards it is only shared.
unsafe impl<T: Send + Sync> Sync for Slot<T> {}

impl<T> Slot<T> {
    /// An empty slot.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            filled: AtomicBool::new(false),
            claimed: AtomicBool::new(false),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Fills the slot; gives the value back when it was filled before.
    pub fn fill(&self, value: T) -> Result<&T, T> {
        if self.claimed.swap(true, Ordering::AcqRel) {
            return Err(value);
        }
        // SAFETY: `claimed` lets exactly one caller get here, and readers wait for `filled`.
        let filled = unsafe { (*self.value.get()).write(value) };
        self.filled.store(true, Ordering::Release);
        Ok(filled)
    }

    /// The value, if the slot was filled.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: `filled` is set after the value was written.
        self.filled.load(Ordering::Acquire).then(|| unsafe { self.get_unchecked() })
    }

    /// The value, without looking whether it is there.
    ///
    /// # Safety
    /// The slot was filled before, and the caller has synchronised with the thread that filled it.
    #[inline]
    #[must_use]
    pub unsafe fn get_unchecked(&self) -> &T {
        // SAFETY: filled, as the caller promises, and never written again.
        unsafe { (*self.value.get()).assume_init_ref() }
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("filled", &self.filled.load(Ordering::Relaxed)).finish_non_exhaustive()
    }
}

/// The thread levels of the standard ABI, at the places where every existing library has them: 0 to 3.
const THREAD_LEVELS: [c_int; 4] =
    [MPI_THREAD_SINGLE, MPI_THREAD_FUNNELED, MPI_THREAD_SERIALIZED, MPI_THREAD_MULTIPLE];

/// A thread level, as an argument; one that the standard does not know stays unknown.
#[inline]
pub(crate) fn thread_in(level: c_int) -> c_int {
    let place = THREAD_LEVELS.iter().position(|&known| known == level);
    place.map_or(c_int::MIN, |place| place as c_int)
}

/// A thread level, as a result.
#[inline]
pub(crate) fn thread_out(level: c_int) -> c_int {
    usize::try_from(level).ok().and_then(|place| THREAD_LEVELS.get(place)).copied().unwrap_or(level)
}

/// A value of an enumeration, as an argument. `MPI_UNDEFINED` is the same everywhere; a value that the family does
/// not know becomes one that no library takes for something else.
pub(crate) fn value_in(pairs: Pairs, value: c_int) -> c_int {
    match pairs.iter().find(|pair| pair.0 == value) {
        Some(&(_, native)) => native,
        None if value == MPI_UNDEFINED => MPI_UNDEFINED,
        None => c_int::MIN,
    }
}

/// How many numbers lie from the first predefined keyval to the last.
const PREDEFINED_KEYVALS: usize = (MPI_WIN_MODEL - MPI_TAG_UB) as usize + 1;

/// The native keyval for each predefined one, counted from the first.
const fn predefined_keyvals(pairs: Pairs) -> [Option<c_int>; PREDEFINED_KEYVALS] {
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
pub(crate) fn argument_in(pairs: Pairs, value: c_int) -> c_int {
    pairs.iter().find(|pair| pair.0 == value).map_or(value, |pair| pair.1)
}

/// A value of an enumeration, as a result; one that the standard does not know stays as it is.
pub(crate) fn value_out(pairs: Pairs, native: c_int) -> c_int {
    pairs.iter().find(|pair| pair.1 == native).map_or(native, |pair| pair.0)
}

/// A bit that no mask of any family uses: what stands for bits that the family does not know.
const UNKNOWN_BIT: c_int = 1 << 30;

/// A mask, as an argument.
pub(crate) fn bits_in(pairs: Pairs, mask: c_int) -> c_int {
    let known = pairs.iter().fold(0, |all, pair| all | pair.0);
    let native = pairs.iter().filter(|pair| mask & pair.0 != 0).fold(0, |all, pair| all | pair.1);
    if mask & !known == 0 { native } else { native | UNKNOWN_BIT }
}

/// A mask, as a result.
pub(crate) fn bits_out(pairs: Pairs, native: c_int) -> c_int {
    pairs.iter().filter(|pair| native & pair.1 != 0).fold(0, |all, pair| all | pair.0)
}

/// A choice buffer: `MPI_BOTTOM` is null everywhere, `MPI_IN_PLACE` is not.
#[inline]
pub(crate) fn buffer_in<A: Abi>(buffer: *mut c_void) -> *mut c_void {
    if buffer.addr() != 1 {
        return buffer;
    }
    rare();
    core::ptr::without_provenance_mut(A::IN_PLACE.cast_unsigned())
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

    #[test]
    fn a_slot_is_filled_once() {
        let slot = Slot::empty();
        assert!(slot.get().is_none());
        assert_eq!(slot.fill(7), Ok(&7));
        assert_eq!(slot.fill(8), Err(8));
        assert_eq!(slot.get(), Some(&7));
    }

    #[test]
    fn error_codes_beyond_the_classes_keep_their_identity() {
        let first = CODES.intern(604_597_509).unwrap();
        let second = CODES.intern(739_952_646).unwrap();
        assert!(first > MPI_ERR_LASTCODE && second > MPI_ERR_LASTCODE && first != second);
        assert_eq!(CODES.intern(604_597_509), Some(first));
        assert_eq!(CODES.native(second), Some(739_952_646));
        assert_eq!(CODES.native(MPI_ERR_LASTCODE), None);
    }

    #[test]
    fn the_reverse_table_tells_classes_apart() {
        // MPICH's null request and null message have the same bits.
        let table = Reverse::new(&[(0x180, 0x2c00_0000), (0x128, 0x2c00_0000), (0x101, 0x4400_0000)]);
        assert_eq!(table.find(Class::Request, 0x2c00_0000), Some(0x180));
        assert_eq!(table.find(Class::Message, 0x2c00_0000), Some(0x128));
        assert_eq!(table.find(Class::Comm, 0x2c00_0000), None);
        assert_eq!(table.find(Class::Comm, 0x4400_0000), Some(0x101));
    }
}
