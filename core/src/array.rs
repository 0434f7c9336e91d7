//! A translated array for the time of one call: on the stack when it is short, on the heap when it is long.

use core::mem::MaybeUninit;

/// How many elements stay on the stack.
const INLINE: usize = 32;

/// Elements made by [`Buffer::from_fn`]; `T` is plain data.
pub struct Buffer<T: Copy> {
    length: usize,
    inline: [MaybeUninit<T>; INLINE],
    heap: Vec<T>,
}

impl<T: Copy> Buffer<T> {
    /// An array of `length` elements, each made from its index.
    #[inline]
    pub fn from_fn(length: usize, mut make: impl FnMut(usize) -> T) -> Self {
        let mut buffer = Self { length, inline: [MaybeUninit::uninit(); INLINE], heap: Vec::new() };
        if length <= INLINE {
            for (index, slot) in buffer.inline[..length].iter_mut().enumerate() {
                slot.write(make(index));
            }
        } else {
            buffer.heap = (0..length).map(make).collect();
        }
        buffer
    }

    /// The first element's address; valid while the buffer does not move.
    #[inline]
    pub fn as_mut_ptr(&mut self) -> *mut T {
        if self.length <= INLINE { self.inline.as_mut_ptr().cast() } else { self.heap.as_mut_ptr() }
    }

    /// The elements.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        if self.length <= INLINE {
            // SAFETY: `from_fn` wrote the first `length` elements.
            unsafe { core::slice::from_raw_parts(self.inline.as_ptr().cast(), self.length) }
        } else {
            &self.heap
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_arrays_hold_what_was_put_in() {
        for length in [0, 1, INLINE, INLINE + 1, 1000] {
            let mut buffer = Buffer::from_fn(length, |index| index * 2);
            assert_eq!(buffer.as_slice(), (0..length).map(|index| index * 2).collect::<Vec<_>>());
            if length > 0 {
                // SAFETY: the first element is there.
                unsafe { *buffer.as_mut_ptr() = 7 };
                assert_eq!(buffer.as_slice()[0], 7);
            }
        }
    }
}
