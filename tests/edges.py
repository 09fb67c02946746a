"""The ways into an application, each behind the same test client.

``wsgi`` is the ordinary client: the application is called with an environ. ``native``
writes the request as HTTP/1.1, hands the bytes to the real parser, and reads the
response from the bytes of the real encoder. ``socket`` does the same over a loopback
connection to a server that runs in threads of this process.

The guarantees of the test client hold over all of them: cookies, redirects, exceptions
that the application lets through are raised in the test, and in a ``with client:`` block
the context of the last request can be read. What cannot hold over bytes:

- What no HTTP request carries raises :exc:`NotCarried`: a ``SCRIPT_NAME``, the scheme
  ``https``, another ``REMOTE_ADDR``, keys of the environ that are the test's own.
- A response is read to its end before the client returns it. So an error in the middle
  of a stream is raised by the request, not by the iteration, and a stream is closed,
  whatever the test does with the response.
- ``Date``, ``Connection`` and ``Transfer-Encoding`` belong to the connection and are left
  out of the headers; :attr:`EdgeClient.received` has the bytes of the whole response
  where the edge is ``native``.
- Over ``socket`` the request runs on another thread. A kept context is entered again on
  the test's own thread, like that of any request.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse, IncompleteRead
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast
from urllib.parse import quote, urlsplit

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

from bustapi import _bustapi
from bustapi.server.handler import make_handler, rule_index_of
from bustapi.testing import FlaskClient

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from bustapi import Flask
    from bustapi._bustapi import Body, Handler, RequestHead, Wire

Edge: TypeAlias = Literal["wsgi", "native", "socket"]

TIMEOUT = 20.0
"""Seconds after which a server that says nothing fails the test."""


class NotCarried(ValueError):
    """A request has something that HTTP cannot carry; such a test is for ``wsgi``."""


@contextmanager
def make_client(app: Flask, edge: str, **options: Any) -> Iterator[FlaskClient]:
    """Give a client that asks ``app`` through ``edge``, and stop what it started.

    The client itself is not entered: ``with client:`` keeps contexts, as ever.

    :param options: of the client, such as ``use_cookies``.
    """
    if edge == "wsgi":
        yield app.test_client(**options)
    elif edge == "native":
        with _client(app, NativeTransport(app), options) as client:
            yield client
    elif edge == "socket":
        with (
            SocketTransport(app) as transport,
            _client(app, transport, options) as client,
        ):
            yield client
    else:
        raise ValueError(
            f"There is no edge {edge!r}. Use 'wsgi', 'native' or 'socket'."
        )


@contextmanager
def _client(
    app: Flask, transport: Transport, options: dict[str, Any]
) -> Iterator[EdgeClient]:
    base: type[FlaskClient] = app.test_client_class or FlaskClient
    client_class = type("EdgeClient", (EdgeClient, base), {})
    client = cast("EdgeClient", client_class(app, app.response_class, **options))
    client.transport = transport
    yield client


class EdgeClient(FlaskClient):
    """A test client whose requests and responses are bytes in between."""

    transport: Transport
    received: bytes | None = None

    def run_wsgi_app(
        self, environ: WSGIEnvironment, buffered: bool = False
    ) -> tuple[Iterable[bytes], str, Headers]:
        self._add_cookies_to_wsgi(environ)
        request = encode_request(environ)
        recorder = self.transport.recorder
        recorder.error = None

        with _kept_contexts(
            self.application, environ.get("werkzeug.debug.preserve_context")
        ):
            try:
                answer = self.transport.ask(request, environ["REQUEST_METHOD"])
            except (HTTPException, OSError):
                # A response that breaks off: the reason is what the test wants to see.
                if recorder.error is not None:
                    raise recorder.error from None

                raise

        self.received = answer.received

        if recorder.error is not None:
            raise recorder.error

        url = urlsplit(Request(environ, populate_request=False).url)
        self._update_cookies_from_response(
            url.hostname or "localhost", url.path, answer.headers.getlist("Set-Cookie")
        )
        return [answer.body], answer.status, answer.headers


@contextmanager
def _kept_contexts(app: Flask, keep: Callable[[Any], object] | None) -> Iterator[None]:
    """Hand the contexts of a request to ``keep``, as the client's own environ would.

    An environ made from bytes has no place for the client's hook, so it is put where
    both edges of the application come together.
    """
    if keep is None:
        yield
        return

    respond = app._respond

    def respond_and_keep(
        context: Any, deliver: Any, environ: WSGIEnvironment | None
    ) -> Any:
        hook = {"werkzeug.debug.preserve_context": keep}
        return respond(context, deliver, (environ or {}) | hook)

    app._respond = respond_and_keep  # type: ignore[method-assign]

    try:
        yield
    finally:
        del app._respond


# Transports


class Answer:
    """A response as it was read from bytes."""

    __slots__ = ("body", "headers", "received", "status")

    def __init__(self, response: HTTPResponse, received: bytes | None) -> None:
        self.status = f"{response.status} {response.reason}"
        self.received = received
        self.headers = Headers(
            (name, value)
            for name, value in response.getheaders()
            if name.lower() not in _OF_THE_CONNECTION
        )

        try:
            self.body = response.read()
        except IncompleteRead as e:
            self.body = e.partial
            raise BrokenOff(self) from e


class BrokenOff(HTTPException):
    """A response whose body ended before its end; ``answer`` has what came of it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"The response broke off after {answer.body!r}.")
        self.answer = answer


