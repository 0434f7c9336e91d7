//! Which address to connect to, when the controller listens on all of them.

use std::net::{IpAddr, ToSocketAddrs, UdpSocket};

/// The name of this machine.
pub fn host_name() -> String {
    let from_file = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = from_file.or_else(|| {
        let output = std::process::Command::new("hostname").output().ok()?;
        String::from_utf8(output.stdout).ok()
    });
    name.map(|name| name.trim().to_string())
        .filter(|name| !name.is_empty())
        .unwrap_or("localhost".to_string())
}

/// Whether an address belongs to this machine: whether a socket can be bound to it.
pub fn is_local(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// The addresses of a host name or of an address in writing.
pub fn resolve(host: &str) -> Vec<IpAddr> {
    if let Ok(address) = host.parse() {
        return vec![address];
    }
    let found = (host, 0).to_socket_addrs();
    let mut addresses: Vec<IpAddr> = found.map(|list| list.map(|it| it.ip()).collect()).unwrap_or_default();
    // Other programs of this protocol listen on IPv4 unless told otherwise.
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses
}

/// The interface (`tcp://10.0.0.7`) to connect to, for the interface and location of a connection file.
///
/// `tcp://0.0.0.0` and `tcp://*` mean every address of the controller's machine, which is `location`: loopback when that
/// is this machine or is not known, else its address. Anything else is used as it is.
pub fn disambiguate(interface: &str, location: &str) -> String {
    disambiguate_with(interface, location, &host_name(), resolve, is_local)
}

/// As [`disambiguate`], for a caller's host name, resolver and test of locality.
pub fn disambiguate_with(
    interface: &str,
    location: &str,
    own_name: &str,
    resolve: impl Fn(&str) -> Vec<IpAddr>,
    is_local: impl Fn(IpAddr) -> bool,
) -> String {
    let Some((protocol, host)) = interface.split_once("://") else { return interface.to_string() };
    if !matches!(host, "0.0.0.0" | "*" | "::" | "[::]") {
        return interface.to_string();
    }
    let loopback = format!("{protocol}://127.0.0.1");
    if location.is_empty() || location == own_name {
        return loopback;
    }
    match resolve(location).first() {
        Some(address) if is_local(*address) => loopback,
        Some(IpAddr::V4(address)) => format!("{protocol}://{address}"),
        Some(IpAddr::V6(address)) => format!("{protocol}://[{address}]"),
        // Left to ZeroMQ, which resolves again whenever it reconnects.
        None => format!("{protocol}://{location}"),
    }
}
