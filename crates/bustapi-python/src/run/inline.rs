//! Requests run on the thread that leads, which has lent the loop meanwhile.

use bustapi_core::sync::lead::{Lead, Loan};
use pyo3::prelude::*;

use crate::answer::Answer;
use crate::run::answering::{Post, Ran, run};
use crate::worker::shared::{Job, Note, Shared};
use crate::worker::site::catch_panic;

/// Run a request while the loop is lent, even when our own code has a bug.
pub fn run_inline<L>(
    py: Python<'_>,
    shared: &Shared,
    job: &Job,
    measures: bool,
    (lead, loan): (&Lead<L>, Loan),
) -> Ran {
    let mut lender = Lender { shared, lead, loan };
    catch_panic(|| run(py, shared, job, &mut lender, measures)).unwrap_or_else(|error| {
        shared.site.log(py, Some(&job.request.head), error);
        Ran::failed()
    })
}

/// Hand over what a displaced thread has come to.
pub fn finish_displaced(py: Python<'_>, shared: &Shared, job: &Job, ran: Ran) {
    let done = ran.done(job, true);
    shared.post(match ran.answer {
        Some(answer) => Note::Answer {
            id: job.id,
            key: job.request.key,
            answer,
            done: Some(done),
        },
        None => Note::Done(done),
    });
    shared.log_access(py, &job.request.head, &ran.answered, job.started);
}

/// The way to the loop from the thread that has lent it.
struct Lender<'a, L> {
    shared: &'a Shared,
    lead: &'a Lead<L>,
    loan: Loan,
}

impl<L> Lender<'_, L> {
    fn post(&self, note: Note) {
        self.shared.post_lent(note, || self.lead.is_lent(self.loan));
    }
}

impl<L> Post for Lender<'_, L> {
    fn answer(&mut self, job: &Job, answer: Answer) {
        self.post(Note::Answer {
            id: job.id,
            key: job.request.key,
            answer,
            done: None,
        });
    }

    fn announce(&mut self, job: &Job) {
        self.post(Note::Bytes(job.id));
    }

    fn begin_iterating(&mut self) {}

    fn begin_waiting(&mut self) {
        self.lead.resign(self.loan);
    }
}
