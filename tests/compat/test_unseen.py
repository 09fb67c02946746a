"""What Flask promises and its own suite of tests does not notice when it breaks.

Of fifty faults put into Flask by hand fourteen leave its suite green. Each has a test here:
what Flask answers is asked of Flask, and what this package answers of each edge.
"""

from __future__ import annotations

import json

import pytest
from itsdangerous import URLSafeTimedSerializer
from questions import NOW, Answer, Question
from sides import EDGES, Sides, difference


class Compared:
    """Asks Flask and this package the same, and gives the answer both have."""

    def __init__(self, sides: Sides, way: str, test: str) -> None:
        self._sides = sides
        self._way = way
        # Each test has an application of its own on each side.
        self._config = {"TEST": test}

    def __call__(
        self,
        path: str,
        cookie: str | None = None,
        now: int = NOW,
        **config: object,
    ) -> Answer:
        fields = [] if cookie is None else [("Cookie", f"session={cookie}")]
        config = {**self._config, **config}
        question = Question("GET", path, fields, app="unseen", config=config, now=now)
        expected = self._sides.flask.ask(question)
        actual = self._sides.of(self._way).ask(question)
        assert difference(actual, expected, question, self._way) is None
        return actual

    def notes(self) -> list[str]:
        """Return what was noted since this was asked last."""
        noted: list[str] = json.loads(self("/notes").body)
        return noted


@pytest.fixture(params=EDGES)
def ask(sides: Sides, request: pytest.FixtureRequest) -> Compared:
    """Both frameworks, ours behind each edge in turn."""
    return Compared(sides, request.param, request.node.name)


def session_cookie(ask: Compared) -> str:
    cookie = dict(ask("/session/set").cookies())["session"]
    assert cookie is not None
    return cookie


def header(answer: Answer, name: str) -> str | None:
    return dict(answer.headers).get(name)


@pytest.mark.parametrize("path", ["/redirect", "/redirect/app"])
def test_a_redirect_is_302_unless_told_otherwise(ask: Compared, path: str) -> None:
    answer = ask(path)

    assert answer.status == "302 FOUND"
    assert header(answer, "Location") == "/there"


def test_the_session_is_signed_with_flasks_salt(ask: Compared) -> None:
    cookie = session_cookie(ask)

    for salt, is_flasks in ("cookie-session", True), ("itsdangerous", False):
        serializer = URLSafeTimedSerializer(
            "unseen", salt, signer_kwargs={"key_derivation": "hmac"}
        )
        assert serializer.loads_unsafe(cookie)[0] == is_flasks


def test_the_session_is_signed_with_sha1(ask: Compared) -> None:
    cookie = session_cookie(ask)

    signature = cookie.rpartition(".")[2]

    # 20 bytes in base64 without padding; SHA-256 would give 43 characters.
    assert len(signature) == 27


def test_the_lifetime_of_a_session_is_checked_when_it_is_read(ask: Compared) -> None:
    cookie = session_cookie(ask)

    def read(now: int) -> str:
        config = {"PERMANENT_SESSION_LIFETIME": 60}
        return ask("/session/get", cookie, now, **config).body

    assert read(NOW + 60) == "{'a': 1}"
    assert read(NOW + 61) == "{}"


def test_deleting_the_session_varies_by_cookie(ask: Compared) -> None:
    cookie = session_cookie(ask)

    read_and_deleted = ask("/session/clear", cookie)
    only_deleted = ask("/session/untouched?delete=1", cookie)

    assert header(read_and_deleted, "Vary") == "Cookie"
    assert header(only_deleted, "Vary") == "Cookie"
    assert dict(only_deleted.cookies()) == {"session": None}


def test_teardown_of_the_app_context_runs_backwards(ask: Compared) -> None:
    ask("/response")

    noted = [note for note in ask.notes() if not note.startswith("request")]

    assert noted == ["second None", "first None"]


def test_values_of_the_view_win_over_context_processors(ask: Compared) -> None:
    answer = ask("/template/base.html")

    assert answer.body == "<p>&lt;value&gt;</p>"


def test_json_is_ascii(ask: Compared) -> None:
    answer = ask("/json")

    assert answer.body == '{"text":"\\u00fc \\u2603"}\n'


def test_the_request_is_closed_at_its_end(ask: Compared) -> None:
    ask("/request")

    assert "request.close() of /request" in ask.notes()


def test_the_environ_lets_go_of_the_request(ask: Compared) -> None:
    assert ask("/environ").body == "True"

    assert ask("/environ/after").body == "None"


def test_an_error_to_be_ignored_is_none_for_teardown_of_the_app(ask: Compared) -> None:
    ask("/crash")

    noted = [note for note in ask.notes() if not note.startswith("request")]

    assert noted == ["second None", "first None"]


def test_svg_templates_are_escaped(ask: Compared) -> None:
    assert ask("/template/drawing.svg").body == "<svg>&lt;value&gt;</svg>"
    assert ask("/template/letter.txt").body == "plain <value>"


@pytest.mark.parametrize("kind", ["text", "list", "response"])
def test_a_status_that_is_text_counts_in_a_tuple(ask: Compared, kind: str) -> None:
    answer = ask(f"/status/{kind}")

    assert answer.status == "299 Odd One"


def test_the_last_decorator_of_a_view_class_is_the_outermost(ask: Compared) -> None:
    assert ask("/decorated").body == "second first view"
