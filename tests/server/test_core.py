"""The native server, driven over real sockets by handlers of a few lines."""

from __future__ import annotations

import io
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from bustapi._bustapi import (
    Body,
    BodyError,
    FileWrapper,
    RequestHead,
    RuleIndex,
    Worker,
)

from .core import (
    MIB,
    TIMEOUT,
    Handler,
    Server,
    body_of,
    chunked,
    post,
    read_all,
    read_exactly,
    read_until,
    read_until_head,
    request,
    reset,
    resident,
    running,
    serving,
    text,
    until,
)


def hello(head: RequestHead, body: Body | None) -> Any:
    return text(b"hello")


# Connections and their order.


def test_an_answer_has_the_fields_of_the_server() -> None:
    with serving(hello) as server:
        answer = server.get()

    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[:3] == [
        b"HTTP/1.1 200 OK",
        b"Content-Type: text/plain",
        b"Content-Length: 5",
    ]
    assert lines[3].startswith(b"Date: ")
    assert lines[4:] == [b"Connection: close"]
    assert body == b"hello"


def test_a_connection_is_kept_for_the_next_request() -> None:
    with serving(hello) as server, server.connect() as connection:
        for _ in range(3):
            connection.sendall(request())
            assert read_until(connection, b"hello")

        assert server.worker.stats()["connections_accepted"] == 1


def test_pipelined_requests_are_answered_in_their_order() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.path == "/slow":
            time.sleep(0.05)

        return text(head.path.encode() + b";")

    with serving(respond) as server:
        paths = ["/slow", "/1", "/slow", "/2"] + [f"/{n}" for n in range(3, 40)]
        sent = b"".join(request(path) for path in paths[:-1])
        answer = server.send(sent + request(paths[-1], "Connection: close\r\n"))

    bodies = [part.rpartition(b"\r\n\r\n")[2] for part in answer.split(b";")]
    assert bodies[:-1] == [path.encode() for path in paths]


def test_requests_may_come_byte_by_byte() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        return text(body.read())

    data = request("/", "Content-Length: 3\r\nConnection: close\r\n", "POST") + b"abc"

    with serving(respond) as server, server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        for byte in data:
            connection.sendall(bytes([byte]))

        assert body_of(read_all(connection)) == b"abc"


def test_an_error_ends_the_connection_and_nothing_behind_it_is_a_request() -> None:
    seen: list[str] = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        seen.append(head.path)
        return text(b"ok")

    with serving(respond) as server:
        answer = server.send(request("/1") + b"GET / HTTP/1.1\n\n" + request("/2"))

    assert answer.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 400 Bad Request" in answer
    assert seen == ["/1"]


def test_a_half_closed_client_is_answered() -> None:
    with serving(hello) as server, server.connect() as connection:
        connection.sendall(request())
        connection.shutdown(socket.SHUT_WR)

        assert body_of(read_all(connection)) == b"hello"


def test_an_answer_of_any_size_arrives_whole() -> None:
    blob = os.urandom(5 * MIB)

    with serving(lambda head, body: text(blob)) as server:
        assert body_of(server.get()) == blob


def test_too_many_connections_wait_until_one_closes() -> None:
    with serving(hello, max_connections=1) as server, server.connect() as first:
        # What has begun to send a request is not idle.
        first.sendall(request() + request()[:-2])
        read_until(first, b"hello")

        with server.connect() as second:
            second.sendall(request())
            second.settimeout(0.05)

            with pytest.raises(TimeoutError):
                second.recv(1)

            second.settimeout(TIMEOUT)
            assert server.worker.stats()["connections_accepted"] == 1
            first.close()
            read_until(second, b"hello")


def test_an_idle_connection_makes_room_for_a_new_one() -> None:
    with serving(hello, max_connections=2) as server, server.connect() as oldest:
        oldest.sendall(request())
        read_until(oldest, b"hello")

        with server.connect() as busy:
            # A request that has begun is not idle.
            busy.sendall(request()[:10])
            until(lambda: server.worker.stats()["connections_open"] == 2)

            for _ in range(3):
                assert body_of(server.get()) == b"hello"

            assert read_all(oldest) == b""
            busy.sendall(request()[10:])
            read_until(busy, b"hello")


