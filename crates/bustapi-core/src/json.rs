//! Strings and floats of JSON as Python's library writes them.

use std::io::Write;

/// Append a string with its quotes. `false`: it has a surrogate that UTF-8 cannot write, and
/// what was appended is of no use.
///
/// ```
/// let mut out = Vec::new();
///
/// assert!(bustapi_core::json::push_string(&mut out, &[0x22_u16, 0x20ac, 0xd83d], true));
/// assert_eq!(out, br#""\"\u20ac\ud83d""#);
/// ```
///
/// `units` are code points in as many bytes as the largest needs. With `ascii` all beyond
/// ASCII are written as escapes, those beyond the first plane as two; without, only what
/// JSON does not allow in a string is.
#[must_use]
pub fn push_string<U: Copy + Into<u32>>(out: &mut Vec<u8>, units: &[U], ascii: bool) -> bool {
    out.reserve(units.len() + 2);
    out.push(b'"');
    for &unit in units {
        if !push_character(out, unit.into(), ascii) {
            return false;
        }
    }
    out.push(b'"');
    true
}

/// Like [`push_string`], for a string whose code points are single bytes.
///
/// PERF: whole runs of plain characters are copied; one by one they cost four times as much.
pub fn push_latin1_string(out: &mut Vec<u8>, units: &[u8], ascii: bool) {
    out.reserve(units.len() + 2);
    out.push(b'"');
    let mut start = 0;
    for (index, &unit) in units.iter().enumerate() {
        if !PLAIN[usize::from(unit)] {
            out.extend_from_slice(&units[start..index]);
            push_character(out, u32::from(unit), ascii);
            start = index + 1;
        }
    }
    out.extend_from_slice(&units[start..]);
    out.push(b'"');
}

/// Which characters are written as they are whatever is asked for.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// Append one character. `false`: UTF-8 cannot write it.
fn push_character(out: &mut Vec<u8>, code: u32, ascii: bool) -> bool {
    match code {
        0x22 | 0x5c => push_short(out, code as u8),
        0x08 => push_short(out, b'b'),
        0x09 => push_short(out, b't'),
        0x0a => push_short(out, b'n'),
        0x0c => push_short(out, b'f'),
        0x0d => push_short(out, b'r'),
        0x20..0x7f => out.push(code as u8),
        0..0x20 => push_escape(out, code),
        0x1_0000.. if ascii => {
            let rest = code - 0x1_0000;
            push_escape(out, 0xd800 | rest >> 10);
            push_escape(out, 0xdc00 | rest & 0x3ff);
        }
        _ if ascii => push_escape(out, code),
        _ => {
            let Some(character) = char::from_u32(code) else {
                return false;
            };
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    true
}

fn push_short(out: &mut Vec<u8>, letter: u8) {
    out.extend_from_slice(&[b'\\', letter]);
}

/// Append `\u` and four digits of a code below 0x10000.
fn push_escape(out: &mut Vec<u8>, code: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u32| DIGITS[(code >> shift & 0xf) as usize];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

/// Append a finite number as Python's ``repr`` does: the shortest text that reads as the same
/// number, and of those the closest one.
///
/// ```
/// let mut out = Vec::new();
///
/// bustapi_core::json::push_float(&mut out, 1e16);
/// assert_eq!(out, b"1e+16");
/// ```
pub fn push_float(out: &mut Vec<u8>, number: f64) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(number.abs());
    if number.is_sign_negative() {
        out.push(b'-');
    }
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));

    // The digits without a point, and where the point is among them.
    let mut digits = [0; DIGITS];
    let end = whole.len() + fraction.len();
    digits[..whole.len()].copy_from_slice(whole.as_bytes());
    digits[whole.len()..end].copy_from_slice(fraction.as_bytes());
    let digits = &digits[..end];
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    let last = digits.iter().rposition(|&digit| digit != b'0');
    match last {
        None => out.extend_from_slice(b"0.0"),
        Some(last) => {
            let point = whole.len() as i32 + exponent - zeros as i32;
            push_digits(out, &digits[zeros..=last], point);
        }
    }
}

