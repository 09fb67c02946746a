"""The BustAPI reference: the class, its methods, the proxies, the helpers."""

from __future__ import annotations

import inspect
import signal
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from bustapi import (
    Blueprint,
    BustAPI,
    Response,
    abort,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    session,
)
from bustapi.testing import FlaskClient
from edges import make_client
from serving import Server
from specification.using import body_of, write

statement = pytest.mark.statement


# class BustAPI


@statement("BustAPI", "one instance of this per application")
def test_two_instances_are_two_applications() -> None:
    first, second = BustAPI("first"), BustAPI("second")
    first.add_url_rule("/", "index", lambda: "first")

    assert first.test_client().get("/").data == b"first"
    assert second.test_client().get("/").status_code == 404


@statement("BustAPI", "import_name, static_folder, template_folder")
def test_the_arguments_may_be_passed_by_position(tmp_path: Path) -> None:
    write(tmp_path / "files" / "a.txt", "static")
    write(tmp_path / "pages" / "a.html", "template")

    app = BustAPI("specified", str(tmp_path / "files"), str(tmp_path / "pages"))
    app.add_url_rule("/", "index", lambda: render_template("a.html"))
    client = app.test_client()

    assert app.import_name == "specified"
    assert body_of(client, "/files/a.txt") == b"static"
    assert client.get("/").data == b"template"


@statement("BustAPI", "import_name: str = None")
def test_without_a_name_the_module_of_the_caller_is_taken() -> None:
    assert BustAPI().import_name == __name__


@statement("BustAPI", "import_name: str = None")
def test_without_a_name_a_factory_gives_its_module() -> None:
    module = types.ModuleType("with_factory")
    exec(
        "from bustapi import BustAPI\ndef create_app(): return BustAPI()",
        module.__dict__,
    )

    assert module.create_app().import_name == "with_factory"


@statement("BustAPI", "import_name: str = None")
def test_without_a_name_the_constructors_of_subclasses_are_passed_over() -> None:
    library = types.ModuleType("library")
    exec(
        "from bustapi import BustAPI\n"
        "class Base(BustAPI):\n"
        "    def __init__(self, **options):\n"
        "        super().__init__(**options)\n"
        "class Derived(Base):\n"
        "    def __init__(self, **options):\n"
        "        super().__init__(**options)\n",
        library.__dict__,
    )

    assert library.Derived().import_name == __name__


@statement("Constructor Arguments", "name of the application package")
def test_the_name_of_a_package_finds_its_resources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "named_package" / "__init__.py", "")
    write(tmp_path / "named_package" / "templates" / "a.html", "of the package")
    monkeypatch.syspath_prepend(tmp_path)

    app = BustAPI("named_package")
    app.add_url_rule("/", "index", lambda: render_template("a.html"))

    assert app.test_client().get("/").data == b"of the package"


@statement("Constructor Arguments", "__name__ is standard")
def test_the_name_of_a_module_finds_what_is_beside_it() -> None:
    app = BustAPI(__name__)

    with app.open_resource("using.py", "r") as file:
        assert "specification" in file.read()


@statement("Constructor Arguments", "static files are served from")
def test_static_files_are_served_from_the_folder(
    app: BustAPI, client: FlaskClient, tmp_path: Path
) -> None:
    write(tmp_path / "static" / "style.css", "body {}")

    assert body_of(client, "/static/style.css") == b"body {}"


@statement("Constructor Arguments", "the folder containing Jinja2 templates")
def test_templates_are_taken_from_the_folder(
    app: BustAPI, client: FlaskClient, tmp_path: Path
) -> None:
    write(tmp_path / "templates" / "a.html", "{{ 6 * 7 }}")
    app.add_url_rule("/", "index", lambda: render_template("a.html"))

    assert client.get("/").data == b"42"


# run


