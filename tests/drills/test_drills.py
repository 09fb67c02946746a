"""What holds under load: memory, waiting views, large bodies.

The figures of a full run are those of the promises; ``make test`` runs them with smaller
counts (``DRILL_SCALE``, the divisor of every count).
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import threading
import time

import pytest
from benchmarks.build import build_load
from benchmarks.run import Server

from .served import LARGE, MEBIBYTE, SCALE, PeakWatcher, get, resident, worker_of

REQUESTS = 1_000_000 // SCALE
CONNECTIONS = 10_000 // SCALE

pytestmark = pytest.mark.timeout(600)


def send_requests(server: Server, count: int) -> None:
    """Send at least ``count`` requests through the load generator."""
    request = b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    sent = 0

    while sent < count:
        result = subprocess.run(
            [str(build_load()), str(server.port), "16", "4", "1"],
            input=request,
            capture_output=True,
            check=True,
        )
        answered = int(result.stdout.split(b'"requests": ')[1].split(b",")[0])
        assert answered
        sent += answered


def open_and_close(server: Server, count: int) -> None:
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

            while sock.recv(4096):
                pass


def test_memory_is_flat_over_requests_and_connections(server: Server) -> None:
    pid = worker_of(server)
    send_requests(server, REQUESTS // 10)
    open_and_close(server, CONNECTIONS // 10)
    after_a_tenth = resident(pid)

    send_requests(server, REQUESTS - REQUESTS // 10)
    open_and_close(server, CONNECTIONS - CONNECTIONS // 10)

    assert resident(pid) - after_a_tenth < 2 * MEBIBYTE


def test_a_large_upload_takes_little_memory(server: Server) -> None:
    pid = worker_of(server)
    get(server, "/hello")
    before = resident(pid)
    watcher = PeakWatcher(pid)

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.putrequest("POST", "/upload")
    connection.putheader("Content-Length", str(LARGE))
    connection.endheaders()
    block = b"y" * MEBIBYTE

    for _ in range(LARGE // MEBIBYTE):
        connection.send(block)

    connection.send(block[: LARGE % MEBIBYTE])
    body = connection.getresponse().read()
    connection.close()
    peak = watcher.stop()

    assert body == b'{"size":%d}\n' % LARGE
    assert peak - before < 32 * MEBIBYTE


@pytest.mark.parametrize(
    "path", ["/files/large", f"/generate?mebibytes={LARGE // MEBIBYTE}"]
)
def test_a_large_download_takes_little_memory(server: Server, path: str) -> None:
    pid = worker_of(server)
    get(server, "/hello")
    before = resident(pid)
    watcher = PeakWatcher(pid)
    received = 0

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request("GET", path)
    response = connection.getresponse()

    while block := response.read(MEBIBYTE):
        received += len(block)

    connection.close()
    peak = watcher.stop()

    assert received == (
        LARGE if path == "/files/large" else LARGE // MEBIBYTE * MEBIBYTE
    )
    assert peak - before < 32 * MEBIBYTE


def test_sleeping_views_do_not_delay_others(server: Server) -> None:
    # The best of three runs, since the machine may be busy with something else.
    runs = [sleep_beside_hello(server) for _ in range(3)]

    assert min(elapsed for elapsed, _ in runs) < 1.3
    assert min(p99 for _, p99 in runs) < 0.020


def sleep_beside_hello(server: Server) -> tuple[float, float]:
    """Return how long 60 sleeps of a second took, and the p99 of hello meanwhile."""
    start = time.monotonic()
    sleepers = [
        threading.Thread(target=get, args=(server, "/sleep")) for _ in range(60)
    ]

    for thread in sleepers:
        thread.start()

    times = []
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)

    while any(thread.is_alive() for thread in sleepers):
        begun = time.monotonic()
        connection.request("GET", "/hello")
        connection.getresponse().read()
        times.append(time.monotonic() - begun)

    connection.close()
    elapsed = time.monotonic() - start
    times.sort()
    return elapsed, times[len(times) * 99 // 100]
