//! Giving a loaded library a second soname.
//!
//! An extension module that needs `libmpi.so.12` is content with any loaded object of that soname. Debian's MPICH
//! is `libmpich.so.12`, so an extension built elsewhere does not find it. The cure is a shared library without code
//! that has the wanted soname and needs the real one: a few hundred bytes, made here in memory. The dynamic linker
//! then finds the real library's functions through it.

use std::ffi::CString;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use crate::image::Image;
use crate::loader::{LoadedLibrary, Visibility};

/// Makes the dynamic linker take the loaded library `image` for one whose soname is `wanted` as well.
///
/// Call it after the library was opened with [`Visibility::Global`]. Does nothing if the library has that soname.
///
/// # Errors
/// The operating system's or the dynamic linker's words.
pub fn provide_soname(image: &Image, wanted: &str) -> io::Result<()> {
    let Some(real) = image.soname.as_deref() else {
        return Err(io::Error::other(format!("{} has no soname", image.path.display())));
    };
    if real == wanted {
        return Ok(());
    }
    let name = CString::new(wanted)?;
    // SAFETY: the name is a C string; the descriptor is checked before it is owned.
    let descriptor = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: memfd_create gave this descriptor to us alone.
    let mut file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(descriptor) });
    file.write_all(&stub(wanted, real))?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    LoadedLibrary::open(Path::new(&path), Visibility::Global).map_err(io::Error::other)?;
    Ok(())
}

/// The bytes of a shared library with soname `soname` that needs `needed` and holds nothing.
fn stub(soname: &str, needed: &str) -> Vec<u8> {
    use object::elf::{
        DT_HASH, DT_NEEDED, DT_NULL, DT_SONAME, DT_STRSZ, DT_STRTAB, DT_SYMENT, DT_SYMTAB, ET_DYN, PF_R,
        PF_W, PT_DYNAMIC, PT_GNU_STACK, PT_LOAD,
    };
    const HEADER: u64 = 64;
    const SEGMENTS: u64 = 3;
    const SEGMENT: u64 = 56;
    const ENTRIES: u64 = 8;
    const SYMBOL: u64 = 24;
    // One bucket and one symbol, the null symbol.
    const HASH: [u32; 4] = [1, 1, 0, 0];

    let strings = [b"\0", soname.as_bytes(), b"\0", needed.as_bytes(), b"\0"].concat();
    let dynamic_at = HEADER + SEGMENTS * SEGMENT;
    let hash_at = dynamic_at + ENTRIES * 16;
    let symbols_at = hash_at + 16;
    let strings_at = symbols_at + SYMBOL;
    let total = strings_at + strings.len() as u64;
    let needed_at = soname.len() as u64 + 2;

    let mut file = Bytes(Vec::new());
    file.0.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.halves(&[ET_DYN.0, crate::image::NATIVE_MACHINE]);
    file.words(&[1]);
    file.longs(&[0, HEADER, 0]);
    file.words(&[0]);
    file.halves(&[HEADER as u16, SEGMENT as u16, SEGMENTS as u16, 64, 0, 0]);

    let flags = (PF_R | PF_W).0;
    for (kind, offset, size, alignment) in [
        (PT_LOAD, 0, total, 0x1000),
        (PT_DYNAMIC, dynamic_at, ENTRIES * 16, 8),
        // Without this the dynamic linker would make the stack executable.
        (PT_GNU_STACK, 0, 0, 16),
    ] {
        file.words(&[kind.0, flags]);
        file.longs(&[offset, offset, offset, size, size, alignment]);
    }

    let entries: [_; ENTRIES as usize] = [
        (DT_NEEDED, needed_at),
        (DT_SONAME, 1),
        (DT_HASH, hash_at),
        (DT_SYMTAB, symbols_at),
        (DT_SYMENT, SYMBOL),
        (DT_STRTAB, strings_at),
        (DT_STRSZ, strings.len() as u64),
        (DT_NULL, 0),
    ];
    for (tag, value) in entries {
        file.longs(&[tag.0 as u64, value]);
    }
    file.words(&HASH);
    file.longs(&[0; SYMBOL as usize / 8]);
    file.0.extend(strings);
    file.0
}

/// Little-endian numbers in a row.
struct Bytes(Vec<u8>);

impl Bytes {
    fn halves(&mut self, values: &[u16]) {
        self.0.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn words(&mut self, values: &[u32]) {
        self.0.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn longs(&mut self, values: &[u64]) {
        self.0.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Family, Vendor};

    #[test]
    fn a_loaded_library_answers_to_a_second_soname() {
        let image = Image {
            path: "/lib/libm".into(),
            soname: Some("libm.so.6".to_owned()),
            family: Family::Mpich,
            vendor: Vendor::Other,
        };
        provide_soname(&image, "libanympi-soname-test.so.12").unwrap();
        // The dynamic linker finds a loaded object by soname without a file of that name.
        let found = LoadedLibrary::open(Path::new("libanympi-soname-test.so.12"), Visibility::Local).unwrap();
        assert!(!found.symbol(c"cos").is_null(), "the symbols of the library behind it are reachable");
    }

    #[test]
    fn a_library_that_has_the_soname_is_left_alone() {
        let image = Image {
            path: "/lib/x".into(),
            soname: Some("libmpi.so.12".to_owned()),
            family: Family::Mpich,
            vendor: Vendor::Mpich,
        };
        provide_soname(&image, "libmpi.so.12").unwrap();
    }
}
