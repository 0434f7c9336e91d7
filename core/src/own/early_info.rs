//! Info objects of ours, for a library that aborts when asked for one while it is not up (Open MPI 4).
//!
//! Whatever the program makes is a handle of ours for all its life, since it may outlive the library. A function of the
//! library that takes it gets a native copy.

use core::ffi::{CStr, c_char, c_int};
use std::collections::HashMap;
use std::ffi::CString;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::session_errors::complain;
use super::startup::is_running;
use super::virtual_requests::OURS;
use crate::abi::*;
use crate::family::Abi;
use crate::table::shim;

/// An info object of ours.
#[derive(Default)]
struct Object {
    entries: Vec<(CString, CString)>,
    /// The native copy, until an entry changes.
    native: Option<MPI_Info>,
}

static OBJECTS: LazyLock<Mutex<HashMap<usize, Object>>> = LazyLock::new(Mutex::default);

fn objects() -> MutexGuard<'static, HashMap<usize, Object>> {
    OBJECTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an info object is one of ours.
#[inline]
pub(crate) fn is_ours(info: MPI_Info) -> bool {
    info.0 & OURS != 0
}

fn insert(object: Object) -> MPI_Info {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let bits = OURS | NEXT.fetch_add(1, Ordering::Relaxed);
    objects().insert(bits, object);
    MPI_Info(bits)
}

/// A new object with these entries.
pub(super) fn with_entries(entries: Vec<(CString, CString)>) -> MPI_Info {
    insert(Object { entries, native: None })
}

/// Does something with an object of ours.
fn with<A: Abi>(info: MPI_Info, act: impl FnOnce(&mut Object) -> Result<(), c_int>) -> c_int {
    let result = objects().get_mut(&info.0).ok_or(MPI_ERR_INFO).and_then(act);
    match result {
        Ok(()) => MPI_SUCCESS,
        Err(code) => complain::<A>(code),
    }
}

/// The entries of an object of the library's.
///
/// # Safety
/// MPI is running.
unsafe fn entries_of<A: Abi>(info: MPI_Info) -> Result<Vec<(CString, CString)>, c_int> {
    let checked = |code| if code == MPI_SUCCESS { Ok(()) } else { Err(code) };
    let mut number = 0;
    let mut key = [0; MPI_MAX_INFO_KEY];
    let mut value = [0; MPI_MAX_INFO_VAL];
    // SAFETY: variables of ours; the library's keys and values are no longer than the standard's.
    unsafe {
        checked(shim::MPI_Info_get_nkeys::<A>(info, &mut number))?;
        let mut entries = Vec::new();
        for n in 0..number {
            let mut flag = 0;
            let room = value.len() as c_int - 1;
            checked(shim::MPI_Info_get_nthkey::<A>(info, n, key.as_mut_ptr()))?;
            checked(shim::MPI_Info_get::<A>(info, key.as_ptr(), room, value.as_mut_ptr(), &mut flag))?;
            if flag != 0 {
                let text = |text: &[c_char]| CStr::from_ptr(text.as_ptr()).to_owned();
                entries.push((text(&key), text(&value)));
            }
        }
        Ok(entries)
    }
}

/// The library's own object for one of ours; other handles are returned as they are.
#[cold]
pub(crate) fn native_of<A: Abi>(info: MPI_Info) -> MPI_Info {
    let mut all = objects();
    let Some(object) = all.get_mut(&info.0).filter(|_| is_running::<A>()) else { return MPI_INFO_NULL };
    if let Some(native) = object.native {
        return native;
    }
    let mut native = MPI_INFO_NULL;
    // SAFETY: MPI is running; C strings.
    unsafe {
        if shim::MPI_Info_create::<A>(&mut native) != MPI_SUCCESS {
            return MPI_INFO_NULL;
        }
        for (key, value) in &object.entries {
            shim::MPI_Info_set::<A>(native, key.as_ptr(), value.as_ptr());
        }
    }
    object.native = Some(native);
    native
}

