"""The request body as a file: what is made for binary files takes it, as on Flask."""

from __future__ import annotations

import csv
import gc
import io
import json
import shutil
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from bustapi import Flask, request
from bustapi._bustapi import Body
from bustapi._werkzeug import LimitedStream

from .core import MIB, body_of, chunked, post, read_all, running, serving_app
from .core import request as request_bytes

ROWS = [[str(number), "Grüße", "a,b", "two\nlines"] for number in range(3)]


def in_chunks(body: bytes) -> bytes:
    return chunked(body, 70_000)


@pytest.fixture(
    params=[
        (post, False, 0),
        (in_chunks, False, 0),
        (post, False, 2 * MIB),
        (in_chunks, False, 2 * MIB),
        (post, True, 0),
        (in_chunks, True, 2 * MIB),
    ],
    ids=["memory", "chunks", "spooled", "spooled-chunks", "pulled", "pulled-chunks"],
)
def read_in_view(
    request: pytest.FixtureRequest, app: Flask
) -> Callable[[bytes, Callable[[], Any]], Any]:
    """Send a body and return what a view that reads it has found, as JSON carries it."""
    encode, streams, padding = request.param

    def ask(body: bytes, view: Callable[[], Any]) -> Any:
        app.add_url_rule(
            "/",
            "view",
            lambda: json.dumps(view()),
            methods=["POST"],
            stream_request=streams,
        )

        with serving_app(app) as server:
            answer = server.send(encode(body + b"\n" * padding))

        assert answer.startswith(b"HTTP/1.1 200 "), answer[:500]
        return json.loads(body_of(answer))

    return ask


Ask = Callable[[bytes, Callable[[], Any]], Any]


def test_a_table_is_read_as_text_line_by_line(read_in_view: Ask) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(ROWS)

    def view() -> Any:
        text = io.TextIOWrapper(request.stream, encoding="utf-8", newline="")
        return [row for row in csv.reader(text) if len(row) == 4]

    assert read_in_view(out.getvalue().encode(), view) == ROWS


def test_a_buffer_reads_ahead(read_in_view: Ask) -> None:
    def view() -> Any:
        reader = io.BufferedReader(request.stream)
        return [reader.peek(2)[:2].decode(), reader.readline().decode()]

    assert read_in_view(b"first\nsecond\n", view) == ["fi", "first\n"]


def test_a_with_block_closes_it(read_in_view: Ask) -> None:
    def view() -> Any:
        with request.stream as stream:
            line = stream.readline().decode()

        return [line, stream.closed]

    assert read_in_view(b"first\nsecond\n", view) == ["first\n", True]


def test_what_a_collected_text_wrapper_left_can_be_read(read_in_view: Ask) -> None:
    def view() -> Any:
        text = io.TextIOWrapper(request.stream, encoding="ascii")
        assert text.readline() == "first\n"
        del text
        gc.collect()
        rest = request.get_data()
        return [request.stream.closed, len(rest.strip()) < 100_000, rest[-1:] != b""]

    assert read_in_view(b"first\n" + b"x" * 100_000, view) == [True, True, True]


def test_it_is_a_file_that_can_only_be_read(read_in_view: Ask) -> None:
    def view() -> Any:
        stream = request.stream
        is_file = isinstance(stream, io.RawIOBase)
        copy = io.BytesIO()
        shutil.copyfileobj(stream, copy)
        return [
            *(is_file, isinstance(stream, io.IOBase), stream.readable()),
            *(stream.writable(), stream.seekable(), stream.isatty(), stream.closed),
            copy.getvalue().strip().decode(),
            stream.tell() == len(copy.getvalue()),
        ]

    assert read_in_view(b"content", view) == [
        *(True, True, True),
        *(False, False, False, False),
        "content",
        True,
    ]


# Against Werkzeug's stream, which Flask hands out


CONTENT = b"ab\ncd\nefghij"


def call(function: Callable[[Any], Any], stream: Any) -> Any:
    """Return the result, or the kind and the text of the error."""
    try:
        result = function(stream)
    except Exception as error:
        return type(error), str(error)

    return "itself" if result is stream else result


