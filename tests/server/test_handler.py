"""The handler: which edge serves an application, and what it tells the core about it."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest

from bustapi import Flask, request
from bustapi._bustapi import FileWrapper, exchange
from bustapi.server.handler import NativeHandler, make_handler, rule_index_of


class Head:
    """Stands for a ``RequestHead`` where only the WSGI edge is looked at."""

    method = "GET"
    target = "/where?from=here"

    def environ(self) -> dict[str, Any]:
        return {"REQUEST_METHOD": "GET"}


def plain(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("X-Edge", "wsgi")])
    assert isinstance(environ["wsgi.input"], BytesIO)
    assert environ["wsgi.file_wrapper"] is FileWrapper
    return [b"plain"]


@pytest.fixture
def told(app: Flask) -> Flask:
    """An application that answers how it was called."""
    app.add_url_rule(
        "/", view_func=lambda: request.environ.get("edge", "as it is"), endpoint="told"
    )
    return app


def ask(app: Any) -> bytes:
    answer = exchange(make_handler(app), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return answer.partition(b"\r\n\r\n")[2]


def test_wsgi_application_gets_input_and_file_wrapper() -> None:
    status, headers, body = make_handler(plain).respond(Head(), None)  # type: ignore[arg-type]

    assert (status, headers, body) == ("200 OK", [("X-Edge", "wsgi")], [b"plain"])


def test_application_is_served_past_wsgi(told: Flask) -> None:
    edge = make_handler(told)

    answer = exchange(edge, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert answer.endswith(b"\r\n\r\nas it is")
    assert type(edge) is NativeHandler


def test_middleware_that_comes_later_is_passed(told: Flask) -> None:
    handler = make_handler(told)
    inner = told.wsgi_app

    def outer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["edge"] = "through middleware"
        return inner(environ, start_response)

    told.wsgi_app = outer  # type: ignore[method-assign]

    answer = exchange(handler, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.endswith(b"\r\n\r\nthrough middleware")


def test_wrapper_that_passes_attributes_through_is_called_itself(told: Flask) -> None:
    class Wrapper:
        def __getattr__(self, name: str) -> Any:
            return getattr(told, name)

        def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
            environ["edge"] = "through a wrapper"
            return told(environ, start_response)

    assert ask(Wrapper()) == b"through a wrapper"
    assert rule_index_of(Wrapper()) is None


def test_index_of_an_application_is_its_own(app: Flask) -> None:
    assert rule_index_of(app) is app._rule_index
    assert rule_index_of(plain) is None


def test_body_limit_is_read_from_the_configuration_each_time(app: Flask) -> None:
    handler = make_handler(app)
    assert handler.body_limit() is None

    app.config["MAX_CONTENT_LENGTH"] = 1000

    assert handler.body_limit() == 1000
    assert make_handler(plain).body_limit() is None


@pytest.mark.parametrize(
    ("configured", "limit"),
    [(-1, 0), (1.5, 1), (math.inf, None), (math.nan, None), ("5", None)]
    + [(2**70, sys.maxsize)],
)
def test_body_limit_that_is_no_size_of_a_body(
    app: Flask, configured: object, limit: int | None
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = configured

    assert make_handler(app).body_limit() == limit


def test_error_is_logged_by_the_application_with_request_and_traceback(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    error = LookupError("lost")

    make_handler(app).log_exception(Head(), error)  # type: ignore[arg-type]

    (record,) = caplog.records
    assert record.name == app.name
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "Unhandled exception on GET /where?from=here"
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_error_of_an_application_without_a_logger_is_logged_by_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = SimpleNamespace(logger="not a logger")

    make_handler(app).log_exception(None, ValueError("outside"))  # type: ignore[arg-type]

    (record,) = caplog.records
    assert record.name == "bustapi.server"
    assert record.getMessage() == "Unhandled exception outside of a request"
