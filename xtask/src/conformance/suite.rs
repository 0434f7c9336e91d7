//! Running the suite to its end: where a process dies or hangs, that test has its result, and the others run without it.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::failure::{Doing, Failure, Outcome};
use crate::processes::{Interrupt, Run};
use crate::setup::abi_mpi4py;
use crate::step;
use crate::workspace::Workspace;

use super::library::{Library, Way};
use super::results::{End, Notes, Results, Verdict, collect};
use super::unsteady::{self, MOST_REPEATS, may_hang};

/// How long no rank may come further before the suite counts as hung. Single tests compute for a minute on a busy machine.
const STANDSTILL: Duration = Duration::from_secs(240);

/// How long one run may take in all: ranks that spin on too few cores take the better part of it.
const LIMIT: Duration = Duration::from_secs(5400);

/// The same in a test that [may hang](may_hang), for such tests take a second each.
const SHORT_STANDSTILL: Duration = Duration::from_secs(30);

/// How often the suite is started again after a crash or a hang.
const MOST_STARTS: usize = 20;

/// How long processes may take to be gone after their launcher.
const GONE: Duration = Duration::from_secs(5);

/// How often the waiting loop looks.
const PAUSE: Duration = Duration::from_millis(250);

/// The test that a process is in which ends badly before the first one.
const AT_THE_START: &str = "the start of the program";

/// The test that a process is in which ends badly after the last one.
const AT_THE_END: &str = "the end of the program";

/// One run of the suite that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// On which library.
    pub library: &'a Library,
    /// With how many ranks.
    pub ranks: usize,
    /// Through which library.
    pub way: Way,
    /// Only modules with this in their name.
    pub filter: Option<&'a str>,
}

