//! ipyparallel's messages and connection files: bytes in, bytes out, no sockets.
