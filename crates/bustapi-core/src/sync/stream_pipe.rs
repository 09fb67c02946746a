//! The bounded pipe from a thread that makes a response to the loop that writes it.
//!
//! The thread appends encoded bytes and waits when too many are unwritten. The loop never
//! waits: it takes what is there when its last bytes are out, and is told of new ones once
//! until it looks again. A peer that has left ends the waiting.

use std::time::Duration;

use super::locks::{Arc, Condvar, Mutex, MutexGuard, lock, wait_while, wait_while_within};

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The body is whole and the connection may be used again.
    Whole,
    /// The connection must be closed: that is how the client learns of the end, or that
    /// the body was cut short.
    Close,
}

/// What the thread learns when it appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The loop must be told that there are bytes.
    Announce,
    /// The loop knows already.
    Known,
    /// Nobody wants them.
    Gone,
}

/// Pieces of a body, one behind the other.
#[derive(Debug, Default)]
pub struct Pieces {
    bytes: Vec<u8>,
    /// Where each one ends.
    ends: Vec<usize>,
}

impl Pieces {
    fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        self.ends.push(self.bytes.len());
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Return all of them as one.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Return them as they were pushed.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends
            .iter()
            .map(move |&end| &self.bytes[std::mem::replace(&mut start, end)..end])
    }

    /// Forget them and keep their room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

#[derive(Debug, Default)]
struct State {
    pieces: Pieces,
    end: Option<StreamEnd>,
    is_announced: bool,
    is_gone: bool,
}

/// A bounded pipe of bytes; see the module.
#[derive(Debug)]
pub struct StreamPipe {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
}

impl StreamPipe {
    /// Make a pipe in which the thread waits once so many bytes are unwritten.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            capacity,
        }
    }

    /// Append bytes. Never waits; [`StreamPipe::wait_for_room`] does.
    #[must_use]
    pub fn push(&self, bytes: &[u8]) -> Pushed {
        let mut state = self.lock();
        if state.is_gone {
            return Pushed::Gone;
        }
        state.pieces.push(bytes);
        state.announce()
    }

    /// Wait until fewer bytes than the capacity are unwritten; False: nobody wants more.
    #[must_use]
    pub fn wait_for_room(&self) -> bool {
        let state = wait_while(&self.changed, self.lock(), |state| self.is_full(state));
        !state.is_gone
    }

    /// The same for a limited time; None: there is no room yet.
    #[must_use]
    pub fn wait_for_room_within(&self, time: Duration) -> Option<bool> {
        let is_full = |state: &State| self.is_full(state);
        let state = wait_while_within(&self.changed, &self.state, self.lock(), time, is_full);
        (!is_full(&state)).then_some(!state.is_gone)
    }

    /// The same without waiting.
    #[must_use]
    pub fn room(&self) -> Option<bool> {
        let state = self.lock();
        (!self.is_full(&state)).then_some(!state.is_gone)
    }

    /// Say how the stream ended; nothing is appended afterwards.
    #[must_use]
    pub fn finish(&self, end: StreamEnd) -> Pushed {
        let mut state = self.lock();
        if state.is_gone {
            return Pushed::Gone;
        }
        state.end = Some(end);
        state.announce()
    }

    /// Take what is there into an empty list, whose room is used again.
    ///
    /// Returns the end of the stream once all bytes before it are taken.
    pub fn take(&self, into: &mut Pieces) -> Option<StreamEnd> {
        debug_assert!(into.is_empty());
        let mut state = self.lock();
        std::mem::swap(&mut state.pieces, into);
        state.is_announced = false;
        self.changed.notify_one();
        state.end
    }

    /// Let the thread know that nobody wants more.
    pub fn abandon(&self) {
        let mut state = self.lock();
        state.is_gone = true;
        state.pieces = Pieces::default();
        self.changed.notify_one();
    }

    /// Whether somebody wants the bytes and there are too many.
    const fn is_full(&self, state: &State) -> bool {
        state.pieces.bytes.len() >= self.capacity && !state.is_gone
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// The loop's end of a pipe: wherever it is dropped, nobody wants more.
#[derive(Debug)]
pub struct StreamReader(Arc<StreamPipe>);

impl StreamReader {
    #[must_use]
    pub const fn new(pipe: Arc<StreamPipe>) -> Self {
        Self(pipe)
    }

    /// Take what is there; see [`StreamPipe::take`].
    pub fn take(&self, into: &mut Pieces) -> Option<StreamEnd> {
        self.0.take(into)
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl State {
    fn announce(&mut self) -> Pushed {
        if std::mem::replace(&mut self.is_announced, true) {
            Pushed::Known
        } else {
            Pushed::Announce
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_and_the_end_after_them() {
        let pipe = StreamPipe::new(10);
        let mut taken = Pieces::default();

        assert_eq!(pipe.push(b"one "), Pushed::Announce);
        assert_eq!(pipe.push(b"two"), Pushed::Known);
        assert_eq!(pipe.take(&mut taken), None);
        let pieces: Vec<_> = taken.iter().collect();
        assert_eq!(pieces, [b"one ", &b"two"[..]]);
        taken.clear();
        assert_eq!(pipe.finish(StreamEnd::Whole), Pushed::Announce);
        assert_eq!(pipe.take(&mut taken), Some(StreamEnd::Whole));
        assert!(taken.is_empty());
    }

    #[test]
    fn a_full_pipe_has_room_once_it_was_taken() {
        let pipe = StreamPipe::new(3);
        let mut taken = Pieces::default();

        assert_eq!(pipe.push(b"full"), Pushed::Announce);
        assert_eq!(pipe.room(), None);
        assert_eq!(pipe.wait_for_room_within(Duration::ZERO), None);
        pipe.take(&mut taken);

        assert_eq!((pipe.room(), pipe.wait_for_room()), (Some(true), true));
        assert_eq!(pipe.wait_for_room_within(Duration::ZERO), Some(true));
    }

    #[test]
    fn an_abandoned_pipe_takes_nothing_and_keeps_nobody_waiting() {
        let pipe = StreamPipe::new(3);

        assert_eq!(pipe.push(b"full"), Pushed::Announce);
        pipe.abandon();

        assert_eq!((pipe.room(), pipe.wait_for_room()), (Some(false), false));
        assert_eq!(pipe.push(b"more"), Pushed::Gone);
        assert_eq!(pipe.finish(StreamEnd::Whole), Pushed::Gone);
    }
}
