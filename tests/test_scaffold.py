"""What application and blueprint share: registries, decorators, folders, packages."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2 import FileSystemLoader
from werkzeug.exceptions import Forbidden, HTTPException, NotFound

from bustapi import Blueprint, Flask, Response
from bustapi.sansio.scaffold import (
    Scaffold,
    _endpoint_from_view_func,
    find_package,
    setupmethod,
)
from bustapi.templating import _default_template_ctx_processor
from bustapi.testing import FlaskClient

HERE = Path(__file__).parent

HOOKS = [
    ("before_request", "before_request_funcs"),
    ("after_request", "after_request_funcs"),
    ("teardown_request", "teardown_request_funcs"),
    ("context_processor", "template_context_processors"),
    ("url_value_preprocessor", "url_value_preprocessors"),
    ("url_defaults", "url_default_functions"),
]


def view() -> str:
    """Answer; for tests where any view will do."""
    return "view"


@pytest.fixture(params=[Flask, Blueprint])
def scaffold(request: pytest.FixtureRequest) -> Flask | Blueprint:
    """An application, then a blueprint."""
    if request.param is Flask:
        return Flask("scaffold", static_folder=None, root_path=str(HERE))

    return Blueprint("scaffold", __name__, root_path=str(HERE))


# Registries


@pytest.mark.parametrize(("decorator", "registry"), HOOKS)
def test_hook_is_appended_to_the_list_of_the_own_scope(
    scaffold: Flask | Blueprint, decorator: str, registry: str
) -> None:
    def hook(*args: Any) -> Any:
        return None

    returned = getattr(scaffold, decorator)(hook)

    assert returned is hook
    assert getattr(scaffold, registry)[None][-1] is hook
    assert list(getattr(scaffold, registry)) == [None]


@pytest.mark.parametrize("registry", [registry for _, registry in HOOKS])
def test_registry_makes_a_list_for_a_scope_that_an_extension_names(
    scaffold: Flask | Blueprint, registry: str
) -> None:
    getattr(scaffold, registry)["other"].append(view)

    assert getattr(scaffold, registry)["other"] == [view]


def test_registries_start_empty_but_for_the_standard_context_processor(
    scaffold: Flask | Blueprint,
) -> None:
    for _, registry in HOOKS:
        expected = (
            {None: [_default_template_ctx_processor]}
            if registry == "template_context_processors"
            else {}
        )
        assert getattr(scaffold, registry) == expected

    assert scaffold.error_handler_spec == {}
    assert scaffold.view_functions == {}


@pytest.mark.parametrize(
    "registry",
    ["before_request_funcs", "after_request_funcs", "teardown_request_funcs"],
)
def test_request_hook_registers_in_a_registry_replaced_by_a_plain_dictionary(
    app: Flask, registry: str
) -> None:
    setattr(app, registry, {})

    getattr(app, registry.removesuffix("_funcs"))(view)

    assert getattr(app, registry) == {None: [view]}


def test_endpoint_sets_the_view_function(app: Flask) -> None:
    app.add_url_rule("/late", endpoint="late")

    assert app.endpoint("late")(view) is view
    assert app.view_functions["late"] is view
    assert app.test_client().get("/late").text == "view"


def test_repr_has_class_and_name(scaffold: Flask | Blueprint) -> None:
    assert repr(scaffold) == f"<{type(scaffold).__name__} 'scaffold'>"


def test_scaffold_itself_registers_nothing() -> None:
    scaffold = Scaffold("scaffold", root_path=str(HERE))

    with pytest.raises(NotImplementedError):
        scaffold.add_url_rule("/")


# Routes


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch"])
def test_method_decorator_registers_that_method(
    client: FlaskClient, method: str
) -> None:
    app = client.application
    decorate: Callable[..., Any] = getattr(app, method)
    decorate("/thing")(view)

    assert client.open("/thing", method=method.upper()).text == "view"
    other = "POST" if method != "post" else "GET"
    assert client.open("/thing", method=other).status_code == 405


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch"])
def test_method_decorator_takes_no_methods(
    scaffold: Flask | Blueprint, method: str
) -> None:
    with pytest.raises(TypeError, match=f"'{method}' is for one method.*'route'"):
        getattr(scaffold, method)("/", methods=["GET"])


def test_method_decorators_go_through_an_overridden_method_route() -> None:
    seen = []

    class Own(Flask):
        def _method_route(self, method: str, rule: str, options: Any) -> Any:
            seen.append((method, rule, options))
            return super()._method_route(method, rule, options)

    app = Own("own", root_path=str(HERE))
    app.get("/a", endpoint="a")(view)

    assert seen == [("GET", "/a", {"endpoint": "a"})]


def test_stacked_routes_give_one_view_several_urls(client: FlaskClient) -> None:
    @client.application.route("/one")
    @client.application.route("/two")
    def several() -> str:
        return "several"

    assert client.get("/one").text == client.get("/two").text == "several"


def test_route_returns_the_function_itself(scaffold: Flask | Blueprint) -> None:
    assert scaffold.route("/")(view) is view


def test_default_endpoint_is_the_name_of_the_function() -> None:
    assert _endpoint_from_view_func(view) == "view"


def test_rule_without_endpoint_and_function_is_refused(app: Flask) -> None:
    with pytest.raises(AssertionError):
        app.add_url_rule("/")


# Error handlers


def test_handlers_are_kept_by_scope_code_and_class(app: Flask) -> None:
    def handler(error: Exception) -> str:
        return "handled"

    class Teapot(HTTPException):
        code = 418

    app.register_error_handler(404, handler)
    app.register_error_handler(Forbidden, handler)
    app.register_error_handler(HTTPException, handler)
    app.register_error_handler(Teapot, handler)
    app.errorhandler(KeyError)(handler)

    assert app.error_handler_spec == {
        None: {
            404: {NotFound: handler},
            403: {Forbidden: handler},
            None: {HTTPException: handler, KeyError: handler},
            418: {Teapot: handler},
        }
    }


def test_errorhandler_returns_the_function(scaffold: Flask | Blueprint) -> None:
    def handler(error: Exception) -> str:
        return "handled"

    assert scaffold.errorhandler(404)(handler) is handler


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (999, ValueError, "999 .* Use a subclass of HTTPException"),
        (NotFound(), TypeError, "is an instance, not a class"),
        (list, ValueError, "'list' is not a subclass of Exception"),
        (KeyboardInterrupt, ValueError, "'KeyboardInterrupt' is not a subclass"),
        ("404", TypeError, "must be a class"),
    ],
)
def test_handler_for_something_else_is_refused(
    scaffold: Flask | Blueprint, key: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        scaffold.register_error_handler(key, lambda e: "handled")

    assert not any(scaffold.error_handler_spec.values())


# Set-up is over


def test_setupmethod_checks_before_it_calls_and_keeps_the_name() -> None:
    events: list[str] = []

    class Own(Scaffold):
        def _check_setup_finished(self, f_name: str) -> None:
            events.append(f"check {f_name}")

        @setupmethod
        def register(self, value: int, *, twice: bool = False) -> int:
            """Register."""
            events.append("register")
            return value * 2 if twice else value

    own = Own("own", root_path=str(HERE))

    assert own.register(2, twice=True) == 4
    assert events == ["check register", "register"]
    assert Own.register.__name__ == "register"
    assert Own.register.__doc__ == "Register."


SETUP = [
    ("route", ("/x",)),
    ("get", ("/x",)),
    ("add_url_rule", ("/x", "x", view)),
    ("endpoint", ("x",)),
    ("errorhandler", (404,)),
    ("register_error_handler", (404, view)),
    ("register_blueprint", (Blueprint("late", __name__),)),
    *((decorator, (view,)) for decorator, _ in HOOKS),
]


@pytest.mark.parametrize(("method", "arguments"), SETUP)
def test_application_refuses_set_up_after_its_first_request(
    app: Flask, method: str, arguments: tuple[Any, ...]
) -> None:
    app.test_client().get("/")

    with pytest.raises(AssertionError, match=f"setup method '{method}'"):
        getattr(app, method)(*arguments)


@pytest.mark.parametrize(("method", "arguments"), SETUP)
def test_blueprint_refuses_set_up_after_its_registration(
    app: Flask, method: str, arguments: tuple[Any, ...]
) -> None:
    blueprint = Blueprint("early", __name__)
    app.register_blueprint(blueprint)

    with pytest.raises(AssertionError, match=f"setup method '{method}'.*'early'"):
        getattr(blueprint, method)(*arguments)


# Folders


def test_static_folder_is_below_the_root_and_names_its_url(
    scaffold: Flask | Blueprint,
) -> None:
    scaffold.static_folder = "files/public/"

    assert scaffold.has_static_folder
    assert scaffold.static_folder == os.path.join(HERE, "files/public")
    assert scaffold.static_url_path == "/public"


def test_static_folder_may_be_absolute_or_a_path(
    scaffold: Flask | Blueprint, tmp_path: Path
) -> None:
    scaffold.static_folder = tmp_path

    assert scaffold.static_folder == str(tmp_path)


def test_without_static_folder_there_is_no_static_url(
    scaffold: Flask | Blueprint,
) -> None:
    scaffold.static_folder = None

    assert not scaffold.has_static_folder
    assert scaffold.static_folder is None
    assert scaffold.static_url_path is None


@pytest.mark.parametrize(
    ("given", "kept"), [("/files/", "/files"), ("/", ""), ("", ""), (None, "/static")]
)
def test_static_url_path_loses_its_last_slash(given: str | None, kept: str) -> None:
    app = Flask("app", static_url_path=given, root_path=str(HERE))

    assert app.static_url_path == kept
    assert {rule.rule for rule in app.url_map.iter_rules()} == {
        f"{kept}/<path:filename>"
    }


def test_jinja_loader_reads_the_template_folder(scaffold: Flask | Blueprint) -> None:
    scaffold.template_folder = "pages"

    loader = scaffold.jinja_loader

    assert isinstance(loader, FileSystemLoader)
    assert loader.searchpath == [os.path.join(HERE, "pages")]
    assert scaffold.jinja_loader is loader


def test_without_template_folder_there_is_no_loader(
    scaffold: Flask | Blueprint,
) -> None:
    scaffold.template_folder = None

    assert scaffold.jinja_loader is None


def test_root_path_is_found_from_the_import_name() -> None:
    assert Blueprint("b", "bustapi.json").root_path == os.path.dirname(
        sys.modules["bustapi.json"].__file__ or ""
    )


# Packages


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that modules are imported from, forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path

    for name in set(sys.modules) - before:
        if name.startswith("found_"):
            del sys.modules[name]


def test_package_that_is_not_installed_has_no_prefix(importable: Path) -> None:
    (importable / "found_module.py").touch()
    (importable / "found_package").mkdir()
    (importable / "found_package" / "__init__.py").touch()

    assert find_package("found_module") == (None, str(importable))
    assert find_package("found_package") == (None, str(importable))
    assert find_package("found_package.inner") == (None, str(importable))


@pytest.mark.parametrize(
    ("folders", "prefix"),
    [
        (("lib", "python3", "site-packages"), ()),
        (("Lib", "site-packages"), ()),
        (("flat", "site-packages"), ("flat",)),
    ],
)
def test_installed_package_has_the_prefix_above_its_library(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folders: tuple[str, ...],
    prefix: tuple[str, ...],
) -> None:
    site = tmp_path.joinpath(*folders)
    site.mkdir(parents=True)
    (site / "found_installed.py").touch()
    monkeypatch.syspath_prepend(str(site))

    assert find_package("found_installed") == (
        str(tmp_path.joinpath(*prefix)),
        str(site),
    )


def test_package_below_the_interpreters_prefix_has_that_prefix(
    importable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (importable / "found_prefixed.py").touch()
    monkeypatch.setattr(sys, "prefix", str(importable))

    assert find_package("found_prefixed") == (str(importable), str(importable))


def test_namespace_package_is_where_its_submodule_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, package in (("one", "first"), ("two", "second")):
        folder = tmp_path / place / "found_namespace" / package
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        monkeypatch.syspath_prepend(str(tmp_path / place))

    first = find_package("found_namespace.first")
    second = find_package("found_namespace.second")
    whole = find_package("found_namespace.third")

    for name in [name for name in sys.modules if name.startswith("found_namespace")]:
        del sys.modules[name]

    assert first == (None, str(tmp_path / "one"))
    assert second == (None, str(tmp_path / "two"))
    # Both folders are the namespace's; the one found first on the path stands for it.
    assert whole == (None, str(tmp_path / "two"))


@pytest.mark.parametrize("name", ["__main__", "there.is.no.such.module"])
def test_name_that_cannot_be_found_stands_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "__main__", type(sys)("__main__"))

    assert find_package(name) == (None, str(tmp_path))


# Hooks over a whole request


def test_hooks_of_a_blueprint_run_for_its_views_only(client: FlaskClient) -> None:
    app = client.application
    blueprint = Blueprint("part", __name__)
    blueprint.after_request(mark("part"))
    blueprint.route("/part")(view)
    app.after_request(mark("app"))
    app.add_url_rule("/app", "app", view)
    app.register_blueprint(blueprint)

    assert client.get("/part").headers.getlist("X-Seen") == ["part", "app"]
    assert client.get("/app").headers.getlist("X-Seen") == ["app"]


def mark(name: str) -> Callable[[Response], Response]:
    def add(response: Response) -> Response:
        response.headers.add("X-Seen", name)
        return response

    return add


def test_error_handlers_of_a_class_serve_subclasses_and_the_nearest_wins(
    client: FlaskClient,
) -> None:
    app = client.application

    @app.errorhandler(LookupError)
    def lookup(error: LookupError) -> str:
        return "lookup"

    @app.errorhandler(KeyError)
    def key(error: KeyError) -> str:
        return "key"

    @app.route("/key")
    def raise_key() -> str:
        raise KeyError("x")

    @app.route("/index")
    def raise_index() -> str:
        raise IndexError("x")

    assert client.get("/key").text == "key"
    assert client.get("/index").text == "lookup"
