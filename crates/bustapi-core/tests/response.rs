//! What goes out: status lines, fields, framing, dates, chunks and bare errors.

use bustapi_core::answer::AnswerHead;
use bustapi_core::error::ResponseError;
use bustapi_core::http1::head::Version;
use bustapi_core::http1::response::{
    BodyKind, DateCache, EncodedHead, ResponseContext, ResponseFraming, encode_chunk,
    encode_chunk_size, encode_error, encode_head, encode_template, length_mismatch,
    standard_reason,
};

const GET: ResponseContext = ResponseContext {
    is_head: false,
    is_connect: false,
    version: Version::Http11,
    keep_alive: true,
};
const HEAD: ResponseContext = ResponseContext {
    is_head: true,
    ..GET
};
const CONNECT: ResponseContext = ResponseContext {
    is_connect: true,
    ..GET
};
const OLD: ResponseContext = ResponseContext {
    version: Version::Http10,
    ..GET
};

const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

fn date() -> DateCache {
    DateCache::new(784_111_777)
}

fn encode(
    status: &str,
    fields: &[(&str, &str)],
    body: BodyKind,
    context: &ResponseContext,
) -> Result<(String, EncodedHead), ResponseError> {
    let mut out = b"before".to_vec();
    let fields = fields
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let result = check(status.as_bytes(), fields, body, context)
        .map(|head| encode_head(&mut out, &head, body, context, &date()));
    let text = String::from_utf8(out).expect("the cases are text");
    let head = text
        .strip_prefix("before")
        .expect("what was there stays")
        .to_owned();
    if result.is_err() {
        assert_eq!(head, "", "nothing half written");
    }
    result.map(|encoded| (head, encoded))
}

/// What the thread of a request does before its answer goes to the protocol.
fn check<'f>(
    status: &[u8],
    fields: impl Iterator<Item = (&'f [u8], &'f [u8])>,
    body: BodyKind,
    context: &ResponseContext,
) -> Result<AnswerHead, ResponseError> {
    let mut head = AnswerHead::new(status)?;
    for (name, value) in fields {
        head.push(name, value)?;
    }
    if let BodyKind::Sized(actual) = body {
        length_mismatch(&head, actual, context)?;
    }
    Ok(head)
}

#[test]
fn a_whole_answer_has_a_length_and_a_date() {
    let fields = [
        ("Content-Type", "text/plain"),
        ("Set-Cookie", "a=b"),
        ("Set-Cookie", "c=d"),
    ];

    let (head, encoded) = encode("200 OK", &fields, BodyKind::Sized(5), &GET).expect("valid");

    assert_eq!(
        head,
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\
             Content-Length: 5\r\n{DATE}\r\n"
        )
    );
    assert_eq!(
        encoded,
        EncodedHead {
            status: 200,
            framing: ResponseFraming::Length(5),
            keep_alive: true
        }
    );
}

// A client may not care about the order of fields; who compares two servers does.
#[test]
fn the_length_stays_where_the_application_put_it() {
    for (body, context) in [
        (BodyKind::Sized(5), GET),
        (BodyKind::Stream, GET),
        (BodyKind::Sized(0), HEAD),
    ] {
        let fields = [("X-A", "1"), ("content-length", "05"), ("X-B", "2")];

        let (head, _) = encode("200 OK", &fields, body, &context).expect("valid");

        assert_eq!(
            head,
            format!("HTTP/1.1 200 OK\r\nX-A: 1\r\ncontent-length: 05\r\nX-B: 2\r\n{DATE}\r\n")
        );
    }
}

