"""The context of a request that failed, kept until the next request.

``PRESERVE_CONTEXT_ON_EXCEPTION`` asks for it: ``request``, ``session`` and ``g`` can then
be looked at after the error, and the teardown functions wait. The next request of the
same thread ends the kept context before it pushes its own. The package's server gives
each request a :class:`contextvars.Context` of its own; there the context is kept too, and
ended by the next request that the application gets. When another request fails before
that, the context is ended then: an application keeps one at a time.
"""

from __future__ import annotations

import weakref
from contextvars import Context, copy_context
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..globals import _cv_app, _cv_request

if TYPE_CHECKING:
    from ..app import Flask
    from ..ctx import AppContext

_lock = Lock()


class KeptContext:
    """One context, and what ends it."""

    def __init__(self, context: AppContext, error: BaseException) -> None:
        self.context = context
        self.error = error
        self.variables: Context = copy_context()
        self.has_ended = False
        # What the variables are to be reset with where the context was pushed, when it
        # was ended elsewhere.
        self.tokens: tuple[Any, Any] | None = None

    def end(self) -> None:
        """Run the teardown functions, once, and leave the context if it is current."""
        with _lock:
            if self.has_ended:
                return

            self.has_ended = True

        if self.context._was_pushed_here():
            self.context.pop(self.error)
        else:
            self.tokens = self.context._tokens[-1]
            self.variables.run(self._end_elsewhere)

    def _end_elsewhere(self) -> None:
        self.context._push_again()
        self.context.pop(self.error)

    def leave(self) -> None:
        """Leave a context that was ended elsewhere and is still the current one here."""
        if self.tokens is None:
            return

        app_token, token = self.tokens

        try:
            _cv_request.reset(token)
        except ValueError:
            # A copy of the variables; in a copy they cannot be emptied.
            return

        if app_token is not None:
            _cv_app.reset(app_token)

        self.tokens = None


def keep_context(app: Flask, context: AppContext, error: BaseException) -> bool:
    """Keep the context of a request if the configuration asks for it.

    :param error: the error that ended the request.
    """
    if not app.config.get("PRESERVE_CONTEXT_ON_EXCEPTION"):
        return False

    end_kept_context(app)
    kept = context._kept = KeptContext(context, error)
    weak = weakref.ref(app)

    def has_native_edge() -> bool:
        app = weak()
        assert app is not None, "Its own request cannot outlive the application."
        end_kept_context(app)
        return app._has_native_edge()

    app.__dict__["_kept_context"] = kept
    # Asked for each request of the server, and only from now to the next one.
    app.__dict__["_has_native_edge"] = has_native_edge
    return True


def end_kept_context(app: Flask) -> None:
    """End the context that an application keeps, if there is one."""
    app.__dict__.pop("_has_native_edge", None)
    kept: KeptContext | None = app.__dict__.pop("_kept_context", None)

    if kept is not None:
        kept.end()


def leave_kept_context(
    context: AppContext, current: AppContext | None
) -> AppContext | None:
    """End the context that is kept here before another one is pushed.

    :param context: the one that is going to be pushed.
    :param current: the current application context.
    :return: the application context that is current then.
    """
    left = _cv_request.get(None)

    # The test client pushes a kept context again to keep it for a ``with`` block.
    if left is None or left is context or left._kept is None:
        return current

    left._kept.end()
    left._kept.leave()
    current = _cv_app.get(None)
    return None if current is left else current
