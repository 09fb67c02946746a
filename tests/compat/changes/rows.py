"""Rules and registries, changed while a request is handled; see `row.py`."""

from __future__ import annotations

import typing as t
from collections import defaultdict

import flask
from flask import (
    Flask,
    abort,
    current_app,
    g,
    render_template_string,
    request,
    url_for,
)
from row import Row, mark, row, seen
from werkzeug.routing import BaseConverter, Map, Rule

# Views and rules


@row
def a_view_function(app: Flask) -> Row:
    def change() -> None:
        app.view_functions["index"] = lambda: "replaced"

    return change, seen


@row
def all_view_functions(app: Flask) -> Row:
    def change() -> None:
        app.view_functions = {"index": lambda: "replaced"}

    return change, seen


@row
def a_view_function_that_is_deleted(app: Flask) -> Row:
    return lambda: app.view_functions.pop("index"), seen


@row
def a_view_function_that_becomes_async(app: Flask) -> Row:
    async def replaced() -> str:
        return "async"

    return lambda: app.view_functions.update(index=replaced), seen


@row
def ensure_sync_of_the_object(app: Flask) -> Row:
    def change() -> None:
        app.ensure_sync = lambda f: lambda **kw: "wrapped"  # type: ignore

    return change, seen


@row
def methods_of_a_rule_that_grow(app: Flask) -> Row:
    rule = next(app.url_map.iter_rules("index"))
    return lambda: rule.methods.add("PUT"), seen


@row
def automatic_options_of_a_rule(app: Flask) -> Row:
    rule = next(app.url_map.iter_rules("index"))
    return lambda: setattr(rule, "provide_automatic_options", False), seen


@row
def a_rule_that_is_added(app: Flask) -> Row:
    def change() -> None:
        app._got_first_request = False
        app.add_url_rule("/late", "late", lambda: "late")

    return change, lambda: url_for("late")


@row
def a_rule_that_is_added_to_the_map(app: Flask) -> Row:
    app.view_functions["late"] = lambda: "late"
    return lambda: app.url_map.add(Rule("/late", endpoint="late")), seen


@row
def a_rule_that_wins_over_the_one_before(app: Flask) -> Row:
    app.add_url_rule("/<name>", "dynamic", lambda name: f"dynamic {name}")

    def change() -> None:
        app._got_first_request = False
        app.add_url_rule("/late", "late", lambda: "late")

    return change, seen


@row
def the_url_map(app: Flask) -> Row:
    def change() -> None:
        app.url_map = Map([Rule("/late", endpoint="index")])

    return change, lambda: url_for("index")


@row
def slashes_of_the_map(app: Flask) -> Row:
    app.add_url_rule("/late/", "late", lambda: "late")

    def change() -> None:
        app.url_map.strict_slashes = False
        app.url_map.merge_slashes = False

    return change, seen


@row
def slashes_of_a_rule(app: Flask) -> Row:
    app.add_url_rule("/late/", "late", lambda: "late")
    rule = next(app.url_map.iter_rules("late"))
    return lambda: setattr(rule, "strict_slashes", False), seen


@row
def host_matching(app: Flask) -> Row:
    return lambda: setattr(app.url_map, "host_matching", True), seen


@row
def subdomain_matching(app: Flask) -> Row:
    return lambda: setattr(app, "subdomain_matching", True), seen


@row
def the_default_subdomain(app: Flask) -> Row:
    return lambda: setattr(app.url_map, "default_subdomain", "www"), seen


@row
def a_converter_that_is_added(app: Flask) -> Row:
    class Upper(BaseConverter):
        def to_python(self, value: str) -> str:
            return value.upper()

    def change() -> None:
        app._got_first_request = False
        app.url_map.converters["upper"] = Upper
        app.add_url_rule("/<upper:name>", "upper", lambda name: name)

    return change, seen


@row
def a_converter_that_is_replaced(app: Flask) -> Row:
    class Upper(BaseConverter):
        def to_python(self, value: str) -> str:
            return value.upper()

    app.add_url_rule("/<name>", "named", lambda name: name)
    return lambda: app.url_map.converters.update(default=Upper), seen


@row
def the_class_of_rules(app: Flask) -> Row:
    class Own(Rule):
        def match_compare_key(self) -> t.Any:
            return super().match_compare_key()

    def change() -> None:
        app._got_first_request = False
        app.url_rule_class = Own
        app.add_url_rule("/late", "late", lambda: type(request.url_rule).__name__)

    return change, seen


@row
def automatic_options_by_configuration(app: Flask) -> Row:
    def change() -> None:
        app._got_first_request = False
        app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
        app.add_url_rule("/late", "late", lambda: "late")

    return change, seen


@row
def functions_for_url_defaults(app: Flask) -> Row:
    app.add_url_rule("/late/<name>", "late", lambda name: name)

    def change() -> None:
        app.url_default_functions.setdefault(None, []).append(
            lambda endpoint, values: values.setdefault("name", "default")
        )

    return change, lambda: url_for("late")


@row
def handlers_of_build_errors(app: Flask) -> Row:
    def change() -> None:
        app.url_build_error_handlers.append(lambda *args: "/built")

    return change, lambda: url_for("nowhere")


# Registries


@row
def preprocessors_appended(app: Flask) -> Row:
    def preprocess(endpoint: t.Any, values: t.Any) -> None:
        g.preprocessed = endpoint

    def change() -> None:
        app.url_value_preprocessors.setdefault(None, []).append(preprocess)

    return change, lambda: str(g.get("preprocessed"))


