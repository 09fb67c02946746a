"""With the stub distribution, type checkers answer ``import flask`` with our types."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from flask_stubs import ROOT, STUBS, make_stubs, read_names

FLASK_CHECKS = ROOT / ".cache" / "flask-3.1.3" / "tests" / "type_check"

USED_RIGHT = """
from __future__ import annotations

import flask
from flask import Blueprint, Flask, Response, g, jsonify, request
from flask.cli import click
from flask.globals import _cv_app, request_ctx
from flask.json.provider import DefaultJSONProvider
from flask.json.tag import JSONTag
from flask.sansio.scaffold import Scaffold
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from flask.views import MethodView

import bustapi
from bustapi.wrappers import Response as OurResponse

app: bustapi.Flask = Flask(__name__)
part = Blueprint("part", __name__)


class Item(MethodView):
    def get(self, number: int) -> ResponseReturnValue:
        g.number = number
        return jsonify(path=request.path), 200, {"X-A": "1"}


@app.after_request
def after(response: Response) -> OurResponse:
    return response


def ask(client: FlaskClient) -> int:
    scaffold: Scaffold = part
    click.echo(scaffold.import_name)
    return client.get("/").status_code


app.add_url_rule("/<int:number>", view_func=Item.as_view("item"))
number: int = ask(app.test_client())
text: str = flask.json.dumps(flask.__version__)
taken = (_cv_app, request_ctx, DefaultJSONProvider, JSONTag)
"""

USED_WRONG = """
from flask import Flask, url_for
from flask import Markup
from flask import BustAPI
import flask.scaffold

app = Flask(1)
number: int = url_for("x")


@app.get("/")
def view() -> None: ...
"""


@pytest.fixture(scope="module")
def fresh_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment in which the stubs are installed."""
    folder = tmp_path_factory.mktemp("with-stubs")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index"),
            # The build backend is that of this environment: nothing is fetched.
            *("--no-deps", "--no-build-isolation", "--no-cache-dir"),
            *("--target", str(site), str(ROOT / "stubs")),
        ],
        check=True,
        timeout=60,
    )
    # The package itself and what it needs, without whatever else may stand first.
    (site / "ours.pth").write_text(
        f"{ROOT / 'python'}\n{sysconfig.get_path('purelib')}\n"
    )
    return folder / "bin" / "python"


@pytest.fixture(params=["absent", "present"])
def python(
    request: pytest.FixtureRequest, fresh_python: Path, flask_python: str
) -> Path:
    """The same interpreter, with Flask itself installed beside or not."""
    (site,) = fresh_python.parents[1].glob("lib/python*/site-packages")
    installed = site / "flask"
    installed.unlink(missing_ok=True)

    if request.param == "present":
        theirs = next(Path(flask_python).parents[1].glob("lib/python*/site-packages"))
        installed.symlink_to(theirs / "flask")
        assert (installed / "py.typed").exists()

    return fresh_python


def run_mypy(python: Path, program: Path) -> list[str]:
    """Return the lines in which mypy complains about a program."""
    command = [
        *(sys.executable, "-m", "mypy", "--strict", "--config-file", ""),
        *("--cache-dir", str(ROOT / ".mypy_cache" / "stubs")),
        *("--no-error-summary", "--hide-error-context", "--python-executable"),
        *(str(python), str(program)),
    ]
    result = subprocess.run(
        command, cwd=program.parent, capture_output=True, text=True, timeout=110
    )
    assert result.stderr == ""
    return [line for line in result.stdout.splitlines() if ": error: " in line]


def run_pyright(python: Path, program: Path) -> list[str]:
    """Return the lines in which pyright complains about a program."""
    (program.parent / "pyrightconfig.json").write_text(
        '{"typeCheckingMode": "strict", "reportPrivateUsage": false,'
        ' "reportUnusedFunction": false}'
    )
    result = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", str(python), program.name],
        cwd=program.parent,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert "0 errors" in result.stdout or " - error: " in result.stdout, result.stderr
    return [line for line in result.stdout.splitlines() if " - error: " in line]


CHECKERS = {"mypy": run_mypy, "pyright": run_pyright}


def test_the_stubs_are_those_that_the_module_tree_gives(flask_python: str) -> None:
    expected = make_stubs(read_names(flask_python))

    actual = {
        path.relative_to(STUBS).as_posix(): path.read_text()
        for path in STUBS.rglob("*.pyi")
    }

    assert actual == expected, (
        "The stubs are older than the names. Call `make snapshots`."
    )


@pytest.mark.timeout(120)
@pytest.mark.parametrize("checker", CHECKERS)
def test_an_application_that_imports_flask_is_checked_with_our_types(
    python: Path, checker: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(USED_RIGHT)

    assert CHECKERS[checker](python, program) == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("checker", CHECKERS)
def test_what_is_wrong_in_an_application_that_imports_flask_is_found(
    python: Path, checker: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(USED_WRONG)

    complaints = CHECKERS[checker](python, program)

    lines = {int(line.partition("program.py:")[2].split(":")[0]) for line in complaints}
    assert lines >= {3, 4, 5, 7, 8, 11}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("python", ["absent"], indirect=True)
def test_what_flask_checks_about_its_types_holds_for_ours(
    python: Path, checker: str, tmp_path: Path
) -> None:
    if not FLASK_CHECKS.is_dir():
        pytest.skip(
            "the source distribution of Flask is not there; `make compat` gets it"
        )
    program = tmp_path / "checks"
    shutil.copytree(FLASK_CHECKS, program)

    assert CHECKERS[checker](python, program) == []
