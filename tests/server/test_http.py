"""HTTP/1 over real sockets: framing, order, interim answers, ends and time-outs."""

from __future__ import annotations

import hashlib
import io
import socket
import struct
import textwrap
from collections.abc import Iterator
from http.client import HTTPResponse
from itertools import count
from typing import NamedTuple

import pytest

from serving import TIMEOUT, Server

PROGRAM = """\
import hashlib, sys, threading
from bustapi import Flask, Response, request

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 8 * 1024 * 1024
seen = []
gates = {}
wants = threading.Lock()

def gate(name):
    with wants:
        return gates.setdefault(name, threading.Event())

@app.before_request
def note():
    seen.append(request.path)

@app.route("/echo/<name>", methods=["GET", "POST"])
def echo(name):
    return name + ":" + request.get_data(as_text=True)

@app.post("/digest")
def digest():
    body = request.get_data()
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}"

@app.get("/seen/<path:path>")
def is_seen(path):
    return str("/" + path in seen)

# Answers once another request has opened the gate.
@app.get("/wait/<name>")
def wait(name):
    return str(gate(name).wait(20))

@app.get("/open/<name>")
def open_gate(name):
    gate(name).set()
    return "open"

@app.get("/host")
def host():
    return f"{request.host} {request.path} {request.query_string.decode()}"

@app.get("/stream/<int:count>")
def stream(count):
    return (f"piece {number};" for number in range(count))

@app.get("/broken")
def broken():
    def pieces():
        yield "piece"
        raise RuntimeError("the stream breaks")
    return pieces()

@app.get("/status/<int:code>")
def status(code):
    return "", code

class Raw(Response):
    def __call__(self, environ, start_response):
        start_response(request.args["status"], [("X", request.args["value"])])
        return [b"body"]

@app.get("/raw")
def raw():
    return Raw()

@app.get("/endless")
def endless():
    def pieces():
        try:
            while True:
                yield b"x" * 65536
        finally:
            seen.append("/endless/closed")
            gate("closed").set()
    return pieces()

app.run(port=0, **dict(
    (name, float(value)) for name, _, value in (part.partition("=") for part in sys.argv[1:])
))
"""


class Answer(NamedTuple):
    """One answer of a server."""

    status: int
    fields: dict[str, str]
    body: bytes


class Unclosed(io.BytesIO):
    """A buffer that several ``HTTPResponse`` read one after the other."""

    def close(self) -> None:
        pass

    def makefile(self, mode: str) -> Unclosed:
        return self


