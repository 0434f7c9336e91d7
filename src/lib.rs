//! Any MPI, chosen when the program starts.
//!
//! ```no_run
//! use anympi::{ProcessArguments, SearchPaths, Selection, ThreadLevel, Visibility};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let selection: Selection = "openmpi".parse()?;
//! let registry = anympi::registry();
//! if let Some(candidate) = registry.choose(&selection, &SearchPaths::from_environment(), None)? {
//!     let mpi = registry.open(&candidate, Visibility::Local)?;
//!     mpi.init(&mut ProcessArguments::of_this_process(), ThreadLevel::Funneled)?;
//!     println!("rank {} of {} on {}", mpi.rank()?, mpi.size()?, mpi.info().summary());
//!     mpi.finalize()?;
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

pub use anympi_core::*;
pub use anympi_launch as launch;
pub use anympi_plugin_host as plugins;

/// The registry with the backends of this workspace: `openmpi`, `mpich` (which also answers to `intel`), `abi`; and the plugins of this
/// machine.
#[must_use]
pub fn registry() -> Registry {
    Registry::new()
        .with(anympi_openmpi::OpenMpiBackend)
        .with(anympi_mpich::MpichBackend)
        .with(anympi_abi::AbiBackend)
        .with_plugins(plugins::PluginHost)
}
