//! The table of processes: who descends from whom, who still runs, and how to end them by their numbers.
//!
//! A launcher's ranks leave its process group and session, and when it is killed they become orphans. As the subreaper of
//! everything it starts (see [`adopt_orphans`]) `ipcluster` stays their ancestor, and finds them here.

use rustix::process::{Pid, Signal, WaitOptions, kill_process, set_child_subreaper, waitpid};
use std::fs;
use std::time::{Duration, SystemTime};

/// One process, as `/proc/PID/stat` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub pid: i32,
    /// Its parent's number.
    pub parent: i32,
    /// Whether it ended and only waits to be reaped.
    pub ended: bool,
    /// When it started, in clock ticks since the machine did. With the number it names a process for good.
    pub start: u64,
}

impl Entry {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        let pid = stat.split_once(' ')?.0.parse().ok()?;
        let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().collect();
        let state = *fields.first()?;
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            ended: matches!(state, "Z" | "X"),
            start: fields.get(19)?.parse().ok()?,
        })
    }
}

/// All processes of this machine.
pub fn table() -> Vec<Entry> {
    let Ok(directory) = fs::read_dir("/proc") else { return Vec::new() };
    directory
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Entry::read)
        .collect()
}

/// Those of the table that descend from a process, without the process itself.
pub fn descendants(table: &[Entry], root: i32) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for entry in table.iter().filter(|entry| entry.parent == parent && entry.pid != parent) {
            found.push(*entry);
            parents.push(entry.pid);
        }
    }
    found
}

/// The process with this number, unless it ended.
pub fn running(pid: i32) -> Option<Entry> {
    Entry::read(pid).filter(|entry| !entry.ended)
}

/// The process with this number, if it is the one that was meant in a file written at that time: a process that started
/// later only has the same number.
pub fn running_since(pid: i32, written: SystemTime) -> Option<Entry> {
    let entry = running(pid)?;
    let Some(started) = start_time(entry.start) else { return Some(entry) };
    // Both clocks are coarse, so a second or two of doubt goes in favour of the process.
    (started <= written + Duration::from_secs(2)).then_some(entry)
}

fn start_time(ticks: u64) -> Option<SystemTime> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let boot: u64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(boot + ticks / per_second))
}

/// Name of the program that a process runs.
pub fn program_name(pid: i32) -> Option<String> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(path.file_name()?.to_string_lossy().trim_end_matches(" (deleted)").to_owned())
}

/// Sends a signal to a process; whether it was there to get it.
pub fn send(pid: i32, signal: Signal) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| kill_process(pid, signal).is_ok())
}

/// Sends a signal to that very process, not to a later one of the same number.
pub fn send_to(entry: &Entry, signal: Signal) -> bool {
    Entry::read(entry.pid).is_some_and(|now| now.start == entry.start && !now.ended)
        && send(entry.pid, signal)
}

/// Makes this process the new parent of every orphan among its descendants.
pub fn adopt_orphans() -> bool {
    // Any number but none switches it on; the kernel takes the calling process.
    set_child_subreaper(Some(rustix::process::getpid())).is_ok()
}

/// Removes ended orphans from the table. `own` are the children whose end their starter wants to see himself.
pub fn reap_orphans(own: &[i32]) {
    let this = rustix::process::getpid().as_raw_nonzero().get();
    for entry in table() {
        if entry.parent == this && entry.ended && !own.contains(&entry.pid) {
            // The answer does not matter: the process is gone either way.
            let _ = waitpid(Pid::from_raw(entry.pid), WaitOptions::NOHANG);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(pid: i32, parent: i32) -> Entry {
        Entry { pid, parent, ended: false, start: 0 }
    }

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let stat = "42 (a) (b) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1000 10 1844";
        assert_eq!(Entry::parse(stat), Some(Entry { pid: 42, parent: 7, ended: false, start: 12345 }));
        assert!(Entry::parse(&stat.replace(" S ", " Z ")).unwrap().ended);
        assert_eq!(Entry::parse("nonsense"), None);
    }

    #[test]
    fn descendants_are_all_generations() {
        let table =
            [entry(1, 0), entry(2, 1), entry(3, 2), entry(4, 2), entry(5, 3), entry(6, 1), entry(7, 9)];
        let mut found: Vec<_> = descendants(&table, 2).iter().map(|entry| entry.pid).collect();
        found.sort_unstable();
        assert_eq!(found, [3, 4, 5]);
    }

    #[test]
    fn a_number_used_again_is_another_process() {
        let this = rustix::process::getpid().as_raw_nonzero().get();
        assert!(running_since(this, SystemTime::now()).is_some());
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert_eq!(running_since(this, long_ago), None);
    }
}