#[test]
fn a_template_gives_the_same_head() {
    let template = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
    for context in [
        GET,
        HEAD,
        OLD,
        CONNECT,
        ResponseContext {
            keep_alive: false,
            ..GET
        },
    ] {
        for (status, length) in [(200, 0), (200, 5), (200, u64::MAX), (204, 0), (304, 0)] {
            let mut template = template.to_vec();
            template[9..12].copy_from_slice(status.to_string().as_bytes());
            let mut out = Vec::new();

            let encoded = encode_template(&mut out, status, &template, length, &context, &date());

            let declared = length.to_string();
            let fields = [
                ("Content-Type", "text/plain"),
                ("Content-Length", &*declared),
            ];
            let expected = encode(
                &format!("{status} OK"),
                &fields[..if status == 304 { 1 } else { 2 }],
                BodyKind::Sized(length),
                &context,
            );
            let out = String::from_utf8(out).expect("text");
            assert_eq!(Ok((out, encoded)), expected, "{context:?}");
        }
    }
}

// RFC 9112 6.3, 9.3; RFC 9110 8.6, 9.3.2, 9.3.6, 15.3.5, 15.4.5.
#[test]
fn the_framing_follows_method_status_version_and_declaration() {
    use BodyKind::{Sized, Stream};
    use ResponseFraming::{Chunked, Empty, Length, UntilClose};
    let none: Option<&str> = None;
    for (context, status, declared, body, framing, lines) in [
        (
            GET,
            "200",
            none,
            Sized(0),
            Length(0),
            "Content-Length: 0\r\n",
        ),
        (
            GET,
            "200",
            Some("5"),
            Sized(5),
            Length(5),
            "Content-Length: 5\r\n",
        ),
        (
            GET,
            "200",
            Some("5"),
            Stream,
            Length(5),
            "Content-Length: 5\r\n",
        ),
        (
            GET,
            "200",
            None,
            Stream,
            Chunked,
            "Transfer-Encoding: chunked\r\n",
        ),
        (
            OLD,
            "200",
            None,
            Stream,
            UntilClose,
            "Connection: close\r\n",
        ),
        (
            OLD,
            "200",
            Some("5"),
            Stream,
            Length(5),
            "Content-Length: 5\r\nConnection: keep-alive\r\n",
        ),
        (HEAD, "200", None, Stream, Empty, ""),
        (HEAD, "200", None, Sized(0), Empty, ""),
        (HEAD, "200", None, Sized(5), Empty, "Content-Length: 5\r\n"),
        (
            HEAD,
            "200",
            Some("5"),
            Sized(0),
            Empty,
            "Content-Length: 5\r\n",
        ),
        (HEAD, "204", Some("5"), Sized(0), Empty, ""),
        (GET, "204", None, Stream, Empty, ""),
        (GET, "204", Some("0"), Sized(0), Empty, ""),
        (GET, "204", None, Sized(5), Empty, ""),
        // RFC 9110 15.3.6: no content, and the length says so.
        (GET, "205", None, Sized(0), Empty, "Content-Length: 0\r\n"),
        (GET, "205", None, Sized(5), Empty, "Content-Length: 0\r\n"),
        (
            GET,
            "205",
            Some("5"),
            Sized(5),
            Empty,
            "Content-Length: 0\r\n",
        ),
        (
            GET,
            "205",
            Some("5"),
            Sized(4),
            Empty,
            "Content-Length: 0\r\n",
        ),
        (GET, "205", None, Stream, Empty, "Content-Length: 0\r\n"),
        (HEAD, "205", None, Sized(5), Empty, "Content-Length: 0\r\n"),
        (
            OLD,
            "205",
            None,
            Stream,
            Empty,
            "Content-Length: 0\r\nConnection: keep-alive\r\n",
        ),
        (CONNECT, "205", None, Stream, Empty, "Connection: close\r\n"),
        (HEAD, "304", None, Sized(5), Empty, ""),
        (GET, "304", None, Sized(0), Empty, ""),
        (
            GET,
            "304",
            Some("5"),
            Sized(0),
            Empty,
            "Content-Length: 5\r\n",
        ),
        (CONNECT, "200", None, Stream, Empty, "Connection: close\r\n"),
        (
            CONNECT,
            "200",
            Some("0"),
            Sized(0),
            Empty,
            "Connection: close\r\n",
        ),
        (
            CONNECT,
            "405",
            None,
            Sized(0),
            Length(0),
            "Content-Length: 0\r\n",
        ),
    ] {
        let fields: Vec<_> = declared
            .map(|value| ("Content-Length", value))
            .into_iter()
            .collect();
        let case = format!("{context:?} {status} {declared:?} {body:?}");

        let (head, encoded) = encode(status, &fields, body, &context).expect(&case);

        assert_eq!(encoded.framing, framing, "{case}");
        assert_eq!(
            head.replace(DATE, "")
                .split_once("\r\n")
                .expect("a status line")
                .1,
            format!("{lines}\r\n"),
            "{case}"
        );
        assert_eq!(encoded.keep_alive, !lines.contains("close"), "{case}");
    }
}

