"""The application object: from ``blueprints`` to ``endpoint``."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import click
import jinja2
import pytest
from werkzeug.datastructures import ImmutableDict
from werkzeug.routing import MapAdapter

from bustapi import (
    Blueprint,
    BustAPI,
    Config,
    Request,
    Response,
    has_request_context,
    jsonify,
    render_template,
    render_template_string,
    request,
    send_from_directory,
    session,
    url_for,
)
from bustapi.cli import FlaskGroup
from bustapi.templating import Environment
from bustapi.testing import FlaskClient
from edges import make_client
from specification.using import Failure, fail, write

statement = pytest.mark.statement


# blueprints


@statement("blueprints", "all the attached blueprints")
def test_blueprints_are_found_by_name(app: BustAPI) -> None:
    one, two = Blueprint("one", __name__), Blueprint("two", __name__)

    app.register_blueprint(one)
    app.register_blueprint(two)

    assert app.blueprints == {"one": one, "two": two}


@statement("blueprints", "can be attached multiple times")
def test_a_blueprint_can_be_attached_twice(app: BustAPI, client: FlaskClient) -> None:
    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/", "index", lambda: request.blueprint or "")

    app.register_blueprint(blueprint, url_prefix="/a")
    app.register_blueprint(blueprint, url_prefix="/b", name="again")

    assert client.get("/a/").data == b"part"
    assert client.get("/b/").data == b"again"
    assert list(app.blueprints.values()) == [blueprint, blueprint]


# cli


@statement("cli", "an instance of a click.Group object")
@statement("cli", "commands registered here")
def test_commands_are_registered_on_cli(app: BustAPI) -> None:
    @app.cli.command()
    @click.argument("name")
    def greet(name: str) -> None:
        click.echo(f"hello {name}")

    assert isinstance(app.cli, click.Group)
    assert app.test_cli_runner().invoke(args=["greet", "you"]).output == "hello you\n"


COMMANDS = """\
import click
from bustapi import BustAPI, current_app

app = BustAPI(__name__)


@app.cli.command()
def tell():
    click.echo(f"told by {current_app.import_name}")
