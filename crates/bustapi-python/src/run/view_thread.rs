//! Requests answered on other threads than the leader's.

use std::time::Duration;

use bustapi_core::sync::pool::{Member, Pool};
use pyo3::prelude::*;

use crate::answer::{Answer, Answered, Content};
use crate::run::answering::{Post, Ran, run};
use crate::run::learning::{BodyKind, Measured};
use crate::worker::shared::{Done, Job, Note, Shared};
use crate::worker::site::catch_panic;

/// Serve what is handed to a pool, until the thread is to end.
pub fn run_pool(py: Python<'_>, shared: &Shared, pool: &Pool<Job>) {
    let mut pool = pool;
    let mut member = pool.join();
    while let Some(job) = py.detach(|| pool.next(&mut member)) {
        if serve(py, shared, &job, (pool, &member)) {
            // It was let go while it ran an iterator.
            pool = &shared.streams;
            member = pool.join_adopted();
        }
    }
}

/// Answer one request on this thread, even when our own code has a bug; returns whether the
/// thread belongs to the stream threads since.
pub fn serve(
    py: Python<'_>,
    shared: &Shared,
    job: &Job,
    (pool, member): (&Pool<Job>, &Member),
) -> bool {
    if !job.state.as_ref().is_none_or(|state| state.start()) {
        shared.post(Note::Done(Done {
            key: job.request.key,
            measured: None,
            has_streamed: false,
            was_displaced: false,
        }));
        return false;
    }
    let mut queue = Queue {
        shared,
        pool,
        member,
        is_iterating: false,
    };
    let ran = catch_panic(|| run(py, shared, job, &mut queue, true)).unwrap_or_else(|error| {
        shared.site.log(py, Some(&job.request.head), error);
        Ran::failed()
    });
    let done = ran.done(job, false);
    match ran.answer {
        Some(answer) if is_wanted(job) => shared.post(Note::Answer {
            id: job.id,
            key: job.request.key,
            answer,
            done: Some(done),
        }),
        _ => shared.post(Note::Done(done)),
    }
    shared.log_access(py, &job.request.head, &ran.answered, job.started);
    queue.is_iterating && pool.end_iterating(member)
}

/// End working on a request; False when nobody waits for the answer any more.
fn is_wanted(job: &Job) -> bool {
    job.state.as_ref().is_none_or(|state| state.finish())
}

/// The way to the loop from a thread that was handed a request.
struct Queue<'a> {
    shared: &'a Shared,
    pool: &'a Pool<Job>,
    member: &'a Member,
    is_iterating: bool,
}

impl Post for Queue<'_> {
    fn answer(&mut self, job: &Job, answer: Answer) {
        // The thread of a stream that nobody wants learns it from its pipe.
        if is_wanted(job) || matches!(answer.content, Content::Stream(_)) {
            self.shared.post(Note::Answer {
                id: job.id,
                key: job.request.key,
                answer,
                done: None,
            });
        }
    }

    fn announce(&mut self, job: &Job) {
        self.shared.post(Note::Bytes(job.id));
    }

    fn begin_iterating(&mut self) {
        self.is_iterating = true;
        self.pool.begin_iterating(self.member);
    }

    fn begin_waiting(&mut self) {}
}

impl Ran {
    /// Our own code has failed: nothing is known but that the client must be told.
    pub fn failed() -> Self {
        Self {
            answer: Some(Answer::bare(500)),
            answered: Answered {
                status: 500,
                size: 0,
            },
            measured: Measured {
                wall: Duration::ZERO,
                effort: None,
                body: BodyKind::Whole,
            },
            has_streamed: false,
        }
    }
}
