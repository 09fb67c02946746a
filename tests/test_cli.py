"""The command line: finding applications, groups, and the commands themselves."""

from __future__ import annotations

import os
import ssl
import sys
import types
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import bustapi.server
import bustapi_alias
from bustapi import Blueprint, Flask, cli, current_app
from bustapi.cli import (
    AppGroup,
    FlaskGroup,
    NoAppException,
    ScriptInfo,
    find_app_by_string,
    find_best_app,
    load_dotenv,
    locate_app,
    prepare_import,
    run_command,
    with_appcontext,
)


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    """Put back what commands change for the process."""
    environ, path, modules = dict(os.environ), sys.path[:], set(sys.modules)

    for name in [name for name in os.environ if name.startswith("FLASK_")]:
        del os.environ[name]

    yield

    os.environ.clear()
    os.environ.update(environ)
    sys.path[:] = path

    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""

        if "pytest-of" in file:
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def module(**names: Any) -> types.ModuleType:
    made = types.ModuleType("made")
    vars(made).update(names)
    return made


def invoke(command: click.Command, *arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(command, list(arguments), **options)


# Finding the application


def factory(name: str = "from a factory") -> Flask:
    return Flask(name)


def demanding(name: str) -> Flask:
    return Flask(name)


def broken() -> Flask:
    raise TypeError("inside the factory")


APP, OTHER = Flask("app"), Flask("other")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"app": APP, "other": OTHER}, "app"),
        ({"application": APP, "other": OTHER}, "app"),
        ({"anything": OTHER}, "other"),
        ({"create_app": factory}, "from a factory"),
        ({"make_app": factory}, "from a factory"),
        ({"app": "not one", "create_app": factory}, "from a factory"),
    ],
)
def test_best_application_is_found(names: dict[str, Any], expected: str) -> None:
    assert find_best_app(module(**names)).name == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({}, "no application and no factory in module 'made'"),
        ({"a": APP, "b": OTHER}, "several applications in module 'made'"),
        ({"create_app": demanding}, "'made:create_app(args)'"),
        ({"create_app": lambda: None}, "no application and no factory"),
    ],
)
def test_best_application_that_is_not_clear_is_refused(
    names: dict[str, Any], message: str
) -> None:
    with pytest.raises(NoAppException) as raised:
        find_best_app(module(**names))

    assert message in raised.value.format_message()


def test_type_error_inside_a_factory_is_shown_as_it_is() -> None:
    with pytest.raises(TypeError, match="inside the factory"):
        find_best_app(module(create_app=broken))

    with pytest.raises(TypeError, match="inside the factory"):
        find_app_by_string(module(broken=broken), "broken()")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app", "app"),
        (" app ", "app"),
        ("factory", "from a factory"),
        ("factory()", "from a factory"),
        ("factory('given', )", "given"),
        ("factory(name='given')", "given"),
    ],
)
def test_application_is_found_by_its_name(name: str, expected: str) -> None:
    made = module(app=APP, factory=factory)

    assert find_app_by_string(made, name).name == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "has no attribute 'missing'"),
        ("factory(", "neither a name nor a call"),
        ("a + b", "neither a name nor a call"),
        ("a.b()", "must be a plain name"),
        ("factory(app)", "must be literals"),
        ("factory(1, 2)", "does not take the arguments"),
        ("number", "of type 'int'"),
    ],
)
def test_name_of_no_application_is_refused(name: str, message: str) -> None:
    with pytest.raises(NoAppException) as raised:
        find_app_by_string(module(factory=factory, number=1), name)

    assert message in raised.value.format_message()


@pytest.mark.parametrize(
    ("path", "name", "above"),
    [
        ("single.py", "single", "."),
        ("single", "single", "."),
        ("package/__init__.py", "package", "."),
        ("package/inner/part.py", "package.inner.part", "."),
        ("package.inner", "package.inner", "."),
        ("sub/single.py", "single", "sub"),
    ],
)
def test_path_becomes_a_module_name(
    folder: Path, path: str, name: str, above: str
) -> None:
    inner = folder / "package" / "inner"
    inner.mkdir(parents=True)
    (inner / "__init__.py").touch()
    (inner.parent / "__init__.py").touch()

    assert prepare_import(path) == name
    assert sys.path[0] == str((folder / above).resolve())


