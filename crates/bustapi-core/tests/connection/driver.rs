//! A connection driven by bytes, and what must hold of it at every step.

#[path = "../limits/narrow.rs"]
mod narrow;

use bustapi_core::http1::chunked::Trailers;
use bustapi_core::http1::connection::{Connection, Event, PIPELINED_INPUT, Stage, UNTAKEN_BODY};
use bustapi_core::limits::Limits;
use narrow::NARROW;

/// What is fed at once at most.
const FED: usize = 64;

/// What has come out, without regard to how it was cut.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Head(Vec<u8>),
    Content(Vec<u8>),
    End(Trailers),
    Error(u16),
    Cut,
}

impl Seen {
    fn push(&mut self, event: &Event<'_>) {
        let part = match event {
            Event::NeedsInput | Event::Closed => return,
            Event::Head { bytes, .. } => Part::Head(bytes.to_vec()),
            Event::Data(data) => {
                if let Some(Part::Content(content)) = self.parts.last_mut() {
                    content.extend_from_slice(data);
                    return;
                }
                Part::Content(data.to_vec())
            }
            Event::End(trailers) => Part::End(trailers.clone()),
            Event::Error(error) => Part::Error(error.status()),
            Event::Cut => Part::Cut,
        };
        self.parts.push(part);
    }
}

/// Drive a connection as the bytes say, check it at every step, and compare what came of it
/// with what comes of the same input in one piece.
///
/// Of the first bytes one chooses the limits, the next ones what is done between the pieces.
pub fn check(bytes: &[u8]) {
    let Some((&choice, rest)) = bytes.split_first() else {
        return;
    };
    let (plan, input) = rest.split_at(rest.len().min(usize::from(choice >> 2)));
    let limits = if choice & 1 == 0 {
        NARROW
    } else {
        Limits::default()
    };
    let split = drive(limits, input, plan);
    // What ends it early ends it somewhere else in another split.
    if !plan.iter().any(|step| step & 15 >= INTERRUPTS) {
        assert_eq!(split, drive(limits, input, &[]));
    }
}

/// Steps from this one on, of sixteen, do more than feed and read.
const INTERRUPTS: u8 = 12;

fn drive(limits: Limits, mut input: &[u8], plan: &[u8]) -> Seen {
    let mut connection = Connection::new(limits);
    let mut seen = Seen::default();
    let mut steps = plan.iter();
    let mut has_ended = false;
    // Each step feeds or takes something, so it ends.
    for _ in 0..8 * (input.len() + plan.len()) + 64 {
        let step = steps.next().copied().unwrap_or(10);
        let takes_data = step & 1 == 0;
        match step & 15 {
            12 => connection.end_input(),
            13 => connection.answered(true),
            14 => connection.answered(false),
            15 => connection.drain(),
            _ => {}
        }
        let room = connection.room(takes_data);
        if room > 0 && !input.is_empty() {
            let count = (usize::from(step >> 4) * 4 + 1)
                .min(FED)
                .min(room)
                .min(input.len());
            let (piece, rest) = input.split_at(count);
            connection.feed(piece);
            input = rest;
        } else if input.is_empty() && !has_ended {
            connection.end_input();
            has_ended = true;
        }
        if read(&mut connection, takes_data, limits, &mut seen) {
            return seen;
        }
    }
    panic!("the connection neither ends nor wants anything: {connection:?}");
}

/// Take what there is; whether the connection has closed.
fn read(connection: &mut Connection, takes_data: bool, limits: Limits, seen: &mut Seen) -> bool {
    loop {
        check_bounds(connection, limits);
        let before = connection.stage();
        let event = connection.next(takes_data);
        check_order(&event, before, seen);
        seen.push(&event);
        match event {
            Event::Closed => {
                assert!(connection.rest().is_empty() || before == Stage::Last);
                check_deaf(connection);
                return true;
            }
            Event::Error(_) | Event::Cut => {
                check_deaf(connection);
                // A request whose body is broken is still answered, and is the last one.
                connection.answered(true);
                assert_eq!(connection.stage(), Stage::Last);
            }
            Event::Head { .. } | Event::Data(_) | Event::End(_) => {}
            Event::NeedsInput => {
                let is_read = connection.stage() == Stage::Request && !connection.is_body_coming();
                if !is_read {
                    return false;
                }
                let is_last = connection.is_draining();
                connection.answered(true);
                assert!(!is_last || connection.stage() == Stage::Last);
            }
        }
    }
}

/// Check that nothing is wanted or kept any more.
fn check_deaf(connection: &mut Connection) {
    let held = connection.rest().len();
    assert_eq!((connection.room(true), connection.room(false)), (0, 0));
    connection.feed(b"x");
    assert_eq!(connection.rest().len(), held);
}

fn check_bounds(connection: &Connection, limits: Limits) {
    let most = match connection.stage() {
        // What waited behind a request is looked through for the next head.
        Stage::Head => (limits.head as usize + 2 * 1024).max(PIPELINED_INPUT),
        Stage::Request if connection.is_body_coming() => UNTAKEN_BODY,
        // It came while the body did.
        Stage::Request => UNTAKEN_BODY.max(PIPELINED_INPUT),
        Stage::Last => limits.head as usize + 2 * 1024,
    };
    let held = connection.rest().len();
    assert!(held <= most);
    // Memory grows by doubling, and only when what is done with has made room.
    assert!(connection.capacity() <= 2 * most.max(UNTAKEN_BODY));
    let is_waiting = connection.stage() == Stage::Request && !connection.is_body_coming();
    assert!(!is_waiting || connection.room(true) <= PIPELINED_INPUT.saturating_sub(held));
}

fn check_order(event: &Event<'_>, before: Stage, seen: &Seen) {
    let is_over = matches!(seen.parts.last(), Some(Part::Error(_) | Part::Cut));
    match event {
        Event::NeedsInput => {}
        Event::Head { head, bytes } => {
            assert_eq!((before, is_over), (Stage::Head, false));
            assert_eq!(head.length, bytes.len());
        }
        Event::Data(data) => {
            assert_eq!((before, is_over), (Stage::Request, false));
            assert!(!data.is_empty());
        }
        Event::End(_) => assert_eq!((before, is_over), (Stage::Request, false)),
        Event::Error(_) => assert!(!is_over && before != Stage::Last),
        Event::Cut => assert_eq!((before, is_over), (Stage::Request, false)),
        Event::Closed => {}
    }
}
