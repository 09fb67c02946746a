"""What is changed while a request is handled has the effect that it has in Flask.

One test for each row of the table in ``bustapi._plan``, and more for some of them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "changes"

SERVER_FIELDS = {"date", "server", "connection", "transfer-encoding"}


@cache
def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run one side once."""
    python, *arguments = command
    return subprocess.run(
        [python, str(HERE / "run.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=25,
    )


@cache
def observations(*command: str) -> Any:
    """Return what one side saw."""
    result = run(*command)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


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
    kept = []

    for name, value in headers:
        if name == "Allow":
            value = ", ".join(sorted(value.split(", ")))

        if name.lower() not in SERVER_FIELDS:
            kept.append([name, re.sub(r"Expires=[^;]+", "Expires=…", value)])

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
    fields = [field for field in headers if field[0].lower() not in SERVER_FIELDS]
    is_declared = any(name == "Content-Length" for name, _ in expected[2])

    if not is_declared and fields:
        if fields[-1] == ["Content-Length", str(len(expected[3].encode()))]:
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
