"""Sessions: the cookie is Flask's to the byte, and is sent exactly when Flask sends it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from markupsafe import Markup
from werkzeug.test import TestResponse

from bustapi import Flask, Request, Response, render_template_string, session
from bustapi.globals import request_ctx
from bustapi.json.tag import TaggedJSONSerializer
from bustapi.sessions import (
    NullSession,
    SecureCookieSession,
    SecureCookieSessionInterface,
    SessionInterface,
    SessionMixin,
)
from bustapi.testing import FlaskClient
from edges import make_client

# Made by Flask 3.1.3 with the key "test key", at the time below.
MADE_AT = 1_700_000_000
EVERY_TYPE: dict[str, Any] = {
    "user": 7,
    "t": (1, "two"),
    "b": b"\x00\xff",
    "m": Markup("<b>"),
    "u": uuid.UUID(int=5),
    "d": datetime(2024, 2, 29, 12, 0, 1, tzinfo=timezone.utc),
    "di": {" t": 1},
    "l": [{"a": (1,)}],
}
EVERY_TYPE_COOKIE = (
    ".eJyrVkpSsqpWUgCSSo4BFrZKtTpKKWARIKkUklGqo2BkqeCWmqRgZGBkomBoZGVgYGVgqODuGwJWmglRC6"
    "FK4uOVrAxrgeI5SlbR1UqJEFEg2zC2tjZWRykXLAAklWyS7ED6SxAqgJzyfKVYoGApWBBIKhngB6YgI0qL"
    "U4uUrMxrAUMhMrc.ZVPxAA.xAePVzlLHsYs0MEDetkKliMSSp4"
)
UNSORTED_COOKIE = "eyJ6IjoxLCJhIjoyfQ.ZVPxAA.xjxpbBhS5m1OIPPofE0XjK8eGvM"
FALLBACK_COOKIE = "eyJhIjoxfQ.ZVPxAA.AyLvnx8ZSVH5AZ1qMRpmlR3I6wc"
VALUE = "eyJhIjoxfQ.ZVPxAA.AyLvnx8ZSVH5AZ1qMRpmlR3I6wc"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock of signatures at the time when Flask made the cookies."""
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: MADE_AT)


@pytest.fixture
def site(app: Flask, edge: str) -> Iterator[FlaskClient]:
    """A client, keeping no cookies, of an application that uses its session."""
    app.add_url_rule("/untouched", "untouched", lambda: "")
    app.add_url_rule("/read", "read", lambda: str(session.get("a")))
    app.add_url_rule("/in", "in", lambda: str("a" in session))
    app.add_url_rule("/len", "len", lambda: str(len(session)))
    app.add_url_rule(
        "/template", "template", lambda: render_template_string("{{ session.a }}")
    )
    app.add_url_rule(
        "/plain", "plain", lambda: render_template_string("{{ request.path }}")
    )

    @app.route("/set")
    def set_value() -> str:
        session["a"] = 1
        return ""

    @app.route("/clear")
    def clear() -> str:
        session.clear()
        return ""

    @app.route("/permanent")
    def permanent() -> str:
        session.permanent = True
        return ""

    with make_client(app, edge, use_cookies=False) as client:
        yield client


def fields_of(response: TestResponse) -> list[tuple[str, str]]:
    """Return the header fields that sessions set, in order."""
    return [
        (name, value)
        for name, value in response.headers
        if name in {"Vary", "Set-Cookie"}
    ]


def serializer_of(app: Flask) -> URLSafeTimedSerializer:
    """Return the serializer that the application's interface signs with."""
    interface = app.session_interface
    assert isinstance(interface, SecureCookieSessionInterface)
    serializer = interface.get_signing_serializer(app)
    assert serializer is not None
    return serializer


def test_a_cookie_with_every_type_is_flasks_byte_for_byte(app: Flask) -> None:
    with app.app_context():
        assert serializer_of(app).dumps(EVERY_TYPE) == EVERY_TYPE_COOKIE
        assert serializer_of(app).loads(EVERY_TYPE_COOKIE) == EVERY_TYPE


def test_keys_are_not_sorted_outside_of_a_context(app: Flask) -> None:
    assert serializer_of(app).dumps({"z": 1, "a": 2}) == UNSORTED_COOKIE


def test_types_come_back_as_they_were(app: Flask) -> None:
    with app.app_context():
        loaded = serializer_of(app).loads(EVERY_TYPE_COOKIE)

    assert type(loaded["m"]) is Markup
    assert type(loaded["t"]) is tuple
    assert loaded["d"].tzinfo is not None


def test_the_current_key_signs_and_fallbacks_verify(app: Flask) -> None:
    app.secret_key = "next key"
    app.config["SECRET_KEY_FALLBACKS"] = ["older", "old"]
    signed = serializer_of(app).dumps({"a": 1})
    app.config["SECRET_KEY_FALLBACKS"] = None

    assert serializer_of(app).loads(signed) == {"a": 1}

    app.config["SECRET_KEY_FALLBACKS"] = ["older", "old"]
    assert serializer_of(app).loads(FALLBACK_COOKIE) == {"a": 1}


