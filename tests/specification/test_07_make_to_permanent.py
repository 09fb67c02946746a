"""The application object: from ``make_config`` to ``permanent_session_lifetime``."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import IO, Any

import pytest

from bustapi import BustAPI, Config, Response, request, session
from bustapi.sessions import NullSession, SecureCookieSession, SessionMixin
from bustapi.testing import FlaskClient
from edges import make_client
from specification.using import read, removed, write

statement = pytest.mark.statement


# make_config


@statement("make_config", "used to create the config attribute")
def test_the_configuration_is_what_make_config_makes() -> None:
    class Own(BustAPI):
        def make_config(self, instance_relative: bool = False) -> Config:
            config = super().make_config(instance_relative)
            config["MADE"] = instance_relative
            return config

    assert Own().config["MADE"] is False
    assert Own(instance_relative_config=True).config["MADE"] is True


@statement("make_config", "the instance path or the root path")
@pytest.mark.parametrize("is_relative", [False, True])
def test_make_config_decides_where_files_are(
    app: BustAPI, tmp_path: Path, is_relative: bool
) -> None:
    write(tmp_path / "a.cfg", "RELATIVE = False")
    write(tmp_path / "instance" / "a.cfg", "RELATIVE = True")

    config = app.make_config(is_relative)
    config.from_pyfile("a.cfg")

    assert config["RELATIVE"] is is_relative


# make_default_options_response


@statement("make_default_options_response", "called to create the default OPTIONS")
def test_options_has_the_methods_of_the_url(app: BustAPI, client: FlaskClient) -> None:
    app.add_url_rule("/", "read", lambda: "")
    app.add_url_rule("/", "write", lambda: "", methods=["POST"])

    response = client.options("/")

    assert (response.status_code, response.data) == (200, b"")
    assert response.allow.as_set() == {"get", "head", "options", "post"}


@statement("make_default_options_response", "changed through subclassing")
def test_an_override_answers_options(edge: str) -> None:
    class Own(BustAPI):
        def make_default_options_response(self) -> Response:
            response = super().make_default_options_response()
            response.headers["X-Own"] = "yes"
            return response

    app = Own()
    app.add_url_rule("/", "index", lambda: "")

    with make_client(app, edge) as client:
        response = client.options("/")

    assert response.headers["X-Own"] == "yes"
    assert "get" in response.allow.as_set()


# make_null_session


class Nothing(NullSession):
    """A missing session that can be told from another one."""


@statement("make_null_session", "a new instance of a missing session")
def test_a_request_without_a_key_has_a_null_session(edge: str) -> None:
    class Own(BustAPI):
        def make_null_session(self) -> SessionMixin:
            assert isinstance(super().make_null_session(), NullSession)
            return Nothing()

    app = Own()
    app.add_url_rule("/", "index", lambda: type(session._get_current_object()).__name__)  # type: ignore[attr-defined]

    with make_client(app, edge) as client:
        response = client.get("/")

    assert response.data == b"Nothing"
    assert "Set-Cookie" not in response.headers


@statement("make_null_session", "a new instance of a missing session")
def test_make_null_session_makes_one(app: BustAPI) -> None:
    with removed("make_null_session"):
        null = app.make_null_session()

    assert isinstance(null, NullSession)


@statement("make_null_session", "recommend replacing the session_interface")
def test_make_null_session_asks_the_session_interface(app: BustAPI) -> None:
    class Interface(type(app.session_interface)):  # type: ignore[misc]
        null_session_class = Nothing

    app.session_interface = Interface()

    with removed("make_null_session"):
        assert isinstance(app.make_null_session(), Nothing)


# make_response


def wsgi_callable(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("203 Own", [("X-Own", environ["PATH_INFO"])])
    return [b"from wsgi"]


@statement("make_response", "to a real response object")
@statement("make_response", "the following types are allowed")
@pytest.mark.parametrize(
    ("rv", "body", "status"),
    [
        ("text ü", "text ü".encode(), 200),
        (b"bytes", b"bytes", 200),
        (wsgi_callable, b"from wsgi", 203),
        (("body", 201, {"X-Own": "/"}), b"body", 201),
        (("body", "201 Made", [("X-Own", "/")]), b"body", 201),
        (("body", {"X-Own": "/"}), b"body", 200),
        ((b"body", 404), b"body", 404),
        ((wsgi_callable, 404), b"from wsgi", 404),
    ],
    ids=repr,
)
def test_values_become_responses(
    app: BustAPI, client: FlaskClient, rv: Any, body: bytes, status: int
) -> None:
    app.add_url_rule("/", "index", lambda: rv)

    response = client.get("/")

    assert (response.data, response.status_code) == (body, status)
    if isinstance(rv, tuple) and not isinstance(rv[-1], int):
        assert response.headers["X-Own"] == "/"


@statement("make_response", "the following types are allowed")
@pytest.mark.parametrize("rv", [None, 1, object(), ("a", 200, {}, "four")])
def test_other_values_are_type_errors(
    app: BustAPI, client: FlaskClient, rv: Any
) -> None:
    app.testing = True
    app.add_url_rule("/", "index", lambda: rv)

    with pytest.raises(TypeError):
        client.get("/")


@statement("make_response", "headers is a list or a dictionary")
@pytest.mark.parametrize("kind", [dict, list])
def test_headers_of_a_tuple_replace_those_of_the_response(
    app: BustAPI, client: FlaskClient, kind: Any
) -> None:
    headers = {"X-Own": "new", "Content-Type": "text/plain"}
    given = headers if kind is dict else list(headers.items())
    app.add_url_rule(
        "/", "index", lambda: (Response("body", headers={"X-Own": "old"}), given)
    )

    response = client.get("/")

    assert response.headers.getlist("X-Own") == ["new"]
    assert response.headers.getlist("Content-Type") == ["text/plain"]


@statement("make_response", "the object is returned unchanged")
def test_a_response_is_used_as_it_is(app: BustAPI) -> None:
    response = Response("body")

    with app.test_request_context("/"):
        assert app.make_response(response) is response


@statement("make_response", "an instance of response_class")
def test_the_response_is_of_the_response_class(app: BustAPI) -> None:
    class Own(Response):
        pass

    app.response_class = Own

    with app.test_request_context("/"):
        for rv in ("text", ("text", 201), wsgi_callable, Response("other class")):
            assert type(app.make_response(rv)) is Own


@statement("make_response", "the return value from the view function")
def test_an_override_accepts_other_values(edge: str) -> None:
    class Own(BustAPI):
        def make_response(self, rv: Any) -> Response:
            return super().make_response(str(rv) if isinstance(rv, int) else rv)

    app = Own()
    app.add_url_rule("/", "index", lambda: 42)  # type: ignore[arg-type]

    with make_client(app, edge) as client:
        assert client.get("/").data == b"42"


# make_shell_context


@statement("make_shell_context", "the shell context for an interactive shell")
@statement("make_shell_context", "runs all the registered shell context processors")
def test_the_shell_has_the_names_of_all_processors(app: BustAPI) -> None:
    app.shell_context_processor(lambda: {"a": 1})
    app.shell_context_processor(lambda: {"b": 2})

    names = app.make_shell_context()

    assert names["app"] is app
    assert (names["a"], names["b"]) == (1, 2)


# name


@statement("name", "usually the import name")
def test_the_name_is_the_import_name(app: BustAPI) -> None:
    assert app.name == "specified"


@statement("name", "guessed from the run file")
def test_the_name_of_main_is_that_of_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    main = types.ModuleType("__main__")
    main.__file__ = "/srv/shop.py"
    monkeypatch.setitem(sys.modules, "__main__", main)

    assert BustAPI("__main__").name == "shop"


@statement("name", "used as a display name")
@statement("name", "can be set and overridden")
def test_the_name_can_be_set(app: BustAPI) -> None:
    app.name = "displayed"

    assert repr(app) == "<BustAPI 'displayed'>"
    assert app.logger.name == "displayed"


# open_instance_resource, open_resource


@statement("open_instance_resource", "from the application's instance folder")
@statement("open_instance_resource", "use forward slashes as separator")
def test_instance_resources_are_read(app: BustAPI, tmp_path: Path) -> None:
    write(tmp_path / "instance" / "part" / "a.txt", "a")

    assert read(app.open_instance_resource("part/a.txt")) == b"a"


@statement("open_instance_resource", "can also be opened for writing")
@pytest.mark.parametrize("mode", ["w", "wb"])
def test_instance_resources_are_written(
    app: BustAPI, tmp_path: Path, mode: str
) -> None:
    (tmp_path / "instance").mkdir()
    file: IO[Any] = app.open_instance_resource("a.txt", mode)

    with file:
        file.write("a" if mode == "w" else b"a")

    assert (tmp_path / "instance" / "a.txt").read_text() == "a"


@statement("open_instance_resource", "default is 'rb'")
@statement("open_resource", "default is 'rb'")
@pytest.mark.parametrize("name", ["open_resource", "open_instance_resource"])
def test_resources_are_opened_for_bytes(
    app: BustAPI, tmp_path: Path, name: str
) -> None:
    write(tmp_path / "instance" / "a.txt", "ü")
    write(tmp_path / "a.txt", "ü")
    open_one: Callable[..., IO[Any]] = getattr(app, name)

    with open_one("a.txt") as file:
        assert file.read() == "ü".encode()

    with open_one("a.txt", "r", encoding="utf-8") as file:
        assert file.read() == "ü"


@statement("open_resource", "from the application's resource folder")
@statement("open_resource", "use forward slashes as separator")
@pytest.mark.parametrize("name", ["schema.sql", "static/style.css"])
def test_resources_are_read(app: BustAPI, tmp_path: Path, name: str) -> None:
    write(tmp_path / name, "contents")

    with app.open_resource(name) as file:
        contents: object = file.read()

    assert contents == b"contents"


# open_session


class Stored(dict[str, Any], SessionMixin):
    """A session that lives on the server."""


class OwnSessions(BustAPI):
    """Keeps sessions itself, by the methods of the application."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.stored: dict[str, Stored] = {}
        self.events: list[str] = []

    def open_session(self, request: Any) -> Stored:
        self.events.append(f"open {request.path}")
        return self.stored.setdefault(request.cookies.get("id", "new"), Stored())

    def save_session(self, session: Any, response: Any) -> None:
        self.events.append(f"save {response.status_code}")
        response.set_cookie("id", "new")


