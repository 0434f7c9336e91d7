//! What a process can see of who started it: variables, descriptors, parents, listening ports.
//!
//! Detection asks only through this trait, so that a test can replay what any launcher was recorded to leave behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// How many generations of parents are looked at: launchers sit one to three above a rank, wrappers add a few.
const GENERATIONS: usize = 12;

/// One process above this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    /// The kernel's short name of the process, at most 15 bytes.
    pub name: String,
    /// Path of the program it runs; unknown for a process of another user.
    pub executable: Option<PathBuf>,
}

impl Ancestor {
    /// An ancestor that runs the program at this path.
    pub fn running(executable: impl Into<PathBuf>) -> Self {
        let executable = executable.into();
        let name = executable.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { name, executable: Some(executable) }
    }
}

/// The view from inside a process.
pub trait Surroundings {
    /// Value of an environment variable; an empty one counts as absent.
    fn variable(&self, name: &str) -> Option<String>;
    /// Names of all environment variables, sorted.
    fn names(&self) -> Vec<String>;
    /// Whether the descriptor is open and a socket.
    fn is_socket(&self, descriptor: u32) -> bool;
    /// Whether a process of this machine listens on the TCP port.
    fn listens(&self, port: u16) -> bool;
    /// Whether a file or directory exists.
    fn exists(&self, path: &Path) -> bool;
    /// The parent, its parent and so on, nearest first.
    fn ancestors(&self) -> Vec<Ancestor>;
}

/// The process that asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThisProcess;

impl Surroundings for ThisProcess {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
        names.sort();
        names
    }

    fn is_socket(&self, descriptor: u32) -> bool {
        fs::read_link(format!("/proc/self/fd/{descriptor}"))
            .is_ok_and(|target| target.as_os_str().to_string_lossy().starts_with("socket:"))
    }

    fn listens(&self, port: u16) -> bool {
        let readable: Vec<_> = ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .filter_map(|table| fs::read_to_string(table).ok())
            .collect();
        // Without the tables nothing can be said against the port.
        readable.is_empty() || readable.iter().any(|table| table_has_listener(table, port))
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn ancestors(&self) -> Vec<Ancestor> {
        let mut ancestors = Vec::new();
        let mut process = "self".to_owned();
        while ancestors.len() < GENERATIONS {
            let Some(parent) =
                fs::read_to_string(format!("/proc/{process}/stat")).ok().and_then(|stat| parent_in(&stat))
            else {
                break;
            };
            if parent == 0 {
                break;
            }
            process = parent.to_string();
            let name =
                fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default().trim().to_owned();
            ancestors.push(Ancestor { name, executable: fs::read_link(format!("/proc/{process}/exe")).ok() });
        }
        ancestors
    }
}

/// Parent's id in the text of `/proc/PID/stat`; the second field is a name that may hold blanks and brackets.
fn parent_in(stat: &str) -> Option<u32> {
    stat.get(stat.rfind(')')? + 1..)?.split_whitespace().nth(1)?.parse().ok()
}

/// Whether a table in the form of `/proc/net/tcp` has the port in the state "listening" (0A).
fn table_has_listener(table: &str, port: u16) -> bool {
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace();
        let local = fields.nth(1).and_then(|address| address.rsplit(':').next());
        let state = fields.nth(1);
        state == Some("0A") && local.and_then(|hex| u16::from_str_radix(hex, 16).ok()) == Some(port)
    })
}

/// Surroundings written down: for tests, and to replay a report from a user's machine.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// The environment.
    pub variables: BTreeMap<String, String>,
    /// Descriptors that are open sockets.
    pub sockets: BTreeSet<u32>,
    /// TCP ports on which somebody listens.
    pub listeners: BTreeSet<u16>,
    /// Files and directories that exist.
    pub paths: BTreeSet<PathBuf>,
    /// The processes above, nearest first.
    pub ancestors: Vec<Ancestor>,
}

impl Surroundings for Recorded {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.variables.keys().cloned().collect()
    }

    fn is_socket(&self, descriptor: u32) -> bool {
        self.sockets.contains(&descriptor)
    }

    fn listens(&self, port: u16) -> bool {
        self.listeners.contains(&port)
    }

    fn exists(&self, path: &Path) -> bool {
        self.paths.contains(path)
    }

    fn ancestors(&self) -> Vec<Ancestor> {
        self.ancestors.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parent_survives_a_name_with_brackets() {
        assert_eq!(parent_in("12 (a) b) S 7 12 12 0 -1"), Some(7));
        assert_eq!(parent_in("garbage"), None);
    }

    #[test]
    fn only_listening_ports_count() {
        let table = "  sl  local_address rem_address   st\n   0: 0100007F:C20B 00000000:0000 0A 0\n   1: 0100007F:1F90 0100007F:C20B 01 0\n";
        assert!(table_has_listener(table, 0xC20B));
        assert!(!table_has_listener(table, 0x1F90));
    }

    #[test]
    fn this_process_sees_its_own_sockets_and_ports() {
        use std::os::fd::AsRawFd;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let descriptor = u32::try_from(listener.as_raw_fd()).unwrap();
        assert!(ThisProcess.is_socket(descriptor));
        assert!(ThisProcess.listens(port));
        let file = fs::File::open("/proc/self/stat").unwrap();
        assert!(!ThisProcess.is_socket(u32::try_from(file.as_raw_fd()).unwrap()));
        drop(listener);
        assert!(!ThisProcess.listens(port));
        assert!(!ThisProcess.ancestors().is_empty());
    }
}
