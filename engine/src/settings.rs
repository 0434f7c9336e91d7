//! What the program tells the extension module.
//!
//! It goes through an anonymous file in memory whose descriptor survives exec. Not by the command line, which every user
//! of the machine can read: the connection's key is in it. Not by the environment, which every child would inherit.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

use anympi_wire::EngineConnection;
use serde::{Deserialize, Serialize};

/// Everything that was decided before Python.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    /// The path of `ipengine`, for `sys.argv[0]`
    pub program: PathBuf,
    /// The arguments as the user gave them, for `sys.argv[1:]`
    pub arguments: Vec<String>,
    /// Where the controller is
    pub connection: EngineConnection,
    /// The engine's uuid
    pub uuid: String,
    /// The id to ask for, when the user gave one
    pub id: Option<i64>,
    /// Seconds to wait for the controller's answer
    pub timeout: f64,
    /// After so many missed pings the controller counts as gone; 0: never
    pub max_heartbeat_misses: u32,
    /// Seconds per rank to wait before registering, from rank 100 on
    pub registration_delay: f64,
    /// The MPI library, when one is to be loaded
    pub mpi: Option<Mpi>,
    /// What `--mpi` puts into the user's namespace
    pub mpi_names: MpiNames,
    /// Code to run instead of that
    pub init_mpi: Option<String>,
    /// The profile directory
    pub profile_dir: PathBuf,
    /// As a number of Python's logging module
    pub log_level: u32,
    /// Instead of stderr
    pub log_file: Option<PathBuf>,
    /// `-c`
    pub startup_command: String,
    /// `-s`
    pub startup_script: String,
    /// `Class.trait` and text, for IPython's classes
    pub traits: Vec<(String, String)>,
    /// The pipe to the watcher, see [`crate::watcher`]
    pub watcher: Option<RawFd>,
}

/// The chosen library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mpi {
    /// The value of `--mpi` that means exactly this library, or this plugin with what it brings
    pub selection: String,
}

/// What `--mpi` puts into the user's namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MpiNames {
    /// Nothing: there is no `--mpi`
    None,
    /// `mpi_rank` and `mpi_size`
    RankAndSize,
    /// These, and `MPI` of mpi4py if it can be imported: bare `--mpi`
    Mpi4pyIfThere,
    /// All three, or the engine does not start: `--mpi=mpi4py`
    Mpi4py,
}

impl Settings {
    /// Write them to an anonymous file that survives exec.
    pub fn leave(&self) -> std::io::Result<OwnedFd> {
        // SAFETY: a valid name; no CLOEXEC, on purpose.
        let raw = unsafe { libc::memfd_create(c"ipengine-settings".as_ptr(), 0) };
        if raw < 0 {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: a new descriptor that nobody else owns.
        let mut file = File::from(unsafe { OwnedFd::from_raw_fd(raw) });
        file.write_all(&serde_json::to_vec(self)?)?;
        Ok(file.into())
    }

    /// Read what [`Settings::leave`] wrote, and close it.
    pub fn take(descriptor: OwnedFd) -> std::io::Result<Settings> {
        let mut file = File::from(descriptor);
        file.seek(SeekFrom::Start(0))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }
}
