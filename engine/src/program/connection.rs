//! Finding the controller.

use std::path::Path;
use std::time::{Duration, Instant};

use anympi_wire::{ConnectionError, EngineConnection, variables};
use thiserror::Error;

/// How often to look for a file that is not there yet.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a file that leads nowhere may take to be replaced: a controller that starts at the same time writes it anew.
const REPLACEMENT: Duration = Duration::from_secs(2);
/// How long a controller may take to accept a connection.
const ANSWER: Duration = Duration::from_secs(3);

/// No controller.
#[derive(Debug, Error)]
pub enum NoController {
    /// The file did not come.
    #[error(
        "the connection file {} did not appear within {seconds} s: no controller runs with this profile; start one with `ipcontroller` or `ipcluster start`, or name its file with --file", path.display()
    )]
    NeverCame {
        /// Where it was expected
        path: std::path::PathBuf,
        /// How long was waited
        seconds: f64,
    },
    /// The file is not usable.
    #[error(transparent)]
    Unusable(#[from] ConnectionError),
    /// The file or the user wants a tunnel.
    #[error(
        "{0} asks for an ssh tunnel, which this engine cannot make; open the tunnel yourself, or let the controller listen on an address that this machine reaches (ipcontroller --ip)"
    )]
    Tunnel(String),
}

/// The connection in `$IPP_CONNECTION_INFO`, else in the file, which may come within `wait`.
pub fn find(file: &Path, wait: Duration, location: Option<&str>) -> Result<EngineConnection, NoController> {
    let mut connection = match variables::get(variables::IPP_CONNECTION_INFO) {
        Some(text) => {
            usable(EngineConnection::parse(&text, "$IPP_CONNECTION_INFO"), "$IPP_CONNECTION_INFO", location)?
        }
        None => read(file, wait, location)?,
    };
    if connection.key.is_empty()
        && let Some(key) = variables::get(variables::IPP_SESSION_KEY)
    {
        connection.key = key;
    }
    Ok(connection)
}

fn read(file: &Path, wait: Duration, location: Option<&str>) -> Result<EngineConnection, NoController> {
    let begin = Instant::now();
    let mut waiting = false;
    let mut unusable_since = None;
    loop {
        let origin = format!("the connection file {}", file.display());
        let error = match usable(EngineConnection::read(file), &origin, location) {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        let patience = match &error {
            NoController::Unusable(ConnectionError::Missing { .. }) => {
                if !waiting {
                    tracing::warn!("waiting up to {} s for {}", wait.as_secs_f64(), file.display());
                    waiting = true;
                }
                begin.elapsed() < wait
            }
            // The stock controller does not write its files in one step, and a dead one leaves its own.
            NoController::Unusable(ConnectionError::Damaged { .. } | ConnectionError::Stale { .. }) => {
                unusable_since.get_or_insert_with(Instant::now).elapsed() < REPLACEMENT.min(wait)
            }
            _ => false,
        };
        if !patience {
            return Err(match error {
                NoController::Unusable(ConnectionError::Missing { path }) => {
                    NoController::NeverCame { path, seconds: wait.as_secs_f64() }
                }
                other => other,
            });
        }
        std::thread::sleep(PAUSE);
    }
}

fn usable(
    read: Result<EngineConnection, ConnectionError>,
    origin: &str,
    location: Option<&str>,
) -> Result<EngineConnection, NoController> {
    let mut connection = read?;
    if let Some(location) = location {
        connection.location = location.to_owned();
    }
    if !connection.ssh.is_empty() {
        return Err(NoController::Tunnel(origin.to_owned()));
    }
    connection.check_answering(origin, ANSWER)?;
    Ok(connection)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn text(port: u16) -> String {
        format!(
            r#"{{"interface":"tcp://127.0.0.1","registration":{port},"control":1,"mux":2,"task":3,"iopub":4,"hb_ping":5,
            "hb_pong":6,"broadcast":[7],"key":"k","location":"","pack":"json","unpack":"json","ssh":"",
            "signature_scheme":"hmac-sha256"}}"#
        )
    }

    #[test]
    fn a_file_that_never_comes_is_waited_for_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ipcontroller-engine.json");
        let error = read(&file, Duration::from_millis(120), None).unwrap_err().to_string();
        assert!(error.contains("did not appear") && error.contains("ipcontroller-engine.json"), "{error}");
    }

    #[test]
    fn a_file_that_comes_late_or_in_two_steps_is_used() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let whole = text(listener.local_addr().unwrap().port());
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file.json");
        let writer = std::thread::spawn({
            let file = file.clone();
            move || {
                std::thread::sleep(Duration::from_millis(100));
                std::fs::write(&file, &whole[..40]).unwrap();
                std::thread::sleep(Duration::from_millis(200));
                std::fs::write(&file, whole).unwrap();
            }
        });
        let connection = read(&file, Duration::from_secs(60), Some("there")).unwrap();
        assert_eq!((connection.mux, connection.location.as_str()), (2, "there"));
        writer.join().unwrap();
    }

    #[test]
    fn damaged_stale_and_tunnelled_files_are_told_apart() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let tunnel = text(closed).replace(r#""ssh":"""#, r#""ssh":"login.example""#);
        for (content, word) in [("{".into(), "damaged"), (text(closed), "stale"), (tunnel, "ssh tunnel")] {
            let file = directory.path().join(word);
            std::fs::write(&file, content).unwrap();
            let error = read(&file, Duration::from_millis(100), None).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
