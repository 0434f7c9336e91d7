//! What one ABI family is: its native types, its constants, and the tables that translate its handles and codes.
//!
//! A family is a zero-sized type that implements [`Abi`]. Everything that differs between families and is known
//! before a library is loaded is a constant of the trait; the rest (addresses of predefined handles, the native
//! functions) is a [`Bound`], made once when the library is opened and then only read.

use core::ffi::{c_int, c_void};
use std::sync::OnceLock;

use crate::abi::{
    Class, ERROR_CLASSES, Handle, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_ERR_OTHER, MPI_ERR_UNKNOWN, MPI_File,
    MPI_KEYVAL_INVALID, MPI_PROC_NULL, MPI_REQUEST_NULL, MPI_ROOT, MPI_Request, MPI_Status, MPI_TAG_UB,
    MPI_UNWEIGHTED, MPI_WEIGHTS_EMPTY, PREDEFINED_END,
};
use crate::enumerations::{Enumerations, argument_in, predefined_keyvals};
use crate::error_codes::CODES;
use crate::rare::rare;
use crate::reverse::Reverse;
use crate::slot::Slot;
use crate::table::{FnTable, NativeTable};

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
    /// The keyval under which datatypes have their recipes, once there is one.
    pub(crate) recipe_keyval: OnceLock<c_int>,
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
            recipe_keyval: OnceLock::new(),
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
        if bits == A::null_request() { MPI_REQUEST_NULL } else { MPI_Request(bits) }
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

/// A choice buffer that may be `MPI_IN_PLACE`, which has another address in each family.
#[inline]
pub(crate) fn buffer_in<A: Abi>(buffer: *mut c_void) -> *mut c_void {
    if buffer.addr() != 1 {
        return buffer;
    }
    rare();
    core::ptr::without_provenance_mut(A::IN_PLACE.cast_unsigned())
}
