//! Partitioned communication (MPI-5.0, chapter 4) on a library that lacks it: one message for each partition that
//! becomes ready, on a communicator of our own.
//!
//! The sender offers a channel when its request is made: which communicator and tag, how many partitions, and the tags
//! that their messages will have. The receiver matches offers with its own requests in the order of both
//! (see [`super::partitioned_receive`]). What is sent is a copy, so a sender never waits for its receiver.

use core::ffi::{c_int, c_void};
use core::marker::PhantomData;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::identities::{identity, world_rank};
use super::isendrecv::pack;
use super::partitioned_receive::Receiver;
use super::virtual_requests::{Operation, Partitioned, insert, is_ours, with};
use super::{outbox, startup};
use crate::abi::*;
use crate::family::Abi;
use crate::raise::{Object, raise};

/// The tag of offers; that of data is larger, that of communicators made of groups smaller.
pub(super) const OFFER_TAG: c_int = 40_000;
const FIRST_DATA_TAG: c_int = 0x1_0000;

/// What a sender tells its receiver, as numbers: the communicator's identity, the tag, the tag of the first partition's
/// messages, the number of partitions, the bytes of each.
pub(super) type Offer = [u64; 6];

pub(super) fn checked(code: c_int) -> Result<(), c_int> {
    if code == MPI_SUCCESS { Ok(()) } else { Err(code) }
}

/// The user's buffer: equal partitions of some elements each.
pub(super) struct Layout<A> {
    buffer: usize,
    pub partitions: usize,
    pub count: MPI_Count,
    pub datatype: MPI_Datatype,
    extent: isize,
    /// Bytes of a partition's elements, without gaps.
    pub bytes: usize,
    /// Whether the elements lie in memory as in a message.
    pub is_plain: bool,
    abi: PhantomData<fn() -> A>,
}

impl<A: Abi> Layout<A> {
    fn new(
        buffer: *const c_void,
        partitions: c_int,
        count: MPI_Count,
        datatype: MPI_Datatype,
    ) -> Result<Self, c_int> {
        let table = A::bound().table();
        let partitions = usize::try_from(partitions).ok().filter(|&number| number > 0).ok_or(MPI_ERR_ARG)?;
        let elements = usize::try_from(count).map_err(|_| MPI_ERR_COUNT)?;
        let (mut lower, mut extent, mut size, mut copy) = (0, 0, 0, MPI_DATATYPE_NULL);
        // SAFETY: variables of ours; the library checks the datatype.
        unsafe {
            checked((table.MPI_Type_get_extent)(datatype, &mut lower, &mut extent))?;
            checked((table.MPI_Type_size_c)(datatype, &mut size))?;
            // The user may free the datatype before the request.
            checked((table.MPI_Type_dup)(datatype, &mut copy))?;
        }
        let size = usize::try_from(size).unwrap_or(0);
        Ok(Self {
            buffer: buffer.expose_provenance(),
            partitions,
            count,
            datatype: copy,
            extent,
            bytes: elements * size,
            is_plain: datatype.0 < PREDEFINED_END && size == extent.cast_unsigned(),
            abi: PhantomData,
        })
    }

    /// Where a partition begins.
    pub fn start(&self, partition: usize) -> *mut c_void {
        let offset = (partition as isize).wrapping_mul(self.count as isize).wrapping_mul(self.extent);
        core::ptr::with_exposed_provenance_mut(self.buffer.wrapping_add_signed(offset))
    }

    /// Forgets the datatype.
    pub fn free(&mut self) -> c_int {
        // SAFETY: our own copy.
        unsafe { (A::bound().table().MPI_Type_free)(&mut self.datatype) }
    }
}

/// The sending side.
struct Sender<A> {
    layout: Layout<A>,
    /// The receiver's rank in the world; none where nobody receives.
    peer: Option<c_int>,
    first_tag: c_int,
    ready: Vec<bool>,
    left: usize,
    active: bool,
}

