"""Deadlines of the native server, its end, and what its access log says."""

from __future__ import annotations

import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bustapi._bustapi import (
    Body,
    BodyError,
    RequestHead,
    Worker,
)

from .core import (
    MIB,
    TIMEOUT,
    Handler,
    Server,
    body_of,
    echo,
    hello,
    no_rules,
    post,
    read_all,
    read_until,
    request,
    serving,
    text,
    until,
)

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
