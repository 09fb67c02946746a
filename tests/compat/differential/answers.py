"""Asks the application everything in requests.txt and prints the answers as JSON.

python answers.py wsgi                   with whatever `flask` is installed
python answers.py --alias wsgi | native  with this package, through the alias
"""

from __future__ import annotations

import io
import json
import logging
import shlex
import sys
from collections.abc import Callable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from flask import Flask

HERE = Path(__file__).parent


class Question(NamedTuple):
    """One line of requests.txt."""

    line: str
    jar: str
    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes | None


class Answer(NamedTuple):
    """Status, header fields in order, and body as Latin-1 text."""

    status: str
    headers: list[tuple[str, str]]
    body: str


Ask = Callable[[Question], Answer]


def read_questions() -> list[Question]:
    """Return the requests of requests.txt in order."""
    lines = (HERE / "requests.txt").read_text().splitlines()
    return [parse(line) for line in lines if line and not line.startswith("#")]


def parse(line: str) -> Question:
    """Take one line apart."""
    words = shlex.split(line)
    jar = words.pop(0)[:-1] if words[0].endswith(":") else ""
    method, target, *rest = words
    fields, body = [], None
    for word in rest:
        if word.startswith("@*"):
            body = b"x" * int(word[2:])
        elif word.startswith("@"):
            body = word[1:].replace("\\r", "\r").replace("\\n", "\n").encode()
        else:
            name, _, value = word.partition("=")
            fields.append((name, value))
    return Question(line, jar, method, target, fields, body)


def all_fields(question: Question, cookies: dict[str, str]) -> list[tuple[str, str]]:
    """Return the header fields of a request, those that every client sends included."""
    fields = list(question.fields)
    if not any(name == "Host" for name, _ in fields):
        fields.insert(0, ("Host", "localhost"))
    if cookies:
        crumbs = "; ".join(f"{name}={value}" for name, value in cookies.items())
        fields.append(("Cookie", crumbs))
    if question.body is not None:
        fields.append(("Content-Length", str(len(question.body))))
    return fields


def answer_all(ask: Ask) -> list[Answer]:
    """Ask everything; requests with the same jar carry its cookies."""
    jars: dict[str, dict[str, str]] = {}
    answers = []
    for question in read_questions():
        cookies = jars.setdefault(question.jar, {}) if question.jar else {}
        fields = all_fields(question, cookies)
        answer = ask(question._replace(fields=fields))
        answers.append(answer)
        for name, value in answer.headers:
            if question.jar and name.lower() == "set-cookie":
                for key, morsel in SimpleCookie(value).items():
                    cookies[key] = morsel.coded_value
                    if morsel["max-age"] == "0":
                        del cookies[key]
    return answers


def ask_wsgi(app: Flask) -> Ask:
    """Return a function that calls the application as a WSGI server would."""

    def ask(question: Question) -> Answer:
        path, _, query = question.target.partition("?")
        body = question.body or b""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": question.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "5000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in question.fields:
            key = name.upper().replace("-", "_")
            if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
                key = f"HTTP_{key}"
            environ[key] = value.encode().decode("latin-1")
        head: list[Any] = []
        iterable = app(
            environ, lambda status, headers, *_: head.extend((status, headers))
        )
        try:
            content = b"".join(iterable)
        finally:
            if hasattr(iterable, "close"):
                iterable.close()
        return Answer(head[0], head[1], content.decode("latin-1"))

    return ask


def ask_native(app: Flask) -> Ask:
    """Return a function that sends bytes through the server's parser and encoder."""
    from bustapi import _bustapi
    from bustapi.server.handler import make_handler, rule_index_of

    handler, index = make_handler(app), rule_index_of(app)

    def ask(question: Question) -> Answer:
        lines = [f"{question.method} {question.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in question.fields]
        lines += ["Connection: close", "", ""]
        sent = "\r\n".join(lines).encode() + (question.body or b"")
        head, _, body = _bustapi.exchange(handler, sent, index=index).partition(
            b"\r\n\r\n"
        )
        status, *fields = head.decode("latin-1").split("\r\n")
        headers = [
            (name, value) for name, _, value in (f.partition(": ") for f in fields)
        ]
        if ("Transfer-Encoding", "chunked") in headers:
            body = unchunk(body)
        return Answer(status.partition(" ")[2], headers, body.decode("latin-1"))

    return ask


def unchunk(data: bytes) -> bytes:
    """Return the content of a chunked body."""
    content = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        content += data[:length]
        data = data[length + 2 :] if length else b""
    return content


def main() -> None:
    """Print the answers of the installed `flask` or, with --alias, of this package."""
    *options, edge = sys.argv[1:]
    if "--alias" in options:
        import bustapi_alias

        bustapi_alias.install()
    from itsdangerous import TimestampSigner

    # Sessions are signed with the time; both sides are to sign with the same.
    TimestampSigner.get_timestamp = lambda self: 1_700_000_000  # type: ignore[method-assign]
    logging.disable()
    sys.path.insert(0, str(HERE))
    from application import create_app

    app = create_app()
    ask = {"wsgi": ask_wsgi, "native": ask_native}[edge](app)
    json.dump(answer_all(ask), sys.stdout)


if __name__ == "__main__":
    main()