def test_module_that_fails_inside_shows_its_traceback(folder: Path) -> None:
    (folder / "shop_broken.py").write_text("import nothing_of_that_name\n")
    prepare_import("shop_broken")

    for raise_if_not_found in (True, False):
        with pytest.raises(NoAppException) as raised:
            locate_app("shop_broken", None, raise_if_not_found)

        assert "nothing_of_that_name" in raised.value.format_message()


def test_module_that_is_missing_is_named_or_ignored(folder: Path) -> None:
    with pytest.raises(NoAppException, match="'shop_missing'"):
        locate_app("shop_missing", None)

    assert locate_app("shop_missing", None, raise_if_not_found=False) is None


@pytest.mark.parametrize("name", ["wsgi.py", "app.py"])
def test_application_is_found_by_its_file(folder: Path, name: str) -> None:
    (folder / name).write_text("import bustapi\napp = bustapi.Flask('by file')\n")
    sys.modules.pop(name[:-3], None)

    assert ScriptInfo().load_app().name == "by file"


def test_application_is_loaded_once() -> None:
    info = ScriptInfo(create_app=factory)

    assert info.load_app() is info.load_app()


def test_nothing_to_load_is_answered_with_the_ways_to_name_it(folder: Path) -> None:
    with pytest.raises(NoAppException) as raised:
        ScriptInfo().load_app()

    for way in ("'--app'", "'FLASK_APP'", "'wsgi.py'", "'app.py'"):
        assert way in raised.value.format_message()


@pytest.mark.parametrize(
    ("environ", "set_debug_flag", "debug"),
    [("1", True, True), ("0", True, False), ("1", False, False)],
)
def test_loading_sets_debug_mode(
    environ: str, set_debug_flag: bool, debug: bool
) -> None:
    os.environ["FLASK_DEBUG"] = environ
    app = Flask("app")
    app.debug = False

    ScriptInfo(create_app=lambda: app, set_debug_flag=set_debug_flag).load_app()

    assert app.debug is debug


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (":app", "No module stands before the colon in ':app'."),
        ("missing", "There is no module 'missing' to import. "),
        ("missing:app", "There is no module 'missing' to import. "),
        ("no/such/file.py", "no module 'file' to import for 'no/such/file.py'. "),
    ],
)
def test_module_that_is_missing_is_told_as_it_was_named(
    folder: Path, path: str, message: str
) -> None:
    with pytest.raises(NoAppException) as raised:
        ScriptInfo(path).load_app()

    assert message in raised.value.format_message()
    assert "colon" in raised.value.format_message()


def test_application_behind_a_dot_is_told_to_be_behind_a_colon(folder: Path) -> None:
    (folder / "shop_dotted.py").write_text("import bustapi\napp = bustapi.Flask('a')\n")

    with pytest.raises(NoAppException, match="behind a colon"):
        ScriptInfo("shop_dotted.app").load_app()


# Groups and their options


def test_command_runs_in_the_application_context() -> None:
    @click.command()
    @with_appcontext
    def name() -> None:
        click.echo(current_app.name)

    result = invoke(name, obj=ScriptInfo(create_app=factory))

    assert result.output == "from a factory\n"


def test_groups_wrap_their_commands_unless_told_otherwise() -> None:
    group = AppGroup("group")

    @group.command()
    def inside() -> None:
        click.echo(bool(current_app))

    @group.command(with_appcontext=False)
    def outside() -> None:
        click.echo(bool(current_app))

    @group.group()
    def nested() -> None:
        pass

    info = ScriptInfo(create_app=factory)
    assert invoke(group, "inside", obj=info).output == "True\n"
    assert invoke(group, "outside", obj=info).output == "False\n"
    assert isinstance(nested, AppGroup)


def test_commands_of_the_application_and_its_blueprints_are_found() -> None:
    app = Flask("app")
    blueprint = Blueprint("shop", __name__, cli_group="store")
    app.cli.command("hello")(lambda: click.echo("hello"))
    blueprint.cli.command("open")(lambda: click.echo("opened"))
    app.register_blueprint(blueprint)
    group = FlaskGroup(create_app=lambda: app)

    assert invoke(group, "hello").output == "hello\n"
    assert invoke(group, "store", "open").output == "opened\n"
    assert {"hello", "store", "run", "shell", "routes"} <= set(
        group.list_commands(
            click.Context(group, obj=ScriptInfo(create_app=lambda: app))
        )
    )


