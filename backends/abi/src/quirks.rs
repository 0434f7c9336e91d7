//! Where released libraries depart from the standard ABI, keyed on vendor and version.
//!
//! Intel MPI 2021.18 follows a draft of the standard: two error handlers have each other's handle, and the constants
//! for whence and for three attributes are rotated. A later release that nobody has seen yet is asked which numbers it
//! has, by the one attribute that every communicator has.

use core::ffi::{c_char, c_int, c_void};
use core::sync::atomic::{AtomicU8, Ordering};

use anympi_core::abi::*;
use anympi_core::{FnTable, Image, LibraryInfo, Slot, Vendor};

/// The table with what the library gets wrong put right.
pub fn mend(image: &Image, mut table: FnTable) -> FnTable {
    if image.vendor != Vendor::Intel {
        return table;
    }
    let _ = ORIGINAL.fill(table.clone());
    let release = LibraryInfo::of("abi", image.clone(), &table).release;
    if matches!(release, Some((2021, ..=18, _))) {
        NUMBERS.store(DRAFT, Ordering::Relaxed);
        // Its predefined handles have the numbers of its own ABI.
        anympi_core::answer_integers(&mut table);
        mend_datatypes(&mut table);
        crate::subarrays::mend(&mut table);
    }
    mend_error_handlers(&mut table);
    mend_constants(&mut table);
    table.MPI_Win_get_attr = win_get_attr;
    table
}

/// Over a network it says that a dynamic window has -1 bytes.
unsafe extern "C" fn win_get_attr(
    win: MPI_Win,
    keyval: c_int,
    value: *mut c_void,
    flag: *mut c_int,
) -> c_int {
    static NO_BYTES: MPI_Aint = 0;
    // SAFETY: the caller's arguments; the value of this attribute is the address of an `MPI_Aint`.
    unsafe {
        let code = (original().MPI_Win_get_attr)(win, keyval, value, flag);
        let given = value.cast::<*const MPI_Aint>();
        if code == 0
            && keyval == MPI_WIN_SIZE
            && *flag != 0
            && (*given).as_ref().is_some_and(|size| *size < 0)
        {
            *given = &raw const NO_BYTES;
        }
        code
    }
}

/// The table before it was mended.
static ORIGINAL: Slot<FnTable> = Slot::empty();

pub fn original() -> &'static FnTable {
    // SAFETY: the functions below are reached only through a table that was mended after the slot was filled.
    unsafe { ORIGINAL.get_unchecked() }
}

/// Which numbers the library has: one of the following.
static NUMBERS: AtomicU8 = AtomicU8::new(NOT_ASKED);
const NOT_ASKED: u8 = 0;
const STANDARD: u8 = 1;
const DRAFT: u8 = 2;

/// Whether the library has the numbers of the draft.
fn is_draft() -> bool {
    match NUMBERS.load(Ordering::Relaxed) {
        NOT_ASKED => ask(),
        known => known == DRAFT,
    }
}

#[cold]
fn ask() -> bool {
    let (mut up, mut down): (c_int, c_int) = (0, 0);
    let (mut value, mut flag): (*const c_int, c_int) = (core::ptr::null(), 0);
    // SAFETY: the first two are legal always, the third while MPI is running; all write what they are given.
    unsafe {
        (original().MPI_Initialized)(&mut up);
        (original().MPI_Finalized)(&mut down);
        if up == 0 || down != 0 {
            return false;
        }
        let place = (&raw mut value).cast::<c_void>();
        let code = (original().MPI_Comm_get_attr)(MPI_COMM_SELF, MPI_LASTUSEDCODE, place, &mut flag);
        let found = (code == 0 && flag != 0 && !value.is_null()).then(|| *value);
        let draft = has_draft_numbers(found);
        NUMBERS.store(if draft { DRAFT } else { STANDARD }, Ordering::Relaxed);
        draft
    }
}

/// What the value under the standard's number of `MPI_LASTUSEDCODE` tells: that attribute is always there and is no
/// smaller than `MPI_ERR_LASTCODE`; the draft has `MPI_APPNUM` in its place, a small number where there is one.
fn has_draft_numbers(last_used_code: Option<c_int>) -> bool {
    last_used_code.is_none_or(|value| value < MPI_ERR_LASTCODE)
}

