"""Whether the classes that a request passes are still as they were defined.

The server's edge leaves out what nobody can see: a request object that nobody looks at
is not made, a session that nobody looks at is not opened. A patch makes such a thing
visible. One of an object is seen where the object is used; one of a class is seen here,
and then requests come through WSGI, where nothing is left out.
"""

from __future__ import annotations

from ._bustapi import Originals
from ._routing import STOCK_CONVERSIONS, STOCK_METHODS
from .ctx import AppContext
from .sessions import NullSession, SecureCookieSession, SecureCookieSessionInterface
from .wrappers import Request

_WATCHED: dict[type, set[str]] = {
    AppContext: {"__init__", "match_request"},
    Request: {
        *("__init__", "__setattr__", "close", "cookies", "host", "trusted_hosts"),
        *("dict_storage_class", "environ", "headers"),
        *("method", "url_rule", "view_args", "routing_exception"),
        *("endpoint", "blueprint", "blueprints"),
    },
    SecureCookieSessionInterface: {
        *("open_session", "save_session", "make_null_session", "is_null_session"),
        *("get_signing_serializer", "session_class", "null_session_class"),
        *("get_cookie_name", "get_cookie_domain", "get_cookie_path"),
        *("get_cookie_secure", "get_cookie_httponly", "get_cookie_samesite"),
        *("get_cookie_partitioned", "should_set_cookie", "get_expiration_time"),
    },
    SecureCookieSession: {"__init__"},
    NullSession: {"__init__"},
}
"""What is left out, or taken a shorter way, while nobody has replaced it."""

for _owner, _name, _ in STOCK_METHODS:
    _WATCHED.setdefault(_owner, set()).add(_name)

for _owner in STOCK_CONVERSIONS:
    _WATCHED[_owner] = {"to_python"} | {"num_convert"} & set(dir(_owner))

classes_are_stock = Originals(_WATCHED)
"""True while every watched attribute of every watched class is what it was."""
