//! One request answered: the handler is called, its response checked and encoded.
//!
//! All of it happens on one thread and in one Context, from the call of the handler to the
//! `close()` of what it returned.

use std::borrow::Cow;
use std::sync::Arc;

use bustapi_core::error::ResponseError;
use bustapi_core::http1::response::{
    BodyKind as Extent, EncodedHead, LAST_CHUNK, ResponseContext, ResponseFraming, encode_chunk,
    encode_error, encode_head, encode_template, has_no_content, status_code,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyIterator, PyList, PyString, PyTuple};

use crate::answer::context::RequestContext;
use crate::answer::file_wrapper::{FileWrapper, RegularFile, as_bytes, read_block};
use crate::io::output::Output;
use crate::protocol::date::with_date;
use crate::request::body::Body;
use crate::request::body_pipe::BodyPipe;
use crate::request::head::RequestHead;
use crate::run::learning::{BodyKind, EndpointKey};
use crate::worker::site::{Site, catch_panic};

/// Files up to this size are read at once and leave together with their head.
const READ_FILE: u64 = 64 * 1024;

/// A request that is ready to be answered.
pub struct Request {
    pub head: Py<RequestHead>,
    pub body: Option<Py<Body>>,
    pub terms: ResponseContext,
    pub key: EndpointKey,
    /// Where its body comes from while it is answered, if it was not collected before.
    pub pipe: Option<Arc<BodyPipe>>,
}

impl Request {
    /// Return the shape of an answer that begins now: behind a body of which a part is
    /// still to come the connection ends, and the client is told so.
    fn terms(&self) -> ResponseContext {
        let mut terms = self.terms;
        if let Some(pipe) = &self.pipe {
            terms.keep_alive &= pipe.is_whole();
        }
        terms
    }
}

/// What is known of an answer that is complete.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    pub status: u16,
    /// Bytes of its body, without framing.
    pub size: u64,
    pub keep_alive: bool,
    pub body: BodyKind,
}

/// How far an answer has come when the handler has returned.
pub enum Begun {
    Whole(Answered),
    /// The head and a first piece are in the output; the rest is in the iterator.
    Stream(Box<Pump>),
}

/// Call the handler and encode its response up to its first piece.
///
/// Whatever goes wrong is logged and becomes a bare 500.
pub fn begin(py: Python<'_>, site: &Site, request: &Request, output: &mut Output) -> Begun {
    let error = match catch_panic(|| respond(py, site, request, output)) {
        Ok(Ok(begun)) => return begun,
        Ok(Err(error)) | Err(error) => error,
    };
    site.log(py, Some(&request.head), error);
    Begun::Whole(refuse(500, request.terms.is_head, output))
}

/// Answer without the application; the connection closes behind it.
pub fn refuse(status: u16, is_head: bool, output: &mut Output) -> Answered {
    with_date(|date| encode_error(output.buffer(), status, is_head, date));
    Answered {
        status,
        size: 0,
        keep_alive: false,
        body: BodyKind::Whole,
    }
}

fn respond(py: Python<'_>, site: &Site, request: &Request, output: &mut Output) -> PyResult<Begun> {
    let context = RequestContext::new(py)?;
    let pump = context.run(py, || {
        let wire = site
            .respond()
            .bind(py)
            .call1((&request.head, &request.body))?;
        Encoder {
            py,
            site,
            request,
            terms: request.terms(),
            output,
        }
        .encode(&wire)
    })?;
    Ok(match pump {
        Started::Whole(answered) => Begun::Whole(answered),
        Started::Iterator {
            iterator,
            body,
            head,
            size,
        } => Begun::Stream(Box::new(Pump {
            context,
            iterator: iterator.unbind(),
            body: body.unbind(),
            framing: head.framing,
            answered: Answered {
                status: head.status,
                size,
                keep_alive: head.keep_alive,
                body: BodyKind::Short,
            },
        })),
    })
}

enum Started<'py> {
    Whole(Answered),
    Iterator {
        iterator: Bound<'py, PyIterator>,
        body: Bound<'py, PyAny>,
        head: EncodedHead,
        size: u64,
    },
}

struct Encoder<'a, 'py> {
    py: Python<'py>,
    site: &'a Site,
    request: &'a Request,
    terms: ResponseContext,
    output: &'a mut Output,
}

type Fields<'a> = Vec<(Cow<'a, [u8]>, Cow<'a, [u8]>)>;

