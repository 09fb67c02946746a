"""The same application under Flask and under this package gives the same answers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "differential"

sys.path.insert(0, str(HERE))
from answers import Answer, Question, read_questions  # noqa: E402

QUESTIONS = read_questions()

# A server's own fields. Date differs by the second; the others are not the application's.
SERVER_FIELDS = {"date", "server", "connection", "transfer-encoding"}

# What the server refuses before the application is asked (RFC 9112, section 3.2).
REFUSED = {"GET /echo Host=bad/host"}


@cache
def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Ask one side everything, once."""
    python, *arguments = command
    return subprocess.run(
        [python, str(HERE / "answers.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=25,
    )


@cache
def answers(*command: str) -> list[Answer]:
    """Return what one side answers to every question."""
    result = run(*command)
    assert result.returncode == 0, result.stderr
    return [
        Answer(status, [(name, value) for name, value in headers], body)
        for status, headers, body in json.loads(result.stdout)
    ]


def comparable(answer: Answer) -> Answer:
    """Leave out what is a server's, the clock's, and the order of a set."""
    headers = [
        (name, comparable_value(name, value))
        for name, value in answer.headers
        if name.lower() not in SERVER_FIELDS
    ]
    return answer._replace(headers=headers)


def comparable_value(name: str, value: str) -> str:
    if name == "Set-Cookie":
        return re.sub(r"Expires=[^;]+", "Expires=…", value)
    if name == "Expires":
        return "…"
    return ", ".join(sorted(value.split(", "))) if name == "Allow" else value


@pytest.mark.parametrize(
    ("number", "question"),
    [pytest.param(i, q, id=q.line[:60]) for i, q in enumerate(QUESTIONS)],
)
def test_wsgi_answers_like_flask(
    number: int, question: Question, flask_python: str
) -> None:
    expected = answers(flask_python, "wsgi")[number]

    actual = answers(sys.executable, "--alias", "wsgi")[number]

    assert comparable(actual) == comparable(expected)


@pytest.mark.parametrize(
    ("number", "question"),
    [
        pytest.param(i, q, id=q.line[:60])
        for i, q in enumerate(QUESTIONS)
        if q.line not in REFUSED
    ],
)
def test_native_answers_like_flask(
    number: int, question: Question, flask_python: str
) -> None:
    """The server adds Content-Length where Flask leaves it out, and may move it."""
    expected = comparable(answers(flask_python, "wsgi")[number])

    actual = comparable(answers(sys.executable, "--alias", "native")[number])

    def others(answer: Answer) -> list[tuple[str, str]]:
        return [field for field in answer.headers if field[0] != "Content-Length"]

    assert actual.status == expected.status
    assert others(actual) == others(expected)
    assert actual.body == ("" if question.method == "HEAD" else expected.body)
    if ("Content-Length", str(len(expected.body))) in expected.headers:
        assert ("Content-Length", str(len(expected.body))) in actual.headers
