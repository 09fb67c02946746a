"""The application's logger, and where it writes when nobody configured logging."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO, cast

from werkzeug.local import LocalProxy

from .globals import request

if TYPE_CHECKING:
    from .sansio.app import App


@LocalProxy
def wsgi_errors_stream() -> TextIO:
    """Where errors of the application go: what the WSGI server said, else ``stderr``.

    Looked up for every message, so that a handler made at import time writes to the
    stream of the request being handled. ``ext://bustapi.logging.wsgi_errors_stream``
    refers to it in :func:`logging.config.dictConfig`.
    """
    if request:
        return cast(TextIO, request.environ["wsgi.errors"])

    return sys.stderr


def has_level_handler(logger: logging.Logger) -> bool:
    """Return whether a message at the logger's level would reach a handler.

    Handlers of the logger and, as far as it propagates, of those above it count.

    :param logger: the logger.
    """
    level = logger.getEffectiveLevel()
    current: logging.Logger | None = logger

    while current is not None:
        if any(handler.level <= level for handler in current.handlers):
            return True

        current = current.parent if current.propagate else None

    return False


#: Writes to :data:`wsgi_errors_stream`. :func:`create_logger` adds it when nothing else
#: would show a message.
default_handler: logging.StreamHandler[TextIO] = logging.StreamHandler(
    cast(TextIO, wsgi_errors_stream)
)
default_handler.setFormatter(
    logging.Formatter("[%(asctime)s] %(levelname)s in %(module)s: %(message)s")
)


def create_logger(app: App) -> logging.Logger:
    """Return the logger of an application, made ready to be used.

    It is named after the application. In debug mode its level becomes ``DEBUG`` unless
    one was set; and it is given the default handler if no handler would take its
    messages.

    :param app: the application.
    """
    logger = logging.getLogger(app.name)

    if app.debug and not logger.level:
        logger.setLevel(logging.DEBUG)

    if not has_level_handler(logger):
        logger.addHandler(default_handler)

    return logger
