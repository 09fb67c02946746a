"""What Flask's modules bind is here too: names, signatures, values, commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from interpreters import output_of

HERE = Path(__file__).parent

PRIVATE = "A private helper of Flask's that no known package takes."
LAYERS = "The module is below the one that defines it, and imports go down only."
BEFORE_2_0 = "Its options have the names of before Flask 2.0 too, for BustAPI."
ONE_CONTEXT = "One class is the context with and without a request."
STREAMED = "Whether the body is read while it comes; an option of our routes."
THREADED = "Whether it stays off the thread of the event loop; an option of our routes."
OWN_WORDS = "The first line is Flask's; the advice below it is in our own words."
HELP = "A subclass whose help names the default and the environment variable."

ABSENT = {
    "flask.cli._called_with_wrong_args": PRIVATE,
    "flask.cli._env_file_callback": PRIVATE,
    "flask.cli._path_is_ancestor": PRIVATE,
    "flask.debughelpers.App": LAYERS,
    "flask.debughelpers.Blueprint": LAYERS,
    "flask.sansio.app._wz_redirect": PRIVATE,
    "flask.testing._get_werkzeug_version": PRIVATE,
    "flask.testing._werkzeug_version": PRIVATE,
    "a AppContext._cv_tokens": PRIVATE,
    "a RequestContext._cv_tokens": PRIVATE,
}
"""Names of Flask that are not here, each with the reason."""

DIFFERENT = {
    "flask.app.RequestContext": ONE_CONTEXT,
    "flask.cli._app_option": HELP,
    "flask.cli._debug_option": HELP,
    "flask.cli._env_file_option": HELP,
    "flask.ctx.AppContext.__init__": ONE_CONTEXT,
    "flask.ctx.RequestContext": ONE_CONTEXT,
    "flask.ctx.RequestContext <-": ONE_CONTEXT,
    "flask.ctx.RequestContext.__init__": "A native request has no environ.",
    "flask.helpers.send_file": BEFORE_2_0,
    "flask.send_file": BEFORE_2_0,
    "flask.globals._no_app_msg": OWN_WORDS,
    "flask.globals._no_req_msg": OWN_WORDS,
}
"""Names that are something else here than in Flask, each with the reason."""

ADDED = {
    "flask.views.MethodView.stream_request": STREAMED,
    "flask.views.View.stream_request": STREAMED,
    "flask.views.MethodView.threaded": THREADED,
    "flask.views.View.threaded": THREADED,
    "flask.app.Flask.native_app": "The edge beside ``wsgi_app``.",
    "flask.wrappers.Response.to_wire": "The delivery beside ``__call__``.",
    "flask.ctx.AppContext.copy": ONE_CONTEXT,
    "flask.ctx.AppContext.flashes": ONE_CONTEXT,
    "flask.ctx.AppContext.match_request": ONE_CONTEXT,
    "flask.ctx.AppContext.request": ONE_CONTEXT,
    "flask.ctx.AppContext.session": ONE_CONTEXT,
    "flask.ctx.RequestContext.g": ONE_CONTEXT,
}
"""Public names of classes that Flask lacks, each with the reason."""


def names(*command: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(output_of(HERE / "flask_names.py", *command))
    return found


@pytest.fixture(scope="module")
def expected(flask_python: str) -> dict[str, str]:
    return names(flask_python)


@pytest.fixture(scope="module")
def actual() -> dict[str, str]:
    return names(sys.executable, "--alias")


def test_each_name_is_there_and_documented_where_flask_documents_it(
    expected: dict[str, str], actual: dict[str, str]
) -> None:
    missing = {
        name
        for name in expected.keys() - actual.keys()
        if name.removesuffix(" #") not in ABSENT
    }

    assert missing == set()


def test_each_name_is_what_it_is_in_flask(
    expected: dict[str, str], actual: dict[str, str]
) -> None:
    different = {
        name: (expected[name], actual[name])
        for name in expected.keys() & actual.keys()
        if expected[name] != actual[name] and name not in DIFFERENT
    }

    assert different == {}


def test_no_exception_from_the_rule_is_out_of_date(
    expected: dict[str, str], actual: dict[str, str]
) -> None:
    assert ABSENT.keys() <= expected.keys() - actual.keys()
    assert [name for name in DIFFERENT if expected[name] == actual[name]] == []


def test_the_classes_of_flask_have_no_public_name_more(
    expected: dict[str, str], actual: dict[str, str]
) -> None:
    classes = {name.removesuffix(" <-") for name in expected if name.endswith(" <-")}
    of_instances = {name[2:] for name in expected if name.startswith("a ")}
    added = {
        f"{cls}.{member}"
        for cls, _, member in (
            name.rpartition(".") for name in actual.keys() - expected.keys()
        )
        if cls in classes and member.isidentifier() and not member.startswith("_")
        if f"{cls.rpartition('.')[2]}.{member}" not in of_instances
    }

    assert added == ADDED.keys()


def test_names_that_flask_removed_stay_absent(
    expected: dict[str, str], actual: dict[str, str]
) -> None:
    for found in (expected, actual):
        assert [name for name in found if name.startswith("removed ")] == []
