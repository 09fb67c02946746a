"""Measure CPU time per request of several servers in one interleaved run.

    python -m benchmarks.run [--rounds 5] [--seconds 2] [--workloads plaintext,json]

All servers are up together; each round drives every server once, in an order that turns
round each time, so that a noisy moment meets all of them. The figure is the CPU time of
the server's process tree divided by the requests answered, the least of the rounds: other
load can only add to it. Each figure stands beside its multiple of the C loop.

Servers run on the first processor that this process may use, the load generator on the
last.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .build import build_extension, build_load

HERE = Path(__file__).parent
ROOT = HERE.parent


@dataclass(frozen=True)
class Workload:
    """One request, sent over and over."""

    name: str
    path: str
    body: bytes = b""
    fields: tuple[str, ...] = ()
    expected: bytes = b""

    def request(self) -> bytes:
        lines = [
            f"{'POST' if self.body else 'GET'} {self.path} HTTP/1.1",
            "Host: 127.0.0.1",
            *self.fields,
        ]

        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")

        return "\r\n".join([*lines, "", ""]).encode() + self.body


WORKLOADS = [
    Workload("plaintext", "/plaintext", expected=b"Hello, World!"),
    Workload("json", "/json", expected=b"Hello, World!"),
    Workload("user", "/user/1234", expected=b"1234"),
    Workload(
        "args",
        "/args?name=x&page=2",
        fields=("X-Token: abc", "Cookie: sid=123"),
        expected=b"abc",
    ),
    Workload(
        "echo",
        "/echo",
        body=b'{"name": "x", "tags": ["a", "b"], "n": 12}',
        fields=("Content-Type: application/json",),
        expected=b"tags",
    ),
    Workload(
        "form",
        "/form",
        body=b"name=x&text=some+words&page=2",
        fields=("Content-Type: application/x-www-form-urlencoded",),
        expected=b"some words",
    ),
    Workload("template", "/template", expected=b"A message &lt;7&gt; &amp;"),
    Workload("session", "/session", expected=b'"n":1'),
    Workload("db", "/db", expected=b"A message"),
    Workload("static", "/static/file.txt", expected=b"line 0007"),
    Workload("bytes", "/bytes", expected=b"xxxx"),
    Workload("stream", "/stream", expected=b"009 yyy"),
]


@dataclass
class Server:
    """A server under measurement."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    only: frozenset[str] | None = None
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self, cpu: int) -> None:
        self.port = _free_port()
        command = [part.replace("PORT", str(self.port)) for part in self.command]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
            start_new_session=True,
        )
        _wait_for_port(self.name, self.port, self.process)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)

            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def cpu_seconds(self) -> float:
        """Return the CPU time used so far by the server and its children."""
        assert self.process is not None
        return sum(_cpu_seconds(pid) for pid in _tree(self.process.pid))


def _tree(pid: int) -> Iterator[int]:
    yield pid
    path = Path(f"/proc/{pid}/task")

    with contextlib.suppress(OSError):
        for task in path.iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _cpu_seconds(pid: int) -> float:
    # The clock of another process, as clock_getcpuclockid(3) numbers it.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _wait_for_port(name: str, port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30

    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"The server {name!r} ended with status {process.returncode}.")

        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port)),
        ):
            return

        time.sleep(0.02)

    sys.exit(f"The server {name!r} did not listen on port {port} within 30 seconds.")


def servers(flask_python: str | None) -> list[Server]:
    """Return the servers to measure; Flask's only if its interpreter is given."""
    own = [
        Server(
            "C loop",
            [sys.executable, "-m", "benchmarks.cloop", "PORT"],
            only=frozenset({"plaintext", "json"}),
        ),
        Server(
            "BustAPI",
            [sys.executable, "-m", "bustapi", "run", "benchmarks.app:app"]
            + ["--port", "PORT", "--no-access-log"],
        ),
    ]

    if flask_python is None:
        return own

    gunicorn = [flask_python, "-m", "gunicorn", "--bind", "127.0.0.1:PORT"]
    return own + [
        Server(
            "Flask on gunicorn (gthread)",
            [*gunicorn, "--worker-class", "gthread", "--threads", "4"]
            + ["benchmarks.app:app"],
            {"BENCH_FRAMEWORK": "flask"},
        )
    ]


