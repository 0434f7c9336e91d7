//! Which launcher started this process, does it fit the MPI library, and which launcher belongs to a library.
//!
//! The most frequent MPI failure is silent: N processes started by the wrong `mpirun` each believe that they are rank 0
//! of 1. Three questions prevent it, and each has its file here:
//!
//! * who started me, and how many did it announce? ([`Launcher::detect`], from the environment and the parents)
//! * does that fit the library? ([`check_library`] before MPI_Init, [`check_world`] after it, [`repairs`] in between)
//! * which `mpirun` belongs to this library, and how does it want to be called? ([`launcher_of`])
//!
//! Nothing here loads an MPI library or calls MPI. What is read from outside goes through [`Surroundings`], so that every
//! launcher's recorded environment is a test case.
#![forbid(unsafe_code)]

mod command;
mod cores;
mod detect;
mod find;
pub mod interpreter;
mod kind;
mod repair;
mod surroundings;
pub mod variables;
mod words;
mod world;

pub use command::{Launch, LauncherCommand};
pub use cores::physical_cores;
pub use detect::Launcher;
pub use find::{LauncherNotFound, Tried, identify, launcher_of};
pub use kind::LauncherKind;
pub use repair::{Change, repairs, repairs_in};
pub use surroundings::{Ancestor, Recorded, Surroundings, ThisProcess};
pub use words::words;
pub use world::{Mismatch, check_library, check_world};
