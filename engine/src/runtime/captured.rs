//! What is written past Python: by child processes, and by C and Fortran code, to descriptor 1.
//!
//! Descriptor 1 becomes a pipe that the engine reads, so `os.system("ls")` and a library's `printf` reach the client as a
//! `print` does. Whoever adds text or answers a request looks into the pipe first, so the order is that of the writing.
//! Descriptor 2 stays the launcher's: what MPI and a dying process say there must not depend on a reader.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};

use super::outbox::Outbox;
use super::request::Parent;
use super::text::Stream;

/// Bytes taken at a time: more than a pipe holds, yet a child that never stops writing does not keep the reader for ever.
const AT_A_TIME: usize = 1 << 20;

const STDOUT: RawFd = 1;

unsafe extern "C" {
    /// C's standard output.
    static stdout: *mut libc::FILE;
}

/// The pipe.
#[derive(Debug)]
pub struct Captured {
    reading: File,
    writing: OwnedFd,
    /// The launcher's descriptor, while the pipe has its place
    original: Mutex<Option<OwnedFd>>,
    /// The beginning of a character whose end has not come
    begun: Mutex<Vec<u8>>,
}

impl Captured {
    /// Make the pipe; nothing is captured yet.
    pub fn new() -> io::Result<Captured> {
        let mut ends = [0; 2];
        // SAFETY: room for two descriptors.
        checked(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
        // SAFETY: two new descriptors that nobody else owns.
        let [reading, writing] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
        // SAFETY: changes a flag of a descriptor that we own. Only the reading end: whoever writes may have to wait.
        checked(unsafe { libc::fcntl(reading.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })?;
        Ok(Captured { reading: reading.into(), writing, original: Mutex::default(), begun: Mutex::default() })
    }

    /// Put the pipe in the place of descriptor 1.
    pub fn begin(&self) -> io::Result<()> {
        let mut original = self.original.lock().unwrap_or_else(PoisonError::into_inner);
        if original.is_none() {
            flush_c();
            // SAFETY: makes a new descriptor.
            let kept = checked(unsafe { libc::fcntl(STDOUT, libc::F_DUPFD_CLOEXEC, 3) })?;
            // SAFETY: a new descriptor that nobody else owns.
            *original = Some(unsafe { OwnedFd::from_raw_fd(kept) });
            // SAFETY: replaces descriptor 1, which everybody names by its number.
            checked(unsafe { libc::dup2(self.writing.as_raw_fd(), STDOUT) })?;
        }
        Ok(())
    }

    /// Give descriptor 1 back to the launcher, after taking what is in the pipe.
    pub fn end(&self, outbox: &Outbox, parent: Option<&Arc<Parent>>) {
        flush_c();
        self.take(outbox, || parent.cloned());
        if let Some(original) = self.original.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // SAFETY: replaces descriptor 1, which everybody names by its number.
            unsafe { libc::dup2(original.as_raw_fd(), STDOUT) };
        }
    }

    /// Add what is in the pipe to the outbox.
    pub fn take(&self, outbox: &Outbox, parent: impl FnOnce() -> Option<Arc<Parent>>) {
        let mut bytes = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        // It ends with "would block" when the pipe is empty; what was read until then is kept.
        let before = bytes.len();
        drop((&self.reading).take(AT_A_TIME as u64).read_to_end(&mut bytes));
        if bytes.len() > before {
            let whole = bytes.len() - incomplete(&bytes);
            let rest = bytes.split_off(whole);
            let all = std::mem::replace(&mut *bytes, rest);
            outbox.write(Stream::Stdout, parent().as_ref(), &String::from_utf8_lossy(&all));
        }
    }

    /// Readable when something was written.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.reading.as_fd()
    }
}

/// Have C hand over what it keeps of its standard output.
pub fn flush_c() {
    // SAFETY: C's own stream, which lives as long as the process.
    unsafe { libc::fflush(stdout) };
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// How many bytes at the end are the beginning of a character of UTF-8.
fn incomplete(bytes: &[u8]) -> usize {
    for (index, byte) in bytes.iter().rev().take(3).enumerate() {
        let length = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            _ => 1,
        };
        return if length > index + 1 { index + 1 } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_not_cut() {
        let text = "aé€😀";
        for end in 0..=text.len() {
            let bytes = &text.as_bytes()[..end];
            let whole = bytes.len() - incomplete(bytes);
            assert!(text.is_char_boundary(whole) && end - whole < 4, "{end}");
            assert_eq!(text.is_char_boundary(end), whole == end, "{end}");
        }
        assert_eq!(incomplete(&[0xff]), 0);
        assert_eq!(incomplete(&[0x80, 0x80, 0x80, 0x80]), 0);
    }
}
