//! The relay of what engines publish, to every client and to the books.

use anympi_wire::Envelope;
use anympi_zmq::{Error, Events, Multipart, PollItem, Socket, poll};

use crate::events::{Command, HubEvent};
use crate::mailbox::{Mailbox, Sender};
use crate::malformed::Dropped;
use crate::relay::BATCH;

/// SUB to PUB.
pub struct OutputRelay {
    /// Receives from engines, subscribed to everything.
    pub engines: Socket,
    /// Publishes to clients.
    pub clients: Socket,
    /// Orders.
    pub mailbox: Mailbox<Command>,
    /// The books.
    pub hub: Sender<HubEvent>,
}

impl OutputRelay {
    /// Relay until told to stop.
    pub fn run(self) -> Result<(), Error> {
        let mut dropped = Dropped::new("iopub");
        let mut frames = Multipart::new();
        let mut go_on = true;
        while go_on {
            let mut items = [
                PollItem::socket(&self.engines, Events::READABLE),
                PollItem::fd(self.mailbox.fd(), Events::READABLE),
            ];
            poll(&mut items, None)?;
            let [engines, mailbox] = items.each_ref().map(PollItem::is_readable);
            if mailbox {
                while self.mailbox.take(BATCH, |command| go_on &= !matches!(command, Command::Stop)) {}
            }
            for _ in 0..if engines { BATCH } else { 0 } {
                if !self.engines.try_recv_into(&mut frames)? {
                    break;
                }
                if let Err(error) = Envelope::split(&frames) {
                    dropped.note(error);
                    continue;
                }
                self.hub.send(HubEvent::Output(frames.clone()));
                self.clients.send_multipart(&mut frames)?;
            }
        }
        Ok(())
    }
}
