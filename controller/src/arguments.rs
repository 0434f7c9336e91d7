//! The command line of ipcontroller.

use std::path::PathBuf;
use std::time::Duration;

use anympi_wire::arguments::{LogLevel, Setting};
use anympi_wire::{Profile, ProfileOptions, variables};
use clap::{ArgAction, Parser};

use crate::records::Limits;
use crate::{Scheme, Settings};

/// The settings of the stock program that have an option here.
pub const SETTINGS: &[Setting] = &[
    Setting::value("HeartMonitor.period", "--ping"),
    Setting::value("HeartMonitor.max_heartmonitor_misses", "--max-misses"),
    Setting::value("IPController.ip", "--ip"),
    Setting::value("IPController.location", "--location"),
    Setting::value("IPController.regport", "--port"),
    Setting::value("IPController.ports", "--ports"),
    Setting::value("IPController.ssh_server", "--ssh"),
    Setting::value("IPController.engine_ssh_server", "--enginessh"),
    Setting::value("IPController.cluster_id", "--cluster-id"),
    Setting::value("IPController.log_level", "--log-level"),
    Setting::value("IPController.work_dir", "--work-dir"),
    Setting::value("IPController.db_class", "--db-class"),
    Setting::value("Application.log_level", "--log-level"),
    Setting::value("BaseParallelApplication.cluster_id", "--cluster-id"),
    Setting::value("BaseParallelApplication.work_dir", "--work-dir"),
    Setting::value("BaseIPythonApplication.profile", "--profile"),
    Setting::value("BaseIPythonApplication.ipython_dir", "--ipython-dir"),
    Setting::value("ProfileDir.location", "--profile-dir"),
    Setting::value("TaskScheduler.scheme_name", "--scheme"),
    Setting::value("TaskScheduler.hwm", "--hwm"),
    Setting::value("DictDB.record_limit", "--record-limit"),
    Setting::value("DictDB.size_limit", "--size-limit"),
    Setting::value("Session.session", "--ident"),
    Setting::value("Session.keyfile", "--keyfile"),
    Setting::switch("IPController.reuse_files", "--reuse"),
    Setting::switch("IPController.restore_engines", "--restore"),
    Setting::switch("IPController.log_to_file", "--log-to-file"),
    Setting::switch("BaseParallelApplication.log_to_file", "--log-to-file"),
];

/// Connects clients with engines.
#[derive(Debug, Parser)]
#[command(
    name = "ipcontroller",
    version,
    about = "Start the controller of a cluster: clients and engines connect to it, and it passes their messages on.",
    after_help = "Settings may also be given as the stock program takes them, such as --HeartMonitor.period=200.\n\
                  The environment variables IPYTHONDIR, IPP_PROFILE_DIR, IPP_CLUSTER_ID and IPP_SESSION_KEY are\n\
                  honoured; options win over them.\n\n\
                  Examples:\n  ipcontroller\n  ipcontroller --ip='*' --profile=mpi\n  ipcontroller --port=10101 --ports=10102-10120"
)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct Arguments {
    /// Address to listen on; '*' for all [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", overrides_with = "ip")]
    pub ip: Option<String>,
    /// Name or address of this machine for clients and engines elsewhere [default: the host name]
    #[arg(long, value_name = "HOST", overrides_with = "location")]
    pub location: Option<String>,
    /// Port of registration and queries [default: any free one]
    #[arg(long, value_name = "PORT", overrides_with = "port")]
    pub port: Option<u16>,
    /// Ports to use for everything else, such as 10101-10120 or 5000,5002 [default: any free ones]
    #[arg(long, value_name = "RANGE", value_parser = port_range, overrides_with = "ports")]
    pub ports: Option<Ports>,
    /// Milliseconds between heartbeats
    #[arg(long, value_name = "MS", default_value_t = 3000, value_parser = clap::value_parser!(u64).range(10..), overrides_with = "ping")]
    pub ping: u64,
    /// Heartbeats in a row that an engine may miss
    #[arg(long, value_name = "N", default_value_t = 10, overrides_with = "max_misses")]
    pub max_misses: u32,
    /// How tasks are spread: leastload, lru, plainrandom, weighted, twobin
    #[arg(long, default_value = "leastload", overrides_with = "scheme")]
    pub scheme: Scheme,
    /// Load-balanced tasks that an engine has at a time; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 1, overrides_with = "hwm")]
    pub hwm: usize,
    /// Protocol; tcp is the only one
    #[arg(long, value_name = "NAME", default_value = "tcp", value_parser = ["tcp"], overrides_with = "transport")]
    pub transport: String,
    /// [user@]server[:port] through which clients tunnel
    #[arg(long, value_name = "SERVER", default_value = "", overrides_with = "ssh")]
    pub ssh: String,
    /// [user@]server[:port] through which engines tunnel
    #[arg(long, value_name = "SERVER", default_value = "", overrides_with = "enginessh")]
    pub enginessh: String,

    /// Name of the profile [default: default]
    #[arg(long, value_name = "NAME", overrides_with = "profile")]
    pub profile: Option<String>,
    /// The profile directory itself
    #[arg(long, value_name = "DIR", overrides_with = "profile_dir")]
    pub profile_dir: Option<PathBuf>,
    /// Directory that holds the profiles [default: ~/.ipython]
    #[arg(long, value_name = "DIR", overrides_with = "ipython_dir")]
    pub ipython_dir: Option<PathBuf>,
    /// Distinguishes several clusters of one profile
    #[arg(long, value_name = "ID", overrides_with = "cluster_id")]
    pub cluster_id: Option<String>,
    /// Identity of the controller's session [default: random]
    #[arg(long, value_name = "ID", overrides_with = "ident")]
    pub ident: Option<String>,
    /// Accepted for compatibility
    #[arg(long, hide = true, overrides_with = "user")]
    pub user: Option<String>,
    /// File with the key that signs messages [default: a random key]
    #[arg(long, value_name = "FILE", overrides_with = "keyfile")]
    pub keyfile: Option<PathBuf>,

    /// Use the ports and key of the connection files that are there, and leave them at the end
    #[arg(long)]
    pub reuse: bool,
    /// As --reuse, and expect the engines of the controller before to be alive
    #[arg(long)]
    pub restore: bool,
    /// Keep results in memory (the default)
    #[arg(long)]
    pub dictdb: bool,
    /// Keep no results
    #[arg(long)]
    pub nodb: bool,
    /// The most results that are kept; the oldest go first
    #[arg(long, value_name = "N", default_value_t = Limits::default().records, overrides_with = "record_limit")]
    pub record_limit: usize,
    /// The most bytes that the kept results have
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().bytes, overrides_with = "size_limit")]
    pub size_limit: usize,
    #[arg(long, hide = true, overrides_with = "db_class")]
    pub db_class: Option<String>,
    #[arg(long, hide = true)]
    pub sqlitedb: bool,
    #[arg(long, hide = true)]
    pub mongodb: bool,
    #[arg(long, hide = true)]
    pub usethreads: bool,
    #[arg(long, hide = true)]
    pub secure: bool,
    #[arg(long, hide = true)]
    pub no_secure: bool,
    #[arg(long, hide = true)]
    pub init: bool,
    #[arg(long, hide = true)]
    pub clean_logs: bool,
    #[arg(long, hide = true, overrides_with = "config")]
    pub config: Option<PathBuf>,
    #[arg(long, hide = true, overrides_with = "log_url")]
    pub log_url: Option<String>,
    #[arg(long, hide = true, action = ArgAction::Help)]
    pub help_all: Option<bool>,

    /// How much to tell: DEBUG, INFO, WARN, ERROR, CRITICAL, or a number such as 10 [default: WARN]
    #[arg(long, value_name = "LEVEL", overrides_with = "log_level")]
    pub log_level: Option<LogLevel>,
    /// Tell everything
    #[arg(long)]
    pub debug: bool,
    /// Tell errors only
    #[arg(long)]
    pub quiet: bool,
    /// Write the log into the profile's directory `log` instead of standard error
    #[arg(long)]
    pub log_to_file: bool,
    /// Directory to work in
    #[arg(long, value_name = "DIR", overrides_with = "work_dir")]
    pub work_dir: Option<PathBuf>,
}

