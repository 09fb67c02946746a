"""A session saved past its interface changes the response as the interface does."""

from __future__ import annotations

import warnings
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from itsdangerous import TimestampSigner
from werkzeug import http
from werkzeug.datastructures import Headers
from werkzeug.sansio import response as sansio_response
from werkzeug.wrappers import Response as WerkzeugResponse

from bustapi import Flask, Response, _session_cookie, session, sessions
from bustapi.sessions import SecureCookieSession, SecureCookieSessionInterface
from bustapi.testing import FlaskClient

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        @staticmethod
        def now(zone: Any) -> datetime:
            return NOW

    monkeypatch.setattr(sessions, "datetime", Clock)
    monkeypatch.setattr(
        TimestampSigner, "get_timestamp", lambda self: int(NOW.timestamp())
    )


class Own(Response):
    pass


class OwnCookies(Response):
    def set_cookie(self, key: str, value: str = "", **attributes: Any) -> None:  # type: ignore[override]
        super().set_cookie(f"own-{key}", value, **attributes)


def looked_at() -> Response:
    response = Response("body")
    response.headers["X-Seen"] = "yes"
    return response


def with_attribute() -> Any:
    response: Any = Response("body")
    response.set_cookie = lambda *args, **attributes: response.headers.add("X-Own", "1")
    return response


RESPONSES: dict[str, Any] = {
    "plain": lambda: Response("body"),
    "status": lambda: Response("body", 201),
    "subclass": lambda: Own("body"),
    "own cookies": lambda: OwnCookies("body"),
    "own attribute": with_attribute,
    "looked at": looked_at,
    "headers": lambda: Response("body", headers={"X-A": "1"}),
    "vary": lambda: Response("body", headers={"vary": "Accept"}),
    "varies": lambda: Response(
        "body", headers=[("Vary", "cookie"), ("Vary", "Accept")]
    ),
    "cookie": lambda: Response("body", headers={"Set-Cookie": "a=1"}),
    "stream": lambda: Response(iter(["a", "b"])),
    "werkzeug": lambda: WerkzeugResponse("body"),
}

configuration = st.fixed_dictionaries(
    {},
    optional={
        "SESSION_COOKIE_NAME": st.sampled_from(["name", "n\xe9", "a b", "a=b", "x\ny"]),
        "SESSION_COOKIE_DOMAIN": st.sampled_from(
            [None, "", "example.com", ".example.com:80", "bücher.example", "a\n.b"]
        ),
        "SESSION_COOKIE_PATH": st.sampled_from([None, "", "/", "/a b;c", "/é", "/\n"]),
        "APPLICATION_ROOT": st.sampled_from(["/", "/mounted"]),
        "SESSION_COOKIE_HTTPONLY": st.sampled_from([True, False, 1, None]),
        "SESSION_COOKIE_SECURE": st.sampled_from([True, False, 1, 0, None, "yes"]),
        "SESSION_COOKIE_PARTITIONED": st.booleans(),
        "SESSION_COOKIE_SAMESITE": st.sampled_from(
            [None, "Lax", "strict", "None", "bad", ["Lax"]]
        ),
        "SESSION_REFRESH_EACH_REQUEST": st.booleans(),
        "MAX_COOKIE_SIZE": st.sampled_from([0, 60, 4093]),
        "PERMANENT_SESSION_LIFETIME": st.sampled_from([timedelta(days=31), 60]),
    },
)
content = st.sampled_from(
    [
        *({}, {"n": 1}, {"_permanent": True}, {"_permanent": True, "n": 1}),
        *({"a": "b" * 5000}, {"a": {"a", "set"}}),
    ]
)


def saved(
    app: Flask, save: Any, values: dict[str, Any], response: Any, **state: Any
) -> Any:
    """Return all that can be seen after a session was saved."""
    opened = SecureCookieSession(values)

    for name, value in state.items():
        setattr(opened, name, value)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        try:
            save(app, opened, response)
        except Exception as e:
            return type(e), str(e), response.headers.to_wsgi_list()

    texts = [str(warning.message) for warning in caught]
    return response.headers.to_wsgi_list(), response.status, texts


def by_interface(app: Flask, opened: Any, response: Any) -> None:
    app.session_interface.save_session(app, opened, response)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    configuration,
    content,
    st.sampled_from(list(RESPONSES)),
    st.booleans(),
    st.booleans(),
)
@example({}, {"n": 1}, "plain", True, True)
@example({}, {"n": 1}, "plain", True, False)
@example({}, {"n": 1}, "plain", False, True)
@example({}, {"_permanent": True}, "plain", False, False)
@example({}, {"a": {"a", "set"}}, "plain", True, True)
@example({"MAX_COOKIE_SIZE": 60}, {"n": 1}, "plain", True, True)
def test_a_response_gets_the_fields_that_the_interface_gives_it(
    config: dict[str, Any],
    values: dict[str, Any],
    kind: str,
    modified: bool,
    accessed: bool,
) -> None:
    app = Flask(__name__)
    app.secret_key = "key"
    app.config.update(config)
    state = {"modified": modified, "accessed": accessed}

    with app.app_context():
        found = saved(app, Flask._save_session, values, RESPONSES[kind](), **state)
        expected = saved(app, by_interface, values, RESPONSES[kind](), **state)

    assert found == expected


