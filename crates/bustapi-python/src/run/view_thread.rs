//! Requests answered on other threads than the leader's.

use bustapi_core::sync::pool::{Member, Pool};
use pyo3::prelude::*;

use crate::run::answering::{MakeWay, Ran, Sent, run};
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
    let post = |told| shared.mailbox.post(Note::of(job, told));
    let mut sent = Sent::new(job.state.as_deref(), &post);
    let unworked = Done {
        key: job.request.key,
        measured: None,
        has_streamed: false,
        was_displaced: false,
    };
    if !sent.start(unworked) {
        return false;
    }
    let mut way = Pooled {
        pool,
        member,
        is_iterating: false,
    };
    let ran =
        catch_panic(|| run(py, shared, job, &mut sent, &mut way, true)).unwrap_or_else(|error| {
            shared.site.log(py, Some(&job.request.head), error);
            Ran::failed(&mut sent)
        });
    let done = ran.done(job, false);
    sent.done(ran.answer, done);
    shared.log_access(py, &job.request.head, &ran.answered, job.started);
    way.is_iterating && pool.end_iterating(member)
}

/// What a thread of a pool does for those that wait behind it.
struct Pooled<'a> {
    pool: &'a Pool<Job>,
    member: &'a Member,
    is_iterating: bool,
}

impl MakeWay for Pooled<'_> {
    fn begin_iterating(&mut self) {
        self.is_iterating = true;
        self.pool.begin_iterating(self.member);
    }

    fn begin_waiting(&mut self) {}
}
