"""What Flask had from 0.11 to 2.2 on its application object and has no longer.

:class:`RemovedNames` is put before ``Flask`` in a class. It needs no constructor and
no method of it extends one of ``Flask``: every member stands for itself, so that the set
can serve another class. Each is built on a hook of ``Flask`` that does nothing there, and
none costs anything during a request as long as nobody uses it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from werkzeug.utils import cached_property

from ..sansio.scaffold import setupmethod
from . import attributes, first_request, sessions
from .attributes import (
    RemovedAttribute,
    RemovedConfigAttribute,
    RenamedAttribute,
    move_class_values,
)
from .error_handlers import HandlersByCode
from .first_request import begin_first_request
from .json_classes import ConfiguredJSONProvider, JSONClassAttribute
from .json_classes import JSONDecoder as JSONDecoder
from .json_classes import JSONEncoder as JSONEncoder
from .kept_context import keep_context, leave_kept_context
from .logging import read_logger
from .sessions import SessionMethod, notice_overrides
from .warning import warn_removed

if TYPE_CHECKING:
    import logging

    from ..app import Flask
    from ..ctx import AppContext
    from ..json.provider import JSONProvider
    from ..templating import Environment

F = TypeVar("F", bound=Callable[[], Any])

_RENAMED_FILE_OPTIONS = {
    "cache_timeout": "max_age",
    "attachment_filename": "download_name",
    "add_etags": "etag",
}


class RemovedNames:
    """The attributes and methods, with their documented effect.

    Using one that Flask 3 does not have gives a :exc:`DeprecationWarning` that names
    the modern way; reading an attribute gives none, nor does a configuration key, nor
    overriding a method.
    """

    json_provider_class: type[JSONProvider] = ConfiguredJSONProvider

    # The first request

    before_first_request_funcs = RemovedAttribute(
        first_request.read_before_first_request_funcs,
        first_request.write_before_first_request_funcs,
    )

    @setupmethod
    def before_first_request(self: Any, f: F) -> F:
        """Call a function before the first request is handled, and never again.

        It takes no arguments, and what it returns is ignored. When it raises, the request
        fails with that error, and the next one calls the functions again.

        .. versionadded:: 0.8
        """
        warn_removed("before_first_request", stacklevel=3)
        self.before_first_request_funcs.append(f)
        return f

    @property
    def got_first_request(self) -> bool:
        """Whether the first request was begun.

        .. versionadded:: 0.8
        """
        return cast("Flask", self)._got_first_request

    def _begin_first_request(self) -> None:
        begin_first_request(cast("Flask", self))

    # Sessions

    open_session = SessionMethod(sessions.open_session)
    save_session = SessionMethod(sessions.save_session)
    make_null_session = SessionMethod(sessions.make_null_session)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        notice_overrides(cls)
        move_class_values(cls)

    # Configuration

    propagate_exceptions = RemovedConfigAttribute(
        "PROPAGATE_EXCEPTIONS", attributes.read_propagate_exceptions
    )
    preserve_context_on_exception = RemovedConfigAttribute(
        "PRESERVE_CONTEXT_ON_EXCEPTION", attributes.read_preserve_context_on_exception
    )
    session_cookie_name = RemovedConfigAttribute(
        "SESSION_COOKIE_NAME", attributes.read_session_cookie_name
    )
    send_file_max_age_default = RemovedConfigAttribute(
        "SEND_FILE_MAX_AGE_DEFAULT", attributes.read_send_file_max_age_default
    )
    use_x_sendfile = RemovedConfigAttribute(
        "USE_X_SENDFILE", attributes.read_use_x_sendfile
    )

    @property
    def _application_root(self) -> str:
        return cast("Flask", self).config["APPLICATION_ROOT"] or "/"

    # JSON

    json_encoder = JSONClassAttribute(
        "json_encoder",
        JSONEncoder,
        """Class that writes JSON, by default one with the types of Flask's provider.

        One that is set here, or on a blueprint for its views, is used by
        :func:`.jsonify`, :func:`.json.dumps` and the ``tojson`` filter.

        .. versionadded:: 0.10
        """,
    )
    json_decoder = JSONClassAttribute(
        "json_decoder",
        JSONDecoder,
        """Class that reads JSON.

        One that is set here, or on a blueprint for its views, is used by
        :func:`.json.loads` and by ``get_json`` of the request.

        .. versionadded:: 0.10
        """,
    )

    # Logging

    logger_name = RemovedConfigAttribute("LOGGER_NAME", attributes.read_logger_name)

    @property
    def logger(self) -> logging.Logger:
        """The logger of the application.

        Named :data:`LOGGER_NAME`, else like the application. It writes to the error
        stream of the server if nobody else handles its messages, or when
        :data:`LOGGER_HANDLER_POLICY` says so: ``always``, ``debug`` or ``production``,
        in that mode only, and ``never``.

        .. versionadded:: 0.3
        """
        assigned: logging.Logger | None = self.__dict__.get("logger")
        return read_logger(self) if assigned is None else assigned

    @logger.setter
    def logger(self, value: logging.Logger) -> None:
        self.__dict__["logger"] = value

    @logger.deleter
    def logger(self) -> None:
        self.__dict__.pop("logger", None)
        self.__dict__.pop("_logger", None)

    # Templates

    @cached_property
    def jinja_env(self) -> Environment:
        """The Jinja environment, made on first use by :meth:`create_jinja_environment`.

        :meth:`init_jinja_globals` is called when it was made.
        """
        app = cast("Flask", self)
        environment = app.create_jinja_environment()

        if type(self).init_jinja_globals is not _stock_init_jinja_globals:
            # It looks at the attribute.
            self.__dict__["jinja_env"] = environment
            self.init_jinja_globals()

        return environment

    def init_jinja_globals(self) -> None:
        """Does nothing; an override may add to ``jinja_env.globals``.

        It is called when the environment was made.

        .. versionadded:: 0.5
        """
        if type(self).init_jinja_globals is _stock_init_jinja_globals:
            warn_removed("init_jinja_globals", stacklevel=2)

    request_globals_class: RenamedAttribute[type] = RenamedAttribute(
        "app_ctx_globals_class"
    )

    # Files

    def _rename_file_options(self, options: dict[str, Any]) -> None:
        rename_file_options(options, stacklevel=4)

    # Contexts

    def _leave_after_error(self, context: AppContext, error: BaseException) -> None:
        app = cast("Flask", self)

        if app.should_ignore_error(error):
            context.pop(None)
        elif not keep_context(app, context, error):
            context.pop(error)

    def _leave_kept_context(
        self, context: AppContext, current: AppContext
    ) -> AppContext | None:
        return leave_kept_context(context, current)


_stock_init_jinja_globals = RemovedNames.init_jinja_globals


def rename_file_options(options: dict[str, Any], stacklevel: int) -> None:
    """Give the options of ``send_file`` their names of today.

    :param stacklevel: as for :func:`warnings.warn`, 1 being the caller of this function.
    """
    for old, new in _RENAMED_FILE_OPTIONS.items():
        if old in options:
            warn_removed(old, stacklevel=stacklevel + 1)
            options[new] = options.pop(old)


def set_up_removed_names(
    app: Flask,
    construct: Callable[..., None],
    static_path: str | None,
    options: dict[str, Any],
) -> None:
    """Make an application object whose class has the removed names.

    Called by a constructor, whose caller is warned of an old argument.

    :param construct: calls the constructor of ``Flask`` with what it is given.
    :param static_path: the former name of ``static_url_path``.
    :param options: arguments by name.
    """
    if static_path is not None:
        warn_removed("static_path", stacklevel=3)

        # None says nothing, as it does where the argument is left out.
        if options.get("static_url_path") is None:
            options["static_url_path"] = static_path

    # A method may have been put on the class since it was made.
    notice_overrides(type(app))
    construct(**options)
    app.error_handler_spec = defaultdict(HandlersByCode)
