//! What can go wrong in a call of libzmq, sorted by what a caller does about it.

use std::ffi::CStr;

use crate::sys;

/// A failed call of libzmq.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A ROUTER with the mandatory option knows no peer of that identity, or lost it.
    #[error("no connected peer has the identity {identity}")]
    HostUnreachable {
        /// The identity, printable.
        identity: String,
    },
    /// The call would have to wait (no room for a message, or a time limit passed).
    #[error("{call}: the call would have to wait")]
    WouldBlock {
        /// The function of libzmq.
        call: &'static str,
    },
    /// The address is taken by another socket.
    #[error("the address {endpoint} is in use by another program; choose another port")]
    AddressInUse {
        /// The endpoint asked for.
        endpoint: String,
    },
    /// The address is none of this machine's.
    #[error("the address {endpoint} belongs to no network interface of this machine")]
    AddressNotAvailable {
        /// The endpoint asked for.
        endpoint: String,
    },
    /// The endpoint cannot be understood, or has a NUL byte.
    #[error("`{endpoint}` is no ZeroMQ endpoint; expected for example tcp://127.0.0.1:5555")]
    InvalidEndpoint {
        /// The endpoint asked for.
        endpoint: String,
    },
    /// Too many files are open.
    #[error("{call}: too many open files; raise the limit (`ulimit -n`)")]
    TooManyFiles {
        /// The function of libzmq.
        call: &'static str,
    },
    /// Anything else.
    #[error("{call}: {text} (error {code})")]
    Other {
        /// The function of libzmq.
        call: &'static str,
        /// libzmq's text for the code.
        text: String,
        /// The value of errno.
        code: i32,
    },
}

impl Error {
    /// The error of the call that just failed in this thread.
    pub(crate) fn last(call: &'static str) -> Error {
        Self::from_code(call, last_code())
    }

    pub(crate) fn from_code(call: &'static str, code: i32) -> Error {
        match code {
            libc::EAGAIN => Error::WouldBlock { call },
            libc::EMFILE | libc::ENFILE => Error::TooManyFiles { call },
            code => Error::Other { call, text: text(code), code },
        }
    }

    /// The error of a call that had an endpoint.
    pub(crate) fn at(call: &'static str, endpoint: &str) -> Error {
        let endpoint = endpoint.to_string();
        match last_code() {
            libc::EADDRINUSE => Error::AddressInUse { endpoint },
            libc::EADDRNOTAVAIL | libc::ENODEV => Error::AddressNotAvailable { endpoint },
            libc::EINVAL | libc::EPROTONOSUPPORT => Error::InvalidEndpoint { endpoint },
            code => match Self::from_code(call, code) {
                Error::Other { call, text, code } => {
                    Error::Other { call, text: format!("{text} at {endpoint}"), code }
                }
                other => other,
            },
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_would_block(&self) -> bool {
        matches!(self, Error::WouldBlock { .. })
    }
}

/// errno as libzmq left it in this thread.
pub(crate) fn last_code() -> i32 {
    // SAFETY: reads the calling thread's errno; no preconditions.
    unsafe { sys::zmq_errno() }
}

fn text(code: i32) -> String {
    // SAFETY: zmq_strerror returns a NUL terminated string that is static, or valid until this thread calls it again.
    unsafe { CStr::from_ptr(sys::zmq_strerror(code)) }.to_string_lossy().into_owned()
}
