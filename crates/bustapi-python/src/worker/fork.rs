//! What a child process that the application forks must not keep: sockets of the worker.
//!
//! A child that kept a listener would hold its port, one that kept a connection would keep
//! its client waiting. Descriptors are noted when they are opened and closed, which happens
//! with the interpreter held; so is a fork, and the child finds the list complete.

use std::collections::HashSet;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict};

/// The open sockets of a worker.
#[derive(Default)]
pub struct Descriptors(Mutex<HashSet<RawFd>>);

impl Descriptors {
    pub fn add(&self, descriptor: RawFd) {
        self.lock().insert(descriptor);
    }

    pub fn remove(&self, descriptor: RawFd) {
        self.lock().remove(&descriptor);
    }

    fn close_all(&self) {
        for descriptor in self.lock().drain() {
            // SAFETY: the owner is a thread that does not exist in this process, so the
            // descriptor is neither used nor closed by anybody else.
            unsafe { libc::close(descriptor) };
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<RawFd>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Have the descriptors closed in every child that Python forks from now on.
pub fn close_in_children(py: Python<'_>, descriptors: &Arc<Descriptors>) -> PyResult<()> {
    let descriptors: Weak<Descriptors> = Arc::downgrade(descriptors);
    let close = PyCFunction::new_closure(py, None, None, move |_, _| {
        if let Some(descriptors) = descriptors.upgrade() {
            descriptors.close_all();
        }
    })?;
    let keywords = PyDict::new(py);
    keywords.set_item("after_in_child", close)?;
    py.import("os")?
        .call_method("register_at_fork", (), Some(&keywords))?;
    Ok(())
}
