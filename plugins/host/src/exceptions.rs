//! An exception that leaves a function of a plugin ends here, where the machine is one whose stack we can mend.
//!
//! Rust's own `catch_unwind` ends the process when the exception is of another language (or of another Rust runtime, as that
//! of a plugin in Rust is). So a few instructions lie between us and the plugin, and the unwinder learns from a personality
//! of our own that they handle whatever comes. What was thrown is not looked at and never freed: its runtime is the plugin's.

use core::ffi::c_void;

/// An exception left the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thrown;

/// A function of a plugin, as one that may unwind: the interface forbids it, but we do not rely on that.
pub trait Unwinding {
    /// The same with another ABI.
    type Function;
    /// The same function.
    fn unwinding(self) -> Self::Function;
}

macro_rules! unwinding {
    ($(($($parameter:ident),*))*) => {$(
        impl<R, $($parameter),*> Unwinding for unsafe extern "C" fn($($parameter),*) -> R {
            type Function = unsafe extern "C-unwind" fn($($parameter),*) -> R;
            fn unwinding(self) -> Self::Function {
                // SAFETY: the ABIs pass arguments alike; they differ in what may leave the function.
                unsafe { core::mem::transmute::<Self, Self::Function>(self) }
            }
        }
    )*};
}

unwinding!(()(A)(A, B)(A, B, C)(A, B, C, D, E));

/// Calls `work`, which calls a plugin by functions that are [`Unwinding`].
///
/// # Errors
/// That an exception came out.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub fn caught<T, F: FnOnce() -> T>(work: F) -> Result<T, Thrown> {
    struct Call<T, F> {
        work: Option<F>,
        result: Option<T>,
    }
    unsafe extern "C-unwind" fn call<T, F: FnOnce() -> T>(data: *mut c_void) {
        // SAFETY: the structure below, which waits for this call.
        let call = unsafe { &mut *data.cast::<Call<T, F>>() };
        call.result = call.work.take().map(|work| work());
    }
    let mut both = Call { work: Some(work), result: None };
    // SAFETY: the function takes that structure, which outlives the call.
    unsafe { mending::anympi_host_call(call::<T, F>, (&raw mut both).cast()) };
    both.result.ok_or(Thrown)
}

/// Calls `work`; an exception ends the process.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn caught<T, F: FnOnce() -> T>(work: F) -> Result<T, Thrown> {
    Ok(work())
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod mending {
    use core::arch::global_asm;
    use core::ffi::{c_int, c_void};

    unsafe extern "C" {
        /// Calls `function` with `data`; returns when that returns, or when an exception has come out of it.
        pub fn anympi_host_call(function: unsafe extern "C-unwind" fn(*mut c_void), data: *mut c_void);
        /// Where that function goes on after an exception.
        fn anympi_host_landing();
        fn _Unwind_SetIP(context: *mut c_void, address: usize);
    }

    /// The frame would run destructors, which it has not, or end the unwinding, which is what it is for.
    const SEARCH_PHASE: c_int = 1;
    /// The frame is the one that ends the unwinding.
    const HANDLER_FRAME: c_int = 4;
    /// A thread that ends, which nobody may stop.
    const FORCED: c_int = 8;
    const HANDLER_FOUND: c_int = 6;
    const INSTALL_CONTEXT: c_int = 7;
    const CONTINUE: c_int = 8;

    /// What the unwinder asks about the frame of [`anympi_host_call`] (Itanium C++ ABI, exception handling, 1.6).
    unsafe extern "C" fn personality(
        _version: c_int,
        actions: c_int,
        _class: u64,
        _exception: *mut c_void,
        context: *mut c_void,
    ) -> c_int {
        if actions & FORCED != 0 {
            CONTINUE
        } else if actions & SEARCH_PHASE != 0 {
            HANDLER_FOUND
        } else if actions & HANDLER_FRAME != 0 {
            let landing: unsafe extern "C" fn() = anympi_host_landing;
            // SAFETY: the unwinder's own structure, and an address within the function that the frame belongs to.
            unsafe { _Unwind_SetIP(context, landing as usize) };
            INSTALL_CONTEXT
        } else {
            CONTINUE
        }
    }

    // A frame that saves nothing but the frame pointer, so at the landing everything is as after the call.
    #[cfg(target_arch = "x86_64")]
    global_asm!(
        ".pushsection .text.anympi_host_call, \"ax\", @progbits",
        ".globl anympi_host_call",
        ".hidden anympi_host_call",
        ".type anympi_host_call, @function",
        ".globl anympi_host_landing",
        ".hidden anympi_host_landing",
        "anympi_host_call:",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "mov rax, rdi",
        "mov rdi, rsi",
        "call rax",
        "anympi_host_landing:",
        "pop rbp",
        ".cfi_def_cfa rsp, 8",
        "ret",
        ".cfi_endproc",
        ".size anympi_host_call, . - anympi_host_call",
        ".popsection",
        personality = sym personality,
    );

    #[cfg(target_arch = "aarch64")]
    global_asm!(
        ".pushsection .text.anympi_host_call, \"ax\", @progbits",
        ".globl anympi_host_call",
        ".hidden anympi_host_call",
        ".type anympi_host_call, @function",
        ".globl anympi_host_landing",
        ".hidden anympi_host_landing",
        "anympi_host_call:",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        "stp x29, x30, [sp, #-16]!",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset x29, -16",
        ".cfi_offset x30, -8",
        "mov x29, sp",
        ".cfi_def_cfa_register x29",
        "mov x9, x0",
        "mov x0, x1",
        "blr x9",
        "anympi_host_landing:",
        "ldp x29, x30, [sp], #16",
        ".cfi_def_cfa sp, 0",
        ".cfi_restore x29",
        ".cfi_restore x30",
        "ret",
        ".cfi_endproc",
        ".size anympi_host_call, . - anympi_host_call",
        ".popsection",
        personality = sym personality,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    struct Counts<'a>(&'a Cell<u32>);

    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn a_result_comes_back_and_an_exception_ends_here() {
        assert_eq!(caught(|| 7), Ok(7));
        let dropped = Cell::new(0);
        for round in 1..=3 {
            let thrown: Result<(), Thrown> = caught(|| {
                let _counts = Counts(&dropped);
                std::panic::resume_unwind(Box::new("thrown on purpose"));
            });
            assert_eq!((thrown, dropped.get()), (Err(Thrown), round));
        }
    }
}
