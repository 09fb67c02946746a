//! Every rule of the chunked coding, each case fed whole and byte by byte.

use bustapi_core::error::HttpError;
use bustapi_core::http1::chunked::{ChunkDecoder, ChunkEvent, Trailers};
use bustapi_core::http1::head::{HeadStatus, parse_head};
use bustapi_core::limits::Limits;

const LIMITS: Limits = Limits {
    request_line: 40,
    field_line: 20,
    head: 60,
    fields: 3,
    empty_lines: 2,
    chunk_extensions: 10,
};

#[derive(Debug, Default, PartialEq, Eq)]
struct Body {
    content: Vec<u8>,
    trailers: Vec<(String, String)>,
    consumed: usize,
    is_whole: bool,
}

/// Decode in pieces of `size` bytes until the end of the body or of the input.
fn decode_in_pieces(
    mut decoder: ChunkDecoder,
    input: &[u8],
    size: usize,
) -> Result<Body, HttpError> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the cases are text");
    let mut body = Body::default();
    'input: for piece in input.chunks(size) {
        let mut rest = piece;
        loop {
            let step = decoder.decode(rest)?;
            rest = &rest[step.consumed..];
            body.consumed += step.consumed;
            match step.event {
                ChunkEvent::Data(data) => {
                    assert!(!data.is_empty());
                    body.content.extend_from_slice(data);
                }
                ChunkEvent::Partial => {
                    assert!(rest.is_empty(), "input is left over");
                    break;
                }
                ChunkEvent::End(trailers) => {
                    let pairs = trailers.iter();
                    body.trailers = pairs
                        .map(|(name, value)| (text(name), text(value)))
                        .collect();
                    break 'input;
                }
            }
        }
    }
    body.is_whole = decoder.is_finished();
    Ok(body)
}

/// Decode whole and byte by byte, check that both agree and return what they say.
fn decode_within(input: &[u8], limits: &Limits) -> Result<Body, HttpError> {
    let whole = decode_in_pieces(ChunkDecoder::new(limits), input, input.len().max(1));
    let bytewise = decode_in_pieces(ChunkDecoder::new(limits), input, 1);

    assert_eq!(whole, bytewise, "{}", input.escape_ascii());
    whole
}

fn decode(input: &str) -> Result<Body, HttpError> {
    decode_within(input.as_bytes(), &Limits::default())
}

fn content(input: &str) -> String {
    let body = decode(input).expect(input);
    assert!(body.is_whole, "{input:?}");
    String::from_utf8(body.content).expect("the cases are text")
}

#[test]
fn chunks_are_joined_and_what_follows_is_left() {
    let input = "5\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\n\r\nGET / HTTP/1.1";

    let body = decode(input).expect("a valid body");

    assert_eq!(body.content, b"hello 0123456789");
    assert_eq!(&input[body.consumed..], "GET / HTTP/1.1");
    assert!(body.is_whole);
}

#[test]
fn sizes_are_hexadecimal_in_any_case() {
    assert_eq!(content("a\r\n0123456789\r\n0\r\n\r\n"), "0123456789");
    assert_eq!(content("00B\r\n0123456789a\r\n000\r\n\r\n"), "0123456789a");
    assert_eq!(content("0\r\n\r\n"), "");
}

// Rule "whole or error": a body that stops early is never whole.
#[test]
fn no_beginning_of_a_body_is_whole() {
    let input = b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n";
    for end in 0..input.len() {
        let body = decode_within(&input[..end], &Limits::default()).expect("no rule is broken");

        assert!(!body.is_whole, "{}", input[..end].escape_ascii());
    }
}

// RFC 9112 7.1: 1*HEXDIG, without overflow.
#[test]
fn malformed_sizes_are_refused() {
    for input in [
        "\r\n",
        "g\r\n",
        "+5\r\n",
        "-5\r\n",
        "0x5\r\n",
        "5_0\r\n",
        " 5\r\n",
        "5.\r\n",
        "5,5\r\n",
        ";a\r\n",
        "10000000000000000\r\n",
        "fffffffffffffffff\r\n",
        "00000000000000000\r\n",
        "5\u{0}\r\n",
        "\u{e9}\r\n",
    ] {
        assert_eq!(decode(input), Err(HttpError::ChunkSize), "{input:?}");
    }
    assert!(decode("ffffffffffffffff\r\nabc").is_ok());
}

// RFC 9112 2.2.
#[test]
fn lone_line_ends_are_refused() {
    for input in [
        "5\nhello",
        "5\r5",
        "5\r\r\n",
        "5;a\r5\r\n",
        "0\r\n\n",
        "0\r\n\rX",
        "0\r\nX: y\n",
        "0\r\nX: y\rZ",
        "0\r\nX: y\r\r\n",
        "0\r\n\r\r\n",
    ] {
        assert_eq!(decode(input), Err(HttpError::BareLineEnd), "{input:?}");
    }
}

// RFC 9112 7.1; the bytes behind the content must be CRLF and nothing else.
#[test]
fn content_must_end_in_a_line_end() {
    for input in [
        "5\r\nhelloXX0\r\n\r\n",
        "5\r\nhello\n0\r\n",
        "5\r\nhello\rX",
        "5\r\nhello0\r\n",
        "5\r\nhello\r\r\n",
    ] {
        assert_eq!(decode(input), Err(HttpError::ChunkEnd), "{input:?}");
    }
}

