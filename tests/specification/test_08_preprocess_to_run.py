"""The application object: from ``preprocess_request`` to ``run``."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import create_environ

from bustapi import (
    Blueprint,
    BustAPI,
    Request,
    Response,
    g,
    has_request_context,
    render_template,
    request,
    url_for,
)
from bustapi.testing import FlaskClient
from edges import make_client
from serving import Server
from specification.using import Failure, body_of, fail, removed, write

statement = pytest.mark.statement


# preprocess_request


@statement("preprocess_request", "called before the actual request dispatching")
@statement("preprocess_request", "passing no arguments")
def test_preprocess_request_calls_each_function(app: BustAPI) -> None:
    events: list[str] = []
    app.before_request(lambda: events.append("one"))
    app.before_request(lambda: events.append("two"))

    with app.test_request_context("/"):
        assert app.preprocess_request() is None

    assert events == ["one", "two"]


@statement("preprocess_request", "as if it was the return value")
@statement("preprocess_request", "further request handling is stopped")
def test_preprocess_request_returns_the_first_value(app: BustAPI) -> None:
    events: list[str] = []
    app.before_request(lambda: "stop")
    app.before_request(lambda: events.append("two"))

    with app.test_request_context("/"):
        assert app.preprocess_request() == "stop"

    assert events == []


@statement("preprocess_request", "triggers the url_value_processor() functions")
def test_url_values_are_processed_before(app: BustAPI, client: FlaskClient) -> None:
    events: list[object] = []
    app.before_request(lambda: events.append("before"))
    app.url_value_preprocessor(lambda endpoint, values: events.append(values))
    app.add_url_rule("/<name>", "view", lambda name: name)

    client.get("/you")

    assert events == [{"name": "you"}, "before"]


@statement("preprocess_request", "called before the actual request dispatching")
def test_an_overridden_preprocess_request_answers(edge: str) -> None:
    class Own(BustAPI):
        def preprocess_request(self) -> Any:
            return super().preprocess_request() or f"answer to {request.path}"

    with make_client(Own(static_folder=None), edge) as client:
        assert client.get("/page").data == b"answer to /page"


# preserve_context_on_exception


@pytest.fixture
def torn_down(app: BustAPI) -> list[object]:
    """What the teardown functions were given, with the path they saw."""
    seen: list[object] = []

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        seen.append((type(error), request.path))

    app.logger.disabled = True
    app.add_url_rule("/", "index", lambda: "")
    app.add_url_rule("/fail", "fail", fail)
    return seen


@pytest.fixture(autouse=True)
def _logger_enabled_again(app: BustAPI) -> Iterator[None]:
    yield
    app.logger.disabled = False


NONE = type(None)


@statement("preserve_context_on_exception", "in case it's set")
def test_the_context_is_kept_until_the_next_request(
    app: BustAPI, client: FlaskClient, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True

    client.get("/fail")
    assert torn_down == []

    client.get("/")
    assert torn_down == [(Failure, "/fail"), (NONE, "/")]


@statement("preserve_context_on_exception", "in case it's set")
def test_the_kept_context_can_be_looked_at(
    app: BustAPI, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True
    client = app.test_client()

    client.get("/fail?reason=test")

    assert has_request_context()
    assert request.args["reason"] == "test"
    client.get("/")
    assert not has_request_context()


@statement("preserve_context_on_exception", "in case it's set")
def test_several_failures_keep_one_context(
    app: BustAPI, client: FlaskClient, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True

    client.get("/fail?1")
    client.get("/fail?2")
    client.get("/")
    client.get("/")

    failed, fine = (Failure, "/fail"), (NONE, "/")
    assert torn_down == [failed, failed, fine, fine]


@statement("preserve_context_on_exception", "in case it's set")
def test_a_context_is_kept_when_the_error_leaves_the_application(
    app: BustAPI, client: FlaskClient, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True
    app.testing = True

    with pytest.raises(Failure):
        client.get("/fail")

    assert torn_down == []
    client.get("/")
    assert torn_down == [(Failure, "/fail"), (NONE, "/")]


@statement("preserve_context_on_exception", "in case it's set")
def test_a_kept_context_leaves_nothing_to_later_requests_of_its_thread(
    app: BustAPI, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True
    app.before_request(lambda: g.setdefault("paths", []).append(request.path))
    app.add_url_rule("/paths", "paths", lambda: g.paths)

    def ask(path: str) -> Any:
        return app.test_client().get(path).json

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        one.submit(ask, "/fail?1").result(10)
        # Ends the first kept context, on another thread.
        other.submit(ask, "/fail?2").result(10)
        assert torn_down == [(Failure, "/fail")]

        assert one.submit(ask, "/paths").result(10) == ["/paths"]
        assert other.submit(ask, "/paths").result(10) == ["/paths"]

    done = (NONE, "/paths")
    assert torn_down == [(Failure, "/fail"), done, (Failure, "/fail"), done]


@statement("preserve_context_on_exception", "in case it's set")
def test_a_kept_context_is_left_in_a_copy_of_the_variables(
    app: BustAPI, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True
    app.before_request(lambda: g.setdefault("paths", []).append(request.path))
    app.add_url_rule("/paths", "paths", lambda: g.paths)
    client = app.test_client()
    client.get("/fail")

    answer = copy_context().run(client.get, "/paths").json

    assert answer == ["/paths"]
    assert torn_down == [(Failure, "/fail"), (NONE, "/paths")]
    assert client.get("/paths").json == ["/paths"]
    assert not has_request_context()


@statement("preserve_context_on_exception", "in case it's set")
@pytest.mark.parametrize("value", [None, False])
@pytest.mark.parametrize("debug", [False, True])
def test_without_the_key_no_context_is_kept(
    app: BustAPI,
    client: FlaskClient,
    torn_down: list[object],
    value: bool | None,
    debug: bool,
) -> None:
    app.config.update(
        PRESERVE_CONTEXT_ON_EXCEPTION=value, DEBUG=debug, PROPAGATE_EXCEPTIONS=False
    )

    client.get("/fail")

    assert torn_down == [(Failure, "/fail")]


@statement("preserve_context_on_exception", "in case it's set")
def test_a_kept_context_lasts_through_a_client_block(
    app: BustAPI, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True

    with app.test_client() as client:
        client.get("/fail")
        assert request.path == "/fail"
        assert torn_down == []
        client.get("/")
        assert request.path == "/"

    assert torn_down[:2] == [(Failure, "/fail"), (NONE, "/")]


@statement("preserve_context_on_exception", "a sensible default is returned")
@pytest.mark.parametrize(
    ("value", "debug", "expected"),
    [
        (None, False, False),
        (None, True, True),
        (True, False, True),
        (False, True, False),
    ],
)
def test_preserve_context_on_exception_reads_the_key(
    app: BustAPI, value: bool | None, debug: bool, expected: bool
) -> None:
    app.debug = debug
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = value

    assert app.preserve_context_on_exception is expected


@statement("preserve_context_on_exception", "PRESERVE_CONTEXT_ON_EXCEPTION")
def test_preserve_context_on_exception_sets_the_key(
    app: BustAPI, client: FlaskClient, torn_down: list[object]
) -> None:
    with removed("preserve_context_on_exception"):
        app.preserve_context_on_exception = True

    client.get("/fail")

    assert torn_down == []
    client.get("/")


# process_response


@statement("process_response", "modify the response object before it's sent")
@statement("process_response", "has to be an instance of response_class")
def test_an_overridden_process_response_changes_the_response(edge: str) -> None:
    class Own(BustAPI):
        def process_response(self, response: Response) -> Response:
            response = super().process_response(response)
            return Response(response.data + b"!", 201)

    app = Own()
    app.add_url_rule("/", "index", lambda: "hello")

    with make_client(app, edge) as client:
        response = client.get("/")

    assert (response.data, response.status_code) == (b"hello!", 201)


@statement("process_response", "call all the after_request() decorated functions")
@statement("process_response", "in reverse order of registration")
def test_process_response_calls_the_functions_in_reverse(app: BustAPI) -> None:
    events: list[int] = []
    app.after_request(lambda response: (events.append(1), response)[1])  # type: ignore[func-returns-value]
    app.after_request(lambda response: (events.append(2), response)[1])  # type: ignore[func-returns-value]

    with app.test_request_context("/"):
        response = Response("")
        assert app.process_response(response) is response

    assert events == [2, 1]


# propagate_exceptions


@statement("propagate_exceptions", "in case it's set")
@statement("propagate_exceptions", "a sensible default is returned")
@pytest.mark.parametrize(
    ("value", "testing", "debug", "expected"),
    [
        (None, False, False, False),
        (None, True, False, True),
        (None, False, True, True),
        (True, False, False, True),
        (False, True, True, False),
    ],
)
def test_propagate_exceptions_says_whether_errors_leave(
    app: BustAPI,
    client: FlaskClient,
    value: bool | None,
    testing: bool,
    debug: bool,
    expected: bool,
) -> None:
    app.config.update(PROPAGATE_EXCEPTIONS=value, TESTING=testing, DEBUG=debug)
    app.logger.disabled = True
    app.add_url_rule("/", "index", fail)

    assert app.propagate_exceptions is expected
    if expected:
        with pytest.raises(Failure):
            client.get("/")
    else:
        assert client.get("/").status_code == 500


@statement("propagate_exceptions", "the PROPAGATE_EXCEPTIONS configuration value")
def test_propagate_exceptions_sets_the_key(app: BustAPI, client: FlaskClient) -> None:
    with removed("propagate_exceptions"):
        app.propagate_exceptions = True

    app.add_url_rule("/", "index", fail)

    with pytest.raises(Failure):
        client.get("/")


# register_blueprint


@pytest.fixture
def blueprint(tmp_path: Path) -> Blueprint:
    """A blueprint with a view that tells what it got."""
    blueprint = Blueprint("part", __name__, root_path=str(tmp_path))

    @blueprint.route("/page")
    def page(**values: Any) -> dict[str, Any]:
        return {"values": values, "url": url_for("part.page", **values)}

    return blueprint


@statement("register_blueprint", "register a blueprint on the application")
@statement("register_blueprint", "set the prefix for all URLs")
def test_a_prefix_may_have_variables(
    app: BustAPI, client: FlaskClient, blueprint: Blueprint
) -> None:
    app.register_blueprint(blueprint, url_prefix="/<lang_code>")

    assert client.get("/de/page").json == {
        "values": {"lang_code": "de"},
        "url": "/de/page",
    }


@statement("register_blueprint", "set a subdomain for the blueprint")
def test_a_subdomain_is_that_of_all_urls(edge: str, blueprint: Blueprint) -> None:
    app = BustAPI(subdomain_matching=True, static_folder=None)
    app.config["SERVER_NAME"] = "example.org"
    app.register_blueprint(blueprint, subdomain="api")

    with make_client(app, edge) as client:
        assert client.get("/page", base_url="http://api.example.org").status_code == 200
        assert client.get("/page", base_url="http://example.org").status_code == 404


@statement("register_blueprint", "a dictionary with URL defaults")
def test_url_defaults_are_added_to_every_url(
    app: BustAPI, client: FlaskClient, blueprint: Blueprint
) -> None:
    app.register_blueprint(blueprint, url_defaults={"number": 7})

    answer = client.get("/page").json

    assert answer is not None
    assert answer["values"] == {"number": 7}


OPTIONS = {
    "static_folder": "files",
    "static_url_path": "/files",
    "template_folder": "pages",
    "root_path": "/srv",
    "own": 1,
}


@statement("register_blueprint", 'forwarded to blueprints in an "options" dictionary')
@statement("register_blueprint", "static_folder, static_url_path, template_folder")
def test_all_options_reach_the_blueprint(app: BustAPI, blueprint: Blueprint) -> None:
    seen: list[dict[str, Any]] = []
    blueprint.record(lambda state: seen.append(state.options))

    app.register_blueprint(blueprint, **OPTIONS)

    assert seen == [OPTIONS]


@statement("register_blueprint", "static_folder, static_url_path, template_folder")
def test_folders_of_a_blueprint_are_served(
    app: BustAPI, client: FlaskClient, tmp_path: Path
) -> None:
    write(tmp_path / "part" / "files" / "a.txt", "file")
    write(tmp_path / "part" / "pages" / "a.html", "page")
    blueprint = Blueprint(
        "part",
        __name__,
        static_folder="files",
        static_url_path="/own",
        template_folder="pages",
        root_path=str(tmp_path / "part"),
    )
    blueprint.add_url_rule("/", "index", lambda: render_template("a.html"))

    app.register_blueprint(blueprint, url_prefix="/part")

    assert body_of(client, "/part/own/a.txt") == b"file"
    assert client.get("/part/").data == b"page"


# register_error_handler


@statement("register_error_handler", "alternative error attach function")
@pytest.mark.parametrize(
    ("code_or_exception", "path"), [(404, "/missing"), (Failure, "/")]
)
def test_register_error_handler_needs_no_decorator(
    app: BustAPI, client: FlaskClient, code_or_exception: Any, path: str
) -> None:
    app.add_url_rule("/", "index", fail)

    app.register_error_handler(code_or_exception, lambda error: ("handled", 418))

    response = client.get(path)
    assert (response.data, response.status_code) == (b"handled", 418)


# request_class


@statement("request_class", "the class that is used for request objects")
def test_an_own_request_class_is_used(edge: str) -> None:
    class OwnRequest(Request):
        @property
        def shout(self) -> str:
            return self.path.upper()

    class Own(BustAPI):
        request_class = OwnRequest

    app = Own()
    app.add_url_rule("/page", "page", lambda: request.shout)  # type: ignore[attr-defined]

    with make_client(app, edge) as client:
        assert client.get("/page").data == b"/PAGE"


@statement("request_class", "alias of Request")
def test_the_request_class_is_request(app: BustAPI, client: FlaskClient) -> None:
    app.add_url_rule(
        "/",
        "index",
        lambda: str(type(request._get_current_object()) is app.request_class),  # type: ignore[attr-defined]
    )

    assert BustAPI.request_class is Request
    assert client.get("/").data == b"True"


# request_context


@statement("request_context", "from the given environment")
@statement("request_context", "only bound for the duration")
def test_request_context_binds_the_request_in_its_block(app: BustAPI) -> None:
    with app.request_context(create_environ("/page?a=1")) as ctx:
        assert (request.path, request.args["a"]) == ("/page", "1")
        assert ctx.request == request._get_current_object()  # type: ignore[attr-defined]

    assert not has_request_context()


@statement("request_context", "can also be used without the with statement")
def test_request_context_is_pushed_and_popped(app: BustAPI) -> None:
    ctx = app.request_context(create_environ("/page"))
    assert not has_request_context()

    ctx.push()
    try:
        assert request.path == "/page"
    finally:
        ctx.pop()

    assert not has_request_context()


@statement("request_context", "from the given environment")
def test_an_overridden_request_context_is_used(edge: str) -> None:
    class Own(BustAPI):
        def request_context(self, environ: Any) -> Any:
            environ["PATH_INFO"] = "/new"
            return super().request_context(environ)

    app = Own(static_folder=None)
    app.add_url_rule("/new", "new", lambda: "new")

    with make_client(app, edge) as client:
        assert client.get("/old").data == b"new"


# response_class


@statement("response_class", "the class that is used for response objects")
def test_an_own_response_class_is_used(edge: str) -> None:
    class OwnResponse(Response):
        default_mimetype = "text/plain"

    class Own(BustAPI):
        response_class = OwnResponse

    app = Own()
    app.add_url_rule("/", "index", lambda: "text")

    with make_client(app, edge) as client:
        assert client.get("/").mimetype == "text/plain"


@statement("response_class", "alias of Response")
def test_the_response_class_is_response(app: BustAPI, client: FlaskClient) -> None:
    app.add_url_rule("/", "index", lambda: "text")

    assert BustAPI.response_class is Response
    assert client.get("/").mimetype == "text/html"


# route


@statement("route", "register a view function")
@statement("route", "the URL rule as string")
def test_route_registers_the_view(app: BustAPI, client: FlaskClient) -> None:
    @app.route("/")
    def index() -> str:
        return "Hello World"

    assert client.get("/").data == b"Hello World"
    assert index() == "Hello World"


@statement("route", "assumes the name of the view function")
@pytest.mark.parametrize(
    ("options", "endpoint"), [({}, "view"), ({"endpoint": "other"}, "other")]
)
def test_route_names_the_endpoint(
    app: BustAPI, client: FlaskClient, options: dict[str, str], endpoint: str
) -> None:
    @app.route("/", **options)
    def view() -> str:
        return request.endpoint or ""

    assert client.get("/").data == endpoint.encode()


@statement("route", "forwarded to the underlying Rule")
@statement("route", "methods this rule should be limited to")
def test_route_forwards_its_options(app: BustAPI, client: FlaskClient) -> None:
    @app.route("/page", methods=["PUT"], defaults={"number": 1})
    @app.route("/page/<int:number>", methods=["PUT"])
    def page(number: int) -> str:
        return str(number)

    assert client.put("/page").data == b"1"
    assert client.put("/page/2").data == b"2"
    assert client.get("/page").status_code == 405


@statement("route", "listens for GET (and implicitly HEAD)")
@statement("route", "OPTIONS is implicitly added")
def test_route_answers_get_head_and_options(app: BustAPI, client: FlaskClient) -> None:
    @app.route("/")
    def index() -> str:
        return request.method

    assert client.get("/").data == b"GET"
    assert client.head("/").status_code == 200
    assert client.options("/").allow.as_set() == {"get", "head", "options"}
    assert client.post("/").status_code == 405


# run


@statement("run (0.11)", "automatically reload for code changes")
@statement("run (0.11)", "show a debugger in case an exception happened")
@pytest.mark.parametrize("by", ["attribute", "argument", "key"])
def test_debug_mode_reloads_and_debugs(
    app: BustAPI, started: dict[str, Any], by: str
) -> None:
    if by == "attribute":
        app.debug = True
    elif by == "key":
        app.config["DEBUG"] = True

    options: dict[str, Any] = {"debug": True} if by == "argument" else {}
    app.run(**options)

    assert (started["use_reloader"], started["use_debugger"]) == (True, True)


@statement("run (0.11)", "passing use_evalex=False")
@statement("run (0.11)", "use_reloader=False")
def test_options_of_the_debugger_are_passed_on(
    app: BustAPI, started: dict[str, Any]
) -> None:
    app.run(debug=True, use_reloader=False, use_evalex=False)

    assert started["use_reloader"] is False
    assert started["use_debugger"] is True
    assert started["use_evalex"] is False


@statement("run (0.11)", "won't catch any exceptions")
def test_a_debugger_without_debug_mode_sees_no_error(
    app: BustAPI, started: dict[str, Any]
) -> None:
    app.logger.disabled = True
    app.add_url_rule("/", "index", fail)

    app.run(use_debugger=True)

    assert (started["use_debugger"], app.debug) == (True, False)
    assert app.test_client().get("/").status_code == 500


@statement("run (0.11)", "picked from the SERVER_NAME variable")
@pytest.mark.parametrize(
    ("name", "host", "port"),
    [("example.org:8080", "example.org", 8080), (None, "127.0.0.1", 5000)],
)
@pytest.mark.parametrize("options", [{}, {"host": None, "port": None}])
def test_what_is_left_out_is_the_address_of_server_name(
    app: BustAPI,
    started: dict[str, Any],
    options: dict[str, Any],
    name: str | None,
    host: str,
    port: int,
) -> None:
    app.config["SERVER_NAME"] = name

    app.run(**options)

    assert (started["host"], started["port"]) == (host, port)


@statement("run (0.11)", "picked from the SERVER_NAME variable")
def test_a_port_beside_the_host_of_server_name(
    app: BustAPI, started: dict[str, Any]
) -> None:
    app.config["SERVER_NAME"] = "example.org:8080"

    app.run(port=81)

    assert (started["host"], started["port"]) == ("example.org", 81)


@statement("run (0.11)", "the port of the webserver")
def test_run_in_a_subclass_gets_what_it_passes_on(
    app: BustAPI, started: dict[str, Any]
) -> None:
    class Shop(BustAPI):
        def run(self, *args: Any, **options: Any) -> None:
            super().run(*args, **options)

    shop = Shop(__name__)
    shop.config["SERVER_NAME"] = "example.org:8080"

    shop.run("127.0.0.1")

    assert (started["host"], started["port"]) == ("127.0.0.1", 8080)


@statement("run (0.11)", "the hostname to listen on")
@statement("run (0.11)", "the port of the webserver")
def test_host_and_port_are_listened_on(app: BustAPI, started: dict[str, Any]) -> None:
    app.run(host="0.0.0.0", port=8080)

    assert (started["host"], started["port"]) == ("0.0.0.0", 8080)


@statement("run (0.11)", "if given, enable or disable debug mode")
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("options", "after"),
    [({}, None), ({"debug": True}, True), ({"debug": False}, False)],
)
def test_debug_is_changed_if_it_is_given(
    app: BustAPI,
    started: dict[str, Any],
    before: bool,
    options: dict[str, Any],
    after: bool | None,
) -> None:
    app.debug = before

    app.run(**options)

    assert app.debug is (before if after is None else after)


@statement("run (0.11)", "forwarded to the underlying Werkzeug server")
def test_options_are_forwarded_to_werkzeug(
    app: BustAPI, started: dict[str, Any]
) -> None:
    app.run(extra_files=["a.cfg"], threaded=False)

    assert started["server"] == "werkzeug"
    assert (started["extra_files"], started["threaded"]) == (["a.cfg"], False)


DEBUGGED = """\
import os
from bustapi import BustAPI

