"""A patched function is called as often as Flask calls it, and its result is used."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "patches"

sys.path.insert(0, str(HERE))
from calls import METHODS  # noqa: E402

OWNERS = [owner or module for module, owner in METHODS]

SERVER_FIELDS = {"date", "server", "connection", "transfer-encoding"}


@cache
def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run one side once."""
    python, *arguments = command
    return subprocess.run(
        [python, str(HERE / "calls.py"), *arguments],
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


def comparable(seen: list[Any], edge: str) -> list[Any]:
    """Leave out what belongs to a server, and the order of a set."""
    calls, status, headers, body = seen
    kept = []

    for name, value in headers:
        if name == "Allow":
            value = ", ".join(sorted(value.split(", ")))

        if name.lower() not in SERVER_FIELDS:
            kept.append((name, re.sub(r"Expires=[^;]+", "Expires=…", value)))

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
