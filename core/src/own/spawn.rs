//! `MPI_Comm_spawn`: error codes of the new processes, and arrays that count at the root only.

use core::ffi::{c_char, c_int};

use crate::abi::*;
use crate::array::Buffer as ArrayBuffer;
use crate::family::Abi;
use crate::kinds::{Comm, Info, Kind, Out, Scalar};

/// Translates what the library wrote, on the root, where it counts.
///
/// # Safety
/// `codes` is `MPI_ERRCODES_IGNORE` or has that many elements, and MPI is running.
unsafe fn translate_codes<A: Abi>(codes: *mut c_int, count: usize) {
    if !codes.is_null() {
        for index in 0..count {
            // SAFETY: as the caller promises.
            unsafe { *codes.add(index) = A::bound().code_out(*codes.add(index)) };
        }
    }
}

/// Whether this process is the root of a spawn.
///
/// # Safety
/// MPI is running.
unsafe fn is_root<A: Abi>(comm: A::Handle, root: c_int) -> bool {
    let mut rank = -1;
    // SAFETY: one int.
    let code = A::bound().native.MPI_Comm_rank.map(|ask| unsafe { ask(comm, &mut rank) });
    code == Some(0) && rank == root
}

pub unsafe extern "C" fn MPI_Comm_spawn<A: Abi>(
    command: *const c_char,
    argv: *mut *mut *mut c_char,
    maxprocs: c_int,
    info: MPI_Info,
    root: c_int,
    comm: MPI_Comm,
    intercomm: *mut MPI_Comm,
    codes: *mut c_int,
) -> c_int {
    let Some(native) = A::bound().native.MPI_Comm_spawn else { return MPI_ERR_UNSUPPORTED_OPERATION };
    // SAFETY: the caller's arguments.
    unsafe {
        let parent = Comm::inward::<A>(comm);
        let mut held = <Out<Comm> as Kind>::enter::<A>(intercomm, [0, 0]);
        let argument = <Out<Comm> as Kind>::native::<A>(&mut held, intercomm);
        let code = native(
            command,
            argv,
            maxprocs,
            Info::inward::<A>(info),
            A::rank_in(root),
            parent,
            argument,
            codes,
        );
        let code = A::bound().code_out(code);
        if is_root::<A>(parent, root) && (code == 0 || code == MPI_ERR_SPAWN) {
            translate_codes::<A>(codes, usize::try_from(maxprocs).unwrap_or(0));
        }
        <Out<Comm> as Kind>::leave::<A>(&mut held, intercomm, [0, 0], code);
        code
    }
}

pub unsafe extern "C" fn MPI_Comm_spawn_multiple<A: Abi>(
    count: c_int,
    commands: *mut *mut *mut c_char,
    argvs: *mut *mut *mut c_char,
    maxprocs: *const c_int,
    infos: *const MPI_Info,
    root: c_int,
    comm: MPI_Comm,
    intercomm: *mut MPI_Comm,
    codes: *mut c_int,
) -> c_int {
    let Some(native) = A::bound().native.MPI_Comm_spawn_multiple else {
        return MPI_ERR_UNSUPPORTED_OPERATION;
    };
    // SAFETY: the caller's arguments; the arrays are read at the root only.
    unsafe {
        let parent = Comm::inward::<A>(comm);
        let root_here = is_root::<A>(parent, root);
        let length = if root_here { usize::try_from(count).unwrap_or(0) } else { 0 };
        let mut natives = ArrayBuffer::from_fn(length, |index| Info::inward::<A>(*infos.add(index)));
        let total = (0..length).map(|index| usize::try_from(*maxprocs.add(index)).unwrap_or(0)).sum();
        let mut held = <Out<Comm> as Kind>::enter::<A>(intercomm, [0, 0]);
        let code = native(
            count,
            commands,
            argvs,
            maxprocs,
            natives.as_mut_ptr(),
            A::rank_in(root),
            parent,
            <Out<Comm> as Kind>::native::<A>(&mut held, intercomm),
            codes,
        );
        let code = A::bound().code_out(code);
        if root_here && (code == 0 || code == MPI_ERR_SPAWN) {
            translate_codes::<A>(codes, total);
        }
        <Out<Comm> as Kind>::leave::<A>(&mut held, intercomm, [0, 0], code);
        code
    }
}
