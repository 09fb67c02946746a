"""Has a library put its own threads in the place of Python's, and what is left to us?

gevent and eventlet can patch :mod:`threading` so that its threads are greenlets, all of
them on one thread of the system. A thread that waits natively would then hold up all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable


def patched_by() -> str | None:
    """Return the name of the library that has replaced Python's threads, or None."""
    gevent = sys.modules.get("gevent.monkey")

    if gevent is not None and gevent.is_module_patched("threading"):
        return "gevent"

    eventlet = sys.modules.get("eventlet.patcher")

    if eventlet is not None and eventlet.is_monkey_patched("thread"):
        return "eventlet"

    return None


def start_system_thread(library: str, target: Callable[[], None]) -> None:
    """Start a thread of the system, past the library that has replaced them."""
    if library == "gevent":
        start = sys.modules["gevent.monkey"].get_original("_thread", "start_new_thread")
    else:
        start = sys.modules["eventlet.patcher"].original("_thread").start_new_thread

    start(target, ())
