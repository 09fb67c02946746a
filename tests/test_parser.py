"""The request parser against h11 and against what other parsers got wrong.

Each input is fed whole and byte by byte. Where h11 and ours disagree, ours must be the
stricter one, by a rule that stands in :data:`STRICTER` with its section.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bustapi._bustapi import parse_request

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class Request(NamedTuple):
    """One request as a parser saw it, names of fields in lower case."""

    method: str
    target: str
    version: str
    fields: list[tuple[str, str]]
    body: bytes
    trailers: list[tuple[str, str]]


class Outcome(NamedTuple):
    """The requests of a connection that are whole, and what came behind them."""

    requests: list[Request]
    end: str
    """``end``, ``incomplete`` or the reason of an error."""
    status: int | None = None
    """The status that an error is answered with."""


def lower_names(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in fields]


def parse_split(data: bytes, split: int) -> Outcome:
    """Return what our parser makes of ``data`` in pieces of ``split`` bytes."""
    requests: list[Request] = []
    head: dict[str, Any] = {}
    body = b""

    for name, value in parse_request(data, split=split):
        if name == "head":
            head, body = value, b""
        elif name == "body":
            body += value
        elif name == "end":
            fields = lower_names(head.pop("fields"))
            request = Request(**head, fields=fields, body=body, trailers=value)
            requests.append(request._replace(trailers=lower_names(value)))
        elif name == "error":
            status, reason = value
            return Outcome(requests, reason, status)
        else:
            return Outcome(requests, name)

    return Outcome(requests, "end")


def parse(data: bytes) -> Outcome:
    """Return what our parser makes of ``data``, the same whole and byte by byte."""
    whole = parse_split(data, 0)

    for split in (1, 2, 7):
        assert parse_split(data, split) == whole

    return whole


def keeps_alive(request: Request) -> bool:
    """Whether a connection goes on behind ``request`` (RFC 9112 9.3)."""
    options = {
        option.strip().lower()
        for name, value in request.fields
        if name == "connection"
        for option in value.split(",")
    }
    is_asked_for = request.version == "HTTP/1.1" or "keep-alive" in options
    return is_asked_for and "close" not in options


def skip_empty_lines(data: bytes) -> bytes:
    """Return ``data`` without what RFC 9112 2.2 lets a server skip; h11 refuses it."""
    for _ in range(4):
        data = data.removeprefix(b"\r\n")

    return data


def decode(fields: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]


def parse_h11_request(data: bytes) -> tuple[Request, bytes] | None:
    """Return the first request and what follows it, None when it is incomplete."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    head: h11.Request | None = None
    body = b""

    while True:
        event = connection.next_event()

        if isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            request = Request(
                head.method.decode("latin-1"),
                head.target.decode("latin-1"),
                # RFC 9110 2.5: a later minor version is the highest that is known.
                min(f"HTTP/{head.http_version.decode()}", "HTTP/1.1"),
                decode(list(head.headers)),
                body,
                decode(list(event.headers)),
            )
            return request, bytes(connection.trailing_data[0])
        else:
            return None


def parse_with_h11(data: bytes) -> Outcome:
    """Return what h11 makes of ``data``, one fresh connection a request."""
    requests: list[Request] = []

    while data:
        try:
            parsed = parse_h11_request(skip_empty_lines(data))
        except h11.RemoteProtocolError as error:
            return Outcome(requests, str(error), error.error_status_hint)

        if parsed is None:
            return Outcome(requests, "incomplete")

        request, data = parsed
        requests.append(request)

        if not keeps_alive(request):
            break

    return Outcome(requests, "end")


class Case(NamedTuple):
    """Bytes that h11 lets through and ours refuses, and the rule behind it."""

    section: str
    data: bytes
    status: int
    reason: str


