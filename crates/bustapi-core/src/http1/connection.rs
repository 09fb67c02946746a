//! One HTTP/1.1 connection as a machine: bytes in, the parts of its requests out.
//!
//! | stage | takes | left by |
//! |---|---|---|
//! | Head | the head of the next request | [`Event::Head`]: Request; an error or the end: Last |
//! | Request | its body, as far as the reader takes it | `answered`: Head or Last |
//! | Last | nothing | – |
//!
//! | body | [`Connection::next`] says | then |
//! |---|---|---|
//! | Coming | `Data`, as long as the reader takes some | Ended, Broken |
//! | Ended | `End` with its trailers, once | Whole |
//! | Whole | nothing; a little of what is pipelined behind it is kept | – |
//! | Broken | `Error` or `Cut`, once; nothing behind it is kept | – |
//!
//! Requests are taken from the input one after the other, so answers leave in their order
//! (RFC 9112 9.3.2). Nothing behind an error, behind a body that is not whole, or behind the
//! last answer is ever a request. What is held of the input is bounded at every moment:
//! [`Connection::room`] says how much may be fed, and whoever feeds asks it.

use std::mem;

use crate::error::HttpError;
use crate::http1::chunked::{ChunkDecoder, ChunkEvent, Trailers};
use crate::http1::head::{Framing, Head, HeadParser, HeadStatus, Version};
use crate::limits::Limits;

/// Input in which a head is looked for, beyond what a head may have: room for empty lines
/// before it, so that one that has too much is seen to.
const BESIDE_HEAD: usize = 2 * 1024;

/// Input that may wait behind a request: a few small ones. A client that sends more waits for
/// its answer. Nothing is taken before half of this is used, lest it be taken in driblets.
pub const PIPELINED_INPUT: usize = 16 * 1024;

/// Input of a body that may wait for its reader, which takes it; while it takes none,
/// nothing is wanted.
pub const UNTAKEN_BODY: usize = 64 * 1024;

/// A buffer that has grown beyond this is given back when it holds no more than that.
const KEPT_BUFFER: usize = 8 * 1024;

