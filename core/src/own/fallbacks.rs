//! Functions that newer libraries have and that older ones can be given out of what they have.

use core::ffi::{CStr, c_char, c_int};
use std::ffi::CString;

use super::{completion, early_info, startup, virtual_requests};
use crate::abi::*;
use crate::array::Buffer as ArrayBuffer;
use crate::family::Abi;
use crate::kinds::*;
use crate::raise::{Object, raise};

pub unsafe extern "C" fn MPI_Error_class<A: Abi>(code: c_int, class: *mut c_int) -> c_int {
    // The standard's classes are their own class, also those that a library does not know.
    if (0..ERROR_CLASSES as c_int).contains(&code)
        || (MPI_T_ERR_CANNOT_INIT..=MPI_T_ERR_PVAR_NO_ATOMIC).contains(&code)
    {
        // SAFETY: the caller's variable.
        unsafe { *class = code };
        return MPI_SUCCESS;
    }
    let native = &A::bound().native;
    // A library without sessions may not be asked before it is up; and no code is known then but the classes.
    if startup::knows_no_sessions(native) && !startup::is_running::<A>() {
        return MPI_ERR_ARG;
    }
    let Some(native) = native.MPI_Error_class else { return MPI_ERR_UNSUPPORTED_OPERATION };
    let mut found = 0;
    // SAFETY: one int of ours, and the caller's.
    unsafe {
        let answer = A::bound().code_out(native(A::bound().code_in(code), &mut found));
        if answer == 0 {
            *class = A::bound().code_out(found);
        }
        answer
    }
}

/// Value types, index types and the predefined pairs of them.
const PAIRS: [(MPI_Datatype, MPI_Datatype, MPI_Datatype); 9] = [
    (MPI_FLOAT, MPI_INT, MPI_FLOAT_INT),
    (MPI_DOUBLE, MPI_INT, MPI_DOUBLE_INT),
    (MPI_LONG, MPI_INT, MPI_LONG_INT),
    (MPI_INT, MPI_INT, MPI_2INT),
    (MPI_SHORT, MPI_INT, MPI_SHORT_INT),
    (MPI_LONG_DOUBLE, MPI_INT, MPI_LONG_DOUBLE_INT),
    (MPI_REAL, MPI_REAL, MPI_2REAL),
    (MPI_DOUBLE_PRECISION, MPI_DOUBLE_PRECISION, MPI_2DOUBLE_PRECISION),
    (MPI_INTEGER, MPI_INTEGER, MPI_2INTEGER),
];

pub unsafe extern "C" fn MPI_Type_get_value_index<A: Abi>(
    value: MPI_Datatype,
    index: MPI_Datatype,
    pair: *mut MPI_Datatype,
) -> c_int {
    if value == MPI_DATATYPE_NULL || index == MPI_DATATYPE_NULL {
        return raise::<A>(Object::Nothing, MPI_ERR_TYPE);
    }
    // SAFETY: the caller's variable.
    unsafe {
        if let Some(native) = A::bound().native.MPI_Type_get_value_index {
            let mut held = <Out<Datatype> as Kind>::enter::<A>(pair, [0, 0]);
            let argument = <Out<Datatype> as Kind>::native::<A>(&mut held, pair);
            let code = native(Datatype::inward::<A>(value), Datatype::inward::<A>(index), argument);
            let code = A::bound().code_out(code);
            <Out<Datatype> as Kind>::leave::<A>(&mut held, pair, [0, 0], code);
            return code;
        }
        let known = PAIRS.iter().find(|known| known.0 == value && known.1 == index);
        *pair = known.map_or(MPI_DATATYPE_NULL, |known| known.2);
    }
    MPI_SUCCESS
}

