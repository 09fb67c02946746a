"""Every input of a request's handling, changed while a request is handled.

A row gets an application and returns what changes an input and what a view then sees.
The change is made in one request, by a hook before the view or by the view itself;
requests before and after it show what else follows.
"""

from __future__ import annotations

import typing as t

from flask import (
    Flask,
)

Row = tuple[t.Callable[[], object], t.Callable[[], t.Any]]
ROWS: dict[str, t.Callable[[Flask], Row]] = {}


def row(function: t.Callable[[Flask], Row]) -> t.Callable[[Flask], Row]:
    """Register a row under its name."""
    ROWS[function.__name__] = function
    return function


def seen() -> str:
    """Answer as a view that looks at nothing."""
    return "seen"


def body_of(response: t.Any) -> str:
    return response.get_data(as_text=True)


def mark(name: str) -> t.Callable[[t.Any], t.Any]:
    """Return a hook that puts a field into the response."""

    def hook(response: t.Any) -> t.Any:
        response.headers["X-Mark"] = name
        return response

    return hook
