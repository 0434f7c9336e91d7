//! The MPI that a plugin wraps.

use core::ffi::{c_int, c_void};
use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use anympi_core::abi::{MPI_COMM_WORLD, MPI_SUCCESS};
use anympi_core::{FUNCTIONS, FnTable, ThreadLevel};
use anympi_plugin_api::anympi_wrapped;

use crate::entry::text;
use crate::{Arguments, Error};

/// The MPI that a plugin wraps: opened by the host, and not up before the plugin or the host brings it up.
///
/// Bringing it up and asking who it is are safe here. Everything else is in [`Wrapped::functions`], each function with its
/// type in the MPI-5.0 standard ABI, whatever the library's own is; to call one is as unsafe as MPI is.
#[derive(Clone, Copy)]
pub struct Wrapped {
    selection: &'static str,
    library: &'static str,
    functions: &'static FnTable,
}

/// The functions, once they are known.
static FUNCTIONS_OF_WRAPPED: OnceLock<FnTable> = OnceLock::new();

/// The functions of the MPI that is wrapped, once `open` was called.
pub(crate) fn functions() -> Option<&'static FnTable> {
    FUNCTIONS_OF_WRAPPED.get()
}

impl Wrapped {
    /// What the host gave, with its functions.
    pub(crate) fn new(outside: &'static anympi_wrapped) -> Self {
        let functions = FUNCTIONS_OF_WRAPPED.get_or_init(|| {
            // SAFETY: the interface says that these are the functions of these names in the standard ABI, for ever.
            unsafe {
                FnTable::direct(&mut |name| {
                    let function = outside.symbol.and_then(|symbol| symbol(outside, name.as_ptr()));
                    function.map_or(core::ptr::null(), |function| function as *const c_void)
                })
            }
        });
        // SAFETY: texts of the host's that live as long as the process.
        let (selection, library) = unsafe { (text(outside.selection), text(outside.library)) };
        Self { selection, library, functions }
    }

    /// The value of `--mpi` that means exactly this MPI.
    #[must_use]
    pub fn selection(&self) -> &'static str {
        self.selection
    }

    /// Its library.
    #[must_use]
    pub fn library(&self) -> &'static Path {
        Path::new(self.library)
    }

    /// Every function of MPI. One that the library lacks returns `MPI_ERR_UNSUPPORTED_OPERATION`.
    #[must_use]
    pub fn functions(&self) -> &'static FnTable {
        self.functions
    }

    /// The function of MPI with that name, to be cast to its type; `None` if MPI has no such function.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<unsafe extern "C" fn()> {
        let place = FUNCTIONS.iter().position(|known| *known == name)?;
        // SAFETY: a slot holds a function; whoever calls it knows its type by its name.
        Some(unsafe {
            core::mem::transmute::<*const c_void, unsafe extern "C" fn()>(self.functions.slots()[place])
        })
    }

    /// `MPI_Init_thread`, with the arguments that the host gave; the level granted.
    ///
    /// # Errors
    /// That MPI is up or was up, or what it returned.
    pub fn bring_up(&self, arguments: Arguments, wanted: ThreadLevel) -> Result<ThreadLevel, Error> {
        let (mut initialized, mut provided) = (0, 0);
        // SAFETY: legal at any time; variables of ours.
        let code = unsafe { (self.functions.MPI_Initialized)(&mut initialized) };
        checked("MPI_Initialized", code)?;
        if initialized != 0 {
            return Err(Error::mpi("MPI is initialised already"));
        }
        // SAFETY: MPI is not up; the arguments are those of a C main, which live as long as the process.
        let code = unsafe {
            let init = self.functions.MPI_Init_thread;
            let (count, values) = arguments.as_raw();
            init(count, values, wanted.value(), &mut provided)
        };
        checked("MPI_Init_thread", code)?;
        Ok(ThreadLevel::from_value(provided))
    }

    /// Whether MPI is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        let (mut initialized, mut finalized) = (0, 0);
        // SAFETY: legal at any time; variables of ours.
        unsafe {
            (self.functions.MPI_Initialized)(&mut initialized);
            (self.functions.MPI_Finalized)(&mut finalized);
        }
        initialized != 0 && finalized == 0
    }

    /// The rank of this process in `MPI_COMM_WORLD`.
    ///
    /// # Errors
    /// That MPI is not up, or what it returned.
    pub fn rank(&self) -> Result<i32, Error> {
        self.number("MPI_Comm_rank", |rank| {
            // SAFETY: MPI is up; one int.
            unsafe { (self.functions.MPI_Comm_rank)(MPI_COMM_WORLD, rank) }
        })
    }

    /// The number of processes in `MPI_COMM_WORLD`.
    ///
    /// # Errors
    /// That MPI is not up, or what it returned.
    pub fn size(&self) -> Result<i32, Error> {
        self.number("MPI_Comm_size", |size| {
            // SAFETY: MPI is up; one int.
            unsafe { (self.functions.MPI_Comm_size)(MPI_COMM_WORLD, size) }
        })
    }

    /// `MPI_Finalize`.
    ///
    /// # Errors
    /// That MPI is not up, or what it returned.
    pub fn take_down(&self) -> Result<(), Error> {
        self.must_be_up()?;
        // SAFETY: MPI is up.
        checked("MPI_Finalize", unsafe { (self.functions.MPI_Finalize)() })
    }

    fn must_be_up(&self) -> Result<(), Error> {
        if self.is_up() { Ok(()) } else { Err(Error::mpi("MPI is not up")) }
    }

    fn number(&self, function: &'static str, ask: impl FnOnce(&mut c_int) -> c_int) -> Result<i32, Error> {
        self.must_be_up()?;
        let mut number = 0;
        checked(function, ask(&mut number))?;
        Ok(number)
    }
}

fn checked(function: &str, code: c_int) -> Result<(), Error> {
    if code == MPI_SUCCESS {
        return Ok(());
    }
    Err(Error::mpi(format_args!("{function} failed with the error code {code}")))
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wrapped").field("selection", &self.selection).finish_non_exhaustive()
    }
}
