//! Signals as events of the supervisor.

use crate::failure::Failure;
use crate::supervise::Event;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;
use std::sync::mpsc::Sender;

/// Whether a signal asks the cluster to end.
pub fn asks_to_end(signal: i32) -> bool {
    matches!(signal, SIGINT | SIGTERM | SIGHUP)
}

/// Whether a signal is meant for the engines.
pub fn is_for_engines(signal: i32) -> bool {
    matches!(signal, SIGUSR1 | SIGUSR2)
}

/// Begins to turn signals into events. The terminal's end stays ignored where this process was started to ignore it, as
/// `nohup` does. Ctrl-C does not: a shell lets programs in its background ignore it, but who sends it by hand means it.
pub fn forward(events: Sender<Event>) -> Result<(), Failure> {
    let keep_hangup = ignored_signals() & (1 << (SIGHUP - 1)) != 0;
    let wanted = [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD];
    let wanted = wanted.into_iter().filter(|signal| !(*signal == SIGHUP && keep_hangup));
    let fail = |source| Failure::System { doing: "cannot listen for signals", source };
    let mut signals = Signals::new(wanted).map_err(fail)?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                if events.send(Event::Signal(signal)).is_err() {
                    break;
                }
            }
        })
        .map_err(fail)?;
    Ok(())
}

/// The mask of ignored signals that this process was started with.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
