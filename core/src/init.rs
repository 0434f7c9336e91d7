//! The life of one loaded MPI library: what it is, how it comes up, how it goes down.

use core::ffi::{c_char, c_int};
use std::ffi::CString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::abi::{
    MPI_COMM_WORLD, MPI_Comm, MPI_MAX_ERROR_STRING, MPI_MAX_LIBRARY_VERSION_STRING, MPI_MAX_PROCESSOR_NAME,
    MPI_THREAD_FUNNELED, MPI_THREAD_MULTIPLE, MPI_THREAD_SERIALIZED, MPI_THREAD_SINGLE,
};
use crate::family::{Abi, Bound};
use crate::image::{Image, Vendor};
use crate::own;
use crate::plugins::Hooks;
use crate::table::FnTable;

/// What a loaded library is.
#[derive(Clone, Debug)]
pub struct LibraryInfo {
    /// The backend that opened it.
    pub backend: &'static str,
    /// The file.
    pub image: Image,
    /// `MPI_Get_library_version`, whole; it may have several lines.
    pub version: String,
    /// The library's own version, read from that text.
    pub release: Option<(u32, u32, u32)>,
    /// The version of the MPI standard that the library claims.
    pub standard: (i32, i32),
}

impl LibraryInfo {
    /// Asks the library, which may be untouched: these functions are legal before `MPI_Init` everywhere.
    #[must_use]
    pub fn of(backend: &'static str, image: Image, table: &FnTable) -> Self {
        let mut text = [0 as c_char; MPI_MAX_LIBRARY_VERSION_STRING];
        let mut length: c_int = 0;
        let (mut major, mut minor) = (0, 0);
        // SAFETY: the buffer has the size that the standard ABI demands; the others are ints.
        unsafe {
            (table.MPI_Get_library_version)(text.as_mut_ptr(), &mut length);
            (table.MPI_Get_version)(&mut major, &mut minor);
        }
        let version = text_of(&text, length).trim_end().to_owned();
        let release = release_in(&version);
        Self { backend, image, version, release, standard: (major, minor) }
    }

    /// Vendor, version and file in one line: `Open MPI 5.0.11 (/path/libmpi.so.40)`.
    #[must_use]
    pub fn summary(&self) -> String {
        let release = self.release.map_or_else(String::new, |(a, b, c)| format!(" {a}.{b}.{c}"));
        let name = match self.image.vendor {
            Vendor::Other => self.version.lines().next().unwrap_or_default().to_owned(),
            vendor => format!("{vendor}{release}"),
        };
        format!("{name} ({})", self.image.path.display())
    }
}

/// The first `a.b` or `a.b.c` in a version text.
fn release_in(text: &str) -> Option<(u32, u32, u32)> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.')).find_map(|word| {
        let mut numbers = word.split('.').map(str::parse::<u32>);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next()?.ok()?;
        Some((major, minor, numbers.next().and_then(Result::ok).unwrap_or(0)))
    })
}

/// How many threads may call MPI, and how (MPI-5.0, section 11.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ThreadLevel {
    /// One thread exists.
    Single,
    /// Many threads, only the one that initialised calls MPI.
    Funneled,
    /// Many threads, one at a time calls MPI.
    Serialized,
    /// Many threads call MPI whenever they want.
    Multiple,
}

impl ThreadLevel {
    /// The constant of the standard ABI.
    #[must_use]
    pub fn value(self) -> c_int {
        match self {
            Self::Single => MPI_THREAD_SINGLE,
            Self::Funneled => MPI_THREAD_FUNNELED,
            Self::Serialized => MPI_THREAD_SERIALIZED,
            Self::Multiple => MPI_THREAD_MULTIPLE,
        }
    }

