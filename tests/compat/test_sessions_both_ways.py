"""A session cookie that Flask wrote is read here, and the other way round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from questions import NOW, Answer, Question
from sides import EDGES, Side, Sides

KEY = {"SECRET_KEY": "key"}
LIFETIME = 60
EMPTY = "[] False False"

# The contents that the application "sessions" can write.
CONTENTS = [
    *(
        "empty-values",
        "plain",
        "unicode",
        "tuple",
        "bytes",
        "markup",
        "uuid",
        "datetime",
    ),
    *(
        "datetime-naive",
        "dict-like-tag",
        "dict-like-tag-alone",
        "nested",
        "long",
        "keys",
    ),
    *("integer-keys", "permanent", "not-permanent", "flashes"),
]

DIRECTIONS = [
    *[pytest.param("flask", edge, id=f"flask-to-{edge}") for edge in EDGES],
    *[pytest.param(edge, "flask", id=f"{edge}-to-flask") for edge in EDGES],
]

both_ways = pytest.mark.parametrize(("writer", "reader"), DIRECTIONS)


@pytest.fixture
def writing(sides: Sides, writer: str) -> Side:
    """The side that writes the cookie."""
    return sides.of(writer)


@pytest.fixture
def reading(sides: Sides, reader: str) -> Side:
    """The side that gets it."""
    return sides.of(reader)


def write(side: Side, content: str, **config: Any) -> str:
    """Return the value of the cookie for a content."""
    return cookie_of(ask(side, f"/write/{content}", None, **config))


def read(side: Side, cookie: str, now: int = NOW, **config: Any) -> str:
    """Return what a request with a cookie finds in its session."""
    return ask(side, "/read", cookie, now, **config).body


def ask(
    side: Side, path: str, cookie: str | None, now: int = NOW, **config: Any
) -> Answer:
    fields = [] if cookie is None else [("Cookie", f"session={cookie}")]
    answer = side.ask(
        Question("GET", path, fields, app="sessions", config=KEY | config, now=now)
    )
    assert answer.status == "200 OK", answer
    return answer


def cookie_of(answer: Answer) -> str:
    cookie = dict(answer.cookies())["session"]
    assert cookie is not None
    return cookie


@both_ways
@pytest.mark.parametrize("content", CONTENTS)
def test_each_content_comes_back_as_it_was(
    sides: Sides, writing: Side, reading: Side, content: str
) -> None:
    theirs = write(sides.flask, content)

    cookie = write(writing, content)

    assert cookie == theirs
    assert read(reading, cookie) == read(sides.flask, theirs) != EMPTY


@both_ways
def test_flashes_are_shown_once_by_the_other_side(writing: Side, reading: Side) -> None:
    cookie = cookie_of(ask(writing, "/flash", None))

    shown = ask(reading, "/flashed", cookie)

    messages = [
        *("('message', 'plain')", "('error', Markup('<b>marked</b>'))"),
        "('error', 'ünïcode')",
    ]
    again = "[Markup('<b>marked</b>'), 'ünïcode']"
    expected = f"[{', '.join(messages)}] {again}"
    assert shown.body == expected.encode().decode("latin-1")
    assert list(shown.cookies()) == [("session", None)]


@both_ways
def test_the_other_side_changes_what_was_written(writing: Side, reading: Side) -> None:
    cookie = write(writing, "plain")

    changed = cookie_of(ask(reading, "/do/set", cookie))

    assert "('a', 2)" in read(writing, changed)
    assert "('user', 7)" in read(writing, changed)


@both_ways
def test_a_replaced_key_is_read_and_written_anew(writing: Side, reading: Side) -> None:
    rotated: dict[str, Any] = {
        "SECRET_KEY": "new",
        "SECRET_KEY_FALLBACKS": ["older", "old"],
    }
    cookie = write(writing, "plain", SECRET_KEY="old")

    assert "('user', 7)" in read(reading, cookie, **rotated)
    assert read(reading, cookie, SECRET_KEY="new") == EMPTY

    anew = cookie_of(ask(reading, "/do/set", cookie, **rotated))

    assert "('user', 7)" in read(writing, anew, SECRET_KEY="new")
    assert read(writing, anew, SECRET_KEY="old") == EMPTY


@both_ways
@pytest.mark.parametrize("content", ["plain", "permanent"])
@pytest.mark.parametrize(
    ("age", "is_read"),
    [(0, True), (LIFETIME, True), (LIFETIME + 1, False), (10**8, False), (-1, False)],
)
def test_the_lifetime_counts_from_the_writing(
    writing: Side, reading: Side, content: str, age: int, is_read: bool
) -> None:
    cookie = write(writing, content)

    found = read(reading, cookie, NOW + age, PERMANENT_SESSION_LIFETIME=LIFETIME)

    assert (found != EMPTY) == is_read


@both_ways
def test_a_permanent_session_is_sent_again_by_the_other_side(
    writing: Side, reading: Side
) -> None:
    cookie = write(writing, "permanent")

    later = ask(reading, "/untouched", cookie, NOW + 50)
    renewed = cookie_of(later)

    assert renewed != cookie
    assert "'a', 1" in read(writing, renewed, NOW + 100, PERMANENT_SESSION_LIFETIME=60)


TAMPERED: dict[str, Callable[[str], str]] = {
    "content": lambda cookie: "f" + cookie[1:],
    "last of the content": lambda c: c.replace(".", "A.", 1),
    "time": lambda c: c.replace(".ZV", ".ZW", 1),
    "no time": lambda c: c.split(".")[0] + "." + c.split(".")[2],
    "signature": lambda c: c[:-1] + ("A" if c[-1] != "A" else "B"),
    "no signature": lambda c: c.rpartition(".")[0],
    "empty signature": lambda c: c.rpartition(".")[0] + ".",
    "cut": lambda c: c[: len(c) // 2],
    "longer": lambda c: c + "x",
    "twice": lambda c: f"{c}.{c}",
    "said to be compressed": lambda c: f".{c}",
    "quoted wrongly": lambda c: f'"{c}',
    "dots": lambda c: "...",
    "empty": lambda c: "",
    "other letters": lambda c: "ü" + c,
}


@both_ways
@pytest.mark.parametrize("kind", TAMPERED)
def test_a_cookie_that_was_tampered_with_is_an_empty_session(
    writing: Side, reading: Side, kind: str
) -> None:
    cookie = write(writing, "plain")

    tampered = TAMPERED[kind](cookie)

    assert tampered != cookie
    assert read(reading, tampered) == EMPTY


@both_ways
@pytest.mark.parametrize(
    "attributes",
    [
        {"salt": "other"},
        {"digest_method": "sha256"},
        {"digest_method": "sha512", "key_derivation": "concat"},
        {"key_derivation": "django-concat"},
        {"key_derivation": "none"},
    ],
)
def test_whoever_signs_differently_is_understood_by_his_like_alone(
    sides: Sides, writing: Side, reading: Side, attributes: dict[str, str]
) -> None:
    cookie = write(writing, "plain", INTERFACE=attributes)

    assert cookie == write(sides.flask, "plain", INTERFACE=attributes)
    assert "('user', 7)" in read(reading, cookie, INTERFACE=attributes)
    assert read(reading, cookie) == EMPTY
    assert read(reading, write(writing, "plain"), INTERFACE=attributes) == EMPTY


@both_ways
def test_another_name_of_the_cookie_is_another_session(
    writing: Side, reading: Side
) -> None:
    answer = ask(writing, "/write/plain", None, SESSION_COOKIE_NAME="id")

    cookie = dict(answer.cookies())["id"]

    assert read(reading, str(cookie), SESSION_COOKIE_NAME="id") == EMPTY
    assert "('user', 7)" in read(reading, f"x; id={cookie}", SESSION_COOKIE_NAME="id")