pub unsafe extern "C" fn MPI_Get_hw_resource_info<A: Abi>(info: *mut MPI_Info) -> c_int {
    // SAFETY: the caller's variable.
    unsafe {
        // A library that knows of no resources says so with an empty object (MPI-5.0, section 9.1.2).
        let Some(make) = A::bound().native.MPI_Get_hw_resource_info else {
            return (A::bound().table().MPI_Info_create)(info);
        };
        let mut held = <Out<Info> as Kind>::enter::<A>(info, [0, 0]);
        let code = A::bound().code_out(make(<Out<Info> as Kind>::native::<A>(&mut held, info)));
        <Out<Info> as Kind>::leave::<A>(&mut held, info, [0, 0], code);
        code
    }
}

/// Asks for the status of one request.
///
/// # Safety
/// A live or null request.
unsafe fn status_of<A: Abi>(request: MPI_Request, flag: &mut c_int, status: &mut MPI_Status) -> c_int {
    if virtual_requests::is_ours(request) {
        return completion::look::<A>(request, flag, status);
    }
    let Some(native) = A::bound().native.MPI_Request_get_status else { return MPI_ERR_UNSUPPORTED_OPERATION };
    let mut found = A::status_in(status);
    // SAFETY: as the caller promises.
    let code = unsafe { native(Request::inward::<A>(request), flag, &mut found) };
    if code == 0 && *flag != 0 {
        *status = Status::outward::<A>(found, *status);
    }
    A::bound().code_out(code)
}

/// Whether a request can complete at all.
///
/// # Safety
/// `requests` has `count` elements.
unsafe fn requests_of<'a>(requests: *const MPI_Request, count: c_int) -> &'a [MPI_Request] {
    let count = usize::try_from(count).unwrap_or(0);
    if count == 0 || requests.is_null() {
        &[]
    } else {
        // SAFETY: as the caller promises.
        unsafe { core::slice::from_raw_parts(requests, count) }
    }
}

/// The empty status of MPI-5.0, section 3.7.3.
pub(super) const EMPTY: MPI_Status = MPI_Status {
    MPI_SOURCE: MPI_ANY_SOURCE,
    MPI_TAG: MPI_ANY_TAG,
    MPI_ERROR: MPI_SUCCESS,
    MPI_internal: [0; 5],
};

pub unsafe extern "C" fn MPI_Request_get_status_all<A: Abi>(
    count: c_int,
    requests: *const MPI_Request,
    flag: *mut c_int,
    statuses: *mut MPI_Status,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if let Some(native) = A::bound().native.MPI_Request_get_status_all {
            type Requests = InArray<Request>;
            type Statuses = OutArrayIf<Status>;
            let related = [Related::related(count), Related::related(flag)];
            let mut held = <Requests as Kind>::enter::<A>(requests, related);
            let mut held_statuses = <Statuses as Kind>::enter::<A>(statuses, related);
            let code = native(
                count,
                <Requests as Kind>::native::<A>(&mut held, requests),
                flag,
                <Statuses as Kind>::native::<A>(&mut held_statuses, statuses),
            );
            let code = A::bound().code_out(code);
            <Statuses as Kind>::leave::<A>(&mut held_statuses, statuses, related, code);
            return code;
        }
        let requests = requests_of(requests, count);
        let mut found = ArrayBuffer::from_fn(requests.len(), |_| EMPTY);
        *flag = 0;
        for (index, &request) in requests.iter().enumerate() {
            let mut done = 0;
            let code = status_of::<A>(request, &mut done, &mut *found.as_mut_ptr().add(index));
            if code != 0 || done == 0 {
                return code;
            }
        }
        *flag = 1;
        if !statuses.is_null() {
            statuses.copy_from_nonoverlapping(found.as_mut_ptr(), requests.len());
        }
        MPI_SUCCESS
    }
}

