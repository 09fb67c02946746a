//! One HTTP/1.1 connection without its socket: bytes in, requests out, answers in, bytes out.
//!
//! | stage | reads | left by |
//! |---|---|---|
//! | Head | the head of the next request | a whole head: Body or Answer; an error: Last |
//! | Body | the body, into memory or the spool | its end: Answer; an error: Last |
//! | Answer | the body of a streamed request, nothing else | `answered`: Head or Last |
//! | Last | nothing; what is in the output is the last | – |
//!
//! Requests are taken from the input one after the other, so answers leave in their order
//! (RFC 9112 9.3.2) and nothing behind an error or a `Connection: close` is ever a request.

use std::sync::Arc;

use bustapi_core::access_log::request_line;
use bustapi_core::error::HttpError;
use bustapi_core::http1::chunked::ChunkDecoder;
use bustapi_core::http1::head::{Framing, Head, HeadParser, HeadStatus, Version};
use bustapi_core::http1::response::{CONTINUE, ResponseContext};
use bustapi_core::http1::target::{TargetForm, decode_path};
use bustapi_core::limits::Limits;
use bustapi_core::sync::body_pipe::End;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::io::output::Output;
use crate::protocol::encoder::Encoder;
use crate::request::Request;
use crate::request::head::{Peer, RequestHead};
use crate::request::intake::{Decoder, IN_MEMORY, Incoming, Intake, Refusal, Sink, Unread};
use crate::request::names::method;
use crate::request::rule_index::Wishes;
use crate::run::learning::EndpointKey;
use crate::worker::site::Site;

/// Input in which a head is looked for: more than a head may have, so that one that has
/// too much is refused.
const HEAD_INPUT: usize = 66 * 1024;

/// Input that may wait while a request is answered: a few small requests. A client that
/// sends more waits for its answer, and nobody else's memory does.
const PIPELINED_INPUT: usize = 16 * 1024;

/// Input that is done with and makes it worth to move the rest to the front.
const MOVED: usize = 64 * 1024;

/// An input buffer that has grown beyond this is given back when it is empty.
const KEPT_BUFFER: usize = 8 * 1024;

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

pub struct Connection {
    input: Vec<u8>,
    start: usize,
    parser: HeadParser,
    limits: Limits,
    stage: Stage,
    incoming: Option<Box<Incoming>>,
    has_ended: bool,
    is_draining: bool,
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

impl Connection {
    pub fn new(peer: Arc<Peer>) -> Self {
        Self {
            input: Vec::new(),
            start: 0,
            parser: HeadParser::new(),
            limits: Limits::default(),
            stage: Stage::Head,
            incoming: None,
            has_ended: false,
            is_draining: false,
            peer,
            output: Output::default(),
            refused: None,
        }
    }

    pub const fn stage(&self) -> Stage {
        self.stage
    }

    pub const fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Whether nothing of a next request has come, empty lines left aside.
    pub fn is_idle(&self) -> bool {
        let mut rest = self.input[self.start..].iter();
        self.stage == Stage::Head && rest.all(|byte| matches!(byte, b'\r' | b'\n'))
    }

    /// Bytes of the current body that came, for its minimum rate.
    pub fn received(&self) -> u64 {
        self.incoming
            .as_ref()
            .map_or(0, |incoming| incoming.received)
    }

    /// Whether the peer is waited for to send a body.
    pub fn awaits_body(&self) -> bool {
        let is_asked_for = |incoming: &Incoming| !incoming.must_continue || incoming.received > 0;
        self.incoming.as_deref().is_some_and(is_asked_for) && self.wants_input()
    }

    /// Whether input would be taken now.
    pub fn wants_input(&self) -> bool {
        match (&self.incoming, self.stage) {
            (_, Stage::Last) => false,
            (Some(incoming), _) => incoming.wants_input(),
            (None, Stage::Head) => self.input.len() - self.start < HEAD_INPUT,
            (None, _) => self.input.len() - self.start < PIPELINED_INPUT,
        }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Note that the peer sends no more; what it has sent whole is answered.
    pub fn end_input(&mut self) {
        self.has_ended = true;
    }

    /// End the connection behind the request that is being received or answered.
    pub fn drain(&mut self) {
        self.is_draining = true;
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
            None => request_line(&self.input[self.start..]),
        };
        self.refused = Some(Refused {
            status,
            reason,
            line: line.into(),
        });
        Encoder::refuse(status, false, &mut self.output);
        self.stage = Stage::Last;
        head
    }

