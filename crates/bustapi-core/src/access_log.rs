//! One line of the access log per request, as text that cannot forge another one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::http1::response::write_decimal;

/// Bytes of a query that are logged; what is cut is marked by three dots.
const QUERY_LIMIT: usize = 1024;

/// Bytes of the request line that are logged of what was no request.
const LINE_LIMIT: usize = 1024;

/// Return the request line of a head of which perhaps not all has come: the first line that
/// is not empty, and no more of it than is logged.
#[must_use]
pub fn request_line(head: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let start = head.iter().position(|byte| !is_end(byte));
    let line = &head[start.unwrap_or(head.len())..];
    let length = line.iter().position(is_end).unwrap_or(line.len());
    // One more than is written, which tells that it was cut.
    &line[..length.min(LINE_LIMIT + 1)]
}

/// What is logged of a request that the server refused by itself.
#[derive(Clone, Copy, Debug)]
pub struct RefusedLine<'a> {
    pub time: SystemTime,
    pub client: &'a [u8],
    /// What came of the request line, see [`request_line`].
    pub line: &'a [u8],
    pub status: u16,
    /// The rule that was broken, in words of ours.
    pub reason: &'static str,
}

impl RefusedLine<'_> {
    /// Append the line with its line end: that of a request, and behind it the reason.
    ///
    /// ```
    /// # use std::time::UNIX_EPOCH;
    /// # use bustapi_core::access_log::RefusedLine;
    /// let line = RefusedLine {
    ///     time: UNIX_EPOCH,
    ///     client: b"127.0.0.1",
    ///     line: b"GET /\x1b[2J",
    ///     status: 400,
    ///     reason: "a control character in the head",
    /// };
    /// let mut log = Vec::new();
    ///
    /// line.write(&mut log);
    ///
    /// assert_eq!(
    ///     String::from_utf8_lossy(&log),
    ///     "1970-01-01T00:00:00.000Z 127.0.0.1 \"GET /\\x1b[2J\" 400 0 0.000ms \
    ///      a control character in the head\n",
    /// );
    /// ```
    pub fn write(&self, out: &mut Vec<u8>) {
        write_time(out, self.time);
        out.push(b' ');
        write_escaped(out, self.client);
        out.extend_from_slice(b" \"");
        if self.line.is_empty() {
            out.push(b'-');
        }
        write_escaped(out, &self.line[..self.line.len().min(LINE_LIMIT)]);
        if self.line.len() > LINE_LIMIT {
            out.extend_from_slice(b"...");
        }
        out.extend_from_slice(b"\" ");
        write_decimal(out, u64::from(self.status));
        out.extend_from_slice(b" 0 0.000ms ");
        out.extend_from_slice(self.reason.as_bytes());
        out.push(b'\n');
    }
}

/// What is logged of one request. No field, cookie or body ever is.
#[derive(Clone, Copy, Debug)]
pub struct AccessLine<'a> {
    /// When the head was complete.
    pub time: SystemTime,
    pub client: &'a [u8],
    pub method: &'a [u8],
    /// The request target as it came.
    pub target: &'a [u8],
    pub protocol: &'a [u8],
    pub status: u16,
    /// Bytes of the answer's body.
    pub body_bytes: u64,
    pub duration: Duration,
}

impl AccessLine<'_> {
    /// Append the line with its line end.
    ///
    /// ```
    /// # use std::time::{Duration, UNIX_EPOCH};
    /// # use bustapi_core::access_log::AccessLine;
    /// let line = AccessLine {
    ///     time: UNIX_EPOCH + Duration::from_millis(784_111_777_042),
    ///     client: b"127.0.0.1",
    ///     method: b"GET",
    ///     target: b"/hello",
    ///     protocol: b"HTTP/1.1",
    ///     status: 200,
    ///     body_bytes: 5,
    ///     duration: Duration::from_micros(1_250),
    /// };
    /// let mut log = Vec::new();
    ///
    /// line.write(&mut log);
    ///
    /// assert_eq!(
    ///     log,
    ///     b"1994-11-06T08:49:37.042Z 127.0.0.1 \"GET /hello HTTP/1.1\" 200 5 1.250ms\n",
    /// );
    /// ```
    pub fn write(&self, out: &mut Vec<u8>) {
        write_time(out, self.time);
        out.push(b' ');
        write_escaped(out, self.client);
        out.extend_from_slice(b" \"");
        write_escaped(out, self.method);
        out.push(b' ');
        write_target(out, self.target);
        out.push(b' ');
        write_escaped(out, self.protocol);
        out.extend_from_slice(b"\" ");
        write_decimal(out, u64::from(self.status));
        out.push(b' ');
        write_decimal(out, self.body_bytes);
        out.push(b' ');
        write_milliseconds(out, self.duration);
        out.extend_from_slice(b"ms\n");
    }
}

fn write_target(out: &mut Vec<u8>, target: &[u8]) {
    let query = target
        .iter()
        .position(|&byte| byte == b'?')
        .map_or(target.len(), |mark| mark + 1);
    let end = target.len().min(query + QUERY_LIMIT);
    write_escaped(out, &target[..end]);
    if end < target.len() {
        out.extend_from_slice(b"...");
    }
}

/// Write printable ASCII as it is, everything else (C0, DEL, C1 and up) as `\xNN`.
fn write_escaped(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let (high, low) = (usize::from(byte >> 4), usize::from(byte & 0xf));
                out.extend_from_slice(&[b'\\', b'x', DIGITS[high], DIGITS[low]]);
            }
        }
    }
}

/// Write `2026-11-25T16:08:31.042Z`; a time before 1970 is written as 1970.
fn write_time(out: &mut Vec<u8>, time: SystemTime) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = civil_date(seconds / 86_400);
    let parts = [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (seconds / 3_600 % 24, 2, b':'),
        (seconds / 60 % 60, 2, b':'),
        (seconds % 60, 2, b'.'),
        (u64::from(since.subsec_millis()), 3, b'Z'),
    ];
    for (number, width, after) in parts {
        write_padded(out, number, width);
        out.push(after);
    }
}

fn write_padded(out: &mut Vec<u8>, number: u64, width: usize) {
    let mut digits = Vec::with_capacity(width);
    write_decimal(&mut digits, number);
    out.extend(std::iter::repeat_n(
        b'0',
        width.saturating_sub(digits.len()),
    ));
    out.extend_from_slice(&digits);
}

fn write_milliseconds(out: &mut Vec<u8>, duration: Duration) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    write_decimal(out, micros / 1_000);
    out.push(b'.');
    write_padded(out, micros % 1_000, 3);
}

/// Turn days since 1970-01-01 into year, month and day of the Gregorian calendar.
///
/// Counts in eras of 400 years from 1 March of year 0, so that the leap day ends a year.
const fn civil_date(days: u64) -> (u64, u64, u64) {
    let from_march = days + 719_468;
    let era = from_march / 146_097;
    let day_of_era = from_march % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + (month <= 2) as u64;
    (year, month, day)
}
