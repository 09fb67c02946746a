//! What can be wrong: with a request (the peer's fault) and with an answer (ours).

use std::error::Error;
use std::fmt;

/// A request that is not answered by the application. The connection closes after it.
///
/// The text names the rule that was broken and never repeats what the peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpError {
    /// A line ended in LF without CR, or a CR stood alone (RFC 9112 2.2).
    BareLineEnd,
    /// A control character stood in the head (RFC 9110 5.5).
    ControlCharacter,
    /// More empty lines came before the request line than are skipped (RFC 9112 2.2).
    TooManyEmptyLines,
    /// The request line is not `method SP target SP version` (RFC 9112 3).
    RequestLine,
    /// The method is a standard one in other letters, and methods are case-sensitive: well
    /// formed, but not known (RFC 9110 9.1).
    MethodCase,
    /// The request target has none of the four forms, or one its method forbids (RFC 9112 3.2).
    Target,
    /// The request line is longer than the limit.
    RequestLineTooLong,
    /// A major version that is not spoken here (RFC 9110 15.6.6).
    Version,
    /// A field line continued an earlier one (RFC 9112 5.2).
    FoldedField,
    /// White space stood before the colon of a field line (RFC 9112 5.1).
    SpaceBeforeColon,
    /// A field name is empty or no token, or the colon is missing (RFC 9110 5.1).
    FieldName,
    /// One field line is longer than the limit (RFC 6585 5).
    FieldTooLong,
    /// The head as a whole is longer than the limit (RFC 6585 5).
    HeadTooLong,
    /// There are more field lines than the limit (RFC 6585 5).
    TooManyFields,
    /// An HTTP/1.1 request has no Host (RFC 9112 3.2).
    MissingHost,
    /// More than one Host field came (RFC 9112 3.2).
    RepeatedHost,
    /// Host is not `uri-host [ ":" port ]` with a host that is not empty (RFC 9110 7.2, 4.2.1).
    InvalidHost,
    /// Content-Length is not one number that fits in 64 bits (RFC 9112 6.3).
    ContentLength,
    /// Content-Length came more than once or as a list (RFC 9112 6.3).
    RepeatedContentLength,
    /// Content-Length came beside Transfer-Encoding (RFC 9112 6.1).
    LengthAndEncoding,
    /// Transfer-Encoding does not end in one `chunked`, or came in HTTP/1.0 (RFC 9112 6.1, 6.3).
    TransferEncoding,
    /// A transfer coding before `chunked` that is not spoken here (RFC 9112 6.1).
    UnknownTransferCoding,
    /// An expectation other than `100-continue` (RFC 9110 10.1.1).
    Expectation,
    /// A chunk size is missing, no hexadecimal number or does not fit in 64 bits (RFC 9112 7.1).
    ChunkSize,
    /// A chunk extension is malformed (RFC 9112 7.1.1).
    ChunkExtension,
    /// The chunk extensions of one body are longer than the limit (RFC 9112 7.1.1).
    ChunkExtensionsTooLong,
    /// The bytes after a chunk's content are not CRLF (RFC 9112 7.1).
    ChunkEnd,
    /// The trailer section overruns what the head left of its limits.
    TrailersTooLong,
    /// The head or the body did not arrive in time (RFC 9110 15.5.9).
    Timeout,
    /// The content is longer than the application takes (RFC 9110 15.5.14).
    ContentTooLarge,
}

impl HttpError {
    /// Return the status code that tells the client.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Timeout => 408,
            Self::ContentTooLarge => 413,
            Self::RequestLineTooLong => 414,
            Self::Expectation => 417,
            Self::FieldTooLong | Self::HeadTooLong | Self::TooManyFields => 431,
            Self::MethodCase | Self::UnknownTransferCoding => 501,
            Self::Version => 505,
            _ => 400,
        }
    }

    /// Return the rule that was broken, for the log.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BareLineEnd => "a line does not end in CRLF",
            Self::ControlCharacter => "a control character in the head",
            Self::TooManyEmptyLines => "too many empty lines before the request line",
            Self::RequestLine => "malformed request line",
            Self::MethodCase => "method not in capitals",
            Self::Target => "invalid request target",
            Self::RequestLineTooLong => "request line too long",
            Self::Version => "HTTP version not supported",
            Self::FoldedField => "folded field line",
            Self::SpaceBeforeColon => "white space before the colon of a field",
            Self::FieldName => "invalid field name",
            Self::FieldTooLong => "field line too long",
            Self::HeadTooLong => "head too long",
            Self::TooManyFields => "too many fields",
            Self::MissingHost => "missing Host",
            Self::RepeatedHost => "more than one Host",
            Self::InvalidHost => "invalid Host",
            Self::ContentLength => "invalid Content-Length",
            Self::RepeatedContentLength => "more than one Content-Length",
            Self::LengthAndEncoding => "Content-Length beside Transfer-Encoding",
            Self::TransferEncoding => "invalid Transfer-Encoding",
            Self::UnknownTransferCoding => "unknown transfer coding",
            Self::Expectation => "unknown expectation",
            Self::ChunkSize => "invalid chunk size",
            Self::ChunkExtension => "invalid chunk extension",
            Self::ChunkExtensionsTooLong => "chunk extensions too long",
            Self::ChunkEnd => "chunk content does not end in CRLF",
            Self::TrailersTooLong => "trailers too long",
            Self::Timeout => "the request did not arrive in time",
            Self::ContentTooLarge => "content too large",
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}

impl Error for HttpError {}

/// An answer that must not be sent: the application's mistake, a 500 for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseError {
    /// The status line is not three digits (200 to 999) and a reason without controls.
    Status(Vec<u8>),
    /// A field name is no token (RFC 9110 5.1).
    FieldName(Vec<u8>),
    /// A field value holds CR, LF or NUL (RFC 9110 5.5); the field's name.
    FieldValue(Vec<u8>),
    /// Content-Length is not one number (RFC 9110 8.6).
    ContentLength(Vec<u8>),
    /// Content-Length came more than once.
    RepeatedContentLength,
    /// Content-Length differs from the length of the body.
    LengthMismatch { declared: u64, actual: u64 },
}

impl fmt::Display for ResponseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => {
                write!(formatter, "invalid status line '{}'", status.escape_ascii())
            }
            Self::FieldName(name) => {
                write!(formatter, "invalid field name '{}'", name.escape_ascii())
            }
            Self::FieldValue(name) => write!(
                formatter,
                "the value of field '{}' holds a line end or NUL",
                name.escape_ascii()
            ),
            Self::ContentLength(value) => {
                write!(
                    formatter,
                    "invalid Content-Length '{}'",
                    value.escape_ascii()
                )
            }
            Self::RepeatedContentLength => formatter.write_str("more than one Content-Length"),
            Self::LengthMismatch { declared, actual } => write!(
                formatter,
                "Content-Length is {declared}, but the body has {actual} bytes"
            ),
        }
    }
}

impl Error for ResponseError {}
