//! The request target: its four forms (RFC 9112 3.2), and the path that an application sees.

use std::borrow::Cow;

use crate::error::HttpError;
use crate::http1::bytes::{Span, is_target_byte};
use crate::http1::host::{is_host, is_host_with_port};

/// Which of the four forms a target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`.
    Origin,
    /// `http://host/path?query`; the authority takes the place of Host.
    Absolute { authority: Span },
    /// `host:port`, for CONNECT alone. There is no path.
    Authority,
    /// `*`, for OPTIONS alone; the path is `*`.
    Asterisk,
}

/// A request target, split where an application needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The target as it came.
    pub whole: Span,
    pub form: TargetForm,
    /// The path as it came, still encoded; empty for CONNECT and for `http://host`.
    pub path: Span,
    /// What follows the first `?`, or None without one.
    pub query: Option<Span>,
}

impl Target {
    /// Split the bytes of `whole` and check the form against the method.
    pub(crate) fn split(buffer: &[u8], method: Span, whole: Span) -> Result<Self, HttpError> {
        let bytes = whole.of(buffer);
        // Visible ASCII without "#": a target has no fragment. Stricter than the URI grammar
        // would cut off what browsers send bare, such as "[" and "|" in queries.
        if !bytes.iter().all(|&byte| is_target_byte(byte)) {
            return Err(HttpError::Target);
        }
        // RFC 9112 3.2.3: authority-form is for CONNECT alone, and CONNECT has no other.
        if method.of(buffer) == b"CONNECT" {
            return Self::authority_form(bytes, whole);
        }
        match bytes {
            [b'/', ..] => Ok(Self::with_path(
                buffer,
                whole,
                whole.start,
                TargetForm::Origin,
            )),
            b"*" if method.of(buffer) == b"OPTIONS" => Ok(Self {
                whole,
                form: TargetForm::Asterisk,
                path: whole,
                query: None,
            }),
            _ => Self::absolute_form(buffer, bytes, whole),
        }
    }

    fn authority_form(bytes: &[u8], whole: Span) -> Result<Self, HttpError> {
        if !is_host_with_port(bytes) {
            return Err(HttpError::Target);
        }
        let path = Span {
            start: whole.end,
            end: whole.end,
        };
        Ok(Self {
            whole,
            form: TargetForm::Authority,
            path,
            query: None,
        })
    }

    /// RFC 9112 3.2.2; RFC 9110 4.2.4 has user information refused, 4.2.1 an empty host.
    fn absolute_form(buffer: &[u8], bytes: &[u8], whole: Span) -> Result<Self, HttpError> {
        let scheme = scheme_length(bytes).ok_or(HttpError::Target)?;
        let rest = &bytes[scheme..];
        let length = rest
            .iter()
            .position(|&byte| matches!(byte, b'/' | b'?'))
            .unwrap_or(rest.len());
        if !is_host(&rest[..length]) {
            return Err(HttpError::Target);
        }
        let start = whole.start as usize + scheme;
        let authority = Span::new(start..start + length);
        let form = TargetForm::Absolute { authority };
        Ok(Self::with_path(buffer, whole, authority.end, form))
    }

    fn with_path(buffer: &[u8], whole: Span, start: u32, form: TargetForm) -> Self {
        let rest = Span {
            start,
            end: whole.end,
        };
        let mark = rest.of(buffer).iter().position(|&byte| byte == b'?');
        let Some(mark) = mark else {
            return Self {
                whole,
                form,
                path: rest,
                query: None,
            };
        };
        let mark = start as usize + mark;
        Self {
            whole,
            form,
            path: Span::new(start as usize..mark),
            query: Some(Span::new(mark + 1..whole.end as usize)),
        }
    }
}

fn scheme_length(bytes: &[u8]) -> Option<usize> {
    let has_prefix = |prefix: &[u8]| {
        bytes
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|prefix| has_prefix(prefix))
        .map(<[u8]>::len)
}

/// Decode a path once, to the bytes of `PATH_INFO` (PEP 3333); a `%` without two hexadecimal
/// digits stays as it is.
///
/// An empty path is `/` (RFC 9110 4.2.3), except for CONNECT, which the caller knows.
///
/// ```
/// use bustapi_core::http1::target::decode_path;
///
/// assert_eq!(&*decode_path(b"/caf%C3%A9"), "/café".as_bytes());
/// ```
#[must_use]
pub fn decode_path(raw: &[u8]) -> Cow<'_, [u8]> {
    match raw.iter().position(|&byte| byte == b'%') {
        None if raw.is_empty() => Cow::Borrowed(b"/"),
        None => Cow::Borrowed(raw),
        Some(first) => Cow::Owned(decode_escapes(raw, first)),
    }
}

