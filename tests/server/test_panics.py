"""A bug in the core costs its request: 500, closed, and the next one is served."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from bustapi._bustapi import Body, RequestHead, Worker

from .core import Handler, Server, body_of, request, serving, text, until


def respond(head: RequestHead, body: Body | None) -> Any:
    name = threading.current_thread().name.encode()

    if head.query_string == b"stream":
        return "200 OK", [], iter([b"one", name])

    return text(name)


def ask(server: Server, path: str = "/") -> bytes:
    """Return the answer to a request, empty if the connection was cut."""
    try:
        return server.get(path)
    except ConnectionError:
        return b""


@pytest.mark.parametrize("point", ["read", "parse", "dispatch", "view", "encode"])
@pytest.mark.parametrize("thread", ["view", "hot"])
def test_a_panic_is_a_500_and_the_next_request_is_served(
    point: str, thread: str
) -> None:
    with serving(respond) as server, server.connect() as other:
        if thread == "hot":
            until(lambda: body_of(server.get()) == b"hot")

        other.sendall(request())
        server.worker._inject_fault(point, 1)
        answers = [ask(server) for _ in range(5)]
        failed = [answer for answer in answers if b" 200 OK\r\n" not in answer]

        # The fault may have struck the other connection instead.
        assert len(failed) <= 1

        for answer in failed:
            assert answer.startswith(b"HTTP/1.1 500 ")
            assert b"\r\nConnection: close\r\n" in answer

        assert b"panicked" in str(server.handler.errors[0]).encode()
        assert len(server.handler.errors) == 1
        assert server.worker.stats()["requests_in_flight"] == 0


@pytest.mark.parametrize("point", ["note", "encode", "view"])
def test_a_panic_of_a_stream_ends_its_connection_alone(point: str) -> None:
    with serving(respond) as server:
        server.worker._inject_fault(point, 1)
        ask(server, "/?stream")

        until(lambda: len(server.handler.errors) == 1)
        assert body_of(server.get("/?stream")).startswith(b"3\r\none\r\n")
        until(lambda: server.worker.stats()["requests_in_flight"] == 0)


def test_the_loop_rests_after_panics() -> None:
    with serving(respond) as server:
        for point in ("read", "parse", "dispatch", "view", "encode", "note"):
            server.worker._inject_fault(point, 3)

            for _ in range(5):
                ask(server)

        used = time.process_time()
        assert not server.worker.wait(0.3)
        assert time.process_time() - used < 0.1
        assert b" 200 OK" in ask(server)


def test_a_point_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no point"):
        Worker(Handler(respond), [], print)._inject_fault("nowhere", 1)
