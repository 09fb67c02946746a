"""Attributes that are kept under another name until somebody looks at them.

A property builds such an attribute when it is read. What it was given instead, and that
it was deleted, is told by where the value is: under its own name in the ``__dict__`` of
the instance, or nowhere.
"""

from __future__ import annotations

from typing import Any


def assigned(instance: object, name: str) -> Any:
    """Return what an attribute was given that nothing is built for.

    :param name: name of the attribute.
    :raises AttributeError: when it does not exist.
    """
    try:
        return instance.__dict__[name]
    except KeyError:
        raise AttributeError(
            f"{type(instance).__name__!r} object has no attribute {name!r}",
            name=name,
            obj=instance,
        ) from None


def assign_none(instance: object, name: str, kept_as: str) -> None:
    """Let an attribute be None.

    :param kept_as: its other name, under which None stands for what is to be built.
    """
    instance.__dict__.pop(kept_as, None)
    instance.__dict__[name] = None


def delete(instance: object, name: str, kept_as: str) -> None:
    """Let an attribute not exist.

    :raises AttributeError: when it does not exist.
    """
    attributes = instance.__dict__

    if kept_as not in attributes:
        assigned(instance, name)

    attributes.pop(kept_as, None)
    attributes.pop(name, None)
