"""What one client can make a worker hold, and what it may take its time for."""

from __future__ import annotations

import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bustapi._bustapi import Body, FileWrapper, RequestHead, RuleIndex

from .core import (
    MIB,
    TIMEOUT,
    body_of,
    post,
    read_all,
    read_until,
    read_until_head,
    request,
    serving,
    text,
    until,
)

STATM = Path("/proc/self/statm")
OPEN = Path("/proc/self/fd")
on_linux = pytest.mark.skipif(not STATM.exists(), reason="needs /proc")


def hello(head: RequestHead, body: Body | None) -> Any:
    return text(b"hello")


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    return int(STATM.read_text().split()[1]) * resource.getpagesize()


def open_descriptors() -> int:
    return len(list(OPEN.iterdir()))


def pause(seconds: float = 0.05) -> None:
    """Let a client take its time."""
    threading.Event().wait(seconds)


def send_what_is_taken(connection: socket.socket, data: bytes) -> None:
    """Send until it is all taken or the server reads no more."""
    connection.settimeout(0.5)

    with suppress(TimeoutError):
        connection.sendall(data)

    connection.settimeout(TIMEOUT)


def settled(count: Callable[[], int]) -> int:
    """Return a count once it has stayed the same for a while."""
    before = -1

    while before != (now := count()):
        before = now
        pause(0.3)

    return now


# What is written.


@on_linux
def test_answers_that_a_client_does_not_read_are_not_made() -> None:
    made = 0

    def respond(head: RequestHead, body: Body | None) -> Any:
        nonlocal made
        made += 1
        return text(b"%d" % (made % 10) * MIB)

    with serving(respond) as server, server.connect() as connection:
        before = resident()
        send_what_is_taken(connection, request() * 2000)

        # The kernel takes some; what it does not is awaited before the next one is made.
        assert settled(lambda: made) < 20
        assert resident() - before < 16 * MIB


@on_linux
def test_files_that_a_client_does_not_read_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 200_000)

    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.path == "/hello":
            return text(b"hello")

        return "200 OK", [], FileWrapper(path.open("rb"))

    with serving(respond) as server, server.connect() as connection:
        connection.sendall(request("/hello"))
        read_until(connection, b"hello")
        before = open_descriptors()
        send_what_is_taken(connection, request("/file") * 2000)

        assert settled(open_descriptors) <= before + 2


def test_a_client_that_reads_late_gets_all_its_answers_in_their_order() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        return text(head.path[1:2].encode() * 300_000 + b";")

    paths = [f"/{number % 10}" for number in range(50)]

    with serving(respond) as server, server.connect() as connection:
        connection.sendall(b"".join(map(request, paths[:-1])))
        connection.sendall(request(paths[-1], "Connection: close\r\n"))
        server.get("/other")
        answers = read_all(connection).split(b";")

    bodies = [body_of(answer) for answer in answers[:-1]]
    assert bodies == [path[1:].encode() * 300_000 for path in paths]


@contextmanager
def downloading(server: Any, path: str) -> Iterator[None]:
    """Read an endless answer as quickly as it comes."""
    has_ended = threading.Event()

    def read(connection: socket.socket) -> None:
        buffer = bytearray(MIB)

        while not has_ended.is_set():
            assert connection.recv_into(buffer)

    with server.connect() as connection:
        connection.sendall(request(path))
        connection.recv(1)
        thread = threading.Thread(target=read, args=[connection])
        thread.start()

        try:
            yield
        finally:
            has_ended.set()
            thread.join(TIMEOUT)


def test_an_endless_download_leaves_others_their_turns(tmp_path: Path) -> None:
    path = tmp_path / "file"

    with path.open("wb") as file:
        # It has a length, but nothing of it is on the disk.
        file.truncate(1 << 42)

    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.path == "/file":
            return "200 OK", [], FileWrapper(path.open("rb"))

        return text(b"hello")

    with (
        serving(respond) as server,
        downloading(server, "/file"),
        downloading(server, "/file"),
        server.connect() as connection,
    ):
        connection.settimeout(1)

        for _ in range(100):
            connection.sendall(request())
            assert read_until(connection, b"hello")


def test_a_client_that_takes_a_little_all_the_time_is_served() -> None:
    with serving(lambda head, body: text(b"x" * 4 * MIB), write_timeout=0.5) as server:
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
            connection.settimeout(TIMEOUT)
            connection.connect(server.address)
            connection.sendall(request())
            received = 0

            # Deadlines are looked at once a second. Until the last look the server's side
            # of the socket never has room again.
            for _ in range(60):
                received += len(connection.recv(8 * 1024))
                pause()

            assert received < MIB
            assert server.worker.stats()["connections_open"] == 1


