"""A request that lasts keeps its thread; the loop passes on to another one."""

from __future__ import annotations

import contextvars
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bustapi import Flask, g, stream_with_context
from bustapi._bustapi import Body, RequestHead

from .core import (
    TIMEOUT,
    Respond,
    Server,
    body_of,
    read_all,
    read_until,
    request,
    serving,
    serving_app,
    text,
    until,
)

# What a request may take that waits for nothing, on a machine that others use as well.
SOON = 1.0


def name() -> str:
    return threading.current_thread().name


def prove_quick(server: Server, path: str = "/") -> None:
    """Ask until the endpoint runs on the thread that leads."""
    deadline = time.monotonic() + TIMEOUT

    while body_of(server.get(path)) != b"hot":
        assert time.monotonic() < deadline


def waits_where_asked(begun: threading.Event, gate: threading.Event) -> Respond:
    """Return what answers with its thread's name, after the gate if there is a query."""

    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.query_string:
            begun.set()
            assert gate.wait(TIMEOUT)

        return text(name().encode())

    return respond


@contextmanager
def asked(server: Server, path: str) -> Iterator[socket.socket]:
    """Send a request and leave its answer to be read."""
    with server.connect() as connection:
        connection.sendall(request(path, "Connection: close\r\n"))
        yield connection


def test_a_request_that_waits_once_keeps_nobody_waiting() -> None:
    begun, gate = threading.Event(), threading.Event()

    with serving(waits_where_asked(begun, gate)) as server:
        prove_quick(server)

        with asked(server, "/?wait") as waiting:
            assert begun.wait(TIMEOUT)
            assert body_of(server.get("/other")) == b"view"
            gate.set()
            assert body_of(read_all(waiting)) == b"hot"

        # Who waits once for longer than a tick runs where waiting costs nothing.
        assert body_of(server.get()) == b"view"


def test_requests_that_wait_for_one_another_meet() -> None:
    barrier = threading.Barrier(3)

    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.query_string:
            barrier.wait(TIMEOUT)

        return text(name().encode())

    with serving(respond) as server:
        prove_quick(server)

        with (
            asked(server, "/?1") as one,
            asked(server, "/?2") as two,
            asked(server, "/?3") as three,
        ):
            for connection in (one, two, three):
                assert read_all(connection).startswith(b"HTTP/1.1 200 OK")


def test_a_view_may_ask_its_own_server() -> None:
    addresses: list[tuple[str, int]] = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.query_string:
            host, port = addresses[0]
            inner = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
            inner.request("GET", "/")
            answer = inner.getresponse().read()
            inner.close()
            return text(b"inner: " + answer)

        return text(name().encode())

    with serving(respond) as server:
        addresses.append(server.address)
        prove_quick(server)

        assert body_of(server.get("/?own")).startswith(b"inner: ")


@pytest.mark.parametrize("is_inline", [True, False])
def test_what_is_closed_late_does_not_delay_the_answer(is_inline: bool) -> None:
    gate = threading.Event()

    class Slow(list[bytes]):
        def close(self) -> None:
            if self != [b"hot"] and self != [b"view"]:
                assert gate.wait(TIMEOUT)

    def respond(head: RequestHead, body: Body | None) -> Any:
        value = b"slowly closed" if head.query_string else name().encode()
        return "200 OK", [("Content-Length", str(len(value)))], Slow([value])

    with serving(respond) as server:
        if is_inline:
            prove_quick(server)

        with asked(server, "/?slow") as connection:
            assert body_of(read_all(connection)) == b"slowly closed"

        assert server.worker.stats()["requests_in_flight"] == 1
        gate.set()
        until(lambda: server.worker.stats()["requests_in_flight"] == 0)


def test_a_piece_leaves_while_the_next_one_is_awaited() -> None:
    gate = threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            yield b"first"

            if head.query_string:
                assert gate.wait(TIMEOUT)

            yield name().encode()

        return "200 OK", [], generate()

    with serving(respond) as server:
        while not body_of(server.get()).endswith(b"3\r\nhot\r\n0\r\n\r\n"):
            pass

        with asked(server, "/?wait") as connection:
            read_until(connection, b"5\r\nfirst\r\n")
            assert body_of(server.get("/other")).startswith(b"5\r\nfirst\r\n")
            gate.set()
            assert read_all(connection) == b"3\r\nhot\r\n0\r\n\r\n"


