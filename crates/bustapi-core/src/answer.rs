//! Status and fields of an answer: checked, owned and in no protocol's bytes.
//!
//! The thread that answers a request makes it and hears of mistakes; the protocol, which
//! runs elsewhere and later, has nothing left to refuse.

use crate::error::ResponseError;
use crate::http1::bytes::{find_control, is_token, parse_decimal, trim_blanks};

/// Status, reason and fields of an answer, which may be sent as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerHead {
    status: u16,
    content_length: Option<u64>,
    /// The reason, then names and values one behind the other.
    text: Vec<u8>,
    reason: usize,
    fields: Vec<FieldEnds>,
}

/// Where a field's name and value end in the text; its name begins where the last one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FieldEnds {
    name: usize,
    value: usize,
}

impl AnswerHead {
    /// Begin with a WSGI status: three digits (200 to 999) and a reason.
    ///
    /// # Errors
    /// [`ResponseError::Status`].
    pub fn new(status: &[u8]) -> Result<Self, ResponseError> {
        let invalid = || ResponseError::Status(status.to_vec());
        let code = status_code(status).ok_or_else(invalid)?;
        let reason = match &status[3..] {
            [] => b"",
            [b' ', reason @ ..] => reason,
            _ => return Err(invalid()),
        };
        if find_control(reason, 0).is_some() {
            return Err(invalid());
        }
        Ok(Self {
            status: code,
            content_length: None,
            text: reason.to_vec(),
            reason: reason.len(),
            fields: Vec::new(),
        })
    }

    /// Append a field.
    ///
    /// # Errors
    /// The name is no token, the value holds a line end or NUL, or it is a Content-Length
    /// that is no number or the second one.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), ResponseError> {
        if !is_token(name) {
            return Err(ResponseError::FieldName(name.to_vec()));
        }
        if value
            .iter()
            .any(|byte| matches!(byte, b'\r' | b'\n' | b'\0'))
        {
            return Err(ResponseError::FieldValue(name.to_vec()));
        }
        if name.len() == 14 && name.eq_ignore_ascii_case(b"content-length") {
            self.take_length(value)?;
        }
        self.text.extend_from_slice(name);
        let name = self.text.len();
        self.text.extend_from_slice(value);
        let value = self.text.len();
        self.fields.push(FieldEnds { name, value });
        Ok(())
    }

    fn take_length(&mut self, value: &[u8]) -> Result<(), ResponseError> {
        let length = parse_decimal(trim_blanks(value))
            .ok_or_else(|| ResponseError::ContentLength(value.to_vec()))?;
        match self.content_length.replace(length) {
            Some(_) => Err(ResponseError::RepeatedContentLength),
            None => Ok(()),
        }
    }

    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Return the reason; empty where the application gave none.
    #[must_use]
    pub fn reason(&self) -> &[u8] {
        &self.text[..self.reason]
    }

    /// Return the Content-Length that the application declared.
    #[must_use]
    pub const fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Return names and values in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = self.reason;
        self.fields.iter().map(move |ends| {
            let name = &self.text[std::mem::replace(&mut start, ends.value)..ends.name];
            (name, &self.text[ends.name..ends.value])
        })
    }
}

/// Return the code of a WSGI status, or None when it is no final one.
fn status_code(status: &[u8]) -> Option<u16> {
    let code = parse_decimal(status.get(..3)?)?;
    let code = u16::try_from(code).ok()?;
    (200..=999).contains(&code).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_in_their_order() {
        let mut head = AnswerHead::new(b"200 Fine").expect("it is a status");
        for (name, value) in [("A", "1"), ("B", ""), ("A", "22")] {
            head.push(name.as_bytes(), value.as_bytes())
                .expect("it is a field");
        }

        let fields: Vec<_> = head.fields().collect();

        let expected: [(&[u8], &[u8]); 3] = [(b"A", b"1"), (b"B", b""), (b"A", b"22")];
        assert_eq!(fields, expected);
        assert_eq!((head.status(), head.reason()), (200, &b"Fine"[..]));
    }

    #[test]
    fn a_length_is_one_number() {
        let mut head = AnswerHead::new(b"200").expect("it is a status");

        assert!(head.push(b"Content-Length", b"x").is_err());
        assert!(head.push(b"content-length", b" 12 ").is_ok());
        assert_eq!(head.content_length(), Some(12));
        assert_eq!(
            head.push(b"Content-Length", b"12"),
            Err(ResponseError::RepeatedContentLength)
        );
    }
}
