"""What a drill sees of the server that it asks."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.run import Server

# The divisor of every count.
SCALE = int(os.environ.get("DRILL_SCALE", "50"))
MEBIBYTE = 1 << 20
LARGE = 1024 * MEBIBYTE // SCALE


def worker_of(server: Server) -> int:
    """Return the process that serves: the supervisor's child."""
    assert server.process is not None
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else pid


def resident(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024

    raise AssertionError(f"process {pid} has no resident memory")


def get(server: Server, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    try:
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200
        return response.read()
    finally:
        connection.close()


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def until(condition: Callable[[], bool]) -> None:
    """Wait until something that the server does is done."""
    deadline = time.monotonic() + 30

    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class PeakWatcher:
    """Watch a figure of a process, its resident memory by default, until it is stopped."""

    def __init__(self, pid: int, figure: Callable[[int], int] = resident) -> None:
        self.pid = pid
        self.peak = 0
        self._figure = figure
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self.peak

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self.peak = max(self.peak, self._figure(self.pid))