/// Room for what the formatter may write between sign and exponent.
const DIGITS: usize = 40;

/// Append digits that have a point after the first `point`, and neither begin nor end with 0.
fn push_digits(out: &mut Vec<u8>, digits: &[u8], point: i32) {
    let zeros = |count: i32| std::iter::repeat_n(b'0', usize::try_from(count).unwrap_or(0));
    // Numbers as long or small as this have an exponent.
    if point <= -4 || point > 16 {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        // At least two digits, and a sign always.
        write!(out, "e{:+03}", point - 1).expect("a vector takes all that is written");
    } else if point <= 0 {
        out.extend_from_slice(b"0.");
        out.extend(zeros(-point));
        out.extend_from_slice(digits);
    } else {
        let (before, after) = digits.split_at(digits.len().min(point as usize));
        out.extend_from_slice(before);
        out.extend(zeros(point - before.len() as i32));
        out.push(b'.');
        out.extend_from_slice(if after.is_empty() { b"0" } else { after });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_has_an_exponent_where_python_gives_it_one() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (100.0, "100.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.000_123_4, "0.0001234"),
            (0.000_01, "1e-05"),
            (0.000_012_34, "1.234e-05"),
            (1e15, "1000000000000000.0"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.234e16, "1.234e+16"),
            (1e22, "1e+22"),
            (1e100, "1e+100"),
            (5e-324, "5e-324"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN, "-1.7976931348623157e+308"),
        ];
        for (number, expected) in cases {
            let mut out = Vec::new();
            push_float(&mut out, number);
            assert_eq!(String::from_utf8(out).as_deref(), Ok(expected));
        }
    }

    fn text(units: &[u32], ascii: bool) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        push_string(&mut out, units, ascii).then_some(out)
    }

    #[test]
    fn control_characters_quotes_and_backslashes_are_escaped_in_both_ways() {
        let units: Vec<u32> = "\0\x08\t\n\x0b\x0c\r\x1f \"\\/"
            .bytes()
            .map(u32::from)
            .collect();
        let expected = br#""\u0000\b\t\n\u000b\f\r\u001f \"\\/""#;

        assert_eq!(text(&units, true).as_deref(), Some(&expected[..]));
        assert_eq!(text(&units, false).as_deref(), Some(&expected[..]));
    }

    #[test]
    fn delete_is_an_escape_in_ascii_alone() {
        assert_eq!(text(&[0x7f], true).as_deref(), Some(&br#""\u007f""#[..]));
        assert_eq!(text(&[0x7f], false).as_deref(), Some(&b"\"\x7f\""[..]));
    }

    #[test]
    fn characters_beyond_the_first_plane_are_two_escapes() {
        let expected = br#""\ud83d\ude00\udbff\udfff""#;

        assert_eq!(
            text(&[0x1f600, 0x10_ffff], true).as_deref(),
            Some(&expected[..])
        );
        assert_eq!(
            text(&[0x1f600], false).as_deref(),
            Some("\"\u{1f600}\"".as_bytes())
        );
    }

    #[test]
    fn a_lone_surrogate_is_written_as_an_escape_or_not_at_all() {
        assert_eq!(text(&[0xdc00], true).as_deref(), Some(&br#""\udc00""#[..]));
        assert_eq!(text(&[0xdc00], false), None);
    }

    #[test]
    fn single_bytes_are_written_as_wider_units_are() {
        for ascii in [true, false] {
            for first in 0..=255_u8 {
                let bytes = [b'a', first, b'b', first, first];
                let mut out = Vec::new();

                push_latin1_string(&mut out, &bytes, ascii);

                let units: Vec<u32> = bytes.iter().copied().map(u32::from).collect();
                assert_eq!(Some(out), text(&units, ascii));
            }
        }
    }
}