@statement("run", "host='127.0.0.1', port=5000, debug=False")
def test_run_listens_on_the_loopback_address(
    app: BustAPI, started: dict[str, Any]
) -> None:
    app.run()

    assert (started["host"], started["port"]) == ("127.0.0.1", 5000)
    assert app.debug is False


@statement("run", "host='127.0.0.1', port=5000, debug=False")
@pytest.mark.parametrize(
    ("args", "options"),
    [
        (["127.0.0.1", 5000, False], {}),
        (["127.0.0.1"], {"port": 5000, "debug": False}),
        ([], {"host": "127.0.0.1", "port": 5000, "debug": False}),
    ],
)
def test_what_is_passed_to_run_wins_though_it_is_the_default(
    app: BustAPI, started: dict[str, Any], args: list[Any], options: dict[str, Any]
) -> None:
    app.config["SERVER_NAME"] = "example.org:8080"
    app.debug = True

    app.run(*args, **options)

    assert (started["host"], started["port"]) == ("127.0.0.1", 5000)
    assert app.debug is False


@statement("run", "host='127.0.0.1', port=5000, debug=False")
def test_the_signature_of_run_is_the_documented_one() -> None:
    parameters = list(inspect.signature(BustAPI.run).parameters.values())

    assert [(p.name, p.default) for p in parameters[1:4]] == [
        ("host", "127.0.0.1"),
        ("port", 5000),
        ("debug", False),
    ]


@statement("run", "the hostname to listen on")
def test_run_listens_where_it_is_told(app: BustAPI, started: dict[str, Any]) -> None:
    app.run("0.0.0.0", 8081)

    assert (started["host"], started["port"]) == ("0.0.0.0", 8081)


PROGRAM = """\
from bustapi import BustAPI

app = BustAPI(__name__)


@app.route("/")
def index():
    import os

    return str(os.getpid())


if __name__ == "__main__":
    app.run(port=0)
"""


@statement("run", "starts the development server")
@statement("run", "a single-process server")
def test_run_serves_in_its_own_process(tmp_path: Path) -> None:
    write(tmp_path / "program.py", PROGRAM)

    server = Server(tmp_path, "program.py")

    try:
        server.wait_until_ready()
        assert server.get("/") == str(server.process.pid)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    finally:
        server.kill()


@statement("run", "if True, enables hot-reloading and debug pages")
def test_debug_turns_on_reloader_and_debugger(
    app: BustAPI, started: dict[str, Any]
) -> None:
    app.run(debug=True)

    assert app.debug is True
    assert started["use_reloader"] is True
    assert started["use_debugger"] is True


@statement("run", "if True, enables hot-reloading and debug pages")
def test_debug_false_turns_debug_mode_off(
    app: BustAPI, started: dict[str, Any]
) -> None:
    app.debug = True

    app.run(debug=False)

    assert app.debug is False
    assert not started.get("use_reloader")


# route, register_blueprint, before_request, after_request


@statement("route (reference)", "a function as a view handler")
def test_route_makes_a_function_answer_its_rule(
    app: BustAPI, client: FlaskClient
) -> None:
    @app.route("/hello/<name>", methods=["POST"])
    def hello(name: str) -> str:
        return f"hello {name}"

    assert client.post("/hello/you").data == b"hello you"
    assert client.get("/hello/you").status_code == 405


@statement("register_blueprint (reference)", "registers a blueprint")
def test_the_routes_of_a_blueprint_are_answered(
    app: BustAPI, client: FlaskClient
) -> None:
    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/page", "page", lambda: request.blueprint or "")

    app.register_blueprint(blueprint)

    assert client.get("/page").data == b"part"


@statement("register_blueprint (reference)", "prefix to prepend to all routes")
def test_url_prefix_is_prepended_to_all_routes(
    app: BustAPI, client: FlaskClient
) -> None:
    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/a", "a", lambda: "a")
    blueprint.add_url_rule("/b", "b", lambda: "b")

    app.register_blueprint(blueprint, url_prefix="/part")

    assert client.get("/part/a").data == b"a"
    assert client.get("/part/b").data == b"b"
    assert client.get("/a").status_code == 404