/// Frees the native copy of an object.
fn forget<A: Abi>(object: &mut Object) {
    if let Some(mut native) = object.native.take()
        && is_running::<A>()
    {
        // SAFETY: made by `native_of`; libraries keep copies of what they need.
        unsafe { shim::MPI_Info_free::<A>(&mut native) };
    }
}

/// A key or value of the caller's that is no longer than MPI allows.
///
/// # Safety
/// Null or a C string.
unsafe fn text<'a>(string: *const c_char, limit: usize, wrong: c_int) -> Result<&'a CStr, c_int> {
    if string.is_null() {
        return Err(wrong);
    }
    // SAFETY: as the caller promises.
    let text = unsafe { CStr::from_ptr(string) };
    if text.is_empty() || text.count_bytes() >= limit { Err(wrong) } else { Ok(text) }
}

/// A key of the caller's.
///
/// # Safety
/// As for [`text`].
unsafe fn key_of<'a>(key: *const c_char) -> Result<&'a CStr, c_int> {
    // SAFETY: as the caller promises.
    unsafe { text(key, MPI_MAX_INFO_KEY, MPI_ERR_INFO_KEY) }
}

/// Writes as much of a text as fits before a NUL.
///
/// # Safety
/// The buffer holds `room` characters and one more.
unsafe fn write(text: &CStr, room: usize, buffer: *mut c_char) {
    let fits = text.count_bytes().min(room);
    // SAFETY: as the caller promises.
    unsafe {
        buffer.copy_from_nonoverlapping(text.as_ptr(), fits);
        *buffer.add(fits) = 0;
    }
}

impl Object {
    fn get(&self, key: &CStr) -> Option<&CString> {
        self.entries.iter().find(|entry| *entry.0 == *key).map(|entry| &entry.1)
    }
}

pub unsafe extern "C" fn MPI_Info_create<A: Abi>(info: *mut MPI_Info) -> c_int {
    if A::bound().native.MPI_Info_create.is_none() {
        return complain::<A>(MPI_ERR_UNSUPPORTED_OPERATION);
    }
    // SAFETY: the caller's variable.
    unsafe { *info = with_entries(Vec::new()) };
    MPI_SUCCESS
}

pub unsafe extern "C" fn MPI_Info_free<A: Abi>(info: *mut MPI_Info) -> c_int {
    // SAFETY: the caller's variable.
    unsafe {
        if !is_ours(*info) {
            return shim::MPI_Info_free::<A>(info);
        }
        let removed = objects().remove(&(*info).0);
        let Some(mut object) = removed else { return complain::<A>(MPI_ERR_INFO) };
        forget::<A>(&mut object);
        *info = MPI_INFO_NULL;
    }
    MPI_SUCCESS
}

pub unsafe extern "C" fn MPI_Info_dup<A: Abi>(info: MPI_Info, made: *mut MPI_Info) -> c_int {
    let mut copy = Vec::new();
    let code = if is_ours(info) {
        with::<A>(info, |object| {
            copy.clone_from(&object.entries);
            Ok(())
        })
    } else {
        // SAFETY: an object of the library's is there while MPI is running.
        match unsafe { entries_of::<A>(info) } {
            Ok(entries) => {
                copy = entries;
                MPI_SUCCESS
            }
            Err(code) => code,
        }
    };
    if code == MPI_SUCCESS {
        // SAFETY: the caller's variable.
        unsafe { *made = with_entries(copy) };
    }
    code
}

pub unsafe extern "C" fn MPI_Info_set<A: Abi>(
    info: MPI_Info,
    key: *const c_char,
    value: *const c_char,
) -> c_int {
    if !is_ours(info) {
        // SAFETY: the caller's arguments.
        return unsafe { shim::MPI_Info_set::<A>(info, key, value) };
    }
    with::<A>(info, |object| {
        // SAFETY: the caller's strings.
        let (key, value) = unsafe {
            (key_of(key)?.to_owned(), text(value, MPI_MAX_INFO_VAL, MPI_ERR_INFO_VALUE)?.to_owned())
        };
        forget::<A>(object);
        match object.entries.iter_mut().find(|entry| entry.0 == key) {
            Some(entry) => entry.1 = value,
            None => object.entries.push((key, value)),
        }
        Ok(())
    })
}

