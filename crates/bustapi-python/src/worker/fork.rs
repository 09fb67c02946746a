//! What a child process that the application forks must not keep: sockets of the worker.
//!
//! A child that kept a listener would hold its port, one that kept a connection would keep
//! its client waiting. Descriptors are noted when they are opened and closed, which happens
//! with the interpreter held; so is a fork, and the child finds the list complete.

use std::collections::HashSet;
use std::io::Write as _;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict};

/// The open sockets of a worker, and whether this process is one of its children.
#[derive(Default)]
pub struct Descriptors {
    open: Mutex<HashSet<RawFd>>,
    is_child: AtomicBool,
}

impl Descriptors {
    pub fn add(&self, descriptor: RawFd) {
        self.lock().insert(descriptor);
    }

    pub fn remove(&self, descriptor: RawFd) {
        self.lock().remove(&descriptor);
    }

    /// Whether this process was forked from the worker's.
    pub fn is_child(&self) -> bool {
        self.is_child.load(Ordering::Relaxed)
    }

    fn enter_child(&self) {
        self.is_child.store(true, Ordering::Relaxed);
        for descriptor in self.lock().drain() {
            // SAFETY: in the child nothing of the loop is used or dropped any more, so the
            // descriptor is neither used nor closed by anybody else: see `end_child`.
            unsafe { libc::close(descriptor) };
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<RawFd>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Have the descriptors closed in every child that Python forks from now on.
pub fn close_in_children(py: Python<'_>, descriptors: &Arc<Descriptors>) -> PyResult<()> {
    let descriptors: Weak<Descriptors> = Arc::downgrade(descriptors);
    let close = PyCFunction::new_closure(py, None, None, move |_, _| {
        if let Some(descriptors) = descriptors.upgrade() {
            descriptors.enter_child();
        }
    })?;
    let keywords = PyDict::new(py);
    keywords.set_item("after_in_child", close)?;
    py.import("os")?
        .call_method("register_at_fork", (), Some(&keywords))?;
    Ok(())
}

/// End this process if it is a child that a view has forked and that came back from it.
///
/// Its connections, its loop and all that other threads may have locked belong to the
/// parent, so there is nothing that it could do here. To be called whenever Python returns
/// to the server on a thread that ran something of the application.
pub fn end_child(descriptors: &Descriptors) {
    if descriptors.is_child() {
        end_this_process();
    }
}

#[cold]
fn end_this_process() -> ! {
    let text = "A process that was forked while a request was handled came back to the \
                server, which ends it: its connections belong to the parent. End it with \
                'os._exit()' where its work is done.\n";
    // What Python has buffered is the parent's to write. Whatever fails here, it ends.
    drop(std::io::stderr().write_all(text.as_bytes()));
    // SAFETY: it takes any number and does not return.
    unsafe { libc::_exit(1) }
}
