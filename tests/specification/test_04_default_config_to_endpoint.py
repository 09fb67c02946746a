"""The specification from ``default_config`` to ``endpoint``."""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from bustapi import (
    BustAPI,
    Response,
    jsonify,
    request,
    send_from_directory,
    session,
    url_for,
)
from bustapi.testing import FlaskClient
from edges import make_client
from specification.using import Failure, fail, render_template_named, write

statement = pytest.mark.statement


# default_config: what each key does


@statement("default_config", "default configuration parameters")
def test_a_new_application_has_the_defaults(
    app: BustAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLASK_DEBUG", raising=False)

    config = BustAPI().config

    assert config == {**BustAPI.default_config, "DEBUG": False}
    assert config["PERMANENT_SESSION_LIFETIME"] == timedelta(days=31)


@statement("default_config", "default configuration parameters")
def test_a_subclass_may_have_other_defaults() -> None:
    class Own(BustAPI):
        default_config = type(BustAPI.default_config)(
            {**BustAPI.default_config, "PAGE_SIZE": 20}
        )

    assert Own().config["PAGE_SIZE"] == 20


def answer_json(app: BustAPI) -> None:
    app.add_url_rule("/", "index", lambda: jsonify(b="ü", a=1))


@statement("default_config", "JSON_AS_ASCII")
@pytest.mark.parametrize("value", [True, False])
def test_json_as_ascii(app: BustAPI, client: FlaskClient, value: bool) -> None:
    app.config["JSON_AS_ASCII"] = value
    answer_json(app)

    assert client.get("/").data == (
        b'{"a":1,"b":"\\u00fc"}\n' if value else '{"a":1,"b":"ü"}\n'.encode()
    )


@statement("default_config", "JSON_SORT_KEYS")
@pytest.mark.parametrize(
    ("value", "expected"), [(True, ["a", "b"]), (False, ["b", "a"])]
)
def test_json_sort_keys(
    app: BustAPI, client: FlaskClient, value: bool, expected: list[str]
) -> None:
    app.config["JSON_SORT_KEYS"] = value
    app.json.sort_keys = not value  # type: ignore[attr-defined]
    answer_json(app)

    assert list(json.loads(client.get("/").data)) == expected


@statement("default_config", "JSONIFY_MIMETYPE")
def test_jsonify_mimetype(app: BustAPI, client: FlaskClient) -> None:
    app.config["JSONIFY_MIMETYPE"] = "application/vnd.api+json"
    answer_json(app)

    assert client.get("/").mimetype == "application/vnd.api+json"


@statement("default_config", "JSONIFY_PRETTYPRINT_REGULAR")
@pytest.mark.parametrize(
    ("value", "debug", "lines"), [(True, False, 4), (False, True, 1), (False, False, 1)]
)
def test_jsonify_prettyprint_regular(
    app: BustAPI, client: FlaskClient, value: bool, debug: bool, lines: int
) -> None:
    app.debug = debug
    app.config["JSONIFY_PRETTYPRINT_REGULAR"] = value
    answer_json(app)

    assert len(client.get("/").data.splitlines()) == lines


@statement("default_config", "JSON_AS_ASCII")
@pytest.mark.parametrize(
    "key",
    [
        "JSON_AS_ASCII",
        "JSON_SORT_KEYS",
        "JSONIFY_MIMETYPE",
        "JSONIFY_PRETTYPRINT_REGULAR",
    ],
)
def test_keys_of_json_are_not_in_a_new_configuration(app: BustAPI, key: str) -> None:
    assert key not in app.config


@statement("default_config", "USE_X_SENDFILE")
@pytest.mark.parametrize("value", [True, False])
def test_use_x_sendfile_key(
    app: BustAPI, client: FlaskClient, tmp_path: Path, value: bool
) -> None:
    path = write(tmp_path / "files" / "a.txt", "a")
    app.config["USE_X_SENDFILE"] = value
    app.add_url_rule("/", "index", lambda: send_from_directory(path.parent, "a.txt"))

    with client.get("/") as response:
        assert response.headers.get("X-Sendfile") == (str(path) if value else None)
        assert response.data == (b"" if value else b"a")


@pytest.fixture
def with_session(app: BustAPI) -> BustAPI:
    """An application whose view writes the session."""

    @app.route("/")
    def index() -> str:
        session["a"] = 1
        session.permanent = "permanent" in request.args
        return ""

    return app


@statement("default_config", "SESSION_COOKIE_*")
@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("SESSION_COOKIE_NAME", "sid", "sid="),
        ("SESSION_COOKIE_PATH", "/part", "Path=/part"),
        ("SESSION_COOKIE_DOMAIN", "example.org", "Domain=example.org"),
        ("SESSION_COOKIE_SECURE", True, "Secure"),
        ("SESSION_COOKIE_HTTPONLY", True, "HttpOnly"),
        ("APPLICATION_ROOT", "/root", "Path=/root"),
        ("APPLICATION_ROOT", None, "Path=/"),
    ],
)
def test_keys_of_the_session_cookie(
    with_session: BustAPI, edge: str, key: str, value: object, part: str
) -> None:
    with_session.config[key] = value

    with make_client(with_session, edge) as client:
        given = cookie_of(client)

    assert part in given.split("; ") or given.startswith(part)


