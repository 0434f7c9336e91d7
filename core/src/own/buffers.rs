//! Buffers of communicators and sessions, flushing and automatic buffering (MPI-4.1), on libraries that know only the
//! one buffer of the process.
//!
//! There the process's buffer stands in: it belongs to one owner at a time. Flushing is what detaching does, followed
//! by attaching the same buffer again.

use core::ffi::{c_int, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::abi::*;
use crate::family::Abi;
use crate::kinds::{AttachBuffer, Comm, Datatype, Kind, NewRequest, OutBuffer, Rank, Scalar, Session, Tag};
use crate::raise::{Object, raise};

/// Room for messages that nobody set a limit to; untouched pages cost nothing.
const AUTOMATIC_SIZE: usize = 256 << 20;

/// Whose the process's buffer is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Process,
    Comm(usize),
    Session(usize),
}

impl Owner {
    /// What errors happen on.
    fn object(self) -> Object {
        match self {
            Self::Comm(bits) => Object::Comm(MPI_Comm(bits)),
            Self::Process | Self::Session(_) => Object::Nothing,
        }
    }
}

/// The buffer that is attached on somebody's behalf.
struct Attached {
    owner: Owner,
    /// How large the user says that it is; a library without large counts uses no more than an int counts.
    size: MPI_Count,
    /// Memory of ours, where the user asked for automatic buffering.
    automatic: Option<Box<[core::mem::MaybeUninit<u8>]>>,
}

static ATTACHED: Mutex<Option<Attached>> = Mutex::new(None);

fn attached() -> MutexGuard<'static, Option<Attached>> {
    ATTACHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// # Safety
/// The caller's buffer, as for `MPI_Buffer_attach`.
unsafe fn attach<A: Abi>(owner: Owner, buffer: *mut c_void, size: MPI_Count) -> c_int {
    let Some(native) = A::bound().native.MPI_Buffer_attach else { return MPI_ERR_UNSUPPORTED_OPERATION };
    let mut known = attached();
    if known.is_some() {
        drop(known);
        return raise::<A>(owner.object(), MPI_ERR_BUFFER);
    }
    let mut automatic = (buffer == MPI_BUFFER_AUTOMATIC).then(|| Box::new_uninit_slice(AUTOMATIC_SIZE));
    let (start, room) = match &mut automatic {
        Some(memory) => (memory.as_mut_ptr().cast(), AUTOMATIC_SIZE as c_int),
        None => (buffer, c_int::try_from(size).unwrap_or(c_int::MAX)),
    };
    // SAFETY: the caller's buffer, or ours.
    let code = A::bound().code_out(unsafe { native(start, room) });
    if code == 0 {
        *known = Some(Attached { owner, size, automatic });
    }
    code
}

/// # Safety
/// The caller's variables.
unsafe fn detach<A: Abi>(owner: Owner, buffer: *mut c_void, size: *mut MPI_Count) -> c_int {
    let Some(native) = A::bound().native.MPI_Buffer_detach else { return MPI_ERR_UNSUPPORTED_OPERATION };
    let mut known = attached();
    if known.as_ref().is_none_or(|attached| attached.owner != owner) {
        drop(known);
        return raise::<A>(owner.object(), MPI_ERR_BUFFER);
    }
    let (mut start, mut length): (*mut c_void, c_int) = (core::ptr::null_mut(), 0);
    // SAFETY: variables of ours, then the caller's.
    unsafe {
        let code = A::bound().code_out(native((&raw mut start).cast(), &mut length));
        if code == 0 {
            let (start, length) = match known.take() {
                Some(Attached { automatic: Some(_), .. }) => (MPI_BUFFER_AUTOMATIC, 0),
                Some(attached) => (start, attached.size),
                None => (start, length.into()),
            };
            *buffer.cast::<*mut c_void>() = start;
            *size = length;
        }
        code
    }
}

/// Waits until all buffered messages have left.
///
/// # Safety
/// MPI is running.
unsafe fn flush<A: Abi>() -> c_int {
    let native = &A::bound().native;
    let (Some(detach), Some(attach)) = (native.MPI_Buffer_detach, native.MPI_Buffer_attach) else {
        return MPI_ERR_UNSUPPORTED_OPERATION;
    };
    let known = attached();
    if known.is_none() {
        return MPI_SUCCESS;
    }
    let (mut start, mut length): (*mut c_void, c_int) = (core::ptr::null_mut(), 0);
    // SAFETY: the buffer is given back as it was.
    unsafe {
        let mut code = detach((&raw mut start).cast(), &mut length);
        if code == 0 {
            code = attach(start, length);
        }
        A::bound().code_out(code)
    }
}

/// Flushes, and gives a request that has completed: a send to nobody.
///
/// # Safety
/// The caller's variable.
unsafe fn iflush<A: Abi>(request: *mut MPI_Request) -> c_int {
    let Some(isend) = A::bound().native.MPI_Isend else { return MPI_ERR_UNSUPPORTED_OPERATION };
    // SAFETY: no message has no address.
    unsafe {
        let code = flush::<A>();
        if code != 0 {
            return code;
        }
        let code = isend(
            core::ptr::null(),
            0,
            Datatype::inward::<A>(MPI_BYTE),
            Rank::inward::<A>(MPI_PROC_NULL),
            Tag::inward::<A>(0),
            Comm::inward::<A>(MPI_COMM_SELF),
            <NewRequest as Kind>::native::<A>(&mut (), request),
        );
        let code = A::bound().code_out(code);
        <NewRequest as Kind>::leave::<A>(&mut (), request, [0, 0], code);
        code
    }
}

