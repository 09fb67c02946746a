"""Measure what each stage of a native request costs, without a server.

    .venv/bin/python -m benchmarks.stages

Thread CPU time per call, the least of many batches, in nanoseconds; the cost of the empty
call is taken off. The request is a plain ``GET`` of a view that returns a response, the
one that the budget of a native request is written for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bustapi import Flask, Response, _bustapi
from bustapi.ctx import AppContext
from bustapi.server.handler import make_handler

BATCHES = 60
CALLS = 2000
REQUEST = b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PIPELINED = 200

app = Flask("stages")


@app.route("/plaintext")
def plaintext() -> Response:
    return Response("Hello, World!", mimetype="text/plain")


class Recorder:
    """A handler that keeps the heads it is given."""

    def __init__(self) -> None:
        self.heads: list[_bustapi.RequestHead] = []
        self._handler = make_handler(app)

    def respond(
        self, head: _bustapi.RequestHead, body: _bustapi.Body | None
    ) -> _bustapi.Wire:
        self.heads.append(head)
        return self._handler.respond(head, body)

    def body_limit(self) -> int | None:
        return None

    def log_exception(
        self, head: _bustapi.RequestHead | None, error: BaseException
    ) -> None:
        raise error


class Constant(Recorder):
    """A handler that answers without the application."""

    def respond(
        self, head: _bustapi.RequestHead, body: _bustapi.Body | None
    ) -> _bustapi.Wire:
        return 200, b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n", b"Hello, World!"


def least(function: Callable[[], Any], calls: int = CALLS) -> float:
    """Return the CPU time of one call in nanoseconds."""
    best = float("inf")

    for _ in range(BATCHES):
        start = time.thread_time()

        for _ in range(calls):
            function()

        best = min(best, time.thread_time() - start)

    return best / calls * 1e9


def main() -> None:
    recorder = Recorder()

    # The first request builds the index, the second one is found in it.
    for _ in range(2):
        _bustapi.exchange(recorder, REQUEST, index=app._rule_index)

    head = recorder.heads[-1]
    assert head.hit is not None
    context = AppContext._from_head(app, head, None)
    pushed = AppContext._from_head(app, head, None)
    response = plaintext()

    def push_and_pop() -> None:
        context.push()
        context.pop(None)

    empty = least(lambda: None)
    rows: list[tuple[str, Callable[[], Any]]] = [
        ("which edge", app._has_native_edge),
        ("context from the head", lambda: AppContext._from_head(app, head, None)),
        ("push and pop", push_and_pop),
        ("  of that: routing", lambda: app._match_natively(pushed)),
        (
            "  of that: session put off",
            lambda: app._may_defer_session(pushed, app.session_interface),
        ),
        ("  of that: two teardowns", _teardowns),
    ]
    inside: list[tuple[str, Callable[[], Any]]] = [
        ("preprocess_request", app.preprocess_request),
        ("dispatch_request with the view", app.dispatch_request),
        ("  of that: the view", plaintext),
        ("finalize_request", lambda: app.finalize_request(response)),
        ("to_wire", lambda: response.to_wire(pushed)),
    ]

    for name, function in rows:
        print(f"{name:34} {least(function) - empty:8.0f} ns")

    pushed.push()

    for name, function in inside:
        print(f"{name:34} {least(function) - empty:8.0f} ns")

    pushed.pop(None)
    whole = least(lambda: app.native_app(head, None)) - empty
    print(f"{'native_app, all of it':34} {whole:8.0f} ns")
    data = REQUEST * PIPELINED
    core = _exchange(Constant(), data)
    print(f"{'core: parse, look up, encode':34} {core:8.0f} ns")
    print(f"{'core and application':34} {_exchange(make_handler(app), data):8.0f} ns")


def _teardowns() -> None:
    app.do_teardown_request(None)
    app.do_teardown_appcontext(None)


def _exchange(handler: _bustapi.Handler, data: bytes) -> float:
    index = app._rule_index
    whole = least(lambda: _bustapi.exchange(handler, data, index=index), calls=20)
    return whole / PIPELINED


if __name__ == "__main__":
    main()
