//! The loop of the hot thread: events in, requests run or handed over, answers out.
//!
//! Sockets are registered once, for reading and writing, and report changes only. A client
//! that can still be read or written after its turn is put on the `ready` list, so nothing
//! that was announced is forgotten.
//!
//! The interpreter is held except while waiting. Before it is let go the poller is asked
//! once without waiting: under load there is always something, and a thread that wants the
//! interpreter gets it between two bytecodes of a view.

pub mod acceptor;
pub mod client;
pub mod dispatch;
mod notes;
mod timers;
mod turn;

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bustapi_core::sync::pool::PATIENCE;
use pyo3::prelude::*;
use slab::Slab;
use socket2::Socket;

use self::acceptor::{Accepted, Acceptor, Sockets};
use self::client::Client;
use self::dispatch::{Paced, Run};
use self::timers::Overdue;
use self::turn::Drive;
use crate::io::poller::{Change, Poller};
use crate::io::transport::Transport;
use crate::protocol::http1::Http1;
use crate::request::head::Peer;
use crate::request::ids::ConnectionId;
use crate::run::learning::Learning;
use crate::worker::shared::{Note, Shared};

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_secs(1);

/// How long accepting pauses after an error.
const PAUSE: Duration = Duration::from_millis(10);

/// Idle connections that are closed at once to make room: looking for them costs a look at
/// all of them.
const EVICTED: usize = 16;

/// How long connections are left to other workers while all view threads of this one are
/// busy and none comes back. Nobody has taken them by then, and here at least a view that
/// runs inline answers; any other would wait for as long as those that are busy last.
const LEFT: Duration = Duration::from_millis(500);

/// Bytes read at once.
const READ_SIZE: usize = 64 * 1024;

/// The state of the loop, which only the leader touches.
pub struct EventLoop {
    shared: Arc<Shared>,
    poller: Poller,
    acceptor: Acceptor,
    clients: Slab<Client>,
    learning: Learning,
    /// Clients that have something to do without an event.
    ready: VecDeque<usize>,
    /// How many of these have yet to get their turn before the next wait.
    round: usize,
    /// Clients whose requests are read, then answered, then written together.
    batch: VecDeque<usize>,
    batch_begun: Instant,
    /// The client whose turn is interrupted by a request that the leader runs.
    driven: Option<Drive>,
    /// Clients that had their turn and whose answers are not written yet.
    unsent: Vec<usize>,
    /// Closed in this turn; their places are free in the next one, when no event is left
    /// that was meant for them.
    closed: Vec<usize>,
    notes: Vec<Note>,
    scratch: Box<[MaybeUninit<u8>]>,
    serial: u64,
    tick: Instant,
    paced: Paced,
    /// Requests that were taken over and still run.
    displaced: usize,
    is_accepting: bool,
    /// Whether a request has come back in this turn from a thread that it ran on.
    has_moved: bool,
    /// Until when connections that wait are left to other workers.
    left_until: Option<Instant>,
    is_draining: bool,
    has_warned: bool,
}

/// What the leader has to do.
pub enum Step {
    /// Lend the loop, run a request, and come back with [`EventLoop::finish_inline`];
    /// or, when nobody watches the loan, with [`EventLoop::run_elsewhere`].
    Run(Run),
    /// Nothing: the worker has ended.
    Ended,
}

impl EventLoop {
    pub fn new(shared: Arc<Shared>, poller: Poller, sockets: Sockets) -> io::Result<Self> {
        let most = shared.most_connections;
        let acceptor = Acceptor::new(sockets, &poller, most)?;
        shared.descriptors.add(poller.as_raw_fd());
        for descriptor in acceptor.descriptors() {
            shared.descriptors.add(descriptor);
        }
        let now = Instant::now();
        Ok(Self {
            shared,
            poller,
            acceptor,
            clients: Slab::new(),
            learning: Learning::default(),
            ready: VecDeque::new(),
            round: 0,
            batch: VecDeque::new(),
            batch_begun: now,
            driven: None,
            unsent: Vec::new(),
            closed: Vec::new(),
            notes: Vec::new(),
            scratch: Box::new_uninit_slice(READ_SIZE),
            serial: 0,
            tick: now + TICK,
            paced: Paced::now(now),
            displaced: 0,
            is_accepting: true,
            has_moved: false,
            left_until: None,
            is_draining: false,
            has_warned: false,
        })
    }