fn decode_escapes(raw: &[u8], first: usize) -> Vec<u8> {
    let (plain, mut rest) = raw.split_at(first);
    let mut decoded = Vec::with_capacity(raw.len());
    decoded.extend_from_slice(plain);
    while let [byte, tail @ ..] = rest {
        rest = tail;
        let escape = match (byte, tail) {
            (b'%', [high, low, ..]) => hex_value(*high).zip(hex_value(*low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = &tail[2..];
            }
            None => decoded.push(*byte),
        }
    }
    decoded
}

/// Return the value of a hexadecimal digit, or None for any other byte.
pub(crate) const fn hex_value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split<'a>(method: &str, target: &'a str) -> Result<(Target, &'a str), HttpError> {
        let buffer = format!("{target}{method}");
        let whole = Span::new(0..target.len());
        let method = Span::new(target.len()..buffer.len());
        let split = Target::split(buffer.as_bytes(), method, whole)?;
        Ok((split, &target[split.path.range()]))
    }

    #[test]
    fn the_first_question_mark_ends_the_path() {
        let (target, path) = split("GET", "/a//b?c=d?e").expect("valid");

        assert_eq!((path, target.form), ("/a//b", TargetForm::Origin));
        assert_eq!(target.query.map(|query| query.range()), Some(6..11));
        assert_eq!(
            split("GET", "/a?").expect("valid").0.query.map(Span::len),
            Some(0)
        );
        assert_eq!(split("GET", "/a").expect("valid").0.query, None);
    }

    // RFC 9112 3.2.2.
    #[test]
    fn an_absolute_form_has_an_authority() {
        for (text, authority, path) in [
            ("http://a.example/b?c", "a.example", "/b"),
            ("HTTPS://[::1]:80", "[::1]:80", ""),
            ("http://a?b", "a", ""),
        ] {
            let (target, found) = split("GET", text).expect(text);
            let TargetForm::Absolute { authority: span } = target.form else {
                panic!("{text} is in absolute form");
            };
            assert_eq!((&text[span.range()], found), (authority, path));
        }
    }

    // RFC 9112 3.2.3, 3.2.4.
    #[test]
    fn connect_and_options_have_forms_of_their_own() {
        assert_eq!(
            split("CONNECT", "a:443").expect("valid").0.form,
            TargetForm::Authority
        );
        assert_eq!(
            split("OPTIONS", "*").expect("valid").0.form,
            TargetForm::Asterisk
        );
        for (method, target) in [
            ("GET", "*"),
            ("GET", "a:443"),
            ("CONNECT", "/"),
            ("CONNECT", "a"),
            ("CONNECT", "http://a:1/"),
            ("OPTIONS", "**"),
            ("options", "*"),
        ] {
            assert_eq!(
                split(method, target),
                Err(HttpError::Target),
                "{method} {target}"
            );
        }
    }

    #[test]
    fn a_target_of_no_form_is_refused() {
        for target in [
            "",
            "a",
            "a/b",
            "?a",
            "http:/a",
            "http://",
            "http:///a",
            "http://:80/",
            "ftp://a/",
            "http://user@a/",
            "http://a b/",
            "/a#b",
            "/a b",
            "/é",
            "//\u{7f}",
            "http://a#b",
        ] {
            assert_eq!(split("GET", target), Err(HttpError::Target), "{target}");
        }
    }

    #[test]
    fn escapes_are_decoded_once() {
        for (raw, decoded) in [
            ("/a%20b", &b"/a b"[..]),
            ("/%2525", b"/%25"),
            ("/%2F", b"//"),
            ("/%00", b"/\0"),
            ("/%e2%82%AC", "/€".as_bytes()),
            ("/%ff", b"/\xff"),
            ("/%", b"/%"),
            ("/%4", b"/%4"),
            ("/%4g%41", b"/%4gA"),
            ("/%%41", b"/%A"),
            ("/+", b"/+"),
            ("", b"/"),
        ] {
            assert_eq!(&*decode_path(raw.as_bytes()), decoded, "{raw}");
        }
    }
}
