//! The way back from a library's handle to a predefined one.

use crate::abi::Class;

/// From native bits and class back to the predefined handle: an open-addressing hash table, mostly empty.
pub struct Reverse {
    entries: [Entry; Reverse::SIZE],
    /// All predefined handles lie between these, and most others do not.
    least: usize,
    most: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    key: u64,
    value: usize,
}

impl Reverse {
    const BITS: u32 = 10;
    const SIZE: usize = 1 << Self::BITS;
    /// A key that nothing has, for no class has the highest number.
    const EMPTY: u64 = u64::MAX;

    /// From pairs of a standard value and native bits. Of several values with the same bits the first counts.
    pub fn new(predefined: &[(usize, usize)]) -> Self {
        assert!(predefined.len() * 2 <= Self::SIZE, "the table of predefined handles outgrew its hash");
        let mut entries = [Entry { key: Self::EMPTY, value: 0 }; Self::SIZE];
        for &(value, bits) in predefined {
            let Some(class) = Class::of_predefined(value) else { continue };
            let key = Self::key(class, bits);
            let mut at = Self::hash(key);
            while entries[at].key != Self::EMPTY && entries[at].key != key {
                at = (at + 1) % Self::SIZE;
            }
            if entries[at].key == Self::EMPTY {
                entries[at] = Entry { key, value };
            }
        }
        let bits = || predefined.iter().map(|entry| entry.1);
        Self { entries, least: bits().min().unwrap_or(0), most: bits().max().unwrap_or(0) }
    }

    /// The class in the byte that no address and no int uses.
    #[inline]
    fn key(class: Class, bits: usize) -> u64 {
        bits as u64 ^ (class as u64) << 56
    }

    #[inline]
    fn hash(key: u64) -> usize {
        // Multiplied by the golden ratio, whose upper bits are as good as random.
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - Self::BITS)) as usize
    }

    #[inline]
    /// The predefined handle of that class with these bits.
    pub fn find(&self, class: Class, bits: usize) -> Option<usize> {
        if bits < self.least || bits > self.most {
            return None;
        }
        let key = Self::key(class, bits);
        let mut at = Self::hash(key);
        loop {
            let entry = self.entries[at % Self::SIZE];
            if entry.key == key {
                return Some(entry.value);
            }
            if entry.key == Self::EMPTY {
                return None;
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reverse_table_tells_classes_apart() {
        // MPICH's null request and null message have the same bits.
        let table = Reverse::new(&[(0x180, 0x2c00_0000), (0x128, 0x2c00_0000), (0x101, 0x4400_0000)]);
        assert_eq!(table.find(Class::Request, 0x2c00_0000), Some(0x180));
        assert_eq!(table.find(Class::Message, 0x2c00_0000), Some(0x128));
        assert_eq!(table.find(Class::Comm, 0x2c00_0000), None);
        assert_eq!(table.find(Class::Comm, 0x4400_0000), Some(0x101));
    }
}