impl<'py> Encoder<'_, 'py> {
    fn encode(&mut self, wire: &Bound<'py, PyAny>) -> PyResult<Started<'py>> {
        let wire = wire.cast::<PyTuple>().map_err(|_| wrong_wire(wire))?;
        if wire.len() != 3 {
            return Err(wrong_wire(wire));
        }
        let (first, second, body) = (wire.get_item(0)?, wire.get_item(1)?, wire.get_item(2)?);
        if let Ok(status) = first.cast::<PyString>() {
            let fields = second.cast::<PyList>().map_err(|_| wrong_wire(wire))?;
            return self.encode_wsgi(status, fields, body);
        }
        let status = first
            .cast::<PyInt>()
            .map_err(|_| wrong_wire(wire))?
            .extract()?;
        let template = as_bytes(&second).ok_or_else(|| wrong_wire(wire))?;
        let body = as_bytes(&body).ok_or_else(|| wrong_wire(wire))?;
        Ok(Started::Whole(self.encode_whole(status, template, body)))
    }

    fn encode_whole(
        &mut self,
        status: u16,
        template: &Bound<'py, PyBytes>,
        body: &Bound<'py, PyBytes>,
    ) -> Answered {
        let length = body.as_bytes().len() as u64;
        let (buffer, terms) = (self.output.buffer(), &self.terms);
        let head = with_date(|date| {
            encode_template(buffer, status, template.as_bytes(), length, terms, date)
        });
        if head.framing == ResponseFraming::Empty {
            return whole(head, 0);
        }
        self.output.push_body(body);
        whole(head, length)
    }

    fn encode_wsgi(
        &mut self,
        status: &Bound<'py, PyString>,
        fields: &Bound<'py, PyList>,
        body: Bound<'py, PyAny>,
    ) -> PyResult<Started<'py>> {
        let result = self.encode_checked(status, fields, &body);
        let closes = !matches!(result, Ok(Started::Iterator { .. }));
        // An error of ``close()`` after a whole answer is logged; it spoils nothing.
        if closes && let Err(error) = close(&body) {
            self.site.log(self.py, Some(&self.request.head), error);
        }
        result
    }

    fn encode_checked(
        &mut self,
        status: &Bound<'py, PyString>,
        fields: &Bound<'py, PyList>,
        body: &Bound<'py, PyAny>,
    ) -> PyResult<Started<'py>> {
        let status = latin1_bytes(status)?;
        let pairs: Vec<_> = fields
            .iter()
            .map(|pair| field_pair(&pair))
            .collect::<PyResult<_>>()?;
        let fields: Fields<'_> = pairs
            .iter()
            .map(|(name, value)| Ok((latin1_bytes(name)?, latin1_bytes(value)?)))
            .collect::<PyResult<_>>()?;
        if let Some(bytes) = as_bytes(body) {
            return self.encode_pieces(&status, &fields, std::slice::from_ref(bytes));
        }
        if let Ok(wrapper) = body.cast::<FileWrapper>()
            && let Some(file) = wrapper.get().regular_file(self.py)?
        {
            return self.encode_file(&status, &fields, file);
        }
        if let Ok(list) = body.cast::<PyList>() {
            return self.encode_pieces(&status, &fields, &pieces(list.iter())?);
        }
        if let Ok(tuple) = body.cast::<PyTuple>() {
            return self.encode_pieces(&status, &fields, &pieces(tuple.iter())?);
        }
        self.encode_iterator(&status, &fields, body)
    }

    /// Send a body whose pieces are all there.
    fn encode_pieces(
        &mut self,
        status: &[u8],
        fields: &Fields<'_>,
        pieces: &[Bound<'py, PyBytes>],
    ) -> PyResult<Started<'py>> {
        let length = pieces
            .iter()
            .map(|piece| piece.as_bytes().len() as u64)
            .sum();
        let (mut head, mut left) = self.encode_sized(status, fields, length, true)?;
        if head.framing == ResponseFraming::Empty {
            return Ok(Started::Whole(whole(head, 0)));
        }
        head.keep_alive &= left <= length;
        let size = left.min(length);
        for piece in pieces {
            let bytes = piece.as_bytes();
            if bytes.len() as u64 > left {
                let cut = usize::try_from(left).expect("it is below a length in memory");
                self.output.buffer().extend_from_slice(&bytes[..cut]);
                break;
            }
            self.output.push_body(piece);
            left -= bytes.len() as u64;
        }
        Ok(Started::Whole(whole(head, size)))
    }

    fn encode_file(
        &mut self,
        status: &[u8],
        fields: &Fields<'_>,
        file: RegularFile,
    ) -> PyResult<Started<'py>> {
        // Read before the head: the size of some files is not that of their content.
        let block = match usize::try_from(file.length) {
            Ok(count) if file.length <= READ_FILE => {
                Some(self.py.detach(|| read_block(&file, count))?)
            }
            _ => None,
        };
        let actual = block
            .as_ref()
            .map_or(file.length, |block| block.len() as u64);
        let (mut head, declared) = self.encode_sized(status, fields, actual, false)?;
        if head.framing == ResponseFraming::Empty {
            return Ok(Started::Whole(whole(head, 0)));
        }
        head.keep_alive &= declared <= actual;
        let length = declared.min(actual);
        match block {
            Some(mut block) => {
                block.truncate(usize::try_from(length).expect("it is at most 64 KiB"));
                self.output.buffer().extend_from_slice(&block);
            }
            None => self
                .output
                .push_file(file.descriptor, file.position, length),
        }
        Ok(Started::Whole(whole(head, length)))
    }

    /// Write the head of a body of known length; returns how many bytes it declares.
    fn encode_sized(
        &mut self,
        status: &[u8],
        fields: &Fields<'_>,
        length: u64,
        may_not_be_longer: bool,
    ) -> PyResult<(EncodedHead, u64)> {
        match self.encode_head(status, fields, Extent::Sized(length)) {
            Err(ResponseError::LengthMismatch { declared, actual }) => {
                if may_not_be_longer || actual < declared {
                    let text = ResponseError::LengthMismatch { declared, actual }.to_string();
                    self.site
                        .log_mistake(self.py, Some(&self.request.head), text);
                }
                let head = self
                    .encode_head(status, fields, Extent::Stream)
                    .map_err(mistake)?;
                Ok((head, declared))
            }
            result => Ok((result.map_err(mistake)?, length)),
        }
    }

    /// Run an iterable to its first piece and write the head before that.
    fn encode_iterator(
        &mut self,
        status: &[u8],
        fields: &Fields<'_>,
        body: &Bound<'py, PyAny>,
    ) -> PyResult<Started<'py>> {
        let terms = &self.terms;
        let mut iterator = body.try_iter()?;
        // Of an answer without content the iterator is not run.
        let has_body = !status_code(status).is_some_and(|code| has_no_content(code, terms));
        let first = if has_body {
            next_piece(&mut iterator)?
        } else {
            None
        };
        let Some(first) = first else {
            if has_body {
                return self.encode_pieces(status, fields, &[]);
            }
            let head = self
                .encode_head(status, fields, Extent::Stream)
                .map_err(mistake)?;
            return Ok(Started::Whole(whole(head, 0)));
        };
        let mut head = self
            .encode_head(status, fields, Extent::Stream)
            .map_err(mistake)?;
        if head.framing == ResponseFraming::Empty {
            return Ok(Started::Whole(whole(head, 0)));
        }
        let bytes = first.as_bytes();
        let size = push_piece(self.output.buffer(), &mut head.framing, bytes);
        if size < bytes.len() as u64 {
            let text = "The response is longer than its Content-Length; the rest was cut.";
            self.site
                .log_mistake(self.py, Some(&self.request.head), text.to_owned());
            return Ok(Started::Whole(whole(head, size)));
        }
        Ok(Started::Iterator {
            iterator,
            body: body.clone(),
            head,
            size,
        })
    }

    fn encode_head(
        &mut self,
        status: &[u8],
        fields: &Fields<'_>,
        extent: Extent,
    ) -> Result<EncodedHead, ResponseError> {
        let fields = fields.iter().map(|(name, value)| (&**name, &**value));
        let (buffer, terms) = (self.output.buffer(), &self.terms);
        with_date(|date| encode_head(buffer, status, fields, extent, terms, date))
    }
}

