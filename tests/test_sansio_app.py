"""The application before its first request: what it is made of and what it registers."""

from __future__ import annotations

import gc
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import (
    Aborter,
    BadRequest,
    BadRequestKeyError,
    HTTPException,
    NotFound,
)
from werkzeug.routing import BuildError, Map, Rule

from bustapi import Blueprint, Config, Flask, abort, render_template_string, url_for
from bustapi.json.provider import DefaultJSONProvider
from bustapi.sansio.app import App, _make_timedelta
from bustapi.templating import Environment
from bustapi.testing import FlaskClient

HERE = Path(__file__).parent


def view() -> str:
    """Answer; for tests where any view will do."""
    return "view"


def make(**options: Any) -> Flask:
    """Make an application that lives in the folder of the tests."""
    return Flask("made", root_path=str(HERE), **options)


# Construction


def test_attributes_of_a_fresh_application() -> None:
    app = make()

    assert app.import_name == app.name == "made"
    assert type(app.config) is Config
    assert type(app.aborter) is Aborter
    assert type(app.json) is DefaultJSONProvider
    assert type(app.url_map) is Map
    assert app.blueprints == {}
    assert app.extensions == {}
    assert app.shell_context_processors == []
    assert app.teardown_appcontext_funcs == []
    assert app.url_build_error_handlers == []
    assert app.subdomain_matching is False
    assert app.url_map.host_matching is False
    assert app._got_first_request is False
    assert app.template_folder == "templates"
    assert isinstance(app, App)


def test_every_attribute_may_be_assigned_on_the_instance() -> None:
    app = make()

    for name in (
        "aborter",
        "add_url_rule",
        "blueprints",
        "config",
        "dispatch_request",
        "extensions",
        "json",
        "name",
        "request_class",
        "url_map",
        "view_functions",
        "wsgi_app",
    ):
        value: Any = object()
        setattr(app, name, value)
        assert getattr(app, name) is value


def test_classes_named_on_a_subclass_are_used() -> None:
    class OwnConfig(Config):
        pass

    class OwnAborter(Aborter):
        pass

    class OwnMap(Map):
        pass

    class OwnRule(Rule):
        pass

    class OwnEnvironment(Environment):
        pass

    class OwnProvider(DefaultJSONProvider):
        pass

    class Own(Flask):
        config_class = OwnConfig
        aborter_class = OwnAborter
        url_map_class = OwnMap
        url_rule_class = OwnRule
        jinja_environment = OwnEnvironment
        json_provider_class = OwnProvider

    app = Own("own", root_path=str(HERE))

    assert type(app.config) is OwnConfig
    assert type(app.aborter) is OwnAborter
    assert type(app.url_map) is OwnMap
    assert {type(rule) for rule in app.url_map.iter_rules()} == {OwnRule}
    assert type(app.jinja_env) is OwnEnvironment
    assert type(app.json) is OwnProvider


