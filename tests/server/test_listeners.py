"""Listening sockets: sharing a port among workers, and with nobody else."""

from __future__ import annotations

import errno
import os
import socket
import sys

import pytest

from bustapi.server.listeners import find_holder, open_listeners, url_of


def close(listeners: list[socket.socket]) -> None:
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize("count", [1, 3])
def test_listeners_share_one_free_port(count: int) -> None:
    listeners = open_listeners("127.0.0.1", 0, count)

    addresses = {listener.getsockname() for listener in listeners}

    assert len(listeners) == count
    assert len(addresses) == 1
    (address,) = addresses
    socket.create_connection(address).close()
    close(listeners)


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("second", [1, 2])
def test_port_is_not_shared_with_another_server(first: int, second: int) -> None:
    listeners = open_listeners("127.0.0.1", 0, first)
    port = listeners[0].getsockname()[1]

    with pytest.raises(SystemExit) as raised:
        open_listeners("127.0.0.1", port, second)

    assert f"Port {port} on 127.0.0.1 is in use" in str(raised.value)
    close(listeners)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells it")
def test_holder_of_a_port_is_found() -> None:
    (listener,) = open_listeners("127.0.0.1", 0, 1)
    port = listener.getsockname()[1]

    assert str(find_holder(port)).startswith(f"process {os.getpid()} (")
    listener.close()
    assert find_holder(port) is None


def test_address_of_another_machine_is_refused() -> None:
    # TEST-NET-1 of RFC 5737, which no machine has.
    with pytest.raises(SystemExit, match=r"'192\.0\.2\.1' is not an address of this"):
        open_listeners("192.0.2.1", 0, 1)


def test_url_has_the_real_port() -> None:
    (listener,) = open_listeners("127.0.0.1", 0, 1)

    assert url_of("localhost", listener) == (
        f"http://localhost:{listener.getsockname()[1]}"
    )
    listener.close()


def test_name_without_an_address_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"There is no address 'a\.invalid'"):
        open_listeners("a.invalid", 0, 1)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EACCES, "Port 80 on 127.0.0.1 is not allowed for this user."),
        (errno.EMFILE, "Cannot listen on 127.0.0.1 port 80: Too many open files."),
    ],
)
def test_other_errors_of_the_system_are_told(
    monkeypatch: pytest.MonkeyPatch, number: int, expected: str
) -> None:
    class Refusing(socket.socket):
        def bind(self, address: object, /) -> None:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket, "socket", Refusing)

    with pytest.raises(SystemExit) as raised:
        open_listeners("127.0.0.1", 80, 1)

    assert str(raised.value).startswith(expected)
