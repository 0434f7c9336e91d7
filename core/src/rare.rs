//! Keeping what rarely happens out of the way of what every call does.

/// Marks the branch that it stands in as rarely taken: the compiler then tests and jumps, where it would else compute
/// both outcomes in every call, and lays the branch behind the function.
#[cold]
#[inline]
pub fn rare() {}

/// Does something rare in a function of its own, so that the way around it saves no registers for it.
#[cold]
#[inline(never)]
pub fn rarely<T>(act: impl FnOnce() -> T) -> T {
    act()
}