    /// Begin to lead, perhaps in place of a thread whose request lasts.
    ///
    /// `is_waiting`: that request waits, rather than computes.
    pub fn take_over(&mut self, py: Python<'_>, is_waiting: bool) {
        if let Some(Drive { place, .. }) = self.driven.take() {
            if let Some(current) = &self.clients[place].current {
                let key = current.key;
                self.leave_behind(key, is_waiting);
            }
            self.unsent.push(place);
        }
        // The thread that led has posted what it had without waking anybody.
        self.take_notes(py);
    }

    /// Look at every client again: what was known of them was lost in a panic.
    pub fn look_again(&mut self) {
        self.driven = None;
        self.batch.clear();
        self.round = 0;
        self.ready.clear();
        for (place, client) in &mut self.clients {
            client.is_readable = true;
            client.is_writable = true;
            client.is_ready = true;
            self.ready.push_back(place);
        }
    }

    /// Turn until a request is to run on this thread, or the worker has ended.
    pub fn turn(&mut self, py: Python<'_>) -> PyResult<Step> {
        loop {
            if let Some(run) = self.drive_batch(py) {
                return Ok(Step::Run(run));
            }
            if self.begin_batch(py) {
                continue;
            }
            self.pace(py);
            self.look_at_time(py);
            self.bury();
            if self.is_draining && self.has_ended() {
                return Ok(Step::Ended);
            }
            let waited = self.wait(py);
            self.take_changes();
            waited?;
            if self.shared.is_stopped() {
                return Ok(Step::Ended);
            }
            self.has_moved = false;
            self.take_notes(py);
            self.accept(py);
            self.round = self.ready.len();
        }
    }

