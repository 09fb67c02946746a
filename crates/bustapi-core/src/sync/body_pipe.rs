//! The pipe between the loop, which receives a streamed body, and the view that reads it.
//!
//! The loop never waits: it pushes what came and stops reading the connection while the
//! pipe is full. The view waits, without the interpreter, and tells the loop twice: when it
//! first wants bytes (`100 Continue` is sent then) and when a full pipe has room again.

use std::time::Duration;

use super::locks::{Condvar, Mutex, MutexGuard, lock, wait_while, wait_while_within};

/// Bytes that wait for the view; beyond it the connection is not read.
const CAPACITY: usize = if cfg!(loom) { 2 } else { 256 * 1024 };

/// What the loop is told from the thread of the view.
pub type Notify = Box<dyn Fn() + Send + Sync>;

pub struct BodyPipe {
    state: Mutex<State>,
    changed: Condvar,
    notify: Notify,
    /// How long one wait for bytes lasts, if not until they come.
    patience: Option<Duration>,
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

/// What came of waiting for bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Pulled {
    Bytes,
    /// Nothing within the time that one wait lasts.
    Nothing,
    /// Nothing is left, and this is how the body ended.
    End(End),
}

impl BodyPipe {
    pub fn new(notify: Notify, patience: Option<Duration>) -> Self {
        Self {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            notify,
            patience,
        }
    }

    /// Hand over bytes, and the end if it is known to be behind them; returns whether the
    /// connection may be read on.
    pub fn push(&self, bytes: &[u8], end: Option<End>) -> bool {
        let mut state = self.lock();
        state.bytes.extend_from_slice(bytes);
        state.end = state.end.or(end);
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

    /// Whether everything has come, read or not.
    pub fn is_whole(&self) -> bool {
        self.lock().end == Some(End::Whole)
    }

    pub fn has_room(&self) -> bool {
        self.lock().bytes.len() < CAPACITY
    }

    /// Wait for bytes and append them.
    pub fn pull(&self, into: &mut Vec<u8>) -> Pulled {
        let mut state = self.lock();
        if !state.is_wanted {
            state.is_wanted = true;
            if state.end.is_none() {
                (self.notify)();
            }
        }
        let is_awaited = |state: &State| state.bytes.is_empty() && state.end.is_none();
        state = match self.patience {
            None => wait_while(&self.changed, state, is_awaited),
            Some(time) => wait_while_within(&self.changed, &self.state, state, time, is_awaited),
        };
        if state.bytes.is_empty() {
            return state.end.map_or(Pulled::Nothing, Pulled::End);
        }
        into.append(&mut state.bytes);
        if std::mem::take(&mut state.is_full) {
            (self.notify)();
        }
        Pulled::Bytes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
