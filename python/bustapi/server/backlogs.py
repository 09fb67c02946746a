"""Connections that wait at a worker which does not take them, and who is called for them.

The kernel spreads connections over the listening sockets of the workers and cannot know
which of these is busy: computes with the interpreter held, has one thread or no free one,
is being replaced, has all the connections that it may have. What such a worker does not
take stays in the backlog of its socket. All workers have all sockets, so another one can
take it from there, once it is told: each reads numbers of sockets from one pipe while it
is not busy itself.
"""

from __future__ import annotations

import os
import select
import selectors
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

# Seconds that a connection waits before other workers are called for it. Those that are
# not busy take one within less than a millisecond.
PATIENCE = 0.02


@dataclass
class Backlog:
    """Connections that wait at one of the listening sockets."""

    number: int
    listener: socket.socket
    #: When to look whether somebody still waits, if somebody did; the selector does not
    #: watch the socket meanwhile.
    due: float | None = None
    #: Whether a call for it may wait to be read.
    is_called: bool = False


class Backlogs:
    """Sees connections wait for too long, and calls workers for them.

    It belongs to the supervisor, which is never busy.

    :param selector: tells when a connection comes; its keys have the :class:`Backlog`
        that is to be passed to :meth:`see`.
    """

    def __init__(
        self, listeners: Sequence[socket.socket], selector: selectors.BaseSelector
    ) -> None:
        self._selector = selector
        self._backlogs = [
            Backlog(number, listener) for number, listener in enumerate(listeners)
        ]
        #: What the workers read, and what is written here.
        self.calls, self._writer = os.pipe()
        os.set_blocking(self.calls, False)
        os.set_blocking(self._writer, False)

        for backlog in self._backlogs:
            self._watch(backlog)

    def see(self, backlog: Backlog) -> None:
        """Note that a connection has come. Most are taken at once."""
        self._selector.unregister(backlog.listener)
        backlog.due = time.monotonic() + PATIENCE

    def next_due(self) -> float | None:
        """Return when to look again; None: when a connection has come."""
        times = [backlog.due for backlog in self._backlogs if backlog.due is not None]
        return min(times, default=None)

    def look(self, now: float) -> None:
        """Call workers for the connections that still wait."""
        for backlog in self._backlogs:
            if backlog.due is not None and backlog.due <= now:
                if _is_readable(backlog.listener.fileno()):
                    self._call(backlog)
                    backlog.due = now + PATIENCE
                else:
                    backlog.due = None
                    self._watch(backlog)

    def leave(self) -> None:
        """Leave the calls to be read, in a process that has become a worker."""
        os.close(self._writer)

    def close(self) -> None:
        """Close the pipe. The listeners belong to the workers' places."""
        os.close(self.calls)
        os.close(self._writer)

    def _watch(self, backlog: Backlog) -> None:
        self._selector.register(backlog.listener, selectors.EVENT_READ, backlog)

    def _call(self, backlog: Backlog) -> None:
        if not _is_readable(self.calls):
            for other in self._backlogs:
                other.is_called = False

        # The pipe never has more in it than one call for each, so it does not fill up.
        if not backlog.is_called:
            os.write(self._writer, struct.pack("=H", backlog.number))
            backlog.is_called = True


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
