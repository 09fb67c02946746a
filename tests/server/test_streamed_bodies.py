"""Routes with ``stream_request``: their views read a body while the client sends it."""

from __future__ import annotations

import hashlib
import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from werkzeug.exceptions import ClientDisconnected
from werkzeug.routing import BaseConverter

from bustapi import Blueprint, Flask, request, stream_with_context
from bustapi._bustapi import BodyError
from bustapi.views import MethodView

from .core import (
    MIB,
    Server,
    body_of,
    chunked,
    post,
    read_all,
    read_answer,
    read_until,
    read_until_head,
    resident,
    serving_app,
    until,
)
from .core import request as request_bytes


def upload(path: str, size: int, fields: str = "") -> bytes:
    """Return the head of a request whose body of ``size`` bytes follows."""
    return request_bytes(path, f"Content-Length: {size}\r\n{fields}", "POST")


def thread_name(**view_args: object) -> str:
    request.get_data()
    return threading.current_thread().name


def ask_where(server: Server, path: str, fields: str = "") -> bytes:
    """Return the name of the thread that a small upload is answered on."""
    fields = f"Connection: close\r\n{fields}"
    return body_of(server.send(upload(path, 2, fields) + b"ab"))


# Which requests are streamed


def test_a_view_has_the_first_bytes_before_the_last_are_sent(app: Flask) -> None:
    first = threading.Event()

    @app.post("/", stream_request=True)
    def view() -> Any:
        start = request.stream.read(3)
        first.set()
        return start + b"|" + request.stream.read()

    with serving_app(app) as server, server.connect() as connection:
        connection.sendall(upload("/", 6, "Connection: close\r\n") + b"abc")
        assert first.wait(10)
        connection.sendall(b"def")

        assert body_of(read_all(connection)) == b"abc|def"


def test_a_chunk_reaches_the_view_before_the_next_one_is_sent(app: Flask) -> None:
    @app.post("/", stream_request=True)
    def view() -> Any:
        return stream_with_context(iter(request.stream.readline, b""))

    head = request_bytes("/", "Transfer-Encoding: chunked\r\n", "POST")

    with serving_app(app) as server, server.connect() as connection:
        connection.sendall(head)

        for line in (b"one\n", b"two\n"):
            connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            read_until(connection, line + b"\r\n")

        connection.sendall(b"0\r\n\r\n")
        read_until(connection, b"0\r\n\r\n")


def test_the_option_the_function_or_the_class_says_so() -> None:
    app = Flask(__name__)
    blueprint = Blueprint("bp", __name__)

    class Upload(MethodView):
        stream_request = True

        def post(self) -> str:
            return thread_name()

    def marked() -> str:
        return thread_name()

    marked.stream_request = True  # type: ignore[attr-defined]
    blueprint.post("/blueprint", stream_request=True)(thread_name)
    app.register_blueprint(blueprint)
    app.post("/option", stream_request=True)(thread_name)
    app.post("/plain", endpoint="plain")(thread_name)
    app.post("/marked")(marked)
    app.post("/refused", stream_request=False)(marked)
    app.add_url_rule("/class", view_func=Upload.as_view("upload"))

    with serving_app(app) as server:
        names = {
            path: ask_where(server, f"/{path}").decode()
            for path in ("option", "marked", "class", "blueprint", "plain", "refused")
        }

    assert names == {
        "option": "stream",
        "marked": "stream",
        "class": "stream",
        "blueprint": "stream",
        "plain": "view",
        "refused": "view",
    }


def test_a_request_without_a_body_is_like_any_other(app: Flask) -> None:
    app.get("/", stream_request=True)(thread_name)

    with serving_app(app) as server:
        assert body_of(server.get("/")) == b"view"


class Reverse(BaseConverter):
    regex = "[a-z]+"

    def to_python(self, value: str) -> str:
        return value[::-1]


