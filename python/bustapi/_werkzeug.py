"""What Werkzeug's next versions no longer hand out by name.

Werkzeug 3.2 warns whoever takes one of these from it, 4.0 is without them. What a module
binds can be looked at without a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import werkzeug.datastructures
import werkzeug.wsgi
from werkzeug.sansio.utils import get_host as get_host_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import ImmutableDict as ImmutableDict
    from werkzeug.wsgi import LimitedStream as LimitedStream
else:

    class _ImmutableDict(dict):
        """A dictionary that cannot be changed, and a copy of which can."""

        def _refuse(self, *arguments: Any, **keywords: Any) -> NoReturn:
            raise TypeError(f"{type(self).__name__!r} objects are immutable")

        __setitem__ = __delitem__ = __ior__ = _refuse
        clear = pop = popitem = setdefault = update = _refuse

        def __hash__(self) -> int:
            return hash(frozenset(self.items()))

        def __repr__(self) -> str:
            return f"{type(self).__name__}({super().__repr__()})"

        def __reduce_ex__(self, protocol: Any) -> Any:
            return type(self), (dict(self),)

        def __copy__(self) -> _ImmutableDict:
            return self

        def copy(self) -> dict[Any, Any]:
            """Return an ordinary dictionary with the same items."""
            return dict(self)

    _ImmutableDict.__name__ = _ImmutableDict.__qualname__ = "ImmutableDict"
    _wsgi = vars(werkzeug.wsgi)

    ImmutableDict = vars(werkzeug.datastructures).get("ImmutableDict", _ImmutableDict)
    LimitedStream = _wsgi.get("LimitedStream") or _wsgi["_LimitedStream"]


def get_host(
    environ: WSGIEnvironment, trusted_hosts: Collection[str] | None = None
) -> str:
    """Return the host that a request is for, from the environ.

    :raises SecurityError: when it is none of the trusted hosts.
    """
    try:
        port = int(environ["SERVER_PORT"])
    except (KeyError, TypeError, ValueError):
        port = None  # A socket with a path.

    server = (environ["SERVER_NAME"], port) if "SERVER_NAME" in environ else None
    return get_host_of(
        environ["wsgi.url_scheme"], environ.get("HTTP_HOST"), server, trusted_hosts
    )