pub unsafe extern "C" fn MPI_Info_delete<A: Abi>(info: MPI_Info, key: *const c_char) -> c_int {
    if !is_ours(info) {
        // SAFETY: the caller's arguments.
        return unsafe { shim::MPI_Info_delete::<A>(info, key) };
    }
    with::<A>(info, |object| {
        // SAFETY: the caller's string.
        let key = unsafe { key_of(key)? };
        let place = object.entries.iter().position(|entry| *entry.0 == *key).ok_or(MPI_ERR_INFO_NOKEY)?;
        forget::<A>(object);
        object.entries.remove(place);
        Ok(())
    })
}

pub unsafe extern "C" fn MPI_Info_get<A: Abi>(
    info: MPI_Info,
    key: *const c_char,
    room: c_int,
    value: *mut c_char,
    flag: *mut c_int,
) -> c_int {
    if !is_ours(info) {
        // SAFETY: the caller's arguments.
        return unsafe { shim::MPI_Info_get::<A>(info, key, room, value, flag) };
    }
    with::<A>(info, |object| {
        // SAFETY: the caller's string and variables; the buffer holds `room` characters and a NUL.
        unsafe {
            let found = object.get(key_of(key)?);
            *flag = found.is_some().into();
            if let Some(found) = found {
                write(found, usize::try_from(room).unwrap_or(0), value);
            }
        }
        Ok(())
    })
}

pub unsafe extern "C" fn MPI_Info_get_valuelen<A: Abi>(
    info: MPI_Info,
    key: *const c_char,
    length: *mut c_int,
    flag: *mut c_int,
) -> c_int {
    if !is_ours(info) {
        // SAFETY: the caller's arguments.
        return unsafe { shim::MPI_Info_get_valuelen::<A>(info, key, length, flag) };
    }
    with::<A>(info, |object| {
        // SAFETY: the caller's string and variables.
        unsafe {
            let found = object.get(key_of(key)?);
            *flag = found.is_some().into();
            if let Some(found) = found {
                *length = found.count_bytes() as c_int;
            }
        }
        Ok(())
    })
}

/// `MPI_Info_get_string` of an object of ours: the length counts the NUL, and without room only it is told.
///
/// # Safety
/// The caller's string and variables.
pub(super) unsafe fn get_string<A: Abi>(
    info: MPI_Info,
    key: *const c_char,
    room: *mut c_int,
    value: *mut c_char,
    flag: *mut c_int,
) -> c_int {
    with::<A>(info, |object| {
        // SAFETY: as the caller promises.
        unsafe {
            let found = object.get(key_of(key)?);
            *flag = found.is_some().into();
            if let Some(found) = found {
                if let Some(room) = usize::try_from(*room).ok().filter(|&room| room > 0) {
                    write(found, room - 1, value);
                }
                *room = found.count_bytes() as c_int + 1;
            }
        }
        Ok(())
    })
}

pub unsafe extern "C" fn MPI_Info_get_nkeys<A: Abi>(info: MPI_Info, number: *mut c_int) -> c_int {
    if !is_ours(info) {
        // SAFETY: the caller's arguments.
        return unsafe { shim::MPI_Info_get_nkeys::<A>(info, number) };
    }
    with::<A>(info, |object| {
        // SAFETY: the caller's variable.
        unsafe { *number = object.entries.len() as c_int };
        Ok(())
    })
}

pub unsafe extern "C" fn MPI_Info_get_nthkey<A: Abi>(info: MPI_Info, n: c_int, key: *mut c_char) -> c_int {
    if !is_ours(info) {
        // SAFETY: the caller's arguments.
        return unsafe { shim::MPI_Info_get_nthkey::<A>(info, n, key) };
    }
    with::<A>(info, |object| {
        let entry = usize::try_from(n).ok().and_then(|n| object.entries.get(n)).ok_or(MPI_ERR_ARG)?;
        // SAFETY: the caller's buffer holds `MPI_MAX_INFO_KEY` characters.
        unsafe { write(&entry.0, MPI_MAX_INFO_KEY - 1, key) };
        Ok(())
    })
}
