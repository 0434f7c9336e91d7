//! The framework: one function table in the MPI-5.0 standard ABI, and the way from a library file to it.
//!
//! [`mpi_functions`] is the list of functions; [`kinds`] says how each sort of parameter crosses from one ABI to
//! another; [`FnTable`] is what everybody calls. [`inspect`] tells what a file is without loading it, a [`Registry`]
//! of [`Backend`]s finds libraries for a [`Selection`], and [`MpiInit`] is one loaded library.
//!
//! This crate reads files and loads libraries. It never prints, starts no thread and reads no configuration but the
//! environment variables that [`SearchPaths`] documents.

#[expect(non_camel_case_types, reason = "MPI's own names")]
pub mod abi;
mod array;
mod attachments;
mod beyond;
mod derive;
mod enumerations;
mod error_codes;
mod family;
mod image;
mod init;
pub mod kinds;
mod lengths;
mod list;
mod loader;
mod narrow;
#[expect(
    non_snake_case,
    clippy::extra_unused_type_parameters,
    reason = "MPI's own names and signatures, and one form for all functions of the table"
)]
mod own;
mod plugins;
mod raise;
mod rare;
mod registry;
mod reverse;
mod search;
mod selection;
pub mod sharing;
mod slot;
mod soname;
mod support;
mod table;

pub use enumerations::{Enumerations, Pairs};
pub use family::{Abi, Bound, Weights};
pub use image::{Family, Image, InspectError, Vendor, inspect, map_file, needed};
pub use init::{LibraryInfo, MpiError, MpiInit, ProcessArguments, State, TableLibrary, ThreadLevel, check};
pub use loader::{LoadedLibrary, Visibility, pause_loading};
pub use own::{answer_integers, tell_name};
pub use plugins::{Circumstances, Hooks, PluginFile, Plugins};
pub use registry::{Backend, Candidate, OpenError, Probe, Registry, SelectionError, Tried};
pub use search::{PREFIX_VARIABLES, SearchDirectory, SearchPaths};
pub use selection::{ParseSelectionError, Selection};
pub use slot::Slot;
pub use soname::provide_soname;
pub use support::{Support, support};
pub use table::{FUNCTIONS, FnTable, Lookup, NativeTable};
