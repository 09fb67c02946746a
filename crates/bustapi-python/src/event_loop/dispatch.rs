//! Where a request runs: here, or on a thread that waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bustapi_core::sync::request_state::RequestState;
use pyo3::prelude::*;

use super::EventLoop;
use crate::answer::wire::{Answered, Begun, Pump, Request, begin, refuse};
use crate::event_loop::client::{Current, Suspended};
use crate::run::clock::{ThreadClock, process_time};
use crate::run::learning::{BodyKind, EndpointKey, Measured, Place};
use crate::run::pool::{Handed, PATIENCE, Pool};
use crate::run::view_thread::OUTPUT_LIMIT;
use crate::worker::shared::{Job, RequestId};

impl EventLoop {
    /// Run a request here or hand it to a thread.
    pub(super) fn dispatch(&mut self, py: Python<'_>, place: usize, request: Box<Request>) {
        self.shared.counters.requests.add();
        // Numbers of rules mean something only within one generation of the index.
        if matches!(request.key, EndpointKey::Rule(_)) {
            self.learning
                .set_generation(request.head.get().generation_asked());
        }
        let (learnt, measures) = self.learning.place(request.key);
        let chosen = if self.shared.is_single {
            Place::View
        } else if request.pipe.is_some() {
            Place::Stream
        } else {
            learnt
        };
        match chosen {
            Place::Inline => {
                if measures {
                    // It took long the last time; no finished answer waits for it.
                    self.send_unsent(py);
                }
                self.run_inline(py, place, request, measures);
            }
            Place::View | Place::Stream => self.hand_over(py, place, request, chosen),
        }
    }

    pub(super) fn run_inline(
        &mut self,
        py: Python<'_>,
        place: usize,
        request: Box<Request>,
        measures: bool,
    ) {
        let shared = Arc::clone(&self.shared);
        let _is_leader = shared.leader.begin_view();
        let started = Instant::now();
        let clock = measures.then(ThreadClock::read);
        let output = &mut self.clients[place].connection.output;
        match begin(py, &shared.site, &request, output) {
            Begun::Whole(answered) => {
                let wall = started.elapsed();
                let effort = clock.map(ThreadClock::elapsed);
                let measured = Measured {
                    wall,
                    effort,
                    body: answered.body,
                };
                self.learning.learn(request.key, measured);
                self.finish_inline(py, place, &request, answered, started);
            }
            Begun::Stream(pump) => {
                let timed = (started, clock);
                self.pump(py, place, *pump, request, started, timed);
            }
        }
        let _is_leader = shared.leader.end_view();
    }

    pub(super) fn finish_inline(
        &mut self,
        py: Python<'_>,
        place: usize,
        request: &Request,
        answered: Answered,
        started: Instant,
    ) {
        self.clients[place].connection.answered(answered.keep_alive);
        self.clients[place].restart_deadlines();
        self.shared
            .log_access(py, &request.head, &answered, started);
    }

    /// Run an iterator on this thread until it ends or the output buffer is full.
    pub(super) fn pump(
        &mut self,
        py: Python<'_>,
        place: usize,
        mut pump: Pump,
        request: Box<Request>,
        started: Instant,
        (begun, clock): (Instant, Option<ThreadClock>),
    ) {
        loop {
            let client = &mut self.clients[place];
            if client.connection.output.held() > OUTPUT_LIMIT {
                let measured = Measured {
                    wall: begun.elapsed(),
                    effort: None,
                    body: BodyKind::Long,
                };
                self.learning.learn(request.key, measured);
                client.current = Some(Current::Suspended(Box::new(Suspended {
                    pump,
                    request,
                    started,
                })));
                return;
            }
            let buffer = client.connection.output.buffer();
            let Some(answered) = pump.step(py, &self.shared.site, &request.head, buffer) else {
                continue;
            };
            let measured = Measured {
                wall: begun.elapsed(),
                effort: clock.map(ThreadClock::elapsed),
                body: BodyKind::Short,
            };
            self.learning.learn(request.key, measured);
            self.finish_inline(py, place, &request, answered, started);
            return;
        }
    }

    pub(super) fn hand_over(
        &mut self,
        py: Python<'_>,
        place: usize,
        request: Box<Request>,
        to: Place,
    ) {
        self.serial += 1;
        let id = RequestId {
            connection: place,
            serial: self.serial,
        };
        let state = Arc::new(RequestState::new());
        let job = Job {
            id,
            state: Arc::clone(&state),
            request,
            started: Instant::now(),
        };
        self.clients[place].current = Some(Current::Job {
            serial: id.serial,
            state,
            pipe: None,
        });
        self.shared.counters.in_flight.add();
        let shared = Arc::clone(&self.shared);
        let (pool, kind) = match to {
            Place::Stream => (&shared.streams, "stream"),
            _ => (&shared.views, "view"),
        };
        match pool.hand_over(job) {
            Handed::Taken => {}
            Handed::Full(job) => self.turn_away(py, job),
            Handed::Start => self.start_thread(py, pool, kind),
        }
    }

    pub(super) fn start_thread(&mut self, py: Python<'_>, pool: &Pool<Job>, kind: &str) {
        let shared = Arc::clone(&self.shared);
        if let Err(error) = shared.spawn.bind(py).call1((kind,)) {
            shared.site.log(py, None, error);
            for job in pool.start_failed() {
                self.turn_away(py, job);
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
        for _ in 0..shared.views.pace(now, is_busy) {
            self.start_thread(py, &shared.views, "view");
        }
    }

    /// Answer 503: there are too many requests.
    pub(super) fn turn_away(&mut self, py: Python<'_>, job: Job) {
        self.shared.counters.in_flight.subtract();
        let place = job.id.connection;
        let Some(client) = self.waiting_for(job.id) else {
            return;
        };
        client.current = None;
        let is_head = job.request.terms.is_head;
        let answered = refuse(503, is_head, &mut client.connection.output);
        client.connection.answered(answered.keep_alive);
        client.restart_deadlines();
        self.shared
            .log_access(py, &job.request.head, &answered, job.started);
        self.ready.push_back(place);
    }
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
