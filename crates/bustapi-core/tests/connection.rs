//! The connection as a machine: what it says, in any split, and what it holds.

#[path = "connection/driver.rs"]
mod driver;

use bustapi_core::error::HttpError;
use bustapi_core::http1::chunked::Trailers;
use bustapi_core::http1::connection::{Connection, Event, PIPELINED_INPUT, Stage, UNTAKEN_BODY};
use bustapi_core::limits::Limits;
use proptest::prelude::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

fn fed(pieces: &[&[u8]]) -> Connection {
    let mut connection = Connection::new(Limits::default());
    for piece in pieces {
        connection.feed(piece);
    }
    connection
}

fn take_head(connection: &mut Connection) {
    assert!(matches!(connection.next(true), Event::Head { .. }));
}

#[test]
fn a_request_without_a_body_is_whole_with_its_head() {
    let mut connection = fed(&[GET, GET]);

    take_head(&mut connection);
    assert_eq!(connection.next(true), Event::NeedsInput);
    connection.answered(true);

    take_head(&mut connection);
    connection.answered(false);
    assert_eq!(connection.next(true), Event::Closed);
}

#[test]
fn a_body_comes_as_its_reader_takes_it() {
    let mut connection = fed(&[POST, b"123"]);
    take_head(&mut connection);

    assert_eq!(connection.next(false), Event::NeedsInput);
    assert_eq!(connection.next(true), Event::Data(b"123"));
    assert!(connection.room(false) == 0 && connection.room(true) > 0);
    connection.feed(b"45GET");

    assert_eq!(connection.next(true), Event::Data(b"45"));
    assert_eq!(connection.next(true), Event::End(Trailers::default()));
    assert_eq!(connection.next(true), Event::NeedsInput);
    assert_eq!((connection.received(), connection.rest()), (5, &b"GET"[..]));
}

// RFC 9110 6.5.1: they stay apart from the fields of the head.
#[test]
fn trailers_come_with_the_end_of_their_body() {
    let mut connection = fed(&[CHUNKED, b"1\r\na\r\n0\r\nX: y\r\nx:z\r\n\r\n", CHUNKED]);
    connection.feed(b"0\r\n\r\n");
    take_head(&mut connection);
    assert_eq!(connection.next(true), Event::Data(b"a"));

    let Event::End(trailers) = connection.next(true) else {
        panic!("the body is whole");
    };

    let fields: Vec<_> = trailers.iter().collect();
    assert_eq!(fields, [(&b"X"[..], &b"y"[..]), (b"x", b"z")]);
    connection.answered(true);
    take_head(&mut connection);
    assert_eq!(connection.next(true), Event::End(Trailers::default()));
}

#[test]
fn nothing_behind_a_malformed_chunk_is_held_or_wanted() {
    let mut connection = fed(&[CHUNKED, b"2\r\nab\r\nzz"]);
    take_head(&mut connection);
    assert_eq!(connection.next(true), Event::Data(b"ab"));

    assert!(matches!(connection.next(true), Event::Error(_)));
    for _ in 0..100 {
        connection.feed(&[b'x'; 65536]);
    }

    assert_eq!(connection.room(true), 0);
    assert_eq!((connection.rest(), connection.capacity()), (&b""[..], 0));
    assert_eq!(connection.next(true), Event::NeedsInput);
    connection.answered(true);
    assert_eq!(connection.next(true), Event::Closed);
}

#[test]
fn a_body_that_is_not_read_ends_the_connection() {
    let mut connection = fed(&[POST, b"hello", GET]);
    take_head(&mut connection);

    connection.answered(true);

    assert_eq!(connection.stage(), Stage::Last);
    assert_eq!(connection.next(true), Event::Closed);
}

#[test]
fn an_end_inside_a_body_cuts_it_and_between_requests_closes() {
    let mut cut = fed(&[POST, b"123"]);
    take_head(&mut cut);
    cut.end_input();
    assert_eq!(cut.next(true), Event::Data(b"123"));
    assert_eq!(cut.next(true), Event::Cut);

    let mut ended = fed(&[GET]);
    ended.end_input();
    take_head(&mut ended);
    ended.answered(true);
    assert_eq!(ended.next(true), Event::Closed);
}