    /// The level that a constant of the standard ABI stands for.
    #[must_use]
    pub fn from_value(value: c_int) -> Self {
        match value {
            ..MPI_THREAD_FUNNELED => Self::Single,
            MPI_THREAD_FUNNELED..MPI_THREAD_SERIALIZED => Self::Funneled,
            MPI_THREAD_SERIALIZED..MPI_THREAD_MULTIPLE => Self::Serialized,
            MPI_THREAD_MULTIPLE.. => Self::Multiple,
        }
    }
}

impl fmt::Display for ThreadLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single => "MPI_THREAD_SINGLE",
            Self::Funneled => "MPI_THREAD_FUNNELED",
            Self::Serialized => "MPI_THREAD_SERIALIZED",
            Self::Multiple => "MPI_THREAD_MULTIPLE",
        })
    }
}

/// Where a library is in its life, as it says itself: right even if somebody else initialised it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not initialised.
    Untouched,
    /// Between `MPI_Init` and `MPI_Finalize`.
    Running,
    /// Finalized; it cannot come up again.
    Finalized,
}

/// `argc` and `argv` of this process, as a C program would hand them to `MPI_Init`.
pub struct ProcessArguments {
    count: c_int,
    pointers: *mut *mut c_char,
}

impl ProcessArguments {
    /// The arguments that this process was started with.
    ///
    /// The memory is never freed: a library may keep the pointers.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self::from_strings(std::env::args_os().map(|argument| argument.into_vec()))
    }

    /// Arguments given one by one; those with a NUL byte inside end there.
    pub fn from_strings(arguments: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut pointers: Vec<*mut c_char> = arguments
            .into_iter()
            .map(|mut bytes| {
                bytes.truncate(bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len()));
                CString::new(bytes).unwrap_or_default().into_raw()
            })
            .collect();
        let count = c_int::try_from(pointers.len()).unwrap_or(c_int::MAX);
        pointers.push(core::ptr::null_mut());
        Self { count, pointers: pointers.leak().as_mut_ptr() }
    }

    /// Pointers to `argc` and `argv`, as `MPI_Init` takes them.
    pub fn as_main_has_them(&mut self) -> (&mut c_int, &mut *mut *mut c_char) {
        (&mut self.count, &mut self.pointers)
    }
}

/// An MPI call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MpiError {
    /// MPI cannot be initialised twice, nor after it was finalized.
    #[error("MPI is {} in this process already", if *.0 == State::Running { "initialised" } else { "finalized" })]
    AlreadyUp(State),
    /// The library returned an error.
    #[error("{call} failed: {message}")]
    Library {
        /// The function.
        call: &'static str,
        /// The error code, in the standard ABI.
        code: c_int,
        /// What `MPI_Error_string` says of it, or the code itself where that may not be called.
        message: String,
    },
    /// A plugin failed.
    #[error("{0}")]
    Plugin(String),
}

/// One loaded MPI library. This is the trait that the author of a backend reads.
///
/// All methods may be called from any thread; `init` and `finalize` belong on one and the same thread, the main
/// thread where there is a choice (MPI-5.0, section 11.2).
pub trait MpiInit: Send + Sync {
    /// What the library is; legal in every state.
    fn info(&self) -> &LibraryInfo;

    /// Brings MPI up with the process's arguments, asking for a thread level; returns the level granted.
    ///
    /// # Errors
    /// [`MpiError::AlreadyUp`], or what `MPI_Init_thread` returned.
    fn init(&self, arguments: &mut ProcessArguments, wanted: ThreadLevel) -> Result<ThreadLevel, MpiError>;

    /// The state that the library itself reports.
    fn state(&self) -> State;

    /// Every MPI function, in the standard ABI. Which ones may be called in which state is MPI's rule.
    fn table(&self) -> &'static FnTable;

    /// Takes MPI down if this object brought it up and nobody has taken it down since; otherwise does nothing.
    ///
    /// # Errors
    /// What `MPI_Finalize` returned.
    fn finalize(&self) -> Result<(), MpiError>;

