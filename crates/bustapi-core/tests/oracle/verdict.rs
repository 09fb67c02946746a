//! Where ours and hyper differ, and whether they may.

use std::mem;

use bustapi_core::error::HttpError;

use crate::outcome::{End, Outcome, Reason, Request};
use crate::{ours, theirs};

/// What comes of a comparison that is in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    Alike,
    /// Ours refuses what hyper takes, by a rule of [`STRICTER`].
    Stricter(HttpError),
    Other(Difference),
}

/// The rules by which ours may refuse what hyper takes.
pub const STRICTER: &[HttpError] = &[
    HttpError::BareLineEnd,
    HttpError::TooManyEmptyLines,
    HttpError::MethodCase,
    HttpError::Target,
    HttpError::RequestLineTooLong,
    HttpError::FieldTooLong,
    HttpError::HeadTooLong,
    HttpError::MissingHost,
    HttpError::RepeatedHost,
    HttpError::InvalidHost,
    HttpError::ContentLength,
    HttpError::RepeatedContentLength,
    HttpError::LengthAndEncoding,
    HttpError::TransferEncoding,
    HttpError::UnknownTransferCoding,
    HttpError::Expectation,
    HttpError::ChunkSize,
    HttpError::ChunkExtension,
    HttpError::TrailersTooLong,
];

/// What else may be: ours takes what hyper refuses, or is of another mind about whether the
/// connection is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Difference {
    /// RFC 9110 2.5: a later minor version is taken for the highest one that is known.
    LaterMinorVersion,
    /// RFC 9112 3.2 lets a server refuse a target that is no URI. Frameworks are asked for
    /// what a client has not encoded, so ours takes all visible ASCII but `#`.
    UnencodedTarget,
    /// RFC 3986 3.2.2: a registered name may have percent-encoded bytes.
    EncodedHost,
    /// RFC 9110 8.6: any number is valid, and this one fits in 64 bits.
    LargestLength,
    /// hyper bounds a trailer section apart from the head.
    LongTrailers,
    /// RFC 9112 9.3: `close` is an option wherever it stands; hyper reads no option in a line
    /// that has a byte beyond ASCII, which no option has.
    NoTextInConnection,
}

impl Difference {
    /// Why hyper may refuse a head that ours takes.
    fn of_head(request: &Request, line: &str) -> Option<Self> {
        let target = line.split(' ').nth(1).expect("it has three parts");
        let authority = request.authority.as_deref().unwrap_or_default();
        let length = request.fields.get("content-length");
        let length = length.and_then(|values| str::from_utf8(&values[0]).ok()?.parse::<u64>().ok());
        if line.ends_with(|minor: char| minor > '1') {
            Some(Self::LaterMinorVersion)
        } else if authority.contains('%') {
            Some(Self::EncodedHost)
        } else if target.contains(['"', '<', '>', '`']) {
            Some(Self::UnencodedTarget)
        } else if length >= Some(u64::MAX - 1) {
            Some(Self::LargestLength)
        } else {
            None
        }
    }

    /// Why hyper may be of another mind about whether the connection is kept.
    fn of_end(request: &Request) -> Option<Self> {
        let values = request.fields.get("connection");
        let is_odd = values.is_some_and(|values| values.iter().any(|value| !value.is_ascii()));
        is_odd.then_some(Self::NoTextInConnection)
    }

    /// Why hyper may refuse a body that ours takes: more than 16 KiB of trailers, with blanks
    /// around the values that are not seen here.
    fn of_trailers(request: &Request) -> Option<Self> {
        let lengths = request.trailers.iter().flat_map(|(name, values)| {
            values
                .iter()
                .map(|value| name.len() + value.len() + ": \r\n".len())
        });
        (lengths.sum::<usize>() > 8 * 1024).then_some(Self::LongTrailers)
    }
}

