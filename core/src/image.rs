//! What a file is, read from its ELF headers: nothing is loaded, so nothing of it runs.
//!
//! The exported symbols tell the family: an MPI library exports `MPI_Init`; Open MPI's predefined handles are data
//! symbols such as `ompi_mpi_comm_world`; a library of the standard ABI exports `MPI_Abi_get_version` and none of
//! the Fortran converters that lie outside that ABI; what remains and carries `MPIR_` or MPICH's soname is MPICH's.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use object::read::elf::{ElfFile64, FileHeader};
use object::{Object, ObjectSymbol};

/// The binary interface that a library speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Open MPI 4 and 5, and libraries derived from it.
    OpenMpi,
    /// MPICH 3 to 5, Intel MPI and others of the MPICH ABI initiative.
    Mpich,
    /// The standard ABI of MPI-5.0.
    Abi,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenMpi => "Open MPI's ABI",
            Self::Mpich => "MPICH's ABI",
            Self::Abi => "the standard ABI",
        })
    }
}

/// Who made a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// Open MPI.
    OpenMpi,
    /// MPICH.
    Mpich,
    /// Intel MPI.
    Intel,
    /// Somebody else, in one of the known families.
    Other,
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenMpi => "Open MPI",
            Self::Mpich => "MPICH",
            Self::Intel => "Intel MPI",
            Self::Other => "another MPI",
        })
    }
}

/// A file that is an MPI library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The file, as found; it may be a symbolic link.
    pub path: PathBuf,
    /// `DT_SONAME`.
    pub soname: Option<String>,
    /// The ABI that it speaks.
    pub family: Family,
    /// Who made it.
    pub vendor: Vendor,
}

/// Why a file is no MPI library that this process could load.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// It is no ELF file, or a damaged one.
    #[error("is no shared library ({0})")]
    NotElf(String),
    /// It is an ELF file for another kind of machine.
    #[error("is a shared library for another machine ({0})")]
    WrongMachine(String),
    /// It is an ELF file, but no shared library.
    #[error("is an ELF file, but no shared library")]
    NotShared,
    /// It exports no `MPI_Init`.
    #[error(
        "is a shared library, but neither an MPI library (it exports no MPI_Init) nor a plugin (it exports no anympi_plugin_entry)"
    )]
    NotMpi,
    /// It is the library of this project that offers the standard ABI over another MPI.
    #[error("is anympi's own library, which needs another MPI below it")]
    OurOwn,
    /// It exports `MPI_Init`, but nothing that tells its ABI.
    #[error("is an MPI library whose ABI is not known")]
    UnknownAbi,
}

/// Reads what a file is.
pub fn inspect(path: &Path) -> Result<Image, InspectError> {
    let data = map_file(path).map_err(InspectError::Unreadable)?;
    let file = shared_library(&data)?;
    let mut marks = Marks::default();
    for symbol in file.dynamic_symbols().filter(|symbol| symbol.is_definition()) {
        marks.see(symbol.name_bytes().unwrap_or_default());
    }
    let soname = soname(&file);
    let (family, vendor) = marks.judge(soname.as_deref())?;
    Ok(Image { path: path.to_owned(), soname, family, vendor })
}

/// The names of MPI's functions that a library exports.
pub(crate) fn exported_functions(path: &Path) -> Result<HashSet<String>, InspectError> {
    let data = map_file(path).map_err(InspectError::Unreadable)?;
    let symbols = shared_library(&data)?;
    let symbols = symbols.dynamic_symbols().filter(|symbol| symbol.is_definition());
    let names = symbols.filter_map(|symbol| Some(symbol.name().ok()?.to_owned()));
    Ok(names.filter(|name| name.starts_with("MPI_")).collect())
}

/// The bytes of a file, of which only those are read that somebody looks at: libraries have tens of megabytes.
///
/// # Errors
/// What the system says when the file cannot be opened or mapped.
pub fn map_file(path: &Path) -> std::io::Result<impl Deref<Target = [u8]> + use<>> {
    let file = fs::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    // SAFETY: a private mapping that is only read. Whoever shortens a library while programs load it harms the dynamic
    // linker, which maps it too, as much as this.
    unsafe { Mmap::map(&file) }
}

/// The ELF file in some bytes, if this process could load it.
fn shared_library(data: &[u8]) -> Result<ElfFile64<'_, object::Endianness>, InspectError> {
    if data.len() < 64 || !data.starts_with(b"\x7fELF") {
        return Err(InspectError::NotElf("it does not begin as an ELF file does".to_owned()));
    }
    let machine = u16::from_le_bytes([data[18], data[19]]);
    if data[4] != object::elf::ELFCLASS64.0
        || data[5] != object::elf::ELFDATA2LSB.0
        || machine != NATIVE_MACHINE
    {
        return Err(InspectError::WrongMachine(format!(
            "ELF class {}, machine {machine}; this program is 64-bit, machine {NATIVE_MACHINE}",
            data[4]
        )));
    }
    let file = ElfFile64::<object::Endianness>::parse(data)
        .map_err(|error: object::read::Error| InspectError::NotElf(error.to_string()))?;
    if file.elf_header().e_type(file.endian()) != object::elf::ET_DYN {
        return Err(InspectError::NotShared);
    }
    Ok(file)
}