STRICTER = [
    # Line ends.
    Case(
        "RFC 9112 2.2", GET.replace(b"\r\n", b"\n"), 400, "a line does not end in CRLF"
    ),
    Case(
        "RFC 9110 5.5",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: y\x01z\r\n\r\n",
        400,
        "a control character in the head",
    ),
    Case(
        "RFC 9112 5.2",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
        400,
        "folded field line",
    ),
    # Start line.
    *(
        Case(
            "RFC 9110 9.1",
            GET.replace(b"GET", method),
            501,
            "method not in capitals",
        )
        for method in (b"get", b"Get", b"head", b"Options")
    ),
    Case("RFC 9112 3.2", GET.replace(b"/ ", b"a ", 1), 400, "invalid request target"),
    Case("RFC 9112 3.2.4", GET.replace(b"/ ", b"* ", 1), 400, "invalid request target"),
    Case("RFC 9112 3.2", GET.replace(b"/ ", b"/#b ", 1), 400, "invalid request target"),
    Case(
        "RFC 9110 15.6.6",
        GET.replace(b"HTTP/1.1", b"HTTP/3.0"),
        505,
        "HTTP version not supported",
    ),
    # Host.
    Case("RFC 9110 7.2", GET.replace(b": a", b": a b"), 400, "invalid Host"),
    Case("RFC 9110 4.2.1", GET.replace(b": a", b":"), 400, "invalid Host"),
    # Framing.
    Case(
        "RFC 9112 6.1",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "Content-Length beside Transfer-Encoding",
    ),
    Case(
        "RFC 9112 6.3",
        POST + b"Content-Length: 2, 2\r\n\r\nok",
        400,
        "more than one Content-Length",
    ),
    Case(
        "RFC 9112 6.1",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "invalid Transfer-Encoding",
    ),
    Case(
        "RFC 9110 8.6",
        POST + b"Content-Length: 18446744073709551616\r\n\r\n",
        400,
        "invalid Content-Length",
    ),
    Case(
        "RFC 9110 10.1.1",
        POST + b"Expect: a\r\nContent-Length: 2\r\n\r\nok",
        417,
        "unknown expectation",
    ),
    # Chunks.
    Case(
        "RFC 9112 7.1",
        CHUNKED + b"00000000000000002\r\nok\r\n0\r\n\r\n",
        400,
        "invalid chunk size",
    ),
    Case(
        "RFC 9112 7.1.1",
        CHUNKED + b"2;=\r\nok\r\n0\r\n\r\n",
        400,
        "invalid chunk extension",
    ),
    # Limits.
    Case(
        "RFC 6585 5",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n",
        431,
        "too many fields",
    ),
]
"""Every way in which ours is stricter than h11, by example."""

REASONS = {case.reason for case in STRICTER}

LOOSER = [
    pytest.param(b"\r\n\r\n" + GET, id="RFC 9112 2.2"),
    pytest.param(CHUNKED + b"2 ;a\r\nok\r\n0\r\n\r\n", id="RFC 9112 7.1.1"),
]
"""What the sections tell a server to take although h11 refuses it."""

BLANK_IN_CHUNK_LINE = re.compile(r"illegal chunk header: \w+\(b.[0-9a-fA-F]+( |\\t)+;")
"""What h11 says of a blank before the extensions of a chunk."""


@pytest.mark.parametrize("case", STRICTER, ids=lambda case: case.section)
def test_ours_is_stricter_than_h11(case: Case) -> None:
    ours = parse(case.data)
    theirs = parse_with_h11(case.data)

    assert (ours.status, ours.end) == (case.status, case.reason)
    assert theirs.status is None, "h11 refuses it too"


@pytest.mark.parametrize("digit", [b"2", b"9"])
def test_a_later_minor_version_is_taken_for_1_1(digit: bytes) -> None:
    (request,) = parse(GET.replace(b"HTTP/1.1", b"HTTP/1." + digit)).requests

    assert request.version == "HTTP/1.1"


@pytest.mark.parametrize("method", [b"PROPFIND", b"propfind", b"gets"])
def test_another_method_stays_as_it_is(method: bytes) -> None:
    (request,) = parse(GET.replace(b"GET", method)).requests

    assert request.method == method.decode()


@pytest.mark.parametrize("data", LOOSER)
def test_what_the_rfc_has_a_server_take_is_taken(data: bytes) -> None:
    assert parse(data).end == "end"

    with pytest.raises(h11.RemoteProtocolError):
        parse_h11_request(data)


def check_against_h11(data: bytes) -> None:
    """Fail unless both agree or ours is the stricter one by a rule of the table."""
    ours = parse(data)
    theirs = parse_with_h11(data)
    count = len(ours.requests)
    shared = min(count, len(theirs.requests))

    assert ours.requests[:shared] == theirs.requests[:shared]

    if BLANK_IN_CHUNK_LINE.match(theirs.end):
        return

    assert count == shared

    if ours.status is not None:
        assert ours.end in REASONS or h11_refuses_at_last(data, count)
    elif theirs.status is not None:
        # h11 may notice by its first byte that a line is wrong, ours by its last.
        assert ours.end == "incomplete"
        assert parse(data + b"\r\n\r\n").status is not None
    else:
        assert ours == theirs


def h11_refuses_at_last(data: bytes, count: int) -> bool:
    """Whether h11 refuses what follows ``count`` requests, once its line is complete."""
    outcome = parse_with_h11(data + b"\r\n\r\n")
    return outcome.status is not None and len(outcome.requests) == count


