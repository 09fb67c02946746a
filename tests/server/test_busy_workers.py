"""Connections to a worker that cannot serve them: another one does."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from bustapi._bustapi import Body, RequestHead
from bustapi.server.backlogs import PATIENCE, Backlogs
from serving import Server, Start, body_of

from .core import body_of as content_of
from .core import read_answer, request, serving, text

MODULE = """\
import ctypes, os, sys
from shop import app

@app.get("/hold")
def hold():
    # No other thread asks for the interpreter in between.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    pipe = os.open("gate", os.O_RDONLY)
    # Unlike 'CDLL' this does not let the interpreter go.
    library = ctypes.PyDLL(None)
    library.write(1, b"entered\\n", 8)
    library.read(pipe, ctypes.create_string_buffer(1), 1)
    os.close(pipe)
    sys.setswitchinterval(interval)
    return f"{os.getpid()}"

@app.get("/fork")
def fork():
    read, write = os.pipe()

    if os.fork() == 0:
        opened = map("/proc/self/fd/{}".format, range(256))
        links = [os.readlink(link) for link in opened if os.path.islink(link)]
        os.write(write, repr([link for link in links if "socket" in link]).encode())
        os._exit(0)

    os.close(write)

    with open(read, "rb") as pipe:
        sockets = pipe.read()

    os.wait()
    return sockets

@app.get("/wait")
def wait():
    pipe = os.open("gate", os.O_RDONLY)
    print("entered", flush=True)
    os.read(pipe, 1)
    os.close(pipe)
    return f"{os.getpid()}"