/// The sonames of the libraries that a program or a library of this machine's kind needs, in its order.
///
/// # Errors
/// [`InspectError::Unreadable`] and [`InspectError::NotElf`].
pub fn needed(path: &Path) -> Result<Vec<String>, InspectError> {
    let data = map_file(path).map_err(InspectError::Unreadable)?;
    let damaged = |error: object::read::Error| InspectError::NotElf(error.to_string());
    let file = ElfFile64::<object::Endianness>::parse(&*data).map_err(damaged)?;
    let table = file.elf_dynamic_table().map_err(damaged)?;
    let names = table.iter().filter(|entry| entry.tag == object::elf::DT_NEEDED);
    let names = names.filter_map(|entry| table.string(entry).ok());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

#[cfg(target_arch = "x86_64")]
pub(crate) const NATIVE_MACHINE: u16 = object::elf::EM_X86_64.0;
#[cfg(target_arch = "aarch64")]
pub(crate) const NATIVE_MACHINE: u16 = object::elf::EM_AARCH64.0;
#[cfg(target_arch = "riscv64")]
pub(crate) const NATIVE_MACHINE: u16 = object::elf::EM_RISCV.0;
#[cfg(target_arch = "powerpc64")]
pub(crate) const NATIVE_MACHINE: u16 = object::elf::EM_PPC64.0;

/// The symbols that tell families and vendors apart.
#[derive(Default)]
struct Marks {
    mpi: bool,
    open_mpi: bool,
    intel: bool,
    mpich: bool,
    standard: bool,
    fortran_converters: bool,
    our_own: bool,
}

impl Marks {
    fn see(&mut self, name: &[u8]) {
        match name {
            b"MPI_Init" => self.mpi = true,
            b"ompi_mpi_comm_world" => self.open_mpi = true,
            b"I_MPI_Check_image_status" => self.intel = true,
            b"MPIR_Dup_fn" | b"MPIR_Err_create_code" => self.mpich = true,
            b"MPI_Abi_get_version" => self.standard = true,
            b"anympi_library" => self.our_own = true,
            b"MPI_Status_c2f" => self.fortran_converters = true,
            _ => {}
        }
    }

    fn judge(&self, soname: Option<&str>) -> Result<(Family, Vendor), InspectError> {
        if !self.mpi {
            return Err(InspectError::NotMpi);
        }
        if self.our_own {
            return Err(InspectError::OurOwn);
        }
        if self.open_mpi {
            return Ok((Family::OpenMpi, Vendor::OpenMpi));
        }
        let vendor = match (self.intel, self.mpich) {
            (true, _) => Vendor::Intel,
            (false, true) => Vendor::Mpich,
            (false, false) => Vendor::Other,
        };
        // Classic libraries of MPI-5.0 export `MPI_Abi_get_version` too, and the Fortran converters with it.
        let named_as_standard = soname.is_some_and(|name| name.starts_with("libmpi_abi."));
        if self.standard && (named_as_standard || !self.fortran_converters) {
            return Ok((Family::Abi, vendor));
        }
        let named_as_mpich = soname.is_some_and(|name| name.ends_with(".so.12"));
        if self.mpich || named_as_mpich {
            return Ok((Family::Mpich, vendor));
        }
        Err(InspectError::UnknownAbi)
    }
}

fn soname(file: &ElfFile64<'_, object::Endianness>) -> Option<String> {
    let table = file.elf_dynamic_table().ok()?;
    let entry = table.iter().find(|entry| entry.tag == object::elf::DT_SONAME)?;
    let name = table.string(entry).ok()?;
    Some(String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file_with(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn text_and_truncated_files_are_no_libraries() {
        for bytes in [
            b"hello".to_vec(),
            Vec::new(),
            b"\x7fELF".to_vec(),
            [&b"\x7fELF\x02\x01\x01"[..], &[0; 80]].concat(),
        ] {
            let file = file_with(&bytes);
            let error = inspect(file.path()).unwrap_err();
            assert!(matches!(error, InspectError::NotElf(_) | InspectError::WrongMachine(_)), "{error}");
        }
    }

    #[test]
    fn a_library_without_mpi_is_told_apart() {
        let libc = [
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/libc.so.6",
            "/usr/lib/libc.so.6",
            "/lib/aarch64-linux-gnu/libc.so.6",
        ]
        .into_iter()
        .map(Path::new)
        .find(|path| path.exists())
        .expect("a C library");
        assert!(matches!(inspect(libc), Err(InspectError::NotMpi)));
    }

    #[test]
    fn a_cut_library_is_refused_without_a_panic() {
        let own = std::env::current_exe().unwrap();
        let bytes = std::fs::read(own).unwrap();
        for length in [64, 100, 1000, bytes.len() / 2] {
            let file = file_with(&bytes[..length]);
            assert!(inspect(file.path()).is_err());
        }
    }

    #[test]
    fn symbols_tell_the_family() {
        let judge = |names: &[&[u8]], soname| {
            let mut marks = Marks::default();
            names.iter().for_each(|name| marks.see(name));
            marks.judge(soname).ok()
        };
        assert_eq!(
            judge(&[b"MPI_Init", b"ompi_mpi_comm_world", b"MPI_Status_c2f"], None),
            Some((Family::OpenMpi, Vendor::OpenMpi))
        );
        let classic: &[&[u8]] = &[b"MPI_Init", b"MPIR_Dup_fn", b"MPI_Abi_get_version", b"MPI_Status_c2f"];
        assert_eq!(judge(classic, None), Some((Family::Mpich, Vendor::Mpich)));
        assert_eq!(
            judge(&[b"MPI_Init", b"MPI_Abi_get_version", b"I_MPI_Check_image_status"], None),
            Some((Family::Abi, Vendor::Intel))
        );
        assert_eq!(judge(&[b"MPI_Init"], Some("libmpi.so.12")), Some((Family::Mpich, Vendor::Other)));
        assert_eq!(judge(&[b"MPI_Init"], None), None);
        assert_eq!(judge(&[b"MPI_Status_c2f"], None), None);
    }
}
