//! An example of each way in which ours and hyper differ, with the section that ours follows.

use bustapi_core::error::HttpError;

use crate::verdict::{Difference, Verdict};

/// Bytes as pieces, each so many times.
pub type Bytes = &'static [(&'static str, usize)];

const GET: (&str, usize) = ("GET / HTTP/1.1\r\nHost: a\r\n", 1);
const POST: (&str, usize) = ("POST / HTTP/1.1\r\nHost: a\r\n", 1);
const CHUNKED: (&str, usize) = (
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    1,
);
const X: (&str, usize) = ("x: ", 1);
const Y: (&str, usize) = ("y", 14_000);
const END: (&str, usize) = ("\r\n", 1);
const LAST_CHUNK: (&str, usize) = ("0\r\n\r\n", 1);

pub const EXAMPLES: &[(Verdict, &str, Bytes)] = &[
    (
        Verdict::Stricter(HttpError::BareLineEnd),
        "RFC 9112 2.2",
        &[("GET / HTTP/1.1\nHost: a\n\n", 1)],
    ),
    (
        Verdict::Stricter(HttpError::TooManyEmptyLines),
        "RFC 9112 2.2, a limit",
        &[("\r\n", 5), GET, END],
    ),
    (
        Verdict::Stricter(HttpError::MethodCase),
        "RFC 9110 9.1",
        &[("get / HTTP/1.1\r\nHost: a\r\n\r\n", 1)],
    ),
    (
        Verdict::Stricter(HttpError::Target),
        "RFC 9112 3.2",
        &[("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 1)],
    ),
    (
        Verdict::Stricter(HttpError::RequestLineTooLong),
        "RFC 9112 3, a limit",
        &[
            ("GET /", 1),
            ("a", 16 * 1024),
            (" HTTP/1.1\r\nHost: a\r\n\r\n", 1),
        ],
    ),
    (
        Verdict::Stricter(HttpError::FieldTooLong),
        "RFC 6585 5, a limit",
        &[GET, ("x:", 1), ("y", 16 * 1024), END, END],
    ),
    (
        Verdict::Stricter(HttpError::HeadTooLong),
        "RFC 6585 5, a limit",
        &[
            GET, X, Y, END, X, Y, END, X, Y, END, X, Y, END, X, Y, END, END,
        ],
    ),
    (
        Verdict::Stricter(HttpError::MissingHost),
        "RFC 9112 3.2",
        &[("GET / HTTP/1.1\r\n\r\n", 1)],
    ),
    (
        Verdict::Stricter(HttpError::RepeatedHost),
        "RFC 9112 3.2",
        &[GET, ("Host: a\r\n\r\n", 1)],
    ),
    (
        Verdict::Stricter(HttpError::InvalidHost),
        "RFC 9112 3.2",
        &[("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 1)],
    ),
    (
        Verdict::Stricter(HttpError::ContentLength),
        "RFC 9110 8.6",
        &[
            POST,
            (
                "Transfer-Encoding: chunked\r\nContent-Length: +5\r\n\r\n",
                1,
            ),
            LAST_CHUNK,
        ],
    ),
    (
        Verdict::Stricter(HttpError::RepeatedContentLength),
        "RFC 9112 6.3",
        &[POST, ("Content-Length: 1\r\n", 2), ("\r\na", 1)],
    ),
    (
        Verdict::Stricter(HttpError::LengthAndEncoding),
        "RFC 9112 6.1",
        &[
            POST,
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 1),
            LAST_CHUNK,
        ],
    ),
    // RFC 9110 5.6.1.2 has empty elements ignored; where a body ends is no place for it.
    (
        Verdict::Stricter(HttpError::TransferEncoding),
        "RFC 9112 6.1",
        &[
            POST,
            ("Transfer-Encoding: , chunked\r\n\r\n", 1),
            LAST_CHUNK,
        ],
    ),
    (
        Verdict::Stricter(HttpError::UnknownTransferCoding),
        "RFC 9112 6.1",
        &[
            POST,
            ("Transfer-Encoding: gzip, chunked\r\n\r\n", 1),
            LAST_CHUNK,
        ],
    ),
    (
        Verdict::Stricter(HttpError::Expectation),
        "RFC 9110 10.1.1",
        &[GET, ("Expect: x\r\n\r\n", 1)],
    ),
    (
        Verdict::Stricter(HttpError::ChunkSize),
        "RFC 9112 7.1, a limit",
        &[CHUNKED, ("0", 16), LAST_CHUNK],
    ),
    (
        Verdict::Stricter(HttpError::ChunkExtension),
        "RFC 9112 7.1.1",
        &[CHUNKED, ("0;=\r\n\r\n", 1)],
    ),
    (
        Verdict::Stricter(HttpError::TrailersTooLong),
        "RFC 6585 5, a limit",
        &[CHUNKED, ("0\r\n", 1), ("x: y\r\n", 99), END],
    ),
    (
        Verdict::Other(Difference::LaterMinorVersion),
        "RFC 9110 2.5",
        &[("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 1)],
    ),
    (
        Verdict::Other(Difference::UnencodedTarget),
        "RFC 9112 3.2",
        &[("GET /?<> HTTP/1.1\r\nHost: a\r\n\r\n", 1)],
    ),
    (
        Verdict::Other(Difference::EncodedHost),
        "RFC 3986 3.2.2",
        &[("GET http://%61/ HTTP/1.1\r\nHost: a\r\n\r\n", 1)],
    ),
    (
        Verdict::Other(Difference::LargestLength),
        "RFC 9110 8.6",
        &[POST, ("Content-Length: 18446744073709551615\r\n\r\n", 1)],
    ),
    (
        Verdict::Other(Difference::LongTrailers),
        "a limit of hyper",
        &[CHUNKED, ("0\r\n", 1), X, Y, END, X, Y, END, END],
    ),
    (
        Verdict::Other(Difference::NoTextInConnection),
        "RFC 9112 9.3",
        &[GET, ("Connection: close, é\r\n\r\n", 1), GET, END],
    ),
];

pub fn written(bytes: Bytes) -> Vec<u8> {
    let pieces = bytes.iter().map(|(piece, count)| piece.repeat(*count));
    pieces.collect::<String>().into_bytes()
}
