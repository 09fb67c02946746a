//! One connection with its socket: what the loop knows of it besides the protocol.
//!
//! | phase | meaning | in its turn | left by |
//! |---|---|---|---|
//! | OPEN | requests come, answers go | read, answered, written | `linger` → LINGERING |
//! | LINGERING | all is said; what still comes is thrown away | read | the end of input → CLOSED |
//! | GONE | the peer has reset the connection or ended both sides | closed | → CLOSED |
//! | CLOSED | nothing may be done with the socket any more | none | its place is freed |
//!
//! From OPEN and LINGERING the poller's word or a failed read leads to GONE, and `close`
//! leads from everywhere to CLOSED. A place is freed between two turns, so that whatever was
//! told of the old connection is never taken to be about the next one.
//!
//! What comes has a state of its own, since a client may have ended its side while its
//! answer is made: COMING, then ANNOUNCED when the poller tells of the end and what comes
//! before it is still to be read, then ENDED. `is_readable` and `is_writable` are hints: they
//! are false only when the socket has said so and the poller tells when that changes.
//! `is_ready` is the place in the queue of those that have something to do; a client that is
//! readable or has something to write that the socket may take always has one, or waits for
//! what the poller, another thread or a deadline brings.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Instant;

use bustapi_core::http1::response::ResponseContext;
use bustapi_core::sync::body_pipe::BodyPipe;
use bustapi_core::sync::request_state::RequestState;
use bustapi_core::sync::stream_pipe::StreamReader;
use pyo3::prelude::*;

use super::timers::{Deadline, Kind, Overdue};
use crate::io::output::Flush;
use crate::io::poller::Readiness;
use crate::io::transport::Transport;
use crate::protocol::encoder::Encoder;
use crate::protocol::http1::{Http1, Stage};
use crate::request::ids::ConnectionId;
use crate::run::learning::EndpointKey;
use crate::worker::shared::Timeouts;

pub struct Client {
    pub transport: Transport,
    pub connection: Http1,
    pub id: ConnectionId,
    pub current: Option<Current>,
    /// Whether it has a place in the queue of those that have something to do.
    pub is_ready: bool,
    /// Whether reading may bring something, as far as is known.
    pub is_readable: bool,
    /// Whether writing may succeed, as far as is known.
    pub is_writable: bool,
    phase: Phase,
    input: Input,
    /// Bytes that came behind our end.
    thrown_away: u64,
    deadline: Option<Deadline>,
}

/// Bytes that are read and thrown away behind our end, as many as a quick client sends in a
/// few seconds: it may read its answer only when it has sent all. What would take longer is
/// cut off, since reading it costs the others.
const THROWN_AWAY: u64 = 256 * 1024 * 1024;

/// How far the connection has come; see the table above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Open,
    Lingering,
    Gone,
    Closed,
}

/// What is known of the end of what the peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Coming,
    Announced,
    Ended,
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
    /// Whether an iterator makes its answer, which says that it goes on.
    pub iterates: bool,
    /// Its answer, once that has begun to come through a pipe.
    pub stream: Option<Stream>,
}

/// An answer that comes through a pipe.
pub struct Stream {
    pub pipe: StreamReader,
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

/// What came of writing.
pub enum Flushed {
    /// Everything is out, or the socket takes no more now.
    AsFarAsCan,
    /// There is more to write when others have had their turn.
    More,
    Gone,
    /// The body of an answer cannot go on, and the connection must end.
    Cut(std::io::Error),
}

/// What reading brought.
pub enum Read {
    Some,
    Nothing,
    Gone,
}

impl Client {
    pub const fn new(transport: Transport, connection: Http1, id: ConnectionId) -> Self {
        Self {
            transport,
            connection,
            id,
            current: None,
            is_ready: false,
            is_readable: true,
            is_writable: true,
            phase: Phase::Open,
            input: Input::Coming,
            thrown_away: 0,
            deadline: None,
        }
    }

    /// Note what the poller has told.
    pub fn note(&mut self, readiness: Readiness) {
        self.is_readable |= readiness.is_readable;
        self.is_writable |= readiness.is_writable;
        if readiness.has_hung_up && self.input == Input::Coming {
            self.input = Input::Announced;
        }
        if readiness.is_dead {
            self.lose();
        }
    }

    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the socket may still be used.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether all that the peer sends was read.
    pub fn has_ended(&self) -> bool {
        self.input == Input::Ended
    }

    /// Whether so much came behind our end that no more is read.
    pub const fn has_sent_too_much(&self) -> bool {
        self.thrown_away > THROWN_AWAY
    }

    /// Note that the peer is gone; its turn closes the connection.
    pub fn lose(&mut self) {
        if self.phase != Phase::Closed {
            self.phase = Phase::Gone;
        }
    }

