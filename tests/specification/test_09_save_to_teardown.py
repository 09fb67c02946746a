"""The application object: from ``save_session`` to ``teardown_request_funcs``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bustapi import (
    Blueprint,
    BustAPI,
    Response,
    current_app,
    g,
    has_app_context,
    has_request_context,
    render_template,
    render_template_string,
    request,
    send_file,
    session,
)
from bustapi.sessions import (
    SecureCookieSession,
    SecureCookieSessionInterface,
    SessionInterface,
    SessionMixin,
)
from bustapi.testing import FlaskClient
from edges import make_client
from specification.using import Failure, body_of, fail, removed, write

statement = pytest.mark.statement


# save_session


@statement("save_session", "saves the session if it needs updates")
@statement("save_session", "the session to be saved")
def test_an_overridden_save_session_is_used(edge: str) -> None:
    saved: list[tuple[dict[str, Any], type]] = []

    class Own(BustAPI):
        def save_session(self, session: Any, response: Any) -> None:
            saved.append((dict(session), type(response)))
            super().save_session(session, response)

    app = Own()
    app.secret_key = "key"

    @app.route("/")
    def index() -> str:
        session["a"] = 1
        return ""

    with make_client(app, edge) as client:
        response = client.get("/")

    assert saved == [({"a": 1}, Response)]
    assert response.headers["Set-Cookie"].startswith("session=")


@statement("save_session", "saves the session if it needs updates")
def test_the_default_saves_what_was_changed(app: BustAPI) -> None:
    changed, unchanged = Response(), Response()
    opened = SecureCookieSession()

    with app.test_request_context("/"):
        with removed("save_session"):
            app.save_session(opened, unchanged)

        opened["a"] = 1

        with removed("save_session"):
            app.save_session(opened, changed)

    assert "Set-Cookie" not in unchanged.headers
    assert "Set-Cookie" in changed.headers


@statement("save_session", "recommend replacing the session_interface")
def test_the_default_asks_the_session_interface(app: BustAPI) -> None:
    saved: list[object] = []

    class Interface(SecureCookieSessionInterface):
        def save_session(self, app: Any, session: Any, response: Any) -> None:
            saved.append(session)

    app.session_interface = Interface()

    with removed("save_session"):
        app.save_session(SecureCookieSession(), Response())

    assert saved == [{}]


# secret_key


@pytest.fixture
def counting(app: BustAPI) -> BustAPI:
    """An application that counts the visits of a client."""

    @app.route("/")
    def index() -> str:
        session["count"] = session.get("count", 0) + 1
        return str(session["count"])

    return app


@statement("secret_key", "can use this to sign cookies")
@statement("secret_key", "set this to a complex random value")
def test_another_key_does_not_accept_the_cookie(
    counting: BustAPI, client: FlaskClient
) -> None:
    assert [client.get("/").data for _ in range(2)] == [b"1", b"2"]

    counting.secret_key = "another"

    assert client.get("/").data == b"1"


@statement("secret_key", "with the SECRET_KEY configuration key")
def test_secret_key_is_the_key_of_the_configuration(app: BustAPI) -> None:
    app.config["SECRET_KEY"] = "from the configuration"
    assert app.secret_key == "from the configuration"

    app.secret_key = b"from the attribute"
    assert app.config["SECRET_KEY"] == b"from the attribute"


@statement("secret_key", "defaults to None")
def test_there_is_no_secret_key_by_default() -> None:
    assert BustAPI().secret_key is None


# select_jinja_autoescape


@statement("select_jinja_autoescape", "if autoescaping should be active")
@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("a.html", b"&lt;"),
        ("a.htm", b"&lt;"),
        ("a.xml", b"&lt;"),
        ("a.xhtml", b"&lt;"),
        ("a.svg", b"&lt;"),
        ("a.txt", b"<"),
        ("a.js", b"<"),
    ],
)
def test_the_name_of_a_template_decides_about_escaping(
    app: BustAPI, client: FlaskClient, tmp_path: Path, name: str, answer: bytes
) -> None:
    write(tmp_path / "templates" / name, "{{ '<' }}")
    app.add_url_rule("/", "index", lambda: render_template(name))

    assert client.get("/").data == answer
    assert app.select_jinja_autoescape(name) is (answer != b"<")


@statement("select_jinja_autoescape", "if no template name is given, returns True")
def test_a_template_without_a_name_is_escaped(
    app: BustAPI, client: FlaskClient
) -> None:
    app.add_url_rule("/", "index", lambda: render_template_string("{{ '<' }}"))

    assert app.select_jinja_autoescape(None) is True
    assert client.get("/").data == b"&lt;"


@statement("select_jinja_autoescape", "if autoescaping should be active")
def test_an_override_decides_about_escaping(edge: str) -> None:
    class Own(BustAPI):
        def select_jinja_autoescape(self, filename: str | None) -> bool:
            return False

    app = Own()
    app.add_url_rule("/", "index", lambda: render_template_string("{{ '<' }}"))

    with make_client(app, edge) as client:
        assert client.get("/").data == b"<"


# send_file_max_age_default


@statement("send_file_max_age_default", "used as default cache_timeout")
@statement("send_file_max_age_default", "an integer value used as seconds")
@pytest.mark.parametrize("value", [timedelta(hours=12), 43200])
def test_send_file_max_age_default_is_used(
    app: BustAPI, client: FlaskClient, tmp_path: Path, value: Any
) -> None:
    path = write(tmp_path / "a.txt", "a")
    app.add_url_rule("/", "index", lambda: send_file(path))

    with removed("send_file_max_age_default"):
        app.send_file_max_age_default = value

    with client.get("/") as response:
        assert response.cache_control.max_age == 43200

    assert app.send_file_max_age_default == timedelta(hours=12)


@statement("send_file_max_age_default", "SEND_FILE_MAX_AGE_DEFAULT")
@pytest.mark.parametrize(
    ("value", "expected"), [(None, None), (60, timedelta(minutes=1))]
)
def test_send_file_max_age_default_reads_the_key(
    app: BustAPI, value: int | None, expected: timedelta | None
) -> None:
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = value

    assert app.send_file_max_age_default == expected


@statement("send_file_max_age_default", "used as default cache_timeout")
def test_a_subclass_may_define_the_default(tmp_path: Path) -> None:
    class Own(BustAPI):
        send_file_max_age_default = 60  # type: ignore[assignment]

    app = Own()

    assert app.get_send_file_max_age("a.txt") == 60
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 30
    assert app.get_send_file_max_age("a.txt") == 30


# send_static_file


@statement("send_static_file", "send static files from the static folder")
def test_send_static_file_sends_a_file_of_the_folder(
    app: BustAPI, client: FlaskClient, tmp_path: Path
) -> None:
    write(tmp_path / "static" / "part" / "a.txt", "a")
    app.add_url_rule("/", "index", lambda: app.send_static_file("part/a.txt"))

    assert body_of(client, "/") == b"a"
    assert client.get("/static/../conftest.py").status_code == 404
    assert client.get("/static/missing").status_code == 404


@statement("send_static_file", "used internally")
def test_an_overridden_send_static_file_is_the_view_of_the_route(edge: str) -> None:
    class Own(BustAPI):
        def send_static_file(self, filename: str) -> Response:
            return Response(f"own {filename}")

    with make_client(Own(), edge) as client:
        assert client.get("/static/a.txt").data == b"own a.txt"


# session_cookie_name: the paragraph whose heading the document lost


@statement("session_cookie_name", "the name of the session cookie")
def test_session_cookie_name_names_the_cookie(
    counting: BustAPI, client: FlaskClient
) -> None:
    with removed("session_cookie_name"):
        counting.session_cookie_name = "id"

    client.get("/")

    assert client.get_cookie("id") is not None
    assert client.get_cookie("session") is None
    assert client.get("/").data == b"2"


@statement("session_cookie_name", "with the SESSION_COOKIE_NAME configuration key")
@statement("session_cookie_name", "defaults to 'session'")
def test_session_cookie_name_reads_the_key(app: BustAPI) -> None:
    assert app.session_cookie_name == "session"

    app.config["SESSION_COOKIE_NAME"] = "id"

    assert app.session_cookie_name == "id"


# session_interface


class Memory(SessionInterface):
    """Keeps one session in memory."""

    def __init__(self) -> None:
        self.session = SecureCookieSession()

    def open_session(self, app: Any, request: Any) -> SessionMixin:
        return self.session

    def save_session(self, app: Any, session: Any, response: Any) -> None:
        response.headers["X-Saved"] = str(dict(session))


@statement("session_interface", "the session interface to use")
def test_an_own_session_interface_is_used(
    counting: BustAPI, client: FlaskClient
) -> None:
    counting.session_interface = Memory()

    client.get("/")
    response = client.get("/")

    assert response.data == b"2"
    assert response.headers["X-Saved"] == "{'count': 2}"
    assert "Set-Cookie" not in response.headers


@statement("session_interface", "by default an instance of")
def test_the_session_interface_is_the_signed_cookie(
    counting: BustAPI, client: FlaskClient
) -> None:
    assert isinstance(counting.session_interface, SecureCookieSessionInterface)
    assert "session=" in client.get("/").headers["Set-Cookie"]


# shell_context_processor


@statement("shell_context_processor", "registers a shell context processor function")
def test_shell_context_processor_gives_names_to_the_shell(app: BustAPI) -> None:
    @app.shell_context_processor
    def names() -> dict[str, Any]:
        return {"answer": 42}

    assert app.make_shell_context()["answer"] == 42


@statement("shell_context_processors", "when a shell context is created")
def test_shell_context_processors_are_run(app: BustAPI) -> None:
    app.shell_context_processors.append(lambda: {"answer": 42})

    assert app.make_shell_context()["answer"] == 42


# should_ignore_error


@statement("should_ignore_error", "as far as the teardown system is concerned")
@statement("should_ignore_error", "will not be passed the error")
@pytest.mark.parametrize("ignores", [True, False])
def test_an_ignored_error_is_not_passed_to_teardown(edge: str, ignores: bool) -> None:
    seen: list[object] = []
    asked: list[type] = []

    class Own(BustAPI):
        def should_ignore_error(self, error: BaseException | None) -> bool:
            asked.append(type(error))
            return ignores or super().should_ignore_error(error)

    app = Own()
    app.logger.disabled = True
    app.teardown_request(lambda error: seen.append(type(error)))
    app.teardown_appcontext(lambda error: seen.append(type(error)))
    app.add_url_rule("/", "index", fail)

    with make_client(app, edge) as client:
        client.get("/")

    app.logger.disabled = False
    assert asked == [Failure]
    assert seen == [type(None) if ignores else Failure] * 2


@statement("should_ignore_error", "if an error should be ignored")
def test_no_error_is_ignored_by_default(app: BustAPI) -> None:
    assert app.should_ignore_error(Failure()) is False


# static_folder


@statement("static_folder", "the absolute path to the configured static folder")
@pytest.mark.parametrize("folder", ["files", "files/", "deep/files"])
def test_static_folder_is_absolute(tmp_path: Path, folder: str) -> None:
    app = BustAPI("specified", root_path=str(tmp_path), static_folder=folder)

    assert app.static_folder == str(tmp_path / folder)
    assert BustAPI(static_folder=None).static_folder is None


# teardown_appcontext


@statement("teardown_appcontext", "to be called when the application context ends")
@statement("teardown_appcontext", "just before the app context moves")
def test_teardown_functions_run_when_the_context_is_popped(app: BustAPI) -> None:
    events: list[object] = []

    @app.teardown_appcontext
    def teardown(error: BaseException | None) -> None:
        events.append(current_app.name)

    ctx = app.app_context()
    ctx.push()
    events.append("...")
    ctx.pop()

    assert events == ["...", "specified"]
    assert not has_app_context()


@statement("teardown_appcontext", "when you pop a request context")
def test_teardown_functions_of_the_context_run_after_a_request(
    app: BustAPI, client: FlaskClient
) -> None:
    events: list[object] = []
    app.teardown_appcontext(lambda error: events.append(error))
    app.add_url_rule("/", "index", lambda: "")

    client.get("/")

    with app.test_request_context("/"):
        pass

    assert events == [None, None]


@statement("teardown_appcontext", "it will be passed an error object")
@statement("teardown_appcontext", "the return values of teardown functions are ignored")
def test_teardown_functions_of_the_context_get_the_error(app: BustAPI) -> None:
    seen: list[BaseException | None] = []

    @app.teardown_appcontext  # type: ignore[type-var]
    def teardown(error: BaseException | None) -> str:
        seen.append(error)
        return "ignored"

    with pytest.raises(Failure), app.app_context():
        fail()

    assert [type(error) for error in seen] == [Failure]


@statement("teardown_appcontext_funcs", "when the application context is destroyed")
@statement("teardown_appcontext_funcs", "disconnects from databases")
def test_teardown_appcontext_funcs_are_called(
    app: BustAPI, client: FlaskClient
) -> None:
    closed: list[str] = []

    @app.route("/")
    def index() -> str:
        g.connection = "connection"
        return ""

    app.teardown_appcontext_funcs.append(lambda error: closed.append(g.connection))
    client.get("/")

    assert closed == ["connection"]


# teardown_request


@statement("teardown_request", "at the end of each request")
@statement("teardown_request", "it will be passed an error object")
@statement("teardown_request", "the return values of teardown functions are ignored")
def test_teardown_functions_run_with_and_without_an_error(
    app: BustAPI, client: FlaskClient
) -> None:
    seen: list[object] = []
    app.logger.disabled = True

    @app.teardown_request  # type: ignore[type-var]
    def teardown(error: BaseException | None) -> str:
        seen.append((request.path, type(error)))
        return "ignored"

    app.add_url_rule("/", "index", lambda: "body")
    app.add_url_rule("/fail", "fail", fail)

    assert client.get("/").data == b"body"
    assert client.get("/fail").status_code == 500
    app.logger.disabled = False
    assert seen == [("/", type(None)), ("/fail", Failure)]


@statement("teardown_request", "even if not an actual request was performed")
@statement("teardown_request", "just before the request context moves")
def test_teardown_functions_run_when_a_request_context_is_popped(
    app: BustAPI,
) -> None:
    events: list[object] = []
    app.teardown_request(lambda error: events.append(request.path))

    ctx = app.test_request_context("/page")
    ctx.push()
    events.append("...")
    ctx.pop()

    assert events == ["...", "/page"]
    assert not has_request_context()


@statement("teardown_request", "to avoid that they will fail")
def test_a_teardown_function_may_catch_its_own_errors(
    app: BustAPI, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        try:
            fail()
        except Failure:
            app.logger.exception("teardown failed")

    app.add_url_rule("/", "index", lambda: "body")

    assert client.get("/").data == b"body"
    assert "teardown failed" in caplog.text


@statement("teardown_request", "PRESERVE_CONTEXT_ON_EXCEPTION configuration variable")
@pytest.mark.parametrize("keeps", [True, False])
def test_teardown_waits_where_the_context_is_kept(
    app: BustAPI, client: FlaskClient, keeps: bool
) -> None:
    seen: list[object] = []
    app.logger.disabled = True
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = keeps
    app.teardown_request(lambda error: seen.append(type(error)))
    app.add_url_rule("/", "index", lambda: "")
    app.add_url_rule("/fail", "fail", fail)

    client.get("/fail")
    assert seen == ([] if keeps else [Failure])

    client.get("/")
    app.logger.disabled = False
    assert seen == [Failure, type(None)]


@statement("teardown_request_funcs", "called after each request, even if")
@statement("teardown_request_funcs", "the name of the blueprint")
@statement("teardown_request_funcs", "it gets passed to each teardown_request function")
def test_teardown_request_funcs_holds_functions_by_blueprint(
    app: BustAPI, client: FlaskClient
) -> None:
    seen: list[object] = []
    app.logger.disabled = True
    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/part", "index", fail)
    app.register_blueprint(blueprint)
    app.add_url_rule("/", "index", lambda: "")
    app.teardown_request_funcs[None] = [lambda error: seen.append(("app", type(error)))]
    app.teardown_request_funcs["part"] = [
        lambda error: seen.append(("part", type(error)))
    ]

    client.get("/")
    client.get("/part")

    app.logger.disabled = False
    assert seen == [("app", type(None)), ("part", Failure), ("app", Failure)]


@statement("teardown_request_funcs", "use the teardown_request() decorator")
def test_teardown_request_fills_teardown_request_funcs(app: BustAPI) -> None:
    @app.teardown_request
    def teardown(error: BaseException | None) -> None: ...

    assert app.teardown_request_funcs[None] == [teardown]
