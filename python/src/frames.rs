//! Received buffers, as Python sees them: over libzmq's memory, without a copy. They can be written, as those of the stock
//! engine can: `a += 1` on an array that was pushed is what users do.

use std::ffi::c_int;

use anympi_zmq::Message;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyMemoryView;

/// One received frame. Arrays made from it keep it alive.
#[pyclass(frozen)]
pub struct Frame {
    message: Unshared,
}

/// A message without clones, whose bytes only Python reads and writes.
struct Unshared(Message);

// SAFETY: `Message` is not Sync because cloning one changes its handle. This wrapper never clones: it tells where the bytes
// are and drops the message once.
unsafe impl Sync for Unshared {}

/// A memoryview of a received frame.
pub fn memoryview(py: Python<'_>, message: Message) -> PyResult<Bound<'_, PyMemoryView>> {
    let frame = Bound::new(py, Frame { message: Unshared(message) })?;
    PyMemoryView::from(frame.as_any())
}

#[pymethods]
impl Frame {
    /// Fill a view of the bytes.
    ///
    /// # Safety
    /// `view` is valid, as the buffer protocol demands.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let message = &slf.get().message.0;
        let (data, size) = (message.data(), message.len().cast_signed());
        // SAFETY: the view is valid; the bytes live as long as the frame, to which PyBuffer_FillInfo takes a reference.
        // Nothing but Python's views reads or writes them, for the message was taken out of its request.
        let filled = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), data.cast(), size, 0, flags) };
        if filled == 0 {
            Ok(())
        } else {
            Err(PyErr::take(slf.py()).unwrap_or_else(|| PyBufferError::new_err("no view of this frame")))
        }
    }
}
