//! Nothing, unless the feature `verify-headers` is on: then what each `mpi.h` of this machine says is written down for
//! `tests/verify_headers.rs`, which compares our tables with it. See `build/headers.rs`.

#[cfg(feature = "verify-headers")]
#[path = "build/headers.rs"]
mod headers;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "verify-headers")]
    headers::write_all();
}