def cookie_of(client: FlaskClient) -> str:
    # With a whole URL, since the client would ask below the root of the application.
    return client.get("/", base_url="http://localhost/").headers["Set-Cookie"]


@statement("default_config", "SESSION_COOKIE_*")
@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("SESSION_COOKIE_SECURE", "Secure"),
        ("SESSION_COOKIE_HTTPONLY", "HttpOnly"),
        ("SESSION_COOKIE_DOMAIN", "Domain"),
    ],
)
def test_keys_of_the_session_cookie_turned_off(
    with_session: BustAPI, client: FlaskClient, key: str, part: str
) -> None:
    with_session.config[key] = False if part != "Domain" else None

    assert part not in cookie_of(client)


@statement("default_config", "APPLICATION_ROOT")
@pytest.mark.parametrize(
    ("root", "url"),
    [(None, "http://example.org/page"), ("/root", "http://example.org/root/page")],
)
def test_urls_outside_of_requests_begin_with_the_application_root(
    app: BustAPI, root: str | None, url: str
) -> None:
    app.config.update(SERVER_NAME="example.org", APPLICATION_ROOT=root)
    app.add_url_rule("/page", "page", lambda: "")

    with app.app_context():
        assert url_for("page") == url


@statement("default_config", "APPLICATION_ROOT")
def test_application_root_none_serves_tests_and_requests(
    app: BustAPI, client: FlaskClient
) -> None:
    app.config["APPLICATION_ROOT"] = None
    app.add_url_rule("/page", "page", lambda: url_for("page"))

    assert client.get("/page").data == b"/page"
    with app.test_request_context("/page"):
        assert request.path == "/page"


