"""Blueprints: what they record, their names and URLs, and what they register."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.routing import Rule

from bustapi import (
    Blueprint,
    Flask,
    Response,
    g,
    render_template_string,
    request,
    url_for,
)
from bustapi.blueprints import BlueprintSetupState
from bustapi.sansio.blueprints import Blueprint as SansioBlueprint
from bustapi.testing import FlaskClient
from rule_maps import rules

HERE = Path(__file__).parent


def view(**values: Any) -> str:
    """Answer with the endpoint and the arguments of the URL."""
    arguments = ",".join(f"{key}={values[key]}" for key in sorted(values))
    return f"{request.endpoint} {arguments}".strip()


# Construction


def test_attributes_are_those_of_the_constructor() -> None:
    blueprint = Blueprint(
        "part",
        __name__,
        url_prefix="/p",
        subdomain="s",
        url_defaults={"a": 1},
        cli_group="group",
        root_path=str(HERE),
    )

    assert blueprint.name == "part"
    assert blueprint.import_name == __name__
    assert blueprint.url_prefix == "/p"
    assert blueprint.subdomain == "s"
    assert blueprint.url_values_defaults == {"a": 1}
    assert blueprint.cli_group == "group"
    assert blueprint.deferred_functions == []
    assert blueprint.cli.name == "part"
    assert blueprint.static_folder is None
    assert blueprint.jinja_loader is None
    assert isinstance(blueprint, SansioBlueprint)


@pytest.mark.parametrize("name", ["", "a.b", "."])
def test_name_that_is_empty_or_has_dots_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="'name' of a blueprint"):
        Blueprint(name, __name__)


# URLs


@pytest.mark.parametrize(
    ("prefix", "rule", "joined"),
    [
        (None, "/a", "/a"),
        ("/p", "/a", "/p/a"),
        ("/p/", "/a", "/p/a"),
        ("/p/", "//a", "/p/a"),
        ("/p", "a", "/p/a"),
        ("/p", "/", "/p/"),
        ("/p", "", "/p"),
        ("/p/", "", "/p/"),
        ("/", "/a", "/a"),
        ("/<name>", "/a", "/<name>/a"),
    ],
)
def test_prefix_and_rule_are_joined_with_one_slash(
    app: Flask, prefix: str | None, rule: str, joined: str
) -> None:
    blueprint = Blueprint("part", __name__, url_prefix=prefix)
    blueprint.add_url_rule(rule, "view", view)

    app.register_blueprint(blueprint)

    assert rules(app) == {"part.view": [joined]}


def test_options_of_the_registration_win(client: FlaskClient) -> None:
    app = client.application
    blueprint = Blueprint(
        "part", __name__, url_prefix="/own", url_defaults={"a": "own", "b": "own"}
    )
    blueprint.add_url_rule("/x", "x", view)
    blueprint.add_url_rule("/y", "y", view, defaults={"a": "rule"})

    app.register_blueprint(
        blueprint, url_prefix="/given", name="other", url_defaults={"a": "given"}
    )

    assert client.get("/given/x").text == "other.x a=given,b=own"
    assert client.get("/given/y").text == "other.y a=rule,b=own"
    assert client.get("/own/x").status_code == 404


def test_empty_prefix_of_the_registration_removes_the_blueprints_own(
    app: Flask,
) -> None:
    blueprint = Blueprint("part", __name__, url_prefix="/own")
    blueprint.add_url_rule("/x", "x", view)

    app.register_blueprint(blueprint, url_prefix="")

    assert rules(app) == {"part.x": ["/x"]}


def test_subdomain_of_a_rule_wins_over_that_of_the_blueprint(app: Flask) -> None:
    blueprint = Blueprint("part", __name__, subdomain="own")
    blueprint.add_url_rule("/x", "x", view)
    blueprint.add_url_rule("/y", "y", view, subdomain="rule")

    app.register_blueprint(blueprint)

    found = {rule.endpoint: rule.subdomain for rule in app.url_map.iter_rules()}
    assert found == {"static": "", "part.x": "own", "part.y": "rule"}


def test_default_endpoint_is_the_name_of_the_function(app: Flask) -> None:
    blueprint = Blueprint("part", __name__)
    blueprint.route("/x")(view)

    app.register_blueprint(blueprint)

    assert rules(app) == {"part.view": ["/x"]}
    assert app.view_functions["part.view"] is view


def test_empty_endpoint_keeps_its_dot_as_in_flask(app: Flask) -> None:
    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/x", "", view)

    app.register_blueprint(blueprint)

    assert rules(app) == {"part.": ["/x"]}


def test_dots_in_endpoints_and_names_of_functions_are_refused() -> None:
    blueprint = Blueprint("part", __name__)

    def dotted() -> str:
        return ""

    dotted.__name__ = "a.b"

    with pytest.raises(ValueError, match="'endpoint'.*'a.b'"):
        blueprint.add_url_rule("/", "a.b", view)

    with pytest.raises(ValueError, match="'view_func'.*'a.b'"):
        blueprint.add_url_rule("/", view_func=dotted)

    assert blueprint.deferred_functions == []


def test_url_for_begins_with_a_dot_for_the_own_blueprint(client: FlaskClient) -> None:
    app = client.application
    blueprint = Blueprint("part", __name__, url_prefix="/part")

    @blueprint.route("/here")
    def here() -> str:
        return f"{url_for('.here')} {url_for('here')} {request.blueprint}"

    app.add_url_rule("/top", "here", view)
    app.register_blueprint(blueprint)

    assert client.get("/part/here").text == "/part/here /top part"


def test_automatic_options_are_passed_on(app: Flask) -> None:
    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/on", "on", view)
    blueprint.add_url_rule("/off", "off", view, provide_automatic_options=False)

    app.register_blueprint(blueprint)

    assert app.test_client().options("/on").status_code == 200
    assert app.test_client().options("/off").status_code == 405


# Recording


def test_recorded_functions_run_in_order_with_the_state(app: Flask) -> None:
    states: list[BlueprintSetupState] = []
    blueprint = Blueprint("part", __name__, url_prefix="/p")
    blueprint.record(states.append)

    app.register_blueprint(blueprint, extra="option")

    (state,) = states
    assert state.app is app
    assert state.blueprint is blueprint
    assert state.options == {"extra": "option"}
    assert state.first_registration
    assert state.url_prefix == "/p"
    assert state.subdomain is None
    assert (state.name_prefix, state.name) == ("", "part")


def test_record_once_runs_at_the_first_registration_on_each_application(
    app: Flask,
) -> None:
    always: list[bool] = []
    once: list[Flask] = []
    blueprint = Blueprint("part", __name__)
    blueprint.record(lambda state: always.append(state.first_registration))
    blueprint.record_once(lambda state: once.append(state.app))  # type: ignore[arg-type]
    other = Flask("other", root_path=str(HERE))

    app.register_blueprint(blueprint)
    app.register_blueprint(blueprint, name="again")
    other.register_blueprint(blueprint)

    assert always == [True, False, True]
    assert once == [app, other]


def test_record_once_keeps_the_name_of_the_function() -> None:
    def remember(state: BlueprintSetupState) -> None:
        """Remember."""

    blueprint = Blueprint("part", __name__)

    blueprint.record_once(remember)

    assert blueprint.deferred_functions[0].__name__ == "remember"


def test_subclass_makes_its_own_state(app: Flask) -> None:
    class State(BlueprintSetupState):
        pass

    class Own(Blueprint):
        def make_setup_state(
            self, app: Any, options: Any, first_registration: bool = False
        ) -> State:
            return State(self, app, options, first_registration)

    seen: list[type] = []
    blueprint = Own("part", __name__)
    blueprint.record(lambda state: seen.append(type(state)))

    app.register_blueprint(blueprint)

    assert seen == [State]


def test_subclass_may_override_register(app: Flask) -> None:
    calls: list[dict[str, Any]] = []

    class Own(Blueprint):
        def register(self, app: Any, options: dict[str, Any]) -> None:
            calls.append(options)
            super().register(app, options)

    outer = Own("outer", __name__)
    outer.register_blueprint(Own("inner", __name__), url_prefix="/i")

    app.register_blueprint(outer, url_prefix="/o")

    assert calls == [
        {"url_prefix": "/o"},
        {"url_prefix": "/o/i", "name_prefix": "outer"},
    ]


# Names


def test_blueprint_registers_twice_under_two_names(client: FlaskClient) -> None:
    app = client.application
    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/x", "x", view)
    blueprint.before_request(lambda: setattr(g, "seen", g.get("seen", 0) + 1))
    blueprint.after_request(count)

    app.register_blueprint(blueprint, url_prefix="/a")
    app.register_blueprint(blueprint, url_prefix="/b", name="second")

    assert client.get("/a/x").text == "part.x"
    assert client.get("/b/x").text == "second.x"
    assert client.get("/a/x").headers["X-Count"] == "1"
    assert client.get("/b/x").headers["X-Count"] == "1"


def count(response: Response) -> Response:
    response.headers["X-Count"] = str(g.seen)
    return response


def test_name_is_taken_once(app: Flask) -> None:
    blueprint = Blueprint("part", __name__)
    app.register_blueprint(blueprint)

    with pytest.raises(ValueError, match="'part' is already registered for this"):
        app.register_blueprint(blueprint)

    with pytest.raises(ValueError, match="'part' is already registered for another"):
        app.register_blueprint(Blueprint("part", __name__))

    with pytest.raises(ValueError, match="'part' is already registered for another"):
        app.register_blueprint(Blueprint("other", __name__), name="part")

    assert list(app.blueprints) == ["part"]


def test_one_name_serves_under_two_outer_blueprints(app: Flask) -> None:
    for name in ("first", "second"):
        outer = Blueprint(name, __name__, url_prefix=f"/{name}")
        inner = Blueprint("inner", __name__)
        inner.add_url_rule("/x", "x", view)
        outer.register_blueprint(inner)
        app.register_blueprint(outer)

    assert rules(app) == {
        "first.inner.x": ["/first/x"],
        "second.inner.x": ["/second/x"],
    }


def test_taken_name_of_a_nested_blueprint_is_named_whole(app: Flask) -> None:
    outer = Blueprint("outer", __name__)
    outer.register_blueprint(Blueprint("inner", __name__))
    outer.register_blueprint(Blueprint("inner", __name__))

    with pytest.raises(ValueError, match="'outer.inner' is already registered"):
        app.register_blueprint(outer)


# Nesting


def nested() -> tuple[Blueprint, Blueprint, Blueprint]:
    """Return three blueprints, each with a view, nested in each other."""
    outer, middle, inner = (
        Blueprint(name, __name__, url_prefix=f"/{name}")
        for name in ("outer", "middle", "inner")
    )

    for blueprint in (outer, middle, inner):
        blueprint.add_url_rule("/", "index", view)

    middle.register_blueprint(inner)
    outer.register_blueprint(middle)
    return outer, middle, inner


def test_nested_names_and_prefixes_add_up(client: FlaskClient) -> None:
    app = client.application
    outer, middle, inner = nested()

    app.register_blueprint(outer)

    assert app.blueprints == {
        "outer": outer,
        "outer.middle": middle,
        "outer.middle.inner": inner,
    }
    assert list(app.iter_blueprints()) == [outer, middle, inner]
    assert client.get("/outer/").text == "outer.index"
    assert client.get("/outer/middle/").text == "outer.middle.index"
    assert client.get("/outer/middle/inner/").text == "outer.middle.inner.index"


@pytest.mark.parametrize(
    ("outer_own", "outer_given", "inner_own", "inner_given", "prefix"),
    [
        (None, None, None, None, ""),
        ("/o", None, None, None, "/o"),
        (None, None, "/i", None, "/i"),
        ("/o", None, "/i", None, "/o/i"),
        ("/o/", None, "/i/", None, "/o/i"),
        ("/o", "/O", "/i", "/I", "/O/I"),
        (None, "/O", None, "/I", "/O/I"),
        ("/o", None, "/i", "/I", "/o/I"),
        ("/o", "/O", "/i", None, "/O/i"),
    ],
)
def test_nested_prefix_is_made_of_the_given_or_own_ones(
    app: Flask,
    outer_own: str | None,
    outer_given: str | None,
    inner_own: str | None,
    inner_given: str | None,
    prefix: str,
) -> None:
    outer = Blueprint("outer", __name__, url_prefix=outer_own)
    inner = Blueprint("inner", __name__, url_prefix=inner_own)
    inner.add_url_rule("/x", "x", view)
    outer.register_blueprint(inner, url_prefix=inner_given)

    app.register_blueprint(outer, url_prefix=outer_given)

    assert rules(app) == {"outer.inner.x": [f"{prefix}/x"]}


@pytest.mark.parametrize(
    ("outer_own", "inner_own", "inner_given", "subdomain"),
    [
        (None, None, None, ""),
        ("o", None, None, "o"),
        (None, "i", None, "i"),
        ("o", "i", None, "i.o"),
        ("o", "i", "I", "I.o"),
    ],
)
def test_nested_subdomain_stands_before_the_outer_one(
    app: Flask,
    outer_own: str | None,
    inner_own: str | None,
    inner_given: str | None,
    subdomain: str,
) -> None:
    outer = Blueprint("outer", __name__, subdomain=outer_own)
    inner = Blueprint("inner", __name__, subdomain=inner_own)
    inner.add_url_rule("/x", "x", view)
    outer.register_blueprint(inner, subdomain=inner_given)

    app.register_blueprint(outer)

    (rule,) = app.url_map.iter_rules("outer.inner.x")
    assert rule.subdomain == subdomain


def test_nested_options_stay_those_of_the_caller(app: Flask) -> None:
    outer = Blueprint("outer", __name__)
    outer.register_blueprint(Blueprint("inner", __name__), url_prefix="/i")
    other = Flask("other", root_path=str(HERE))

    app.register_blueprint(outer, url_prefix="/a")
    other.register_blueprint(outer, url_prefix="/b")

    assert [options for _, options in outer._blueprints] == [{"url_prefix": "/i"}]


def test_nested_name_option_changes_the_last_part(app: Flask) -> None:
    outer = Blueprint("outer", __name__)
    outer.register_blueprint(Blueprint("inner", __name__), name="renamed")

    app.register_blueprint(outer, name="whole")

    assert list(app.blueprints) == ["whole", "whole.renamed"]


def test_blueprint_does_not_nest_in_itself() -> None:
    blueprint = Blueprint("part", __name__)

    with pytest.raises(ValueError, match="'part' cannot be nested in itself"):
        blueprint.register_blueprint(blueprint)


def test_nested_functions_run_outer_to_inner_and_back(client: FlaskClient) -> None:
    app = client.application
    events: list[str] = []

    def note(event: str) -> Callable[..., Any]:
        def function(*arguments: Any) -> Any:
            events.append(event)
            return arguments[0] if event.startswith("after") else None

        return function

    outer, middle, inner = nested()
    for blueprint in (outer, middle, inner):
        blueprint.before_request(note(f"before {blueprint.name}"))
        blueprint.after_request(note(f"after {blueprint.name}"))
        blueprint.teardown_request(note(f"teardown {blueprint.name}"))
        blueprint.url_value_preprocessor(note(f"values {blueprint.name}"))
    app.register_blueprint(outer)

    assert client.get("/outer/middle/inner/").status_code == 200
    assert events == [
        f"{stage} {name}"
        for stage, names in (
            ("values", ("outer", "middle", "inner")),
            ("before", ("outer", "middle", "inner")),
            ("after", ("inner", "middle", "outer")),
            ("teardown", ("inner", "middle", "outer")),
        )
        for name in names
    ]


# Registries


def test_registries_are_merged_under_the_dotted_name(app: Flask) -> None:
    outer, middle, inner = nested()
    registries = (
        "before_request_funcs",
        "after_request_funcs",
        "teardown_request_funcs",
        "url_default_functions",
        "url_value_preprocessors",
        "template_context_processors",
    )
    for registry in registries:
        getattr(inner, registry)[None].append(view)
        getattr(inner, registry)["scope"].append(view)

    app.register_blueprint(outer)

    for registry in registries:
        assert getattr(app, registry)["outer.middle.inner"][-1] is view
        assert getattr(app, registry)["outer.middle.inner.scope"] == [view]


def test_merging_extends_lists_that_somebody_holds(app: Flask) -> None:
    held = app.before_request_funcs["part"]
    blueprint = Blueprint("part", __name__)
    blueprint.before_request(view)

    app.register_blueprint(blueprint)

    assert held == [view]
    assert app.before_request_funcs["part"] is held
    assert held is not blueprint.before_request_funcs[None]


def test_error_handlers_are_copied_under_the_name(client: FlaskClient) -> None:
    app = client.application
    blueprint = Blueprint("part", __name__)

    @blueprint.errorhandler(KeyError)
    def handle(error: KeyError) -> str:
        return "blueprint"

    @blueprint.route("/part")
    def fail() -> str:
        raise KeyError("x")

    app.errorhandler(KeyError)(lambda error: "application")
    app.add_url_rule("/app", "fail", fail)
    app.register_blueprint(blueprint)

    assert app.error_handler_spec["part"] == {None: {KeyError: handle}}
    assert app.error_handler_spec["part"] is not blueprint.error_handler_spec[None]
    assert app.error_handler_spec["part"][404] == {}
    assert client.get("/part").text == "blueprint"
    assert client.get("/app").text == "application"


def test_endpoint_of_a_blueprint_is_taken_as_it_stands(app: Flask) -> None:
    blueprint = Blueprint("part", __name__)
    blueprint.endpoint("part.x")(view)
    blueprint.add_url_rule("/x", "x")

    app.register_blueprint(blueprint)

    assert app.view_functions["part.x"] is view
    assert app.test_client().get("/x").text == "part.x"


# For the whole application


@pytest.mark.parametrize(
    ("decorator", "registry"),
    [
        ("before_app_request", "before_request_funcs"),
        ("after_app_request", "after_request_funcs"),
        ("teardown_app_request", "teardown_request_funcs"),
        ("app_context_processor", "template_context_processors"),
        ("app_url_value_preprocessor", "url_value_preprocessors"),
        ("app_url_defaults", "url_default_functions"),
    ],
)
def test_app_decorator_registers_once_for_every_request(
    app: Flask, decorator: str, registry: str
) -> None:
    blueprint = Blueprint("part", __name__)

    assert getattr(blueprint, decorator)(view) is view
    app.register_blueprint(blueprint)
    app.register_blueprint(blueprint, name="again")

    assert getattr(app, registry)[None].count(view) == 1
    assert view not in getattr(app, registry).get("part", ())


def test_app_errorhandler_answers_for_the_whole_application(
    client: FlaskClient,
) -> None:
    app = client.application
    blueprint = Blueprint("part", __name__)

    @blueprint.app_errorhandler(404)
    def missing(error: Exception) -> tuple[str, int]:
        return "missing", 404

    app.register_blueprint(blueprint)

    assert client.get("/nowhere").text == "missing"
    assert missing(KeyError()) == ("missing", 404)


def test_app_errorhandler_goes_through_an_overridden_errorhandler() -> None:
    keys: list[Any] = []

    class Own(Flask):
        def errorhandler(self, code_or_exception: Any) -> Any:
            keys.append(code_or_exception)
            return super().errorhandler(code_or_exception)

    blueprint = Blueprint("part", __name__)
    blueprint.app_errorhandler(404)(lambda error: "missing")
    Own("own", root_path=str(HERE)).register_blueprint(blueprint)

    assert keys == [404]


def shout(value: str) -> str:
    return value.upper()


def is_loud(value: str) -> bool:
    return value.isupper()


@pytest.mark.parametrize(
    ("kind", "function", "source"),
    [
        ("filter", shout, "{{ 'a'|NAME }}"),
        ("test", is_loud, "{{ 'A' is NAME }}"),
        ("global", shout, "{{ NAME('a') }}"),
    ],
)
@pytest.mark.parametrize("form", ["bare", "empty", "named", "added", "added named"])
def test_template_functions_reach_the_templates_of_the_application(
    client: FlaskClient, kind: str, function: Any, source: str, form: str
) -> None:
    app = client.application
    blueprint = Blueprint("part", __name__)
    decorator = getattr(blueprint, f"app_template_{kind}")
    add = getattr(blueprint, f"add_app_template_{kind}")

    if form == "bare":
        assert decorator(function) is function
    elif form == "empty":
        assert decorator()(function) is function
    elif form == "named":
        assert decorator("given")(function) is function
    elif form == "added":
        add(function)
    else:
        add(function, name="given")

    app.register_blueprint(blueprint)
    name = "given" if "named" in form else function.__name__
    app.add_url_rule(
        "/", "index", lambda: render_template_string(source.replace("NAME", name))
    )

    assert client.get("/").text == ("True" if kind == "test" else "A")


# The state's own rule


def test_state_adds_rules_with_all_options(app: Flask) -> None:
    blueprint = Blueprint("part", __name__, url_prefix="/p", url_defaults={"a": 1})

    def register(state: BlueprintSetupState) -> None:
        state.add_url_rule("/x", view_func=view, methods=["PUT"], strict_slashes=False)

    blueprint.record(register)
    app.register_blueprint(blueprint)

    rule: Rule
    (rule,) = app.url_map.iter_rules("part.view")
    assert (rule.rule, rule.methods, rule.defaults, rule.strict_slashes) == (
        "/p/x",
        {"PUT", "OPTIONS"},
        {"a": 1},
        False,
    )
