"""Functions that run before the first request of an application, and never again."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any

from ..globals import _cv_request
from .sessions import notice_overrides

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..app import Flask

_KEY = "before_first_request_funcs"


def read_before_first_request_funcs(app: Flask) -> list[Callable[[], Any]]:
    """Functions that run before the first request, in this order.

    .. versionadded:: 0.8
    """
    functions: list[Callable[[], Any]] = app.__dict__.setdefault(_KEY, [])
    return functions


def write_before_first_request_funcs(app: Flask, functions: Any) -> None:
    app.__dict__[_KEY] = functions


def begin_first_request(app: Flask) -> None:
    """Run the functions, once, and let set-up be over.

    Other threads wait until they have run. A function that itself sends a request to
    the application is not waited for by that request. When one raises, the request
    fails with its error, and the next request starts with the first function again.
    """
    # A method that was put on the class after the object was made. The context was pushed
    # already, and opens its session now.
    if notice_overrides(type(app)):
        context = _cv_request.get()

        if context._opened is None:
            context._opened = context._open_session()

    functions = app.__dict__.get(_KEY)

    if not functions:
        app._got_first_request = True
        return

    run: _Run = app.__dict__.setdefault("_first_request_run", _Run())

    with run.lock:
        if app._got_first_request or run.is_running:
            return

        run.is_running = True

        try:
            for function in functions:
                app.ensure_sync(function)()

            app._got_first_request = True
        finally:
            run.is_running = False


class _Run:
    """Who runs the functions of one application."""

    def __init__(self) -> None:
        self.lock = RLock()
        # Seen only by the thread that holds the lock.
        self.is_running = False
