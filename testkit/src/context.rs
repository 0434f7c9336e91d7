//! What a behaviour has at hand, and the two macros that behaviours are written with.

use core::ffi::c_int;

use anympi::abi::{MPI_COMM_WORLD, MPI_Comm};
use anympi::{FnTable, MpiInit};

/// A running MPI, seen from one rank.
pub struct Context<'a> {
    /// The library.
    pub mpi: &'a dyn MpiInit,
    /// Its functions.
    pub table: &'static FnTable,
    /// `MPI_COMM_WORLD`.
    pub world: MPI_Comm,
    /// This rank.
    pub rank: c_int,
    /// The number of ranks.
    pub size: c_int,
}

impl<'a> Context<'a> {
    /// The context of a library that is up.
    ///
    /// # Errors
    /// What the library said when asked for rank and size.
    pub fn of(mpi: &'a dyn MpiInit) -> Result<Self, String> {
        let number = |value: Result<u32, anympi::MpiError>| {
            value.map_err(|error| error.to_string()).map(|value| c_int::try_from(value).unwrap_or(c_int::MAX))
        };
        Ok(Self {
            mpi,
            table: mpi.table(),
            world: MPI_COMM_WORLD,
            rank: number(mpi.rank())?,
            size: number(mpi.size())?,
        })
    }

    /// A code that is not `MPI_SUCCESS`, as the reason of a failure.
    ///
    /// # Errors
    /// The name of the function with what the library says of the code.
    pub fn check(&self, function: &'static str, code: c_int) -> Result<(), String> {
        anympi::check(self.mpi, function, code).map_err(|error| error.to_string())
    }
}

/// Calls a function of the table and leaves with its error: `call!(context, MPI_Barrier(context.world))`.
macro_rules! call {
    ($context:expr, $function:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: behaviours pass what MPI asks for: valid handles, buffers as long as their counts say.
        $context.check(stringify!($function), unsafe { ($context.table.$function)($($argument),*) })?
    };
}

/// Leaves with a message unless two values are equal.
macro_rules! expect {
    ($found:expr, $wanted:expr, $($what:tt)+) => {{
        let (found, wanted) = (&$found, &$wanted);
        if found != wanted {
            return Err(format!("{}: found {found:?}, expected {wanted:?}", format_args!($($what)+)));
        }
    }};
}