"""


def run_command(folder: Path, *arguments: str, **environ: str) -> str:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("FLASK_")}
    result = subprocess.run(
        [sys.executable, "-m", "bustapi", *arguments],
        cwd=folder,
        env={**inherited, **environ},
        capture_output=True,
        text=True,
        timeout=25,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@statement("cli", "once the application has been discovered")
def test_commands_show_up_when_flask_app_names_the_application(
    tmp_path: Path,
) -> None:
    write(tmp_path / "shop.py", COMMANDS)

    assert run_command(tmp_path, "tell", FLASK_APP="shop") == "told by shop\n"
    assert "tell" in run_command(tmp_path, "--help", FLASK_APP="shop.py")


@statement("cli", "once the application has been discovered")
def test_the_application_is_found_in_app_py(tmp_path: Path) -> None:
    write(tmp_path / "app.py", COMMANDS)

    assert run_command(tmp_path, "tell") == "told by app\n"


@statement("cli", "the default commands are provided")
def test_default_commands_are_there(tmp_path: Path) -> None:
    write(tmp_path / "shop.py", COMMANDS)

    assert "/static/<path:filename>" in run_command(
        tmp_path, "routes", FLASK_APP="shop"
    )


@statement("cli", "and can be overridden")
def test_a_default_command_can_be_overridden(app: BustAPI) -> None:
    group = FlaskGroup(create_app=lambda: app)

    @group.command("routes")
    def own_routes() -> None:
        click.echo("own routes")

    # The group sets the variable; given to the runner, it is taken back.
    environ = {"FLASK_RUN_FROM_CLI": "true"}
    result = app.test_cli_runner().invoke(group, ["routes"], env=environ)

    assert result.output == "own routes\n"


# config


@statement("config", "behaves exactly like a regular dictionary")
def test_config_is_a_dictionary(app: BustAPI) -> None:
    app.config["A"] = 1
    app.config.update(B=2)

    assert isinstance(app.config, dict)
    assert {**app.config} == dict(app.config.items())
    assert app.config.pop("A") == 1
    assert app.config.setdefault("B", 3) == 2


@statement("config", "additional methods to load a config from files")
def test_config_is_loaded_from_files(app: BustAPI, tmp_path: Path) -> None:
    write(tmp_path / "a.cfg", "FROM_PYTHON = 1 + 1\nsmall = 1")
    write(tmp_path / "a.json", '{"FROM_JSON": [1]}')

    app.config.from_pyfile("a.cfg")
    app.config.from_file("a.json", load=json.load)

    assert (app.config["FROM_PYTHON"], app.config["FROM_JSON"]) == (2, [1])
    assert "small" not in app.config


@statement("config_class", "used for the config attribute")
@statement("config_class", "default values for certain config options")
@statement("config_class", "access to config values through attributes")
def test_an_own_class_of_the_config_is_used() -> None:
    class OwnConfig(Config):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.setdefault("PAGE_SIZE", 20)

        def __getattr__(self, name: str) -> Any:
            return self[name]

    class Own(BustAPI):
        config_class = OwnConfig

    config: Any = Own().config

    assert config["PAGE_SIZE"] == 20
    assert config.SESSION_COOKIE_NAME == "session"


@statement("config_class", "defaults to Config")
def test_the_class_of_the_config_is_config(app: BustAPI) -> None:
    assert BustAPI.config_class is Config
    assert type(app.config) is Config


# create_global_jinja_loader


@statement("create_global_jinja_loader", "creates the loader")
@statement("create_global_jinja_loader", "override just the loader")
def test_an_overridden_loader_is_used(edge: str) -> None:
    class Own(BustAPI):
        def create_global_jinja_loader(self) -> Any:
            return jinja2.DictLoader({"a.html": "from the dictionary {{ config.A }}"})

    app = Own()
    app.config["A"] = 1
    app.add_url_rule("/", "index", lambda: render_template("a.html"))

    with make_client(app, edge) as client:
        assert client.get("/").data == b"from the dictionary 1"


@statement("create_global_jinja_loader", "dispatches between the loaders")
def test_the_loader_asks_the_application_and_then_the_blueprints(
    app: BustAPI, client: FlaskClient, tmp_path: Path
) -> None:
    write(tmp_path / "templates" / "a.html", "app")
    write(tmp_path / "part" / "a.html", "part")
    write(tmp_path / "part" / "b.html", "part")
    app.register_blueprint(
        Blueprint("part", __name__, root_path=str(tmp_path), template_folder="part")
    )
    app.add_url_rule("/<name>", "view", render_template_named)

    assert client.get("/a.html").data == b"app"
    assert client.get("/b.html").data == b"part"


def render_template_named(name: str) -> str:
    return render_template(name)


# create_jinja_environment


@statement("create_jinja_environment", "based on jinja_options")
def test_the_environment_has_the_options(app: BustAPI) -> None:
    app.jinja_options = {"variable_start_string": "<<", "variable_end_string": ">>"}

    with app.app_context():
        assert render_template_string("<< 6 * 7 >>") == "42"


@statement("create_jinja_environment", "and select_jinja_autoescape()")
def test_the_environment_asks_what_is_escaped(
    app: BustAPI, client: FlaskClient, tmp_path: Path
) -> None:
    write(tmp_path / "templates" / "a.html", "{{ '<' }}")
    write(tmp_path / "templates" / "a.txt", "{{ '<' }}")
    app.add_url_rule("/<name>", "view", render_template_named)

    assert client.get("/a.html").data == b"&lt;"
    assert client.get("/a.txt").data == b"<"


@statement("create_jinja_environment", "adds the Jinja2 globals and filters")
def test_the_environment_has_globals_and_filters(
    app: BustAPI, client: FlaskClient
) -> None:
    source = "{{ url_for('index') }} {{ [1]|tojson }} {{ get_flashed_messages() }}"
    app.add_url_rule("/", "index", lambda: render_template_string(source))

    assert client.get("/").data == b"/ [1] []"


@statement("create_jinja_environment", "override this function")
def test_an_overridden_environment_is_used(edge: str) -> None:
    class Own(BustAPI):
        def create_jinja_environment(self) -> Environment:
            environment = super().create_jinja_environment()
            environment.globals["answer"] = 42
            return environment

    app = Own()
    app.add_url_rule("/", "index", lambda: render_template_string("{{ answer }}"))

    with make_client(app, edge) as client:
        assert client.get("/").data == b"42"


@statement("create_jinja_environment", "TEMPLATES_AUTO_RELOAD")
@pytest.mark.parametrize(
    ("value", "debug", "expected"),
    [
        (None, False, False),
        (None, True, True),
        (True, False, True),
        (False, True, False),
    ],
)
def test_changed_templates_are_read_again(
    app: BustAPI, value: bool | None, debug: bool, expected: bool
) -> None:
    app.config["TEMPLATES_AUTO_RELOAD"] = value
    app.config["DEBUG"] = debug

    assert app.jinja_env.auto_reload is expected


@statement("create_jinja_environment", "TEMPLATES_AUTO_RELOAD")
def test_a_changed_template_is_rendered(
    app: BustAPI, client: FlaskClient, tmp_path: Path
) -> None:
    app.config["TEMPLATES_AUTO_RELOAD"] = True
    template = write(tmp_path / "templates" / "a.html", "old")
    app.add_url_rule("/<name>", "view", render_template_named)
    assert client.get("/a.html").data == b"old"

    write(template, "new")
    os.utime(template, (1, 1))

    assert client.get("/a.html").data == b"new"


# create_url_adapter


@statement("create_url_adapter", "for the given request")
@statement("create_url_adapter", "the request is passed explicitly")
def test_the_adapter_is_made_for_a_request(edge: str) -> None:
    seen: list[bool] = []

    class Own(BustAPI):
        def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
            assert request is not None
            seen.append(has_request_context() and request.path == "/old")
            adapter = super().create_url_adapter(request)
            assert adapter is not None
            adapter.path_info = "new"
            return adapter

    app = Own(static_folder=None)
    app.add_url_rule("/new", "new", lambda: "new")

    with make_client(app, edge) as client:
        assert client.get("/old").data == b"new"

    assert len(seen) == 1


@statement("create_url_adapter", "without a request object")
def test_the_adapter_of_an_application_context_uses_server_name(
    app: BustAPI,
) -> None:
    app.add_url_rule("/page", "page", lambda: "")
    assert app.create_url_adapter(None) is None

    app.config["SERVER_NAME"] = "example.org"

    with app.app_context():
        assert url_for("page") == "http://example.org/page"


# debug


@statement("debug", "set this to True to enable debugging")
@statement("debug", "the debugger will kick in")
def test_errors_reach_the_debugger_in_debug_mode(
    app: BustAPI, client: FlaskClient
) -> None:
    app.debug = True
    app.add_url_rule("/", "index", fail)

    with pytest.raises(Failure):
        client.get("/")


@statement("debug", "the integrated server will automatically reload")
def test_the_server_reloads_in_debug_mode(
    app: BustAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {}

    def run_simple(host: str, port: int, app: Any, **given: Any) -> None:
        options.update(given)

    monkeypatch.setattr("werkzeug.serving.run_simple", run_simple)
    app.debug = True

    app.run()

    assert (options["use_reloader"], options["use_debugger"]) == (True, True)


@statement("debug", "the DEBUG configuration key")
def test_debug_is_the_key_of_the_configuration(app: BustAPI) -> None:
    app.config["DEBUG"] = True
    assert app.debug is True

    app.debug = False
    assert app.config["DEBUG"] is False


@statement("debug", "defaults to False")
def test_debug_mode_is_off_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLASK_DEBUG", raising=False)

    assert BustAPI().debug is False


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
        default_config = ImmutableDict({**BustAPI.default_config, "PAGE_SIZE": 20})

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
