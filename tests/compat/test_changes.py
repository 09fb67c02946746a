"""What is changed while a request is handled has the effect that it has in Flask.

One test for each row of the table in ``bustapi._plan``, and more for some of them.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from sides import comparable_fields

from interpreters import output_of

HERE = Path(__file__).parent / "changes"


@cache
def observations(*command: str) -> Any:
    """Return what one side saw, which is run once."""
    return json.loads(output_of(HERE / "run.py", *command))


def names() -> list[str]:
    """Return the names of all that is run."""
    listed: list[str] = observations(sys.executable, "--alias", "--list", "wsgi")
    return listed


def comparable(seen: Any, edge: str) -> Any:
    """Leave out what belongs to a server, and the order of a set."""
    if isinstance(seen, dict):
        return {key: comparable(value, edge) for key, value in seen.items()}

    if not isinstance(seen, list):
        return seen

    if not is_answer(seen):
        return [comparable(item, edge) for item in seen]

    method, status, headers, body = seen
    kept = comparable_fields(headers)
    # What an application answers to HEAD all the same, the server does not send.
    return [method, status, kept, "" if edge == "native" and method == "HEAD" else body]


def without_added_lengths(seen: Any, expected: Any) -> Any:
    """Leave out the lengths of whole bodies that the server puts behind the fields."""
    if isinstance(seen, dict) and isinstance(expected, dict):
        return {
            key: without_added_lengths(value, expected.get(key))
            for key, value in seen.items()
        }

    if not (isinstance(seen, list) and isinstance(expected, list)):
        return seen

    if not (is_answer(seen) and is_answer(expected)):
        pairs = zip_longest(seen, expected[: len(seen)])
        return [without_added_lengths(*pair) for pair in pairs]

    method, status, headers, body = seen
    fields = comparable_fields(headers)
    is_declared = any(name == "Content-Length" for name, _ in expected[2])

    if not is_declared and fields:
        if fields[-1] == ("Content-Length", str(len(expected[3].encode()))):
            fields.pop()

    return [method, status, fields, body]


def is_answer(seen: list[Any]) -> bool:
    return len(seen) == 4 and isinstance(seen[2], list) and isinstance(seen[0], str)


@pytest.mark.parametrize("name", names())
def test_a_change_has_the_effect_it_has_in_flask(
    name: str, edge: str, flask_python: str
) -> None:
    expected = observations(flask_python, "wsgi")[name]

    actual = observations(sys.executable, "--alias", edge)[name]

    if edge == "native":
        actual = without_added_lengths(actual, expected)

    assert comparable(actual, edge) == comparable(expected, edge)
