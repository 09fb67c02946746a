"""On which threads the native server runs requests, and in which contexts."""

from __future__ import annotations

import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from bustapi._bustapi import (
    Body,
    RequestHead,
    Worker,
)

from .core import (
    TIMEOUT,
    Handler,
    Server,
    body_of,
    hello,
    read_all,
    read_until,
    request,
    reset,
    running,
    serving,
    text,
    until,
)


def test_an_endpoint_runs_inline_once_it_has_proved_quick() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        return text(threading.current_thread().name.encode() + b";")

    with serving(respond) as server, server.connect() as connection:
        names = []

        for _ in range(400):
            connection.sendall(request())
            names.append(body_of(read_until(connection, b";")))

        assert names[:32] == [b"view;"] * 32
        assert names[-1] == b"hot;"


def ask_for_thread(connection: socket.socket, path: str = "/") -> bytes:
    connection.sendall(request(path))
    return body_of(read_until(connection, b";"))


def test_an_endpoint_that_waits_goes_back_to_the_view_threads() -> None:
    waits = False

    def respond(head: RequestHead, body: Body | None) -> Any:
        if waits:
            time.sleep(0.001)

        return text(threading.current_thread().name.encode() + b";")

    with serving(respond) as server, server.connect() as connection:
        while ask_for_thread(connection) != b"hot;":
            pass

        waits = True
        names = [ask_for_thread(connection) for _ in range(10)]

        # One long call is noticed. The next two are seen to wait; on a busy machine one may
        # wait for so long that it does alone.
        assert names[0] == b"hot;"
        assert b"hot;" not in names[3:]


def test_an_endpoint_that_waits_once_for_long_goes_back_to_the_view_threads() -> None:
    waits = False

    def respond(head: RequestHead, body: Body | None) -> Any:
        if waits:
            time.sleep(0.05)

        return text(threading.current_thread().name.encode() + b";")

    with serving(respond) as server, server.connect() as connection:
        while ask_for_thread(connection) != b"hot;":
            pass

        waits = True
        assert ask_for_thread(connection) == b"hot;"
        waits = False

        names = [ask_for_thread(connection) for _ in range(31)]
        assert names == [b"view;"] * 31


def test_paths_that_come_once_take_no_other_endpoint_its_place() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        return text(threading.current_thread().name.encode() + b";")

    with serving(respond) as server, server.connect() as connection:
        for first in range(0, 10_000, 100):
            paths = [f"/r{first + number}" for number in range(100)]
            connection.sendall(b"".join(map(request, paths)))
            received = b""

            while received.count(b";") < len(paths):
                received += connection.recv(65536)

        names = [ask_for_thread(connection, "/later") for _ in range(40)]

        assert names[:32] == [b"view;"] * 32
        assert names[-1] == b"hot;"


class Batch:
    """Endpoints that run inline, and requests that the loop finds all at once."""

    def __init__(self) -> None:
        self.gates = {path: threading.Event() for path in ("/hold", "/slow")}
        self.entered = {path: threading.Event() for path in self.gates}
        #: Paths whose view waits for its gate, and those whose view computes for long.
        self.waits: set[str] = set()
        self.computes: set[str] = set()

    def respond(self, head: RequestHead, body: Body | None) -> Any:
        if head.path in self.waits:
            self.entered[head.path].set()
            # Whatever fails meanwhile, `sent` opens it.
            self.gates[head.path].wait()

        if head.path in self.computes:
            end = time.perf_counter() + 0.001

            while time.perf_counter() < end:
                pass

        return text(threading.current_thread().name.encode() + b";")

    def prove_quick(self, server: Server, *paths: str) -> None:
        with server.connect() as connection:
            for path in paths:
                answer = b""

                while answer != b"hot;":
                    connection.sendall(request(path))
                    answer = body_of(read_until(connection, b";"))

    @contextmanager
    def sent(
        self, server: Server, first: str, *paths: str, times: int = 1
    ) -> Iterator[list[socket.socket]]:
        """Send a request each while the loop is held, the first often, and let it go."""
        with ExitStack() as stack:
            holder, *connections = opened = [
                stack.enter_context(server.connect()) for _ in ("", first, *paths)
            ]
            # Those that wait to be accepted would have their turns in another order.
            stats = server.worker.stats
            until(lambda: stats()["connections_open"] == len(opened))

            for gate in self.gates.values():
                stack.callback(gate.set)

            holder.sendall(request("/hold"))
            assert self.entered["/hold"].wait(TIMEOUT)

            connections[0].sendall(request(first) * times)

            for connection, path in zip(connections[1:], paths, strict=True):
                connection.sendall(request(path))

            self.gates["/hold"].set()
            yield connections


