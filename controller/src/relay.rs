//! The direct and the control relay: frames from a client to an engine and back, unchanged.

use anympi_wire::Envelope;
use anympi_zmq::{Error, Events, Multipart, PollItem, Socket, poll};

use crate::events::{Channel, Command, HubEvent};
use crate::mailbox::{Mailbox, Sender};
use crate::malformed::Dropped;
use crate::watch::PeerWatch;

/// How many messages of one socket are moved before the others are looked at.
pub const BATCH: usize = 256;

/// One relay between a ROUTER for clients and a ROUTER for engines.
pub struct Relay {
    /// Which relay; messages of [`Channel::Mux`] are recorded by the hub.
    pub channel: Channel,
    /// The clients' ROUTER.
    pub clients: Socket,
    /// The engines' ROUTER, with the mandatory option.
    pub engines: Socket,
    /// Watches the engines' ROUTER.
    pub watch: PeerWatch,
    /// Orders.
    pub mailbox: Mailbox<Command>,
    /// The books.
    pub hub: Sender<HubEvent>,
}

impl Relay {
    /// Relay until told to stop.
    pub fn run(mut self) -> Result<(), Error> {
        let (clients_name, engines_name) = match self.channel {
            Channel::Control => ("control (clients)", "control (engines)"),
            _ => ("mux (clients)", "mux (engines)"),
        };
        let mut dropped_clients = Dropped::new(clients_name);
        let mut dropped_engines = Dropped::new(engines_name);
        let mut frames = Multipart::new();
        loop {
            let mut items = [
                PollItem::socket(&self.clients, Events::READABLE),
                PollItem::socket(&self.engines, Events::READABLE),
                PollItem::fd(self.mailbox.fd(), Events::READABLE),
                self.watch.poll_item(),
            ];
            poll(&mut items, self.watch.timeout())?;
            let [clients, engines, mailbox, _] = items.each_ref().map(PollItem::is_readable);
            if mailbox && !self.obey() {
                return Ok(());
            }
            // Replies first: they are what somebody waits for, and they make room.
            if engines {
                self.pump(
                    &self.engines,
                    &self.clients,
                    &mut frames,
                    &mut dropped_engines,
                    HubEvent::DirectReply,
                )?;
            }
            if clients {
                self.pump(
                    &self.clients,
                    &self.engines,
                    &mut frames,
                    &mut dropped_clients,
                    HubEvent::DirectRequest,
                )?;
            }
            self.watch.look(&self.engines)?;
        }
    }

    /// False when the relay is to end.
    fn obey(&mut self) -> bool {
        let mut go_on = true;
        let watch = &mut self.watch;
        while self.mailbox.take(BATCH, |command| match command {
            Command::Expect(uuid, _) => watch.expect(uuid),
            Command::Remove(uuid) => watch.forget(&uuid),
            Command::Stop => go_on = false,
            Command::Add(..) | Command::Submit(_) => {}
        }) {}
        go_on
    }

    /// `[from, to, message]` becomes `[to, from, message]`.
    fn pump(
        &self,
        source: &Socket,
        destination: &Socket,
        frames: &mut Multipart,
        dropped: &mut Dropped,
        record: fn(Multipart) -> HubEvent,
    ) -> Result<(), Error> {
        for _ in 0..BATCH {
            if !source.try_recv_into(frames)? {
                break;
            }
            match Envelope::split(frames) {
                Ok(envelope) if envelope.idents.len() >= 2 => {}
                Ok(_) => {
                    dropped.note("it names no receiver");
                    continue;
                }
                Err(error) => {
                    dropped.note(error);
                    continue;
                }
            }
            frames.swap(0, 1);
            if self.channel == Channel::Mux {
                self.hub.send(record(frames.clone()));
            }
            match destination.try_send_multipart(frames) {
                Ok(()) => {}
                Err(error @ (Error::HostUnreachable { .. } | Error::WouldBlock { .. })) => {
                    dropped.note(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
