//! `stop`: ends clusters, whoever started them, by their cluster files.
//!
//! A cluster of ours has a supervisor, the parent of its processes, that ends everything in order when it is asked. A
//! cluster of the stock program, or one whose supervisor was killed, is ended process by process.

use crate::cluster_file::{ClusterFile, Part, files_in, written};
use crate::failure::Failure;
use crate::options::StopArguments;
use crate::processes::{Entry, descendants, program_name, running, send_to, table};
use crate::report::Report;
use anympi_wire::{Profile, ProfileOptions, remove_file};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long processes may take to end before they are killed.
const GRACE: Duration = Duration::from_secs(5);
/// How long a supervisor may take: it grants the engines and the controller their grace one after the other.
const SUPERVISOR_GRACE: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(20);

/// Stops the clusters that the arguments name.
///
/// # Errors
///
/// [`Failure::AlreadyStopped`] when one of them does not run; the others are stopped nevertheless.
pub fn stop(arguments: &StopArguments, report: &mut Report) -> Result<(), Failure> {
    let signal = Signal::from_named_raw(arguments.signal)
        .ok_or_else(|| Failure::Usage(format!("{} is no signal", arguments.signal)))?;
    let mut result = Ok(());
    let files = files(arguments, report)?;
    for file in &files {
        if let Err(failure) = stop_one(file, signal, report) {
            if result.is_err() {
                report.warning(&failure.to_string());
            } else {
                result = Err(failure);
            }
        }
    }
    result
}

fn files(arguments: &StopArguments, report: &mut Report) -> Result<Vec<PathBuf>, Failure> {
    let options = arguments.profile.options();
    if arguments.all {
        let files = files_in(Profile::locate(&options)?.directory());
        if files.is_empty() {
            report.info("no clusters to stop");
        }
        return Ok(files);
    }
    if arguments.ids.is_empty() {
        return Ok(vec![Profile::locate(&options)?.cluster_file()]);
    }
    let of = |id: &String| {
        let options = ProfileOptions { cluster_id: Some(id.clone()), ..options.clone() };
        Ok(Profile::locate(&options)?.cluster_file())
    };
    arguments.ids.iter().map(of).collect()
}

fn stop_one(path: &Path, signal: Signal, report: &mut Report) -> Result<(), Failure> {
    if !path.exists() {
        return Err(Failure::AlreadyStopped(format!("no cluster runs here: there is no {}", path.display())));
    }
    let file = match ClusterFile::read(path) {
        Ok(file) => file,
        Err(error) => {
            forget(path)?;
            return Err(Failure::AlreadyStopped(format!("{error}; it was removed")));
        }
    };
    let parts = file.running(written(path));
    if parts.contains(&Part::Foreign) {
        let text = format!("{} has parts that only the program which started it can stop", path.display());
        return Err(Failure::Usage(text));
    }
    if parts.is_empty() {
        forget(path)?;
        let text =
            format!("the cluster had ended already; {} was left behind and is removed", path.display());
        return Err(Failure::AlreadyStopped(text));
    }
    report.info(&format!("stopping the cluster of {}", path.display()));
    let engines: Vec<Entry> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Engines(entry) => Some(*entry),
            _ => None,
        })
        .collect();
    let controllers: Vec<Entry> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Controller(entry) => Some(*entry),
            _ => None,
        })
        .collect();
    let supervisors = supervisors(&engines, &controllers);
    let everything: Vec<Entry> = families(&[engines.clone(), controllers.clone()].concat());
    if signal == Signal::KILL {
        // The supervisor first, or it would report the end of the others as a failure.
        for entry in supervisors.iter().chain(&everything) {
            send_to(entry, Signal::KILL);
        }
    } else {
        for supervisor in &supervisors {
            send_to(supervisor, signal);
        }
        if !supervisors.is_empty() {
            wait(&supervisors, SUPERVISOR_GRACE);
        }
        end(&engines, signal);
        end(&controllers, signal);
    }
    if let Some(left) = wait(&everything, GRACE).first() {
        return Err(Failure::WillNotDie(left.pid));
    }
    forget(path)
}

/// Our own programs that are parents of the processes and will end them in order.
fn supervisors(engines: &[Entry], controllers: &[Entry]) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    for entry in controllers.iter().chain(engines) {
        let ours = program_name(entry.parent).is_some_and(|name| name == "ipcluster");
        if let (true, Some(parent)) = (ours, running(entry.parent))
            && !found.contains(&parent)
        {
            found.push(parent);
        }
    }
    found
}

/// The processes with all that descend from them: a launcher's ranks leave its group, and become orphans with its end.
fn families(roots: &[Entry]) -> Vec<Entry> {
    let table = table();
    roots.iter().flat_map(|root| std::iter::once(*root).chain(descendants(&table, root.pid))).collect()
}

/// Asks processes to end, and kills what of them and their descendants is left after the grace.
fn end(roots: &[Entry], signal: Signal) {
    let family = families(roots);
    for root in roots {
        send_to(root, signal);
    }
    for left in wait(&family, GRACE) {
        send_to(&left, Signal::KILL);
    }
}

/// Waits for processes to end; which of them still run after that time.
fn wait(processes: &[Entry], patience: Duration) -> Vec<Entry> {
    let start = Instant::now();
    loop {
        let alive = |entry: &&Entry| running(entry.pid).is_some_and(|now| now.start == entry.start);
        let left: Vec<Entry> = processes.iter().filter(alive).copied().collect();
        if left.is_empty() || start.elapsed() > patience {
            return left;
        }
        std::thread::sleep(TICK);
    }
}

/// Removes the cluster file, and the connection files that belong to it.
fn forget(path: &Path) -> Result<(), Failure> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let id = name.strip_prefix("cluster-").and_then(|name| name.strip_suffix(".json")).unwrap_or_default();
    let middle = if id.is_empty() { String::new() } else { format!("{id}-") };
    for name in [
        name.clone(),
        format!("ipcontroller-{middle}client.json"),
        format!("ipcontroller-{middle}engine.json"),
    ] {
        let path = path.with_file_name(name);
        remove_file(&path).map_err(|source| Failure::File { doing: "cannot remove", path, source })?;
    }
    Ok(())
}
