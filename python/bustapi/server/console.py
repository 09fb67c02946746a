"""What the server prints about itself, on standard error."""

from __future__ import annotations

import os
import signal

ENDING = "Finishing what is in flight. Press CTRL+C again to stop at once."


def say(message: str) -> None:
    """Print one message.

    Written to the file itself: a signal handler may interrupt a view that prints.
    """
    try:
        os.write(2, f" * {message}\n".encode(errors="replace"))
    except OSError:
        # Nobody reads it any more; that is no reason to stop serving.
        pass


def start_line(name: str, url: str, workers: int) -> str:
    """Return the message that the server is ready."""
    from .._bustapi import __version__

    processes = "1 worker" if workers == 1 else f"{workers} workers"
    return (
        f"BustAPI {__version__} serving {name} on {url} ({processes}, pid"
        f" {os.getpid()}). Press CTRL+C to stop."
    )


def describe_end(status: int) -> str:
    """Return how a process ended, from its status as :func:`os.waitpid` gives it."""
    code = os.waitstatus_to_exitcode(status)

    if code >= 0:
        return f"ended with exit code {code}"

    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"

    return f"was killed by {name}"
