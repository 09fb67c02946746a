"""What a client can make a worker hold, and how long others wait meanwhile.

A full run (``make drills``) goes on for a minute, ``make test`` for seconds and without
the times, which other programs make longer as well.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from benchmarks.run import ROOT, Server

from .attacks import ATTACKS, DESCRIPTORS, NEIGHBOURS
from .served import (
    MEBIBYTE,
    SCALE,
    PeakWatcher,
    descriptors,
    get,
    resident,
    until,
    worker_of,
)

SECONDS = max(3.0, 60 / SCALE)
# Seconds between requests of whom the others are not to keep waiting.
INTERVAL = 0.005

pytestmark = pytest.mark.timeout(600)

Begin = Callable[[str], None]


@contextmanager
def under(attack: str, server: Server) -> Iterator[None]:
    """Attack a server from another process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.drills.attacks", attack, str(server.port)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    try:
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_client_makes_a_worker_hold_is_bounded_and_given_back(
    attack: str, server: Server
) -> None:
    pid = worker_of(server)

    for _ in range(100):
        get(server, "/hello")

    memory, opened = resident(pid), descriptors(pid)
    watchers = [PeakWatcher(pid), PeakWatcher(pid, descriptors)]

    with under(attack, server):
        time.sleep(SECONDS)
        assert get(server, "/hello") == b"hello"

    most_memory, most_opened = [watcher.stop() for watcher in watchers]
    added, more = most_memory - memory, most_opened - opened
    print(f"{attack}: {added / MEBIBYTE:.1f} MiB, {more} descriptors")

    assert added < 64 * MEBIBYTE
    assert more < DESCRIPTORS.get(attack, 0) + 64
    until(lambda: descriptors(pid) <= opened)


def test_idle_connections_make_room_for_a_client(
    few_descriptors: Server,
) -> None:
    def elapsed() -> float:
        start = time.monotonic()
        assert get(few_descriptors, "/hello") == b"hello"
        return time.monotonic() - start

    with under("idle connections", few_descriptors):
        # Another hundred and fifty are more than there are descriptors.
        clients = [
            socket.create_connection(("127.0.0.1", few_descriptors.port))
            for _ in range(150)
        ]

        assert min(elapsed() for _ in range(3)) < 0.2

        for client in clients:
            client.close()


@pytest.mark.skipif(
    SCALE > 1, reason="milliseconds need a machine at rest: `make drills` counts them"
)
@pytest.mark.parametrize("neighbour", [*ATTACKS, *NEIGHBOURS])
def test_nobody_waits_for_another_client(neighbour: str, server: Server) -> None:
    added: list[float] = []

    # The best of three runs, since the machine may be busy with something else.
    while len(added) < 3 and min(added, default=1.0) > 0.005:
        alone = p99_of_hello(server)

        with under(neighbour, server):
            added.append(p99_of_hello(server) - alone)

    print(f"{neighbour}:", *(f"{seconds * 1000:+.1f} ms" for seconds in added))

    assert min(added) <= 0.005


def p99_of_hello(server: Server) -> float:
    """Ask again and again, and return how long 99 of 100 wait at most.

    An answer that takes long stands for those who would have asked meanwhile.
    """
    request = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
    times = []

    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as sock:
        end = time.monotonic() + min(SECONDS, 20.0)

        while (begun := time.monotonic()) < end:
            sock.sendall(request)
            answer = b""

            while not answer.endswith(b"\r\n\r\nhello"):
                received = sock.recv(4096)
                assert received
                answer += received

            took = time.monotonic() - begun
            times += [took - n * INTERVAL for n in range(int(took / INTERVAL) + 1)]
            time.sleep(max(0.0, INTERVAL - took))

    times.sort()
    return times[len(times) * 99 // 100]