    /// Answer 500 for a mistake of ours; nothing behind it is a request.
    pub fn give_up(&mut self) {
        self.incoming = None;
        self.stage = Stage::Last;
        Encoder::refuse(500, false, &mut self.output);
    }

    /// Note that the current request is answered.
    pub fn answered(&mut self, keep_alive: bool) {
        let is_read = match self
            .incoming
            .take()
            .map(|incoming| (incoming.is_whole, incoming.sink))
        {
            Some((is_whole, Sink::Pipe { pipe, .. })) => {
                pipe.finish(End::Broken);
                is_whole
            }
            Some((is_whole, _)) => is_whole,
            None => true,
        };
        self.stage = if keep_alive && is_read {
            Stage::Head
        } else {
            Stage::Last
        };
        self.shrink();
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
        if incoming.must_continue && pipe.is_wanted() {
            incoming.must_continue = false;
            if incoming.received == 0 && may_continue {
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
        let turn = loop {
            match self.stage {
                Stage::Last => break Turn::Last,
                Stage::Head => match self.parser.advance(&self.input[self.start..], &self.limits) {
                    Ok(HeadStatus::Partial) => {
                        if self.has_ended || (self.is_draining && self.is_idle()) {
                            self.stage = Stage::Last;
                            continue;
                        }
                        break Turn::Read;
                    }
                    Ok(HeadStatus::Complete(head)) => {
                        if let Some(request) = self.take_head(py, site, intake, head)? {
                            break Turn::Request(Box::new(request));
                        }
                    }
                    Err(error) => self.refuse(py, error),
                },
                Stage::Body => {
                    if let Some(request) = self.take_body(py, intake)? {
                        break Turn::Request(Box::new(request));
                    }
                    if self.stage == Stage::Body {
                        break Turn::Read;
                    }
                }
                Stage::Answer => {
                    self.take_streamed();
                    break Turn::Read;
                }
            }
        };
        self.compact();
        Ok(turn)
    }

    fn take_head(
        &mut self,
        py: Python<'_>,
        site: &Site,
        intake: Option<&dyn Intake>,
        parsed: Head,
    ) -> PyResult<Option<Request>> {
        let bytes = &self.input[self.start..self.start + parsed.length];
        self.start += parsed.length;
        let mut terms = ResponseContext::of(&parsed, bytes);
        terms.keep_alive &= !self.is_draining;
        let framing = parsed.framing;
        let expects = parsed.expect_continue && parsed.version == Version::Http11;
        let decoder = match framing {
            Framing::None => None,
            Framing::Length(length) => Some(Decoder::Length(length)),
            Framing::Chunked => Some(Decoder::Chunked(Box::new(ChunkDecoder::for_head(
                &parsed,
                &self.limits,
            )))),
        };
        let mut head = RequestHead::new(
            py,
            PyBytes::new(py, bytes).unbind(),
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
        let Some(decoder) = decoder else {
            self.stage = Stage::Answer;
            return Ok(Some(Request {
                head,
                body: None,
                terms,
                key,
                is_threaded: wishes.is_threaded,
                pipe: None,
            }));
        };
        let mut incoming = Box::new(Incoming {
            request: Some(Unread {
                head,
                terms,
                key,
                is_threaded: wishes.is_threaded,
                is_miss,
            }),
            decoder,
            sink: Sink::Memory {
                bytes: Vec::new(),
                held: None,
            },
            received: 0,
            limit: None,
            must_continue: expects && self.start == self.input.len(),
            is_whole: false,
            is_broken: false,
        });
        self.stage = Stage::Body;
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
        if std::mem::take(&mut incoming.must_continue) {
            self.output.buffer().extend_from_slice(CONTINUE);
        }
        self.incoming = Some(incoming);
        Ok(None)
    }

    /// Let the view of a request read its body from here on.
    fn begin_streamed(&mut self, py: Python<'_>, mut incoming: Box<Incoming>) -> PyResult<Request> {
        let request = incoming.dispatch_streamed(py, None)?;
        self.incoming = Some(incoming);
        self.stage = Stage::Answer;
        self.take_streamed();
        Ok(request)
    }

    /// Take what came of a body that is collected; returns the request when it is whole.
    fn take_body(
        &mut self,
        py: Python<'_>,
        intake: Option<&dyn Intake>,
    ) -> PyResult<Option<Request>> {
        let Some(incoming) = self.incoming.as_deref_mut() else {
            return Ok(None);
        };
        let taken = incoming.take(&self.input[self.start..], intake);
        match taken {
            Ok(count) => self.start += count,
            Err(Refusal::Peer(error)) => {
                self.refuse(py, error);
                return Ok(None);
            }
            Err(Refusal::Disk) => {
                self.fail(py, 507, NOT_STORED);
                return Ok(None);
            }
        }
        if let Some(request) = incoming.finish_collected(py, intake)? {
            if incoming.is_whole {
                self.incoming = None;
            }
            self.stage = Stage::Answer;
            self.take_streamed();
            return Ok(Some(request));
        }
        if self.has_ended && self.start == self.input.len() && !incoming.is_whole {
            // A body cut short is no request.
            self.incoming = None;
            self.stage = Stage::Last;
        }
        Ok(None)
    }

    /// Hand over what came of a body that a view is reading.
    fn take_streamed(&mut self) {
        let Some(incoming) = self.incoming.as_deref_mut() else {
            return;
        };
        if incoming.is_whole || incoming.is_broken {
            return;
        }
        let result = incoming.take(&self.input[self.start..], None);
        let Sink::Pipe { pipe, .. } = &incoming.sink else {
            return;
        };
        match result {
            Ok(count) => {
                self.start += count;
                if incoming.is_whole {
                    pipe.finish(End::Whole);
                } else if self.has_ended && self.start == self.input.len() {
                    pipe.finish(End::Broken);
                }
            }
            Err(_) => {
                pipe.finish(End::Broken);
                // Nothing behind it means anything, so nothing of it is kept.
                incoming.is_broken = true;
                self.start = self.input.len();
            }
        }
    }

    /// Move what is left of the input to the front once much of it is used.
    fn compact(&mut self) {
        if self.start == self.input.len() {
            self.input.clear();
            self.start = 0;
        } else if self.start > MOVED {
            self.input.drain(..self.start);
            self.start = 0;
        }
    }

    fn shrink(&mut self) {
        self.compact();
        if self.input.is_empty() {
            self.input.shrink_to(KEPT_BUFFER);
        }
    }
}

/// What the index says about a request.
struct Found {
    key: EndpointKey,
    /// Whether it certainly has no rule.
    is_miss: bool,
    wishes: Wishes,
}

/// Ask the index for the rule.
fn look_up(py: Python<'_>, site: &Site, head: &mut RequestHead, bytes: &[u8]) -> PyResult<Found> {
    let parsed = head.parsed();
    let target = parsed.target;
    let name = parsed.method.of(bytes);
    let mut found = Found {
        key: EndpointKey::Other,
        is_miss: false,
        wishes: Wishes::default(),
    };
    if let Some(index) = site.index() {
        let index = index.get();
        if parsed.has_upgrade || target.form == TargetForm::Authority {
            found.wishes = index.any_wishes();
        } else {
            let path = decode_path(target.path.of(bytes)).bytes;
            // PERF: once for the look-up and the arguments.
            let path = str::from_utf8(&path).ok();
            // A method is a token, which is ASCII.
            let lookup = index.lookup(str::from_utf8(name).unwrap_or(""), path);
            let hit = lookup.hit(py, path)?;
            head.set_lookup(py, hit, &lookup);
            found.wishes = lookup.wishes();
            if let Some(number) = lookup.rule() {
                found.key = EndpointKey::Rule {
                    generation: lookup.generation(),
                    number,
                };
                return Ok(found);
            }
            found.is_miss = lookup.is_miss();
            if found.is_miss {
                return Ok(found);
            }
        }
    }
    found.key = EndpointKey::of_path(name, target.path.of(bytes));
    Ok(found)
}
