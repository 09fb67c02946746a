//! One request answered, from the call of its handler to the `close()` of its response.
//!
//! It is the same on the thread that leads and on one that was handed the request: the
//! answer goes to the loop as soon as it is known, and what is left to do comes after it.
//! A response that is an iterator stays on its thread to its end, whoever leads meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bustapi_core::answer::AnswerHead;
use bustapi_core::sync::delivery::Delivery;
use bustapi_core::sync::request_state::RequestState;
use bustapi_core::sync::stream_pipe::StreamEnd;
use pyo3::prelude::*;

use crate::answer::context::RequestContext;
use crate::answer::pump::{Next, Pump};
use crate::answer::wire::{Closing, Made, Response, respond};
use crate::answer::{Answer, Answered, Content, Head};
use crate::io::output::OUTPUT_LIMIT;
use crate::run::clock::ThreadClock;
use crate::run::learning::{BodyKind, Measured};
use crate::worker::faults::Point;
use crate::worker::fork::end_child;
use crate::worker::shared::{Done, Job, Note, SIGNALS, Shared};

/// A stream that lasts this long belongs to the stream threads, however little it sends.
const LONG_STREAM: Duration = Duration::from_millis(100);

/// What the thread that runs a request does for those that wait behind it.
pub trait MakeWay {
    /// Note that an iterator is run from here on, which may take any time.
    fn begin_iterating(&mut self);

    /// Note that the thread waits for the client: it is not to be waited for.
    fn begin_waiting(&mut self);
}

/// The way of the answer to the loop.
pub type Sent<'a> = Delivery<'a, Answer, Done>;

/// What is left when a request has run.
pub struct Ran {
    /// The answer, unless one was handed over before.
    pub answer: Option<Answer>,
    pub answered: Answered,
    pub measured: Measured,
    pub has_streamed: bool,
}

impl Ran {
    /// Our own code has failed: nothing is known but that the client must be told.
    pub fn failed(sent: &mut Sent<'_>) -> Self {
        Self {
            answer: sent.cut().then(|| Answer::bare(500)),
            answered: Answered {
                status: 500,
                size: 0,
            },
            measured: Measured {
                wall: Duration::ZERO,
                effort: None,
                body: BodyKind::Whole,
            },
            has_streamed: sent.streams(),
        }
    }

    pub fn done(&self, job: &Job, was_displaced: bool) -> Done {
        Done {
            key: job.request.key,
            measured: Some(self.measured),
            has_streamed: self.has_streamed,
            was_displaced,
        }
    }
}

/// Run a request on this thread.
///
/// `measures`: whether the processor time of the thread is to be looked at.
pub fn run(
    py: Python<'_>,
    shared: &Shared,
    job: &Job,
    sent: &mut Sent<'_>,
    way: &mut dyn MakeWay,
    measures: bool,
) -> Ran {
    let started = Instant::now();
    let clock = measures.then(ThreadClock::read);
    shared.faults.strike(Point::View);
    let Response { made, closing } = respond(py, &shared.site, &job.request);
    end_child(&shared.descriptors);
    let mut running = Running {
        py,
        shared,
        job,
        sent,
        way,
        has_waited: false,
        state: None,
    };
    let (answer, answered, body) = match (made, closing) {
        (Made::Whole(answer), None) => {
            let answered = answer.answered(py, &job.request.terms);
            (Some(answer), answered, BodyKind::Whole)
        }
        (Made::Whole(answer), Some(closing)) => {
            let answered = running.answer(answer);
            running.close(&closing);
            (None, answered, BodyKind::Whole)
        }
        (Made::Stream(head, pump), Some(closing)) => {
            let (answered, body) = running.stream(*head, pump, &closing);
            (None, answered, body)
        }
        (Made::Stream(..), None) => unreachable!("an iterator is closed at its end"),
    };
    let measured = Measured {
        wall: started.elapsed(),
        effort: clock.map(ThreadClock::elapsed),
        body,
    };
    let has_streamed = sent.streams();
    Ran {
        answer,
        answered,
        measured,
        has_streamed,
    }
}

struct Running<'a, 'd, 'py> {
    py: Python<'py>,
    shared: &'a Shared,
    job: &'a Job,
    sent: &'a mut Sent<'d>,
    way: &'a mut dyn MakeWay,
    has_waited: bool,
    /// Whether somebody waits for the answer, once an iterator is asked for it and makes
    /// nothing yet.
    state: Option<Arc<RequestState>>,
}

