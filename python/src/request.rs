//! A request, as Python sees it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anympi_engine::runtime::{self, Channel, Parent};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::frames;

/// One request.
#[pyclass(frozen)]
pub struct Request {
    request: Mutex<runtime::Request>,
    parent: Arc<Parent>,
    replied: AtomicBool,
}

impl Request {
    /// Show a request to Python.
    pub fn new(request: runtime::Request) -> Request {
        let parent = request.parent.clone();
        Request { request: Mutex::new(request), parent, replied: AtomicBool::new(false) }
    }

    /// What its output refers to.
    pub fn parent(&self) -> &Arc<Parent> {
        &self.parent
    }

    /// The request itself.
    pub fn lock(&self) -> MutexGuard<'_, runtime::Request> {
        self.request.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remember that it was answered; false when it was before.
    pub fn answer_once(&self) -> bool {
        !self.replied.swap(true, Ordering::Relaxed)
    }
}

#[pymethods]
impl Request {
    /// Its type, such as `apply_request`.
    #[getter]
    fn msg_type(&self) -> String {
        self.lock().msg_type.clone()
    }

    /// Its header, as JSON.
    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.parent.header)
    }

    /// Its metadata, as JSON.
    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.lock().metadata)
    }

    /// Its content, as JSON.
    #[getter]
    fn content<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.lock().content)
    }

    /// Whether it came by the control channel.
    #[getter]
    fn control(&self) -> bool {
        self.lock().channel == Channel::Control
    }

    /// Whether it has been answered.
    #[getter]
    fn replied(&self) -> bool {
        self.replied.load(Ordering::Relaxed)
    }

    /// Its buffers, as memoryviews. They can be taken once: nothing else keeps them.
    fn take_buffers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let messages = std::mem::take(&mut self.lock().buffers);
        let views = messages.into_iter().map(|message| frames::memoryview(py, message));
        PyList::new(py, views.collect::<PyResult<Vec<_>>>()?)
    }
}
