//! Signals by name or number, as `signal_request` gives them.

use serde_json::Value;

/// The names that Python's `signal` module has on Linux.
const NAMES: &[(&str, i32)] = &[
    ("SIGHUP", libc::SIGHUP),
    ("SIGINT", libc::SIGINT),
    ("SIGQUIT", libc::SIGQUIT),
    ("SIGILL", libc::SIGILL),
    ("SIGTRAP", libc::SIGTRAP),
    ("SIGABRT", libc::SIGABRT),
    ("SIGBUS", libc::SIGBUS),
    ("SIGFPE", libc::SIGFPE),
    ("SIGKILL", libc::SIGKILL),
    ("SIGUSR1", libc::SIGUSR1),
    ("SIGSEGV", libc::SIGSEGV),
    ("SIGUSR2", libc::SIGUSR2),
    ("SIGPIPE", libc::SIGPIPE),
    ("SIGALRM", libc::SIGALRM),
    ("SIGTERM", libc::SIGTERM),
    ("SIGCHLD", libc::SIGCHLD),
    ("SIGCONT", libc::SIGCONT),
    ("SIGSTOP", libc::SIGSTOP),
    ("SIGTSTP", libc::SIGTSTP),
    ("SIGTTIN", libc::SIGTTIN),
    ("SIGTTOU", libc::SIGTTOU),
    ("SIGURG", libc::SIGURG),
    ("SIGXCPU", libc::SIGXCPU),
    ("SIGXFSZ", libc::SIGXFSZ),
    ("SIGVTALRM", libc::SIGVTALRM),
    ("SIGPROF", libc::SIGPROF),
    ("SIGWINCH", libc::SIGWINCH),
    ("SIGIO", libc::SIGIO),
    ("SIGSYS", libc::SIGSYS),
];

/// The number of a signal given as `"SIGINT"`, `"INT"` or a number; `None` for anything else. 0 asks whether the process is there.
pub fn number(signal: &Value) -> Option<i32> {
    match signal {
        Value::Number(number) => {
            i32::try_from(number.as_i64()?).ok().filter(|number| (0..=64).contains(number))
        }
        Value::String(name) => {
            NAMES.iter().find(|(known, _)| known == name || &known[3..] == name).map(|(_, number)| *number)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(number(&"SIGINT".into()), Some(libc::SIGINT));
        assert_eq!(number(&"USR1".into()), Some(libc::SIGUSR1));
        assert_eq!(number(&15.into()), Some(libc::SIGTERM));
        assert_eq!(number(&0.into()), Some(0));
        for wrong in [Value::from("SIGNOPE"), 65.into(), (-9).into(), Value::Null, 2.5.into()] {
            assert_eq!(number(&wrong), None, "{wrong}");
        }
    }
}
