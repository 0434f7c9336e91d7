//! Functions made at run time, for callbacks that carry no state of their own.
//!
//! MPI calls a reduction operation with four arguments and an error handler with two; neither says which of the
//! user's functions is meant. A thunk is a few instructions that load one more argument, the context, and jump to a
//! common handler. Equal contexts share a thunk, so their number is bounded by the number of the user's functions.

use core::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use super::interned::Interned;

/// Which argument the context becomes: the first one that MPI does not pass.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContextArgument {
    /// After two arguments of MPI's.
    Third,
    /// After four.
    Fifth,
}

/// A function that calls `handler` with the caller's arguments and `context`; `None` if the system refuses memory
/// that can be executed.
pub fn thunk(
    handler: *const c_void,
    context: *const c_void,
    place: ContextArgument,
) -> Option<*const c_void> {
    static THUNKS: Interned<(usize, usize, ContextArgument), usize> = Interned::new();
    let key = (handler.expose_provenance(), context.expose_provenance(), place);
    let address = THUNKS.get(key, |&(handler, context, place)| write(&code(handler, context, place)));
    address.map(core::ptr::with_exposed_provenance)
}

#[cfg(target_arch = "x86_64")]
fn code(handler: usize, context: usize, place: ContextArgument) -> Vec<u8> {
    let move_context: [u8; 2] = match place {
        ContextArgument::Third => [0x48, 0xba], // mov rdx, imm64
        ContextArgument::Fifth => [0x49, 0xb8], // mov r8, imm64
    };
    let mut bytes = move_context.to_vec();
    bytes.extend(context.to_le_bytes());
    bytes.extend([0x48, 0xb8]); // mov rax, imm64
    bytes.extend(handler.to_le_bytes());
    bytes.extend([0xff, 0xe0]); // jmp rax
    bytes
}

#[cfg(target_arch = "aarch64")]
fn code(handler: usize, context: usize, place: ContextArgument) -> Vec<u8> {
    let register: u32 = match place {
        ContextArgument::Third => 2,
        ContextArgument::Fifth => 4,
    };
    // ldr x<register>, .+16 ; ldr x16, .+20 ; br x16 ; nop
    let words = [0x5800_0080 | register, 0x5800_00b0, 0xd61f_0200, 0xd503_201f];
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend(context.to_le_bytes());
    bytes.extend(handler.to_le_bytes());
    bytes
}

/// Pages that hold thunks: each is filled from its start and never freed, for a library may keep what it was given.
struct Page {
    start: *mut u8,
    used: usize,
}

// SAFETY: the page is reached only under the lock below.
unsafe impl Send for Page {}

/// Copies code into executable memory.
fn write(code: &[u8]) -> Option<usize> {
    const SIZE: usize = 4096;
    const ALIGNMENT: usize = 16;
    static PAGE: Mutex<Page> = Mutex::new(Page { start: core::ptr::null_mut(), used: SIZE });
    let mut page = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let room = code.len().next_multiple_of(ALIGNMENT);
    if page.used + room > SIZE {
        // SAFETY: fresh anonymous memory.
        let fresh = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if fresh == libc::MAP_FAILED {
            return None;
        }
        *page = Page { start: fresh.cast(), used: 0 };
    } else {
        // A page in use is executed by other threads, which must not see it vanish: it stays executable while it is
        // written to where the system allows that, and a new page is begun where it does not.
        // SAFETY: our own page.
        let writable = unsafe {
            libc::mprotect(page.start.cast(), SIZE, libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC)
        };
        if writable != 0 {
            page.used = SIZE;
            drop(page);
            return write(code);
        }
    }
    // SAFETY: there is room, and nobody else writes under the lock.
    let at = unsafe {
        let at = page.start.add(page.used);
        at.copy_from_nonoverlapping(code.as_ptr(), code.len());
        at
    };
    // SAFETY: our own page.
    if unsafe { libc::mprotect(page.start.cast(), SIZE, libc::PROT_READ | libc::PROT_EXEC) } != 0 {
        page.used = SIZE;
        return None;
    }
    #[cfg(target_arch = "aarch64")]
    flush(at, code.len());
    page.used += room;
    Some(at.expose_provenance())
}

/// Makes the instruction cache see what was written.
#[cfg(target_arch = "aarch64")]
fn flush(start: *mut u8, length: usize) {
    unsafe extern "C" {
        fn __clear_cache(start: *mut u8, end: *mut u8);
    }
    // SAFETY: a range that was just written.
    unsafe { __clear_cache(start, start.add(length)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" fn five(a: usize, b: usize, c: usize, d: usize, context: usize) -> usize {
        a + 10 * b + 100 * c + 1000 * d + context
    }

    unsafe extern "C" fn three(a: usize, b: usize, context: usize) -> usize {
        a + 10 * b + context
    }

    #[test]
    fn the_context_arrives() {
        for context in [0usize, 70_000, 0x1234_5678_9000] {
            let pointer = core::ptr::without_provenance(context);
            let made = thunk(five as *const c_void, pointer, ContextArgument::Fifth).unwrap();
            // SAFETY: a thunk of a function with four arguments and a context.
            let call: unsafe extern "C" fn(usize, usize, usize, usize) -> usize =
                unsafe { std::mem::transmute(made) };
            // SAFETY: as above.
            assert_eq!(unsafe { call(1, 2, 3, 4) }, 4321 + context);
            let made = thunk(three as *const c_void, pointer, ContextArgument::Third).unwrap();
            // SAFETY: a thunk of a function with two arguments and a context.
            let call: unsafe extern "C" fn(usize, usize) -> usize = unsafe { std::mem::transmute(made) };
            // SAFETY: as above.
            assert_eq!(unsafe { call(1, 2) }, 21 + context);
        }
    }

    #[test]
    fn equal_contexts_share_a_thunk_and_many_fit() {
        let make = |context: usize| {
            thunk(five as *const c_void, core::ptr::without_provenance(context), ContextArgument::Fifth)
                .unwrap()
        };
        let all: Vec<_> = (1_000_000..1_002_000).map(make).collect();
        assert_eq!(make(1_000_000), all[0]);
        for (index, &made) in all.iter().enumerate() {
            // SAFETY: a thunk of a function with four arguments and a context.
            let call: unsafe extern "C" fn(usize, usize, usize, usize) -> usize =
                unsafe { std::mem::transmute(made) };
            // SAFETY: as above.
            assert_eq!(unsafe { call(0, 0, 0, 0) }, 1_000_000 + index);
        }
    }
}