def test_commands_of_installed_packages_are_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugin = click.Command("plugin", callback=lambda: click.echo("from a package"))
    entry_point = types.SimpleNamespace(name="plugin", load=lambda: plugin)
    asked = []

    def entry_points(group: str) -> list[Any]:
        asked.append(group)
        return [entry_point]

    monkeypatch.setattr(metadata, "entry_points", entry_points)

    assert invoke(FlaskGroup(), "plugin").output == "from a package\n"
    assert asked == ["flask.commands"]


def test_help_is_shown_even_if_the_application_is_broken(folder: Path) -> None:
    def fail() -> Flask:
        raise ValueError("broken at import")

    result = invoke(FlaskGroup(create_app=fail), "--help")

    assert result.exit_code == 0
    assert "Usage:" in result.stdout
    assert "ValueError: broken at import" in result.stderr


def test_unknown_command_tells_that_no_application_was_found(folder: Path) -> None:
    result = invoke(cli.cli, "missing")

    assert result.exit_code == 2
    assert "FLASK_APP" in result.stderr


def test_app_option_and_variable_name_the_application(folder: Path) -> None:
    (folder / "shop_named.py").write_text(
        "import bustapi, click\n"
        "app = bustapi.Flask('named')\n"
        "app.cli.command('who')(lambda: click.echo(app.name))\n"
    )

    assert invoke(FlaskGroup(), "-A", "shop_named", "who").output == "named\n"
    os.environ["FLASK_APP"] = "shop_named"
    assert invoke(FlaskGroup(), "who").output == "named\n"
    assert "who" in invoke(FlaskGroup(), "--help").output


@pytest.mark.parametrize(
    ("arguments", "expected"), [(["--debug"], "1"), (["--no-debug"], "0"), ([], None)]
)
def test_debug_option_sets_the_variable(
    arguments: list[str], expected: str | None
) -> None:
    seen = []
    group = FlaskGroup(create_app=factory)
    group.command("see")(lambda: seen.append(os.environ.get("FLASK_DEBUG")))

    invoke(group, *arguments, "see")

    assert seen == [expected]


def test_commands_tell_run_not_to_start_a_server() -> None:
    def create() -> Flask:
        app = factory()
        app.run()
        return app

    group = FlaskGroup(create_app=create)
    group.command("noop")(lambda: click.echo("went on"))

    result = invoke(group, "noop")

    assert result.exit_code == 0
    assert "went on" in result.output
    assert "'app.run()' was left out" in result.output


def test_version_names_all_of_them() -> None:
    from bustapi._bustapi import __version__

    output = invoke(cli.cli, "--version").output

    assert output.splitlines() == [
        f"BustAPI {__version__}",
        f"Python {sys.version.split()[0]}",
        "Flask 3.1.3",
        f"Werkzeug {metadata.version('werkzeug')}",
    ]


# Files of variables


def test_given_file_wins_over_env_over_flaskenv(folder: Path) -> None:
    pytest.importorskip("dotenv")
    (folder / ".flaskenv").write_text("T_A=flaskenv\nT_B=flaskenv\nT_C=flaskenv\n")
    (folder / ".env").write_text("T_B=env\nT_C=env\nT_D=env\n")
    (folder / "given").write_text("T_C=given\nT_E=火\n", encoding="utf-8")
    os.environ["T_D"] = "set before"

    assert load_dotenv("given")

    found = {name: os.environ.get(f"T_{name}") for name in "ABCDE"}
    assert found == {
        "A": "flaskenv",
        "B": "env",
        "C": "given",
        "D": "set before",
        "E": "火",
    }


def test_default_files_can_be_left_out(folder: Path) -> None:
    pytest.importorskip("dotenv")
    (folder / ".env").write_text("T_A=env\n")

    assert not load_dotenv(load_defaults=False)
    assert not load_dotenv("missing", load_defaults=False)
    assert "T_A" not in os.environ


def test_missing_dotenv_package_is_told_when_there_is_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "dotenv", None)

    assert not load_dotenv()
    assert capsys.readouterr().err == ""
    (folder / ".env").touch()
    assert not load_dotenv()
    assert "Install python-dotenv" in capsys.readouterr().err


def test_env_file_option_is_read_before_the_application_is_named(folder: Path) -> None:
    pytest.importorskip("dotenv")
    (folder / "shop_env.py").write_text("import bustapi\napp = bustapi.Flask('env')\n")
    (folder / "variables").write_text("FLASK_APP=shop_env\n")

    result = invoke(FlaskGroup(), "-e", "variables", "routes")

    assert "/static/<path:filename>" in result.output


