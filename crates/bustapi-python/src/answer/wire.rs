//! The handler called, and what it returned checked and taken apart.
//!
//! All of Python that a request runs does so in one Context and on one thread, from the
//! call of the handler to the `close()` of what it returned.

use std::borrow::Cow;

use bustapi_core::answer::AnswerHead;
use bustapi_core::error::ResponseError;
use bustapi_core::http1::response::{ResponseContext, has_no_content, length_mismatch};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList, PyString, PyTuple};

use crate::answer::context::RequestContext;
use crate::answer::file_wrapper::{FileWrapper, RegularFile, as_bytes, read_block};
use crate::answer::pump::{Pump, wrong_piece};
use crate::answer::{Answer, Content, Head};
use crate::request::Request;
use crate::worker::site::{Site, catch_panic};

/// Files up to this size are read at once and leave together with their head.
const READ_FILE: u64 = 64 * 1024;

/// What the handler has made of a request.
pub enum Made {
    Whole(Answer),
    /// The head, and an iterator that has not been run.
    Stream(Box<AnswerHead>, Pump),
}

/// A response that is being answered: what was made, and what must be closed at its end.
pub struct Response {
    pub made: Made,
    pub closing: Option<Closing>,
}

/// What the application returned, to be closed in its Context.
pub struct Closing {
    pub context: RequestContext,
    body: Py<PyAny>,
}

/// Call the handler; whatever goes wrong is logged and becomes a bare 500.
pub fn respond(py: Python<'_>, site: &Site, request: &Request) -> Response {
    let error = match catch_panic(|| call(py, site, request)) {
        Ok(Ok(response)) => return response,
        Ok(Err(error)) | Err(error) => error,
    };
    site.log(py, Some(&request.head), error);
    Response {
        made: Made::Whole(Answer::bare(500)),
        closing: None,
    }
}

fn call(py: Python<'_>, site: &Site, request: &Request) -> PyResult<Response> {
    let context = RequestContext::new(py)?;
    let reader = Reader {
        py,
        site,
        request,
        terms: &request.terms,
    };
    let (made, body) = context.run(py, || {
        let wire = site
            .respond()
            .bind(py)
            .call1((&request.head, &request.body))?;
        reader.read(&wire)
    })?;
    let closing = body.map(|body| Closing { context, body });
    Ok(Response { made, closing })
}

impl Closing {
    /// Close the body; an error of that spoils no answer and is logged.
    pub fn close(&self, py: Python<'_>, site: &Site, request: &Request) {
        let close = || {
            self.context.run(py, || {
                let body = self.body.bind(py);
                match body.getattr_opt(pyo3::intern!(py, "close"))? {
                    Some(close) => close.call0().map(drop),
                    None => Ok(()),
                }
            })
        };
        if let Ok(Err(error)) | Err(error) = catch_panic(close) {
            site.log(py, Some(&request.head), error);
        }
    }
}

/// What was made, and the body if it has to be closed.
type Read = (Made, Option<Py<PyAny>>);

struct Reader<'a, 'py> {
    py: Python<'py>,
    site: &'a Site,
    request: &'a Request,
    terms: &'a ResponseContext,
}

