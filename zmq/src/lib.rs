//! A safe wrapper of libzmq.
