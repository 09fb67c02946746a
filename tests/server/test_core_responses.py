"""What the native server makes of the responses and files it is given."""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bustapi._bustapi import (
    Body,
    FileWrapper,
    RequestHead,
)

from .core import (
    MIB,
    TIMEOUT,
    body_of,
    read_all,
    read_exactly,
    read_until,
    read_until_head,
    request,
    reset,
    serving,
    text,
    until,
)

# Responses.


def test_an_iterator_is_sent_in_chunks() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        return "200 OK", [("X", "y")], iter([b"one", b"", b"two"])

    with serving(respond) as server:
        for _ in range(40):
            answer = server.get()
            assert b"Transfer-Encoding: chunked\r\n" in answer
            assert body_of(answer) == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


def test_a_list_is_sent_with_its_length() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        return "200 OK", [], [b"one", b"two"]

    with serving(respond) as server:
        answer = server.get()

    assert b"Content-Length: 6\r\n" in answer
    assert body_of(answer) == b"onetwo"


def test_a_chunk_is_sent_before_the_next_one_is_made() -> None:
    taken = threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            yield b"first"
            assert taken.wait(10)
            yield b"second"

        return "200 OK", [], generate()

    with serving(respond) as server, server.connect() as connection:
        connection.sendall(request())
        read_until(connection, b"first\r\n")
        taken.set()

        read_until(connection, b"second\r\n0\r\n\r\n")


def test_a_client_that_reads_nothing_holds_a_bounded_part_of_a_stream() -> None:
    made = 0
    closed = threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.path == "/other":
            return text(b"other")

        def generate() -> Iterator[bytes]:
            nonlocal made

            try:
                for _ in range(10_000):
                    made += 1
                    yield b"x" * 10_000
            finally:
                closed.set()

        return "200 OK", [], generate()

    with serving(respond) as server:
        with server.connect() as connection:
            connection.sendall(request())
            connection.recv(1)
            before = -1

            while before != made:
                before = made
                closed.wait(0.2)

            assert made < 2000
            assert body_of(server.get("/other")) == b"other"
            reset(connection)

        assert closed.wait(10)


@pytest.mark.parametrize("is_reset", [False, True])
def test_a_generator_is_closed_when_its_client_leaves(is_reset: bool) -> None:
    closed = threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            try:
                while True:
                    yield b"x"
                    closed.wait(0.001)
            finally:
                closed.set()

        return "200 OK", [], generate()

    with serving(respond) as server:
        connection = server.connect()
        connection.sendall(request())
        connection.recv(1)

        if is_reset:
            reset(connection)
        else:
            connection.close()

        assert closed.wait(10)
        until(lambda: server.worker.stats()["requests_in_flight"] == 0)

    assert server.handler.errors == []


@pytest.mark.parametrize("is_inline", [False, True])
@pytest.mark.parametrize("is_reset", [True, False])
@pytest.mark.parametrize("first", [b"", b"part"])
def test_a_generator_of_empty_pieces_is_closed_when_its_client_leaves(
    is_inline: bool, is_reset: bool, first: bytes
) -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        names.append(threading.current_thread().name)
        return "200 OK", [], endless() if is_endless.is_set() else iter([b"part"])

    def endless() -> Iterator[bytes]:
        try:
            yield first
            has_begun.set()

            while not is_over.is_set():
                yield b""
        finally:
            closed.append(is_over.is_set())
            is_closed.set()

    is_endless, has_begun, is_closed, is_over = (threading.Event() for _ in range(4))
    closed: list[bool] = []
    names: list[str] = []

    with serving(respond, write_timeout=0.0) as server:
        # Often enough that the loop runs them itself.
        for _ in range(100 if is_inline else 0):
            server.get()

        is_endless.set()
        connection = server.connect()
        connection.sendall(request())
        assert has_begun.wait(TIMEOUT)
        assert names[-1] == ("hot" if is_inline else "view")
        is_endless.clear()

        if is_reset:
            reset(connection)
        else:
            # It may still read, but nothing comes for it.
            connection.shutdown(socket.SHUT_WR)

        is_closed.wait(10)
        is_over.set()
        connection.close()

    assert closed == [False]


def test_a_stream_that_begins_behind_the_end_of_its_worker_is_closed() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        has_begun.set()
        assert has_ended.wait(TIMEOUT)

        def generate() -> Iterator[bytes]:
            try:
                while True:
                    yield bytes(65536)
            finally:
                is_closed.set()

        return "200 OK", [], generate()

    has_begun, has_ended = threading.Event(), threading.Event()
    is_closed = threading.Event()

    with serving(respond) as server, server.connect() as connection:
        connection.sendall(request())
        assert has_begun.wait(TIMEOUT)

        server.worker.stop()
        assert server.worker.wait(TIMEOUT)
        has_ended.set()

        assert is_closed.wait(TIMEOUT)


def test_an_error_before_the_first_chunk_is_a_500() -> None:
    closed = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            try:
                raise ValueError("early")
                yield b""
            finally:
                closed.append(True)

        return "200 OK", [("X", "y")], generate()

    with serving(respond) as server:
        answer = server.get()

    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"early" not in answer
    assert [str(error) for error in server.handler.errors] == ["early"]
    assert closed == [True]


def test_an_error_after_the_head_cuts_the_body() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            yield b"part"
            raise ValueError("late")

        return "200 OK", [], generate()

    with serving(respond) as server:
        answers = [server.send(request()) for _ in range(40)]

    assert {body_of(answer) for answer in answers} == {b"4\r\npart\r\n"}
    assert len(server.handler.errors) == 40


