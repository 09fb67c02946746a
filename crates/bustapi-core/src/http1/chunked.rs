//! The chunked transfer coding of a request body (RFC 9112 7.1), in any split of the input.
//!
//! | state | takes | then |
//! |---|---|---|
//! | `Size` | 1 to 16 hexadecimal digits | `Extension` on `;` or a blank, `SizeEnd` on CR |
//! | `Extension` | names, `=`, tokens or quoted strings, within their budget | `SizeEnd` on CR |
//! | `SizeEnd` | LF | `Content`, or `Trailer` after size 0 |
//! | `Content` | so many bytes | `ContentCr` |
//! | `ContentCr`, `ContentLf` | CR, LF | `Size` |
//! | `Trailer` | field lines, within what the head left of its limits | `End` at the empty line |
//!
//! Any other byte is an error, after which the connection closes.

use std::mem;
use std::ops::Range;

use crate::error::HttpError;
use crate::http1::bytes::{find_control, is_blank, is_token_byte};
use crate::http1::fields::split_field;
use crate::http1::head::{Field, Head, Span};
use crate::http1::target::hex_value;
use crate::limits::Limits;

/// What the next bytes of the body were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkEvent<'a> {
    /// Content of the body; never empty.
    Data(&'a [u8]),
    /// The input is used up and the body has not ended.
    Partial,
    /// The body has ended, and had these trailers. Bytes behind it are the next request.
    End(Trailers),
}

/// A step of the decoder: the bytes of the input that are done with, and what they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkStep<'a> {
    pub consumed: usize,
    pub event: ChunkEvent<'a>,
}

/// Decoder of one body.
///
/// ```
/// use bustapi_core::http1::chunked::{ChunkDecoder, ChunkEvent};
/// use bustapi_core::limits::Limits;
///
/// let mut decoder = ChunkDecoder::new(&Limits::default());
/// let mut input: &[u8] = b"5\r\nhello\r\n0\r\n\r\nGET";
/// let mut body = Vec::new();
///
/// loop {
///     let step = decoder.decode(input)?;
///     input = &input[step.consumed..];
///     match step.event {
///         ChunkEvent::Data(data) => body.extend_from_slice(data),
///         ChunkEvent::Partial => unreachable!("the input holds the whole body"),
///         ChunkEvent::End(_) => break,
///     }
/// }
///
/// assert_eq!((&*body, input), (&b"hello"[..], &b"GET"[..]));
/// # Ok::<(), bustapi_core::error::HttpError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChunkDecoder {
    state: State,
    extension_budget: u32,
    trailer_budget: u32,
    field_budget: u32,
    line_limit: u32,
    trailers: Trailers,
}

/// The trailer fields of one body.
///
/// RFC 9110 6.5.1: they are never merged into the fields of the head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trailers {
    /// The trailer section as it came; fields are spans of it.
    bytes: Vec<u8>,
    fields: Vec<Field>,
}

