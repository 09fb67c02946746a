"""Prints what raises, and what warns, when an application is put together wrongly.

python flask_mistakes.py            of whatever `flask` is installed
python flask_mistakes.py --alias    of this package, through the alias
"""

from __future__ import annotations

import contextvars
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

Mistake = Callable[[Any], object]

MISTAKES: dict[str, Mistake] = {}


def mistake(function: Mistake) -> Mistake:
    """Add a function to the list, under its name."""
    MISTAKES[function.__name__] = function
    return function


def view(**arguments: Any) -> str:
    """Answer a request."""
    return "view"


def other(**arguments: Any) -> str:
    """Answer another request."""
    return "other"


def make_app(flask: Any, **options: Any) -> Any:
    """Make an application without folders."""
    return flask.Flask("named", root_path="/nowhere", static_folder=None, **options)


def make_used_app(flask: Any) -> Any:
    """Make an application that has handled a request."""
    app = make_app(flask)
    app.testing = True
    app.test_client().get("/")
    return app


SETUP: dict[str, Callable[[Any], object]] = {
    "add_template_filter": lambda it: it.add_template_filter(view),
    "add_template_global": lambda it: it.add_template_global(view),
    "add_template_test": lambda it: it.add_template_test(view),
    "add_url_rule": lambda it: it.add_url_rule("/x", view_func=view),
    "after_request": lambda it: it.after_request(view),
    "before_request": lambda it: it.before_request(view),
    "context_processor": lambda it: it.context_processor(view),
    "endpoint": lambda it: it.endpoint("x")(view),
    "errorhandler": lambda it: it.errorhandler(404)(view),
    "get": lambda it: it.get("/x")(view),
    "register_error_handler": lambda it: it.register_error_handler(404, view),
    "route": lambda it: it.route("/x")(view),
    "shell_context_processor": lambda it: it.shell_context_processor(view),
    "teardown_appcontext": lambda it: it.teardown_appcontext(view),
    "teardown_request": lambda it: it.teardown_request(view),
    "template_filter": lambda it: it.template_filter()(view),
    "template_global": lambda it: it.template_global()(view),
    "template_test": lambda it: it.template_test()(view),
    "url_defaults": lambda it: it.url_defaults(view),
    "url_value_preprocessor": lambda it: it.url_value_preprocessor(view),
}

BLUEPRINT_SETUP: dict[str, Callable[[Any], object]] = {
    **{
        name: call
        for name, call in SETUP.items()
        if not name.startswith(("add_template", "template", "shell", "teardown_app"))
    },
    "add_app_template_filter": lambda it: it.add_app_template_filter(view),
    "add_app_template_global": lambda it: it.add_app_template_global(view),
    "add_app_template_test": lambda it: it.add_app_template_test(view),
    "after_app_request": lambda it: it.after_app_request(view),
    "app_context_processor": lambda it: it.app_context_processor(view),
    "app_errorhandler": lambda it: it.app_errorhandler(404)(view),
    "app_template_filter": lambda it: it.app_template_filter()(view),
    "app_template_global": lambda it: it.app_template_global()(view),
    "app_template_test": lambda it: it.app_template_test()(view),
    "app_url_defaults": lambda it: it.app_url_defaults(view),
    "app_url_value_preprocessor": lambda it: it.app_url_value_preprocessor(view),
    "before_app_request": lambda it: it.before_app_request(view),
    "record": lambda it: it.record(view),
    "record_once": lambda it: it.record_once(view),
    "teardown_app_request": lambda it: it.teardown_app_request(view),
}


def add_late_setup() -> None:
    """Add each setup method, called after it could have had an effect."""
    for name, call in SETUP.items():

        def late(flask: Any, call: Callable[[Any], object] = call) -> object:
            return call(make_used_app(flask))

        MISTAKES[f"app_{name}_after_a_request"] = late

    for name, call in BLUEPRINT_SETUP.items():

        def later(flask: Any, call: Callable[[Any], object] = call) -> object:
            blueprint = flask.Blueprint("part", "named", root_path="/nowhere")
            make_app(flask).register_blueprint(blueprint)
            return call(blueprint)

        MISTAKES[f"blueprint_{name}_after_registration"] = later


add_late_setup()


@mistake
def blueprint_registered_after_a_request(flask: Any) -> None:
    make_used_app(flask).register_blueprint(flask.Blueprint("part", "named"))