def test_a_file_that_becomes_shorter_ends_its_connection(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 40 * MIB)

    def respond(head: RequestHead, body: Body | None) -> Any:
        return "200 OK", [], FileWrapper(path.open("rb"))

    with serving(respond) as server, server.connect() as connection:
        connection.sendall(request() * 2)
        head = read_until_head(connection)
        os.truncate(path, 100_000)

        with pytest.raises(ConnectionResetError):
            rest = read_all(connection)
            raise AssertionError(f"{len(rest)} bytes came, and then a proper end")

        assert server.handler.has_error.wait(TIMEOUT)

    assert head.startswith(b"HTTP/1.1 200 ")
    assert isinstance(server.handler.errors[0], OSError | EOFError)


@pytest.mark.parametrize("size", [100, 200_000])
def test_a_file_that_cannot_be_read_is_a_500_whatever_its_size(
    tmp_path: Path, size: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)

    def respond(head: RequestHead, body: Body | None) -> Any:
        # Python takes it to be readable; the system does not.
        descriptor = os.open(path, os.O_WRONLY)
        return "200 OK", [], FileWrapper(os.fdopen(descriptor, "rb", 0))

    with serving(respond) as server:
        answer = server.get()

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert isinstance(server.handler.errors[0], OSError)


# Clients that have said all.


def test_a_client_that_has_said_all_gets_a_whole_stream() -> None:
    gate = threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.path == "/other":
            return text(b"other")

        def generate() -> Iterator[bytes]:
            yield b"first"
            assert gate.wait(TIMEOUT)
            yield b"second"

        return "200 OK", [], generate()

    with serving(respond) as server, server.connect() as connection:
        connection.sendall(request())
        connection.shutdown(socket.SHUT_WR)
        read_until(connection, b"first\r\n")
        # Its end is seen before the next piece is made.
        server.get("/other")
        gate.set()
        assert read_all(connection) == b"6\r\nsecond\r\n0\r\n\r\n"

    assert server.handler.errors == []


def test_a_client_that_has_said_all_and_for_whom_nothing_comes_is_given_up() -> None:
    gate, closed = threading.Event(), threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            try:
                yield b"first"
                gate.wait(TIMEOUT)
                yield b"second"
            finally:
                closed.set()

        return "200 OK", [], generate()

    with serving(respond, write_timeout=0.2) as server, server.connect() as connection:
        connection.sendall(request())
        connection.shutdown(socket.SHUT_WR)
        read_until(connection, b"first\r\n")

        until(lambda: server.worker.stats()["connections_open"] == 0)
        gate.set()
        assert closed.wait(TIMEOUT)


# Clients that are refused while they send.


def no_rules() -> RuleIndex:
    """Return an index that knows that nothing matches: bodies are not collected."""
    index = RuleIndex()
    index.rebuild([({}, [], [])], [], True)
    return index


def refuse(head: RequestHead, body: Body | None) -> Any:
    return "404 NOT FOUND", [], b"nothing here"


def test_a_client_that_sends_for_long_reads_why_it_was_refused() -> None:
    data = post(b"x" * 8 * MIB)

    with serving(refuse, index=no_rules()) as server, server.connect() as connection:
        for start in range(0, len(data), 128 * 1024):
            connection.sendall(data[start : start + 128 * 1024])
            pause()

        assert body_of(read_all(connection)) == b"nothing here"


def test_a_refused_client_that_does_not_stop_is_cut_off_after_a_time() -> None:
    with (
        serving(refuse, index=no_rules(), linger_timeout=0.5) as server,
        server.connect() as connection,
    ):
        connection.sendall(post(b"x" * 2 * MIB)[:200])

        with pytest.raises(ConnectionError):
            while True:
                connection.sendall(b"x" * 100)
                pause(0.01)


def test_a_refused_client_that_does_not_stop_is_cut_off_after_an_amount() -> None:
    with (
        serving(refuse, index=no_rules(), linger_timeout=600) as server,
        server.connect() as connection,
    ):
        connection.sendall(post(b"x" * 2 * MIB)[:200])
        sent = 0

        with pytest.raises(ConnectionError):
            while sent < 1024 * MIB:
                sent += connection.send(b"x" * MIB)


# Connections that wait.


@on_linux
def test_without_a_descriptor_left_an_idle_connection_makes_room() -> None:
    with serving(hello) as server, socket.socket() as first, socket.socket() as second:
        for connection in [first, second]:
            connection.settimeout(TIMEOUT)

        first.connect(server.address)
        first.sendall(request())
        read_until(first, b"hello")

        with no_more_descriptors():
            second.connect(server.address)
            second.sendall(request())
            read_until(second, b"hello")

        assert read_all(first) == b""


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """Let no descriptor be opened in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = {int(name) for name in os.listdir(OPEN)}
    lowest = next(number for number in range(len(used) + 1) if number not in used)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))

    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
