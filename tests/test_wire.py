"""WSGI callables brought into the shape that the server takes (PEP 3333)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from bustapi._wire import call_wsgi

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

FIELDS = [("Content-Type", "text/plain")]


class Body:
    """An iterable that tells whether it was closed."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = iter(chunks)
        self.is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks

    def close(self) -> None:
        self.is_closed = True


def answer(
    act: Callable[[StartResponse], Iterable[bytes]],
) -> tuple[Any, Any, Any]:
    """Call an application that only needs ``start_response``."""

    def application(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        return act(start_response)

    return call_wsgi(application, {})


def test_status_fields_and_body_are_handed_over_as_they_are() -> None:
    body = [b"a", b"b"]

    def act(start: StartResponse) -> Iterable[bytes]:
        start("200 OK", FIELDS)
        return body

    assert answer(act) == ("200 OK", FIELDS, body)


def test_generator_calls_start_response_with_its_first_chunk() -> None:
    def act(start: StartResponse) -> Iterator[bytes]:
        start("201 CREATED", FIELDS)
        yield b"a"
        yield b"b"

    status, fields, body = answer(act)

    assert (status, fields, b"".join(body)) == ("201 CREATED", FIELDS, b"ab")


def test_generator_without_a_chunk_has_an_empty_body() -> None:
    def act(start: StartResponse) -> Iterator[bytes]:
        start("204 NO CONTENT", [])
        return
        yield b""

    status, _, body = answer(act)

    assert (status, list(body)) == ("204 NO CONTENT", [])


def test_what_was_written_comes_before_the_iterable() -> None:
    later = Body([b"c"])

    def act(start: StartResponse) -> Iterable[bytes]:
        write = start("200 OK", FIELDS)
        write(b"a")
        write(b"b")
        return later

    _, _, body = answer(act)

    assert list(body) == [b"a", b"b", b"c"]
    body.close()
    assert later.is_closed


def test_what_was_written_needs_no_iterable_with_close() -> None:
    def act(start: StartResponse) -> Iterable[bytes]:
        start("200 OK", FIELDS)(b"a")
        return [b"b"]

    _, _, body = answer(act)

    assert list(body) == [b"a", b"b"]
    body.close()


def test_second_call_without_an_error_is_refused() -> None:
    def act(start: StartResponse) -> Iterable[bytes]:
        start("200 OK", FIELDS)
        start("201 CREATED", FIELDS)
        return []

    with pytest.raises(AssertionError, match="'start_response' was called twice"):
        answer(act)


def test_error_replaces_the_first_call_while_nothing_is_sent() -> None:
    def act(start: StartResponse) -> Iterable[bytes]:
        start("200 OK", FIELDS)
        try:
            raise ValueError("too late")
        except ValueError:
            start("500 INTERNAL SERVER ERROR", FIELDS, sys.exc_info())
        return [b"sorry"]

    assert answer(act)[0] == "500 INTERNAL SERVER ERROR"


def test_error_after_the_head_was_taken_ends_the_body() -> None:
    def act(start: StartResponse) -> Iterator[bytes]:
        start("200 OK", FIELDS)
        yield b"a"
        try:
            raise ValueError("too late")
        except ValueError:
            start("500 INTERNAL SERVER ERROR", FIELDS, sys.exc_info())

    status, _, body = answer(act)

    assert status == "200 OK"
    with pytest.raises(ValueError, match="too late"):
        list(body)


def test_write_while_the_body_is_iterated_is_refused() -> None:
    def act(start: StartResponse) -> Iterator[bytes]:
        write = start("200 OK", FIELDS)
        yield b"a"
        write(b"b")

    _, _, body = answer(act)

    with pytest.raises(AssertionError, match="'write' was called while the body"):
        list(body)


def test_body_without_a_head_is_refused() -> None:
    with pytest.raises(AssertionError, match="did not call 'start_response'"):
        answer(lambda start: [b"a"])


def test_body_whose_first_chunk_fails_is_closed() -> None:
    def fail() -> Iterator[bytes]:
        raise OSError("no such file")
        yield b""

    body = Body(fail())

    with pytest.raises(OSError, match="no such file"):
        answer(lambda start: body)

    assert body.is_closed


def test_body_is_closed_once_after_its_first_chunk_was_pulled() -> None:
    closed: list[Any] = []

    def act(start: StartResponse) -> Iterator[bytes]:
        try:
            start("200 OK", FIELDS)
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    _, _, body = answer(act)
    next(iter(body))

    body.close()

    assert closed == [True]