_OF_THE_CONNECTION = {"connection", "date", "transfer-encoding"}


class Recorder:
    """The application's handler, and the last error that left it."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.error: BaseException | None = None

    def respond(self, head: RequestHead, body: Body | None) -> Wire:
        return self._handler.respond(head, body)

    def body_limit(self) -> int | None:
        return self._handler.body_limit()

    def log_exception(self, head: RequestHead | None, error: BaseException) -> None:
        # Not logged: the test gets it.
        self.error = error


class Transport:
    """Carries the bytes of one request, and reads those of its response."""

    def __init__(self, app: Flask) -> None:
        self.recorder = Recorder(make_handler(app))
        self.index = rule_index_of(app)

    def ask(self, request: bytes, method: str) -> Answer:
        raise NotImplementedError


class NativeTransport(Transport):
    """The parser and the encoder, called in place."""

    def ask(self, request: bytes, method: str) -> Answer:
        received = _bustapi.exchange(self.recorder, request, index=self.index)
        stream = _Received(received)
        answer = Answer(_begin(stream, method), received)
        rest = stream.read()

        if rest:
            raise HTTPException(f"The response is followed by {rest[:80]!r}.")

        return answer


class _Received(BytesIO):
    """Bytes in the role of a socket, readable to the end by whoever looks last."""

    def makefile(self, mode: str) -> _Received:
        return self

    def close(self) -> None:
        """Stay open; ``HTTPResponse`` closes what it has read."""


def _begin(connection: Any, method: str) -> HTTPResponse:
    response = HTTPResponse(connection, method=method)
    response.begin()
    return response


class SocketTransport(Transport):
    """A server on a loopback socket, and a new connection for each request."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self._threads: list[threading.Thread] = []

        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.address = listener.getsockname()
            self._worker = _bustapi.Worker(
                self.recorder,
                [listener.fileno()],
                self._spawn,
                index=self.index,
                threads=8,
                server_port=self.address[1],
            )

    def __enter__(self) -> SocketTransport:
        self._start(self._worker.run_hot)
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.drain(TIMEOUT)
        has_ended = self._worker.wait(TIMEOUT)
        self._worker.stop()

        for thread in self._threads:
            thread.join(TIMEOUT)

        assert has_ended, "The server did not end by itself."
        assert not any(thread.is_alive() for thread in self._threads)

    def _spawn(self, kind: str) -> None:
        self._start(getattr(self._worker, f"run_{kind}"))

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def ask(self, request: bytes, method: str) -> Answer:
        with socket.create_connection(self.address, TIMEOUT) as connection:
            connection.sendall(request)

            try:
                with _begin(connection, method) as response:
                    return Answer(response, None)
            finally:
                self._wait_for_the_end()

    def _wait_for_the_end(self) -> None:
        """Wait until what is left to do for a request is done.

        An answer may be read while its response is closed, or an iterator is still asked
        for more than was declared; the error of that is to be seen.
        """
        deadline = time.monotonic() + TIMEOUT

        while self._worker.stats()["requests_in_flight"]:
            assert time.monotonic() < deadline
            threading.Event().wait(0.0005)


