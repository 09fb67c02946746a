"""The test client, its environ builder and the runner of commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import pytest
from werkzeug.test import EnvironBuilder as WerkzeugBuilder

from bustapi import (
    Flask,
    Response,
    g,
    has_app_context,
    has_request_context,
    redirect,
    request,
    session,
    stream_with_context,
)
from bustapi.cli import ScriptInfo
from bustapi.globals import _cv_app, _cv_request
from bustapi.sessions import SecureCookieSession, SessionInterface
from bustapi.testing import EnvironBuilder, FlaskClient, FlaskCliRunner


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """The plain test client: here it is itself under test, over no other edge."""
    return app.test_client()


def url_of(builder: EnvironBuilder) -> str:
    return builder.get_request().url


# The address of a request


@pytest.mark.parametrize(
    ("config", "arguments", "url"),
    [
        ({}, {}, "http://localhost/"),
        ({}, {"path": "/a?b=c"}, "http://localhost/a?b=c"),
        ({}, {"url_scheme": "https"}, "https://localhost/"),
        ({"PREFERRED_URL_SCHEME": "https"}, {}, "https://localhost/"),
        ({"SERVER_NAME": "shop.test:81"}, {}, "http://shop.test:81/"),
        (
            {"SERVER_NAME": "shop.test"},
            {"subdomain": "admin"},
            "http://admin.shop.test/",
        ),
        ({"APPLICATION_ROOT": "/shop"}, {"path": "/a"}, "http://localhost/shop/a"),
        ({}, {"path": "https://other.test/a?b=c"}, "https://other.test/a?b=c"),
        ({}, {"path": "/a", "base_url": "http://x.test/r"}, "http://x.test/r/a"),
    ],
)
def test_address_comes_from_arguments_and_configuration(
    app: Flask, config: dict[str, Any], arguments: dict[str, Any], url: str
) -> None:
    app.config.update(config)

    assert url_of(EnvironBuilder(app, **arguments)) == url


@pytest.mark.parametrize("extra", [{"subdomain": "a"}, {"url_scheme": "https"}])
def test_base_url_excludes_its_parts(app: Flask, extra: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="'base_url' holds"):
        EnvironBuilder(app, base_url="http://x.test", **extra)


def test_json_is_encoded_as_the_application_does(app: Flask) -> None:
    app.json.ensure_ascii = False  # type: ignore[attr-defined]

    builder = EnvironBuilder(app, method="POST", json={"city": "Köln"})

    assert builder.get_request().get_data() == '{"city": "Köln"}'.encode()


# Requests


@pytest.fixture
def echo(app: Flask) -> None:
    @app.route("/", methods=["GET", "POST"])
    def index() -> dict[str, Any]:
        return {
            "addr": request.remote_addr,
            "agent": request.user_agent.string,
            "method": request.method,
            "header": request.headers.get("X-Test"),
        }


def test_client_calls_itself_werkzeug(client: FlaskClient, echo: None) -> None:
    answer = client.get("/").get_json()

    assert answer["addr"] == "127.0.0.1"
    assert answer["agent"].startswith("Werkzeug/3.")


def test_environ_base_is_in_every_request(client: FlaskClient, echo: None) -> None:
    client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    client.environ_base["HTTP_X_TEST"] = "set"

    answer = client.post("/").get_json()

    assert (answer["addr"], answer["header"]) == ("192.0.2.7", "set")


@pytest.mark.parametrize("kind", ["builder", "werkzeug builder", "environ", "request"])
def test_whole_requests_can_be_opened(
    app: Flask, client: FlaskClient, echo: None, kind: str
) -> None:
    builder: WerkzeugBuilder = (
        WerkzeugBuilder("/", method="POST")
        if kind == "werkzeug builder"
        else EnvironBuilder(app, "/", method="POST")
    )
    sources: dict[str, Callable[[], object]] = {
        "environ": builder.get_environ,
        "request": builder.get_request,
    }
    source: object = sources.get(kind, lambda: builder)()

    answer = client.open(source).get_json()

    assert (answer["method"], answer["addr"]) == ("POST", "127.0.0.1")
    assert "werkzeug.debug.preserve_context" not in builder.get_environ()


def test_response_decodes_json_as_the_application_does(
    app: Flask, client: FlaskClient, echo: None
) -> None:
    provider: object = client.get("/").json_module

    assert provider is app.json


# Contexts


def test_context_stays_until_the_next_request(app: Flask, client: FlaskClient) -> None:
    @app.get("/")
    def index() -> str:
        g.n = request.args["n"]
        return ""

    with client:
        client.get("/?n=1")
        assert (g.n, request.args["n"]) == ("1", "1")
        client.get("/?n=2")
        assert (g.n, request.args["n"]) == ("2", "2")

    assert not has_request_context()
    assert not has_app_context()


def test_context_does_not_stay_without_a_block(app: Flask, client: FlaskClient) -> None:
    client.get("/")

    assert _cv_request.get(None) is None
    assert _cv_app.get(None) is None


def test_contexts_of_a_redirect_do_not_pile_up(app: Flask, client: FlaskClient) -> None:
    app.add_url_rule("/old", view_func=lambda: redirect("/new"), endpoint="old")
    app.add_url_rule("/new", view_func=lambda: "new", endpoint="new")

    with client:
        assert client.get("/old", follow_redirects=True).text == "new"
        assert request.path == "/new"

    assert not has_request_context()


def test_streamed_response_keeps_its_own_context(
    app: Flask, client: FlaskClient
) -> None:
    @app.get("/")
    def index() -> Response:
        return Response(stream_with_context(iter([request.path])))

    with client:
        response = client.get("/")
        assert request.path == "/"
        response.close()

    assert not has_request_context()


def test_blocks_of_one_client_are_not_nested(client: FlaskClient) -> None:
    with client, pytest.raises(RuntimeError, match="in a 'with' block already"):
        client.__enter__()


def test_client_can_be_used_for_another_block(client: FlaskClient) -> None:
    for _ in range(2):
        with client:
            assert client.get("/").status_code == 404


# Sessions


def test_session_transaction_is_seen_by_the_view_and_back(
    app: Flask, client: FlaskClient
) -> None:
    @app.get("/")
    def index() -> str:
        session["count"] += 1
        return ""

    with client.session_transaction() as opened:
        opened["count"] = 1

    client.get("/")

    with client.session_transaction() as opened:
        assert opened["count"] == 2


def test_session_transaction_takes_the_arguments_of_a_request(
    app: Flask, client: FlaskClient
) -> None:
    app.config["SESSION_COOKIE_PATH"] = "/only"

    with client.session_transaction("/only/here", base_url="http://x.test") as opened:
        opened["a"] = 1

    assert client.get_cookie("session", "x.test", "/only") is not None
    assert client.get_cookie("session") is None


def test_session_transaction_leaves_the_current_context(
    app: Flask, client: FlaskClient
) -> None:
    with app.test_request_context("/current"):
        with client.session_transaction():
            assert request.path == "/current"


def test_session_that_stays_empty_is_saved_by_its_interface(app: Flask) -> None:
    saved = []

    class Interface(SessionInterface):
        def open_session(self, app: Any, request: Any) -> SecureCookieSession:
            return SecureCookieSession()

        def save_session(self, app: Any, session: Any, response: Any) -> None:
            saved.append(session)

    app.session_interface = Interface()

    with app.test_client().session_transaction() as opened:
        pass

    assert saved == [opened]


def test_session_transaction_needs_cookies(app: Flask) -> None:
    client = app.test_client(use_cookies=False)

    with pytest.raises(TypeError, match="Cookies are disabled"):
        with client.session_transaction():
            pass


def test_session_transaction_without_a_key_has_no_session(app: Flask) -> None:
    app.secret_key = None

    with pytest.raises(RuntimeError, match="'SECRET_KEY'"):
        with app.test_client().session_transaction():
            pass


# Commands


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    @app.cli.command("who")
    @click.pass_obj
    def who(info: ScriptInfo) -> None:
        click.echo(info.load_app().name)

    return app.test_cli_runner()


def test_runner_invokes_commands_of_its_application(runner: FlaskCliRunner) -> None:
    assert runner.invoke(args=["who"]).output == "flask_test\n"


def test_runner_invokes_any_command_with_its_application(
    app: Flask, runner: FlaskCliRunner
) -> None:
    assert runner.invoke(app.cli.commands["who"]).output == "flask_test\n"


def test_runner_takes_another_object(app: Flask, runner: FlaskCliRunner) -> None:
    info = ScriptInfo(create_app=lambda: Flask("another"))

    assert runner.invoke(args=["who"], obj=info).output == "another\n"
