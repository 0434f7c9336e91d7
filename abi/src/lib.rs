//! `libmpi_abi.so.1`: the C interface of MPI-5.0 over whatever MPI is chosen when the program starts.
//!
//! A program built for the standard ABI links to this library and to no other MPI. The first MPI call chooses and
//! loads a library (see [`choice`]); from then on a call is one jump through the function table.

mod choice;
mod exports;
mod extras;