/// What the bytes that came have said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Nothing more before there is more input, the reader takes data, or the request is
    /// answered.
    NeedsInput,
    /// A request begins; its head's spans refer to these bytes.
    Head { head: Head, bytes: &'a [u8] },
    /// Content of its body; never empty.
    Data(&'a [u8]),
    /// Its body is whole, and has these trailers. Of a request without a body this is not
    /// said.
    End(Trailers),
    /// A rule was broken, and nothing more is read.
    Error(HttpError),
    /// The input ended inside a body.
    Cut,
    /// Nothing comes any more.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Head,
    Request,
    Last,
}

#[derive(Debug)]
enum Body {
    Coming(Decoder),
    Ended(Trailers),
    Whole,
    Broken,
}

#[derive(Debug)]
enum Decoder {
    Length(u64),
    Chunked(Box<ChunkDecoder>),
}

/// See the module.
#[derive(Debug)]
pub struct Connection {
    input: Vec<u8>,
    start: usize,
    parser: HeadParser,
    limits: Limits,
    stage: Stage,
    body: Body,
    received: u64,
    expects_continue: bool,
    has_ended: bool,
    is_draining: bool,
}

impl Connection {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            input: Vec::new(),
            start: 0,
            parser: HeadParser::new(),
            limits,
            stage: Stage::Head,
            body: Body::Whole,
            received: 0,
            expects_continue: false,
            has_ended: false,
            is_draining: false,
        }
    }

    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// Return the input that nothing has been said of yet.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.input[self.start..]
    }

    /// Whether nothing of a next request has come, empty lines left aside.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let mut rest = self.rest().iter();
        self.stage == Stage::Head && rest.all(|byte| matches!(byte, b'\r' | b'\n'))
    }

    /// Whether more of the current body is to come.
    #[must_use]
    pub const fn is_body_coming(&self) -> bool {
        matches!(self.stage, Stage::Request) && matches!(self.body, Body::Coming(_))
    }

    /// Bytes of content of the current body that were said.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Whether the client waits to be asked for the body (RFC 9110 10.1.1).
    #[must_use]
    pub const fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// Note that it was asked, or will never be.
    pub const fn forget_continue(&mut self) {
        self.expects_continue = false;
    }

    /// Return how many bytes may be fed now, 0 where none are wanted. `takes_data`: whether
    /// the reader of the body has room.
    #[must_use]
    pub fn room(&self, takes_data: bool) -> usize {
        let held = self.rest().len();
        match (self.stage, &self.body) {
            (Stage::Last, _) | (_, Body::Broken) => 0,
            // Of a head that is not whole all was looked at; anything else is waiting.
            (Stage::Head, _) => {
                let most = self.limits.head as usize + BESIDE_HEAD;
                room_behind(held - self.parser.scanned()).min(most.saturating_sub(held))
            }
            (Stage::Request, Body::Coming(_)) if takes_data => UNTAKEN_BODY.saturating_sub(held),
            (Stage::Request, Body::Coming(_)) => 0,
            (Stage::Request, _) => room_behind(held),
        }
    }

    /// Take bytes that came. They are thrown away where nothing is wanted any more.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.stage != Stage::Last && !matches!(self.body, Body::Broken) {
            // What is done with makes room before memory does.
            if self.input.len() + bytes.len() > self.input.capacity() {
                self.compact();
            }
            self.input.extend_from_slice(bytes);
        }
    }

    /// Note that the peer sends no more; what it has sent whole is still a request.
    pub const fn end_input(&mut self) {
        self.has_ended = true;
    }

    /// Let the request that is received or answered be the last one.
    pub const fn drain(&mut self) {
        self.is_draining = true;
    }

    #[must_use]
    pub const fn is_draining(&self) -> bool {
        self.is_draining
    }

    /// Say what comes next. `takes_data`: whether the reader of the body has room.
    pub fn next(&mut self, takes_data: bool) -> Event<'_> {
        if self.start == self.input.len() {
            self.compact();
        }
        match self.stage {
            Stage::Last => Event::Closed,
            Stage::Head => self.next_head(),
            Stage::Request => self.next_of_body(takes_data),
        }
    }

    fn next_head(&mut self) -> Event<'_> {
        let start = self.start;
        match self.parser.advance(&self.input[start..], &self.limits) {
            Ok(HeadStatus::Partial) => {
                if self.has_ended || (self.is_draining && self.is_idle()) {
                    self.close();
                    return Event::Closed;
                }
                Event::NeedsInput
            }
            Ok(HeadStatus::Complete(head)) => {
                self.start += head.length;
                self.begin_request(&head);
                let bytes = &self.input[start..self.start];
                Event::Head { head, bytes }
            }
            // What came stays, for whoever refuses it to look at.
            Err(error) => {
                self.stage = Stage::Last;
                Event::Error(error)
            }
        }
    }

    fn begin_request(&mut self, head: &Head) {
        self.stage = Stage::Request;
        self.received = 0;
        self.body = match head.framing {
            Framing::None => Body::Whole,
            Framing::Length(length) => Body::Coming(Decoder::Length(length)),
            Framing::Chunked => {
                let decoder = ChunkDecoder::for_head(head, &self.limits);
                Body::Coming(Decoder::Chunked(Box::new(decoder)))
            }
        };
        // Whoever sends the body without waiting need not be asked.
        self.expects_continue = head.expect_continue
            && head.version == Version::Http11
            && self.start == self.input.len();
    }

    fn next_of_body(&mut self, takes_data: bool) -> Event<'_> {
        let decoder = match &mut self.body {
            Body::Coming(decoder) if takes_data => decoder,
            Body::Ended(trailers) => {
                let trailers = mem::take(trailers);
                self.body = Body::Whole;
                return Event::End(trailers);
            }
            Body::Coming(_) | Body::Whole | Body::Broken => return Event::NeedsInput,
        };
        let step = match decoder.decode(&self.input[self.start..]) {
            Ok(step) => step,
            Err(error) => {
                self.break_off();
                return Event::Error(error);
            }
        };
        self.start += step.consumed;
        if step.data > 0 {
            self.received += step.data as u64;
            if let Some(trailers) = step.end {
                self.body = Body::Ended(trailers);
            }
            return Event::Data(&self.input[self.start - step.data..self.start]);
        }
        if let Some(trailers) = step.end {
            self.body = Body::Whole;
            return Event::End(trailers);
        }
        if self.has_ended {
            self.break_off();
            return Event::Cut;
        }
        Event::NeedsInput
    }

    /// Keep nothing of what follows: it means nothing.
    fn break_off(&mut self) {
        self.body = Body::Broken;
        self.drop_input();
    }

    /// Note that the current request is answered. `keep_alive`: whether the connection may
    /// be used again, as far as the answer is concerned.
    pub fn answered(&mut self, keep_alive: bool) {
        let is_read = matches!(self.body, Body::Whole | Body::Ended(_));
        if keep_alive && is_read && !self.is_draining && self.stage == Stage::Request {
            self.stage = Stage::Head;
            self.body = Body::Whole;
            self.give_back();
        } else {
            self.close();
        }
    }

    /// Read nothing more.
    pub fn close(&mut self) {
        self.stage = Stage::Last;
        self.drop_input();
    }

    fn drop_input(&mut self) {
        self.input = Vec::new();
        self.start = 0;
    }

    /// Give a large buffer back that holds little.
    fn give_back(&mut self) {
        if self.rest().len() <= KEPT_BUFFER {
            self.compact();
            self.input.shrink_to(KEPT_BUFFER);
        }
    }

    /// Move what is left of the input to the front.
    fn compact(&mut self) {
        self.input.drain(..self.start);
        self.start = 0;
    }

    /// Bytes of memory that the input occupies.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.input.capacity()
    }
}

/// How much more may wait where so much does.
const fn room_behind(waiting: usize) -> usize {
    if waiting > PIPELINED_INPUT / 2 {
        0
    } else {
        PIPELINED_INPUT - waiting
    }
}

/// What a decoder has done: bytes of the input used, of which the last ones are content, and
/// the trailers of a body that has ended.
struct Step {
    consumed: usize,
    data: usize,
    end: Option<Trailers>,
}

impl Decoder {
    fn decode(&mut self, input: &[u8]) -> Result<Step, HttpError> {
        match self {
            Self::Length(left) => {
                let count =
                    usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= count as u64;
                Ok(Step {
                    consumed: count,
                    data: count,
                    end: (*left == 0).then(Trailers::default),
                })
            }
            Self::Chunked(decoder) => {
                let step = decoder.decode(input)?;
                let (data, end) = match step.event {
                    ChunkEvent::Data(data) => {
                        debug_assert!(input[..step.consumed].ends_with(data));
                        (data.len(), None)
                    }
                    ChunkEvent::Partial => (0, None),
                    ChunkEvent::End(trailers) => (0, Some(trailers)),
                };
                Ok(Step {
                    consumed: step.consumed,
                    data,
                    end,
                })
            }
        }
    }
}
