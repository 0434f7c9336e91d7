//! MPICH 3 to 5, Intel MPI and others of the MPICH ABI behind the standard-ABI table.

mod abi;
mod constants;
mod quirks;

pub use abi::{Mpich, NativeFile, Status};
pub use constants::{HANDLES, HANDLES_SINCE_5};

use anympi_core::{
    Abi, Backend, Bound, Family, Image, LoadedLibrary, MpiInit, NativeTable, OpenError, TableLibrary, Vendor,
    Visibility, Weights,
};

/// The backend `mpich`, which also answers to `intel`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MpichBackend;

impl Backend for MpichBackend {
    fn name(&self) -> &'static str {
        "mpich"
    }

    fn family(&self) -> Family {
        Family::Mpich
    }

    fn vendor(&self) -> Vendor {
        Vendor::Mpich
    }

    fn vendors(&self) -> &'static [(&'static str, Vendor)] {
        &[("intel", Vendor::Intel)]
    }

    fn file_names(&self) -> &'static [&'static str] {
        &["libmpi.so.12", "libmpich.so.12", "libmpi.so", "libmpich.so"]
    }

    fn open(&self, image: &Image, visibility: Visibility) -> Result<Box<dyn MpiInit>, OpenError> {
        let load = |reason| OpenError::Load { path: image.path.clone(), reason };
        let library = LoadedLibrary::open(&image.path, visibility).map_err(load)?;
        // SAFETY: a library of MPICH's family, which is never unloaded.
        let native = unsafe { NativeTable::<Mpich>::load(&mut |name| quirks::symbol(library, name)) };
        // The optional datatypes came with the release that brought the standard ABI's functions.
        let newer = !library.symbol(c"MPI_Abi_get_version").is_null();
        let newer = newer.then(|| quirks::optional_datatypes(image.vendor)).into_iter().flatten();
        let predefined: Vec<(usize, usize)> =
            constants::HANDLES.iter().chain(newer).map(|&(value, bits)| (value, bits as usize)).collect();
        // The sentinels are variables that hold an address.
        let variable = |name| {
            let address = library.symbol(name).cast::<usize>();
            // SAFETY: `extern int *const` in every release that has it.
            if address.is_null() { 0 } else { unsafe { *address } }
        };
        let weights =
            Weights { unweighted: variable(c"MPI_UNWEIGHTED"), empty: variable(c"MPI_WEIGHTS_EMPTY") };
        let bound = Mpich::slot().fill(Bound::new(native, &predefined, weights));
        let bound =
            bound.map_err(|_| OpenError::Occupied { path: image.path.clone(), family: Family::Mpich })?;
        Ok(Box::new(TableLibrary::translated(self.name(), image.clone(), bound)))
    }
}
