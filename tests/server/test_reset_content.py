"""205 has no content, whatever the view made (RFC 9110 15.3.6)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from bustapi import Flask, Response, send_file

from .core import read_all, serving_app
from .core import request as request_bytes

closed: list[str] = []


class Pieces:
    """A stream that must not be run, and must be closed."""

    def __iter__(self) -> Iterator[bytes]:
        pytest.fail("Nobody is sent what it yields.")
        yield b""

    def close(self) -> None:
        closed.append("stream")


class File(BytesIO):
    def close(self) -> None:
        if not self.closed:
            closed.append("file")

        super().close()


def generator() -> Iterator[str]:
    yield "one"


def large_file() -> Any:
    file = tempfile.TemporaryFile()
    file.write(b"x" * 200_000)
    file.seek(0)
    return file


VIEWS: dict[str, Callable[[], Any]] = {
    "nothing": lambda: "",
    "text": lambda: "body",
    "bytes": lambda: b"body",
    "json": lambda: {"a": 1},
    "declared": lambda: Response(b"body", headers={"Content-Length": "4"}),
    "list": lambda: Response([b"bo", b"dy"]),
    "looked at": lambda: Response(b"body", headers={"X-Kept": "yes"}),
    "generator": generator,
    "stream": lambda: Response(Pieces()),
    "file": lambda: send_file(File(b"body"), "text/plain"),
    "small file on disk": lambda: send_file(Path(__file__)),
    "large file on disk": lambda: send_file(large_file(), "text/plain"),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("name", VIEWS)
def test_nothing_follows_the_head(
    app: Flask, name: str, version: str, method: str
) -> None:
    closed.clear()
    app.add_url_rule("/", "view", lambda: (VIEWS[name](), 205))
    app.get("/next")(lambda: "next")
    kept = request_bytes("/", "Connection: keep-alive\r\n", method)
    last = request_bytes("/next", "Connection: close\r\n")

    with (
        serving_app(app) as server,
        server.connect() as connection,
    ):
        connection.sendall(kept.replace(b"HTTP/1.1", version.encode()) + last)
        first, _, second = read_all(connection).partition(b"\r\n\r\n")
        first += b"\r\n"

    assert first.startswith(b"HTTP/1.1 205 RESET CONTENT\r\n")
    assert first.lower().count(b"content-length: ") == 1
    assert b"\r\nContent-Length: 0\r\n" in first
    assert b"Transfer-Encoding" not in first
    assert second.startswith(b"HTTP/1.1 200 OK\r\n")
    assert second.endswith(b"\r\n\r\nnext")
    assert closed == [name] if name in {"stream", "file"} else closed == []
