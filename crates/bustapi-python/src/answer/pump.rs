//! The body of a response that is an iterator, run piece by piece in the request's Context.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator};

use crate::answer::context::RequestContext;
use crate::answer::file_wrapper::as_bytes;
use crate::request::head::RequestHead;
use crate::worker::site::{Site, catch_panic};

/// An iterator whose pieces are the body.
pub struct Pump {
    iterator: Py<PyIterator>,
    /// Bytes that the application has declared and not made yet.
    left: Option<u64>,
}

/// What the iterator came to.
pub enum Next<'py> {
    /// A piece, and how many of its bytes belong to the answer.
    Piece(Bound<'py, PyBytes>, usize),
    /// A piece without bytes, of which nothing is sent (PEP 3333).
    Empty,
    /// The last such piece: the application makes more than it has declared.
    Last(Bound<'py, PyBytes>, usize),
    /// It has ended, with as many bytes as were declared or not.
    End { is_whole: bool },
    /// It raised an exception, which was logged.
    Failed,
}

impl Pump {
    pub fn new(iterator: Bound<'_, PyIterator>, declared: Option<u64>) -> Self {
        Self {
            iterator: iterator.unbind(),
            left: declared,
        }
    }

    /// Run the iterator to its next piece.
    pub fn next<'py>(
        &mut self,
        py: Python<'py>,
        context: &RequestContext,
        site: &Site,
        head: &Py<RequestHead>,
    ) -> Next<'py> {
        let iterator = &self.iterator;
        let run = || context.run(py, || next_piece(&mut iterator.bind(py).clone()));
        match catch_panic(run) {
            Ok(Ok(Some(piece))) => self.take(py, piece, site, head),
            Ok(Ok(None)) => self.end(py, site, head),
            Ok(Err(error)) | Err(error) => {
                site.log(py, Some(head), error);
                Next::Failed
            }
        }
    }

    fn take<'py>(
        &mut self,
        py: Python<'py>,
        piece: Bound<'py, PyBytes>,
        site: &Site,
        head: &Py<RequestHead>,
    ) -> Next<'py> {
        let length = piece.as_bytes().len();
        if length == 0 {
            return Next::Empty;
        }
        let Some(left) = &mut self.left else {
            return Next::Piece(piece, length);
        };
        match usize::try_from(*left) {
            Ok(most) if most < length => {
                let text = "The response is longer than its Content-Length; the rest was cut.";
                site.log_mistake(py, Some(head), text.to_owned());
                Next::Last(piece, most)
            }
            _ => {
                *left -= length as u64;
                Next::Piece(piece, length)
            }
        }
    }

    fn end<'py>(&self, py: Python<'py>, site: &Site, head: &Py<RequestHead>) -> Next<'py> {
        let left = self.left.unwrap_or(0);
        if left > 0 {
            let text = format!("The response is {left} bytes shorter than its Content-Length.");
            site.log_mistake(py, Some(head), text);
        }
        Next::End {
            is_whole: left == 0,
        }
    }
}

/// Return the next piece, or None at the end.
fn next_piece<'py>(iterator: &mut Bound<'py, PyIterator>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let Some(piece) = iterator.next().transpose()? else {
        return Ok(None);
    };
    let bytes = as_bytes(&piece).ok_or_else(|| wrong_piece(&piece))?;
    Ok(Some(bytes.clone()))
}

pub fn wrong_piece(piece: &Bound<'_, PyAny>) -> PyErr {
    let kind = piece.get_type();
    PyTypeError::new_err(format!(
        "The body of a response must yield bytes, not {kind:?}."
    ))
}