macro_rules! attachers {
    ($($attach:ident $detach:ident $size:ty, |$owner:ident $kind:ident $handle:ident| $($of:ident)::+;)*) => {$(
        pub unsafe extern "C" fn $attach<A: Abi>($owner: $handle, buffer: *mut c_void, size: $size) -> c_int {
            // SAFETY: the caller's arguments.
            unsafe {
                match A::bound().native.$attach {
                    Some(native) => {
                        let buffer = AttachBuffer::inward::<A>(buffer);
                        A::bound().code_out(native($kind::inward::<A>($owner), buffer, size))
                    }
                    None => attach::<A>($($of)::+($owner.0), buffer, MPI_Count::from(size)),
                }
            }
        }

        pub unsafe extern "C" fn $detach<A: Abi>($owner: $handle, buffer: *mut c_void, size: *mut $size) -> c_int {
            // SAFETY: the caller's arguments.
            unsafe {
                match A::bound().native.$detach {
                    Some(native) => {
                        let code = A::bound().code_out(native($kind::inward::<A>($owner), buffer, size));
                        OutBuffer::leave::<A>(&mut (), buffer, [0, 0], code);
                        code
                    }
                    None => {
                        let mut found = 0;
                        let code = detach::<A>($($of)::+($owner.0), buffer, &mut found);
                        if code == 0 {
                            *size = <$size>::try_from(found).unwrap_or(0);
                        }
                        code
                    }
                }
            }
        }
    )*};
}

attachers! {
    MPI_Comm_attach_buffer MPI_Comm_detach_buffer c_int, |comm Comm MPI_Comm| Owner::Comm;
    MPI_Comm_attach_buffer_c MPI_Comm_detach_buffer_c MPI_Count, |comm Comm MPI_Comm| Owner::Comm;
    MPI_Session_attach_buffer MPI_Session_detach_buffer c_int, |session Session MPI_Session| Owner::Session;
    MPI_Session_attach_buffer_c MPI_Session_detach_buffer_c MPI_Count, |session Session MPI_Session| Owner::Session;
}

macro_rules! process_buffer {
    ($($attach:ident $detach:ident $size:ty;)*) => {$(
        pub unsafe extern "C" fn $attach<A: Abi>(buffer: *mut c_void, size: $size) -> c_int {
            // SAFETY: the caller's arguments. A library that can flush knows automatic buffering as well.
            unsafe {
                match A::bound().native.$attach {
                    Some(native) if A::bound().native.MPI_Buffer_flush.is_some() => {
                        A::bound().code_out(native(AttachBuffer::inward::<A>(buffer), size))
                    }
                    _ => attach::<A>(Owner::Process, buffer, MPI_Count::from(size)),
                }
            }
        }

        pub unsafe extern "C" fn $detach<A: Abi>(buffer: *mut c_void, size: *mut $size) -> c_int {
            // SAFETY: the caller's arguments.
            unsafe {
                match A::bound().native.$detach {
                    Some(native) if A::bound().native.MPI_Buffer_flush.is_some() => {
                        let code = A::bound().code_out(native(buffer, size));
                        OutBuffer::leave::<A>(&mut (), buffer, [0, 0], code);
                        code
                    }
                    _ => {
                        let mut found = 0;
                        let code = detach::<A>(Owner::Process, buffer, &mut found);
                        if code == 0 {
                            *size = <$size>::try_from(found).unwrap_or(0);
                        }
                        code
                    }
                }
            }
        }
    )*};
}

process_buffer! {
    MPI_Buffer_attach MPI_Buffer_detach c_int;
    MPI_Buffer_attach_c MPI_Buffer_detach_c MPI_Count;
}

macro_rules! flushers {
    ($($flush:ident $iflush:ident ($($owner:ident $kind:ident $handle:ident)?);)*) => {$(
        pub unsafe extern "C" fn $flush<A: Abi>($($owner: $handle)?) -> c_int {
            // SAFETY: the caller's arguments.
            unsafe {
                match A::bound().native.$flush {
                    Some(native) => A::bound().code_out(native($($kind::inward::<A>($owner))?)),
                    None => flush::<A>(),
                }
            }
        }

        pub unsafe extern "C" fn $iflush<A: Abi>($($owner: $handle,)? request: *mut MPI_Request) -> c_int {
            // SAFETY: the caller's arguments.
            unsafe {
                let Some(native) = A::bound().native.$iflush else { return iflush::<A>(request) };
                let argument = <NewRequest as Kind>::native::<A>(&mut (), request);
                let code = A::bound().code_out(native($($kind::inward::<A>($owner),)? argument));
                <NewRequest as Kind>::leave::<A>(&mut (), request, [0, 0], code);
                code
            }
        }
    )*};
}

flushers! {
    MPI_Buffer_flush MPI_Buffer_iflush ();
    MPI_Comm_flush_buffer MPI_Comm_iflush_buffer (comm Comm MPI_Comm);
    MPI_Session_flush_buffer MPI_Session_iflush_buffer (session Session MPI_Session);
}
