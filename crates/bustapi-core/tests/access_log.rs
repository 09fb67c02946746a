//! The access log cannot be forged and stays readable.

use std::time::{Duration, UNIX_EPOCH};

use bustapi_core::access_log::{AccessLine, RefusedLine, request_line};

fn line() -> AccessLine<'static> {
    AccessLine {
        time: UNIX_EPOCH,
        client: b"-",
        method: b"GET",
        target: b"/",
        protocol: b"HTTP/1.1",
        status: 200,
        body_bytes: 0,
        duration: Duration::ZERO,
    }
}

fn write(line: AccessLine<'_>) -> String {
    let mut out = Vec::new();
    line.write(&mut out);
    let text = String::from_utf8(out).expect("the log is ASCII");
    assert!(text.is_ascii());
    assert_eq!(text.matches('\n').count(), 1, "one line a request");
    text
}

#[test]
fn times_are_calendar_dates_in_utc() {
    for (milliseconds, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (1_704_067_199_000, "2023-12-31T23:59:59.000Z"),
        (1_709_164_800_001, "2024-02-29T00:00:00.001Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] {
        let time = UNIX_EPOCH + Duration::from_millis(milliseconds);

        assert!(
            write(AccessLine { time, ..line() }).starts_with(text),
            "{text}"
        );
    }
    let before = UNIX_EPOCH - Duration::from_secs(5);
    assert!(
        write(AccessLine {
            time: before,
            ..line()
        })
        .starts_with("1970-01-01T00:00:00.000Z")
    );
}

// uvicorn CVE-2020-7694: escape sequences in access logs.
#[test]
fn controls_are_escaped() {
    for (target, text) in [
        (&b"/\x1b[31m"[..], r"/\x1b[31m"),
        (b"/\r\nGET", r"/\x0d\x0aGET"),
        (b"/\x7f\x00", r"/\x7f\x00"),
        (b"/\x9b31m", r"/\x9b31m"),
        ("/é\u{85}".as_bytes(), r"/\xc3\xa9\xc2\x85"),
        (b"/\" 200 5", r#"/\" 200 5"#),
        (br"/\x41", r"/\\x41"),
    ] {
        let written = write(AccessLine {
            target,
            method: target,
            client: target,
            ..line()
        });

        assert!(
            written.contains(&format!(" {text} \"{text} {text} HTTP/1.1\" ")),
            "{written}"
        );
    }
}

#[test]
fn a_long_query_is_cut() {
    let fits = format!("/a?{}", "b".repeat(1_024));
    let cut = format!("{fits}c");

    assert!(
        write(AccessLine {
            target: fits.as_bytes(),
            ..line()
        })
        .contains(&format!(" {fits} "))
    );
    let written = write(AccessLine {
        target: cut.as_bytes(),
        ..line()
    });
    assert!(written.contains(&format!(" {fits}... ")));
}

#[test]
fn durations_are_milliseconds() {
    for (micros, text) in [(0, "0.000ms"), (7, "0.007ms"), (1_234_567, "1234.567ms")] {
        let duration = Duration::from_micros(micros);

        assert!(write(AccessLine { duration, ..line() }).ends_with(&format!(" 200 0 {text}\n")));
    }
}

fn write_refused(head: &[u8]) -> String {
    let line = RefusedLine {
        time: UNIX_EPOCH,
        client: b"-",
        line: request_line(head),
        status: 400,
        reason: "a reason",
    };
    let mut out = Vec::new();
    line.write(&mut out);
    String::from_utf8(out).expect("the log is ASCII")
}

#[test]
fn a_refusal_shows_what_came_of_the_request_line() {
    for (head, shown) in [
        (&b""[..], "-"),
        (b"\r\n\r\n", "-"),
        (b"GET /a", "GET /a"),
        (b"GET /a\r\nCookie: secret\r\n", "GET /a"),
        (b"\r\n\nGET /a\rX", "GET /a"),
        (b"\x16\x03\x01\x02\0\nx", "\\x16\\x03\\x01\\x02\\x00"),
        (b"GET /\x1b[2J\" 200 \\", "GET /\\x1b[2J\\\" 200 \\\\"),
        ("GET /ü".as_bytes(), "GET /\\xc3\\xbc"),
        (b"GET /\x9b31m\x7f", "GET /\\x9b31m\\x7f"),
    ] {
        assert_eq!(
            write_refused(head),
            format!("1970-01-01T00:00:00.000Z - \"{shown}\" 400 0 0.000ms a reason\n")
        );
    }
}

#[test]
fn a_refusal_shows_a_bounded_part_of_the_request_line() {
    let whole = write_refused(&[b'x'; 1024]);
    let cut = write_refused(&[b'x'; 70_000]);

    assert!(whole.contains(&format!("\"{}\" 400", "x".repeat(1024))));
    assert!(cut.contains(&format!("\"{}...\" 400", "x".repeat(1024))));
}
