//! ipyparallel's wire protocol without a socket: bytes in, bytes out.
//!
//! Everything that the engine, the controller, the client and `ipcluster` must agree on, and nothing that needs ZeroMQ or
//! MPI, so that it can be tested with bytes alone:
//!
//! - [`Envelope`] splits the frames of a message; [`Session`] and [`MessageBuilder`] make them; [`Signer`] signs and
//!   verifies; [`DigestHistory`] refuses replays; [`Header`], [`HeaderView`], [`Date`] are what routing reads.
//! - [`contents`] has the typed contents and metadata of the messages.
//! - [`ClientConnection`] and [`EngineConnection`] are the two connection files; [`address`] finds the address to
//!   connect to; [`Profile`] says where the files are.
//! - [`arguments`] takes the `--Class.trait=value` forms out of a command line; [`variables`] names every environment
//!   variable.
//!
//! A frame is anything that is `AsRef<[u8]>`. Malformed input is an error value, never a panic.

#![forbid(unsafe_code)]

pub mod address;
pub mod arguments;
mod connection;
pub mod contents;
mod date;
mod envelope;
mod header;
mod history;
mod profile;
mod random;
mod session;
mod signing;
pub mod variables;

pub use connection::{ClientConnection, ConnectionError, EngineConnection, remove_file};
pub use date::Date;
pub use envelope::{DELIMITER, Envelope, EnvelopeError, Part};
pub use header::{Header, HeaderView, PROTOCOL_VERSION};
pub use history::{DigestHistory, HISTORY_SIZE};
pub use profile::{Profile, ProfileError, ProfileOptions};
pub use random::random_id;
pub use session::{BuildError, MessageBuilder, Session};
pub use signing::{Digest, SchemeError, SignatureError, Signer};
