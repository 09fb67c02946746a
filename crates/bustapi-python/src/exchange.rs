//! The edge without a socket: bytes of a connection in, the server's bytes out.

use std::sync::Arc;

use bustapi_core::error::HttpError;
use bustapi_core::http1::chunked::{ChunkDecoder, ChunkEvent};
use bustapi_core::http1::head::{Framing, Head, HeadParser, HeadStatus};
use bustapi_core::limits::Limits;
use bustapi_core::sync::stream_pipe::{Pieces, StreamPipe, StreamReader};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::answer::pump::Next;
use crate::answer::wire::{Made, Response, respond};
use crate::answer::{self, Answer, Content};
use crate::io::output::Output;
use crate::protocol::encoder::Encoder;
use crate::protocol::http1::{Http1, Turn};
use crate::request::Request;
use crate::request::head::Peer;
use crate::request::names::latin1;
use crate::request::rule_index::RuleIndex;
use crate::worker::site::{Identity, Site};

/// Answer the bytes of one connection without a socket, through the real parser and encoder.
///
/// :param split: feed the input in pieces of so many bytes (0: whole).
/// :return: everything the server would have written, up to where it would close.
#[pyfunction]
#[pyo3(signature = (handler, data, *, index = None, split = 0))]
pub fn exchange<'py>(
    handler: &Bound<'py, PyAny>,
    data: &[u8],
    index: Option<Py<RuleIndex>>,
    split: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let py = handler.py();
    let identity = Identity {
        name: "127.0.0.1",
        port: 5000,
        is_multithread: false,
        is_multiprocess: false,
    };
    let site = Site::new(handler, index, &identity)?;
    let peer = Peer::new(Some(([127, 0, 0, 1], 50_000).into()));
    let mut connection = Http1::new(Arc::new(peer));
    for piece in pieces(data, split) {
        connection.feed(piece);
        if !answer_all(py, &site, &mut connection)? {
            break;
        }
    }
    Ok(PyBytes::new(py, &connection.output.take(py)?))
}

/// Answer what is complete; False once the connection ends.
fn answer_all(py: Python<'_>, site: &Site, connection: &mut Http1) -> PyResult<bool> {
    loop {
        match connection.advance(py, site, None)? {
            Turn::Read => return Ok(true),
            Turn::Last => return Ok(false),
            Turn::Request(request) => {
                let keep_alive = answer_one(py, site, &request, &mut connection.output);
                connection.answered(keep_alive);
            }
        }
    }
}

/// Answer one request; returns whether the connection stays open.
fn answer_one(py: Python<'_>, site: &Site, request: &Request, output: &mut Output) -> bool {
    let (terms, Response { made, closing }) = (&request.terms, respond(py, site, request));
    let keep_alive = match (made, &closing) {
        (Made::Whole(answer), _) => Encoder::begin(py, answer, terms, output).0.keep_alive,
        (Made::Stream(head, mut pump), Some(closing)) => {
            let pipe = Arc::new(StreamPipe::new(0));
            let is_whole = loop {
                match pump.next(py, &closing.context, site, &request.head) {
                    Next::Piece(piece, count) => push(&pipe, &piece.as_bytes()[..count]),
                    Next::Last(piece, count) => {
                        push(&pipe, &piece.as_bytes()[..count]);
                        break Some(true);
                    }
                    Next::End { is_whole } => break Some(is_whole),
                    Next::Failed => break None,
                }
            };
            let mut pieces = Pieces::default();
            let _end = pipe.take(&mut pieces);
            let answer = match is_whole {
                None if pieces.is_empty() => Answer::bare(500),
                Some(_) if pieces.is_empty() => Answer {
                    head: answer::Head::Checked(head),
                    content: Content::Empty,
                    is_short: is_whole == Some(false),
                },
                _ => Answer {
                    head: answer::Head::Checked(head),
                    content: Content::Stream(StreamReader::new(pipe)),
                    is_short: is_whole != Some(true),
                },
            };
            let (encoder, _stream) = Encoder::begin(py, answer, terms, output);
            encoder.pieces(&pieces, output);
            if is_whole == Some(true) {
                encoder.end(output);
            }
            encoder.keep_alive
        }
        (Made::Stream(..), None) => unreachable!("an iterator is closed at its end"),
    };
    if let Some(closing) = closing {
        closing.close(py, site, request);
    }
    keep_alive
}

fn push(pipe: &StreamPipe, piece: &[u8]) {
    // Nobody has to be told: what is in it is taken at the end.
    let _announced = pipe.push(piece);
}

fn pieces(data: &[u8], split: usize) -> impl Iterator<Item = &[u8]> {
    let size = if split == 0 { data.len().max(1) } else { split };
    data.chunks(size)
}

