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

WHOLE = "200 0123456789"
CSS = "body { color: #234; }\n"

PRECONDITIONS = {
    "an old tag": ("412 0123456789", "412 page"),
    "an old tag, css": (f"412 {CSS}", "412 page"),
    "an old tag, and a part": ("206 12", "412 page"),
    "any tag": ("412 0123456789", WHOLE),
    "a tag of none": (WHOLE, "412 page"),
    "an old date": (WHOLE, "412 page"),
    "an old date, css": (f"200 {CSS}", "412 page"),
    "an old date, and a part": ("206 12", "412 page"),
    "a known tag, and a part": ("206 12", "304 "),
    "a known tag, and a part, css": ("206 od", "304 "),
    "a known date, and a part": ("206 12", "304 "),
    "two dates": ("304 ", WHOLE),
    **{
        f"any known tag of {name}": (WHOLE, "304 ")
        for name in (
            *("bytes", "bytes-named", "bytes-attachment", "bytes-etag-true", "source"),
            *("bytes-modified", "bytes-age", "bytes-age-zero", "bytes-age-function"),
        )
    },
    "any known tag of consumed": ("200 456789", "304 "),
    "any known tag of opened": (f"200 {CSS}", "304 "),
    "any known tag of css-untagged": (f"200 {CSS}", "304 "),
}

RANGES = {
    "a suffix longer than the file": ("416 page", "206 0123456789"),
    "several parts": ("416 page", WHOLE),
    "parts that are not in order": ("416 page", WHOLE),
    "another unit": ("416 page", WHOLE),
    "an end before its beginning": ("416 page", WHOLE),
    "letters": ("416 page", WHOLE),
    "a unit alone": ("416 page", WHOLE),
    "no part": ("416 page", WHOLE),
    "HEAD": ("206 ", "200 "),
    "a weak tag": ("206 12", WHOLE),
    "a later date": ("206 12", WHOLE),
}


def sides_of(
    answers: dict[str, tuple[str, str]],
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the answers under Flask, and those here."""
    return (
        {name: theirs for name, (theirs, _) in answers.items()},
        {name: ours for name, (_, ours) in answers.items()},
    )


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
    "Preconditions of a file": sides_of(PRECONDITIONS),
    "Ranges of a file": sides_of(RANGES),
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