    /// Give up what is under way and end the connection; False when that was done before.
    pub fn close(&mut self) -> bool {
        if std::mem::replace(&mut self.phase, Phase::Closed) == Phase::Closed {
            return false;
        }
        self.abandon();
        self.connection.output.clear();
        self.transport.end();
        true
    }

    /// Whether the current request is the one of that number.
    pub fn works_on(&self, number: u64) -> bool {
        matches!(&self.current, Some(Current { serial, .. }) if *serial == number)
    }

    /// Whether nothing is under way in either direction.
    pub fn is_idle(&self) -> bool {
        self.current.is_none() && self.connection.is_idle() && self.connection.output.is_empty()
    }

    /// Read once, as much as the connection takes. After a short read the socket is empty and
    /// is not asked again: whatever comes later is announced anew.
    pub fn read(&mut self, scratch: &mut [MaybeUninit<u8>]) -> Read {
        let room = match self.phase {
            // It is thrown away.
            Phase::Lingering => scratch.len(),
            _ => self.connection.room().min(scratch.len()),
        };
        if room == 0 {
            return Read::Nothing;
        }
        match self.transport.read(&mut scratch[..room]) {
            Ok([]) => {
                self.is_readable = false;
                self.input = Input::Ended;
                self.connection.end_input();
                Read::Some
            }
            Ok(bytes) => {
                self.is_readable = bytes.len() == room || self.input == Input::Announced;
                if self.phase == Phase::Lingering {
                    self.thrown_away += bytes.len() as u64;
                } else {
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

    /// Write what can be written in one turn.
    pub fn flush(&mut self, py: Python<'_>) -> Flushed {
        if !self.is_writable || self.connection.output.is_empty() {
            return Flushed::AsFarAsCan;
        }
        match self.connection.output.flush(py, &self.transport) {
            Flush::Done => self.forget_waiting_for_peer(),
            Flush::More => {
                self.forget_waiting_for_peer();
                return Flushed::More;
            }
            Flush::Blocked { progress } => {
                self.is_writable = false;
                if progress {
                    self.forget_waiting_for_peer();
                }
            }
            Flush::Failed => return Flushed::Gone,
            Flush::Cut(error) => {
                // A peer that reads to the end must not take this for it.
                self.transport.reset_at_end();
                return Flushed::Cut(error);
            }
        }
        Flushed::AsFarAsCan
    }

    fn forget_waiting_for_peer(&mut self) {
        self.forget(Kind::Write);
        self.forget(Kind::Gone);
    }

    fn forget(&mut self, kind: Kind) {
        if self
            .deadline
            .is_some_and(|deadline| deadline.kind() == kind)
        {
            self.deadline = None;
        }
    }

    /// Note that an iterator makes the answer to the current request, and nothing of it yet.
    pub fn begin_iterating(&mut self, state: Arc<RequestState>) {
        if let Some(current) = &mut self.current {
            current.state = Some(state);
            current.iterates = true;
        }
    }

    /// Note that the answer to the current request comes through a pipe.
    ///
    /// Where the end of the connection is to say that the body is whole, it is a reset until
    /// all of it is written, whatever ends it: a failure, a time-out, the end of the process.
    pub fn begin_stream(&mut self, stream: Stream) {
        if stream.encoder.ends_with_connection() {
            self.transport.reset_at_end();
        }
        if let Some(current) = &mut self.current {
            current.iterates = true;
            current.stream = Some(stream);
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
        // A stream learns it from its pipe, which is dropped here.
        if let Some(Current { state, .. }) = self.current.take()
            && let Some(state) = state
        {
            state.abandon();
        }
    }

    /// Begin the end: everything is written, the peer may still be writing.
    ///
    /// Closing at once would reset the connection when unread bytes are there, and the peer
    /// might lose the answer. Returns False when nothing needs to be waited for.
    pub fn linger(&mut self, now: Instant, timeouts: &Timeouts) -> bool {
        self.transport.end_properly();
        self.transport.end_output();
        if self.has_ended() {
            return false;
        }
        self.phase = Phase::Lingering;
        self.deadline = Some(Deadline::new(Kind::Linger, now, timeouts, 0));
        true
    }

    /// Set the deadline of what is waited for now, and keep one that runs already.
    pub fn set_deadline(&mut self, now: Instant, timeouts: &Timeouts) {
        let Some(kind) = self.waits_for() else {
            self.deadline = None;
            return;
        };
        let progress = match kind {
            Kind::Body => self.connection.received(),
            Kind::Linger => self.thrown_away,
            _ => 0,
        };
        match &mut self.deadline {
            Some(deadline) if deadline.kind() == kind => {
                if matches!(kind, Kind::Body | Kind::Linger) {
                    deadline.advance(now, timeouts, progress);
                }
            }
            _ => {
                let progress = match kind {
                    Kind::Write => self.transport.unacknowledged().unwrap_or(0) as u64,
                    _ => progress,
                };
                self.deadline = Some(Deadline::new(kind, now, timeouts, progress));
            }
        }
    }

    fn waits_for(&self) -> Option<Kind> {
        if self.phase == Phase::Lingering {
            return Some(Kind::Linger);
        }
        if !self.connection.output.is_empty() {
            return Some(Kind::Write);
        }
        if self.connection.awaits_body() {
            return Some(Kind::Body);
        }
        match self.connection.stage() {
            Stage::Head if self.connection.is_idle() => Some(Kind::Idle),
            Stage::Head => Some(Kind::Head),
            Stage::Answer if self.has_ended() && self.iterates() => Some(Kind::Gone),
            _ => None,
        }
    }

    /// Whether an answer is coming through a pipe.
    pub fn streams(&self) -> bool {
        matches!(
            self.current,
            Some(Current {
                stream: Some(_),
                ..
            })
        )
    }

    fn iterates(&self) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|current| current.iterates)
    }

    /// Since when nothing has been under way, if nothing is.
    pub fn idle_since(&self) -> Option<Instant> {
        let deadline = self
            .deadline
            .filter(|deadline| deadline.kind() == Kind::Idle)?;
        // Whoever waits for its turn may have sent something.
        let is_idle = self.is_idle() && !self.is_closed() && !self.is_ready;
        is_idle.then_some(deadline.begun())
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
        deadline.overdue(now, timeouts, || self.transport.unacknowledged())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::Shutdown;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use socket2::Socket;

    use super::*;
    use crate::request::head::Peer;

    const TIMEOUTS: Timeouts = Timeouts {
        head: Duration::from_secs(60),
        keep_alive: Duration::from_secs(75),
        body: Duration::from_secs(60),
        write: Duration::from_secs(60),
        linger: Duration::from_secs(30),
        body_rate: 500,
    };
    const NOTHING: Readiness = Readiness {
        is_readable: false,
        is_writable: false,
        has_hung_up: false,
        is_dead: false,
    };

    fn connected() -> std::io::Result<(Client, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let transport = Transport::new(Socket::from(OwnedFd::from(ours)));
        let connection = Http1::new(Arc::new(Peer::new(None)));
        let id = ConnectionId {
            place: 0,
            serial: 1,
        };
        Ok((Client::new(transport, connection, id), theirs))
    }

    fn read(client: &mut Client) -> bool {
        let mut scratch = Box::new_uninit_slice(64);
        matches!(client.read(&mut scratch), Read::Some)
    }

    #[test]
    fn a_closed_client_is_neither_lost_nor_closed_again() -> std::io::Result<()> {
        let (mut client, _theirs) = connected()?;

        assert!(client.close());
        client.note(Readiness {
            is_dead: true,
            ..NOTHING
        });

        assert_eq!(client.phase(), Phase::Closed);
        assert!(!client.close());
        Ok(())
    }

    #[test]
    fn a_lost_client_is_still_to_be_closed() -> std::io::Result<()> {
        let (mut client, _theirs) = connected()?;
        client.linger(Instant::now(), &TIMEOUTS);

        client.lose();

        assert_eq!(client.phase(), Phase::Gone);
        assert!(client.close());
        Ok(())
    }

    #[test]
    fn what_comes_before_an_announced_end_is_read() -> std::io::Result<()> {
        let (mut client, mut theirs) = connected()?;
        theirs.write_all(b"GET")?;
        theirs.shutdown(Shutdown::Write)?;
        client.note(Readiness {
            is_readable: true,
            has_hung_up: true,
            ..NOTHING
        });

        // A short read empties the socket, but the poller has no more to tell.
        assert!(read(&mut client));
        assert!(client.is_readable && !client.has_ended());
        assert!(read(&mut client));
        assert!(!client.is_readable && client.has_ended());
        assert_eq!(client.phase(), Phase::Open);
        Ok(())
    }

    #[test]
    fn what_comes_behind_our_end_is_thrown_away() -> std::io::Result<()> {
        let (mut client, mut theirs) = connected()?;
        assert!(client.linger(Instant::now(), &TIMEOUTS));
        theirs.write_all(b"GET / HTTP/1.1\r\n")?;

        assert!(read(&mut client));

        assert!(client.connection.is_idle());
        assert_eq!(client.thrown_away, 16);
        assert!(!client.has_sent_too_much());
        client.thrown_away = THROWN_AWAY + 1;
        assert!(client.has_sent_too_much());
        Ok(())
    }

    #[test]
    fn nobody_lingers_for_a_client_that_has_ended() -> std::io::Result<()> {
        let (mut client, theirs) = connected()?;
        theirs.shutdown(Shutdown::Write)?;
        assert!(read(&mut client));

        assert!(!client.linger(Instant::now(), &TIMEOUTS));
        assert_eq!(client.phase(), Phase::Open);
        Ok(())
    }
}
