//! MPICH 3 to 5, Intel MPI and their relatives behind the standard-ABI table.
