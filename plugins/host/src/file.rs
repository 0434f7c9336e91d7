//! What can be known of a plugin before it is loaded: its ELF headers, and who may change it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use anympi_plugin_api::ANYMPI_PLUGIN_ENTRY;
use object::read::elf::{ElfFile64, FileHeader};
use object::{Object, ObjectSymbol};

use crate::error::{Fault, PluginError};

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = object::elf::EM_X86_64.0;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = object::elf::EM_AARCH64.0;
#[cfg(target_arch = "riscv64")]
const MACHINE: u16 = object::elf::EM_RISCV.0;
#[cfg(target_arch = "powerpc64")]
const MACHINE: u16 = object::elf::EM_PPC64.0;

/// Whether a file is a plugin for this machine; everything else is a reason.
pub fn inspect(path: &Path) -> Result<(), PluginError> {
    judge(path).map_err(|fault| PluginError::new(path, fault))
}

fn judge(path: &Path) -> Result<(), Fault> {
    let data = anympi_core::map_file(path).map_err(|error| Fault::Unreadable(error.to_string()))?;
    if data.len() < 64 || !data.starts_with(b"\x7fELF") {
        return Err(Fault::NotShared("it does not begin as an ELF file does".to_owned()));
    }
    let machine = u16::from_le_bytes([data[18], data[19]]);
    if data[4] != object::elf::ELFCLASS64.0 || data[5] != object::elf::ELFDATA2LSB.0 || machine != MACHINE {
        return Err(Fault::WrongMachine(format!(
            "ELF class {}, machine {machine}; this program is 64-bit, machine {MACHINE}",
            data[4]
        )));
    }
    let damaged = |error: object::read::Error| Fault::NotShared(error.to_string());
    let file = ElfFile64::<object::Endianness>::parse(&*data).map_err(damaged)?;
    if file.elf_header().e_type(file.endian()) != object::elf::ET_DYN {
        return Err(Fault::NotShared("it is an ELF file of another kind".to_owned()));
    }
    let entry = ANYMPI_PLUGIN_ENTRY.to_bytes();
    let mut symbols = file.dynamic_symbols().filter(|symbol| symbol.is_definition());
    if symbols.any(|symbol| symbol.name_bytes() == Ok(entry)) { Ok(()) } else { Err(Fault::NoEntry) }
}

/// Whether the program has more rights than the user who started it: then the environment proves nothing.
#[must_use]
pub fn is_privileged() -> bool {
    // SAFETY: reads a number that the kernel gave to this process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Refuses a file that others than its owner may change or exchange: what is loaded runs with the user's rights.
pub fn check_rights(path: &Path, privileged: bool) -> Result<(), PluginError> {
    rights(path, privileged).map_err(|fault| PluginError::new(path, fault))
}

fn rights(path: &Path, privileged: bool) -> Result<(), Fault> {
    let unreadable = |error: std::io::Error| Fault::Unreadable(error.to_string());
    let real = path.canonicalize().map_err(unreadable)?;
    for (depth, part) in real.ancestors().enumerate() {
        let metadata = part.metadata().map_err(unreadable)?;
        let mode = metadata.permissions().mode();
        // In a directory like /tmp nobody can rename what belongs to somebody else; but what lies in it directly may
        // have been put there by anybody.
        let guarded = depth > 1 && mode & libc::S_ISVTX != 0;
        if mode & libc::S_IWOTH != 0 && !guarded {
            return Err(Fault::Writable(part.to_owned()));
        }
        if privileged && metadata.uid() != 0 {
            return Err(Fault::Privileged(format!("{} does not belong to root", part.display())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_everybody_may_write_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("plugins");
        fs::create_dir(&below).unwrap();
        let file = below.join("x.so");
        fs::write(&file, "").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set(&below, 0o755);
        set(&file, 0o644);
        check_rights(&file, false).unwrap();
        for (path, open, closed) in [(&file, 0o666, 0o644), (&below, 0o777, 0o755), (&below, 0o1777, 0o755)] {
            set(path, open);
            let error = check_rights(&file, false).unwrap_err();
            assert_eq!(error.fault, Fault::Writable(path.canonicalize().unwrap()), "{error}");
            set(path, closed);
        }
        // A directory above with the sticky bit is what /tmp is.
        set(directory.path(), 0o1777);
        check_rights(&file, false).unwrap();
        set(directory.path(), 0o777);
        assert!(check_rights(&file, false).is_err());
    }

    #[test]
    fn a_privileged_program_takes_files_of_root_only() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x.so");
        fs::write(&file, "").unwrap();
        if std::os::unix::fs::chown(&file, Some(12345), None).is_ok() {
            assert!(matches!(check_rights(&file, true).unwrap_err().fault, Fault::Privileged(_)));
        } else {
            // Not root, so the file is not root's already.
            assert!(matches!(check_rights(&file, true).unwrap_err().fault, Fault::Privileged(_)));
        }
    }
}
