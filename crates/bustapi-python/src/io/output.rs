//! What a connection has still to write: encoded bytes, bodies of Python, parts of files.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::io::transport::Transport;

/// Bodies up to this size are copied behind their head; larger ones are sent from where
/// they are.
pub const COPIED_BODY: usize = 16 * 1024;

/// Slices handed to one call of the kernel.
const SLICES: usize = 16;

/// Bytes of answers that may wait for a slow client before its next request is looked at.
pub const OUTPUT_LIMIT: usize = 256 * 1024;

/// Bytes written for one client in its turn, so that it does not hold the loop.
const BUDGET: usize = 256 * 1024;

/// Buffers that have grown beyond this are given back when they are empty.
const KEPT_BUFFER: usize = 8 * 1024;

enum Segment {
    Buffer(Vec<u8>),
    Shared(Py<PyBytes>, usize),
    File {
        descriptor: OwnedFd,
        offset: u64,
        remaining: u64,
    },
}

/// A queue of segments; its first is a buffer that is used again and again.
#[derive(Default)]
pub struct Output {
    first: Vec<u8>,
    rest: VecDeque<Segment>,
    /// Bytes of the foremost segment that are written.
    written: usize,
}

/// An end that the output had.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    segments: usize,
    last: usize,
}

/// What came of an attempt to write.
#[derive(Debug)]
pub enum Flush {
    Done,
    /// The socket takes no more now.
    Blocked {
        progress: bool,
    },
    /// Others are to have their turn first.
    More,
    /// The peer is gone.
    Failed,
    /// A file could not be read on: what was promised cannot be kept.
    Cut(io::Error),
}