/// Cut the input where `ends` say, which rise.
pub fn pieces<'a>(input: &'a [u8], ends: &[usize]) -> Vec<&'a [u8]> {
    let mut start = 0;
    let ends = ends.iter().copied().chain([input.len()]);
    ends.map(|end| &input[mem::replace(&mut start, end)..end])
        .collect()
}

/// Give both the same bytes, cut at the same places.
pub fn compare(input: &[u8], ends: &[usize]) -> Result<Verdict, String> {
    let pieces = pieces(input, ends);
    let (ours, lines) = ours::read(&pieces);
    let theirs = theirs::read(&pieces);
    let verdict = judge(input, &ours, &lines, &theirs);
    verdict.map_err(|reason| {
        let input = input.escape_ascii();
        format!("{reason}\nof {input}\nours: {ours:#?}\nhyper: {theirs:#?}")
    })
}

type Judged = Result<Verdict, &'static str>;

fn judge(input: &[u8], ours: &Outcome, lines: &[String], theirs: &Outcome) -> Judged {
    let shared = ours.requests.len().min(theirs.requests.len());
    if ours.requests[..shared] != theirs.requests[..shared] {
        return Err("they see different requests");
    }
    let last = ours.requests[..shared].last();
    match (ours.head_at(shared), theirs.head_at(shared)) {
        (Some(ours), Some(theirs)) if ours != theirs => Err("they see different heads"),
        (Some(_), Some(_)) => judge_body(shared, ours, theirs),
        (Some(head), None) => match &theirs.end {
            End::Refused(_) => other(Difference::of_head(&head, &lines[shared])),
            End::Closed => other(last.and_then(Difference::of_end)),
            End::Waits => Err("hyper waits where there is a head"),
        },
        (None, Some(_)) => match &ours.end {
            End::Refused(reason) => stricter(reason),
            End::Closed => other(last.and_then(Difference::of_end)),
            End::Waits => Err("ours waits where there is a head"),
        },
        (None, None) => match (&ours.end, &theirs.end) {
            (End::Closed, End::Closed) | (End::Waits, End::Waits) => Ok(Verdict::Alike),
            (End::Refused(_), End::Refused(_) | End::Waits) => Ok(Verdict::Alike),
            (End::Waits, End::Refused(_)) => judge_line(input, shared),
            (End::Closed, _) | (_, End::Closed) => other(last.and_then(Difference::of_end)),
        },
    }
}

/// Both see the head of a request whose body at most one of them sees whole.
fn judge_body(shared: usize, ours: &Outcome, theirs: &Outcome) -> Judged {
    match (ours.requests.get(shared), theirs.requests.get(shared)) {
        (Some(ours), None) if matches!(theirs.end, End::Refused(_)) => {
            other(Difference::of_trailers(ours))
        }
        (Some(_), _) => Err("hyper waits where there is a whole body"),
        (None, Some(_)) => match &ours.end {
            End::Refused(reason) => stricter(reason),
            _ => Err("ours waits where there is a whole body"),
        },
        (None, None) => match (&ours.end, &theirs.end) {
            (End::Refused(_), _) | (End::Waits, End::Waits) => Ok(Verdict::Alike),
            _ => Err("only hyper refuses the body"),
        },
    }
}

/// hyper refuses what there is of a head, perhaps by the first byte of a line that ours
/// judges by its last.
fn judge_line(input: &[u8], shared: usize) -> Judged {
    let (ours, lines) = ours::read(&[input, b"\r\n\r\n"]);
    match ours.head_at(shared) {
        Some(head) => other(Difference::of_head(&head, &lines[shared])),
        None if ours.end != End::Waits => Ok(Verdict::Alike),
        None => Err("only hyper refuses what there is of a head"),
    }
}

fn stricter(reason: &Reason) -> Judged {
    match reason {
        Reason::Rule(rule) if STRICTER.contains(rule) => Ok(Verdict::Stricter(*rule)),
        _ => Err("only ours refuses, and by no rule of the list"),
    }
}

fn other(difference: Option<Difference>) -> Judged {
    difference
        .map(Verdict::Other)
        .ok_or("they differ for no reason of the list")
}
