//! The books: one record per task, kept in memory within bounds, and found by queries.

mod query;
mod record;
mod store;

pub use query::{Query, QueryError};
pub use record::{KEYS, Record};
pub use store::{Limits, Store};