// RFC 9112 7.1.1.
#[test]
fn extensions_are_skipped() {
    for extension in [
        ";a",
        ";a=b",
        ";a=\"b\"",
        ";a=\"\\\"\\\\ ;\t\u{e9}\"",
        ";a;b=c;d=\"e\"",
        " ; a = b",
        "\t;\ta",
        ";a=b ;c",
        ";a=\"b\" ; c",
        ";a=\"\"",
        ";chunk-signature=0123456789abcdef",
    ] {
        let input = format!("2{extension}\r\nok\r\n0{extension}\r\n\r\n");

        assert_eq!(content(&input), "ok", "{extension:?}");
    }
}

#[test]
fn malformed_extensions_are_refused() {
    for extension in [
        " ",
        ";",
        "; ",
        ";a ",
        ";a=",
        ";a= ",
        ";a==b",
        ";=b",
        ";a=\"b",
        ";a=\"b\\",
        ";a=\"b\"c",
        ";a b",
        ";a=b c",
        ";a=b ",
        " a",
        ";a,b",
        ";a=\u{e9}",
        ";;a",
        ";a=\"\u{7f}\"",
        ";a\u{0}",
    ] {
        let input = format!("2{extension}\r\nok\r\n0\r\n\r\n");

        assert_eq!(
            decode(&input),
            Err(HttpError::ChunkExtension),
            "{extension:?}"
        );
    }
}

#[test]
fn extensions_share_one_budget() {
    let fits = b"1;abcd\r\nx\r\n1;abcd\r\nx\r\n0\r\n\r\n";
    assert!(decode_within(fits, &LIMITS).is_ok());

    let one_more = b"1;abcd\r\nx\r\n1;abcd\r\nx\r\n0;a\r\n\r\n";
    let error = decode_within(one_more, &LIMITS).expect_err("twelve bytes of extensions");

    assert_eq!(
        (error, error.status()),
        (HttpError::ChunkExtensionsTooLong, 400)
    );
}

#[test]
fn trailers_are_kept_apart() {
    let body = decode("0\r\nDigest: abc \r\nContent-Length:\r\n\r\nGET").expect("valid trailers");

    let expected = [("Digest", "abc"), ("Content-Length", "")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(body.trailers, expected);
    assert!(body.is_whole);
}

#[test]
fn trailers_keep_the_rules_of_fields() {
    for (trailer, error) in [
        ("X : y", HttpError::SpaceBeforeColon),
        (" X: y", HttpError::FoldedField),
        ("X: y\r\n z", HttpError::FoldedField),
        (": y", HttpError::FieldName),
        ("X", HttpError::FieldName),
        ("X: \u{0}", HttpError::ControlCharacter),
        ("GET / HTTP/1.1", HttpError::FieldName),
    ] {
        assert_eq!(
            decode(&format!("0\r\n{trailer}\r\n\r\n")),
            Err(error),
            "{trailer:?}"
        );
    }
}

#[test]
fn trailers_have_a_budget() {
    for (trailers, fits) in [
        ("X: 45678901234567890\r\n", true),
        ("X: 456789012345678901\r\n", false),
        ("X: 4567890123456789012345\r\n", false),
        ("A:\r\nB:\r\nC:\r\n", true),
        ("A:\r\nB:\r\nC:\r\nD:\r\n", false),
        (
            "A: 4567890123456789\r\nB: 4567890123456789\r\nC: 45678901234\r\n",
            true,
        ),
        (
            "A: 4567890123456789\r\nB: 4567890123456789\r\nC: 456789012345\r\n",
            false,
        ),
    ] {
        let decoded = decode_within(format!("0\r\n{trailers}\r\n").as_bytes(), &LIMITS);

        assert_eq!(
            decoded.err(),
            (!fits).then_some(HttpError::TrailersTooLong),
            "{trailers:?}"
        );
    }
    let endless = "a".repeat(100);
    assert_eq!(
        decode_within(format!("0\r\n{endless}").as_bytes(), &LIMITS),
        Err(HttpError::TrailersTooLong)
    );
}

#[test]
fn trailers_get_what_the_head_left() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let limits = Limits {
        head: head.len() as u32 + 10,
        fields: 3,
        ..Limits::default()
    };
    let Ok(HeadStatus::Complete(head)) = parse_head(head, &limits) else {
        panic!("a valid head");
    };
    let decode = |input: &[u8]| decode_in_pieces(ChunkDecoder::for_head(&head, &limits), input, 9);

    assert!(decode(b"0\r\nX: 456\r\n\r\n").is_ok_and(|body| body.is_whole));
    assert_eq!(
        decode(b"0\r\nX: 4567\r\n\r\n"),
        Err(HttpError::TrailersTooLong)
    );
    assert_eq!(
        decode(b"0\r\nX:\r\nY:\r\n\r\n"),
        Err(HttpError::TrailersTooLong)
    );
}

#[test]
fn a_decoder_at_its_end_takes_nothing() {
    let mut decoder = ChunkDecoder::new(&Limits::default());
    decoder.decode(b"0\r\n\r\n").expect("a valid body");

    let step = decoder.decode(b"5\r\nhello").expect("no rule is broken");

    let end = ChunkEvent::End(Trailers::default());
    assert_eq!((step.consumed, step.event), (0, end));
}
