"""What clients do to a server when they mean it ill, as a process of its own.

    python -m tests.drills.attacks NAME PORT

It says ``ready`` when it is under way, and goes on until its standard input ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable

KIBIBYTE = 1 << 10
MEBIBYTE = 1 << 20

Attack = Callable[[int], None]
"""Begins on a port of this machine, and leaves what goes on to threads."""

# What stays open; nobody else would keep it.
connections: list[socket.socket] = []


def connect(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=60)
    connections.append(sock)
    return sock


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def chunked(path: str) -> bytes:
    fields = "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    return f"POST {path} HTTP/1.1\r\n{fields}".encode()


def send_what_is_taken(sock: socket.socket, data: bytes) -> None:
    """Send from a thread of its own, which waits for ever once nothing more is taken."""

    def send() -> None:
        with contextlib.suppress(OSError):
            sock.sendall(data)

    sock.settimeout(None)
    threading.Thread(target=send, daemon=True).start()


def ask_and_read_nothing(path: str) -> Attack:
    def attack(port: int) -> None:
        send_what_is_taken(connect(port), get(path) * 2000)

    return attack


def send_on_behind_a_malformed_chunk(path: str) -> Attack:
    def attack(port: int) -> None:
        threading.Thread(target=send_for_ever, args=(port, path), daemon=True).start()

    return attack


def send_for_ever(port: int, path: str) -> None:
    block = b"x" * MEBIBYTE

    while True:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=60) as sock,
        ):
            sock.sendall(chunked(path) + b"5\r\nhello\r\nno number\r\n")

            while True:
                sock.sendall(block)


def leave_bodies_incomplete(port: int) -> None:
    head = f"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {MEBIBYTE}\r\n\r\n"

    for _ in range(400):
        connect(port).sendall(head.encode() + b"y" * (MEBIBYTE - 1))


def idle(port: int) -> None:
    for _ in range(900):
        connect(port)


def leave_heads_unfinished(port: int) -> None:
    line = b"X-Filling: " + b"z" * 10_000 + b"\r\n"
    head = get("/hello")[:-2] + line * 6

    for _ in range(900):
        connect(port).sendall(head)


def send_ahead_of_a_waiting_view(port: int) -> None:
    one = get("/sleep?seconds=1")

    for _ in range(500):
        send_what_is_taken(connect(port), one * (128 * KIBIBYTE // len(one)))


def download(port: int) -> None:
    """Take a large file four times at once, again and again."""
    clients = [connect(port) for _ in range(4)]
    threading.Thread(target=take, args=(clients,), daemon=True).start()


def take(clients: list[socket.socket]) -> None:
    # The answers need not be told apart: enough is asked for that they never end.
    for client in clients:
        client.sendall(get("/files/large") * 100)

    asked = time.monotonic()

    while True:
        for client in select.select(clients, [], [])[0]:
            client.recv(MEBIBYTE)

        if time.monotonic() - asked > 1:
            asked = time.monotonic()

            for client in clients:
                client.sendall(get("/files/large") * 20)


def miss_now_and_then(port: int) -> None:
    """Ask for what is quick a thousand times, then also for what it waits for."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        for _ in range(1000):
            sock.sendall(get("/cached"))
            sock.recv(KIBIBYTE)

    threading.Thread(target=miss, args=(port,), daemon=True).start()


def miss(port: int) -> None:
    waiting = [connect(port) for _ in range(10)]
    quick = connect(port)

    while True:
        for sock in waiting:
            sock.sendall(get("/cached?miss"))

            for _ in range(30):
                quick.sendall(get("/cached"))
                quick.recv(KIBIBYTE)
                time.sleep(0.01)

        for sock in waiting:
            sock.recv(KIBIBYTE)


ATTACKS: dict[str, Attack] = {
    "answers that nobody reads": ask_and_read_nothing("/bytes"),
    "files that nobody reads": ask_and_read_nothing("/files/small"),
    "a malformed chunk": send_on_behind_a_malformed_chunk("/upload"),
    "a malformed chunk of a stream": send_on_behind_a_malformed_chunk("/streamed"),
    "incomplete bodies": leave_bodies_incomplete,
    "idle connections": idle,
    "unfinished heads": leave_heads_unfinished,
    "requests ahead of their turn": send_ahead_of_a_waiting_view,
}
"""Attacks on what a worker holds."""

# Bodies that do not stay in memory are open files.
DESCRIPTORS = {
    "incomplete bodies": 2 * 400,
    "idle connections": 900,
    "unfinished heads": 900,
    "requests ahead of their turn": 500,
}
"""Descriptors that an attack may cost; a few otherwise."""

NEIGHBOURS: dict[str, Attack] = {
    "downloads": download,
    "misses of a cache": miss_now_and_then,
}
"""What is no attack and takes time all the same."""


def main() -> None:
    # Whoever measures runs beside it, and is to have the processor when it wants it.
    os.nice(15)
    (ATTACKS | NEIGHBOURS)[sys.argv[1]](int(sys.argv[2]))
    print("ready", flush=True)
    sys.stdin.read()
    # Threads wait on connections that nobody serves any more.
    os._exit(0)


if __name__ == "__main__":
    main()
