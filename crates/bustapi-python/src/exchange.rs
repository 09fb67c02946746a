//! The edge without a socket: bytes of a connection in, the server's bytes out.

use std::mem;
use std::sync::Arc;

use bustapi_core::http1::chunked::Trailers;
use bustapi_core::http1::connection::{Connection, Event, Stage};
use bustapi_core::http1::head::{Framing, Head, Span};
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
                    Next::Empty => {}
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
    let mut transcript = Transcript {
        events: PyList::empty(py),
        body: Vec::new(),
        keep_alive: false,
    };
    let mut connection = Connection::new(Limits::default());
    for piece in pieces(data, split) {
        connection.feed(piece);
        if !transcript.take(&mut connection)? {
            return Ok(transcript.events);
        }
    }
    if connection.stage() == Stage::Request || !connection.rest().is_empty() {
        transcript.event("incomplete", py.None())?;
    }
    Ok(transcript.events)
}

/// What a connection has said, in the events of :func:`parse_request`.
struct Transcript<'py> {
    events: Bound<'py, PyList>,
    /// Content that no event tells of yet.
    body: Vec<u8>,
    /// Whether the client of the current request wants the connection kept.
    keep_alive: bool,
}

impl<'py> Transcript<'py> {
    fn event(&mut self, name: &str, value: impl IntoPyObject<'py>) -> PyResult<()> {
        let body = mem::take(&mut self.body);
        if !body.is_empty() {
            let body = PyBytes::new(self.events.py(), &body);
            self.events.append(("body", body))?;
        }
        self.events.append((name, value))
    }

    /// Take what is said, as if each request were answered at once; False behind the last.
    fn take(&mut self, connection: &mut Connection) -> PyResult<bool> {
        loop {
            let trailers = match connection.next(true) {
                Event::Head { head, bytes } => {
                    self.keep_alive = head.keep_alive;
                    self.event("head", head_event(self.events.py(), &head, bytes)?)?;
                    // Of a request without a body its end is not said.
                    if head.framing != Framing::None {
                        continue;
                    }
                    Trailers::default()
                }
                Event::Data(data) => {
                    self.body.extend_from_slice(data);
                    continue;
                }
                Event::End(trailers) => trailers,
                Event::Error(error) => {
                    self.event("error", (error.status(), error.reason()))?;
                    return Ok(false);
                }
                Event::NeedsInput => return Ok(true),
                Event::Closed | Event::Cut => return Ok(false),
            };
            let py = self.events.py();
            let text = |bytes: &[u8]| latin1(py, bytes);
            let fields = trailers
                .iter()
                .map(|(name, value)| (text(name), text(value)));
            self.event("end", fields.collect::<Vec<_>>())?;
            connection.answered(self.keep_alive);
        }
    }
}

fn head_event<'py>(py: Python<'py>, head: &Head, bytes: &[u8]) -> PyResult<Bound<'py, PyDict>> {
    let text = |span: Span| latin1(py, span.of(bytes));
    let fields = head.fields.iter();
    let fields: Vec<_> = fields
        .map(|field| (text(field.name), text(field.value)))
        .collect();
    let event = PyDict::new(py);
    event.set_item("method", text(head.method))?;
    event.set_item("target", text(head.target.whole))?;
    event.set_item("version", head.version.as_str())?;
    event.set_item("fields", fields)?;
    Ok(event)
}
