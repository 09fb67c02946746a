//! The request head: no panic, the same result in any split, spans within the head.

#![no_main]

#[path = "../../tests/limits/narrow.rs"]
mod narrow;

use bustapi_core::error::HttpError;
use bustapi_core::http1::head::{Head, HeadParser, HeadStatus};
use bustapi_core::http1::target::{TargetForm, decode_path};
use bustapi_core::limits::Limits;
use libfuzzer_sys::fuzz_target;
use narrow::NARROW;

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

    let whole = HeadParser::new().advance(input, &limits);

    assert_eq!(parse_in_pieces(input, size, &limits), whole);
    if let Ok(HeadStatus::Complete(head)) = whole {
        check(&head, input);
    }
});

fn parse_in_pieces(input: &[u8], size: usize, limits: &Limits) -> Result<HeadStatus, HttpError> {
    let mut parser = HeadParser::new();
    for end in (0..input.len()).step_by(size).chain([input.len()]) {
        let status = parser.advance(&input[..end], limits)?;
        if status != HeadStatus::Partial {
            return Ok(status);
        }
    }
    Ok(HeadStatus::Partial)
}

const STANDARD_METHODS: [&[u8]; 9] = [
    b"CONNECT", b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"PATCH", b"POST", b"PUT", b"TRACE",
];

fn check(head: &Head, input: &[u8]) {
    let bytes = &input[..head.length];
    assert!(bytes.ends_with(b"\r\n\r\n"));
    assert!(!bytes.contains(&0));
    assert!(!head.method.is_empty());
    let method = head.method.of(bytes);
    let is_standard = |name: &&[u8]| name.eq_ignore_ascii_case(method);
    for name in STANDARD_METHODS.iter().copied().filter(is_standard) {
        assert_eq!(name, method);
    }
    assert!(!head.target.whole.is_empty());
    for field in &head.fields {
        assert!(!field.name.is_empty());
        assert!(field.name.end < field.value.end.max(field.value.start + 1));
        let value = field.value.of(bytes);
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n')));
        assert_eq!(value.trim_ascii(), value);
    }
    if let TargetForm::Absolute { authority } = head.target.form {
        assert_eq!(head.host, Some(authority));
    }
    let path = head.target.path.of(bytes);
    assert!(decode_path(path).len() <= path.len().max(1));
}
