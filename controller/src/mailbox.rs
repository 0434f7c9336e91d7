//! A channel whose arrival of news a poll over sockets sees too.
//!
//! Sending never waits. A byte through a socket pair wakes the receiver, and only one until it has looked.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The sending end; cheap to clone.
pub struct Sender<T> {
    channel: crossbeam_channel::Sender<T>,
    wake: Arc<Wake>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { channel: self.channel.clone(), wake: self.wake.clone() }
    }
}

struct Wake {
    /// A byte is on its way, or the receiver has not looked since.
    rung: AtomicBool,
    writer: UnixStream,
}

/// The receiving end, for one thread.
pub struct Mailbox<T> {
    channel: crossbeam_channel::Receiver<T>,
    wake: Arc<Wake>,
    reader: UnixStream,
}

/// A new mailbox and its first sender.
pub fn mailbox<T>() -> std::io::Result<(Sender<T>, Mailbox<T>)> {
    let (writer, reader) = UnixStream::pair()?;
    writer.set_nonblocking(true)?;
    reader.set_nonblocking(true)?;
    let wake = Arc::new(Wake { rung: AtomicBool::new(false), writer });
    let (sender, receiver) = crossbeam_channel::unbounded();
    Ok((Sender { channel: sender, wake: wake.clone() }, Mailbox { channel: receiver, wake, reader }))
}

impl<T> Sender<T> {
    /// Send, never waiting. When the receiver is gone the program is ending, and the item is dropped.
    pub fn send(&self, item: T) {
        if self.channel.send(item).is_ok() && !self.wake.rung.swap(true, Ordering::AcqRel) {
            // It cannot be full: at most one byte is in it.
            let _ = (&self.wake.writer).write(&[1]);
        }
    }
}

impl<T> Mailbox<T> {
    /// The descriptor to poll for readability.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    /// Take at most `limit` items; true when more may be left.
    pub fn take(&self, limit: usize, mut handle: impl FnMut(T)) -> bool {
        let mut bytes = [0_u8; 8];
        let _ = (&self.reader).read(&mut bytes);
        // Before the channel is looked at, so that whatever comes after the look rings again.
        self.wake.rung.store(false, Ordering::Release);
        for _ in 0..limit {
            match self.channel.try_recv() {
                Ok(item) => handle(item),
                Err(_) => return false,
            }
        }
        !self.channel.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_arrives_and_wakes() {
        let (sender, mailbox) = mailbox().unwrap();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let sender = sender.clone();
                std::thread::spawn(move || (0..1000).for_each(|number| sender.send(number)))
            })
            .collect();
        let mut sum = 0;
        let mut count = 0;
        while count < 4000 {
            let mut items = [anympi_zmq::PollItem::fd(mailbox.fd(), anympi_zmq::Events::READABLE)];
            let ready = anympi_zmq::poll(&mut items, Some(std::time::Duration::from_secs(10))).unwrap();
            assert_eq!(ready, 1, "no wake-up is lost");
            while mailbox.take(7, |item: u64| {
                sum += item;
                count += 1;
            }) {}
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(sum, 4 * 499_500);
    }
}
