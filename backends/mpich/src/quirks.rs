//! Where released libraries of this family depart from MPICH, keyed on vendor.

use anympi_core::Vendor;
use anympi_core::abi::{MPI_LOGICAL2, MPI_LOGICAL4, MPI_LOGICAL8};

use crate::constants::HANDLES_SINCE_5;

/// The optional datatypes that a library with the standard ABI's functions has.
///
/// Intel MPI 2021.18 has three of MPICH's: its `MPI_LOGICAL1` is another type (`MPIX_C_BF16`), the others have a size
/// but no name, no alignment and no operations.
pub fn optional_datatypes(vendor: Vendor) -> impl Iterator<Item = &'static (usize, u32)> {
    let intel = [MPI_LOGICAL2.0, MPI_LOGICAL4.0, MPI_LOGICAL8.0];
    HANDLES_SINCE_5.iter().filter(move |known| vendor != Vendor::Intel || intel.contains(&known.0))
}

#[cfg(test)]
mod tests {
    use anympi_core::abi::{MPI_LOGICAL1, MPI_REAL2};

    use super::*;

    #[test]
    fn intel_lacks_what_it_takes_for_another_type() {
        let has = |vendor, value| optional_datatypes(vendor).any(|known| known.0 == value);
        for value in [MPI_LOGICAL1.0, MPI_REAL2.0] {
            assert!(has(Vendor::Mpich, value) && !has(Vendor::Intel, value));
        }
        assert!(has(Vendor::Intel, MPI_LOGICAL4.0));
    }
}
