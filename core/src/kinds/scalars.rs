//! Values that cross by themselves.

use core::ffi::{c_char, c_int, c_void};

use super::{Kind, Relations};
use crate::abi::*;
use crate::enumerations::{argument_in, bits_in, bits_out, thread_in, thread_out, value_in, value_out};
use crate::family::{Abi, buffer_in};
use crate::own::{is_early_info, native_info};
use crate::raise::Object;

/// A value that crosses by itself, in either direction; `Out`, `InOut` and the arrays are made of it.
pub trait Scalar {
    /// The value in the standard ABI.
    type Outer: Copy + 'static;
    /// The value in the ABI `A`.
    type Native<A: Abi>: Copy + 'static;
    /// As an argument.
    fn inward<A: Abi>(outer: Self::Outer) -> Self::Native<A>;
    /// As a result; `previous` is what the caller's variable holds, for fields that must survive.
    fn outward<A: Abi>(native: Self::Native<A>, previous: Self::Outer) -> Self::Outer;
}

macro_rules! scalars {
    ($($(#[$doc:meta])* $name:ident: $outer:ty, $native:ty, |$to:ident| $enter:expr, |$from:ident| $leave:expr $(, $object:path)?;)*) => {$(
        $(#[$doc])*
        pub enum $name {}

        impl Scalar for $name {
            type Outer = $outer;
            type Native<A: Abi> = $native;
            #[inline]
            fn inward<A: Abi>($to: $outer) -> $native {
                $enter
            }
            #[inline]
            fn outward<A: Abi>($from: $native, _previous: $outer) -> $outer {
                $leave
            }
        }

        impl Kind for $name {
            type Outer = $outer;
            type Native<A: Abi> = $native;
            type Held<A: Abi> = $native;
            #[inline]
            unsafe fn enter<A: Abi>(outer: $outer, _related: Relations) -> $native {
                Self::inward::<A>(outer)
            }
            #[inline]
            fn native<A: Abi>(held: &mut $native, _outer: $outer) -> $native {
                *held
            }
            $(fn object(outer: $outer) -> Object {
                $object(outer)
            })?
        }
    )*};
}

scalars! {
    /// A communicator.
    Comm: MPI_Comm, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().handle_out(native), Object::Comm;
    /// A datatype.
    Datatype: MPI_Datatype, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().handle_out(native);
    /// A reduction operation.
    Op: MPI_Op, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().handle_out(native);
    /// A request.
    Request: MPI_Request, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().request_out(native);
    /// An error handler.
    Errhandler: MPI_Errhandler, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().handle_out(native);
    /// A group of processes.
    Group: MPI_Group, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().handle_out(native);
    /// A window.
    Win: MPI_Win, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().handle_out(native), Object::Win;
    /// A session.
    Session: MPI_Session, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().handle_out(native);
    /// A matched message.
    Message: MPI_Message, A::Handle, |outer| A::bound().handle_in(outer), |native| A::bound().handle_out(native);
    /// An info object.
    Info: MPI_Info, A::Handle, |outer| A::bound().handle_in(if is_early_info(outer) { native_info::<A>(outer) } else { outer }), |native| A::bound().handle_out(native);
    /// A file.
    File: MPI_File, A::File, |outer| A::file_in(outer), |native| A::file_out(native), Object::File;
    /// A rank, or one of `MPI_ANY_SOURCE`, `MPI_PROC_NULL`, `MPI_ROOT`.
    Rank: c_int, c_int, |outer| A::rank_in(outer), |native| A::rank_out(native);
    /// A tag, or `MPI_ANY_TAG`.
    Tag: c_int, c_int, |outer| A::tag_in(outer), |native| A::tag_out(native);
    /// A thread level.
    Thread: c_int, c_int, |outer| thread_in(outer), |native| thread_out(native);
    /// An error code or class.
    ErrorCode: c_int, c_int, |outer| A::bound().code_in(outer), |native| A::bound().code_out(native);
    /// A keyval.
    Keyval: c_int, c_int, |outer| A::keyval_in(outer), |native| A::keyval_out(native);
    /// An order of array storage.
    Order: c_int, c_int, |outer| value_in(A::ENUMERATIONS.order, outer), |native| value_out(A::ENUMERATIONS.order, native);
    /// A distribution of a darray.
    Distribution: c_int, c_int, |outer| value_in(A::ENUMERATIONS.distribution, outer), |native| value_out(A::ENUMERATIONS.distribution, native);
    /// An argument of a distribution, or `MPI_DISTRIBUTE_DFLT_DARG`.
    DistributionArgument: c_int, c_int, |outer| argument_in(A::ENUMERATIONS.distribution_argument, outer), |native| value_out(A::ENUMERATIONS.distribution_argument, native);
    /// A constructor of datatypes.
    Combiner: c_int, c_int, |outer| value_in(A::ENUMERATIONS.combiner, outer), |native| value_out(A::ENUMERATIONS.combiner, native);
    /// A class of types.
    TypeClass: c_int, c_int, |outer| value_in(A::ENUMERATIONS.type_class, outer), |native| value_out(A::ENUMERATIONS.type_class, native);
    /// The result of a comparison.
    Comparison: c_int, c_int, |outer| value_in(A::ENUMERATIONS.comparison, outer), |native| value_out(A::ENUMERATIONS.comparison, native);
    /// A kind of topology, or `MPI_UNDEFINED`.
    Topology: c_int, c_int, |outer| value_in(A::ENUMERATIONS.topology, outer), |native| value_out(A::ENUMERATIONS.topology, native);
    /// A type of split, or `MPI_UNDEFINED`.
    SplitType: c_int, c_int, |outer| value_in(A::ENUMERATIONS.split_type, outer), |native| value_out(A::ENUMERATIONS.split_type, native);
    /// A lock of a window.
    LockType: c_int, c_int, |outer| value_in(A::ENUMERATIONS.lock_type, outer), |native| value_out(A::ENUMERATIONS.lock_type, native);
    /// Whence of a seek.
    Whence: c_int, c_int, |outer| value_in(A::ENUMERATIONS.whence, outer), |native| value_out(A::ENUMERATIONS.whence, native);
    /// A safety level of tool callbacks.
    ToolCbSafety: c_int, c_int, |outer| value_in(A::ENUMERATIONS.callback_safety, outer), |native| value_out(A::ENUMERATIONS.callback_safety, native);
    /// The order of an event source.
    ToolSourceOrder: c_int, c_int, |outer| value_in(A::ENUMERATIONS.source_order, outer), |native| value_out(A::ENUMERATIONS.source_order, native);
    /// A verbosity level.
    Verbosity: c_int, c_int, |outer| value_in(A::ENUMERATIONS.verbosity, outer), |native| value_out(A::ENUMERATIONS.verbosity, native);
    /// The sort of object that a variable is bound to.
    Bind: c_int, c_int, |outer| value_in(A::ENUMERATIONS.bind, outer), |native| value_out(A::ENUMERATIONS.bind, native);
    /// The scope of a control variable.
    Scope: c_int, c_int, |outer| value_in(A::ENUMERATIONS.scope, outer), |native| value_out(A::ENUMERATIONS.scope, native);
    /// A class of performance variables.
    PvarClass: c_int, c_int, |outer| value_in(A::ENUMERATIONS.pvar_class, outer), |native| value_out(A::ENUMERATIONS.pvar_class, native);
    /// Bits of a file access mode.
    FileMode: c_int, c_int, |outer| bits_in(A::ENUMERATIONS.file_mode, outer), |native| bits_out(A::ENUMERATIONS.file_mode, native);
    /// Bits of a window assertion.
    Assert: c_int, c_int, |outer| bits_in(A::ENUMERATIONS.assertion, outer), |native| bits_out(A::ENUMERATIONS.assertion, native);
    /// A displacement in a file, or `MPI_DISPLACEMENT_CURRENT`.
    Displacement: i64, i64, |outer| if outer == MPI_DISPLACEMENT_CURRENT { A::DISPLACEMENT_CURRENT } else { outer }, |native| native;
    /// The initial address of a choice buffer, or `MPI_BOTTOM`, which is null everywhere.
    Buffer: *mut c_void, *mut c_void, |outer| outer, |native| native;
    /// As [`Buffer`], and MPI only reads it.
    ConstBuffer: *const c_void, *const c_void, |outer| outer, |native| native;
    /// A choice buffer of a collective operation: also `MPI_IN_PLACE`.
    CollectiveBuffer: *mut c_void, *mut c_void, |outer| buffer_in::<A>(outer), |native| native;
    /// As [`CollectiveBuffer`], and MPI only reads it.
    ConstCollectiveBuffer: *const c_void, *const c_void, |outer| buffer_in::<A>(outer.cast_mut()), |native| native;
    /// A buffer for buffered sends, or `MPI_BUFFER_AUTOMATIC`.
    AttachBuffer: *mut c_void, *mut c_void, |outer| if outer == MPI_BUFFER_AUTOMATIC { core::ptr::without_provenance_mut(A::BUFFER_AUTOMATIC.cast_unsigned()) } else { outer }, |native| native;
    /// An address that MPI only looks at.
    Location: *const c_void, *const c_void, |outer| outer, |native| native;
    /// Weights of a graph that MPI reads, `MPI_UNWEIGHTED` or `MPI_WEIGHTS_EMPTY`.
    Weights: *const c_int, *const c_int, |outer| A::bound().weights_in(outer.cast_mut()), |native| native;
    /// Weights of a graph that MPI writes, `MPI_UNWEIGHTED` or `MPI_WEIGHTS_EMPTY`.
    OutWeights: *mut c_int, *mut c_int, |outer| A::bound().weights_in(outer), |native| native;
    /// An `int` that means the same everywhere: a count, a key, a colour, an exit code.
    Int: c_int, c_int, |outer| outer, |native| native;
    /// An `MPI_Count`.
    Count: i64, i64, |outer| outer, |native| native;
    /// An `MPI_Aint`.
    Aint: isize, isize, |outer| outer, |native| native;
    /// An `MPI_Offset`.
    Offset: i64, i64, |outer| outer, |native| native;
    /// An array of such `int`s that MPI reads.
    Ints: *const c_int, *const c_int, |outer| outer, |native| native;
    /// An array of `MPI_Count` that MPI reads.
    Counts: *const i64, *const i64, |outer| outer, |native| native;
    /// An array of `MPI_Aint` that MPI reads.
    Aints: *const isize, *const isize, |outer| outer, |native| native;
    /// An array of three `int`s each: first, last, stride.
    IntTriples: *mut [c_int; 3], *mut [c_int; 3], |outer| outer, |native| native;
    /// One or more `int`s that MPI writes and that mean the same everywhere: a size, a count, a flag.
    OutInt: *mut c_int, *mut c_int, |outer| outer, |native| native;
    /// The caller's own rank, or `MPI_UNDEFINED`, which MPI writes: never a rank with a meaning of its own.
    OutOwnRank: *mut c_int, *mut c_int, |outer| outer, |native| native;
    /// `MPI_Count`s that MPI writes.
    OutCount: *mut i64, *mut i64, |outer| outer, |native| native;
    /// An `MPI_Count` that MPI reads and writes.
    InOutCount: *mut i64, *mut i64, |outer| outer, |native| native;
    /// `MPI_Aint`s that MPI writes.
    OutAint: *mut isize, *mut isize, |outer| outer, |native| native;
    /// `MPI_Offset`s that MPI writes.
    OutOffset: *mut i64, *mut i64, |outer| outer, |native| native;
    /// A string that MPI reads.
    Chars: *const c_char, *const c_char, |outer| outer, |native| native;
    /// A string buffer that MPI writes; the standard ABI's sizes are the largest of all libraries.
    OutChars: *mut c_char, *mut c_char, |outer| outer, |native| native;
    /// `argc` of `main`, or null.
    Argc: *mut c_int, *mut c_int, |outer| outer, |native| native;
    /// `argv` of `main` or of a process to start, or null.
    Argv: *mut *mut *mut c_char, *mut *mut *mut c_char, |outer| outer, |native| native;
    /// An address of the user's that MPI keeps, returns, or writes to as it is.
    Address: *mut c_void, *mut c_void, |outer| outer, |native| native;
    /// A function of the user's; only functions written by hand take one.
    Callback: *const c_void, *const c_void, |outer| outer, |native| native;
    /// A handle of the tool information interface, which is a pointer everywhere.
    Tool: *mut c_void, *mut c_void, |outer| outer, |native| native;
    /// Such a handle that MPI writes.
    OutTool: *mut *mut c_void, *mut *mut c_void, |outer| outer, |native| native;
}

/// A status. As a result it leaves `MPI_ERROR` alone, as MPI-5.0 section 3.2.5 demands of single completions.
pub enum Status {}

impl Scalar for Status {
    type Outer = MPI_Status;
    type Native<A: Abi> = A::Status;
    #[inline]
    fn inward<A: Abi>(outer: MPI_Status) -> A::Status {
        A::status_in(&outer)
    }
    #[inline]
    fn outward<A: Abi>(native: A::Status, mut previous: MPI_Status) -> MPI_Status {
        A::status_out(&native, &mut previous);
        // No message comes from ANY_SOURCE: this is the empty status, all of whose fields are set (section 3.7.3).
        if previous.MPI_SOURCE == MPI_ANY_SOURCE {
            previous.MPI_ERROR = MPI_SUCCESS;
        }
        previous
    }
}