def check(server: Server, workload: Workload) -> None:
    """Ask once and compare the answer; a server that answers wrongly is not measured."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{workload.path}",
        data=workload.body or None,
        headers=dict(line.split(": ", 1) for line in workload.fields),
    )

    with urllib.request.urlopen(request, timeout=10) as response:
        body = response.read()

    if workload.expected not in body:
        sys.exit(f"{server.name!r} answered {workload.name!r} with {body[:200]!r}.")


def measure(
    load: Path,
    server: Server,
    workload: Workload,
    options: argparse.Namespace,
    cpu: int,
) -> dict[str, Any]:
    """Drive one server for a while and return what it cost."""
    command = [
        str(load),
        str(server.port),
        str(options.connections),
        str(options.pipeline),
        str(options.seconds),
    ]
    before = server.cpu_seconds()
    result = subprocess.run(
        command,
        input=workload.request(),
        capture_output=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
    )
    used = server.cpu_seconds() - before
    figures: dict[str, Any] = json.loads(result.stdout)

    if figures["not_ok"] or figures["failed"] or not figures["requests"]:
        sys.exit(f"{server.name!r} failed under load of {workload.name!r}: {figures}.")

    figures["cpu_us"] = used / figures["requests"] * 1e6
    return figures


def run(options: argparse.Namespace) -> dict[str, dict[str, dict[str, Any]]]:
    """Measure everything; return the best round per workload and server."""
    load = build_load()
    build_extension()
    cpus = sorted(os.sched_getaffinity(0))
    chosen = servers(options.flask_python)
    workloads = [w for w in WORKLOADS if w.name in options.workloads.split(",")]
    best: dict[str, dict[str, dict[str, Any]]] = {w.name: {} for w in workloads}

    with contextlib.ExitStack() as stack:
        for server in chosen:
            stack.callback(server.stop)
            server.start(cpus[0])

        for workload in workloads:
            able = [s for s in chosen if s.only is None or workload.name in s.only]

            for server in able:
                check(server, workload)
                # An endpoint proves itself quick before it is measured.
                measure(load, server, workload, _warm_up(options), cpus[-1])

            for number in range(options.rounds):
                for server in able if number % 2 == 0 else reversed(able):
                    figures = measure(load, server, workload, options, cpus[-1])
                    known = best[workload.name].get(server.name)

                    if known is None or figures["cpu_us"] < known["cpu_us"]:
                        best[workload.name][server.name] = figures

            print(_row(workload.name, best[workload.name], chosen), flush=True)

    return best


def _warm_up(options: argparse.Namespace) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(options), "seconds": 0.5})


def _row(name: str, figures: dict[str, dict[str, Any]], chosen: list[Server]) -> str:
    cells = [f"{name:10}"]
    limit = figures.get("C loop")

    for server in chosen:
        found = figures.get(server.name)

        if found is None:
            cells.append(f"{'–':>24}")
            continue

        cell = f"{found['cpu_us']:.1f} µs"

        if limit is not None:
            cell += f" ({found['cpu_us'] / limit['cpu_us']:.2f} ×)"

        cells.append(f"{cell:>24}")

    return " | ".join(cells)


def main() -> None:
    names = ",".join(w.name for w in WORKLOADS)
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--pipeline", type=int, default=1)
    parser.add_argument("--workloads", default=names)
    parser.add_argument("--flask-python", help="interpreter with flask and gunicorn")
    parser.add_argument("--output", type=Path, help="write all figures as JSON")
    parser.add_argument(
        "--check",
        action="store_true",
        help="fail when plaintext costs more than 2 × or json more than 3 × the C loop",
    )
    options = parser.parse_args()
    print(
        f"CPU time per request, least of {options.rounds} rounds, {platform.platform()}"
    )
    print(f"CPython {platform.python_version()}, {options.connections} connections")
    print(
        " | ".join(
            [f"{'':10}", *(f"{s.name:>24}" for s in servers(options.flask_python))]
        )
    )
    best = run(options)

    if options.output is not None:
        options.output.write_text(json.dumps(best, indent=2) + "\n")

    if options.check:
        _check_limits(best)


def _check_limits(best: dict[str, dict[str, dict[str, Any]]]) -> None:
    for name, limit in (("plaintext", 2.0), ("json", 3.0)):
        ratio = best[name]["BustAPI"]["cpu_us"] / best[name]["C loop"]["cpu_us"]

        if ratio > limit:
            sys.exit(f"{name} costs {ratio:.2f} × the C loop, more than {limit} ×.")


if __name__ == "__main__":
    main()
