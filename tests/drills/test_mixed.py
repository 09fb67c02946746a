"""Every kind of request at once: none meets another's context, and nothing is left.

A full run (``make drills``) takes ten minutes, ``make test`` seconds.
"""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from itertools import count
from pathlib import Path

import pytest
from benchmarks.run import Server

from .served import MEBIBYTE, SCALE, descriptors, resident, until, worker_of

SECONDS = max(10.0, 600 / SCALE)
CLIENTS = 12
# Threads beyond those of the start that stay: four stand by to lead the loop, one writes
# bodies to disk, and one has the view that tells the state.
SPARE = 6

pytestmark = pytest.mark.timeout(900)

numbers = count()


class Client:
    """Asks one thing after the other, in an order of chance, and checks the answers."""

    def __init__(self, port: int, seed: int) -> None:
        self.port = port
        self.random = random.Random(seed)
        self.token = ""
        self._kept = HTTPConnection("127.0.0.1", port, timeout=30)

    def go_on_until(self, deadline: float) -> int:
        """Return how many things were done."""
        done = 0

        while time.monotonic() < deadline:
            self.token = f"t{next(numbers)}"
            self.random.choice(KINDS)(self)
            done += 1

        self._kept.close()
        return done

    def path(self, path: str, **arguments: object) -> str:
        pairs = {"token": self.token} | arguments
        return f"{path}?" + "&".join(f"{name}={it}" for name, it in pairs.items())

    def request(self, path: str, method: str = "GET", fields: str = "") -> bytes:
        return f"{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def ask(self, path: str, status: int = 200, method: str = "GET") -> bytes:
        """Ask on the connection that is kept, and return the body."""
        self._kept.request(method, path)
        return self.read(self._kept.getresponse(), status)

    def read(self, response: HTTPResponse, status: int = 200) -> bytes:
        body = response.read()
        assert response.status == status, body
        assert response.headers["X-Token"] == self.token
        return body

    def read_from(self, sock: socket.socket) -> bytes:
        response = HTTPResponse(sock)
        response.begin()
        return self.read(response)

    def a_moment(self) -> float:
        return self.random.choice([0, 0, 0.001, 0.02])

    # What it does.

    def say_hello(self) -> None:
        assert self.ask(self.path("/echo")) == self.token.encode()

    def wait(self) -> None:
        path = self.path("/echo", seconds=self.a_moment())
        assert self.ask(path) == self.token.encode()

    def stream(self) -> None:
        path = self.path("/stream", count=5, seconds=self.a_moment())
        assert self.ask(path).split() == [self.token.encode()] * 5

    def upload(self) -> None:
        size = self.random.choice([0, 100, 5000, 300_000, 2 * MEBIBYTE])
        body = self.random.randbytes(size)
        path = self.path(self.random.choice(["/upload", "/streamed"]))
        self._kept.request("POST", path, body)
        answer = self.read(self._kept.getresponse())
        assert answer == f"{self.token} {zlib.crc32(body)}".encode()

    def upload_in_chunks(self) -> None:
        pieces = [
            self.random.randbytes(self.random.randint(1, 100_000)) for _ in range(8)
        ]
        path = self.path(self.random.choice(["/upload", "/streamed"]))
        self._kept.request("POST", path, iter(pieces), encode_chunked=True)
        answer = self.read(self._kept.getresponse())
        assert answer == f"{self.token} {zlib.crc32(b''.join(pieces))}".encode()

    def take_a_file(self) -> None:
        assert len(self.ask(self.path("/files/small"))) == 200_000

    def meet_an_error(self) -> None:
        self.ask(self.path("/error"), 500)

    def be_refused(self) -> None:
        assert self.token.encode() in self.ask(self.path("/abort"), 409)
        self.ask(self.path("/nothing/here"), 404)
        self.ask(self.path("/echo"), 405, "DELETE")

    def fork(self) -> None:
        # It copies the tables of the whole process: now and then is enough.
        if self.random.random() < 0.1:
            assert self.ask(self.path("/fork")) == self.token.encode()

    def pipeline(self) -> None:
        tokens = [f"t{next(numbers)}" for _ in range(10)]
        paths = ["/echo", "/stream", "/files/small"]

        with self.connect() as sock:
            asked = []

            for token in tokens:
                self.token = token
                asked.append(self.path(self.random.choice(paths), count=3))

            sock.sendall(b"".join(map(self.request, asked)))
            reader = sock.makefile("rb")

            for token in tokens:
                self.token = token
                response = HTTPResponse(Reader(reader))  # type: ignore[arg-type]
                response.begin()
                self.read(response)

            reader.close()

    def close_half(self) -> None:
        with self.connect() as sock:
            path = self.path("/stream", count=5, seconds=self.a_moment())
            sock.sendall(self.request(path))
            sock.shutdown(socket.SHUT_WR)
            assert self.read_from(sock).split() == [self.token.encode()] * 5

    def leave_in_the_head(self) -> None:
        self._leave(self.request(self.path("/echo"))[: self.random.randint(0, 40)])

    def leave_in_the_body(self) -> None:
        size = self.random.choice([100, 2 * MEBIBYTE])
        path = self.path(self.random.choice(["/upload", "/streamed"]))
        head = self.request(path, "POST", f"Content-Length: {size}\r\n")
        self._leave(head + bytes(self.random.randrange(size)))

    def leave_before_the_answer(self) -> None:
        self._leave(self.request(self.path("/echo", seconds=self.a_moment())))

    def leave_in_the_answer(self) -> None:
        paths = [
            self.path("/stream", count=1000, seconds=self.a_moment()),
            self.path("/files/small"),
        ]
        self._leave(self.request(self.random.choice(paths)), reads=1)

    def _leave(self, sent: bytes, reads: int = 0) -> None:
        with self.connect() as sock:
            sock.sendall(sent)

            if reads:
                sock.recv(reads)

            if self.random.random() < 0.5:
                # It ends with a reset.
                linger = struct.pack("ii", 1, 0)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


