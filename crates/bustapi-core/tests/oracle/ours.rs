//! A connection through our machine.

use std::mem;

use bustapi_core::http1::chunked::Trailers;
use bustapi_core::http1::connection::{Connection, Event, Stage};
use bustapi_core::http1::head::{Framing, Head, Span, Version};
use bustapi_core::http1::target::TargetForm;
use bustapi_core::limits::Limits;

use crate::outcome::{End, Fields, Outcome, Reason, Request, add_field};

/// What the machine makes of the pieces, and the start lines of the heads that it takes.
pub fn read(pieces: &[&[u8]]) -> (Outcome, Vec<String>) {
    let mut connection = Connection::new(Limits::default());
    let mut reading = Reading::default();
    for piece in pieces {
        connection.feed(piece);
        if let Some(end) = reading.take(&mut connection) {
            return reading.finish(end);
        }
    }
    reading.finish(End::Waits)
}

#[derive(Default)]
struct Reading {
    requests: Vec<Request>,
    lines: Vec<String>,
    keep_alive: bool,
    body: Vec<u8>,
    begun: Option<Request>,
}

impl Reading {
    fn take(&mut self, connection: &mut Connection) -> Option<End> {
        loop {
            let trailers = match connection.next(true) {
                Event::Head { head, bytes } => {
                    self.begin(&head, bytes);
                    if head.framing != Framing::None {
                        continue;
                    }
                    Trailers::default()
                }
                Event::Data(data) => {
                    self.body.extend_from_slice(data);
                    continue;
                }
                Event::End(trailers) => trailers,
                Event::NeedsInput => return None,
                Event::Error(error) => return Some(End::Refused(Reason::Rule(error))),
                Event::Closed => return Some(End::Closed),
                Event::Cut => unreachable!("the input does not end"),
            };
            let mut request = self.begun.take().expect("an end comes behind its head");
            request.body = mem::take(&mut self.body);
            request.trailers = fields(trailers.iter());
            self.requests.push(request);
            connection.answered(self.keep_alive);
            assert_eq!(connection.stage() == Stage::Head, self.keep_alive);
        }
    }

    fn begin(&mut self, head: &Head, bytes: &[u8]) {
        let text =
            |span: Span| String::from_utf8(span.of(bytes).to_vec()).expect("a start line is ASCII");
        let target = head.target;
        let (authority, path) = match target.form {
            TargetForm::Origin | TargetForm::Asterisk => (None, text(target.path)),
            TargetForm::Authority => (Some(text(target.whole)), String::new()),
            // RFC 9110 4.2.3: an empty path is "/".
            TargetForm::Absolute { authority } if target.path.is_empty() => {
                (Some(text(authority)), "/".to_owned())
            }
            TargetForm::Absolute { authority } => (Some(text(authority)), text(target.path)),
        };
        self.begun = Some(Request {
            method: text(head.method),
            authority,
            path,
            query: target.query.map(text),
            is_http_11: head.version == Version::Http11,
            fields: fields(
                head.fields
                    .iter()
                    .map(|field| (field.name.of(bytes), field.value.of(bytes))),
            ),
            ..Request::default()
        });
        let end = target.whole.end as usize + " HTTP/1.1".len();
        let line = bytes[head.method.start as usize..end].to_vec();
        self.lines
            .push(String::from_utf8(line).expect("a start line is ASCII"));
        self.keep_alive = head.keep_alive;
    }

    fn finish(self, end: End) -> (Outcome, Vec<String>) {
        let outcome = Outcome {
            requests: self.requests,
            begun: self.begun,
            end,
        };
        (outcome, self.lines)
    }
}

fn fields<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in pairs {
        add_field(&mut fields, name, value);
    }
    fields
}