def test_a_changed_key_or_fallback_is_seen_at_once(
    app: Flask, site: FlaskClient
) -> None:
    app.secret_key = "old"
    cookie = {"Cookie": f"session={FALLBACK_COOKIE}"}
    assert site.get("/read", headers=cookie).text == "1"

    app.secret_key = "next key"
    assert site.get("/read", headers=cookie).text == "None"

    fallbacks: list[str] = []
    app.config["SECRET_KEY_FALLBACKS"] = fallbacks
    fallbacks.append("old")
    assert site.get("/read", headers=cookie).text == "1"


def test_the_serializer_is_kept_while_nothing_changes(app: Flask) -> None:
    assert serializer_of(app) is serializer_of(app)


def test_a_key_that_cannot_be_hashed_is_used(app: Flask) -> None:
    app.secret_key = bytearray(b"test key")

    assert serializer_of(app).loads(UNSORTED_COOKIE) == {"z": 1, "a": 2}


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("salt", "other"),
        ("digest_method", staticmethod(hashlib.sha256)),
        ("key_derivation", "django-concat"),
        ("serializer", TaggedJSONSerializer()),
    ],
)
def test_a_subclass_decides_how_the_cookie_is_signed(
    app: Flask, attribute: str, value: object
) -> None:
    stock = serializer_of(app)
    subclass = type("Interface", (SecureCookieSessionInterface,), {attribute: value})
    app.session_interface = subclass()

    own = serializer_of(app)

    assert own is not stock
    if attribute != "serializer":
        assert own.dumps({"z": 1, "a": 2}) != UNSORTED_COOKIE


def test_a_replaced_signing_serializer_is_used(app: Flask, site: FlaskClient) -> None:
    class Interface(SecureCookieSessionInterface):
        def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer:
            return URLSafeTimedSerializer("another key")

    app.session_interface = Interface()

    signed = site.get("/set").headers["Set-Cookie"].partition(";")[0]

    expected = URLSafeTimedSerializer("another key").dumps({"a": 1})
    assert signed == f"session={expected}"


def test_a_serializer_signs_with_another_salt_when_asked(app: Flask) -> None:
    serializer = serializer_of(app)
    reference = URLSafeTimedSerializer(
        "test key",
        salt="cookie-session",
        serializer=SecureCookieSessionInterface.serializer,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha1},
    )

    assert serializer.dumps({"a": 1}, salt="x") == reference.dumps({"a": 1}, salt="x")
    assert serializer.loads(reference.dumps({"a": 1}, salt="x"), salt="x") == {"a": 1}


@pytest.mark.parametrize("path", ["/read", "/in", "/len", "/template"])
def test_any_look_at_the_session_varies_by_cookie(site: FlaskClient, path: str) -> None:
    response = site.get(path)

    assert response.headers["Vary"] == "Cookie"
    assert "Set-Cookie" not in response.headers


def test_a_session_that_is_only_read_is_not_sent_again(
    app: Flask, site: FlaskClient
) -> None:
    app.secret_key = "old"

    response = site.get("/read", headers={"Cookie": f"session={VALUE}"})

    assert response.text == "1"
    assert response.headers["Vary"] == "Cookie"
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("path", ["/untouched", "/plain"])
def test_a_session_that_nobody_looks_at_leaves_the_response_alone(
    site: FlaskClient, path: str
) -> None:
    response = site.get(path)

    assert "Vary" not in response.headers
    assert "Set-Cookie" not in response.headers


def test_the_cookie_has_all_configured_attributes(
    app: Flask, site: FlaskClient
) -> None:
    app.secret_key = "old"
    app.config.update(
        SESSION_COOKIE_NAME="id",
        SESSION_COOKIE_DOMAIN="example.com",
        SESSION_COOKIE_PATH="/p",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PARTITIONED=True,
    )

    response = site.get("/set")

    assert fields_of(response) == [
        ("Vary", "Cookie"),
        (
            "Set-Cookie",
            f"id={VALUE}; Domain=example.com; Secure; HttpOnly; Path=/p; SameSite=Lax;"
            " Partitioned",
        ),
    ]


def test_the_path_of_the_cookie_is_the_application_root(
    app: Flask, site: FlaskClient
) -> None:
    app.config["APPLICATION_ROOT"] = "/shop"

    response = site.get("/set", base_url="http://localhost/")

    assert "Path=/shop" in response.headers["Set-Cookie"]


def test_an_emptied_session_deletes_the_cookie_with_its_attributes(
    app: Flask, site: FlaskClient
) -> None:
    app.secret_key = "old"
    app.config.update(SESSION_COOKIE_SECURE=True, SESSION_COOKIE_PARTITIONED=True)

    response = site.get("/clear", headers={"Cookie": f"session={VALUE}"})

    assert fields_of(response) == [
        ("Vary", "Cookie"),
        (
            "Set-Cookie",
            "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure;"
            " HttpOnly; Path=/; Partitioned",
        ),
    ]


