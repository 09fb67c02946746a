"""The context of a request that failed, kept until the next request.

``PRESERVE_CONTEXT_ON_EXCEPTION`` asks for it: ``request``, ``session`` and ``g`` can then
be looked at after the error, and the teardown functions wait. The next request of the
same thread ends the kept context before it pushes its own. The package's server gives
each request a :class:`contextvars.Context` of its own; there the context is kept too, and
ended by the next request that the application gets. At most one is kept at a time.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextvars import Context, copy_context
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..app import Flask
    from ..ctx import AppContext

_lock = Lock()


class KeptContext:
    """One context, and what ends it."""

    def __init__(self, context: AppContext, error: BaseException | None) -> None:
        self.context = context
        self.error = error
        self.variables: Context = copy_context()

    def end(self) -> None:
        """Run the teardown functions and leave the context."""
        if self.context._was_pushed_here():
            self.context.pop(self.error)
        else:
            self.variables.run(self._end_elsewhere)

    def _end_elsewhere(self) -> None:
        self.context._push_again()
        self.context.pop(self.error)


def keep_context(app: Flask, context: AppContext, error: BaseException) -> bool:
    """Keep the context of a request if the configuration asks for it.

    :param error: the error that ended the request.
    """
    if not app.config.get("PRESERVE_CONTEXT_ON_EXCEPTION"):
        return False

    end_kept_context(app)
    kept = KeptContext(context, error)
    weak = weakref.ref(app)

    def native_edge() -> Callable[..., Any] | None:
        app = weak()
        assert app is not None, "Its own request cannot outlive the application."
        end_kept_context(app)
        return app._native_edge()

    with _lock:
        app.__dict__["_kept_context"] = kept
        # Asked for each request of the server, and only from now to the next one.
        app.__dict__["_native_edge"] = native_edge

    return True


def end_kept_context(app: Flask) -> None:
    """End the context that is kept, if one is."""
    with _lock:
        kept: KeptContext | None = app.__dict__.pop("_kept_context", None)
        app.__dict__.pop("_native_edge", None)

    if kept is not None:
        kept.end()