impl<A: Abi> Sender<A> {
    /// Sends a partition.
    fn send(&self, partition: usize) -> Result<(), c_int> {
        let Some(peer) = self.peer else { return Ok(()) };
        let Layout { count, datatype, .. } = self.layout;
        // SAFETY: the user's buffer holds that partition, and it is ready.
        let packed = unsafe { pack::<A>(self.layout.start(partition), count, datatype, startup::private())? };
        post::<A>(packed, peer, self.first_tag + partition as c_int)
    }
}

/// Sends bytes of ours on the communicator of our own.
fn post<A: Abi>(bytes: Vec<u8>, peer: c_int, tag: c_int) -> Result<(), c_int> {
    let mut request = MPI_REQUEST_NULL;
    let (start, length) = (bytes.as_ptr().cast(), bytes.len() as MPI_Count);
    // SAFETY: the bytes live in the outbox until they have left.
    checked(unsafe {
        let send = A::bound().table().MPI_Isend_c;
        send(start, length, MPI_BYTE, peer, tag, startup::private(), &mut request)
    })?;
    outbox::keep::<A>(request, bytes);
    Ok(())
}

impl<A: Abi> Operation for Sender<A> {
    fn is_active(&self) -> bool {
        self.active
    }
    fn is_persistent(&self) -> bool {
        true
    }
    fn poll(&mut self) -> Result<bool, c_int> {
        outbox::sweep::<A>();
        Ok(self.left == 0)
    }
    fn status(&mut self) -> Result<MPI_Status, c_int> {
        Ok(MPI_Status::default())
    }
    fn finish(&mut self) -> (MPI_Status, c_int) {
        self.active = false;
        (MPI_Status::default(), MPI_SUCCESS)
    }
    fn start(&mut self) -> c_int {
        if self.active {
            return MPI_ERR_REQUEST;
        }
        self.ready.fill(false);
        (self.left, self.active) = (self.layout.partitions, true);
        MPI_SUCCESS
    }
    fn cancel(&mut self) -> c_int {
        MPI_ERR_UNSUPPORTED_OPERATION
    }
    fn free(&mut self) -> c_int {
        self.layout.free()
    }
    fn partitioned(&mut self) -> Option<&mut dyn Partitioned> {
        Some(self)
    }
}

impl<A: Abi> Partitioned for Sender<A> {
    fn ready(&mut self, low: c_int, high: c_int) -> Result<(), c_int> {
        if !self.active {
            return Err(MPI_ERR_REQUEST);
        }
        for partition in low..=high {
            let partition = usize::try_from(partition).map_err(|_| MPI_ERR_ARG)?;
            match self.ready.get_mut(partition) {
                Some(ready) if !*ready => *ready = true,
                _ => return Err(MPI_ERR_ARG),
            }
            self.send(partition)?;
            self.left -= 1;
        }
        Ok(())
    }
    fn arrived(&mut self, _partition: c_int) -> Result<bool, c_int> {
        Err(MPI_ERR_REQUEST)
    }
}

/// Tags for the messages of a channel, reused when all have been used.
fn data_tags(partitions: usize) -> Result<c_int, c_int> {
    static NEXT: Mutex<c_int> = Mutex::new(FIRST_DATA_TAG);
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let number = c_int::try_from(partitions).map_err(|_| MPI_ERR_ARG)?;
    let first = match next.checked_add(number) {
        Some(_) => *next,
        None => FIRST_DATA_TAG,
    };
    *next = first.checked_add(number).ok_or(MPI_ERR_ARG)?;
    Ok(first)
}

/// The code of a call, and its request if there is one.
///
/// # Safety
/// The caller's variable.
unsafe fn hand_over<A: Abi>(
    made: Result<Box<dyn Operation>, c_int>,
    comm: MPI_Comm,
    request: *mut MPI_Request,
) -> c_int {
    match made {
        Ok(operation) => {
            // SAFETY: as the caller promises.
            unsafe { *request = insert(operation) };
            MPI_SUCCESS
        }
        Err(code) => raise::<A>(Object::Comm(comm), code),
    }
}

