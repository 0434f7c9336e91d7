//! Which MPI the user asks for: `--mpi`, else `ANYMPI`, else nothing in particular.

use anympi::Selection;

use crate::failure::Failure;
use crate::variables::ANYMPI;

/// What is asked for, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value.
    pub selection: Selection,
    /// Where it comes from, as the beginning of a sentence.
    pub said_by: String,
}

impl Choice {
    /// Of the value of `--mpi`, if there is one.
    pub fn of(option: Option<&str>) -> Result<Self, Failure> {
        let variable = std::env::var(ANYMPI).ok().filter(|value| !value.is_empty());
        let (value, said_by) = match (option, variable) {
            (Some(value), _) => (value.to_owned(), format!("--mpi={value}")),
            (None, Some(value)) => (value.clone(), format!("{ANYMPI}={value}")),
            (None, None) => ("auto".to_owned(), "nothing in particular".to_owned()),
        };
        Ok(Self { selection: value.parse()?, said_by })
    }
}
