//! Answers in HTTP/1: the head with its framing, the body behind it, the end.

use bustapi_core::answer::AnswerHead;
use bustapi_core::http1::response::{
    BodyKind as Extent, EncodedHead, LAST_CHUNK, ResponseContext, ResponseFraming, encode_chunk,
    encode_error, encode_head, encode_template,
};
use bustapi_core::sync::stream_pipe::{Pieces, StreamReader};
use pyo3::prelude::*;

use crate::answer::{Answer, Content, Head};
use crate::io::output::Output;
use crate::protocol::date::with_date;

/// How the body of an answer that has begun goes on.
pub struct Encoder {
    framing: ResponseFraming,
    /// Whether the connection may be used again behind it.
    pub keep_alive: bool,
}

impl Encoder {
    /// Write the head of an answer and what there is of its body; returns also where the
    /// rest comes from.
    pub fn begin(
        py: Python<'_>,
        answer: Answer,
        terms: &ResponseContext,
        output: &mut Output,
    ) -> (Self, Option<StreamReader>) {
        let length = answer.content.length(py);
        let encoded = match &answer.head {
            Head::Bare(status) => return (Self::refuse(*status, terms.is_head, output), None),
            Head::Template { status, lines } => {
                let lines = lines.bind(py).as_bytes();
                let buffer = output.buffer();
                with_date(|date| encode_template(buffer, *status, lines, length, terms, date))
            }
            Head::Checked(head) => {
                let extent = match answer.content {
                    Content::Stream(_) => Extent::Stream,
                    _ => Extent::Sized(length),
                };
                begin_checked(head, extent, terms, output)
            }
        };
        let encoder = Self {
            framing: encoded.framing,
            keep_alive: encoded.keep_alive && !answer.is_short,
        };
        let stream = match answer.content {
            Content::Stream(stream) => Some(stream),
            _ if encoded.framing == ResponseFraming::Empty => None,
            content => {
                push_content(py, content, output);
                None
            }
        };
        (encoder, stream)
    }

    /// Write an answer that the application has no part in; the connection closes behind it.
    pub fn refuse(status: u16, is_head: bool, output: &mut Output) -> Self {
        with_date(|date| encode_error(output.buffer(), status, is_head, date));
        Self {
            framing: ResponseFraming::Empty,
            keep_alive: false,
        }
    }

    /// Whether the end of its body is the end of the connection, and nothing else tells a
    /// client that it is whole.
    pub fn ends_with_connection(&self) -> bool {
        self.framing == ResponseFraming::UntilClose
    }

    /// Write what came of a streamed body: each piece is a chunk of its own.
    pub fn pieces(&self, pieces: &Pieces, output: &mut Output) {
        match self.framing {
            ResponseFraming::Empty => {}
            ResponseFraming::Chunked => {
                let buffer = output.buffer();
                for piece in pieces.iter() {
                    encode_chunk(buffer, piece);
                }
            }
            ResponseFraming::Length(_) | ResponseFraming::UntilClose => {
                output.buffer().extend_from_slice(pieces.bytes());
            }
        }
    }

    /// Write the end of a streamed body that is whole.
    pub fn end(&self, output: &mut Output) {
        if self.framing == ResponseFraming::Chunked {
            output.buffer().extend_from_slice(LAST_CHUNK);
        }
    }
}

fn begin_checked(
    head: &AnswerHead,
    extent: Extent,
    terms: &ResponseContext,
    output: &mut Output,
) -> EncodedHead {
    let buffer = output.buffer();
    with_date(|date| encode_head(buffer, head, extent, terms, date))
}

fn push_content(py: Python<'_>, content: Content, output: &mut Output) {
    match content {
        Content::Empty | Content::Stream(_) => {}
        Content::Bytes(bytes) => output.push_body(bytes.bind(py)),
        Content::Pieces(pieces, _) => {
            for piece in pieces {
                output.push_body(piece.bind(py));
            }
        }
        Content::Block(block) => output.buffer().extend_from_slice(&block),
        Content::File(file) => output.push_file(file.descriptor, file.position, file.length),
    }
}
