"""The application object: from ``template_context_processors`` to ``wsgi_app``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import BadRequestKeyError, NotFound
from werkzeug.routing import BaseConverter, BuildError, Rule
from werkzeug.test import create_environ, run_wsgi_app

from bustapi import (
    Blueprint,
    BustAPI,
    abort,
    g,
    render_template_string,
    request,
    send_file,
    session,
    url_for,
)
from bustapi.testing import FlaskClient
from edges import make_client
from specification.using import Failure, fail, removed, write

statement = pytest.mark.statement


def render(app: BustAPI, source: str, **context: Any) -> str:
    with app.test_request_context("/"):
        return render_template_string(source, **context)


# template_context_processors


@statement("template_context_processors", "called without argument to populate")
@statement("template_context_processors", "the name of the blueprint")
@statement("template_context_processors", "returns a dictionary")
def test_processors_populate_the_context_by_blueprint(
    app: BustAPI, client: FlaskClient
) -> None:
    source = "{{ a }} {{ b }}"
    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/part", "index", lambda: render_template_string(source))
    app.register_blueprint(blueprint)
    app.add_url_rule("/", "index", lambda: render_template_string(source))
    app.template_context_processors[None].append(lambda: {"a": 1})
    app.template_context_processors["part"] = [lambda: {"b": 2}]

    assert client.get("/").data == b"1 "
    assert client.get("/part").data == b"1 2"


@statement("template_context_processors", "use the context_processor() decorator")
def test_context_processor_fills_template_context_processors(app: BustAPI) -> None:
    @app.context_processor
    def processor() -> dict[str, Any]:
        return {"a": 1}

    assert processor in app.template_context_processors[None]
    assert render(app, "{{ a }}") == "1"


# template_filter, template_global, template_test


@statement("template_filter", "used to register custom template filter")
@statement("template_filter", "otherwise the function name will be used")
def test_template_filter_registers_under_the_name_of_the_function(
    app: BustAPI,
) -> None:
    @app.template_filter()
    def backwards(s: str) -> str:
        return s[::-1]

    assert render(app, "{{ 'abc'|backwards }}") == "cba"
    assert backwards("ab") == "ba"


@statement("template_filter", "specify a name for the filter")
@pytest.mark.parametrize("by_keyword", [False, True])
def test_template_filter_takes_a_name(app: BustAPI, by_keyword: bool) -> None:
    decorate = (
        app.template_filter(name="turned")
        if by_keyword
        else app.template_filter("turned")
    )
    decorate(lambda s: s[::-1])

    assert render(app, "{{ 'abc'|turned }}") == "cba"


@statement("template_global", "register a custom template global function")
@statement("template_global", "otherwise the function name will be used")
def test_template_global_registers_under_the_name_of_the_function(
    app: BustAPI,
) -> None:
    @app.template_global()
    def double(n: int) -> int:
        return 2 * n

    assert render(app, "{{ double(21) }}") == "42"


@statement("template_global", "specify a name for the global function")
def test_template_global_takes_a_name(app: BustAPI) -> None:
    app.template_global("twice")(lambda n: 2 * n)

    assert render(app, "{{ twice(21) }}") == "42"


@statement("template_test", "used to register custom template test")
@statement("template_test", "otherwise the function name will be used")
def test_template_test_registers_under_the_name_of_the_function(app: BustAPI) -> None:
    @app.template_test()
    def prime(number: int) -> bool:
        divisors = range(2, math.isqrt(number) + 1)
        return number > 1 and all(number % divisor for divisor in divisors)

    source = "{% for n in range(12) if n is prime %}{{ n }} {% endfor %}"
    assert render(app, source) == "2 3 5 7 11 "


@statement("template_test", "specify a name for the test")
def test_template_test_takes_a_name(app: BustAPI) -> None:
    app.template_test("paired")(lambda n: n % 2 == 0)

    assert render(app, "{{ 2 is paired }} {{ 3 is paired }}") == "True False"


# test_client


@statement("test_client", "creates a test client for this application")
def test_test_client_asks_the_application(app: BustAPI) -> None:
    app.add_url_rule("/", "index", lambda: "hello")

    assert app.test_client().get("/").data == b"hello"


@statement("test_client", "in order for the exceptions to propagate")
@statement("test_client", "a 500 status code response")
@pytest.mark.parametrize("testing", [True, False])
def test_errors_reach_the_test_while_testing(app: BustAPI, testing: bool) -> None:
    app.testing = testing
    app.logger.disabled = True
    app.add_url_rule("/", "index", fail)
    client = app.test_client()

    if testing:
        with pytest.raises(Failure):
            client.get("/")
    else:
        assert client.get("/").status_code == 500

    app.logger.disabled = False


@statement("test_client", "access the context locals for testing")
def test_the_context_of_a_request_can_be_looked_at_in_a_block(app: BustAPI) -> None:
    app.add_url_rule("/", "index", lambda: "")

    with app.test_client() as c:
        c.get("/?order=42")
        assert request.args["order"] == "42"

    assert not request


class CustomClient(FlaskClient):
    """The client of the document's example."""

    def __init__(
        self, *args: Any, authentication: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._authentication = authentication

    def open(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("headers", {})["Authorization"] = self._authentication
        return super().open(*args, **kwargs)


@statement("test_client", "optional keyword arguments")
def test_keyword_arguments_reach_the_class_of_the_client(app: BustAPI) -> None:
    app.add_url_rule("/", "index", lambda: request.headers["Authorization"])
    app.test_client_class = CustomClient

    client = app.test_client(authentication="Basic secret")

    assert client.get("/").data == b"Basic secret"


@statement("test_client", "use_cookies=True")
@pytest.mark.parametrize(
    ("options", "answer"), [({}, b"2"), ({"use_cookies": False}, b"1")]
)
def test_the_client_keeps_cookies_unless_it_is_told_otherwise(
    app: BustAPI, options: dict[str, bool], answer: bytes
) -> None:
    @app.route("/")
    def index() -> str:
        session["count"] = session.get("count", 0) + 1
        return str(session["count"])

    client = app.test_client(**options)
    client.get("/")

    assert client.get("/").data == answer


@statement("test_client_class", "the test client that is used with")
def test_test_client_class_is_used(app: BustAPI) -> None:
    assert type(app.test_client()) is FlaskClient

    app.test_client_class = CustomClient

    assert type(app.test_client()) is CustomClient


# test_request_context


@statement("test_request_context", "creates a WSGI environment from the given values")
@statement("test_request_context", "accepts the same arguments")
def test_test_request_context_takes_what_a_request_is_made_of(app: BustAPI) -> None:
    with app.test_request_context(
        "/page?a=1",
        method="POST",
        data={"b": "2"},
        headers={"X-Own": "3"},
        base_url="https://example.org/root",
    ):
        assert (request.path, request.method) == ("/page", "POST")
        assert (request.args["a"], request.form["b"]) == ("1", "2")
        assert request.headers["X-Own"] == "3"
        assert request.url == "https://example.org/root/page?a=1"


# testing


@statement("testing", "to enable the test mode")
@statement("testing", "it's implicitly enabled")
@pytest.mark.parametrize(
    ("propagate", "raises"), [(None, True), (True, True), (False, False)]
)
def test_testing_lets_errors_out(
    app: BustAPI, client: FlaskClient, propagate: bool | None, raises: bool
) -> None:
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = propagate
    app.logger.disabled = True
    app.add_url_rule("/", "index", fail)

    if raises:
        with pytest.raises(Failure):
            client.get("/")
    else:
        assert client.get("/").status_code == 500

    app.logger.disabled = False


@statement("testing", "with the TESTING configuration key")
@statement("testing", "defaults to False")
def test_testing_is_the_key_of_the_configuration(app: BustAPI) -> None:
    assert app.testing is False

    app.config["TESTING"] = True
    assert app.testing is True

    app.testing = False
    assert app.config["TESTING"] is False


# trap_http_exception


KEY_ERROR, NOT_FOUND = BadRequestKeyError(), NotFound()


@statement("trap_http_exception", "checks if an HTTP exception should be trapped")
@statement("trap_http_exception", "return False for all exceptions except")
@statement("trap_http_exception", "if TRAP_HTTP_EXCEPTIONS is set to True")
@pytest.mark.parametrize(
    ("config", "key_error", "not_found"),
    [
        ({}, False, False),
        ({"TRAP_BAD_REQUEST_ERRORS": True}, True, False),
        ({"TRAP_HTTP_EXCEPTIONS": True}, True, True),
    ],
)
def test_what_is_trapped_by_default(
    app: BustAPI, config: dict[str, bool], key_error: bool, not_found: bool
) -> None:
    app.config.update(config)

    assert app.trap_http_exception(KEY_ERROR) is key_error
    assert app.trap_http_exception(NOT_FOUND) is not_found


@statement("trap_http_exception", "shows up as regular exception in the traceback")
def test_a_trapped_error_leaves_the_application(
    app: BustAPI, client: FlaskClient
) -> None:
    app.config.update(TRAP_HTTP_EXCEPTIONS=True, TESTING=True)
    app.add_url_rule("/", "index", lambda: abort(404))

    with pytest.raises(NotFound):
        client.get("/")


@statement("trap_http_exception", "called for all HTTP exceptions")
def test_an_override_decides_what_is_trapped(edge: str) -> None:
    seen: list[type] = []

    class Own(BustAPI):
        def trap_http_exception(self, e: Exception) -> bool:
            seen.append(type(e))
            return isinstance(e, NotFound)

    app = Own()
    app.testing = True
    app.add_url_rule("/<int:code>", "view", lambda code: abort(code))

    with make_client(app, edge) as client:
        assert client.get("/403").status_code == 403
        with pytest.raises(NotFound):
            client.get("/404")

    assert len(seen) == 2


@statement("trap_http_exception", "the error handler for this exception")
def test_a_handler_answers_a_trapped_error_all_the_same(
    app: BustAPI, client: FlaskClient
) -> None:
    # The document has it otherwise; no release of Flask since 0.11 did that.
    app.config.update(TRAP_HTTP_EXCEPTIONS=True, TESTING=True)
    app.register_error_handler(404, lambda error: ("handled", 404))
    app.add_url_rule("/", "index", lambda: abort(404))

    assert client.get("/").data == b"handled"


# update_template_context


@statement("update_template_context", "injects request, session, config and g")
def test_templates_have_the_common_variables(app: BustAPI, client: FlaskClient) -> None:
    source = "{{ request.path }} {{ session.a }} {{ config.B }} {{ g.c }}"
    app.config["B"] = 2

    @app.route("/")
    def index() -> str:
        session["a"], g.c = 1, 3
        return render_template_string(source)

    assert client.get("/").data == b"/ 1 2 3"


@statement("update_template_context", "everything template context processors want")
@statement("update_template_context", "a dictionary that is updated in place")
def test_the_dictionary_is_updated_in_place(app: BustAPI) -> None:
    app.context_processor(lambda: {"a": 1})
    context: dict[str, Any] = {"b": 2}

    with app.test_request_context("/"):
        app.update_template_context(context)

        assert context["a"] == 1
        assert context["b"] == 2
        assert context["request"].path == "/"
        assert "g" in context


@statement("update_template_context", "the original values in the context")
def test_what_was_passed_is_not_overridden(app: BustAPI) -> None:
    app.context_processor(lambda: {"a": "of the processor"})

    assert render(app, "{{ a }}", a="passed") == "passed"
    assert render(app, "{{ a }}") == "of the processor"


@statement("update_template_context", "commonly used variables")
def test_an_override_updates_the_context_of_all_templates(edge: str) -> None:
    class Own(BustAPI):
        def update_template_context(self, context: dict[str, Any]) -> None:
            super().update_template_context(context)
            context["answer"] = 42

    app = Own()
    app.add_url_rule("/", "index", lambda: render_template_string("{{ answer }}"))

    with make_client(app, edge) as client:
        assert client.get("/").data == b"42"


# url_build_error_handlers, handle_url_build_error


@statement("url_build_error_handlers", "called when url_for() raises a BuildError")
@statement("url_build_error_handlers", "called with error, endpoint and values")
@statement("handle_url_build_error", "handle_url_build_error")
def test_a_handler_answers_for_a_url(app: BustAPI, client: FlaskClient) -> None:
    seen: list[tuple[type, str, object]] = []

    def handler(error: Exception, endpoint: str, values: dict[str, Any]) -> str:
        seen.append((type(error), endpoint, values["a"]))
        return f"/external/{endpoint}"

    app.url_build_error_handlers.append(handler)
    app.add_url_rule("/", "index", lambda: url_for("missing", a=1))

    assert client.get("/").data == b"/external/missing"
    assert seen == [(BuildError, "missing", 1)]


@statement("url_build_error_handlers", "the next function is tried")
@pytest.mark.parametrize("way", ["none", "raise"])
def test_the_next_handler_is_tried(app: BustAPI, client: FlaskClient, way: str) -> None:
    def first(error: Exception, endpoint: str, values: dict[str, Any]) -> Any:
        if way == "raise":
            raise error

        return None

    app.url_build_error_handlers += [first, lambda *args: "/second"]
    app.add_url_rule("/", "index", lambda: url_for("missing"))

    assert client.get("/").data == b"/second"


@statement("url_build_error_handlers", "called when url_for() raises a BuildError")
def test_without_an_answer_the_error_is_raised(app: BustAPI) -> None:
    app.url_build_error_handlers.append(lambda *args: None)  # type: ignore[arg-type]

    with app.test_request_context("/"), pytest.raises(BuildError):
        url_for("missing")


# url_default_functions, url_defaults


@statement("url_default_functions", "the key None is used for application wide")
@statement("url_default_functions", "adds the parameters automatically")
def test_url_default_functions_add_arguments_by_blueprint(
    app: BustAPI, client: FlaskClient
) -> None:
    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule(
        "/<a>/<b>", "index", lambda a, b: url_for("part.index", _method="GET")
    )
    app.register_blueprint(blueprint)
    app.add_url_rule("/<a>", "index", lambda a: url_for("index"))
    app.url_default_functions[None] = [lambda endpoint, values: values.update(a="x")]
    app.url_default_functions["part"] = [lambda endpoint, values: values.update(b="y")]

    assert client.get("/1").data == b"/x"
    assert client.get("/1/2").data == b"/x/y"


@statement("url_defaults", "for all view functions of the application")
@statement("url_defaults", "called with the endpoint and values")
def test_url_defaults_update_the_values_in_place(
    app: BustAPI, client: FlaskClient
) -> None:
    seen: list[str] = []

    @app.url_defaults
    def defaults(endpoint: str, values: dict[str, Any]) -> None:
        seen.append(endpoint)
        values.setdefault("language", "de")

    app.add_url_rule("/<language>/", "index", lambda language: url_for("index"))

    assert client.get("/en/").data == b"/de/"
    assert seen == ["index"]


# url_map, url_rule_class


class NamesConverter(BaseConverter):
    """Several values in one part of a path, as in the document's example."""

    def to_python(self, value: str) -> list[str]:
        return sorted(value.split(","), reverse=True)

    def to_url(self, value: list[str]) -> str:
        quote = super().to_url
        return ",".join(map(quote, value))


@statement("url_map", "the Map for this instance")
@statement("url_map", "change the routing converters")
def test_converters_can_be_added_to_the_map(app: BustAPI, client: FlaskClient) -> None:
    app.url_map.converters["names"] = NamesConverter

    @app.route("/<names:names>")
    def view(names: list[str]) -> list[str]:
        return [*names, url_for("view", names=names)]

    assert client.get("/a,b").json == ["b", "a", "/b,a"]
    assert [rule.rule for rule in app.url_map.iter_rules("view")] == ["/<names:names>"]


@statement("url_rule_class", "the rule object to use")
@statement("url_rule_class", "used by add_url_rule()")
def test_an_own_class_of_rules_is_used(edge: str) -> None:
    class Versioned(Rule):
        def __init__(self, rule: str, *args: Any, **options: Any) -> None:
            super().__init__(f"/v1{rule}", *args, **options)

    class Own(BustAPI):
        url_rule_class = Versioned  # type: ignore[assignment]

    app = Own(static_folder=None)
    app.add_url_rule("/page", "page", lambda: "page")

    with make_client(app, edge) as client:
        assert client.get("/v1/page").data == b"page"


@statement("url_rule_class", "defaults to werkzeug.routing.Rule")
def test_rules_are_werkzeugs(app: BustAPI) -> None:
    assert BustAPI.url_rule_class is Rule
    assert {type(rule) for rule in app.url_map.iter_rules()} == {Rule}


# url_value_preprocessor, url_value_preprocessors


@statement("url_value_preprocessor", "called before the view functions")
@statement("url_value_preprocessor", "can modify the url values provided")
def test_a_preprocessor_changes_the_arguments(
    app: BustAPI, client: FlaskClient
) -> None:
    @app.url_value_preprocessor
    def take_language(endpoint: str | None, values: dict[str, Any] | None) -> None:
        assert values is not None
        g.language = values.pop("language")

    app.add_url_rule("/<language>/<name>", "view", lambda name: f"{g.language} {name}")

    assert client.get("/de/you").data == b"de you"


@statement("url_value_preprocessors", "the key None is used for application wide")
@statement("url_value_preprocessors", "the chance to modify the dictionary")
def test_url_value_preprocessors_holds_functions_by_blueprint(
    app: BustAPI, client: FlaskClient
) -> None:
    def change(letter: str) -> Any:
        def preprocessor(endpoint: str, values: dict[str, Any]) -> None:
            values["name"] += letter

        return preprocessor

    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/part/<name>", "view", lambda name: name)
    app.register_blueprint(blueprint)
    app.add_url_rule("/<name>", "view", lambda name: name)
    app.url_value_preprocessors[None] = [change("a")]
    app.url_value_preprocessors["part"] = [change("b")]

    assert client.get("/x").data == b"xa"
    assert client.get("/part/x").data == b"xab"


# use_x_sendfile


@statement("use_x_sendfile", "if you want to use the X-Sendfile feature")
@statement("use_x_sendfile", "only affects files sent with the send_file() method")
@pytest.mark.parametrize("value", [True, False])
def test_use_x_sendfile_names_the_file_to_the_server(
    app: BustAPI, client: FlaskClient, tmp_path: Path, value: bool
) -> None:
    path = write(tmp_path / "a.txt", "a")
    app.add_url_rule("/file", "file", lambda: send_file(path))
    app.add_url_rule("/text", "text", lambda: "text")

    with removed("use_x_sendfile"):
        app.use_x_sendfile = value

    with client.get("/file") as response:
        assert response.headers.get("X-Sendfile") == (str(path) if value else None)

    assert client.get("/text").data == b"text"


@statement("use_x_sendfile", "with the USE_X_SENDFILE configuration key")
@statement("use_x_sendfile", "defaults to False")
def test_use_x_sendfile_reads_the_key(app: BustAPI) -> None:
    assert app.use_x_sendfile is False

    app.config["USE_X_SENDFILE"] = True

    assert app.use_x_sendfile is True


# view_functions


@statement("view_functions", "all view functions registered")
@statement("view_functions", "used to generate URLs")
def test_view_functions_are_found_by_the_name_urls_are_made_of(
    app: BustAPI,
) -> None:
    @app.route("/page")
    def page() -> str:
        return ""

    assert app.view_functions["page"] is page
    with app.test_request_context("/"):
        assert url_for("page") == "/page"


@statement("view_functions", "the values are the function objects themselves")
def test_a_view_function_that_is_replaced_is_called(
    app: BustAPI, client: FlaskClient
) -> None:
    app.add_url_rule("/", "index", lambda: "old")
    client.get("/")

    app.view_functions["index"] = lambda: "new"

    assert client.get("/").data == b"new"


# wsgi_app


@statement("wsgi_app", "the actual WSGI application")
@statement("wsgi_app", "a WSGI environment")
def test_wsgi_app_answers_an_environ(app: BustAPI) -> None:
    app.add_url_rule("/", "index", lambda: "hello")

    body, status, _ = run_wsgi_app(app.wsgi_app, create_environ("/"))

    assert (b"".join(body), status) == (b"hello", "200 OK")


@statement("wsgi_app", "so that middlewares can be applied")
@statement("wsgi_app", "you still have the original application object")
def test_middleware_is_put_around_wsgi_app(app: BustAPI, client: FlaskClient) -> None:
    wrapped = app.wsgi_app

    def middleware(environ: Any, start_response: Any) -> Any:
        environ["PATH_INFO"] = "/new"
        return wrapped(environ, start_response)

    app.wsgi_app = middleware  # type: ignore[method-assign]
    app.add_url_rule("/new", "new", lambda: "new")

    assert client.get("/old").data == b"new"


@statement("wsgi_app", "always execute at the end of the request")
def test_teardown_runs_whatever_happens_in_wsgi_app(app: BustAPI) -> None:
    events: list[type] = []
    app.testing = True
    app.teardown_request(lambda error: events.append(type(error)))
    app.add_url_rule("/", "index", fail)

    with pytest.raises(Failure):
        run_wsgi_app(app.wsgi_app, create_environ("/"))

    assert events == [Failure]