impl Trailers {
    /// The fields in the order they came, as names and values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        let bytes = &self.bytes;
        self.fields
            .iter()
            .map(move |field| (field.name.of(bytes), field.value.of(bytes)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { digits: u8, size: u64 },
    Extension { size: u64, part: ExtensionPart },
    SizeEnd { size: u64 },
    Content { left: u64 },
    ContentCr,
    ContentLf,
    Trailer { line_start: usize },
    End,
}

/// Where in `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )` a byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExtensionPart {
    BeforeSemicolon,
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Token,
    Quoted,
    Escaped,
    /// After a closing quote or a blank behind a value.
    AfterValue,
}

impl ChunkDecoder {
    /// Make a decoder whose trailer section may fill a head of its own.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            state: State::Size { digits: 0, size: 0 },
            extension_budget: limits.chunk_extensions,
            trailer_budget: limits.head,
            field_budget: limits.fields,
            line_limit: limits.field_line,
            trailers: Trailers::default(),
        }
    }

    /// Make the decoder of a request's body: trailers get what the head left of its limits.
    #[must_use]
    pub fn for_head(head: &Head, limits: &Limits) -> Self {
        let used = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let mut decoder = Self::new(limits);
        decoder.trailer_budget = limits.head.saturating_sub(used(head.length));
        decoder.field_budget = limits.fields.saturating_sub(used(head.fields.len()));
        decoder
    }

    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state == State::End
    }

    /// Decode until there is content to hand over, the input is used up or the body ends.
    ///
    /// # Errors
    /// The first byte that breaks a rule or a limit.
    pub fn decode<'a>(&mut self, input: &'a [u8]) -> Result<ChunkStep<'a>, HttpError> {
        let mut position = 0;
        loop {
            match self.state {
                State::End => {
                    let trailers = mem::take(&mut self.trailers);
                    return Ok(step(position, ChunkEvent::End(trailers)));
                }
                State::Trailer { line_start } => {
                    position += self.take_trailers(&input[position..], line_start)?;
                    if self.state != State::End {
                        return Ok(step(position, ChunkEvent::Partial));
                    }
                }
                State::Content { left } if position < input.len() => {
                    let data = self.take_content(input, position, left);
                    return Ok(step(data.end, ChunkEvent::Data(&input[data])));
                }
                _ => {
                    let Some(&byte) = input.get(position) else {
                        return Ok(step(position, ChunkEvent::Partial));
                    };
                    self.state = self.next_state(byte)?;
                    position += 1;
                }
            }
        }
    }

    fn take_content(&mut self, input: &[u8], position: usize, left: u64) -> Range<usize> {
        let available = input.len() - position;
        let taken = usize::try_from(left).map_or(available, |left| left.min(available));
        let left = left - taken as u64;
        self.state = if left == 0 {
            State::ContentCr
        } else {
            State::Content { left }
        };
        position..position + taken
    }

    /// Take one byte of the framing.
    fn next_state(&mut self, byte: u8) -> Result<State, HttpError> {
        match (self.state, byte) {
            (State::Size { digits, size }, _) => self.take_size(byte, digits, size),
            (State::Extension { size, part }, _) => self.take_extension(byte, size, part),
            (State::SizeEnd { size: 0 }, b'\n') => Ok(State::Trailer { line_start: 0 }),
            (State::SizeEnd { size }, b'\n') => Ok(State::Content { left: size }),
            (State::SizeEnd { .. }, _) => Err(HttpError::BareLineEnd),
            (State::ContentCr, b'\r') => Ok(State::ContentLf),
            (State::ContentLf, b'\n') => Ok(State::Size { digits: 0, size: 0 }),
            (State::ContentCr | State::ContentLf, _) => Err(HttpError::ChunkEnd),
            (state @ (State::Content { .. } | State::Trailer { .. } | State::End), _) => Ok(state),
        }
    }

    fn take_size(&mut self, byte: u8, digits: u8, size: u64) -> Result<State, HttpError> {
        if let Some(digit) = hex_value(byte) {
            // RFC 9112 7.1: large numbers must not overflow. 16 digits fill 64 bits, and
            // leading zeros beyond that serve nobody.
            if digits == 16 {
                return Err(HttpError::ChunkSize);
            }
            let size = size << 4 | u64::from(digit);
            return Ok(State::Size {
                digits: digits + 1,
                size,
            });
        }
        if digits == 0 {
            return Err(HttpError::ChunkSize);
        }
        match byte {
            b'\r' => Ok(State::SizeEnd { size }),
            b';' | b' ' | b'\t' => self.take_extension(byte, size, ExtensionPart::BeforeSemicolon),
            b'\n' => Err(HttpError::BareLineEnd),
            _ => Err(HttpError::ChunkSize),
        }
    }

    fn take_extension(
        &mut self,
        byte: u8,
        size: u64,
        part: ExtensionPart,
    ) -> Result<State, HttpError> {
        if byte == b'\r' && part.may_end() {
            return Ok(State::SizeEnd { size });
        }
        self.extension_budget = self
            .extension_budget
            .checked_sub(1)
            .ok_or(HttpError::ChunkExtensionsTooLong)?;
        let part = part.next(byte).ok_or(HttpError::ChunkExtension)?;
        Ok(State::Extension { size, part })
    }

    /// Take what there is of the trailer section and return how many bytes that was.
    fn take_trailers(&mut self, input: &[u8], mut line_start: usize) -> Result<usize, HttpError> {
        let mut position = 0;
        loop {
            let found = find_control(input, position);
            let end = found.unwrap_or(input.len());
            self.keep_trailer_bytes(&input[position..end], line_start)?;
            let Some(control) = found else {
                self.state = State::Trailer { line_start };
                return Ok(input.len());
            };
            position = control + 1;
            let follows_cr = self.trailers.bytes[line_start..].last() == Some(&b'\r');
            match input[control] {
                b'\r' if !follows_cr => self.keep_trailer_bytes(b"\r", line_start)?,
                b'\n' if follows_cr => {
                    self.keep_trailer_bytes(b"\n", line_start)?;
                    let line = line_start..self.trailers.bytes.len() - 2;
                    line_start = self.trailers.bytes.len();
                    if line.is_empty() {
                        self.trailers.bytes.truncate(line.start);
                        self.state = State::End;
                        return Ok(position);
                    }
                    self.take_trailer(line)?;
                }
                b'\r' | b'\n' => return Err(HttpError::BareLineEnd),
                _ => return Err(HttpError::ControlCharacter),
            }
        }
    }

    /// Keep a piece of a line; after a CR only the LF of the line may come.
    fn keep_trailer_bytes(&mut self, piece: &[u8], line_start: usize) -> Result<(), HttpError> {
        let line = &self.trailers.bytes[line_start..];
        if line.last() == Some(&b'\r') && !matches!(piece, [] | [b'\n']) {
            return Err(HttpError::BareLineEnd);
        }
        let room = (self.trailer_budget as usize).saturating_sub(self.trailers.bytes.len());
        // The line end needs its two bytes, so a longer line has no room for them.
        let line_room = (self.line_limit as usize + 2).saturating_sub(line.len());
        if piece.len() > room.min(line_room) {
            return Err(HttpError::TrailersTooLong);
        }
        self.trailers.bytes.extend_from_slice(piece);
        Ok(())
    }

    fn take_trailer(&mut self, line: Range<usize>) -> Result<(), HttpError> {
        if self.trailers.fields.len() >= self.field_budget as usize {
            return Err(HttpError::TrailersTooLong);
        }
        let start = line.start;
        let (name, value) = split_field(&self.trailers.bytes[line])?;
        let shift = |range: Range<usize>| Span::new(start + range.start..start + range.end);
        self.trailers.fields.push(Field {
            name: shift(name),
            value: shift(value),
        });
        Ok(())
    }
}

