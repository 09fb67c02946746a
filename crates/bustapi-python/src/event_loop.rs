//! The loop of the hot thread: events in, requests run or handed over, answers out.
//!
//! Sockets are registered once, for reading and writing, and report changes only. A client
//! that can still be read or written after its turn is put on the `ready` list, so nothing
//! that was announced is forgotten.
//!
//! The interpreter is held except while waiting. Before it is let go the poller is asked
//! once without waiting: under load there is always something, and a thread that wants the
//! interpreter gets it between two bytecodes of a view.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bustapi_core::request_state::RequestState;
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use pyo3::prelude::*;
use slab::Slab;
use socket2::Socket;

use crate::acceptor::{Accepted, Acceptor};
use crate::answer::{Answered, Begun, Request, begin, refuse};
use crate::body_pipe::BodyPipe;
use crate::client::{Client, Current, Overdue, Read, Suspended};
use crate::clock::{ThreadClock, process_time};
use crate::connection::{Connection, Intake, Turn};
use crate::head::Peer;
use crate::learning::{BodyKind, EndpointKey, Learning, Measured, Place};
use crate::output::Output;
use crate::serve::OUTPUT_LIMIT;
use crate::shared::{Job, Note, RequestId, Shared};
use crate::site::catch_panic;
use crate::spool::Spool;
use crate::threads::{Handed, PATIENCE, Pool};

/// Token of the waker; listeners count down from the one below.
pub const WAKER: Token = Token(usize::MAX);
const LAST_LISTENER: usize = usize::MAX - 1;

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Bytes read at once.
const READ_SIZE: usize = 64 * 1024;

/// Answers that are gathered before they are written, when requests are pipelined.
const PIPELINED: usize = 16;

/// Reads of one client in its turn.
const READS: usize = 16;

/// The state of the loop, which only the leader touches.
pub struct EventLoop {
    shared: Arc<Shared>,
    poll: Poll,
    acceptor: Acceptor,
    clients: Slab<Client>,
    learning: Learning,
    /// Clients that have something to do without an event.
    ready: VecDeque<usize>,
    /// Closed in this turn; their places are free in the next one, when no event is left
    /// that was meant for them.
    closed: Vec<usize>,
    notes: Vec<Note>,
    scratch: Box<[MaybeUninit<u8>]>,
    serial: u64,
    tick: Instant,
    paced: Paced,
    is_accepting: bool,
    is_draining: bool,
    has_warned: bool,
}

impl EventLoop {
    pub fn new(shared: Arc<Shared>, poll: Poll, listeners: Vec<OwnedFd>) -> io::Result<Self> {
        let most = shared.most_connections;
        shared.descriptors.add(poll.as_raw_fd());
        for listener in &listeners {
            shared.descriptors.add(listener.as_raw_fd());
        }
        let acceptor = Acceptor::new(listeners, poll.registry(), LAST_LISTENER, most)?;
        Ok(Self {
            shared,
            poll,
            acceptor,
            clients: Slab::new(),
            learning: Learning::default(),
            ready: VecDeque::new(),
            closed: Vec::new(),
            notes: Vec::new(),
            scratch: Box::new_uninit_slice(READ_SIZE),
            serial: 0,
            tick: Instant::now() + TICK,
            paced: Paced::now(Instant::now()),
            is_accepting: true,
            is_draining: false,
            has_warned: false,
        })
    }

