"""The finder: ``flask`` is this package, and only when asked for.

Each case runs in an interpreter of its own, since the alias changes imports for good.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from interpreters import PYTHON, Environment, Run, check


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
            assert sys.modules["bustapi"].__spec__.name == "flask"
            assert bustapi.ctx.__name__ == bustapi.ctx.__spec__.name == "flask.ctx"
            assert bustapi.ctx.__package__ == bustapi.ctx.__spec__.parent == "flask"
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
            import flask, bustapi

            loaded = [n for n in sys.modules if n.startswith("flask.")]
            assert "flask.app" in loaded
            for name in loaded:
                assert sys.modules["bustapi" + name[5:]] is sys.modules[name], name
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
            assert loader.is_package("flask")
            assert "BustAPI" in loader.get_source("flask")
            import flask

            for name in ("flask.testing", "bustapi.testing"):
                loader = importlib.util.find_spec(name).loader
                file = flask.app.__file__.replace("app", "testing")
                assert loader.get_code(name).co_filename == file
                assert "FlaskClient" in loader.get_source(name)
                assert not loader.is_package(name)
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


def test_reload_runs_the_module_again_and_keeps_the_object(run: Run) -> None:
    check(
        run(
            """
            import importlib, sys
            import bustapi_alias; bustapi_alias.install()
            import flask.signals
            import flask

            for name in ("flask.signals", "flask"):
                module = sys.modules[name]
                module.added, module.__all__ = "kept", None
                if name == "flask":
                    module.Flask = None
                import bustapi.signals
                assert importlib.reload(module) is module
                assert sys.modules[name] is sys.modules["bustapi" + name[5:]] is module
                assert module.added == "kept"
            assert flask.Flask is not None
            """
        )
    )


def test_packages_are_listed_and_read_through_the_alias(run: Run) -> None:
    out = check(
        run(
            """
            import importlib.resources, pkgutil
            import bustapi_alias; bustapi_alias.install()
            # Before flask is imported: the loader of the alias is asked.
            print(pkgutil.get_data("flask", "py.typed"))
            print(b"Flask" in pkgutil.get_data("flask.json", "provider.py"))
            import flask
            names = {m.name for m in pkgutil.walk_packages(flask.__path__, "flask.")}
            print({"flask.app", "flask.json.tag", "flask.sansio.app"} <= names)
            for package in ("flask", "flask.json"):
                root = importlib.resources.files(package)
                print(root.joinpath("__init__.py").is_file())
            """
        )
    )

    assert out.split() == ["b''", "True", "True", "True", "True"]


def test_loader_reads_resources_before_the_package_is_imported(run: Run) -> None:
    check(
        run(
            """
            import importlib.util
            import bustapi_alias; bustapi_alias.install()
            spec = importlib.util.find_spec("flask")
            path = spec.loader.get_filename("flask")
            assert path.endswith("__init__.py") and spec.origin == path
            reader = spec.loader.get_resource_reader("flask")
            assert reader.is_resource("py.typed")
            """
        )
    )


def test_source_is_found_for_classes_functions_and_modules(run: Run) -> None:
    check(
        run(
            """
            import inspect
            import bustapi_alias; bustapi_alias.install()
            import flask
            assert inspect.getsource(flask.Flask).startswith("class Flask(")
            assert "def url_for" in inspect.getsource(flask.url_for)
            assert inspect.getsource(flask.ctx).startswith('\"""')
            assert inspect.getmodule(flask.Flask) is flask.app
            """
        )
    )


def test_version_attribute_is_that_of_flask_and_deprecated(run: Run) -> None:
    out = check(
        run(
            """
            import warnings
            import bustapi_alias; bustapi_alias.install()
            import flask
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                print(flask.__version__, caught[0].category.__name__)
            print(caught[0].filename)
            """
        )
    )

    assert out.splitlines() == ["3.1.3 DeprecationWarning", "<string>"]


def test_threads_that_import_at_once_get_the_same_modules(run: Run) -> None:
    check(
        run(
            """
            import importlib, sys, threading
            import bustapi_alias; bustapi_alias.install()

            barrier, found, errors = threading.Barrier(32), [], []
            sys.setswitchinterval(1e-6)

            def load(name):
                barrier.wait()
                try:
                    for name in (name, "flask.views", "flask.json.provider"):
                        module = importlib.import_module(name)
                        found.append((name.replace("flask", "bustapi"), module))
                    # Loaded whole, not just begun.
                    found[0][1].Flask, module.DefaultJSONProvider
                except BaseException as e:
                    errors.append((name, e))

            threads = [
                threading.Thread(target=load, args=(name,))
                for name in ["flask", "bustapi"] * 16
            ]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert not errors, errors
            assert len(found) == 3 * len(threads)
            for name, module in found:
                assert module is importlib.import_module(name), name
            """
        )
    )


def test_finding_does_not_wait_for_a_thread_that_imports_the_package(
    run: Run, tmp_path: Path
) -> None:
    tmp_path.joinpath("gate.py").write_text(
        "import threading\nreached, go = threading.Event(), threading.Event()\n"
    )
    # The first thing that the package imports from elsewhere, more or less.
    tmp_path.joinpath("blinker.py").write_text(
        "import gate\ngate.reached.set()\nassert gate.go.wait(10)\n"
        "raise ImportError('enough')\n"
    )

    out = check(
        run(
            """
            import contextlib, importlib, sys, threading
            import bustapi_alias, gate
            bustapi_alias.install()

            def load():
                with contextlib.suppress(ImportError):
                    import bustapi

            thread = threading.Thread(target=load)
            thread.start()
            assert gate.reached.wait(10)
            # importlib holds the import lock meanwhile, which that thread needs.
            finder, path = bustapi_alias.AliasFinder(), sys.modules["flask"].__path__
            print(finder.find_spec("bustapi.views", path).name, thread.is_alive())
            gate.go.set()
            thread.join()
            """
        )
    )

    assert out == "bustapi.views True\n"


def test_a_file_of_ones_own_named_flask_is_warned_of(run: Run, tmp_path: Path) -> None:
    tmp_path.joinpath("flask.py").write_text("raise SystemExit('mine')\n")
    tmp_path.joinpath("main.py").write_text(
        "import bustapi_alias; bustapi_alias.install()\nimport flask\n"
    )

    process = run("", "main.py")

    assert check(process) == ""
    assert "main.py:2: RuntimeWarning: 'import flask' gives BustAPI" in process.stderr
    assert f"not your own {str(tmp_path / 'flask.py')!r}" in process.stderr


@pytest.mark.usefixtures("stand_in_flask")
def test_an_installed_flask_is_not_warned_of(run: Run) -> None:
    process = run("import bustapi_alias; bustapi_alias.install(); import flask")

    assert (check(process), process.stderr) == ("", "")


def test_a_folder_named_flask_is_not_warned_of(run: Run, tmp_path: Path) -> None:
    tmp_path.joinpath("flask").mkdir()

    process = run("import bustapi_alias; bustapi_alias.install(); import flask")

    assert (check(process), process.stderr) == ("", "")


def test_the_alias_is_found_in_a_zip_file(run: Run, tmp_path: Path) -> None:
    source = PYTHON / "bustapi_alias" / "__init__.py"
    with zipfile.ZipFile(tmp_path / "program.pyz", "w") as archive:
        archive.write(source, "bustapi_alias/__init__.py")
        archive.writestr(
            "__main__.py",
            "import bustapi_alias; bustapi_alias.install()\n"
            "from importlib import metadata\n"
            "import flask\n"
            "print(bustapi_alias.__file__, flask.__name__, metadata.version('flask'))\n",
        )

    out = check(run("", "program.pyz")).split()

    assert "program.pyz" in out[0]
    assert out[1:] == ["flask", "3.1.3"]


HINTS = """
    import importlib, inspect, json, sys, typing
    names = sys.argv[1:]
    resolved = []
    for name in names:
        module = importlib.import_module("flask" + name)
        for attribute, value in vars(module).items():
            origin = getattr(value, "__module__", None) or ""
            if origin.partition(".")[2] != name[1:] or not callable(value):
                continue
            if origin.partition(".")[0] not in ("flask", "bustapi"):
                continue
            objects = {attribute: value}
            if inspect.isclass(value):
                functions = filter(inspect.isfunction, vars(value).values())
                objects.update((f.__qualname__, f) for f in functions)
            for qualified, item in objects.items():
                if inspect.isclass(item) or inspect.isfunction(item):
                    try:
                        typing.get_type_hints(item)
                    except NameError:
                        outcome = "unknown"
                    else:
                        outcome = "resolved"
                    resolved.append((f"flask{name}:{qualified}", outcome))
    print(json.dumps(dict(resolved)))
"""


def test_annotations_that_flask_resolves_are_resolved(beside: Environment) -> None:
    beside.write("hints.py", HINTS)
    modules = [
        *("", ".app", ".blueprints", ".config", ".ctx", ".debughelpers", ".helpers"),
        *(".json", ".json.provider", ".json.tag", ".logging", ".sansio.app", ".cli"),
        *(".sansio.blueprints", ".sansio.scaffold", ".sessions", ".signals"),
        *(".templating", ".testing", ".views", ".wrappers"),
    ]

    theirs = json.loads(check(beside.run("hints.py", *modules, alias=None)))
    ours = json.loads(check(beside.run("hints.py", *modules)))

    resolved = {name for name, outcome in theirs.items() if outcome == "resolved"}
    assert len(resolved & ours.keys()) > 200
    assert not {name for name in resolved & ours.keys() if ours[name] == "unknown"}
