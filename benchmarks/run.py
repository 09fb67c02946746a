"""Measure CPU time per request of several servers in one interleaved run.

    .venv/bin/python -m benchmarks.run [--rounds 5] [--seconds 2] [--workloads plaintext,json]

All servers are up together; each round drives every server once, in an order that turns
round each time, so that a noisy moment meets all of them. The figure is the CPU time of
the server's process tree divided by the requests answered, the least of the rounds: other
load can only add to it. Each figure stands beside its multiple of the C loop; the table at
the end is the one of the README.

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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .build import build_extension, build_load

HERE = Path(__file__).parent
ROOT = HERE.parent

APP = "benchmarks.app:app"
PROXIED = "benchmarks.proxied:app"
REAL = "benchmarks.real:app"
COLUMNS = ("C loop", "BustAPI", "Flask on gunicorn (gthread)")


@dataclass(frozen=True)
class Workload:
    """One request, sent over and over.

    :param title: its row in the README.
    :param app: which application answers it.
    :param fields: header fields. Where one holds ``COOKIE``, or the body ``TOKEN``, the
        session of somebody who has logged in takes its place.
    """

    name: str
    title: str
    path: str
    body: bytes = b""
    fields: tuple[str, ...] = ()
    expected: bytes = b""
    app: str = APP

    def enter(self, server: Server) -> Workload:
        """Return this workload with a session of the server's, if it needs one."""
        if not any("COOKIE" in line for line in self.fields):
            return self

        with urllib.request.urlopen(
            urllib.request.Request(
                f"http://127.0.0.1:{server.port}/enter", headers={"User-Agent": "bench"}
            ),
            timeout=10,
        ) as response:
            cookie = response.headers["Set-Cookie"].partition(";")[0]
            token = json.load(response)["csrf_token"]

        return replace(
            self,
            fields=tuple(line.replace("COOKIE", cookie) for line in self.fields),
            body=self.body.replace(b"TOKEN", token.encode()),
        )

    def request(self) -> bytes:
        lines = [
            f"{'POST' if self.body else 'GET'} {self.path} HTTP/1.1",
            "Host: 127.0.0.1",
            *self.fields,
        ]

        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")

        return "\r\n".join([*lines, "", ""]).encode() + self.body


FORM = "Content-Type: application/x-www-form-urlencoded"
# Flask-Login ends a session that moves to another browser.
SESSION = ("User-Agent: bench", "Cookie: COOKIE")

WORKLOADS = [
    Workload("plaintext", "plaintext", "/plaintext", expected=b"Hello, World!"),
    Workload(
        "proxied",
        "plaintext behind `ProxyFix`",
        "/plaintext",
        fields=("X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https"),
        expected=b"Hello, World!",
        app=PROXIED,
    ),
    Workload("json", "json", "/json", expected=b"Hello, World!"),
    Workload("user", "`/user/<int:number>`", "/user/1234", expected=b"1234"),
    Workload(
        "args",
        "query, header, cookie",
        "/args?name=x&page=2",
        fields=("X-Token: abc", "Cookie: sid=123"),
        expected=b"abc",
    ),
    Workload(
        "echo",
        "POST of JSON",
        "/echo",
        body=b'{"name": "x", "tags": ["a", "b"], "n": 12}',
        fields=("Content-Type: application/json",),
        expected=b"tags",
    ),
    Workload(
        "form",
        "POST of a form",
        "/form",
        body=b"name=x&text=some+words&page=2",
        fields=(FORM,),
        expected=b"some words",
    ),
    Workload(
        "template",
        "Jinja template of 12 rows",
        "/template",
        expected=b"A message &lt;7&gt; &amp;",
    ),
    Workload("session", "session read and written", "/session", expected=b'"n":1'),
    Workload("db", "one row of SQLite", "/db", expected=b"A message"),
    Workload("static", "10 KiB static file", "/static/file.txt", expected=b"line 0007"),
    Workload("bytes", "100 KiB of bytes", "/bytes", expected=b"xxxx"),
    Workload("stream", "stream of 10 chunks", "/stream", expected=b"009 yyy"),
    Workload(
        "compute",
        "5,000 rounds of a loop in Python",
        "/compute",
        expected=b"total",
    ),
    Workload(
        "row",
        "one row, Flask-SQLAlchemy",
        "/items/7",
        expected=b"Item <7>",
        app=REAL,
    ),
    Workload(
        "rows",
        "page of 20 rows, Flask-SQLAlchemy and Flask-Login",
        "/items",
        fields=SESSION,
        expected=b"Item &lt;20&gt;",
        app=REAL,
    ),
    Workload(
        "wtform",
        "form posted with its token, Flask-WTF and Flask-Login",
        "/form",
        body=b"csrf_token=TOKEN&name=x&count=3",
        fields=(*SESSION, FORM),
        expected=b"Ada: accepted",
        app=REAL,
    ),
]