@statement("before_request (reference)", "run before each request")
def test_a_before_request_function_runs_before_each(
    app: BustAPI, client: FlaskClient
) -> None:
    seen: list[str] = []

    @app.before_request
    def before() -> None:
        seen.append(request.path)

    app.add_url_rule("/<path:page>", "page", lambda page: str(len(seen)))

    assert client.get("/a").data == b"1"
    assert client.get("/b").data == b"2"
    assert seen == ["/a", "/b"]


@statement("after_request (reference)", "expected to return the response object")
def test_an_after_request_function_returns_the_response(
    app: BustAPI, client: FlaskClient
) -> None:
    @app.after_request
    def after(response: Response) -> Response:
        response.headers["X-After"] = "yes"
        return response

    app.add_url_rule("/", "index", lambda: "body")

    response = client.get("/")

    assert response.headers["X-After"] == "yes"
    assert response.data == b"body"


# Context Proxies


@statement("Context Proxies", "global variables like request thread-safe")
def test_each_thread_sees_its_own_request(app: BustAPI, edge: str) -> None:
    barrier = Barrier(2, timeout=10)

    @app.route("/<name>")
    def view(name: str) -> str:
        barrier.wait()
        return request.path

    def ask(name: str) -> str:
        with make_client(app, edge) as client:
            return client.get(f"/{name}").text

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, ["a", "b"])) == ["/a", "/b"]


@statement("request", "HTTP method")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_request_method(app: BustAPI, client: FlaskClient, method: str) -> None:
    app.add_url_rule(
        "/", "index", lambda: request.method, methods=["GET", "POST", "PUT", "DELETE"]
    )

    assert client.open("/", method=method).data == method.encode()


@statement("request", "the path of the request")
def test_request_path(app: BustAPI, client: FlaskClient) -> None:
    app.add_url_rule("/<path:rest>", "view", lambda rest: request.path)

    assert client.get("/a/b?c=d").data == b"/a/b"


@statement("request", "parsed query parameters")
def test_request_args_has_every_value(app: BustAPI, client: FlaskClient) -> None:
    app.add_url_rule(
        "/", "index", lambda: {key: request.args.getlist(key) for key in request.args}
    )

    assert client.get("/?a=1&a=2&b=%C3%BC").json == {"a": ["1", "2"], "b": ["ü"]}


@statement("request", "parsed form data")
@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_request_form_has_every_value(
    app: BustAPI, client: FlaskClient, content_type: str
) -> None:
    app.add_url_rule("/", "index", lambda: dict(request.form.lists()), methods=["POST"])

    response = client.post(
        "/", data={"a": ["1", "2"], "b": "ü"}, content_type=content_type
    )

    assert response.json == {"a": ["1", "2"], "b": ["ü"]}


@statement("request", "incoming request headers")
def test_request_headers_are_found_in_any_case(
    app: BustAPI, client: FlaskClient
) -> None:
    app.add_url_rule("/", "index", lambda: request.headers["x-own"])

    assert client.get("/", headers={"X-Own": "value"}).data == b"value"


@statement("request", "parses body as JSON")
def test_get_json_parses_the_body(app: BustAPI, client: FlaskClient) -> None:
    app.add_url_rule("/", "index", lambda: [request.get_json()["a"]], methods=["POST"])

    assert client.post("/", json={"a": 1}).json == [1]


