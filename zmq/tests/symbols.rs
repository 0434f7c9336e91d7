//! A shared library made from this crate keeps libzmq to itself: it may live in one process with another libzmq.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use object::{Object, ObjectSymbol};

/// Cargo builds the examples before the tests run, beside them.
fn shared_library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let directory = test.parent().unwrap().parent().unwrap().join("examples");
    let name = format!("{}shared_library{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let path = directory.join(name);
    assert!(path.is_file(), "{} is missing: run `cargo build -p anympi-zmq --examples`", path.display());
    path
}

#[test]
fn exports_and_imports_nothing_of_libzmq() {
    let bytes = std::fs::read(shared_library()).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let names: Vec<&str> = file.dynamic_symbols().filter_map(|symbol| symbol.name().ok()).collect();
    assert!(names.contains(&"shared_library_round_trip"), "the library's own function is exported");
    let foreign: Vec<&&str> =
        names.iter().filter(|name| name.contains("zmq") || name.starts_with("_ZNSt")).collect();
    assert!(foreign.is_empty(), "visible symbols of libzmq or libstdc++: {foreign:?}");
}

#[test]
fn needs_no_shared_libstdcxx() {
    let bytes = std::fs::read(shared_library()).unwrap();
    let needle = b"libstdc++.so";
    assert!(!bytes.windows(needle.len()).any(|window| window == needle), "libstdc++ is linked statically");
}
