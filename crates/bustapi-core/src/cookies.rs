//! One cookie of a request, as Werkzeug finds it.

/// What a `Cookie` field says of a name.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    Value(&'a [u8]),
    Nothing,
    /// The field has quotes or characters beyond ASCII, which need more than a look.
    Unclear,
}

/// Find the first cookie of a name.
///
/// ```
/// use bustapi_core::cookies::{Found, find};
///
/// assert_eq!(find(b"a=1; session=abc; session=d", b"session"), Found::Value(b"abc"));
/// assert_eq!(find(b"a=1", b"session"), Found::Nothing);
/// ```
///
/// A cookie is a name, and after `=` a value, each without spaces inside; what is none is
/// passed over.
#[must_use]
pub fn find<'a>(field: &'a [u8], name: &[u8]) -> Found<'a> {
    if field
        .iter()
        .any(|&byte| byte == b'"' || !(32..127).contains(&byte))
    {
        return Found::Unclear;
    }
    field
        .split(|&byte| byte == b';')
        .filter_map(split)
        .find(|&(found, _)| found == name)
        .map_or(Found::Nothing, |(_, value)| Found::Value(value))
}

/// Return name and value of one cookie, None when it is none.
fn split(cookie: &[u8]) -> Option<(&[u8], &[u8])> {
    let cookie = cookie.trim_ascii();
    let end = cookie
        .iter()
        .position(|&byte| byte == b' ' || byte == b'=')
        .unwrap_or(cookie.len());
    let (name, rest) = cookie.split_at(end);
    if name.is_empty() {
        return None;
    }
    match rest.trim_ascii_start() {
        [] => Some((name, b"")),
        [b'=', value @ ..] => {
            let value = value.trim_ascii_start();
            (!value.contains(&b' ')).then_some((name, value))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_around_name_and_value_are_no_part_of_them() {
        for field in [
            "a=1",
            " a = 1 ",
            "b=2;a=1",
            "b; a=1;",
            ";;a =1",
            "=x; a= 1;a=2",
        ] {
            assert_eq!(find(field.as_bytes(), b"a"), Found::Value(b"1"), "{field}");
        }
    }

    #[test]
    fn a_cookie_may_have_no_value() {
        for field in ["a", "a=", " a ; b", "a ="] {
            assert_eq!(find(field.as_bytes(), b"a"), Found::Value(b""), "{field}");
        }
    }

    #[test]
    fn what_is_no_cookie_is_passed_over() {
        for field in [
            "", " ", ";", "=", "=a", "a b=1", "b=a 1", "a=1 2", "b a", "A=1",
        ] {
            assert_eq!(find(field.as_bytes(), b"a"), Found::Nothing, "{field}");
        }
    }

    #[test]
    fn a_value_may_hold_what_divides_names() {
        assert_eq!(find(b"a=b=c", b"a"), Found::Value(b"b=c"));
        assert_eq!(find(b"a==", b"a"), Found::Value(b"="));
    }

    #[test]
    fn quotes_and_characters_beyond_ascii_are_for_others() {
        for field in [
            &b"a=\"1\""[..],
            b"b=\"; a=1\"",
            b"a=\xc3\xa9",
            b"a=1\t",
            b"a\x7f=1",
        ] {
            assert_eq!(find(field, b"a"), Found::Unclear);
        }
    }
}
