//! The states of a request and of the loop that leads it, which several threads look at.
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
//!
//! The leader itself is described by one word of epoch, phase and sequence. A thread that
//! sees the same VIEW word twice knows that one call of Python has lasted that long:
//!
//! | phase | meaning | entered by |
//! |---|---|---|
//! | WAIT | waits for events without the interpreter | leader, from PROC |
//! | PROC | handles events, runs no Python of the application | leader, from WAIT or VIEW |
//! | VIEW | runs a request inline; sequence counts them | leader, from PROC |
//! | STOP | the loop is to end | anyone, from any phase; final |
//!
//! Each change by the leader compares before it writes, so a word that another thread has
//! changed is never overwritten; the leader then learns that it is no longer in charge.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU8, AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

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

/// What the leader does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Wait,
    Proc,
    View,
    Stop,
}

const PHASE_BITS: u32 = 2;
const SEQUENCE_BITS: u32 = 46;

/// One observation of the leader: how often leadership passed on, phase, requests begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderWord {
    pub epoch: u16,
    pub phase: Phase,
    pub sequence: u64,
}

impl LeaderWord {
    fn pack(self) -> u64 {
        let phase = self.phase as u64;
        let sequence = self.sequence & ((1 << SEQUENCE_BITS) - 1);
        (u64::from(self.epoch) << (SEQUENCE_BITS + PHASE_BITS)) | (sequence << PHASE_BITS) | phase
    }

    fn unpack(word: u64) -> Self {
        let phase = match word & ((1 << PHASE_BITS) - 1) {
            0 => Phase::Wait,
            1 => Phase::Proc,
            2 => Phase::View,
            _ => Phase::Stop,
        };
        let epoch = word >> (SEQUENCE_BITS + PHASE_BITS);
        Self {
            epoch: u16::try_from(epoch).expect("sixteen bits are left by the shift"),
            phase,
            sequence: (word >> PHASE_BITS) & ((1 << SEQUENCE_BITS) - 1),
        }
    }
}

/// The word of the leader that other threads read.
#[derive(Debug)]
pub struct LeaderState(AtomicU64);

impl Default for LeaderState {
    fn default() -> Self {
        Self::new()
    }
}

impl LeaderState {
    #[must_use]
    pub fn new() -> Self {
        let word = LeaderWord {
            epoch: 0,
            phase: Phase::Proc,
            sequence: 0,
        };
        Self(AtomicU64::new(word.pack()))
    }

    #[must_use]
    pub fn observe(&self) -> LeaderWord {
        LeaderWord::unpack(self.0.load(Ordering::Acquire))
    }

    /// PROC → WAIT; False when the word is not the leader's any more.
    #[must_use]
    pub fn begin_wait(&self) -> bool {
        self.step(Phase::Proc, Phase::Wait, 0)
    }

    /// WAIT → PROC.
    #[must_use]
    pub fn end_wait(&self) -> bool {
        self.step(Phase::Wait, Phase::Proc, 0)
    }

    /// PROC → VIEW, for one request.
    #[must_use]
    pub fn begin_view(&self) -> bool {
        self.step(Phase::Proc, Phase::View, 1)
    }

    /// VIEW → PROC.
    #[must_use]
    pub fn end_view(&self) -> bool {
        self.step(Phase::View, Phase::Proc, 0)
    }

    /// Let the loop end; callable from any thread, any number of times.
    pub fn stop(&self) {
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            let stopped = LeaderWord {
                phase: Phase::Stop,
                ..LeaderWord::unpack(word)
            };
            let changed =
                self.0
                    .compare_exchange(word, stopped.pack(), Ordering::AcqRel, Ordering::Acquire);
            match changed {
                Ok(_) => return,
                Err(current) => word = current,
            }
        }
    }

    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.observe().phase == Phase::Stop
    }

    fn step(&self, from: Phase, to: Phase, count: u64) -> bool {
        let word = self.observe();
        if word.phase != from {
            return false;
        }
        let next = LeaderWord {
            phase: to,
            sequence: word.sequence + count,
            ..word
        };
        self.0
            .compare_exchange(
                word.pack(),
                next.pack(),
                Ordering::AcqRel,
                Ordering::Acquire,
            )
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

    #[test]
    fn each_phase_follows_only_its_own() {
        let state = LeaderState::new();

        assert!(!state.end_wait() && !state.end_view());
        assert!(state.begin_wait() && !state.begin_view());
        assert!(state.end_wait() && state.begin_view());
        assert_eq!(
            state.observe(),
            LeaderWord {
                epoch: 0,
                phase: Phase::View,
                sequence: 1
            }
        );
        assert!(!state.begin_wait());
        assert!(state.end_view());
    }

    #[test]
    fn stop_is_final() {
        let state = LeaderState::new();

        assert!(state.begin_view());
        state.stop();

        assert!(!state.end_view() && !state.begin_wait());
        assert!(state.is_stopped());
    }

    #[test]
    fn a_word_survives_packing() {
        for phase in [Phase::Wait, Phase::Proc, Phase::View, Phase::Stop] {
            let word = LeaderWord {
                epoch: 0xabcd,
                phase,
                sequence: (1 << SEQUENCE_BITS) - 2,
            };
            assert_eq!(LeaderWord::unpack(word.pack()), word);
        }
    }
}
