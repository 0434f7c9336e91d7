//! The connection files: what clients and engines need to reach a controller.

use std::io::Write;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{SchemeError, Signer, address};

/// Why a connection file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// There is no such file.
    #[error("there is no connection file {}: no controller runs with this profile; start one with `ipcontroller` or `ipcluster start`", path.display())]
    Missing {
        /// Where it was expected.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the connection file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not a connection file.
    #[error(
        "{origin} is damaged or no connection file: {reason}; restart the controller to have it written anew"
    )]
    Damaged {
        /// The file's path or the variable's name.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody listens where the file says.
    #[error(
        "{origin} is stale: nothing answers at {endpoint}; start the controller again, or give the right file"
    )]
    Stale {
        /// The file's path or the variable's name.
        origin: String,
        /// Where a controller was expected.
        endpoint: String,
    },
    /// The file asks for what this program cannot do.
    #[error("{origin} asks for {what}")]
    Unsupported {
        /// The file's path or the variable's name.
        origin: String,
        /// What it asks for.
        what: String,
    },
    /// The file cannot be written.
    #[error("cannot write the connection file {}: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The file for clients, `ipcontroller-client.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientConnection {
    /// `[user@]server[:port]` to tunnel through, or empty.
    #[serde(default)]
    pub ssh: String,
    /// Protocol and address, such as `tcp://127.0.0.1`.
    pub interface: String,
    /// Port of registration and queries.
    pub registration: u16,
    /// Port of the control relay.
    pub control: u16,
    /// Port of the direct relay.
    pub mux: u16,
    /// Port of the load-balanced scheduler.
    pub task: u16,
    /// How that scheduler chooses.
    pub task_scheme: String,
    /// Port of the engines' output.
    pub iopub: u16,
    /// Port of news about engines.
    pub notification: u16,
    /// Port of the broadcast scheduler.
    pub broadcast: u16,
    /// The key that signs messages; empty means that they are not signed.
    pub key: String,
    /// The controller's public CURVE key, when it encrypts.
    #[serde(default)]
    pub curve_serverkey: Option<String>,
    /// The controller's host name or address.
    #[serde(default)]
    pub location: String,
    /// How messages are written; only `json` (or its faster kin) is supported.
    pub pack: String,
    /// How messages are read.
    pub unpack: String,
    /// Such as `hmac-sha256`.
    pub signature_scheme: String,
}

/// The file for engines, `ipcontroller-engine.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineConnection {
    /// `[user@]server[:port]` to tunnel through, or empty.
    #[serde(default)]
    pub ssh: String,
    /// Protocol and address, such as `tcp://127.0.0.1`.
    pub interface: String,
    /// Port of registration.
    pub registration: u16,
    /// Port of the control relay.
    pub control: u16,
    /// Port of the direct relay.
    pub mux: u16,
    /// Port of the load-balanced scheduler.
    pub task: u16,
    /// Port to which output is published.
    pub iopub: u16,
    /// Port from which heartbeats come.
    pub hb_ping: u16,
    /// Port to which heartbeats are returned.
    pub hb_pong: u16,
    /// Ports of the broadcast scheduler's leaves; engine `id` connects to the one at `id % length`.
    pub broadcast: Vec<u16>,
    /// The key that signs messages; empty means that they are not signed.
    #[serde(default)]
    pub key: String,
    /// The controller's public CURVE key, when it encrypts.
    #[serde(default)]
    pub curve_serverkey: Option<String>,
    /// The controller's host name or address.
    #[serde(default)]
    pub location: String,
    /// How messages are written; only `json` (or its faster kin) is supported.
    pub pack: String,
    /// How messages are read.
    pub unpack: String,
    /// Such as `hmac-sha256`.
    pub signature_scheme: String,
}

