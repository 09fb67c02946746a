"""The core at work in this process, and what a client on a real socket does with it."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bustapi import Flask
from bustapi._bustapi import Body, RequestHead, RuleIndex, Worker
from bustapi.server.handler import make_handler, rule_index_of

TEXT = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
MIB = 1024 * 1024

# What a test waits for comes within milliseconds; this is how long a failure takes.
TIMEOUT = 20.0

Respond = Callable[[RequestHead, "Body | None"], Any]


def text(body: bytes) -> tuple[int, bytes, bytes]:
    return 200, TEXT, body


def hello(head: RequestHead, body: Body | None) -> Any:
    return text(b"hello")


def echo(head: RequestHead, body: Body | None) -> Any:
    assert body is not None
    return text(body.read())


def no_rules() -> RuleIndex:
    """An index that knows that nothing matches: large bodies are not collected."""
    index = RuleIndex()
    index.rebuild([({}, [], [])], [], True)
    return index


class Handler:
    """Answers through a function and keeps what was logged."""

    def __init__(self, respond: Respond, limit: int | None = None) -> None:
        self.respond = respond
        self.limit = limit
        self.errors: list[BaseException] = []
        self.has_error = threading.Event()

    def body_limit(self) -> int | None:
        return self.limit

    def log_exception(self, head: RequestHead | None, error: BaseException) -> None:
        self.errors.append(error)
        self.has_error.set()


@dataclass
class Server:
    worker: Worker
    handler: Any
    address: tuple[str, int]
    threads: list[threading.Thread] = field(default_factory=list)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=TIMEOUT)

    def send(self, data: bytes) -> bytes:
        """Send bytes on a new connection and return all that comes back."""
        with self.connect() as connection:
            connection.sendall(data)
            return read_all(connection)

    def get(self, path: str = "/", fields: str = "") -> bytes:
        return self.send(request(path, fields + "Connection: close\r\n"))


def request(path: str = "/", fields: str = "", method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode()


def read_all(connection: socket.socket) -> bytes:
    received = bytearray()

    while chunk := connection.recv(65536):
        received += chunk

    return bytes(received)


def read_until(connection: socket.socket, end: bytes) -> bytes:
    received = bytearray()

    while not received.endswith(end):
        chunk = connection.recv(65536)
        assert chunk, f"the connection ended after {received!r}"
        received += chunk

    return bytes(received)


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def until(condition: Callable[[], bool]) -> None:
    """Wait until something that another thread does is done."""
    deadline = time.monotonic() + TIMEOUT

    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)


@contextmanager
def serving(
    respond: Respond, *, limit: int | None = None, **options: Any
) -> Iterator[Server]:
    """Serve what a function answers."""
    with running(Handler(respond, limit), **options) as server:
        yield server


@contextmanager
def serving_app(app: Flask, **options: Any) -> Iterator[Server]:
    """Serve an application, over the edge that it is to have."""
    index = rule_index_of(app)

    with running(make_handler(app), index=index, **options) as server:
        yield server


@contextmanager
def running(
    handler: Any,
    *,
    threads: int = 64,
    listener: socket.socket | None = None,
    **options: Any,
) -> Iterator[Server]:
    """Run a core with its threads; with one, views run on a thread beside the loop.

    :param listener: closed once the core has it; by default one on a free port.
    """

    if listener is None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    with listener:
        address = listener.getsockname()
        started: list[threading.Thread] = []

        def start(target: Callable[[], None], name: str) -> None:
            thread = threading.Thread(target=target, name=name, daemon=True)
            started.append(thread)
            thread.start()

        def spawn(kind: str) -> None:
            start(getattr(worker, f"run_{kind}"), kind)

        worker = Worker(handler, [listener.fileno()], spawn, threads=threads, **options)
        start(worker.run_hot, "hot")

        if threads == 1:
            start(worker.run_view, "single")

    try:
        yield Server(worker, handler, address, started)
    finally:
        worker.stop()
        assert worker.wait(TIMEOUT)

        for thread in started:
            thread.join(TIMEOUT)
            assert not thread.is_alive()


def read_until_head(connection: socket.socket) -> bytes:
    head = b""

    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)

    return head


def read_exactly(connection: socket.socket, size: int) -> bytes:
    received = b""

    while len(received) < size:
        chunk = connection.recv(size - len(received))
        assert chunk
        received += chunk

    return received


def read_answer(connection: socket.socket) -> bytes:
    """Read an answer that has a Content-Length."""
    head = read_until_head(connection)
    length = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
    return head + read_exactly(connection, length)


def reset(connection: socket.socket) -> None:
    """Close a connection with a reset."""
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf(
        "SC_PAGESIZE"
    )


def post(body: bytes, fields: str = "") -> bytes:
    fields = f"Content-Length: {len(body)}\r\nConnection: close\r\n{fields}"
    return request("/", fields, "POST") + body


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    fields = "Transfer-Encoding: chunked\r\nConnection: close\r\n"
    return request("/", fields, "POST") + coded + b"0\r\n\r\n"