def test_a_unix_socket_has_no_client_address(tmp_path: Path) -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        environ = head.environ()
        seen = [head.remote_addr, head.remote_port, "REMOTE_ADDR" in environ]
        return text(repr(seen).encode())

    handler = Handler(respond)
    path = str(tmp_path / "socket")

    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        for listener, name in [(one, path), (other, path + "2")]:
            listener.bind(name)
            listener.listen()

        worker = Worker(handler, [one.fileno(), other.fileno()], print, threads=1)
        started = [threading.Thread(target=worker.run_hot)]
        started.append(threading.Thread(target=worker.run_view))

        for thread in started:
            thread.start()

        for name in [path, path + "2"]:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(name)
                connection.sendall(request("/", "Connection: close\r\n"))
                assert body_of(read_all(connection)) == b"[None, None, False]"

        worker.stop()

        for thread in started:
            thread.join(10)


# Threads and Contexts.


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


# Responses.


def test_an_iterator_is_sent_in_chunks() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        return "200 OK", [("X", "y")], iter([b"one", b"", b"two"])

    with serving(respond) as server:
        for _ in range(40):
            answer = server.get()
            assert b"Transfer-Encoding: chunked\r\n" in answer
            assert body_of(answer) == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


def test_a_list_is_sent_with_its_length() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        return "200 OK", [], [b"one", b"two"]

    with serving(respond) as server:
        answer = server.get()

    assert b"Content-Length: 6\r\n" in answer
    assert body_of(answer) == b"onetwo"


def test_a_chunk_is_sent_before_the_next_one_is_made() -> None:
    taken = threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            yield b"first"
            assert taken.wait(10)
            yield b"second"

        return "200 OK", [], generate()

    with serving(respond) as server, server.connect() as connection:
        connection.sendall(request())
        read_until(connection, b"first\r\n")
        taken.set()

        read_until(connection, b"second\r\n0\r\n\r\n")


def test_a_client_that_reads_nothing_holds_a_bounded_part_of_a_stream() -> None:
    made = 0
    closed = threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.path == "/other":
            return text(b"other")

        def generate() -> Iterator[bytes]:
            nonlocal made

            try:
                for _ in range(10_000):
                    made += 1
                    yield b"x" * 10_000
            finally:
                closed.set()

        return "200 OK", [], generate()

    with serving(respond) as server:
        with server.connect() as connection:
            connection.sendall(request())
            connection.recv(1)
            before = -1

            while before != made:
                before = made
                closed.wait(0.2)

            assert made < 2000
            assert body_of(server.get("/other")) == b"other"
            reset(connection)

        assert closed.wait(10)


@pytest.mark.parametrize("is_reset", [False, True])
def test_a_generator_is_closed_when_its_client_leaves(is_reset: bool) -> None:
    closed = threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            try:
                while True:
                    yield b"x"
                    closed.wait(0.001)
            finally:
                closed.set()

        return "200 OK", [], generate()

    with serving(respond) as server:
        connection = server.connect()
        connection.sendall(request())
        connection.recv(1)

        if is_reset:
            reset(connection)
        else:
            connection.close()

        assert closed.wait(10)
        until(lambda: server.worker.stats()["requests_in_flight"] == 0)

    assert server.handler.errors == []


def test_a_stream_that_begins_behind_the_end_of_its_worker_is_closed() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        has_begun.set()
        assert has_ended.wait(TIMEOUT)

        def generate() -> Iterator[bytes]:
            try:
                while True:
                    yield bytes(65536)
            finally:
                is_closed.set()

        return "200 OK", [], generate()

    has_begun, has_ended = threading.Event(), threading.Event()
    is_closed = threading.Event()

    with serving(respond) as server, server.connect() as connection:
        connection.sendall(request())
        assert has_begun.wait(TIMEOUT)

        server.worker.stop()
        assert server.worker.wait(TIMEOUT)
        has_ended.set()

        assert is_closed.wait(TIMEOUT)


def test_an_error_before_the_first_chunk_is_a_500() -> None:
    closed = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            try:
                raise ValueError("early")
                yield b""
            finally:
                closed.append(True)

        return "200 OK", [("X", "y")], generate()

    with serving(respond) as server:
        answer = server.get()

    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"early" not in answer
    assert [str(error) for error in server.handler.errors] == ["early"]
    assert closed == [True]


def test_an_error_after_the_head_cuts_the_body() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            yield b"part"
            raise ValueError("late")

        return "200 OK", [], generate()

    with serving(respond) as server:
        answers = [server.send(request()) for _ in range(40)]

    assert {body_of(answer) for answer in answers} == {b"4\r\npart\r\n"}
    assert len(server.handler.errors) == 40