@mistake
def nested_blueprint_after_registration(flask: Any) -> None:
    blueprint = flask.Blueprint("part", "named")
    make_app(flask).register_blueprint(blueprint)
    blueprint.register_blueprint(flask.Blueprint("inner", "named"))


@mistake
def blueprint_in_itself(flask: Any) -> None:
    blueprint = flask.Blueprint("part", "named")
    blueprint.register_blueprint(blueprint)


@mistake
def two_blueprints_of_one_name(flask: Any) -> None:
    app = make_app(flask)
    app.register_blueprint(flask.Blueprint("part", "named"))
    app.register_blueprint(flask.Blueprint("part", "named"))


@mistake
def one_blueprint_twice(flask: Any) -> None:
    app = make_app(flask)
    blueprint = flask.Blueprint("part", "named")
    app.register_blueprint(blueprint)
    app.register_blueprint(blueprint)


@mistake
def one_blueprint_twice_under_other_names(flask: Any) -> list[str]:
    app = make_app(flask)
    blueprint = flask.Blueprint("part", "named")
    app.register_blueprint(blueprint)
    app.register_blueprint(blueprint, name="other")
    return list(app.blueprints)


@mistake
def blueprint_without_a_name(flask: Any) -> None:
    flask.Blueprint("", "named")


@mistake
def blueprint_with_a_dot(flask: Any) -> None:
    flask.Blueprint("a.b", "named")


@mistake
def blueprint_endpoint_with_a_dot(flask: Any) -> None:
    flask.Blueprint("a", "named").add_url_rule("/", endpoint="a.b", view_func=view)


@mistake
def blueprint_view_with_a_dot(flask: Any) -> None:
    def function() -> str:
        return ""

    function.__name__ = "a.b"
    flask.Blueprint("a", "named").add_url_rule("/", view_func=function)


@mistake
def blueprint_static_url_without_slash(flask: Any) -> None:
    blueprint = flask.Blueprint("a", "named", "static", root_path="/nowhere")
    make_app(flask).register_blueprint(blueprint, url_prefix="p")


@mistake
def methods_as_a_string(flask: Any) -> None:
    make_app(flask).add_url_rule("/", view_func=view, methods="GET")


@mistake
def methods_given_to_get(flask: Any) -> None:
    make_app(flask).get("/", methods=["POST"])(view)


@mistake
def rule_without_slash(flask: Any) -> None:
    make_app(flask).add_url_rule("x", view_func=view)


@mistake
def rule_without_endpoint_or_view(flask: Any) -> None:
    make_app(flask).add_url_rule("/")


@mistake
def rule_with_endpoint_only_asked_for(flask: Any) -> int:
    app = make_app(flask)
    app.add_url_rule("/", endpoint="x")
    app.testing = True
    return int(app.test_client().get("/").status_code)


@mistake
def rule_with_an_unknown_converter(flask: Any) -> None:
    make_app(flask).add_url_rule("/<nothing:x>", view_func=view)


@mistake
def rule_with_a_malformed_variable(flask: Any) -> None:
    make_app(flask).add_url_rule("/<x", view_func=view)


@mistake
def rule_with_an_unknown_option(flask: Any) -> None:
    make_app(flask).add_url_rule("/", view_func=view, unknown=1)


@mistake
def endpoint_taken_by_another_view(flask: Any) -> None:
    app = make_app(flask)
    app.add_url_rule("/a", "x", view)
    app.add_url_rule("/b", "x", other)


@mistake
def route_without_parentheses(flask: Any) -> object:
    return make_app(flask).route(view)


@mistake
def errorhandler_for_an_instance(flask: Any) -> None:
    make_app(flask).errorhandler(ValueError("x"))(view)


@mistake
def errorhandler_for_an_unknown_code(flask: Any) -> None:
    make_app(flask).errorhandler(999)(view)


@mistake
def errorhandler_for_a_class_that_is_no_exception(flask: Any) -> None:
    make_app(flask).errorhandler(int)(view)


@mistake
def errorhandler_for_a_string(flask: Any) -> None:
    make_app(flask).errorhandler("404")(view)


@mistake
def errorhandler_for_a_code_that_is_no_error(flask: Any) -> None:
    make_app(flask).errorhandler(200)(view)


@mistake
def host_matching_without_static_host(flask: Any) -> None:
    flask.Flask("named", root_path="/nowhere", host_matching=True)


@mistake
def static_host_without_host_matching(flask: Any) -> None:
    flask.Flask("named", root_path="/nowhere", static_host="x")