@statement("open_session", "creates or opens a new session")
def test_overridden_session_methods_are_used(edge: str) -> None:
    app = OwnSessions()

    @app.route("/")
    def index() -> str:
        session["count"] = session.get("count", 0) + 1
        return str(session["count"])

    with make_client(app, edge) as client:
        assert [client.get("/").data for _ in range(2)] == [b"1", b"2"]

    assert app.stored == {"new": {"count": 2}}


@statement("open_session", "creates or opens a new session")
def test_overridden_session_methods_are_called_where_nobody_looks(edge: str) -> None:
    app = OwnSessions()
    app.add_url_rule("/", "index", lambda: "")

    with make_client(app, edge) as client:
        client.get("/")
        client.get("/missing")

    assert app.events == ["open /", "save 200", "open /missing", "save 404"]


@statement("open_session", "creates or opens a new session")
@pytest.mark.parametrize("is_late", [False, True])
def test_session_methods_assigned_to_the_object_are_used(
    app: BustAPI, client: FlaskClient, is_late: bool
) -> None:
    events: list[str] = []
    app.add_url_rule("/", "index", lambda: "")

    def open_session(request: Any) -> SecureCookieSession:
        events.append("open")
        return SecureCookieSession()

    if is_late:
        client.get("/")

    with removed("open_session"):
        app.open_session = open_session
    with removed("save_session"):
        app.save_session = lambda session, response: events.append("save")

    client.get("/")
    del app.open_session, app.save_session
    client.get("/")

    assert events == ["open", "save"]
    assert not hasattr(vars(app), "_open_session")


