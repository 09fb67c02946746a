"""The stacks of contexts, in front of the context variables that replaced them."""

from __future__ import annotations

from contextvars import ContextVar, Token
from threading import get_ident
from typing import Any

from werkzeug.local import LocalProxy

from ..ctx import AppContext
from ..globals import _cv_app, _cv_request, _no_app_msg, _no_req_msg
from .warning import warn_removed


class ContextStack:
    """A context variable that is used as a stack.

    :param name: what it is called.
    :param variable: holds the context on top.
    """

    def __init__(self, name: str, variable: ContextVar[Any]) -> None:
        self._name = name
        self._variable = variable
        self._pushed: ContextVar[tuple[tuple[Any, Token[Any]], ...]] = ContextVar(
            f"{variable.name}.pushed", default=()
        )

    #: Tells the current thread or greenlet, for whoever keeps something for each.
    __ident_func__ = staticmethod(get_ident)

    @property
    def top(self) -> Any:
        """The current context, None where there is none."""
        return self._variable.get(None)

    def push(self, context: Any) -> None:
        """Make a context the current one, and do nothing else.

        No session is opened and no signal is sent; ``context.push()`` does these.
        """
        warn_removed(self._name, stacklevel=2)
        token = self._variable.set(context)
        self._pushed.set((*self._pushed.get(), (context, token)))

    def pop(self) -> Any:
        """Return the current context, and let the one below it be current.

        No teardown function runs; ``context.pop()`` runs them. None where there is none.
        """
        warn_removed(self._name, stacklevel=2)
        context = self.top

        if context is None:
            return None

        pushed = self._pushed.get()

        if pushed and pushed[-1][0] is context:
            self._pushed.set(pushed[:-1])
            self._variable.reset(pushed[-1][1])
        else:
            self._pop_pushed_by_itself(context)

        return context

    def _pop_pushed_by_itself(self, context: Any) -> None:
        app_token, request_token = context._tokens[-1]

        if self._variable is _cv_request:
            kept = app_token, None
            self._variable.reset(request_token)
        else:
            kept = None, request_token
            self._variable.reset(app_token)

        # One object may stand on both stacks.
        if kept == (None, None):
            context._tokens.pop()
        else:
            context._tokens[-1] = kept

    def __call__(self) -> Any:
        """Return a proxy to the current context."""
        return LocalProxy(self._variable)


STACKS = {
    name: ContextStack(name, variable)
    for name, variable in (
        ("_app_ctx_stack", _cv_app),
        ("_request_ctx_stack", _cv_request),
    )
}

NAMES = {
    **STACKS,
    "_app_ctx_err_msg": _no_app_msg,
    "_request_ctx_err_msg": _no_req_msg,
}
"""What the module ``globals`` had."""


def _is_preserved(context: AppContext) -> bool:
    """Whether the context was kept after its request had failed."""
    return context._kept is not None and not context._kept.has_ended


def install() -> None:
    """Give contexts the attribute that told whether they are kept."""
    AppContext.preserved = property(_is_preserved)  # type: ignore[attr-defined]