impl Running<'_, '_, '_> {
    fn answer(&mut self, answer: Answer) -> Answered {
        let answered = answer.answered(self.py, &self.job.request.terms);
        self.sent.answer(answer);
        answered
    }

    fn close(&self, closing: &Closing) {
        closing.close(self.py, &self.shared.site, &self.job.request);
        end_child(&self.shared.descriptors);
    }

    fn next<'py>(&self, pump: &mut Pump, context: &RequestContext, py: Python<'py>) -> Next<'py> {
        self.shared.faults.strike(Point::Piece);
        let next = pump.next(py, context, &self.shared.site, &self.job.request.head);
        end_child(&self.shared.descriptors);
        next
    }

    /// Run an iterator to its end, as quickly as the client takes what it yields.
    fn stream(
        &mut self,
        head: AnswerHead,
        mut pump: Pump,
        closing: &Closing,
    ) -> (Answered, BodyKind) {
        let status = head.status();
        self.way.begin_iterating();
        let first = loop {
            match self.next(&mut pump, &closing.context, self.py) {
                Next::Empty if self.is_awaited() => {}
                first => break first,
            }
        };
        let (mut size, is_last) = match first {
            // Its client has left.
            Next::Empty => {
                self.close(closing);
                return (Answered { status, size: 0 }, BodyKind::Long);
            }
            Next::Piece(piece, count) => (self.begin(head, &piece.as_bytes()[..count]), false),
            Next::Last(piece, count) => (self.begin(head, &piece.as_bytes()[..count]), true),
            Next::End { is_whole } => {
                let answered = self.answer(Answer {
                    head: Head::Checked(Box::new(head)),
                    content: Content::Empty,
                    is_short: !is_whole,
                });
                self.close(closing);
                return (answered, BodyKind::Whole);
            }
            // Nothing has gone out: the client is told.
            Next::Failed => {
                let answered = self.answer(Answer::bare(500));
                self.close(closing);
                return (answered, BodyKind::Whole);
            }
        };
        if is_last {
            self.sent.end(StreamEnd::Whole);
        } else {
            size += self.pump(&mut pump, closing);
        }
        self.close(closing);
        let is_long = self.has_waited || self.job.started.elapsed() > LONG_STREAM;
        let body = if is_long {
            BodyKind::Long
        } else {
            BodyKind::Short
        };
        (Answered { status, size }, body)
    }

    /// Hand over the head with the first piece of a stream, and return its size.
    fn begin(&mut self, head: AnswerHead, piece: &[u8]) -> u64 {
        self.sent.stream(OUTPUT_LIMIT, piece, |pipe| Answer {
            head: Head::Checked(Box::new(head)),
            content: Content::Stream(pipe),
            is_short: false,
        });
        piece.len() as u64
    }

    /// Run the iterator on, and return how many bytes came of it.
    fn pump(&mut self, pump: &mut Pump, closing: &Closing) -> u64 {
        let mut size = 0;
        while self.wait_for_room() {
            let end = match self.next(pump, &closing.context, self.py) {
                Next::Piece(piece, count) => {
                    size += count as u64;
                    if self.sent.push(&piece.as_bytes()[..count]) {
                        continue;
                    }
                    break;
                }
                Next::Empty => continue,
                Next::Last(piece, count) => {
                    size += count as u64;
                    let _is_wanted = self.sent.push(&piece.as_bytes()[..count]);
                    StreamEnd::Whole
                }
                Next::End { is_whole: true } => StreamEnd::Whole,
                Next::End { is_whole: false } | Next::Failed => StreamEnd::Close,
            };
            self.sent.end(end);
            break;
        }
        size
    }

    /// Whether somebody waits for the answer, of which nothing has been said.
    ///
    /// The loop that was lent for the request cannot say so, so it is asked to by then.
    fn is_awaited(&mut self) -> bool {
        let (job, mailbox) = (self.job, &self.shared.mailbox);
        let state = self.state.get_or_insert_with(|| {
            let state = job.state.clone().unwrap_or_default();
            mailbox.post(Note::Empty(job.id, Arc::clone(&state)));
            state
        });
        !state.is_gone()
    }

    /// Wait, without the interpreter, until the client has taken enough; False: it is gone.
    fn wait_for_room(&mut self) -> bool {
        let Some(pipe) = self.sent.pipe().map(Arc::clone) else {
            return false;
        };
        if let Some(is_wanted) = pipe.room() {
            return is_wanted;
        }
        self.has_waited = true;
        self.way.begin_waiting();
        if !self.shared.is_single {
            return self.py.detach(|| pipe.wait_for_room());
        }
        // The only thread is the main thread, which has to look after signals as well.
        loop {
            if let Some(is_wanted) = self.py.detach(|| pipe.wait_for_room_within(SIGNALS)) {
                return is_wanted;
            }
            if let Err(error) = self.py.check_signals() {
                // A signal handler raised: the stream ends here, and the client sees it.
                let head = Some(&self.job.request.head);
                self.shared.site.log(self.py, head, error);
                self.sent.end(StreamEnd::Close);
                return false;
            }
        }
    }
}
