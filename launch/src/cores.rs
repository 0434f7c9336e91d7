//! How many ranks this machine can run before they share a core, counted as Open MPI counts its slots.

use std::collections::BTreeSet;
use std::fs;

/// Physical cores that this process may use.
///
/// Open MPI gives one slot to each core, not to each hardware thread, and refuses more ranks than slots.
/// Where the kernel does not tell cores from threads, the number of usable processors stands in.
pub fn physical_cores() -> usize {
    let usable = std::thread::available_parallelism().map_or(1, usize::from);
    let mut cores = BTreeSet::new();
    let allowed = fs::read_to_string("/proc/self/status").ok().and_then(|status| allowed_processors(&status));
    for processor in allowed.unwrap_or_default() {
        let topology = format!("/sys/devices/system/cpu/cpu{processor}/topology");
        let read = |file: &str| fs::read_to_string(format!("{topology}/{file}")).ok();
        match (read("physical_package_id"), read("core_id")) {
            (Some(package), Some(core)) => cores.insert((package, core)),
            _ => return usable,
        };
    }
    if cores.is_empty() { usable } else { cores.len().min(usable) }
}

/// Processors in the line `Cpus_allowed_list: 0-3,8` of `/proc/self/status`.
fn allowed_processors(status: &str) -> Option<Vec<usize>> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?.trim();
    let mut processors = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        processors.extend(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(processors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_processors() {
        let status = "Name:\tx\nCpus_allowed:\t10f\nCpus_allowed_list:\t0-3,8\n";
        assert_eq!(allowed_processors(status), Some(vec![0, 1, 2, 3, 8]));
        assert_eq!(allowed_processors("Name:\tx\n"), None);
        assert_eq!(allowed_processors("Cpus_allowed_list:\t0-x\n"), None);
    }

    #[test]
    fn this_machine_has_a_core() {
        let cores = physical_cores();
        assert!(cores >= 1 && cores <= std::thread::available_parallelism().unwrap().get());
    }
}
