//! The request head: start line and field lines, and what they say about the connection.
//!
//! The buffer is scanned once, from control character to control character. The parser
//! remembers where it stopped, so a head that arrives byte by byte costs no more than one
//! that arrives whole, and an error is reported at the byte that makes it one:
//!
//! | at | next | refused |
//! |---|---|---|
//! | CR | LF: the line is complete and is judged; end of input: wait | any other byte |
//! | LF without CR, any other control character | | always |
//! | end of the first line that is not empty | method, target, version | malformed ones |
//! | end of a line | one field | folded, nameless, spaced; one too many |
//! | end of the empty line | framing, Host and expectation, which need all fields | |
//!
//! After an error the parser must not be used again: the connection closes.

use std::mem;

use crate::error::HttpError;
pub use crate::http1::bytes::Span;
use crate::http1::bytes::{find_control, is_token, list_elements, parse_decimal};
use crate::http1::fields::split_field;
use crate::http1::host::is_host;
use crate::http1::target::{Target, TargetForm};
use crate::limits::Limits;

/// The two versions that are spoken on a connection without HTTP/2. A later minor version is
/// answered as 1.1, the highest one that is known here (RFC 9110 2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    Http10,
    Http11,
}

impl Version {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

/// How the end of a request body is known (RFC 9112 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// So many bytes follow; never 0.
    Length(u64),
    /// Chunks follow.
    Chunked,
}

/// One field line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: Span,
    pub value: Span,
}

/// A request head that keeps every rule; all spans refer to the buffer it was parsed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes of the head; the body starts there.
    pub length: usize,
    pub method: Span,
    pub target: Target,
    pub version: Version,
    /// All field lines in the order they came.
    pub fields: Vec<Field>,
    pub framing: Framing,
    /// Content-Length as it was sent, 0 included; None without one.
    pub content_length: Option<u64>,
    /// Whether the client wants the connection kept (RFC 9112 9.3).
    pub keep_alive: bool,
    /// Whether the client waits for 100 before it sends its body (RFC 9110 10.1.1).
    pub expect_continue: bool,
    pub has_upgrade: bool,
    /// Host, or the authority of an absolute target, which beats it (RFC 9112 3.2.2).
    pub host: Option<Span>,
    /// Index of the first Cookie field.
    pub cookie: Option<u16>,
    /// Index of the first Content-Type field.
    pub content_type: Option<u16>,
}

/// How far a head has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadStatus {
    /// Everything so far keeps the rules; more bytes are needed.
    Partial,
    Complete(Head),
}

/// Parser of one head after the other; see the module for its rules.
#[derive(Debug, Default)]
pub struct HeadParser {
    position: usize,
    line_start: usize,
    empty_lines: u32,
    request_line: Option<RequestLine>,
    fields: Vec<Field>,
    found: Found,
}

impl HeadParser {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether anything but empty lines has come, so that the deadline of a head runs and an
    /// end of the input cuts a request.
    #[must_use]
    pub const fn has_started(&self) -> bool {
        self.request_line.is_some() || self.position > self.line_start
    }

    /// Return how many bytes of the buffer were looked at.
    #[must_use]
    pub const fn scanned(&self) -> usize {
        self.position
    }

    /// Go on with a buffer that starts where it did last time and has grown since.
    ///
    /// When the head is complete the parser is ready for the next one, whose buffer starts
    /// [`Head::length`] bytes later.
    ///
    /// # Errors
    /// The first rule that is broken, in the order of the bytes.
    pub fn advance(&mut self, buffer: &[u8], limits: &Limits) -> Result<HeadStatus, HttpError> {
        loop {
            let Some(control) = find_control(buffer, self.position) else {
                self.check_limits(buffer.len(), buffer.len(), limits)?;
                self.position = buffer.len();
                return Ok(HeadStatus::Partial);
            };
            let next = buffer.get(control + 1);
            let is_line_end = buffer[control] == b'\r' && next == Some(&b'\n');
            self.check_limits(control, control + 1 + usize::from(is_line_end), limits)?;
            match (buffer[control], next) {
                (b'\r', Some(b'\n')) => {}
                (b'\r', None) => {
                    self.position = control;
                    return Ok(HeadStatus::Partial);
                }
                (b'\r' | b'\n', _) => return Err(HttpError::BareLineEnd),
                _ => return Err(HttpError::ControlCharacter),
            }
            let line = self.line_start..control;
            self.position = control + 2;
            self.line_start = self.position;
            if !line.is_empty() {
                self.take_line(buffer, Span::new(line), limits)?;
            } else if let Some(request_line) = self.request_line {
                return self.finish(request_line).map(HeadStatus::Complete);
            } else {
                self.empty_lines += 1;
                if self.empty_lines > limits.empty_lines {
                    return Err(HttpError::TooManyEmptyLines);
                }
            }
        }
    }

