"""What Flask keeps in an instance is read, set, deleted and patched here as there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from interpreters import output_of

SCRIPT = Path(__file__).parent / "flask_attributes.py"

NOT_LOOKED_AT = {"host", "cookies"}
"""Parts of a request that Flask looks at itself, to match and to open the session.

Deleting them without a look is a ``KeyError`` here, as it is in Flask for ``args``.
"""

KEPT_APART = {
    *("request", "_session", "_after_request_functions"),
    *("headers", "response", "_on_close"),
}
"""Attributes of contexts and responses that ``vars`` shows under another name."""


@pytest.fixture(scope="module")
def expected(flask_python: str) -> dict[str, Any]:
    """What Flask's objects do."""
    outcomes: dict[str, Any] = json.loads(output_of(SCRIPT, flask_python, "wsgi"))
    return outcomes


def test_attributes_are_handled_as_by_flask(
    edge: str, expected: dict[str, Any]
) -> None:
    actual = json.loads(output_of(SCRIPT, sys.executable, "--alias", edge))

    differences = {
        walk: (outcomes, expected[walk])
        for walk, outcomes in actual.items()
        if outcomes != expected[walk] and not is_known(walk)
    }
    assert actual.keys() == expected.keys()
    assert differences == {}


def is_known(walk: str) -> bool:
    """Return whether a difference is one of those above."""
    attribute, _, words = walk.partition(": ")
    owner, _, name = attribute.rpartition(".")

    if "kept" in words.split():
        return name in KEPT_APART and not owner.startswith("request")

    return name in NOT_LOOKED_AT and words.startswith("delete")
