"""The context: what is true while one request, or one command, is handled."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextvars import Token
from functools import update_wrapper
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

# What annotations of a class or of a public function name is imported for good:
# typing.get_type_hints() must find it.
from . import typing as ft
from ._bustapi import Body, RequestHead, lazy_attribute
from ._lazy import assign_none, assigned, delete
from .globals import _cv_app, _cv_request
from .sessions import SessionInterface, SessionMixin
from .signals import appcontext_popped, appcontext_pushed
from .wrappers import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.routing import MapAdapter

    from .app import Flask

# PERF: asked through the class it would be looked up each time.
_new = object.__new__

# PERF: the methods of the variables, bound once. A call through an imported name makes a
# new bound method each time, and there are eight of them in a request.
_get_app, _set_app, _reset_app = _cv_app.get, _cv_app.set, _cv_app.reset
_get_request, _set_request, _reset_request = (
    _cv_request.get,
    _cv_request.set,
    _cv_request.reset,
)

F = TypeVar("F", bound=Callable[..., Any])

# Stands for "nothing was passed" where None has a meaning.
_sentinel: Any = object()


class _AppCtxGlobals:
    """The namespace behind :data:`~bustapi.g`.

    A plain object: attributes are set, read and deleted freely, ``in`` tests for a name
    and iteration gives the names. ``get``, ``pop`` and ``setdefault`` work as on a
    dictionary. :attr:`.Flask.app_ctx_globals_class` replaces it.
    """

    def __getattr__(self, name: str) -> Any:
        # Declared for type checkers: any attribute may exist.
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None

    def get(self, name: str, default: Any | None = None) -> Any:
        """Return an attribute, or a default where it does not exist.

        :param name: name of the attribute.
        :param default: what to return when there is none.

        .. versionadded:: 0.10
        """
        return self.__dict__.get(name, default)

    def pop(self, name: str, default: Any = _sentinel) -> Any:
        """Remove an attribute and return it.

        :param name: name of the attribute.
        :param default: what to return when there is none, instead of a ``KeyError``.

        .. versionadded:: 0.11
        """
        if default is _sentinel:
            return self.__dict__.pop(name)

        return self.__dict__.pop(name, default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return an attribute, after setting it if it does not exist.

        :param name: name of the attribute.
        :param default: value to set when there is none.

        .. versionadded:: 0.11
        """
        return self.__dict__.setdefault(name, default)

    def __contains__(self, item: str) -> bool:
        return item in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __repr__(self) -> str:
        context = _cv_app.get(None)

        if context is None:
            return object.__repr__(self)

        return f"<flask.g of {context.app.name!r}>"


def after_this_request(
    f: ft.AfterRequestCallable[Any],
) -> ft.AfterRequestCallable[Any]:
    """Run a function on the response of the current request only.

    Useful where a view or a helper decides that the response needs something and does
    not hold it yet. The function gets the response and returns it, or another one. ::

        @app.route("/")
        def index():
            @after_this_request
            def add_header(response):
                response.headers["X-Served-By"] = "index"
                return response

            return "Hello"

    :raises RuntimeError: outside of a request.

    .. versionadded:: 0.9
    """
    context = _cv_request.get(None)

    if context is None:
        raise RuntimeError(
            "'after_this_request' was called while no request is being handled. Call"
            " it in a view or in a function that a view calls."
        )

    context._after_request_functions.append(f)
    return f


def copy_current_request_context(f: F) -> F:
    """Let a function run in the current request context somewhere else.

    The context is copied when the decorator runs and pushed for each call, which may be
    in another greenlet or thread. ``session`` and the request are the same objects as
    in the original request. ::

        @app.route("/")
        def index():
            @copy_current_request_context
            def work():
                app.logger.info(request.path)

            gevent.spawn(work)
            return "started"

    :raises RuntimeError: outside of a request.

    .. versionadded:: 0.10
    """
    original = _cv_request.get(None)

    if original is None:
        raise RuntimeError(
            "'copy_current_request_context' was called while no request is being"
            " handled. Use it inside a view, on a function defined there."
        )

    copied = original.copy()

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with copied:
            return copied.app.ensure_sync(f)(*args, **kwargs)

    return update_wrapper(wrapper, f)  # type: ignore[return-value]


def has_request_context() -> bool:
    """Return whether a request is being handled here.

    For code that works with and without a request. ``if request:`` asks the same of the
    proxy.

    .. versionadded:: 0.7
    """
    return _cv_request.get(None) is not None


