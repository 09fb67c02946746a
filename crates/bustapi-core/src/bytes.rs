//! Byte classes of the grammar and the scan for control characters.

use std::ops::Range;

/// A range of bytes in the buffer that was parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Make a span of offsets that the head's limit keeps within 32 bits.
    pub(crate) fn new(range: Range<usize>) -> Self {
        let offset = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Self {
            start: offset(range.start),
            end: offset(range.end),
        }
    }

    /// Return the bytes in the buffer that was parsed.
    ///
    /// # Panics
    /// When `buffer` is shorter than the one that was parsed.
    #[must_use]
    #[inline]
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.range()]
    }

    #[must_use]
    #[inline]
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    #[must_use]
    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// Whether the byte may stand in a token (RFC 9110 5.6.2).
#[inline]
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

const fn token_table() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(
            byte as u8,
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z'
            | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.'
            | b'^' | b'_' | b'`' | b'|' | b'~'
        );
        byte += 1;
    }
    table
}

static TOKEN: [bool; 256] = token_table();

pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Return the bytes without the optional white space round them (RFC 9110 5.6.3).
pub(crate) fn trim_blanks(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [first, tail @ ..] = rest
        && is_blank(*first)
    {
        rest = tail;
    }
    while let [head @ .., last] = rest
        && is_blank(*last)
    {
        rest = head;
    }
    rest
}

/// Return a decimal number of digits only, or None when it is none or overflows.
pub(crate) fn parse_decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u64, |number, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Return the elements of a comma-separated list without the blanks round them.
pub(crate) fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim_blanks)
}

/// Return the offset of the first control character at or after `from`, HTAB excepted.
pub(crate) fn find_control(buffer: &[u8], from: usize) -> Option<usize> {
    let mut position = from;
    let (words, _) = buffer.get(from..)?.as_chunks::<8>();
    for word in words {
        let flags = control_flags(u64::from_le_bytes(*word));
        if flags != 0 {
            return Some(position + flags.trailing_zeros() as usize / 8);
        }
        position += 8;
    }
    let rest = buffer[position..]
        .iter()
        .position(|&byte| is_control(byte))?;
    Some(position + rest)
}

const fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// Flag the top bit of each byte of `word` that is a control character.
///
/// PERF: eight bytes a step; exact in every byte, so that an HTAB does not hide or
/// fake the byte after it.
const fn control_flags(word: u64) -> u64 {
    const TOP: u64 = splat(0x80);
    const LOW: u64 = splat(0x7f);
    let seven = word & LOW;
    let below_space = !((seven + splat(0x60)) | word);
    let not_tab = (seven ^ splat(b'\t')) + LOW;
    let is_delete = !(((seven ^ LOW) + LOW) | word);
    ((below_space & not_tab) | is_delete) & TOP
}

const fn splat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_character_is_found_at_every_offset() {
        for byte in 0..=255u8 {
            for offset in 0..20 {
                let mut buffer = [b'\t'; 20];
                buffer[offset] = byte;

                let expected = is_control(byte).then_some(offset);

                assert_eq!(find_control(&buffer, 0), expected, "{byte:#x} at {offset}");
                assert_eq!(find_control(&buffer, offset), expected);
                assert_eq!(find_control(&buffer, offset + 1), None);
            }
        }
    }

    #[test]
    fn the_neighbour_of_a_tab_is_judged_by_itself() {
        for byte in 0..=255u8 {
            let buffer = [b'\t', byte, b'\t', b' ', 0xff, b'a', b'\t', b'z'];

            assert_eq!(find_control(&buffer, 0), is_control(byte).then_some(1));
        }
    }

    #[test]
    fn a_decimal_is_digits_only_and_fits() {
        assert_eq!(parse_decimal(b"0"), Some(0));
        assert_eq!(parse_decimal(b"18446744073709551615"), Some(u64::MAX));
        for text in [
            "",
            "+1",
            "-1",
            " 1",
            "1 ",
            "0x1",
            "1_0",
            "18446744073709551616",
        ] {
            assert_eq!(parse_decimal(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn blanks_are_trimmed_at_both_ends_only() {
        assert_eq!(trim_blanks(b" \t a \t b\t "), b"a \t b");
        assert_eq!(trim_blanks(b" \t "), b"");
    }
}
