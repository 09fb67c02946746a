"""A patched function is called as often as Flask calls it, and its result is used."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sides import comparable_fields

from interpreters import output_of

HERE = Path(__file__).parent / "patches"

sys.path.insert(0, str(HERE))
from calls import METHODS  # noqa: E402

OWNERS = [owner or module for module, owner in METHODS]


@cache
def observations(*command: str) -> Any:
    """Return what one side saw, which is run once."""
    return json.loads(output_of(HERE / "calls.py", *command))


def comparable(seen: list[Any], edge: str) -> list[Any]:
    """Leave out what belongs to a server, and the order of a set."""
    calls, status, headers, body = seen
    kept = comparable_fields(headers)
    return [calls, status, kept, body]


@pytest.mark.parametrize("owner", OWNERS)
def test_patches_are_called_as_by_flask(
    owner: str, edge: str, flask_python: str
) -> None:
    expected = observations(flask_python, "wsgi", owner)

    actual = observations(sys.executable, "--alias", edge, owner)

    differences = []

    for patch, requests in actual.items():
        name, _, registries = patch.split()
        reference = expected[f"{name} class {registries}"]

        for request, seen in requests.items():
            found, wanted = comparable(seen, edge), comparable(reference[request], edge)

            if found != wanted:
                differences.append((patch, request, found, wanted))

    assert differences == []