@mistake
def relative_instance_path(flask: Any) -> None:
    flask.Flask("named", root_path="/nowhere", instance_path="here")


@mistake
def import_name_without_a_place(flask: Any) -> None:
    sys.modules["placeless"] = type(sys)("placeless")
    flask.Flask("placeless")


@mistake
def import_name_missing(flask: Any) -> None:
    flask.Flask()


@mistake
def static_url_without_static_folder(flask: Any) -> None:
    make_app(flask).send_static_file("x")


@mistake
def blueprint_static_file_without_folder(flask: Any) -> None:
    flask.Blueprint("a", "named", root_path="/nowhere").send_static_file("x")


@mistake
def async_view_without_a_loop_helper(flask: Any) -> None:
    sys.modules["asgiref"] = None  # type: ignore[assignment]
    sys.modules["asgiref.sync"] = None  # type: ignore[assignment]

    async def asynchronous() -> None:
        """Do nothing."""

    try:
        make_app(flask).ensure_sync(asynchronous)()
    finally:
        del sys.modules["asgiref"], sys.modules["asgiref.sync"]


def answer(flask: Any, value: object) -> object:
    """Return the status of a view that returns a value."""
    app = make_app(flask)
    app.testing = True
    app.add_url_rule("/", "the_view", lambda: value)
    return app.test_client().get("/").status


@mistake
def view_returning_none(flask: Any) -> object:
    return answer(flask, None)


@mistake
def view_returning_none_with_a_status(flask: Any) -> object:
    return answer(flask, (None, 400))


@mistake
def view_returning_a_bool(flask: Any) -> object:
    return answer(flask, True)


@mistake
def view_returning_an_int(flask: Any) -> object:
    return answer(flask, 200)


@mistake
def view_returning_an_empty_tuple(flask: Any) -> object:
    return answer(flask, ())


@mistake
def view_returning_a_tuple_of_four(flask: Any) -> object:
    return answer(flask, ("x", 200, {}, 1))


@mistake
def view_returning_a_status_without_reason(flask: Any) -> object:
    return answer(flask, ("x", "299"))


@mistake
def view_returning_a_status_of_a_wrong_type(flask: Any) -> object:
    return answer(flask, ("x", 2.5))


@mistake
def view_returning_headers_of_a_wrong_type(flask: Any) -> object:
    return answer(flask, ("x", 200, 5))


@mistake
def view_returning_a_header_with_a_line_break(flask: Any) -> object:
    return answer(flask, ("x", {"X-A": "a\r\nb"}))


@mistake
def current_app_outside(flask: Any) -> None:
    flask.current_app.name  # noqa: B018


@mistake
def g_outside(flask: Any) -> None:
    flask.g.x  # noqa: B018


@mistake
def g_attribute_that_is_not_set(flask: Any) -> None:
    with make_app(flask).app_context():
        flask.g.x  # noqa: B018


@mistake
def g_pop_of_what_is_not_set(flask: Any) -> None:
    with make_app(flask).app_context():
        flask.g.pop("x")


@mistake
def request_outside(flask: Any) -> None:
    with make_app(flask).app_context():
        flask.request.path  # noqa: B018


@mistake
def session_outside(flask: Any) -> None:
    flask.session["x"] = 1


@mistake
def session_written_without_a_key(flask: Any) -> None:
    with make_app(flask).test_request_context():
        flask.session["x"] = 1


@mistake
def session_popped_without_a_key(flask: Any) -> None:
    with make_app(flask).test_request_context():
        flask.session.pop("x", None)


@mistake
def session_read_without_a_key(flask: Any) -> object:
    with make_app(flask).test_request_context():
        return flask.session.get("x")


@mistake
def after_this_request_outside(flask: Any) -> None:
    flask.after_this_request(view)


@mistake
def copy_current_request_context_outside(flask: Any) -> None:
    flask.copy_current_request_context(view)


@mistake
def stream_with_context_outside(flask: Any) -> None:
    list(flask.stream_with_context(iter("ab")))


@mistake
def url_for_outside(flask: Any) -> None:
    flask.url_for("x")


@mistake
def url_for_without_server_name(flask: Any) -> None:
    with make_app(flask).app_context():
        flask.url_for("x")


@mistake
def url_for_of_an_unknown_endpoint(flask: Any) -> None:
    with make_app(flask).test_request_context():
        flask.url_for("x", y=1)


