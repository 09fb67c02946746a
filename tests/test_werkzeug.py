"""What stands in for names that Werkzeug's next versions are without."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import werkzeug.wsgi
from werkzeug.exceptions import SecurityError

from bustapi import _werkzeug

# The class that takes over where Werkzeug has none, and today's.
OURS: Any = vars(_werkzeug)["_ImmutableDict"]
CLASSES = {OURS, _werkzeug.ImmutableDict}


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update({"b": 2}),
        lambda d: d.__setitem__("a", 2),
        lambda d: d.__delitem__("a"),
        lambda d: d.__ior__({"b": 2}),
        lambda d: d.pop("a"),
        lambda d: d.popitem(),
        lambda d: d.setdefault("b", 2),
        lambda d: d.clear(),
    ],
)
def test_a_dictionary_of_defaults_cannot_be_changed(
    change: Callable[[Any], object], cls: Any
) -> None:
    defaults = cls(a=1)

    with pytest.raises(TypeError, match="immutable"):
        change(defaults)

    assert defaults == {"a": 1}


@pytest.mark.parametrize("cls", CLASSES)
def test_a_dictionary_of_defaults_is_hashed_copied_and_printed(cls: Any) -> None:
    defaults = cls(a=1)

    assert hash(defaults) == hash(cls(a=1))
    assert copy.copy(defaults) is defaults
    assert type(defaults.copy()) is dict
    assert repr(defaults) == "ImmutableDict({'a': 1})"
    assert defaults | {"b": 2} == {"a": 1, "b": 2}


def test_todays_dictionary_of_defaults_is_pickled() -> None:
    defaults = _werkzeug.ImmutableDict(a=1)

    assert pickle.loads(pickle.dumps(defaults)) == defaults


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"HTTP_HOST": "example.org"},
        {"HTTP_HOST": "example.org:443", "wsgi.url_scheme": "https"},
        {"SERVER_NAME": "::1", "SERVER_PORT": 80},
        {"SERVER_NAME": "/run/socket", "SERVER_PORT": ""},
        {"HTTP_HOST": "other.example"},
        {"HTTP_HOST": "bad host"},
    ],
)
def test_the_host_is_the_one_that_werkzeug_names(changes: dict[str, Any]) -> None:
    environ = {
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "5000",
        "wsgi.url_scheme": "http",
        **changes,
    }
    theirs = vars(werkzeug.wsgi).get("get_host")

    if theirs is None:
        pytest.skip("this version of Werkzeug has none")

    for trusted in (None, ["localhost", "example.org"]):
        assert answer(_werkzeug.get_host, environ, trusted) == answer(
            theirs, environ, trusted
        )


def answer(function: Any, environ: dict[str, Any], trusted: list[str] | None) -> str:
    try:
        return str(function(environ, trusted))
    except SecurityError as e:
        return str(e)
