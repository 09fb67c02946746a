"""Views that fork: the child has a copy of everything and must touch nothing of it."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from bustapi._bustapi import Body, RequestHead

from .core import (
    MIB,
    TIMEOUT,
    body_of,
    post,
    read_all,
    read_until,
    request,
    serving,
    text,
    until,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def leave(read: int) -> None:
    os._exit(0)


def come_back(read: int) -> None:
    """Return from the view as the parent does."""


def raise_an_error(read: int) -> None:
    raise ValueError("in the child")


def exit_as_a_program(read: int) -> None:
    sys.exit(3)


def run_a_program(read: int) -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)
    os._exit(0)


ends = pytest.mark.parametrize(
    "end", [leave, come_back, raise_an_error, exit_as_a_program, run_a_program]
)
threads = pytest.mark.parametrize("thread", ["hot", "view"])


def fork(end: Callable[[int], None]) -> None:
    """Fork, let the child end, and return in the parent once it has."""
    reader, writer = os.pipe()
    child = os.fork()

    if child == 0:
        os.close(reader)
        end(writer)
        return

    os.close(writer)

    # Its end is the end of the pipe, whatever became of it.
    with os.fdopen(reader, "rb") as ended:
        ended.read()

    os.waitpid(child, 0)


def name() -> bytes:
    return threading.current_thread().name.encode()


@ends
@threads
def test_a_child_of_a_view_leaves_its_parent_alone(
    end: Callable[[int], None], thread: str, capfd: pytest.CaptureFixture[str]
) -> None:
    parent = os.getpid()

    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.query_string == b"fork":
            fork(end)
            return text(b"parent" if os.getpid() == parent else b"child")

        return text(name())

    with serving(respond) as server, server.connect() as other:
        # Whoever has proved quick runs on the thread that leads.
        until(lambda: body_of(server.get()) == thread.encode())
        other.sendall(request())
        read_until(other, thread.encode())
        # Each answer is there once, and comes from the parent.
        assert body_of(server.get("/?fork")) == b"parent"
        assert body_of(server.get("/?fork")) == b"parent"
        other.sendall(request("/", "Connection: close\r\n"))
        assert b"200 OK" in read_all(other)
        stats = server.worker.stats()
        assert stats["requests_in_flight"] == 0

    expected = {come_back, raise_an_error, exit_as_a_program}
    assert ("came back to the server" in capfd.readouterr().err) == (end in expected)


@ends
def test_a_child_of_an_iterator_leaves_its_parent_alone(
    end: Callable[[int], None],
) -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            yield b"one"
            fork(end)
            yield b"two"

        return "200 OK", [("Content-Length", "6")], generate()

    with serving(respond) as server:
        # On a view thread first, then on the one that leads.
        for _ in range(40):
            assert body_of(server.get()) == b"onetwo"


@ends
def test_a_child_of_what_is_closed_leaves_its_parent_alone(
    end: Callable[[int], None],
) -> None:
    class Forks(list[bytes]):
        def close(self) -> None:
            fork(end)

    with serving(lambda head, body: ("200 OK", [], Forks([b"whole"]))) as server:
        for _ in range(40):
            assert body_of(server.get()) == b"whole"


def test_a_child_reads_no_body_of_its_parent() -> None:
    def read(writer: int, body: Body) -> None:
        with suppress(ConnectionError):
            os.write(writer, body.read()[:10])

        os._exit(0)

    received = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        reader, writer = os.pipe()
        child = os.fork()

        if child == 0:
            os.close(reader)
            read(writer, body)

        os.close(writer)

        with os.fdopen(reader, "rb") as pipe:
            received.append(pipe.read())

        os.waitpid(child, 0)
        return text(body.read())

    # Without a place to spool it the body comes through a pipe.
    with serving(respond, spool_budget=0) as server:
        blob = os.urandom(3 * MIB)
        assert body_of(server.send(post(blob))) == blob

    assert received == [b""]


def test_multiprocessing_works_in_a_view() -> None:
    context = multiprocessing.get_context("fork")

    def respond(head: RequestHead, body: Body | None) -> Any:
        queue = context.SimpleQueue()
        process = context.Process(target=queue.put, args=(6 * 7,))
        process.start()
        answer = queue.get()
        process.join(TIMEOUT)
        return text(str(answer).encode())

    with serving(respond) as server:
        for _ in range(40):
            assert body_of(server.get()) == b"42"