def test_an_answer_does_not_wait_for_a_view_that_was_slow_before() -> None:
    batch = Batch()

    with serving(batch.respond) as server:
        batch.prove_quick(server, "/hold", "/slow", "/quick")
        batch.computes = {"/slow"}
        server.get("/slow")
        batch.waits = {"/hold", "/slow"}

        with batch.sent(server, "/quick", "/slow") as (quick, slow):
            assert batch.entered["/slow"].wait(TIMEOUT)
            assert body_of(read_until(quick, b";")) == b"hot;"
            batch.gates["/slow"].set()
            assert body_of(read_until(slow, b";")) == b"hot;"


def test_an_answer_does_not_wait_for_all_others_of_a_long_batch() -> None:
    batch = Batch()

    with serving(batch.respond) as server:
        batch.prove_quick(server, "/hold", "/slow", "/quick", "/computing")
        batch.computes = {"/computing"}
        batch.waits = {"/hold", "/slow"}

        with batch.sent(server, "/quick", "/computing", "/slow") as (first, second, _):
            assert batch.entered["/slow"].wait(TIMEOUT)
            assert body_of(read_until(first, b";")) == b"hot;"
            assert body_of(read_until(second, b";")) == b"hot;"


def test_a_client_that_sends_without_an_end_leaves_others_their_turn() -> None:
    batch = Batch()
    seen: list[str] = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        seen.append(head.path)
        return batch.respond(head, body)

    with serving(respond) as server:
        batch.prove_quick(server, "/hold", "/flood", "/quick")
        batch.waits = {"/hold"}
        seen.clear()

        with batch.sent(server, "/flood", "/quick", times=2000) as (_, quick):
            assert body_of(read_until(quick, b";")) == b"hot;"

    assert seen[:2] == ["/hold", "/flood"]
    assert seen.index("/quick") < 200


def test_waiting_views_run_side_by_side_and_hold_up_nobody() -> None:
    together = threading.Barrier(20, timeout=10)

    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.path == "/wait":
            together.wait()

        return text(b"done")

    with serving(respond) as server:
        connections = [server.connect() for _ in range(20)]

        for connection in connections[:-1]:
            connection.sendall(request("/wait"))

        assert body_of(server.get("/quick")) == b"done"
        connections[-1].sendall(request("/wait"))

        for connection in connections:
            read_until(connection, b"done")
            connection.close()


def test_each_request_has_an_empty_context_of_its_own() -> None:
    seen = ContextVar("seen", default=0)

    def respond(head: RequestHead, body: Body | None) -> Any:
        before = seen.get()
        seen.set(1)
        return text(b"%d;" % before)

    with serving(respond) as server, server.connect() as connection:
        for _ in range(100):
            connection.sendall(request())
            assert body_of(read_until(connection, b";")) == b"0;"


@pytest.mark.parametrize("is_long", [False, True])
def test_a_stream_is_run_and_closed_in_the_context_and_thread_of_its_request(
    is_long: bool,
) -> None:
    current: ContextVar[str] = ContextVar("current", default="none")
    seen: list[tuple[str, int]] = []
    closed = threading.Event()

    class Stream:
        def __init__(self) -> None:
            self.left = 100 if is_long else 3

        def __iter__(self) -> Stream:
            return self

        def __next__(self) -> bytes:
            seen.append((current.get(), threading.get_ident()))
            self.left -= 1

            if not self.left:
                raise StopIteration

            return b"x" * (10_000 if is_long else 1)

        def close(self) -> None:
            seen.append((current.get(), threading.get_ident()))
            closed.set()

    def respond(head: RequestHead, body: Body | None) -> Any:
        current.set("mine")
        seen.append((current.get(), threading.get_ident()))
        return "200 OK", [], Stream()

    with serving(respond) as server:
        for _ in range(40):
            seen.clear()
            closed.clear()
            server.get()
            assert closed.wait(10)
            assert len(set(seen)) == 1
            assert seen[0][0] == "mine"


