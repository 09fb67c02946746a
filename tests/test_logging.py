"""The logger: its name and level, where it writes, and who configured it before."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bustapi import Flask
from bustapi.logging import default_handler, has_level_handler, wsgi_errors_stream

NAME = "isolated.application"


@pytest.fixture
def app() -> Iterator[Flask]:
    """An application whose logger has nobody above it but ``isolated``.

    pytest puts handlers on the root logger while a test runs.
    """
    above, own = logging.getLogger("isolated"), logging.getLogger(NAME)
    above.propagate = False
    above.setLevel(logging.WARNING)

    yield Flask(NAME, root_path=str(Path(__file__).parent))

    for logger in (above, own):
        logger.handlers = []
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def test_the_logger_is_named_after_the_application(app: Flask) -> None:
    assert app.logger.name == app.name == NAME
    assert app.logger is logging.getLogger(NAME)


def test_without_configuration_the_default_handler_is_added(app: Flask) -> None:
    assert app.logger.handlers == [default_handler]
    assert app.logger.level == logging.NOTSET


def test_debug_mode_sets_the_level(app: Flask) -> None:
    app.debug = True

    assert app.logger.level == logging.DEBUG


def test_debug_mode_leaves_a_level_that_was_set(app: Flask) -> None:
    app.debug = True
    logging.getLogger(NAME).setLevel(logging.WARNING)

    assert app.logger.level == logging.WARNING


def test_a_configured_logger_above_is_left_to_its_work(app: Flask) -> None:
    logging.getLogger("isolated").addHandler(logging.StreamHandler())

    assert app.logger.handlers == []


def test_messages_go_to_the_stream_of_the_server(app: Flask) -> None:
    errors = io.StringIO()

    with app.test_request_context(errors_stream=errors):
        assert wsgi_errors_stream._get_current_object() is errors
        app.logger.error("text")

    assert errors.getvalue().endswith("ERROR in test_logging: text\n")


def test_outside_of_a_request_messages_go_to_stderr(
    app: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wsgi_errors_stream._get_current_object() is sys.stderr

    app.logger.error("text")

    assert "ERROR in test_logging: text" in capsys.readouterr().err


def test_handlers_count_by_level_and_as_far_as_messages_propagate(app: Flask) -> None:
    logger = logging.getLogger(NAME)
    above = logging.getLogger("isolated")
    assert not has_level_handler(logger)

    handler = logging.StreamHandler()
    above.addHandler(handler)
    assert has_level_handler(logger)

    logger.propagate = False
    assert not has_level_handler(logger)

    logger.propagate = True
    logger.setLevel(logging.INFO)
    handler.setLevel(logging.ERROR)
    assert not has_level_handler(logger)

    handler.setLevel(logging.INFO)
    assert has_level_handler(logger)


def test_an_error_is_logged_with_its_request(app: Flask) -> None:
    errors = io.StringIO()

    @app.route("/", methods=["POST"])
    def fail() -> str:
        raise ZeroDivisionError("text")

    app.test_client().post("/", errors_stream=errors)

    assert "Exception on / [POST]" in errors.getvalue()
    assert "ZeroDivisionError: text" in errors.getvalue()
