"""A command line has the effect and the exit status that Flask's has, also a wrong one."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from interpreters import output_of

HERE = Path(__file__).parent

Answers = dict[str, dict[str, Any]]


def answers(*command: str) -> Answers:
    """Return the answer to each command line."""
    found: Answers = json.loads(output_of(HERE / "flask_commands.py", *command))
    return found


@pytest.fixture(scope="module")
def expected(flask_python: str) -> Answers:
    """What Flask answers."""
    return answers(flask_python)


@pytest.fixture(scope="module")
def actual() -> Answers:
    """What this package answers."""
    return answers(sys.executable, "--alias")


def parts(found: Answers, *keys: str) -> dict[str, list[Any]]:
    """Return some parts of each answer."""
    return {line: [answer[key] for key in keys] for line, answer in found.items()}


def test_statuses_and_exceptions_are_equal(expected: Answers, actual: Answers) -> None:
    theirs = parts(expected, "status", "exception")

    assert parts(actual, "status", "exception") == theirs
    assert {0, 1, 2, 7} <= {status for status, _ in theirs.values()}


def test_output_is_equal_where_it_is_not_a_help_text(
    expected: Answers, actual: Answers
) -> None:
    for line, answer in expected.items():
        if "--help" not in line and "--version" not in line:
            assert actual[line]["output"] == answer["output"], line


def test_errors_name_what_the_errors_of_flask_name(
    expected: Answers, actual: Answers
) -> None:
    unnamed = {
        line: word
        for line, answer in expected.items()
        for word in re.findall(r"'([^'\s]+)'", answer["errors"])
        if word not in actual[line]["errors"]
    }

    assert unnamed == {}


def test_each_command_and_option_of_flask_is_in_the_help(
    expected: Answers, actual: Answers
) -> None:
    for line, answer in expected.items():
        if "--help" in line:
            words = re.findall(
                r"^  (-[^ ]*|[a-z]+(?=  ))", answer["output"], re.MULTILINE
            )
            assert words
            assert [w for w in words if w not in actual[line]["output"]] == [], line


def test_the_version_is_told_with_the_lines_of_flask(
    expected: Answers, actual: Answers
) -> None:
    theirs = expected["--version"]["output"].splitlines()

    ours = actual["--version"]["output"].splitlines()

    assert [line for line in ours if not line.startswith("BustAPI ")] == theirs