class Peer:
    """A raw connection to a server."""

    def __init__(self, server: Server) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def end(self) -> None:
        """Say that nothing more will be sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Leave without an orderly end."""
        linger = struct.pack("ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()

    def read(self, size: int) -> bytes:
        """Return exactly ``size`` bytes, fewer at the end."""
        data = b""

        while len(data) < size and (piece := self.socket.recv(size - len(data))):
            data += piece

        return data

    def read_to_end(self) -> bytes:
        """Return everything up to the end that the server makes."""
        with self.socket:
            return b"".join(iter(lambda: self.socket.recv(65536), b""))


def split_answers(data: bytes, *methods: str) -> list[Answer]:
    """Return the answers in ``data``, to requests of the given methods (then GET)."""
    rest = Unclosed(data)
    answers: list[Answer] = []

    for number in count():
        if rest.tell() == len(data):
            return answers

        method = methods[number] if number < len(methods) else "GET"
        response = HTTPResponse(rest, method=method)  # type: ignore[arg-type]
        response.begin()
        fields = {name.lower(): value for name, value in response.getheaders()}
        answers.append(Answer(response.status, fields, response.read()))

    raise AssertionError("unreachable")


def ask(server: Server, data: bytes, *methods: str) -> list[Answer]:
    """Send ``data`` and return all answers up to the end of the connection."""
    peer = Peer(server)
    peer.send(data)
    return split_answers(peer.read_to_end(), *methods)


def get(path: str, *fields: str) -> bytes:
    """Return the bytes of a request."""
    lines = [f"GET {path} HTTP/1.1", "Host: a", *fields, "", ""]
    return "\r\n".join(lines).encode()


def post(path: str, *fields: str) -> bytes:
    return get(path, *fields).replace(b"GET", b"POST", 1)


def last(path: str) -> bytes:
    return get(path, "Connection: close")


def is_seen(server: Server, path: str) -> bool:
    """Whether the application was given a request for ``path``."""
    return server.get(f"/seen{path}") == "True"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the default time-outs."""
    yield from started(tmp_path_factory)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with short time-outs."""
    names = ("head", "keep_alive", "body", "write")
    yield from started(tmp_path_factory, *(f"{name}_timeout=0.3" for name in names))


def started(factory: pytest.TempPathFactory, *arguments: str) -> Iterator[Server]:
    folder = factory.mktemp("http")
    folder.joinpath("program.py").write_text(textwrap.dedent(PROGRAM))
    server = Server(folder, "program.py", *arguments)

    try:
        server.wait_until_ready()
        yield server
    finally:
        server.kill()


# Smuggling: what is refused is the last thing on its connection.

TAIL = b"0\r\n\r\n"

REFUSED = [
    ("lone-lf", b"GET /{} HTTP/1.1\nHost: a\n\n", 400),
    ("bare-cr", b"GET /{} HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400),
    ("nul", b"GET /{} HTTP/1.1\r\nHost: a\r\nX: y\0\r\n\r\n", 400),
    ("no-host", b"GET /{} HTTP/1.1\r\n\r\n", 400),
    ("two-hosts", b"GET /{} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("bad-host", b"GET /{} HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("folded", b"GET /{} HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", 400),
    ("space-colon", b"GET /{} HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
    ("preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("old", b"GET /{}\r\n", 400),
    ("lower", b"get /{} HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    ("mixed", b"Post /{} HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    ("expect", b"POST /{} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: x\r\n\r\nok", 417),
    ("long-line", b"GET /{}" + b"x" * 17_000 + b" HTTP/1.1\r\n\r\n", 414),
    ("long-field", b"GET /{} HTTP/1.1\r\nX: " + b"x" * 17_000 + b"\r\n\r\n", 431),
    ("many-fields", b"GET /{} HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
]  # fmt: skip

FRAMINGS = [
    ("both", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + TAIL, 400),
    ("both-reversed", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + TAIL, 400),
    ("two-lengths", b"Content-Length: 5\r\nContent-Length: 0\r\n\r\n" + TAIL, 400),
    ("list", b"Content-Length: 5, 5\r\n\r\n" + TAIL, 400),
    ("sign", b"Content-Length: +5\r\n\r\n" + TAIL, 400),
    ("hexadecimal", b"Content-Length: 0x5\r\n\r\n" + TAIL, 400),
    ("huge", b"Content-Length: 18446744073709551616\r\n\r\n", 400),
    ("gzip", b"Transfer-Encoding: gzip, chunked\r\n\r\n" + TAIL, 501),
    ("not-last", b"Transfer-Encoding: chunked, gzip\r\n\r\n" + TAIL, 400),
    ("twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + TAIL, 400),
    ("odd", b"Transfer-Encoding: xchunked\r\n\r\n" + TAIL, 400),
    ("tab", b"Transfer-Encoding: \x0bchunked\r\n\r\n" + TAIL, 400),
    ("chunk-size", b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n" + TAIL, 400),
    ("chunk-end", b"Transfer-Encoding: chunked\r\n\r\n1\r\naXX" + TAIL, 400),
    ("chunk-lf", b"Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n", 400),
    ("trailer", b"Transfer-Encoding: chunked\r\n\r\n0\r\nX : y\r\n\r\n", 400),
]  # fmt: skip

POSTED = [
    (name, b"POST /{} HTTP/1.1\r\nHost: a\r\n" + rest, status)
    for name, rest, status in FRAMINGS
]


@pytest.mark.parametrize(
    ("name", "data", "status"), [pytest.param(*c, id=c[0]) for c in REFUSED + POSTED]
)
def test_nothing_behind_a_refused_request_is_a_request(
    server: Server, name: str, data: bytes, status: int
) -> None:
    data = data.replace(b"{}", f"echo/{name}".encode())
    smuggled = f"/echo/smuggled-{name}"

    (answer,) = ask(server, data + get(smuggled))

    assert answer.status == status
    assert answer.fields["connection"] == "close"
    assert not is_seen(server, f"/echo/{name}")
    assert not is_seen(server, smuggled)


def test_a_refusal_tells_nothing_of_the_server(server: Server) -> None:
    (answer,) = ask(server, b"GET /<script> HTTP/1.1\r\nHost: a b\r\n\r\n")

    assert answer.body == b"400 Bad Request\n"
    assert set(answer.fields) == {
        "content-type",
        "content-length",
        "date",
        "connection",
    }


def test_requests_before_a_refused_one_are_answered(server: Server) -> None:
    first, second = ask(server, get("/echo/a") + b"GET /\r\n" + get("/echo/b"))

    assert (first.status, first.body) == (200, b"a:")
    assert second.status == 400


def test_nothing_behind_close_is_a_request(server: Server) -> None:
    (answer,) = ask(server, last("/echo/closing") + get("/echo/behind-close"))

    assert answer.fields["connection"] == "close"
    assert not is_seen(server, "/echo/behind-close")


def test_a_body_is_never_the_next_request(server: Server) -> None:
    inner = get("/echo/inside-a-body")
    chunk = f"{len(inner):x}\r\n".encode() + inner + b"\r\n0\r\n\r\n"

    answers = ask(
        server,
        post("/echo/a", f"Content-Length: {len(inner)}")
        + inner
        + post("/status/404", "Transfer-Encoding: chunked")
        + chunk
        + last("/echo/b"),
    )

    assert [answer.status for answer in answers] == [200, 405, 200]
    assert answers[0].body == b"a:" + inner
    assert not is_seen(server, "/echo/inside-a-body")


# Order and persistence


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    names = [str(number) for number in range(50)]
    data = b"".join(get(f"/echo/{name}") for name in names)

    answers = ask(server, data + last("/echo/end"))

    assert [answer.body.decode() for answer in answers] == [
        f"{n}:" for n in [*names, "end"]
    ]


def test_a_request_waits_for_the_one_before_it(server: Server) -> None:
    peer = Peer(server)
    peer.send(get("/wait/order") + last("/echo/second"))

    server.get("/open/order")

    answers = split_answers(peer.read_to_end())
    assert [answer.body for answer in answers] == [b"True", b"second:"]


def test_a_request_that_comes_byte_by_byte_is_the_same(server: Server) -> None:
    data = post("/echo/a", "Transfer-Encoding: chunked") + b"2\r\nok\r\n0\r\n\r\n"
    peer = Peer(server)

    for byte in data + last("/echo/b"):
        peer.send(bytes([byte]))

    answers = split_answers(peer.read_to_end())
    assert [answer.body for answer in answers] == [b"a:ok", b"b:"]


def test_empty_lines_between_requests_are_skipped(server: Server) -> None:
    answers = ask(server, b"\r\n" + get("/echo/a") + b"\r\n\r\n" + last("/echo/b"))

    assert [answer.status for answer in answers] == [200, 200]


def test_http_1_0_closes_unless_asked_to_stay(server: Server) -> None:
    once = b"GET /echo/a HTTP/1.0\r\n\r\n"
    stay = b"GET /echo/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"

    (answer,) = ask(server, once + once)
    assert answer.fields["connection"] == "close"

    first, second = ask(server, stay + once)
    assert first.fields["connection"] == "keep-alive"
    assert second.fields["connection"] == "close"


def test_an_absolute_target_beats_host(server: Server) -> None:
    (answer,) = ask(server, last("http://b.example:81/host?c=d"))

    assert answer.body == b"b.example:81 /host c=d"


# Bodies


def test_head_has_the_fields_of_get_and_no_body(server: Server) -> None:
    head = get("/echo/a").replace(b"GET", b"HEAD", 1)
    stream = get("/stream/3").replace(b"GET", b"HEAD", 1)
    missing = get("/missing").replace(b"GET", b"HEAD", 1)

    answers = ask(
        server, head + stream + missing + last("/echo/b"), "HEAD", "HEAD", "HEAD"
    )

    assert [answer.status for answer in answers] == [200, 200, 404, 200]
    assert answers[0].fields["content-length"] == "2"
    assert [answer.body for answer in answers] == [b"", b"", b"", b"b:"]


@pytest.mark.parametrize("code", [204, 205, 304])
def test_an_answer_without_content_keeps_the_connection_in_step(
    server: Server, code: int
) -> None:
    answers = ask(server, get(f"/status/{code}") + last("/echo/a"))

    assert [(answer.status, answer.body) for answer in answers] == [
        (code, b""),
        (200, b"a:"),
    ]
    assert "transfer-encoding" not in answers[0].fields


def test_a_stream_is_chunked_or_ends_with_the_connection(server: Server) -> None:
    expected = b"piece 0;piece 1;piece 2;"

    chunked, after = ask(server, get("/stream/3") + last("/echo/a"))
    assert chunked.fields["transfer-encoding"] == "chunked"
    assert (chunked.body, after.body) == (expected, b"a:")

    (plain,) = ask(server, b"GET /stream/3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert "transfer-encoding" not in plain.fields
    assert (plain.fields["connection"], plain.body) == ("close", expected)


def test_a_stream_that_breaks_has_no_last_chunk(server: Server) -> None:
    peer = Peer(server)
    peer.send(get("/broken") + get("/echo/behind-broken"))

    data = peer.read_to_end()

    assert data.endswith(b"\r\n5\r\npiece\r\n")
    assert not is_seen(server, "/echo/behind-broken")


@pytest.mark.parametrize(
    "query",
    [
        "status=200+OK&value=a%0d%0aSet-Cookie:+b=c",
        "status=200+OK&value=a%0aSet-Cookie:+b=c",
        "status=200+OK&value=a%00b",
        "status=200+OK%0d%0aSet-Cookie:+b=c&value=a",
        "status=OK&value=a",
    ],
)
def test_an_application_cannot_split_an_answer(server: Server, query: str) -> None:
    (answer,) = ask(server, get(f"/raw?{query}") + get("/echo/behind-split"))

    assert answer.status == 500
    assert not {"x", "set-cookie"} & set(answer.fields)
    assert b"Traceback" not in answer.body


@pytest.mark.parametrize(
    "size", [0, 1, 65_536, 1024 * 1024, 1024 * 1024 + 1, 3_000_000]
)
def test_a_body_of_any_size_arrives_whole(server: Server, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    pieces = [body[start : start + 50_000] for start in range(0, size, 50_000)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    expected = f"{size} {hashlib.sha256(body).hexdigest()}".encode()

    answers = ask(
        server,
        post("/digest", f"Content-Length: {size}")
        + body
        + post("/digest", "Transfer-Encoding: chunked", "Connection: close")
        + chunks
        + b"0\r\n\r\n",
    )

    assert [answer.body for answer in answers] == [expected, expected]


CUT = [
    ("length", "Content-Length: 10", b"x" * 9),
    ("large", "Content-Length: 2000000", b"x" * 1_999_999),
    ("chunk", "Transfer-Encoding: chunked", b"5\r\nhel"),
    ("between", "Transfer-Encoding: chunked", b"5\r\nhello\r\n"),
    ("last-line", "Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n"),
    ("trailers", "Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\nX: y\r\n"),
]


@pytest.mark.parametrize(
    ("name", "framing", "sent"), [pytest.param(*case, id=case[0]) for case in CUT]
)
def test_a_body_that_is_cut_short_is_never_whole(
    server: Server, name: str, framing: str, sent: bytes
) -> None:
    path = f"/echo/cut-{name}"

    ended = Peer(server)
    ended.send(post(path, framing) + sent)
    ended.end()
    assert not ended.read_to_end().startswith(b"HTTP/1.1 2")

    reset = Peer(server)
    reset.send(post(path, framing) + sent)
    reset.reset()

    assert not is_seen(server, path)


# Expectations


def test_100_continue_comes_before_the_body(server: Server) -> None:
    peer = Peer(server)
    fields = ("Content-Length: 2", "Expect: 100-continue", "Connection: close")
    peer.send(post("/echo/a", *fields))

    assert peer.read(25) == b"HTTP/1.1 100 Continue\r\n\r\n"

    peer.send(b"ok")
    (answer,) = split_answers(peer.read_to_end())
    assert (answer.status, answer.body) == (200, b"a:ok")


def test_100_continue_is_not_sent_when_the_body_is_there(server: Server) -> None:
    fields = ("Content-Length: 2", "Expect: 100-continue", "Connection: close")
    peer = Peer(server)
    peer.send(post("/echo/a", *fields) + b"ok")

    assert peer.read_to_end().startswith(b"HTTP/1.1 200 ")


def test_100_continue_is_not_sent_to_http_1_0(server: Server) -> None:
    peer = Peer(server)
    peer.send(
        b"POST /echo/a HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    peer.send(b"ok")

    assert peer.read_to_end().startswith(b"HTTP/1.1 200 ")


def test_a_body_that_is_too_large_is_not_asked_for(server: Server) -> None:
    peer = Peer(server)
    peer.send(post("/digest", "Content-Length: 9000000", "Expect: 100-continue"))

    (answer,) = split_answers(peer.read_to_end())

    assert (answer.status, answer.fields["connection"]) == (413, "close")


# Ends


def test_a_half_closed_client_is_answered(server: Server) -> None:
    peer = Peer(server)
    peer.send(get("/echo/a") + post("/echo/b", "Content-Length: 2") + b"ok")
    peer.end()

    answers = split_answers(peer.read_to_end())

    assert [answer.body for answer in answers] == [b"a:", b"b:ok"]


def test_a_half_closed_client_waits_for_a_slow_view(server: Server) -> None:
    peer = Peer(server)
    peer.send(get("/wait/half"))
    peer.end()

    server.get("/open/half")

    (answer,) = split_answers(peer.read_to_end())
    assert answer.body == b"True"


@pytest.mark.parametrize(
    "sent", [b"", b"\r\n", b"GET /echo/cut", get("/echo/cut")[:-1]]
)
def test_a_head_that_is_cut_short_is_no_request(server: Server, sent: bytes) -> None:
    peer = Peer(server)
    peer.send(sent)
    peer.end()

    assert not peer.read_to_end().startswith(b"HTTP/1.1 2")
    assert not is_seen(server, "/echo/cut")


# Time-outs


def test_a_silent_client_is_let_go(impatient: Server) -> None:
    assert Peer(impatient).read_to_end() == b""


def test_an_idle_connection_is_let_go(impatient: Server) -> None:
    peer = Peer(impatient)
    peer.send(get("/echo/a"))

    (answer,) = split_answers(peer.read_to_end())

    assert answer.status == 200


def test_an_idle_connection_with_a_stray_line_end_is_let_go(impatient: Server) -> None:
    peer = Peer(impatient)
    # Some clients end a body so, see RFC 9112 2.2.
    peer.send(get("/echo/a") + b"\r\n")

    answers = split_answers(peer.read_to_end())

    assert [answer.status for answer in answers] == [200]


@pytest.mark.parametrize("before", [b"", get("/echo/a")])
def test_a_head_that_does_not_come_is_408(impatient: Server, before: bytes) -> None:
    answers = ask(impatient, before + get("/echo/late")[:-2])

    assert answers[-1].status == 408
    assert answers[-1].fields["connection"] == "close"
    assert not is_seen(impatient, "/echo/late")


def test_a_dripping_head_is_408(impatient: Server) -> None:
    peer = Peer(impatient)
    peer.send(b"GET /echo/a HTTP/1.1\r\nHost: a\r\nX: ")
    # Each byte would start an idle time-out again; the deadline of a head stands.
    peer.socket.settimeout(0.05)
    data = b""

    with peer.socket:
        while not data:
            try:
                data = peer.socket.recv(65536)
            except TimeoutError:
                peer.send(b"y")

    assert data.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("framing", "sent"),
    [("Content-Length: 10", b"x"), ("Transfer-Encoding: chunked", b"5\r\nhel")],
)
def test_a_body_that_does_not_come_is_408(
    impatient: Server, framing: str, sent: bytes
) -> None:
    (answer,) = ask(impatient, post("/echo/slow", framing) + sent)

    assert answer.status == 408
    assert not is_seen(impatient, "/echo/slow")


def test_a_client_that_takes_nothing_is_reset_and_its_stream_closed(
    impatient: Server,
) -> None:
    peer = Peer(impatient)
    peer.send(get("/endless"))

    assert impatient.get("/wait/closed") == "True"
    assert is_seen(impatient, "/endless/closed")

    with pytest.raises(ConnectionResetError):
        peer.read_to_end()


# The log


def test_the_access_log_cannot_be_forged(server: Server) -> None:
    forged = b'/echo/log"%0a\\x1b'
    ask(server, b"GET " + forged + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    line = server.out.wait_for(r"/echo/log")

    assert r'"GET /echo/log\"%0a\\x1b HTTP/1.1" 200 ' in line.string


@pytest.mark.parametrize("digit", [b"2", b"9"])
def test_a_later_minor_version_is_answered_as_1_1(server: Server, digit: bytes) -> None:
    answers = ask(
        server, get("/echo/a").replace(b"1.1", b"1." + digit) + last("/echo/b")
    )

    # The connection is kept, as in 1.1.
    assert [(answer.status, answer.body) for answer in answers] == [
        (200, b"a:"),
        (200, b"b:"),
    ]
