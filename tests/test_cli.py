"""The command: the application it finds, its groups and options, its variables."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

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
    with_appcontext,
)

pytestmark = pytest.mark.usefixtures("process_as_before")


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
