//! Functions that take requests, where some of them may be ours.
//!
//! A call without requests of ours goes straight to the library. In an array of both sorts the library's own are
//! asked about together, ours one by one, and waiting is asking until there is an answer.

use core::ffi::c_int;

use super::fallbacks::EMPTY;
use super::virtual_requests::{any, is_ours, remove, with};
use crate::abi::*;
use crate::family::Abi;
use crate::raise::{Object, raise};
use crate::rare::rarely;
use crate::table::shim;

/// A handle of ours without an operation is an error like any other.
fn known<A: Abi, T>(result: Result<T, c_int>) -> Result<T, c_int> {
    result.map_err(|code| if code == MPI_ERR_REQUEST { raise::<A>(Object::Nothing, code) } else { code })
}

/// Whether this request is ours.
///
/// # Safety
/// Null or the caller's variable.
#[inline]
unsafe fn is_our_own(request: *const MPI_Request) -> bool {
    // SAFETY: as the caller promises.
    !request.is_null() && is_ours(unsafe { *request })
}

/// Whether one of the requests is ours.
///
/// # Safety
/// The array has `count` elements.
#[inline]
unsafe fn some_are_ours(count: c_int, requests: *const MPI_Request) -> bool {
    // SAFETY: as the caller promises.
    any() && !requests.is_null() && (0..count).any(|index| is_ours(unsafe { *requests.add(index as usize) }))
}

/// Writes a status, but for the error field, which only functions with many results set.
///
/// # Safety
/// Null or the caller's variable.
unsafe fn deliver(found: &MPI_Status, error: Option<c_int>, slot: *mut MPI_Status) {
    // SAFETY: as the caller promises.
    if let Some(slot) = unsafe { slot.as_mut() } {
        let is_empty = found.MPI_SOURCE == MPI_ANY_SOURCE;
        let error = error.unwrap_or(if is_empty { MPI_SUCCESS } else { slot.MPI_ERROR });
        *slot = MPI_Status { MPI_ERROR: error, ..*found };
    }
}

/// Asks until something is done, or until the question fails.
fn wait(mut ask: impl FnMut(&mut c_int) -> c_int) -> c_int {
    loop {
        let mut done = 0;
        let code = ask(&mut done);
        if done != 0 || code != MPI_SUCCESS {
            return code;
        }
        std::thread::yield_now();
    }
}

/// A request that has completed: which, how, and with what code.
struct Completed {
    index: usize,
    status: MPI_Status,
    code: c_int,
}

/// Ends one request of ours if it is active and complete. `None` in the result: it is active and goes on.
fn end_one(request: &mut MPI_Request) -> Result<Option<(MPI_Status, c_int)>, c_int> {
    let (found, gone) = with(*request, |operation| {
        if !operation.is_active() {
            return Ok((Some((EMPTY, MPI_SUCCESS)), false));
        }
        let found = if operation.poll()? { Some(operation.finish()) } else { None };
        Ok((found, found.is_some() && !operation.is_persistent()))
    })?;
    if gone {
        remove(request);
    }
    Ok(found)
}

/// `MPI_Request_get_status` of one request of ours.
pub(super) fn look<A: Abi>(request: MPI_Request, flag: &mut c_int, status: &mut MPI_Status) -> c_int {
    let found = with(request, |operation| {
        if !operation.is_active() {
            return Ok(Some(EMPTY));
        }
        if operation.poll()? { operation.status().map(Some) } else { Ok(None) }
    });
    match known::<A, _>(found) {
        Ok(found) => {
            *flag = found.is_some().into();
            if let Some(found) = found {
                // SAFETY: the status is there.
                unsafe { deliver(&found, None, status) };
            }
            MPI_SUCCESS
        }
        Err(code) => code,
    }
}

pub unsafe extern "C" fn MPI_Request_get_status<A: Abi>(
    request: MPI_Request,
    flag: *mut c_int,
    status: *mut MPI_Status,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if !is_ours(request) {
            return shim::MPI_Request_get_status::<A>(request, flag, status);
        }
        rarely(move || {
            let mut ignored = EMPTY;
            look::<A>(request, &mut *flag, status.as_mut().unwrap_or(&mut ignored))
        })
    }
}

pub unsafe extern "C" fn MPI_Test<A: Abi>(
    request: *mut MPI_Request,
    flag: *mut c_int,
    status: *mut MPI_Status,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if !is_our_own(request) {
            return shim::MPI_Test::<A>(request, flag, status);
        }
        rarely(move || match known::<A, _>(end_one(&mut *request)) {
            Ok(None) => {
                *flag = 0;
                MPI_SUCCESS
            }
            Ok(Some((found, code))) => {
                *flag = 1;
                deliver(&found, None, status);
                code
            }
            Err(code) => code,
        })
    }
}

pub unsafe extern "C" fn MPI_Wait<A: Abi>(request: *mut MPI_Request, status: *mut MPI_Status) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if !is_our_own(request) {
            return shim::MPI_Wait::<A>(request, status);
        }
        rarely(move || wait(|flag| MPI_Test::<A>(request, flag, status)))
    }
}

