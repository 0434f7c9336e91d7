//! Gives the shared library the soname that the standard demands (MPI-5.0, section 20.2).

fn main() {
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libmpi_abi.so.1");
    println!("cargo::rerun-if-changed=build.rs");
}