"""

# Connections that come while a worker is busy, and how soon all are to be answered.
COUNT = 12
SOON = 0.2


@dataclass
class Busy:
    """A server whose workers are kept busy, and clients of it."""

    server: Server
    #: The end of the named pipe into which a byte lets one view go on.
    gate: int
    stack: ExitStack

    def begin(self, path: str, count: int) -> list[HTTPConnection]:
        """Send requests at once, each on its own connection."""
        return [
            self.stack.enter_context(closing(self.server.begin(path)))
            for _ in range(count)
        ]

    def enter(self, path: str) -> HTTPConnection:
        """Send a request and wait until its view runs."""
        entered = self.server.out.text.count("entered")
        (connection,) = self.begin(path, 1)
        self.server.out.wait_for("^entered$", entered + 1)
        return connection

    @contextmanager
    def keep_busy(self, path: str, count: int = 1) -> Iterator[None]:
        """Have ``count`` views run that end only afterwards."""
        connections = [self.enter(path) for _ in range(count)]
        yield
        os.write(self.gate, b"." * count)

        for connection in connections:
            body_of(connection)

    def time_answers(self) -> float:
        """Return after how many seconds all connections that came at once are answered."""
        began = time.monotonic()

        for connection in self.begin("/", COUNT):
            body_of(connection)

        return time.monotonic() - began


Serve = Callable[..., Busy]


@pytest.fixture
def serve_busy(serve: Start, folder: Path) -> Iterator[Serve]:
    """Return a function that runs two workers."""
    folder.joinpath("busy.py").write_text(MODULE)
    gate = os.open(folder / "gate", os.O_RDWR)

    with ExitStack() as stack:
        stack.callback(os.close, gate)

        def serve_busy(*arguments: str) -> Busy:
            server = serve("busy:app", "--workers", "2", *arguments)
            return Busy(server, gate, stack)

        yield serve_busy


@pytest.mark.parametrize(
    ("path", "threads", "count"),
    [("/hold", "64", 1), ("/wait", "1", 1), ("/wait", "2", 3)],
    ids=["interpreter held", "one thread", "all threads of one"],
)
def test_connection_does_not_wait_for_a_busy_worker(
    serve_busy: Serve, path: str, threads: str, count: int
) -> None:
    busy = serve_busy("--threads", threads)
    times = []

    for _ in range(3):
        with busy.keep_busy(path, count):
            times.append(busy.time_answers())

    assert min(times) < SOON


def test_workers_of_a_program_that_is_run_again_are_called_too(
    serve_script: Start, folder: Path
) -> None:
    folder.joinpath("busy.py").write_text(MODULE)
    gate = os.open(folder / "gate", os.O_RDWR)
    server = serve_script(
        """
        from busy import app
        app.run(port=0, workers=2)
        """
    )

    with ExitStack() as stack:
        stack.callback(os.close, gate)
        busy = Busy(server, gate, stack)

        with busy.keep_busy("/hold"):
            times = [busy.time_answers() for _ in range(3)]

    assert min(times) < SOON


def test_connection_waits_for_whichever_worker_is_free_first(serve_busy: Serve) -> None:
    busy = serve_busy()

    with busy.keep_busy("/hold"), busy.keep_busy("/hold"):
        waiting = busy.begin("/", COUNT)
        os.write(busy.gate, b".")

        answers = {body_of(connection) for connection in waiting}

    assert len(answers) == 1


def test_connection_survives_the_busy_worker_that_it_waits_for(
    serve_busy: Serve,
) -> None:
    busy = serve_busy()
    pids: set[int] = set()

    while len(pids) < 2:
        pids.add(int(busy.server.get()))

    busy.enter("/hold")
    busy.enter("/hold")
    waiting = busy.begin("/", COUNT)

    os.kill(pids.pop(), signal.SIGKILL)

    answers = {int(body_of(connection)) for connection in waiting}
    assert len(answers) == 1
    assert answers.isdisjoint(pids)


def test_connection_does_not_wait_for_a_worker_that_starts(
    serve_busy: Serve, folder: Path
) -> None:
    busy = serve_busy()
    module = folder / "busy.py"
    module.write_text(f"open('gate').read(1)\n{MODULE}")

    os.kill(int(busy.server.get()), signal.SIGKILL)
    busy.server.err.wait_for("The next one starts now")
    times = [busy.time_answers() for _ in range(3)]

    assert min(times) < SOON
    os.write(busy.gate, b".")


def test_child_of_a_view_has_no_socket_of_any_worker(serve_busy: Serve) -> None:
    busy = serve_busy()

    assert busy.server.get("/fork") == "[]"


def hello(head: RequestHead, body: Body | None) -> Any:
    return text(b"hello")


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def test_worker_takes_connections_of_another_one_only_when_it_is_called() -> None:
    calls, writer = os.pipe()
    os.set_blocking(calls, False)

    with listening() as one, listening() as other, ExitStack() as stack:
        stack.callback(os.close, writer)
        stack.callback(os.close, calls)
        neighbours = [one.fileno(), other.fileno()]
        clients = [socket.create_connection(other.getsockname()) for _ in range(2)]

        for client in map(stack.enter_context, clients):
            client.sendall(request())

        with serving(hello, neighbours=neighbours, calls=calls) as server:
            assert content_of(server.get()) == b"hello"
            assert server.worker.stats()["connections_accepted"] == 1

            os.write(writer, struct.pack("=H", 1))

            assert [content_of(read_answer(client)) for client in clients] == [
                b"hello",
                b"hello",
            ]


def test_call_for_a_socket_that_no_worker_has_is_passed_over() -> None:
    calls, writer = os.pipe()
    os.set_blocking(calls, False)

    with ExitStack() as stack:
        stack.callback(os.close, writer)
        stack.callback(os.close, calls)

        with serving(hello, calls=calls) as server:
            os.write(writer, struct.pack("=H", 7))

            assert content_of(server.get()) == b"hello"


def test_one_call_is_made_until_it_is_answered() -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(listening()) for _ in range(2)]
        selector = stack.enter_context(selectors.DefaultSelector())
        backlogs = Backlogs(listeners, selector)
        stack.callback(backlogs.close)

        for listener in listeners:
            address = listener.getsockname()
            stack.enter_context(socket.create_connection(address))

        for key, _ in selector.select():
            backlogs.see(key.data)

        now = time.monotonic()
        backlogs.look(now + 1)
        backlogs.look(now + 2)
        assert sorted(numbers(backlogs)) == [0, 1]

        listeners[0].accept()[0].close()
        backlogs.look(now + 3)
        assert numbers(backlogs) == (1,)
        assert [key.data.number for key in selector.get_map().values()] == [0]
        assert backlogs.next_due() == now + 3 + PATIENCE


def numbers(backlogs: Backlogs) -> tuple[int, ...]:
    """Read the calls as workers do."""
    calls = os.read(backlogs.calls, 512)
    return struct.unpack(f"={len(calls) // 2}H", calls)
