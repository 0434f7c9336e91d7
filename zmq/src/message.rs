//! One frame.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::fmt;
use std::ops::Deref;

use crate::sys;

/// The frames of one multipart message.
pub type Multipart = Vec<Message>;

/// libzmq keeps up to this many bytes inside the handle itself.
const INLINE: usize = 33;

/// One frame: owned bytes behind libzmq's handle.
///
/// Cloning shares the bytes by an atomic reference count (frames of up to 33 bytes are copied). Not `Sync`, because
/// cloning marks the handle as shared.
///
/// A small received frame may keep libzmq's 8 KiB receive buffer alive; see [`Message::detached`] before keeping many.
pub struct Message {
    // libzmq itself moves handles by plain copy (msg_t::move), so a Rust move is one too.
    raw: UnsafeCell<sys::RawMessage>,
}

// SAFETY: the handle refers to bytes owned by it or shared by an atomic count; nothing in it is bound to a thread, and
// an owner given to `from_owner` must be Send.
unsafe impl Send for Message {}

impl Message {
    /// An empty frame.
    pub fn new() -> Message {
        let mut raw = std::mem::MaybeUninit::<sys::RawMessage>::uninit();
        // SAFETY: zmq_msg_init fills the whole handle and cannot fail.
        let raw = unsafe {
            sys::zmq_msg_init(raw.as_mut_ptr());
            raw.assume_init()
        };
        Message { raw: UnsafeCell::new(raw) }
    }

    /// A frame with a copy of these bytes.
    pub fn copied(bytes: &[u8]) -> Message {
        let mut raw = std::mem::MaybeUninit::<sys::RawMessage>::uninit();
        // SAFETY: the handle is initialised by zmq_msg_init_size when that returns 0, and then has room for the bytes,
        // which do not overlap with the new room.
        unsafe {
            if sys::zmq_msg_init_size(raw.as_mut_ptr(), bytes.len()) != 0 {
                out_of_memory(bytes.len());
            }
            let mut raw = raw.assume_init();
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), sys::zmq_msg_data(&mut raw).cast(), bytes.len());
            Message { raw: UnsafeCell::new(raw) }
        }
    }

    /// A frame over somebody else's bytes, without a copy.
    ///
    /// `owner` is dropped when the last clone is gone and libzmq has sent the bytes; that may happen on one of libzmq's
    /// I/O threads, so its drop must be short, must not panic and must not wait for a lock such as Python's GIL.
    /// `as_ref` is called once here; the bytes it names must stay where they are until the owner is dropped, as they do
    /// for every owner whose bytes are on the heap or borrowed for ever.
    pub fn from_owner<T: AsRef<[u8]> + Send + 'static>(owner: T) -> Message {
        unsafe extern "C" fn release<T>(_data: *mut c_void, hint: *mut c_void) {
            // SAFETY: `hint` is the box made below, and libzmq calls this exactly once.
            drop(unsafe { Box::from_raw(hint.cast::<T>()) });
        }
        let owner = Box::new(owner);
        let (data, size) = {
            let bytes: &[u8] = (*owner).as_ref();
            (bytes.as_ptr().cast_mut(), bytes.len())
        };
        let hint = Box::into_raw(owner);
        let mut raw = std::mem::MaybeUninit::<sys::RawMessage>::uninit();
        // SAFETY: `data` is valid for `size` bytes until `release` drops the owner. libzmq does not write to it; this
        // crate hands out shared slices only.
        unsafe {
            let free: sys::FreeFunction = release::<T>;
            if sys::zmq_msg_init_data(raw.as_mut_ptr(), data.cast(), size, Some(free), hint.cast()) != 0 {
                drop(Box::from_raw(hint));
                out_of_memory(size);
            }
            Message { raw: UnsafeCell::new(raw.assume_init()) }
        }
    }

    /// The same bytes in memory of their own when they are few (up to 8 KiB), so that keeping them for long does not
    /// keep libzmq's receive buffer; larger frames have their own memory anyway and are returned as they are.
    pub fn detached(self) -> Message {
        if self.len() > INLINE && self.len() <= 8192 { Message::copied(&self) } else { self }
    }

    /// Whether more frames of the same multipart message follow. Only meaningful for a received frame.
    pub fn more(&self) -> bool {
        // SAFETY: the handle is initialised.
        unsafe { sys::zmq_msg_more(self.raw.get()) != 0 }
    }

    pub(crate) fn as_raw(&mut self) -> *mut sys::RawMessage {
        self.raw.get()
    }
}

fn out_of_memory(size: usize) -> ! {
    match std::alloc::Layout::array::<u8>(size) {
        Ok(layout) => std::alloc::handle_alloc_error(layout),
        Err(_) => std::process::abort(),
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: the handle is initialised and closed once.
        unsafe { sys::zmq_msg_close(self.raw.get()) };
    }
}

impl Clone for Message {
    fn clone(&self) -> Message {
        let mut copy = Message::new();
        // SAFETY: both handles are initialised; the source is changed (marked as shared) only by this thread, since
        // Message is not Sync.
        let result = unsafe { sys::zmq_msg_copy(copy.as_raw(), self.raw.get()) };
        debug_assert_eq!(result, 0, "zmq_msg_copy fails for a broken handle only");
        copy
    }
}

impl Deref for Message {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the handle is initialised; data is valid for size bytes as long as the handle is, and nobody writes.
        unsafe {
            let size = sys::zmq_msg_size(self.raw.get());
            if size == 0 {
                return &[];
            }
            std::slice::from_raw_parts(sys::zmq_msg_data(self.raw.get()).cast(), size)
        }
    }
}

impl Message {
    /// Where the bytes are, for a foreign interface that may change them in place.
    ///
    /// Clones share the bytes: whoever writes there must know that this message has none.
    pub fn data(&self) -> *mut u8 {
        // SAFETY: the handle is initialised, as long as the message lives.
        unsafe { sys::zmq_msg_data(self.raw.get()).cast() }
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Default for Message {
    fn default() -> Message {
        Message::new()
    }
}

impl From<Vec<u8>> for Message {
    /// Without a copy, but for the few bytes that fit into the handle.
    fn from(bytes: Vec<u8>) -> Message {
        if bytes.len() <= INLINE { Message::copied(&bytes) } else { Message::from_owner(bytes) }
    }
}

impl From<String> for Message {
    fn from(text: String) -> Message {
        Message::from(text.into_bytes())
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Message {
        Message::copied(bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for Message {
    fn from(bytes: &[u8; N]) -> Message {
        Message::copied(bytes)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Message {
        Message::copied(text.as_bytes())
    }
}

impl From<&Message> for Message {
    /// Shares the bytes.
    fn from(message: &Message) -> Message {
        message.clone()
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Message) -> bool {
        **self == **other
    }
}

impl Eq for Message {}

impl PartialEq<[u8]> for Message {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len() {
            0..=80 => write!(formatter, "Message({:?})", String::from_utf8_lossy(self)),
            size => write!(formatter, "Message({size} bytes)"),
        }
    }
}
