"""File objects as responses: what their ``read`` gives goes out, whatever they wrap."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bustapi import Flask, send_file
from bustapi._bustapi import FileWrapper, exchange

from .core import Handler, body_of, request

if TYPE_CHECKING:
    from bustapi._bustapi import Body, RequestHead
    from bustapi.testing import FlaskClient

CONTENT = b"one line of text\n" * 20_000

Open = Callable[[Path], Any]


class Upper:
    """Changes what it reads and hands everything else through."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size).upper()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class UpperRaw(io.FileIO):
    def read(self, size: int | None = -1, /) -> bytes:
        return (super().read(size) or b"").upper()


class UpperReader(io.BufferedReader):
    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(size).upper()


def with_a_read_of_its_own(path: Path) -> Any:
    file = path.open("rb")
    read = file.read
    file.read = lambda size=-1: read(size).upper()  # type: ignore[method-assign]
    return file


def over_a_raw_file_with_a_read_of_its_own(path: Path) -> Any:
    raw = io.FileIO(path)
    readinto = raw.readinto

    def readinto_upper(buffer: Any) -> int:
        count = readinto(buffer) or 0
        buffer[:count] = bytes(buffer[:count]).upper()
        return count

    raw.readinto = readinto_upper  # type: ignore[method-assign]
    return io.BufferedReader(raw)


@pytest.mark.socket
@pytest.mark.parametrize("module", [gzip, bz2, lzma])
def test_a_compressed_file_is_sent_as_its_text(
    app: Flask, client: FlaskClient, tmp_path: Path, module: Any
) -> None:
    path = tmp_path / "log"

    with module.open(path, "wb") as file:
        file.write(CONTENT)

    @app.get("/")
    def index() -> Any:
        return send_file(module.open(path, "rb"), mimetype="text/plain")

    with client.get("/") as response:
        content = response.data

    assert response.status_code == 200
    assert content == CONTENT


@pytest.mark.socket
@pytest.mark.parametrize(
    "open_file",
    [
        pytest.param(Upper, id="wrapper"),
        pytest.param(UpperReader, id="reader"),
        pytest.param(UpperRaw, id="raw"),
        with_a_read_of_its_own,
        over_a_raw_file_with_a_read_of_its_own,
    ],
)
def test_a_file_that_changes_what_it_reads_is_sent_changed(
    app: Flask, client: FlaskClient, tmp_path: Path, open_file: Open
) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)

    @app.get("/")
    def index() -> Any:
        return send_file(open_file(path), mimetype="text/plain")

    with client.get("/") as response:
        content = response.data

    assert content == CONTENT.upper()


def serve(open_file: Callable[[], Any], method: str = "GET") -> tuple[bytes, Handler]:
    """Return the whole answer whose body is the file, and the handler with its log."""

    def respond(head: RequestHead, body: Body | None) -> Any:
        return "200 OK", [], FileWrapper(open_file())

    handler = Handler(respond)
    data = request("/", "Connection: close\r\n", method)
    return exchange(handler, data), handler


def is_sent_by_descriptor(answer: bytes) -> bool:
    """Tell by the length, which only the descriptor knows beforehand."""
    return b"Content-Length: " in answer.partition(b"\r\n\r\n")[0]


SIZES = [10, 100_000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "open_file",
    [
        pytest.param(lambda path: path.open("rb"), id="buffered"),
        pytest.param(lambda path: path.open("rb", buffering=0), id="raw"),
        pytest.param(lambda path: path.open("r+b"), id="random"),
    ],
)
def test_what_open_returns_is_sent_by_its_descriptor(
    tmp_path: Path, size: int, open_file: Open
) -> None:
    path = tmp_path / "file"
    content = os.urandom(size)
    path.write_bytes(content)

    def opened() -> Any:
        file = open_file(path)
        file.read(3)
        return file

    answer, handler = serve(opened)

    assert is_sent_by_descriptor(answer)
    assert body_of(answer) == content[3:]
    assert handler.errors == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "make",
    [
        tempfile.TemporaryFile,
        tempfile.NamedTemporaryFile,
        pytest.param(lambda: tempfile.SpooledTemporaryFile(5), id="spooled"),
    ],
)
def test_what_was_written_to_a_temporary_file_is_sent_by_its_descriptor(
    make: Callable[[], Any], size: int
) -> None:
    content = os.urandom(size)

    def opened() -> Any:
        file = make()
        file.write(content)
        file.seek(3)
        # Nothing is flushed: a reader sees what it wrote.
        file.write(content[3:6])
        file.seek(3)
        return file

    answer, handler = serve(opened)

    assert is_sent_by_descriptor(answer)
    assert body_of(answer) == content[3:]
    assert handler.errors == []


