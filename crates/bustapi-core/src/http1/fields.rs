//! One field line: `name ":" OWS value OWS`, in heads and in trailers alike.

use std::ops::Range;

use crate::error::HttpError;
use crate::http1::bytes::{is_blank, token_length, trim_blanks};

/// Split a field line without its line end into its name and its trimmed value.
///
/// The caller has already refused control characters (RFC 9110 5.5).
#[inline]
pub(crate) fn split_field(line: &[u8]) -> Result<(Range<usize>, Range<usize>), HttpError> {
    let name_end = token_length(line);
    match *line.get(name_end).ok_or(HttpError::FieldName)? {
        b':' if name_end > 0 => {}
        byte if is_blank(byte) => return Err(blank_in_name(line, name_end)),
        _ => return Err(HttpError::FieldName),
    }
    let after_colon = &line[name_end + 1..];
    let value = trim_blanks(after_colon);
    // An all-blank value trims to an empty slice, which still lies within the line.
    let start = value.as_ptr().addr() - line.as_ptr().addr();
    Ok((0..name_end, start..start + value.len()))
}

/// Tell a folded line (RFC 9112 5.2) from a blank before the colon (RFC 9112 5.1).
fn blank_in_name(line: &[u8], name_end: usize) -> HttpError {
    if name_end == 0 {
        return HttpError::FoldedField;
    }
    let colon = line[name_end..].iter().find(|&&byte| !is_blank(byte));
    if colon == Some(&b':') {
        HttpError::SpaceBeforeColon
    } else {
        HttpError::FieldName
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Result<(&str, &str), HttpError> {
        split_field(line.as_bytes()).map(|(name, value)| (&line[name], &line[value]))
    }

    #[test]
    fn the_value_is_what_stands_between_the_blanks() {
        assert_eq!(split("Accept: */*"), Ok(("Accept", "*/*")));
        assert_eq!(split("Accept:*/*"), Ok(("Accept", "*/*")));
        assert_eq!(split("Accept: \t a  b \t"), Ok(("Accept", "a  b")));
        assert_eq!(split("Accept:"), Ok(("Accept", "")));
        assert_eq!(split("Accept: \t "), Ok(("Accept", "")));
        assert_eq!(split("a: b: c"), Ok(("a", "b: c")));
        assert_eq!(split("x: naïve"), Ok(("x", "naïve")));
    }

    // RFC 9112 5.1: no white space between name and colon.
    #[test]
    fn a_blank_before_the_colon_is_refused() {
        assert_eq!(split("Host : a"), Err(HttpError::SpaceBeforeColon));
        assert_eq!(split("Host\t: a"), Err(HttpError::SpaceBeforeColon));
    }

    // RFC 9112 5.2: a server refuses obs-fold.
    #[test]
    fn a_folded_line_is_refused() {
        assert_eq!(split(" more"), Err(HttpError::FoldedField));
        assert_eq!(split("\tHost: a"), Err(HttpError::FoldedField));
    }

    // RFC 9110 5.1: a field name is a token.
    #[test]
    fn a_name_that_is_no_token_is_refused() {
        for line in [
            "", ":", ": a", "Host", "Ho st: a", "Ho(st: a", "Hö: a", "a\"b: c", "a/b: c",
        ] {
            assert_eq!(split(line), Err(HttpError::FieldName), "{line:?}");
        }
    }
}
