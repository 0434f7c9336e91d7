//! The receiving side of partitioned communication: matching, and messages whose partitions are not the user's.
//!
//! The n-th request for a source, communicator and tag gets the n-th channel that was offered for them, and keeps it.
//! Sender and receiver may divide the data differently: a partition has arrived when all messages that hold a part of
//! it have.

use core::ffi::c_int;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::identities::Identity;
use super::partitioned::{Layout, OFFER_TAG, Offer, checked};
use super::startup;
use super::virtual_requests::{Operation, Partitioned};
use crate::abi::*;
use crate::family::Abi;
use crate::raise::{Object, raise};

/// What a channel is for: the sender's rank in the world, the communicator, the tag.
type Key = (c_int, Identity, c_int);

/// A channel that a sender offered.
#[derive(Clone, Copy)]
struct Channel {
    first_tag: c_int,
    partitions: usize,
    bytes: usize,
}

#[derive(Default)]
struct Matching {
    requests: HashMap<Key, u64>,
    offers: HashMap<Key, u64>,
    channels: HashMap<(Key, u64), Channel>,
}

static MATCHING: LazyLock<Mutex<Matching>> = LazyLock::new(Mutex::default);

impl Matching {
    /// Takes in the offers that have come.
    fn listen<A: Abi>(&mut self) -> Result<(), c_int> {
        let table = A::bound().table();
        let comm = startup::private();
        loop {
            let (mut flag, mut status) = (0, MPI_Status::default());
            let mut bytes = [0; size_of::<Offer>()];
            // SAFETY: variables of ours; offers have this size, and nobody else takes them meanwhile.
            unsafe {
                checked((table.MPI_Iprobe)(MPI_ANY_SOURCE, OFFER_TAG, comm, &mut flag, &mut status))?;
                if flag == 0 {
                    return Ok(());
                }
                let (start, length) = (bytes.as_mut_ptr().cast(), bytes.len() as c_int);
                let source = status.MPI_SOURCE;
                let receive = table.MPI_Recv;
                checked(receive(start, length, MPI_BYTE, source, OFFER_TAG, comm, MPI_STATUS_IGNORE))?;
            }
            let (numbers, _) = bytes.as_chunks::<8>();
            let number = |place: usize| u64::from_ne_bytes(numbers[place]);
            let identity = Identity { members: number(0), number: number(1) };
            let key = (status.MPI_SOURCE, identity, number(2) as c_int);
            let channel = Channel {
                first_tag: number(3) as c_int,
                partitions: number(4) as usize,
                bytes: number(5) as usize,
            };
            let place = self.offers.entry(key).or_default();
            self.channels.insert((key, *place), channel);
            *place += 1;
        }
    }
}

/// The receiving side.
pub(super) struct Receiver<A> {
    layout: Layout<A>,
    /// What is received and which of the requests for it this is; none where nobody sends.
    wanted: Option<(Key, u64)>,
    source: c_int,
    tag: c_int,
    channel: Option<Channel>,
    /// A receive for each of the sender's partitions, null when its message is there.
    receives: Vec<MPI_Request>,
    /// Where messages arrive that do not fit the user's memory as they are.
    staging: Vec<u8>,
    /// The partitions that are in the user's memory.
    settled: Vec<bool>,
    code: c_int,
    active: bool,
    posted: bool,
}

impl<A: Abi> Receiver<A> {
    pub fn new(layout: Layout<A>, peer: Option<(c_int, Identity)>, source: c_int, tag: c_int) -> Self {
        let wanted = peer.map(|(rank, identity)| {
            let key = (rank, identity, tag);
            let mut matching = MATCHING.lock().unwrap_or_else(PoisonError::into_inner);
            let place = matching.requests.entry(key).or_default();
            *place += 1;
            (key, *place - 1)
        });
        let settled = vec![true; layout.partitions];
        Self {
            layout,
            wanted,
            source,
            tag,
            channel: None,
            receives: Vec::new(),
            staging: Vec::new(),
            settled,
            code: MPI_SUCCESS,
            active: false,
            posted: false,
        }
    }

    /// Begins to receive, if it is known from whom.
    fn post(&mut self) -> Result<(), c_int> {
        let Some(wanted) = self.wanted.filter(|_| !self.posted) else { return Ok(()) };
        if self.channel.is_none() {
            let mut matching = MATCHING.lock().unwrap_or_else(PoisonError::into_inner);
            matching.listen::<A>()?;
            self.channel = matching.channels.remove(&wanted);
        }
        let Some(channel) = self.channel else { return Ok(()) };
        self.posted = true;
        let total = channel.partitions * channel.bytes;
        if total != self.layout.partitions * self.layout.bytes {
            self.code = MPI_ERR_TRUNCATE;
        }
        let start = if self.layout.is_plain && self.code == MPI_SUCCESS {
            self.layout.start(0).cast()
        } else {
            self.staging.resize(total, 0);
            self.staging.as_mut_ptr()
        };
        let ((peer, ..), _) = wanted;
        for partition in 0..channel.partitions {
            let mut request = MPI_REQUEST_NULL;
            let tag = channel.first_tag + partition as c_int;
            // SAFETY: the memory has room for all messages, and stays until they are there.
            checked(unsafe {
                let at = start.add(partition * channel.bytes).cast();
                let receive = A::bound().table().MPI_Irecv_c;
                let comm = startup::private();
                receive(at, channel.bytes as MPI_Count, MPI_BYTE, peer, tag, comm, &mut request)
            })?;
            self.receives.push(request);
        }
        Ok(())
    }

