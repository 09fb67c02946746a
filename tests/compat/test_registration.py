"""Registration leaves the same registries, rules and errors as Flask's does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from interpreters import output_of

HERE = Path(__file__).parent


def registrations(*command: str) -> list[Any]:
    """Return what each generated application has after its registrations."""
    lines = output_of(HERE / "flask_registration.py", *command).splitlines()
    return [json.loads(line) for line in lines]


def test_generated_blueprints_register_as_in_flask(flask_python: str) -> None:
    expected = registrations(flask_python)
    actual = registrations(sys.executable, "--alias")

    assert len(expected) == len(actual) > 100
    for number, (theirs, ours) in enumerate(zip(expected, actual, strict=True)):
        assert ours == theirs, f"application {number}"


def test_generated_blueprints_meet_every_kind_of_outcome() -> None:
    outcomes = registrations(sys.executable, "--alias")

    errors = {error for found, _ in outcomes for error in found}
    assert {None, "ValueError", "AssertionError"} <= errors
    assert any(
        name.count(".") == 2 for _, app in outcomes for name in app["blueprints"]
    )
