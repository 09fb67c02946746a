"""Answers the questions on its standard input, one a line, with one of the frameworks.

python answers.py wsgi                            with the `flask` that is installed
python answers.py --alias wsgi | native | socket  with this package, through the alias
"""

from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, tzinfo
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes

from questions import NOW, Answer, Question

if TYPE_CHECKING:
    from flask import Flask

    from edges import Transport

HERE = Path(__file__).parent


class Reply(NamedTuple):
    """A response as an edge gave it, and the error that left the application."""

    status: str
    headers: list[tuple[str, str]]
    body: str
    error: BaseException | None


Ask = Callable[[Question], Reply]


# The ways in


def ask_wsgi(app: Flask, question: Question) -> Reply:
    """Call the application as a WSGI server would."""
    head: list[Any] = ["", []]
    content = b""
    error = None
    iterable: Any = ()

    def start_response(status: str, headers: Any, *_: object) -> None:
        head[:] = status, headers

    try:
        try:
            iterable = app(make_environ(question), start_response)
            for chunk in iterable:
                content += chunk
        finally:
            if hasattr(iterable, "close"):
                iterable.close()
    except Exception as e:
        error = e

    if error is not None and not content:
        # Nothing has been sent by then: it is the server's answer that is.
        head[:] = "", []

    return Reply(head[0], head[1], content.decode("latin-1"), error)


def make_environ(question: Question) -> dict[str, Any]:
    """Return the environ that a WSGI server makes of a request."""
    path, _, query = question.target.partition("?")
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
        "wsgi.input": io.BytesIO((question.body or "").encode("latin-1")),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }

    for name, value in question.sent_fields():
        key = name.upper().replace("-", "_")

        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"

        value = value.encode().decode("latin-1").strip(" \t")

        if key in environ:
            # RFC 9110 5.3 and RFC 9113 8.2.3: how repeated fields become one.
            separator = "; " if key == "HTTP_COOKIE" else ","
            value = f"{environ[key]}{separator}{value}"

        environ[key] = value

    return environ


def ask_bytes(transport: Transport, question: Question) -> Reply:
    """Send the bytes of the request, and read those of the response."""
    from edges import BrokenOff

    transport.recorder.error = None
    fields = [*question.sent_fields(), ("Connection", "close")]
    lines = [f"{question.method} {question.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields]
    body = (question.body or "").encode("latin-1")

    if any(name.lower() == "transfer-encoding" for name, _ in fields):
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"

    data = "\r\n".join([*lines, "", ""]).encode() + body

    try:
        answer = transport.ask(data, question.method)
    except BrokenOff as e:
        if transport.recorder.error is None:
            raise

        answer = e.answer
    else:
        if transport.recorder.error is not None:
            # The error came before a response, so that this one is the server's.
            return Reply("", [], "", transport.recorder.error)

    headers = list(answer.headers.items())
    text = answer.body.decode("latin-1")
    return Reply(answer.status, headers, text, transport.recorder.error)


def open_edge(app: Flask, edge: str, stack: ExitStack) -> Ask:
    """Return what asks an application through an edge."""
    if edge == "wsgi":
        return partial(ask_wsgi, app)

    sys.path.insert(0, str(HERE.parents[1]))
    from edges import NativeTransport, SocketTransport

    # Under the alias the application is one of this package.
    ours: Any = app

    if edge == "native":
        return partial(ask_bytes, NativeTransport(ours))

    return partial(ask_bytes, stack.enter_context(SocketTransport(ours)))


# What is the same on both sides


class Clock:
    """The time, for all that writes it into an answer."""

    now = NOW

    def install(self) -> None:
        """Let sessions, cookies and files ask this clock."""
        import itsdangerous
        import werkzeug.utils
        from flask import sessions
        from werkzeug import http

        clock = self

        class Datetime(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Datetime:
                return cls.fromtimestamp(clock.now, tz)

        stopped: Any = Datetime
        sessions.datetime = stopped
        http.datetime = stopped  # type: ignore[attr-defined]
        werkzeug.utils.time = lambda: float(clock.now)  # type: ignore[attr-defined]
        itsdangerous.TimestampSigner.get_timestamp = (  # type: ignore[method-assign]
            lambda self: clock.now
        )


class Listener(logging.Handler):
    """Notes what applications log."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # The server's own words have no counterpart.
        if not record.name.startswith("bustapi"):
            kind = record.exc_info and record.exc_info[0]
            cause = kind.__name__ if kind else ""
            self.heard.append(f"{record.levelname} {record.name} {cause}".strip())


@contextmanager
def asides(listener: Listener) -> Iterator[list[str]]:
    """Give a list that at the end has what was logged and warned of."""
    found: list[str] = []
    listener.heard.clear()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield found

    found += listener.heard
    # Connections that are left to the garbage collector are no matter of a request.
    kinds = [w.category for w in caught if w.category is not ResourceWarning]
    found += [kind.__name__ for kind in kinds]


def main() -> None:
    """Answer until the input ends."""
    *options, edge = sys.argv[1:]

    if "--alias" in options:
        import bustapi_alias

        bustapi_alias.install()

    listener = Listener()
    logging.getLogger().addHandler(listener)
    clock = Clock()
    clock.install()

    with ExitStack() as stack:

        @cache
        def open_app(name: str, config: str) -> Ask:
            module = import_module(f"applications.{name}")
            app = module.create_app(json.loads(config))
            return open_edge(app, edge, stack)

        for line in sys.stdin:
            question = Question.from_json(line)
            clock.now = question.now
            ask = open_app(question.app, json.dumps(question.config, sort_keys=True))

            with asides(listener) as said:
                reply = ask(question)

            error = "" if reply.error is None else type(reply.error).__name__
            answer = Answer(*reply[:3], error, said)

            print(answer.to_json(), flush=True)


if __name__ == "__main__":
    main()
