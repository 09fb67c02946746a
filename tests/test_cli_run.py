"""The command ``run``: its options, and what it starts."""

from __future__ import annotations

import os
import ssl
import sys
import types
from collections.abc import Callable
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import bustapi.server
from bustapi import Flask, cli
from bustapi.cli import (
    FlaskGroup,
    run_command,
)

pytestmark = pytest.mark.usefixtures("process_as_before")


Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]


def invoke(command: click.Command, *arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(command, list(arguments), **options)


@pytest.fixture
def development(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Calls of Werkzeug's server, which are recorded only."""
    calls: Calls = []
    monkeypatch.setattr(cli, "run_simple", lambda *a, **kw: calls.append((a, kw)))
    return calls


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Calls of our own server, which are recorded only."""
    calls: Calls = []
    monkeypatch.setattr(
        bustapi.server, "serve_loaded", lambda *a, **kw: calls.append((a, kw))
    )
    return calls


@pytest.fixture
def run() -> Callable[..., Result]:
    """Return a function that invokes ``run`` with an application."""
    app = Flask("app")

    def run(*arguments: str) -> Result:
        return invoke(FlaskGroup(create_app=lambda: app), "run", *arguments)

    return run


def test_run_serves_with_our_own_server(
    run: Callable[..., Result], production: Calls, development: Calls
) -> None:
    result = run()

    assert result.exit_code == 0, result.output
    (((load, settings), options),) = production
    assert settings == bustapi.server.Settings()
    assert load().name == "app"
    assert options == {"name": None}
    assert development == []


def test_run_passes_the_options_of_our_own_server(
    run: Callable[..., Result], production: Calls
) -> None:
    run(
        *("shop:app", "--host", "0.0.0.0", "-p", "80", "--workers", "3"),
        *("--threads", "8", "--no-access-log"),
        *("--keep-alive", "5", "--head-timeout", "4.5", "--body-timeout", "4"),
        *("--body-rate", "0", "--write-timeout", "3", "--linger-timeout", "0"),
        *("--graceful-timeout", "2"),
    )

    (((_, settings), options),) = production
    assert settings == bustapi.server.Settings(
        host="0.0.0.0",
        port=80,
        workers=3,
        threads=8,
        access_log=False,
        keep_alive_timeout=5,
        head_timeout=4.5,
        body_timeout=4,
        body_rate=0,
        write_timeout=3,
        linger_timeout=0,
        graceful_timeout=2,
    )
    assert options == {"name": "shop:app"}


def test_run_takes_options_from_variables(
    run: Callable[..., Result], production: Calls
) -> None:
    os.environ.update(FLASK_RUN_PORT="81", FLASK_RUN_WORKERS="auto")

    run()

    assert production[0][0][1] == bustapi.server.Settings(port=81, workers="auto")


def test_run_without_threads_has_one(
    run: Callable[..., Result], production: Calls
) -> None:
    run("--without-threads")

    assert production[0][0][1].threads == 1


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--workers", "0"], "0 is not in the range"),
        (["--workers", "many"], "'many' is not a valid"),
        (["--port", "70000"], "'port' must be from 0 to 65535"),
        (["--threads", "0"], "0 is not in the range"),
        (["--keep-alive", "0"], "0.0 is not in the range"),
        (["--body-rate", "-1"], "-1 is not in the range"),
        (["--linger-timeout", "inf"], "'linger_timeout' must be a number of seconds"),
    ],
)
def test_run_refuses_values_out_of_range(
    run: Callable[..., Result], production: Calls, option: list[str], message: str
) -> None:
    result = run(*option)

    assert result.exit_code == 2
    assert message in result.stderr
    assert production == []


@pytest.mark.parametrize(
    ("arguments", "reloads", "debugs"),
    [
        (["--debug"], True, True),
        (["--reload"], True, False),
        (["--debugger"], False, True),
        (["--debug", "--no-reload"], False, True),
    ],
)
def test_run_for_development_uses_werkzeugs_server(
    run: Callable[..., Result],
    development: Calls,
    production: Calls,
    arguments: list[str],
    reloads: bool,
    debugs: bool,
) -> None:
    result = run(*arguments, "--without-threads", "--extra-files", __file__)

    ((arguments_, options),) = development
    assert arguments_[:2] == ("127.0.0.1", 5000)
    assert options == {
        "use_reloader": reloads,
        "use_debugger": debugs,
        "threaded": False,
        "ssl_context": None,
        "extra_files": [__file__],
        "exclude_patterns": None,
    }
    assert "Debug mode: " in result.output
    assert production == []


def test_run_for_development_has_one_process(run: Callable[..., Result]) -> None:
    result = run("--debug", "--workers", "2")

    assert result.exit_code == 2
    assert "has one process" in result.stderr


def test_reloader_waits_with_an_application_that_shows_the_error(
    development: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Flask:
        raise ValueError("broken by an edit")

    group = FlaskGroup(create_app=fail)
    assert isinstance(invoke(group, "run", "--debug").exception, ValueError)

    monkeypatch.setenv("WERKZEUG_RUN_MAIN", "true")
    invoke(group, "run", "--debug")

    (((_, _, app), _),) = development
    with pytest.raises(ValueError, match="broken by an edit"):
        app({}, None)


def parameters(*arguments: str) -> dict[str, Any]:
    return run_command.make_context("run", list(arguments)).params


def test_certificate_file_is_joined_to_its_key_in_any_order() -> None:
    pair = (__file__, __file__)

    assert parameters("--cert", __file__, "--key", __file__)["cert"] == pair
    assert parameters("--key", __file__, "--cert", __file__)["cert"] == pair


def test_certificate_can_be_a_context_or_made_on_the_spot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    monkeypatch.setitem(sys.modules, "a_context", context)
    monkeypatch.setitem(sys.modules, "cryptography", types.ModuleType("cryptography"))

    assert parameters("--cert", "a_context")["cert"] is context
    assert parameters("--cert", "adhoc")["cert"] == "adhoc"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cert", __file__], "is a file and needs its key"),
        (["--key", __file__], "needs its certificate"),
        (["--cert", "adhoc", "--key", __file__], "has its key already"),
        (["--cert", "a_context", "--key", __file__], "has its key already"),
        (["--cert", "no_such_module"], "does not exist"),
    ],
)
def test_certificate_and_key_that_do_not_fit_are_refused(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    monkeypatch.setitem(sys.modules, "a_context", context)
    monkeypatch.setitem(sys.modules, "cryptography", types.ModuleType("cryptography"))

    with pytest.raises(click.BadParameter, match=message):
        parameters(*arguments)


@pytest.mark.parametrize(
    ("missing", "value", "message"),
    [
        ("cryptography", "adhoc", "needs the package cryptography"),
        ("ssl", "anything", "built with SSL support"),
    ],
)
def test_certificate_without_what_it_needs_is_refused(
    monkeypatch: pytest.MonkeyPatch, missing: str, value: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(click.BadParameter, match=message):
        parameters("--cert", value)
