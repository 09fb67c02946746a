//! One client's turn: written, read, parsed and answered as far as goes without waiting.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bustapi_core::sync::stream_pipe::StreamEnd;
use pyo3::prelude::*;

use super::EventLoop;
use crate::event_loop::client::{Current, Read, Suspended};
use crate::protocol::http1::{Stage, Turn};
use crate::request::body_pipe::BodyPipe;
use crate::request::intake::Intake;
use crate::request::spool::Spool;
use crate::run::clock::ThreadClock;
use crate::run::view_thread::OUTPUT_LIMIT;
use crate::worker::shared::{Note, RequestId, SIGNALS, Shared};
use crate::worker::site::catch_panic;

/// Answers that are gathered before they are written, when requests are pipelined.
const PIPELINED: usize = 16;

/// How often they are gathered and written in one turn, so that a client that sends requests
/// without an end leaves the others their turns.
const GATHERS: usize = 4;

/// Reads of one client in its turn.
const READS: usize = 16;

/// Clients whose requests are read, then answered, then written together.
const TOGETHER: usize = 64;

/// How long a finished answer may wait for the others of its batch.
const HELD: Duration = Duration::from_micros(250);

impl EventLoop {
    /// Give each ready client its turn, a batch at a time.
    ///
    /// All of a batch is read, then answered, then written. PERF: the kernel's code and
    /// the interpreter's displace one another from the caches; changing between them once
    /// a batch instead of three times a request saves a quarter of what a request costs.
    pub(super) fn drive_ready(&mut self, py: Python<'_>) {
        let mut left = self.ready.len();
        while left > 0 {
            let count = left.min(TOGETHER);
            left -= count;
            let mut batch = std::mem::take(&mut self.batch);
            batch.extend(self.ready.drain(..count));
            for &place in &batch {
                self.read_ahead(place);
            }
            let mut begun = Instant::now();
            for place in batch.drain(..) {
                if self
                    .clients
                    .get(place)
                    .is_none_or(|client| client.is_closed)
                {
                    continue;
                }
                let driven = catch_panic(|| self.drive(py, place)).and_then(|driven| driven);
                if let Err(error) = driven {
                    self.shared.site.log(py, None, error);
                    self.close(py, place);
                }
                if begun.elapsed() >= HELD {
                    self.send_unsent(py);
                    begun = Instant::now();
                }
            }
            self.batch = batch;
            self.send_unsent(py);
        }
    }

