"""The sockets that the server listens on, and who has them when it cannot."""

from __future__ import annotations

import errno
import os
import re
import socket
from pathlib import Path

# As many as Linux allows by default (net.core.somaxconn).
BACKLOG = 4096


def open_listeners(host: str, port: int, count: int) -> list[socket.socket]:
    """Open ``count`` listening sockets on one address, one for each worker.

    The kernel spreads connections over them. With port 0 all have the same free port.

    :raises SystemExit: with a message when the address cannot be listened on.
    """
    family, address = _resolve(host, port)

    listeners: list[socket.socket] = []

    try:
        if count > 1 and port:
            # Sockets that share a port would also share it with another program of the
            # same user, without a word. This one does not share. A port that the system
            # chooses is nobody else's, and could be taken by somebody between the two.
            _listen(family, address, share=False).close()

        for _ in range(count):
            listener = _listen(family, address, share=count > 1)
            address = listener.getsockname()
            listeners.append(listener)

        return listeners
    except OSError as e:
        for listener in listeners:
            listener.close()

        raise SystemExit(_explain(e, host, port)) from None


def url_of(host: str, listener: socket.socket) -> str:
    """Return the URL under which a listener answers."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as e:
        raise SystemExit(
            f"There is no address {host!r} to listen on ({e}). Use '127.0.0.1' for this"
            " machine alone, '0.0.0.0' for all."
        ) from None

    family, _, _, _, address = found[0]
    return family, address  # type: ignore[return-value]


def _listen(
    family: socket.AddressFamily, address: tuple[str, int], *, share: bool
) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)

    try:
        # Connections that were closed lately do not keep the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        if share:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)

        listener.bind(address)
        # Two sockets may bind one address until the first of them listens.
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise

    return listener


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        holder = find_holder(port)
        by = f" by {holder}" if holder else ""
        return (
            f"Port {port} on {host} is in use{by}. Choose another one with '--port', or"
            " end the program that has it."
        )

    if error.errno in {errno.EACCES, errno.EPERM}:
        return (
            f"Port {port} on {host} is not allowed for this user. Choose one from 1024"
            " on."
        )

    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"{host!r} is not an address of this machine. Use '127.0.0.1' for this"
            " machine alone, '0.0.0.0' for all."
        )

    return f"Cannot listen on {host} port {port}: {error.strerror}."


def find_holder(port: int) -> str | None:
    """Return the process that listens on a port, if the system tells us.

    Linux lists sockets with their inodes in ``/proc/net/tcp``, and each process's open
    files in ``/proc/PID/fd``, which only the owner and root may read.
    """
    inodes = _listening_inodes(port)

    if not inodes:
        return None

    for process in Path("/proc").glob("[0-9]*"):
        if not _open_files(process).isdisjoint(inodes):
            return f"process {process.name} ({_command(process)})"

    return None


def _open_files(process: Path) -> set[str]:
    """Return what a process has open; nothing if it is somebody else's or has ended."""
    files: set[str] = set()

    try:
        links = list((process / "fd").iterdir())
    except OSError:
        return files

    for link in links:
        try:
            files.add(os.readlink(link))
        except OSError:
            # Closed meanwhile; when the process is ours, so was the listing itself.
            continue

    return files


def _command(process: Path) -> str:
    try:
        command = (process / "cmdline").read_bytes()
    except OSError:
        return "ended meanwhile"

    words = command.replace(b"\0", b" ").decode("latin-1").strip()
    # A process names itself; nothing of that may reach the terminal as control codes.
    return re.sub(r"[^\x20-\x7e]", "?", words)[:80]


def _listening_inodes(port: int) -> set[str]:
    """Return the names of sockets that listen on ``port``, as links to them read."""
    inodes: set[str] = set()

    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue

        for row in rows:
            fields = row.split()

            # 0A is TCP_LISTEN.
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")

    return inodes