def test_a_rule_that_werkzeug_decides_on_is_streamed() -> None:
    app = Flask(__name__)
    app.url_map.converters["reverse"] = Reverse
    app.post("/<reverse:name>", stream_request=True)(thread_name)

    with serving_app(app) as server:
        assert ask_where(server, "/abc") == b"stream"


def test_a_rule_under_host_matching_is_streamed() -> None:
    app = Flask(__name__, host_matching=True, static_host="static")
    app.post("/", host="localhost", stream_request=True)(thread_name)

    with serving_app(app) as server:
        assert ask_where(server, "/") == b"stream"


def test_an_upgrade_that_is_not_taken_changes_nothing(app: Flask) -> None:
    app.post("/", stream_request=True)(thread_name)

    with serving_app(app) as server:
        assert ask_where(server, "/", "Upgrade: h2c\r\n") == b"stream"


def test_where_no_route_streams_nothing_is() -> None:
    app = Flask(__name__)
    app.url_map.converters["reverse"] = Reverse
    app.post("/<reverse:name>")(thread_name)

    with serving_app(app) as server:
        assert ask_where(server, "/abc") == b"view"


def test_more_streams_than_threads_are_turned_away(app: Flask) -> None:
    entered = threading.Event()

    @app.post("/", stream_request=True)
    def view() -> Any:
        entered.set()
        return request.get_data()

    with serving_app(app, stream_threads=1) as server, server.connect() as first:
        first.sendall(upload("/", 2) + b"a")
        assert entered.wait(10)
        refused = server.send(upload("/", 2) + b"ab")
        first.sendall(b"b")

        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1\r\n" in refused
        assert body_of(read_answer(first)) == b"ab"


# Reading


@pytest.mark.parametrize("encode", [post, lambda blob: chunked(blob, 70_000)])
def test_a_body_arrives_whole(app: Flask, encode: Callable[[bytes], bytes]) -> None:
    blob = os.urandom(5 * MIB)

    @app.post("/", stream_request=True)
    def view() -> str:
        digest = hashlib.sha256()

        while chunk := request.stream.read(100_000):
            digest.update(chunk)

        return digest.hexdigest()

    with serving_app(app) as server:
        answer = server.send(encode(blob))

    assert body_of(answer).decode() == hashlib.sha256(blob).hexdigest()


def test_a_form_with_a_file_is_parsed_from_the_stream(app: Flask) -> None:
    @app.post("/", stream_request=True)
    def view() -> Any:
        return request.form["name"].encode() + request.files["file"].read()

    form = (
        b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nn\r\n--x\r\n'
        b'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        + b"y" * 2 * MIB
        + b"\r\n--x--\r\n"
    )

    with serving_app(app) as server:
        answer = server.send(
            post(form, "Content-Type: multipart/form-data;boundary=x\r\n")
        )

    assert body_of(answer) == b"n" + b"y" * 2 * MIB


def test_a_view_that_reads_nothing_holds_back_the_client(app: Flask) -> None:
    gate = threading.Event()
    size = 64 * MIB

    @app.post("/", stream_request=True)
    def view() -> str:
        assert gate.wait(20)
        return str(len(request.get_data()))

    with serving_app(app) as server, server.connect() as connection:
        connection.sendall(upload("/", size, "Connection: close\r\n"))
        block = b"x" * MIB
        connection.setblocking(False)
        sent = 0

        # What is not taken for so long is not going to be.
        while sent < size and select.select([], [connection], [], 0.5)[1]:
            sent += connection.send(block[: size - sent])

        # The kernel's buffers, which grow to some megabytes, and a bounded pipe.
        assert sent < size / 2
        gate.set()
        connection.setblocking(True)

        while sent < size:
            sent += connection.send(block[: size - sent])

        assert body_of(read_all(connection)) == str(size).encode()