def test_a_session_deleted_behind_the_proxy_varies_by_cookie(
    app: Flask, site: FlaskClient
) -> None:
    app.secret_key = "old"

    @app.before_request
    def clear() -> None:
        session_of_request = request_ctx._session
        assert session_of_request is not None
        session_of_request.clear()

    response = site.get("/untouched", headers={"Cookie": f"session={VALUE}"})

    assert [name for name, _ in fields_of(response)] == ["Set-Cookie", "Vary"]
    assert response.headers["Vary"] == "Cookie"


def test_a_vary_field_of_the_view_is_kept(app: Flask, site: FlaskClient) -> None:
    @app.route("/vary")
    def vary() -> tuple[str, dict[str, str]]:
        session["a"] = 1
        return "", {"Vary": "Accept"}

    assert site.get("/vary").headers.getlist("Vary") == ["Accept, Cookie"]


def test_a_permanent_session_is_sent_again_unread(
    app: Flask, site: FlaskClient
) -> None:
    cookie = site.get("/permanent").headers["Set-Cookie"].partition(";")[0]

    response = site.get("/untouched", headers={"Cookie": cookie})

    # The session was not looked at, so the field comes after the cookie, as in Flask.
    assert [name for name, _ in fields_of(response)] == ["Set-Cookie", "Vary"]
    assert "Expires=" in response.headers["Set-Cookie"]


def test_a_permanent_session_is_not_sent_again_without_refresh(
    app: Flask, site: FlaskClient
) -> None:
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    cookie = site.get("/permanent").headers["Set-Cookie"].partition(";")[0]

    response = site.get("/untouched", headers={"Cookie": cookie})

    assert "Set-Cookie" not in response.headers
    assert "Vary" not in response.headers


def test_a_cookie_older_than_the_lifetime_is_an_empty_session(
    app: Flask, site: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.secret_key = "old"
    app.permanent_session_lifetime = timedelta(seconds=60)
    cookie = {"Cookie": f"session={VALUE}"}
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: MADE_AT + 60)
    assert site.get("/read", headers=cookie).text == "1"

    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: MADE_AT + 61)
    assert site.get("/read", headers=cookie).text == "None"


def test_an_altered_cookie_is_an_empty_session(site: FlaskClient) -> None:
    altered = UNSORTED_COOKIE.replace(".xjxp", ".xjyp")

    response = site.get("/len", headers={"Cookie": f"session={altered}"})

    assert response.text == "0"


def test_without_a_secret_key_the_session_is_read_only(
    app: Flask, site: FlaskClient
) -> None:
    app.secret_key = None

    response = site.get("/read")

    assert response.text == "None"
    assert "Vary" not in response.headers
    with pytest.raises(RuntimeError, match="session is unavailable"):
        site.get("/set")


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.__setitem__("a", 1),
        lambda s: s.__delitem__("a"),
        lambda s: s.clear(),
        lambda s: s.pop("a", None),
        lambda s: s.popitem(),
        lambda s: s.update(a=1),
        lambda s: s.setdefault("a", 1),
    ],
)
def test_a_null_session_refuses_each_change(change: Any) -> None:
    with pytest.raises(RuntimeError, match="secret_key"):
        change(NullSession())


def test_a_session_notices_its_changes_and_not_its_reads() -> None:
    opened = SecureCookieSession({"a": []})
    assert not opened.modified
    assert not opened.accessed

    opened["a"].append(1)
    assert opened["a"] == [1]
    opened.setdefault("a", None)
    assert not opened.modified

    opened.setdefault("b", 1)
    assert opened.modified


def test_permanent_is_kept_in_the_session() -> None:
    opened = SecureCookieSession()
    assert opened.permanent is False

    opened.permanent = 1  # type: ignore[assignment]

    assert opened == {"_permanent": True}


def test_a_foreign_interface_is_opened_at_each_push_and_saved(
    app: Flask, site: FlaskClient
) -> None:
    calls: list[str] = []

    class Interface(SessionInterface):
        def open_session(self, app: Flask, request: Request) -> SessionMixin:
            calls.append(f"open {request.path} {request.url_rule}")
            return SecureCookieSession()

        def save_session(
            self, app: Flask, session: SessionMixin, response: Response
        ) -> None:
            calls.append(f"save {session.accessed}")

    app.session_interface = Interface()

    site.get("/untouched")

    assert calls == ["open /untouched None", "save False"]


def test_an_interface_that_opens_nothing_is_not_asked_to_save(
    app: Flask, site: FlaskClient
) -> None:
    class Interface(SessionInterface):
        def open_session(self, app: Flask, request: Request) -> None:
            return None

    app.session_interface = Interface()

    assert site.get("/untouched").status_code == 200


def test_the_methods_of_an_interface_must_be_written(app: Flask) -> None:
    interface = SessionInterface()

    with pytest.raises(NotImplementedError):
        interface.open_session(app, Request({}))
    with pytest.raises(NotImplementedError):
        interface.save_session(app, SecureCookieSession(), Response())
