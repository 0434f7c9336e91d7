//! Libraries that speak the MPI-5.0 standard ABI themselves.
