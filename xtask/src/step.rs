//! Running one long command: its output into a log file, its progress on the terminal, its last lines when it fails.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::{Doing, Failure, Outcome};

/// How many lines of a log are shown when its command failed.
const LAST_LINES: usize = 15;

/// Runs `command` under the heading `title`, with what it prints in `log`.
///
/// On a terminal its last line of output runs beside the title; elsewhere one line says when it begins and one when it ended.
pub fn run(title: &str, command: &mut Command, log: &Path) -> Outcome<()> {
    let progress = Progress::begin(title);
    let result = run_logged(command, log, |line| progress.line(line));
    match result {
        Ok(()) => {
            progress.done();
            Ok(())
        }
        Err(Ended::NotStarted(failure)) => {
            progress.failed();
            Err(failure)
        }
        Err(Ended::Badly(how)) => {
            progress.failed();
            Err(Failure::new(format!("{title} failed ({how}); {}", last_lines(log))))
        }
    }
}

/// The end of a log file as a part of a message: where it is and its last lines.
pub fn last_lines(log: &Path) -> String {
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    let mut message = format!("the log is {}", log.display());
    if !last.is_empty() {
        message.push_str(", its last lines:");
        for line in last {
            message.push_str("\n    ");
            message.push_str(line);
        }
    }
    message
}

/// Why a command did not succeed.
enum Ended {
    NotStarted(Failure),
    Badly(String),
}

fn run_logged(command: &mut Command, log: &Path, mut each: impl FnMut(&str)) -> Result<(), Ended> {
    let program = PathBuf::from(command.get_program());
    let mut start = || -> Outcome<_> {
        if let Some(directory) = log.parent() {
            std::fs::create_dir_all(directory).doing("make", directory)?;
        }
        let file = File::create(log).doing("write", log)?;
        // One pipe for both streams, so that the log has them in the order in which they were written.
        let (output, input) = std::io::pipe().doing("make a pipe for", &program)?;
        let errors = input.try_clone().doing("make a pipe for", &program)?;
        let child =
            command.stdin(Stdio::null()).stdout(input).stderr(errors).spawn().doing("start", &program)?;
        // The command keeps our ends of the pipe, which would never end.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok((file, output, child))
    };
    let (mut file, output, mut child) = start().map_err(Ended::NotStarted)?;
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        // The log is for reading after a failure: losing a line of it (a full disk) must not end the command.
        let _ = writeln!(file, "{line}");
        each(line.trim());
    }
    let status = child.wait().doing("wait for", &program).map_err(Ended::NotStarted)?;
    if status.success() { Ok(()) } else { Err(Ended::Badly(status.to_string())) }
}

/// One line that tells how far a step is.
struct Progress {
    title: String,
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Progress {
    fn begin(title: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner().with_message(title.to_string());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            eprintln!("{title} ...");
        }
        Self { title: title.to_string(), bar, started: Instant::now() }
    }

    fn line(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}: {line}", self.title));
        }
    }

    fn done(&self) {
        let text = format!("{}: done in {:.1} s", self.title, self.started.elapsed().as_secs_f64());
        match &self.bar {
            Some(bar) => bar.finish_with_message(text),
            None => eprintln!("{text}"),
        }
    }

    fn failed(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failed_step_names_its_log_and_shows_the_last_lines() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log/step.log");
        let error =
            run("trying", &mut shell("seq 1 20; echo why >&2; exit 3"), &log).unwrap_err().to_string();
        assert!(error.starts_with("trying failed (exit status: 3)"), "{error}");
        assert!(error.contains("step.log") && error.contains("why") && error.contains("\n    20"), "{error}");
        assert!(!error.contains("\n    5\n"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("/no/such/program");
        let error = run("trying", &mut command, &directory.path().join("log")).unwrap_err().to_string();
        assert!(error.contains("cannot start /no/such/program"), "{error}");
    }

    #[test]
    fn output_goes_to_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        run("trying", &mut shell("echo out; echo err >&2"), &log).unwrap();
        let text = std::fs::read_to_string(log).unwrap();
        assert!(text.contains("out") && text.contains("err"), "{text}");
    }
}