app = BustAPI(__name__)


@app.route("/")
def index():
    raise ValueError("first version")


@app.route("/stop")
def stop():
    os._exit(0)


app.run(port=0, debug=True)
"""


@statement("run (0.11)", "automatically reload for code changes")
@statement("run (0.11)", "show a debugger in case an exception happened")
@statement("run", "if True, enables hot-reloading and debug pages")
@statement("debug", "the integrated server will automatically reload")
def test_a_changed_program_is_served_with_debug_pages(tmp_path: Path) -> None:
    program = write(tmp_path / "program.py", DEBUGGED)
    server = Server(tmp_path, "program.py", PYTHONDONTWRITEBYTECODE="1")

    try:
        address = server.err.wait_for(r"Running on http://127\.0\.0\.1:(\d+)")
        server.port = int(address[1])
        server.err.wait_for("Debugger is active")
        first = debug_page(server)

        write(program, DEBUGGED.replace("first", "second"))
        server.err.wait_for("Debugger is active", count=2)
        second = debug_page(server)

        # The process that serves ends, and the one that watches ends with it.
        with pytest.raises(OSError):
            server.get("/stop")

        assert server.wait() == 0
    finally:
        server.kill()

    assert "ValueError: first version" in first
    assert "ValueError: second version" in second
    assert "Werkzeug Debugger" in first


def debug_page(server: Server) -> str:
    connection = server.begin("/")

    try:
        response = connection.getresponse()
        assert response.status == 500
        return response.read().decode()
    finally:
        connection.close()


PROGRAM = """\
import os
from bustapi import BustAPI, request

app = BustAPI(__name__)


@app.route("/")
def index():
    return f"{request.method} {request.path} {os.getpid()}"


app.run(port=0)
"""


@statement("run (0.11)", "runs the application on a local development server")
def test_run_serves_requests(tmp_path: Path) -> None:
    write(tmp_path / "program.py", PROGRAM)
    server = Server(tmp_path, "program.py")

    try:
        server.wait_until_ready()
        assert server.get("/") == f"GET / {server.process.pid}"
        server.signal(signal.SIGINT)
        server.wait()
    finally:
        server.kill()
