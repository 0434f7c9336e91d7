//! A translated array for the time of one call: on the stack when it is short, on the heap when it is long.

use core::mem::MaybeUninit;

/// How many elements stay on the stack: both halves of a window of 32 messages.
const INLINE: usize = 64;

/// Elements made by [`Buffer::from_fn`], or written by who got their address; `T` is plain data.
#[repr(C)]
pub struct Buffer<T: Copy> {
    length: usize,
    /// Of elements beyond [`INLINE`], else null.
    heap: *mut T,
    inline: [MaybeUninit<T>; INLINE],
}

impl<T: Copy> Buffer<T> {
    /// An array of `length` elements, each made from its index.
    pub fn from_fn(length: usize, mut make: impl FnMut(usize) -> T) -> Self {
        let mut buffer = MaybeUninit::uninit();
        // SAFETY: all elements are written.
        unsafe {
            let first = Self::uninit_at(&mut buffer, length);
            for index in 0..length {
                first.add(index).write(make(index));
            }
            buffer.assume_init()
        }
    }

    /// Makes an array in `place`, where it stays: it is large, and moving it costs more than a call of MPI. Returns
    /// the address of its elements.
    ///
    /// # Safety
    /// The elements are written before they are read.
    #[inline]
    pub unsafe fn uninit_at(place: &mut MaybeUninit<Self>, length: usize) -> *mut T {
        let heap = if length <= INLINE { core::ptr::null_mut() } else { allocate(length) };
        let place = place.as_mut_ptr();
        // SAFETY: all fields are written but the elements, which may be anything.
        unsafe {
            (&raw mut (*place).length).write(length);
            (&raw mut (*place).heap).write(heap);
            (*place).as_mut_ptr()
        }
    }

    /// The number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }

    /// The first element's address; valid while the buffer does not move.
    #[inline]
    pub fn as_mut_ptr(&mut self) -> *mut T {
        if self.length <= INLINE { self.inline.as_mut_ptr().cast() } else { self.heap }
    }

    /// The elements.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        let first = if self.length <= INLINE { self.inline.as_ptr().cast() } else { self.heap.cast_const() };
        // SAFETY: that many elements, written before as whoever made the buffer has promised.
        unsafe { core::slice::from_raw_parts(first, self.length) }
    }
}

impl<T: Copy> Drop for Buffer<T> {
    #[inline]
    fn drop(&mut self) {
        if self.length > INLINE {
            // SAFETY: allocated with that length, and not used any more.
            unsafe { release(self.heap, self.length) };
        }
    }
}

#[cold]
fn allocate<T>(length: usize) -> *mut T {
    Box::into_raw(Box::<[T]>::new_uninit_slice(length)).cast()
}

/// # Safety
/// `first` came from [`allocate`] with the same length.
#[cold]
unsafe fn release<T: Copy>(first: *mut T, length: usize) {
    let slice = core::ptr::slice_from_raw_parts_mut(first.cast::<MaybeUninit<T>>(), length);
    // SAFETY: as the caller promises.
    drop(unsafe { Box::from_raw(slice) });
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