@pytest.mark.parametrize("place", ["view", "hot", "displaced"])
def test_a_fault_of_the_core_cuts_a_stream_that_has_begun(place: str) -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            yield b"part"

            if is_faulty.is_set():
                names.append(threading.current_thread().name)

                # The loop is taken over from a thread that keeps it waiting.
                if place != "hot":
                    assert has_part.wait(TIMEOUT)

                server.worker._inject_fault("piece", 1)
                yield b"last"

        return "200 OK", [], generate()

    is_faulty, has_part = threading.Event(), threading.Event()
    names: list[str] = []

    with serving(respond) as server:
        if place != "view":
            # Often enough that the loop runs them itself.
            for _ in range(100):
                server.get()

        is_faulty.set()

        with server.connect() as connection:
            connection.sendall(request())
            received = b"" if place == "hot" else read_until(connection, b"part\r\n")
            has_part.set()
            received += read_all(connection)

        is_faulty.clear()
        after = server.get()

    assert names == ["view" if place == "view" else "hot"]
    assert body_of(received) == b"4\r\npart\r\n4\r\nlast\r\n"
    assert body_of(after) == b"4\r\npart\r\n0\r\n\r\n"
    assert len(server.handler.errors) == 1


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_an_error_of_the_handler_costs_one_request(error: type[BaseException]) -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.path == "/error":
            raise error("inside")

        return text(b"ok")

    with serving(respond) as server:
        for _ in range(40):
            answer = server.get("/error")
            assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
            assert b"inside" not in answer

        assert body_of(server.get()) == b"ok"

    assert [type(error) for error in server.handler.errors] == [error] * 40


def test_a_longer_body_than_declared_is_cut_and_a_shorter_one_ends_the_connection() -> (
    None
):
    def respond(head: RequestHead, body: Body | None) -> Any:
        pieces = [b"abc", b"def"]
        made: Any = pieces if head.path.endswith("list") else iter(pieces)
        length = "4" if head.path.startswith("/more") else "9"
        return "200 OK", [("Content-Length", length)], made

    with serving(respond) as server:
        for kind in ["list", "iterator"]:
            assert body_of(server.get(f"/more-{kind}")) == b"abcd"
            # Without ``Connection: close``: the end is the sign.
            assert body_of(server.send(request(f"/fewer-{kind}"))) == b"abcdef"

    assert len(server.handler.errors) == 4


@pytest.mark.parametrize(
    "status",
    ["200 OK", "204 NO CONTENT", "205 RESET CONTENT", "304 NOT MODIFIED"],
)
def test_answers_without_a_body_have_none(status: str) -> None:
    closed = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            pytest.fail("nobody is sent what it yields")
            yield b""

        def close(self) -> None:
            closed.append(True)

    def respond(head: RequestHead, body: Body | None) -> Any:
        return status, [], Pieces()

    method = "HEAD" if status == "200 OK" else "GET"

    with serving(respond) as server:
        answer = server.send(request("/", "Connection: close\r\n", method))

    assert answer.startswith(b"HTTP/1.1 " + status.encode())
    assert body_of(answer) == b""
    assert closed == [True]


def test_http_1_0_gets_a_stream_that_ends_with_the_connection() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        return "200 OK", [], iter([b"one", b"two"])

    with serving(respond) as server:
        answer = server.send(b"GET / HTTP/1.0\r\n\r\n")

    assert b"Transfer-Encoding" not in answer
    assert body_of(answer) == b"onetwo"


@pytest.mark.parametrize("end", ["error", "fault", "worker", "silence"])
def test_http_1_0_gets_a_reset_for_a_stream_that_breaks_off(end: str) -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            yield b"part"

            if end == "error":
                raise ValueError("late")

            if end == "fault":
                server.worker._inject_fault("piece", 1)
                yield b"last"

            assert is_over.wait(TIMEOUT)

        return "200 OK", [], generate()

    is_over = threading.Event()

    with serving(respond, write_timeout=0.0) as server, server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")

        if end == "worker":
            read_until(connection, b"part")
            server.worker.stop()
        elif end == "silence":
            connection.shutdown(socket.SHUT_WR)

        # It would take the end of the connection for that of the body.
        with pytest.raises(ConnectionResetError):
            read_all(connection)

        is_over.set()


