//! HTTP/1.1 between the machine that reads requests and what the worker makes of them.
//!
//! | stage | waits for | left by |
//! |---|---|---|
//! | Head | the head of the next request | a whole head: Body or Answer; an error: Last |
//! | Body | the body, on its way into memory or the spool | its end: Answer; an error: Last |
//! | Answer | its answer, and the body of a streamed request | `answered`: Head or Last |
//! | Last | nothing; what is in the output is the last | – |

use std::sync::Arc;

use bustapi_core::access_log::request_line;
use bustapi_core::error::HttpError;
use bustapi_core::http1::connection::{self, Connection, Event};
use bustapi_core::http1::head::{Framing, Head};
use bustapi_core::http1::response::{CONTINUE, ResponseContext};
use bustapi_core::limits::Limits;
use bustapi_core::sync::body_pipe::End;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::io::output::Output;
use crate::protocol::encoder::Encoder;
use crate::request::Request;
use crate::request::head::{Peer, RequestHead};
use crate::request::intake::{IN_MEMORY, Incoming, Intake, Refusal, Sink, Unread};
use crate::request::lookup::{Found, look_up};
use crate::request::names::method;
use crate::worker::site::Site;

/// What a connection needs next.
pub enum Turn {
    /// More input, or that something else happens first.
    Read,
    Request(Box<Request>),
    /// The connection ends when its output is out.
    Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Head,
    Body,
    Answer,
    Last,
}

pub struct Http1 {
    machine: Connection,
    /// The body of the current request, while it comes.
    incoming: Option<Box<Incoming>>,
    peer: Arc<Peer>,
    pub output: Output,
    /// An answer that the application had no part in, for the log.
    pub refused: Option<Refused>,
}

/// What was answered without the application, and why.
pub struct Refused {
    pub status: u16,
    pub reason: &'static str,
    /// What came of its request line.
    pub line: Box<[u8]>,
}

/// The reason of 507.
const NOT_STORED: &str = "the body could not be stored";

impl Http1 {
    pub fn new(peer: Arc<Peer>) -> Self {
        Self {
            machine: Connection::new(Limits::default()),
            incoming: None,
            peer,
            output: Output::default(),
            refused: None,
        }
    }

    pub fn stage(&self) -> Stage {
        match self.machine.stage() {
            connection::Stage::Head => Stage::Head,
            connection::Stage::Last => Stage::Last,
            connection::Stage::Request if self.is_collecting() => Stage::Body,
            connection::Stage::Request => Stage::Answer,
        }
    }

    /// Whether the body of a request is on its way that is not answered before it is whole.
    fn is_collecting(&self) -> bool {
        let has_request = |incoming: &Incoming| incoming.request.is_some();
        self.incoming.as_deref().is_some_and(has_request)
    }

    pub const fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Whether nothing of a next request has come, empty lines left aside.
    pub fn is_idle(&self) -> bool {
        self.machine.is_idle()
    }

    /// Bytes of the current body that came, for its minimum rate.
    pub const fn received(&self) -> u64 {
        self.machine.received()
    }

    /// Whether the peer is waited for to send a body.
    pub fn awaits_body(&self) -> bool {
        self.machine.is_body_coming() && !self.machine.expects_continue() && self.takes_data()
    }

    /// Return how many bytes of input would be taken now.
    pub fn room(&self) -> usize {
        self.machine.room(self.takes_data())
    }

    fn takes_data(&self) -> bool {
        self.incoming.as_deref().is_none_or(Incoming::has_room)
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        self.machine.feed(bytes);
    }

    /// Note that the peer sends no more; what it has sent whole is answered.
    pub const fn end_input(&mut self) {
        self.machine.end_input();
    }

    /// End the connection behind the request that is being received or answered.
    pub const fn drain(&mut self) {
        self.machine.drain();
    }

    /// Answer a peer that was too slow.
    pub fn time_out(&mut self, py: Python<'_>) {
        self.refuse(py, HttpError::Timeout);
    }

    /// Answer a request, or what came of one, that breaks a rule.
    fn refuse(&mut self, py: Python<'_>, error: HttpError) {
        self.fail(py, error.status(), error.reason());
    }

