//! Which launcher started this process, and does it fit the MPI library.
