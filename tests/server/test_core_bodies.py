"""The bodies of requests at the native server, whole and while they come."""

from __future__ import annotations

import os
import resource
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from bustapi._bustapi import (
    Body,
    BodyError,
    RequestHead,
)

from .core import (
    MIB,
    body_of,
    chunked,
    echo,
    no_rules,
    post,
    read_all,
    read_until_head,
    request,
    reset,
    resident,
    serving,
    text,
    until,
)


@pytest.mark.parametrize("size", [1, 1000, MIB, MIB + 1, 5 * MIB])
def test_a_body_arrives_whole_whatever_its_size(size: int) -> None:
    blob = os.urandom(size)

    with serving(echo) as server:
        assert body_of(server.send(post(blob))) == blob
        assert body_of(server.send(chunked(blob, 100_000))) == blob


def test_a_body_is_a_file() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        seen = [
            body.length,
            body.read(2),
            body.readline(),
            body.readline(1),
            body.readlines(),
            body.read(),
            body.readline(),
            list(body),
        ]
        return text(repr(seen).encode())

    expected = [None, b"ab", b"c\n", b"d", [b"ef\n", b"g"], b"", b"", []]

    with serving(respond) as server:
        small = body_of(server.send(post(b"abc\ndef\ng")))
        large = body_of(server.send(post(b"abc\ndef\n" + b"g" * 2 * MIB)))

    assert small == repr([9, *expected[1:]]).encode()
    large_line = b"g" * 2 * MIB
    expected[4] = [b"ef\n", large_line]
    assert large == repr([len(large_line) + 8, *expected[1:]]).encode()


