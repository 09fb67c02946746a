"""The proxies that views use, and the context variables behind them."""

from __future__ import annotations

from contextvars import ContextVar
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from werkzeug.local import LocalProxy

if TYPE_CHECKING:
    from .app import Flask
    from .ctx import AppContext, RequestContext, _AppCtxGlobals
    from .sessions import SessionMixin
    from .wrappers import Request


_no_app_msg = """\
Working outside of application context.

Something was used that needs to know the current application, and no application
is active here. Enter one with 'with app.app_context():'. The documentation explains
when a context is active by itself.\
"""
_no_req_msg = """\
Working outside of request context.

Something was used that needs an active HTTP request, and none is being handled
here. In a test or a shell, 'with app.test_request_context():' makes one. The
documentation explains when a context is active by itself.\
"""

# While a request is handled both variables hold the same object, unless the request was
# pushed inside an application context of its application: then that one stays current.
_cv_app: ContextVar[AppContext] = ContextVar("flask.app_ctx")
_cv_request: ContextVar[RequestContext] = ContextVar("flask.request_ctx")


def _context_proxy(variable: ContextVar[Any], name: str, message: str) -> Any:
    """Return a ``LocalProxy`` to the attribute ``name`` of the context in ``variable``.

    Reading an attribute is the operation that views are made of; it goes straight to
    the context variable. Everything else is ``LocalProxy``'s own.
    """
    current = variable.get
    target = attrgetter(name)

    class ContextProxy(LocalProxy[Any]):
        __slots__ = ()

        # PERF: one Python frame instead of the three of LocalProxy's generic look-up.
        def __getattr__(self, attribute: str) -> Any:
            try:
                context = current()
            except LookupError:
                raise RuntimeError(message) from None

            return getattr(target(context), attribute)

    ContextProxy.__name__ = ContextProxy.__qualname__ = "LocalProxy"
    return ContextProxy(variable, name, unbound_message=message)


app_ctx: AppContext = LocalProxy(  # type: ignore[assignment]
    _cv_app, unbound_message=_no_app_msg
)
request_ctx: RequestContext = LocalProxy(  # type: ignore[assignment]
    _cv_request, unbound_message=_no_req_msg
)
current_app: Flask = _context_proxy(_cv_app, "app", _no_app_msg)
g: _AppCtxGlobals = _context_proxy(_cv_app, "g", _no_app_msg)
request: Request = _context_proxy(_cv_request, "request", _no_req_msg)
session: SessionMixin = _context_proxy(_cv_request, "session", _no_req_msg)
