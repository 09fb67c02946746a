//! The way of one answer to the loop, from whichever thread runs its request.
//!
//! | the thread has | comes to it by | what the loop is told |
//! |---|---|---|
//! | said NOTHING | `start` | `Done` at once when nobody waits any more |
//! | ANSWERED | `answer`, `done` with an answer | `Answer`, unless nobody waits any more |
//! | begun to STREAM | `stream` | `Answer`, then `Bytes` where it does not know of any |
//! | STREAMED it all | `end`, `cut` | `Bytes`, if it does not know of any |
//!
//! Invariants, each explored under loom:
//! - At most one answer is told, and one that has begun to stream comes to an end, `cut`
//!   included: nothing but its body or a closed connection follows a head.
//! - `Done` is told once, last, whatever became of the request; with the answer where that
//!   saves a note.
//! - A stream that nobody wants ends wherever it is: its note has the only reader, and the
//!   thread learns from the pipe when that is dropped.

use super::locks::Arc;
use super::request_state::RequestState;
use super::stream_pipe::{Pushed, StreamEnd, StreamPipe, StreamReader};

/// What the loop is told of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Told<A, D> {
    /// Its answer, whole or with the pipe through which it comes; with what is learnt of the
    /// request when nothing is left to do for it.
    Answer(A, Option<D>),
    /// There is something new in the pipe of its answer.
    Bytes,
    /// Nothing is left to do for it.
    Done(D),
}

/// One request on the thread that runs it; see the module.
pub struct Delivery<'a, A, D> {
    /// What the loop still wants of it; None where the loop was lent for it.
    state: Option<&'a RequestState>,
    tell: &'a dyn Fn(Told<A, D>),
    said: Said,
}

enum Said {
    Nothing,
    Answered,
    Streaming(Arc<StreamPipe>),
    Streamed,
}

impl<'a, A, D> Delivery<'a, A, D> {
    pub const fn new(state: Option<&'a RequestState>, tell: &'a dyn Fn(Told<A, D>)) -> Self {
        let said = Said::Nothing;
        Self { state, tell, said }
    }

    /// Begin to work on it; False, and the loop is told, when nobody waits any more.
    #[must_use]
    pub fn start(&self, unworked: D) -> bool {
        let is_wanted = self.state.is_none_or(RequestState::start);
        if !is_wanted {
            (self.tell)(Told::Done(unworked));
        }
        is_wanted
    }

    /// Hand over the whole answer of a request for which something is left to do.
    pub fn answer(&mut self, answer: A) {
        self.said = Said::Answered;
        if self.is_wanted() {
            (self.tell)(Told::Answer(answer, None));
        }
    }

    /// Hand over an answer with the first piece of its body; the others come with `push`.
    pub fn stream(
        &mut self,
        capacity: usize,
        first: &[u8],
        answer: impl FnOnce(StreamReader) -> A,
    ) {
        let pipe = Arc::new(StreamPipe::new(capacity));
        // The note of the answer itself announces what is in the pipe already.
        let _announced = pipe.push(first);
        self.said = Said::Streaming(Arc::clone(&pipe));
        // It is told of even when nobody wants it: the thread learns that from the pipe.
        let _is_wanted = self.is_wanted();
        (self.tell)(Told::Answer(answer(StreamReader::new(pipe)), None));
    }

    /// Return the pipe of the answer while that streams.
    #[must_use]
    pub const fn pipe(&self) -> Option<&Arc<StreamPipe>> {
        match &self.said {
            Said::Streaming(pipe) => Some(pipe),
            _ => None,
        }
    }

    /// Append a piece to what streams; False: nobody wants more. Never waits.
    #[must_use]
    pub fn push(&self, piece: &[u8]) -> bool {
        let pushed = self.pipe().map_or(Pushed::Gone, |pipe| pipe.push(piece));
        self.announce(pushed);
        pushed != Pushed::Gone
    }