    /// Check the line that goes up to `line_end` and the head that goes up to `head_end`.
    ///
    /// Of two limits the one that was reached first is reported, so that the size of the
    /// pieces makes no difference.
    fn check_limits(
        &self,
        line_end: usize,
        head_end: usize,
        limits: &Limits,
    ) -> Result<(), HttpError> {
        let (line_limit, line_error) = if self.request_line.is_some() {
            (limits.field_line, HttpError::FieldTooLong)
        } else {
            (limits.request_line, HttpError::RequestLineTooLong)
        };
        let line_limit = self.line_start + line_limit as usize;
        let head_limit = limits.head as usize;
        if line_end > line_limit && line_limit <= head_limit {
            Err(line_error)
        } else if head_end > head_limit {
            Err(HttpError::HeadTooLong)
        } else {
            Ok(())
        }
    }

    fn take_line(&mut self, buffer: &[u8], line: Span, limits: &Limits) -> Result<(), HttpError> {
        if self.request_line.is_none() {
            self.request_line = Some(RequestLine::parse(buffer, line)?);
            // PERF: room for what a browser sends, so that the list is allocated once.
            self.fields.reserve(16);
            return Ok(());
        }
        if self.fields.len() >= limits.fields as usize {
            return Err(HttpError::TooManyFields);
        }
        let (name, value) = split_field(line.of(buffer))?;
        let start = line.start as usize;
        let shift =
            |range: std::ops::Range<usize>| Span::new(start + range.start..start + range.end);
        let field = Field {
            name: shift(name),
            value: shift(value),
        };
        self.found.take(buffer, field, self.fields.len())?;
        self.fields.push(field);
        Ok(())
    }

    /// Give the head away and be ready for the next one.
    fn finish(&mut self, request_line: RequestLine) -> Result<Head, HttpError> {
        let RequestLine {
            method,
            target,
            version,
        } = request_line;
        let Self {
            position,
            fields,
            found,
            ..
        } = mem::take(self);
        let framing = found.framing(version)?;
        Ok(Head {
            length: position,
            method,
            target,
            version,
            framing,
            content_length: found.content_length,
            keep_alive: found.keep_alive(version),
            expect_continue: found.expect_continue(version, framing)?,
            has_upgrade: found.has_upgrade,
            host: found.host(target.form, version)?,
            cookie: found.cookie,
            content_type: found.content_type,
            fields,
        })
    }
}

/// Parse a whole head at once.
///
/// # Errors
/// As [`HeadParser::advance`].
pub fn parse_head(buffer: &[u8], limits: &Limits) -> Result<HeadStatus, HttpError> {
    HeadParser::new().advance(buffer, limits)
}

#[derive(Clone, Copy, Debug)]
struct RequestLine {
    method: Span,
    target: Target,
    version: Version,
}

impl RequestLine {
    /// RFC 9112 3: `method SP request-target SP HTTP-version`, with exactly these spaces.
    fn parse(buffer: &[u8], line: Span) -> Result<Self, HttpError> {
        let (method, rest) = cut_at_space(line.of(buffer)).ok_or(HttpError::RequestLine)?;
        let (target, version) = cut_at_space(rest).ok_or(HttpError::RequestLine)?;
        if !is_token(method) {
            return Err(HttpError::RequestLine);
        }
        // The version comes first: the preface of HTTP/2 has an odd target as well.
        let version = parse_version(version)?;
        if is_misspelt_standard(method) {
            return Err(HttpError::MethodCase);
        }
        let start = line.start as usize;
        let target_start = start + method.len() + 1;
        let method = Span::new(start..start + method.len());
        let whole = Span::new(target_start..target_start + target.len());
        let target = Target::split(buffer, method, whole)?;
        Ok(Self {
            method,
            target,
            version,
        })
    }
}

/// Cut in two at the first space.
fn cut_at_space(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == b' ')?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// Methods that software between client and application acts on (RFC 9110 9.3, RFC 5789).
const STANDARD_METHODS: [&[u8]; 9] = [
    b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH",
];

/// Whether a method is a standard one but for the case of its letters.
///
/// RFC 9110 9.1: methods are case-sensitive, so it is another method, and nobody knows it.
/// Frameworks would take `head` for `HEAD`, which the framing of its answer does not, nor
/// does a proxy that admits certain methods only.
fn is_misspelt_standard(method: &[u8]) -> bool {
    // What is all in capitals, which every usual request is, needs no comparison.
    method.iter().any(u8::is_ascii_lowercase)
        && STANDARD_METHODS
            .iter()
            .any(|standard| standard.eq_ignore_ascii_case(method))
}

/// RFC 9112 2.3: `HTTP/` in capitals, one digit, a dot, one digit.
fn parse_version(bytes: &[u8]) -> Result<Version, HttpError> {
    match bytes {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => Ok(Version::Http11),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(HttpError::Version),
        _ => Err(HttpError::RequestLine),
    }
}

/// What the fields that concern the connection have said so far.
#[derive(Debug, Default)]
struct Found {
    host: Option<Span>,
    content_length: Option<u64>,
    transfer_codings: Option<TransferCodings>,
    expect: Option<Expect>,
    close: bool,
    keep_alive: bool,
    has_upgrade: bool,
    cookie: Option<u16>,
    content_type: Option<u16>,
}