    fn wait(&mut self, py: Python<'_>) -> PyResult<()> {
        let is_due = !self.ready.is_empty() || self.is_to_accept();
        let poller = &mut self.poller;
        poller.clear();
        // While other threads work for us they get the interpreter each turn.
        let others_work = self.shared.counters.in_flight.get() > 0;
        let mut result = Ok(false);
        if is_due || !others_work {
            result = poller.wait(Some(Duration::ZERO));
        }
        if !is_due && matches!(result, Ok(false)) {
            let time = time_to_wait(
                self.clients.is_empty() && self.is_accepting && self.left_until.is_none(),
                self.left_until
                    .map_or(self.tick, |left| left.min(self.tick)),
                &self.shared,
            );
            result = py.detach(|| poller.wait(time));
        } else if others_work {
            py.detach(std::thread::yield_now);
        }
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => py.check_signals(),
            result => Ok(result.map(drop)?),
        }
    }

    fn take_changes(&mut self) {
        for number in 0.. {
            match self.poller.change(number) {
                Some(Change::Listener(number)) => self.acceptor.set_ready(number),
                Some(Change::Connection(place, readiness)) => {
                    if let Some(client) = self.clients.get_mut(place) {
                        client.note(readiness);
                        self.have_turn(place);
                    }
                }
                None => return,
            }
        }
    }

    /// Let a client have its turn, once, when those before it have had theirs.
    fn have_turn(&mut self, place: usize) {
        if let Some(client) = self.clients.get_mut(place)
            && !std::mem::replace(&mut client.is_ready, true)
        {
            self.ready.push_back(place);
        }
    }

    /// Whether connections are to be taken now.
    fn is_to_accept(&self) -> bool {
        self.is_accepting
            && self.acceptor.is_ready()
            && (self.has_moved || self.was_left() || self.room() > 0)
    }

    /// Whether no other worker has taken what was left to it.
    fn was_left(&self) -> bool {
        self.left_until.is_some_and(|until| Instant::now() >= until)
    }

    /// Return how many requests could run at once, if other workers take what this one
    /// leaves.
    ///
    /// The supervisor sees it wait and calls them. A busy worker still takes one connection
    /// for each request that comes back.
    fn room(&self) -> usize {
        if !self.acceptor.has_neighbours() {
            usize::MAX
        } else if self.shared.is_single {
            usize::from(self.shared.counters.in_flight.get() == 0)
        } else {
            self.shared.views.room()
        }
    }

    fn accept(&mut self, py: Python<'_>) {
        if !self.is_accepting || !self.acceptor.is_ready() {
            self.left_until = None;
            return;
        }
        if !self.is_to_accept() {
            // One thread serves nothing inline, so it takes nothing before it is done.
            if !self.shared.is_single {
                self.left_until.get_or_insert_with(|| Instant::now() + LEFT);
            }
            return;
        }
        let mut taken = Vec::new();
        let open = self.clients.len();
        let was_left = self.was_left();
        let most = if was_left || !self.acceptor.has_neighbours() {
            usize::MAX
        } else {
            // The first one may ask for what keeps this worker busy, so no more are taken
            // than others are served in this turn.
            self.room().min(self.ready.len()).max(1)
        };
        let result = self.acceptor.accept(open, most, |socket, address| {
            taken.push((socket, address));
        });
        if was_left || !self.acceptor.is_ready() {
            self.left_until = None;
        }
        for (socket, address) in taken {
            self.open(socket, address);
        }
        match result {
            Ok(Accepted::All | Accepted::More) => {}
            Ok(Accepted::Full) => {
                if self.evict() {
                    return;
                }
                // Tried again when a connection closes or a second has passed.
                self.is_accepting = false;
                if !std::mem::replace(&mut self.has_warned, true) {
                    let text = "No connection is accepted until one closes: the limit of \
                                connections or of open files is reached.";
                    self.shared.site.log_mistake(py, None, text.to_owned());
                }
            }
            Err(error) => {
                // It may pass as quickly as it came.
                self.is_accepting = false;
                self.tick = self.tick.min(Instant::now() + PAUSE);
                self.shared.site.log(py, None, error.into());
            }
        }
    }

    /// Close the connections that have been idle for longest, so that others may come; False
    /// when all are busy.
    fn evict(&mut self) -> bool {
        let mut idle: Vec<_> = self
            .clients
            .iter()
            .filter_map(|(place, client)| Some((client.idle_since()?, place)))
            .collect();
        idle.sort_unstable();
        idle.truncate(EVICTED);
        for &(_, place) in &idle {
            self.close(place);
        }
        !idle.is_empty()
    }

    fn open(&mut self, socket: Socket, address: Option<SocketAddr>) {
        self.serial += 1;
        let entry = self.clients.vacant_entry();
        let place = entry.key();
        let raw = socket.as_raw_fd();
        if self.poller.add_connection(raw, place).is_err() {
            // Without a place in the poller the connection cannot be served.
            return;
        }
        let connection = Http1::new(Arc::new(Peer::new(address)));
        let id = ConnectionId {
            place,
            serial: self.serial,
        };
        entry.insert(Client::new(Transport::new(socket), connection, id));
        self.shared.descriptors.add(raw);
        self.shared.counters.connections_accepted.add();
        self.shared.counters.connections_open.add();
        self.have_turn(place);
    }

    fn look_at_time(&mut self, py: Python<'_>) {
        if !self.is_draining && self.shared.end.asked().is_some() {
            self.begin_drain();
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
                Overdue::Close => self.close(place),
                Overdue::Reset => {
                    self.clients[place].transport.reset_at_end();
                    self.close(place);
                }
                Overdue::TimeOut => {
                    let client = &mut self.clients[place];
                    if client.current.is_some() {
                        // The view that reads the body is told; its answer still goes out.
                        client.connection.break_body();
                    } else {
                        client.connection.time_out(py);
                        self.have_turn(place);
                    }
                }
            }
        }
    }

    fn begin_drain(&mut self) {
        self.is_draining = true;
        self.is_accepting = false;
        self.acceptor.close(&self.poller, &self.shared.descriptors);
        let places: Vec<_> = self.clients.iter().map(|(place, _)| place).collect();
        for place in places {
            let client = &mut self.clients[place];
            if client.is_idle() {
                self.close(place);
            } else {
                client.connection.drain();
                self.have_turn(place);
            }
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
        // What has been answered may still be closing.
        (self.clients.is_empty() && self.shared.counters.in_flight.get() == 0) || is_over
    }

    fn close(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place) else {
            return;
        };
        if client.close() {
            self.poller.remove(client.transport.as_raw_fd());
            self.closed.push(place);
        }
    }

    fn bury(&mut self) {
        for place in self.closed.drain(..) {
            let client = self.clients.remove(place);
            self.shared.descriptors.remove(client.transport.as_raw_fd());
            self.shared.counters.connections_open.subtract();
            self.is_accepting = !self.is_draining;
        }
    }

    /// Close everything: the worker has ended.
    pub fn close_all(&mut self) {
        let places: Vec<_> = self.clients.iter().map(|(place, _)| place).collect();
        for place in places {
            self.close(place);
        }
        self.bury();
        self.shared.descriptors.remove(self.poller.as_raw_fd());
        self.acceptor.close(&self.poller, &self.shared.descriptors);
    }
}

/// Return how long to wait for events; None for as long as it takes.
fn time_to_wait(is_quiet: bool, tick: Instant, shared: &Shared) -> Option<Duration> {
    if is_quiet {
        return None;
    }
    let left = tick.saturating_duration_since(Instant::now());
    Some(if shared.views.is_waiting() {
        left.min(PATIENCE)
    } else {
        left
    })
}
