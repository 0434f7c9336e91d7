//! Every environment variable of `ipcluster`'s own, declared once.
//!
//! Those of ipyparallel are in [`anympi_wire::variables`], those of launchers in [`anympi_launch::variables`].

/// Command that starts the controller, instead of the `ipcontroller` beside `ipcluster`: words separated by blanks, such as
/// `python3 -m ipyparallel.controller`.
pub const ANYMPI_IPCONTROLLER: &str = "ANYMPI_IPCONTROLLER";
/// Command that starts an engine, instead of the `ipengine` beside `ipcluster`.
pub const ANYMPI_IPENGINE: &str = "ANYMPI_IPENGINE";

/// What a launcher is told to pass to engines on other machines, as far as it is set.
pub const EXPORTED: &[&str] = &[
    "IPP_CLUSTER_ID",
    "IPP_PROFILE_DIR",
    "IPP_CONNECTION_INFO",
    "IPP_SESSION_KEY",
    "IPYTHONDIR",
    "PATH",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
];