pub unsafe extern "C" fn MPI_Waitall<A: Abi>(
    count: c_int,
    requests: *mut MPI_Request,
    statuses: *mut MPI_Status,
) -> c_int {
    // SAFETY: the caller's arrays.
    unsafe {
        if !some_are_ours(count, requests) {
            return shim::MPI_Waitall::<A>(count, requests, statuses);
        }
        rarely(move || {
            let mut all = Vec::new();
            for index in 0..count as usize {
                let mut status = EMPTY;
                let code = MPI_Wait::<A>(requests.add(index), &mut status);
                all.push(Completed { index, status, code });
            }
            deliver_all(&all, |_, one| one.index, statuses)
        })
    }
}

/// Writes many statuses, with their error fields if one of them failed; the code of the whole.
///
/// # Safety
/// Null or an array that has the place of each.
unsafe fn deliver_all(
    all: &[Completed],
    place: impl Fn(usize, &Completed) -> usize,
    statuses: *mut MPI_Status,
) -> c_int {
    let failed = all.iter().any(|one| one.code != MPI_SUCCESS);
    for (position, one) in all.iter().enumerate() {
        if !statuses.is_null() {
            // SAFETY: as the caller promises.
            unsafe {
                deliver(&one.status, failed.then_some(one.code), statuses.add(place(position, one)));
            }
        }
    }
    if failed { MPI_ERR_IN_STATUS } else { MPI_SUCCESS }
}

pub unsafe extern "C" fn MPI_Testall<A: Abi>(
    count: c_int,
    requests: *mut MPI_Request,
    flag: *mut c_int,
    statuses: *mut MPI_Status,
) -> c_int {
    // SAFETY: the caller's arrays.
    unsafe {
        if !some_are_ours(count, requests) {
            return shim::MPI_Testall::<A>(count, requests, flag, statuses);
        }
        rarely(move || {
            // Nothing may change before all are complete.
            for index in 0..count as usize {
                let code = MPI_Request_get_status::<A>(*requests.add(index), flag, MPI_STATUS_IGNORE);
                if code != MPI_SUCCESS || *flag == 0 {
                    return code;
                }
            }
            MPI_Waitall::<A>(count, requests, statuses)
        })
    }
}

/// Looks once through an array of both sorts. `None`: no request in it is active.
///
/// # Safety
/// The array has `count` elements.
unsafe fn end_some<A: Abi>(
    count: c_int,
    requests: *mut MPI_Request,
    at_most_one: bool,
) -> Result<Option<Vec<Completed>>, c_int> {
    // SAFETY: as the caller promises.
    let requests = unsafe { core::slice::from_raw_parts_mut(requests, usize::try_from(count).unwrap_or(0)) };
    let mut active = false;
    let mut ended = Vec::new();
    for (index, request) in requests.iter_mut().enumerate().filter(|(_, request)| is_ours(**request)) {
        if !with(*request, |operation| Ok(operation.is_active()))? {
            continue;
        }
        active = true;
        if let Some((status, code)) = end_one(request)? {
            ended.push(Completed { index, status, code });
            if at_most_one {
                return Ok(Some(ended));
            }
        }
    }
    let places: Vec<usize> = (0..requests.len()).filter(|&index| !is_ours(requests[index])).collect();
    let mut natives: Vec<MPI_Request> = places.iter().map(|&index| requests[index]).collect();
    let mut done = vec![0; natives.len()];
    let mut statuses = vec![MPI_Status::default(); natives.len()];
    let mut outcome = MPI_UNDEFINED;
    let length = natives.len() as c_int;
    // SAFETY: arrays of ours, all of the same length.
    let code = unsafe {
        if at_most_one {
            let (mut flag, mut index) = (0, MPI_UNDEFINED);
            let mut status = EMPTY;
            let code =
                shim::MPI_Testany::<A>(length, natives.as_mut_ptr(), &mut index, &mut flag, &mut status);
            active |= flag == 0 || index != MPI_UNDEFINED;
            if flag != 0 && index != MPI_UNDEFINED {
                status.MPI_ERROR = code;
                (outcome, done[0], statuses[0]) = (1, index, status);
            }
            if outcome == 1 { MPI_SUCCESS } else { code }
        } else {
            let code = shim::MPI_Testsome::<A>(
                length,
                natives.as_mut_ptr(),
                &mut outcome,
                done.as_mut_ptr(),
                statuses.as_mut_ptr(),
            );
            active |= outcome != MPI_UNDEFINED;
            if code == MPI_ERR_IN_STATUS { MPI_SUCCESS } else { code }
        }
    };
    for (&place, &native) in places.iter().zip(&natives) {
        requests[place] = native;
    }
    if code != MPI_SUCCESS {
        return Err(code);
    }
    for position in 0..usize::try_from(outcome).unwrap_or(0) {
        let status = statuses[position];
        ended.push(Completed { index: places[done[position] as usize], status, code: status.MPI_ERROR });
    }
    ended.sort_by_key(|one| one.index);
    Ok(active.then_some(ended))
}

