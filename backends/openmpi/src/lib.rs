//! Open MPI 4 and 5 behind the standard-ABI table.