def has_app_context() -> bool:
    """Return whether an application context is active here.

    ``if current_app:`` asks the same of the proxy.

    .. versionadded:: 0.9
    """
    return _cv_app.get(None) is not None


class AppContext:
    """What is known while an application works: itself, ``g``, and perhaps a request.

    Made by :meth:`.Flask.app_context` without and by :meth:`.Flask.request_context`
    with a request; the server makes one per request from the parsed head. Entering it
    with ``with`` (or :meth:`push` and :meth:`pop`) makes it the one that ``current_app``,
    ``g``, ``request`` and ``session`` look at.

    Nothing is built before somebody looks at it: the request object, the URL adapter,
    ``g`` and the session are made on first use, each exactly as an early one would be.

    :param app: the application.
    :param environ: WSGI environment of the request, if there is one.
    :param request: an existing request object to use instead of making one.
    :param session: an existing session to use instead of opening one.

    .. versionadded:: 0.9
    """

    # The parsed head and the body behind it when the server made this context.
    _head: RequestHead | None = None
    _body: Body | None = None
    # Rule and arguments found before there was a request object to keep them.
    _hit: tuple[Rule, dict[str, Any]] | None = None
    # Whether a request is part of this context.
    _has_request = False
    # What was built already; None while nobody has looked at it. Without a request, and
    # once they were deleted, they do not exist.
    _request: Request | None
    _opened: SessionMixin | None
    _after_functions: list[ft.AfterRequestCallable[Any]] | None
    # The interface of a session that is to be opened by the first look at it.
    _session_deferred: SessionInterface | None = None
    # What ends this context after its request has failed, where contexts are kept.
    _kept: Any = None
    # Contexts of an ``app_context`` that was replaced, by the push that pushed them.
    _own_app_contexts: dict[int, AppContext] = {}

    def __init__(
        self,
        app: Flask,
        environ: WSGIEnvironment | None = None,
        request: Request | None = None,
        session: SessionMixin | None = None,
    ) -> None:
        #: The application.
        self.app = app
        self._tokens: list[tuple[Token[Any] | None, Token[Any] | None]] = []

        if request is None and environ is not None:
            request = app.request_class(environ)
            request.json_module = app.json

        if request is None:
            self.g = app.app_ctx_globals_class()
            self.url_adapter = app.create_url_adapter(None)
        else:
            self._request = request
            self._opened = session
            self._after_functions = None
            self._has_request = True
            self.url_adapter = self._create_request_adapter()

    @classmethod
    def _from_head(cls, app: Flask, head: RequestHead, body: Body | None) -> AppContext:
        """Make the context of a request that the server parsed."""
        self = _new(cls)
        self.app = app
        self._tokens = []
        self._head = head
        self._body = body
        self._has_request = True
        # PERF: a default of the class would do, but reading one through the instance
        # is a look-up along the MRO, and these are read several times.
        self._hit = None
        self._request = None
        self._opened = None
        self._session_deferred = None
        self._after_functions = None
        return self

    # PERF: these are asked in every request whether they were built. An attribute that
    # is None answers that; a look into ``__dict__`` makes CPython 3.11 and later build
    # the dictionary and slows down every attribute of the object from then on. So None
    # itself, where somebody assigns it, is kept in the dictionary, and the attribute
    # does not exist.

    @property
    def request(self) -> Request:
        """The request object, an instance of :attr:`.Flask.request_class`."""
        try:
            request = self._request
        except AttributeError:
            return assigned(self, "request")  # type: ignore[no-any-return]

        if request is None:
            # Of the class that was the application's when the request came.
            request = self._request = self._make_request(Request)

        return request

    @request.setter
    def request(self, request: Request) -> None:
        if request is None:
            assign_none(self, "request", "_request")
        else:
            self._request = request

    @request.deleter
    def request(self) -> None:
        delete(self, "request", "_request")

    def _make_request(self, request_class: type[Request]) -> Request:
        request = request_class._from_head(cast(RequestHead, self._head), self._body)
        request.json_module = self.app.json

        if self._hit is not None:
            request.url_rule, request.view_args = self._hit

        return request

    @property
    def _session(self) -> SessionMixin | None:
        """The session without marking it as accessed; None before the first push."""
        try:
            opened = self._opened
        except AttributeError:
            return assigned(self, "_session")  # type: ignore[no-any-return]

        if opened is None and self._session_deferred is not None:
            opened = self._opened = self._open_deferred(self._session_deferred)

        return opened

    @_session.setter
    def _session(self, session: SessionMixin | None) -> None:
        self._opened = session
        self._session_deferred = None

    @_session.deleter
    def _session(self) -> None:
        delete(self, "_session", "_opened")

    @property
    def _after_request_functions(self) -> list[ft.AfterRequestCallable[Any]]:
        """Functions for the response of this request, run before the registered ones."""
        try:
            functions = self._after_functions
        except AttributeError:
            return assigned(self, "_after_request_functions")  # type: ignore[no-any-return]

        if functions is None:
            functions = self._after_functions = []

        return functions

    @_after_request_functions.setter
    def _after_request_functions(
        self, functions: list[ft.AfterRequestCallable[Any]]
    ) -> None:
        if functions is None:
            assign_none(self, "_after_request_functions", "_after_functions")
        else:
            self._after_functions = functions

    @_after_request_functions.deleter
    def _after_request_functions(self) -> None:
        delete(self, "_after_request_functions", "_after_functions")

    @lazy_attribute
    def flashes(self) -> list[tuple[str, str]] | None:
        """Messages that this request took out of the session; None before the first look."""
        return None

    @lazy_attribute
    def url_adapter(self) -> MapAdapter | None:
        """Werkzeug's adapter: it matches and builds URLs for this context."""
        if self._hit is None:
            return self._create_request_adapter()

        request = self._request

        # An early adapter would not see what has been changed in the environ since.
        if request is None or "environ" not in request.__dict__:
            environ = self.request.environ
        else:
            environ = self._head.environ()  # type: ignore[union-attr]

        return self.app._bind_hit(self._hit[0], environ)

    def _create_request_adapter(self) -> MapAdapter | None:
        try:
            return self.app.create_url_adapter(self.request)
        except HTTPException as e:
            # A Host that is not trusted is answered when the request is dispatched.
            self.request.routing_exception = e
            return None

    @lazy_attribute
    def g(self) -> _AppCtxGlobals:
        """The object behind :data:`~bustapi.g`."""
        # Another class has made its object when the context was pushed.
        return _AppCtxGlobals()

    def _open_deferred(self, interface: Any) -> SessionMixin:
        """Open the session of a request without one, as at the time of the push."""
        if self.app.secret_key:
            return interface.session_class()  # type: ignore[no-any-return]

        return interface.make_null_session(self.app)  # type: ignore[no-any-return]

    def _open_session(self) -> SessionMixin:
        found = self.app._open_from_head(self)
        session: SessionMixin | None = (
            self.app._open_session(self.request) if found is NotImplemented else found
        )

        if session is None:
            session = self.app._make_null_session()

        return session

    @property
    def session(self) -> SessionMixin:
        """The session of the request. Reading it sets :attr:`.SessionMixin.accessed`."""
        session = self._session
        assert session is not None, (
            "The session is opened when the context is pushed, and it was not."
        )
        session.accessed = True
        return session

    @property
    def _method(self) -> str:
        """Method that a WSGI application sees, without making an environ for it."""
        request = self._request

        if request is not None and "environ" in request.__dict__:
            return cast(str, request.environ["REQUEST_METHOD"])

        return self._head.method  # type: ignore[union-attr]

    def copy(self) -> AppContext:
        """Return a new context with the same request and session objects.

        For another greenlet. The request object is shared, so another thread may use it
        only if access to it is locked.

        .. versionadded:: 0.10
        """
        return self.__class__(
            self.app,
            environ=self.request.environ,
            request=self.request,
            session=self._session,
        )

    def push(self) -> None:
        """Make this the current context; open the session and match the URL."""
        app = self.app
        current = _get_app(None)
        app_token = None

        if current is not None and self._has_request:
            current = app._leave_kept_context(self, current)

        # In a request an application context of the same application stays the current
        # one: what a test put into its g is there in the request.
        if not self._has_request or current is None or current.app is not app:
            if self._has_request and self._head is None and app._has_own_app_context():
                self._push_own_app_context()
            else:
                app_token = _set_app(self)

                # An early one, if making it may do anything.
                if app.app_ctx_globals_class is not _AppCtxGlobals:
                    self._make_own_globals()

                if appcontext_pushed.receivers:
                    appcontext_pushed.send(app, _async_wrapper=app.ensure_sync)

        if not self._has_request:
            self._tokens.append((app_token, None))
            return

        self._tokens.append((app_token, _set_request(self)))

        # Only once, or a stream that pushes the context again would lose the session.
        if self._opened is None and self._session_deferred is None:
            interface = app.session_interface

            if app._may_defer_session(self, interface):
                self._session_deferred = interface
            else:
                self._opened = self._open_session()

        # After the session, since converters may read it.
        if self._head is not None and app._match_natively(self):
            return

        if self.url_adapter is not None:
            self.match_request()

    def _make_own_globals(self) -> None:
        """Make ``g`` of a class of the application's own, once."""
        if "g" not in self.__dict__:
            self.g = self.app.app_ctx_globals_class()

    def _push_own_app_context(self) -> None:
        """Push what an ``app_context`` of the application's own makes."""
        context = self.app.app_context()
        context.push()

        if not self._own_app_contexts:
            self._own_app_contexts = {}

        self._own_app_contexts[len(self._tokens)] = context

    def pop(self, exc: BaseException | None = _sentinel) -> None:
        """Leave this context; the last pop runs the teardown functions.

        :param exc: the error that ended the work. Without it the exception being
            handled is taken, if there is one.
        :raises AssertionError: when another context is the current one.
        """
        is_last = len(self._tokens) == 1

        if exc is _sentinel:
            exc = sys.exc_info()[1] if is_last else None

        if not self._has_request:
            self._pop_app(exc, is_last, self._tokens[-1][0])
            return

        try:
            if is_last:
                self.app.do_teardown_request(exc)

                if self._request is not None:
                    close = getattr(self._request, "close", None)

                    if close is not None:
                        close()
        finally:
            current = _get_request(None)
            app_token, token = self._tokens[-1]
            _reset_request(token)  # type: ignore[arg-type]

            if is_last and self._request is not None:
                self._request._forget_environ()

            if app_token is not None:
                self._pop_app(exc, is_last, app_token)
            else:
                self._tokens.pop()

                if len(self._tokens) in self._own_app_contexts:
                    self._own_app_contexts.pop(len(self._tokens)).pop(exc)

            if current is not self:
                raise AssertionError(
                    f"Another request context was popped than the current one:"
                    f" {self!r} instead of {current!r}."
                )

    def _was_pushed_here(self) -> bool:
        """Return whether :meth:`pop` can be called here.

        Elsewhere the variables hold another context, or the same one in a copy of the
        :class:`contextvars.Context` in which it was pushed.
        """
        if _get_request(None) is not self:
            return False

        app_token, token = self._tokens[-1]

        try:
            _reset_request(token)  # type: ignore[arg-type]
        except ValueError:
            return False

        self._tokens[-1] = app_token, _set_request(self)
        return True

    def _push_again(self) -> None:
        """Put this push, in a copy of its :class:`contextvars.Context`, in its place."""
        app_token, _ = self._tokens[-1]
        app_token = None if app_token is None else _set_app(self)
        self._tokens[-1] = app_token, _set_request(self)

    def _pop_app(
        self, exc: BaseException | None, is_last: bool, token: Token[Any] | None
    ) -> None:
        app = self.app

        try:
            if is_last:
                app.do_teardown_appcontext(exc)
        finally:
            current = _get_app(None)
            self._tokens.pop()
            _reset_app(token)  # type: ignore[arg-type]

            if current is not self:
                raise AssertionError(
                    f"Another application context was popped than the current one:"
                    f" {self!r} instead of {current!r}."
                )

        if appcontext_popped.receivers:
            appcontext_popped.send(app, _async_wrapper=app.ensure_sync)

    def match_request(self) -> None:
        """Match the URL and keep rule and arguments, or the error, in the request."""
        request = self.request

        try:
            result = self.url_adapter.match(return_rule=True)  # type: ignore[union-attr]
            request.url_rule, request.view_args = result  # type: ignore[assignment]
        except HTTPException as e:
            request.routing_exception = e

    def __enter__(self) -> AppContext:
        self.push()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.pop(exc_value)

    def __repr__(self) -> str:
        name = type(self).__name__

        if not self._has_request:
            return f"<{name} of {self.app.name}>"

        request = self.request
        return f"<{name} {request.url!r} [{request.method}] of {self.app.name}>"


RequestContext = AppContext
