//! What the user is told while a cluster starts and runs: a bar on a terminal, plain lines elsewhere, and from a process in
//! the background messages to the one in the foreground.

use anympi_wire::arguments::LogLevel;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::io::{IsTerminal, Write};

/// A message from the background process, one JSON object on each line.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Message {
    /// A line for the user.
    Line {
        /// The line.
        text: String,
    },
    /// So many of so many engines have registered.
    Progress {
        /// Registered.
        done: u32,
        /// Wanted.
        of: u32,
    },
    /// The cluster is up: the foreground process may leave.
    Up,
    /// The cluster failed: the foreground process reports and leaves with the code.
    Failed {
        /// The message.
        message: String,
        /// The exit code.
        code: u8,
    },
}

/// Where reports go.
enum Sink {
    Terminal(Option<ProgressBar>),
    Plain,
    Foreground,
}

/// Tells the user what happens, as much as he wants to know.
pub struct Report {
    level: LogLevel,
    sink: Sink,
    shown: u32,
}

impl Report {
    /// To standard error: with a moving bar if that is a terminal.
    pub fn to_user(level: LogLevel) -> Self {
        let sink = if std::io::stderr().is_terminal() { Sink::Terminal(None) } else { Sink::Plain };
        Self { level, sink, shown: 0 }
    }

    /// To the foreground process, over standard output.
    pub fn to_foreground(level: LogLevel) -> Self {
        Self { level, sink: Sink::Foreground, shown: 0 }
    }

    /// How much the user wants to know.
    pub fn level(&self) -> LogLevel {
        self.level
    }

    /// What may interest somebody who looks for an error.
    pub fn debug(&mut self, text: &str) {
        self.line(LogLevel::Debug, text);
    }

    /// What happens.
    pub fn info(&mut self, text: &str) {
        self.line(LogLevel::Info, text);
    }

    /// What may be wrong.
    pub fn warning(&mut self, text: &str) {
        self.line(LogLevel::Warning, &format!("warning: {text}"));
    }

    fn line(&mut self, level: LogLevel, text: &str) {
        if level < self.level {
            return;
        }
        let text = format!("ipcluster: {text}");
        match &self.sink {
            Sink::Terminal(Some(bar)) => bar.suspend(|| say(&text)),
            Sink::Terminal(None) | Sink::Plain => say(&text),
            Sink::Foreground => send(&Message::Line { text }),
        }
    }

    /// A line that a background process already made ready.
    pub fn relay(&mut self, text: &str) {
        match &self.sink {
            Sink::Terminal(Some(bar)) => bar.suspend(|| say(text)),
            _ => say(text),
        }
    }

    /// So many of so many engines have registered.
    pub fn progress(&mut self, done: u32, of: u32) {
        if self.level > LogLevel::Info || of == 0 {
            return;
        }
        match &mut self.sink {
            Sink::Terminal(bar) => {
                let bar = bar.get_or_insert_with(|| new_bar(of));
                bar.set_position(u64::from(done));
            }
            Sink::Plain => {
                // A log with a line for each of a thousand engines helps nobody.
                let step = of.div_ceil(10).max(1);
                if done == of || done >= self.shown + step {
                    self.shown = done;
                    say(&format!("ipcluster: {done} of {of} engines have registered"));
                }
            }
            Sink::Foreground => send(&Message::Progress { done, of }),
        }
    }

    /// The engines have all registered, or never will: no more progress.
    pub fn progress_ends(&mut self) {
        if let Sink::Terminal(bar) = &mut self.sink
            && let Some(bar) = bar.take()
        {
            bar.finish_and_clear();
        }
    }

    /// The cluster is up. A background process has nobody to talk to from here on, but its own log.
    pub fn up(&mut self) {
        self.progress_ends();
        if matches!(self.sink, Sink::Foreground) {
            send(&Message::Up);
            self.sink = Sink::Plain;
        }
    }

    /// Hands a failure to whoever listens; false when nobody but the caller can print it.
    pub fn failed(&mut self, message: &str, code: u8) -> bool {
        self.progress_ends();
        let listens = matches!(self.sink, Sink::Foreground);
        if listens {
            send(&Message::Failed { message: message.to_owned(), code });
        }
        listens
    }
}

fn new_bar(of: u32) -> ProgressBar {
    let bar = ProgressBar::new(u64::from(of));
    if let Ok(style) = ProgressStyle::with_template("engines {bar:30} {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}

/// A line on standard error. If nobody reads it any more, the cluster must go on, so the error is dropped.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// The foreground process may be gone; then there is nobody to tell.
fn send(message: &Message) {
    if let Ok(text) = serde_json::to_string(message) {
        let mut output = std::io::stdout().lock();
        let _ = writeln!(output, "{text}").and_then(|()| output.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_pipe() {
        let messages = [
            Message::Line { text: "a\nb".into() },
            Message::Progress { done: 1, of: 2 },
            Message::Up,
            Message::Failed { message: "x".into(), code: 10 },
        ];
        for message in messages {
            let text = serde_json::to_string(&message).unwrap();
            assert!(!text.contains('\n'));
            assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message);
        }
    }
}
