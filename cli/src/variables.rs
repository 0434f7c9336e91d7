//! Every environment variable that this program reads or sets, declared once. Those of launchers are in
//! `anympi_launch::variables`, those by which libraries are found in `anympi::SearchPaths`.

/// Which MPI: a value of `--mpi`, for programs without such an option. Read as the default of `--mpi`, set for the
/// programs that `run` starts.
pub const ANYMPI: &str = "ANYMPI";

/// The C compiler of `cc`, with arguments if need be; stronger than [`CC`].
pub const ANYMPI_CC: &str = "ANYMPI_CC";

/// The C compiler of `cc`, unless it is `mpicc` itself: build systems set it to that.
pub const CC: &str = "CC";

/// Directories that the dynamic linker searches. `run` puts the one of `libmpi_abi.so.1` first.
pub const LD_LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// Which of its extension modules mpi4py takes. Set by `run` where the user has not: its own search may find another MPI.
pub const MPI4PY_MPIABI: &str = "MPI4PY_MPIABI";
