"""Signals: their names, and when they are sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

import bustapi
from bustapi import Flask, flash, g
from bustapi.signals import _signals

NAMES = [
    "appcontext_popped",
    "appcontext_pushed",
    "appcontext_tearing_down",
    "before_render_template",
    "got_request_exception",
    "message_flashed",
    "request_finished",
    "request_started",
    "request_tearing_down",
    "template_rendered",
]


@contextmanager
def recording(app: Flask) -> Iterator[list[str]]:
    """Note the names of the signals that an application sends."""
    seen: list[str] = []

    with ExitStack() as stack:
        for name in NAMES:

            def receive(sender: Flask, name: str = name, **values: Any) -> None:
                seen.append(name)

            signal = getattr(bustapi, name)
            stack.enter_context(signal.connected_to(receive, app))

        yield seen


def test_signals_have_flasks_names() -> None:
    assert sorted(_signals) == [name.replace("_", "-") for name in NAMES]
    for name in NAMES:
        assert _signals[name.replace("_", "-")] is getattr(bustapi, name)


def test_a_request_sends_its_signals_in_order(app: Flask) -> None:
    app.add_url_rule("/", "index", lambda: bustapi.render_template_string(""))

    with recording(app) as seen:
        app.test_client().get("/")

    assert seen == [
        "appcontext_pushed",
        "request_started",
        "before_render_template",
        "template_rendered",
        "request_finished",
        "request_tearing_down",
        "appcontext_tearing_down",
        "appcontext_popped",
    ]


def test_an_error_is_announced_before_it_is_answered(app: Flask) -> None:
    app.testing = False
    error = ZeroDivisionError()

    @app.route("/")
    def fail() -> str:
        raise error

    received: list[Any] = []

    def receive(sender: Flask, exception: Exception) -> None:
        received.append((sender, exception))

    with bustapi.got_request_exception.connected_to(receive, app):
        with recording(app) as seen:
            assert app.test_client().get("/").status_code == 500

    assert received == [(app, error)]
    assert seen[1:4] == ["request_started", "got_request_exception", "request_finished"]


def test_a_receiver_connected_later_is_called(app: Flask) -> None:
    app.add_url_rule("/", "index", lambda: "")
    client = app.test_client()
    client.get("/")

    with recording(app) as seen:
        client.get("/")

    assert "request_started" in seen


def test_a_flashed_message_is_announced(app: Flask, req_ctx: object) -> None:
    received: list[Any] = []

    def receive(sender: Flask, **values: Any) -> None:
        received.append((sender, values))

    with bustapi.message_flashed.connected_to(receive, app):
        flash("saved", "info")

    assert received == [(app, {"message": "saved", "category": "info"})]


def test_a_receiver_may_be_a_coroutine_function(app: Flask) -> None:
    async def receive(sender: Flask) -> None:
        g.received = True

    app.add_url_rule("/", "index", lambda: str(g.get("received")))

    with bustapi.request_started.connected_to(receive, app):
        assert app.test_client().get("/").text == "True"


@pytest.mark.parametrize("kind", ["request_tearing_down", "appcontext_tearing_down"])
def test_a_teardown_signal_carries_the_error(app: Flask, kind: str) -> None:
    received: list[Any] = []

    def receive(sender: Flask, exc: BaseException | None) -> None:
        received.append(exc)

    error = ValueError()
    with getattr(bustapi, kind).connected_to(receive, app):
        with pytest.raises(ValueError), app.test_request_context():
            raise error

    assert received == [error]
