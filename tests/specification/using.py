"""What the tests of the specification have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

import pytest

from bustapi import render_template
from bustapi.testing import FlaskClient


@contextmanager
def removed(name: str) -> Iterator[None]:
    """Expect the warning for a name that Flask 3 no longer has."""
    with pytest.warns(DeprecationWarning, match=re.escape(repr(name))):
        yield


def write(path: Path, text: str) -> Path:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def body_of(client: FlaskClient, path: str) -> bytes:
    """Return the body of a response that is read from a file, and close the file."""
    with client.get(path) as response:
        assert response.status_code == 200
        body: bytes = response.data
        return body


def read(file: IO[bytes]) -> bytes:
    """Read a file to its end and close it."""
    with file:
        return file.read()


def render_template_named(name: str) -> str:
    """Be a view that renders the template that its argument names."""
    return render_template(name)


class Failure(Exception):
    """The error of a view that fails on purpose."""


def fail() -> NoReturn:
    """Be a view that fails."""
    raise Failure("failed on purpose")
