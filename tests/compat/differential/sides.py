"""The frameworks that are compared, each in a process of its own, and how to compare."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from questions import Answer, Question

HERE = Path(__file__).parent

EDGES = ("wsgi", "native", "socket")

OWNED_BY_THE_SERVER = {
    "Date": "differs by the second (RFC 9110, section 6.6.1)",
    "Server": "names the server, and ours does not name itself",
    "Connection": "says what becomes of this connection (RFC 9110, section 7.6.1)",
    "Transfer-Encoding": "frames a body of unknown length (RFC 9112, section 7)",
}
"""Fields that a WSGI application must not or need not send, and why each is left out."""

# Judged apart, over native and socket only: a Content-Length that Flask does not send. The
# server may add one behind the other fields, and it must be right. With 204 it sends none
# (RFC 9110, section 8.6), and where X-Sendfile says that a proxy will put the body in, the
# length of what is sent.

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


def difference(
    actual: Answer, expected: Answer, question: Question, way: str
) -> str | None:
    """Return how an answer differs from Flask's in what is not the server's."""
    if _is_long_chunked(question) and actual.status.startswith("413"):
        return None

    if way != "wsgi":
        if question.line in REFUSED:
            return None

        if not _can_be_sent(expected, question):
            is_refused = actual.error in {"ValueError", "RuntimeError"}
            return None if is_refused else f"{actual} was sent"

    kinds: list[tuple[object, object]] = [
        (actual.error, expected.error),
        (actual.asides, expected.asides),
        (actual.status, expected.status),
    ]

    if way == "wsgi":
        kinds.append((_fields(actual, ["Date"]), _fields(expected, ["Date"])))
        kinds.append((actual.body, expected.body))
    else:
        is_bodiless = question.method == "HEAD" or expected.status[:3] in {"204", "304"}
        body = "" if is_bodiless else expected.body
        found = _fields(actual, OWNED_BY_THE_SERVER)
        fields = _sent_fields(expected, is_bodiless)
        added = _added_length(found, fields)
        kinds.append((found[:-1] if added else found, fields))
        kinds.append((actual.body, body))

        if added and not is_bodiless:
            kinds.append((added, str(len(body))))

    for ours, theirs in kinds:
        if ours != theirs:
            return f"{ours!r}\n    instead of {theirs!r}"

    return None


def _can_be_sent(answer: Answer, question: Question) -> bool:
    """Return whether HTTP has a form for an answer; the server raises an error if not.

    A status is a number from 200 to 999 (1xx is not a final answer: RFC 9110, section
    15.2), field values are Latin-1 (PEP 3333), and a body is as long as it says.
    """
    if answer.error:
        return True

    is_latin1 = all(ord(c) < 256 for _, value in answer.headers for c in value)
    status = answer.status.split()[0]
    length = None if _is_from_a_proxy(answer) else _length(answer)
    is_whole = (
        question.method == "HEAD"
        or status in {"204", "304"}
        or length in {None, str(len(answer.body))}
    )
    return 200 <= int(status) <= 999 and is_latin1 and is_whole


def _is_from_a_proxy(answer: Answer) -> bool:
    return any(name == "X-Sendfile" for name, _ in answer.headers)


def _is_long_chunked(question: Question) -> bool:
    """Return whether a chunked body is longer than the application allows.

    Flask reads as many bytes as are allowed and takes them for the body. Here it is 413.
    """
    limit = question.config.get("MAX_CONTENT_LENGTH")
    is_chunked = any(name == "Transfer-Encoding" for name, _ in question.fields)
    return limit is not None and is_chunked and len(question.body or "") > limit


def _sent_fields(answer: Answer, is_bodiless: bool) -> list[tuple[str, str]]:
    """Return Flask's fields as our server is to send them."""
    fields = _fields(answer, OWNED_BY_THE_SERVER)

    if answer.status.startswith("204"):
        return [field for field in fields if field[0].lower() != "content-length"]

    if is_bodiless or not _is_from_a_proxy(answer):
        return fields

    return [
        (name, str(len(answer.body)) if name.lower() == "content-length" else value)
        for name, value in fields
    ]


def _added_length(
    found: list[tuple[str, str]], fields: list[tuple[str, str]]
) -> str | None:
    """Return the Content-Length that the server put behind the fields, if it did."""
    is_declared = any(name.lower() == "content-length" for name, _ in fields)

    if is_declared or not found or found[-1][0] != "Content-Length":
        return None

    return found[-1][1]


def _fields(answer: Answer, left_out: Iterable[str]) -> list[tuple[str, str]]:
    names = {name.lower() for name in left_out}
    return [
        (name, value) for name, value in answer.headers if name.lower() not in names
    ]


def comparable_fields(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out the server's fields, the order of a set, and the time of a cookie's end."""
    owned = {name.lower() for name in OWNED_BY_THE_SERVER}
    kept = []

    for name, value in fields:
        if name == "Allow":
            value = ", ".join(sorted(value.split(", ")))

        if name.lower() not in owned:
            kept.append((name, re.sub(r"Expires=[^;]+", "Expires=…", value)))

    return kept


def _length(answer: Answer) -> str | None:
    found = [
        value for name, value in answer.headers if name.lower() == "content-length"
    ]
    assert len(found) <= 1
    return found[0] if found else None
