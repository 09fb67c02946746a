//! Requests run on the thread that leads, which has lent the loop meanwhile.

use bustapi_core::sync::lead::{Lead, Loan};
use pyo3::prelude::*;

use crate::run::answering::{MakeWay, Ran, Sent, run};
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
    let post = |told| {
        let note = Note::of(job, told);
        shared.mailbox.post_lent(note, || lead.is_lent(loan));
    };
    let mut sent = Sent::new(None, &post);
    let mut way = Lender { lead, loan };
    catch_panic(|| run(py, shared, job, &mut sent, &mut way, measures)).unwrap_or_else(|error| {
        shared.site.log(py, Some(&job.request.head), error);
        Ran::failed(&mut sent)
    })
}

/// Hand over what a displaced thread has come to.
pub fn finish_displaced(py: Python<'_>, shared: &Shared, job: &Job, ran: Ran) {
    let done = ran.done(job, true);
    let post = |told| shared.mailbox.post(Note::of(job, told));
    Sent::new(None, &post).done(ran.answer, done);
    shared.log_access(py, &job.request.head, &ran.answered, job.started);
}

/// What the thread that has lent the loop does for the others.
struct Lender<'a, L> {
    lead: &'a Lead<L>,
    loan: Loan,
}

impl<L> MakeWay for Lender<'_, L> {
    fn begin_iterating(&mut self) {}

    fn begin_waiting(&mut self) {
        self.lead.resign(self.loan);
    }
}
