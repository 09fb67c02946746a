"""A terminal in a network of its own: what a reader types, with the ports he names.

A command that opens a port is a server. It is awaited, asked once, and stopped with
Ctrl-C when something else is typed; only for a client, such as curl, a reader opens a
second terminal, and the server stays.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from serving import Output

CLIENTS = ("curl ",)
# What asks the world is not shut in.
OUTSIDE = ("pip ",)
BASH = shutil.which("bash") or "bash"
# How long a failure takes; a page under load takes a few seconds.
SECONDS = 60.0

# Brings the loopback device up and keeps the network until its input ends.
KEEP_A_NETWORK = """
import fcntl, socket, struct, sys
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))
print("up", flush=True)
sys.stdin.read()
"""

# A request, so that what is stopped has served.
ASK = """
import http.client, sys
client = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
client.request("GET", "/", headers={"Connection": "close"})
client.getresponse()
"""


class NoNetwork(Exception):
    """This machine makes no network namespaces."""


class Network:
    """A network namespace, in which nothing listens at first."""

    def __init__(self) -> None:
        as_root = os.geteuid() == 0
        user = () if as_root else ("--user", "--map-root-user")

        try:
            self._keeper = subprocess.Popen(
                ["unshare", "--net", *user, sys.executable, "-c", KEEP_A_NETWORK],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        except FileNotFoundError:
            raise NoNetwork("unshare, of util-linux, is not installed") from None

        assert self._keeper.stdout is not None

        if self._keeper.stdout.readline() != "up\n":
            raise NoNetwork(self._keeper.communicate()[1].strip())

        nsenter = shutil.which("nsenter")
        assert nsenter is not None, "unshare without nsenter: both are of util-linux"
        self._enter = [nsenter, f"--target={self._keeper.pid}", "--net"]
        self._enter += [] if as_root else ["--user", "--preserve-credentials"]

    def command(self, *arguments: str) -> list[str]:
        """Return the command that runs another one in this network."""
        return [*self._enter, "--", *arguments]

    def ports(self) -> set[int]:
        """Return the ports that something listens on."""
        found = set()

        for table in ("tcp", "tcp6"):
            lines = Path(f"/proc/{self._keeper.pid}/net/{table}").read_text()

            for line in lines.splitlines()[1:]:
                _, address, _, state, *_ = line.split()
                if state == "0A":
                    found.add(int(address.rpartition(":")[2], 16))

        return found

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *error: object) -> None:
        self._keeper.communicate()


class Terminal:
    """Runs the commands of a reader; see the top of the module."""

    def __init__(self, network: Network, variables: Mapping[str, str]) -> None:
        self._network = network
        self._variables = variables
        self._server: Process | None = None

    def type(self, command: str, folder: Path) -> str:
        """Run a command to its end, or until it serves, and return what it printed."""
        if not command.startswith(CLIENTS):
            self.stop()

        before = self._network.ports()
        shell = [BASH, "-c", command]
        process = Process(
            shell if command.startswith(OUTSIDE) else self._network.command(*shell),
            name=command,
            folder=folder,
            variables=self._variables,
        )

        try:
            while not process.has_ended(within=0.02):
                if opened := self._network.ports() - before:
                    self._server = process
                    self._ask(opened.pop())
                    return ""
        except BaseException:
            process.kill()
            raise

        process.check(0)
        return process.out.wait_for_end()

    def stop(self) -> None:
        """Press Ctrl-C, where a server runs; it ends well."""
        if self._server is None:
            return

        server, self._server = self._server, None
        server.interrupt()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if error is None:
            self.stop()
        elif self._server is not None:
            self._server.kill()

    def _ask(self, port: int) -> None:
        asking = self._network.command(sys.executable, "-c", ASK, str(port))
        subprocess.run(asking, check=True, capture_output=True, timeout=SECONDS)


class Process:
    """A command and the processes that it starts."""

    def __init__(
        self,
        command: list[str],
        *,
        name: str,
        folder: Path,
        variables: Mapping[str, str],
    ) -> None:
        self._name = name
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Ctrl-C reaches all the processes of a command, and only those.
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.out = Output(self._process.stdout)
        self._err = Output(self._process.stderr)

    def has_ended(self, *, within: float) -> bool:
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False

        return True

    def interrupt(self) -> None:
        os.killpg(self._process.pid, signal.SIGINT)

        if not self.has_ended(within=SECONDS):
            self.kill()
            raise AssertionError(f"Ctrl-C does not end {self._name!r}:\n{self._said}")

        # make says in one of two ways that it was interrupted, however well its command
        # ended: it dies by the signal or, if the command was quicker, with status 2.
        is_make = self._name.startswith("make ")
        self.check(*((-signal.SIGINT, 2) if is_make else (0,)))

    def check(self, *statuses: int) -> None:
        assert self._process.returncode in statuses, (
            f"{self._name!r} ended with {self._process.returncode}:\n{self._said}"
        )

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(SECONDS)

    @property
    def _said(self) -> str:
        return f"{self.out.wait_for_end()}\n{self._err.wait_for_end()}"
