//! What holds for every input: any split gives the same result, and nothing panics.

#[path = "limits/narrow.rs"]
mod narrow;

use bustapi_core::answer::AnswerHead;
use bustapi_core::error::HttpError;
use bustapi_core::http1::chunked::{ChunkDecoder, ChunkEvent, Trailers};
use bustapi_core::http1::head::{Head, HeadParser, HeadStatus, Version};
use bustapi_core::http1::response::{
    BodyKind, DateCache, LAST_CHUNK, ResponseContext, encode_chunk, encode_head,
};
use bustapi_core::http1::target::decode_path;
use bustapi_core::limits::Limits;
use narrow::NARROW;
use proptest::prelude::*;

/// Pieces of heads, valid and not, that are strung together.
fn head_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(&b"\r\n"[..]),
        1 => Just(&b"\n"[..]),
        1 => Just(&b"\r"[..]),
        4 => Just(&b"GET / HTTP/1.1\r\n"[..]),
        2 => Just(&b"POST /a?b HTTP/1.0\r\n"[..]),
        1 => Just(&b"PUT /a HTTP/1.7\r\n"[..]),
        1 => Just(&b"put /a HTTP/1.1\r\n"[..]),
        1 => Just(&b"GET http://a/b HTTP/1.1\r\n"[..]),
        4 => Just(&b"Host: a\r\n"[..]),
        2 => Just(&b"Content-Length: 5\r\n"[..]),
        2 => Just(&b"Transfer-Encoding: chunked\r\n"[..]),
        1 => Just(&b"Transfer-Encoding: gzip,"[..]),
        1 => Just(&b"Expect: 100-continue\r\n"[..]),
        1 => Just(&b"Connection: close\r\n"[..]),
        1 => Just(&b" folded\r\n"[..]),
        1 => Just(&b"X : y\r\n"[..]),
        1 => Just(&b"\t"[..]),
        1 => Just(&b"\0"[..]),
        1 => Just(&b"\xff"[..]),
        1 => Just(&b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[..]),
        1 => Just(&b":"[..]),
    ];
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

fn chunk_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(&b"5\r\nhello\r\n"[..]),
        4 => Just(&b"0\r\n"[..]),
        4 => Just(&b"\r\n"[..]),
        1 => Just(&b"\r"[..]),
        1 => Just(&b"\n"[..]),
        2 => Just(&b"1;a=b\r\nx\r\n"[..]),
        1 => Just(&b"1;a=\"b\\"[..]),
        2 => Just(&b"X: y\r\n"[..]),
        1 => Just(&b"X : y\r\n"[..]),
        1 => Just(&b"ffffffffffffffff"[..]),
        1 => Just(&b" "[..]),
        1 => Just(&b"\0"[..]),
        1 => Just(&b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[..]),
    ];
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

/// Ends of pieces of an input, as fractions of its length.
fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..6)
}

fn ends(cuts: &[prop::sample::Index], length: usize) -> Vec<usize> {
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(length + 1)).collect();
    ends.push(length);
    ends.sort_unstable();
    ends
}

fn parse_split(input: &[u8], ends: &[usize], limits: &Limits) -> Result<HeadStatus, HttpError> {
    let mut parser = HeadParser::new();
    for &end in ends {
        let status = parser.advance(&input[..end], limits)?;
        if status != HeadStatus::Partial {
            return Ok(status);
        }
    }
    Ok(HeadStatus::Partial)
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Body {
    content: Vec<u8>,
    consumed: usize,
    is_whole: bool,
    trailers: Trailers,
}

fn decode_split(input: &[u8], ends: &[usize], limits: &Limits) -> Result<Body, HttpError> {
    let mut decoder = ChunkDecoder::new(limits);
    let mut body = Body::default();
    for &end in ends {
        while !decoder.is_finished() {
            let step = decoder.decode(&input[body.consumed..end])?;
            body.consumed += step.consumed;
            match step.event {
                ChunkEvent::Data(data) => body.content.extend_from_slice(data),
                ChunkEvent::Partial => break,
                ChunkEvent::End(trailers) => body.trailers = trailers,
            }
        }
    }
    body.is_whole = decoder.is_finished();
    Ok(body)
}

/// What httparse, an independent parser, makes of a head that ours accepts.
fn check_against_httparse(input: &[u8], head: &Head) {
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut fields);
    // It knows no later minor version than 1, and ours answers those as 1.1.
    let mut known = input.to_vec();
    let minor = head.target.whole.end as usize + b" HTTP/1.".len();
    if known[minor] > b'1' {
        known[minor] = b'1';
    }
    let length = request
        .parse(&known)
        .expect("ours is the stricter one")
        .unwrap();

    assert_eq!(length, head.length);
    assert_eq!(
        request.method.map(str::as_bytes),
        Some(head.method.of(input))
    );
    assert_eq!(
        request.path.map(str::as_bytes),
        Some(head.target.whole.of(input))
    );
    assert_eq!(request.headers.len(), head.fields.len());
    for (theirs, ours) in request.headers.iter().zip(&head.fields) {
        assert_eq!(theirs.name.as_bytes(), ours.name.of(input));
        assert_eq!(theirs.value, ours.value.of(input));
    }
}