/// The rest of a response whose body is an iterator.
pub struct Pump {
    context: RequestContext,
    iterator: Py<PyIterator>,
    body: Py<PyAny>,
    framing: ResponseFraming,
    answered: Answered,
}

impl Pump {
    pub const fn answered(&self) -> &Answered {
        &self.answered
    }

    /// Run the iterator to its next piece; returns the answer once it is complete.
    ///
    /// At the end, and after an error, the body is closed.
    pub fn step(
        &mut self,
        py: Python<'_>,
        site: &Site,
        head: &Py<RequestHead>,
        out: &mut Vec<u8>,
    ) -> Option<Answered> {
        let next = catch_panic(|| {
            self.context
                .run(py, || next_piece(&mut self.iterator.bind(py).clone()))
        });
        match next {
            Ok(Ok(Some(piece))) => {
                let bytes = piece.as_bytes();
                let size = push_piece(out, &mut self.framing, bytes);
                self.answered.size += size;
                if size == bytes.len() as u64 {
                    return None;
                }
                let text = "The response is longer than its Content-Length; the rest was cut.";
                site.log_mistake(py, Some(head), text.to_owned());
            }
            Ok(Ok(None)) => self.end_body(py, site, head, out),
            Ok(Err(error)) | Err(error) => {
                self.answered.keep_alive = false;
                site.log(py, Some(head), error);
            }
        }
        self.close(py, site, head);
        Some(self.answered)
    }

