//! The response head: checked, framed and written; chunks and bare error answers.

use crate::answer::AnswerHead;
use crate::error::ResponseError;
use crate::http1::bytes::list_elements;
use crate::http1::date::DATE_LINE;
pub use crate::http1::date::DateCache;
use crate::http1::head::{Head, Version};
pub use crate::http1::reason::standard_reason;

/// The interim answer that a client with `Expect: 100-continue` waits for.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What ends a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What a request says about the shape of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseContext {
    pub is_head: bool,
    pub is_connect: bool,
    pub version: Version,
    /// Whether the connection may stay open as far as client and server are concerned.
    pub keep_alive: bool,
}

impl ResponseContext {
    /// Read the context off a request head.
    #[must_use]
    pub fn of(head: &Head, buffer: &[u8]) -> Self {
        let method = head.method.of(buffer);
        Self {
            is_head: method == b"HEAD",
            is_connect: method == b"CONNECT",
            version: head.version,
            keep_alive: head.keep_alive,
        }
    }
}

/// What is known of a body before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// All of it is there: so many bytes.
    Sized(u64),
    /// It comes piece by piece.
    Stream,
}

/// How the end of the answer's body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFraming {
    /// Exactly so many bytes must be written.
    Length(u64),
    /// Each piece goes through [`encode_chunk`], then [`LAST_CHUNK`].
    Chunked,
    /// The connection closes behind the body.
    UntilClose,
    /// No body may be written, whatever the application made.
    Empty,
}

/// What was decided while the head was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodedHead {
    pub status: u16,
    pub framing: ResponseFraming,
    /// Whether the connection stays open; if not, the head says so.
    pub keep_alive: bool,
}

/// Write the head of an answer.
///
/// Fields that belong to the connection are the server's (PEP 3333): of the application's
/// `Connection` only `close` is obeyed, `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer` and
/// `Transfer-Encoding` are dropped, and so is `Upgrade` except with 426, which demands it.
/// All others go out as they are and in their order. A Content-Length is added behind them
/// where the application gave none; its own is dropped where no answer may have one, and
/// where it must be 0. Where it gave one, it is what the body must have: whoever knows the
/// body has compared them ([`length_mismatch`]).
pub fn encode_head(
    out: &mut Vec<u8>,
    head: &AnswerHead,
    body: BodyKind,
    context: &ResponseContext,
    date: &DateCache,
) -> EncodedHead {
    let status = head.status();
    write_status_line(out, head);
    let mut own = OwnFields::default();
    for (name, value) in head.fields() {
        if own.passes(name, value, status, context) {
            write_field(out, name, value);
        }
    }
    let (framing, added) = match head.content_length() {
        _ if is_reset(status, context) => (ResponseFraming::Empty, Some(0)),
        Some(declared) => (declared_framing(status, declared, context), None),
        None => undeclared_framing(status, body, context),
    };
    if let Some(length) = added {
        write_length(out, length);
    }
    if framing == ResponseFraming::Chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    if !own.has_date {
        out.extend_from_slice(date.line());
    }
    let keep_alive =
        context.keep_alive && !own.wants_close && may_keep_alive(status, framing, context);
    write_connection(out, keep_alive, own.has_upgrade, context);
    out.extend_from_slice(b"\r\n");
    EncodedHead {
        status,
        framing,
        keep_alive,
    }
}

/// Compare the length that an application declared with the body that it made.
///
/// # Errors
/// [`ResponseError::LengthMismatch`], where a body is sent at all.
pub fn length_mismatch(
    head: &AnswerHead,
    actual: u64,
    context: &ResponseContext,
) -> Result<(), ResponseError> {
    match head.content_length() {
        Some(declared) if declared != actual && !has_no_content(head.status(), context) => {
            Err(ResponseError::LengthMismatch { declared, actual })
        }
        _ => Ok(()),
    }
}

