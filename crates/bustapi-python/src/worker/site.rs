//! What all requests of a worker have in common: the handler, the index, the environ's base.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

use crate::answer::file_wrapper::FileWrapper;
use crate::request::head::RequestHead;
use crate::request::rule_index::RuleIndex;

pub struct Site {
    respond: Py<PyAny>,
    body_limit: Py<PyAny>,
    log_exception: Py<PyAny>,
    index: Option<Py<RuleIndex>>,
    environ: Py<PyDict>,
}

/// What the environ says about the worker.
pub struct Identity<'a> {
    pub name: &'a str,
    pub port: u16,
    pub is_multithread: bool,
    pub is_multiprocess: bool,
}

impl Site {
    pub fn new(
        handler: &Bound<'_, PyAny>,
        index: Option<Py<RuleIndex>>,
        identity: &Identity<'_>,
    ) -> PyResult<Self> {
        let py = handler.py();
        Ok(Self {
            respond: handler.getattr("respond")?.unbind(),
            body_limit: handler.getattr("body_limit")?.unbind(),
            log_exception: handler.getattr("log_exception")?.unbind(),
            index,
            environ: base_environ(py, identity)?.unbind(),
        })
    }

    pub fn environ(&self, py: Python<'_>) -> Py<PyDict> {
        self.environ.clone_ref(py)
    }

    pub fn index(&self) -> Option<&Py<RuleIndex>> {
        self.index.as_ref()
    }

    pub const fn respond(&self) -> &Py<PyAny> {
        &self.respond
    }

    /// Return the application's limit of a body, None for no limit.
    pub fn body_limit(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        self.body_limit.bind(py).call0()?.extract()
    }

    /// Log an error that no part of the application handled.
    pub fn log(&self, py: Python<'_>, head: Option<&Py<RequestHead>>, error: PyErr) {
        let value = error.value(py);
        if let Err(error) = self.log_exception.bind(py).call1((head, value)) {
            error.write_unraisable(py, Some(self.log_exception.bind(py)));
        }
    }

    /// Log a mistake of the application that is not an exception of its own.
    pub fn log_mistake(&self, py: Python<'_>, head: Option<&Py<RequestHead>>, text: String) {
        self.log(py, head, PyRuntimeError::new_err(text));
    }
}

fn base_environ<'py>(py: Python<'py>, identity: &Identity<'_>) -> PyResult<Bound<'py, PyDict>> {
    let environ = PyDict::new(py);
    environ.set_item(pyo3::intern!(py, "wsgi.version"), PyTuple::new(py, [1, 0])?)?;
    environ.set_item(
        pyo3::intern!(py, "wsgi.url_scheme"),
        pyo3::intern!(py, "http"),
    )?;
    environ.set_item(
        pyo3::intern!(py, "wsgi.errors"),
        sys(py)?.getattr(pyo3::intern!(py, "stderr"))?,
    )?;
    environ.set_item(
        pyo3::intern!(py, "wsgi.multithread"),
        identity.is_multithread,
    )?;
    environ.set_item(
        pyo3::intern!(py, "wsgi.multiprocess"),
        identity.is_multiprocess,
    )?;
    environ.set_item(pyo3::intern!(py, "wsgi.run_once"), false)?;
    environ.set_item(pyo3::intern!(py, "wsgi.input_terminated"), true)?;
    environ.set_item(
        pyo3::intern!(py, "wsgi.file_wrapper"),
        py.get_type::<FileWrapper>(),
    )?;
    environ.set_item(pyo3::intern!(py, "SCRIPT_NAME"), "")?;
    environ.set_item(pyo3::intern!(py, "SERVER_NAME"), identity.name)?;
    environ.set_item(pyo3::intern!(py, "SERVER_PORT"), identity.port.to_string())?;
    Ok(environ)
}

/// The module `sys`. PERF: an import costs 5,000 instructions, and `exchange` has a site for
/// each call.
fn sys(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static SYS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = SYS.get_or_try_init(py, || py.import("sys").map(Bound::unbind))?;
    Ok(module.bind(py))
}

/// Run a function of ours and turn a panic in it into an exception.
///
/// What the function was changing may be half changed; the caller ends the connection.
pub fn catch_panic<R>(function: impl FnOnce() -> R) -> Result<R, PyErr> {
    catch_unwind(AssertUnwindSafe(function)).map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        PyRuntimeError::new_err(format!("The server core has a bug and panicked: {text}"))
    })
}
