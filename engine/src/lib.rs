//! ipengine: one engine of a cluster, without its Python.
//!
//! Two processes in one: the program `ipengine` does what can be done before Python (options, connection, launcher, choice of
//! the MPI library, the user's interpreter) and then *becomes* that interpreter by exec, so that process id, environment
//! and the launcher's descriptors stay. In it the extension module `anympi-python` goes on with the [`settings`] that the
//! program left, and with the [`runtime`]: sockets, queues and heartbeat on threads that do not need Python.
//!
//! - [`interpreter`]: which Python.
//! - [`settings`]: what the program tells the extension module, and how.
//! - [`logging`]: where log lines go, the same in both.
//! - [`mpi4py`]: which MPI the user's mpi4py was built for.
//! - [`runtime`]: the engine proper.
//! - [`watcher`]: tells the hub when the engine dies without saying so.

pub use anympi_launch::interpreter;

pub mod logging;
pub mod mpi4py;
pub mod runtime;
pub mod settings;
pub mod watcher;
