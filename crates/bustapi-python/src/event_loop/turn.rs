//! One client's turn: written, read, parsed and answered as far as goes without waiting.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bustapi_core::sync::body_pipe::BodyPipe;
use bustapi_core::sync::stream_pipe::{Pieces, StreamEnd};
use pyo3::prelude::*;

use super::EventLoop;
use super::client::{Client, Current, Flushed, Phase, Read};
use super::dispatch::Run;
use crate::protocol::http1::{Stage, Turn};
use crate::request::ids::ConnectionId;
use crate::request::intake::Intake;
use crate::request::spool::{Held, Spool};
use crate::worker::faults::Point;
use crate::worker::shared::{Note, SIGNALS, Shared};
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

/// How far the turn of one client has come.
pub(super) struct Drive {
    pub place: usize,
    answered: usize,
    reads: usize,
    gathers: usize,
}

impl EventLoop {
    /// Read what the next clients of the round have sent; False when the round is over.
    ///
    /// All of a batch is read, then answered, then written. PERF: the kernel's code and
    /// the interpreter's displace one another from the caches; changing between them once
    /// a batch instead of three times a request saves a quarter of what a request costs.
    pub(super) fn begin_batch(&mut self, py: Python<'_>) -> bool {
        let count = self.round.min(TOGETHER);
        if count == 0 {
            return false;
        }
        self.round -= count;
        self.batch.extend(self.ready.drain(..count));
        for index in 0..count {
            let place = self.batch[index];
            if let Some(client) = self.clients.get_mut(place) {
                client.is_ready = false;
            }
            if let Err(error) = catch_panic(|| self.read_ahead(place)) {
                self.fail(py, place, error);
            }
        }
        self.batch_begun = Instant::now();
        true
    }

    /// Give each client of the batch its turn, up to a request that this thread is to run.
    pub(super) fn drive_batch(&mut self, py: Python<'_>) -> Option<Run> {
        loop {
            let drive = match self.driven.take() {
                Some(drive) => drive,
                None => match self.batch.pop_front() {
                    Some(place) => Drive {
                        place,
                        answered: 0,
                        reads: 0,
                        gathers: 0,
                    },
                    None => break,
                },
            };
            let place = drive.place;
            let is_open = |client: &Client| !client.is_closed();
            if self.clients.get(place).is_some_and(is_open) {
                let driven = catch_panic(|| self.drive(py, drive)).and_then(|driven| driven);
                match driven {
                    Ok(Some(run)) => return Some(run),
                    Ok(None) => {}
                    Err(error) => self.fail(py, place, error),
                }
            }
            if self.batch_begun.elapsed() >= HELD {
                self.send_unsent(py);
                self.batch_begun = Instant::now();
            }
        }
        self.send_unsent(py);
        None
    }

    /// Answer 500 for a mistake of ours, and end the connection.
    pub(super) fn fail(&mut self, py: Python<'_>, place: usize, error: PyErr) {
        self.shared.site.log(py, None, error);
        let Some(client) = self.clients.get_mut(place) else {
            return;
        };
        let has_begun = client.streams();
        client.abandon();
        if has_begun || catch_panic(|| client.connection.give_up()).is_err() {
            self.close(place);
        } else {
            self.unsent.push(place);
        }
    }

    /// Read what a client has sent, if it may be the beginning of a request.
    fn read_ahead(&mut self, place: usize) {
        self.shared.faults.strike(Point::Read);
        let Some(client) = self.clients.get_mut(place) else {
            return;
        };
        if client.phase() == Phase::Open
            && client.is_readable
            && client.current.is_none()
            && matches!(client.read(&mut self.scratch), Read::Gone)
        {
            client.lose();
        }
    }

    /// Write the answers that have been gathered.
    fn send_unsent(&mut self, py: Python<'_>) {
        let mut unsent = std::mem::take(&mut self.unsent);
        for place in unsent.drain(..) {
            if !self.clients[place].is_closed() {
                self.finish_turn(py, place);
            }
        }
        self.unsent = unsent;
    }

