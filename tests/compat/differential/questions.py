"""What both sides are asked and what they answer, as data that fits on a line."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent

NOW = 1_700_000_000
"""Time at which all requests are made that name no other, in seconds since 1970."""


class Question(NamedTuple):
    """A request to one of the applications, with what the configuration has besides."""

    method: str
    target: str
    fields: list[tuple[str, str]] = []
    body: str | None = None
    app: str = "main"
    config: dict[str, Any] = {}
    now: int = NOW
    jar: str = ""
    line: str = ""

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps(self._asdict())

    @classmethod
    def from_json(cls, line: str) -> Question:
        """Return what :meth:`to_json` wrote."""
        values = json.loads(line)
        values["fields"] = [(name, value) for name, value in values["fields"]]
        return cls(**values)

    def sent_fields(self) -> list[tuple[str, str]]:
        """Return the header fields, those that every client sends included."""
        fields = list(self.fields)
        names = {name.lower() for name, _ in fields}

        if "host" not in names:
            fields.insert(0, ("Host", "localhost"))

        if self.body is not None and "transfer-encoding" not in names:
            fields.append(("Content-Length", str(len(self.body))))

        return fields


class Answer(NamedTuple):
    """A response, or the error that left the application, and what was said aside.

    When the error came before the first piece of a body, ``status``, ``headers`` and
    ``body`` are empty: what a server makes of it is the server's. When it came later they
    are what had been sent. ``body`` is text in Latin-1, so any bytes.
    """

    status: str
    headers: list[tuple[str, str]]
    body: str
    error: str = ""
    asides: list[str] = []

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps(self)

    @classmethod
    def from_json(cls, line: str) -> Answer:
        """Return what :meth:`to_json` wrote."""
        status, headers, body, error, asides = json.loads(line)
        fields = [(name, value) for name, value in headers]
        return cls(status, fields, body, error, asides)

    def cookies(self) -> Iterator[tuple[str, str | None]]:
        """Give name and value of each cookie that is set, None for a deleted one."""
        return cookies_in(self.headers)


def cookies_in(
    fields: Iterable[tuple[str, str]],
) -> Iterator[tuple[str, str | None]]:
    """Give name and value of each cookie that is set, None for a deleted one.

    As a browser reads them, RFC 6265 section 5.2: the value is what stands before the
    first semicolon, whatever it may mean. :mod:`http.cookies` decodes it, and in later
    releases of CPython refuses the control characters that it finds then.
    """
    for name, value in fields:
        if name.lower() == "set-cookie":
            cookie, *attributes = map(str.strip, value.split(";"))
            key, _, crumb = cookie.partition("=")
            yield key, None if "Max-Age=0" in attributes else crumb


def read_questions(name: str) -> list[list[Question]]:
    """Return the requests of a file in ``requests/``, one list per configuration.

    The file is named after the application that they are made to. A line ``[config]``
    with JSON is the configuration of the requests that come after.
    """
    config: dict[str, Any] = {}
    groups: list[list[Question]] = [[]]

    for line in (HERE / "requests" / f"{name}.txt").read_text().splitlines():
        if line.startswith("[config]"):
            config = json.loads(line.removeprefix("[config]"))
            groups.append([])
        elif line and not line.startswith("#"):
            groups[-1].append(_parse(line)._replace(app=name, config=config))

    return [group for group in groups if group]


def _parse(line: str) -> Question:
    words = shlex.split(line)
    jar = words.pop(0)[:-1] if words[0].endswith(":") else ""
    method, target, *rest = words
    fields, body = [], None

    for word in rest:
        if word.startswith("@*"):
            body = "x" * int(word[2:])
        elif word.startswith("@"):
            text = word[1:].replace("\\r", "\r").replace("\\n", "\n")
            body = text.encode().decode("latin-1")
        else:
            name, _, value = word.partition("=")
            fields.append((name, value))

    return Question(method, target, fields, body, jar=jar, line=line)
