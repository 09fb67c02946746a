"""A process that serves: its threads, its signals and its end.

The main thread waits; a *hot* thread owns the core's loop; others are made when the
core asks for them. All are ordinary Python threads, so that tracing and thread-locals
work in them. With one thread the views run on the main thread instead.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from .._bustapi import Worker
from .console import ENDING, say, start_line
from .handler import load_what_errors_need, make_handler, rule_index_of
from .listeners import open_listeners, url_of
from .patching import patched_by, start_system_thread
from .restart import Seat
from .settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# Seconds for which the end of a process waits for threads: ours, which have nothing
# left to do, and those of the application.
JOIN_TIMEOUT = 1.0
SHUTDOWN_TIMEOUT = 5.0

# Seconds between looks at whether the supervisor still lives.
PARENT_INTERVAL = 1.0

# A thread that computes keeps the interpreter for this long. Python's default lets
# quick requests wait for five milliseconds each time.
SWITCH_INTERVAL = 0.001
_DEFAULT_SWITCH_INTERVAL = 0.005


# Standard output; what the server says about itself goes to standard error.
ACCESS_LOG_FD = 1


class LoadError(Exception):
    """The application cannot be loaded, with a message for the user."""


def serve_alone(app: WSGIApplication, settings: Settings, *, name: str) -> None:
    """Serve in this process, and return when it was told to end and is done.

    When a thread is stuck in a view after the grace period, this does not return but
    ends the process: Python must not be torn down while that thread may come back.
    """
    (listener,) = open_listeners(settings.host, settings.port, 1)
    run = Run(app, listener, settings)

    def on_ready() -> None:
        say(start_line(name, run.url, 1))

    status = run.serve(on_ready)

    if run.was_stopped or not run.join_threads():
        end_process(status, waits=not run.was_stopped)

    if status:
        raise SystemExit(status)


def serve_in_seat(app: WSGIApplication, seat: Seat, settings: Settings) -> NoReturn:
    """Serve as a worker of a supervisor, and end the process."""
    follow(seat.supervisor)
    listener = socket.socket(fileno=os.dup(seat.listeners[seat.number - 1]))
    run = Run(app, listener, settings, seat)
    status = run.serve(seat.tell_ready, supervisor=seat.supervisor)

    if not run.was_stopped:
        run.join_threads()

    end_process(status, waits=not run.was_stopped)


def launcher(
    load: Callable[[], WSGIApplication], settings: Settings
) -> Callable[[Seat], NoReturn]:
    """Return what turns a forked process into a worker that loads the application."""

    def launch(seat: Seat) -> NoReturn:
        try:
            app = load()
        except LoadError as e:
            _fail(seat, str(e))
        except BaseException:
            # Whatever ends the import, even SystemExit, ends it for all workers.
            _fail(seat, traceback.format_exc())

        serve_in_seat(app, seat, settings)

    return launch


def _fail(seat: Seat, message: str) -> NoReturn:
    seat.tell_failure(message)
    end_process(1)


class Run:
    """One core at work, from its start to its end."""

    def __init__(
        self,
        app: WSGIApplication,
        listener: socket.socket,
        settings: Settings,
        seat: Seat | None = None,
    ) -> None:
        self.settings = settings
        self.url = url_of(settings.host, listener)
        self.status = 0
        #: Whether a second signal has ended it, so that nothing is waited for.
        self.was_stopped = False
        self._threads: list[threading.Thread] = []
        self._patched_by = patched_by()
        #: Whether requests run one at a time, on the thread that calls :meth:`serve`.
        self._is_single = settings.threads == 1 or self._patched_by is not None
        self._core = Worker(
            make_handler(app),
            [listener.fileno()],
            self._spawn,
            index=rule_index_of(app),
            threads=1 if self._is_single else settings.threads,
            neighbours=seat.listeners if seat else (),
            calls=seat.calls if seat else None,
            multiprocess=seat is not None,
            access_log_fd=ACCESS_LOG_FD if settings.access_log else None,
            server_name=settings.host,
            server_port=listener.getsockname()[1],
            **settings.patience,
        )
        # The core has descriptors of its own.
        listener.close()

        if seat is not None:
            for descriptor in (*seat.listeners, seat.calls):
                os.close(descriptor)

    def serve(
        self, on_ready: Callable[[], None], *, supervisor: int | None = None
    ) -> int:
        """Serve until told to end; return the exit status for the process.

        :param on_ready: called when connections are being accepted.
        :param supervisor: process id of the supervisor, whose end is ours too.
        """
        if sys.getswitchinterval() == _DEFAULT_SWITCH_INTERVAL:
            sys.setswitchinterval(SWITCH_INTERVAL)

        load_what_errors_need()

        with self._signals(is_supervised=supervisor is not None):
            self._start_hot()
            on_ready()

            if self._is_single:
                while not self._core.wait(0):
                    self._core.run_view()
            else:
                interval = None if supervisor is None else PARENT_INTERVAL

                while not self._core.wait(interval):
                    if supervisor is not None and os.getppid() != supervisor:
                        self._core.drain(self.settings.graceful_timeout)

        return self.status

    def join_threads(self) -> bool:
        """Wait a moment for our own threads to end, and return whether all did."""
        deadline = time.monotonic() + JOIN_TIMEOUT

        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

        return not any(thread.is_alive() for thread in self._threads)

    def _start(self, name: str, target: Callable[[], None]) -> None:
        # Threads that have ended need not be waited for.
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=target, name=f"bustapi-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _start_hot(self) -> None:
        if self._patched_by is None:
            self._start("hot", self._run_hot)
            return

        if self.settings.threads != 1:
            say(
                f"{self._patched_by} has replaced Python's threads, so requests run one"
                " at a time. Leave out its monkey patching, and views that wait run side"
                " by side on threads."
            )

        # A greenlet would run the loop on this thread, and nothing else ever after.
        start_system_thread(self._patched_by, self._run_hot)

    def _spawn(self, kind: str) -> None:
        targets = {
            "hot": self._run_hot,
            "view": self._core.run_view,
            "stream": self._core.run_stream,
        }
        self._start(kind, targets[kind])

    def _run_hot(self) -> None:
        try:
            self._core.run_hot()
        except BaseException:
            # Without its loop the process is of no use; a supervisor replaces it.
            self.status = 1
            self._core.stop()
            raise

    @contextmanager
    def _signals(self, *, is_supervised: bool) -> Iterator[None]:
        """Let the first signal begin the end and the second one force it.

        Python delivers signals to the main thread only. On another one (a test that
        runs a server in the background) the server ends with the program.
        """
        is_ending = False

        def end(number: int, frame: FrameType | None) -> None:
            nonlocal is_ending

            if is_ending:
                self.was_stopped = True
                self._core.stop()
            else:
                is_ending = True

                if not is_supervised:
                    say(ENDING)

                self._core.drain(self.settings.graceful_timeout)

        def ignore(number: int, frame: FrameType | None) -> None:
            """Leave CTRL+C, which reaches the whole group, to the supervisor."""

        handlers = {
            signal.SIGTERM: end,
            signal.SIGINT: ignore if is_supervised else end,
        }

        try:
            previous = {
                number: signal.signal(number, handler)
                for number, handler in handlers.items()
            }
        except ValueError:
            # Not the main thread. To ask 'threading' would not do: with eventlet's
            # patches the main thread is not the one it names.
            previous = {}
            atexit.register(self._core.stop)

        try:
            yield
        finally:
            atexit.unregister(self._core.stop)

            for number, handler in previous.items():
                signal.signal(number, handler)


def follow(supervisor: int) -> None:
    """Have this process told to end when its supervisor dies, where the system can.

    Elsewhere the main thread sees it by its new parent.
    """
    if sys.platform != "linux":
        return

    # PR_SET_PDEATHSIG of linux/prctl.h.
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)

    # It may have died before.
    if os.getppid() != supervisor:
        os._exit(1)


def end_process(status: int, *, waits: bool = True) -> NoReturn:
    """End the process as Python would, but without tearing the interpreter down.

    A thread that is stuck in a view may come back at any time, and must then find the
    interpreter as it was. Exit functions run; output is written.

    :param waits: wait for threads of the application, though not for ever.
    """
    steps = [_shut_down_threading, atexit._run_exitfuncs]

    for step in steps if waits else steps[1:]:
        try:
            step()
        except BaseException:
            traceback.print_exc()

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            # The reader is gone, or it was closed: nobody is there to be told.
            pass

    os._exit(status)


class _TimeIsUp(Exception):
    pass


def _shut_down_threading() -> None:
    """Do what Python does first at its end: wait for threads that are not daemons."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise _TimeIsUp

    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, SHUTDOWN_TIMEOUT)

    try:
        threading._shutdown()  # type: ignore[attr-defined]
    except _TimeIsUp:
        say(f"Threads that still ran after {SHUTDOWN_TIMEOUT:g} s were left behind.")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