    /// Answer without the application; nothing behind it is a request.
    ///
    /// Returns the head of the request if its body was being collected.
    fn fail(
        &mut self,
        py: Python<'_>,
        status: u16,
        reason: &'static str,
    ) -> Option<Py<RequestHead>> {
        let incoming = self.incoming.take();
        let head = incoming.and_then(|incoming| incoming.request.map(|request| request.head));
        let line = match &head {
            Some(head) => request_line(head.get().as_bytes(py)),
            None => request_line(self.machine.rest()),
        };
        self.refused = Some(Refused {
            status,
            reason,
            line: line.into(),
        });
        Encoder::refuse(status, false, &mut self.output);
        self.machine.close();
        head
    }

    /// Answer 500 for a mistake of ours; nothing behind it is a request.
    pub fn give_up(&mut self) {
        self.incoming = None;
        self.machine.close();
        Encoder::refuse(500, false, &mut self.output);
    }

    /// Note that the current request is answered.
    pub fn answered(&mut self, keep_alive: bool) {
        self.break_body();
        self.incoming = None;
        self.machine.answered(keep_alive);
    }

    /// Let a streamed body end early, because the peer is gone.
    pub fn break_body(&mut self) {
        if let Some(Incoming {
            sink: Sink::Pipe { pipe, .. },
            ..
        }) = self.incoming.as_deref()
        {
            pipe.finish(End::Broken);
        }
    }

    /// Note that bytes of the body are on disk.
    pub fn note_spooled(&mut self, count: usize) {
        if let Some(Incoming {
            sink: Sink::Spool { spool, .. },
            ..
        }) = self.incoming.as_deref_mut()
        {
            spool.note_written(count);
        }
    }

    /// Give up a body that cannot be spooled; returns the head of its request.
    pub fn fail_spool(&mut self, py: Python<'_>) -> Option<Py<RequestHead>> {
        self.incoming.as_ref()?;
        self.fail(py, 507, NOT_STORED)
    }

    /// Note what the view of a streamed body has said: that it reads, or that there is room.
    ///
    /// `may_continue`: its answer has not begun. Behind the head of the answer
    /// `100 Continue` would be a part of the body.
    pub fn note_pipe(&mut self, may_continue: bool) {
        let Some(incoming) = self.incoming.as_deref_mut() else {
            return;
        };
        let Sink::Pipe { pipe, is_full } = &mut incoming.sink else {
            return;
        };
        *is_full = !pipe.has_room();
        if self.machine.expects_continue() && pipe.is_wanted() {
            self.machine.forget_continue();
            if self.machine.received() == 0 && may_continue {
                self.output.buffer().extend_from_slice(CONTINUE);
            }
        }
    }

    /// Go on with what is there.
    pub fn advance(
        &mut self,
        py: Python<'_>,
        site: &Site,
        intake: Option<&dyn Intake>,
    ) -> PyResult<Turn> {
        loop {
            if self.incoming.is_some() {
                if let Some(request) = self.take_body(py, intake)? {
                    return Ok(Turn::Request(Box::new(request)));
                }
                if self.machine.stage() == connection::Stage::Request {
                    return Ok(Turn::Read);
                }
            }
            match self.machine.next(true) {
                Event::Closed => return Ok(Turn::Last),
                Event::Error(error) => self.refuse(py, error),
                Event::Head { head, bytes } => {
                    let bytes = PyBytes::new(py, bytes).unbind();
                    if let Some(request) = self.take_head(py, site, intake, head, bytes)? {
                        return Ok(Turn::Request(Box::new(request)));
                    }
                }
                Event::NeedsInput | Event::Data(_) | Event::End(_) | Event::Cut => {
                    return Ok(Turn::Read);
                }
            }
        }
    }