/// Bytes of a field name or value, most of them harmless.
fn field_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![9 => b'a'..=b'z', 1 => any::<u8>()], 0..8)
}

/// What httparse makes of an encoded head: status, reason and the fields.
type Read = (u16, String, Vec<(String, Vec<u8>)>);

fn read_response(bytes: &[u8]) -> Read {
    let mut fields = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut fields);
    let length = response
        .parse(bytes)
        .expect("what we write is valid")
        .unwrap();

    assert_eq!(length, bytes.len(), "one head and nothing behind it");
    let fields = response
        .headers
        .iter()
        .map(|field| (field.name.to_owned(), field.value.to_vec()));
    let reason = response.reason.expect("a reason").to_owned();
    (response.code.expect("a status"), reason, fields.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_head_is_the_same_in_any_split(input in head_bytes(), cuts in cuts(), narrow: bool) {
        let limits = if narrow { NARROW } else { Limits::default() };
        let whole = parse_split(&input, &[input.len()], &limits);
        let every_byte: Vec<_> = (0..=input.len()).collect();

        prop_assert_eq!(&parse_split(&input, &every_byte, &limits), &whole);
        prop_assert_eq!(&parse_split(&input, &ends(&cuts, input.len()), &limits), &whole);
        if let Ok(HeadStatus::Complete(head)) = whole {
            check_against_httparse(&input, &head);
        }
    }

    #[test]
    fn a_body_is_the_same_in_any_split(input in chunk_bytes(), cuts in cuts(), narrow: bool) {
        let limits = if narrow { NARROW } else { Limits::default() };
        let whole = decode_split(&input, &[input.len()], &limits);
        let every_byte: Vec<_> = (0..=input.len()).collect();

        prop_assert_eq!(&decode_split(&input, &every_byte, &limits), &whole);
        prop_assert_eq!(&decode_split(&input, &ends(&cuts, input.len()), &limits), &whole);
    }

    #[test]
    fn arbitrary_bytes_panic_nowhere(input in prop::collection::vec(any::<u8>(), 0..200)) {
        let ends = [input.len()];
        let head = parse_split(&input, &ends, &Limits::default());
        let body = decode_split(&input, &ends, &Limits::default());

        prop_assert!(head.is_err() || matches!(head, Ok(HeadStatus::Partial)));
        prop_assert!(body.map_or(true, |body| body.consumed <= input.len()));
        prop_assert!(decode_path(&input).len() <= input.len().max(1));
    }

    #[test]
    fn encoded_chunks_decode_to_what_they_held(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
    ) {
        let mut encoded = Vec::new();
        for piece in &pieces {
            encode_chunk(&mut encoded, piece);
        }
        encoded.extend_from_slice(LAST_CHUNK);

        let body = decode_split(&encoded, &[encoded.len()], &Limits::default());

        let expected =
            Body { content: pieces.concat(), consumed: encoded.len(), is_whole: true, trailers: Trailers::default() };
        prop_assert_eq!(body, Ok(expected));
    }

    // Response splitting: an answer has the fields it was given or is refused.
    #[test]
    fn an_encoded_head_holds_what_it_was_given_and_no_more(
        reason in field_bytes(),
        fields in prop::collection::vec((field_bytes(), field_bytes()), 0..4),
        is_head: bool,
        size in prop::option::of(0..9u64),
    ) {
        let context = ResponseContext {
            is_head,
            is_connect: false,
            version: Version::Http11,
            keep_alive: true,
        };
        let status = [b"299 ", &*reason].concat();
        let body = size.map_or(BodyKind::Stream, BodyKind::Sized);
        let mut out = Vec::new();

        let encoded = AnswerHead::new(&status).and_then(|mut head| {
            for (name, value) in &fields {
                head.push(name, value)?;
            }
            encode_head(&mut out, &head, body, &context, &DateCache::new(0));
            Ok(())
        });

        let has_line_end = |bytes: &[u8]| bytes.iter().any(|byte| b"\r\n\0".contains(byte));
        if fields.iter().any(|(name, value)| name.is_empty() || has_line_end(value))
            || has_line_end(&reason)
        {
            prop_assert!(encoded.is_err());
        }
        // A reader may refuse other controls; what it must never do is see another field.
        let controls = fields.iter().flat_map(|(_, value)| value).any(u8::is_ascii_control);
        if encoded.is_ok() && !controls {
            let (code, _, read) = read_response(&out);
            let given = fields.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(b"te"));
            let expected: Vec<_> = given
                .map(|(name, value)| {
                    let name = String::from_utf8(name.clone()).expect("a token is ASCII");
                    (name, value.trim_ascii().to_vec())
                })
                .collect();
            prop_assert_eq!(code, 299);
            prop_assert_eq!(&read[..expected.len()], &expected[..]);
            for (name, _) in &read[expected.len()..] {
                prop_assert!(["Content-Length", "Transfer-Encoding", "Date"].contains(&&**name));
            }
        }
    }
}
