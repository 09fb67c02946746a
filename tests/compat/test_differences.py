"""What the page of differences says is so, under Flask and here."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from interpreters import output_of

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reference" / "differences-from-flask.md"

CONTEXT = "Working outside of application context."
COMMANDS = ["routes", "run", "shell"]

DIFFERENCES: dict[str, tuple[object, object]] = {
    "Modules": (
        ["flask.app", "<Flask 'shop'>", "shop"],
        ["bustapi.app", "<Flask 'shop'>", "shop"],
    ),
    "Pickles": (True, False),
    "The program": (["flask", COMMANDS], ["bustapi", ["exec", *COMMANDS]]),
    "Texts": ([CONTEXT, True], [CONTEXT, False]),
    "Template decorators without parentheses": (False, True),
    "`OPTIONS` that was asked for": (405, 200),
    "One class of context": ([False, False], [True, True]),
    "What Flask removed": ([False, False], [False, True]),
    "Popping a context that is not pushed": ("LookupError", "IndexError"),
    "Lazy attributes": (True, False),
    "Copies of a response": ([True, True], [False, True]),
    "A stream read inside another context": (["request's"], ["other's"]),
    "Calls that are made less often": (2, 1),
    "A chunked body beyond the limit": (200, 413),
}
"""Outcomes under Flask and here, by the heading that tells of them."""


def outcomes(*command: str) -> dict[str, Any]:
    """Return what one side answers to every question."""
    found: dict[str, Any] = json.loads(
        output_of(HERE / "flask_differences.py", *command)
    )
    return found


def test_flask_does_what_the_page_says(flask_python: str) -> None:
    assert outcomes(flask_python) == {
        heading: theirs for heading, (theirs, _) in DIFFERENCES.items()
    }


def test_this_package_does_what_the_page_says() -> None:
    assert outcomes(sys.executable, "--alias") == {
        heading: ours for heading, (_, ours) in DIFFERENCES.items()
    }


def test_each_difference_has_its_heading() -> None:
    headings = re.findall(r"^### (.*)$", PAGE.read_text(), re.MULTILINE)

    assert DIFFERENCES.keys() <= set(headings)


def test_each_difference_gives_four_answers() -> None:
    sections = re.split(r"^### ", PAGE.read_text(), flags=re.MULTILINE)[1:]

    for section in sections:
        answers = re.findall(r"^- \*\*([^*]+):\*\*", section, re.MULTILINE)
        assert answers == ["Flask", "Here", "Why", "Flask's way"], section
