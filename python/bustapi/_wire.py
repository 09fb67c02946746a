"""The shape in which the server takes a response, and WSGI callables brought into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from types import TracebackType
from typing import TYPE_CHECKING, Any

from werkzeug.sansio.response import Response
from werkzeug.wsgi import ClosingIterator

from . import _bustapi

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    from ._bustapi import Body, RequestHead, Wire


def head_template(status: int, content_type: str) -> bytes:
    """Return the response head up to the fields that differ from answer to answer.

    :param status: a status code that Werkzeug knows.
    :param content_type: value of the ``Content-Type`` field, printable ASCII.
    """
    head = f"HTTP/1.1 {Response(status).status}\r\nContent-Type: {content_type}\r\n"
    return head.encode("ascii")


def environ_of(head: RequestHead, body: Body | None) -> WSGIEnvironment:
    """Return the WSGI environ of a request that the server parsed."""
    environ = head.environ()
    environ["wsgi.input"] = BytesIO() if body is None else body
    environ["wsgi.file_wrapper"] = _bustapi.FileWrapper
    return environ


def call_wsgi(application: WSGIApplication, environ: WSGIEnvironment) -> Wire:
    """Call a WSGI application and return its response as the server takes it.

    An application may call ``start_response`` as late as its first chunk, and call it
    again with ``exc_info`` until then; what it hands to ``write()`` comes before the
    iterable (PEP 3333).
    """
    start = _StartResponse()
    body: Any = application(environ, start)

    if not start.is_called:
        body = _pull_first(body)

    if start.written:
        # Whatever was written comes before the first chunk of the iterable.
        body = ClosingIterator(_join(start.written, body), _closing(body))

    status, headers = start.response()

    if any(name == "X-Sendfile" for name, _ in headers):
        if environ["REQUEST_METHOD"] != "HEAD":
            headers = without_body(headers)

    return status, headers, body


def without_body(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the fields of a response whose body another server puts in its place.

    Werkzeug gives it the length of that body; what goes over the wire here is empty.
    """
    return [
        (name, "0" if name.lower() == "content-length" else value)
        for name, value in fields
    ]


class _StartResponse:
    """The ``start_response`` of one request."""

    def __init__(self) -> None:
        self.is_called = False
        self.written: list[bytes] = []
        self._is_taken = False
        self._status = ""
        self._headers: list[tuple[str, str]] = []

    def __call__(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: tuple[type[BaseException], BaseException, TracebackType]
        | tuple[None, None, None]
        | None = None,
        /,
    ) -> Callable[[bytes], Any]:
        if self.is_called and exc_info is None:
            raise AssertionError(
                "'start_response' was called twice. A second call replaces the first"
                " one only with 'exc_info'."
            )

        if exc_info is not None and self._is_taken and exc_info[1] is not None:
            # The head is on its way, so the error can only end the body (PEP 3333).
            raise exc_info[1].with_traceback(exc_info[2])

        self._status = status
        self._headers = headers
        self.is_called = True
        return self._write

    def _write(self, chunk: bytes) -> None:
        if self._is_taken:
            raise AssertionError(
                "'write' was called while the body is being iterated. Call it before"
                " the application returns, or yield the chunk."
            )

        self.written.append(chunk)

    def response(self) -> tuple[str, list[tuple[str, str]]]:
        if not self.is_called:
            raise AssertionError(
                "The WSGI application returned a body and did not call"
                " 'start_response'. It must be called before the first chunk."
            )

        self._is_taken = True
        return self._status, list(self._headers)


def _pull_first(body: Iterable[bytes]) -> Any:
    """Run the iterable to its first chunk, for applications that are generators."""
    close = _closing(body)

    try:
        iterator = iter(body)
        first = next(iterator, None)
    except BaseException:
        close()
        raise

    chunks = [] if first is None else [first]
    return ClosingIterator(_join(chunks, iterator), close)


def _join(first: list[bytes], rest: Iterable[bytes]) -> Iterator[bytes]:
    yield from first
    yield from rest


def _closing(body: Any) -> Callable[[], Any]:
    close: Callable[[], Any] | None = getattr(body, "close", None)
    return close if close is not None else _nothing_to_close


def _nothing_to_close() -> None:
    pass