@mistake
def url_for_a_scheme_that_is_not_external(flask: Any) -> None:
    app = make_app(flask)
    app.add_url_rule("/", "x", view)
    with app.test_request_context():
        flask.url_for("x", _scheme="https", _external=False)


@mistake
def abort_with_an_unknown_code(flask: Any) -> None:
    flask.abort(999)


@mistake
def redirect_needs_a_place(flask: Any) -> None:
    flask.redirect()


@mistake
def popping_the_wrong_context(flask: Any) -> None:
    app = make_app(flask)
    first, second = app.app_context(), app.app_context()
    first.push()
    second.push()
    first.pop()


@mistake
def popping_a_context_that_is_not_pushed(flask: Any) -> None:
    make_app(flask).test_request_context().pop()


@mistake
def popping_an_app_context_that_is_not_pushed(flask: Any) -> None:
    make_app(flask).app_context().pop()


@mistake
def missing_template(flask: Any) -> None:
    with make_app(flask).app_context():
        flask.render_template("no.html")


@mistake
def missing_template_of_several(flask: Any) -> None:
    with make_app(flask).app_context():
        flask.render_template(["no.html", "none.html"])


@mistake
def missing_template_attribute(flask: Any) -> None:
    with make_app(flask).app_context():
        flask.get_template_attribute("no.html", "x")


@mistake
def dispatch_request_of_a_bare_view_class(flask: Any) -> None:
    import_module("flask.views").View().dispatch_request()


@mistake
def method_view_without_the_method(flask: Any) -> object:
    app = make_app(flask)
    app.testing = True
    bases = (import_module("flask.views").MethodView,)
    item: Any = type("Item", bases, {"get": view})
    app.add_url_rule("/", view_func=item.as_view("item"), methods=["GET", "POST"])
    return app.test_client().post("/").status


@mistake
def config_file_missing(flask: Any) -> None:
    make_app(flask).config.from_pyfile("none.cfg")


@mistake
def config_json_missing(flask: Any) -> None:
    make_app(flask).config.from_file("none.json", json.load)


@mistake
def config_variable_missing(flask: Any) -> None:
    make_app(flask).config.from_envvar("NO_SUCH_VARIABLE")


@mistake
def config_of_two_mappings(flask: Any) -> None:
    make_app(flask).config.from_mapping({}, {})


@mistake
def config_of_an_unknown_module(flask: Any) -> None:
    make_app(flask).config.from_object("no_such_module")


@mistake
def config_of_an_unknown_object(flask: Any) -> None:
    make_app(flask).config.from_object("json.nothing")


@mistake
def json_of_what_has_none(flask: Any) -> None:
    with make_app(flask).app_context():
        flask.json.dumps(object())


@mistake
def jsonify_of_both_kinds(flask: Any) -> None:
    with make_app(flask).app_context():
        flask.jsonify(1, a=1)


@mistake
def json_tag_registered_twice(flask: Any) -> None:
    tag = flask.json.tag
    tag.TaggedJSONSerializer().register(tag.TagDict)


@mistake
def bare_json_provider(flask: Any) -> None:
    flask.json.provider.JSONProvider(make_app(flask)).dumps(1)


@mistake
def bare_session_interface(flask: Any) -> None:
    flask.sessions.SessionInterface().open_session(make_app(flask), None)


@mistake
def session_interface_that_opens_nothing(flask: Any) -> None:
    class Closed(flask.sessions.SessionInterface):  # type: ignore[misc]
        def open_session(self, app: Any, request: Any) -> None:
            return None

        def save_session(self, app: Any, session: Any, response: Any) -> None:
            """Keep nothing."""

    app = make_app(flask)
    app.session_interface = Closed()
    with app.test_client().session_transaction():
        pass


@mistake
def session_transaction_without_cookies(flask: Any) -> None:
    with make_app(flask).test_client(use_cookies=False).session_transaction():
        pass


@mistake
def session_transaction_without_a_key(flask: Any) -> None:
    app = make_app(flask)
    with app.test_client().session_transaction() as session:
        session["x"] = 1


@mistake
def client_entered_twice(flask: Any) -> None:
    with make_app(flask).test_client() as client, client:
        pass


@mistake
def environ_builder_with_url_and_subdomain(flask: Any) -> None:
    make_app(flask).test_request_context("/", subdomain="a", base_url="http://x/")


@mistake
def open_resource_for_writing(flask: Any) -> None:
    make_app(flask).open_resource("x", "w")


