//! Python's buffers, lent to libzmq until they are sent.
//!
//! An array that is returned or published is sent from where it is. libzmq drops the last reference on an I/O thread, which
//! must never wait for Python's lock; so what it drops is put on a list, and the main thread gives it back to Python when it
//! next comes by, for which it is woken.

use std::sync::{Mutex, PoisonError};

use anympi_zmq::Message;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::engine;

/// Smaller buffers are copied: that is cheaper than the detour.
const WORTH_LENDING: usize = 16 * 1024;

/// A view that is held.
struct View(Box<ffi::Py_buffer>);

// SAFETY: the view is released on a thread that holds Python's lock, and between that only its bytes are read.
unsafe impl Send for View {}

/// A view that libzmq holds.
struct Lent(Option<View>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], View::bytes)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(view) = self.0.take() {
            RETURNED.lock().unwrap_or_else(PoisonError::into_inner).push(view);
            engine::nudge();
        }
    }
}

/// What libzmq has given back.
static RETURNED: Mutex<Vec<View>> = Mutex::new(Vec::new());

impl View {
    fn of(object: &Bound<'_, PyAny>) -> PyResult<View> {
        let mut view = Box::new(ffi::Py_buffer::new());
        // SAFETY: the object is alive and the view writable; on success the view keeps the object alive.
        match unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &mut *view, ffi::PyBUF_SIMPLE) } {
            0 => Ok(View(view)),
            _ => Err(PyErr::fetch(object.py())),
        }
    }

    fn bytes(&self) -> &[u8] {
        match (self.0.buf.is_null(), usize::try_from(self.0.len)) {
            // SAFETY: a filled simple view names `len` contiguous bytes, which stay where they are until it is released.
            (false, Ok(size)) if size > 0 => unsafe { std::slice::from_raw_parts(self.0.buf.cast(), size) },
            _ => &[],
        }
    }

    fn release(mut self, _py: Python<'_>) {
        // SAFETY: the view is filled and released once, under Python's lock.
        unsafe { ffi::PyBuffer_Release(&mut *self.0) };
    }
}

/// Messages of Python's buffers.
pub fn messages(buffers: Option<&Bound<'_, PyList>>) -> PyResult<Vec<Message>> {
    let Some(buffers) = buffers else { return Ok(Vec::new()) };
    buffers.iter().map(|object| message(&object)).collect()
}

fn message(object: &Bound<'_, PyAny>) -> PyResult<Message> {
    let view = match View::of(object) {
        Ok(view) => view,
        // Not contiguous: its bytes must be gathered, which `bytes` does.
        Err(_) => View::of(&object.py().import("builtins")?.getattr("bytes")?.call1((object,))?)?,
    };
    if view.bytes().len() < WORTH_LENDING {
        let message = Message::copied(view.bytes());
        view.release(object.py());
        return Ok(message);
    }
    Ok(Message::from_owner(Lent(Some(view))))
}

/// Give back to Python what libzmq has sent.
pub fn release_returned(py: Python<'_>) {
    let returned = std::mem::take(&mut *RETURNED.lock().unwrap_or_else(PoisonError::into_inner));
    for view in returned {
        view.release(py);
    }
}
