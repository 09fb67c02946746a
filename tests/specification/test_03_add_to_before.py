"""The application object: from ``add_template_filter`` to ``before_request_funcs``."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bustapi import (
    Blueprint,
    BustAPI,
    Response,
    current_app,
    g,
    make_response,
    render_template_string,
    request,
)
from bustapi.testing import FlaskClient
from edges import make_client
from specification.using import fail, removed, write

statement = pytest.mark.statement


def double(value: int) -> int:
    return 2 * value


def even(value: int) -> bool:
    return value % 2 == 0


# Templates


@statement("add_template_filter", "register a custom template filter")
def test_add_template_filter_registers_a_filter(
    app: BustAPI, client: FlaskClient
) -> None:
    app.add_template_filter(double)
    app.add_url_rule("/", "index", lambda: render_template_string("{{ 21|double }}"))

    assert client.get("/").data == b"42"


@statement("add_template_filter", "the optional name of the filter")
def test_add_template_filter_takes_a_name(app: BustAPI, client: FlaskClient) -> None:
    app.add_template_filter(double, name="twice")
    app.add_url_rule("/", "index", lambda: render_template_string("{{ 21|twice }}"))

    assert client.get("/").data == b"42"


@statement("add_template_global", "register a custom template global function")
def test_add_template_global_registers_a_function(
    app: BustAPI, client: FlaskClient
) -> None:
    app.add_template_global(double)
    app.add_url_rule("/", "index", lambda: render_template_string("{{ double(21) }}"))

    assert client.get("/").data == b"42"


@statement("add_template_global", "the optional name of the global function")
def test_add_template_global_takes_a_name(app: BustAPI, client: FlaskClient) -> None:
    app.add_template_global(double, "twice")
    app.add_url_rule("/", "index", lambda: render_template_string("{{ twice(21) }}"))

    assert client.get("/").data == b"42"


@statement("add_template_test", "register a custom template test")
def test_add_template_test_registers_a_test(app: BustAPI, client: FlaskClient) -> None:
    app.add_template_test(even)
    app.add_url_rule("/", "index", lambda: render_template_string("{{ 2 is even }}"))

    # Jinja has a test of this name; what was registered is the one that is called.
    assert app.jinja_env.tests["even"] is even
    assert client.get("/").data == b"True"


@statement("add_template_test", "the optional name of the test")
def test_add_template_test_takes_a_name(app: BustAPI, client: FlaskClient) -> None:
    app.add_template_test(even, name="paired")
    app.add_url_rule("/", "index", lambda: render_template_string("{{ 3 is paired }}"))

    assert client.get("/").data == b"False"


# add_url_rule


@statement("add_url_rule", "is equivalent to the following")
def test_add_url_rule_does_what_route_does(app: BustAPI, client: FlaskClient) -> None:
    @app.route("/a")
    def by_route() -> str:
        return "view"

    def by_method() -> str:
        return "view"

    app.add_url_rule("/b", "by_method", by_method)

    assert client.get("/a").data == client.get("/b").data == b"view"
    methods = [
        rule.methods
        for endpoint in ("by_route", "by_method")
        for rule in app.url_map.iter_rules(endpoint)
    ]
    assert methods[0] == methods[1]


@statement("add_url_rule", "registered with the endpoint")
def test_the_view_function_is_registered_with_its_endpoint(app: BustAPI) -> None:
    def view() -> str:
        return ""

    app.add_url_rule("/", "index", view)

    assert app.view_functions["index"] is view


@statement("add_url_rule", "you will need to connect the endpoint")
def test_a_view_function_can_be_connected_later(
    app: BustAPI, client: FlaskClient
) -> None:
    app.add_url_rule("/", "index")

    app.view_functions["index"] = lambda: "connected"

    assert client.get("/").data == b"connected"


@statement("add_url_rule", "you only need to change this method")
def test_route_passes_through_an_overridden_add_url_rule(edge: str) -> None:
    class Prefixed(BustAPI):
        def add_url_rule(self, rule: str, *args: Any, **options: Any) -> None:
            super().add_url_rule(f"/api{rule}", *args, **options)

    app = Prefixed(static_folder=None)
    app.route("/page")(lambda: "page")

    with make_client(app, edge) as client:
        assert client.get("/api/page").data == b"page"


@statement("add_url_rule", "the URL rule as string")
def test_the_rule_is_a_pattern_of_the_path(app: BustAPI, client: FlaskClient) -> None:
    app.add_url_rule("/user/<int:number>", "user", lambda number: str(number + 1))

    assert client.get("/user/41").data == b"42"
    assert client.get("/user/x").status_code == 404


@statement("add_url_rule", "assumes the name of the view function")
def test_the_endpoint_is_the_name_of_the_view(
    app: BustAPI, client: FlaskClient
) -> None:
    def named() -> str:
        return request.endpoint or ""

    app.add_url_rule("/", view_func=named)

    assert client.get("/").data == b"named"


@statement("add_url_rule", "forwarded to the underlying Rule")
def test_options_reach_the_rule(app: BustAPI, client: FlaskClient) -> None:
    app.add_url_rule(
        "/page", "page", lambda number: str(number), defaults={"number": 1}
    )
    app.add_url_rule("/strict/", "strict", lambda: "", strict_slashes=False)

    assert client.get("/page").data == b"1"
    assert client.get("/strict").status_code == 200


@statement("add_url_rule", "methods this rule should be limited to")
def test_methods_limit_the_rule(app: BustAPI, client: FlaskClient) -> None:
    app.add_url_rule("/", "index", lambda: "posted", methods=["POST"])

    assert client.post("/").data == b"posted"
    assert client.get("/").status_code == 405


@statement("add_url_rule", "listens for GET (and implicitly HEAD)")
def test_a_rule_answers_get_and_head_by_default(
    app: BustAPI, client: FlaskClient
) -> None:
    app.add_url_rule("/", "index", lambda: "body")

    assert client.get("/").data == b"body"
    head = client.head("/")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == "4"
    assert client.post("/").status_code == 405


@statement("add_url_rule", "OPTIONS is implicitly added")
def test_options_is_answered_without_the_view(
    app: BustAPI, client: FlaskClient
) -> None:
    app.add_url_rule("/", "index", fail, methods=["GET", "PUT"])

    response = client.options("/")

    assert response.status_code == 200
    assert response.allow.as_set() == {"get", "head", "options", "put"}


# after_request


@statement("after_request", "take one parameter, an instance of response_class")
def test_an_after_request_function_gets_the_response(
    app: BustAPI, client: FlaskClient
) -> None:
    class Own(Response):
        pass

    seen: list[type] = []
    app.response_class = Own
    app.add_url_rule("/", "index", lambda: "")

    @app.after_request
    def after(response: Response) -> Response:
        seen.append(type(response))
        return response

    client.get("/")

    assert seen == [Own]


@statement("after_request", "return a new response object or the same")
@pytest.mark.parametrize("is_new", [False, True])
def test_an_after_request_function_may_return_another_response(
    app: BustAPI, client: FlaskClient, is_new: bool
) -> None:
    app.add_url_rule("/", "index", lambda: "old")
    app.after_request(lambda rv: make_response("new") if is_new else rv)

    assert client.get("/").data == (b"new" if is_new else b"old")


@statement("after_request", "might not be executed")
def test_after_request_functions_run_after_an_error_too(
    app: BustAPI, client: FlaskClient
) -> None:
    app.logger.disabled = True

    @app.after_request
    def after(response: Response) -> Response:
        response.headers["X-After"] = str(response.status_code)
        return response

    app.add_url_rule("/", "index", fail)

    assert client.get("/").headers["X-After"] == "500"
    app.logger.disabled = False


@statement("after_request_funcs", "lists of functions that should be called after")
@statement("after_request_funcs", "the name of the blueprint")
def test_after_request_funcs_holds_functions_by_blueprint(
    app: BustAPI, client: FlaskClient
) -> None:
    def mark(name: str) -> Any:
        def function(response: Response) -> Response:
            response.headers.add("X-Mark", name)
            return response

        return function

    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/part", "index", lambda: "")
    app.register_blueprint(blueprint)
    app.add_url_rule("/", "index", lambda: "")
    app.after_request_funcs[None] = [mark("app")]
    app.after_request_funcs["part"] = [mark("part")]

    assert client.get("/").headers.getlist("X-Mark") == ["app"]
    assert client.get("/part").headers.getlist("X-Mark") == ["part", "app"]


@statement("after_request_funcs", "use the after_request() decorator")
def test_after_request_fills_after_request_funcs(app: BustAPI) -> None:
    @app.after_request
    def after(response: Response) -> Response:
        return response

    assert app.after_request_funcs[None] == [after]


# app_context


@statement("app_context", "binds the application only")
def test_app_context_binds_the_application(app: BustAPI) -> None:
    with app.app_context():
        assert current_app.name == app.name
        assert not request

    assert not current_app


@statement("app_context", "automatically created when a request context is pushed")
def test_a_request_has_an_application_context(
    app: BustAPI, client: FlaskClient
) -> None:
    app.add_url_rule("/", "index", lambda: current_app.import_name)

    assert client.get("/").data == b"specified"


# app_ctx_globals_class


class Known:
    """What ``g`` may be: attributes that are connections, none that is unknown."""

    def __init__(self) -> None:
        self.__dict__["opened"] = 0

    @property
    def connection(self) -> str:
        self.__dict__["opened"] += 1
        return f"connection {self.__dict__['opened']}"

    def __getattr__(self, name: str) -> None:
        return None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


@statement("app_ctx_globals_class", "used for the g instance")
@statement("app_ctx_globals_class", "lazy per-request database connectors")
def test_g_is_an_instance_of_the_class(app: BustAPI, client: FlaskClient) -> None:
    app.app_ctx_globals_class = Known  # type: ignore[assignment]
    app.add_url_rule("/", "index", lambda: g.connection)

    assert client.get("/").data == b"connection 1"
    assert client.get("/").data == b"connection 1"


@statement("app_ctx_globals_class", "return None instead of AttributeError")
@statement("app_ctx_globals_class", "raise exception if an unexpected attr is set")
def test_g_may_refuse_attributes(app: BustAPI, client: FlaskClient) -> None:
    app.app_ctx_globals_class = Known  # type: ignore[assignment]

    @app.route("/")
    def index() -> list[object]:
        with pytest.raises(AttributeError):
            g.unexpected = 1

        return [g.unexpected]

    assert client.get("/").json == [None]


@statement("app_ctx_globals_class", "store arbitrary attributes")
def test_g_stores_any_attribute_by_default(app: BustAPI) -> None:
    with app.app_context():
        g.anything = 1

        assert (g.anything, g.get("nothing")) == (1, None)
        assert type(g._get_current_object()) is BustAPI.app_ctx_globals_class


@statement("app_ctx_globals_class", "called request_globals_class")
def test_request_globals_class_is_its_former_name(app: BustAPI) -> None:
    with removed("request_globals_class"):
        app.request_globals_class = Known

    assert app.app_ctx_globals_class is app.request_globals_class
    with app.app_context():
        assert isinstance(g._get_current_object(), Known)


@statement("app_ctx_globals_class", "called request_globals_class")
def test_a_subclass_may_define_request_globals_class() -> None:
    class Own(BustAPI):
        request_globals_class = Known

    with Own(static_folder=None).app_context():
        assert isinstance(g._get_current_object(), Known)


# auto_find_instance_path


@statement("auto_find_instance_path", "a folder named instance next to")
def test_the_instance_path_is_found_beside_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "spec_found.py", "")
    monkeypatch.syspath_prepend(tmp_path)

    app = BustAPI("spec_found")

    assert app.auto_find_instance_path() == str(tmp_path / "instance")


@statement("auto_find_instance_path", "if it was not provided to the constructor")
def test_an_override_decides_where_the_instance_is(tmp_path: Path) -> None:
    class Own(BustAPI):
        def auto_find_instance_path(self) -> str:
            return str(tmp_path / "elsewhere")

    assert Own().instance_path == str(tmp_path / "elsewhere")
    assert Own(instance_path=str(tmp_path)).instance_path == str(tmp_path)


# before_first_request


def first(app: BustAPI, function: Any) -> None:
    with removed("before_first_request"):
        app.before_first_request(function)


@statement("before_first_request", "before the first request")
def test_a_first_request_function_runs_once(app: BustAPI, client: FlaskClient) -> None:
    events: list[str] = []
    first(app, lambda: events.append("first"))
    app.before_request(lambda: events.append("before"))
    app.add_url_rule("/", "index", lambda: "")
    assert events == []

    client.get("/")
    client.get("/")

    assert events == ["first", "before", "before"]


@statement("before_first_request", "called without any arguments")
@statement("before_first_request", "its return value is ignored")
def test_what_a_first_request_function_returns_is_ignored(
    app: BustAPI, client: FlaskClient
) -> None:
    first(app, lambda: "not an answer")
    app.add_url_rule("/", "index", lambda: "view")

    assert client.get("/").data == b"view"


@statement("before_first_request", "registers a function")
def test_before_first_request_is_a_decorator(app: BustAPI) -> None:
    def function() -> None: ...

    with removed("before_first_request"):
        assert app.before_first_request(function) is function

    assert app.before_first_request_funcs == [function]


@statement("before_first_request", "the first request to this instance")
def test_a_request_during_the_functions_waits_for_them(app: BustAPI, edge: str) -> None:
    begun, may_end = threading.Event(), threading.Event()
    events: list[str] = []

    def slow() -> None:
        begun.set()
        assert may_end.wait(10)
        events.append("first")

    @app.route("/")
    def index() -> str:
        events.append("view")
        return ""

    first(app, slow)

    def ask() -> int:
        with make_client(app, edge) as client:
            return client.get("/").status_code

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(ask)
        assert begun.wait(10)
        other = pool.submit(ask)
        may_end.set()

        assert (one.result(10), other.result(10)) == (200, 200)

    assert events == ["first", "view", "view"]


@statement("before_first_request", "the first request to this instance")
def test_an_error_in_a_function_fails_the_request_and_is_tried_again(
    app: BustAPI, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []

    def fails_once() -> None:
        calls.append(len(calls))

        if len(calls) == 1:
            raise ValueError("not ready")

    first(app, fails_once)
    app.add_url_rule("/", "index", lambda: "view")

    with caplog.at_level(logging.ERROR):
        assert client.get("/").status_code == 500

    assert "not ready" in caplog.text
    assert app.got_first_request is False
    assert client.get("/").data == b"view"
    assert client.get("/").data == b"view"
    assert calls == [0, 1]


@statement("before_first_request", "the first request to this instance")
def test_a_function_may_send_a_request_itself(app: BustAPI, edge: str) -> None:
    seen: list[bytes] = []
    app.add_url_rule("/", "index", lambda: "view")

    def warm_up() -> None:
        seen.append(app.test_client().get("/").data)

    first(app, warm_up)

    with make_client(app, edge) as client:
        assert client.get("/").data == b"view"

    assert seen == [b"view"]


@statement("before_first_request", "the first request to this instance")
def test_a_function_may_still_register_something(
    app: BustAPI, client: FlaskClient
) -> None:
    first(app, lambda: app.add_url_rule("/late", "late", lambda: "late"))
    app.add_url_rule("/", "index", lambda: "")
    client.get("/")

    assert client.get("/late").data == b"late"


@statement("before_first_request_funcs", "called at the beginning of the first")
def test_before_first_request_funcs_run_in_their_order(
    app: BustAPI, client: FlaskClient
) -> None:
    events: list[int] = []
    app.before_first_request_funcs.append(lambda: events.append(1))
    app.before_first_request_funcs.append(lambda: events.append(2))
    app.add_url_rule("/", "index", lambda: str(events))

    assert client.get("/").data == b"[1, 2]"


@statement("before_first_request_funcs", "called at the beginning of the first")
def test_before_first_request_funcs_may_be_assigned(
    app: BustAPI, client: FlaskClient
) -> None:
    events: list[str] = []

    with removed("before_first_request_funcs"):
        app.before_first_request_funcs = [lambda: events.append("assigned")]

    app.add_url_rule("/", "index", lambda: str(events))

    assert client.get("/").data == b"['assigned']"


# before_request


@statement("before_request", "called without any arguments")
@statement("before_request", "before each request")
def test_before_request_functions_run_in_order(
    app: BustAPI, client: FlaskClient
) -> None:
    events: list[int] = []
    app.before_request(lambda: events.append(1))
    app.before_request(lambda: events.append(2))
    app.add_url_rule("/", "index", lambda: str(events))

    assert client.get("/").data == b"[1, 2]"
    assert client.get("/").data == b"[1, 2, 1, 2]"


@statement("before_request", "as if it was the return value")
@statement("before_request", "further request handling is stopped")
def test_what_a_before_request_function_returns_is_the_answer(
    app: BustAPI, client: FlaskClient
) -> None:
    reached: list[str] = []
    app.before_request(lambda: ("denied", 403, {"X-Why": "closed"}))
    app.before_request(lambda: reached.append("second"))
    app.add_url_rule("/", "index", lambda: reached.append("view"))  # type: ignore[arg-type]

    response = client.get("/")

    assert (response.status_code, response.data) == (403, b"denied")
    assert response.headers["X-Why"] == "closed"
    assert reached == []


@statement("before_request_funcs", "called at the beginning of the request")
@statement("before_request_funcs", "the name of the blueprint")
def test_before_request_funcs_holds_functions_by_blueprint(
    app: BustAPI, client: FlaskClient
) -> None:
    events: list[str] = []
    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/part", "index", lambda: str(events))
    app.register_blueprint(blueprint)
    app.add_url_rule("/", "index", lambda: str(events))
    app.before_request_funcs[None] = [lambda: events.append("app")]
    app.before_request_funcs["part"] = [lambda: events.append("part")]

    assert client.get("/").data == b"['app']"
    events.clear()
    assert client.get("/part").data == b"['app', 'part']"


@statement("before_request_funcs", "use the before_request() decorator")
def test_before_request_fills_before_request_funcs(app: BustAPI) -> None:
    @app.before_request
    def before() -> None: ...

    assert app.before_request_funcs[None] == [before]