@row
def before_request_appended(app: Flask) -> Row:
    def change() -> None:
        app.before_request_funcs.setdefault(None, []).append(lambda: "before")

    return change, seen


@row
def before_request_item_replaced(app: Flask) -> Row:
    app.before_request_funcs.setdefault(None, []).append(lambda: None)

    def change() -> None:
        app.before_request_funcs[None][-1] = lambda: "before"

    return change, seen


@row
def before_request_emptied(app: Flask) -> Row:
    def late() -> t.Any:
        g.late = "late"

    app.before_request_funcs.setdefault(None, []).append(late)
    return lambda: app.before_request_funcs.clear(), lambda: str(g.get("late"))


@row
def before_request_replaced(app: Flask) -> Row:
    def change() -> None:
        app.before_request_funcs = {None: [lambda: "before"]}

    return change, seen


@row
def after_request_appended(app: Flask) -> Row:
    def change() -> None:
        app.after_request_funcs.setdefault(None, []).append(mark("after"))

    return change, seen


@row
def after_request_replaced(app: Flask) -> Row:
    def change() -> None:
        app.after_request_funcs = defaultdict(list)
        app.after_request_funcs[None].append(mark("after"))

    return change, seen


@row
def after_request_item_deleted(app: Flask) -> Row:
    app.after_request(mark("deleted"))
    return lambda: app.after_request_funcs[None].clear(), seen


@row
def after_request_replaced_by_a_hook_of_itself(app: Flask) -> Row:
    def replace(response: t.Any) -> t.Any:
        app.after_request_funcs = defaultdict(list, {None: [mark("late")]})
        return mark("first")(response)

    return lambda: app.after_request_funcs.setdefault(None, []).append(replace), seen


@row
def functions_for_this_request(app: Flask) -> Row:
    def change() -> None:
        @flask.after_this_request
        def outer(response: t.Any) -> t.Any:
            flask.after_this_request(mark("inner"))
            return response

    return change, seen


@row
def functions_for_this_request_assigned(app: Flask) -> Row:
    def change() -> None:
        flask.globals.request_ctx._after_request_functions = [mark("assigned")]

    return change, seen


@row
def teardown_request_appended(app: Flask) -> Row:
    app.extensions["torn"] = []

    def change() -> None:
        app.teardown_request_funcs.setdefault(None, []).append(
            app.extensions["torn"].append
        )

    return change, lambda: repr(app.extensions["torn"])


@row
def teardown_appcontext_appended(app: Flask) -> Row:
    app.extensions["torn"] = []

    def change() -> None:
        app.teardown_appcontext_funcs.append(app.extensions["torn"].append)

    return change, lambda: repr(app.extensions["torn"])


@row
def context_processors(app: Flask) -> Row:
    def change() -> None:
        app.template_context_processors[None].append(lambda: {"late": "late"})

    return change, lambda: render_template_string("{{ late }}")


@row
def context_processors_replaced(app: Flask) -> Row:
    def change() -> None:
        app.template_context_processors = {None: [lambda: {"late": "late"}]}

    return change, lambda: render_template_string("{{ late }} {{ request is defined }}")


@row
def error_handlers_by_hand(app: Flask) -> Row:
    def change() -> None:
        app.error_handler_spec[None][418][type_of(418)] = lambda e: ("by hand", 418)

    return change, lambda: abort(418)


def type_of(code: int) -> type:
    from werkzeug.exceptions import default_exceptions

    return default_exceptions[code]


@row
def an_error_handler_for_an_error_of_the_application(app: Flask) -> Row:
    def change() -> None:
        app.error_handler_spec[None][None][ZeroDivisionError] = lambda e: "handled"

    return change, lambda: str(1 // 0)


@row
def a_handler_of_500(app: Flask) -> Row:
    def change() -> None:
        app._got_first_request = False
        app.register_error_handler(500, lambda e: (repr(e.original_exception), 500))

    return change, lambda: str(1 // 0)


@row
def a_blueprint(app: Flask) -> Row:
    blueprint = flask.Blueprint("late", "late")
    blueprint.add_url_rule("/late", "view", lambda: url_for(".view"))
    blueprint.before_request(lambda: setattr(g, "b", 1))
    blueprint.after_request(mark("blueprint"))

    def change() -> None:
        app._got_first_request = False
        app.register_blueprint(blueprint)

    return change, seen


@row
def a_registry_of_a_blueprint(app: Flask) -> Row:
    blueprint = flask.Blueprint("late", "late")
    blueprint.add_url_rule("/late", "view", lambda: "late")
    app.register_blueprint(blueprint)

    def change() -> None:
        # Copied into the application's own when it was registered.
        blueprint.after_request_funcs.setdefault(None, []).append(mark("own"))
        app.after_request_funcs.setdefault("late", []).append(mark("named"))

    return change, seen


@row
def extensions(app: Flask) -> Row:
    return (
        lambda: app.extensions.update(late="late"),
        lambda: str(current_app.extensions.get("late")),
    )


# Signals


@row
def receivers_of_signals(app: Flask) -> Row:
    sent: list[str] = []
    names = (
        "appcontext_popped appcontext_pushed appcontext_tearing_down request_finished"
        " request_started request_tearing_down"
    ).split()

    def change() -> None:
        for name in names:

            def receive(sender: t.Any, name: str = name, **kwargs: t.Any) -> None:
                sent.append(name)

            app.extensions[name] = receive
            getattr(flask, name).connect(receive, app)

    return change, lambda: " ".join(sent)
