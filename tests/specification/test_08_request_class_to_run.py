"""The specification from ``request_class`` to ``run``."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import create_environ

from bustapi import (
    BustAPI,
    Request,
    Response,
    has_request_context,
    request,
)
from bustapi.testing import FlaskClient
from edges import make_client
from serving import Server
from specification.using import fail, write

statement = pytest.mark.statement


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
    app: BustAPI, started: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.logger, "disabled", True)
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
