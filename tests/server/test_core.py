"""The native server over real sockets: connections, and the order of their answers."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bustapi._bustapi import (
    Body,
    RequestHead,
    Worker,
)

from .core import (
    MIB,
    TIMEOUT,
    Handler,
    body_of,
    hello,
    read_all,
    read_until,
    request,
    serving,
    text,
    until,
)


def test_an_answer_has_the_fields_of_the_server() -> None:
    with serving(hello) as server:
        answer = server.get()

    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[:3] == [
        b"HTTP/1.1 200 OK",
        b"Content-Type: text/plain",
        b"Content-Length: 5",
    ]
    assert lines[3].startswith(b"Date: ")
    assert lines[4:] == [b"Connection: close"]
    assert body == b"hello"


def test_a_connection_is_kept_for_the_next_request() -> None:
    with serving(hello) as server, server.connect() as connection:
        for _ in range(3):
            connection.sendall(request())
            assert read_until(connection, b"hello")

        assert server.worker.stats()["connections_accepted"] == 1


def test_pipelined_requests_are_answered_in_their_order() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.path == "/slow":
            time.sleep(0.05)

        return text(head.path.encode() + b";")

    with serving(respond) as server:
        paths = ["/slow", "/1", "/slow", "/2"] + [f"/{n}" for n in range(3, 40)]
        sent = b"".join(request(path) for path in paths[:-1])
        answer = server.send(sent + request(paths[-1], "Connection: close\r\n"))

    bodies = [part.rpartition(b"\r\n\r\n")[2] for part in answer.split(b";")]
    assert bodies[:-1] == [path.encode() for path in paths]


def test_requests_may_come_byte_by_byte() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        return text(body.read())

    data = request("/", "Content-Length: 3\r\nConnection: close\r\n", "POST") + b"abc"

    with serving(respond) as server, server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        for byte in data:
            connection.sendall(bytes([byte]))

        assert body_of(read_all(connection)) == b"abc"


def test_an_error_ends_the_connection_and_nothing_behind_it_is_a_request() -> None:
    seen: list[str] = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        seen.append(head.path)
        return text(b"ok")

    with serving(respond) as server:
        answer = server.send(request("/1") + b"GET / HTTP/1.1\n\n" + request("/2"))

    assert answer.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 400 Bad Request" in answer
    assert seen == ["/1"]


def test_a_half_closed_client_is_answered() -> None:
    with serving(hello) as server, server.connect() as connection:
        connection.sendall(request())
        connection.shutdown(socket.SHUT_WR)

        assert body_of(read_all(connection)) == b"hello"


def test_an_answer_of_any_size_arrives_whole() -> None:
    blob = os.urandom(5 * MIB)

    with serving(lambda head, body: text(blob)) as server:
        assert body_of(server.get()) == blob


def test_too_many_connections_wait_until_one_closes() -> None:
    with serving(hello, max_connections=1) as server, server.connect() as first:
        # What has begun to send a request is not idle.
        first.sendall(request() + request()[:-2])
        read_until(first, b"hello")

        with server.connect() as second:
            second.sendall(request())
            second.settimeout(0.05)

            with pytest.raises(TimeoutError):
                second.recv(1)

            second.settimeout(TIMEOUT)
            assert server.worker.stats()["connections_accepted"] == 1
            first.close()
            read_until(second, b"hello")


def test_an_idle_connection_makes_room_for_a_new_one() -> None:
    with serving(hello, max_connections=2) as server, server.connect() as oldest:
        oldest.sendall(request())
        read_until(oldest, b"hello")

        with server.connect() as busy:
            # A request that has begun is not idle.
            busy.sendall(request()[:10])
            until(lambda: server.worker.stats()["connections_open"] == 2)

            for _ in range(3):
                assert body_of(server.get()) == b"hello"

            assert read_all(oldest) == b""
            busy.sendall(request()[10:])
            read_until(busy, b"hello")


def test_a_unix_socket_has_no_client_address(tmp_path: Path) -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        environ = head.environ()
        seen = [head.remote_addr, head.remote_port, "REMOTE_ADDR" in environ]
        return text(repr(seen).encode())

    handler = Handler(respond)
    path = str(tmp_path / "socket")

    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        for listener, name in [(one, path), (other, path + "2")]:
            listener.bind(name)
            listener.listen()

        worker = Worker(handler, [one.fileno(), other.fileno()], print, threads=1)
        started = [threading.Thread(target=worker.run_hot)]
        started.append(threading.Thread(target=worker.run_view))

        for thread in started:
            thread.start()

        for name in [path, path + "2"]:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(name)
                connection.sendall(request("/", "Connection: close\r\n"))
                assert body_of(read_all(connection)) == b"[None, None, False]"

        worker.stop()

        for thread in started:
            thread.join(10)