/// Write a head from a template: status line and fields, each with its line end.
///
/// The template was made by this package, is well formed and lacks Content-Length, Date,
/// every field of the connection and the empty line. The length is that of the body which
/// the application made, whether it is sent or not.
#[inline]
pub fn encode_template(
    out: &mut Vec<u8>,
    status: u16,
    template: &[u8],
    body_length: u64,
    context: &ResponseContext,
    date: &DateCache,
) -> EncodedHead {
    // PERF: one reservation and at most five copies; everything else was decided before.
    out.reserve(template.len() + DATE_LINE + 64);
    out.extend_from_slice(template);
    let framing = if has_no_content(status, context) {
        ResponseFraming::Empty
    } else {
        ResponseFraming::Length(body_length)
    };
    // The application knows its whole body, so HEAD has the length also if it is 0.
    if is_reset(status, context) {
        write_length(out, 0);
    } else if status != 304 && !forbids_length(status, context) {
        write_length(out, body_length);
    }
    out.extend_from_slice(date.line());
    let keep_alive = context.keep_alive && may_keep_alive(status, framing, context);
    write_connection(out, keep_alive, false, context);
    out.extend_from_slice(b"\r\n");
    EncodedHead {
        status,
        framing,
        keep_alive,
    }
}

/// Write one chunk; an empty piece writes nothing, since an empty chunk ends the body.
pub fn encode_chunk(out: &mut Vec<u8>, piece: &[u8]) {
    if piece.is_empty() {
        return;
    }
    out.reserve(piece.len() + 20);
    encode_chunk_size(out, piece.len() as u64);
    out.extend_from_slice(piece);
    out.extend_from_slice(b"\r\n");
}

