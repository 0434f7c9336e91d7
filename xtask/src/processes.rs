//! Starting a program that starts others, and ending all of them.
//!
//! Everything that is started gets an IPYTHONDIR of its own in the environment, and children inherit it. So the processes
//! that belong to a run are found by that mark, wherever a launcher has put them, and exactly those are ended.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::failure::{Doing, Failure, Outcome};
use crate::step;

/// The variable whose value marks the processes of one run.
const MARK: &str = "IPYTHONDIR";

/// How often a waiting loop looks again.
const PAUSE: Duration = Duration::from_millis(20);

/// How long processes get to end after an interrupt.
const PATIENCE: Duration = Duration::from_secs(15);

/// Set by Ctrl-C and by a request to terminate; whoever waits looks at it.
#[derive(Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on Ctrl-C does not end this process but sets the flag.
    pub fn catch() -> Outcome<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP]
        {
            signal_hook::flag::register(signal, Arc::clone(&flag))
                .map_err(|error| Failure::new(format!("cannot catch signals: {error}")))?;
        }
        Ok(Self(flag))
    }

    /// An error when there was an interrupt.
    pub fn check(&self) -> Outcome<()> {
        if self.0.load(Ordering::Relaxed) { Err(Failure::new("interrupted")) } else { Ok(()) }
    }
}

/// A fresh IPython directory, with everything that was started in it.
pub struct Run {
    directory: tempfile::TempDir,
    interrupt: Interrupt,
}

impl Run {
    /// A run with an empty IPython directory.
    pub fn new(interrupt: &Interrupt) -> Outcome<Self> {
        let directory = tempfile::Builder::new()
            .prefix("anympi-")
            .tempdir()
            .map_err(|error| Failure::new(format!("cannot make a temporary directory: {error}")))?;
        Ok(Self { directory, interrupt: interrupt.clone() })
    }

    /// The IPython directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts `command` in the background with its output in `log`.
    pub fn start(&self, command: &mut Command, log: &Path) -> Outcome<Started> {
        if let Some(parent) = log.parent() {
            fs::create_dir_all(parent).doing("make", parent)?;
        }
        let file = File::create(log).doing("write", log)?;
        let errors = file.try_clone().doing("write", log)?;
        let program = PathBuf::from(command.get_program());
        let child = command
            .env(MARK, self.directory())
            // A process group of its own: a Ctrl-C at the terminal reaches this task, which then ends the run in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .doing("start", &program)?;
        Ok(Started { child, program, log: log.into(), interrupt: self.interrupt.clone() })
    }

    /// The processes of this run that are still there: their ids and command lines.
    pub fn processes(&self) -> Vec<(Pid, String)> {
        let mark = format!("{MARK}={}", self.directory().display());
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let numbered = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        numbered
            .filter(|pid| {
                // Unreadable: of another user, or already gone.
                fs::read(format!("/proc/{pid}/environ")).is_ok_and(|text| {
                    text.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
                })
            })
            .map(|pid| {
                let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                (
                    Pid::from_raw(pid),
                    String::from_utf8_lossy(&command).replace('\0', " ").trim_end().to_string(),
                )
            })
            .collect()
    }

    /// Waits for all processes of this run to end; those that do not are ended by force and returned.
    pub fn leftovers(&self, patience: Duration) -> Vec<String> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline && !self.processes().is_empty() {
            thread::sleep(PAUSE);
        }
        let left = self.processes();
        for (pid, _) in &left {
            // Gone in the meantime: nothing to end.
            let _ = kill(*pid, Signal::SIGKILL);
        }
        left.into_iter().map(|(pid, command)| format!("{pid} {command}")).collect()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.leftovers(Duration::ZERO);
    }
}

/// A program in the background.
pub struct Started {
    child: Child,
    program: PathBuf,
    log: PathBuf,
    interrupt: Interrupt,
}

impl Started {
    /// An error that shows the log when the program has ended, for a program that should still run.
    pub fn must_run(&mut self) -> Outcome<()> {
        match self.poll()? {
            None => Ok(()),
            Some(status) => Err(self.ended(status)),
        }
    }