def is_saved(app: Flask, response: Any) -> bool:
    """Return whether a changed session is saved without its interface."""
    interface = app.session_interface
    assert isinstance(interface, SecureCookieSessionInterface)
    return _session_cookie.save(app, interface, changed(), response)


def changed() -> SecureCookieSession:
    opened = SecureCookieSession()
    opened["n"] = 1
    return opened


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *[
            (kind, True)
            for kind in ("plain", "status", "subclass", "looked at", "vary")
        ],
        *[(kind, False) for kind in ("own cookies", "own attribute", "werkzeug")],
    ],
)
def test_only_a_response_of_ones_own_needs_the_interface(
    app: Flask, app_ctx: object, kind: str, expected: bool
) -> None:
    app.secret_key = "key"

    assert is_saved(app, RESPONSES[kind]()) is expected


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Response, "set_cookie"),
        (WerkzeugResponse, "set_cookie"),
        (Headers, "add"),
        (http, "dump_cookie"),
        (http, "http_date"),
        (sansio_response, "dump_cookie"),
    ],
    ids=str,
)
def test_a_replaced_part_of_what_the_interface_calls_needs_it(
    app: Flask, app_ctx: object, owner: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.secret_key = "key"
    original = getattr(owner, name)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, lambda *args, **given: original(*args, **given))
        assert not is_saved(app, Response("body"))

    assert is_saved(app, Response("body"))


@pytest.mark.parametrize("accessed", [True, False])
def test_an_empty_session_that_nobody_changed_needs_no_interface(
    app: Flask, app_ctx: object, accessed: bool
) -> None:
    interface: Any = app.session_interface
    opened = SecureCookieSession()
    opened.accessed = accessed
    response = Response("body")

    assert _session_cookie.save(app, interface, opened, response)
    assert response.headers.getlist("Vary") == (["Cookie"] if accessed else [])

    opened.clear()
    assert not _session_cookie.save(app, interface, opened, response)


def test_outside_of_the_application_the_interface_saves(app: Flask) -> None:
    app.secret_key = "key"
    assert not is_saved(app, Response("body"))

    with Flask("another").app_context():
        assert not is_saved(app, Response("body"))


@pytest.fixture
def site(app: Flask, client: FlaskClient) -> FlaskClient:
    app.secret_key = "key"

    @app.route("/set")
    def set_value() -> str:
        session["n"] = 1
        return "body"

    return client


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_response_has_its_fields_in_order(site: FlaskClient, method: str) -> None:
    response = site.open("/set", method=method)

    assert [name for name, _ in response.headers if name != "Date"] == [
        *("Content-Type", "Content-Length", "Vary", "Set-Cookie"),
    ]
    assert response.headers["Content-Length"] == "4"
    assert response.text == ("" if method == "HEAD" else "body")


def test_what_comes_after_sees_the_cookie(app: Flask, site: FlaskClient) -> None:
    seen: list[Any] = []

    def look(sender: object, response: Response, **extra: Any) -> None:
        seen.append(response.headers.getlist("Set-Cookie"))
        response.headers["X-Late"] = "yes"
        response.data = "other body"

    from bustapi import request_finished

    with request_finished.connected_to(look, app):
        response = site.get("/set")

    assert seen == [response.headers.getlist("Set-Cookie")] != [[]]
    assert response.headers["X-Late"] == "yes"
    assert response.headers["Content-Length"] == "10"
    assert response.text == "other body"


@pytest.mark.parametrize(
    "name", ["save_session", "should_set_cookie", "get_cookie_path"]
)
def test_an_override_of_the_interface_is_called(
    app: Flask, site: FlaskClient, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    original = getattr(SecureCookieSessionInterface, name)

    def override(self: Any, *args: Any) -> Any:
        calls.append(name)
        return original(self, *args)

    app.session_interface = type(
        "Own", (SecureCookieSessionInterface,), {name: override}
    )()
    site.get("/set")
    assert calls == [name]

    app.session_interface = SecureCookieSessionInterface()
    setattr(
        app.session_interface,
        name,
        lambda *args: override(app.session_interface, *args),
    )
    site.get("/set")
    assert calls == [name] * 2

    app.session_interface = SecureCookieSessionInterface()
    monkeypatch.setattr(SecureCookieSessionInterface, name, override)
    site.get("/set")
    assert calls == [name] * 3
