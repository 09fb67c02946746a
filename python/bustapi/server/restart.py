"""Serving with several workers from inside a program that has its application already.

The program that calls ``app.run(workers=4)`` has imported the application, and maybe
started threads. It therefore becomes a supervisor by ``exec``, which leaves all of that
behind. The supervisor starts the same command once for each worker and tells it through
an environment variable which seat it takes; the command's own call of ``run`` serves.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NoReturn

from .settings import Settings

MARKER = "BUSTAPI_WORKER"


@dataclass(frozen=True, kw_only=True)
class Seat:
    """The place of a worker: what it got from its supervisor."""

    number: int
    #: File descriptors of the listening sockets of all workers, by number from 1 on.
    listeners: list[int]
    #: File descriptor of the pipe on which it is called to take connections from others.
    calls: int
    #: File descriptor of the pipe on which it says that it is ready, or what failed.
    report: int
    #: Process id of the supervisor.
    supervisor: int

    @classmethod
    def from_environment(cls) -> Seat | None:
        """Return the seat that this process was started for, once; None: for none."""
        marker = os.environ.pop(MARKER, None)
        return None if marker is None else cls(**json.loads(marker))

    def tell_ready(self) -> None:
        """Tell the supervisor that requests are being served."""
        self._tell(b"ready")

    def tell_failure(self, message: str) -> None:
        """Tell the supervisor why there will be no worker."""
        self._tell(b"failure\n" + message.encode(errors="replace"))

    def _tell(self, message: bytes) -> None:
        with open(self.report, "wb") as pipe:
            pipe.write(message)


def restart_under_supervisor(settings: Settings, *, name: str) -> NoReturn:
    """Become a supervisor whose workers run this process's own command again.

    :raises RuntimeError: when there is no command that could be run again.
    """
    command = sys.orig_argv[1:]

    if not command or sys.flags.interactive or hasattr(sys, "ps1"):
        raise RuntimeError(
            "Several workers are started by running the program again, and an"
            " interactive session cannot be. Use 'workers=1', or put the call into a"
            " file."
        )

    task = json.dumps({"command": command, "settings": asdict(settings), "name": name})
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "bustapi.server", task])


def command_launcher(command: list[str]) -> Callable[[Seat], NoReturn]:
    """Return what turns a forked process into a worker that runs ``command``."""

    def launch(seat: Seat) -> NoReturn:
        for descriptor in (*seat.listeners, seat.calls, seat.report):
            os.set_inheritable(descriptor, True)

        # CTRL+C reaches the whole process group, and the supervisor passes it on.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        environ = {**os.environ, MARKER: json.dumps(asdict(seat))}
        os.execve(sys.executable, [sys.executable, *command], environ)

    return launch
