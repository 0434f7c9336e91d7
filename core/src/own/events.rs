//! Events of the tool information interface: callbacks, and arrays of datatypes.

use core::ffi::{c_char, c_int, c_void};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::tool::{bound, unwanted};
use crate::abi::*;
use crate::array::Buffer as ArrayBuffer;
use crate::family::Abi;
use crate::kinds::{Bind, Datatype, Info, Kind, Out, Scalar, ToolCbSafety, Verbosity};

type EventCallback = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int, *mut c_void);
type FreeCallback = unsafe extern "C" fn(*mut c_void, c_int, *mut c_void);
type DroppedCallback = unsafe extern "C" fn(MPI_Count, *mut c_void, c_int, c_int, *mut c_void);

/// A user's callback with the user's data; kept for the life of the process, as events may still be under way.
struct Callback<F> {
    function: F,
    user_data: *mut c_void,
}

/// The user's handler of dropped events, for each registration.
static DROPPED: LazyLock<Mutex<HashMap<usize, DroppedCallback>>> = LazyLock::new(Mutex::default);

unsafe extern "C" fn event<A: Abi>(
    instance: *mut c_void,
    registration: *mut c_void,
    safety: c_int,
    data: *mut c_void,
) {
    // SAFETY: `data` is what `MPI_T_event_register_callback` gave the library.
    unsafe {
        let callback = &*data.cast::<Callback<EventCallback>>();
        (callback.function)(
            instance,
            registration,
            ToolCbSafety::outward::<A>(safety, 0),
            callback.user_data,
        );
    }
}

unsafe extern "C" fn freed<A: Abi>(registration: *mut c_void, safety: c_int, data: *mut c_void) {
    // SAFETY: `data` is what `MPI_T_event_handle_free` gave the library.
    unsafe {
        let callback = &*data.cast::<Callback<FreeCallback>>();
        (callback.function)(registration, ToolCbSafety::outward::<A>(safety, 0), callback.user_data);
    }
}

unsafe extern "C" fn dropped<A: Abi>(
    count: MPI_Count,
    registration: *mut c_void,
    source: c_int,
    safety: c_int,
    data: *mut c_void,
) {
    let known = DROPPED.lock().unwrap_or_else(PoisonError::into_inner);
    let function = known.get(&registration.expose_provenance()).copied();
    drop(known);
    if let Some(function) = function {
        // SAFETY: the user's function; `data` is that of the registered callback, if there is one.
        unsafe {
            let user = data.cast::<Callback<EventCallback>>().as_ref();
            let user = user.map_or(core::ptr::null_mut(), |callback| callback.user_data);
            function(count, registration, source, ToolCbSafety::outward::<A>(safety, 0), user);
        }
    }
}

pub unsafe extern "C" fn MPI_T_event_register_callback<A: Abi>(
    registration: *mut c_void,
    safety: c_int,
    info: MPI_Info,
    user_data: *mut c_void,
    function: *const c_void,
) -> c_int {
    let Some(native) = A::bound().native.MPI_T_event_register_callback else {
        return MPI_T_ERR_NOT_SUPPORTED;
    };
    let (safety, info) = (ToolCbSafety::inward::<A>(safety), Info::inward::<A>(info));
    // SAFETY: the caller's arguments; the function has the signature of an event callback.
    unsafe {
        let code = match core::mem::transmute::<*const c_void, Option<EventCallback>>(function) {
            Some(function) => {
                let data = Box::leak(Box::new(Callback { function, user_data }));
                let data: *mut c_void = core::ptr::from_mut(data).cast();
                native(registration, safety, info, data, event::<A> as *const c_void)
            }
            None => native(registration, safety, info, user_data, function),
        };
        A::bound().code_out(code)
    }
}

pub unsafe extern "C" fn MPI_T_event_handle_free<A: Abi>(
    registration: *mut c_void,
    user_data: *mut c_void,
    function: *const c_void,
) -> c_int {
    let Some(native) = A::bound().native.MPI_T_event_handle_free else { return MPI_T_ERR_NOT_SUPPORTED };
    DROPPED.lock().unwrap_or_else(PoisonError::into_inner).remove(&registration.expose_provenance());
    // SAFETY: the caller's arguments; the function has the signature of a free callback.
    unsafe {
        let code = match core::mem::transmute::<*const c_void, Option<FreeCallback>>(function) {
            Some(function) => {
                let data = Box::leak(Box::new(Callback { function, user_data }));
                native(registration, core::ptr::from_mut(data).cast(), freed::<A> as *const c_void)
            }
            None => native(registration, user_data, function),
        };
        A::bound().code_out(code)
    }
}

