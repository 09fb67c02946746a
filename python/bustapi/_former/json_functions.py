"""The functions of ``json`` with the arguments and the companions that they had."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from functools import update_wrapper
from typing import IO, Any

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from .. import json
from .json_classes import ConfiguredJSONProvider, JSONDecoder, JSONEncoder
from .release import is_in_force
from .warning import warn_removed


def _with_app(name: str) -> Callable[..., Any]:
    """Return a function of ``json`` that takes an application, too."""
    function: Callable[..., Any] = getattr(json, name)

    def wrapper(*args: Any, app: Any = None, **kwargs: Any) -> Any:
        if app is None:
            return function(*args, **kwargs)

        warn_removed("app", stacklevel=2)
        return getattr(app.json, name)(*args, **kwargs)

    return update_wrapper(wrapper, function)


def detect_encoding(data: bytes) -> str:
    """Return which encoding of Unicode the text of a JSON document has.

    RFC 4627 3: a document begins with two ASCII characters, so where its first bytes
    are zero tells the width and the order of its units.

    :param data: the document.
    """
    warn_removed("detect_encoding", stacklevel=2)

    if data.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"

    # The mark of UTF-16 is how that of UTF-32 begins.
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"

    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"

    zeros = tuple(not byte for byte in data[:4])
    return _BY_ZEROS.get(zeros) or _BY_ZEROS.get(zeros[:2], "utf-8")


_BY_ZEROS = {
    (True, True, True, False): "utf-32-be",
    (False, True, True, True): "utf-32-le",
    (True, False): "utf-16-be",
    (False, True): "utf-16-le",
}


def htmlsafe_dumps(obj: Any, **kwargs: Any) -> str:
    """Return an object as JSON that may stand in a page; the filter ``tojson``.

    Before Flask 2.0 as text that can be joined with HTML; then as ``Markup``, which
    escapes the text that it is joined with.
    """
    warn_removed("htmlsafe_dumps", stacklevel=2)
    markup = _htmlsafe(obj, kwargs)
    return markup if is_in_force("2.0") else str(markup)


def htmlsafe_dump(obj: Any, fp: IO[str], **kwargs: Any) -> None:
    """Write an object to a file as JSON that may stand in a page."""
    warn_removed("htmlsafe_dump", stacklevel=2)
    fp.write(_htmlsafe(obj, kwargs))


def tojson_filter(obj: Any, **kwargs: Any) -> Markup:
    """Return an object as JSON that may stand in a page."""
    warn_removed("tojson_filter", stacklevel=2)
    return _htmlsafe(obj, kwargs)


def _htmlsafe(obj: Any, options: dict[str, Any]) -> Markup:
    return htmlsafe_json_dumps(obj, dumps=json.dumps, **options)


def give_keys_their_defaults() -> dict[str, Any]:
    """Return the configuration keys with what a new application has in them.

    Flask 2.2 left them empty, so that they say nothing until they are set.
    """
    if is_in_force("2.2"):
        return dict.fromkeys(_KEYS)

    ConfiguredJSONProvider.key_defaults = _KEYS
    return _KEYS


_KEYS = {
    "JSON_AS_ASCII": True,
    "JSON_SORT_KEYS": True,
    "JSONIFY_PRETTYPRINT_REGULAR": False,
    "JSONIFY_MIMETYPE": "application/json",
}

NAMES = {
    "JSONDecoder": JSONDecoder,
    "JSONEncoder": JSONEncoder,
    "detect_encoding": detect_encoding,
    "htmlsafe_dump": htmlsafe_dump,
    "htmlsafe_dumps": htmlsafe_dumps,
    "tojson_filter": tojson_filter,
    **{name: _with_app(name) for name in ("dump", "dumps", "load", "loads")},
}
"""What the module ``json`` had."""
