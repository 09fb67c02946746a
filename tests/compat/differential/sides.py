"""The frameworks that are compared, each in a process of its own, and how to compare."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from questions import Answer, Question, read_questions

HERE = Path(__file__).parent

EDGES = ("wsgi", "native", "socket")

OWNED_BY_THE_SERVER = {
    "Date": "differs by the second (RFC 9110, section 6.6.1)",
    "Server": "names the server, and ours does not name itself",
    "Connection": "says what becomes of this connection (RFC 9110, section 7.6.1)",
    "Transfer-Encoding": "frames a body of unknown length (RFC 9112, section 7)",
}
"""Fields that a WSGI application must not or need not send, and why each is left out."""

# Not left out but compared apart, over native and socket only: Content-Length. The server
# frames each answer itself, so it writes this field last, adds it where the application
# gave a whole body without one, and does not send it with 204 (RFC 9110, section 8.6).
# Where Flask sends it, its value must be Flask's.

REFUSED = {"GET /echo Host=bad/host"}
"""What the server answers before the application is asked (RFC 9112, section 3.2)."""


class Side:
    """A process that answers questions."""

    def __init__(self, python: str, *arguments: str) -> None:
        self.name = " ".join(arguments)
        environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FLASK_", "BUSTAPI_"))
        }
        # Methods in an Allow field stand in the order of a set.
        environ["PYTHONHASHSEED"] = "0"
        self._process = subprocess.Popen(
            [python, str(HERE / "answers.py"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environ,
            text=True,
        )

    def ask(self, question: Question) -> Answer:
        """Return the answer to one question."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None

        try:
            self._process.stdin.write(question.to_json() + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass

        line = self._process.stdout.readline()

        if not line:
            errors = self.close()
            raise AssertionError(f"{self.name} ended at {question}:\n{errors}")

        return Answer.from_json(line)

    def ask_all(self, questions: Iterable[Question]) -> list[Answer]:
        """Ask one after the other; questions with the same jar share its cookies."""
        jars: dict[str, dict[str, str]] = {}
        answers = []

        for question in questions:
            cookies = jars.setdefault(question.jar, {}) if question.jar else {}

            if cookies:
                crumbs = "; ".join(f"{name}={value}" for name, value in cookies.items())
                fields = [*question.fields, ("Cookie", crumbs)]
                question = question._replace(fields=fields)

            answer = self.ask(question)
            answers.append(answer)

            for name, value in answer.cookies():
                if value is None:
                    cookies.pop(name, None)
                else:
                    cookies[name] = value

        return answers

    def close(self) -> str:
        """End the process and return what it wrote to its standard error."""
        _, errors = self._process.communicate(timeout=25)
        return errors


class Sides(NamedTuple):
    """Flask, and this package behind each of its edges."""

    flask: Side
    wsgi: Side
    native: Side
    socket: Side

    @classmethod
    def start(cls, flask_python: str) -> Sides:
        """Start the four processes."""
        ours = [Side(sys.executable, "--alias", edge) for edge in EDGES]
        return cls(Side(flask_python, "wsgi"), *ours)

    def of(self, edge: str) -> Side:
        """Return this package behind an edge."""
        side: Side = getattr(self, edge)
        return side

    def close(self) -> None:
        """End the processes; none of them may have complained."""
        errors = {side.name: side.close() for side in self}
        assert not any(errors.values()), errors


@cache
def answers_of(side: Side, name: str) -> list[Answer]:
    """Return what a side answers to all requests of a file, asked once."""
    return side.ask_all(read_questions(name))


def assert_same(actual: Answer, expected: Answer, question: Question, way: str) -> None:
    """Check that an answer is Flask's, apart from what belongs to the server."""
    assert (actual.error, actual.asides) == (expected.error, expected.asides)

    if way == "wsgi":
        assert actual == expected
        return

    assert actual.status == expected.status
    assert _fields(actual) == _fields(expected)
    is_bodiless = question.method == "HEAD" or expected.status[:3] in {"204", "304"}
    assert actual.body == ("" if is_bodiless else expected.body)
    declared = _length(expected)

    if declared is not None and not expected.status.startswith("204"):
        assert _length(actual) == declared
    elif _length(actual) is not None and not is_bodiless:
        assert _length(actual) == str(len(expected.body))


def _fields(answer: Answer) -> list[tuple[str, str]]:
    left_out = {name.lower() for name in (*OWNED_BY_THE_SERVER, "Content-Length")}
    return [(name, value) for name, value in answer.headers if name.lower() not in left_out]


def _length(answer: Answer) -> str | None:
    found = [value for name, value in answer.headers if name.lower() == "content-length"]
    assert len(found) <= 1
    return found[0] if found else None
