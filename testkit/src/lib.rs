//! Behaviours that every MPI must show through the function table, whatever library is behind it.
//!
//! A [`Behaviour`] is a function that every rank of a job runs together. It needs nothing but the table, so the same
//! list serves every backend. `anympi-behave` runs the list under a launcher; [`installation`] tells tests which MPIs
//! are there.

#[macro_use]
mod context;
mod behaviours;
pub mod installation;
mod outliving;

pub use behaviours::{ALL, Behaviour};
pub use context::Context;
pub use outliving::Outliving;