/// Write the line before a chunk's content, for content that is sent from elsewhere.
pub fn encode_chunk_size(out: &mut Vec<u8>, size: u64) {
    let nibbles = (67 - (size | 1).leading_zeros()) / 4;
    for nibble in (0..nibbles).rev() {
        let digit = (size >> (4 * nibble) & 0xf) as usize;
        out.push(b"0123456789abcdef"[digit]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Write a whole answer that the application has no part in; the connection closes behind it.
///
/// The body is the reason phrase alone: nothing about the server or the request leaves.
pub fn encode_error(out: &mut Vec<u8>, status: u16, is_head: bool, date: &DateCache) {
    let reason = standard_reason(status).unwrap_or("Error");
    let body = format!("{status} {reason}\n");
    out.extend_from_slice(format!("HTTP/1.1 {status} {reason}\r\n").as_bytes());
    out.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\n");
    write_length(out, body.len() as u64);
    if status == 503 {
        out.extend_from_slice(b"Retry-After: 1\r\n");
    }
    out.extend_from_slice(date.line());
    out.extend_from_slice(b"Connection: close\r\n\r\n");
    if !is_head {
        out.extend_from_slice(body.as_bytes());
    }
}

/// The fields of the application that concern the connection.
#[derive(Debug, Default)]
struct OwnFields {
    has_date: bool,
    has_upgrade: bool,
    wants_close: bool,
}

impl OwnFields {
    /// Note a field and tell whether it goes out as it is.
    fn passes(
        &mut self,
        name: &[u8],
        value: &[u8],
        status: u16,
        context: &ResponseContext,
    ) -> bool {
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        match name.len() {
            2 if is(b"te") => false,
            4 if is(b"date") => {
                // RFC 9110 5.3: a field that is no list is sent once.
                !std::mem::replace(&mut self.has_date, true)
            }
            7 if is(b"trailer") => false,
            7 if is(b"upgrade") => {
                // RFC 9110 15.5.22: 426 names the protocol to change to.
                self.has_upgrade |= status == 426;
                status == 426
            }
            10 if is(b"connection") => {
                self.wants_close |=
                    list_elements(value).any(|option| option.eq_ignore_ascii_case(b"close"));
                false
            }
            10 if is(b"keep-alive") => false,
            // RFC 9110 8.6: not with 204 and not with 2xx to CONNECT; with HEAD and 304
            // it is the length that GET would have.
            14 if is(b"content-length") => {
                !forbids_length(status, context) && !is_reset(status, context)
            }
            16 if is(b"proxy-connection") => false,
            17 if is(b"transfer-encoding") => false,
            _ => true,
        }
    }
}

/// Decide how the body of an application that declared its length ends (RFC 9112 6.3).
const fn declared_framing(
    status: u16,
    declared: u64,
    context: &ResponseContext,
) -> ResponseFraming {
    if has_no_content(status, context) {
        ResponseFraming::Empty
    } else {
        ResponseFraming::Length(declared)
    }
}

/// The same for an application that declared nothing.
#[inline]
fn undeclared_framing(
    status: u16,
    body: BodyKind,
    context: &ResponseContext,
) -> (ResponseFraming, Option<u64>) {
    match body {
        _ if has_no_content(status, context) => {
            // What HEAD left out has a length only if there was something to leave out.
            let length = match body {
                BodyKind::Sized(length) if length > 0 && context.is_head => Some(length),
                _ => None,
            };
            let is_sent = status != 304 && !forbids_length(status, context);
            (ResponseFraming::Empty, length.filter(|_| is_sent))
        }
        BodyKind::Sized(length) => (ResponseFraming::Length(length), Some(length)),
        BodyKind::Stream if context.version == Version::Http11 => (ResponseFraming::Chunked, None),
        BodyKind::Stream => (ResponseFraming::UntilClose, None),
    }
}

/// Whether an answer ends with its head, whatever the application made (RFC 9112 6.3).
#[inline]
#[must_use]
pub const fn has_no_content(status: u16, context: &ResponseContext) -> bool {
    context.is_head || matches!(status, 204 | 205 | 304) || is_tunnel(status, context)
}

/// RFC 9110 15.3.6: 205 has no content, but unlike 204 it is not known for that: the client
/// learns it from a Content-Length of 0.
const fn is_reset(status: u16, context: &ResponseContext) -> bool {
    status == 205 && !context.is_connect
}

const fn forbids_length(status: u16, context: &ResponseContext) -> bool {
    status == 204 || is_tunnel(status, context)
}

/// RFC 9110 9.3.6: behind 2xx to CONNECT nothing is HTTP, so the connection cannot stay.
const fn is_tunnel(status: u16, context: &ResponseContext) -> bool {
    context.is_connect && matches!(status, 200..=299)
}

#[inline]
fn may_keep_alive(status: u16, framing: ResponseFraming, context: &ResponseContext) -> bool {
    framing != ResponseFraming::UntilClose && !is_tunnel(status, context)
}

fn write_status_line(out: &mut Vec<u8>, head: &AnswerHead) {
    out.extend_from_slice(b"HTTP/1.1 ");
    write_decimal(out, u64::from(head.status()));
    out.push(b' ');
    let standard = || standard_reason(head.status()).unwrap_or("").as_bytes();
    let reason = match head.reason() {
        [] => standard(),
        reason => reason,
    };
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn write_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"Content-Length: ");
    write_decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

/// Write the Connection field where the version does not already say it (RFC 9112 9.3).
#[inline]
fn write_connection(
    out: &mut Vec<u8>,
    keep_alive: bool,
    has_upgrade: bool,
    context: &ResponseContext,
) {
    let line: &[u8] = match (keep_alive, context.version, has_upgrade) {
        (true, Version::Http11, false) => return,
        (true, _, true) => b"Connection: upgrade\r\n",
        (true, Version::Http10, false) => b"Connection: keep-alive\r\n",
        (false, _, true) => b"Connection: upgrade, close\r\n",
        (false, _, false) => b"Connection: close\r\n",
    };
    out.extend_from_slice(line);
}

#[inline]
pub(crate) fn write_decimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}
