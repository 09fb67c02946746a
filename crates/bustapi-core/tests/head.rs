//! Every rule of the request head, each case fed whole and byte by byte.

use bustapi_core::error::HttpError;
use bustapi_core::http1::head::{Framing, Head, HeadParser, HeadStatus, Version};
use bustapi_core::http1::target::TargetForm;
use bustapi_core::limits::Limits;

const LIMITS: Limits = Limits {
    request_line: 40,
    field_line: 60,
    head: 300,
    fields: 5,
    empty_lines: 2,
    chunk_extensions: 10,
};

/// Parse whole and byte by byte, check that both agree and return what they say.
fn parse_within(text: &[u8], limits: &Limits) -> Result<HeadStatus, HttpError> {
    let whole = HeadParser::new().advance(text, limits);

    let mut parser = HeadParser::new();
    let mut bytewise = Ok(HeadStatus::Partial);
    for end in 0..=text.len() {
        bytewise = parser.advance(&text[..end], limits);
        if bytewise != Ok(HeadStatus::Partial) {
            break;
        }
    }

    assert_eq!(whole, bytewise, "{}", text.escape_ascii());
    whole
}

fn parse(text: &str) -> Result<Head, HttpError> {
    match parse_within(text.as_bytes(), &Limits::default())? {
        HeadStatus::Complete(head) => Ok(head),
        HeadStatus::Partial => panic!("the head is incomplete: {text:?}"),
    }
}

fn parse_fields(fields: &str) -> Result<Head, HttpError> {
    parse(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"))
}

fn parse_old_fields(fields: &str) -> Result<Head, HttpError> {
    parse(&format!("POST / HTTP/1.0\r\n{fields}\r\n\r\n"))
}

#[test]
fn a_whole_head_is_split_into_its_parts() {
    let text = "GET /a%20b?c=d HTTP/1.1\r\nHost: a.example:80\r\nCookie: e=f\r\nX-Y:\r\n\
                Content-Type: text/plain \r\nUpgrade: websocket\r\n\r\nGET";
    let bytes = text.as_bytes();

    let head = parse(text).expect("a valid head");

    assert_eq!(head.length, text.len() - 3);
    assert_eq!(head.method.of(bytes), b"GET");
    assert_eq!(head.target.whole.of(bytes), b"/a%20b?c=d");
    assert_eq!(head.target.path.of(bytes), b"/a%20b");
    assert_eq!(head.target.query.expect("a query").of(bytes), b"c=d");
    assert_eq!(head.version, Version::Http11);
    assert_eq!(head.host.expect("a host").of(bytes), b"a.example:80");
    assert_eq!((head.cookie, head.content_type), (Some(1), Some(3)));
    assert!(head.has_upgrade && head.keep_alive && !head.expect_continue);
    assert_eq!((head.framing, head.content_length), (Framing::None, None));
    let fields: Vec<_> = head
        .fields
        .iter()
        .map(|field| (field.name.of(bytes), field.value.of(bytes)))
        .collect();
    assert_eq!(
        fields,
        [
            (&b"Host"[..], &b"a.example:80"[..]),
            (b"Cookie", b"e=f"),
            (b"X-Y", b""),
            (b"Content-Type", b"text/plain"),
            (b"Upgrade", b"websocket"),
        ]
    );
}

#[test]
fn the_first_of_several_fields_is_named() {
    let head = parse_fields("Cookie: a=b\r\nContent-Type: c\r\nCookie: d=e\r\nContent-Type: f")
        .expect("valid fields");

    assert_eq!((head.cookie, head.content_type), (Some(1), Some(2)));
}

#[test]
fn a_parser_goes_on_with_the_next_head() {
    let text = b"GET /a HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nGET /b HTTP/1.0\r\n\r\n";
    let mut parser = HeadParser::new();

    let Ok(HeadStatus::Complete(first)) = parser.advance(text, &Limits::default()) else {
        panic!("the first head is valid");
    };
    assert!(!parser.has_started());
    let Ok(HeadStatus::Complete(second)) =
        parser.advance(&text[first.length..], &Limits::default())
    else {
        panic!("the second head is valid");
    };

    assert_eq!(first.length + second.length, text.len());
    assert_eq!(second.fields, []);
    assert_eq!(second.host, None);
}

// RFC 9112 2.2: empty lines before the request line are skipped, within a bound.
#[test]
fn empty_lines_before_the_request_line_are_skipped() {
    let head = parse("\r\n\r\nGET / HTTP/1.0\r\n\r\n").expect("a valid head");

    assert_eq!(head.length, 22);
    assert_eq!(
        parse_within(b"\r\n\r\n\r\n", &LIMITS),
        Err(HttpError::TooManyEmptyLines)
    );
    assert_eq!(parse_within(b"\r\n\r\n", &LIMITS), Ok(HeadStatus::Partial));
}

#[test]
fn empty_lines_begin_no_head() {
    let mut parser = HeadParser::new();

    for (text, has_started) in [
        ("", false),
        ("\r", false),
        ("\r\n", false),
        ("\r\n\r", false),
        ("\r\n\r\n", false),
        ("\r\n\r\nG", true),
        ("\r\n\r\nGET / HTTP/1.0\r\n", true),
    ] {
        let status = parser.advance(text.as_bytes(), &Limits::default());

        assert_eq!(status, Ok(HeadStatus::Partial));
        assert_eq!(parser.has_started(), has_started, "{text:?}");
    }
}

// RFC 9112 2.2: lines end in CRLF; a bare CR is invalid everywhere.
#[test]
fn lone_line_ends_are_refused() {
    for text in [
        "\n",
        "\nGET / HTTP/1.1\r\n",
        "\r\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n",
        "GET / HTTP/1.1\r\nX: a\n b\r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(
            parse_within(text.as_bytes(), &Limits::default()),
            Err(HttpError::BareLineEnd),
            "{text:?}"
        );
    }
}