impl Output {
    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.rest.is_empty()
    }

    /// Whether no further answer should be begun before something is out: what is held is
    /// bounded, and so are the files that are open for it.
    pub fn is_full(&self) -> bool {
        let mut held = self.first.len();
        for segment in &self.rest {
            held += match segment {
                Segment::Buffer(bytes) => bytes.len(),
                Segment::Shared(_, length) => *length,
                Segment::File { .. } => return true,
            };
        }
        held > OUTPUT_LIMIT
    }

    /// The buffer to which encoded bytes are appended.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if self.rest.is_empty() {
            return &mut self.first;
        }
        if !matches!(self.rest.back(), Some(Segment::Buffer(_))) {
            self.rest.push_back(Segment::Buffer(Vec::new()));
        }
        match self.rest.back_mut() {
            Some(Segment::Buffer(bytes)) => bytes,
            _ => unreachable!("a buffer was just appended"),
        }
    }

    pub fn push_body(&mut self, body: &Bound<'_, PyBytes>) {
        let bytes = body.as_bytes();
        if bytes.len() <= COPIED_BODY {
            self.buffer().extend_from_slice(bytes);
        } else {
            let segment = Segment::Shared(body.clone().unbind(), bytes.len());
            self.rest.push_back(segment);
        }
    }

    pub fn push_file(&mut self, descriptor: OwnedFd, offset: u64, remaining: u64) {
        if remaining > 0 {
            self.rest.push_back(Segment::File {
                descriptor,
                offset,
                remaining,
            });
        }
    }

    /// Return where the output ends now.
    pub fn mark(&self) -> Mark {
        let last = match self.rest.back() {
            None => self.first.len(),
            Some(Segment::Buffer(bytes)) => bytes.len(),
            Some(_) => 0,
        };
        Mark {
            segments: self.rest.len(),
            last,
        }
    }

    /// Forget what was appended after a mark; nothing was written meanwhile.
    pub fn rewind(&mut self, mark: Mark) {
        self.rest.truncate(mark.segments);
        match self.rest.back_mut() {
            None => self.first.truncate(mark.last),
            Some(Segment::Buffer(bytes)) => bytes.truncate(mark.last),
            Some(_) => {}
        }
    }

    pub fn clear(&mut self) {
        self.first.clear();
        self.rest.clear();
        self.written = 0;
    }

    /// Write until everything is out, the socket takes no more, or others must have their
    /// turn.
    pub fn flush(&mut self, py: Python<'_>, transport: &Transport) -> Flush {
        let mut left = BUDGET;
        while !self.is_empty() {
            if left == 0 {
                return Flush::More;
            }
            let is_file = self.first.is_empty() && self.starts_with_file();
            match self.send_some(py, transport, left) {
                // Of memory nothing is sent only if nothing is there.
                Ok(0) => return Flush::Cut(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => left = left.saturating_sub(count),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        let progress = left < BUDGET;
                        return Flush::Blocked { progress };
                    }
                    io::ErrorKind::Interrupted => {}
                    _ if is_file && !is_of_peer(&error) => return Flush::Cut(error),
                    _ => return Flush::Failed,
                },
            }
        }
        Flush::Done
    }

    fn starts_with_file(&self) -> bool {
        matches!(self.rest.front(), Some(Segment::File { .. }))
    }

    fn send_some(
        &mut self,
        py: Python<'_>,
        transport: &Transport,
        most: usize,
    ) -> io::Result<usize> {
        if self.first.is_empty()
            && let Some(Segment::File {
                descriptor,
                offset,
                remaining,
            }) = self.rest.front_mut()
        {
            let count = usize::try_from(*remaining).map_or(most, |left| left.min(most));
            // The disk may be slow; the interpreter is not kept waiting.
            let sent = py.detach(|| transport.write_file(descriptor, *offset, count))?;
            *offset += sent as u64;
            *remaining -= sent as u64;
            if *remaining == 0 {
                self.rest.pop_front();
            }
            return Ok(sent);
        }
        let sent = self.send_memory(py, transport)?;
        self.forget(sent);
        Ok(sent)
    }

    fn send_memory(&self, py: Python<'_>, transport: &Transport) -> io::Result<usize> {
        if self.rest.is_empty() {
            return transport.write(&self.first[self.written..]);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        let mut skipped = self.written;
        let first = (!self.first.is_empty()).then_some(&self.first[..]);
        let rest = self.rest.iter().map_while(|segment| match segment {
            Segment::Buffer(bytes) => Some(&bytes[..]),
            Segment::Shared(body, _) => Some(body.bind(py).as_bytes()),
            Segment::File { .. } => None,
        });
        for bytes in first.into_iter().chain(rest).take(SLICES) {
            slices[count] = IoSlice::new(&bytes[std::mem::take(&mut skipped)..]);
            count += 1;
        }
        transport.write_vectored(&slices[..count])
    }

    /// Forget bytes of memory that are written, and the segments that they end.
    fn forget(&mut self, count: usize) {
        self.written += count;
        if !self.first.is_empty() {
            if self.written < self.first.len() {
                return;
            }
            self.written -= self.first.len();
            self.first.clear();
            self.first.shrink_to(KEPT_BUFFER);
        }
        while let Some(segment) = self.rest.front() {
            let length = match segment {
                Segment::Buffer(bytes) => bytes.len(),
                Segment::Shared(_, length) => *length,
                Segment::File { .. } => return,
            };
            if self.written < length {
                return;
            }
            self.written -= length;
            self.rest.pop_front();
        }
    }

    /// Take everything as bytes, for an edge without a socket.
    pub fn take(&mut self, py: Python<'_>) -> io::Result<Vec<u8>> {
        let mut bytes = std::mem::take(&mut self.first);
        for segment in self.rest.drain(..) {
            match segment {
                Segment::Buffer(buffer) => bytes.extend_from_slice(&buffer),
                Segment::Shared(body, _) => bytes.extend_from_slice(body.bind(py).as_bytes()),
                Segment::File {
                    descriptor,
                    offset,
                    remaining,
                } => {
                    use std::io::Read as _;
                    use std::io::Seek as _;

                    let mut file = std::fs::File::from(descriptor);
                    file.seek(io::SeekFrom::Start(offset))?;
                    file.take(remaining).read_to_end(&mut bytes)?;
                }
            }
        }
        self.written = 0;
        Ok(bytes)
    }
}

/// Whether a failed write of a file tells of the connection, and not of the file.
fn is_of_peer(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EPIPE
                | libc::ECONNRESET
                | libc::ECONNABORTED
                | libc::ENOTCONN
                | libc::ETIMEDOUT
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
        )
    )
}
