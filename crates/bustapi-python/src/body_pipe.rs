//! The pipe between the loop, which receives a streamed body, and the view that reads it.
//!
//! The loop never waits: it pushes what came and stops reading the connection while the
//! pipe is full. The view waits, without the interpreter, and tells the loop twice: when it
//! first wants bytes (`100 Continue` is sent then) and when a full pipe has room again.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that wait for the view; beyond it the connection is not read.
const CAPACITY: usize = 256 * 1024;

/// What the loop is told from the thread of the view.
pub type Notify = Box<dyn Fn() + Send + Sync>;

pub struct BodyPipe {
    state: Mutex<State>,
    changed: Condvar,
    notify: Notify,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    end: Option<End>,
    is_wanted: bool,
    is_full: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The body is whole.
    Whole,
    /// The client left or broke the protocol.
    Broken,
}

impl BodyPipe {
    pub fn new(notify: Notify) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            notify,
        }
    }

    /// Hand over bytes; returns whether the connection may be read on.
    pub fn push(&self, bytes: &[u8]) -> bool {
        let mut state = self.lock();
        state.bytes.extend_from_slice(bytes);
        state.is_full = state.bytes.len() >= CAPACITY;
        self.changed.notify_one();
        !state.is_full
    }

    pub fn finish(&self, end: End) {
        let mut state = self.lock();
        state.end.get_or_insert(end);
        self.changed.notify_one();
    }

    /// Whether a reader has asked for bytes.
    pub fn is_wanted(&self) -> bool {
        self.lock().is_wanted
    }

    pub fn has_room(&self) -> bool {
        self.lock().bytes.len() < CAPACITY
    }

    /// Wait for bytes and append them; returns how the body ended once nothing is left.
    pub fn pull(&self, into: &mut Vec<u8>) -> Option<End> {
        let mut state = self.lock();
        if !state.is_wanted {
            state.is_wanted = true;
            if state.end.is_none() {
                (self.notify)();
            }
        }
        while state.bytes.is_empty() {
            if state.end.is_some() {
                return state.end;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        into.append(&mut state.bytes);
        if std::mem::take(&mut state.is_full) {
            (self.notify)();
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
