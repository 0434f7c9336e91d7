//! The environment variables of ipyparallel that the programs honour. The command line wins over each of them.

/// Directory that holds the profiles; default `~/.ipython`.
pub const IPYTHONDIR: &str = "IPYTHONDIR";
/// The profile directory itself; wins over a profile's name.
pub const IPP_PROFILE_DIR: &str = "IPP_PROFILE_DIR";
/// Distinguishes several clusters of one profile; part of the connection files' names.
pub const IPP_CLUSTER_ID: &str = "IPP_CLUSTER_ID";
/// The text (not the path) of the engine's connection file; an engine that has it needs no file.
pub const IPP_CONNECTION_INFO: &str = "IPP_CONNECTION_INFO";
/// The key that signs messages, instead of a random one.
pub const IPP_SESSION_KEY: &str = "IPP_SESSION_KEY";

/// A variable's value, when it is set and neither empty nor invalid Unicode.
pub fn get(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
