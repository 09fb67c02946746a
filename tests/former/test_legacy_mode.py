"""Legacy mode: what Flask had from 0.11 to 2.2 is there on request, and only then.

The switch is read when the package is imported, so each program runs in an interpreter
of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from interpreters import PYTHON, own_environment

from .programs import output_of, run

NAMES = {
    "flask": [
        *("Markup", "Module", "Session", "escape", "safe_join", "ext", "exthook"),
        *("json_available", "signals_available", "_app_ctx_stack"),
        *("_request_ctx_stack", "scaffold", "_compat"),
    ],
    "flask.cli": [
        *("DispatchingApp", "call_factory", "dotenv", "find_default_import_path"),
        "prepare_exec_for_file",
    ],
    "flask.globals": ["_app_ctx_stack", "_request_ctx_stack"],
    "flask.helpers": [
        "get_env",
        "locked_cached_property",
        "safe_join",
        "total_seconds",
    ],
    "flask.json": [
        *("JSONDecoder", "JSONEncoder", "detect_encoding", "htmlsafe_dump"),
        *("htmlsafe_dumps", "tojson_filter"),
    ],
    "flask.signals": ["signals_available"],
    "flask.testing": ["make_test_environ_builder"],
    "flask.views": ["MethodViewType"],
    "flask.Flask": [
        *("before_first_request", "before_first_request_funcs", "env"),
        *("error_handlers", "got_first_request", "init_jinja_globals", "json_decoder"),
        *("json_encoder", "logger_name", "make_null_session", "open_session"),
        *("preserve_context_on_exception", "propagate_exceptions"),
        *("request_globals_class", "save_session", "send_file_max_age_default"),
        *("session_cookie_name", "templates_auto_reload", "use_x_sendfile"),
        "try_trigger_before_first_request_functions",
    ],
    "flask.Blueprint": [
        *("before_app_first_request", "json_decoder", "json_encoder"),
        "warn_on_modifications",
    ],
    "flask.Config": ["from_json"],
    "flask.Request": ["module"],
    "flask.ctx.RequestContext": ["preserved"],
}


MODULES = ["flask._compat", "flask.ext", "flask.exthook", "flask.scaffold"]


PRESENT = """
    from importlib import import_module
    from werkzeug.utils import import_string

    names = json.loads(sys.argv[1])
    print(sorted(
        f"{owner}.{name}" for owner, wanted in names.items() for name in wanted
        if hasattr(import_string(owner), name)
    ))
"""


@pytest.mark.parametrize("legacy", [None, "", "0"])
def test_without_the_switch_none_of_the_names_exists(legacy: str | None) -> None:
    finished = run(PRESENT, json.dumps(NAMES), legacy=legacy)

    assert finished.stdout == "[]\n", finished.stderr


def test_with_the_switch_all_of_the_names_exist() -> None:
    finished = run(PRESENT, json.dumps(NAMES))

    wanted = sorted(f"{owner}.{name}" for owner in NAMES for name in NAMES[owner])
    assert finished.stdout == f"{wanted}\n", finished.stderr


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_flask_removed_is_imported_with_the_switch_only(
    module: str,
) -> None:
    source = f"import {module}; print(sys.modules['{module}'] is {module})"

    assert run(source).stdout == "True\n"
    assert "ModuleNotFoundError" in run(source, legacy=None).stderr


def test_reading_names_and_importing_them_does_not_warn() -> None:
    finished = run(f"import warnings; warnings.simplefilter('error'){PRESENT}")

    assert "Warning" not in finished.stderr


@pytest.mark.parametrize("value", ["yes", "1.1.4", "2.3"])
def test_another_value_of_the_switch_is_an_error(value: str) -> None:
    finished = run("", legacy=value)

    assert f"BUSTAPI_LEGACY must be 1 or 0, but it is '{value}'" in finished.stderr
    assert "one of the releases 0.11, 0.12, 1.0, 1.1, 2.0, 2.1, 2.2" in finished.stderr


def test_the_version_stays_that_of_the_interface() -> None:
    assert output_of("print(flask.__version__)") == "3.1.3\n"


def test_flask_and_bustapi_have_one_implementation() -> None:
    source = """
        import bustapi
        for name in ("open_session", "before_first_request", "json_encoder", "logger"):
            found = (vars(c)[name] for c in bustapi.BustAPI.__mro__ if name in vars(c))
            print(next(found) is vars(flask.Flask)[name])
    """

    assert output_of(source) == "True\n" * 4


@pytest.mark.parametrize("arguments", [["--legacy", "routes"], ["routes", "--legacy"]])
def test_a_command_has_the_names_by_its_option(
    tmp_path: Path, arguments: list[str]
) -> None:
    tmp_path.joinpath("app.py").write_text(
        "import os\n"
        "from flask import Flask, _request_ctx_stack\n"
        "app = Flask(__name__)\n"
        "print(os.environ['BUSTAPI_LEGACY'])\n"
    )
    environ = {**own_environment(), "PYTHONPATH": str(PYTHON)}

    finished = subprocess.run(
        [sys.executable, "-m", "bustapi", *arguments],
        capture_output=True,
        text=True,
        env=environ,
        cwd=tmp_path,
    )

    assert finished.stdout.startswith("1\nEndpoint"), finished.stderr


def test_the_option_keeps_the_release_that_the_variable_names(tmp_path: Path) -> None:
    tmp_path.joinpath("app.py").write_text(
        "import os\n"
        "from flask import Flask\n"
        "app = Flask(__name__)\n"
        "print(os.environ['BUSTAPI_LEGACY'])\n"
    )
    environ = {**own_environment(), "PYTHONPATH": str(PYTHON), "BUSTAPI_LEGACY": "2.0"}

    finished = subprocess.run(
        [sys.executable, "-m", "bustapi", "--legacy", "routes"],
        capture_output=True,
        text=True,
        env=environ,
        cwd=tmp_path,
    )

    assert finished.stdout.startswith("2.0\n"), finished.stderr


def test_a_program_that_is_run_has_the_variable_by_the_option() -> None:
    environ = {**own_environment(), "PYTHONPATH": str(PYTHON)}
    program = [sys.executable, "-c", "import os; print(os.environ['BUSTAPI_LEGACY'])"]

    finished = subprocess.run(
        [sys.executable, "-m", "bustapi", "exec", "--legacy", *program],
        capture_output=True,
        text=True,
        env=environ,
    )

    assert finished.stdout == "1\n", finished.stderr
