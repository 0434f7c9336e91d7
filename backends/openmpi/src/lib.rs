//! Open MPI 4 and 5 behind the standard-ABI table.
//!
//! Both versions share every constant, so one table of constants serves both; what a version lacks shows itself as
//! a missing symbol.

mod abi;
mod constants;

use core::ffi::{CStr, c_void};
use std::ffi::CString;

pub use abi::{NativeHandle, OpenMpi, Status};
pub use constants::HANDLES;

use anympi_core::{
    Abi, Backend, Bound, Family, Image, LoadedLibrary, MpiInit, NativeTable, OpenError, TableLibrary, Vendor,
    Visibility, Weights,
};

/// The backend `openmpi`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenMpiBackend;

impl Backend for OpenMpiBackend {
    fn name(&self) -> &'static str {
        "openmpi"
    }

    fn family(&self) -> Family {
        Family::OpenMpi
    }

    fn vendor(&self) -> Vendor {
        Vendor::OpenMpi
    }

    fn file_names(&self) -> &'static [&'static str] {
        &["libmpi.so.40", "libmpi.so"]
    }

    fn open(&self, image: &Image, visibility: Visibility) -> Result<Box<dyn MpiInit>, OpenError> {
        let load = |reason| OpenError::Load { path: image.path.clone(), reason };
        let library = LoadedLibrary::open(&image.path, visibility).map_err(load)?;
        // SAFETY: a library of Open MPI's family, which is never unloaded.
        let native = unsafe { NativeTable::<OpenMpi>::load(&mut |name| symbol(library, name)) };
        let predefined: Vec<(usize, usize)> = constants::HANDLES
            .iter()
            .map(|&(value, symbol)| (value, library.symbol(symbol).expose_provenance()))
            .filter(|&(_, address)| address != 0)
            .collect();
        let bound =
            OpenMpi::slot().fill(Bound::new(native, &predefined, Weights { unweighted: 2, empty: 3 }));
        let bound =
            bound.map_err(|_| OpenError::Occupied { path: image.path.clone(), family: Family::OpenMpi })?;
        Ok(Box::new(TableLibrary::translated(self.name(), image.clone(), bound)))
    }
}

/// A function under its own name, or under the one it had before it was standardised: Open MPI 4 has persistent
/// collectives as `MPIX_*_init`, with the signatures that MPI-4.0 gave them.
fn symbol(library: &LoadedLibrary, name: &CStr) -> *const c_void {
    let found = library.symbol(name);
    let tail = name.to_bytes().strip_prefix(b"MPI_").filter(|tail| tail.ends_with(b"_init"));
    match tail {
        Some(tail) if found.is_null() => {
            let former = CString::new([b"MPIX_", tail].concat());
            former.map_or(found, |former| library.symbol(&former))
        }
        _ => found,
    }
}
