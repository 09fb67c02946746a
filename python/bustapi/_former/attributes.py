"""Attributes that Flask no longer has: read freely, warning when they are assigned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from ..sansio.app import _make_timedelta
from .warning import warn_removed

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..app import Flask

T = TypeVar("T")


class RemovedAttribute(Generic[T]):
    """An attribute with a documented meaning and a warning for whoever assigns it.

    :param read: returns its value for an application.
    :param write: takes an assigned value.
    """

    def __init__(
        self, read: Callable[[Any], T], write: Callable[[Any, Any], None]
    ) -> None:
        self.read = read
        self.write = write
        self.__doc__ = read.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, app: None, owner: type) -> Self: ...
    @overload
    def __get__(self, app: Flask, owner: type) -> T: ...
    def __get__(self, app: Flask | None, owner: type) -> T | Self:
        if app is None:
            return self

        return self.read(app)

    def __set__(self, app: Flask, value: Any) -> None:
        warn_removed(self.name, stacklevel=2)
        self.write(app, value)

    def __delete__(self, app: Flask) -> None:
        # As ever: what the instance has can be deleted, a configuration key cannot.
        if self.name not in app.__dict__:
            raise AttributeError(self.name)

        del app.__dict__[self.name]


class RemovedConfigAttribute(RemovedAttribute[T]):
    """An attribute that stands for a configuration key.

    :param key: the key.
    :param read: returns its value for an application.
    """

    def __init__(self, key: str, read: Callable[[Any], T]) -> None:
        def write(app: Any, value: Any) -> None:
            app.config[key] = value

        super().__init__(read, write)
        self.key = key


class RenamedAttribute(RemovedAttribute[T]):
    """The former name of an attribute.

    :param name: its name of today.
    """

    def __init__(self, name: str) -> None:
        def read(app: Any) -> Any:
            return getattr(app, name)

        def write(app: Any, value: Any) -> None:
            setattr(app, name, value)

        read.__doc__ = f"The former name of :attr:`{name}`."
        super().__init__(read, write)
        self.new_name = name


def move_class_values(cls: Any) -> None:
    """Put what a class defines in place of such an attribute where it has its effect.

    ``session_cookie_name = "id"`` in a subclass becomes a default of the configuration,
    which may still say something else; a former name becomes the name of today.
    """
    for name, value in list(vars(cls).items()):
        replaced = getattr(super(cls, cls), name, None)

        if isinstance(replaced, RenamedAttribute):
            setattr(cls, replaced.new_name, value)
            delattr(cls, name)
        elif isinstance(replaced, RemovedConfigAttribute) and not hasattr(
            value, "__get__"
        ):
            cls.default_config = {**cls.default_config, replaced.key: value}
            delattr(cls, name)


# What the attributes read


def read_propagate_exceptions(app: Flask) -> bool:
    """Whether errors that nothing handles leave the application.

    :data:`PROPAGATE_EXCEPTIONS`, or while that is None, whether testing or debug mode is
    on.

    .. versionadded:: 0.7
    """
    value: bool | None = app.config["PROPAGATE_EXCEPTIONS"]
    return app.testing or app.debug if value is None else value


def read_preserve_context_on_exception(app: Flask) -> bool:
    """Whether the context of a request that failed is to stay.

    :data:`PRESERVE_CONTEXT_ON_EXCEPTION`, or while that is None, whether debug mode is
    on. It really stays only where the key asks for it; see
    :doc:`/guides/old-applications`.

    .. versionadded:: 0.7
    """
    value: bool | None = app.config.get("PRESERVE_CONTEXT_ON_EXCEPTION")
    return app.debug if value is None else value


def read_session_cookie_name(app: Flask) -> str:
    """Name of the session's cookie, :data:`SESSION_COOKIE_NAME`."""
    return app.config["SESSION_COOKIE_NAME"]  # type: ignore[no-any-return]


def read_send_file_max_age_default(app: Flask) -> timedelta | None:
    """How long a client may cache files, :data:`SEND_FILE_MAX_AGE_DEFAULT`.

    The key takes seconds as well.
    """
    return _make_timedelta(app.config["SEND_FILE_MAX_AGE_DEFAULT"])


def read_use_x_sendfile(app: Flask) -> bool:
    """Whether the server sends files itself, named in ``X-Sendfile``.

    :data:`USE_X_SENDFILE`. The server in front must be set up for it.

    .. versionadded:: 0.2
    """
    return app.config["USE_X_SENDFILE"]  # type: ignore[no-any-return]


def read_logger_name(app: Flask) -> str:
    """Name of :attr:`logger`, :data:`LOGGER_NAME` or else that of the application.

    .. versionadded:: 0.4
    """
    return app.config.get("LOGGER_NAME") or app.name
