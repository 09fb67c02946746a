"""The cookie of a session, read and written without what else a request and response have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.http import parse_cookie

from bustapi import Flask, Request, request, session
from bustapi._bustapi import find_cookie
from bustapi.sessions import SecureCookieSession, SecureCookieSessionInterface
from bustapi.testing import FlaskClient
from edges import make_client

fields = st.lists(
    st.sampled_from(
        [
            *("session", "a", "b", "sess", "=", "==", ";", "; ", " ", "\t", '"', "\\"),
            *(
                "1",
                "x y",
                "\xe9",
                "\xc3\xa9",
                "\x7f",
                ",",
                "a=1",
                "session=abc",
                "$",
                "é",
            ),
        ]
    ),
    max_size=12,
).map("".join)


@given(fields)
@example("session=abc; session=d")
@example("session = abc ")
@example("session=a b; session=c")
@example('session="a"')
@example('a="; session=b"')
@example("session")
@example("=session; session=1")
def test_a_cookie_is_found_as_werkzeug_finds_it(field: str) -> None:
    for name in ("session", "a", "é", "x y", ""):
        found = find_cookie(field, name)

        if found is not NotImplemented:
            assert found == parse_cookie(field).get(name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session=abc", "abc"),
        ("a=1; session=eyJuIjoyfQ.ZVPxAA.s02O7-9_; b=2", "eyJuIjoyfQ.ZVPxAA.s02O7-9_"),
        ("session=", ""),
        ("a=1", None),
    ],
)
def test_a_cookie_of_plain_characters_is_found_natively(
    field: str, value: str | None
) -> None:
    assert find_cookie(field, "session") == value


@pytest.mark.parametrize("field", ['session="a"', "a=\xe9; session=b", "session=a\t"])
def test_a_field_of_other_characters_is_left_to_werkzeug(field: str) -> None:
    assert find_cookie(field, "session") is NotImplemented


def test_a_name_may_be_anything() -> None:
    assert find_cookie("a=1", None) is NotImplemented
    assert find_cookie("a=1", "\ud800") is NotImplemented


@pytest.fixture
def site(app: Flask, edge: str) -> Iterator[FlaskClient]:
    """A client, keeping no cookies, of an application that uses its session."""
    app.secret_key = "key"

    @app.route("/count")
    def count() -> str:
        session["n"] = session.get("n", 0) + 1
        return str(session["n"])

    @app.route("/cookies")
    def cookies() -> str:
        return f"{session.get('n')} {request.cookies.get('other')}"

    with make_client(app, edge, use_cookies=False) as client:
        yield client


def cookie_of(response: Any) -> str:
    return str(response.headers["Set-Cookie"].partition(";")[0])


def test_a_session_is_read_whatever_stands_around_its_cookie(site: FlaskClient) -> None:
    cookie = cookie_of(site.get("/count"))

    for field in (
        cookie,
        f"other=1; {cookie}",
        f'{cookie}; other="a b"',
        f"other=\xe9; {cookie}",
        f"{cookie}; session=later",
        cookie.replace("=", ' = "') + '"',
    ):
        assert site.get("/count", headers={"Cookie": field}).text == "2"

    other = site.get("/cookies", headers={"Cookie": f"{cookie}; other=7"})
    assert other.text == "1 7"


def test_a_request_class_that_finds_cookies_elsewhere_is_asked(
    app: Flask, site: FlaskClient
) -> None:
    value = cookie_of(site.get("/count")).partition("=")[2]

    class Elsewhere(Request):
        @property
        def cookies(self) -> Any:
            return {"session": self.headers["X-Session"]}

    app.request_class = Elsewhere

    fields = {"X-Session": value, "Cookie": "session=other"}
    assert site.get("/count", headers=fields).text == "2"


def test_an_interface_that_opens_in_its_own_way_is_asked(
    app: Flask, site: FlaskClient
) -> None:
    class Own(SecureCookieSessionInterface):
        def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
            return SecureCookieSession({"n": 41})

    app.session_interface = Own()
    assert site.get("/count", headers={"Cookie": "session=x"}).text == "42"

    own: Any = SecureCookieSessionInterface()
    own.open_session = lambda app, request: SecureCookieSession({"n": 51})
    app.session_interface = own
    assert site.get("/count", headers={"Cookie": "session=x"}).text == "52"


def test_a_patched_way_to_the_cookies_is_gone(
    site: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = cookie_of(site.get("/count")).partition("=")[2]

    class Storage(ImmutableMultiDict[str, str]):
        def get(self, key: str, *args: Any, **kwargs: Any) -> Any:
            return value

    monkeypatch.setattr(Request, "dict_storage_class", Storage)

    assert site.get("/count", headers={"Cookie": "session=other"}).text == "2"


def test_without_a_key_a_cookie_opens_a_session_that_cannot_be_written(
    app: Flask, site: FlaskClient
) -> None:
    cookie = cookie_of(site.get("/count"))
    app.secret_key = None

    assert site.get("/cookies", headers={"Cookie": cookie}).text == "None None"


def test_a_name_of_the_cookie_that_is_changed_is_looked_for(
    app: Flask, site: FlaskClient
) -> None:
    value = cookie_of(site.get("/count")).partition("=")[2]
    app.config["SESSION_COOKIE_NAME"] = "name"

    assert site.get("/count", headers={"Cookie": f"name={value}"}).text == "2"
    assert site.get("/count", headers={"Cookie": f"session={value}"}).text == "1"
