"""Takes away what a heading of the specification describes, and runs its tests.

python tests/specification/mutate.py [HEADING ...]

A method is replaced by one that does nothing, any other attribute by one that is None and
ignores what is assigned. A heading whose tests still pass is a survivor: nothing notices
that what it describes is gone.
"""

from __future__ import annotations

from typing import Any


def take_away(name: str) -> None:
    """Replace a method or attribute of ``BustAPI`` by one that does nothing."""
    from bustapi import BustAPI

    present = getattr(BustAPI, name, None)

    if callable(present) and not isinstance(present, type):
        setattr(BustAPI, name, _do_nothing)
    else:
        setattr(BustAPI, name, _Nothing())


def _do_nothing(*args: Any, **kwargs: Any) -> None:
    """Stand in for a method."""


class _Nothing:
    """Stands in for an attribute."""

    def __get__(self, instance: object, owner: type) -> None:
        return None

    def __set__(self, instance: object, value: object) -> None:
        """Ignore the value."""