pub unsafe extern "C" fn MPI_Request_get_status_any<A: Abi>(
    count: c_int,
    requests: *const MPI_Request,
    index: *mut c_int,
    flag: *mut c_int,
    status: *mut MPI_Status,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if let Some(native) = A::bound().native.MPI_Request_get_status_any {
            type Requests = InArray<Request>;
            type One = OutIf<Status>;
            let (length, related) = ([Related::related(count), 0], [Related::related(flag), 0]);
            let mut held = <Requests as Kind>::enter::<A>(requests, length);
            let mut held_status = <One as Kind>::enter::<A>(status, related);
            let code = native(
                count,
                <Requests as Kind>::native::<A>(&mut held, requests),
                index,
                flag,
                <One as Kind>::native::<A>(&mut held_status, status),
            );
            let code = A::bound().code_out(code);
            <One as Kind>::leave::<A>(&mut held_status, status, related, code);
            return code;
        }
        let (mut active, mut found) = (false, EMPTY);
        (*index, *flag) = (MPI_UNDEFINED, 0);
        for (position, &request) in requests_of(requests, count).iter().enumerate() {
            if request == MPI_REQUEST_NULL {
                continue;
            }
            active = true;
            let code = status_of::<A>(request, &mut *flag, &mut found);
            if code != 0 {
                return code;
            }
            if *flag != 0 {
                *index = position as c_int;
                break;
            }
        }
        if !active {
            *flag = 1;
        }
        if *flag != 0 && !status.is_null() {
            *status = found;
        }
        MPI_SUCCESS
    }
}

pub unsafe extern "C" fn MPI_Request_get_status_some<A: Abi>(
    count: c_int,
    requests: *const MPI_Request,
    out_count: *mut c_int,
    indices: *mut c_int,
    statuses: *mut MPI_Status,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        if let Some(native) = A::bound().native.MPI_Request_get_status_some {
            type Requests = InArray<Request>;
            type Some_ = OutSome<Status>;
            let related = [Related::related(count), Related::related(out_count)];
            let mut held = <Requests as Kind>::enter::<A>(requests, related);
            let mut held_statuses = <Some_ as Kind>::enter::<A>(statuses, related);
            let code = native(
                count,
                <Requests as Kind>::native::<A>(&mut held, requests),
                out_count,
                indices,
                <Some_ as Kind>::native::<A>(&mut held_statuses, statuses),
            );
            let code = A::bound().code_out(code);
            <Some_ as Kind>::leave::<A>(&mut held_statuses, statuses, related, code);
            return code;
        }
        let (mut active, mut done) = (false, 0);
        for (position, &request) in requests_of(requests, count).iter().enumerate() {
            if request == MPI_REQUEST_NULL {
                continue;
            }
            active = true;
            let (mut flag, mut found) = (0, EMPTY);
            let code = status_of::<A>(request, &mut flag, &mut found);
            if code != 0 {
                return code;
            }
            if flag != 0 {
                *indices.add(done) = position as c_int;
                if !statuses.is_null() {
                    *statuses.add(done) = found;
                }
                done += 1;
            }
        }
        *out_count = if active { done as c_int } else { MPI_UNDEFINED };
        MPI_SUCCESS
    }
}

/// Numbers of what a library without events has none of.
macro_rules! none_of_them {
    ($($function:ident($($parameter:ident),*);)*) => {$(
        pub unsafe extern "C" fn $function<A: Abi>($($parameter: c_int,)* number: *mut c_int) -> c_int {
            match A::bound().native.$function {
                // SAFETY: the caller's arguments.
                Some(native) => A::bound().code_out(unsafe { native($($parameter,)* number) }),
                None => {
                    // SAFETY: the caller's variable.
                    unsafe { *number = 0 };
                    MPI_SUCCESS
                }
            }
        }
    )*};
}

none_of_them! {
    MPI_T_event_get_num();
    MPI_T_source_get_num();
    MPI_T_category_get_num_events(category);
}