/// Some ports, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports(pub Vec<u16>);

fn port_range(text: &str) -> Result<Ports, String> {
    let bad = || format!("`{text}` is no list of ports such as 10101-10120 or 5000,5002");
    let number = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(bad);
    let mut ports = Vec::new();
    for part in text.split(',') {
        match part.split_once(['-', ':']) {
            Some((first, last)) => ports.extend(number(first)?..=number(last)?),
            None => ports.push(number(part)?),
        }
    }
    Ok(Ports(ports))
}

impl Arguments {
    /// How much to tell.
    pub fn level(&self) -> LogLevel {
        match (self.debug, self.quiet, self.log_level) {
            (true, ..) => LogLevel::Debug,
            (_, true, _) => LogLevel::Error,
            (.., level) => level.unwrap_or(LogLevel::Warning),
        }
    }

    /// The settings, and what was given but has no effect. The error is one sentence.
    pub fn settings(self) -> Result<(Settings, Vec<String>), String> {
        let mut ignored = Vec::new();
        let database = self.db_class.as_deref().unwrap_or_default();
        if self.sqlitedb || self.mongodb || database.contains("SQLite") || database.contains("Mongo") {
            ignored.push(
                "results are kept in memory only; --sqlitedb and --mongodb do not store them".to_string(),
            );
        }
        if let Some(config) = &self.config {
            ignored.push(format!("the configuration file {} is not read", config.display()));
        }
        if self.log_url.is_some() {
            ignored.push("--log-url has no effect".to_string());
        }
        let profile = Profile::locate(&ProfileOptions {
            profile_dir: self.profile_dir,
            profile: self.profile,
            ipython_dir: self.ipython_dir,
            cluster_id: self.cluster_id,
        });
        let mut settings = Settings::new(profile.map_err(|error| error.to_string())?);
        let key = match &self.keyfile {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let text =
                    text.map_err(|error| format!("cannot read the key file {}: {error}", path.display()))?;
                Some(text.trim_end_matches('\n').to_string())
            }
            None => variables::get(variables::IPP_SESSION_KEY),
        };
        settings.key = key;
        settings.ip = self.ip.unwrap_or(settings.ip);
        settings.location = self.location.unwrap_or(settings.location);
        settings.registration_port = self.port.unwrap_or(0);
        settings.ports = self.ports.map(|ports| ports.0).unwrap_or_default();
        settings.period = Duration::from_millis(self.ping);
        settings.misses_allowed = self.max_misses;
        settings.scheme = self.scheme;
        settings.high_water_mark = self.hwm;
        settings.ssh = self.ssh;
        settings.engine_ssh = self.enginessh;
        settings.reuse = self.reuse || self.restore;
        settings.restore = self.restore;
        settings.ident = self.ident;
        let keeps = !(self.nodb || database.ends_with("NoDB")) || self.dictdb;
        settings.limits = keeps.then_some(Limits { records: self.record_limit, bytes: self.size_limit });
        Ok((settings, ignored))
    }
}