#[test]
fn what_waits_is_bounded_in_every_stage() {
    let mut idle = Connection::new(Limits::default());
    let mut sent = 0;
    while idle.next(true) == Event::NeedsInput {
        let room = idle.room(true);
        assert!((1..=PIPELINED_INPUT).contains(&room));
        idle.feed(&vec![b'x'; room]);
        sent += room;
    }
    assert!(sent <= 67 * 1024);
    assert_eq!(idle.stage(), Stage::Last);

    let mut answered = fed(&[GET]);
    take_head(&mut answered);
    assert_eq!(answered.next(true), Event::NeedsInput);
    while answered.room(true) > 0 {
        answered.feed(&vec![b'x'; answered.room(true)]);
    }
    assert_eq!(answered.rest().len(), PIPELINED_INPUT);

    let mut uploading = fed(&[CHUNKED]);
    take_head(&mut uploading);
    assert_eq!(uploading.room(false), 0);
    while uploading.room(true) > 0 {
        uploading.feed(&vec![b'1'; uploading.room(true)]);
    }
    assert_eq!(uploading.rest().len(), UNTAKEN_BODY);
}

#[test]
fn a_client_far_ahead_of_its_answers_costs_no_more_than_what_waits() {
    let mut connection = Connection::new(Limits::default());
    let mut ahead = GET.iter().copied().cycle();
    let mut feed = |connection: &mut Connection| {
        let piece: Vec<_> = ahead.by_ref().take(connection.room(true)).collect();
        connection.feed(&piece);
        piece.len()
    };

    let mut sent = 0;
    for _ in 0..10_000 {
        sent += feed(&mut connection);
        take_head(&mut connection);
        sent += feed(&mut connection);
        assert!(connection.rest().len() <= PIPELINED_INPUT);
        assert!(connection.capacity() <= 2 * PIPELINED_INPUT);
        connection.answered(true);
    }

    assert!(sent >= 10_000 * GET.len());
}

#[test]
fn a_client_that_waits_is_asked_for_its_body() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    let mut waits = fed(&[head]);
    let mut sends = fed(&[head, b"x"]);

    take_head(&mut waits);
    take_head(&mut sends);

    assert!(waits.expects_continue() && !sends.expects_continue());
}

#[test]
fn a_drain_lets_what_has_begun_be_the_last() {
    let mut idle = fed(&[b"\r\n"]);
    idle.drain();
    assert_eq!(idle.next(true), Event::Closed);

    let mut begun = fed(&[&GET[..10]]);
    begun.drain();
    assert_eq!(begun.next(true), Event::NeedsInput);
    begun.feed(&GET[10..]);
    begun.feed(GET);
    take_head(&mut begun);
    begun.answered(true);
    assert_eq!(begun.next(true), Event::Closed);
}

#[test]
fn a_large_buffer_is_given_back_though_a_line_end_is_left() {
    let mut connection = fed(&[CHUNKED, b"ea60\r\n", &[b'x'; 60_000], b"\r\n0\r\n\r\n\r\n"]);
    take_head(&mut connection);
    while !matches!(connection.next(true), Event::End(_)) {}

    connection.answered(true);

    assert!(connection.is_idle());
    assert!(connection.capacity() <= 8 * 1024);
}

#[test]
fn a_refused_head_leaves_what_came_to_be_looked_at() {
    let mut connection = fed(&[b"GET  / HTTP/1.1\r\n\r\n"]);

    assert_eq!(connection.next(true), Event::Error(HttpError::RequestLine));

    assert!(connection.rest().starts_with(b"GET  / "));
    connection.close();
    assert!(connection.rest().is_empty());
}

/// Pieces of requests, well formed and not, so that much of what is fed means something.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(GET.to_vec()),
        4 => Just([POST, b"hello"].concat()),
        4 => Just([CHUNKED, b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX: y\r\n\r\n"].concat()),
        1 => Just(CHUNKED.to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(b"GET / HTTP/1.0\r\n\r\n".to_vec()),
        2 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn any_order_and_split_gives_the_same_and_holds_little(
        limits: bool,
        plan in prop::collection::vec(any::<u8>(), 0..60),
        input in input(),
    ) {
        let length = u8::try_from(plan.len()).expect("it is below 60");
        driver::check(&[&[length << 2 | u8::from(limits)], &*plan, &*input].concat());
    }
}
