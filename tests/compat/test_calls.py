"""A subclass that overrides any method is called where Flask would call it."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path

import pytest

from interpreters import output_of

HERE = Path(__file__).parent

Calls = dict[str, list[str]]

LEFT_OUT = {
    # One context serves as both, so no second one is made beside that of the request.
    ("Flask.app_context", "Flask.create_url_adapter"): (),
    # A serializer is made once for a key, not for each request; making one in Flask
    # encodes an empty object to see whether that gives text.
    (
        "SecureCookieSessionInterface.get_signing_serializer",
        "DefaultJSONProvider.dumps",
    ): ("SecureCookieSessionInterface.get_signing_serializer",),
}
"""Calls that Flask makes more often: a sequence, and what is compared of it."""


def calls(*command: str) -> Calls:
    """Return the names of the methods that each step calls."""
    found: Calls = json.loads(output_of(HERE / "flask_calls.py", *command))
    return found


@pytest.fixture(scope="module")
def expected(flask_python: str) -> Calls:
    """What Flask calls."""
    return calls(flask_python)


@pytest.fixture(scope="module")
def actual() -> Calls:
    """What this package calls."""
    return calls(sys.executable, "--alias")


def comparable(names: list[str]) -> list[str]:
    """Return the calls, of equal ones in a row only one, without what is left out."""
    remaining: list[str] = []

    # What a look-up gave may be kept or asked for again.
    for name, _ in groupby(names):
        remaining.append(name)
        for sequence, left in LEFT_OUT.items():
            if tuple(remaining[-len(sequence) :]) == sequence:
                remaining[-len(sequence) :] = left

    return remaining


def test_each_step_calls_the_methods_that_flask_calls_in_the_same_order(
    expected: Calls, actual: Calls
) -> None:
    assert expected.keys() == actual.keys()
    for step in expected:
        assert comparable(actual[step]) == comparable(expected[step]), step


def test_most_methods_are_seen(expected: Calls) -> None:
    seen = {name for names in expected.values() for name in names}

    assert len(seen) > 80
    assert {name.partition(".")[0] for name in seen} >= {
        *("Flask", "Blueprint", "Config", "Request", "FlaskClient"),
        *("DefaultJSONProvider", "SecureCookieSessionInterface"),
    }
