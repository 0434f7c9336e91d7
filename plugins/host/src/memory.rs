//! Pointers from outside, looked at before they are followed.
//!
//! A plugin that was built wrong gives pointers that are none. The kernel's list of this process's memory tells them
//! apart, so that the user reads which field is wrong instead of "segmentation fault".

use core::ffi::{CStr, c_char};

use crate::error::Fault;

/// The memory of this process at one moment.
pub struct Memory {
    regions: Vec<Region>,
}

struct Region {
    start: usize,
    end: usize,
    readable: bool,
    executable: bool,
}

impl Memory {
    /// Reads the list. Without one, every pointer but null is believed.
    pub fn now() -> Self {
        let text = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        Self { regions: text.lines().filter_map(region).collect() }
    }

    fn covers(&self, address: usize, length: usize, wanted: impl Fn(&Region) -> bool) -> bool {
        if self.regions.is_empty() {
            return true;
        }
        let Some(end) = address.checked_add(length.max(1)) else { return false };
        let mut at = address;
        // Neighbouring regions may hold one object; the list is sorted.
        for region in self.regions.iter().filter(|region| region.end > address) {
            if region.start > at || !wanted(region) {
                return false;
            }
            at = region.end;
            if at >= end {
                return true;
            }
        }
        false
    }

    fn check(&self, address: usize, length: usize, what: &str, executable: bool) -> Result<(), Fault> {
        let why = if address == 0 {
            "is null"
        } else if executable && !self.covers(address, length, |region| region.executable) {
            "is no function"
        } else if !executable && !self.covers(address, length, |region| region.readable) {
            "is no memory of this process"
        } else {
            return Ok(());
        };
        Err(Fault::Pointer { what: what.to_owned(), address, why: why.to_owned() })
    }

    /// A function that can be called.
    pub fn function(&self, address: usize, what: &str) -> Result<(), Fault> {
        self.check(address, 1, what, true)
    }

    /// A structure whose first field is its size: everything of it is there.
    pub fn structure<T>(&self, pointer: *const T, what: &str) -> Result<&'static T, Fault> {
        let address = pointer.addr();
        self.check(address, size_of::<u32>(), what, false)?;
        if !address.is_multiple_of(align_of::<T>()) {
            let why = "is not aligned".to_owned();
            return Err(Fault::Pointer { what: what.to_owned(), address, why });
        }
        // SAFETY: four readable bytes, aligned more strictly than a number needs.
        let size = unsafe { pointer.cast::<u32>().read() };
        if (size as usize) < size_of::<T>() {
            return Err(Fault::Truncated { what: what.to_owned(), size, least: size_of::<T>() });
        }
        self.check(address, size_of::<T>(), what, false)?;
        // SAFETY: readable, aligned, and long enough; every field takes any value. The interface says that it lives for
        // ever.
        Ok(unsafe { &*pointer })
    }

    /// A text that ends.
    pub fn text(&self, pointer: *const c_char, what: &str) -> Result<String, Fault> {
        const LONGEST: usize = 1 << 20;
        self.check(pointer.addr(), 1, what, false)?;
        let mut length = 0;
        while self.covers(pointer.addr() + length, 1, |region| region.readable) && length < LONGEST {
            // SAFETY: the byte is readable.
            if unsafe { pointer.add(length).read() } == 0 {
                // SAFETY: as many readable bytes, then NUL.
                let text = unsafe { CStr::from_ptr(pointer) };
                return text.to_str().map(str::to_owned).map_err(|_| Fault::Text(what.to_owned()));
            }
            length += 1;
        }
        Err(Fault::Text(what.to_owned()))
    }
}

/// `start-end rwxp ...`
fn region(line: &str) -> Option<Region> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    let rights = rest.as_bytes();
    Some(Region {
        start: number(start)?,
        end: number(end)?,
        readable: rights.first() == Some(&b'r'),
        executable: rights.get(2) == Some(&b'x'),
    })
}

/// The text in a buffer that the other side has filled.
pub fn text_in(buffer: &[c_char], what: &str) -> Result<String, Fault> {
    let bytes: Vec<u8> = buffer.iter().map(|&c| c.cast_unsigned()).collect();
    let text = CStr::from_bytes_until_nul(&bytes).map_err(|_| Fault::Text(what.to_owned()))?;
    text.to_str().map(str::to_owned).map_err(|_| Fault::Text(what.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anympi_plugin_api::{anympi_progress, size_field};

    #[test]
    fn pointers_are_told_apart() {
        let memory = Memory::now();
        let good = anympi_progress { size: size_field::<anympi_progress>(), interval: 0, poll: None };
        memory.structure(&raw const good, "it").unwrap();
        let small = anympi_progress { size: 4, ..good };
        assert!(matches!(memory.structure(&raw const small, "it"), Err(Fault::Truncated { size: 4, .. })));
        for address in [0usize, 8, 0xdead_beef_dead_bee8] {
            let pointer = core::ptr::without_provenance::<anympi_progress>(address);
            assert!(matches!(memory.structure(pointer, "it"), Err(Fault::Pointer { .. })), "{address:#x}");
        }
        memory.function(pointers_are_told_apart as fn() as usize, "it").unwrap();
        assert!(memory.function((&raw const good).addr(), "it").is_err(), "data is no function");
        assert_eq!(memory.text(c"text".as_ptr(), "it"), Ok("text".to_owned()));
        assert_eq!(memory.text(c"\xff".as_ptr(), "it"), Err(Fault::Text("it".to_owned())));
    }
}
