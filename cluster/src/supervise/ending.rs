//! The end of a cluster: engines first, the controller last, nothing left.

use super::{GRACE, Stop, Supervisor, TICK, remove};
use crate::child::Started;
use crate::failure::Failure;
use crate::processes::{Entry, descendants, reap_orphans, send, send_to, table};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::time::Instant;

impl Supervisor<'_> {
    /// Ends the engines, then the controller, then whatever is left, and removes the files.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        self.watch = None;
        for engine in &mut self.engines {
            if engine.ended().is_none() {
                send(engine.pid(), Signal::TERM);
            }
        }
        self.await_end(false);
        if let Some(controller) = &mut self.controller
            && controller.ended().is_none()
        {
            let pid = controller.pid();
            send(pid, Signal::TERM);
        }
        self.await_end(true);
        self.ended = true;
        let left = self.remaining(true);
        let profile = &self.plan.profile;
        if let Some(controller) = &self.plan.controller
            && self.controller.is_some()
            && !controller.reuses()
        {
            // A controller that was killed could not do it itself.
            remove(&profile.client_file())?;
            remove(&profile.engine_file())?;
        }
        if self.controller.is_some() || !self.engines.is_empty() {
            self.update_file()?;
        }
        left.first().map_or(Ok(()), |entry| Err(Failure::WillNotDie(entry.pid)))
    }

    /// Processes of the cluster that still run: those of the engines, or all of them.
    pub(super) fn remaining(&mut self, with_controller: bool) -> Vec<Entry> {
        reap_orphans(&self.own());
        self.engines.iter_mut().chain(&mut self.controller).for_each(|started| {
            started.ended();
        });
        let table = table();
        let this = rustix::process::getpid().as_raw_nonzero().get();
        let controller = self.controller.as_ref().map(Started::pid);
        let spared: Vec<i32> = match controller.filter(|_| !with_controller) {
            Some(pid) => descendants(&table, pid).iter().map(|entry| entry.pid).chain([pid]).collect(),
            None => Vec::new(),
        };
        let mut remaining = descendants(&table, this);
        remaining.retain(|entry| !entry.ended && !spared.contains(&entry.pid));
        remaining
    }

    /// Waits for processes to end. Orphans are asked as soon as their launcher is gone; whoever outstays the grace, or a
    /// second signal, is killed.
    pub(super) fn await_end(&mut self, with_controller: bool) {
        let start = Instant::now();
        let mut asked = BTreeSet::new();
        loop {
            let remaining = self.remaining(with_controller);
            if remaining.is_empty() {
                return;
            }
            let own = self.own();
            let launchers_left = remaining.iter().any(|entry| own.contains(&entry.pid));
            if self.hurry || start.elapsed() > GRACE {
                for entry in &remaining {
                    send_to(entry, Signal::KILL);
                }
                // Only the kernel can hold a process now; it gets as long again before that is reported.
                if start.elapsed() > 2 * GRACE {
                    return;
                }
            } else if !launchers_left {
                for entry in &remaining {
                    if asked.insert((entry.pid, entry.start)) {
                        send_to(entry, Signal::TERM);
                    }
                }
            }
            if matches!(self.next_event(TICK), Err(Stop::Asked)) && !self.hurry {
                self.hurry = true;
                self.report.warning("killing what has not ended yet");
            }
        }
    }
}

impl Drop for Supervisor<'_> {
    /// Only after a panic is there anything left to end.
    fn drop(&mut self) {
        if !self.ended {
            for entry in self.remaining(true) {
                send_to(&entry, Signal::KILL);
            }
        }
    }
}