/// `MPI_Info_get_string` out of `MPI_Info_get`, which truncates without saying so.
pub unsafe extern "C" fn MPI_Info_get_string<A: Abi>(
    info: MPI_Info,
    key: *const c_char,
    room: *mut c_int,
    value: *mut c_char,
    flag: *mut c_int,
) -> c_int {
    let native = &A::bound().native;
    if early_info::is_ours(info) {
        // SAFETY: the caller's arguments.
        return unsafe { early_info::get_string::<A>(info, key, room, value, flag) };
    }
    let info = Info::inward::<A>(info);
    // SAFETY: the caller's arguments.
    unsafe {
        if let Some(get) = native.MPI_Info_get_string {
            return A::bound().code_out(get(info, key, room, value, flag));
        }
        let (Some(measure), Some(get)) = (native.MPI_Info_get_valuelen, native.MPI_Info_get) else {
            return MPI_ERR_UNSUPPORTED_OPERATION;
        };
        let mut length = 0;
        let code = measure(info, key, &mut length, flag);
        if code != 0 || *flag == 0 {
            return A::bound().code_out(code);
        }
        let asked = *room;
        // The length that is told counts the NUL at the end.
        *room = length + 1;
        if asked <= 0 {
            return MPI_SUCCESS;
        }
        A::bound().code_out(get(info, key, asked - 1, value, flag))
    }
}

/// What is known of the process before the library is up: its command, as the first argument gives it.
///
/// # Safety
/// The caller's `argc` and `argv`, as `main` has them.
unsafe fn early_environment(argc: c_int, argv: *const *const c_char) -> Vec<(CString, CString)> {
    // SAFETY: as the caller promises.
    let command = unsafe {
        if argc < 1 || argv.is_null() || (*argv).is_null() {
            return Vec::new();
        }
        CStr::from_ptr(*argv).to_owned()
    };
    vec![(c"command".to_owned(), command)]
}

pub unsafe extern "C" fn MPI_Info_create_env<A: Abi>(
    argc: c_int,
    argv: *mut *mut *mut c_char,
    info: *mut MPI_Info,
) -> c_int {
    let native = &A::bound().native;
    // SAFETY: the caller's variables.
    unsafe {
        if native.MPI_Info_create_env.is_none() && !startup::is_running::<A>() {
            *info = early_info::with_entries(early_environment(argc, argv.cast_const().cast()));
            return MPI_SUCCESS;
        }
        let Some(create) = native.MPI_Info_create_env else {
            return (A::bound().table().MPI_Info_dup)(MPI_INFO_ENV, info);
        };
        let mut held = <Out<Info> as Kind>::enter::<A>(info, [0, 0]);
        let code = create(argc, argv, <Out<Info> as Kind>::native::<A>(&mut held, info));
        let code = A::bound().code_out(code);
        <Out<Info> as Kind>::leave::<A>(&mut held, info, [0, 0], code);
        code
    }
}

/// Without `MPI_Comm_idup_with_info` the new communicator gets no hints, which a library may ignore in any case.
pub unsafe extern "C" fn MPI_Comm_idup_with_info<A: Abi>(
    comm: MPI_Comm,
    info: MPI_Info,
    made: *mut MPI_Comm,
    request: *mut MPI_Request,
) -> c_int {
    let native = &A::bound().native;
    let comm = Comm::inward::<A>(comm);
    // SAFETY: the caller's variables.
    unsafe {
        let mut held = <Late<Comm> as Kind>::enter::<A>(made, [0, 0]);
        let made_argument = <Late<Comm> as Kind>::native::<A>(&mut held, made);
        let request_argument = <NewRequest as Kind>::native::<A>(&mut (), request);
        let code = match (native.MPI_Comm_idup_with_info, native.MPI_Comm_idup) {
            (Some(with_info), _) => with_info(comm, Info::inward::<A>(info), made_argument, request_argument),
            (None, Some(plain)) => plain(comm, made_argument, request_argument),
            (None, None) => return MPI_ERR_UNSUPPORTED_OPERATION,
        };
        let code = A::bound().code_out(code);
        <Late<Comm> as Kind>::leave::<A>(&mut held, made, [0, 0], code);
        <NewRequest as Kind>::leave::<A>(&mut (), request, [0, 0], code);
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_the_first_argument() {
        let argv = [c"program".as_ptr(), c"argument".as_ptr(), core::ptr::null()];
        // SAFETY: as many arguments.
        let told = unsafe { early_environment(2, argv.as_ptr()) };
        assert_eq!(told, [(c"command".to_owned(), c"program".to_owned())]);
        // SAFETY: nothing is read.
        assert_eq!(unsafe { early_environment(0, core::ptr::null()) }, []);
    }
}
