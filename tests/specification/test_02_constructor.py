"""The application object: its constructor and its parameters."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from werkzeug.test import create_environ, run_wsgi_app

from bustapi import BustAPI, render_template
from specification.using import body_of, read, removed, write

statement = pytest.mark.statement


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that modules are imported from."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@statement("Flask", "implements a WSGI application")
def test_the_object_is_called_with_an_environ(app: BustAPI) -> None:
    app.add_url_rule("/", "index", lambda: "hello")

    body, status, headers = run_wsgi_app(app, create_environ("/"))

    assert (b"".join(body), status) == (b"hello", "200 OK")
    assert headers["Content-Length"] == "5"


@statement("Flask", "a central registry")
def test_everything_registered_belongs_to_the_object(app: BustAPI) -> None:
    app.add_url_rule("/page", "page", lambda: "")
    app.add_template_filter(str.upper, "loud")

    assert [r.rule for r in app.url_map.iter_rules("page")] == ["/page"]
    assert "page" in app.view_functions
    assert app.jinja_env.filters["loud"] is str.upper


@statement("Flask", "an actual python package")
def test_resources_of_a_package_are_in_its_folder(packages: Path) -> None:
    write(packages / "spec_package" / "__init__.py", "")

    assert BustAPI("spec_package").root_path == str(packages / "spec_package")


@statement("Flask", "a standard module")
def test_resources_of_a_module_are_beside_it(packages: Path) -> None:
    write(packages / "spec_module.py", "")

    assert BustAPI("spec_module").root_path == str(packages)


@statement("Flask", "app = Flask(__name__)")
def test_name_of_the_module_makes_an_application() -> None:
    app = BustAPI(__name__)

    assert app.root_path == str(Path(__file__).parent)


@statement("About the First Parameter", "hardcode the name of your package")
@statement("About the First Parameter", "will work even with __name__")
@pytest.mark.parametrize(
    "argument", ["'spec_application'", "__name__.split('.')[0]", "__name__"]
)
def test_a_module_of_a_package_names_it(packages: Path, argument: str) -> None:
    folder = packages / "spec_application"
    write(folder / "__init__.py", "")
    write(folder / "templates" / "a.html", "found")
    module: dict[str, BustAPI] = {"__name__": "spec_application.app"}  # type: ignore[dict-item]
    write(folder / "app.py", "")

    exec(f"from bustapi import BustAPI\napp = BustAPI({argument})", module)
    app = module["app"]
    app.add_url_rule("/", "index", lambda: render_template("a.html"))

    assert app.root_path == str(folder)
    assert app.test_client().get("/").data == b"found"


@statement("static_path", "static_path=None")
def test_static_path_is_the_former_name_of_static_url_path(tmp_path: Path) -> None:
    write(tmp_path / "static" / "a.txt", "a")

    with removed("static_path"):
        app = BustAPI("specified", root_path=str(tmp_path), static_path="/files")

    assert body_of(app.test_client(), "/files/a.txt") == b"a"
    assert not hasattr(app, "static_path")


@statement("static_path", "static_path=None")
def test_a_static_url_path_of_none_does_not_hide_the_static_path() -> None:
    with removed("static_path"):
        app = BustAPI("specified", static_url_path=None, static_path="/files")

    assert app.static_url_path == "/files"


@statement("static_url_path", "a different path for the static files")
def test_static_url_path_moves_the_static_files(tmp_path: Path) -> None:
    write(tmp_path / "static" / "a.txt", "a")

    app = BustAPI("specified", root_path=str(tmp_path), static_url_path="/files")
    client = app.test_client()

    assert body_of(client, "/files/a.txt") == b"a"
    assert client.get("/static/a.txt").status_code == 404


@statement("static_url_path", "defaults to the name of the static_folder")
def test_static_files_are_under_the_name_of_their_folder(tmp_path: Path) -> None:
    write(tmp_path / "assets" / "public" / "a.txt", "a")

    app = BustAPI("specified", root_path=str(tmp_path), static_folder="assets/public")

    assert body_of(app.test_client(), "/public/a.txt") == b"a"


@statement("static_folder (parameter)", "in the root path of the application")
def test_the_static_folder_is_in_the_root_path(tmp_path: Path) -> None:
    app = BustAPI("specified", root_path=str(tmp_path))

    assert app.static_folder == str(tmp_path / "static")


@statement("template_folder", "the templates that should be used")
@pytest.mark.parametrize(
    ("options", "folder"),
    [({}, "templates"), ({"template_folder": "pages"}, "pages")],
)
def test_templates_are_in_their_folder(
    tmp_path: Path, options: dict[str, str], folder: str
) -> None:
    write(tmp_path / folder / "a.html", "found")

    app = BustAPI("specified", root_path=str(tmp_path), **options)
    app.add_url_rule("/", "index", lambda: render_template("a.html"))

    assert app.test_client().get("/").data == b"found"


@statement("instance_path (parameter)", "an alternative instance path")
def test_the_instance_path_can_be_given(tmp_path: Path) -> None:
    write(tmp_path / "deployment" / "a.txt", "a")

    app = BustAPI("specified", instance_path=str(tmp_path / "deployment"))

    assert read(app.open_instance_resource("a.txt")) == b"a"


@statement("instance_path (parameter)", "the folder 'instance' next to")
@pytest.mark.parametrize("kind", ["package", "module"])
def test_the_instance_folder_is_beside_package_or_module(
    packages: Path, kind: str
) -> None:
    name = f"spec_instance_{kind}"
    write(packages / (f"{name}/__init__.py" if kind == "package" else f"{name}.py"), "")

    assert BustAPI(name).instance_path == str(packages / "instance")


@statement("instance_relative_config", "relative to the instance path")
@pytest.mark.parametrize(
    ("relative", "value"), [(True, "of the instance"), (False, "of the root")]
)
def test_config_files_are_relative_to_the_instance_folder(
    tmp_path: Path, relative: bool, value: str
) -> None:
    write(tmp_path / "app.cfg", "PLACE = 'of the root'")
    write(tmp_path / "instance" / "app.cfg", "PLACE = 'of the instance'")

    app = BustAPI(
        "specified",
        root_path=str(tmp_path),
        instance_path=str(tmp_path / "instance"),
        instance_relative_config=relative,
    )
    app.config.from_pyfile("app.cfg")

    assert app.config["PLACE"] == value


@statement("root_path", "needs to be manually defined")
def test_a_namespace_package_needs_a_root_path(packages: Path) -> None:
    write(packages / "spec_namespace" / "module.py", "")
    write(packages / "resources" / "a.txt", "a")
    importlib.import_module("spec_namespace")

    with pytest.raises(RuntimeError, match="root_path"):
        BustAPI("spec_namespace")

    app = BustAPI(
        "spec_namespace",
        root_path=str(packages / "resources"),
        instance_path=str(packages / "instance"),
    )

    assert read(app.open_resource("a.txt")) == b"a"