@statement("open_session", "creates or opens a new session")
@pytest.mark.parametrize("before_it_is_made", [True, False])
def test_session_methods_put_on_the_class_are_used(
    edge: str, monkeypatch: pytest.MonkeyPatch, before_it_is_made: bool
) -> None:
    events: list[str] = []

    class Own(BustAPI):
        pass

    def open_session(self: BustAPI, request: Any) -> SecureCookieSession:
        events.append(request.path)
        return SecureCookieSession()

    app = Own()

    Own.open_session = open_session  # type: ignore[assignment]

    if before_it_is_made:
        app = Own()

    app.add_url_rule("/", "index", lambda: "")

    with make_client(app, edge) as client:
        client.get("/")
        client.get("/")

    assert events == ["/", "/"]


@statement("open_session", "stores all session data in a signed cookie")
@statement("open_session", "requires that the secret_key is set")
@statement("open_session", "an instance of request_class")
@pytest.mark.parametrize(
    ("key", "kind"), [("key", SecureCookieSession), (None, type(None))]
)
def test_the_default_opens_a_signed_cookie(
    app: BustAPI, key: str | None, kind: type
) -> None:
    app.secret_key = key

    with app.test_request_context("/"), removed("open_session"):
        opened = app.open_session(request._get_current_object())  # type: ignore[attr-defined]

    assert type(opened) is kind