const fn step(consumed: usize, event: ChunkEvent<'_>) -> ChunkStep<'_> {
    ChunkStep { consumed, event }
}

impl ExtensionPart {
    /// Whether the grammar allows the line to end here.
    const fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Token | Self::AfterValue)
    }

    const fn next(self, byte: u8) -> Option<Self> {
        let blank = is_blank(byte);
        let token = is_token_byte(byte);
        Some(match self {
            Self::BeforeSemicolon
            | Self::AfterValue
            | Self::AfterName
            | Self::Name
            | Self::Token
                if byte == b';' =>
            {
                Self::BeforeName
            }
            Self::BeforeSemicolon if blank => Self::BeforeSemicolon,
            Self::BeforeName if blank => Self::BeforeName,
            Self::BeforeName | Self::Name if token => Self::Name,
            Self::Name | Self::AfterName if blank => Self::AfterName,
            Self::Name | Self::AfterName if byte == b'=' => Self::BeforeValue,
            Self::BeforeValue if blank => Self::BeforeValue,
            Self::BeforeValue if byte == b'"' => Self::Quoted,
            Self::BeforeValue | Self::Token if token => Self::Token,
            Self::Quoted if byte == b'"' => Self::AfterValue,
            Self::Quoted if byte == b'\\' => Self::Escaped,
            Self::Quoted | Self::Escaped if is_quotable(byte) => Self::Quoted,
            // A blank behind a value is white space before ";", not before the line end.
            Self::Token | Self::AfterValue if blank => Self::BeforeSemicolon,
            _ => return None,
        })
    }
}

/// RFC 9110 5.6.4: HTAB, SP, visible ASCII and the bytes above it.
const fn is_quotable(byte: u8) -> bool {
    is_blank(byte) || (byte > 0x20 && byte != 0x7f)
}
