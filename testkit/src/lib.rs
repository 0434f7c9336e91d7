//! Behaviours that every MPI must show, as a library.
