//! Where an opened library is kept.

use core::fmt;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

/// A place that is written once and then read without a check.
///
/// It begins with a page, so that where its words lie in a page does not depend on what else is linked. A processor lets a
/// load wait for a store shortly before it whose address ends in the same 12 bits, so code that does not change would else be
/// faster in one build than in another, by as much as a call takes.
#[repr(align(4096))]
pub struct Slot<T> {
    filled: AtomicBool,
    claimed: AtomicBool,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is written once, before `filled` is set with Release; afterwards it is only shared.
unsafe impl<T: Send + Sync> Sync for Slot<T> {}

impl<T> Slot<T> {
    /// An empty slot.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            filled: AtomicBool::new(false),
            claimed: AtomicBool::new(false),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Fills the slot; gives the value back when it was filled before.
    pub fn fill(&self, value: T) -> Result<&T, T> {
        if self.claimed.swap(true, Ordering::AcqRel) {
            return Err(value);
        }
        // SAFETY: `claimed` lets exactly one caller get here, and readers wait for `filled`.
        let filled = unsafe { (*self.value.get()).write(value) };
        self.filled.store(true, Ordering::Release);
        Ok(filled)
    }

    /// The value, if the slot was filled.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: `filled` is set after the value was written.
        self.filled.load(Ordering::Acquire).then(|| unsafe { self.get_unchecked() })
    }

    /// The value, without looking whether it is there.
    ///
    /// # Safety
    /// The slot was filled before, and the caller has synchronised with the thread that filled it.
    #[inline]
    #[must_use]
    pub unsafe fn get_unchecked(&self) -> &T {
        // SAFETY: filled, as the caller promises, and never written again.
        unsafe { (*self.value.get()).assume_init_ref() }
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("filled", &self.filled.load(Ordering::Relaxed)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_filled_once() {
        let slot = Slot::empty();
        assert!(slot.get().is_none());
        assert_eq!(slot.fill(7), Ok(&7));
        assert_eq!(slot.fill(8), Err(8));
        assert_eq!(slot.get(), Some(&7));
    }
}