@pytest.mark.parametrize("wire", [None, (200, b""), ("200 OK", [("A", "b\nc")], b"")])
def test_what_is_no_response_is_a_500(wire: Any) -> None:
    with serving(lambda head, body: wire) as server:
        answer = server.get()

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert len(server.handler.errors) == 1


# Files.


@pytest.mark.parametrize("size", [0, 10, 64 * 1024, 3 * MIB])
def test_a_file_is_sent_from_its_position(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    content = os.urandom(size + 5)
    path.write_bytes(content)
    files = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        file = path.open("rb")
        file.read(5)
        files.append(file)
        return "200 OK", [], FileWrapper(file)

    with serving(respond) as server:
        answer = server.get()

    assert f"Content-Length: {size}\r\n".encode() in answer
    assert body_of(answer) == content[5:]
    assert files[0].closed


def test_of_a_file_only_the_declared_length_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 200_000)

    def respond(head: RequestHead, body: Body | None) -> Any:
        fields = [("Content-Length", head.path[1:])]
        return "200 OK", fields, FileWrapper(path.open("rb"))

    with serving(respond) as server, server.connect() as connection:
        for size in [100, 150_000]:
            connection.sendall(request(f"/{size}"))
            head = read_until_head(connection)
            assert len(read_exactly(connection, size)) == size
            assert f"Content-Length: {size}\r\n".encode() in head

    assert server.handler.errors == []


def test_a_file_object_without_a_descriptor_is_read_in_blocks() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        return "200 OK", [], FileWrapper(io.BytesIO(b"abcdef"), 4)

    with serving(respond) as server:
        assert body_of(server.get()) == b"4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n"


# Bodies.


def echo(head: RequestHead, body: Body | None) -> Any:
    assert body is not None
    return text(body.read())


@pytest.mark.parametrize("size", [1, 1000, MIB, MIB + 1, 5 * MIB])
def test_a_body_arrives_whole_whatever_its_size(size: int) -> None:
    blob = os.urandom(size)

    with serving(echo) as server:
        assert body_of(server.send(post(blob))) == blob
        assert body_of(server.send(chunked(blob, 100_000))) == blob


def test_a_body_is_a_file() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        seen = [
            body.length,
            body.read(2),
            body.readline(),
            body.readline(1),
            body.readlines(),
            body.read(),
            body.readline(),
            list(body),
        ]
        return text(repr(seen).encode())

    expected = [None, b"ab", b"c\n", b"d", [b"ef\n", b"g"], b"", b"", []]

    with serving(respond) as server:
        small = body_of(server.send(post(b"abc\ndef\ng")))
        large = body_of(server.send(post(b"abc\ndef\n" + b"g" * 2 * MIB)))

    assert small == repr([9, *expected[1:]]).encode()
    large_line = b"g" * 2 * MIB
    expected[4] = [b"ef\n", large_line]
    assert large == repr([len(large_line) + 8, *expected[1:]]).encode()