def test_streams_that_wait_for_their_first_piece_hold_no_view_thread() -> None:
    gate = threading.Event()
    waiting = threading.Semaphore(0)

    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            waiting.release()
            assert gate.wait(TIMEOUT)
            yield b"data: late\n\n"

        if head.query_string:
            return "200 OK", [], generate()

        return text(b"hello")

    with serving(respond, threads=4) as server:
        clients = [server.connect() for _ in range(12)]

        for client in clients:
            client.sendall(request("/?events", "Connection: close\r\n"))

        for _ in clients:
            assert waiting.acquire(timeout=TIMEOUT)

        start = time.monotonic()
        assert body_of(server.get("/hello")) == b"hello"
        assert time.monotonic() - start < SOON
        gate.set()

        for client in clients:
            assert b"data: late\n\n" in read_all(client)
            client.close()


def test_an_error_before_the_first_piece_is_a_500() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            if head.query_string:
                raise ValueError("nothing has gone out")

            yield name().encode()

        return "200 OK", [], generate()

    with serving(respond) as server:
        assert server.get("/?wrong").startswith(b"HTTP/1.1 500 ")

        while not body_of(server.get()).startswith(b"3\r\nhot"):
            pass

        assert server.get("/?wrong").startswith(b"HTTP/1.1 500 ")
        messages = [str(error) for error in server.handler.errors]
        assert messages == 2 * ["nothing has gone out"]


def test_a_computation_keeps_nobody_waiting() -> None:
    begun, gate = threading.Event(), threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.query_string:
            begun.set()

            while not gate.is_set():
                sum(range(1000))

        return text(name().encode())

    with serving(respond) as server:
        prove_quick(server)

        with asked(server, "/?compute") as computing:
            assert begun.wait(TIMEOUT)
            start = time.monotonic()
            assert body_of(server.get("/other"))
            assert time.monotonic() - start < SOON
            gate.set()
            assert body_of(read_all(computing)) == b"hot"


def test_a_displaced_request_stays_on_its_thread_and_in_its_context() -> None:
    app = Flask(__name__)
    gates = {number: threading.Event() for number in range(5)}
    begun = threading.Semaphore(0)
    seen: dict[str, list[int]] = {}
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")

    def note() -> None:
        seen.setdefault(g.token, []).append(threading.get_ident())
        assert variable.get() == g.token

    @app.before_request
    def begin() -> None:
        from bustapi import request as current

        g.token = current.args.get("token", "none")
        variable.set(g.token)
        note()

    @app.teardown_request
    def end(error: BaseException | None) -> None:
        note()

    @app.get("/quick")
    def quick() -> Any:
        from bustapi import request as current

        def generate() -> Iterator[str]:
            note()

            if (number := current.args.get("number", type=int)) is not None:
                begun.release()
                assert gates[number].wait(TIMEOUT)
                note()

            yield f"{g.token} {variable.get()} {name()}"

        response = app.response_class(stream_with_context(generate()))
        response.call_on_close(note_at_close(g.token))
        return response

    def note_at_close(token: str) -> Any:
        return lambda: seen[token].append(threading.get_ident())

    with serving_app(app) as server:
        while b"none none hot" not in server.get("/quick"):
            pass

        clients = [server.connect() for _ in gates]

        for number, client in enumerate(clients):
            path = f"/quick?number={number}&token=t{number}"
            client.sendall(request(path, "Connection: close\r\n"))
            assert begun.acquire(timeout=TIMEOUT)
            assert b"other other" in server.get("/quick?token=other")

        for number in reversed(gates):
            gates[number].set()

        for number, client in enumerate(clients):
            assert f"t{number} t{number}".encode() in read_all(client)
            client.close()

        until(lambda: server.worker.stats()["requests_in_flight"] == 0)

    for number in gates:
        # before_request, the generator twice, teardown and the end of the response.
        assert len(seen[f"t{number}"]) >= 5
        assert len(set(seen[f"t{number}"])) == 1


def test_one_thread_runs_one_request_at_a_time() -> None:
    running = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        running.append(head.target)
        assert len(running) == 1
        time.sleep(0.005)
        running.pop()
        return text(name().encode())

    with serving(respond, threads=1) as server:
        clients = [server.connect() for _ in range(10)]

        for client in clients:
            client.sendall(request("/", "Connection: close\r\n"))

        for client in clients:
            assert body_of(read_all(client)) == b"single"
            client.close()


def test_a_drain_waits_for_a_displaced_request() -> None:
    begun, gate = threading.Event(), threading.Event()

    with serving(waits_where_asked(begun, gate)) as server:
        prove_quick(server)

        with asked(server, "/?wait") as waiting:
            assert begun.wait(TIMEOUT)
            server.worker.drain(TIMEOUT)
            assert not server.worker.wait(0.01)
            gate.set()
            assert body_of(read_all(waiting)) == b"hot"

        assert server.worker.wait(TIMEOUT)