    /// Says that somebody else has brought the library up, past [`MpiInit::init`] and [`MpiInit::table`]: what the table does
    /// besides in `MPI_Init` is done now, if it was not done before. Collective: all processes of the world call it at the
    /// same point, MPI being up, or none does; without it the table refuses what it would need that for.
    fn came_up(&self) {}

    /// What this MPI asks of the program; most ask nothing.
    fn hooks(&self) -> Option<&dyn Hooks> {
        None
    }
}

/// An MPI library behind a function table: all that the backends of this workspace need.
pub struct TableLibrary {
    info: LibraryInfo,
    table: &'static FnTable,
    came_up: fn(),
    ours: AtomicBool,
}

impl TableLibrary {
    /// A library that is described by `image` and reached through `table`, its own functions.
    #[must_use]
    pub fn new(backend: &'static str, image: Image, table: FnTable) -> Self {
        let table: &'static FnTable = Box::leak(Box::new(table));
        let info = LibraryInfo::of(backend, image, table);
        Self { info, table, came_up: || {}, ours: AtomicBool::new(false) }
    }

    /// As [`TableLibrary::new`], where the functions are those of the library opened in the family `A`, translated.
    #[must_use]
    pub fn translated<A: Abi>(backend: &'static str, image: Image, bound: &Bound<A>) -> Self {
        let table = FnTable::translated::<A>(&bound.native);
        Self { came_up: own::came_up::<A>, ..Self::new(backend, image, table) }
    }
}

impl MpiInit for TableLibrary {
    fn info(&self) -> &LibraryInfo {
        &self.info
    }

    fn init(&self, arguments: &mut ProcessArguments, wanted: ThreadLevel) -> Result<ThreadLevel, MpiError> {
        match self.state() {
            State::Untouched => {}
            state => return Err(MpiError::AlreadyUp(state)),
        }
        let mut provided = 0;
        // SAFETY: MPI is untouched; argc and argv are those of a C main and live for ever.
        let code = unsafe {
            (self.table.MPI_Init_thread)(
                &mut arguments.count,
                &mut arguments.pointers,
                wanted.value(),
                &mut provided,
            )
        };
        check(self, "MPI_Init_thread", code)?;
        self.ours.store(true, Ordering::Release);
        Ok(ThreadLevel::from_value(provided))
    }

    fn state(&self) -> State {
        let (mut initialized, mut finalized) = (0, 0);
        // SAFETY: both are legal in every state and write one int.
        unsafe {
            (self.table.MPI_Initialized)(&mut initialized);
            (self.table.MPI_Finalized)(&mut finalized);
        }
        match (initialized != 0, finalized != 0) {
            (_, true) => State::Finalized,
            (true, false) => State::Running,
            (false, false) => State::Untouched,
        }
    }

    fn table(&self) -> &'static FnTable {
        self.table
    }

    fn came_up(&self) {
        (self.came_up)();
    }

    fn finalize(&self) -> Result<(), MpiError> {
        if self.state() != State::Running || !self.ours.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        // SAFETY: MPI is running.
        check(self, "MPI_Finalize", unsafe { (self.table.MPI_Finalize)() })
    }
}

/// A code as a result.
///
/// # Errors
/// [`MpiError::Library`] if the code is not `MPI_SUCCESS`.
pub fn check(mpi: &dyn MpiInit, call: &'static str, code: c_int) -> Result<(), MpiError> {
    if code == 0 {
        return Ok(());
    }
    let mut text = [0 as c_char; MPI_MAX_ERROR_STRING];
    let mut length = 0;
    let message = if mpi.state() == State::Running {
        // SAFETY: MPI is running (Open MPI 4 aborts when asked earlier); the buffer has the standard ABI's size.
        unsafe { (mpi.table().MPI_Error_string)(code, text.as_mut_ptr(), &mut length) };
        text_of(&text, length)
    } else {
        format!("error code {code}")
    };
    Err(MpiError::Library { call, code, message })
}