impl Job<'_> {
    /// For people.
    pub fn title(&self) -> String {
        let plural = if self.ranks == 1 { "" } else { "s" };
        format!("{} {}, {} rank{plural}", self.library.name, self.way.name(), self.ranks)
    }

    /// Where the output of the first start goes; the others have their number in the name.
    pub fn log(&self, workspace: &Workspace, start: usize) -> PathBuf {
        let again = if start == 0 { String::new() } else { format!("-{}", start + 1) };
        let name = format!("mpi4py-{}-{}-{}{again}.log", self.library.name, self.way.name(), self.ranks);
        workspace.logs().join(name)
    }

    /// Whether a rank is in a test that may hang.
    fn is_where_it_may_hang(&self, files: &[PathBuf]) -> Outcome<bool> {
        for file in files {
            if Notes::read(file)?.begun_last().is_some_and(|id| may_hang(&self.library.name, id)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Runs it; `progress` is told from time to time how many tests have ended on the slowest rank.
    pub fn run(
        &self,
        workspace: &Workspace,
        interrupt: &Interrupt,
        mut progress: impl FnMut(usize),
    ) -> Outcome<Results> {
        let mut results = Results::default();
        let deadline = Instant::now() + LIMIT;
        let mut repeats = 0;
        for start in 0..MOST_STARTS {
            let log = self.log(workspace, start);
            let before = results.tests.len();
            let (ranks, cut) = self.start(workspace, interrupt, &results, &log, deadline, |ended| {
                progress(before + ended);
            })?;
            if self.way == Way::Native && results.tests.is_empty() && ranks.iter().all(Notes::is_empty) {
                // A library that mpi4py cannot even be imported on.
                results.library = self.library.pinned_version().unwrap_or_default();
                results.add(AT_THE_START, cut);
                return Ok(results);
            }
            let stopped = collect(&mut results, &ranks, &cut)
                .map_err(|failure| Failure::new(format!("{failure}; {}", step::last_lines(&log))))?;
            if let Some(stopped) = stopped {
                if cut.verdict == Verdict::Hung
                    && repeats < MOST_REPEATS
                    && may_hang(&self.library.name, &stopped)
                {
                    repeats += 1;
                    results.tests.remove(&stopped);
                    eprintln!("{}: {stopped} hung, as it may natively: once more", self.title());
                }
            } else {
                if cut.verdict.is_bad() {
                    results.add(AT_THE_END, cut);
                }
                self.library.check(workspace, self.way, &results.files)?;
                return Ok(results);
            }
        }
        let log = self.log(workspace, MOST_STARTS - 1);
        Err(Failure::new(format!(
            "the suite crashed or hung {MOST_STARTS} times, in a different test each time; {}",
            step::last_lines(&log)
        )))
    }

    /// Starts the suite without the tests that are decided. Returns what every rank noted and how the launcher ended.
    fn start(
        &self,
        workspace: &Workspace,
        interrupt: &Interrupt,
        decided: &Results,
        log: &Path,
        deadline: Instant,
        mut progress: impl FnMut(usize),
    ) -> Outcome<(Vec<Notes>, End)> {
        let run = Run::new(interrupt)?;
        let (links, notes) = (run.directory().join("lib"), run.directory().join("notes"));
        for directory in [&links, &notes] {
            std::fs::create_dir(directory).doing("make", directory)?;
        }
        let left_out = run.directory().join("decided");
        let classes = unsteady::left_out(&self.library.name, self.ranks).flat_map(|entry| entry.classes);
        let lines = decided.tests.keys().map(String::as_str).chain(classes.copied());
        std::fs::write(&left_out, lines.flat_map(|line| [line, "\n"]).collect::<String>())
            .doing("write", &left_out)?;

        let mut command = self.library.python(workspace, self.way, self.ranks, &links)?;
        command.arg(workspace.asset("suite.py")).arg(abi_mpi4py::tests(workspace)).arg(&notes).arg(&left_out);
        command.args(["--no-builddir", "-v"]);
        if let Some(filter) = self.filter {
            command.args(["-i", filter]);
        }
        // Files that tests make, and sockets of the launcher's.
        command.current_dir(run.directory());
        let mut started = run.start(&mut command, log)?;

        let files: Vec<PathBuf> = (0..self.ranks).map(|rank| notes.join(format!("{rank}.jsonl"))).collect();
        let (mut seen, mut since) = (0, Instant::now());
        let end = loop {
            if let Some(status) = started.poll()? {
                break ended(status);
            }
            let written = written(&files);
            if written > seen {
                (seen, since) = (written, Instant::now());
                progress(tests_ended(&files)?);
            }
            let still = since.elapsed();
            let reason =
                if still > STANDSTILL || still > SHORT_STANDSTILL && self.is_where_it_may_hang(&files)? {
                    format!("no rank came further for {} s", still.as_secs())
                } else if Instant::now() > deadline {
                    format!("the suite took more than {} s", LIMIT.as_secs())
                } else {
                    std::thread::sleep(PAUSE);
                    continue;
                };
            break End { verdict: Verdict::Hung, reason };
        };
        if end.verdict == Verdict::Hung {
            // Not asked to end first: processes that hang have shown that they do not listen.
            run.leftovers(Duration::ZERO);
        }
        drop(started);
        run.leftovers(GONE);
        let ranks = files.iter().map(|file| Notes::read(file)).collect::<Outcome<Vec<_>>>()?;
        Ok((ranks, end))
    }
}

/// The suite's own exit code says only whether it came to its end.
fn ended(status: ExitStatus) -> End {
    if status.success() {
        End { verdict: Verdict::Passed, reason: String::new() }
    } else {
        End { verdict: Verdict::Crashed, reason: format!("the launcher ended with {status}") }
    }
}

/// The bytes of notes that there are.
fn written(files: &[PathBuf]) -> u64 {
    files.iter().filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn tests_ended(files: &[PathBuf]) -> Outcome<usize> {
    let mut fewest = usize::MAX;
    for file in files {
        fewest = fewest.min(Notes::read(file)?.progress());
    }
    Ok(fewest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn an_exit_code_says_how_the_program_ended() {
        assert_eq!(ended(ExitStatus::from_raw(0)).verdict, Verdict::Passed);
        let end = ended(ExitStatus::from_raw(11));
        assert_eq!(end.verdict, Verdict::Crashed);
        assert!(end.reason.contains("signal: 11"), "{end:?}");
    }
}