    /// Read what a client has sent, if it may be the beginning of a request.
    fn read_ahead(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place) else {
            return;
        };
        let is_open = !(client.is_closed || client.is_dead || client.is_lingering());
        if is_open
            && client.is_readable
            && client.current.is_none()
            && client.connection.wants_input()
        {
            client.is_dead = matches!(client.read(&mut self.scratch), Read::Gone);
        }
    }

    /// Write the answers that have been gathered.
    pub(super) fn send_unsent(&mut self, py: Python<'_>) {
        let mut unsent = std::mem::take(&mut self.unsent);
        for place in unsent.drain(..) {
            if !self.clients[place].is_closed {
                self.finish_turn(py, place);
            }
        }
        self.unsent = unsent;
    }

    /// Do for a client whatever can be done now.
    pub(super) fn drive(&mut self, py: Python<'_>, place: usize) -> PyResult<()> {
        if self.clients[place].is_dead {
            self.close(py, place);
            return Ok(());
        }
        if self.clients[place].is_lingering() {
            self.drain_input(py, place);
            return Ok(());
        }
        let (mut answered, mut reads, mut gathers) = (0, 0, 0);
        loop {
            if !self.resume(py, place) {
                return Ok(());
            }
            let client = &mut self.clients[place];
            if answered >= PIPELINED || client.connection.output.held() > OUTPUT_LIMIT {
                answered = 0;
                gathers += 1;
                if !client.flush(py) {
                    self.close(py, place);
                    return Ok(());
                }
                if !client.is_writable {
                    break;
                }
                if gathers >= GATHERS {
                    self.ready.push_back(place);
                    break;
                }
            }
            let shared = Arc::clone(&self.shared);
            let intake = WorkerIntake {
                shared: &shared,
                id: RequestId {
                    connection: place,
                    serial: client.id,
                },
            };
            match client.connection.advance(py, &shared.site, Some(&intake))? {
                Turn::Request(request) => {
                    answered += 1;
                    self.dispatch(py, place, request);
                }
                Turn::Read => {
                    let client = &mut self.clients[place];
                    if !client.is_readable || !client.connection.wants_input() {
                        break;
                    }
                    if reads >= READS {
                        self.ready.push_back(place);
                        break;
                    }
                    reads += 1;
                    match client.read(&mut self.scratch) {
                        Read::Some => {}
                        Read::Nothing => break,
                        Read::Gone => {
                            self.close(py, place);
                            return Ok(());
                        }
                    }
                    let streams = matches!(
                        client.current,
                        Some(Current::Job { pipe: Some(_), .. } | Current::Suspended(_))
                    );
                    if client.has_ended && streams {
                        // While a stream is answered the end of the input means: gone.
                        self.close(py, place);
                        return Ok(());
                    }
                }
                Turn::Last => break,
            }
        }
        self.unsent.push(place);
        Ok(())
    }

    pub(super) fn finish_turn(&mut self, py: Python<'_>, place: usize) {
        let now = Instant::now();
        let client = &mut self.clients[place];
        if let Some(refused) = client.connection.refused.take() {
            self.shared.counters.refused.add();
            self.shared
                .log_refused(py, client.connection.peer(), &refused);
        }
        if !client.flush(py) {
            self.close(py, place);
            return;
        }
        let is_last = client.connection.stage() == Stage::Last;
        if is_last && client.connection.output.is_empty() {
            if !client.linger() {
                self.close(py, place);
            } else if client.is_readable {
                self.ready.push_back(place);
            }
            return;
        }
        // Streams and suspended iterators go on when their last bytes are out.
        if client.connection.output.is_empty() && client.has_more() {
            self.ready.push_back(place);
        }
        client.set_deadline(now, &self.shared.timeouts);
    }

    /// Read and forget what a peer sends after our end.
    pub(super) fn drain_input(&mut self, py: Python<'_>, place: usize) {
        let client = &mut self.clients[place];
        for _ in 0..READS {
            if !client.is_readable {
                return;
            }
            let gone = matches!(client.read(&mut self.scratch), Read::Gone);
            if gone || client.has_ended {
                self.close(py, place);
                return;
            }
        }
        self.ready.push_back(place);
    }

    /// Go on with an answer that is in parts; False when the connection was closed.
    pub(super) fn resume(&mut self, py: Python<'_>, place: usize) -> bool {
        let client = &mut self.clients[place];
        if client.current.is_none() || !client.flush(py) {
            let is_open = client.current.is_none();
            if !is_open {
                self.close(py, place);
            }
            return is_open;
        }
        if !client.connection.output.is_empty() {
            return true;
        }
        match client.current.take() {
            Some(Current::Suspended(suspended)) => {
                let Suspended {
                    pump,
                    request,
                    started,
                } = *suspended;
                let timed = (Instant::now(), Some(ThreadClock::read()));
                self.pump(py, place, pump, request, started, timed);
            }
            Some(Current::Job {
                serial,
                state,
                pipe: Some(pipe),
            }) => {
                let mut bytes = Vec::new();
                let end = pipe.take(&mut bytes);
                client.connection.output.push_vec(bytes);
                match end {
                    Some(end) => {
                        let keep_alive = end == StreamEnd::Whole;
                        client.connection.answered(keep_alive);
                        client.restart_deadlines();
                    }
                    None => {
                        client.current = Some(Current::Job {
                            serial,
                            state,
                            pipe: Some(pipe),
                        });
                    }
                }
            }
            current => client.current = current,
        }
        true
    }
}

/// What the loop does for the bodies of one client.
struct WorkerIntake<'a> {
    shared: &'a Arc<Shared>,
    /// The place of the connection, and the number that no other one had.
    id: RequestId,
}

impl Intake for WorkerIntake<'_> {
    fn spool(&self) -> io::Result<Option<Spool>> {
        self.shared.spooler.begin(self.id)
    }

    fn pipe(&self) -> Arc<BodyPipe> {
        let shared = Arc::clone(self.shared);
        let id = self.id;
        // The only thread is the main thread, which has to look after signals as well.
        let patience = shared.is_single.then_some(SIGNALS);
        Arc::new(BodyPipe::new(
            Box::new(move || shared.post(Note::Body(id))),
            patience,
        ))
    }
}
