"""The specification from ``blueprints`` to ``debug``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import jinja2
import pytest
from werkzeug.routing import MapAdapter

from bustapi import (
    Blueprint,
    BustAPI,
    Config,
    Request,
    has_request_context,
    render_template,
    render_template_string,
    request,
    url_for,
)
from bustapi.cli import FlaskGroup
from bustapi.templating import Environment
from bustapi.testing import FlaskClient
from edges import make_client
from specification.using import Failure, fail, render_template_named, write

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