@pytest.mark.parametrize("place", ["view", "hot", "displaced"])
def test_a_fault_of_the_core_cuts_a_stream_that_has_begun(place: str) -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            yield b"part"

            if is_faulty.is_set():
                names.append(threading.current_thread().name)

                # The loop is taken over from a thread that keeps it waiting.
                if place != "hot":
                    assert has_part.wait(TIMEOUT)

                server.worker._inject_fault("piece", 1)
                yield b"last"

        return "200 OK", [], generate()

    is_faulty, has_part = threading.Event(), threading.Event()
    names: list[str] = []

    with serving(respond) as server:
        if place != "view":
            # Often enough that the loop runs them itself.
            for _ in range(100):
                server.get()

        is_faulty.set()

        with server.connect() as connection:
            connection.sendall(request())
            received = b"" if place == "hot" else read_until(connection, b"part\r\n")
            has_part.set()
            received += read_all(connection)

        is_faulty.clear()
        after = server.get()

    assert names == ["view" if place == "view" else "hot"]
    assert body_of(received) == b"4\r\npart\r\n4\r\nlast\r\n"
    assert body_of(after) == b"4\r\npart\r\n0\r\n\r\n"
    assert len(server.handler.errors) == 1


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_an_error_of_the_handler_costs_one_request(error: type[BaseException]) -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        if head.path == "/error":
            raise error("inside")

        return text(b"ok")

    with serving(respond) as server:
        for _ in range(40):
            answer = server.get("/error")
            assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
            assert b"inside" not in answer

        assert body_of(server.get()) == b"ok"

    assert [type(error) for error in server.handler.errors] == [error] * 40


def test_a_longer_body_than_declared_is_cut_and_a_shorter_one_ends_the_connection() -> (
    None
):
    def respond(head: RequestHead, body: Body | None) -> Any:
        pieces = [b"abc", b"def"]
        made: Any = pieces if head.path.endswith("list") else iter(pieces)
        length = "4" if head.path.startswith("/more") else "9"
        return "200 OK", [("Content-Length", length)], made

    with serving(respond) as server:
        for kind in ["list", "iterator"]:
            assert body_of(server.get(f"/more-{kind}")) == b"abcd"
            # Without ``Connection: close``: the end is the sign.
            assert body_of(server.send(request(f"/fewer-{kind}"))) == b"abcdef"

    assert len(server.handler.errors) == 4


@pytest.mark.parametrize(
    "status",
    ["200 OK", "204 NO CONTENT", "205 RESET CONTENT", "304 NOT MODIFIED"],
)
def test_answers_without_a_body_have_none(status: str) -> None:
    closed = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            pytest.fail("nobody is sent what it yields")
            yield b""

        def close(self) -> None:
            closed.append(True)

    def respond(head: RequestHead, body: Body | None) -> Any:
        return status, [], Pieces()

    method = "HEAD" if status == "200 OK" else "GET"

    with serving(respond) as server:
        answer = server.send(request("/", "Connection: close\r\n", method))

    assert answer.startswith(b"HTTP/1.1 " + status.encode())
    assert body_of(answer) == b""
    assert closed == [True]


def test_http_1_0_gets_a_stream_that_ends_with_the_connection() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        return "200 OK", [], iter([b"one", b"two"])

    with serving(respond) as server:
        answer = server.send(b"GET / HTTP/1.0\r\n\r\n")

    assert b"Transfer-Encoding" not in answer
    assert body_of(answer) == b"onetwo"


@pytest.mark.parametrize("end", ["error", "fault", "worker", "silence"])
def test_http_1_0_gets_a_reset_for_a_stream_that_breaks_off(end: str) -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        def generate() -> Iterator[bytes]:
            yield b"part"

            if end == "error":
                raise ValueError("late")

            if end == "fault":
                server.worker._inject_fault("piece", 1)
                yield b"last"

            assert is_over.wait(TIMEOUT)

        return "200 OK", [], generate()

    is_over = threading.Event()

    with serving(respond, write_timeout=0.0) as server, server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")

        if end == "worker":
            read_until(connection, b"part")
            server.worker.stop()
        elif end == "silence":
            connection.shutdown(socket.SHUT_WR)

        # It would take the end of the connection for that of the body.
        with pytest.raises(ConnectionResetError):
            read_all(connection)

        is_over.set()


@pytest.mark.parametrize("wire", [None, (200, b""), ("200 OK", [("A", "b\nc")], b"")])
def test_what_is_no_response_is_a_500(wire: Any) -> None:
    with serving(lambda head, body: wire) as server:
        answer = server.get()

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert len(server.handler.errors) == 1


# Files.


@pytest.mark.parametrize("size", [0, 10, 64 * 1024, 3 * MIB])
def test_a_file_is_sent_from_its_position(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    content = os.urandom(size + 5)
    path.write_bytes(content)
    files = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        file = path.open("rb")
        file.read(5)
        files.append(file)
        return "200 OK", [], FileWrapper(file)

    with serving(respond) as server:
        answer = server.get()

    assert f"Content-Length: {size}\r\n".encode() in answer
    assert body_of(answer) == content[5:]
    assert files[0].closed


def test_of_a_file_only_the_declared_length_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 200_000)

    def respond(head: RequestHead, body: Body | None) -> Any:
        fields = [("Content-Length", head.path[1:])]
        return "200 OK", fields, FileWrapper(path.open("rb"))

    with serving(respond) as server, server.connect() as connection:
        for size in [100, 150_000]:
            connection.sendall(request(f"/{size}"))
            head = read_until_head(connection)
            assert len(read_exactly(connection, size)) == size
            assert f"Content-Length: {size}\r\n".encode() in head

    assert server.handler.errors == []


def test_a_file_object_without_a_descriptor_is_read_in_blocks() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        return "200 OK", [], FileWrapper(io.BytesIO(b"abcdef"), 4)

    with serving(respond) as server:
        assert body_of(server.get()) == b"4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n"
