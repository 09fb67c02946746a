"""What help says of an option is true: its environment variable and its default."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import click
import pytest
from click.testing import CliRunner

from bustapi import Flask, cli
from bustapi.cli import FlaskGroup
from bustapi.helpers import get_debug_flag
from bustapi.server import Settings

FILE = str(Path(__file__).resolve())

COMMANDS: dict[str, click.Command] = {
    "": cli.cli,
    "run": cli.run_command,
    "routes": cli.routes_command,
    "shell": cli.shell_command,
    "exec": cli.exec_command,
}
"""Our commands by their names, and the group itself."""

VALUES = {
    "FLASK_APP": "shop:app",
    "FLASK_DEBUG": "1",
    "FLASK_ENV_FILE": FILE,
    "FLASK_RUN_ACCESS_LOG": "0",
    "FLASK_RUN_BODY_RATE": "0",
    "FLASK_RUN_BODY_TIMEOUT": "1",
    "FLASK_RUN_CERT": FILE,
    "FLASK_RUN_DEBUG": "1",
    "FLASK_RUN_DEBUGGER": "yes",
    "FLASK_RUN_EXCLUDE_PATTERNS": os.pathsep.join(("*.a", "*.b")),
    "FLASK_RUN_EXTRA_FILES": os.pathsep.join((FILE, FILE)),
    "FLASK_RUN_GRACEFUL_TIMEOUT": "1",
    "FLASK_RUN_HEAD_TIMEOUT": "1",
    "FLASK_RUN_HOST": "::1",
    "FLASK_RUN_KEEP_ALIVE_TIMEOUT": "1",
    "FLASK_RUN_KEY": FILE,
    "FLASK_RUN_LINGER_TIMEOUT": "1",
    "FLASK_RUN_PORT": "80",
    "FLASK_RUN_RELOAD": "1",
    "FLASK_RUN_THREADS": "8",
    "FLASK_RUN_WITH_THREADS": "off",
    "FLASK_RUN_WORKERS": "auto",
    "FLASK_RUN_WRITE_TIMEOUT": "1",
    "FLASK_ROUTES_ALL_METHODS": "true",
    "FLASK_ROUTES_SORT": "rule",
}
"""A value for each variable that help names, other than the default."""

NEEDED = {"FLASK_RUN_CERT": ["--key", FILE], "FLASK_RUN_KEY": ["--cert", FILE]}
"""What has to be given beside the options of these variables."""


class Described(NamedTuple):
    """An option, and what help says of it."""

    command: str
    option: click.Option
    variable: str | None
    default: str | None


POSITIONAL = {"": ["shell"], "exec": ["program"]}
"""What commands do not go without."""


def context(command: str) -> click.Context:
    """Return the context in which a command takes its arguments."""
    info = cli.ScriptInfo(create_app=lambda: Flask("app"))
    group = click.Context(cli.cli, obj=info, auto_envvar_prefix="FLASK")
    return click.Context(COMMANDS[command], group, command) if command else group


def described() -> Iterator[Described]:
    for command in COMMANDS:
        for param in COMMANDS[command].params:
            if isinstance(param, click.Option):
                record = param.get_help_record(context(command))
                assert record is not None
                variable = re.search(r"\[env var: (\w+)", record[1])
                default = re.search(r"[\[ ]default: ([^;\]]+)", record[1])
                yield Described(
                    command,
                    param,
                    variable[1] if variable else None,
                    default[1] if default else None,
                )


def effect(command: str, *arguments: str, **variables: str) -> list[Any]:
    """Return all that a command would work with, given these arguments and variables."""
    ctx = context(command)

    with (
        mock.patch.dict(os.environ, variables),
        mock.patch.object(cli, "load_dotenv") as load_dotenv,
        mock.patch.object(os, "execv") as execv,
    ):
        ctx.command.parse_args(ctx, [*arguments, *POSITIONAL.get(command, ())])
        calls = load_dotenv.mock_calls, execv.mock_calls
        return [ctx.params, ctx.obj.app_import_path, get_debug_flag(), calls]


@pytest.fixture(autouse=True)
def environ() -> Iterator[None]:
    """Leave the variables of whoever runs the suite out."""
    own = ("FLASK_", "BUSTAPI_")
    others = {k: v for k, v in os.environ.items() if not k.startswith(own)}
    with mock.patch.dict(os.environ, others, clear=True):
        yield


def test_each_option_but_that_for_the_version_names_its_variable() -> None:
    unnamed = {each.option.opts[0] for each in described() if each.variable is None}
    named = {each.variable for each in described() if each.variable is not None}

    assert unnamed == {"--version"}
    assert named == {*VALUES, "BUSTAPI_LEGACY"}


@pytest.mark.parametrize("variable", VALUES)
def test_variable_that_help_names_has_the_effect_of_its_option(variable: str) -> None:
    (found,) = (each for each in described() if each.variable == variable)
    value, needed = VALUES[variable], NEEDED.get(variable, [])
    name = found.option.opts[-1]
    if found.option.is_flag:
        off = value in ("0", "off")
        given = [found.option.secondary_opts[0] if off else name]
    else:
        given = [name, value]

    by_variable = effect(found.command, *needed, **{variable: value})

    assert by_variable == effect(found.command, *needed, *given)
    if not needed:
        assert by_variable != effect(found.command)


@pytest.mark.parametrize("command", COMMANDS)
def test_legacy_mode_has_one_variable_alone(command: str) -> None:
    variable = "_".join(filter(None, ("FLASK", command.upper(), "LEGACY")))

    assert effect(command, **{variable: "1"}) == effect(command)


def test_default_that_help_names_is_what_holds_without_the_option() -> None:
    seen = set()

    for each in described():
        if each.default is not None and not each.default.startswith("("):
            flag = f"--{each.default}"
            given = (
                [flag] if each.option.is_flag else [each.option.opts[-1], each.default]
            )
            assert effect(each.command, *given) == effect(each.command)
            seen.add(each.option.name)

    assert {"host", "port", "workers", "threads", "access_log", "sort"} <= seen


def test_defaults_of_run_are_those_of_the_server() -> None:
    params = effect("run")[0]

    assert asdict(Settings()) == {name: params[name] for name in asdict(Settings())}


@pytest.mark.parametrize("option", ["reload", "debugger"])
def test_defaults_that_depend_on_debug_mode_say_so(option: str) -> None:
    (found,) = (each for each in described() if each.option.name == option)

    assert found.default == "(on in debug mode)"


def test_debug_mode_of_run_is_that_of_the_group_by_default() -> None:
    (found,) = (each for each in described() if each.variable == "FLASK_RUN_DEBUG")

    assert found.default == "(as FLASK_DEBUG says)"
    assert effect("run", FLASK_DEBUG="1")[2] is True
    assert effect("run", "--no-debug", FLASK_DEBUG="1")[2] is False


@pytest.mark.parametrize(
    ("arguments", "variable", "hint"),
    [
        ([], {"FLASK_RUN_PORT": "many"}, "'--port' / '-p' (from FLASK_RUN_PORT):"),
        (["--port", "many"], {"FLASK_RUN_PORT": "80"}, "'--port' / '-p':"),
        ([], {"FLASK_RUN_DEBUG": "many"}, "(from FLASK_RUN_DEBUG):"),
    ],
)
def test_error_names_the_variable_that_a_wrong_value_came_from(
    arguments: list[str], variable: dict[str, str], hint: str
) -> None:
    group = FlaskGroup(create_app=lambda: Flask("app"))

    result = CliRunner().invoke(group, ["run", *arguments], env=variable)

    assert result.exit_code == 2
    assert hint in result.stderr


def test_help_of_other_programs_names_their_variables() -> None:
    group = FlaskGroup(
        create_app=lambda: Flask("app"),
        context_settings={"auto_envvar_prefix": "SHOP"},
    )

    output = CliRunner().invoke(group, ["run", "--help"]).output

    assert "SHOP_RUN_PORT" in output
    assert "FLASK_RUN_" not in output


def test_options_of_the_application_are_shown_as_it_made_them() -> None:
    app = Flask("app")
    app.cli.command("greet", params=[click.Option(["--times"], default=1)])(print)

    output = (
        CliRunner()
        .invoke(FlaskGroup(create_app=lambda: app), ["greet", "--help"])
        .output
    )

    assert "--times INTEGER\n" in output