/// An error handler in the library's numbers; its own inverse.
fn swapped(errhandler: MPI_Errhandler) -> MPI_Errhandler {
    match errhandler {
        MPI_ERRORS_ABORT if is_draft() => MPI_ERRORS_RETURN,
        MPI_ERRORS_RETURN if is_draft() => MPI_ERRORS_ABORT,
        other => other,
    }
}

/// Whence of a seek in the library's numbers.
fn whence_of(whence: c_int) -> c_int {
    match whence {
        MPI_SEEK_CUR if is_draft() => 402,
        MPI_SEEK_END if is_draft() => 403,
        MPI_SEEK_SET if is_draft() => 401,
        other => other,
    }
}

/// A predefined attribute in the library's numbers.
fn keyval_of(keyval: c_int) -> c_int {
    match keyval {
        MPI_APPNUM if is_draft() => 506,
        MPI_LASTUSEDCODE if is_draft() => 507,
        MPI_UNIVERSE_SIZE if is_draft() => 505,
        other => other,
    }
}

/// Functions whose every argument is handed on, some of them in the library's numbers.
macro_rules! renumbered {
    ($mend:ident: $($name:ident($($parameter:ident: $type:ty $(=> $number:ident)?),*);)*) => {
        fn $mend(table: &mut FnTable) {
            $(
                #[expect(non_snake_case, reason = "MPI's own names")]
                unsafe extern "C" fn $name($($parameter: $type),*) -> c_int {
                    // SAFETY: the caller's arguments, in the library's numbers.
                    unsafe { (original().$name)($(renumbered!(@ $parameter $($number)?)),*) }
                }
                table.$name = $name;
            )*
        }
    };
    (@ $parameter:ident) => { $parameter };
    (@ $parameter:ident $number:ident) => { $number($parameter) };
}

renumbered! { mend_constants:
    MPI_File_seek(file: MPI_File, offset: i64, whence: c_int => whence_of);
    MPI_File_seek_shared(file: MPI_File, offset: i64, whence: c_int => whence_of);
    MPI_Comm_get_attr(comm: MPI_Comm, keyval: c_int => keyval_of, value: *mut c_void, flag: *mut c_int);
    MPI_Attr_get(comm: MPI_Comm, keyval: c_int => keyval_of, value: *mut c_void, flag: *mut c_int);
}

renumbered! { mend_error_handler_arguments:
    MPI_Comm_set_errhandler(comm: MPI_Comm, errhandler: MPI_Errhandler => swapped);
    MPI_File_set_errhandler(file: MPI_File, errhandler: MPI_Errhandler => swapped);
    MPI_Session_set_errhandler(session: MPI_Session, errhandler: MPI_Errhandler => swapped);
    MPI_Win_set_errhandler(win: MPI_Win, errhandler: MPI_Errhandler => swapped);
    MPI_Session_init(info: MPI_Info, errhandler: MPI_Errhandler => swapped, session: *mut MPI_Session);
    MPI_Comm_create_from_group(
        group: MPI_Group, tag: *const c_char, info: MPI_Info, errhandler: MPI_Errhandler => swapped,
        comm: *mut MPI_Comm
    );
    MPI_Intercomm_create_from_groups(
        local: MPI_Group, local_leader: c_int, remote: MPI_Group, remote_leader: c_int, tag: *const c_char,
        info: MPI_Info, errhandler: MPI_Errhandler => swapped, comm: *mut MPI_Comm
    );
}

macro_rules! error_handler_results {
    ($($name:ident $handle:ident;)*) => {
        fn mend_error_handlers(table: &mut FnTable) {
            mend_error_handler_arguments(table);
            $(
                #[expect(non_snake_case, reason = "MPI's own names")]
                unsafe extern "C" fn $name(object: $handle, errhandler: *mut MPI_Errhandler) -> c_int {
                    // SAFETY: the caller's arguments; the library has written the result where it succeeded.
                    unsafe {
                        let code = (original().$name)(object, errhandler);
                        if code == 0 && !errhandler.is_null() {
                            *errhandler = swapped(*errhandler);
                        }
                        code
                    }
                }
                table.$name = $name;
            )*
        }
    };
}

