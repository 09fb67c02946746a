"""Whether the classes that a request passes are still as they were defined.

The server's edge leaves out what nobody can see: a request object that nobody looks at
is not made, a session that nobody looks at is not opened. A patch makes such a thing
visible. One of an object is seen where the object is used; one of a class is seen here,
and then requests come through WSGI, where nothing is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from types import new_class
from typing import Any

from ._routing import STOCK_CONVERSIONS, STOCK_METHODS
from .ctx import AppContext
from .sessions import NullSession, SecureCookieSession, SecureCookieSessionInterface
from .wrappers import Request

_WATCHED: dict[type, set[str]] = {
    AppContext: {"__init__", "match_request"},
    Request: {
        *("__init__", "__setattr__", "close", "cookies", "host", "trusted_hosts"),
        *("method", "url_rule", "view_args", "routing_exception"),
        *("endpoint", "blueprint", "blueprints"),
    },
    SecureCookieSessionInterface: {
        *("open_session", "save_session", "make_null_session", "is_null_session"),
        *("get_signing_serializer", "session_class", "null_session_class"),
        *("get_cookie_name", "get_cookie_domain", "get_cookie_path"),
        *("get_cookie_secure", "get_cookie_httponly", "get_cookie_samesite"),
        *("get_cookie_partitioned", "should_set_cookie"),
    },
    SecureCookieSession: {"__init__"},
    NullSession: {"__init__"},
}
"""What is left out, or taken a shorter way, while nobody has replaced it."""

for _owner, _name, _ in STOCK_METHODS:
    _WATCHED.setdefault(_owner, set()).add(_name)

for _owner in STOCK_CONVERSIONS:
    _WATCHED[_owner] = {"to_python"} | {"num_convert"} & set(dir(_owner))

_ATTRIBUTES = [(owner, name) for owner, names in _WATCHED.items() for name in names]


def _compile_comparison() -> Callable[[], bool]:
    """Return a function that compares all attributes with what they are now.

    By identity: a wrapper made by wrapt equals what it wraps.
    """
    # PERF: one expression without a call in it; CPython keeps the place of each
    # attribute in the code. 0.4 µs on 3.13, a loop with getattr costs ten times that.
    namespace: dict[str, Any] = {}
    comparisons = []

    for number, (owner, name) in enumerate(_ATTRIBUTES):
        namespace[f"owner_{number}"] = owner
        namespace[f"defined_{number}"] = getattr(owner, name)
        comparisons.append(f"owner_{number}.{name} is defined_{number}")

    return eval(f"lambda: {' and '.join(comparisons)}", namespace)  # type: ignore[no-any-return]


_is_as_defined = _compile_comparison()

# PERF: on a CPython that does not specialise attributes of classes the comparison costs
# 3 µs and the flag 0.1. Up to 3.12 a class is numbered when an attribute is looked up in
# it, which sets this flag; changing the class or a base clears it. Nobody looks anything
# up in a class that nobody knows, so it keeps the flag for as long as no base changes.
# Where the flag is never set, every request is given the comparison.
_HAS_VERSION = 1 << 19
_witness: Any = new_class(
    "_Witness",
    tuple(c for c in _WATCHED if not any(c in other.__mro__[1:] for other in _WATCHED)),
)

_verdict = True


def is_stock() -> bool:
    """Return whether nobody has replaced a watched attribute of a watched class."""
    global _verdict

    if not _witness.__flags__ & _HAS_VERSION:
        # First, so that a change made while they are compared clears it again.
        hasattr(_witness, "_anything")
        _verdict = _is_as_defined()

    return _verdict