@dataclass
class Server:
    """A server under measurement."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    app: str = APP
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


def servers(flask_python: str | None, apps: Iterable[str]) -> list[Server]:
    """Return the servers of these applications; Flask's only with its interpreter."""
    found = [
        Server(
            "C loop",
            [sys.executable, "-m", "benchmarks.cloop", "PORT"],
            only=frozenset({"plaintext", "json"}),
        )
    ]

    for app in apps:
        command = [sys.executable, "-m", "bustapi", "run", app]
        environment = {}

        if app == REAL and flask_python is not None:
            # The extensions are the same files on both sides.
            environment["PYTHONPATH"] = _packages_of(flask_python)

        found.append(
            Server(
                "BustAPI",
                [*command, "--port", "PORT", "--no-access-log"],
                environment,
                app,
            )
        )

        if flask_python is not None:
            gunicorn = [flask_python, "-m", "gunicorn", "--bind", "127.0.0.1:PORT"]
            found.append(
                Server(
                    "Flask on gunicorn (gthread)",
                    [*gunicorn, "--worker-class", "gthread", "--threads", "4", app],
                    {"BENCH_FRAMEWORK": "flask"},
                    app,
                )
            )

    return found


def _packages_of(python: str) -> str:
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return subprocess.check_output([python, "-c", script], text=True).strip()


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
    """Drive one server for a while and return what it cost.

    Where nothing was answered in time, because the machine is busy with something else,
    the time is doubled.
    """
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

    is_stuck = not figures["requests"] and options.seconds > 10

    if figures["not_ok"] or figures["failed"] or is_stuck:
        sys.exit(f"{server.name!r} failed under load of {workload.name!r}: {figures}.")

    if not figures["requests"]:
        longer = _lasting(options, options.seconds * 2)
        return measure(load, server, workload, longer, cpu)

    figures["cpu_us"] = used / figures["requests"] * 1e6
    return figures


def run(options: argparse.Namespace) -> dict[str, dict[str, dict[str, Any]]]:
    """Measure everything; return the best round per workload and server."""
    load = build_load()
    build_extension()
    cpus = sorted(os.sched_getaffinity(0))
    workloads = chosen_workloads(options)
    chosen = servers(options.flask_python, dict.fromkeys(w.app for w in workloads))
    best: dict[str, dict[str, dict[str, Any]]] = {w.name: {} for w in workloads}

    with contextlib.ExitStack() as stack:
        for server in chosen:
            stack.callback(server.stop)
            server.start(cpus[0])

        for workload in workloads:
            able = [
                (s, workload.enter(s))
                for s in chosen
                if (workload.name in s.only if s.only else workload.app == s.app)
            ]

            for server, entered in able:
                check(server, entered)
                # An endpoint proves itself quick before it is measured.
                measure(load, server, entered, _lasting(options, 0.5), cpus[-1])

            for number in range(options.rounds):
                for server, entered in able if number % 2 == 0 else reversed(able):
                    figures = measure(load, server, entered, options, cpus[-1])
                    known = best[workload.name].get(server.name)

                    if known is None or figures["cpu_us"] < known["cpu_us"]:
                        best[workload.name][server.name] = figures

            print(_row(workload.name, best[workload.name]), flush=True)

    return best


def _lasting(options: argparse.Namespace, seconds: float) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(options), "seconds": seconds})


def chosen_workloads(options: argparse.Namespace) -> list[Workload]:
    """Return the workloads that were asked for and that something can serve."""
    return [
        workload
        for workload in WORKLOADS
        if workload.name in options.workloads.split(",")
        and (workload.app != REAL or options.flask_python is not None)
    ]


def _row(name: str, figures: dict[str, dict[str, Any]]) -> str:
    cells = [f"{name:10}"]
    limit = figures.get("C loop")

    for server in COLUMNS:
        found = figures.get(server)

        if found is None:
            cells.append(f"{'–':>27}")
            continue

        cell = f"{found['cpu_us']:.1f} µs"

        if limit is not None:
            cell += f" ({found['cpu_us'] / limit['cpu_us']:.2f} ×)"

        cells.append(f"{cell:>27}")

    return " | ".join(cells)


def _markdown(best: dict[str, dict[str, dict[str, Any]]]) -> Iterator[str]:
    yield "| workload | C loop | BustAPI | Flask on gunicorn | ratio |"
    yield "|---|---:|---:|---:|---:|"

    for workload in WORKLOADS:
        if workload.name in best:
            found = best[workload.name]
            costs = [
                found[name]["cpu_us"] if name in found else None for name in COLUMNS
            ]
            _, own, other = costs
            cells = [workload.title, *map(_figure, costs), _ratio(own, other)]
            yield f"| {' | '.join(cells)} |"


def _figure(cost: float | None) -> str:
    if cost is None:
        return "–"

    return f"{cost:.1f}" if cost < 100 else f"{cost:,.0f}"


def _ratio(own: float | None, other: float | None) -> str:
    if own is None or other is None:
        return "–"

    ratio = other / own
    return f"{ratio:.1f} ×" if ratio < 10 else f"{ratio:.0f} ×"


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
    print(" | ".join([f"{'':10}", *(f"{name:>27}" for name in COLUMNS)]))
    best = run(options)
    print("", *_markdown(best), sep="\n")

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