@statement("request", "get_json(force=False, silent=False)")
@pytest.mark.parametrize(
    ("options", "content_type", "body", "status", "answer"),
    [
        ({}, "text/plain", "{}", 415, None),
        ({"force": True}, "text/plain", "[1]", 200, [[1]]),
        ({"silent": True}, "text/plain", "[1]", 200, [None]),
        ({"silent": True}, "application/json", "[", 200, [None]),
        ({}, "application/json", "[", 400, None),
    ],
)
def test_get_json_may_be_forced_and_silenced(
    app: BustAPI,
    client: FlaskClient,
    options: dict[str, bool],
    content_type: str,
    body: str,
    status: int,
    answer: object,
) -> None:
    app.add_url_rule(
        "/", "index", lambda: [request.get_json(**options)], methods=["POST"]
    )

    response = client.post("/", data=body, content_type=content_type)

    assert response.status_code == status
    assert status != 200 or response.json == answer


@statement("g", "during a single request context")
def test_g_lasts_for_one_request(app: BustAPI, client: FlaskClient) -> None:
    @app.before_request
    def load_user() -> None:
        assert "user" not in g
        g.user = "somebody"

    app.add_url_rule("/", "index", lambda: g.user)

    assert client.get("/").data == b"somebody"
    assert client.get("/").data == b"somebody"


@statement("session", "across requests using signed cookies")
def test_session_is_kept_in_a_signed_cookie(app: BustAPI, client: FlaskClient) -> None:
    @app.route("/login")
    def login() -> str:
        session["username"] = "admin"
        return ""

    app.add_url_rule("/", "index", lambda: session.get("username", "nobody"))
    client.get("/login")

    assert client.get("/").data == b"admin"

    value = client.get_cookie("session")
    assert value is not None
    client.set_cookie("session", value.value[:-1] + "\N{DIGIT ONE}x")
    assert client.get("/").data == b"nobody"


@statement("session", "requires app.secret_key to be set")
def test_session_cannot_be_written_without_a_key(
    app: BustAPI, client: FlaskClient
) -> None:
    app.secret_key = None
    app.testing = True

    @app.route("/")
    def index() -> str:
        session["username"] = "admin"
        return ""

    with pytest.raises(RuntimeError, match="secret key"):
        client.get("/")


# Utilities


@statement("jsonify", "a Response with the given data")
def test_jsonify_makes_a_json_response(app: BustAPI, client: FlaskClient) -> None:
    app.add_url_rule("/", "index", lambda: jsonify([1, {"a": None}]))

    response = client.get("/")

    assert response.mimetype == "application/json"
    assert response.json == [1, {"a": None}]


@statement("abort", "stopping request processing immediately")
def test_abort_ends_the_request(app: BustAPI, client: FlaskClient) -> None:
    reached: list[str] = []

    @app.route("/")
    def index() -> str:
        abort(403)
        reached.append("after")

    assert client.get("/").status_code == 403
    assert reached == []


@statement("abort", "description=None")
@pytest.mark.parametrize("by_name", [False, True])
def test_abort_takes_a_description(
    app: BustAPI, client: FlaskClient, by_name: bool
) -> None:
    @app.route("/")
    def index() -> str:
        if by_name:
            abort(404, description="Nothing of that name.")

        abort(404, "Nothing of that name.")

    assert b"Nothing of that name." in client.get("/").data


@statement("redirect", "redirecting the client to a new location")
@pytest.mark.parametrize(("options", "status"), [({}, 302), ({"code": 301}, 301)])
def test_redirect_sends_the_client_elsewhere(
    app: BustAPI, client: FlaskClient, options: dict[str, Any], status: int
) -> None:
    app.add_url_rule("/", "index", lambda: redirect("/new", **options))

    response = client.get("/")

    assert response.status_code == status
    assert response.headers["Location"] == "/new"


@statement("render_template", "from the templates folder with the given context")
def test_render_template_passes_the_context(
    app: BustAPI, client: FlaskClient, tmp_path: Path
) -> None:
    write(tmp_path / "templates" / "a.html", "{{ name }} & {{ 1 + number }}")
    app.add_url_rule(
        "/", "index", lambda: render_template("a.html", name="<b>", number=1)
    )

    assert client.get("/").data == b"&lt;b&gt; & 2"