    fn take_head(
        &mut self,
        py: Python<'_>,
        site: &Site,
        intake: Option<&dyn Intake>,
        parsed: Head,
        object: Py<PyBytes>,
    ) -> PyResult<Option<Request>> {
        let bytes = object.bind(py).as_bytes();
        let mut terms = ResponseContext::of(&parsed, bytes);
        terms.keep_alive &= !self.machine.is_draining();
        let framing = parsed.framing;
        let mut head = RequestHead::new(
            py,
            object.clone_ref(py),
            method(py, parsed.method.of(bytes)).unbind(),
            parsed,
            Arc::clone(&self.peer),
            site.environ(py),
        );
        let Found {
            key,
            is_miss,
            wishes,
        } = look_up(py, site, &mut head, bytes)?;
        let head = Py::new(py, head)?;
        if framing == Framing::None {
            return Ok(Some(Request {
                head,
                body: None,
                terms,
                key,
                is_threaded: wishes.is_threaded,
                pipe: None,
            }));
        }
        let mut incoming = Box::new(Incoming {
            request: Some(Unread {
                head,
                terms,
                key,
                is_threaded: wishes.is_threaded,
                is_miss,
            }),
            sink: Sink::Memory {
                bytes: Vec::new(),
                held: None,
            },
            received: 0,
            limit: None,
            is_whole: false,
        });
        // Without a worker there is no thread that a view could read on.
        if wishes.streams
            && let Some(intake) = intake
        {
            incoming.pipe_to_view(intake);
            return self.begin_streamed(py, incoming).map(Some);
        }
        match (framing, intake) {
            (Framing::Length(length), Some(intake)) if length > IN_MEMORY => {
                if site.body_limit(py)?.is_some_and(|limit| length > limit) {
                    // Perhaps the request takes more than others do: only its view knows.
                    incoming.pipe_to_view(intake);
                    return self.begin_streamed(py, incoming).map(Some);
                }
                if let Err(error) = incoming.leave_memory(intake) {
                    self.incoming = Some(incoming);
                    let head = self.fail(py, 507, NOT_STORED);
                    site.log(py, head.as_ref(), error.into());
                    return Ok(None);
                }
                if matches!(incoming.sink, Sink::Pipe { .. }) {
                    return self.begin_streamed(py, incoming).map(Some);
                }
            }
            (Framing::Chunked, Some(_)) => incoming.limit = site.body_limit(py)?,
            _ => {}
        }
        if self.machine.expects_continue() {
            self.machine.forget_continue();
            self.output.buffer().extend_from_slice(CONTINUE);
        }
        self.incoming = Some(incoming);
        Ok(None)
    }

    /// Let the view of a request read its body from here on.
    fn begin_streamed(&mut self, py: Python<'_>, mut incoming: Box<Incoming>) -> PyResult<Request> {
        let request = incoming.dispatch_streamed(py, None)?;
        self.incoming = Some(incoming);
        self.take_streamed();
        Ok(request)
    }

    /// Take what came of a body; returns the request once it is collected, or must be
    /// streamed from here on.
    fn take_body(
        &mut self,
        py: Python<'_>,
        intake: Option<&dyn Intake>,
    ) -> PyResult<Option<Request>> {
        if !self.is_collecting() {
            self.take_streamed();
            return Ok(None);
        }
        let Some(incoming) = self.incoming.as_deref_mut() else {
            return Ok(None);
        };
        match incoming.take(&mut self.machine, intake) {
            Ok(()) => {}
            Err(Refusal::Peer(error)) => {
                self.refuse(py, error);
                return Ok(None);
            }
            Err(Refusal::Disk) => {
                self.fail(py, 507, NOT_STORED);
                return Ok(None);
            }
            // A body cut short is no request.
            Err(Refusal::Cut) => {
                self.incoming = None;
                self.machine.close();
                return Ok(None);
            }
        }
        let request = incoming.finish_collected(py, intake)?;
        if request.is_some() {
            if incoming.is_whole {
                self.incoming = None;
            }
            self.take_streamed();
        }
        Ok(request)
    }

    /// Hand over what came of a body that a view is reading.
    fn take_streamed(&mut self) {
        let Some(incoming) = self.incoming.as_deref_mut() else {
            return;
        };
        let result = incoming.take(&mut self.machine, None);
        if let Sink::Pipe { pipe, .. } = &incoming.sink {
            if incoming.is_whole {
                pipe.finish(End::Whole);
            } else if result.is_err() {
                pipe.finish(End::Broken);
            }
        }
    }
}
