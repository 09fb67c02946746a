"""A server in a process of its own, as tests start, ask and end it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import IO

# What a test waits for comes within milliseconds; this is how long a failure takes.
TIMEOUT = 20.0

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
# Ports from here on are those that the system chooses; anybody may have a lower one.
FIRST_CHOSEN = int(EPHEMERAL.read_text().split()[0]) if EPHEMERAL.exists() else 1024


def refuse_fixed_ports(event: str, arguments: tuple[object, ...]) -> None:
    """Fail a test that takes a port which ``make run`` or another program may have.

    It is an audit hook of the process of the tests.
    """
    if event == "socket.bind":
        _, address = arguments
        if isinstance(address, tuple):
            check_port(address[1])


def check_port(port: int) -> None:
    assert port == 0 or port >= FIRST_CHOSEN, (
        f"A test listens on port {port}, which another program may have. Use port 0, and"
        " ask which port it became."
    )


class Output:
    """What a process writes to one of its streams, line by line, as it comes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._has_ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._stream:
            for line in self._stream:
                with self._changed:
                    self._lines.append(line.decode().rstrip("\n"))
                    self._changed.notify_all()

        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def wait_for(self, pattern: str, count: int = 1) -> re.Match[str]:
        """Return the match of the ``count``-th line that ``pattern`` is found in."""

        def found() -> list[re.Match[str]]:
            return [m for m in map(re.compile(pattern).search, self._lines) if m]

        with self._changed:
            self._changed.wait_for(
                lambda: len(found()) >= count or self._has_ended, TIMEOUT
            )
            matches = found()

        if len(matches) < count:
            raise AssertionError(f"{pattern!r} did not come:\n{self.text}")

        return matches[count - 1]

    def wait_for_end(self) -> str:
        """Return everything, once the stream has been closed."""
        self._reader.join(TIMEOUT)
        return self.text

    @property
    def text(self) -> str:
        return "\n".join(self._lines)


class Server:
    """A Python command that prints the start line of a server."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        python: str = sys.executable,
        **environ: str,
    ) -> None:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FLASK_", "BUSTAPI_"))
        }
        self.process = subprocess.Popen(
            [python, *arguments],
            cwd=folder,
            env={**inherited, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out = Output(self.process.stdout)
        self.err = Output(self.process.stderr)
        self.port = 0

    def wait_until_ready(self) -> re.Match[str]:
        """Wait for the start line, and return its match."""
        line = self.err.wait_for(
            r"^ \* BustAPI (?P<version>\S+) serving (?P<name>\S+) on"
            r" http://(?P<host>\S+):(?P<port>\d+)"
            r" \((?P<workers>\d+) workers?, pid (?P<pid>\d+)\)"
        )
        self.port = int(line["port"])
        check_port(self.port)
        return line

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)

    def begin(self, path: str) -> HTTPConnection:
        """Send a request and leave its answer to be read by ``getresponse``."""
        connection = self.connect()
        connection.request("GET", path, headers={"Connection": "close"})
        return connection

    def get(self, path: str = "/") -> str:
        """Return the body of the answer to one request on its own connection."""
        return body_of(self.begin(path))

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        status = self.process.wait(TIMEOUT)
        self.out.wait_for_end()
        self.err.wait_for_end()
        return status

    def kill(self) -> None:
        """End it whatever it does, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT)


Start = Callable[..., Server]
"""Starts a Python command; a fixture ends it."""


def body_of(connection: HTTPConnection) -> str:
    response: HTTPResponse = connection.getresponse()
    body = response.read().decode()
    connection.close()
    assert response.status == 200, body
    return body