@pytest.mark.parametrize("size", [10, 2 * MIB])
def test_a_body_cut_short_never_reaches_the_view(size: int) -> None:
    seen = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        seen.append(head.path)
        return text(b"ok")

    with serving(respond) as server, server.connect() as connection:
        connection.sendall(post(b"x" * size)[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b""

    assert seen == []


def test_a_malformed_chunk_is_a_400_and_no_request() -> None:
    seen = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        seen.append(head.path)
        return text(b"ok")

    with serving(respond) as server:
        answer = server.send(
            request("/", "Transfer-Encoding: chunked\r\n", "POST") + b"x\r\n"
        )

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert seen == []


def test_the_client_is_told_to_continue_before_it_sends_its_body() -> None:
    with serving(echo) as server:
        for size in [5, 2 * MIB]:
            with server.connect() as connection:
                head, body = post(b"x" * size)[:-size], b"x" * size
                expect = b"Expect: 100-continue\r\n\r\n"
                connection.sendall(head[:-2] + expect)
                assert read_until_head(connection) == b"HTTP/1.1 100 Continue\r\n\r\n"
                connection.sendall(body)
                assert body_of(read_all(connection)) == body


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_above_the_limit_is_left_to_its_view(is_chunked: bool) -> None:
    lengths = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        lengths.append(body.length)
        return text(body.read(3))

    blob = b"x" * 8 * MIB

    with serving(respond, limit=2 * MIB) as server, server.connect() as connection:
        if is_chunked:
            sent = chunked(blob, 100_000)[: 3 * MIB]
        else:
            sent = post(blob)[:1000]

        connection.sendall(sent)
        answer = read_all(connection)

    assert lengths == [None]
    assert body_of(answer) == b"xxx"
    assert b"\r\nConnection: close\r\n" in answer


def test_without_a_place_to_spool_the_view_reads_what_comes(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    blob = os.urandom(2 * MIB)

    with serving(echo, spool_directory=missing) as server:
        assert body_of(server.send(post(blob))) == blob
        assert body_of(server.send(post(b"small"))) == b"small"

    assert server.handler.errors == []


def test_a_temporary_folder_that_takes_no_files_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    lengths = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        lengths.append(body.length)
        return text(body.read())

    with serving(respond) as server:
        blob = os.urandom(2 * MIB)
        assert body_of(server.send(post(blob))) == blob

    # It was whole before its view ran: it has been in a file.
    assert lengths == [2 * MIB]


def test_bodies_that_do_not_fit_into_memory_together_are_spooled() -> None:
    blob = os.urandom(MIB - 1)
    size = 100

    with serving(echo) as server:
        before = resident()
        clients = [server.connect() for _ in range(size)]

        for client in clients:
            client.sendall(post(blob)[:-1])

        # Whoever comes then is served, and so are they in the end.
        assert body_of(server.send(post(b"x" * 100_000))) == b"x" * 100_000
        assert resident() - before < 64 * MIB

        for client in clients:
            client.sendall(blob[-1:])
            assert body_of(read_all(client)) == blob
            client.close()


def test_a_disk_that_becomes_full_costs_the_request_alone(tmp_path: Path) -> None:
    directory = str(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    with serving(echo, spool_directory=directory) as server:
        # A file that may not grow fails to be written as one on a full disk does.
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, hard))

        try:
            answer = server.send(post(b"x" * 5 * MIB)[: 4 * MIB])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        assert body_of(server.send(post(b"x" * 3 * MIB))) == b"x" * 3 * MIB

    assert answer.startswith(b"HTTP/1.1 507 ")
    assert [type(error) for error in server.handler.errors] == [OSError]
    assert list(tmp_path.iterdir()) == []


def test_a_spooled_body_of_single_bytes_arrives_whole() -> None:
    blob = os.urandom(MIB + 100_000)

    with serving(echo) as server:
        assert body_of(server.send(chunked(blob, 1))) == blob


def test_a_spooled_body_leaves_no_file_behind(tmp_path: Path) -> None:
    with serving(echo, spool_directory=str(tmp_path)) as server:
        blob = os.urandom(3 * MIB)
        assert body_of(server.send(post(blob))) == blob

    assert list(tmp_path.iterdir()) == []


# Bodies that are read while they come.


def no_rules() -> RuleIndex:
    """An index that knows that nothing matches: large bodies are not collected."""
    index = RuleIndex()
    index.rebuild([({}, [], [])], [], True)
    return index


def test_an_upload_that_no_rule_takes_is_answered_before_it_comes() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        return "404 NOT FOUND", [], b"nothing here"

    with serving(respond, index=no_rules()) as server:
        answer = server.send(post(b"x" * 2 * MIB)[:200])

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_streamed_body_is_whole_and_then_has_a_length(is_chunked: bool) -> None:
    blob = os.urandom(6 * MIB)
    lengths = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        lengths.append(body.length)
        received = b"".join(iter(lambda: body.read(100_000), b""))
        lengths.append(body.length)
        assert threading.current_thread().name == "stream"
        return text(received)

    with serving(respond, index=no_rules()) as server:
        sent = chunked(blob, 70_000) if is_chunked else post(blob)
        answer = server.send(sent)

    assert body_of(answer) == blob
    assert lengths == [None, len(blob)]


@pytest.mark.parametrize("budget", [0, 3 * MIB])
def test_a_body_beyond_the_spool_is_read_by_its_view(budget: int) -> None:
    blob = os.urandom(8 * MIB)
    names = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        names.append((threading.current_thread().name, body.length))
        return text(body.read())

    with serving(respond, spool_budget=budget) as server:
        assert body_of(server.send(post(blob))) == blob
        assert body_of(server.send(chunked(blob, 90_000))) == blob

    assert names == [("stream", None)] * 2


def test_reading_a_streamed_body_tells_the_client_to_continue() -> None:
    with serving(echo, index=no_rules()) as server, server.connect() as connection:
        blob = b"x" * 2 * MIB
        head = post(blob, "Expect: 100-continue\r\n")[: -len(blob)]
        connection.sendall(head)
        assert read_until_head(connection) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(blob)

        assert body_of(read_all(connection)) == blob


@pytest.mark.parametrize("end", ["close", "reset", "malformed"])
def test_a_streamed_body_that_breaks_off_raises_in_the_view(end: str) -> None:
    errors = []
    has_read = threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        body.read(MIB)
        has_read.set()

        for _ in range(2):
            with pytest.raises(BodyError) as caught:
                body.read()

            errors.append(caught.value)

        return text(b"broken")

    with serving(respond, index=no_rules()) as server:
        connection = server.connect()

        if end == "malformed":
            coded = chunked(b"x" * 2 * MIB, MIB)[:-5]
            connection.sendall(coded + b"nonsense\r\n")
            assert body_of(read_all(connection)) == b"broken"
        else:
            connection.sendall(post(b"x" * 3 * MIB)[:-MIB])
            assert has_read.wait(10)

            if end == "reset":
                reset(connection)

        connection.close()
        until(lambda: len(errors) == 2)
        until(lambda: server.worker.stats()["requests_in_flight"] == 0)


def test_a_streamed_body_that_stops_raises_in_the_view() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None

        with pytest.raises(BodyError):
            body.read()

        return text(b"too slow")

    with serving(respond, index=no_rules(), body_timeout=0.1) as server:
        answer = server.send(post(b"x" * 3 * MIB)[:-1])

    assert body_of(answer) == b"too slow"


# Deadlines.


def test_a_connection_that_says_nothing_is_closed() -> None:
    with serving(hello, keep_alive_timeout=0.1) as server:
        with server.connect() as connection:
            assert connection.recv(1) == b""


def test_a_kept_connection_is_closed_when_it_stays_idle() -> None:
    with serving(hello, keep_alive_timeout=0.1) as server:
        assert body_of(server.send(request())) == b"hello"


@pytest.mark.parametrize("before", [b"", request("/first")])
def test_a_head_that_does_not_end_is_a_408(before: bytes) -> None:
    with serving(hello, head_timeout=0.1) as server:
        answer = server.send(before + b"GET / HTTP/1.1\r\n")

    assert answer.count(b"HTTP/1.1 200 OK") == (1 if before else 0)
    assert b"HTTP/1.1 408 Request Timeout\r\n" in answer


def test_a_body_that_stops_is_a_408_and_no_request() -> None:
    with serving(echo, body_timeout=0.1) as server:
        answer = server.send(request("/", "Content-Length: 9\r\n", "POST") + b"abc")

    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_short_body_behind_a_long_one_has_a_deadline_of_its_own() -> None:
    with serving(echo, body_timeout=1.0) as server, server.connect() as connection:
        # The second body is incomplete when the turn that ends the first one is over.
        first = request("/", "Content-Length: 500000\r\n", "POST") + b"x" * 499_990
        second = request("/", "Content-Length: 5\r\n", "POST") + b"ab"
        connection.sendall(first)
        until(lambda: server.worker.stats()["connections_accepted"] == 1)
        connection.sendall(b"x" * 10 + second)
        answer = read_all(connection)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"HTTP/1.1 408 Request Timeout" in answer


@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_a_time_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="body_timeout"):
        Worker(Handler(hello), [], print, body_timeout=value)


def test_a_large_body_that_drips_is_a_408() -> None:
    with serving(echo, body_timeout=1.0) as server, server.connect() as connection:
        connection.sendall(request("/", "Content-Length: 99999\r\n", "POST"))
        connection.sendall(b"x" * 20_000)
        connection.settimeout(0.2)
        answer = b""

        while not answer:
            connection.sendall(b"x")

            with suppress(TimeoutError):
                answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_small_body_may_come_as_slowly_as_a_radio_link() -> None:
    with serving(echo, body_timeout=1.0) as server, server.connect() as connection:
        connection.sendall(request("/", "Content-Length: 12\r\n", "POST"))
        connection.settimeout(0.3)

        for _ in range(11):
            connection.sendall(b"x")

            with pytest.raises(TimeoutError):
                connection.recv(1)

        connection.sendall(b"x")
        connection.settimeout(TIMEOUT)
        assert read_until(connection, b"x" * 12)


def test_a_client_that_takes_nothing_is_reset() -> None:
    blob = b"x" * 20 * MIB

    with serving(lambda head, body: text(blob), write_timeout=0.1) as server:
        with server.connect() as connection:
            connection.sendall(request())
            until(lambda: server.worker.stats()["connections_accepted"] == 1)
            until(lambda: server.worker.stats()["connections_open"] == 0)

            with pytest.raises(ConnectionResetError):
                read_all(connection)


# The end.


def test_a_drain_finishes_what_is_in_flight() -> None:
    entered, release = threading.Event(), threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        entered.set()
        assert release.wait(10)
        return text(b"finished")

    with serving(respond) as server:
        idle = server.connect()
        busy = server.connect()
        busy.sendall(request())
        assert entered.wait(10)
        server.worker.drain(10)
        # The idle connection ends at once, the busy one with its answer.
        assert idle.recv(1) == b""
        assert not server.worker.wait(0)
        release.set()
        answer = read_all(busy)
        assert server.worker.wait(10)

        with pytest.raises(ConnectionError):
            server.connect()

        idle.close()
        busy.close()

    assert body_of(answer) == b"finished"
    # Whoever balances the load sends its next request elsewhere.
    assert b"\r\nConnection: close\r\n" in answer


def test_the_grace_period_bounds_a_drain() -> None:
    release = threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert release.wait(10)
        return text(b"late")

    with serving(respond) as server, server.connect() as connection:
        connection.sendall(request())
        until(lambda: server.worker.stats()["requests_in_flight"] == 1)

        server.worker.drain(0.0)

        assert server.worker.wait(10)
        assert connection.recv(1) == b""
        release.set()


def test_signal_handlers_run_while_the_main_thread_waits() -> None:
    ran = threading.Event()

    with serving(hello) as server:

        def end(number: int, frame: object) -> None:
            ran.set()
            server.worker.drain(10)

        previous = signal.signal(signal.SIGALRM, end)

        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            assert server.worker.wait(10)
        finally:
            signal.signal(signal.SIGALRM, previous)

    assert ran.is_set()


def test_signal_handlers_run_while_the_only_thread_waits() -> None:
    handler = Handler(hello)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = Worker(handler, [listener.fileno()], print, threads=1)
        hot = threading.Thread(target=worker.run_hot)
        hot.start()

        def end(number: int, frame: object) -> None:
            worker.drain(10)

        previous = signal.signal(signal.SIGALRM, end)

        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            worker.run_view()
        finally:
            signal.signal(signal.SIGALRM, previous)
            worker.stop()
            hot.join(10)

        assert worker.wait(10)


def test_signal_handlers_run_while_the_only_thread_waits_for_a_client() -> None:
    closed = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            signal.setitimer(signal.ITIMER_REAL, 0.3)

            try:
                for _ in range(3000):
                    yield b"x" * 10_000
            finally:
                closed.append(True)

        return "200 OK", [], generate()

    run_on_this_thread(Handler(respond), request())

    assert closed == [True]


def test_signal_handlers_run_while_the_only_thread_waits_for_a_body() -> None:
    errors = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        signal.setitimer(signal.ITIMER_REAL, 0.3)

        with pytest.raises(BodyError) as caught:
            body.read()

        errors.append(caught.value)
        return text(b"broken")

    sent = post(b"x" * 2 * MIB)[:-1]
    run_on_this_thread(Handler(respond), sent, index=no_rules())

    assert len(errors) == 1


def run_on_this_thread(handler: Handler, sent: bytes, **options: Any) -> None:
    """Answer on this thread what a client sends, until SIGALRM ends the worker."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = Worker(handler, [listener.fileno()], print, threads=1, **options)
        hot = threading.Thread(target=worker.run_hot)
        hot.start()
        connection = Server(worker, handler, listener.getsockname()).connect()
        sender = threading.Thread(target=connection.sendall, args=[sent])
        sender.start()

        def end(number: int, frame: object) -> None:
            worker.drain(0.0)

        previous = signal.signal(signal.SIGALRM, end)

        try:
            worker.run_view()
        finally:
            signal.signal(signal.SIGALRM, previous)
            worker.stop()
            hot.join(10)
            sender.join(10)
            connection.close()


def test_threads_that_nobody_needs_to_stand_by_are_dismissed() -> None:
    with serving(hello) as server:
        # Others wait for the place of the one that leads; whoever comes then returns.
        threads = [threading.Thread(target=server.worker.run_hot) for _ in range(20)]

        for thread in threads:
            thread.start()

        until(lambda: any(not thread.is_alive() for thread in threads))
        assert body_of(server.get()) == b"hello"

    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()


# The access log.


def test_each_request_has_a_line_in_the_access_log() -> None:
    reader, writer = os.pipe()

    with serving(hello, access_log_fd=writer) as server:
        os.close(writer)
        server.get("/a?b=c")
        server.send(b"nonsense\r\n\r\n")

    with os.fdopen(reader) as log:
        # A view thread writes its line after it has handed the answer over.
        refused, answered = sorted(log, key=lambda line: "GET" in line)

    assert ' 127.0.0.1 "GET /a?b=c HTTP/1.1" 200 5 ' in answered
    assert refused.endswith(
        ' 127.0.0.1 "nonsense" 400 0 0.000ms malformed request line\n'
    )


REFUSALS = [
    (b"get / HTTP/1.1\r\n", "get / HTTP/1.1", 501, "method not in capitals"),
    (b"GET / HTTP/2.0\r\n", "GET / HTTP/2.0", 505, "HTTP version not supported"),
    (b"GET /" + b"x" * 17_000, "GET /" + "x" * 1019 + "...", 414, "request line too long"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nCookie: secret\r\nX:" + b"x" * 17_000, "GET / HTTP/1.1", 431, "field line too long"),
    (b"GET /\x1b]0;a\x07 HTTP/1.1\r\n", r"GET /\x1b]0;a\x07 HTTP/1.1", 400, "a control character in the head"),
    (b"\x16\x03\x01\x02\x00\x01", r"\x16\x03\x01\x02\x00\x01", 400, "a control character in the head"),
    (request("/", "Expect: magic\r\n"), "GET / HTTP/1.1", 417, "unknown expectation"),
    (request("/", "Transfer-Encoding: chunked\r\n", "POST") + b"x\r\n", "POST / HTTP/1.1", 400, "invalid chunk size"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "line", "status", "reason"), REFUSALS)
def test_a_refusal_is_logged_with_its_reason(
    sent: bytes, line: str, status: int, reason: str
) -> None:
    reader, writer = os.pipe()

    with serving(hello, access_log_fd=writer) as server:
        os.close(writer)
        answer = server.send(sent)

    with os.fdopen(reader) as log:
        (logged,) = log.read().splitlines()

    assert answer[9:12] == str(status).encode()
    assert logged.isprintable()
    assert logged.endswith(f' 127.0.0.1 "{line}" {status} 0 0.000ms {reason}')


@pytest.mark.parametrize(
    "sent", [b"GET /slow HTTP/1.1\r\nHost:", post(b"ab", "X: y\r\n")[:-1]]
)
def test_a_request_that_is_too_slow_is_logged_with_its_reason(sent: bytes) -> None:
    reader, writer = os.pipe()
    limits: dict[str, Any] = {"head_timeout": 0.1, "body_timeout": 0.1}

    with serving(hello, access_log_fd=writer, **limits) as server:
        os.close(writer)
        assert server.send(sent).startswith(b"HTTP/1.1 408 ")

    with os.fdopen(reader) as log:
        (logged,) = log.read().splitlines()

    line = sent.decode().partition("\r\n")[0]
    assert logged.endswith(
        f' "{line}" 408 0 0.000ms the request did not arrive in time'
    )


def test_a_body_that_is_not_stored_is_logged_with_its_reason(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    directory = str(tmp_path)

    with serving(hello, access_log_fd=writer, spool_directory=directory) as server:
        os.close(writer)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, hard))

        try:
            server.send(post(b"x" * 5 * MIB)[: 4 * MIB])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    with os.fdopen(reader) as log:
        (logged,) = log.read().splitlines()

    assert logged.endswith(
        ' "POST / HTTP/1.1" 507 0 0.000ms the body could not be stored'
    )


def test_counters_are_whole_numbers_with_names() -> None:
    with serving(hello) as server:
        server.get()
        stats = server.worker.stats()

    assert stats["requests"] == stats["connections_accepted"] == 1
    # A second one is made where the first does not begin at once.
    assert stats["view_threads"] in (1, 2)
    assert {type(count) for count in stats.values()} == {int}