#[test]
fn a_length_that_is_wrong_is_refused() {
    let length = |value| [("Content-Length", value)];
    assert_eq!(
        encode("200 OK", &length("6"), BodyKind::Sized(5), &GET).err(),
        Some(ResponseError::LengthMismatch {
            declared: 6,
            actual: 5
        })
    );
    for value in [
        "",
        "+5",
        "5, 5",
        "0x5",
        "five",
        "18446744073709551616",
        "-1",
    ] {
        assert_eq!(
            encode("200 OK", &length(value), BodyKind::Stream, &GET).err(),
            Some(ResponseError::ContentLength(value.into())),
        );
    }
    let twice = [("Content-Length", "5"), ("content-length", "5")];
    assert_eq!(
        encode("200 OK", &twice, BodyKind::Sized(5), &GET).err(),
        Some(ResponseError::RepeatedContentLength)
    );
}

#[test]
fn a_status_without_a_reason_gets_the_registered_one() {
    for (status, line) in [
        ("200 OK", "HTTP/1.1 200 OK"),
        ("200", "HTTP/1.1 200 OK"),
        ("404 ", "HTTP/1.1 404 Not Found"),
        ("299", "HTTP/1.1 299 "),
        ("418 I am one", "HTTP/1.1 418 I am one"),
        ("200 Très bien", "HTTP/1.1 200 Très bien"),
        ("999 X", "HTTP/1.1 999 X"),
    ] {
        let (head, _) = encode(status, &[], BodyKind::Sized(0), &GET).expect(status);

        assert_eq!(head.split("\r\n").next(), Some(line));
    }
}

// tornado CVE-2025-67724: a reason phrase that injected fields.
#[test]
fn a_status_that_is_malformed_is_refused() {
    for status in [
        "",
        "20",
        "2000",
        "OK",
        "200OK",
        "100 Continue",
        "099 X",
        "+20 X",
        "20x X",
        " 200 OK",
        "200 O\rK",
        "200 OK\r\nX: y",
        "200 O\0K",
        "200 O\u{7f}K",
        "101 Switching Protocols",
    ] {
        assert_eq!(
            encode(status, &[], BodyKind::Sized(0), &GET).err(),
            Some(ResponseError::Status(status.into())),
        );
    }
}

// gunicorn CVE-2018-1000164, uvicorn CVE-2020-7695: response splitting.
#[test]
fn a_field_that_could_split_the_answer_is_refused() {
    for name in ["", "a b", "a:", "a\r\n", "é", "a\0", "(a)"] {
        assert_eq!(
            encode("200 OK", &[(name, "b")], BodyKind::Sized(0), &GET).err(),
            Some(ResponseError::FieldName(name.into())),
        );
    }
    for value in ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b", "\r\n\r\n"] {
        for name in ["X", "Connection", "Location", "Content-Length"] {
            assert_eq!(
                encode("200 OK", &[(name, value)], BodyKind::Sized(0), &GET).err(),
                Some(ResponseError::FieldValue(name.into())),
            );
        }
    }
}

