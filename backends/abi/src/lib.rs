//! Libraries that speak the MPI-5.0 standard ABI themselves: their functions are the table.
//!
//! Where a released library departs from the standard, [`quirks`] mends the table.

mod quirks;
mod subarrays;

use anympi_core::{
    Backend, Family, FnTable, Image, LoadedLibrary, MpiInit, OpenError, TableLibrary, Vendor, Visibility,
};

/// The backend `abi`.
#[derive(Clone, Copy, Debug, Default)]
pub struct AbiBackend;

impl Backend for AbiBackend {
    fn name(&self) -> &'static str {
        "abi"
    }

    fn family(&self) -> Family {
        Family::Abi
    }

    fn vendor(&self) -> Vendor {
        Vendor::Other
    }

    fn file_names(&self) -> &'static [&'static str] {
        // The soname changed until the standard was out: `.so.12` in MPICH 4.3, `.so.0` in 5.0.0, `.so.1` since.
        &["libmpi_abi.so.1", "libmpi_abi.so.0", "libmpi_abi.so.12", "libmpi_abi.so"]
    }

    fn open(&self, image: &Image, visibility: Visibility) -> Result<Box<dyn MpiInit>, OpenError> {
        let load = |reason| OpenError::Load { path: image.path.clone(), reason };
        let library = LoadedLibrary::open(&image.path, visibility).map_err(load)?;
        // SAFETY: a library of the standard ABI, which is never unloaded.
        let table = unsafe { FnTable::direct(&mut |name| library.symbol(name)) };
        let table = quirks::mend(image, table);
        Ok(Box::new(TableLibrary::new(self.name(), image.clone(), table)))
    }
}