@statement("default_config", "MAX_CONTENT_LENGTH")
@pytest.mark.parametrize(("length", "status"), [(10, 200), (11, 413)])
def test_max_content_length(
    app: BustAPI, client: FlaskClient, length: int, status: int
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 10
    app.add_url_rule("/", "index", lambda: request.get_data(), methods=["POST"])

    assert client.post("/", data=b"x" * length).status_code == status


@statement("default_config", "SERVER_NAME")
@statement("default_config", "PREFERRED_URL_SCHEME")
def test_server_name_and_scheme_are_those_of_urls_outside_of_requests(
    app: BustAPI,
) -> None:
    app.config.update(SERVER_NAME="example.org", PREFERRED_URL_SCHEME="https")
    app.add_url_rule("/page", "page", lambda: "")

    with app.app_context():
        assert url_for("page") == "https://example.org/page"


@statement("default_config", "SERVER_NAME")
def test_server_name_refuses_no_other_host(app: BustAPI, client: FlaskClient) -> None:
    app.config["SERVER_NAME"] = "example.org"
    app.add_url_rule("/page", "page", lambda: request.host)

    assert client.get("/page", base_url="http://other.org").data == b"other.org"


@statement("default_config", "EXPLAIN_TEMPLATE_LOADING")
def test_explain_template_loading(
    app: BustAPI,
    client: FlaskClient,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app.config["EXPLAIN_TEMPLATE_LOADING"] = True
    write(tmp_path / "templates" / "a.html", "found")
    app.add_url_rule("/<name>", "view", render_template_named)

    with caplog.at_level(logging.INFO, app.logger.name):
        client.get("/a.html")

    assert "a.html" in caplog.text


@statement("default_config", "SESSION_REFRESH_EACH_REQUEST")
@pytest.mark.parametrize("value", [True, False])
def test_session_refresh_each_request(
    with_session: BustAPI, client: FlaskClient, value: bool
) -> None:
    with_session.config["SESSION_REFRESH_EACH_REQUEST"] = value
    with_session.add_url_rule("/other", "other", lambda: "")
    client.get("/?permanent")

    assert ("Set-Cookie" in client.get("/other").headers) is value


@statement("default_config", "TRAP_BAD_REQUEST_ERRORS")
@pytest.mark.parametrize(
    ("value", "debug", "trapped"),
    [
        (None, False, False),
        (None, True, True),
        (True, False, True),
        (False, True, False),
    ],
)
def test_trap_bad_request_errors(
    app: BustAPI, client: FlaskClient, value: bool | None, debug: bool, trapped: bool
) -> None:
    app.config.update(
        TRAP_BAD_REQUEST_ERRORS=value, DEBUG=debug, PROPAGATE_EXCEPTIONS=True
    )
    app.add_url_rule("/", "index", lambda: request.args["missing"])

    if trapped:
        with pytest.raises(KeyError):
            client.get("/")
    else:
        assert client.get("/").status_code == 400


@statement("default_config", "LOGGER_NAME")
def test_the_key_names_the_logger(app: BustAPI) -> None:
    app.config["LOGGER_NAME"] = "shop.log"

    assert app.logger is logging.getLogger("shop.log")


POLICIES = [
    ("always", False, True),
    ("always", True, True),
    ("debug", False, False),
    ("debug", True, True),
    ("production", False, True),
    ("production", True, False),
    ("never", False, False),
    ("never", True, False),
]


@pytest.mark.usefixtures("unconfigured_logging")
@statement("default_config", "LOGGER_HANDLER_POLICY")
@pytest.mark.parametrize(("policy", "debug", "is_written"), POLICIES)
def test_the_policy_decides_whether_messages_are_written(
    app: BustAPI,
    capsys: pytest.CaptureFixture[str],
    policy: str,
    debug: bool,
    is_written: bool,
) -> None:
    app.config.update(LOGGER_HANDLER_POLICY=policy, LOGGER_NAME=f"policy.{policy}")
    app.debug = debug

    app.logger.error("a message")

    assert ("a message" in capsys.readouterr().err) is is_written


@pytest.mark.usefixtures("unconfigured_logging")
@statement("default_config", "LOGGER_HANDLER_POLICY")
def test_the_policy_may_be_changed_after_the_first_message(
    app: BustAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    app.config["LOGGER_NAME"] = "policy.changed"
    app.logger.warning("one")

    app.config["LOGGER_HANDLER_POLICY"] = "never"
    app.logger.warning("two")
    app.config["LOGGER_HANDLER_POLICY"] = "always"
    app.logger.warning("three")

    written = capsys.readouterr().err
    assert "one" not in written or written.count("one") == 1
    assert "two" not in written
    assert written.count("three") == 1


@statement("default_config", "TESTING, PROPAGATE_EXCEPTIONS")
@pytest.mark.parametrize("key", ["TESTING", "PROPAGATE_EXCEPTIONS", "DEBUG"])
def test_keys_that_let_errors_out(app: BustAPI, client: FlaskClient, key: str) -> None:
    app.config[key] = True
    app.add_url_rule("/", "index", fail)

    with pytest.raises(Failure):
        client.get("/")


@statement("default_config", "SECRET_KEY")
def test_secret_key_signs_the_session(
    with_session: BustAPI, client: FlaskClient
) -> None:
    with_session.add_url_rule("/read", "read", lambda: str(session.get("a")))
    client.get("/")
    assert client.get("/read").data == b"1"

    with_session.config["SECRET_KEY"] = "another"

    assert client.get("/read").data == b"None"


@statement("default_config", "PERMANENT_SESSION_LIFETIME")
def test_permanent_session_lifetime_ends_the_cookie(
    with_session: BustAPI, client: FlaskClient
) -> None:
    with_session.config["PERMANENT_SESSION_LIFETIME"] = 3600

    response = client.get("/?permanent")

    expires = parse_cookie_date(response.headers["Set-Cookie"])
    assert abs(expires - datetime.now(timezone.utc) - timedelta(hours=1)) < MINUTE


MINUTE = timedelta(minutes=1)


def parse_cookie_date(cookie: str) -> datetime:
    found = re.search("Expires=([^;]+)", cookie)
    assert found is not None
    return parsedate_to_datetime(found[1])


# dispatch_request


@statement("dispatch_request", "matches the URL")
@statement("dispatch_request", "returns the return value of the view")
@statement("dispatch_request", "does not have to be a response object")
def test_dispatch_request_returns_what_the_view_returned(edge: str) -> None:
    seen: list[object] = []

    class Own(BustAPI):
        def dispatch_request(self) -> Any:
            rv = super().dispatch_request()
            seen.append(rv)
            return rv

    app = Own()
    app.add_url_rule("/<name>", "view", lambda name: (name, 201))

    with make_client(app, edge) as client:
        response = client.get("/you")

    assert seen == [("you", 201)]
    assert (response.data, response.status_code) == (b"you", 201)


@statement("dispatch_request", "call make_response()")
def test_the_value_becomes_a_response_by_make_response(app: BustAPI) -> None:
    app.add_url_rule("/", "index", lambda: "text")

    with app.test_request_context("/"):
        value = app.dispatch_request()
        response = app.make_response(value)

    assert value == "text"
    assert isinstance(response, Response)


@statement("dispatch_request", "no longer does the exception handling")
def test_dispatch_request_lets_errors_out(app: BustAPI) -> None:
    app.register_error_handler(Failure, lambda error: "handled")
    app.add_url_rule("/", "index", fail)

    with app.test_request_context("/"), pytest.raises(Failure):
        app.dispatch_request()


# do_teardown_appcontext, do_teardown_request


@statement("do_teardown_appcontext", "called when an application context is popped")
def test_do_teardown_appcontext_is_called_by_the_pop(edge: str) -> None:
    seen: list[object] = []

    class Own(BustAPI):
        def do_teardown_appcontext(self, *args: Any) -> None:
            seen.append("override")
            super().do_teardown_appcontext(*args)

    app = Own()
    app.teardown_appcontext(lambda error: seen.append("function"))
    app.add_url_rule("/", "index", lambda: "")

    with make_client(app, edge) as client:
        client.get("/")

    assert seen == ["override", "function"]


@statement("do_teardown_request", "called after the actual request dispatching")
@statement("do_teardown_request", "triggered when the request context is popped")
def test_do_teardown_request_is_called_by_the_pop(edge: str) -> None:
    seen: list[object] = []

    class Own(BustAPI):
        def do_teardown_request(self, *args: Any) -> None:
            seen.append(request.path)
            super().do_teardown_request(*args)

    app = Own()
    app.teardown_request(lambda error: seen.append("function"))
    app.add_url_rule("/page", "page", lambda: seen.append("view") or "")  # type: ignore[func-returns-value]

    with make_client(app, edge) as client:
        client.get("/page")

    with app.test_request_context("/popped"):
        pass

    assert seen == ["view", "/page", "function", "/popped", "function"]


@statement("do_teardown_request", "every as teardown_request() decorated function")
@statement("do_teardown_request", "added the exc argument")
@statement("do_teardown_appcontext", "pretty much the same as do_teardown_request()")
@pytest.mark.parametrize("name", ["request", "appcontext"])
@pytest.mark.parametrize("is_passed", [True, False])
def test_teardown_functions_get_the_error(
    app: BustAPI, name: str, is_passed: bool
) -> None:
    seen: list[BaseException | None] = []
    error = Failure()
    getattr(app, f"teardown_{name}")(seen.append)
    do_teardown = getattr(app, f"do_teardown_{name}")

    with app.test_request_context("/"):
        if is_passed:
            do_teardown(error)
        else:
            try:
                raise error
            except Failure:
                do_teardown()

    assert seen == [error, None]


# endpoint


@statement("endpoint", "register a function as an endpoint")
@statement("endpoint", "the name of the endpoint")
def test_endpoint_registers_the_view_of_a_rule(
    app: BustAPI, client: FlaskClient
) -> None:
    app.add_url_rule("/example", "example.endpoint")

    @app.endpoint("example.endpoint")
    def example() -> str:
        return "example"

    assert client.get("/example").data == b"example"
    assert app.view_functions["example.endpoint"] is example