/// The codings of all Transfer-Encoding fields, in order.
#[derive(Clone, Copy, Debug, Default)]
struct TransferCodings {
    ends_in_chunked: bool,
    has_others: bool,
    /// An empty element, or something after `chunked`.
    is_invalid: bool,
}

impl TransferCodings {
    fn take(&mut self, value: &[u8]) {
        for coding in list_elements(value) {
            self.is_invalid |= coding.is_empty() || self.ends_in_chunked;
            self.ends_in_chunked = coding.eq_ignore_ascii_case(b"chunked");
            self.has_others |= !self.ends_in_chunked;
        }
    }

    /// RFC 9112 6.3: without `chunked` at the end, once, the length is unknown: 400. Codings
    /// before it would need to be undone (6.1): 501.
    const fn framing(self) -> Result<Framing, HttpError> {
        if self.is_invalid || !self.ends_in_chunked {
            Err(HttpError::TransferEncoding)
        } else if self.has_others {
            Err(HttpError::UnknownTransferCoding)
        } else {
            Ok(Framing::Chunked)
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Continue,
    Other,
}

impl Found {
    #[inline]
    fn take(&mut self, buffer: &[u8], field: Field, index: usize) -> Result<(), HttpError> {
        let name = field.name.of(buffer);
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        let index = u16::try_from(index).ok();
        match name.len() {
            4 if is(b"host") => self.take_host(buffer, field.value)?,
            6 if is(b"expect") => self.take_expect(field.value.of(buffer)),
            6 if is(b"cookie") => self.cookie = self.cookie.or(index),
            7 if is(b"upgrade") => self.has_upgrade = true,
            10 if is(b"connection") => self.take_connection(field.value.of(buffer)),
            12 if is(b"content-type") => self.content_type = self.content_type.or(index),
            14 if is(b"content-length") => self.take_length(field.value.of(buffer))?,
            17 if is(b"transfer-encoding") => {
                let codings = self.transfer_codings.get_or_insert_default();
                codings.take(field.value.of(buffer));
            }
            _ => {}
        }
        Ok(())
    }

    /// RFC 9112 3.2: more than one, or an invalid one, is 400.
    fn take_host(&mut self, buffer: &[u8], value: Span) -> Result<(), HttpError> {
        if self.host.replace(value).is_some() {
            return Err(HttpError::RepeatedHost);
        }
        if is_host(value.of(buffer)) {
            Ok(())
        } else {
            Err(HttpError::InvalidHost)
        }
    }

    /// RFC 9112 6.3: digits only. Of the two ways it allows with a list, this is the strict one.
    fn take_length(&mut self, value: &[u8]) -> Result<(), HttpError> {
        if value.contains(&b',') {
            return Err(HttpError::RepeatedContentLength);
        }
        let length = parse_decimal(value).ok_or(HttpError::ContentLength)?;
        match self.content_length.replace(length) {
            Some(_) => Err(HttpError::RepeatedContentLength),
            None => Ok(()),
        }
    }

    fn take_expect(&mut self, value: &[u8]) {
        let is_continue = value.eq_ignore_ascii_case(b"100-continue");
        self.expect = Some(match (self.expect, is_continue) {
            (None | Some(Expect::Continue), true) => Expect::Continue,
            _ => Expect::Other,
        });
    }

    fn take_connection(&mut self, value: &[u8]) {
        for option in list_elements(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn framing(&self, version: Version) -> Result<Framing, HttpError> {
        match (self.transfer_codings, self.content_length) {
            (None, None | Some(0)) => Ok(Framing::None),
            (None, Some(length)) => Ok(Framing::Length(length)),
            // RFC 9112 6.1: the sign of request smuggling; the connection must close.
            (Some(_), Some(_)) => Err(HttpError::LengthAndEncoding),
            // RFC 9112 6.1: a version that has no transfer codings makes the framing faulty.
            (Some(_), None) if version < Version::Http11 => Err(HttpError::TransferEncoding),
            (Some(codings), None) => codings.framing(),
        }
    }

    /// RFC 9112 9.3: `close` wins; otherwise 1.1 stays, 1.0 stays when it asks to.
    const fn keep_alive(&self, version: Version) -> bool {
        match version {
            _ if self.close => false,
            Version::Http11 => true,
            Version::Http10 => self.keep_alive,
        }
    }

    /// RFC 9110 10.1.1: ignored in HTTP/1.0 and without a body; an unknown one is 417.
    fn expect_continue(&self, version: Version, framing: Framing) -> Result<bool, HttpError> {
        match self.expect {
            None => Ok(false),
            Some(_) if version < Version::Http11 => Ok(false),
            Some(Expect::Other) => Err(HttpError::Expectation),
            Some(Expect::Continue) => Ok(framing != Framing::None),
        }
    }

    fn host(&self, form: TargetForm, version: Version) -> Result<Option<Span>, HttpError> {
        if self.host.is_none() && version == Version::Http11 {
            return Err(HttpError::MissingHost);
        }
        match form {
            TargetForm::Absolute { authority } => Ok(Some(authority)),
            _ => Ok(self.host),
        }
    }
}
