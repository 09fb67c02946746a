//! Byte classes of the grammar and the scan for control characters.

use std::ops::Range;

/// A range of bytes in the buffer that was parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Make a span of offsets, which the limits of a head keep far below 32 bits.
    #[inline]
    pub(crate) const fn new(range: Range<usize>) -> Self {
        Self {
            start: range.start as u32,
            end: range.end as u32,
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
    CLASSES[byte as usize] & TOKEN != 0
}

/// Whether the byte may stand bare in a host (RFC 3986 2.2, 2.3: `unreserved / sub-delims`).
#[inline]
pub(crate) const fn is_host_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & HOST != 0
}

/// Whether the byte may stand in a request target: visible ASCII without `#`.
#[inline]
pub(crate) const fn is_target_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & TARGET != 0
}

#[inline]
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Return how many bytes at the start are those of a token.
///
/// PERF: eight bytes a step without a branch on each; names end where the processor cannot
/// foresee it.
#[inline]
pub(crate) fn token_length(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        let mut others = 0u32;
        for (index, &byte) in word.iter().enumerate() {
            others |= u32::from(!CLASSES[byte as usize] & TOKEN) << index;
        }
        if others != 0 {
            return length + others.trailing_zeros() as usize;
        }
        length += 8;
    }
    let rest = tail.iter().position(|&byte| !is_token_byte(byte));
    length + rest.unwrap_or(tail.len())
}

const TOKEN: u8 = 1;
const HOST: u8 = 2;
const TARGET: u8 = 4;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0u8;
    loop {
        let mut class = 0;
        if byte.is_ascii_alphanumeric() || is_among(byte, b"!#$%&'*+-.^_`|~") {
            class |= TOKEN;
        }
        if byte.is_ascii_alphanumeric() || is_among(byte, b"-._~!$&'()*+,;=") {
            class |= HOST;
        }
        if byte.is_ascii_graphic() && byte != b'#' {
            class |= TARGET;
        }
        classes[byte as usize] = class;
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};

const fn is_among(byte: u8, set: &[u8]) -> bool {
    let mut index = 0;
    while index < set.len() {
        if set[index] == byte {
            return true;
        }
        index += 1;
    }
    false
}

pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Return the bytes without the optional white space round them (RFC 9110 5.6.3).
#[inline]
pub(crate) fn trim_blanks(bytes: &[u8]) -> &[u8] {
    // PERF: nearly all values have one space before them and nothing behind.
    let rest = bytes.strip_prefix(b" ").unwrap_or(bytes);
    match (rest.first(), rest.last()) {
        (Some(&first), Some(&last)) if !is_blank(first) && !is_blank(last) => rest,
        _ => trim_many_blanks(rest),
    }
}

fn trim_many_blanks(bytes: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !is_blank(*byte);
    let start = bytes.iter().position(is_text).unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(is_text)
        .map_or(start, |last| last + 1);
    &bytes[start..end]
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
///
/// PERF: sixteen bytes a step, which the compiler turns into vector instructions, then eight
/// in a register to find the byte.
#[inline]
pub(crate) fn find_control(buffer: &[u8], from: usize) -> Option<usize> {
    let rest = buffer.get(from..)?;
    let (blocks, _) = rest.as_chunks::<16>();
    let clean = blocks
        .iter()
        .take_while(|block| !has_control(block))
        .count();
    let mut position = from + 16 * clean;
    let (words, _) = buffer[position..].as_chunks::<8>();
    for word in words.iter().take(2) {
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

#[inline]
fn has_control(block: &[u8; 16]) -> bool {
    block
        .iter()
        .fold(false, |found, &byte| found | is_control(byte))
}

const fn is_control(byte: u8) -> bool {
    ((byte < 0x20) & (byte != b'\t')) | (byte == 0x7f)
}

/// Flag the top bit of each byte of `word` that is a control character.
///
/// Exact in every byte, so that an HTAB neither hides nor fakes the byte after it.
const fn control_flags(word: u64) -> u64 {
    const TOP: u64 = splat(0x80);
    const LOW: u64 = splat(0x7f);
    // No sum reaches the next byte, since both terms have seven bits.
    let seven = word & LOW;
    let below_space = !(seven.wrapping_add(splat(0x60)) | word);
    let not_tab = (seven ^ splat(b'\t')).wrapping_add(LOW);
    let is_delete = !((seven ^ LOW).wrapping_add(LOW) | word);
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
            for offset in 0..40 {
                let mut buffer = [b'\t'; 40];
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
    fn a_token_ends_at_the_first_other_byte() {
        for length in 0..20 {
            assert_eq!(token_length(&b"abcdefghijklmnopqrst"[..length]), length);
            for other in [b':', b' ', 0x80, b'(', 0] {
                let mut bytes = *b"abcdefghijklmnopqrst";
                bytes[length] = other;
                assert_eq!(token_length(&bytes), length);
            }
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
            "36893488147419103232",
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