/// What a program wants to know first of `MPI_COMM_WORLD`; MPI must be running.
impl dyn MpiInit + '_ {
    /// The rank of this process.
    ///
    /// # Errors
    /// What the library returned.
    pub fn rank(&self) -> Result<u32, MpiError> {
        world_number(self, "MPI_Comm_rank", self.table().MPI_Comm_rank)
    }

    /// The number of processes.
    ///
    /// # Errors
    /// What the library returned.
    pub fn size(&self) -> Result<u32, MpiError> {
        world_number(self, "MPI_Comm_size", self.table().MPI_Comm_size)
    }

    /// The name of the machine, as MPI knows it.
    ///
    /// # Errors
    /// What the library returned.
    pub fn processor_name(&self) -> Result<String, MpiError> {
        let mut text = [0 as c_char; MPI_MAX_PROCESSOR_NAME];
        let mut length = 0;
        // SAFETY: MPI is running; the buffer has the standard ABI's size.
        let code = unsafe { (self.table().MPI_Get_processor_name)(text.as_mut_ptr(), &mut length) };
        check(self, "MPI_Get_processor_name", code)?;
        Ok(text_of(&text, length))
    }

    /// Waits for all processes.
    ///
    /// # Errors
    /// What the library returned.
    pub fn barrier(&self) -> Result<(), MpiError> {
        // SAFETY: MPI is running.
        check(self, "MPI_Barrier", unsafe { (self.table().MPI_Barrier)(MPI_COMM_WORLD) })
    }

    /// Ends all processes with an exit code, as `MPI_Abort` does.
    pub fn abort(&self, code: c_int) -> ! {
        // SAFETY: MPI is running.
        unsafe { (self.table().MPI_Abort)(MPI_COMM_WORLD, code) };
        std::process::exit(code)
    }
}

type NumberOfComm = unsafe extern "C" fn(MPI_Comm, *mut c_int) -> c_int;

fn world_number(mpi: &dyn MpiInit, call: &'static str, ask: NumberOfComm) -> Result<u32, MpiError> {
    let mut number = 0;
    // SAFETY: MPI is running and the function writes one int.
    check(mpi, call, unsafe { ask(MPI_COMM_WORLD, &mut number) })?;
    Ok(u32::try_from(number).unwrap_or(0))
}

/// The first `length` characters of a C string buffer.
fn text_of(buffer: &[c_char], length: c_int) -> String {
    let length = usize::try_from(length).unwrap_or(0).min(buffer.len());
    let bytes: Vec<u8> =
        buffer[..length].iter().map(|&c| c.cast_unsigned()).take_while(|&c| c != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_from_what_libraries_say() {
        assert_eq!(release_in("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4"), Some((4, 1, 4)));
        assert_eq!(release_in("MPICH Version:\t4.0.2\nMPICH Release date: Thu Apr  7"), Some((4, 0, 2)));
        assert_eq!(release_in("Intel(R) MPI Library 2021.18.1 for Linux* OS"), Some((2021, 18, 1)));
        assert_eq!(release_in("no number"), None);
    }

    #[test]
    fn thread_levels_keep_their_order() {
        let levels =
            [ThreadLevel::Single, ThreadLevel::Funneled, ThreadLevel::Serialized, ThreadLevel::Multiple];
        for level in levels {
            assert_eq!(ThreadLevel::from_value(level.value()), level);
        }
        assert!(levels.is_sorted_by(|a, b| a.value() < b.value()));
    }

    #[test]
    fn arguments_end_with_null() {
        let arguments = ProcessArguments::from_strings([b"program".to_vec(), b"a\0b".to_vec()]);
        assert_eq!(arguments.count, 2);
        // SAFETY: count pointers and a null follow.
        unsafe {
            assert_eq!(std::ffi::CStr::from_ptr(*arguments.pointers.add(1)).to_bytes(), b"a");
            assert!((*arguments.pointers.add(2)).is_null());
        }
    }
}