# An environ as HTTP/1.1


# RFC 3986 3.3: what a path may hold as it is. A percent sign is always one of the path.
_PATH_SAFE = "/!$&'()*+,;=:@-._~"
# What a query string may hold as it is, including what it has encoded already.
_QUERY_SAFE = "/?!$&'()*+,;=:@-._~%"

_KNOWN_KEYS = {
    *("CONTENT_LENGTH", "CONTENT_TYPE", "PATH_INFO", "QUERY_STRING", "RAW_URI"),
    *("REQUEST_METHOD", "REQUEST_URI", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL"),
}

_FIXED_KEYS = {
    "REMOTE_ADDR": "127.0.0.1",
    "SCRIPT_NAME": "",
    "wsgi.url_scheme": "http",
}


def encode_request(environ: WSGIEnvironment) -> bytes:
    """Write the request of an environ as HTTP.

    :raises NotCarried: when HTTP has no place for something that the environ says.
    """
    for key, value in environ.items():
        _check(key, value)

    head = [f"{environ['REQUEST_METHOD']} {_target(environ)} {_protocol(environ)}"]
    head += [f"{name}: {value}" for name, value in _fields(environ)]
    encoded = "".join(f"{line}\r\n" for line in [*head, ""])
    return encoded.encode("latin-1") + _body(environ)


def _check(key: str, value: object) -> None:
    if key in _FIXED_KEYS:
        if value != _FIXED_KEYS[key]:
            raise NotCarried(
                f"HTTP does not carry {key} {value!r}. Test it over 'wsgi'."
            )
    elif key not in _KNOWN_KEYS and not key.startswith(("HTTP_", "wsgi.", "werkzeug.")):
        raise NotCarried(f"HTTP does not carry {key!r}. Test it over 'wsgi'.")
    elif isinstance(value, str) and ("\r" in value or "\n" in value):
        if key not in {"PATH_INFO", "QUERY_STRING"}:
            raise NotCarried(f"The value of {key} has a line break: {value!r}.")


def _target(environ: WSGIEnvironment) -> str:
    path = quote(environ.get("PATH_INFO", "").encode("latin-1"), safe=_PATH_SAFE)
    query = quote(environ.get("QUERY_STRING", "").encode("latin-1"), safe=_QUERY_SAFE)
    return f"{path or '/'}?{query}" if query else path or "/"


def _protocol(environ: WSGIEnvironment) -> str:
    return cast("str", environ.get("SERVER_PROTOCOL", "HTTP/1.1"))


def _fields(environ: WSGIEnvironment) -> Iterator[tuple[str, str]]:
    if "HTTP_HOST" not in environ:
        yield "Host", f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"

    for key, value in environ.items():
        if key.startswith("HTTP_"):
            yield key[5:].replace("_", "-").title(), value

    if environ.get("CONTENT_TYPE"):
        yield "Content-Type", environ["CONTENT_TYPE"]

    # RFC 9112 6.2: no length beside a transfer coding.
    if environ.get("CONTENT_LENGTH") and "HTTP_TRANSFER_ENCODING" not in environ:
        yield "Content-Length", environ["CONTENT_LENGTH"]


def _body(environ: WSGIEnvironment) -> bytes:
    body: bytes = environ["wsgi.input"].read()

    if "HTTP_TRANSFER_ENCODING" not in environ:
        return body

    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return chunk + b"0\r\n\r\n"
