//! Error codes that are none of the classes.

use core::ffi::c_int;
use std::sync::{Mutex, PoisonError};

use crate::abi::MPI_ERR_LASTCODE;

/// Error codes beyond the classes, numbered in the order of their first appearance.
///
/// One table serves the process, for a process runs one MPI. It is bounded: a program that meets more different
/// codes gets their classes from then on.
pub struct Codes(Mutex<Vec<c_int>>);

/// The one table.
pub static CODES: Codes = Codes(Mutex::new(Vec::new()));

/// The largest error code in use (MPI-5.0, section 9.5): at least `MPI_ERR_LASTCODE`.
pub fn last_used_code() -> c_int {
    let known = CODES.0.lock().unwrap_or_else(PoisonError::into_inner);
    c_int::try_from(known.len()).map_or(c_int::MAX, |count| MPI_ERR_LASTCODE + count)
}

impl Codes {
    const LIMIT: usize = 65_536;
    const FIRST: c_int = MPI_ERR_LASTCODE + 1;

    /// The number of a code that the library returned; nothing when the table is full.
    pub fn intern(&self, native: c_int) -> Option<c_int> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match known.iter().position(|&code| code == native) {
            Some(index) => index,
            None if known.len() < Self::LIMIT => {
                known.push(native);
                known.len() - 1
            }
            None => return None,
        };
        Some(Self::FIRST + c_int::try_from(index).ok()?)
    }

    /// The library's code with a number that [`Codes::intern`] gave.
    pub fn native(&self, code: c_int) -> Option<c_int> {
        let index = usize::try_from(code.checked_sub(Self::FIRST)?).ok()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_beyond_the_classes_keep_their_identity() {
        let first = CODES.intern(604_597_509).unwrap();
        let second = CODES.intern(739_952_646).unwrap();
        assert!(first > MPI_ERR_LASTCODE && second > MPI_ERR_LASTCODE && first != second);
        assert_eq!(CODES.intern(604_597_509), Some(first));
        assert_eq!(CODES.native(second), Some(739_952_646));
        assert_eq!(CODES.native(MPI_ERR_LASTCODE), None);
    }
}
