//! Waking a thread that waits in poll(2), from any thread.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// An eventfd: readable from [`Wake::wake`] until [`Wake::reset`].
#[derive(Debug)]
pub struct Wake {
    descriptor: OwnedFd,
    // Many messages are often added between two rounds of the thread that sends them; one system call is enough.
    pending: AtomicBool,
}

impl Wake {
    /// Make one.
    pub fn new() -> io::Result<Wake> {
        // SAFETY: no preconditions.
        let raw = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor that nobody else owns.
        Ok(Wake { descriptor: unsafe { OwnedFd::from_raw_fd(raw) }, pending: AtomicBool::new(false) })
    }

    /// Make it readable.
    pub fn wake(&self) {
        if self.pending.swap(true, Ordering::SeqCst) {
            return;
        }
        let one = 1_u64.to_ne_bytes();
        // SAFETY: eight valid bytes. The write can only fail when the counter is full, and then it is readable anyway.
        unsafe { libc::write(self.descriptor.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Make it unreadable. What was added before a `wake` that this undoes is seen by whoever looks after this.
    pub fn reset(&self) {
        let mut count = [0_u8; 8];
        // SAFETY: room for eight bytes; not blocking.
        unsafe { libc::read(self.descriptor.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
        self.pending.store(false, Ordering::SeqCst);
    }

    /// The descriptor to wait for.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Wait until one of the descriptors is readable, the time is over, or a signal arrives. True for each that is readable.
pub fn wait_readable<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    timeout: Option<std::time::Duration>,
) -> [bool; N] {
    let mut items =
        descriptors.map(|one| libc::pollfd { fd: one.as_raw_fd(), events: libc::POLLIN, revents: 0 });
    let milliseconds =
        timeout.map_or(-1, |time| i32::try_from(time.as_micros().div_ceil(1000)).unwrap_or(i32::MAX));
    // SAFETY: the array is valid for its length.
    let ready = unsafe { libc::poll(items.as_mut_ptr(), N as libc::nfds_t, milliseconds) };
    items.map(|item| ready > 0 && item.revents != 0)
}

/// Block every signal on the calling thread, so that signals reach the main thread, where Python handles them.
pub fn block_signals() {
    // SAFETY: the set is filled before it is used; changing this thread's mask has no other effect.
    unsafe {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), std::ptr::null_mut());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_wake_is_seen_once_and_not_lost() {
        let wake = Wake::new().unwrap();
        let seen = || wait_readable([wake.fd()], Some(Duration::ZERO)) == [true];
        assert!(!seen());
        wake.wake();
        wake.wake();
        assert!(seen());
        wake.reset();
        assert!(!seen());
        wake.wake();
        assert!(seen());
    }
}