class Reader:
    """What ``HTTPResponse`` takes for a socket: all answers come through one file."""

    def __init__(self, file: object) -> None:
        self._file = file

    def makefile(self, mode: str) -> object:
        return Unclosed(self._file)


class Unclosed:
    """A file that an answer does not close."""

    def __init__(self, file: object) -> None:
        self._file = file

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def close(self) -> None:
        """Leave it to the next answer."""


KINDS: list[Callable[[Client], None]] = [
    Client.say_hello,
    Client.wait,
    Client.stream,
    Client.upload,
    Client.upload_in_chunks,
    Client.take_a_file,
    Client.meet_an_error,
    Client.be_refused,
    Client.fork,
    Client.pipeline,
    Client.close_half,
    Client.leave_in_the_head,
    Client.leave_in_the_body,
    Client.leave_before_the_answer,
    Client.leave_in_the_answer,
]


def threads_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def run_clients(port: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    failures: list[BaseException] = []
    done = []

    def run(seed: int) -> None:
        try:
            done.append(Client(port, seed).go_on_until(deadline))
        except BaseException as e:
            failures.append(e)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(CLIENTS)]

    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join()

    if failures:
        raise failures[0]

    print(f"{sum(done)} things done in {seconds:.0f} s")


def state_of(server: Server) -> dict[str, object]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/state?token=state")
    state: dict[str, object] = json.loads(connection.getresponse().read())
    connection.close()
    return state


def test_all_kinds_of_requests_at_once_leave_nothing_behind(
    mixed_server: Server, folder: Path
) -> None:
    pid = worker_of(mixed_server)
    opened, threads = descriptors(pid), threads_of(pid)
    # What is loaded, learnt and kept for a next time comes with the first of each kind.
    run_clients(mixed_server.port, SECONDS / 5)
    until(lambda: descriptors(pid) <= opened)
    memory = resident(pid)

    run_clients(mixed_server.port, SECONDS)

    until(lambda: descriptors(pid) <= opened)
    # Threads without work leave after ten seconds.
    until(lambda: threads_of(pid) <= threads + SPARE)
    state = state_of(mixed_server)
    stats = state["stats"]
    print(stats, f"{(resident(pid) - memory) / MEBIBYTE:+.1f} MiB")
    assert state["mixed"] == []
    assert isinstance(stats, dict)
    # The one that asks.
    assert stats["connections_open"] == 1
    assert stats["requests_in_flight"] == 1
    assert resident(pid) - memory < 32 * MEBIBYTE
