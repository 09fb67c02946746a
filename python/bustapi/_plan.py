"""What the rules decide about an endpoint, compiled once.

A plan holds nothing that Flask reads live. Each input of a request's handling, and how a
change of it is noticed. The tests in ``tests/compat/test_changes.py`` change each row
inside a request and compare with Flask, those in ``test_patches.py`` count the calls.

=============================================  ==========================================
input                                          noticed by
=============================================  ==========================================
``view_functions``, whole or one of them       identity with ``plan.view``, per request
``ensure_sync``                                a plan keeps a view that may be called
                                               directly only while ``ensure_sync`` is
                                               this package's; else it is asked per call
names of the blueprints of an endpoint         never change: they are the endpoint's name
``rule.provide_automatic_options``             read from the rule, per request
rules added, ``url_map`` replaced, its         :mod:`bustapi._routing`, by its key
``host_matching`` and ``default_subdomain``,
``subdomain_matching``
``strict_slashes``, ``converters`` and         not at all: a rule takes them over when it
``url_rule_class``, ``PROVIDE_AUTOMATIC_...``  is added, here as in Flask
methods and converters of a rule, changed      when the index is next built: before the
in place                                       first request, and after a rule was added
the registries: hooks, preprocessors,          not in the plan: the stages read the
teardown functions, error handlers, context    application's dictionaries when they run.
processors, URL defaults; those of blueprints  Blueprints' are copied when they are
                                               registered
signals                                        their receivers are read when it is time
``config``, whole or any key                   read when its value is needed; ``debug``,
                                               ``testing``, ``secret_key`` and
                                               ``permanent_session_lifetime`` are keys
``TRUSTED_HOSTS``, ``SERVER_NAME``             read when the URL is matched; an adapter
                                               that is made later uses what held then
``SECRET_KEY``                                 read when the session is opened: at the
                                               push if its cookie came, else at the first
                                               look
``json``                                       read per use; ``request.json_module`` when
                                               the request object is made
``json_provider_class``, ``aborter_class``     not at all: used by the constructor
``response_class``, ``aborter``, its mapping,  read per use
``jinja_env`` and its parts, ``extensions``
``request_class``                              identity, when the request comes: any
                                               other class makes its object at once
``session_interface``                          identity, when the context is pushed and
                                               when the session is saved
``app_ctx_globals_class``                      identity, when the context is pushed: any
                                               other class makes its object at once
``__class__`` of the application               its methods are looked up per call
``__call__``, ``wsgi_app``,                    identity, per request: whoever replaced one
``request_context``, ``app_context``,          is served through WSGI
``create_url_adapter``
other stages                                   called through the application
methods of ``Request``, ``RequestContext``,    :mod:`bustapi._stock`, per request
the session interface, the URL map
methods of ``Response``, and of one object     identity, when the response is delivered
its ``headers`` and ``response``               their classes, then
the environ                                    read when a part of it is looked at; what
                                               Flask reads before the view comes from the
                                               head that was parsed
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
