"""``flask._compat``: what code for Python 2 and 3 took from there, as it is in Python 3."""

from __future__ import annotations

import collections.abc as collections_abc
from collections.abc import Iterator, Mapping
from io import StringIO
from os import fspath
from types import TracebackType
from typing import Any, NoReturn

__all__ = [
    "BROKEN_PYPY_CTXMGR_EXIT",
    "PY2",
    "StringIO",
    "collections_abc",
    "fspath",
    "implements_to_string",
    "integer_types",
    "iteritems",
    "iterkeys",
    "itervalues",
    "range_type",
    "reraise",
    "string_types",
    "text_type",
    "with_metaclass",
]

PY2 = False
BROKEN_PYPY_CTXMGR_EXIT = False
text_type = str
string_types = (str,)
integer_types = (int,)
range_type = range


def _identity(x: Any) -> Any:
    return x


implements_to_string = _identity


def iterkeys(d: Mapping[Any, Any]) -> Iterator[Any]:
    """Iterate over the keys of a mapping."""
    return iter(d.keys())


def itervalues(d: Mapping[Any, Any]) -> Iterator[Any]:
    """Iterate over the values of a mapping."""
    return iter(d.values())


def iteritems(d: Mapping[Any, Any]) -> Iterator[Any]:
    """Iterate over the items of a mapping."""
    return iter(d.items())


def reraise(
    tp: type[BaseException], value: BaseException, tb: TracebackType | None = None
) -> NoReturn:
    """Raise an error with a traceback of its own."""
    raise value.with_traceback(tb)


def with_metaclass(meta: type, *bases: type) -> Any:
    """Return a base that gives the class made from it a metaclass."""

    class Maker(type):
        def __new__(
            cls, name: str, _: tuple[type, ...], namespace: dict[str, Any]
        ) -> Any:
            return meta(name, bases, namespace)

    return type.__new__(Maker, "temporary_class", (), {})
