//! The `contextvars.Context` of one request: empty, as that of a thread that was just made.
//!
//! Everything that Python does for a request happens inside it: the call of the handler,
//! each `next()` on the iterable, its `close()`. Between these it is left, so that nothing
//! that a suspended generator has set can be seen by another request on the thread.

use pyo3::ffi;
use pyo3::prelude::*;

pub struct RequestContext(Py<PyAny>);

impl RequestContext {
    pub fn new(py: Python<'_>) -> PyResult<Self> {
        // SAFETY: the interpreter is held; the function returns a new reference or NULL
        // with an exception set.
        let context = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_New())? };
        Ok(Self(context.unbind()))
    }

    /// Run a function inside the Context.
    pub fn run<R>(&self, py: Python<'_>, function: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
        let entered = Entered::enter(py, &self.0)?;
        let result = function();
        drop(entered);
        result
    }
}

/// Leaves the Context when it is dropped, a panic included.
struct Entered<'a> {
    context: &'a Py<PyAny>,
}

impl<'a> Entered<'a> {
    fn enter(py: Python<'_>, context: &'a Py<PyAny>) -> PyResult<Self> {
        // SAFETY: the interpreter is held and the object is the Context made in `new`.
        if unsafe { ffi::PyContext_Enter(context.as_ptr()) } < 0 {
            return Err(PyErr::fetch(py));
        }
        Ok(Self { context })
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        Python::attach(|py| {
            // SAFETY: the interpreter is held; this thread entered the Context, and
            // whatever was entered after it has been left.
            if unsafe { ffi::PyContext_Exit(self.context.as_ptr()) } < 0 {
                PyErr::fetch(py).write_unraisable(py, None);
            }
        });
    }
}