macro_rules! connection {
    ($type:ident) => {
        impl $type {
            /// Read and check a file.
            pub fn read(path: &Path) -> Result<Self, ConnectionError> {
                let text = read_text(path)?;
                Self::parse(&text, &path.display().to_string())
            }

            /// Check a connection given as text; `origin` names where it is from in errors.
            pub fn parse(text: &str, origin: &str) -> Result<Self, ConnectionError> {
                let connection: Self = parse_json(text, origin)?;
                check(
                    &connection.interface,
                    &connection.pack,
                    &connection.unpack,
                    &connection.ports(),
                    origin,
                )?;
                if connection.curve_serverkey.is_some() {
                    let what = "CURVE encryption, which this version does not speak".to_string();
                    return Err(ConnectionError::Unsupported { origin: origin.to_string(), what });
                }
                connection.signer().map_err(|error| ConnectionError::Unsupported {
                    origin: origin.to_string(),
                    what: error.to_string(),
                })?;
                Ok(connection)
            }

            /// Write the file so that a reader sees all of it or nothing, with mode 0600.
            pub fn write(&self, path: &Path) -> Result<(), ConnectionError> {
                let fail = |source| ConnectionError::Unwritable { path: path.to_path_buf(), source };
                let mut text = serde_json::to_vec_pretty(self).map_err(|error| fail(error.into()))?;
                text.push(b'\n');
                write_private(path, &text).map_err(fail)
            }

            /// What signs and verifies with the file's key.
            pub fn signer(&self) -> Result<Signer, SchemeError> {
                Signer::new(&self.signature_scheme, self.key.as_bytes())
            }

            /// The endpoint of a port, as seen from this machine.
            pub fn endpoint(&self, port: u16) -> String {
                format!("{}:{port}", address::disambiguate(&self.interface, &self.location))
            }

            /// Whether somebody listens at the registration port, waiting at most that long for each address.
            ///
            /// A file that a killed controller left behind is thus recognised before anything is started.
            pub fn check_answering(&self, origin: &str, timeout: Duration) -> Result<(), ConnectionError> {
                let endpoint = self.endpoint(self.registration);
                if !self.ssh.is_empty() || answers(&endpoint, timeout) {
                    return Ok(());
                }
                Err(ConnectionError::Stale { origin: origin.to_string(), endpoint })
            }
        }
    };
}

connection!(ClientConnection);
connection!(EngineConnection);

impl ClientConnection {
    fn ports(&self) -> Vec<u16> {
        let Self { registration, control, mux, task, iopub, notification, broadcast, .. } = *self;
        vec![registration, control, mux, task, iopub, notification, broadcast]
    }
}

impl EngineConnection {
    fn ports(&self) -> Vec<u16> {
        let Self { registration, control, mux, task, iopub, hb_ping, hb_pong, .. } = *self;
        let mut ports = vec![registration, control, mux, task, iopub, hb_ping, hb_pong];
        // No leaf at all is as wrong as a port 0.
        ports.extend(if self.broadcast.is_empty() { &[0] } else { &self.broadcast[..] });
        ports
    }

    /// The broadcast port of the engine with this id.
    pub fn broadcast_port(&self, id: u64) -> Option<u16> {
        let count = u64::try_from(self.broadcast.len()).ok()?;
        let index = id.checked_rem(count)?;
        self.broadcast.get(usize::try_from(index).ok()?).copied()
    }
}

fn read_text(path: &Path) -> Result<String, ConnectionError> {
    std::fs::read(path)
        .map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => ConnectionError::Missing { path: path.to_path_buf() },
            _ => ConnectionError::Unreadable { path: path.to_path_buf(), source },
        })
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn parse_json<T: DeserializeOwned>(text: &str, origin: &str) -> Result<T, ConnectionError> {
    let damaged = |reason: String| ConnectionError::Damaged { origin: origin.to_string(), reason };
    if text.trim().is_empty() {
        return Err(damaged("it is empty".to_string()));
    }
    serde_json::from_str(text).map_err(|error| damaged(error.to_string()))
}

fn check(
    interface: &str,
    pack: &str,
    unpack: &str,
    ports: &[u16],
    origin: &str,
) -> Result<(), ConnectionError> {
    let damaged = |reason: String| ConnectionError::Damaged { origin: origin.to_string(), reason };
    match interface.split_once("://") {
        Some(("tcp", host)) if !host.is_empty() => {}
        _ => return Err(damaged(format!("`{interface}` is no interface such as tcp://127.0.0.1"))),
    }
    if ports.contains(&0) {
        return Err(damaged("a port is 0 or missing".to_string()));
    }
    for name in [pack, unpack] {
        if !matches!(name, "json" | "orjson") {
            let what = format!("messages written as `{name}`; only json is supported");
            return Err(ConnectionError::Unsupported { origin: origin.to_string(), what });
        }
    }
    Ok(())
}

fn answers(endpoint: &str, timeout: Duration) -> bool {
    let Some((_, address)) = endpoint.split_once("://") else { return false };
    let Ok(addresses) = address.to_socket_addrs() else { return false };
    addresses.into_iter().any(|address| TcpStream::connect_timeout(&address, timeout).is_ok())
}

/// Remove a file; that it is not there is fine.
pub fn remove_file(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Give a directory the mode 0700.
pub(crate) fn make_private(directory: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700))?;
    }
    let _ = directory;
    Ok(())
}

/// Write beside the file, with mode 0600 from the start, then rename.
fn write_private(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.is_dir() {
        std::fs::create_dir_all(directory)?;
        make_private(directory)?;
    }
    // Files made by this crate are readable by their owner only.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
