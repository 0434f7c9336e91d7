//! One process that `ipcluster` started, with its log.

use crate::failure::Failure;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// How many lines of a log are shown when its process fails.
const SHOWN_LINES: usize = 40;
/// How much of the end of a log is read to find them.
const SHOWN_BYTES: u64 = 64 * 1024;

/// A process that was started, and how it ended if it did.
#[derive(Debug)]
pub struct Started {
    /// What it is, for messages: `ipcontroller`, `engine 2`, `mpiexec`.
    pub name: String,
    /// File that gets its output.
    pub log: PathBuf,
    child: Child,
    status: Option<ExitStatus>,
}

impl Started {
    /// Starts a command with its output in a log, no input, and in a process group of its own, so that the terminal's
    /// Ctrl-C reaches `ipcluster` alone.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self, Failure> {
        let cannot = |source| Failure::Log { path: log.to_owned(), source };
        let output = OpenOptions::new().create(true).append(true).open(log).map_err(cannot)?;
        let errors = output.try_clone().map_err(cannot)?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let program = command.get_program().to_owned();
        let child =
            command.spawn().map_err(|source| Failure::Start { name: name.to_owned(), program, source })?;
        Ok(Self { name: name.to_owned(), log: log.to_owned(), child, status: None })
    }

    /// Number of the process.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(-1)
    }

    /// How it ended; none while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// The last lines that it wrote, indented.
    pub fn last_lines(&self) -> String {
        last_lines(&self.log)
    }
}

/// The end of a log, each line indented; a remark instead when there is nothing.
fn last_lines(log: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(SHOWN_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    if lines.iter().all(|line| line.trim().is_empty()) {
        return format!("    (it wrote nothing to {})", log.display());
    }
    let first = lines.len().saturating_sub(SHOWN_LINES);
    let shown: Vec<String> = lines.iter().skip(first).map(|line| format!("    {line}")).collect();
    format!("{}\n    (log: {})", shown.join("\n"), log.display())
}

/// How a process ended, as the end of a sentence.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// A command line as one would type it, for messages.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quote(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A command from its words, the first of which is the program.
pub fn command(words: &[OsString]) -> Command {
    let (program, arguments) =
        words.split_first().map_or((OsString::new(), &[][..]), |(first, rest)| (first.clone(), rest));
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Removes logs of earlier controllers and engines, except those that a cluster still writes.
pub fn remove_old_logs(directory: &Path, in_use: &[PathBuf]) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let ours = name.starts_with("ipengine-") || name.starts_with("ipcontroller-");
        let kind = [".log", ".err", ".out"].iter().any(|suffix| name.ends_with(suffix));
        if ours && kind && !in_use.contains(&path) {
            // A log that cannot be removed does no harm.
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_log_is_shown() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("x.log");
        assert!(last_lines(&log).contains("wrote nothing"));
        fs::write(&log, (0..100).map(|line| format!("line {line}\n")).collect::<String>()).unwrap();
        let text = last_lines(&log);
        assert!(text.starts_with("    line 60\n") && text.contains("    line 99\n"), "{text}");
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("/bin/echo");
        command.args(["a", "b c", "it's", ""]);
        assert_eq!(shown(&command), "/bin/echo a 'b c' 'it'\\''s' ''");
    }

    #[test]
    fn old_logs_go_and_living_ones_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in
            ["ipengine-1.log", "ipcontroller-2.log", "ipcontroller-3.log", "notes.log", "engines.json"]
        {
            fs::write(path(name), "").unwrap();
        }
        remove_old_logs(directory.path(), &[path("ipcontroller-3.log")]);
        let left = |name: &str| path(name).exists();
        assert!(!left("ipengine-1.log") && !left("ipcontroller-2.log"));
        assert!(left("ipcontroller-3.log") && left("notes.log") && left("engines.json"));
    }
}
