//! Received buffers, as Python sees them: read-only, over libzmq's memory, without a copy.

use std::ffi::c_int;

use anympi_zmq::Message;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyMemoryView;

/// One received frame. Arrays made from it keep it alive.
#[pyclass(frozen)]
pub struct Frame {
    message: ReadOnly,
}

/// A message that is only ever read and dropped.
struct ReadOnly(Message);

// SAFETY: `Message` is not Sync because cloning one changes its handle. This wrapper never clones: it reads the bytes,
// which nobody writes, and drops the message once.
unsafe impl Sync for ReadOnly {}

/// A memoryview of a received frame.
pub fn memoryview(py: Python<'_>, message: Message) -> PyResult<Bound<'_, PyMemoryView>> {
    let frame = Bound::new(py, Frame { message: ReadOnly(message) })?;
    PyMemoryView::from(frame.as_any())
}

#[pymethods]
impl Frame {
    /// Fill a view of the bytes.
    ///
    /// # Safety
    /// `view` is valid, as the buffer protocol demands.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let bytes: &[u8] = &slf.get().message.0;
        let (data, size) = (bytes.as_ptr().cast_mut(), bytes.len().cast_signed());
        // SAFETY: the view is valid; the bytes live as long as the frame, to which PyBuffer_FillInfo takes a reference.
        // It fails, with an exception set, when a writable view is asked for.
        let filled = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), data.cast(), size, 1, flags) };
        if filled == 0 {
            Ok(())
        } else {
            Err(PyErr::take(slf.py()).unwrap_or_else(|| PyBufferError::new_err("read-only")))
        }
    }
}