@statement("open_session", "recommend replacing the session_interface")
def test_the_default_asks_the_session_interface(edge: str) -> None:
    class Own(BustAPI):
        def open_session(self, request: Any) -> Any:
            opened = super().open_session(request)
            opened["seen"] = True
            return opened

    app = Own()
    app.secret_key = "key"
    app.add_url_rule("/", "index", lambda: str(dict(session)))

    with make_client(app, edge) as client:
        response = client.get("/")

    assert response.data == b"{'seen': True}"
    assert response.headers["Set-Cookie"].startswith("session=")


@statement("open_session", "creates or opens a new session")
def test_a_session_transaction_uses_the_methods() -> None:
    app = OwnSessions()

    with app.test_client().session_transaction() as opened:
        opened["a"] = 1

    assert app.stored == {"new": {"a": 1}}


# permanent_session_lifetime


@statement("permanent_session_lifetime", "the expiration date of a permanent session")
@statement("permanent_session_lifetime", "PERMANENT_SESSION_LIFETIME")
@pytest.mark.parametrize(
    "lifetime", [None, timedelta(hours=1)], ids=["default", "hour"]
)
def test_a_permanent_session_ends_after_its_lifetime(
    app: BustAPI, client: FlaskClient, lifetime: timedelta | None
) -> None:
    if lifetime is not None:
        app.permanent_session_lifetime = lifetime

    @app.route("/")
    def index() -> str:
        session.permanent = True
        return ""

    client.get("/")

    kept = client.get_cookie("session")
    assert kept is not None and kept.expires is not None
    remaining = kept.expires - datetime.now(timezone.utc)
    expected = lifetime or timedelta(days=31)
    assert abs(remaining - expected) < timedelta(minutes=1)
    assert app.config["PERMANENT_SESSION_LIFETIME"] == expected


@statement("permanent_session_lifetime", "PERMANENT_SESSION_LIFETIME")
def test_the_lifetime_may_be_seconds_in_the_configuration(app: BustAPI) -> None:
    app.config["PERMANENT_SESSION_LIFETIME"] = 60

    assert app.permanent_session_lifetime == timedelta(minutes=1)


@statement("permanent_session_lifetime", "defaults to timedelta(days=31)")
def test_the_lifetime_is_a_month_by_default(app: BustAPI) -> None:
    assert app.permanent_session_lifetime == timedelta(days=31)
