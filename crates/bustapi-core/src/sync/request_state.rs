//! The states of a request that another thread than the leader's works on.
//!
//! A connection belongs to the leader, the thread that owns the loop. A *request* may be
//! worked on by another thread; this word says who still wants what of it:
//!
//! | state | meaning | leader | thread of the request |
//! |---|---|---|---|
//! | QUEUED | handed over, no thread has taken it | `abandon` → GONE | `start` → BUSY |
//! | BUSY | a thread runs Python for it | `abandon` → GONE | `finish` → ANSWERED |
//! | ANSWERED | everything is given back | takes it from the queue, forgets it | – |
//! | GONE | nobody wants the answer any more | has forgotten it | `start` and `finish` say so |
//!
//! Invariants, each explored by a test under loom:
//! - A request is started at most once, and never after it was abandoned.
//! - Of `finish` and `abandon` exactly one succeeds: either the leader gets the answer or
//!   the thread learns that nobody wants it.
//! - The leader frees a connection without waiting for a thread: answers carry the serial
//!   number of their request, and one that the connection does not wait for is dropped.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU8, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU8, Ordering};

const QUEUED: u8 = 0;
const BUSY: u8 = 1;
const ANSWERED: u8 = 2;
const GONE: u8 = 3;

/// State of one request that was handed to another thread.
#[derive(Debug)]
pub struct RequestState(AtomicU8);

impl Default for RequestState {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestState {
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicU8::new(QUEUED))
    }

    /// Begin to work on it; False when nobody waits for the answer any more.
    #[must_use]
    pub fn start(&self) -> bool {
        self.change(QUEUED, BUSY)
    }

    /// End working on it; False when nobody waits for the answer any more.
    #[must_use]
    pub fn finish(&self) -> bool {
        self.change(BUSY, ANSWERED)
    }

    /// Stop waiting for the answer; False when it is already on its way.
    pub fn abandon(&self) -> bool {
        self.change(QUEUED, GONE) || self.change(BUSY, GONE)
    }

    /// Whether the answer is no longer wanted.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.load(Ordering::Acquire) == GONE
    }

    fn change(&self, from: u8, to: u8) -> bool {
        self.0
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_from_hand_to_hand_once() {
        let state = RequestState::new();

        assert!(state.start());
        assert!(!state.start());
        assert!(state.finish());
        assert!(!state.finish());
        assert!(!state.abandon());
    }

    #[test]
    fn an_abandoned_request_is_not_started() {
        let state = RequestState::new();

        assert!(state.abandon());
        assert!(state.is_gone());
        assert!(!state.start());
        assert!(!state.finish());
    }
}
