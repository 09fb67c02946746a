"""How much of a body is taken: the request decides, also against the configuration."""

from __future__ import annotations

import math
import select
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bustapi import Flask, Request, request

from .core import (
    MIB,
    body_of,
    read_answer,
    read_until_head,
    serving_app,
)
from .core import request as request_bytes

Encode = Callable[..., bytes]


def with_length(body: bytes, fields: str = "", path: str = "/") -> bytes:
    fields = f"Content-Length: {len(body)}\r\n{fields}"
    return request_bytes(path, fields, "POST") + body


def in_chunks(body: bytes, fields: str = "", path: str = "/") -> bytes:
    pieces = [body[at : at + 70_000] for at in range(0, len(body), 70_000)]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    fields = f"Transfer-Encoding: chunked\r\n{fields}"
    return request_bytes(path, fields, "POST") + coded + b"0\r\n\r\n"


encodings = pytest.mark.parametrize("encode", [with_length, in_chunks])


def size_of_body() -> str:
    return str(len(request.get_data()))


# A limit above the configured one


@encodings
@pytest.mark.parametrize("configured", [4, 2 * MIB])
def test_a_view_may_take_more_than_is_configured(
    app: Flask, encode: Encode, configured: int
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = configured

    @app.post("/")
    def view() -> str:
        request.max_content_length = 50 * MIB
        return size_of_body()

    with serving_app(app) as server, server.connect() as connection:
        # The connection is kept behind a body that was read to its end.
        for size in [5 * MIB, 10, 5 * MIB]:
            connection.sendall(encode(b"x" * size))
            answer = read_answer(connection)

            assert answer.startswith(b"HTTP/1.1 200 ")
            assert body_of(answer) == str(size).encode()


@encodings
def test_beyond_the_limit_of_the_view_the_answer_is_413(
    app: Flask, encode: Encode
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 2 * MIB

    @app.post("/")
    def view() -> str:
        request.max_content_length = 3 * MIB
        return size_of_body()

    with serving_app(app) as server:
        answers = [
            server.send(encode(b"x" * size, "Connection: close\r\n"))
            for size in (3 * MIB, 3 * MIB + 1)
        ]

    assert body_of(answers[0]) == str(3 * MIB).encode()
    assert answers[1].startswith(b"HTTP/1.1 413 ")


@encodings
def test_without_a_limit_of_the_view_the_configured_one_holds(
    app: Flask, encode: Encode
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 2 * MIB
    app.post("/")(size_of_body)

    with serving_app(app) as server:
        answer = server.send(encode(b"x" * 5 * MIB, "Connection: close\r\n"))

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in answer


@encodings
def test_a_hook_may_take_more_for_some(app: Flask, encode: Encode) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 2 * MIB

    @app.before_request
    def raise_limit() -> None:
        if request.endpoint == "large":
            request.max_content_length = 10 * MIB

    app.add_url_rule("/large", "large", size_of_body, methods=["POST"])
    app.add_url_rule("/small", "small", size_of_body, methods=["POST"])

    with serving_app(app) as server:
        large, small = (
            server.send(encode(b"x" * 3 * MIB, "Connection: close\r\n", path))
            for path in ("/large", "/small")
        )

    assert body_of(large) == str(3 * MIB).encode()
    assert small.startswith(b"HTTP/1.1 413 ")


def test_a_body_above_the_configured_limit_is_not_stored(
    app: Flask, tmp_path: Path
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 2 * MIB
    missing = str(tmp_path / "missing")

    @app.post("/")
    def view() -> str:
        request.max_content_length = 50 * MIB
        return size_of_body()

    with serving_app(app, spool_directory=missing) as server:
        answer = server.send(with_length(b"x" * 20 * MIB, "Connection: close\r\n"))

    assert body_of(answer) == str(20 * MIB).encode()


def test_the_only_thread_takes_more_than_is_configured(app: Flask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 2 * MIB

    @app.post("/")
    def view() -> str:
        request.max_content_length = 50 * MIB
        return size_of_body()

    with serving_app(app, threads=1) as server:
        for encode in (with_length, in_chunks):
            answer = server.send(encode(b"x" * 5 * MIB, "Connection: close\r\n"))
            assert body_of(answer) == str(5 * MIB).encode()


@encodings
def test_what_a_view_does_not_read_is_held_back(app: Flask, encode: Encode) -> None:
    """However large the body is, a part of it is taken."""
    app.config["MAX_CONTENT_LENGTH"] = 2 * MIB
    may_read = threading.Event()

    @app.post("/")
    def view() -> str:
        request.max_content_length = 100 * MIB
        assert may_read.wait(20)
        return size_of_body()

    data = memoryview(encode(b"x" * 60 * MIB))

    with serving_app(app) as server, server.connect() as connection:
        connection.setblocking(False)
        sent = 0

        # Until nothing is taken for a while: what the kernel and the core hold is held.
        while select.select([], [connection], [], 0.5)[1]:
            sent += connection.send(data[sent : sent + MIB])

        assert sent < 30 * MIB
        may_read.set()
        connection.settimeout(20)
        connection.sendall(data[sent:])

        assert body_of(read_answer(connection)) == str(60 * MIB).encode()


def test_a_slow_client_is_read_as_it_sends_and_holds_up_nobody(app: Flask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 4
    has_first = threading.Event()

    @app.post("/")
    def view() -> str:
        request.max_content_length = 50 * MIB
        request.stream.read(1)
        has_first.set()
        return size_of_body()

    app.get("/")(lambda: "quick")
    data = with_length(b"x" * 2 * MIB)
    start = data.index(b"\r\n\r\n") + 5

    with serving_app(app) as server, server.connect() as connection:
        connection.sendall(data[:start])
        assert has_first.wait(20)
        assert body_of(server.get()) == b"quick"

        for at in range(start, len(data), 300_000):
            connection.sendall(data[at : at + 300_000])

        assert body_of(read_answer(connection)) == str(2 * MIB - 1).encode()


# 100 Continue


def test_the_client_is_asked_once_the_view_reads(app: Flask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 4
    begun, may_read = threading.Event(), threading.Event()

    @app.post("/")
    def view() -> str:
        request.max_content_length = 50 * MIB
        begun.set()
        assert may_read.wait(20)
        return size_of_body()

    body = b"x" * 2 * MIB
    head = with_length(body, "Expect: 100-continue\r\n")[: -len(body)]

    with serving_app(app) as server, server.connect() as connection:
        connection.sendall(head)
        assert begun.wait(20)
        assert not select.select([connection], [], [], 0.1)[0]

        may_read.set()
        assert read_until_head(connection) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert body_of(read_answer(connection)) == str(2 * MIB).encode()


def test_the_client_is_not_asked_for_what_is_too_much(app: Flask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 4

    @app.post("/")
    def view() -> str:
        request.max_content_length = MIB
        return size_of_body()

    head = with_length(b"x" * 2 * MIB, "Expect: 100-continue\r\n")[: -2 * MIB]

    with serving_app(app) as server:
        answer = server.send(head)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in answer


# A limit below the configured one


@encodings
@pytest.mark.parametrize("configured", [None, 20 * MIB])
@pytest.mark.parametrize("size", [100, 5 * MIB])
def test_a_view_may_take_less(
    app: Flask, encode: Encode, configured: int | None, size: int
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = configured

    @app.post("/")
    def view() -> str:
        request.max_content_length = 99
        return size_of_body()

    with serving_app(app) as server:
        answer = server.send(encode(b"x" * size, "Connection: close\r\n"))

    assert answer.startswith(b"HTTP/1.1 413 ")


# A limit of the request class


class Larger(Request):
    max_content_length = 10 * MIB


class Smaller(Request):
    max_content_length = 3 * MIB


class Unlimited(Request):
    max_content_length = None


class PerEndpoint(Request):
    @property
    def max_content_length(self) -> int | None:
        return 10 * MIB if self.endpoint == "large" else 4

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        raise AttributeError("It depends on the endpoint alone.")


@encodings
@pytest.mark.parametrize(
    ("request_class", "size", "status"),
    [
        (Larger, 10 * MIB, b"200"),
        (Larger, 10 * MIB + 1, b"413"),
        (Smaller, 3 * MIB, b"200"),
        (Smaller, 3 * MIB + 1, b"413"),
        (Unlimited, 10 * MIB, b"200"),
        (PerEndpoint, 10 * MIB, b"200"),
        (PerEndpoint, 10 * MIB + 1, b"413"),
    ],
)
def test_the_limit_of_the_request_class_beats_the_configured_one(
    app: Flask, encode: Encode, request_class: type[Request], size: int, status: bytes
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 5 * MIB
    app.request_class = request_class
    app.add_url_rule("/", "large", size_of_body, methods=["POST"])

    with serving_app(app) as server:
        answer = server.send(encode(b"x" * size, "Connection: close\r\n"))

    assert answer[9:12] == status


@pytest.mark.parametrize("request_class", [Smaller, PerEndpoint])
def test_what_the_request_class_refuses_is_not_waited_for(
    app: Flask, request_class: type[Request]
) -> None:
    app.request_class = request_class
    app.post("/")(size_of_body)
    head = with_length(b"x" * 4 * MIB)[: -4 * MIB]

    with serving_app(app) as server:
        answer = server.send(head)

    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("limit", "status"),
    [(-1, b"413"), (2.5 * MIB, b"413"), (3.5 * MIB, b"200"), (math.inf, b"200")],
)
def test_a_configured_limit_may_be_any_number(
    app: Flask, limit: float, status: bytes
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = limit
    app.post("/")(size_of_body)

    with serving_app(app) as server:
        answer = server.send(with_length(b"x" * 3 * MIB, "Connection: close\r\n"))

    assert answer[9:12] == status
