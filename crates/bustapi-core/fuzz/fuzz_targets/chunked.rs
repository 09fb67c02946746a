//! The chunk decoder: no panic, the same result in any split, never more consumed than given.

#![no_main]

#[path = "../../tests/limits/narrow.rs"]
mod narrow;

use bustapi_core::error::HttpError;
use bustapi_core::http1::chunked::{ChunkDecoder, ChunkEvent, Trailers};
use bustapi_core::limits::Limits;
use libfuzzer_sys::fuzz_target;
use narrow::NARROW;

#[derive(Debug, PartialEq, Eq)]
struct Body {
    content: Vec<u8>,
    consumed: usize,
    is_whole: bool,
    trailers: Trailers,
}

// The first byte chooses the limits and the size of the pieces, the rest is the input.
fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, input)) = bytes.split_first() else {
        return;
    };
    let limits = if choice & 1 == 0 {
        Limits::default()
    } else {
        NARROW
    };
    let size = usize::from(choice >> 1).max(1);

    let whole = decode(input, input.len().max(1), &limits);

    assert_eq!(decode(input, size, &limits), whole);
    if let Ok(body) = whole {
        check(&body, input);
    }
});

fn decode(input: &[u8], size: usize, limits: &Limits) -> Result<Body, HttpError> {
    let mut decoder = ChunkDecoder::new(limits);
    let mut content = Vec::new();
    let mut consumed = 0;
    let mut trailers = Trailers::default();
    for piece in input.chunks(size) {
        let mut rest = piece;
        while !decoder.is_finished() {
            let step = decoder.decode(rest)?;
            rest = &rest[step.consumed..];
            consumed += step.consumed;
            match step.event {
                ChunkEvent::Data(data) => content.extend_from_slice(data),
                ChunkEvent::Partial => break,
                ChunkEvent::End(found) => trailers = found,
            }
        }
    }
    Ok(Body {
        content,
        consumed,
        is_whole: decoder.is_finished(),
        trailers,
    })
}

fn check(body: &Body, input: &[u8]) {
    assert!(body.consumed <= input.len());
    assert!(body.content.len() <= body.consumed);
    if body.is_whole {
        assert!(input[..body.consumed].ends_with(b"\r\n\r\n"));
    } else {
        assert_eq!(body.consumed, input.len());
    }
}