    /// How the program ended, or nothing while it runs.
    pub fn poll(&mut self) -> Outcome<Option<ExitStatus>> {
        self.interrupt.check()?;
        self.child.try_wait().doing("wait for", &self.program)
    }

    /// Waits until the program has succeeded, while `beside` must go on running.
    pub fn finish(&mut self, beside: &mut Started, limit: Duration) -> Outcome<()> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.poll()? {
                return if status.success() { Ok(()) } else { Err(self.ended(status)) };
            }
            beside.must_run()?;
            if Instant::now() > deadline {
                let name = self.program.display();
                let limit = limit.as_secs();
                return Err(Failure::new(format!(
                    "{name} did not end in {limit} s; {}",
                    step::last_lines(&self.log)
                )));
            }
            thread::sleep(PAUSE);
        }
    }

    /// One Ctrl-C, then time to end. An error when it took too long; the program is ended in any case.
    pub fn interrupt_and_wait(&mut self) -> Outcome<()> {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // An error means that it has ended, which the loop below sees.
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.child.try_wait().doing("wait for", &self.program)?.is_some() {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        self.end();
        let (name, seconds) = (self.program.display(), PATIENCE.as_secs());
        Err(Failure::new(format!(
            "{name} still ran {seconds} s after Ctrl-C; {}",
            step::last_lines(&self.log)
        )))
    }

    fn ended(&self, status: ExitStatus) -> Failure {
        let name = self.program.display();
        Failure::new(format!("{name} ended too early or badly ({status}); {}", step::last_lines(&self.log)))
    }

    fn end(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // An interrupt first, so that a program which has started others can end them.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.interrupt_and_wait();
        }
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never() -> Interrupt {
        Interrupt(Arc::default())
    }

    /// A shell that can be interrupted even where the tests themselves run with SIGINT ignored, as background jobs of
    /// scripts do.
    fn shell(script: &str) -> Command {
        let mut command = Command::new("env");
        command.args(["--default-signal=INT", "sh", "-c", script]);
        command
    }

    #[test]
    fn a_grandchild_that_left_its_group_is_found_and_ended() {
        let run = Run::new(&never()).unwrap();
        let log = run.directory().join("log");
        let mut started = run.start(&mut shell("setsid sleep 600 & exit 0"), &log).unwrap();
        while started.child.try_wait().unwrap().is_none() {
            thread::sleep(PAUSE);
        }
        // Reparented and in another session, but marked.
        let left = run.leftovers(Duration::from_millis(100));
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(left[0].ends_with("sleep 600"), "{left:?}");
        assert_eq!(run.leftovers(Duration::from_secs(60)), Vec::<String>::new());
    }

    #[test]
    fn a_program_that_ends_on_interrupt_leaves_nothing() {
        let run = Run::new(&never()).unwrap();
        let log = run.directory().join("log");
        let mut started = run
            .start(&mut shell("trap 'exit 0' INT; echo ready; while :; do sleep 0.05; done"), &log)
            .unwrap();
        while !fs::read_to_string(&log).unwrap().contains("ready") {
            thread::sleep(PAUSE);
        }
        started.must_run().unwrap();
        started.interrupt_and_wait().unwrap();
        assert_eq!(run.leftovers(Duration::from_secs(60)), Vec::<String>::new());
    }

    #[test]
    fn an_early_end_shows_the_log() {
        let run = Run::new(&never()).unwrap();
        let log = run.directory().join("log");
        let mut beside =
            run.start(&mut shell("exec sleep 600"), &run.directory().join("beside.log")).unwrap();
        let mut started = run.start(&mut shell("echo the reason; exit 4"), &log).unwrap();
        let error = started.finish(&mut beside, Duration::from_secs(10)).unwrap_err().to_string();
        assert!(error.contains("exit status: 4") && error.contains("the reason"), "{error}");
    }

    #[test]
    fn an_interrupt_ends_the_wait() {
        let interrupt = never();
        let run = Run::new(&interrupt).unwrap();
        let mut started = run.start(&mut shell("exec sleep 600"), &run.directory().join("log")).unwrap();
        interrupt.0.store(true, Ordering::Relaxed);
        assert_eq!(started.must_run().unwrap_err().to_string(), "interrupted");
    }
}