def test_the_connection_is_kept_behind_a_body_that_was_read(app: Flask) -> None:
    @app.post("/", stream_request=True)
    def view() -> Any:
        # Exactly as much as was declared: the end of the stream is never seen.
        return request.stream.read(4)

    with serving_app(app) as server, server.connect() as connection:
        for body in (b"once", b"more"):
            connection.sendall(upload("/", 4) + body)
            answer = read_answer(connection)

            assert b"Connection: close" not in answer
            assert body_of(answer) == body


def test_an_answer_before_the_end_of_the_body_says_close(app: Flask) -> None:
    @app.post("/", stream_request=True)
    def view() -> str:
        return "enough"

    with serving_app(app) as server:
        answer = server.send(upload("/", 10) + b"abc")

    assert b"\r\nConnection: close\r\n" in answer
    assert body_of(answer) == b"enough"


# Expect: 100-continue


def test_the_first_read_tells_the_client_to_continue(app: Flask) -> None:
    entered, gate = threading.Event(), threading.Event()

    @app.post("/", stream_request=True)
    def view() -> Any:
        entered.set()
        assert gate.wait(10)
        return request.get_data()

    with serving_app(app) as server, server.connect() as connection:
        fields = "Expect: 100-continue\r\nConnection: close\r\n"
        connection.sendall(upload("/", 5, fields))
        assert entered.wait(10)
        assert select.select([connection], [], [], 0)[0] == []
        gate.set()
        assert read_until_head(connection) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hello")

        assert body_of(read_all(connection)) == b"hello"


def test_a_client_is_not_told_to_send_what_nobody_reads(app: Flask) -> None:
    @app.post("/", stream_request=True)
    def view() -> tuple[str, int]:
        return "not you", 403

    with serving_app(app) as server:
        answer = server.send(upload("/", 5, "Expect: 100-continue\r\n"))

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"\r\nConnection: close\r\n" in answer


def test_a_client_that_waits_to_be_asked_is_not_late(app: Flask) -> None:
    gate = threading.Event()

    @app.post("/", stream_request=True)
    def view() -> Any:
        assert gate.wait(20)
        return request.get_data()

    app.post("/collected")(thread_name)

    with serving_app(app, body_timeout=0.1) as server, server.connect() as connection:
        fields = "Expect: 100-continue\r\nConnection: close\r\n"
        connection.sendall(upload("/", 5, fields))
        until(lambda: server.worker.stats()["requests"] == 1)
        # This one begins later and is late, so the other one would be by now.
        assert server.send(upload("/collected", 2)).startswith(b"HTTP/1.1 408 ")
        gate.set()
        assert read_until_head(connection) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hello")

        assert body_of(read_all(connection)) == b"hello"


# Bodies that break off


@pytest.mark.parametrize(
    "sent",
    [
        upload("/", 10) + b"abc",
        request_bytes("/", "Transfer-Encoding: chunked\r\n", "POST") + b"5\r\nab",
        request_bytes("/", "Transfer-Encoding: chunked\r\n", "POST")
        + b"2\r\nab\r\nnonsense\r\n",
    ],
    ids=["length", "chunked", "malformed"],
)
def test_a_body_cut_short_is_a_400_and_never_whole(app: Flask, sent: bytes) -> None:
    whole, errors = [], []

    @app.post("/", stream_request=True)
    def view() -> str:
        try:
            whole.append(request.get_data())
        except ClientDisconnected as error:
            errors.append(error)
            raise

        return "whole"

    with serving_app(app) as server, server.connect() as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert whole == []
    assert isinstance(errors[0], BodyError)
    assert isinstance(errors[0], ConnectionError)


def test_a_client_that_stops_sending_is_a_400(app: Flask) -> None:
    @app.post("/", stream_request=True)
    def view() -> Any:
        return request.get_data()

    with serving_app(app, body_timeout=0.1) as server:
        answer = server.send(upload("/", 10) + b"abc")

    assert answer.startswith(b"HTTP/1.1 400 ")