pub unsafe extern "C" fn MPI_Testany<A: Abi>(
    count: c_int,
    requests: *mut MPI_Request,
    index: *mut c_int,
    flag: *mut c_int,
    status: *mut MPI_Status,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if !some_are_ours(count, requests) {
            return shim::MPI_Testany::<A>(count, requests, index, flag, status);
        }
        rarely(move || {
            (*index, *flag) = (MPI_UNDEFINED, 0);
            match known::<A, _>(end_some::<A>(count, requests, true)) {
                Ok(None) => {
                    *flag = 1;
                    deliver(&EMPTY, None, status);
                    MPI_SUCCESS
                }
                Ok(Some(ended)) => match ended.first() {
                    Some(one) => {
                        (*index, *flag) = (one.index as c_int, 1);
                        deliver(&one.status, None, status);
                        one.code
                    }
                    None => MPI_SUCCESS,
                },
                Err(code) => code,
            }
        })
    }
}

pub unsafe extern "C" fn MPI_Waitany<A: Abi>(
    count: c_int,
    requests: *mut MPI_Request,
    index: *mut c_int,
    status: *mut MPI_Status,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if !some_are_ours(count, requests) {
            return shim::MPI_Waitany::<A>(count, requests, index, status);
        }
        rarely(move || wait(|flag| MPI_Testany::<A>(count, requests, index, flag, status)))
    }
}

pub unsafe extern "C" fn MPI_Testsome<A: Abi>(
    count: c_int,
    requests: *mut MPI_Request,
    out_count: *mut c_int,
    indices: *mut c_int,
    statuses: *mut MPI_Status,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if !some_are_ours(count, requests) {
            return shim::MPI_Testsome::<A>(count, requests, out_count, indices, statuses);
        }
        rarely(move || {
            *out_count = MPI_UNDEFINED;
            match known::<A, _>(end_some::<A>(count, requests, false)) {
                Ok(None) => MPI_SUCCESS,
                Ok(Some(ended)) => {
                    *out_count = ended.len() as c_int;
                    for (position, one) in ended.iter().enumerate() {
                        *indices.add(position) = one.index as c_int;
                    }
                    deliver_all(&ended, |position, _| position, statuses)
                }
                Err(code) => code,
            }
        })
    }
}

pub unsafe extern "C" fn MPI_Waitsome<A: Abi>(
    count: c_int,
    requests: *mut MPI_Request,
    out_count: *mut c_int,
    indices: *mut c_int,
    statuses: *mut MPI_Status,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if !some_are_ours(count, requests) {
            return shim::MPI_Waitsome::<A>(count, requests, out_count, indices, statuses);
        }
        rarely(move || {
            wait(|done| {
                let code = MPI_Testsome::<A>(count, requests, out_count, indices, statuses);
                *done = *out_count;
                code
            })
        })
    }
}

pub unsafe extern "C" fn MPI_Request_free<A: Abi>(request: *mut MPI_Request) -> c_int {
    // SAFETY: the caller's argument.
    unsafe {
        if !is_our_own(request) {
            return shim::MPI_Request_free::<A>(request);
        }
        rarely(move || {
            let code =
                known::<A, _>(with(*request, |operation| Ok(operation.free()))).unwrap_or_else(|code| code);
            remove(&mut *request);
            code
        })
    }
}

pub unsafe extern "C" fn MPI_Cancel<A: Abi>(request: *mut MPI_Request) -> c_int {
    // SAFETY: the caller's argument.
    unsafe {
        if !is_our_own(request) {
            return shim::MPI_Cancel::<A>(request);
        }
        rarely(move || {
            known::<A, _>(with(*request, |operation| Ok(operation.cancel()))).unwrap_or_else(|code| code)
        })
    }
}

pub unsafe extern "C" fn MPI_Start<A: Abi>(request: *mut MPI_Request) -> c_int {
    // SAFETY: the caller's argument.
    unsafe {
        if !is_our_own(request) {
            return shim::MPI_Start::<A>(request);
        }
        rarely(move || {
            known::<A, _>(with(*request, |operation| Ok(operation.start()))).unwrap_or_else(|code| code)
        })
    }
}

pub unsafe extern "C" fn MPI_Startall<A: Abi>(count: c_int, requests: *mut MPI_Request) -> c_int {
    // SAFETY: the caller's array.
    unsafe {
        if !some_are_ours(count, requests) {
            return shim::MPI_Startall::<A>(count, requests);
        }
        rarely(move || {
            let codes = (0..count as usize).map(|index| MPI_Start::<A>(requests.add(index)));
            codes.into_iter().find(|&code| code != MPI_SUCCESS).unwrap_or(MPI_SUCCESS)
        })
    }
}
