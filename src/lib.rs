//! Any MPI, chosen when the program starts.
