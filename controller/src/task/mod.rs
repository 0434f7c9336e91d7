//! The load-balanced scheduler: [`plan`] decides, [`scheduler`] moves the messages.

mod choice;
mod dependency;
mod job;
mod plan;
mod scheduler;

pub use choice::Scheme;
pub use scheduler::{TaskScheduler, ignore_unreachable};
