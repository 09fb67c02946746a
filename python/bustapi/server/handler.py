"""What the core calls for each request: an application behind either of its edges."""

from __future__ import annotations

import logging
import math
import sys
from typing import TYPE_CHECKING, Any

from .._wire import call_wsgi, environ_of
from ..wrappers import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from .._bustapi import Body, Handler, RequestHead, RuleIndex, Wire

_logger = logging.getLogger("bustapi.server")


def make_handler(app: WSGIApplication) -> Handler:
    """Return the handler for an application.

    The application's *class* decides: an object that wraps one and passes attribute
    look-ups through to it wants its own ``__call__`` to be called.
    """
    if hasattr(type(app), "native_app"):
        return NativeHandler(app)

    return WSGIHandler(app)


def load_what_errors_need() -> None:
    """Import what Python imports when it shows an exception for the first time.

    An error may well be that no file can be opened any more.
    """
    try:
        raise RuntimeError("Nothing is wrong: this is shown to nobody.")
    except RuntimeError:
        logging.Formatter().formatException(sys.exc_info())


def rule_index_of(app: WSGIApplication) -> RuleIndex | None:
    """Return the index in which the core looks paths up, if the application has one."""
    if hasattr(type(app), "native_app"):
        index: RuleIndex = app._rule_index  # type: ignore[attr-defined]
        return index

    return None


class WSGIHandler:
    """Serves any WSGI application."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def respond(self, head: RequestHead, body: Body | None) -> Wire:
        return call_wsgi(self.app, environ_of(head, body))

    def body_limit(self) -> int | None:
        config = getattr(self.app, "config", None)

        if not isinstance(config, dict):
            return None

        return _limit_in_bytes(config.get("MAX_CONTENT_LENGTH"))

    def log_exception(self, head: RequestHead | None, error: BaseException) -> None:
        logger = getattr(self.app, "logger", None)

        if not isinstance(logger, logging.Logger):
            logger = _logger

        if head is None:
            where = "outside of a request"
        else:
            where = f"on {head.method} {head.target}"

        logger.error(
            "Unhandled exception %s",
            where,
            exc_info=(type(error), error, error.__traceback__),
        )


class NativeHandler(WSGIHandler):
    """Serves a :class:`.Flask`, past WSGI while nobody has replaced a part of it."""

    def respond(self, head: RequestHead, body: Body | None) -> Wire:
        app = self.app

        # Asked per request: an extension may wrap the application at any time.
        if app._has_native_edge():
            wire: Wire = app.native_app(head, body)
            return wire

        return call_wsgi(app, environ_of(head, body))

    def body_limit(self) -> int | None:
        limit: Any = self.app.request_class.max_content_length

        if limit is Request.max_content_length:
            return super().body_limit()

        # Only the request itself knows what a property of its class answers; nothing is
        # collected for it, its view reads.
        return 0 if hasattr(limit, "__get__") else _limit_in_bytes(limit)


def _limit_in_bytes(limit: object) -> int | None:
    """Return a configured limit as the core takes it, None for what is no number.

    The request has the last word: a larger body is left to its view to read, whose
    request compares the length with its own limit.
    """
    if not isinstance(limit, (int, float)) or not math.isfinite(limit):
        return None

    return max(0, min(math.floor(limit), sys.maxsize))