// RFC 9110 5.5: no control characters but HTAB; RFC 9110 5.1, RFC 9112 3 for the rest.
#[test]
fn control_characters_are_refused_at_once() {
    for control in (0..0x20u8)
        .chain([0x7f])
        .filter(|byte| !matches!(byte, b'\t' | b'\r' | b'\n'))
    {
        for place in [
            "\u{1}",
            "G\u{1}",
            "GET /\u{1}",
            "GET / HTTP/1.1\r\nX\u{1}",
            "GET / HTTP/1.1\r\nX: a\u{1}",
        ] {
            let text: Vec<u8> = place
                .bytes()
                .map(|byte| if byte == 1 { control } else { byte })
                .collect();

            assert_eq!(
                parse_within(&text, &Limits::default()),
                Err(HttpError::ControlCharacter),
                "{}",
                text.escape_ascii()
            );
        }
    }
}

#[test]
fn bytes_above_ascii_are_kept_in_values() {
    let text = b"GET / HTTP/1.0\r\nX: \x80\xff \xc3\xa9\r\n\r\n";

    let Ok(HeadStatus::Complete(head)) = parse_within(text, &Limits::default()) else {
        panic!("RFC 9110 5.5 allows obs-text");
    };

    assert_eq!(head.fields[0].value.of(text), b"\x80\xff \xc3\xa9");
}

// RFC 9112 3: exactly two single spaces, a token, a target, a version.
#[test]
fn malformed_request_lines_are_refused() {
    for line in [
        "GET",
        "GET /",
        "GET / ",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET\t/ HTTP/1.1",
        "GET /a b HTTP/1.1",
        "G(T / HTTP/1.1",
        "GÉT / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/1.",
        "GET / HTTP/11",
        "GET / HTTP/1.10",
        "GET / HTTP/01.1",
        "GET / HTTP /1.1",
        "GET / XHTTP/1.1",
        "GET / FTP/1.1",
        "Host: a",
    ] {
        let text = format!("{line}\r\nHost: a\r\n\r\n");

        assert_eq!(parse(&text), Err(HttpError::RequestLine), "{line:?}");
    }
}

#[test]
fn a_bad_request_line_is_refused_before_the_head_is_complete() {
    assert_eq!(
        parse_within(b"GET /\r\n", &Limits::default()),
        Err(HttpError::RequestLine)
    );
    assert_eq!(
        parse_within(b"\x16\x03\x01\x02\x00", &Limits::default()),
        Err(HttpError::ControlCharacter)
    );
}

// RFC 9110 15.6.6; RFC 9113 3.4 for the preface of HTTP/2.
#[test]
fn other_versions_are_505() {
    for line in ["GET / HTTP/2.0", "GET / HTTP/0.9", "PRI * HTTP/2.0"] {
        let error = parse(&format!("{line}\r\n\r\nSM\r\n\r\n")).expect_err(line);

        assert_eq!((error, error.status()), (HttpError::Version, 505));
    }
}