    fn end_body(&mut self, py: Python<'_>, site: &Site, head: &Py<RequestHead>, out: &mut Vec<u8>) {
        match self.framing {
            ResponseFraming::Chunked => out.extend_from_slice(LAST_CHUNK),
            ResponseFraming::Length(left) if left > 0 => {
                self.answered.keep_alive = false;
                let text = format!("The response is {left} bytes shorter than its Content-Length.");
                site.log_mistake(py, Some(head), text);
            }
            _ => {}
        }
    }

    /// Close the body, in the Context of the request.
    pub fn close(&mut self, py: Python<'_>, site: &Site, head: &Py<RequestHead>) {
        if let Err(error) = self.context.run(py, || close(self.body.bind(py))) {
            site.log(py, Some(head), error);
        }
    }
}

/// Append a piece in the framing of the body; returns how many of its bytes were taken.
fn push_piece(out: &mut Vec<u8>, framing: &mut ResponseFraming, bytes: &[u8]) -> u64 {
    match framing {
        ResponseFraming::Chunked => encode_chunk(out, bytes),
        ResponseFraming::Length(left) => {
            let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
            out.extend_from_slice(&bytes[..taken]);
            *left -= taken as u64;
            return taken as u64;
        }
        ResponseFraming::UntilClose | ResponseFraming::Empty => out.extend_from_slice(bytes),
    }
    bytes.len() as u64
}

/// Return the next piece that is not empty (PEP 3333), or None at the end.
fn next_piece<'py>(iterator: &mut Bound<'py, PyIterator>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    for piece in iterator {
        let piece = piece?;
        let bytes = as_bytes(&piece).ok_or_else(|| wrong_piece(&piece))?;
        if !bytes.as_bytes().is_empty() {
            return Ok(Some(bytes.clone()));
        }
    }
    Ok(None)
}

fn pieces<'py>(
    items: impl Iterator<Item = Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let piece =
        |item: Bound<'py, PyAny>| as_bytes(&item).cloned().ok_or_else(|| wrong_piece(&item));
    items.map(piece).collect()
}

fn close(body: &Bound<'_, PyAny>) -> PyResult<()> {
    // PERF: the usual bodies have no such method; asking costs an AttributeError.
    if body.is_exact_instance_of::<PyBytes>()
        || body.is_exact_instance_of::<PyList>()
        || body.is_exact_instance_of::<PyTuple>()
    {
        return Ok(());
    }
    if let Some(close) = body.getattr_opt(pyo3::intern!(body.py(), "close"))? {
        close.call0()?;
    }
    Ok(())
}

const fn whole(head: EncodedHead, size: u64) -> Answered {
    Answered {
        status: head.status,
        size,
        keep_alive: head.keep_alive,
        body: BodyKind::Whole,
    }
}

fn field_pair<'py>(
    pair: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyString>, Bound<'py, PyString>)> {
    pair.extract().map_err(|_| {
        PyTypeError::new_err(format!(
            "A header field must be a tuple of two str, not {pair:?}."
        ))
    })
}

/// Return the code points of a string as bytes (PEP 3333).
fn latin1_bytes<'a>(text: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, [u8]>> {
    let text = text.to_str()?;
    if text.is_ascii() {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    let bytes: Result<Vec<_>, _> = text.chars().map(u8::try_from).collect();
    bytes.map(Cow::Owned).map_err(|_| {
        PyValueError::new_err(format!(
            "{text:?} has characters that no header field can carry."
        ))
    })
}

fn mistake(error: ResponseError) -> PyErr {
    PyValueError::new_err(format!("The response cannot be sent: {error}."))
}

fn wrong_wire(wire: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!(
        "The handler returned {wire:?}, which is no response."
    ))
}

fn wrong_piece(piece: &Bound<'_, PyAny>) -> PyErr {
    let kind = piece.get_type();
    PyTypeError::new_err(format!(
        "The body of a response must yield bytes, not {kind:?}."
    ))
}