USES: dict[str, Callable[[Any], Any]] = {
    "read": lambda stream: [
        stream.read(4),
        stream.read(),
        stream.read(),
    ],
    "readall": lambda stream: [stream.read(1), stream.readall(), stream.readall()],
    "readline": lambda stream: [stream.readline(), stream.readline(1)],
    "readlines": lambda stream: stream.readlines(),
    "readlines up to": lambda stream: [stream.readlines(4), stream.readlines(0)],
    "iterate": list,
    "next": lambda stream: [next(stream), next(stream), next(stream), next(stream, 0)],
    "tell": lambda stream: [stream.tell(), stream.readline(), stream.tell()],
    "is readable": lambda stream: stream.readable(),
    "is writable": lambda stream: stream.writable(),
    "is seekable": lambda stream: stream.seekable(),
    "is a terminal": lambda stream: stream.isatty(),
    "is closed": lambda stream: stream.closed,
    "descriptor": lambda stream: stream.fileno(),
    "seek": lambda stream: stream.seek(0),
    "seek from the end": lambda stream: stream.seek(0, 2),
    "truncate": lambda stream: stream.truncate(),
    "flush": lambda stream: stream.flush(),
    "close": lambda stream: stream.close(),
    "enter": lambda stream: stream.__enter__(),
    "exit": lambda stream: stream.__exit__(None, None, None),
    "weak reference": lambda stream: weakref.ref(stream)() is stream,
    "text": lambda stream: io.TextIOWrapper(stream, "ascii").read(),
    "lines of text": lambda stream: list(io.TextIOWrapper(stream, "ascii")),
    "buffer": lambda stream: io.BufferedReader(stream, 2).readlines(),
    "pair": lambda stream: io.BufferedReader(stream).read1(3),
}


def readinto(stream: Any) -> Any:
    buffer = bytearray(5)
    view = memoryview(bytearray(20))
    return [stream.readinto(buffer), bytes(buffer), stream.readinto(view), bytes(view)]


def name_it(stream: Any) -> Any:
    stream.name = "upload"
    return stream.name


USES |= {"readinto": readinto, "own attribute": name_it}


def use_body(body_of_request: bytes, use: Callable[[Any], Any]) -> Any:
    """Return what a use of the real body gives."""
    results: list[Any] = []

    class Handler:
        def respond(self, head: Any, body: Any) -> Any:
            assert type(body) is Body
            results.append(use(body))
            return "200 OK", [], b""

        def body_limit(self) -> None:
            return None

        def log_exception(self, head: Any, error: BaseException) -> None:
            raise error

    with running(Handler()) as server:
        server.send(body_of_request)

    return results[0]


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("name", USES)
def test_it_does_what_werkzeugs_stream_does(name: str, is_closed: bool) -> None:
    def use(stream: Any) -> Any:
        if is_closed:
            stream.close()

        return call(USES[name], stream), stream.closed

    expected = use(LimitedStream(io.BytesIO(CONTENT), len(CONTENT)))

    assert use_body(post(CONTENT), use) == expected
    assert use_body(chunked(CONTENT, 4), use) == expected


@pytest.mark.parametrize("name", ["write", "writelines"])
def test_it_cannot_be_written(name: str) -> None:
    def use(stream: Any) -> Any:
        return call(lambda stream: getattr(stream, name)([b"x"]), stream)

    assert use_body(post(CONTENT), use) == (io.UnsupportedOperation, name)


# While it comes


def test_a_line_of_text_is_there_before_the_next_one_is_sent(app: Flask) -> None:
    """A wrapper asks for what is there, not for a buffer full."""
    has_first = threading.Event()

    @app.post("/", stream_request=True)
    def view() -> str:
        text = io.TextIOWrapper(request.stream, encoding="ascii")
        first = text.readline()
        has_first.set()
        return first + text.read()

    fields = "Content-Length: 13\r\nConnection: close\r\n"

    with serving_app(app) as server, server.connect() as connection:
        connection.sendall(request_bytes("/", fields, "POST") + b"first\n")
        assert has_first.wait(20)
        connection.sendall(b"second\n")

        assert body_of(read_all(connection)) == b"first\nsecond\n"


def test_read1_returns_what_has_come(app: Flask) -> None:
    has_first = threading.Event()

    @app.post("/", stream_request=True)
    def view() -> str:
        first = request.stream.read1(2)
        has_first.set()
        parts = [first, *iter(request.stream.read1, b"")]
        return repr((parts[0], b"".join(parts)))

    fields = "Content-Length: 6\r\nConnection: close\r\n"

    with serving_app(app) as server, server.connect() as connection:
        connection.sendall(request_bytes("/", fields, "POST") + b"abc")
        assert has_first.wait(20)
        connection.sendall(b"def")

        assert body_of(read_all(connection)) == repr((b"ab", b"abcdef")).encode()