impl<'py> Reader<'_, 'py> {
    fn read(&self, wire: &Bound<'py, PyAny>) -> PyResult<Read> {
        let wire = wire.cast::<PyTuple>().map_err(|_| wrong_wire(wire))?;
        if wire.len() != 3 {
            return Err(wrong_wire(wire));
        }
        let (first, second, body) = (wire.get_item(0)?, wire.get_item(1)?, wire.get_item(2)?);
        if let Ok(status) = first.cast::<PyString>() {
            let fields = second.cast::<PyList>().map_err(|_| wrong_wire(wire))?;
            return Ok(self.read_wsgi(status, fields, body));
        }
        let status = first
            .cast::<PyInt>()
            .map_err(|_| wrong_wire(wire))?
            .extract()?;
        let lines = as_bytes(&second).ok_or_else(|| wrong_wire(wire))?;
        let body = as_bytes(&body).ok_or_else(|| wrong_wire(wire))?;
        let answer = Answer {
            head: Head::Template {
                status,
                lines: lines.clone().unbind(),
            },
            content: Content::Bytes(body.clone().unbind()),
            is_short: false,
        };
        Ok((Made::Whole(answer), None))
    }

    /// Read a WSGI response; whatever is wrong with it, its body is closed.
    fn read_wsgi(
        &self,
        status: &Bound<'py, PyString>,
        fields: &Bound<'py, PyList>,
        body: Bound<'py, PyAny>,
    ) -> Read {
        let made = self.read_checked(status, fields, &body);
        let made = made.unwrap_or_else(|error| {
            self.site.log(self.py, Some(&self.request.head), error);
            Made::Whole(Answer::bare(500))
        });
        // PERF: the usual bodies have no such method; asking costs an AttributeError.
        let is_closed = body.is_exact_instance_of::<PyBytes>()
            || body.is_exact_instance_of::<PyList>()
            || body.is_exact_instance_of::<PyTuple>();
        (made, (!is_closed).then(|| body.unbind()))
    }

    fn read_checked(
        &self,
        status: &Bound<'py, PyString>,
        fields: &Bound<'py, PyList>,
        body: &Bound<'py, PyAny>,
    ) -> PyResult<Made> {
        let head = read_head(status, fields)?;
        if let Some(bytes) = as_bytes(body) {
            return self.whole(head, std::slice::from_ref(bytes));
        }
        if let Ok(wrapper) = body.cast::<FileWrapper>()
            && let Some(file) = wrapper.get().regular_file(self.py)?
        {
            return self.file(head, file);
        }
        if let Ok(list) = body.cast::<PyList>() {
            return self.whole(head, &pieces(list.iter())?);
        }
        if let Ok(tuple) = body.cast::<PyTuple>() {
            return self.whole(head, &pieces(tuple.iter())?);
        }
        let iterator = body.try_iter()?;
        // Of an answer without content the iterator is not run.
        if has_no_content(head.status(), self.terms) {
            return Ok(Made::Whole(checked(head, Content::Empty, false)));
        }
        let pump = Pump::new(iterator, head.content_length());
        Ok(Made::Stream(Box::new(head), pump))
    }

    /// Take a body whose pieces are all there.
    fn whole(&self, head: AnswerHead, pieces: &[Bound<'py, PyBytes>]) -> PyResult<Made> {
        let lengths = pieces.iter().map(|piece| piece.as_bytes().len() as u64);
        let actual: u64 = lengths.sum();
        let length = self.check_length(&head, actual, true);
        let content = match pieces {
            [] => Content::Empty,
            [piece] if length == actual => Content::Bytes(piece.clone().unbind()),
            _ => Content::Pieces(cut(pieces, length), length),
        };
        Ok(Made::Whole(checked(head, content, length > actual)))
    }

    fn file(&self, head: AnswerHead, mut file: RegularFile) -> PyResult<Made> {
        // Read before the head: the size of some files is not that of their content. A large
        // one is at least seen to be readable.
        let is_large = file.length > READ_FILE;
        let count = if is_large { 1 } else { file.length };
        let count = usize::try_from(count).expect("it is at most 64 KiB");
        let block = self.py.detach(|| read_block(&file, count))?;
        let block = (!is_large || block.is_empty()).then_some(block);
        let actual = block
            .as_ref()
            .map_or(file.length, |block| block.len() as u64);
        let declared = self.check_length(&head, actual, false);
        let length = declared.min(actual);
        let content = match block {
            Some(mut block) => {
                block.truncate(usize::try_from(length).expect("it is at most 64 KiB"));
                Content::Block(block)
            }
            None => {
                file.length = length;
                Content::File(file)
            }
        };
        Ok(Made::Whole(checked(head, content, declared > actual)))
    }

    /// Return how many bytes the head declares, and log it when that is not what there is.
    fn check_length(&self, head: &AnswerHead, actual: u64, may_not_be_longer: bool) -> u64 {
        match length_mismatch(head, actual, self.terms) {
            Err(error @ ResponseError::LengthMismatch { declared, .. }) => {
                if may_not_be_longer || actual < declared {
                    let request = Some(&self.request.head);
                    self.site.log_mistake(self.py, request, error.to_string());
                }
                declared
            }
            _ => actual,
        }
    }
}

/// Return the pieces up to a length of all of them together.
fn cut(pieces: &[Bound<'_, PyBytes>], length: u64) -> Vec<Py<PyBytes>> {
    let mut left = usize::try_from(length).unwrap_or(usize::MAX);
    let mut taken = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let bytes = piece.as_bytes();
        if bytes.len() > left {
            taken.push(PyBytes::new(piece.py(), &bytes[..left]).unbind());
            break;
        }
        taken.push(piece.clone().unbind());
        left -= bytes.len();
    }
    taken
}

fn checked(head: AnswerHead, content: Content, is_short: bool) -> Answer {
    Answer {
        head: Head::Checked(Box::new(head)),
        content,
        is_short,
    }
}

fn read_head(status: &Bound<'_, PyString>, fields: &Bound<'_, PyList>) -> PyResult<AnswerHead> {
    let mut head = AnswerHead::new(&latin1_bytes(status)?).map_err(mistake)?;
    for pair in fields.iter() {
        let (name, value) = field_pair(&pair)?;
        head.push(&latin1_bytes(&name)?, &latin1_bytes(&value)?)
            .map_err(mistake)?;
    }
    Ok(head)
}

fn pieces<'py>(
    items: impl Iterator<Item = Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let piece =
        |item: Bound<'py, PyAny>| as_bytes(&item).cloned().ok_or_else(|| wrong_piece(&item));
    items.map(piece).collect()
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