// PEP 3333: fields of the connection are the server's.
#[test]
fn fields_of_the_connection_are_dropped() {
    let fields = [
        ("Connection", "Keep-Alive, X"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Trailer", "X"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "h2c"),
        ("Proxy-Connection", "close"),
        ("X-Kept", "1"),
    ];

    let (head, encoded) = encode("200 OK", &fields, BodyKind::Sized(0), &GET).expect("valid");

    assert_eq!(
        head,
        format!("HTTP/1.1 200 OK\r\nX-Kept: 1\r\nContent-Length: 0\r\n{DATE}\r\n")
    );
    assert!(encoded.keep_alive);
}

#[test]
fn the_application_may_close_the_connection() {
    for context in [GET, OLD] {
        let (head, encoded) = encode(
            "200 OK",
            &[("connection", "Close")],
            BodyKind::Sized(0),
            &context,
        )
        .expect("valid");

        assert!(head.ends_with("GMT\r\nConnection: close\r\n\r\n"));
        assert!(!encoded.keep_alive);
    }
}

// RFC 9110 15.5.22.
#[test]
fn an_upgrade_that_is_required_is_named() {
    let (head, _) = encode(
        "426 Upgrade Required",
        &[("Upgrade", "TLS/1.2")],
        BodyKind::Sized(0),
        &GET,
    )
    .expect("valid");

    assert!(head.contains("\r\nUpgrade: TLS/1.2\r\n"));
    assert!(head.contains("\r\nConnection: upgrade\r\n"));
}

#[test]
fn the_date_of_the_application_is_kept_once() {
    let fields = [("Date", "yesterday"), ("date", "tomorrow")];

    let (head, _) = encode("200 OK", &fields, BodyKind::Sized(0), &GET).expect("valid");

    assert_eq!(
        head,
        "HTTP/1.1 200 OK\r\nDate: yesterday\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn the_date_moves_with_the_second() {
    let mut date = DateCache::new(0);
    assert_eq!(date.line(), b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");

    date.set(784_111_777);
    assert_eq!(date.line(), DATE.as_bytes());

    date.set(u64::MAX);
    assert_eq!(date.line(), b"Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n");
}

#[test]
fn chunks_have_a_hexadecimal_size() {
    for (size, line) in [
        (0, "0"),
        (1, "1"),
        (9, "9"),
        (15, "f"),
        (16, "10"),
        (255, "ff"),
        (256, "100"),
        (65_536, "10000"),
        (u64::MAX, "ffffffffffffffff"),
    ] {
        let mut out = Vec::new();
        encode_chunk_size(&mut out, size);
        assert_eq!(out, format!("{line}\r\n").as_bytes());
    }

    let mut out = Vec::new();
    encode_chunk(&mut out, b"hello");
    encode_chunk(&mut out, b"");
    assert_eq!(out, b"5\r\nhello\r\n");
}

#[test]
fn an_error_answer_closes_and_tells_nothing() {
    let mut out = Vec::new();
    encode_error(&mut out, 400, false, &date());

    let expected = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: 16\r\n{DATE}Connection: close\r\n\r\n400 Bad Request\n"
    );
    assert_eq!(String::from_utf8(out).expect("text"), expected);
}

#[test]
fn an_error_answer_to_head_has_no_body() {
    let mut out = Vec::new();
    encode_error(&mut out, 503, true, &date());

    let text = String::from_utf8(out).expect("text");
    assert!(text.ends_with("\r\n\r\n"));
    assert!(text.contains("\r\nRetry-After: 1\r\n"));
}

#[test]
fn reasons_are_known_for_every_status_that_errors_have() {
    for status in [400, 408, 413, 414, 417, 431, 500, 501, 503, 505, 507] {
        assert!(standard_reason(status).is_some(), "{status}");
    }
    assert_eq!(standard_reason(299), None);
}

#[test]
fn response_errors_escape_what_they_quote() {
    let error = ResponseError::FieldName(b"a\r\n\x1b[31m".to_vec());

    assert_eq!(error.to_string(), "invalid field name 'a\\r\\n\\x1b[31m'");
}
