//! `MPI_Isendrecv` and `MPI_Isendrecv_replace` on libraries that lack them: a send and a receive behind one request.

use core::ffi::{c_int, c_void};
use core::marker::PhantomData;

use super::outbox;
use super::virtual_requests::{Operation, insert};
use crate::abi::*;
use crate::family::Abi;

/// A send and a receive under way.
struct SendReceive<A> {
    send: MPI_Request,
    receive: MPI_Request,
    /// What is sent, where the user's buffer receives instead.
    packed: Vec<u8>,
    source: c_int,
    abi: PhantomData<fn() -> A>,
}

impl<A> SendReceive<A> {
    /// The status of the receive. Nobody's message has a source and a tag of its own (MPI-5.0, section 3.10), which
    /// MPICH 4.0 forgets.
    fn told(&self, mut status: MPI_Status) -> MPI_Status {
        if self.source == MPI_PROC_NULL {
            (status.MPI_SOURCE, status.MPI_TAG) = (MPI_PROC_NULL, MPI_ANY_TAG);
        }
        status
    }
}

impl<A: Abi> Operation for SendReceive<A> {
    fn poll(&mut self) -> Result<bool, c_int> {
        Ok(is_done::<A>(self.receive)? && is_done::<A>(self.send)?)
    }

    fn status(&mut self) -> Result<MPI_Status, c_int> {
        let (mut flag, mut status) = (0, MPI_Status::default());
        // SAFETY: a request of ours.
        let code =
            unsafe { (A::bound().table().MPI_Request_get_status)(self.receive, &mut flag, &mut status) };
        if code == 0 || flag != 0 { Ok(self.told(status)) } else { Err(code) }
    }

    fn finish(&mut self) -> (MPI_Status, c_int) {
        let table = A::bound().table();
        let mut status = MPI_Status::default();
        // SAFETY: requests of ours, both complete.
        unsafe {
            let received = (table.MPI_Wait)(&mut self.receive, &mut status);
            let sent = (table.MPI_Wait)(&mut self.send, MPI_STATUS_IGNORE);
            (self.told(status), if received == MPI_SUCCESS { sent } else { received })
        }
    }

    fn cancel(&mut self) -> c_int {
        // SAFETY: a request of ours. A send that has left cannot be called back.
        unsafe { (A::bound().table().MPI_Cancel)(&mut self.receive) }
    }

    fn free(&mut self) -> c_int {
        outbox::keep::<A>(self.send, core::mem::take(&mut self.packed));
        // SAFETY: a request of ours.
        unsafe { (A::bound().table().MPI_Request_free)(&mut self.receive) }
    }
}

/// Whether a request is complete; it stays as it is. Some libraries tell the error of a complete one here already.
pub(super) fn is_done<A: Abi>(request: MPI_Request) -> Result<bool, c_int> {
    let mut flag = 0;
    // SAFETY: a request of ours, complete or not.
    let code = unsafe { (A::bound().table().MPI_Request_get_status)(request, &mut flag, MPI_STATUS_IGNORE) };
    if code == 0 || flag != 0 { Ok(flag != 0) } else { Err(code) }
}

/// A request for both, or the code of the one that could not be begun.
///
/// # Safety
/// `start_send` begins a send that may use `packed`; the other arguments are those of `MPI_Irecv_c`.
unsafe fn begin<A: Abi>(
    packed: Vec<u8>,
    source: c_int,
    start_receive: impl FnOnce(&mut MPI_Request) -> c_int,
    start_send: impl FnOnce(&Vec<u8>, &mut MPI_Request) -> c_int,
    request: *mut MPI_Request,
) -> c_int {
    let (mut receive, mut send) = (MPI_REQUEST_NULL, MPI_REQUEST_NULL);
    let code = start_receive(&mut receive);
    if code != 0 {
        return code;
    }
    let code = start_send(&packed, &mut send);
    let table = A::bound().table();
    // SAFETY: a receive that nobody sends to can be cancelled; the caller's variable.
    unsafe {
        if code != 0 {
            (table.MPI_Cancel)(&mut receive);
            (table.MPI_Wait)(&mut receive, MPI_STATUS_IGNORE);
            return code;
        }
        *request = insert(Box::new(SendReceive::<A> { send, receive, packed, source, abi: PhantomData }));
    }
    MPI_SUCCESS
}