    /// End what streams.
    pub fn end(&mut self, end: StreamEnd) {
        if let Said::Streaming(pipe) = &self.said {
            self.announce(pipe.finish(end));
            self.said = Said::Streamed;
        }
    }

    /// Whether its answer has come through a pipe, or does.
    #[must_use]
    pub const fn streams(&self) -> bool {
        matches!(self.said, Said::Streaming(_) | Said::Streamed)
    }

    /// End what has begun, so that the client sees that it is not whole; returns whether
    /// nothing had, and another answer can be given. For when our own code has failed.
    #[must_use]
    pub fn cut(&mut self) -> bool {
        let has_said_nothing = matches!(self.said, Said::Nothing);
        self.end(StreamEnd::Close);
        has_said_nothing
    }

    /// Say that nothing is left to do, with the answer if it was not handed over before.
    pub fn done(mut self, answer: Option<A>, done: D) {
        self.end(StreamEnd::Close);
        let answer = answer.filter(|_| matches!(self.said, Said::Nothing) && self.is_wanted());
        (self.tell)(match answer {
            Some(answer) => Told::Answer(answer, Some(done)),
            None => Told::Done(done),
        });
    }

    /// End working on the answer; False when nobody waits for it any more.
    fn is_wanted(&self) -> bool {
        self.state.is_none_or(RequestState::finish)
    }

    fn announce(&self, pushed: Pushed) {
        if pushed == Pushed::Announce {
            (self.tell)(Told::Bytes);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::RefCell;

    use super::*;

    type Told = super::Told<&'static str, u32>;

    /// Return what a thread tells that does so much for a request.
    fn told(
        state: Option<&RequestState>,
        act: impl FnOnce(&mut Delivery<'_, &'static str, u32>) -> Option<&'static str>,
    ) -> Vec<Told> {
        let told = RefCell::new(Vec::new());
        let tell = |it| told.borrow_mut().push(it);
        let mut sent = Delivery::new(state, &tell);
        if sent.start(0) {
            let answer = act(&mut sent);
            sent.done(answer, 1);
        }
        told.into_inner()
    }

    #[test]
    fn an_answer_that_nothing_follows_is_one_note_with_the_end() {
        let state = RequestState::new();

        let notes = told(Some(&state), |_| Some("answer"));

        assert_eq!(notes, [Told::Answer("answer", Some(1))]);
    }

    #[test]
    fn an_answer_that_was_handed_over_is_followed_by_no_other() {
        let notes = told(None, |sent| {
            sent.answer("first");
            assert!(!sent.cut());
            Some("second")
        });

        assert_eq!(notes, [Told::Answer("first", None), Told::Done(1)]);
    }

    #[test]
    fn a_request_that_nobody_waits_for_is_not_begun() {
        let state = RequestState::new();
        state.abandon();

        let notes = told(Some(&state), |_| panic!("it is not begun"));

        assert_eq!(notes, [Told::Done(0)]);
    }

    #[test]
    fn an_answer_that_nobody_waits_for_is_not_told() {
        let state = RequestState::new();

        let notes = told(Some(&state), |_| {
            state.abandon();
            Some("answer")
        });

        assert_eq!(notes, [Told::Done(1)]);
    }

    #[test]
    fn a_stream_that_was_begun_and_not_ended_is_cut() {
        let pipe = RefCell::new(None);

        let notes = told(None, |sent| {
            sent.stream(1, b"a", |it| {
                pipe.replace(Some(it));
                "stream"
            });
            assert!(sent.streams() && sent.push(b"b"));
            Some("another")
        });

        let pipe = pipe.take().expect("it was begun");
        let end = pipe.take(&mut crate::sync::stream_pipe::Pieces::default());
        assert_eq!(end, Some(StreamEnd::Close));
        // What is in the pipe before the loop looks is announced by the answer's own note,
        // or once.
        assert_eq!(notes, [Told::Answer("stream", None), Told::Done(1)]);
    }
}