# MAX_CONTENT_LENGTH


def test_a_declared_length_above_the_limit_is_not_asked_for(app: Flask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 4

    @app.post("/", stream_request=True)
    def view() -> Any:
        return request.stream.read()

    with serving_app(app) as server:
        answer = server.send(upload("/", 5, "Expect: 100-continue\r\n"))

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in answer


def in_one() -> Any:
    return request.get_data()


def in_parts() -> Any:
    return b"".join(iter(lambda: request.stream.read(100_000), b""))


@pytest.mark.parametrize("read", [in_one, in_parts])
@pytest.mark.parametrize("streams", [True, False])
def test_a_chunked_body_above_the_limit_is_a_413(
    app: Flask, streams: bool, read: Callable[[], Any]
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 2 * MIB

    @app.post("/", stream_request=streams)
    def view() -> Any:
        return read()

    with serving_app(app) as server:
        answer = server.send(chunked(b"x" * (2 * MIB + 1), 100_000))

    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("streams", [True, False])
def test_a_chunked_body_of_the_limit_is_taken(app: Flask, streams: bool) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 100_000

    @app.post("/", stream_request=streams)
    def view() -> Any:
        return request.get_data()

    with serving_app(app) as server:
        answer = server.send(chunked(b"x" * 100_000, 30_000))

    assert body_of(answer) == b"x" * 100_000


def test_a_view_may_raise_its_limit(app: Flask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 4

    @app.post("/", stream_request=True)
    def view() -> Any:
        request.max_content_length = 10 * MIB
        return str(len(request.get_data())).encode()

    with serving_app(app) as server:
        lengths = [
            body_of(server.send(encoded))
            for encoded in (post(b"x" * 2 * MIB), chunked(b"x" * 2 * MIB, 100_000))
        ]

    assert lengths == [str(2 * MIB).encode()] * 2


# One thread


def test_the_only_thread_reads_what_comes(app: Flask) -> None:
    first = threading.Event()

    @app.post("/", stream_request=True)
    def view() -> str:
        request.stream.read(1)
        first.set()
        return thread_name()

    with serving_app(app, threads=1) as server, server.connect() as connection:
        connection.sendall(upload("/", 2, "Connection: close\r\n") + b"a")
        assert first.wait(10)
        connection.sendall(b"b")

        assert body_of(read_all(connection)) == b"single"


@pytest.mark.parametrize("streams", [True, False])
def test_what_follows_a_malformed_chunk_is_not_kept(app: Flask, streams: bool) -> None:
    gate = threading.Event()

    @app.post("/", stream_request=streams)
    def view() -> str:
        try:
            request.get_data()
        except ClientDisconnected:
            assert gate.wait(10)

        return "never whole"

    with serving_app(app) as server, server.connect() as client:
        before = resident()
        fields = "Transfer-Encoding: chunked\r\n"
        client.sendall(request_bytes("/", fields, "POST") + b"2\r\nab\r\nzz\r\n")
        client.settimeout(0.2)
        sent = 0

        # An upload that nobody reads while its view runs; else it is thrown away.
        with suppress(TimeoutError, ConnectionError):
            while sent < 64 * MIB:
                sent += client.send(b"x" * MIB)

        assert resident() - before < 16 * MIB
        gate.set()


def test_input_that_waits_for_its_turn_is_bounded(app: Flask) -> None:
    gate = threading.Event()

    @app.get("/")
    def view() -> str:
        assert gate.wait(10)
        return "late"

    with serving_app(app) as server:
        before = resident()
        clients = [server.connect() for _ in range(100)]

        for client in clients:
            client.settimeout(0.01)

            with suppress(TimeoutError):
                client.sendall(request_bytes("/") + b"GET /" + b"x" * 8 * MIB)

        assert resident() - before < 24 * MIB
        gate.set()

        for client in clients:
            client.close()
