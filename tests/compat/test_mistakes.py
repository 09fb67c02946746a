"""A mistake in putting an application together raises and warns as in Flask."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from interpreters import output_of

HERE = Path(__file__).parent

Outcomes = dict[str, dict[str, Any]]

INDEX = (
    "A list of tokens tells that nothing was pushed; an IndexError is a LookupError."
)

DIFFERENT = {
    "popping_a_context_that_is_not_pushed": INDEX,
    "popping_an_app_context_that_is_not_pushed": INDEX,
}
"""Mistakes that another class of error answers, each with the reason."""


def outcomes(*command: str) -> Outcomes:
    """Return what each mistake raises, returns and warns of."""
    found: Outcomes = json.loads(output_of(HERE / "flask_mistakes.py", *command))
    return found


@pytest.fixture(scope="module")
def expected(flask_python: str) -> Outcomes:
    """What Flask does."""
    return outcomes(flask_python)


@pytest.fixture(scope="module")
def actual() -> Outcomes:
    """What this package does."""
    return outcomes(sys.executable, "--alias")


def without_messages(found: Outcomes) -> Outcomes:
    """Return the outcomes without the texts of errors, which are our own."""
    return {
        name: {key: value for key, value in outcome.items() if key != "message"}
        for name, outcome in found.items()
        if name not in DIFFERENT
    }


def test_the_same_errors_are_raised_and_the_same_warnings_given(
    expected: Outcomes, actual: Outcomes
) -> None:
    assert without_messages(actual) == without_messages(expected)


def test_messages_name_what_the_messages_of_flask_name(
    expected: Outcomes, actual: Outcomes
) -> None:
    unnamed = {
        name: (word, actual[name]["message"])
        for name, outcome in expected.items()
        if name not in DIFFERENT
        for word in re.findall(r"'([^'\s]+?)=?'", outcome.get("message", ""))
        if word not in actual[name]["message"]
    }

    assert unnamed == {}


def test_an_error_that_differs_is_still_caught_by_whoever_catches_the_one_of_flask(
    expected: Outcomes, actual: Outcomes
) -> None:
    for name in DIFFERENT:
        assert expected[name]["raised"][0] in actual[name]["raised"][1:]


def test_no_mistake_raises_an_error_that_comes_from_the_test(
    expected: Outcomes,
) -> None:
    strange = {
        name: outcome["message"]
        for name, outcome in expected.items()
        if outcome.get("raised", [""])[0] in {"NameError", "ImportError", "SyntaxError"}
    }

    assert strange == {}
