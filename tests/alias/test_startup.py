"""The line in ``bustapi_alias.pth``: what it does at the start of an interpreter."""

from __future__ import annotations

import shutil
import sysconfig
import venv
from pathlib import Path

import pytest

from interpreters import (
    FOLDER,
    PYTHON,
    STARTUP_FILE,
    Environment,
    check,
    site_packages,
)

WHICH = (
    "import flask; print(getattr(flask, '__path__', [''])[0], flask.Flask.__module__)"
)


@pytest.fixture
def alone(tmp_path: Path) -> Environment:
    """An environment of its own, into which a test may install something broken."""
    prefix = tmp_path / "alone"
    venv.create(prefix, symlinks=True)
    shutil.copy(STARTUP_FILE, site_packages(prefix))
    return Environment(prefix, tmp_path)


def assert_flask(found: str) -> None:
    """Flask itself was found, in a folder of its own."""
    folder, module = found.split()
    assert (Path(folder).name, module) == ("flask", "flask.app")


def test_without_the_variable_flask_is_flask(beside: Environment) -> None:
    assert_flask(beside.evaluate(WHICH, alias=None))


def test_with_the_variable_flask_is_this_package(beside: Environment) -> None:
    assert beside.evaluate(WHICH) == f"{FOLDER} flask.app\n"


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_nothing_of_ours_is_imported(
    beside: Environment, value: str | None
) -> None:
    loaded = beside.evaluate("import sys; print(*sys.modules)", alias=value).split()

    assert not [name for name in loaded if name.startswith("bustapi")]
    assert "os" in loaded


def test_zero_leaves_it_off(beside: Environment) -> None:
    process = beside.run("-c", WHICH, alias="0")

    assert process.stderr == ""
    assert_flask(check(process))


def test_with_the_variable_the_package_itself_is_not_imported(
    beside: Environment,
) -> None:
    loaded = beside.evaluate("import sys; print(*sys.modules)").split()

    assert "bustapi_alias" in loaded
    assert not {"bustapi", "flask", "werkzeug"} & set(loaded)


def test_a_value_that_means_nothing_is_reported_once_and_leaves_it_off(
    beside: Environment,
) -> None:
    process = beside.run("-c", WHICH, alias="yes")

    assert_flask(check(process))
    assert process.stderr == (
        "bustapi_alias: BUSTAPI_ALIAS must be 1 or 0, but it is 'yes'."
        " The alias is off.\n"
    )


def test_a_start_after_uninstalling_by_hand_costs_no_traceback(
    alone: Environment,
) -> None:
    process = alone.run("-c", "print('started')")

    assert check(process) == "started\n"
    assert "Traceback" not in process.stderr
    for line in process.stderr.splitlines():
        assert line.startswith("bustapi_alias.pth: BUSTAPI_ALIAS is set, but")
        assert "No module named 'bustapi_alias'" in line
    assert process.stderr


def test_a_start_without_the_variable_says_nothing_whatever_is_missing(
    alone: Environment,
) -> None:
    process = alone.run("-c", "print('started')", alias=None)

    assert (check(process), process.stderr) == ("started\n", "")


def test_a_start_with_a_broken_alias_costs_no_traceback(alone: Environment) -> None:
    alone.site_packages.joinpath("bustapi_alias.py").write_text("import (\n")

    process = alone.run("-c", "print('started')")

    assert check(process) == "started\n"
    assert "Traceback" not in process.stderr
    assert "out of order: SyntaxError" in process.stderr


def test_flask_that_another_startup_file_imported_is_reported(
    alone: Environment,
) -> None:
    packages = alone.site_packages
    packages.joinpath("a_first.pth").write_text(f"{PYTHON}\nimport agent\n")
    packages.joinpath("agent.py").write_text("import flask\n")
    packages.joinpath("flask.py").write_text("class Flask: pass\n")

    process = alone.run("-c", WHICH)

    assert check(process) == " flask\n"
    assert "Traceback" not in process.stderr
    assert process.stderr.count("imported by 'agent' (") == 1
    assert "start the program with BUSTAPI_ALIAS=1" not in process.stderr


def test_the_way_out_of_another_startup_file_is_one(alone: Environment) -> None:
    """A start-up file that is read later finds the alias."""
    packages = alone.site_packages
    packages.joinpath("later.pth").write_text("import agent\n")
    packages.joinpath("bustapi.pth").write_text(
        "\n".join((str(PYTHON), sysconfig.get_path("purelib")))
    )
    packages.joinpath("agent.py").write_text("import flask\n")

    process = alone.run("-c", "import bustapi, flask; print(flask is bustapi)")

    assert (check(process), process.stderr) == ("True\n", "")


def test_the_interpreter_option_that_skips_startup_files_skips_this_one(
    beside: Environment,
) -> None:
    source = f"import sys; sys.path += [{str(PYTHON)!r}]; print(*sys.meta_path)"

    process = beside.run("-S", "-c", source)

    assert "AliasFinder" not in check(process)


def test_install_works_where_startup_files_are_skipped(beside: Environment) -> None:
    paths = beside.site_packages.joinpath("bustapi.pth").read_text().splitlines()
    beside.write(
        "main.py",
        f"""
        import sys
        sys.path += {paths!r}
        import bustapi_alias; bustapi_alias.install()
        import flask
        print(flask.__path__[0])
        """,
    )

    assert check(beside.run("-S", "main.py", alias=None)) == f"{FOLDER}\n"


def test_whether_the_file_is_read_is_known(
    beside: Environment, alone: Environment
) -> None:
    ask = "import bustapi_alias; print(bustapi_alias.is_read_at_startup())"
    alone.site_packages.joinpath("bustapi.pth").write_text(f"{PYTHON}\n")

    assert beside.evaluate(ask, alias=None) == "True\n"
    assert alone.evaluate(ask, alias=None) == "True\n"

    alone.site_packages.joinpath(STARTUP_FILE.name).unlink()

    assert alone.evaluate(ask, alias=None) == "False\n"


def test_the_file_is_one_line() -> None:
    # site runs only lines that begin with "import", each for itself.
    (line,) = STARTUP_FILE.read_text().splitlines()

    assert line.startswith("import ")


def test_the_wheel_owns_no_module_and_no_script_of_flask() -> None:
    pyproject = PYTHON.with_name("pyproject.toml").read_text()
    _, _, scripts = pyproject.partition("[project.scripts]\n")

    assert 'python-packages = ["bustapi", "bustapi_alias"]' in pyproject
    assert scripts.splitlines()[0] == 'bustapi = "bustapi.cli:main"'
    assert scripts.splitlines()[1] == ""
    assert not list(PYTHON.glob("flask*"))