@pytest.mark.parametrize("size", [10, 2 * MIB])
def test_a_body_cut_short_never_reaches_the_view(size: int) -> None:
    seen = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        seen.append(head.path)
        return text(b"ok")

    with serving(respond) as server, server.connect() as connection:
        connection.sendall(post(b"x" * size)[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b""

    assert seen == []


def test_a_malformed_chunk_is_a_400_and_no_request() -> None:
    seen = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        seen.append(head.path)
        return text(b"ok")

    with serving(respond) as server:
        answer = server.send(
            request("/", "Transfer-Encoding: chunked\r\n", "POST") + b"x\r\n"
        )

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert seen == []


def test_the_client_is_told_to_continue_before_it_sends_its_body() -> None:
    with serving(echo) as server:
        for size in [5, 2 * MIB]:
            with server.connect() as connection:
                head, body = post(b"x" * size)[:-size], b"x" * size
                expect = b"Expect: 100-continue\r\n\r\n"
                connection.sendall(head[:-2] + expect)
                assert read_until_head(connection) == b"HTTP/1.1 100 Continue\r\n\r\n"
                connection.sendall(body)
                assert body_of(read_all(connection)) == body


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_above_the_limit_is_left_to_its_view(is_chunked: bool) -> None:
    lengths = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        lengths.append(body.length)
        return text(body.read(3))

    blob = b"x" * 8 * MIB

    with serving(respond, limit=2 * MIB) as server, server.connect() as connection:
        if is_chunked:
            sent = chunked(blob, 100_000)[: 3 * MIB]
        else:
            sent = post(blob)[:1000]

        connection.sendall(sent)
        answer = read_all(connection)

    assert lengths == [None]
    assert body_of(answer) == b"xxx"
    assert b"\r\nConnection: close\r\n" in answer


def test_without_a_place_to_spool_the_view_reads_what_comes(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    blob = os.urandom(2 * MIB)

    with serving(echo, spool_directory=missing) as server:
        assert body_of(server.send(post(blob))) == blob
        assert body_of(server.send(post(b"small"))) == b"small"

    assert server.handler.errors == []


def test_a_temporary_folder_that_takes_no_files_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    lengths = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        lengths.append(body.length)
        return text(body.read())

    with serving(respond) as server:
        blob = os.urandom(2 * MIB)
        assert body_of(server.send(post(blob))) == blob

    # It was whole before its view ran: it has been in a file.
    assert lengths == [2 * MIB]


def test_bodies_that_do_not_fit_into_memory_together_are_spooled() -> None:
    blob = os.urandom(MIB - 1)
    size = 100

    with serving(echo) as server:
        before = resident()
        clients = [server.connect() for _ in range(size)]

        for client in clients:
            client.sendall(post(blob)[:-1])

        # Whoever comes then is served, and so are they in the end.
        assert body_of(server.send(post(b"x" * 100_000))) == b"x" * 100_000
        assert resident() - before < 64 * MIB

        for client in clients:
            client.sendall(blob[-1:])
            assert body_of(read_all(client)) == blob
            client.close()


def test_a_disk_that_becomes_full_costs_the_request_alone(tmp_path: Path) -> None:
    directory = str(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    with serving(echo, spool_directory=directory) as server:
        # A file that may not grow fails to be written as one on a full disk does.
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, hard))

        try:
            answer = server.send(post(b"x" * 5 * MIB)[: 4 * MIB])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        assert body_of(server.send(post(b"x" * 3 * MIB))) == b"x" * 3 * MIB

    assert answer.startswith(b"HTTP/1.1 507 ")
    assert [type(error) for error in server.handler.errors] == [OSError]
    assert list(tmp_path.iterdir()) == []


def test_a_spooled_body_of_single_bytes_arrives_whole() -> None:
    blob = os.urandom(MIB + 100_000)

    with serving(echo) as server:
        assert body_of(server.send(chunked(blob, 1))) == blob


def test_a_spooled_body_leaves_no_file_behind(tmp_path: Path) -> None:
    with serving(echo, spool_directory=str(tmp_path)) as server:
        blob = os.urandom(3 * MIB)
        assert body_of(server.send(post(blob))) == blob

    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_no_rule_takes_is_answered_before_it_comes() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        return "404 NOT FOUND", [], b"nothing here"

    with serving(respond, index=no_rules()) as server:
        answer = server.send(post(b"x" * 2 * MIB)[:200])

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_streamed_body_is_whole_and_then_has_a_length(is_chunked: bool) -> None:
    blob = os.urandom(6 * MIB)
    lengths = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        lengths.append(body.length)
        received = b"".join(iter(lambda: body.read(100_000), b""))
        lengths.append(body.length)
        assert threading.current_thread().name == "stream"
        return text(received)

    with serving(respond, index=no_rules()) as server:
        sent = chunked(blob, 70_000) if is_chunked else post(blob)
        answer = server.send(sent)

    assert body_of(answer) == blob
    assert lengths == [None, len(blob)]


@pytest.mark.parametrize("budget", [0, 3 * MIB])
def test_a_body_beyond_the_spool_is_read_by_its_view(budget: int) -> None:
    blob = os.urandom(8 * MIB)
    names = []

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        names.append((threading.current_thread().name, body.length))
        return text(body.read())

    with serving(respond, spool_budget=budget) as server:
        assert body_of(server.send(post(blob))) == blob
        assert body_of(server.send(chunked(blob, 90_000))) == blob

    assert names == [("stream", None)] * 2


def test_reading_a_streamed_body_tells_the_client_to_continue() -> None:
    with serving(echo, index=no_rules()) as server, server.connect() as connection:
        blob = b"x" * 2 * MIB
        head = post(blob, "Expect: 100-continue\r\n")[: -len(blob)]
        connection.sendall(head)
        assert read_until_head(connection) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(blob)

        assert body_of(read_all(connection)) == blob


@pytest.mark.parametrize("end", ["close", "reset", "malformed"])
def test_a_streamed_body_that_breaks_off_raises_in_the_view(end: str) -> None:
    errors = []
    has_read = threading.Event()

    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None
        body.read(MIB)
        has_read.set()

        for _ in range(2):
            with pytest.raises(BodyError) as caught:
                body.read()

            errors.append(caught.value)

        return text(b"broken")

    with serving(respond, index=no_rules()) as server:
        connection = server.connect()

        if end == "malformed":
            coded = chunked(b"x" * 2 * MIB, MIB)[:-5]
            connection.sendall(coded + b"nonsense\r\n")
            assert body_of(read_all(connection)) == b"broken"
        else:
            connection.sendall(post(b"x" * 3 * MIB)[:-MIB])
            assert has_read.wait(10)

            if end == "reset":
                reset(connection)

        connection.close()
        until(lambda: len(errors) == 2)
        until(lambda: server.worker.stats()["requests_in_flight"] == 0)


def test_a_streamed_body_that_stops_raises_in_the_view() -> None:
    def respond(head: RequestHead, body: Body | None) -> Any:
        assert body is not None

        with pytest.raises(BodyError):
            body.read()

        return text(b"too slow")

    with serving(respond, index=no_rules(), body_timeout=0.1) as server:
        answer = server.send(post(b"x" * 3 * MIB)[:-1])

    assert body_of(answer) == b"too slow"
