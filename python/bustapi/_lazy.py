"""Attributes that build themselves on first look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class lazy_attribute(Generic[T]):
    """Build an attribute when it is first read, and keep it in the instance.

    Unlike ``werkzeug.utils.cached_property`` it is a non-data descriptor: once built (or
    assigned) the value lives in ``instance.__dict__`` and later reads never come here.
    Unlike ``functools.cached_property`` of Python 3.10 and 3.11 it takes no lock, since
    the objects that use it belong to one request.
    """

    def __init__(self, build: Callable[[Any], T]) -> None:
        self.build = build
        self.name = build.__name__
        self.__doc__ = build.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> lazy_attribute[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> lazy_attribute[T] | T:
        if instance is None:
            return self

        value = instance.__dict__[self.name] = self.build(instance)
        return value