/// Parse the bytes of one connection and return what the parser saw, for differential tests.
///
/// Events: ``("head", {"method", "target", "version", "fields"})``, ``("body", bytes)``,
/// ``("end", trailers)``, ``("error", (status, reason))``, ``("incomplete", None)``.
#[pyfunction]
#[pyo3(signature = (data, *, split = 0))]
pub fn parse_request<'py>(
    py: Python<'py>,
    data: &[u8],
    split: usize,
) -> PyResult<Bound<'py, PyList>> {
    let mut transcript = Transcript::new(py);
    for piece in pieces(data, split) {
        transcript.buffer.extend_from_slice(piece);
        match transcript.advance() {
            Ok(true) => {}
            Ok(false) => return Ok(transcript.events),
            Err(Problem::Peer(error)) => {
                transcript.flush_body()?;
                transcript.event("error", (error.status(), error.reason()))?;
                return Ok(transcript.events);
            }
            Err(Problem::Python(error)) => return Err(error),
        }
    }
    transcript.flush_body()?;
    if transcript.is_inside() {
        transcript.event("incomplete", py.None())?;
    }
    Ok(transcript.events)
}

/// What stopped a parse: the bytes or the making of an event.
enum Problem {
    Peer(HttpError),
    Python(PyErr),
}

impl From<HttpError> for Problem {
    fn from(error: HttpError) -> Self {
        Self::Peer(error)
    }
}

impl From<PyErr> for Problem {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

struct Transcript<'py> {
    events: Bound<'py, PyList>,
    buffer: Vec<u8>,
    start: usize,
    parser: HeadParser,
    limits: Limits,
    body: Option<TranscriptBody>,
    received: Vec<u8>,
}

struct TranscriptBody {
    decoder: TranscriptDecoder,
    keep_alive: bool,
}

enum TranscriptDecoder {
    Length(u64),
    Chunked(ChunkDecoder),
}

impl<'py> Transcript<'py> {
    fn new(py: Python<'py>) -> Self {
        Self {
            events: PyList::empty(py),
            buffer: Vec::new(),
            start: 0,
            parser: HeadParser::new(),
            limits: Limits::default(),
            body: None,
            received: Vec::new(),
        }
    }

    fn event(&self, name: &str, value: impl IntoPyObject<'py>) -> PyResult<()> {
        self.events.append((name, value))
    }

    fn flush_body(&mut self) -> PyResult<()> {
        let body = std::mem::take(&mut self.received);
        if body.is_empty() {
            return Ok(());
        }
        self.event("body", PyBytes::new(self.events.py(), &body))
    }

    fn is_inside(&self) -> bool {
        self.body.is_some() || self.start < self.buffer.len()
    }

    /// Parse what is there; False once the connection closes behind a request.
    fn advance(&mut self) -> Result<bool, Problem> {
        loop {
            if let Some(body) = &mut self.body {
                let input = &self.buffer[self.start..];
                let Some((consumed, end)) = body.decoder.decode(input, &mut self.received)? else {
                    self.start = self.buffer.len();
                    return Ok(true);
                };
                self.start += consumed;
                let keep_alive = body.keep_alive;
                self.body = None;
                self.flush_body()?;
                self.event("end", end)?;
                if !keep_alive {
                    return Ok(false);
                }
            }
            match self
                .parser
                .advance(&self.buffer[self.start..], &self.limits)?
            {
                HeadStatus::Partial => return Ok(true),
                HeadStatus::Complete(head) => self.take_head(&head)?,
            }
        }
    }

    fn take_head(&mut self, head: &Head) -> PyResult<()> {
        let py = self.events.py();
        let bytes = &self.buffer[self.start..self.start + head.length];
        let text = |span: bustapi_core::http1::head::Span| latin1(py, span.of(bytes));
        let event = PyDict::new(py);
        event.set_item("method", text(head.method))?;
        event.set_item("target", text(head.target.whole))?;
        event.set_item("version", head.version.as_str())?;
        let fields: Vec<_> = head
            .fields
            .iter()
            .map(|field| (text(field.name), text(field.value)))
            .collect();
        event.set_item("fields", fields)?;
        self.event("head", event)?;
        let decoder = match head.framing {
            Framing::None => TranscriptDecoder::Length(0),
            Framing::Length(length) => TranscriptDecoder::Length(length),
            Framing::Chunked => {
                TranscriptDecoder::Chunked(ChunkDecoder::for_head(head, &self.limits))
            }
        };
        self.body = Some(TranscriptBody {
            decoder,
            keep_alive: head.keep_alive,
        });
        self.start += head.length;
        Ok(())
    }
}

type Trailers = Vec<(String, String)>;

impl TranscriptDecoder {
    /// Return how many bytes the rest of the body took, and its trailers, once it has ended.
    fn decode(
        &mut self,
        input: &[u8],
        received: &mut Vec<u8>,
    ) -> Result<Option<(usize, Trailers)>, HttpError> {
        match self {
            Self::Length(left) => {
                let taken =
                    usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                received.extend_from_slice(&input[..taken]);
                *left -= taken as u64;
                Ok((*left == 0).then(|| (taken, Vec::new())))
            }
            Self::Chunked(decoder) => {
                let mut position = 0;
                loop {
                    let step = decoder.decode(&input[position..])?;
                    position += step.consumed;
                    match step.event {
                        ChunkEvent::Data(data) => received.extend_from_slice(data),
                        ChunkEvent::Partial => return Ok(None),
                        ChunkEvent::End => break,
                    }
                }
                let text = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect();
                let trailers = decoder
                    .trailers()
                    .map(|(name, value)| (text(name), text(value)));
                Ok(Some((position, trailers.collect())))
            }
        }
    }
}
