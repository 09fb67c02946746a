"""JSON through the provider of the current application.

Outside of an application context the functions fall back on the standard library, with
the types that :class:`.DefaultJSONProvider` adds.
"""

from __future__ import annotations

import json as _json
from typing import IO, TYPE_CHECKING, Any, AnyStr, cast

from ..globals import _cv_app, current_app
from .provider import _default

if TYPE_CHECKING:
    from ..wrappers import Response


def dumps(obj: Any, **kwargs: Any) -> str:
    """Return an object as JSON text.

    :param obj: the object.
    :param kwargs: options of the provider.

    .. versionchanged:: 2.2
        Calls ``current_app.json.dumps``.
    """
    context = _cv_app.get(None)

    if context is not None:
        return context.app.json.dumps(obj, **kwargs)

    kwargs.setdefault("default", _default)
    return _json.dumps(obj, **kwargs)


def dump(obj: Any, fp: IO[str], **kwargs: Any) -> None:
    """Write an object to a file as JSON text.

    :param obj: the object.
    :param fp: file open for text in UTF-8.
    :param kwargs: options of the provider.

    .. versionchanged:: 2.2
        Calls ``current_app.json.dump``.
    """
    context = _cv_app.get(None)

    if context is not None:
        context.app.json.dump(obj, fp, **kwargs)
    else:
        kwargs.setdefault("default", _default)
        _json.dump(obj, fp, **kwargs)


def loads(s: str | bytes, **kwargs: Any) -> Any:
    """Return the object that JSON text stands for.

    :param s: text, or bytes in UTF-8.
    :param kwargs: options of the provider.

    .. versionchanged:: 2.2
        Calls ``current_app.json.loads``.
    """
    context = _cv_app.get(None)

    if context is not None:
        return context.app.json.loads(s, **kwargs)

    return _json.loads(s, **kwargs)


def load(fp: IO[AnyStr], **kwargs: Any) -> Any:
    """Return the object that the JSON text of a file stands for.

    :param fp: file open for text, or for bytes in UTF-8.
    :param kwargs: options of the provider.

    .. versionchanged:: 2.2
        Calls ``current_app.json.load``.
    """
    context = _cv_app.get(None)

    if context is not None:
        return context.app.json.load(fp, **kwargs)

    return _json.load(fp, **kwargs)


def jsonify(*args: Any, **kwargs: Any) -> Response:
    """Return a response with JSON as its body.

    A view may return a dictionary or a list instead; this is for other values, and for
    a response that is to be changed. One positional argument is the value itself,
    several are a list, keyword arguments are an object; without any it is ``null``. ::

        response = jsonify(count=3)
        response.headers["Cache-Control"] = "no-store"

    :param args: a value, or the items of a list.
    :param kwargs: the items of an object.
    :raises TypeError: when both are given.
    :raises RuntimeError: outside of an application context.

    .. versionchanged:: 2.2
        Calls ``current_app.json.response``.
    """
    return cast("Response", current_app.json.response(*args, **kwargs))
