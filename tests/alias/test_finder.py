"""The alias: ``flask`` is this package, and only when asked for.

Each case runs in an interpreter of its own, since the alias changes imports for good.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
PYTHON = Path(__file__).parent.parent / "python"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs Python source and returns the finished process."""

    def run(source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(tmp_path), str(PYTHON)])
        return subprocess.run(
            [sys.executable, *(arguments or ("-c", textwrap.dedent(source)))],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
        )

    return run


@pytest.fixture
def stand_in_flask(tmp_path: Path) -> None:
    """Put a package named flask on the path, as if the real one were installed."""
    package = tmp_path / "flask"
    package.mkdir()
    package.joinpath("__init__.py").write_text("class Flask: pass\n")
    tmp_path.joinpath("shop.py").write_text("from flask import Flask\n")


def check(process: subprocess.CompletedProcess[str]) -> str:
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_flask_modules_are_the_very_modules_of_this_package(run: Run) -> None:
    check(
        run(
            """
            import sys
            import bustapi_alias; bustapi_alias.install()
            import flask.globals, flask.json.provider
            from flask.ctx import AppContext
            import bustapi.ctx

            assert sys.modules["flask"] is sys.modules["bustapi"]
            assert flask.globals is sys.modules["bustapi.globals"]
            for name in ("globals", "json.provider"):
                assert sys.modules["flask." + name] is sys.modules["bustapi." + name]
            assert AppContext is bustapi.ctx.AppContext
            assert sys.modules["bustapi"].__spec__.name == "bustapi"
            assert bustapi.ctx.__name__ == bustapi.ctx.__spec__.name == "bustapi.ctx"
            """
        )
    )


def test_importing_the_module_alone_changes_nothing(run: Run) -> None:
    check(
        run(
            """
            import sys
            before = list(sys.meta_path)
            import bustapi_alias
            assert sys.meta_path == before
            assert "bustapi" not in sys.modules
            """
        )
    )


def test_submodules_that_the_package_loads_are_known_under_both_names(run: Run) -> None:
    check(
        run(
            """
            import sys
            import bustapi_alias; bustapi_alias.install()
            import flask

            loaded = [n for n in sys.modules if n.startswith("bustapi.")]
            assert "bustapi.app" in loaded
            for name in loaded:
                assert sys.modules["flask" + name[7:]] is sys.modules[name], name
            """
        )
    )


def test_missing_submodule_is_not_found(run: Run) -> None:
    check(
        run(
            """
            import importlib.util
            import bustapi_alias; bustapi_alias.install()
            assert importlib.util.find_spec("flask.ext") is None
            try:
                import flask.ext
            except ModuleNotFoundError as e:
                assert e.name == "flask.ext"
            else:
                raise AssertionError("flask.ext was imported")
            """
        )
    )


def test_metadata_knows_flask_in_any_spelling(run: Run) -> None:
    out = check(
        run(
            """
            from importlib import metadata
            import bustapi_alias; bustapi_alias.install()
            distribution = metadata.distribution("flask")
            print(metadata.version("flask"), metadata.version("Flask"))
            print(distribution.metadata["Name"], distribution.read_text("RECORD"))
            names = [d.metadata["Name"] for d in metadata.distributions()]
            print(names.count("Flask"))
            print(list(metadata.distributions(name="flask", path=["/nowhere"])))
            """
        )
    )

    assert out.splitlines() == ["3.1.3 3.1.3", "Flask None", "1", "[]"]


def test_install_twice_is_install_once(run: Run) -> None:
    check(
        run(
            """
            import sys
            import bustapi_alias
            before = len(sys.meta_path)
            bustapi_alias.install()
            import flask
            bustapi_alias.install()
            assert len(sys.meta_path) == before + 1
            """
        )
    )


@pytest.mark.usefixtures("stand_in_flask")
def test_install_after_flask_names_the_importer(run: Run) -> None:
    process = run("import shop, bustapi_alias\nbustapi_alias.install()")

    assert process.returncode == 1
    assert "imported by 'shop' (" in process.stderr
    assert "shop.py)" in process.stderr


@pytest.mark.usefixtures("stand_in_flask")
def test_alias_goes_before_an_installed_flask(run: Run) -> None:
    check(
        run(
            """
            import bustapi_alias; bustapi_alias.install()
            import flask, bustapi
            assert flask is bustapi
            """
        )
    )


def test_import_hook_patches_the_real_module(run: Run) -> None:
    out = check(
        run(
            """
            import importlib.util, sys

            class Chained:
                def __init__(self, loader):
                    self.loader = loader
                def create_module(self, spec):
                    return self.loader.create_module(spec)
                def exec_module(self, module):
                    self.loader.exec_module(module)
                    print("hook", module.__name__)
                    module.Flask = type("Patched", (module.Flask,), {})

            class Hook:
                def find_spec(self, name, path=None, target=None):
                    if name != "flask.app" or getattr(self, "busy", False):
                        return None
                    self.busy = True
                    try:
                        spec = importlib.util.find_spec(name)
                    finally:
                        self.busy = False
                    spec.loader = Chained(spec.loader)
                    return spec

            import bustapi_alias; bustapi_alias.install()
            sys.meta_path.insert(0, Hook())
            import flask
            import bustapi.app
            print(bustapi.app.Flask.__name__)
            """
        )
    )

    assert out.splitlines() == ["hook flask.app", "Patched"]


def test_loader_gives_the_code_that_runpy_needs(run: Run) -> None:
    check(
        run(
            """
            import importlib.util
            import bustapi_alias; bustapi_alias.install()
            loader = importlib.util.find_spec("flask").loader
            import flask
            spec = bustapi_alias.AliasFinder().find_spec("flask.globals", None)
            code = spec.loader.get_code("flask.globals")
            assert code.co_filename == flask.globals.__file__
            assert "_cv_request" in spec.loader.get_source("flask.globals")
            assert not spec.loader.is_package("flask.globals")
            """
        )
    )


def test_pytest_plugin_installs_before_conftest(run: Run, tmp_path: Path) -> None:
    tmp_path.joinpath("conftest.py").write_text("import flask, bustapi\n")
    tmp_path.joinpath("test_it.py").write_text(
        "import conftest\n"
        "def test_same():\n"
        "    assert conftest.flask is conftest.bustapi\n"
    )

    check(run("", "-m", "pytest", "-q", "-p", "bustapi_alias", str(tmp_path)))