@mistake
def send_file_of_text(flask: Any) -> None:
    import io

    with make_app(flask).test_request_context():
        flask.send_file(io.StringIO("x"), download_name="x")


@mistake
def send_file_without_a_name(flask: Any) -> None:
    import io

    with make_app(flask).test_request_context():
        flask.send_file(io.BytesIO(b"x"))


@mistake
def version_attribute(flask: Any) -> object:
    return flask.__version__


@mistake
def unknown_attribute_of_the_package(flask: Any) -> object:
    return flask.no_such_name


@mistake
def secret_key_unset_for_the_session_interface(flask: Any) -> object:
    return make_app(flask).session_interface.get_signing_serializer(make_app(flask))


@mistake
def jinja_options_after_the_environment(flask: Any) -> object:
    app = make_app(flask)
    app.jinja_env  # noqa: B018
    app.jinja_options = {"trim_blocks": True}
    return app.jinja_env.trim_blocks


@mistake
def bad_key_in_testing(flask: Any) -> object:
    app = make_app(flask)
    app.testing = True
    app.add_url_rule("/", "x", lambda: flask.request.form["missing"])
    return app.test_client().get("/").text


@mistake
def bad_key_in_debug(flask: Any) -> object:
    app = make_app(flask)
    app.debug = True
    app.add_url_rule("/", "x", lambda: flask.request.form["missing"])
    return app.test_client().get("/").status


@mistake
def json_body_of_another_type(flask: Any) -> object:
    app = make_app(flask)
    app.add_url_rule("/", "x", lambda: flask.request.json, methods=["POST"])
    return app.test_client().post("/", data="x").status


@mistake
def redirect_of_a_post_in_debug(flask: Any) -> object:
    app = make_app(flask)
    app.debug = True
    app.add_url_rule("/a/", "x", view, methods=["GET", "POST"])
    return app.test_client().post("/a", data={"a": "b"}).status


@mistake
def file_sent_as_a_field_in_debug(flask: Any) -> object:
    app = make_app(flask)
    app.debug = True
    app.add_url_rule("/", "x", lambda: flask.request.files["f"], methods=["POST"])
    return app.test_client().post("/", data={"f": "name.txt"}).status


@mistake
def app_that_cannot_be_found(flask: Any) -> object:
    return import_module("flask.cli").locate_app("no_such_module_here", None)


@mistake
def module_without_an_app(flask: Any) -> object:
    return import_module("flask.cli").locate_app("json", None)


@mistake
def app_name_that_is_no_expression(flask: Any) -> object:
    return import_module("flask.cli").find_app_by_string(sys, "a b(")


@mistake
def app_name_with_computed_arguments(flask: Any) -> object:
    return import_module("flask.cli").find_app_by_string(sys, "exit(1 + x)")


@mistake
def app_name_of_what_is_no_app(flask: Any) -> object:
    return import_module("flask.cli").find_app_by_string(sys, "maxsize")


@mistake
def app_name_that_is_missing(flask: Any) -> object:
    return import_module("flask.cli").find_app_by_string(sys, "nothing")


@mistake
def app_factory_with_wrong_arguments(flask: Any) -> object:
    return import_module("flask.cli").find_app_by_string(sys, "intern(1, 2, 3)")


@mistake
def no_app_at_all(flask: Any) -> object:
    return import_module("flask.cli").ScriptInfo(None, None, False).load_app()


def outcome(function: Mistake) -> dict[str, Any]:
    """Return what a mistake raises or returns, and what it warns of."""
    flask = import_module("flask")
    found: dict[str, Any] = {}

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(flask)
        except BaseException as e:
            found["raised"] = [cls.__name__ for cls in type(e).__mro__]
            found["message"] = str(e)
            found["cause"] = type(e.__cause__).__name__
        else:
            found["returned"] = result if isinstance(result, str | int | list) else None

    found["warned"] = [warning.category.__name__ for warning in caught]
    return found


def main() -> None:
    """Print all outcomes as JSON."""
    if "--alias" in sys.argv:
        import bustapi_alias

        bustapi_alias.install()

    # Neither an application nor a file of settings stands in an empty folder.
    with tempfile.TemporaryDirectory() as folder:
        here = Path.cwd()
        os.chdir(folder)
        try:
            outcomes = {
                name: contextvars.Context().run(outcome, call)
                for name, call in MISTAKES.items()
            }
        finally:
            os.chdir(here)

    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    main()