TOKENS = st.text("abzAZ09!#$%&'*+-.^_`|~", min_size=1, max_size=8).map(str.encode)
VALUES = st.binary(max_size=12).map(
    lambda value: bytes(byte for byte in value if byte >= 0x20 and byte != 0x7F)
)
METHODS = (
    st.sampled_from([b"GET", b"HEAD", b"POST", b"OPTIONS", b"CONNECT", b"get", b"Head"])
    | TOKENS
)
TARGETS = st.sampled_from(
    [b"/", b"/a%20b?c=d", b"//", b"/?", b"*", b"a.example:443", b"http://a.example/b?c"]
)
VERSIONS = st.sampled_from([b"HTTP/1.1"] * 4 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0"])
HOSTS = st.sampled_from([b"a", b"a:80", b"[::1]:5000", b"a b", b""])
CONNECTIONS = st.sampled_from([b"close", b"keep-alive", b"Keep-Alive, x", b"x,close"])
OTHER_FIELDS = st.one_of(
    st.tuples(TOKENS, VALUES),
    st.tuples(st.just(b"Connection"), CONNECTIONS),
    st.tuples(st.just(b"Expect"), st.sampled_from([b"100-continue", b"a"])),
    st.tuples(st.just(b"Upgrade"), st.just(b"websocket")),
    st.tuples(
        st.just(b"Transfer-Encoding"),
        st.sampled_from([b"chunked", b"Chunked", b"gzip", b"gzip, chunked", b""]),
    ),
    st.tuples(
        st.just(b"Content-Length"), st.sampled_from([b"0", b"2", b"+2", b"2, 2", b""])
    ),
)
EXTENSIONS = st.sampled_from([b"", b"", b";a", b";a=b", b';a="b"', b" ;a", b";", b" "])
LINE_ENDS = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r"])


@st.composite
def chunked_bodies(draw: st.DrawFn) -> bytes:
    """Chunks, mostly valid, and perhaps trailers."""
    body = b""

    for content in draw(st.lists(st.binary(min_size=1, max_size=20), max_size=3)):
        size = f"{len(content):x}".encode()
        body += size + draw(EXTENSIONS) + b"\r\n" + content + b"\r\n"

    trailers = draw(st.lists(st.tuples(TOKENS, VALUES), max_size=2))
    body += b"0\r\n" + b"".join(
        name + b": " + value + b"\r\n" for name, value in trailers
    )
    return body + b"\r\n"


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One request, mostly valid, with a body that fits its framing."""
    start_line = b" ".join([draw(METHODS), draw(TARGETS), draw(VERSIONS)])
    fields = [(b"Host", draw(HOSTS))]
    fields += draw(st.lists(OTHER_FIELDS, max_size=3))
    body = b""
    kind = draw(st.sampled_from(["none", "length", "chunked"]))

    if kind == "length":
        body = draw(st.binary(max_size=20))
        fields.append((b"Content-Length", str(len(body)).encode()))
    elif kind == "chunked":
        body = draw(chunked_bodies())
        fields.append((b"Transfer-Encoding", b"chunked"))

    lines = [start_line, *(name + b": " + value for name, value in fields), b""]
    return b"".join(line + draw(LINE_ENDS) for line in lines) + body


@st.composite
def connections(draw: st.DrawFn) -> bytes:
    """The bytes of a few requests, perhaps cut short, with a few bytes changed."""
    data = bytearray(b"".join(draw(st.lists(requests(), min_size=1, max_size=3))))
    changes = st.tuples(
        st.integers(0, len(data) - 1),
        st.integers(0, 2),
        st.sampled_from(
            [b"", b" ", b"\t", b"\r", b"\n", b"\r\n", b":", b",", b"\0", b"5"]
        )
        | st.binary(max_size=2),
    )

    for start, length, replacement in draw(st.lists(changes, max_size=2)):
        data[start : start + length] = replacement

    return (
        bytes(data[: draw(st.integers(0, len(data)))])
        if draw(st.booleans())
        else bytes(data)
    )


@given(connections())
@example(GET + GET)
@example(b"\r\n\r\n" + GET + b"\r\n" + GET)
@example(CHUNKED + b"2\r\nok\r\n0\r\nX: y\r\n\r\n" + GET)
@example(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + GET)
@example(b"GET / HTTP/1.0\r\n\r\n" + GET)
def test_a_disagreement_with_h11_is_ours_being_stricter(data: bytes) -> None:
    check_against_h11(data)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_arbitrary_bytes_are_refused_or_waited_for(data: bytes, split: int) -> None:
    outcome = parse_split(data, 0)

    assert parse_split(data, split) == outcome
    assert outcome.requests == []


def refuses(data: bytes) -> int:
    """Return the status that ``data`` is refused with; fail if anything is let through."""
    outcome = parse(data)

    assert outcome.requests == []
    assert outcome.status is not None, outcome.end
    return outcome.status


# Advisories against other parsers.


@pytest.mark.parametrize(
    "encoding",
    [b"xchunked", b"chunked, identity", b"identity", b"", b"chunked,", b"chunked;a=b"],
)
def test_gunicorn_cve_2024_1135_cve_2024_6827_odd_encodings_have_no_fallback(
    encoding: bytes,
) -> None:
    field = b"Transfer-Encoding: " + encoding + b"\r\n"

    assert refuses(POST + field + b"\r\n" + GET) == 400
    assert refuses(POST + field + b"Content-Length: 2\r\n\r\nok") == 400


@pytest.mark.parametrize("length", [b"+10", b"-1", b"0x1", b"1_0", b"1.0", b"1e1", b""])
def test_waitress_cve_2022_24761_lengths_are_digits(length: bytes) -> None:
    assert refuses(POST + b"Content-Length: " + length + b"\r\n\r\n") == 400


@pytest.mark.parametrize(
    "line",
    [b"+2", b"-2", b"0x2", b"0_2", b"2 ", b" 2", b"2;\x00", b"2;a\x01", b"2;a\x7f"],
)
def test_waitress_cve_2022_24761_chunk_lines_are_checked(line: bytes) -> None:
    assert refuses(CHUNKED + line + b"\r\nok\r\n0\r\n\r\n") == 400


def test_waitress_cve_2019_16785_a_lone_line_feed_ends_no_line() -> None:
    smuggled = b"GET / HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n"

    assert refuses(smuggled) == 400
    assert refuses(GET.replace(b"\r\n", b"\n")) == 400
    assert refuses(CHUNKED + b"2\nok\n0\n\n") == 400


@pytest.mark.parametrize(
    ("encoding", "status"),
    [
        (b"gzip, chunked", 501),
        (b"chunked, gzip", 400),
        (b"\x0bchunked", 400),
        (b"chunked\x0c", 400),
        (b"\xa0chunked", 400),
    ],
)
def test_waitress_cve_2019_16786_16789_an_encoding_is_matched_whole(
    encoding: bytes, status: int
) -> None:
    data = POST + b"Transfer-Encoding: " + encoding + b"\r\n\r\n0\r\n\r\n"

    assert refuses(data) == status


def test_waitress_cve_2019_16792_a_second_length_is_refused() -> None:
    for second in (b"2", b"3", b"0"):
        fields = b"Content-Length: 2\r\nContent-Length: " + second + b"\r\n\r\n"

        assert refuses(POST + fields + b"ok") == 400


def test_waitress_cve_2020_5236_a_control_byte_is_found_in_one_pass() -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"\x10" * 5_000 + b"\r\n\r\n"

    assert refuses(data) == 400


def test_waitress_ghsa_9298_4cf8_g4wj_nothing_is_parsed_behind_an_error() -> None:
    outcome = parse(GET + b"GET /\r\n\r\n" + GET)

    assert len(outcome.requests) == 1
    assert outcome.status == 400


def test_waitress_ghsa_9298_4cf8_g4wj_nothing_is_parsed_behind_close() -> None:
    outcome = parse(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + GET)

    assert len(outcome.requests) == 1
    assert outcome.end == "end"


@pytest.mark.parametrize("end", [b"XX", b"\n\n", b"\r\r", b"\n", b"", b"\rX"])
def test_h11_cve_2025_43859_the_bytes_behind_a_chunk_are_checked(end: bytes) -> None:
    assert refuses(CHUNKED + b"2\r\nok" + end + b"0\r\n\r\n") == 400


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 2\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 2",
        b"Transfer-Encoding: chunked\r\nContent-Length: 0",
        b"Content-Length : 2",
        b"Content-Length\t: 2",
        b"Content-Length: 2\x00",
    ],
)
def test_aiohttp_cve_2023_47627_47641_framing_is_said_once(fields: bytes) -> None:
    assert refuses(POST + fields + b"\r\n\r\n0\r\n\r\n") == 400


@pytest.mark.parametrize(
    "name",
    [b"", b"a b", b"a\x00", b"a\xe9", b"a(", b"a/b", b'a"', b"[a]", b"a;", b" a"],
)
def test_aiohttp_cve_2024_23829_names_are_tokens(name: bytes) -> None:
    assert refuses(b"GET / HTTP/1.1\r\nHost: a\r\n" + name + b": b\r\n\r\n") == 400


@pytest.mark.parametrize(
    "version", [b"HTTP/1.1a", b"http/1.1", b"HTTP/1,1", b"HTTP/+1.1"]
)
def test_aiohttp_cve_2024_23829_versions_are_digits(version: bytes) -> None:
    assert refuses(GET.replace(b"HTTP/1.1", version)) == 400


def test_gunicorn_26_1_a_body_without_its_last_line_end_is_not_whole() -> None:
    whole = CHUNKED + b"2\r\nok\r\n0\r\n\r\n"

    for end in range(len(CHUNKED), len(whole)):
        assert parse(whole[:end]) == Outcome([], "incomplete")

    assert parse(whole).requests[0].body == b"ok"


def test_rustsec_2021_0078_a_length_has_no_sign() -> None:
    assert refuses(POST + b"Content-Length: +2\r\n\r\nok") == 400


@pytest.mark.parametrize(
    "size", [b"10000000000000002", b"f" * 17, b"0" * 17, b"f" * 5_000]
)
def test_rustsec_2021_0079_a_chunk_size_does_not_overflow(size: bytes) -> None:
    assert refuses(CHUNKED + size + b"\r\nok\r\n0\r\n\r\n") == 400


def test_rustsec_2021_0020_encodings_of_all_lines_count() -> None:
    first = b"Transfer-Encoding: chunked\r\n"

    for second in (b"chunked", b"identity", b"x", b""):
        fields = first + b"Transfer-Encoding: " + second + b"\r\n\r\n"
        assert refuses(POST + fields + b"0\r\n\r\n") == 400


@pytest.mark.parametrize(
    ("version", "fields", "status"),
    [
        (b"HTTP/1.1", b"Content-Length: +3", 400),
        (b"HTTP/1.1", b"Content-Length: 3\r\nContent-Length: 4", 400),
        (b"HTTP/1.1", b"Content-Length: 3\r\nTransfer-Encoding: chunked", 400),
        (b"HTTP/1.1", b"Transfer-Encoding: \x0bchunked", 400),
        (b"HTTP/1.1", b"Transfer-Encoding:\r\n chunked", 400),
        (b"HTTP/1.1", b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", 501),
        (b"HTTP/1.0", b"Transfer-Encoding: chunked", 400),
    ],
)
def test_rustsec_2021_0081_unclear_framing_is_refused(
    version: bytes, fields: bytes, status: int
) -> None:
    head = b"POST / " + version + b"\r\nHost: a\r\n" + fields + b"\r\n\r\n"

    assert refuses(head + b"0\r\n\r\n") == status


def test_go_cve_2023_39326_extensions_of_a_body_have_one_budget() -> None:
    chunk = b"1;" + b"a" * 1_000 + b"\r\nx\r\n"

    assert parse(CHUNKED + chunk * 16 + b"0\r\n\r\n").requests[0].body == b"x" * 16
    assert refuses(CHUNKED + chunk * 17 + b"0\r\n\r\n") == 400


def test_aiohttp_cve_2026_22815_heads_and_trailers_share_one_budget() -> None:
    lines = b"X: y\r\n"

    assert len(parse(CHUNKED + b"0\r\n" + lines * 98 + b"\r\n").requests) == 1
    assert refuses(CHUNKED + b"0\r\n" + lines * 99 + b"\r\n") == 400
    assert refuses(b"GET / HTTP/1.1\r\nHost: a\r\n" + lines * 100 + b"\r\n") == 431
    assert refuses(POST + (b"X: " + b"y" * 16_000 + b"\r\n") * 5 + b"\r\n") == 431
    assert refuses(POST + b"X: " + b"y" * 17_000) == 431
    assert refuses(b"GET /" + b"y" * 17_000) == 414


def test_tornado_cve_2025_67725_repeated_fields_stay_apart() -> None:
    data = GET.replace(b"\r\n\r\n", b"\r\n" + b"X: y\r\n" * 99 + b"\r\n")

    assert parse(data).requests[0].fields == [("host", "a"), *[("x", "y")] * 99]


def test_twisted_cve_2023_46137_pipelined_requests_keep_their_order() -> None:
    data = b"".join(
        POST.replace(b"/", f"/{number}".encode(), 1)
        + f"Content-Length: 1\r\n\r\n{number}".encode()
        for number in range(9)
    )

    requests = parse(data).requests

    assert [request.target for request in requests] == [f"/{n}" for n in range(9)]
    assert [request.body for request in requests] == [b"%d" % n for n in range(9)]
