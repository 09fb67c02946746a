"""The process that keeps workers running. It runs no thread and no code of the user.

It opens one listening socket for each worker and keeps them all, so that connections
that wait in a backlog survive their worker; for those that wait there for long it calls
other workers. The first worker starts alone: what an application sets up at its first
start (a database, say) is then set up once, and a failure is reported once. The others
follow when it is ready.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from .backlogs import Backlog, Backlogs
from .console import ENDING, describe_end, say, start_line
from .listeners import open_listeners, url_of
from .restart import Seat
from .settings import Settings

# A worker that lived for less, twice in a row, is one that keeps dying. It is replaced
# with a growing delay.
SHORT_LIFE = 5.0
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0

# Beyond the grace period, for exit functions and threads of the application.
END_TIMEOUT = 10.0

# After a second signal.
KILL_AFTER = 2.0

_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)


@dataclass
class Process:
    """One worker: a place with a socket, and the process that has it at the time."""

    number: int
    listener: socket.socket
    pid: int = 0
    report: int = -1
    heard: bytes = b""
    is_ready: bool = False
    started: float = 0.0
    short_lives: int = 0
    #: When to start the next process, if one is to be started.
    due: float | None = None


class Supervisor:
    """Starts workers, replaces them when they die, and ends them.

    :param launch: turns a process that was just forked into the worker for a seat.
    :param name: what the start line calls the application.
    :raises SystemExit: when the address cannot be listened on.
    """

    def __init__(
        self,
        settings: Settings,
        launch: Callable[[Seat], NoReturn],
        *,
        name: str | None = None,
    ) -> None:
        self.settings = settings
        self.name = name or "the application"
        self._launch = launch
        count = settings.worker_count
        listeners = open_listeners(settings.host, settings.port, count)
        self.url = url_of(settings.host, listeners[0])
        self.workers = [
            Process(number, listener) for number, listener in enumerate(listeners, 1)
        ]
        self._selector = selectors.DefaultSelector()
        self._backlogs = Backlogs(listeners, self._selector)
        self._was_ready = False
        self._status = 0
        self._ends_at: float | None = None

    def run(self) -> int:
        """Keep the workers running until a signal, and return the exit status."""
        wake, self._wakeup = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self._wakeup, False)
        self._selector.register(wake, selectors.EVENT_READ)
        self._wake = wake

        for number in _SIGNALS:
            signal.signal(number, _only_wake)

        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        self._start(self.workers[0])

        while self._ends_at is None or any(worker.pid for worker in self.workers):
            events = self._selector.select(self._seconds_to_next())

            # Reports first: a signal may tell of the end of who reported.
            for key, _ in events:
                if isinstance(key.data, Process):
                    self._take_report(key.data)
                elif isinstance(key.data, Backlog):
                    self._backlogs.see(key.data)

            if any(key.fd == wake for key, _ in events):
                self._take_signals()

            self._do_what_is_due()

        self._backlogs.close()

        for worker in self.workers:
            worker.listener.close()

        return self._status

    # Starting

    def _start(self, worker: Process) -> None:
        worker.due = None
        worker.report, report = os.pipe()
        os.set_blocking(worker.report, False)
        worker.heard = b""
        worker.is_ready = False
        worker.started = time.monotonic()
        seat = Seat(
            number=worker.number,
            listeners=[each.listener.fileno() for each in self.workers],
            calls=self._backlogs.calls,
            report=report,
            supervisor=os.getpid(),
        )
        # What is in the buffers would be written by both.
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal that the new process takes as if it were still the supervisor would
        # be told to the supervisor, through the wake-up pipe that both have.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        worker.pid = os.fork()

        if worker.pid == 0:
            self._become(seat, mask)

        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(report)
        self._selector.register(worker.report, selectors.EVENT_READ, worker)

    def _become(self, seat: Seat, mask: set[signal.Signals | int]) -> NoReturn:
        """Leave behind what belongs to the supervisor, and become a worker."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self._selector.close()
            os.close(self._wake)
            os.close(self._wakeup)

            self._backlogs.leave()

            for other in self.workers:
                if other.report != -1:
                    os.close(other.report)

                # The seat's descriptors are now the worker's own to close.
                other.listener.detach()

            self._launch(seat)
        except BaseException:
            traceback.print_exc()
        finally:
            # Nothing may return into the supervisor's frames.
            os._exit(1)

    # What comes in

    def _take_signals(self) -> None:
        for number in os.read(self._wake, 512):
            if number == signal.SIGCHLD:
                self._reap()
            elif self._ends_at is None:
                say(ENDING)
                self._end()
            else:
                self._end_now()

    def _take_report(self, worker: Process) -> None:
        heard = os.read(worker.report, 65536)
        worker.heard += heard

        if not heard:
            self._close_report(worker)

        if worker.heard == b"ready" and not worker.is_ready:
            worker.is_ready = True
            self._on_ready()

    def _take_rest(self, worker: Process) -> None:
        try:
            while heard := os.read(worker.report, 65536):
                worker.heard += heard
        except BlockingIOError:
            pass

    def _close_report(self, worker: Process) -> None:
        self._selector.unregister(worker.report)
        os.close(worker.report)
        worker.report = -1

    def _on_ready(self) -> None:
        if self._was_ready or self._ends_at is not None:
            return

        for worker in self.workers:
            if not worker.pid and worker.due is None:
                self._start(worker)

        if all(worker.is_ready for worker in self.workers):
            self._was_ready = True
            say(start_line(self.name, self.url, len(self.workers)))

    def _reap(self) -> None:
        for worker in self.workers:
            if worker.pid:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)

                if pid:
                    self._on_end(worker, status)

    def _on_end(self, worker: Process, status: int) -> None:
        pid, worker.pid = worker.pid, 0

        # What it said last may still be in the pipe, which a child of its own may have
        # inherited and hold open.
        if worker.report != -1:
            self._take_rest(worker)
            self._close_report(worker)

        if self._ends_at is not None:
            return

        message = self._describe(worker, pid, status)

        if not self._was_ready:
            say(message)
            self._status = 1
            self._end()
            return

        if time.monotonic() - worker.started < SHORT_LIFE:
            worker.short_lives += 1
        else:
            worker.short_lives = 0

        delay = self._delay(worker)
        worker.due = time.monotonic() + delay
        say(f"{message} The next one starts {f'in {delay:g} s' if delay else 'now'}.")

    def _describe(self, worker: Process, pid: int, status: int) -> str:
        who = f"Worker {worker.number} (pid {pid})"
        kind, _, failure = worker.heard.decode(errors="replace").partition("\n")

        if kind == "failure":
            return f"{who} could not load the application.\n{failure.rstrip()}"

        if worker.is_ready:
            return f"{who} {describe_end(status)}."

        return f"{who} {describe_end(status)} before it served."

    def _delay(self, worker: Process) -> float:
        if worker.short_lives < 2:
            return 0.0

        return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (worker.short_lives - 2))

    # Time

    def _seconds_to_next(self) -> float | None:
        times = [worker.due for worker in self.workers]
        times.append(self._ends_at)

        if self._ends_at is None:
            times.append(self._backlogs.next_due())

        due = min((time for time in times if time is not None), default=None)
        return None if due is None else max(0.0, due - time.monotonic())

    def _do_what_is_due(self) -> None:
        now = time.monotonic()

        if self._ends_at is None:
            self._backlogs.look(now)

            for worker in self.workers:
                if worker.due is not None and worker.due <= now:
                    self._start(worker)
        elif self._ends_at <= now:
            self._signal_workers(signal.SIGKILL)
            self._ends_at = now + END_TIMEOUT

    # Ending

    def _end(self) -> None:
        """Have the workers finish what is in flight."""
        self._ends_at = time.monotonic() + self.settings.graceful_timeout + END_TIMEOUT

        for worker in self.workers:
            worker.due = None

        self._signal_workers(signal.SIGTERM)

    def _end_now(self) -> None:
        """Have the workers stop: a second signal was sent."""
        # Workers take their second signal so too, and their exit functions still run.
        self._ends_at = time.monotonic() + KILL_AFTER
        self._signal_workers(signal.SIGTERM)

    def _signal_workers(self, number: signal.Signals) -> None:
        for worker in self.workers:
            if worker.pid:
                os.kill(worker.pid, number)


def _only_wake(number: int, frame: FrameType | None) -> None:
    """Do nothing: the signal's number arrives through the wake-up pipe."""