error_handler_results! {
    MPI_Comm_get_errhandler MPI_Comm;
    MPI_File_get_errhandler MPI_File;
    MPI_Session_get_errhandler MPI_Session;
    MPI_Win_get_errhandler MPI_Win;
}

/// Optional datatypes of which Intel MPI 2021.18 says that they are no datatypes; the first is another one there.
const LACKING: [MPI_Datatype; 5] = [MPI_LOGICAL1, MPI_REAL2, MPI_COMPLEX4, MPI_LOGICAL16, MPI_INTEGER16];

macro_rules! sizes {
    ($($name:ident $size:ty;)*) => {
        fn mend_datatypes(table: &mut FnTable) {
            $(
                #[expect(non_snake_case, reason = "MPI's own names")]
                unsafe extern "C" fn $name(datatype: MPI_Datatype, size: *mut $size) -> c_int {
                    // SAFETY: the caller's arguments.
                    unsafe {
                        if LACKING.contains(&datatype) {
                            *size = MPI_UNDEFINED.into();
                            return MPI_SUCCESS;
                        }
                        (original().$name)(datatype, size)
                    }
                }
                table.$name = $name;
            )*
            table.MPI_Type_get_name = type_get_name;
            table.MPI_Abi_get_fortran_info = abi_get_fortran_info;
        }
    };
}

sizes! {
    MPI_Type_size c_int;
    MPI_Type_size_c MPI_Count;
    MPI_Type_size_x MPI_Count;
}

unsafe extern "C" fn type_get_name(datatype: MPI_Datatype, name: *mut c_char, length: *mut c_int) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if LACKING.contains(&datatype) {
            anympi_core::tell_name(datatype, name, length)
        } else {
            (original().MPI_Type_get_name)(datatype, name, length)
        }
    }
}

/// It says that it has MPI_LOGICAL1, which is another datatype there.
unsafe extern "C" fn abi_get_fortran_info(info: *mut MPI_Info) -> c_int {
    // SAFETY: the caller's variable, and C strings.
    unsafe {
        let code = (original().MPI_Abi_get_fortran_info)(info);
        if code != 0 || info.is_null() || *info == MPI_INFO_NULL {
            return code;
        }
        (original().MPI_Info_set)(*info, c"mpi_logical1_supported".as_ptr(), c"false".as_ptr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draft_is_told_by_the_attribute_that_is_always_there() {
        assert!(has_draft_numbers(None), "MPI_APPNUM is not set without a launcher");
        assert!(has_draft_numbers(Some(0)), "MPI_APPNUM under a launcher");
        assert!(!has_draft_numbers(Some(MPI_ERR_LASTCODE)), "MPI_LASTUSEDCODE");
    }

    #[test]
    fn only_what_the_draft_moved_is_renumbered() {
        NUMBERS.store(DRAFT, Ordering::Relaxed);
        assert_eq!(swapped(MPI_ERRORS_ABORT), MPI_ERRORS_RETURN);
        assert_eq!(swapped(MPI_ERRORS_RETURN), MPI_ERRORS_ABORT);
        assert_eq!(swapped(MPI_ERRORS_ARE_FATAL), MPI_ERRORS_ARE_FATAL);
        assert_eq!([MPI_SEEK_CUR, MPI_SEEK_END, MPI_SEEK_SET, 400].map(whence_of), [402, 403, 401, 400]);
        assert_eq!([MPI_APPNUM, MPI_LASTUSEDCODE, MPI_UNIVERSE_SIZE].map(keyval_of), [506, 507, 505]);
        assert_eq!(keyval_of(MPI_TAG_UB), MPI_TAG_UB);
        NUMBERS.store(STANDARD, Ordering::Relaxed);
        assert_eq!(swapped(MPI_ERRORS_ABORT), MPI_ERRORS_ABORT);
        assert_eq!(whence_of(MPI_SEEK_SET), MPI_SEEK_SET);
        assert_eq!(keyval_of(MPI_APPNUM), MPI_APPNUM);
    }
}
