//! Functions that no combination of kinds can do, written by hand: one file per reason.
//!
//! Each has the name and the standard-ABI signature of its function and is generic over the native ABI. Inside,
//! arguments are translated by the same kinds as everywhere.

mod abi_query;
mod alltoallw;
mod attributes;
mod buffers;
mod completion;
mod contents;
mod error_handlers;
mod error_removal;
mod events;
mod fallbacks;
mod generalized;
mod integers;
mod interned;
mod isendrecv;
mod large;
mod operations;
mod optional;
mod outbox;
mod ports;
mod pure;
mod spawn;
mod thunk;
mod tool;
mod virtual_requests;

pub use abi_query::*;
pub use alltoallw::*;
pub use attributes::*;
pub use buffers::*;
pub use completion::*;
pub use contents::*;
pub use error_handlers::*;
pub use error_removal::*;
pub use events::*;
pub use fallbacks::*;
pub use generalized::*;
pub use integers::*;
pub use isendrecv::*;
pub use large::*;
pub use operations::*;
pub use optional::*;
pub use ports::*;
pub use pure::*;
pub use spawn::*;
pub use tool::*;
pub(crate) use virtual_requests::makes_requests;
