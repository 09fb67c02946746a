//! A mailbox and the poller where its reader waits: what the loop of a worker has.

use std::sync::Arc;

use bustapi_core::sync::delivery::Told;
use bustapi_core::sync::mailbox::{Mailbox, Wake};
use loom::sync::{Condvar, Mutex};

use crate::delivery::Answer;

/// What the loop is told of the request of a number.
#[derive(Debug)]
pub struct Note {
    pub serial: u64,
    pub told: Told<Answer, ()>,
}

/// As an eventfd does, it remembers a wake until somebody waits.
#[derive(Default)]
pub struct Poller {
    is_set: Mutex<bool>,
    set: Condvar,
}

impl Wake for Poller {
    fn wake(&self) {
        *self.is_set.lock().expect("no thread panics") = true;
        self.set.notify_one();
    }
}

impl Poller {
    /// Wait for a wake; without one for ever, which loom reports.
    pub fn wait(&self) {
        let mut is_set = self.is_set.lock().expect("no thread panics");
        while !*is_set {
            is_set = self.set.wait(is_set).expect("no thread panics");
        }
        *is_set = false;
    }
}

/// The mailbox's end of a poller.
pub struct Waker(pub Arc<Poller>);

impl Wake for Waker {
    fn wake(&self) {
        self.0.wake();
    }
}

pub struct Desk<T = Note> {
    pub mailbox: Mailbox<T, Waker>,
    pub poller: Arc<Poller>,
}

impl<T> Default for Desk<T> {
    fn default() -> Self {
        let poller = Arc::new(Poller::default());
        Self {
            mailbox: Mailbox::new(Waker(poller.clone())),
            poller,
        }
    }
}

impl<T> Desk<T> {
    /// Wait as the loop does and return what came.
    pub fn wait(&self) -> Vec<T> {
        self.poller.wait();
        self.collect()
    }

    pub fn collect(&self) -> Vec<T> {
        let mut items = Vec::new();
        self.mailbox.collect(&mut items);
        items
    }
}