    /// Takes what has arrived.
    fn advance(&mut self) -> Result<(), c_int> {
        self.post()?;
        let Some(channel) = self.channel.filter(|_| self.posted) else { return Ok(()) };
        for request in &mut self.receives {
            let mut flag = 0;
            // SAFETY: a receive of ours, or null.
            checked(unsafe { (A::bound().table().MPI_Test)(request, &mut flag, MPI_STATUS_IGNORE) })?;
        }
        for partition in 0..self.layout.partitions {
            if !self.settled[partition] && self.is_there(channel, partition) {
                self.settle(partition)?;
                self.settled[partition] = true;
            }
        }
        Ok(())
    }

    /// Whether all messages with a part of this partition are there.
    fn is_there(&self, channel: Channel, partition: usize) -> bool {
        let bytes = self.layout.bytes;
        // Without bytes, and where the sizes differ, no message is a part of anything: all must be there.
        let parts = if channel.bytes == 0 || self.code != MPI_SUCCESS {
            0..self.receives.len()
        } else {
            partition * bytes / channel.bytes..((partition + 1) * bytes).div_ceil(channel.bytes)
        };
        self.receives[parts].iter().all(|&request| request == MPI_REQUEST_NULL)
    }

    /// Puts a partition where the user wants it.
    fn settle(&mut self, partition: usize) -> Result<(), c_int> {
        if self.staging.is_empty() || self.code != MPI_SUCCESS {
            return Ok(());
        }
        let Layout { count, datatype, bytes, .. } = self.layout;
        let packed = &self.staging[partition * bytes..(partition + 1) * bytes];
        let (start, length) = (packed.as_ptr().cast(), packed.len() as MPI_Count);
        let mut position = 0;
        // SAFETY: the user's buffer holds that partition; the packed elements are there.
        checked(unsafe {
            let unpack = A::bound().table().MPI_Unpack_c;
            let comm = startup::private();
            unpack(start, length, &mut position, self.layout.start(partition), count, datatype, comm)
        })
    }
}

impl<A: Abi> Operation for Receiver<A> {
    fn is_active(&self) -> bool {
        self.active
    }
    fn is_persistent(&self) -> bool {
        true
    }
    fn poll(&mut self) -> Result<bool, c_int> {
        self.advance()?;
        Ok(self.settled.iter().all(|&settled| settled))
    }
    fn status(&mut self) -> Result<MPI_Status, c_int> {
        let mut status = MPI_Status::default();
        let bytes = if self.wanted.is_some() { self.layout.partitions * self.layout.bytes } else { 0 };
        // SAFETY: a status of ours.
        unsafe {
            (A::bound().table().MPI_Status_set_elements_c)(&mut status, MPI_BYTE, bytes as MPI_Count);
        }
        let tag = if self.wanted.is_some() { self.tag } else { MPI_ANY_TAG };
        (status.MPI_SOURCE, status.MPI_TAG) = (self.source, tag);
        Ok(status)
    }
    fn finish(&mut self) -> (MPI_Status, c_int) {
        self.active = false;
        let code = core::mem::replace(&mut self.code, MPI_SUCCESS);
        let code = if code == MPI_SUCCESS { code } else { raise::<A>(Object::Nothing, code) };
        (self.status().unwrap_or_default(), code)
    }
    fn start(&mut self) -> c_int {
        if self.active {
            return MPI_ERR_REQUEST;
        }
        (self.active, self.posted) = (true, false);
        self.receives.clear();
        self.settled.fill(self.wanted.is_none());
        self.post().err().unwrap_or(MPI_SUCCESS)
    }
    fn cancel(&mut self) -> c_int {
        MPI_ERR_UNSUPPORTED_OPERATION
    }
    fn free(&mut self) -> c_int {
        let table = A::bound().table();
        for request in self.receives.iter_mut().filter(|request| **request != MPI_REQUEST_NULL) {
            // SAFETY: a receive of ours, whose memory goes away now.
            unsafe {
                (table.MPI_Cancel)(request);
                (table.MPI_Wait)(request, MPI_STATUS_IGNORE);
            }
        }
        self.layout.free()
    }
    fn partitioned(&mut self) -> Option<&mut dyn Partitioned> {
        Some(self)
    }
}

impl<A: Abi> Partitioned for Receiver<A> {
    fn ready(&mut self, _low: c_int, _high: c_int) -> Result<(), c_int> {
        Err(MPI_ERR_REQUEST)
    }
    fn arrived(&mut self, partition: c_int) -> Result<bool, c_int> {
        let partition = usize::try_from(partition).map_err(|_| MPI_ERR_ARG)?;
        if self.active {
            self.advance()?;
        }
        self.settled.get(partition).copied().ok_or(MPI_ERR_ARG)
    }
}