    /// Turn until the worker has ended.
    pub fn run(&mut self, py: Python<'_>) -> PyResult<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            self.wait(py, &mut events)?;
            if self.shared.leader.is_stopped() {
                break;
            }
            for event in &events {
                self.take_event(event);
            }
            self.take_notes(py);
            self.accept(py);
            self.drive_ready(py);
            self.pace(py);
            self.look_at_time(py);
            self.bury();
            if self.is_draining && self.has_ended() {
                break;
            }
        }
        self.close_all(py);
        Ok(())
    }

    fn wait(&mut self, py: Python<'_>, events: &mut Events) -> PyResult<()> {
        let is_due = !self.ready.is_empty() || (self.is_accepting && self.acceptor.is_ready());
        if !self.shared.leader.begin_wait() {
            return Ok(());
        }
        events.clear();
        // While other threads work for us they get the interpreter each turn.
        let others_work = self.shared.counters.in_flight.get() > 0;
        let mut result = Ok(());
        if is_due || !others_work {
            result = self.poll.poll(events, Some(Duration::ZERO));
        }
        if events.is_empty() && !is_due && result.is_ok() {
            let (time, poll) = (self.time_to_wait(), &mut self.poll);
            result = py.detach(|| poll.poll(events, time));
        } else if others_work {
            py.detach(std::thread::yield_now);
        }
        // When it fails the worker was stopped meanwhile, which the caller looks for.
        let _is_leader = self.shared.leader.end_wait();
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                py.check_signals()
            }
            result => Ok(result?),
        }
    }

    fn time_to_wait(&self) -> Option<Duration> {
        if self.clients.is_empty() && self.is_accepting {
            return None;
        }
        let left = self.tick.saturating_duration_since(Instant::now());
        Some(if self.shared.views.is_waiting() {
            left.min(PATIENCE)
        } else {
            left
        })
    }

    fn take_event(&mut self, event: &Event) {
        if event.token() == WAKER {
            return;
        }
        let Some(client) = self.clients.get_mut(event.token().0) else {
            self.acceptor.set_ready(LAST_LISTENER - event.token().0);
            return;
        };
        client.is_readable |= event.is_readable() || event.is_read_closed();
        client.is_writable |= event.is_writable();
        client.has_hung_up |= event.is_read_closed();
        client.is_dead |= event.is_error() || (event.is_read_closed() && event.is_write_closed());
        self.ready.push_back(event.token().0);
    }

    fn take_notes(&mut self, py: Python<'_>) {
        let mut notes = std::mem::take(&mut self.notes);
        self.shared.mailbox.collect(&mut notes);
        for note in notes.drain(..) {
            self.take_note(py, note);
        }
        self.notes = notes;
    }

    fn take_note(&mut self, py: Python<'_>, note: Note) {
        match note {
            Note::Whole {
                id,
                output,
                keep_alive,
                key,
                measured,
            } => {
                self.shared.counters.in_flight.subtract();
                self.learning.learn(key, measured);
                self.take_answer(id, output, keep_alive);
            }
            Note::Unwanted { key, measured } => {
                self.shared.counters.in_flight.subtract();
                self.learning.learn(key, measured);
            }
            Note::Stream { id, pipe, key } => {
                self.learning.begin_stream(key);
                match self.waiting_for(id) {
                    Some(Client {
                        current: Some(Current::Job { pipe: place, .. }),
                        ..
                    }) => {
                        *place = Some(pipe);
                        self.ready.push_back(id.connection);
                    }
                    _ => pipe.abandon(),
                }
            }
            Note::Bytes(id) => {
                if self.waiting_for(id).is_some() {
                    self.ready.push_back(id.connection);
                }
            }
            Note::Streamed { key, measured } => {
                self.shared.counters.in_flight.subtract();
                self.learning.end_stream(key);
                self.learning.learn(key, measured);
            }
            Note::Body(id) => {
                if let Some(client) = self.clients.get_mut(id.connection)
                    && client.id == id.serial
                {
                    client.connection.note_pipe();
                    self.ready.push_back(id.connection);
                }
            }
            Note::Spooled { id, result } => self.take_spooled(py, id, result),
        }
    }

    fn take_answer(&mut self, id: RequestId, output: Output, keep_alive: bool) {
        let Some(client) = self.waiting_for(id) else {
            return;
        };
        client.current = None;
        client.connection.output.append(output);
        client.connection.answered(keep_alive);
        client.restart_idle();
        self.ready.push_back(id.connection);
    }

    fn waiting_for(&mut self, id: RequestId) -> Option<&mut Client> {
        let client = self.clients.get_mut(id.connection)?;
        (client.works_on(id.serial) && !client.is_closed).then_some(client)
    }

    fn take_spooled(&mut self, py: Python<'_>, id: u64, result: io::Result<usize>) {
        let found = self.clients.iter_mut().find(|(_, client)| client.id == id);
        let Some((place, client)) = found else { return };
        match result {
            Ok(count) => client.connection.note_spooled(count),
            Err(error) => {
                // Of all writes that fail, the first one ends the request.
                if let Some(head) = client.connection.fail_spool() {
                    self.shared.site.log(py, Some(&head), error.into());
                }
            }
        }
        self.ready.push_back(place);
    }

    fn accept(&mut self, py: Python<'_>) {
        if !self.is_accepting || !self.acceptor.is_ready() {
            return;
        }
        let mut taken = Vec::new();
        let open = self.clients.len();
        let result = self
            .acceptor
            .accept(open, |socket, address| taken.push((socket, address)));
        for (socket, address) in taken {
            self.open(socket, address);
        }
        match result {
            Ok(Accepted::All | Accepted::More) => {}
            Ok(Accepted::Full) => {
                // Tried again when a connection closes or a second has passed.
                self.is_accepting = false;
                if !std::mem::replace(&mut self.has_warned, true) {
                    let text = "No connection is accepted until one closes: the limit of \
                                connections or of open files is reached.";
                    self.shared.site.log_mistake(py, None, text.to_owned());
                }
            }
            Err(error) => {
                self.is_accepting = false;
                self.shared.site.log(py, None, error.into());
            }
        }
    }

    fn open(&mut self, socket: Socket, address: Option<SocketAddr>) {
        self.serial += 1;
        let entry = self.clients.vacant_entry();
        let place = entry.key();
        let raw = socket.as_raw_fd();
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        if registry
            .register(&mut SourceFd(&raw), Token(place), interest)
            .is_err()
        {
            // Without a place in the poller the connection cannot be served.
            return;
        }
        let connection = Connection::new(Arc::new(Peer::new(address)));
        entry.insert(Client::new(socket, connection, self.serial));
        self.shared.descriptors.add(raw);
        self.shared.counters.connections_accepted.add();
        self.shared.counters.connections_open.add();
        self.ready.push_back(place);
    }

    fn drive_ready(&mut self, py: Python<'_>) {
        for _ in 0..self.ready.len() {
            let Some(place) = self.ready.pop_front() else {
                return;
            };
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
        }
    }

    /// Do for a client whatever can be done now.
    fn drive(&mut self, py: Python<'_>, place: usize) -> PyResult<()> {
        if self.clients[place].is_dead {
            self.close(py, place);
            return Ok(());
        }
        if self.clients[place].is_lingering() {
            self.drain_input(py, place);
            return Ok(());
        }
        let (mut answered, mut reads) = (0, 0);
        loop {
            if !self.resume(py, place) {
                return Ok(());
            }
            let client = &mut self.clients[place];
            if answered >= PIPELINED || client.connection.output.held() > OUTPUT_LIMIT {
                answered = 0;
                if !client.flush(py) {
                    self.close(py, place);
                    return Ok(());
                }
                if !client.is_writable {
                    break;
                }
            }
            let shared = Arc::clone(&self.shared);
            let intake = WorkerIntake {
                shared: &shared,
                place,
                id: client.id,
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
        self.finish_turn(py, place);
        Ok(())
    }

    fn finish_turn(&mut self, py: Python<'_>, place: usize) {
        let now = Instant::now();
        let client = &mut self.clients[place];
        if let Some(refused) = client.connection.refused.take() {
            self.shared.counters.refused.add();
            self.shared
                .log_refused(py, client.connection.peer(), refused.status);
        }
        if !client.flush(py) {
            self.close(py, place);
            return;
        }
        let is_last = client.connection.stage() == crate::connection::Stage::Last;
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
    fn drain_input(&mut self, py: Python<'_>, place: usize) {
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
    fn resume(&mut self, py: Python<'_>, place: usize) -> bool {
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
                        let keep_alive = end == bustapi_core::stream_pipe::StreamEnd::Whole;
                        client.connection.answered(keep_alive);
                        client.restart_idle();
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

    /// Run a request here or hand it to a thread.
    fn dispatch(&mut self, py: Python<'_>, place: usize, request: Box<Request>) {
        self.shared.counters.requests.add();
        // Numbers of rules mean something only within one generation of the index.
        if matches!(request.key, EndpointKey::Rule(_)) {
            self.learning
                .set_generation(request.head.get().generation_asked());
        }
        let (learnt, measures) = self.learning.place(request.key);
        let chosen = if self.shared.is_single {
            Place::View
        } else if request.is_streamed {
            Place::Stream
        } else {
            learnt
        };
        match chosen {
            Place::Inline => self.run_inline(py, place, request, measures),
            Place::View | Place::Stream => self.hand_over(py, place, request, chosen),
        }
    }

    fn run_inline(&mut self, py: Python<'_>, place: usize, request: Box<Request>, measures: bool) {
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

    fn finish_inline(
        &mut self,
        py: Python<'_>,
        place: usize,
        request: &Request,
        answered: Answered,
        started: Instant,
    ) {
        self.clients[place].connection.answered(answered.keep_alive);
        self.clients[place].restart_idle();
        self.shared
            .log_access(py, &request.head, &answered, started);
    }

    /// Run an iterator on this thread until it ends or the output buffer is full.
    fn pump(
        &mut self,
        py: Python<'_>,
        place: usize,
        mut pump: crate::answer::Pump,
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

    fn hand_over(&mut self, py: Python<'_>, place: usize, request: Box<Request>, to: Place) {
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

    fn start_thread(&mut self, py: Python<'_>, pool: &Pool<Job>, kind: &str) {
        let shared = Arc::clone(&self.shared);
        if let Err(error) = shared.spawn.bind(py).call1((kind,)) {
            shared.site.log(py, None, error);
            for job in pool.start_failed() {
                self.turn_away(py, job);
            }
        }
    }

    /// Let more view threads work when those that do keep the others waiting.
    fn pace(&mut self, py: Python<'_>) {
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
    fn turn_away(&mut self, py: Python<'_>, job: Job) {
        self.shared.counters.in_flight.subtract();
        let place = job.id.connection;
        let Some(client) = self.waiting_for(job.id) else {
            return;
        };
        client.current = None;
        let is_head = job.request.terms.is_head;
        let answered = refuse(503, is_head, &mut client.connection.output);
        client.connection.answered(answered.keep_alive);
        self.shared
            .log_access(py, &job.request.head, &answered, job.started);
        self.ready.push_back(place);
    }

    fn look_at_time(&mut self, py: Python<'_>) {
        if !self.is_draining && self.shared.end.asked().is_some() {
            self.begin_drain(py);
        }
        let now = Instant::now();
        if now < self.tick {
            return;
        }
        self.tick = now + TICK;
        self.shared.views.relax();
        self.is_accepting = !self.is_draining;
        let timeouts = self.shared.timeouts;
        let mut overdue = Vec::new();
        for (place, client) in &mut self.clients {
            match client.overdue(now, &timeouts) {
                Overdue::Nothing => {}
                what => overdue.push((place, what)),
            }
        }
        for (place, what) in overdue {
            match what {
                Overdue::Nothing => {}
                Overdue::Close => self.close(py, place),
                Overdue::Reset => {
                    self.clients[place].reset();
                    self.close(py, place);
                }
                Overdue::TimeOut => {
                    let client = &mut self.clients[place];
                    if client.current.is_some() {
                        // The view that reads the body is told; its answer still goes out.
                        client.connection.break_body();
                    } else {
                        client.connection.time_out();
                        self.ready.push_back(place);
                    }
                }
            }
        }
    }

    fn begin_drain(&mut self, py: Python<'_>) {
        self.is_draining = true;
        self.is_accepting = false;
        self.acceptor
            .close(self.poll.registry(), &self.shared.descriptors);
        let mut idle = Vec::new();
        for (place, client) in &mut self.clients {
            if client.is_idle() {
                idle.push(place);
            } else {
                client.connection.drain();
                self.ready.push_back(place);
            }
        }
        for place in idle {
            self.close(py, place);
        }
        self.tick = Instant::now();
    }

    /// Whether nothing is left to drain, or the time for it is over.
    fn has_ended(&self) -> bool {
        let is_over = self
            .shared
            .end
            .asked()
            .is_some_and(|until| Instant::now() >= until);
        self.clients.is_empty() || is_over
    }

    fn close(&mut self, py: Python<'_>, place: usize) {
        let Some(client) = self.clients.get_mut(place) else {
            return;
        };
        if std::mem::replace(&mut client.is_closed, true) {
            return;
        }
        let site = &self.shared.site;
        client.abandon(py, |py, suspended| {
            let Suspended {
                mut pump, request, ..
            } = suspended;
            pump.close(py, site, &request.head);
        });
        client.connection.output.clear();
        let raw = client.socket.as_raw_fd();
        // Whatever fails here, the descriptor is closed with the client.
        drop(self.poll.registry().deregister(&mut SourceFd(&raw)));
        drop(client.socket.shutdown(std::net::Shutdown::Both));
        self.closed.push(place);
    }

    fn bury(&mut self) {
        for place in self.closed.drain(..) {
            let client = self.clients.remove(place);
            self.shared.descriptors.remove(client.socket.as_raw_fd());
            self.shared.counters.connections_open.subtract();
            self.is_accepting = !self.is_draining;
        }
    }

    fn close_all(&mut self, py: Python<'_>) {
        let places: Vec<_> = self.clients.iter().map(|(place, _)| place).collect();
        for place in places {
            self.close(py, place);
        }
        self.bury();
        self.shared.descriptors.remove(self.poll.as_raw_fd());
        self.acceptor
            .close(self.poll.registry(), &self.shared.descriptors);
    }
}

/// When the view threads were last looked at, and what the process had used by then.
struct Paced {
    at: Instant,
    processor: Duration,
}

impl Paced {
    fn now(at: Instant) -> Self {
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

/// What the loop does for the bodies of one client.
struct WorkerIntake<'a> {
    shared: &'a Arc<Shared>,
    place: usize,
    id: u64,
}

impl Intake for WorkerIntake<'_> {
    fn spool(&self) -> io::Result<Option<Spool>> {
        self.shared.spooler.begin(self.id)
    }

    fn pipe(&self) -> Arc<BodyPipe> {
        let shared = Arc::clone(self.shared);
        let id = RequestId {
            connection: self.place,
            serial: self.id,
        };
        Arc::new(BodyPipe::new(Box::new(move || shared.post(Note::Body(id)))))
    }
}
