"""The logger of an application that is named and restrained by configuration keys."""

from __future__ import annotations

import logging
import weakref
from typing import TYPE_CHECKING, Any, TextIO, cast

from ..logging import (
    create_logger,
    default_handler,
    has_level_handler,
    wsgi_errors_stream,
)

if TYPE_CHECKING:
    from ..app import Flask

    _TextHandler = logging.StreamHandler[TextIO]
else:
    # The class takes no parameters before Python 3.11.
    _TextHandler = logging.StreamHandler


def read_logger(app: Any) -> logging.Logger:
    """Return the logger, made anew when its name or the policy was changed.

    Without :data:`LOGGER_NAME` and :data:`LOGGER_HANDLER_POLICY` it is
    :func:`.create_logger`'s.
    """
    policy = app.config.get("LOGGER_HANDLER_POLICY")
    wanted = (app.logger_name, policy)
    made: tuple[Any, logging.Logger] | None = app.__dict__.get("_logger")

    if made is None or made[0] != wanted:
        made = app.__dict__["_logger"] = (wanted, _make_logger(app, *wanted))

    return made[1]


def _make_logger(app: Flask, name: str, policy: str | None) -> logging.Logger:
    if name == app.name and policy is None:
        return create_logger(app)

    logger = logging.getLogger(name)

    if app.debug and not logger.level:
        logger.setLevel(logging.DEBUG)

    if policy is None:
        if not has_level_handler(logger):
            logger.addHandler(default_handler)

        return logger

    for handler in list(logger.handlers):
        if handler is default_handler or isinstance(handler, PolicyHandler):
            logger.removeHandler(handler)

    logger.addHandler(PolicyHandler(app))
    return logger


class PolicyHandler(_TextHandler):
    """Writes to the server's error stream when :data:`LOGGER_HANDLER_POLICY` allows it.

    ``always``, ``debug`` and ``production`` say in which mode; with anything else, as
    ``never``, nothing is written. The policy is read for each message.
    """

    def __init__(self, app: Flask) -> None:
        super().__init__(cast(TextIO, wsgi_errors_stream))
        self.setFormatter(default_handler.formatter)
        self._app = weakref.ref(app)

    def filter(self, record: logging.LogRecord) -> Any:
        app = self._app()

        if app is None:
            return False

        mode = "debug" if app.debug else "production"
        policy = app.config.get("LOGGER_HANDLER_POLICY")
        return policy in {"always", mode} and super().filter(record)
