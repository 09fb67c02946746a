//! One connection with its socket: what the loop knows of it besides the protocol.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bustapi_core::http1::response::ResponseContext;
use bustapi_core::sync::request_state::RequestState;
use bustapi_core::sync::stream_pipe::StreamPipe;
use pyo3::prelude::*;
use socket2::Socket;

use crate::io::output::Flush;
use crate::protocol::encoder::Encoder;
use crate::protocol::http1::{Connection, Stage};
use crate::request::body_pipe::BodyPipe;
use crate::run::learning::EndpointKey;
use crate::worker::shared::Timeouts;

/// How long a peer may take to see our end before the connection is closed for good.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes per second that a body must come at, averaged over its time-out.
const LEAST_RATE: u64 = 500;

pub struct Client {
    pub socket: Socket,
    pub connection: Connection,
    /// A number that no other connection of the worker had.
    pub id: u64,
    pub current: Option<Current>,
    /// Whether reading may bring something, as far as is known.
    pub is_readable: bool,
    /// Whether writing may succeed, as far as is known.
    pub is_writable: bool,
    /// Whether the end of what the peer sends was announced, and whether it was read.
    pub has_hung_up: bool,
    pub has_ended: bool,
    /// Whether the peer is known to be gone.
    pub is_dead: bool,
    pub is_closed: bool,
    is_lingering: bool,
    deadline: Option<Deadline>,
}

/// The request that is being answered.
pub struct Current {
    /// Its number, which no other one of the worker has.
    pub serial: u64,
    /// What other threads see of it, if one of them has it.
    pub state: Option<Arc<RequestState>>,
    pub key: EndpointKey,
    /// What it says about the shape of its answer.
    pub terms: ResponseContext,
    /// Where its body goes, if it was not collected before.
    pub body: Option<Arc<BodyPipe>>,
    /// Its answer, once that has begun to come through a pipe.
    pub stream: Option<Stream>,
}

/// An answer that comes through a pipe.
pub struct Stream {
    pub pipe: Arc<StreamPipe>,
    pub encoder: Encoder,
}

impl Current {
    /// Return the shape of an answer that begins now: behind a body of which a part is
    /// still to come the connection ends, and the client is told so.
    pub fn terms(&self) -> ResponseContext {
        let mut terms = self.terms;
        if let Some(body) = &self.body {
            terms.keep_alive &= body.is_whole();
        }
        terms
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// For the first byte of a request.
    Idle,
    /// For its whole head.
    Head,
    /// For the next bytes of a body.
    Body,
    /// For the client to take what is written.
    Write,
    Linger,
}

#[derive(Clone, Copy)]
struct Deadline {
    kind: Kind,
    at: Instant,
    /// Bytes of the body when its window began, and that beginning.
    window: (u64, Instant),
    received: u64,
}

/// What a deadline that has passed demands.
#[derive(Debug, PartialEq, Eq)]
pub enum Overdue {
    Nothing,
    /// End without a word: nothing of a request came, or the peer does not listen.
    Close,
    /// Answer 408.
    TimeOut,
    /// End at once, with a reset.
    Reset,
}

/// What reading brought.
pub enum Read {
    Some,
    Nothing,
    Gone,
}

impl Client {
    pub const fn new(socket: Socket, connection: Connection, id: u64) -> Self {
        Self {
            socket,
            connection,
            id,
            current: None,
            is_readable: true,
            is_writable: true,
            has_hung_up: false,
            has_ended: false,
            is_dead: false,
            is_closed: false,
            is_lingering: false,
            deadline: None,
        }
    }

    /// Whether the current request is the one of that number.
    pub fn works_on(&self, number: u64) -> bool {
        matches!(&self.current, Some(Current { serial, .. }) if *serial == number)
    }

    /// Whether nothing is under way in either direction.
    pub fn is_idle(&self) -> bool {
        self.current.is_none() && self.connection.is_idle() && self.connection.output.is_empty()
    }

    /// Read once. After a short read the socket is empty and is not asked again: whatever
    /// comes later is announced anew.
    pub fn read(&mut self, scratch: &mut [MaybeUninit<u8>]) -> Read {
        match self.socket.recv(scratch) {
            Ok(0) => {
                self.is_readable = false;
                self.has_ended = true;
                self.connection.end_input();
                Read::Some
            }
            Ok(count) => {
                self.is_readable = count == scratch.len() || self.has_hung_up;
                if !self.is_lingering {
                    // SAFETY: the kernel has filled so many bytes of the buffer.
                    let bytes =
                        unsafe { std::slice::from_raw_parts(scratch.as_ptr().cast::<u8>(), count) };
                    self.connection.feed(bytes);
                }
                Read::Some
            }
            Err(error) => match error.kind() {
                std::io::ErrorKind::WouldBlock => {
                    self.is_readable = false;
                    Read::Nothing
                }
                std::io::ErrorKind::Interrupted => Read::Nothing,
                _ => Read::Gone,
            },
        }
    }