pub unsafe extern "C" fn MPI_T_event_set_dropped_handler<A: Abi>(
    registration: *mut c_void,
    function: *const c_void,
) -> c_int {
    let Some(native) = A::bound().native.MPI_T_event_set_dropped_handler else {
        return MPI_T_ERR_NOT_SUPPORTED;
    };
    // SAFETY: the function has the signature of a handler of dropped events.
    let function = unsafe { core::mem::transmute::<*const c_void, Option<DroppedCallback>>(function) };
    let mut known = DROPPED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = registration.expose_provenance();
    let handler = match function {
        Some(function) => {
            known.insert(key, function);
            dropped::<A> as *const c_void
        }
        None => {
            known.remove(&key);
            core::ptr::null()
        }
    };
    drop(known);
    // SAFETY: the caller's registration, and a handler of ours.
    A::bound().code_out(unsafe { native(registration, handler) })
}

pub unsafe extern "C" fn MPI_T_event_get_info<A: Abi>(
    index: c_int,
    name: *mut c_char,
    name_length: *mut c_int,
    verbosity: *mut c_int,
    datatypes: *mut MPI_Datatype,
    displacements: *mut MPI_Aint,
    elements: *mut c_int,
    enumeration: *mut *mut c_void,
    info: *mut MPI_Info,
    description: *mut c_char,
    description_length: *mut c_int,
    bind: *mut c_int,
) -> c_int {
    let Some(native) = A::bound().native.MPI_T_event_get_info else { return MPI_T_ERR_INVALID_INDEX };
    // SAFETY: the caller's arguments; the array of datatypes has as many elements as the caller says.
    unsafe {
        let room = if datatypes.is_null() || elements.is_null() {
            0
        } else {
            usize::try_from(*elements).unwrap_or(0)
        };
        let mut natives = ArrayBuffer::from_fn(room, |_| Datatype::inward::<A>(MPI_DATATYPE_NULL));
        let mut held_verbosity = <Out<Verbosity> as Kind>::enter::<A>(verbosity, [0, 0]);
        let mut held_info = <Out<Info> as Kind>::enter::<A>(info, [0, 0]);
        let mut held_bind = <Out<Bind> as Kind>::enter::<A>(bind, [0, 0]);
        let code = native(
            index,
            name,
            name_length,
            <Out<Verbosity> as Kind>::native::<A>(&mut held_verbosity, verbosity),
            if datatypes.is_null() { core::ptr::null_mut() } else { natives.as_mut_ptr() },
            displacements,
            elements,
            enumeration,
            <Out<Info> as Kind>::native::<A>(&mut held_info, info),
            description,
            description_length,
            <Out<Bind> as Kind>::native::<A>(&mut held_bind, bind),
        );
        let code = A::bound().code_out(code);
        <Out<Verbosity> as Kind>::leave::<A>(&mut held_verbosity, verbosity, [0, 0], code);
        <Out<Info> as Kind>::leave::<A>(&mut held_info, info, [0, 0], code);
        <Out<Bind> as Kind>::leave::<A>(&mut held_bind, bind, [0, 0], code);
        if code == 0 {
            for (at, &native) in natives.as_slice().iter().enumerate() {
                *datatypes.add(at) = Datatype::outward::<A>(native, MPI_DATATYPE_NULL);
            }
        }
        code
    }
}

pub unsafe extern "C" fn MPI_T_event_handle_alloc<A: Abi>(
    index: c_int,
    bound_to: *mut c_void,
    info: MPI_Info,
    registration: *mut *mut c_void,
) -> c_int {
    let native = &A::bound().native;
    let (Some(allocate), Some(ask)) = (native.MPI_T_event_handle_alloc, native.MPI_T_event_get_info) else {
        return MPI_T_ERR_INVALID_INDEX;
    };
    // SAFETY: what is not wanted may be null; the rest are the caller's arguments.
    unsafe {
        bound::<A>(
            bound_to,
            |bind| {
                ask(
                    index,
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    unwanted(),
                    bind,
                )
            },
            |object| allocate(index, object, Info::inward::<A>(info), registration),
        )
    }
}
