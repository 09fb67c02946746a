//! The Date field, formatted once a second (RFC 9110 6.6.1).

use std::time::{Duration, UNIX_EPOCH};

/// The Date field of the current second, ready to be copied.
#[derive(Clone, Debug)]
pub struct DateCache {
    second: u64,
    line: [u8; DATE_LINE],
}

pub(crate) const DATE_LINE: usize = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n".len();

impl DateCache {
    /// Make a cache that holds the given second of Unix time.
    #[must_use]
    pub fn new(second: u64) -> Self {
        let mut cache = Self {
            second,
            line: [0; DATE_LINE],
        };
        cache.format();
        cache
    }

    /// Move to another second; costs nothing while it is the same.
    #[inline]
    pub fn set(&mut self, second: u64) {
        if self.second != second {
            self.second = second;
            self.format();
        }
    }

    /// Return the whole field line with its line end.
    #[must_use]
    pub const fn line(&self) -> &[u8] {
        &self.line
    }

    fn format(&mut self) {
        // The last moment that RFC 9110 5.6.7 can write: a year has four digits.
        const LATEST: u64 = 253_402_300_799;
        let time = UNIX_EPOCH + Duration::from_secs(self.second.min(LATEST));
        let text = format!("Date: {}\r\n", httpdate::fmt_http_date(time));
        for (to, from) in self.line.iter_mut().zip(text.bytes()) {
            *to = from;
        }
    }
}