pub unsafe extern "C" fn MPI_Isendrecv_c<A: Abi>(
    send_buffer: *const c_void,
    send_count: MPI_Count,
    send_type: MPI_Datatype,
    destination: c_int,
    send_tag: c_int,
    receive_buffer: *mut c_void,
    receive_count: MPI_Count,
    receive_type: MPI_Datatype,
    source: c_int,
    receive_tag: c_int,
    comm: MPI_Comm,
    request: *mut MPI_Request,
) -> c_int {
    let table = A::bound().table();
    // SAFETY: the caller's arguments.
    unsafe {
        begin::<A>(
            Vec::new(),
            source,
            |receive| {
                let (count, datatype) = (receive_count, receive_type);
                (table.MPI_Irecv_c)(receive_buffer, count, datatype, source, receive_tag, comm, receive)
            },
            |_, send| {
                (table.MPI_Isend_c)(send_buffer, send_count, send_type, destination, send_tag, comm, send)
            },
            request,
        )
    }
}

pub unsafe extern "C" fn MPI_Isendrecv<A: Abi>(
    send_buffer: *const c_void,
    send_count: c_int,
    send_type: MPI_Datatype,
    destination: c_int,
    send_tag: c_int,
    receive_buffer: *mut c_void,
    receive_count: c_int,
    receive_type: MPI_Datatype,
    source: c_int,
    receive_tag: c_int,
    comm: MPI_Comm,
    request: *mut MPI_Request,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        MPI_Isendrecv_c::<A>(
            send_buffer,
            send_count.into(),
            send_type,
            destination,
            send_tag,
            receive_buffer,
            receive_count.into(),
            receive_type,
            source,
            receive_tag,
            comm,
            request,
        )
    }
}

/// Elements as packed bytes, which a receiver of any type with that signature can take.
///
/// # Errors
/// The code of what failed.
///
/// # Safety
/// The buffer, count and datatype of a send.
pub(super) unsafe fn pack<A: Abi>(
    buffer: *const c_void,
    count: MPI_Count,
    datatype: MPI_Datatype,
    comm: MPI_Comm,
) -> Result<Vec<u8>, c_int> {
    let table = A::bound().table();
    let checked = |code: c_int| if code == 0 { Ok(()) } else { Err(code) };
    let (mut size, mut position) = (0, 0);
    // SAFETY: as the caller promises; the memory is as large as MPI asks for.
    unsafe {
        checked((table.MPI_Pack_size_c)(count, datatype, comm, &mut size))?;
        let mut packed = vec![0; usize::try_from(size).unwrap_or(0)];
        let start = packed.as_mut_ptr().cast();
        checked((table.MPI_Pack_c)(buffer, count, datatype, start, size, &mut position, comm))?;
        packed.truncate(usize::try_from(position).unwrap_or(0));
        Ok(packed)
    }
}

pub unsafe extern "C" fn MPI_Isendrecv_replace_c<A: Abi>(
    buffer: *mut c_void,
    count: MPI_Count,
    datatype: MPI_Datatype,
    destination: c_int,
    send_tag: c_int,
    source: c_int,
    receive_tag: c_int,
    comm: MPI_Comm,
    request: *mut MPI_Request,
) -> c_int {
    let table = A::bound().table();
    // SAFETY: the caller's arguments; what was packed lives as long as the request.
    unsafe {
        let packed = match destination {
            MPI_PROC_NULL => Vec::new(),
            _ => match pack::<A>(buffer, count, datatype, comm) {
                Ok(packed) => packed,
                Err(code) => return code,
            },
        };
        begin::<A>(
            packed,
            source,
            |receive| (table.MPI_Irecv_c)(buffer, count, datatype, source, receive_tag, comm, receive),
            |packed, send| {
                let (start, length) = (packed.as_ptr().cast(), packed.len() as MPI_Count);
                (table.MPI_Isend_c)(start, length, MPI_PACKED, destination, send_tag, comm, send)
            },
            request,
        )
    }
}

pub unsafe extern "C" fn MPI_Isendrecv_replace<A: Abi>(
    buffer: *mut c_void,
    count: c_int,
    datatype: MPI_Datatype,
    destination: c_int,
    send_tag: c_int,
    source: c_int,
    receive_tag: c_int,
    comm: MPI_Comm,
    request: *mut MPI_Request,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        MPI_Isendrecv_replace_c::<A>(
            buffer,
            count.into(),
            datatype,
            destination,
            send_tag,
            source,
            receive_tag,
            comm,
            request,
        )
    }
}
