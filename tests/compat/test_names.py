"""Every public name of Flask is here, in its module, with an equal signature."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

ABSENT: dict[str, str] = {}
"""Names of Flask that are not here, each with the reason."""

DIFFERENT = {
    "flask.ctx.AppContext.__init__": "One class is the context with and without a request.",
    "flask.ctx.RequestContext.__init__": "The same class; a native request has no environ.",
}
"""Names whose signature is not Flask's, each with the reason."""


def names(*command: str) -> dict[str, str]:
    result = subprocess.run(
        [*command[:1], "-W", "ignore", str(HERE / "flask_names.py"), *command[1:]],
        capture_output=True,
        text=True,
        timeout=25,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, str] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def expected(flask_python: str) -> dict[str, str]:
    return names(flask_python)


@pytest.fixture(scope="module")
def actual() -> dict[str, str]:
    return names(sys.executable, "--alias")


def test_each_name_is_there(expected: dict[str, str], actual: dict[str, str]) -> None:
    assert expected.keys() - actual.keys() == ABSENT.keys()


def test_each_signature_is_equal(
    expected: dict[str, str], actual: dict[str, str]
) -> None:
    different = {
        name: (expected[name], actual[name])
        for name in expected.keys() & actual.keys()
        if expected[name] != actual[name] and name not in DIFFERENT
    }

    assert different == {}
