"""The session methods of the application, and how it is noticed who overrides them.

An application opens and saves sessions through its ``session_interface``, and puts off
opening one while nobody looks at it. Where ``open_session``, ``save_session`` or
``make_null_session`` is overridden, every request must call all three in time. That is
decided when a class is made, an object is made or a method is assigned, never during a
request: three hooks of ``Flask`` are replaced then, on the class or on the instance.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any

from .warning import warn_removed

if TYPE_CHECKING:
    from ..app import Flask
    from ..ctx import AppContext
    from ..sessions import SessionMixin
    from ..wrappers import Request, Response


class SessionMethod:
    """A method that may also be replaced on an instance, which is noticed.

    :param function: what it does by default.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        # Apart from the name itself, which a subclass may define and a caller of
        # ``super()`` must not find on the instance.
        self.key = f"_assigned_{name}"

    def __get__(self, app: Flask | None, owner: type) -> Callable[..., Any]:
        if app is None:
            return self.function

        assigned: Callable[..., Any] | None = app.__dict__.get(self.key)
        return MethodType(self.function, app) if assigned is None else assigned

    def __set__(self, app: Flask, value: Callable[..., Any]) -> None:
        # Whoever put something else there puts the method itself back.
        if value == MethodType(self.function, app):
            self.__delete__(app)
            return

        warn_removed(self.name, stacklevel=2)
        app.__dict__[self.key] = value
        # Weakly, so that no cycle keeps the application alive.
        weak = weakref.proxy(app)
        app.__dict__.update(
            {name: MethodType(hook, weak) for name, hook in _HOOKS.items()}
        )

    def __delete__(self, app: Flask) -> None:
        if self.key not in app.__dict__:
            raise AttributeError(self.name)

        del app.__dict__[self.key]

        if not any(f"_assigned_{name}" in app.__dict__ for name in _METHODS):
            for hook in _HOOKS:
                del app.__dict__[hook]


def open_session(app: Flask, request: Request) -> SessionMixin | None:
    """Return the session of a request, None for one that cannot be opened.

    Called for each request where this, :meth:`save_session` or
    :meth:`make_null_session` is overridden; by default :attr:`session_interface` does
    it, and a signed cookie holds the session.

    :param request: the request, an instance of :attr:`request_class`.
    """
    _warn_unless_overridden(app, "open_session")
    return app.session_interface.open_session(app, request)


def save_session(app: Flask, session: SessionMixin, response: Response) -> None:
    """Save a session where that is needed, see :meth:`open_session`.

    :param session: the session, never a null session.
    :param response: the response, an instance of :attr:`response_class`.
    """
    _warn_unless_overridden(app, "save_session")
    app.session_interface.save_session(app, session, response)


def make_null_session(app: Flask) -> SessionMixin:
    """Return what stands in where :meth:`open_session` gave None.

    .. versionadded:: 0.7
    """
    _warn_unless_overridden(app, "make_null_session")
    return app.session_interface.make_null_session(app)


_METHODS = ("open_session", "save_session", "make_null_session")


def notice_overrides(cls: Any) -> bool:
    """Make a class that overrides a session method call all three in each request.

    Return whether it is one that was not noticed before.
    """
    if cls._may_defer_session is _may_not_defer_session or not _overrides(cls):
        return False

    for name, hook in _HOOKS.items():
        setattr(cls, name, hook)

    return True


def _overrides(cls: type) -> bool:
    for name in _METHODS:
        defined = next(vars(c)[name] for c in cls.__mro__ if name in vars(c))

        if not isinstance(defined, SessionMethod):
            return True

    return False


def _warn_unless_overridden(app: Flask, name: str) -> None:
    # An override that calls what it overrides has decided for the old way knowingly.
    if "_open_session" not in app.__dict__ and not _overrides(type(app)):
        warn_removed(name, stacklevel=3)


# In place of the hooks of ``Flask``


def _call_open_session(app: Any, request: Request) -> SessionMixin | None:
    return app.open_session(request)  # type: ignore[no-any-return]


def _call_save_session(app: Any, session: SessionMixin, response: Response) -> None:
    app.save_session(session, response)


def _call_make_null_session(app: Any) -> SessionMixin:
    return app.make_null_session()  # type: ignore[no-any-return]


def _may_not_defer_session(app: Any, context: AppContext, interface: Any) -> bool:
    return False


def _open_from_request(app: Any, context: AppContext) -> Any:
    return NotImplemented


_HOOKS: dict[str, Callable[..., Any]] = {
    "_open_session": _call_open_session,
    "_save_session": _call_save_session,
    "_make_null_session": _call_make_null_session,
    "_may_defer_session": _may_not_defer_session,
    "_open_from_head": _open_from_request,
}
