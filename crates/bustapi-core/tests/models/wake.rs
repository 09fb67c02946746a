//! The poller's wake: as an eventfd, it is remembered until the loop waits.

use loom::sync::{Condvar, Mutex};

#[derive(Default)]
pub struct Wake {
    is_set: Mutex<bool>,
    set: Condvar,
}

impl Wake {
    pub fn wake(&self) {
        *self.is_set.lock().expect("no thread panics") = true;
        self.set.notify_one();
    }

    /// Wait for a wake; without one for ever, which loom reports.
    pub fn wait(&self) {
        let mut is_set = self.is_set.lock().expect("no thread panics");
        while !*is_set {
            is_set = self.set.wait(is_set).expect("no thread panics");
        }
        *is_set = false;
    }
}
