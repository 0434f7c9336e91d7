//! Everything that can be set, with its default.

use std::time::Duration;

use anympi_wire::Profile;

use crate::records::Limits;
use crate::task::Scheme;

/// How a controller is to run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the connection files go.
    pub profile: Profile,
    /// The address to listen on; `*` or `0.0.0.0` for all. Default 127.0.0.1.
    pub ip: String,
    /// The name or address of this machine, for clients and engines elsewhere. Default: the host name.
    pub location: String,
    /// Port of registration and queries; 0 takes any.
    pub registration_port: u16,
    /// Ports to be taken first for everything else, in this order; any free ones afterwards.
    pub ports: Vec<u16>,
    /// Time between heartbeats. Default 3 s.
    pub period: Duration,
    /// How many heartbeats in a row an engine may miss. Default 10.
    pub misses_allowed: u32,
    /// How the load-balanced scheduler chooses. Default `leastload`.
    pub scheme: Scheme,
    /// The most load-balanced tasks that an engine has at a time, 0 for no limit. Default 1.
    pub high_water_mark: usize,
    /// Bounds of the records; `None` keeps none. Default 1,024 records and 1 GiB.
    pub limits: Option<Limits>,
    /// Use the ports and key of the connection files that are there, and leave the files when ending.
    pub reuse: bool,
    /// Besides, expect the engines of the earlier controller to be alive.
    pub restore: bool,
    /// `[user@]server[:port]` through which clients tunnel.
    pub ssh: String,
    /// `[user@]server[:port]` through which engines tunnel.
    pub engine_ssh: String,
    /// The key that signs messages; `None` makes a random one, an empty one turns signing off.
    pub key: Option<String>,
    /// The controller's session; `None` makes a random one.
    pub ident: Option<String>,
}

impl Settings {
    /// The defaults, for a profile.
    pub fn new(profile: Profile) -> Settings {
        Settings {
            profile,
            ip: "127.0.0.1".to_string(),
            location: anympi_wire::address::host_name(),
            registration_port: 0,
            ports: Vec::new(),
            period: Duration::from_millis(3000),
            misses_allowed: 10,
            scheme: Scheme::LeastLoad,
            high_water_mark: 1,
            limits: Some(Limits::default()),
            reuse: false,
            restore: false,
            ssh: String::new(),
            engine_ssh: String::new(),
            key: None,
            ident: None,
        }
    }
}