def test_a_stream_on_the_loop_waits_for_its_client_and_holds_up_nobody() -> None:
    names = []
    closed = threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            names.append(threading.current_thread().name)

            try:
                for _ in range(3000 if head.query_string else 1):
                    yield b"x" * 10_000
            finally:
                names.append(threading.current_thread().name)
                closed.set()

        return "200 OK", [], generate()

    with serving(respond) as server, server.connect() as connection:
        while names[-1:] != ["hot"]:
            connection.sendall(request())
            read_until(connection, b"0\r\n\r\n")

        names.clear()
        closed.clear()
        reader, leaver = server.connect(), server.connect()
        reader.sendall(request("/?long"))
        reader.recv(1)
        connection.sendall(request())
        read_until(connection, b"0\r\n\r\n")
        assert read_until(reader, b"0\r\n\r\n").count(b"2710\r\n") >= 2999
        assert names[0] == "hot"
        assert names.count("hot") == 2
        reader.close()

        closed.clear()
        leaver.sendall(request("/?long"))
        leaver.recv(1)
        reset(leaver)
        assert closed.wait(10)

    assert server.handler.errors == []


# From CPython 3.15 on a warning that is an error leaves os.fork() after the child was made,
# which would go on with the suite.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_keeps_no_socket_of_the_worker(tmp_path: Path) -> None:
    parent, child = socket.socketpair()
    # A path of our own: somebody else may take a port that has become free.
    path = str(tmp_path / "socket")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    connection, late = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT)

    with running(Handler(hello), listener=listener) as server, connection, late:
        connection.connect(path)
        connection.sendall(request())
        read_until(connection, b"hello")
        pid = os.fork()

        if not pid:
            # The child lives until the parent has tried to connect again.
            parent.close()
            child.sendall(b"ready")
            child.recv(1)
            os._exit(0)

        child.close()
        read_until(parent, b"ready")
        server.worker.stop()

        try:
            assert server.worker.wait(TIMEOUT)
            assert connection.recv(1) == b""

            with pytest.raises(ConnectionRefusedError):
                late.connect(path)
        finally:
            parent.close()
            os.waitpid(pid, 0)


def test_with_one_thread_everything_runs_on_it() -> None:
    names = set()

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert head.environ()["wsgi.multithread"] is False

        def generate() -> Iterator[bytes]:
            names.add(threading.current_thread().name)
            yield b"one"
            yield b"two;"

        return "200 OK", [], generate()

    with serving(respond, threads=1) as server, server.connect() as connection:
        for _ in range(100):
            connection.sendall(request())
            read_until(connection, b"0\r\n\r\n")

    assert names == {"single"}


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process open some thousand files, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_more_than_can_wait_is_turned_away() -> None:
    release = threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        release.wait(TIMEOUT)
        return text(b"served")

    with serving(respond, threads=2, stream_threads=1) as server:
        waiting = [server.connect() for _ in range(1003)]

        for connection in waiting:
            connection.sendall(request("/", "Connection: close\r\n"))

        # Two are served and a thousand wait.
        until(lambda: server.worker.stats()["requests"] == 1003)
        release.set()
        answers = [read_all(connection) for connection in waiting]

    refused = [answer for answer in answers if not answer.endswith(b"served")]
    # Up to two more, when the threads had not begun before the queue was full.
    assert 1 <= len(refused) <= 3
    assert refused[0].startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 1\r\n" in refused[0]

    for connection in waiting:
        connection.close()


def test_a_thread_that_cannot_be_started_costs_its_request() -> None:
    handler = Handler(hello)

    def spawn(kind: str) -> None:
        raise RuntimeError("can't start new thread")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = Worker(handler, [listener.fileno()], spawn)
        hot = threading.Thread(target=worker.run_hot)
        hot.start()
        server = Server(worker, handler, listener.getsockname())
        answer = server.get()
        worker.stop()
        hot.join(10)

    assert answer.startswith(b"HTTP/1.1 503 ")
    # One to answer it, and one to stand by.
    messages = [str(error) for error in handler.errors]
    assert messages == 2 * ["can't start new thread"]