// RFC 9110 2.5.
#[test]
fn a_later_minor_version_is_answered_as_1_1() {
    for digit in '2'..='9' {
        let text = format!("GET / HTTP/1.{digit}\r\nHost: a\r\n\r\n");

        let head = parse(&text).expect("it is spoken");

        assert_eq!(head.version, Version::Http11);
        assert!(head.keep_alive);
        // What 1.1 demands is demanded.
        assert_eq!(
            parse(&format!("GET / HTTP/1.{digit}\r\n\r\n")),
            Err(HttpError::MissingHost)
        );
    }
    for version in ["HTTP/1.10", "HTTP/1.", "HTTP/1.a", "http/1.2"] {
        assert_eq!(
            parse(&format!("GET / {version}\r\nHost: a\r\n\r\n")),
            Err(HttpError::RequestLine)
        );
    }
}

// RFC 9110 9.1.
#[test]
fn a_standard_method_in_other_letters_is_501() {
    for method in [
        "get", "Get", "gET", "head", "post", "Put", "delete", "connect", "oPTIONS", "trace",
        "Patch",
    ] {
        let error = parse(&format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n")).expect_err(method);

        assert_eq!((error, error.status()), (HttpError::MethodCase, 501));
    }
}

#[test]
fn a_method_that_is_no_standard_one_stays_as_it_is() {
    for method in ["PROPFIND", "propfind", "gets", "ge", "g", "X-get", "BREW"] {
        let text = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");

        let head = parse(&text).expect(method);

        assert_eq!(head.method.of(text.as_bytes()), method.as_bytes());
    }
}

// RFC 9112 3.2.
#[test]
fn a_target_must_have_a_form_that_fits_the_method() {
    for (line, ok) in [
        ("GET /a", true),
        ("GET http://b/a", true),
        ("OPTIONS *", true),
        ("CONNECT b:1", true),
        ("GET *", false),
        ("GET b:1", false),
        ("CONNECT /", false),
        ("GET /a#b", false),
        ("GET a", false),
        ("GET /\u{e9}", false),
    ] {
        let parsed = parse(&format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"));

        assert_eq!(parsed.err(), (!ok).then_some(HttpError::Target), "{line}");
    }
}

// RFC 9112 3.2.2: the authority of the target replaces Host, which must be there all the same.
#[test]
fn an_absolute_target_beats_host() {
    let text = "GET http://b.example/a HTTP/1.1\r\nHost: a.example\r\n\r\n";

    let head = parse(text).expect("a valid head");

    assert_eq!(head.host.expect("a host").of(text.as_bytes()), b"b.example");
    assert!(matches!(head.target.form, TargetForm::Absolute { .. }));
    assert_eq!(
        parse("GET http://b/ HTTP/1.1\r\n\r\n"),
        Err(HttpError::MissingHost)
    );
    assert_eq!(
        parse("GET http://b/ HTTP/1.1\r\nHost: /\r\n\r\n"),
        Err(HttpError::InvalidHost)
    );
    assert!(
        parse("GET http://b/ HTTP/1.0\r\n\r\n")
            .expect("no Host in 1.0")
            .host
            .is_some()
    );
}

// RFC 9112 3.2.
#[test]
fn host_comes_once_and_is_valid() {
    for (fields, error) in [
        ("X: y", HttpError::MissingHost),
        ("Host: a\r\nhost: a", HttpError::RepeatedHost),
        ("Host: a\r\nX: y\r\nHOST: b", HttpError::RepeatedHost),
        ("Host: a b", HttpError::InvalidHost),
        ("Host: a, b", HttpError::InvalidHost),
        ("Host: a/b", HttpError::InvalidHost),
        ("Host: u@a", HttpError::InvalidHost),
        ("Host: [::1", HttpError::InvalidHost),
        ("Host: a:b", HttpError::InvalidHost),
        ("Host:", HttpError::InvalidHost),
        ("Host: \u{e9}", HttpError::InvalidHost),
    ] {
        let parsed = parse(&format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n"));

        assert_eq!(parsed, Err(error), "{fields:?}");
        assert_eq!(error.status(), 400);
    }
    assert!(parse("GET / HTTP/1.0\r\nX: y\r\n\r\n").is_ok());
    assert!(parse("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").is_ok());
}

#[test]
fn malformed_field_lines_are_refused() {
    for (fields, error) in [
        // RFC 9112 5.1.
        ("X : y", HttpError::SpaceBeforeColon),
        ("X\t: y", HttpError::SpaceBeforeColon),
        ("Content-Length : 5", HttpError::SpaceBeforeColon),
        // RFC 9112 5.2.
        ("X: y\r\n z", HttpError::FoldedField),
        ("X: y\r\n\tz: a", HttpError::FoldedField),
        // RFC 9110 5.1.
        (": y", HttpError::FieldName),
        ("X", HttpError::FieldName),
        ("X Y: z", HttpError::FieldName),
        ("X@: z", HttpError::FieldName),
        ("\u{e9}: z", HttpError::FieldName),
    ] {
        assert_eq!(parse_fields(fields), Err(error), "{fields:?}");
    }
    // RFC 9112 2.2: white space between the start line and the first field.
    assert_eq!(
        parse("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        Err(HttpError::FoldedField)
    );
}

// RFC 9112 6.3, RFC 9110 8.6.
#[test]
fn content_length_is_one_number() {
    for (value, framing) in [
        ("5", Framing::Length(5)),
        ("0", Framing::None),
        ("00005", Framing::Length(5)),
        ("18446744073709551615", Framing::Length(u64::MAX)),
    ] {
        let head = parse_fields(&format!("Content-Length: {value}")).expect(value);

        assert_eq!(head.framing, framing);
        assert!(head.content_length.is_some());
    }
    for value in [
        "",
        "+5",
        "-5",
        "0x5",
        "5_0",
        "5.0",
        "5 0",
        "5e1",
        "a",
        "18446744073709551616",
        "\u{665}",
    ] {
        let parsed = parse_fields(&format!("Content-Length: {value}"));

        assert_eq!(parsed, Err(HttpError::ContentLength), "{value:?}");
    }
    for fields in [
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Content-Length: 5,6",
        "Content-Length: ,5",
    ] {
        assert_eq!(
            parse_fields(fields),
            Err(HttpError::RepeatedContentLength),
            "{fields:?}"
        );
    }
}

// RFC 9112 6.1, 6.3.
#[test]
fn transfer_encoding_is_exactly_chunked() {
    for value in ["chunked", "Chunked", "CHUNKED", " chunked\t"] {
        let head = parse_fields(&format!("Transfer-Encoding: {value}")).expect(value);

        assert_eq!(head.framing, Framing::Chunked);
    }
    for fields in [
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity, chunked",
    ] {
        let error = parse_fields(fields).expect_err(fields);

        assert_eq!(
            (error, error.status()),
            (HttpError::UnknownTransferCoding, 501)
        );
    }
    for fields in [
        "Transfer-Encoding:",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding:",
    ] {
        let error = parse_fields(fields).expect_err(fields);

        assert_eq!(
            (error, error.status()),
            (HttpError::TransferEncoding, 400),
            "{fields:?}"
        );
    }
}

// RFC 9112 6.1: the connection must close; we refuse the request as well.
#[test]
fn content_length_beside_transfer_encoding_is_refused() {
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: gzip\r\nContent-Length: 0",
    ] {
        assert_eq!(
            parse_fields(fields),
            Err(HttpError::LengthAndEncoding),
            "{fields:?}"
        );
    }
}

// RFC 9112 6.1: HTTP/1.0 has no transfer codings.
#[test]
fn transfer_encoding_in_http_1_0_is_refused() {
    assert_eq!(
        parse_old_fields("Transfer-Encoding: chunked"),
        Err(HttpError::TransferEncoding)
    );
}

// RFC 9112 9.3.
#[test]
fn the_connection_stays_as_the_version_and_the_options_say() {
    for (fields, stays, stays_old) in [
        ("X: y", true, false),
        ("Connection: close", false, false),
        ("Connection: keep-alive", true, true),
        ("Connection: Keep-Alive, Upgrade", true, true),
        ("Connection: keep-alive\r\nConnection: CLOSE", false, false),
        ("Connection: close, keep-alive", false, false),
        ("Connection: closed", true, false),
        ("Connection: a , close ,b", false, false),
    ] {
        assert_eq!(
            parse_fields(fields).expect(fields).keep_alive,
            stays,
            "{fields:?}"
        );
        assert_eq!(
            parse_old_fields(fields).expect(fields).keep_alive,
            stays_old,
            "{fields:?}"
        );
    }
}

// RFC 9110 10.1.1.
#[test]
fn an_expectation_is_met_or_refused() {
    let expects = |fields: &str| parse_fields(fields).map(|head| head.expect_continue);

    assert_eq!(
        expects("Expect: 100-continue\r\nContent-Length: 5"),
        Ok(true)
    );
    assert_eq!(
        expects("Expect: 100-Continue\r\nTransfer-Encoding: chunked"),
        Ok(true)
    );
    assert_eq!(expects("Expect: 100-continue"), Ok(false));
    assert_eq!(
        expects("Expect: 100-continue\r\nContent-Length: 0"),
        Ok(false)
    );
    for value in ["", "200-ok", "100-continue, x", "100-continue\r\nExpect: x"] {
        let error = expects(&format!("Expect: {value}\r\nContent-Length: 5")).expect_err(value);
        assert_eq!((error, error.status()), (HttpError::Expectation, 417));
    }
    let old = parse_old_fields("Expect: x\r\nContent-Length: 5").expect("ignored in 1.0");
    assert!(!old.expect_continue);
}

fn line(length: usize) -> String {
    let mut line = String::from("X: ");
    line.extend(std::iter::repeat_n('a', length - 3));
    line
}

// RFC 9112 3: 414.
#[test]
fn a_long_request_line_is_refused() {
    let path = "a".repeat(26);
    let fits = format!("GET /{path} HTTP/1.0\r\n\r\n");
    assert_eq!(fits.len(), 40 + 4);
    assert!(matches!(
        parse_within(fits.as_bytes(), &LIMITS),
        Ok(HeadStatus::Complete(_))
    ));

    for text in [
        format!("GET /{path}b HTTP/1.0\r\n\r\n"),
        "a".repeat(41),
        "a".repeat(900),
    ] {
        let error = parse_within(text.as_bytes(), &LIMITS).expect_err("one byte too many");
        assert_eq!(
            (error, error.status()),
            (HttpError::RequestLineTooLong, 414)
        );
    }
    assert_eq!(
        parse_within("a".repeat(40).as_bytes(), &LIMITS),
        Ok(HeadStatus::Partial)
    );
}

// RFC 6585 5: 431.
#[test]
fn a_long_field_is_refused() {
    let fits = format!("GET / HTTP/1.0\r\n{}\r\n\r\n", line(60));
    assert!(matches!(
        parse_within(fits.as_bytes(), &LIMITS),
        Ok(HeadStatus::Complete(_))
    ));

    for text in [line(61), line(200), line(900)] {
        let text = format!("GET / HTTP/1.0\r\n{text}\r\n\r\n");
        let error = parse_within(text.as_bytes(), &LIMITS).expect_err("one byte too many");
        assert_eq!((error, error.status()), (HttpError::FieldTooLong, 431));
    }
}

#[test]
fn too_many_fields_are_refused() {
    let fits = format!("GET / HTTP/1.0\r\n{}\r\n", "X: y\r\n".repeat(5));
    assert!(matches!(
        parse_within(fits.as_bytes(), &LIMITS),
        Ok(HeadStatus::Complete(_))
    ));

    let text = format!("GET / HTTP/1.0\r\n{}", "X: y\r\n".repeat(6));
    let error = parse_within(text.as_bytes(), &LIMITS).expect_err("one field too many");

    assert_eq!((error, error.status()), (HttpError::TooManyFields, 431));
}

#[test]
fn a_long_head_is_refused_at_every_length_of_its_last_line() {
    let start = format!("GET / HTTP/1.0\r\n{0}\r\n{0}\r\n{0}\r\n{0}\r\n", line(60));
    assert_eq!(start.len(), 264);
    for length in 3..100 {
        let text = format!("{start}{}\r\n\r\n", line(length));
        let parsed = parse_within(text.as_bytes(), &LIMITS);

        match text.len() {
            ..=300 => assert!(matches!(parsed, Ok(HeadStatus::Complete(_)))),
            _ => assert_eq!(parsed, Err(HttpError::HeadTooLong), "{length}"),
        }
    }
}

#[test]
fn every_error_has_a_status_of_its_kind_and_a_reason() {
    for error in [
        HttpError::Timeout,
        HttpError::ContentTooLarge,
        HttpError::ChunkSize,
    ] {
        assert!((400..600).contains(&error.status()));
        assert_eq!(error.to_string(), error.reason());
        assert!(!error.reason().ends_with('.'));
    }
    assert_eq!(HttpError::Timeout.status(), 408);
    assert_eq!(HttpError::ContentTooLarge.status(), 413);
}
