//! What a connection has still to write: encoded bytes, bodies of Python, parts of files.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd as _, OwnedFd};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use socket2::Socket;

/// Bodies up to this size are copied behind their head; larger ones are sent from where
/// they are.
pub const COPIED_BODY: usize = 16 * 1024;

/// Slices handed to one call of the kernel.
const SLICES: usize = 16;

/// Bytes of a file sent by one call, so that one client does not hold the loop.
const FILE_SLICE: usize = 1024 * 1024;

/// Buffers that have grown beyond this are given back when they are empty.
const KEPT_BUFFER: usize = 64 * 1024;

enum Segment {
    Buffer(Vec<u8>),
    Shared(Py<PyBytes>),
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
#[derive(Debug, PartialEq, Eq)]
pub enum Flush {
    Done,
    /// The socket takes no more now.
    Blocked {
        progress: bool,
    },
    /// The peer is gone, or a file ended before its time.
    Failed,
}

impl Output {
    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.rest.is_empty()
    }

    /// Bytes that are held in memory.
    pub fn held(&self) -> usize {
        let first = self.first.len()
            - if self.first.is_empty() {
                0
            } else {
                self.written
            };
        self.rest.iter().fold(first, |sum, segment| match segment {
            Segment::Buffer(bytes) => sum + bytes.len(),
            _ => sum,
        })
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
            self.rest.push_back(Segment::Shared(body.clone().unbind()));
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

    /// Write until everything is out or the socket takes no more.
    pub fn flush(&mut self, py: Python<'_>, socket: &Socket) -> Flush {
        let mut progress = false;
        while !self.is_empty() {
            match self.send_some(py, socket) {
                Ok(0) => return Flush::Failed,
                Ok(_) => progress = true,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Flush::Blocked { progress },
                    io::ErrorKind::Interrupted => {}
                    _ => return Flush::Failed,
                },
            }
        }
        Flush::Done
    }

    fn send_some(&mut self, py: Python<'_>, socket: &Socket) -> io::Result<usize> {
        if self.first.is_empty()
            && let Some(Segment::File {
                descriptor,
                offset,
                remaining,
            }) = self.rest.front_mut()
        {
            // The disk may be slow; the interpreter is not kept waiting.
            let sent = py.detach(|| send_file(socket, descriptor, offset, remaining))?;
            if *remaining == 0 {
                self.rest.pop_front();
            }
            return Ok(sent);
        }
        let sent = self.send_memory(py, socket)?;
        self.forget(py, sent);
        Ok(sent)
    }

    fn send_memory(&self, py: Python<'_>, socket: &Socket) -> io::Result<usize> {
        if self.rest.is_empty() {
            return socket.send_with_flags(&self.first[self.written..], NO_SIGNAL);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        let mut skipped = self.written;
        let first = (!self.first.is_empty()).then_some(&self.first[..]);
        let rest = self.rest.iter().map_while(|segment| match segment {
            Segment::Buffer(bytes) => Some(&bytes[..]),
            Segment::Shared(body) => Some(body.bind(py).as_bytes()),
            Segment::File { .. } => None,
        });
        for bytes in first.into_iter().chain(rest).take(SLICES) {
            slices[count] = IoSlice::new(&bytes[std::mem::take(&mut skipped)..]);
            count += 1;
        }
        socket.send_vectored_with_flags(&slices[..count], NO_SIGNAL)
    }

    /// Forget bytes of memory that are written, and the segments that they end.
    fn forget(&mut self, py: Python<'_>, count: usize) {
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
                Segment::Shared(body) => body.bind(py).as_bytes().len(),
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
                Segment::Shared(body) => bytes.extend_from_slice(body.bind(py).as_bytes()),
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

#[cfg(any(target_os = "linux", target_os = "android"))]
const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const NO_SIGNAL: libc::c_int = 0;

/// Send a part of a file; returns 0 when the file has become shorter than it was.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn send_file(
    socket: &Socket,
    descriptor: &OwnedFd,
    offset: &mut u64,
    remaining: &mut u64,
) -> io::Result<usize> {
    let count = FILE_SLICE.min(usize::try_from(*remaining).unwrap_or(FILE_SLICE));
    let mut position = libc::off_t::try_from(*offset).map_err(io::Error::other)?;
    // SAFETY: both descriptors are open as long as their owners, which are borrowed here;
    // the offset is a valid place to write to.
    let sent = unsafe {
        libc::sendfile(
            socket.as_raw_fd(),
            descriptor.as_raw_fd(),
            &raw mut position,
            count,
        )
    };
    let sent = usize::try_from(sent).map_err(|_| io::Error::last_os_error())?;
    *offset += sent as u64;
    *remaining -= sent as u64;
    Ok(sent)
}

/// Send a part of a file through a buffer where the kernel's `sendfile` differs.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn send_file(
    socket: &Socket,
    descriptor: &OwnedFd,
    offset: &mut u64,
    remaining: &mut u64,
) -> io::Result<usize> {
    use std::os::unix::fs::FileExt as _;

    let file = std::fs::File::from(descriptor.try_clone()?);
    let mut block = [0; 64 * 1024];
    let count = block
        .len()
        .min(usize::try_from(*remaining).unwrap_or(block.len()));
    let count = file.read_at(&mut block[..count], *offset)?;
    if count == 0 {
        return Ok(0);
    }
    let sent = socket.send(&block[..count])?;
    *offset += sent as u64;
    *remaining -= sent as u64;
    Ok(sent)
}
