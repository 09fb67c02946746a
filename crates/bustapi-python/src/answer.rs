//! What crosses threads to answer a request: a head and a body, in no protocol's bytes.
//!
//! Whoever answers makes it; the protocol of the connection encodes it, on the leader.

pub mod context;
pub mod file_wrapper;
pub mod pump;
pub mod wire;

use bustapi_core::answer::AnswerHead;
use bustapi_core::http1::response::{ResponseContext, has_no_content};
use bustapi_core::sync::stream_pipe::StreamReader;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use self::file_wrapper::RegularFile;

/// The answer to one request.
pub struct Answer {
    pub head: Head,
    pub content: Content,
    /// Whether fewer bytes come than the head promises, so that the connection must end.
    pub is_short: bool,
}

/// Status and fields.
pub enum Head {
    /// Well-formed lines made by this package; see `encode_template`.
    Template {
        status: u16,
        lines: Py<PyBytes>,
    },
    Checked(Box<AnswerHead>),
    /// An answer that the application has no part in; the connection closes behind it.
    Bare(u16),
}

/// The body, as the application made it.
pub enum Content {
    Empty,
    Bytes(Py<PyBytes>),
    Pieces(Vec<Py<PyBytes>>, u64),
    Block(Vec<u8>),
    File(RegularFile),
    /// It comes through a pipe, and has begun to.
    Stream(StreamReader),
}

/// What the access log says of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    pub status: u16,
    /// Bytes of its body, without framing.
    pub size: u64,
}

impl Answer {
    /// Answer without the application.
    pub const fn bare(status: u16) -> Self {
        Self {
            head: Head::Bare(status),
            content: Content::Empty,
            is_short: false,
        }
    }

    pub fn status(&self) -> u16 {
        match &self.head {
            Head::Template { status, .. } | Head::Bare(status) => *status,
            Head::Checked(head) => head.status(),
        }
    }

    /// Return what the access log says of it; of a stream, what is known before its body.
    pub fn answered(&self, py: Python<'_>, terms: &ResponseContext) -> Answered {
        let status = self.status();
        let size = if has_no_content(status, terms) {
            0
        } else {
            self.content.length(py)
        };
        Answered { status, size }
    }
}

impl Content {
    /// Return the number of its bytes; 0 of a stream.
    pub fn length(&self, py: Python<'_>) -> u64 {
        match self {
            Self::Empty | Self::Stream(_) => 0,
            Self::Bytes(bytes) => bytes.bind(py).as_bytes().len() as u64,
            Self::Pieces(_, length) => *length,
            Self::Block(block) => block.len() as u64,
            Self::File(file) => file.length,
        }
    }
}