    /// Write what can be written; False when the peer is gone.
    pub fn flush(&mut self, py: Python<'_>) -> bool {
        if !self.is_writable || self.connection.output.is_empty() {
            return true;
        }
        match self.connection.output.flush(py, &self.socket) {
            Flush::Done => self.forget(Kind::Write),
            Flush::Blocked { progress } => {
                self.is_writable = false;
                if progress {
                    self.forget(Kind::Write);
                }
            }
            Flush::Failed => return false,
        }
        true
    }

    fn forget(&mut self, kind: Kind) {
        if self.deadline.is_some_and(|deadline| deadline.kind == kind) {
            self.deadline = None;
        }
    }

    /// Note that the current request is answered.
    pub fn end_answer(&mut self, keep_alive: bool) {
        self.current = None;
        self.connection.answered(keep_alive);
        self.restart_deadlines();
    }

    /// Let the current request know that nobody waits for it any more.
    pub fn abandon(&mut self) {
        self.connection.break_body();
        let Some(Current { state, stream, .. }) = self.current.take() else {
            return;
        };
        if let Some(state) = state {
            state.abandon();
        }
        if let Some(stream) = stream {
            stream.pipe.abandon();
        }
    }

    /// Begin the end: everything is written, the peer may still be writing.
    ///
    /// Closing at once would reset the connection when unread bytes are there, and the peer
    /// might lose the answer. Returns False when nothing needs to be waited for.
    pub fn linger(&mut self) -> bool {
        // It fails when the peer has reset the connection, which is an end as well.
        drop(self.socket.shutdown(std::net::Shutdown::Write));
        if self.has_ended {
            return false;
        }
        self.is_lingering = true;
        self.deadline = Some(Deadline::new(Kind::Linger, Instant::now() + LINGER, 0));
        true
    }

    pub const fn is_lingering(&self) -> bool {
        self.is_lingering
    }

    /// Set the deadline of what is waited for now, and keep one that runs already.
    pub fn set_deadline(&mut self, now: Instant, timeouts: &Timeouts) {
        if self.is_lingering {
            return;
        }
        let received = self.connection.received();
        let kind = if !self.connection.output.is_empty() {
            Some((Kind::Write, timeouts.write))
        } else if self.connection.awaits_body() {
            Some((Kind::Body, timeouts.body))
        } else {
            match self.connection.stage() {
                Stage::Head if self.connection.is_idle() => Some((Kind::Idle, timeouts.keep_alive)),
                Stage::Head => Some((Kind::Head, timeouts.head)),
                _ => None,
            }
        };
        let Some((kind, time)) = kind else {
            self.deadline = None;
            return;
        };
        match &mut self.deadline {
            Some(deadline) if deadline.kind == kind => {
                if kind == Kind::Body && deadline.received != received {
                    deadline.received = received;
                    deadline.at = now + time;
                }
            }
            _ => self.deadline = Some(Deadline::new(kind, now + time, received)),
        }
    }

    /// Let the deadlines of the next request start afresh: one was answered meanwhile.
    fn restart_deadlines(&mut self) {
        self.forget(Kind::Idle);
        self.forget(Kind::Head);
        self.forget(Kind::Body);
    }

    pub fn overdue(&mut self, now: Instant, timeouts: &Timeouts) -> Overdue {
        let Some(deadline) = &mut self.deadline else {
            return Overdue::Nothing;
        };
        if deadline.kind == Kind::Body && now >= deadline.window.1 + timeouts.body {
            let least = LEAST_RATE * timeouts.body.as_secs();
            if deadline.received.saturating_sub(deadline.window.0) < least {
                return Overdue::TimeOut;
            }
            deadline.window = (deadline.received, now);
        }
        if now < deadline.at {
            return Overdue::Nothing;
        }
        match deadline.kind {
            Kind::Idle | Kind::Linger => Overdue::Close,
            Kind::Head | Kind::Body => Overdue::TimeOut,
            Kind::Write => Overdue::Reset,
        }
    }

    /// Have the kernel drop what is unsent, so that a peer that reads nothing holds nothing.
    pub fn reset(&self) {
        // Best effort: the connection is closed in any case.
        drop(self.socket.set_linger(Some(Duration::ZERO)));
    }
}

impl Deadline {
    fn new(kind: Kind, at: Instant, received: u64) -> Self {
        Self {
            kind,
            at,
            window: (received, Instant::now()),
            received,
        }
    }
}
