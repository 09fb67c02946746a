//! What the threads of one worker share.

use std::io::{self, PipeReader, PipeWriter, Write as _};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bustapi_core::access_log::{AccessLine, RefusedLine};
use bustapi_core::sync::delivery::Told;
use bustapi_core::sync::mailbox::Mailbox;
use bustapi_core::sync::pool::Pool;
use bustapi_core::sync::request_state::RequestState;
use pyo3::prelude::*;

use crate::answer::{Answer, Answered};
use crate::io::poller::PollerWake;
use crate::protocol::http1::Refused;
use crate::request::Request;
use crate::request::head::{Peer, RequestHead};
use crate::request::ids::{ConnectionId, RequestId};
use crate::request::spool::{Memory, Spooler};
use crate::run::learning::{EndpointKey, Measured};
use crate::worker::counters::Counters;
use crate::worker::faults::Faults;
use crate::worker::fork::Descriptors;
use crate::worker::log_writer::LogWriter;
use crate::worker::site::Site;

/// How often signals are looked for where a wait cannot be interrupted by them.
pub const SIGNALS: Duration = Duration::from_millis(100);

/// A request that is to run, here or on another thread.
pub struct Job {
    pub id: RequestId,
    /// Whether somebody still waits for it, if it is handed to another thread.
    pub state: Option<Arc<RequestState>>,
    pub request: Box<Request>,
    pub started: Instant,
}

/// What the loop is told by other threads.
pub enum Note {
    /// The answer of a request, whole or with a pipe through which it comes.
    Answer {
        id: RequestId,
        key: EndpointKey,
        answer: Answer,
        /// When nothing is left to do for it.
        done: Option<Done>,
    },
    /// There is something new in the pipe of an answer.
    Bytes(RequestId),
    /// An iterator has yielded and nothing is to be sent yet: whoever runs it looks there for
    /// whether its client has left.
    Empty(RequestId, Arc<RequestState>),
    /// A thread is done with a request.
    Done(Done),
    /// The view of a streamed body has begun to read, or has made room.
    Body(ConnectionId),
    /// Bytes of a body were written to disk.
    Spooled {
        id: ConnectionId,
        result: io::Result<usize>,
    },
}

impl Note {
    /// Return what the loop is told of a request that runs or has run.
    pub fn of(job: &Job, told: Told<Answer, Done>) -> Self {
        let id = job.id;
        match told {
            Told::Answer(answer, done) => Self::Answer {
                id,
                key: job.request.key,
                answer,
                done,
            },
            Told::Bytes => Self::Bytes(id),
            Told::Done(done) => Self::Done(done),
        }
    }

    /// Return the place of the connection that it is about.
    pub const fn place(&self) -> Option<usize> {
        match self {
            Self::Done(_) => None,
            Self::Answer { id, .. } | Self::Bytes(id) | Self::Empty(id, _) => Some(id.connection),
            Self::Body(id) | Self::Spooled { id, .. } => Some(id.place),
        }
    }
}

/// What is to be learnt of a request that another thread has answered.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    pub key: EndpointKey,
    /// None when it never ran, because nobody waited for it any more.
    pub measured: Option<Measured>,
    pub has_streamed: bool,
    /// Whether it began on the leader, and another thread leads since.
    pub was_displaced: bool,
}

/// Where the loop is told of things.
pub type Notes = Mailbox<Note, PollerWake>;

/// How long what may take.
#[derive(Clone, Copy)]
pub struct Timeouts {
    pub head: Duration,
    pub keep_alive: Duration,
    pub body: Duration,
    pub write: Duration,
    /// For which what a client sends behind our end is read.
    pub linger: Duration,
    /// Bytes per second that a large body must come at, averaged over its time-out.
    pub body_rate: u64,
}

pub struct Shared {
    pub site: Site,
    pub is_stopped: AtomicBool,
    pub mailbox: Arc<Notes>,
    pub views: Pool<Job>,
    pub streams: Pool<Job>,
    pub spawn: Py<PyAny>,
    /// All requests run on the one thread that asks for them.
    pub is_single: bool,
    pub counters: Counters,
    pub faults: Faults,
    pub descriptors: Arc<Descriptors>,
    pub log: Option<LogWriter>,
    pub spooler: Spooler,
    pub memory: Memory,
    pub timeouts: Timeouts,
    pub most_connections: usize,
    pub end: End,
}

impl Shared {
    /// Let the loop end at its next turn, whatever is in flight.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.mailbox.wake();
    }

    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Write the access line of a request that is answered.
    pub fn log_access(
        &self,
        py: Python<'_>,
        head: &Py<RequestHead>,
        answered: &Answered,
        started: Instant,
    ) {
        let Some(log) = &self.log else { return };
        let duration = started.elapsed();
        let (head, peer) = (head.get(), head.get().peer());
        let (bytes, parsed) = (head.as_bytes(py), head.parsed());
        let client = peer.text(py);
        let client = client.as_ref().and_then(|client| client.to_str().ok());
        let line = AccessLine {
            time: SystemTime::now() - duration,
            client: client.unwrap_or("-").as_bytes(),
            method: parsed.method.of(bytes),
            target: parsed.target.whole.of(bytes),
            protocol: parsed.version.as_str().as_bytes(),
            status: answered.status,
            body_bytes: answered.size,
            duration,
        };
        log.push(|lines| line.write(lines));
    }

    /// Write the access line of a request that no application has seen.
    pub fn log_refused(&self, py: Python<'_>, peer: &Peer, refused: &Refused) {
        let Some(log) = &self.log else { return };
        let client = peer.text(py);
        let client = client.as_ref().and_then(|client| client.to_str().ok());
        let line = RefusedLine {
            time: SystemTime::now(),
            client: client.unwrap_or("-").as_bytes(),
            line: &refused.line,
            status: refused.status,
            reason: refused.reason,
        };
        log.push(|lines| line.write(lines));
    }
}

/// How and whether the worker ends.
pub struct End {
    /// When what is in flight is cut; None while nobody has asked for the end.
    grace: Mutex<Option<Instant>>,
    /// Readable once the worker has ended; nobody ever reads it. Closing the other side
    /// would not do: a forked child may hold it.
    reader: PipeReader,
    writer: PipeWriter,
}

impl End {
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Ok(Self {
            grace: Mutex::new(None),
            reader,
            writer,
        })
    }

    pub fn ask(&self, grace: Duration) {
        let now = Instant::now();
        let until = now
            .checked_add(grace)
            .unwrap_or(now + Duration::from_secs(86_400));
        let mut current = self.grace.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Some(current.map_or(until, |earlier| earlier.min(until)));
    }

    pub fn asked(&self) -> Option<Instant> {
        *self.grace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn announce(&self) {
        (&self.writer)
            .write_all(b".")
            .expect("an empty pipe takes a byte");
    }

    /// Wait for the end; returns early when a signal comes.
    pub fn wait(&self, time: Duration) -> bool {
        let mut descriptor = libc::pollfd {
            fd: self.reader.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let time = libc::c_int::try_from(time.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: one valid structure is passed, and its descriptor is open while `self` is.
        unsafe { libc::poll(&raw mut descriptor, 1, time) > 0 }
    }
}
