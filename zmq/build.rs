//! Builds libzmq 4.3.5 from the sources that the crate `zeromq-src` carries, as a static library.
//!
//! Static, and with libstdc++ static where the compiler has it: the same binary then runs in a process (the user's
//! Python) that brings a libzmq and a libstdc++ of its own, whatever their versions. The draft API is on for
//! `zmq_socket_get_peer_state`. CURVE would need libsodium: `Build::with_libsodium` is the place for it.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let static_directory = static_libstdcxx();
    // What the crate `cc` reads: no warnings about somebody else's sources, and no shared libstdc++.
    let flags = std::env::var("CXXFLAGS").unwrap_or_default();
    // SAFETY: a build script's main thread is its only thread, so nothing reads the environment meanwhile.
    unsafe {
        std::env::set_var("CXXFLAGS", format!("{flags} -w"));
        if static_directory.is_some() {
            std::env::set_var("CXXSTDLIB", "");
        }
    }
    zeromq_src::Build::new().enable_draft(true).with_libsodium(None).build();
    if let Some(directory) = static_directory {
        println!("cargo:rustc-link-search=native={}", directory.display());
        println!("cargo:rustc-link-lib=static:-bundle=stdc++");
    }
}

/// The directory of `libstdc++.a`, when the target is Linux with glibc and the compiler names an existing file.
fn static_libstdcxx() -> Option<PathBuf> {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return None;
    }
    if std::env::var("HOST").ok()? != std::env::var("TARGET").ok()? {
        return None;
    }
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_string());
    let output = Command::new(compiler).arg("-print-file-name=libstdc++.a").output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    // A compiler that does not have the file answers with the bare name.
    if !path.is_absolute() || !path.is_file() {
        return None;
    }
    path.canonicalize().ok()?.parent().map(Path::to_path_buf)
}
