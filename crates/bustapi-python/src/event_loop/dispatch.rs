//! Where a request runs: on the thread that leads, or on one that was made for waiting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bustapi_core::sync::pool::{Handed, PATIENCE, Pool};
use bustapi_core::sync::request_state::RequestState;
use pyo3::prelude::*;

use super::EventLoop;
use super::client::Current;
use crate::answer::{Answer, Answered};
use crate::request::Request;
use crate::request::ids::RequestId;
use crate::run::TICK;
use crate::run::answering::Ran;
use crate::run::clock::process_time;
use crate::run::learning::{EndpointKey, Place};
use crate::worker::faults::Point;
use crate::worker::shared::Job;

/// Requests that were taken over and still run; with so many, no other one runs inline.
const MOST_DISPLACED: usize = 64;

impl EventLoop {
    /// Hand a request to a thread, or return it to be run on this one.
    pub(super) fn dispatch(
        &mut self,
        py: Python<'_>,
        place: usize,
        request: Box<Request>,
    ) -> Option<Run> {
        self.shared.counters.requests.add();
        self.shared.faults.strike(Point::Dispatch);
        let is_held_up = self.displaced > 0;
        let (learnt, measures) = self.learning.place(request.key, is_held_up);
        let chosen = match learnt {
            _ if self.shared.is_single => Place::View,
            _ if request.pipe.is_some() => Place::Stream,
            Place::Inline if request.is_threaded || self.displaced >= MOST_DISPLACED => Place::View,
            learnt => learnt,
        };
        self.serial += 1;
        let state = (chosen != Place::Inline).then(|| Arc::new(RequestState::new()));
        let job = Job {
            id: RequestId {
                connection: place,
                serial: self.serial,
            },
            state: state.clone(),
            request,
            started: Instant::now(),
        };
        self.clients[place].current = Some(Current {
            serial: self.serial,
            state,
            key: job.request.key,
            terms: job.request.terms,
            body: job.request.pipe.clone(),
            iterates: false,
            stream: None,
        });
        if chosen == Place::Inline {
            return Some(Run { job, measures });
        }
        self.hand_over(py, job, chosen);
        None
    }

    /// Hand a request to a view thread that was to run on this one.
    pub fn run_elsewhere(&mut self, py: Python<'_>, run: Run) {
        let mut job = run.job;
        if let Some(client) = self.waiting_for(job.id)
            && let Some(current) = &mut client.current
        {
            let state = Arc::new(RequestState::new());
            current.state = Some(Arc::clone(&state));
            job.state = Some(state);
        }
        self.hand_over(py, job, Place::View);
    }

    fn hand_over(&mut self, py: Python<'_>, job: Job, to: Place) {
        self.shared.counters.in_flight.add();
        let shared = Arc::clone(&self.shared);
        let (pool, kind) = match to {
            Place::Stream => (&shared.streams, "stream"),
            _ => (&shared.views, "view"),
        };
        match pool.hand_over(job) {
            Handed::Taken => {}
            Handed::Full(job) => self.turn_away(py, &job),
            Handed::Start => self.start_thread(py, pool, kind),
        }
    }

    fn start_thread(&mut self, py: Python<'_>, pool: &Pool<Job>, kind: &str) {
        let shared = Arc::clone(&self.shared);
        if let Err(error) = shared.spawn.bind(py).call1((kind,)) {
            shared.site.log(py, None, error);
            for job in pool.start_failed() {
                self.turn_away(py, &job);
            }
        }
    }

    /// Let more view threads work when those that do keep the others waiting.
    pub(super) fn pace(&mut self, py: Python<'_>) {
        if self.shared.counters.in_flight.get() == 0 || !self.shared.views.is_waiting() {
            return;
        }
        let now = Instant::now();
        if now < self.paced.at + PATIENCE {
            return;
        }
        let before = std::mem::replace(&mut self.paced, Paced::now(now));
        let is_busy = self.paced.processor_was_busy_since(&before);
        let shared = Arc::clone(&self.shared);
        for _ in 0..shared.views.pace(now, is_busy, (TICK, &shared.streams)) {
            self.start_thread(py, &shared.views, "view");
        }
    }

    /// Answer 503: there are too many requests.
    fn turn_away(&mut self, py: Python<'_>, job: &Job) {
        self.shared.counters.in_flight.subtract();
        if self.waiting_for(job.id).is_none() {
            return;
        }
        let answered = Answered {
            status: 503,
            size: 0,
        };
        self.take_answer(py, job.id, Answer::bare(503));
        self.have_turn(job.id.connection);
        self.shared
            .log_access(py, &job.request.head, &answered, job.started);
    }

    /// Go on where the leader left off to run a request: it has come back.
    pub fn finish_inline(&mut self, py: Python<'_>, run: &Run, ran: Ran) {
        let job = &run.job;
        self.learning.learn(job.request.key, ran.measured);
        match ran.answer {
            Some(answer) => self.take_answer(py, job.id, answer),
            None => self.take_notes(py),
        }
        if ran.has_streamed {
            self.learning.end_stream(job.request.key);
        }
        self.shared
            .log_access(py, &job.request.head, &ran.answered, job.started);
    }

    /// Go on without the leader, which still runs a request; `is_waiting`: not a computation.
    pub(super) fn leave_behind(&mut self, key: EndpointKey, is_waiting: bool) {
        self.displaced += 1;
        self.shared.counters.in_flight.add();
        self.learning.displaced(key, is_waiting);
    }
}

/// A request that the leader runs itself, once it has lent the loop.
pub struct Run {
    pub job: Job,
    /// Whether its processor time is to be looked at.
    pub measures: bool,
}

/// When the view threads were last looked at, and what the process had used by then.
pub(super) struct Paced {
    at: Instant,
    processor: Duration,
}

impl Paced {
    pub(super) fn now(at: Instant) -> Self {
        Self {
            at,
            processor: process_time(),
        }
    }

    /// Whether the process used about all of a processor, as it does when its threads only
    /// wait for the interpreter.
    fn processor_was_busy_since(&self, before: &Self) -> bool {
        let used = self.processor.saturating_sub(before.processor);
        used * 10 >= self.at.saturating_duration_since(before.at) * 9
    }
}
