//! Heartbeats: the same few bytes to all engines, and each sends them back.
//!
//! Besides the regular beat there is one as soon as an engine subscribes, so that a new engine is known to be alive
//! without waiting for the next regular one.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use anympi_zmq::{Error, Events, Multipart, PollItem, Socket, poll};

use crate::events::{Command, HubEvent, Uuid};
use crate::mailbox::{Mailbox, Sender};
use crate::malformed::Dropped;
use crate::relay::BATCH;

/// Extra beats for newcomers are at least this far apart.
const EXTRA_PAUSE: Duration = Duration::from_millis(20);

/// Sends beats and judges the answers.
pub struct HeartMonitor {
    /// XPUB to the engines, verbose.
    pub ping: Socket,
    /// ROUTER from the engines.
    pub pong: Socket,
    /// Time between regular beats.
    pub period: Duration,
    /// An engine that misses more than this many regular beats in a row is given up.
    pub misses_allowed: u32,
    /// Orders.
    pub mailbox: Mailbox<Command>,
    /// Who is told.
    pub hub: Sender<HubEvent>,
}

#[derive(Default)]
struct Heart {
    seen: bool,
    answered: bool,
    misses: u32,
}

impl HeartMonitor {
    /// Beat until told to stop.
    pub fn run(self) -> Result<(), Error> {
        let start = Instant::now();
        let mut dropped = Dropped::new("heartbeat");
        let mut hearts: HashMap<Uuid, Heart> = HashMap::new();
        // The beats of the last two periods: an answer to any of them counts.
        let mut beats: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
        let mut next_regular = start;
        let mut extra: Option<Instant> = None;
        let mut last_extra = start;
        let mut go_on = true;
        let mut frames = Multipart::new();
        while go_on {
            let now = Instant::now();
            let regular = now >= next_regular;
            if regular || extra.is_some_and(|time| now >= time) {
                if regular {
                    next_regular = now + self.period;
                    self.judge(&mut hearts);
                }
                extra = None;
                last_extra = now;
                let text = format!("{:?}", start.elapsed().as_secs_f64());
                self.ping.send(text.as_str())?;
                beats.push_back((now, text.into_bytes()));
                while beats.front().is_some_and(|(time, _)| now.duration_since(*time) > 2 * self.period) {
                    beats.pop_front();
                }
            }
            let next = extra.map_or(next_regular, |extra| extra.min(next_regular));
            let mut items = [
                PollItem::socket(&self.ping, Events::READABLE),
                PollItem::socket(&self.pong, Events::READABLE),
                PollItem::fd(self.mailbox.fd(), Events::READABLE),
            ];
            poll(&mut items, Some(next.saturating_duration_since(Instant::now())))?;
            let [ping, pong, mailbox] = items.each_ref().map(PollItem::is_readable);
            let mut newcomer = false;
            if mailbox {
                while self.mailbox.take(BATCH, |command| match command {
                    Command::Expect(uuid, _) => {
                        hearts.entry(uuid).or_default();
                        newcomer = true;
                    }
                    Command::Remove(uuid) => drop(hearts.remove(&uuid)),
                    Command::Stop => go_on = false,
                    // One that is registered without a beat (restored) is judged from now on.
                    Command::Add(uuid) => hearts.entry(uuid).or_default().seen = true,
                    Command::Submit(_) => {}
                }) {}
            }
            for _ in 0..if ping { BATCH } else { 0 } {
                if !self.ping.try_recv_into(&mut frames)? {
                    break;
                }
                newcomer |= frames.first().is_some_and(|frame| frame.first() == Some(&1));
            }
            for _ in 0..if pong { BATCH } else { 0 } {
                if !self.pong.try_recv_into(&mut frames)? {
                    break;
                }
                if let Err(reason) = self.answer(&frames, &mut hearts, &beats) {
                    dropped.note(reason);
                }
            }
            if newcomer && extra.is_none() {
                extra = Some(Instant::now().max(last_extra + EXTRA_PAUSE));
            }
        }
        Ok(())
    }

    /// At a regular beat: who has answered since the last one?
    fn judge(&self, hearts: &mut HashMap<Uuid, Heart>) {
        hearts.retain(|uuid, heart| {
            // One that was never seen is the hub's matter: it has a time limit for registrations.
            if std::mem::take(&mut heart.answered) || !heart.seen {
                heart.misses = 0;
                return true;
            }
            heart.misses += 1;
            if heart.misses > self.misses_allowed {
                self.hub.send(HubEvent::HeartStopped(uuid.clone()));
                return false;
            }
            true
        });
    }

    fn answer(
        &self,
        frames: &Multipart,
        hearts: &mut HashMap<Uuid, Heart>,
        beats: &VecDeque<(Instant, Vec<u8>)>,
    ) -> Result<(), &'static str> {
        let [uuid, beat] = frames.as_slice() else { return Err("a heartbeat has two frames") };
        let uuid = std::str::from_utf8(uuid).map_err(|_| "the identity is no uuid")?;
        let Some((known, _)) = hearts.get_key_value(uuid) else {
            return Err("a heartbeat of an engine that is not registered");
        };
        let known = known.clone();
        if !beats.iter().rev().any(|(_, sent)| sent[..] == beat[..]) {
            return Err("a heartbeat that was not sent in the last two periods");
        }
        if let Some(heart) = hearts.get_mut(uuid) {
            heart.answered = true;
            if !std::mem::replace(&mut heart.seen, true) {
                self.hub.send(HubEvent::FirstBeat(known));
            }
        }
        Ok(())
    }
}