def test_env_file_option_without_the_package_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dotenv", None)
    (folder / "variables").touch()

    result = invoke(FlaskGroup(create_app=factory), "-e", "variables", "routes")

    assert result.exit_code == 2
    assert "python-dotenv" in result.stderr


# run


Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]


@pytest.fixture
def development(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Calls of Werkzeug's server, which are recorded only."""
    calls: Calls = []
    monkeypatch.setattr(cli, "run_simple", lambda *a, **kw: calls.append((a, kw)))
    return calls


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Calls of our own server, which are recorded only."""
    calls: Calls = []
    monkeypatch.setattr(
        bustapi.server, "serve_loaded", lambda *a, **kw: calls.append((a, kw))
    )
    return calls


@pytest.fixture
def run() -> Callable[..., Result]:
    """Return a function that invokes ``run`` with an application."""
    app = Flask("app")

    def run(*arguments: str) -> Result:
        return invoke(FlaskGroup(create_app=lambda: app), "run", *arguments)

    return run


def test_run_serves_with_our_own_server(
    run: Callable[..., Result], production: Calls, development: Calls
) -> None:
    result = run()

    assert result.exit_code == 0, result.output
    (((load, settings), options),) = production
    assert settings == bustapi.server.Settings()
    assert load().name == "app"
    assert options == {"name": None}
    assert development == []


def test_run_passes_the_options_of_our_own_server(
    run: Callable[..., Result], production: Calls
) -> None:
    run(
        *("shop:app", "--host", "0.0.0.0", "-p", "80", "--workers", "3"),
        *("--threads", "8", "--no-access-log"),
        *("--keep-alive", "5", "--head-timeout", "4.5", "--body-timeout", "4"),
        *("--body-rate", "0", "--write-timeout", "3", "--linger-timeout", "0"),
        *("--graceful-timeout", "2"),
    )

    (((_, settings), options),) = production
    assert settings == bustapi.server.Settings(
        host="0.0.0.0",
        port=80,
        workers=3,
        threads=8,
        access_log=False,
        keep_alive_timeout=5,
        head_timeout=4.5,
        body_timeout=4,
        body_rate=0,
        write_timeout=3,
        linger_timeout=0,
        graceful_timeout=2,
    )
    assert options == {"name": "shop:app"}


def test_run_takes_options_from_variables(
    run: Callable[..., Result], production: Calls
) -> None:
    os.environ.update(FLASK_RUN_PORT="81", FLASK_RUN_WORKERS="auto")

    run()

    assert production[0][0][1] == bustapi.server.Settings(port=81, workers="auto")


def test_run_without_threads_has_one(
    run: Callable[..., Result], production: Calls
) -> None:
    run("--without-threads")

    assert production[0][0][1].threads == 1


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--workers", "0"], "0 is not in the range"),
        (["--workers", "many"], "'many' is not a valid"),
        (["--port", "70000"], "'port' must be from 0 to 65535"),
        (["--threads", "0"], "0 is not in the range"),
        (["--keep-alive", "0"], "0.0 is not in the range"),
        (["--body-rate", "-1"], "-1 is not in the range"),
        (["--linger-timeout", "inf"], "'linger_timeout' must be a number of seconds"),
    ],
)
def test_run_refuses_values_out_of_range(
    run: Callable[..., Result], production: Calls, option: list[str], message: str
) -> None:
    result = run(*option)

    assert result.exit_code == 2
    assert message in result.stderr
    assert production == []


@pytest.mark.parametrize(
    ("arguments", "reloads", "debugs"),
    [
        (["--debug"], True, True),
        (["--reload"], True, False),
        (["--debugger"], False, True),
        (["--debug", "--no-reload"], False, True),
    ],
)
def test_run_for_development_uses_werkzeugs_server(
    run: Callable[..., Result],
    development: Calls,
    production: Calls,
    arguments: list[str],
    reloads: bool,
    debugs: bool,
) -> None:
    result = run(*arguments, "--without-threads", "--extra-files", __file__)

    ((arguments_, options),) = development
    assert arguments_[:2] == ("127.0.0.1", 5000)
    assert options == {
        "use_reloader": reloads,
        "use_debugger": debugs,
        "threaded": False,
        "ssl_context": None,
        "extra_files": [__file__],
        "exclude_patterns": None,
    }
    assert "Debug mode: " in result.output
    assert production == []


def test_run_for_development_has_one_process(run: Callable[..., Result]) -> None:
    result = run("--debug", "--workers", "2")

    assert result.exit_code == 2
    assert "has one process" in result.stderr


def test_reloader_waits_with_an_application_that_shows_the_error(
    development: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Flask:
        raise ValueError("broken by an edit")

    group = FlaskGroup(create_app=fail)
    assert isinstance(invoke(group, "run", "--debug").exception, ValueError)

    monkeypatch.setenv("WERKZEUG_RUN_MAIN", "true")
    invoke(group, "run", "--debug")

    (((_, _, app), _),) = development
    with pytest.raises(ValueError, match="broken by an edit"):
        app({}, None)


def parameters(*arguments: str) -> dict[str, Any]:
    return run_command.make_context("run", list(arguments)).params


def test_certificate_file_is_joined_to_its_key_in_any_order() -> None:
    pair = (__file__, __file__)

    assert parameters("--cert", __file__, "--key", __file__)["cert"] == pair
    assert parameters("--key", __file__, "--cert", __file__)["cert"] == pair


def test_certificate_can_be_a_context_or_made_on_the_spot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    monkeypatch.setitem(sys.modules, "a_context", context)
    monkeypatch.setitem(sys.modules, "cryptography", types.ModuleType("cryptography"))

    assert parameters("--cert", "a_context")["cert"] is context
    assert parameters("--cert", "adhoc")["cert"] == "adhoc"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cert", __file__], "is a file and needs its key"),
        (["--key", __file__], "needs its certificate"),
        (["--cert", "adhoc", "--key", __file__], "has its key already"),
        (["--cert", "a_context", "--key", __file__], "has its key already"),
        (["--cert", "no_such_module"], "does not exist"),
    ],
)
def test_certificate_and_key_that_do_not_fit_are_refused(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    monkeypatch.setitem(sys.modules, "a_context", context)
    monkeypatch.setitem(sys.modules, "cryptography", types.ModuleType("cryptography"))

    with pytest.raises(click.BadParameter, match=message):
        parameters(*arguments)


@pytest.mark.parametrize(
    ("missing", "value", "message"),
    [
        ("cryptography", "adhoc", "needs the package cryptography"),
        ("ssl", "anything", "built with SSL support"),
    ],
)
def test_certificate_without_what_it_needs_is_refused(
    monkeypatch: pytest.MonkeyPatch, missing: str, value: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(click.BadParameter, match=message):
        parameters("--cert", value)


# routes and shell


@pytest.fixture
def routes() -> Callable[..., str]:
    """Return a function that prints the routes of an application with three."""
    app = Flask("app", static_folder=None)
    app.add_url_rule("/a", endpoint="b", methods=["POST"])
    app.add_url_rule("/c", endpoint="c", methods=["DELETE"])
    app.add_url_rule("/b/<int:x>", endpoint="a", methods=["GET", "POST"])

    def routes(*arguments: str) -> str:
        result = invoke(FlaskGroup(create_app=lambda: app), "routes", *arguments)
        assert result.exit_code == 0, result.output
        return result.output

    return routes


def test_routes_are_printed_as_a_table(routes: Callable[..., str]) -> None:
    assert [line.rstrip() for line in routes().splitlines()] == [
        "Endpoint  Methods    Rule",
        "--------  ---------  ----------",
        "a         GET, POST  /b/<int:x>",
        "b         POST       /a",
        "c         DELETE     /c",
    ]


@pytest.mark.parametrize(
    ("column", "order"),
    [("endpoint", "abc"), ("methods", "cab"), ("rule", "bac"), ("match", "bca")],
)
def test_routes_are_sorted(routes: Callable[..., str], column: str, order: str) -> None:
    lines = routes("--sort", column).splitlines()[2:]

    assert "".join(line[0] for line in lines) == order


def test_routes_show_all_methods_on_demand(routes: Callable[..., str]) -> None:
    assert "GET, HEAD, OPTIONS, POST" in routes("--all-methods")
    assert "HEAD" not in routes()


@pytest.mark.parametrize(
    ("options", "rule", "title"),
    [
        ({}, {"subdomain": "api"}, "Subdomain"),
        ({"host_matching": True}, {"host": "api"}, "Host"),
    ],
)
def test_routes_show_the_domain_when_there_is_one(
    options: dict[str, Any], rule: dict[str, Any], title: str
) -> None:
    app = Flask("app", static_folder=None, **options)
    app.add_url_rule("/", endpoint="index", **rule)

    output = invoke(FlaskGroup(create_app=lambda: app), "routes", "-s", "domain").output

    assert output.splitlines()[0].split() == ["Endpoint", "Methods", title, "Rule"]


def test_application_without_routes_says_so() -> None:
    group = FlaskGroup(create_app=lambda: Flask("app", static_folder=None))

    assert invoke(group, "routes").output == "No routes were registered.\n"


def test_shell_has_the_names_of_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(sys, "__interactivehook__", raising=False)
    startup = tmp_path / "startup.py"
    startup.write_text("from_startup = 'started'\n")
    monkeypatch.setenv("PYTHONSTARTUP", str(startup))
    app = Flask("shown")
    app.shell_context_processor(lambda: {"extra": "provided"})

    result = invoke(
        FlaskGroup(create_app=lambda: app),
        "shell",
        input="print(app.name, extra, from_startup)\n",
    )

    assert "shown provided started" in result.output
    assert "App: shown" in result.output + result.stderr


def test_completion_of_the_shell_knows_the_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readline = pytest.importorskip("readline")
    hooked = []
    monkeypatch.setattr(
        sys, "__interactivehook__", lambda: hooked.append(1), raising=False
    )
    before = readline.get_completer()

    try:
        cli._set_up_completion({"application": 1})
        assert readline.get_completer()("appl", 0) == "application"
    finally:
        readline.set_completer(before)

    assert hooked == [1]


# Running another program


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What would have taken the place of this process."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(os, "execvpe", lambda *args: calls.append(args))
    return calls


def test_exec_runs_a_program_with_its_own_options(
    executed: list[tuple[Any, ...]],
) -> None:
    result = invoke(cli.cli, "exec", "gunicorn", "-w", "2", "--help", "app:app")

    assert result.exit_code == 0
    ((command, arguments, environ),) = executed
    assert command == "gunicorn"
    assert arguments == ["gunicorn", "-w", "2", "--help", "app:app"]
    assert environ["BUSTAPI_ALIAS"] == "1"


def test_exec_lets_the_program_call_run(executed: list[tuple[Any, ...]]) -> None:
    invoke(cli.cli, "exec", "python", "app.py")

    ((_, _, environ),) = executed
    assert "FLASK_RUN_FROM_CLI" not in environ


def test_exec_needs_a_command() -> None:
    result = invoke(cli.cli, "exec")

    assert result.exit_code == 2
    assert "Missing argument 'COMMAND'" in result.output


def test_exec_of_a_missing_program_ends_as_in_a_shell() -> None:
    result = invoke(cli.cli, "exec", "no-such-program")

    assert result.exit_code == 127
    assert result.output.endswith(
        "Error: Cannot run 'no-such-program': No such file or directory.\n"
    )


@pytest.mark.parametrize("is_read", [True, False])
def test_exec_warns_where_the_variable_has_no_effect(
    executed: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, is_read: bool
) -> None:
    monkeypatch.setattr(bustapi_alias, "is_read_at_startup", lambda: is_read)

    result = invoke(cli.cli, "exec", "python")

    assert len(executed) == 1
    assert ("'bustapi_alias.pth' is not installed" in result.output) is not is_read


def test_exec_of_what_is_no_program_ends_as_in_a_shell(folder: Path) -> None:
    (folder / "text").write_text("no program\n")

    result = invoke(cli.cli, "exec", "./text")

    assert result.exit_code == 126
    assert "Error: Cannot run './text': Permission denied." in result.output


@pytest.mark.parametrize("name", ["program.py", "./program.py"])
def test_exec_of_a_python_file_says_how_to_run_it(folder: Path, name: str) -> None:
    (folder / "program.py").touch()

    result = invoke(cli.cli, "exec", name)

    assert result.exit_code in (126, 127)
    assert f"Write 'bustapi exec python {name}'.\n" in result.output


def test_exec_belongs_to_our_own_command_line_alone() -> None:
    assert "exec" not in FlaskGroup().commands


def test_commands_called_in_process_leave_the_alias_alone() -> None:
    before = list(sys.meta_path)

    result = invoke(cli.cli, "--version")

    assert result.exit_code == 0
    assert sys.meta_path == before
    assert "BUSTAPI_ALIAS" not in os.environ