pub unsafe extern "C" fn MPI_Psend_init<A: Abi>(
    buffer: *const c_void,
    partitions: c_int,
    count: MPI_Count,
    datatype: MPI_Datatype,
    destination: c_int,
    tag: c_int,
    comm: MPI_Comm,
    _info: MPI_Info,
    request: *mut MPI_Request,
) -> c_int {
    let made = || {
        if startup::private() == MPI_COMM_NULL {
            return Err(MPI_ERR_UNSUPPORTED_OPERATION);
        }
        let layout = Layout::<A>::new(buffer, partitions, count, datatype)?;
        let first_tag = data_tags(layout.partitions)?;
        let peer = match destination {
            MPI_PROC_NULL => None,
            _ => Some(world_rank::<A>(comm, destination)?),
        };
        if let Some(peer) = peer {
            let name = identity::<A>(comm)?;
            let (parts, bytes) = (layout.partitions as u64, layout.bytes as u64);
            let offer: Offer = [name.members, name.number, tag as u64, first_tag as u64, parts, bytes];
            post::<A>(offer.iter().flat_map(|number| number.to_ne_bytes()).collect(), peer, OFFER_TAG)?;
        }
        let ready = vec![false; layout.partitions];
        Ok(Box::new(Sender { layout, peer, first_tag, ready, left: 0, active: false }) as Box<dyn Operation>)
    };
    // SAFETY: the caller's variable.
    unsafe { hand_over::<A>(made(), comm, request) }
}

pub unsafe extern "C" fn MPI_Precv_init<A: Abi>(
    buffer: *mut c_void,
    partitions: c_int,
    count: MPI_Count,
    datatype: MPI_Datatype,
    source: c_int,
    tag: c_int,
    comm: MPI_Comm,
    _info: MPI_Info,
    request: *mut MPI_Request,
) -> c_int {
    let made = || {
        if startup::private() == MPI_COMM_NULL {
            return Err(MPI_ERR_UNSUPPORTED_OPERATION);
        }
        let layout = Layout::<A>::new(buffer, partitions, count, datatype)?;
        let peer = match source {
            MPI_PROC_NULL => None,
            _ => Some((world_rank::<A>(comm, source)?, identity::<A>(comm)?)),
        };
        Ok(Box::new(Receiver::new(layout, peer, source, tag)) as Box<dyn Operation>)
    };
    // SAFETY: the caller's variable.
    unsafe { hand_over::<A>(made(), comm, request) }
}

/// Does something with a partitioned operation of ours.
fn act<A: Abi, T>(
    request: MPI_Request,
    act: impl FnOnce(&mut dyn Partitioned) -> Result<T, c_int>,
) -> Result<T, c_int> {
    let result = if is_ours(request) {
        with(request, |operation| act(operation.partitioned().ok_or(MPI_ERR_REQUEST)?))
    } else {
        Err(MPI_ERR_REQUEST)
    };
    result.map_err(|code| raise::<A>(Object::Nothing, code))
}

fn code_of(result: Result<(), c_int>) -> c_int {
    result.err().unwrap_or(MPI_SUCCESS)
}

pub unsafe extern "C" fn MPI_Pready<A: Abi>(partition: c_int, request: MPI_Request) -> c_int {
    code_of(act::<A, _>(request, |operation| operation.ready(partition, partition)))
}

pub unsafe extern "C" fn MPI_Pready_range<A: Abi>(low: c_int, high: c_int, request: MPI_Request) -> c_int {
    code_of(act::<A, _>(request, |operation| operation.ready(low, high)))
}

pub unsafe extern "C" fn MPI_Pready_list<A: Abi>(
    length: c_int,
    partitions: *const c_int,
    request: MPI_Request,
) -> c_int {
    code_of(act::<A, _>(request, |operation| {
        (0..length as usize).try_for_each(|index| {
            // SAFETY: the caller's array.
            let partition = unsafe { *partitions.add(index) };
            operation.ready(partition, partition)
        })
    }))
}

pub unsafe extern "C" fn MPI_Parrived<A: Abi>(
    request: MPI_Request,
    partition: c_int,
    flag: *mut c_int,
) -> c_int {
    match act::<A, _>(request, |operation| operation.arrived(partition)) {
        Ok(arrived) => {
            // SAFETY: the caller's variable.
            unsafe { *flag = arrived.into() };
            MPI_SUCCESS
        }
        Err(code) => code,
    }
}
