"""What the rules decide about an endpoint, compiled once.

A plan holds nothing that Flask reads live. Each input, and how a change of it is noticed:

=============================================  ==========================================
input                                          noticed by
=============================================  ==========================================
``app.view_functions[endpoint]``               identity with ``plan.view``, per request
``app.ensure_sync``                            a plan keeps a view that may be called
                                               directly only while ``ensure_sync`` is
                                               this package's; else it is asked per call
names of the blueprints of an endpoint         never change: they are the endpoint's name
``rule.provide_automatic_options``             read from the rule, per request
hooks, preprocessors, teardown functions,      not in the plan: the stages read the
error handlers, context processors             registries when they run
``app.config``, ``json``, classes,             not in the plan: read by identity, per
``session_interface``                          request
rules, converters, options of ``url_map``      :mod:`bustapi._routing`, by its key
=============================================  ==========================================
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import CO_COROUTINE, iscoroutinefunction
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .helpers import _split_blueprint_path

if TYPE_CHECKING:
    from .app import Flask

#: Scopes of a request without an endpoint: the application's own functions.
APP_SCOPES: tuple[str | None, ...] = (None,)


class EndpointPlan:
    """The data of one endpoint that does not change while its view stays the same."""

    __slots__ = ("view", "call", "scopes")

    def __init__(
        self, endpoint: str, view: Callable[..., Any], is_direct: bool
    ) -> None:
        blueprints: list[str] = []

        if "." in endpoint:
            blueprints = _split_blueprint_path(endpoint.rpartition(".")[0])

        #: The function that the plan was made for.
        self.view = view
        #: What to call with the arguments, None when ``ensure_sync`` must be asked.
        self.call = view if is_direct else None
        #: Keys of the registries, application first, innermost blueprint last.
        self.scopes: tuple[str | None, ...] = (None, *reversed(blueprints))


def make_plan(app: Flask, endpoint: str, view: Callable[..., Any]) -> EndpointPlan:
    """Compile the plan of an endpoint.

    :param view: the function registered for it now.
    """
    is_direct = app._has_stock_ensure_sync() and _runs_synchronously(view)
    return EndpointPlan(endpoint, view, is_direct)


def _runs_synchronously(view: Callable[..., Any]) -> bool:
    """Return whether a function needs no wrapper, whatever is done to it later.

    From Python 3.12 on a function can be marked as a coroutine function through its
    attributes, so only one without coroutine flag is sure; the mark is made by a
    decorator, that is before registration.
    """
    if type(view) is FunctionType and view.__code__.co_flags & CO_COROUTINE:
        return False

    return not iscoroutinefunction(view)