def test_name_is_that_of_the_file_that_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    main = type(sys)("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)

    assert Flask("__main__", root_path=str(HERE)).name == "__main__"

    main.__file__ = os.path.join("somewhere", "program.py")
    assert Flask("__main__", root_path=str(HERE)).name == "program"


def test_repr_has_class_and_name() -> None:
    assert repr(make()) == "<Flask 'made'>"


def test_application_is_freed_without_the_garbage_collector() -> None:
    app = make()
    blueprint = Blueprint("part", __name__)
    blueprint.before_app_request(lambda: None)
    blueprint.add_url_rule("/part", "part", view)
    app.register_blueprint(blueprint)
    app.route("/")(view)
    app.errorhandler(404)(lambda error: "missing")
    app.config["SECRET_KEY"] = "key"
    found = weakref.ref(app)
    gc.collect()
    gc.disable()

    try:
        del app
        assert found() is None
    finally:
        gc.enable()


# Configuration


def test_config_starts_with_the_defaults_and_the_debug_flag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    debugging = make()
    monkeypatch.delenv("FLASK_DEBUG")
    quiet = make()

    assert debugging.config == {**Flask.default_config, "DEBUG": True}
    assert quiet.config == {**Flask.default_config, "DEBUG": False}
    assert debugging.debug and not quiet.debug


def test_config_of_one_application_is_not_that_of_another() -> None:
    one, other = make(), make()

    one.config["TESTING"] = True

    assert other.config["TESTING"] is False


def test_config_files_are_relative_to_the_root_or_the_instance(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("PLACE = 'instance'")
    related = make(instance_path=str(tmp_path), instance_relative_config=True)
    other = make(instance_path=str(tmp_path))

    related.config.from_pyfile("settings.py")

    assert related.config["PLACE"] == "instance"
    assert other.config.root_path == other.root_path


@pytest.mark.parametrize(
    ("attribute", "key", "value"),
    [
        ("testing", "TESTING", True),
        ("secret_key", "SECRET_KEY", b"key"),
        ("permanent_session_lifetime", "PERMANENT_SESSION_LIFETIME", timedelta(1)),
        ("debug", "DEBUG", True),
    ],
)
def test_attribute_and_configuration_are_the_same(
    attribute: str, key: str, value: object
) -> None:
    app = make()

    setattr(app, attribute, value)
    assert app.config[key] == value

    app.config[key] = None
    assert getattr(app, attribute) is None


def test_lifetime_may_be_given_in_seconds() -> None:
    app = make()

    app.config["PERMANENT_SESSION_LIFETIME"] = 60

    assert app.permanent_session_lifetime == timedelta(minutes=1)
    assert _make_timedelta(None) is None
    assert _make_timedelta(timedelta(1)) == timedelta(1)


def test_debug_switches_the_reload_of_templates_unless_configured() -> None:
    followed, fixed = make(), make()
    fixed.config["TEMPLATES_AUTO_RELOAD"] = False

    for app in (followed, fixed):
        assert app.jinja_env.auto_reload is False
        app.debug = True

    assert followed.jinja_env.auto_reload is True
    assert fixed.jinja_env.auto_reload is False


# Instance folder


def test_instance_path_must_be_absolute() -> None:
    with pytest.raises(ValueError, match="'instance_path' must be absolute.*'in/here'"):
        make(instance_path="in/here")


def test_instance_folder_is_beside_a_module_and_in_var_of_a_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "lib" / "python3" / "site-packages"
    plain = tmp_path / "plain"
    for folder, name in ((site, "placed_installed"), (plain, "placed_plain")):
        folder.mkdir(parents=True)
        (folder / f"{name}.py").touch()
        monkeypatch.syspath_prepend(str(folder))

    installed = Flask("placed_installed", root_path=str(site))
    local = Flask("placed_plain", root_path=str(plain))

    assert local.instance_path == str(plain / "instance")
    assert installed.instance_path == str(tmp_path / "var/placed_installed-instance")


# Rules


def rule_of(app: Flask, endpoint: str) -> Any:
    """Return the one rule of an endpoint."""
    (rule,) = app.url_map.iter_rules(endpoint)
    return rule


def test_methods_default_to_get_with_head_and_options() -> None:
    app = make()

    app.add_url_rule("/", view_func=view)

    assert rule_of(app, "view").methods == {"GET", "HEAD", "OPTIONS"}
    assert rule_of(app, "view").provide_automatic_options is True


@pytest.mark.parametrize(
    ("given", "own", "methods"),
    [
        (["post"], None, {"POST", "OPTIONS"}),
        (None, ["put"], {"PUT", "OPTIONS"}),
        (["post"], ["put"], {"POST", "OPTIONS"}),
        (None, (), {"GET", "HEAD", "OPTIONS"}),
        ([], ["put"], {"OPTIONS"}),
        ({"GET", "OPTIONS"}, None, {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_methods_are_those_given_or_those_of_the_function(
    given: Any, own: Any, methods: set[str]
) -> None:
    def function() -> str:
        return ""

    if own is not None:
        function.methods = own  # type: ignore[attr-defined]
    app = make()

    app.add_url_rule("/", view_func=function, methods=given)

    assert rule_of(app, "function").methods == methods


def test_required_methods_of_the_function_are_added() -> None:
    def function() -> str:
        return ""

    function.required_methods = ["PATCH"]  # type: ignore[attr-defined]
    app = make()

    app.add_url_rule("/", view_func=function, methods=["POST"])

    assert rule_of(app, "function").methods == {"POST", "PATCH", "OPTIONS"}


def test_one_string_of_methods_is_refused() -> None:
    with pytest.raises(TypeError, match="'methods' must be a list.*'POST'"):
        make().add_url_rule("/", view_func=view, methods="POST")


@pytest.mark.parametrize(
    ("configured", "given", "own", "methods", "automatic"),
    [
        (True, None, None, ["GET"], True),
        (False, None, None, ["GET"], False),
        (True, None, None, ["GET", "OPTIONS"], False),
        (True, False, None, ["GET"], False),
        (False, True, None, ["GET"], True),
        (True, None, False, ["GET"], False),
        (False, None, True, ["GET"], True),
        (False, None, True, ["GET", "OPTIONS"], True),
        (True, True, False, ["GET"], True),
    ],
)
def test_options_are_answered_where_somebody_says_so(
    configured: bool,
    given: bool | None,
    own: bool | None,
    methods: list[str],
    automatic: bool,
) -> None:
    def function() -> str:
        return "the view"

    if own is not None:
        function.provide_automatic_options = own  # type: ignore[attr-defined]
    app = make()
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = configured

    app.add_url_rule(
        "/", view_func=function, methods=methods, provide_automatic_options=given
    )

    rule = rule_of(app, "function")
    assert rule.provide_automatic_options is automatic
    assert ("OPTIONS" in rule.methods) is (automatic or "OPTIONS" in methods)
    response = app.test_client().options("/")
    if automatic:
        assert (response.status_code, response.text) == (200, "")
        assert set(response.allow) == {"GET", "HEAD", "OPTIONS"}
    elif "OPTIONS" in methods:
        assert response.text == "the view"
    else:
        assert response.status_code == 405


def test_options_of_a_rule_reach_werkzeug() -> None:
    app = make()

    app.add_url_rule("/x/", view_func=view, strict_slashes=False, defaults={"a": 1})

    assert rule_of(app, "view").strict_slashes is False
    assert rule_of(app, "view").defaults == {"a": 1}


def test_endpoint_keeps_its_function() -> None:
    app = make()
    app.add_url_rule("/a", "same", view)
    app.add_url_rule("/b", "same", view)
    app.add_url_rule("/c", "same")

    with pytest.raises(AssertionError, match="'same' belongs to <function view"):
        app.add_url_rule("/d", "same", lambda: "other")

    assert app.view_functions["same"] is view


def test_endpoint_without_function_takes_one() -> None:
    app = make()
    app.view_functions["late"] = None  # type: ignore[assignment]

    app.add_url_rule("/", "late", view)

    assert app.view_functions["late"] is view


def test_equal_bound_methods_are_one_function() -> None:
    class Views:
        def index(self) -> str:
            return "index"

    views = Views()
    app = make()

    app.add_url_rule("/a", "index", views.index)
    app.add_url_rule("/b", "index", views.index)

    assert app.test_client().get("/b").text == "index"


# Templates


def reverse(value: str) -> str:
    return value[::-1]


def is_long(value: str) -> bool:
    return len(value) > 2


@pytest.mark.parametrize(
    ("kind", "function", "source", "result"),
    [
        ("filter", reverse, "{{ 'abc'|NAME }}", "cba"),
        ("test", is_long, "{{ 'abc' is NAME }}", "True"),
        ("global", reverse, "{{ NAME('abc') }}", "cba"),
    ],
)
@pytest.mark.parametrize(
    "form", ["bare", "empty", "named", "keyword", "added", "added named"]
)
def test_template_functions_are_registered(
    client: FlaskClient, kind: str, function: Any, source: str, result: str, form: str
) -> None:
    app = client.application
    decorator = getattr(app, f"template_{kind}")
    add = getattr(app, f"add_template_{kind}")
    register: dict[str, Callable[[], object]] = {
        "bare": lambda: decorator(function),
        "empty": lambda: decorator()(function),
        "named": lambda: decorator("given")(function),
        "keyword": lambda: decorator(name="given")(function),
        "added": lambda: add(function),
        "added named": lambda: add(function, "given"),
    }

    returned = register[form]()

    assert returned is (None if form.startswith("added") else function)
    name = "given" if "named" in form or form == "keyword" else function.__name__
    app.add_url_rule(
        "/", "index", lambda: render_template_string(source.replace("NAME", name))
    )
    assert client.get("/").text == result


@pytest.mark.parametrize(
    ("filename", "escaped"),
    [
        (None, True),
        ("a.html", True),
        ("a.htm", True),
        ("a.xml", True),
        ("a.xhtml", True),
        ("a.svg", True),
        ("a.txt", False),
        ("a.HTML", False),
        ("html", False),
        ("", False),
    ],
)
def test_templates_are_autoescaped_by_suffix(
    filename: str | None, escaped: bool
) -> None:
    assert make().select_jinja_autoescape(filename) is escaped


def test_jinja_environment_is_made_once_by_the_overridable_method() -> None:
    made = []

    class Own(Flask):
        def create_jinja_environment(self) -> Environment:
            made.append(self)
            return super().create_jinja_environment()

    app = Own("own", root_path=str(HERE))
    assert made == []

    assert app.jinja_env is app.jinja_env
    assert made == [app]


def test_jinja_options_of_a_subclass_are_used() -> None:
    class Own(Flask):
        jinja_options = {"trim_blocks": True}

    assert Own("own", root_path=str(HERE)).jinja_env.trim_blocks is True
    assert make().jinja_env.trim_blocks is False


# Other registrations


def test_functions_for_context_and_shell_are_kept_in_their_lists() -> None:
    app = make()

    def teardown(error: BaseException | None) -> None: ...
    def shell() -> dict[str, Any]:
        return {"name": "value"}

    assert app.teardown_appcontext(teardown) is teardown
    assert app.shell_context_processor(shell) is shell
    assert app.teardown_appcontext_funcs == [teardown]
    assert app.shell_context_processors == [shell]
    assert app.make_shell_context()["name"] == "value"


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("template_filter", ("name",)),
        ("add_template_filter", (reverse,)),
        ("template_test", ("name",)),
        ("add_template_test", (is_long,)),
        ("template_global", ("name",)),
        ("add_template_global", (reverse,)),
        ("teardown_appcontext", (view,)),
        ("shell_context_processor", (view,)),
    ],
)
def test_set_up_is_over_after_the_first_request(
    method: str, arguments: tuple[Any, ...]
) -> None:
    app = make()
    app.test_client().get("/")

    with pytest.raises(AssertionError, match=f"setup method '{method}'"):
        getattr(app, method)(*arguments)


# Errors


@pytest.fixture
def handlers() -> Iterator[tuple[Flask, dict[str, Any]]]:
    """An application with named handlers of every kind."""
    app = make()
    found: dict[str, Any] = {}

    def named(name: str) -> Any:
        def handler(error: Exception) -> str:
            return name

        found[name] = handler
        return handler

    for scope in ("outer", "outer.inner", None):
        spec = app.error_handler_spec[scope]
        spec[None][KeyError] = named(f"{scope} KeyError")
    app.error_handler_spec[None][404][NotFound] = named("app 404")
    app.error_handler_spec["outer"][404][NotFound] = named("outer 404")
    app.error_handler_spec["outer.inner"][None][HTTPException] = named("inner HTTP")
    app.error_handler_spec[None][None][LookupError] = named("app LookupError")
    yield app, found


@pytest.mark.parametrize(
    ("error", "blueprints", "name"),
    [
        (KeyError(), [], "None KeyError"),
        (KeyError(), ["outer"], "outer KeyError"),
        (KeyError(), ["outer.inner", "outer"], "outer.inner KeyError"),
        (IndexError(), ["outer"], "app LookupError"),
        (NotFound(), [], "app 404"),
        (NotFound(), ["other"], "app 404"),
        # The code of an outer scope goes before the class of an inner one.
        (NotFound(), ["outer.inner", "outer"], "outer 404"),
        (BadRequest(), ["outer.inner", "outer"], "inner HTTP"),
        (BadRequest(), ["outer"], None),
        (ValueError(), ["outer"], None),
    ],
)
def test_error_handlers_are_found_by_code_then_class(
    handlers: tuple[Flask, dict[str, Any]],
    error: Exception,
    blueprints: list[str],
    name: str | None,
) -> None:
    app, found = handlers

    assert app._find_error_handler(error, blueprints) is found.get(name or "")


@pytest.mark.parametrize(
    ("config", "error", "trapped"),
    [
        ({}, NotFound(), False),
        ({}, BadRequestKeyError("x"), False),
        ({"DEBUG": True}, BadRequestKeyError("x"), True),
        ({"DEBUG": True}, BadRequest(), False),
        (
            {"DEBUG": True, "TRAP_BAD_REQUEST_ERRORS": False},
            BadRequestKeyError(),
            False,
        ),
        ({"TRAP_BAD_REQUEST_ERRORS": True}, BadRequest(), True),
        ({"TRAP_BAD_REQUEST_ERRORS": True}, BadRequestKeyError("x"), True),
        ({"TRAP_BAD_REQUEST_ERRORS": True}, NotFound(), False),
        ({"TRAP_HTTP_EXCEPTIONS": True}, NotFound(), True),
    ],
)
def test_errors_are_trapped_as_configured(
    config: dict[str, Any], error: Exception, trapped: bool
) -> None:
    app = make()
    app.config.update(config)

    assert app.trap_http_exception(error) is trapped


def test_no_error_is_ignored_by_default() -> None:
    assert make().should_ignore_error(ValueError()) is False
    assert make().should_ignore_error(None) is False


def test_teardown_is_kept_from_ignored_errors() -> None:
    class Own(Flask):
        def should_ignore_error(self, error: BaseException | None) -> bool:
            return isinstance(error, KeyError)

    app = Own("own", root_path=str(HERE))
    seen: list[BaseException | None] = []
    app.teardown_request(seen.append)

    @app.route("/<int:known>")
    def fail(known: int) -> str:
        raise KeyError("x") if known else ValueError("x")

    client = app.test_client()
    client.get("/1")
    client.get("/0")

    ignored, told = seen
    assert ignored is None
    assert isinstance(told, ValueError)


def test_aborter_of_the_application_is_asked() -> None:
    class Teapot(HTTPException):
        code = 418

    class Own(Flask):
        def make_aborter(self) -> Aborter:
            aborter = super().make_aborter()
            aborter.mapping[999] = Teapot
            return aborter

    app = Own("own", root_path=str(HERE))
    app.add_url_rule("/", "index", lambda: abort(999))

    assert app.test_client().get("/").status_code == 418


# URLs


@pytest.mark.parametrize(("code", "expected"), [(None, 302), (303, 303)])
def test_redirect_is_of_the_response_class(code: int | None, expected: int) -> None:
    app = make()

    response = app.redirect("/to", **({} if code is None else {"code": code}))

    assert type(response) is app.response_class
    assert (response.status_code, response.location) == (expected, "/to")


def test_url_defaults_are_asked_from_the_application_inwards() -> None:
    app = make()
    values: dict[str, Any] = {"seen": []}

    def note(scope: str | None) -> Callable[[str, dict[str, Any]], None]:
        def function(endpoint: str, values: dict[str, Any]) -> None:
            values["seen"].append((scope, endpoint))

        return function

    for scope in (None, "outer", "outer.inner", "other"):
        app.url_default_functions[scope].append(note(scope))

    app.inject_url_defaults("outer.inner.view", values)
    app.inject_url_defaults("view", values)

    assert values["seen"] == [
        *((scope, "outer.inner.view") for scope in (None, "outer", "outer.inner")),
        (None, "view"),
    ]


def test_failed_url_is_asked_of_one_handler_after_the_other() -> None:
    app = make(static_folder=None)
    asked: list[str] = []

    def passes(error: Exception, endpoint: str, values: dict[str, Any]) -> Any:
        asked.append("passes")
        return None

    def raises(error: Exception, endpoint: str, values: dict[str, Any]) -> str:
        asked.append("raises")
        raise BuildError("replaced", values, None)

    def answers(error: Exception, endpoint: str, values: dict[str, Any]) -> str:
        asked.append(f"answers {error.endpoint}")  # type: ignore[attr-defined]
        return f"/built/{endpoint}/{values['a']}"

    app.url_build_error_handlers = [passes, raises, answers]

    with app.test_request_context():
        assert url_for("none", a=1) == "/built/none/1"
    assert asked == ["passes", "raises", "answers replaced"]


def test_failed_url_raises_the_first_error_where_no_handler_answers() -> None:
    app = make(static_folder=None)
    app.url_build_error_handlers.append(lambda error, endpoint, values: None)  # type: ignore[arg-type, return-value]

    with app.test_request_context(), pytest.raises(BuildError) as caught:
        url_for("none")

    # The traceback still shows where the URL was built.
    names = [entry.name for entry in caught.traceback]
    assert "build" in names


def test_failed_url_raises_the_last_error_of_a_handler() -> None:
    app = make()
    own = BuildError("own", {}, None)

    def raises(error: Exception, endpoint: str, values: dict[str, Any]) -> str:
        raise own

    app.url_build_error_handlers.append(raises)

    with pytest.raises(BuildError) as caught:
        app.handle_url_build_error(BuildError("first", {}, None), "first", {})

    assert caught.value is own