    /// Do for a client whatever can be done now, up to a request that this thread is to run.
    fn drive(&mut self, py: Python<'_>, mut drive: Drive) -> PyResult<Option<Run>> {
        let place = drive.place;
        match self.clients[place].phase() {
            Phase::Open => {}
            Phase::Lingering => {
                self.drain_input(place);
                return Ok(None);
            }
            Phase::Gone => {
                self.close(place);
                return Ok(None);
            }
            Phase::Closed => return Ok(None),
        }
        loop {
            if !self.resume(py, place) {
                return Ok(None);
            }
            let client = &mut self.clients[place];
            if drive.answered >= PIPELINED || client.connection.output.is_full() {
                drive.answered = 0;
                drive.gathers += 1;
                if !self.flush(py, place) {
                    return Ok(None);
                }
                let client = &self.clients[place];
                // What is not out is awaited before another request is begun.
                if client.connection.output.is_full() {
                    break;
                }
                if drive.gathers >= GATHERS {
                    self.have_turn(place);
                    break;
                }
            }
            self.shared.faults.strike(Point::Parse);
            let shared = Arc::clone(&self.shared);
            let client = &mut self.clients[place];
            let intake = WorkerIntake {
                shared: &shared,
                id: client.id,
            };
            match client.connection.advance(py, &shared.site, Some(&intake))? {
                Turn::Request(request) => {
                    drive.answered += 1;
                    let Some(run) = self.dispatch(py, place, request) else {
                        continue;
                    };
                    if run.measures {
                        // It took long the last time; no finished answer waits for it.
                        self.send_unsent(py);
                    }
                    self.driven = Some(drive);
                    return Ok(Some(run));
                }
                Turn::Read => {
                    let client = &mut self.clients[place];
                    if !client.is_readable || client.connection.room() == 0 {
                        break;
                    }
                    if drive.reads >= READS {
                        self.have_turn(place);
                        break;
                    }
                    drive.reads += 1;
                    match client.read(&mut self.scratch) {
                        Read::Some => {}
                        Read::Nothing => break,
                        Read::Gone => {
                            self.close(place);
                            return Ok(None);
                        }
                    }
                }
                Turn::Last => break,
            }
        }
        self.unsent.push(place);
        Ok(None)
    }

    fn finish_turn(&mut self, py: Python<'_>, place: usize) {
        let now = Instant::now();
        let client = &mut self.clients[place];
        if let Some(refused) = client.connection.refused.take() {
            self.shared.counters.refused.add();
            self.shared
                .log_refused(py, client.connection.peer(), &refused);
        }
        if !self.flush(py, place) {
            return;
        }
        let client = &mut self.clients[place];
        let is_last = client.connection.stage() == Stage::Last;
        if is_last && client.connection.output.is_empty() && client.phase() == Phase::Open {
            if !client.linger(now, &self.shared.timeouts) {
                self.close(place);
            } else if client.is_readable {
                self.have_turn(place);
            }
            return;
        }
        client.set_deadline(now, &self.shared.timeouts);
    }

    /// Write what can be written in one turn; False when the connection was closed.
    fn flush(&mut self, py: Python<'_>, place: usize) -> bool {
        match self.clients[place].flush(py) {
            Flushed::AsFarAsCan => true,
            Flushed::More => {
                self.have_turn(place);
                true
            }
            Flushed::Gone => {
                self.close(place);
                false
            }
            Flushed::Cut(error) => {
                self.shared.site.log(py, None, error.into());
                self.close(place);
                false
            }
        }
    }

    /// Read and forget what a peer sends after our end.
    fn drain_input(&mut self, place: usize) {
        let client = &mut self.clients[place];
        for _ in 0..READS {
            if !client.is_readable {
                return;
            }
            let gone = matches!(client.read(&mut self.scratch), Read::Gone);
            if gone || client.has_ended() || client.has_sent_too_much() {
                self.close(place);
                return;
            }
            client.set_deadline(Instant::now(), &self.shared.timeouts);
        }
        self.have_turn(place);
    }

    /// Go on with an answer that comes in pieces; False when the connection was closed.
    fn resume(&mut self, py: Python<'_>, place: usize) -> bool {
        if self.clients[place].current.is_none() {
            return true;
        }
        if !self.flush(py, place) {
            return false;
        }
        let client = &mut self.clients[place];
        let output = &mut client.connection.output;
        if output.is_empty()
            && let Some(Current {
                stream: Some(stream),
                ..
            }) = &client.current
        {
            let mut pieces = Pieces::default();
            let end = stream.pipe.take(&mut pieces);
            stream.encoder.pieces(&pieces, output);
            match end {
                Some(StreamEnd::Whole) => {
                    stream.encoder.end(output);
                    let keep_alive = stream.encoder.keep_alive;
                    client.end_answer(keep_alive);
                }
                // Its client is not to take it for whole.
                Some(StreamEnd::Close) if stream.encoder.ends_with_connection() => {
                    if self.flush(py, place) {
                        self.close(place);
                    }
                    return false;
                }
                Some(StreamEnd::Close) => client.end_answer(false),
                None => {}
            }
        }
        true
    }
}

/// What the loop does for the bodies of one client.
struct WorkerIntake<'a> {
    shared: &'a Arc<Shared>,
    id: ConnectionId,
}

impl Intake for WorkerIntake<'_> {
    fn memory(&self) -> Held {
        self.shared.memory.begin()
    }

    fn spool(&self) -> io::Result<Option<Spool>> {
        self.shared.spooler.begin(self.id, self.memory())
    }

    fn pipe(&self) -> Arc<BodyPipe> {
        let shared = Arc::clone(self.shared);
        let id = self.id;
        // The only thread is the main thread, which has to look after signals as well.
        let patience = shared.is_single.then_some(SIGNALS);
        Arc::new(BodyPipe::new(
            Box::new(move || shared.mailbox.post(Note::Body(id))),
            patience,
        ))
    }
}