def test_bytes_that_are_not_written_yet_are_sent(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")

    def opened() -> Any:
        file = path.open("r+b")
        file.write(b"ab")
        return file

    answer, _handler = serve(opened)

    assert body_of(answer) == b"23456789"
    assert path.read_bytes() == b"ab23456789"


def test_a_file_that_appends_is_sent_from_where_it_was_sought(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")

    def opened() -> Any:
        file = path.open("a+b")
        file.write(b"ab")
        file.seek(8)
        return file

    answer, _handler = serve(opened)

    assert body_of(answer) == b"89ab"


def test_a_spooled_file_that_is_still_in_memory_stays_there() -> None:
    files: list[Any] = []

    def opened() -> Any:
        file = tempfile.SpooledTemporaryFile(1000)
        file.write(b"in memory")
        file.seek(3)
        files.append(file)
        return file

    answer, handler = serve(opened)

    assert body_of(answer) == b"6\r\nmemory\r\n0\r\n\r\n"
    assert not files[0]._rolled
    assert handler.errors == []


@pytest.mark.parametrize("buffering", [0, -1])
def test_a_pipe_is_read_to_its_end(buffering: int) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"output of a program")
    os.close(writer)

    answer, handler = serve(lambda: open(reader, "rb", buffering))

    assert body_of(answer) == b"13\r\noutput of a program\r\n0\r\n\r\n"
    assert handler.errors == []


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs procfs")
def test_a_file_whose_size_says_nothing_is_read() -> None:
    path = Path("/proc/self/limits")
    assert path.stat().st_size == 0

    answer, _handler = serve(lambda: path.open("rb"))

    assert path.read_bytes() in answer
    assert b"Content-Length: 0" not in answer


SYSFS = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.skipif(not SYSFS.exists(), reason="needs sysfs")
def test_a_file_that_is_shorter_than_it_says_is_whole() -> None:
    content = SYSFS.read_bytes()
    assert SYSFS.stat().st_size > len(content)

    answer, handler = serve(lambda: SYSFS.open("rb"))

    assert f"Content-Length: {len(content)}\r\n".encode() in answer
    assert body_of(answer) == content
    assert handler.errors == []


@pytest.mark.parametrize("mode", ["wb", "ab"])
@pytest.mark.parametrize("buffering", [0, -1])
def test_a_file_that_cannot_be_read_is_a_500(
    tmp_path: Path, mode: str, buffering: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")

    answer, handler = serve(lambda: path.open(mode, buffering))

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert isinstance(handler.errors[0], io.UnsupportedOperation)


def test_a_folder_behind_a_descriptor_is_a_500(tmp_path: Path) -> None:
    class Folder:
        """No file of Python's own has such a descriptor."""

        def __init__(self) -> None:
            self._descriptor = os.open(tmp_path, os.O_RDONLY)

        def fileno(self) -> int:
            return self._descriptor

        def read(self, size: int) -> bytes:
            return os.read(self._descriptor, size)

        def close(self) -> None:
            os.close(self._descriptor)

    answer, handler = serve(Folder)

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert isinstance(handler.errors[0], IsADirectoryError)


def test_text_is_a_500(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text")

    answer, handler = serve(lambda: path.open())

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert isinstance(handler.errors[0], TypeError)


def test_a_closed_file_is_a_500(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")

    def opened() -> Any:
        file = path.open("rb")
        file.close()
        return file

    answer, handler = serve(opened)

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert isinstance(handler.errors[0], ValueError)


def test_head_of_a_file_has_its_length_and_no_body(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")

    answer, handler = serve(lambda: path.open("rb"), "HEAD")

    assert b"Content-Length: 7\r\n" in answer
    assert body_of(answer) == b""
    assert handler.errors == []
