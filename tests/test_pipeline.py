"""The stages of a request: their order, what they read live, and what changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.test import TestResponse

from bustapi import (
    Blueprint,
    Flask,
    Response,
    abort,
    after_this_request,
    current_app,
    g,
    got_request_exception,
    has_app_context,
    has_request_context,
    make_response,
    request,
    request_finished,
    request_started,
    request_tearing_down,
    session,
    stream_with_context,
    url_for,
)
from bustapi.ctx import AppContext
from bustapi.server.settings import ServerOptions
from bustapi.testing import FlaskClient
from edges import make_client


def observe(response: TestResponse) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return all that a client can see of a response but its date."""
    headers = [(k, v) for k, v in response.headers if k not in {"Date", "Server"}]
    return response.status_code, headers, response.data


def test_stages_run_in_order(app: Flask, edge: str) -> None:
    events: list[str] = []
    blueprint = Blueprint("inner", __name__)

    def note(event: str) -> Callable[..., Any]:
        def function(*args: Any, **kwargs: Any) -> Any:
            events.append(event)
            return args[0] if event.startswith("after") else None

        return function

    app.url_value_preprocessor(note("preprocessor app"))
    app.before_request(note("before app"))
    app.after_request(note("after app, first"))
    app.after_request(note("after app, second"))
    app.teardown_request(note("teardown app"))
    app.teardown_appcontext(note("teardown context"))
    blueprint.url_value_preprocessor(note("preprocessor blueprint"))
    blueprint.before_request(note("before blueprint"))
    blueprint.after_request(note("after blueprint"))
    blueprint.teardown_request(note("teardown blueprint"))

    @blueprint.route("/")
    def index() -> str:
        after_this_request(note("after this request"))
        events.append("view")
        return "body"

    app.register_blueprint(blueprint)

    with make_client(app, edge) as client:
        assert client.get("/").data == b"body"

    assert [event for event in events] == [
        "preprocessor app",
        "preprocessor blueprint",
        "before app",
        "before blueprint",
        "view",
        "after this request",
        "after blueprint",
        "after app, second",
        "after app, first",
        "teardown blueprint",
        "teardown app",
        "teardown context",
    ]


def test_signals_are_sent_in_order(app: Flask, edge: str) -> None:
    events: list[str] = []

    @app.route("/")
    def index() -> str:
        events.append("view")
        return ""

    def started(sender: Flask) -> None:
        events.append("started")

    def finished(sender: Flask, response: Response) -> None:
        events.append("finished")

    def tearing_down(sender: Flask, exc: BaseException | None) -> None:
        events.append("tearing down")

    with (
        make_client(app, edge) as client,
        request_started.connected_to(started, app),
        request_finished.connected_to(finished, app),
        request_tearing_down.connected_to(tearing_down, app),
    ):
        client.get("/")

    assert events == ["started", "view", "finished", "tearing down"]


ROUTES = ["/", "/user/7", "/dict", "/made", "/missing", "/user/x", "/stream", "/error"]


def application() -> Flask:
    app = Flask("invariance")
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.route("/")
    def index() -> str:
        return "text"

    @app.route("/user/<int:number>")
    def user(number: int) -> str:
        return str(number)

    @app.route("/dict")
    def mapping() -> dict[str, int]:
        return {"b": 1, "a": 2}

    @app.route("/made")
    def made() -> Response:
        return make_response("made", 201, {"X-Made": "yes"})

    @app.route("/stream")
    def stream() -> Iterator[str]:
        yield "one "
        yield "two"

    @app.route("/error")
    def error() -> str:
        raise ValueError("hidden")

    return app


def with_after_request(app: Flask) -> None:
    app.after_request(lambda response: response)


def with_before_request(app: Flask) -> None:
    app.before_request(lambda: None)


def with_secret_key(app: Flask) -> None:
    app.secret_key = "never used"


def with_blueprint(app: Flask) -> None:
    blueprint = Blueprint("unrelated", __name__, url_prefix="/unrelated")
    blueprint.before_request(lambda: abort(500))
    blueprint.add_url_rule("/", "index", lambda: "unrelated")
    app.register_blueprint(blueprint)


def with_subclassed_response(app: Flask) -> None:
    app.response_class = type("Own", (Response,), {})


@pytest.mark.parametrize(
    "change",
    [
        with_after_request,
        with_before_request,
        with_secret_key,
        with_blueprint,
        with_subclassed_response,
    ],
)
@pytest.mark.parametrize("path", ROUTES)
def test_what_does_nothing_changes_no_byte(
    edge: str, path: str, change: Callable[[Flask], None]
) -> None:
    plain, changed = application(), application()
    change(changed)

    with make_client(plain, edge) as client:
        expected = observe(client.get(path))

    with make_client(changed, edge) as client:
        assert observe(client.get(path)) == expected


@pytest.mark.parametrize("method", ["get", "head", "post", "options"])
@pytest.mark.parametrize("path", ROUTES)
def test_edges_answer_alike(path: str, method: str) -> None:
    seen = []

    for edge in ("wsgi", "native"):
        with make_client(application(), edge) as client:
            status, headers, body = observe(client.open(path, method=method.upper()))
            # Werkzeug lists the methods of a set.
            headers = [
                (k, ", ".join(sorted(v.split(", "))) if k == "Allow" else v)
                for k, v in headers
                # A body of unknown length needs a transfer coding on the wire.
                if k not in {"Transfer-Encoding", "Connection"}
            ]
            seen.append((status, headers, body))

    assert seen[0] == seen[1]


def test_a_view_replaced_later_is_called(app: Flask, client: FlaskClient) -> None:
    app.add_url_rule("/", "index", lambda: "first")
    assert client.get("/").data == b"first"

    app.view_functions["index"] = lambda: "second"

    assert client.get("/").data == b"second"


def test_a_hook_appended_during_a_request_runs_in_it(
    app: Flask, client: FlaskClient
) -> None:
    def late(response: Response) -> Response:
        response.headers["X-Late"] = "yes"
        return response

    @app.route("/")
    def index() -> str:
        app.after_request_funcs.setdefault(None, []).append(late)
        return ""

    assert client.get("/").headers["X-Late"] == "yes"


def test_a_response_class_assigned_during_a_request_is_used(
    app: Flask, client: FlaskClient
) -> None:
    class Own(Response):
        default_mimetype = "text/x-own"

    @app.route("/")
    def index() -> str:
        app.response_class = Own
        return ""

    assert client.get("/").mimetype == "text/x-own"


def test_a_rule_added_later_is_found(app: Flask, client: FlaskClient) -> None:
    app.add_url_rule("/a", "a", lambda: "a")
    assert client.get("/a").data == b"a"
    assert client.get("/b").status_code == 404

    app._got_first_request = False
    app.add_url_rule("/b", "b", lambda: "b")

    assert client.get("/b").data == b"b"


def test_an_ensure_sync_assigned_later_is_asked(
    app: Flask, client: FlaskClient
) -> None:
    app.add_url_rule("/", "index", lambda: "plain")
    client.get("/")

    app.ensure_sync = lambda function: lambda **kw: "wrapped"  # type: ignore[method-assign,assignment]

    assert client.get("/").data == b"wrapped"


PATCHABLE = [
    "full_dispatch_request",
    "preprocess_request",
    "dispatch_request",
    "finalize_request",
    "make_response",
    "process_response",
    "do_teardown_request",
    "do_teardown_appcontext",
    "wsgi_app",
    "request_context",
    "create_url_adapter",
]


def counting(original: Callable[..., Any], calls: list[str]) -> Callable[..., Any]:
    def patched(*args: Any, **kwargs: Any) -> Any:
        calls.append(original.__name__)
        return original(*args, **kwargs)

    return patched


@pytest.mark.parametrize("stage", PATCHABLE)
@pytest.mark.parametrize("way", ["subclass", "instance", "class"])
def test_a_patched_stage_is_called(
    edge: str, stage: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    if way == "subclass":
        patched = counting(getattr(Flask, stage), calls)
        app = type("Own", (Flask,), {stage: patched})("patched")
    elif way == "class":
        monkeypatch.setattr(Flask, stage, counting(getattr(Flask, stage), calls))
        app = Flask("patched")
    else:
        app = Flask("patched")
        setattr(app, stage, counting(getattr(app, stage), calls))

    app.add_url_rule("/", "index", lambda: "body")

    with make_client(app, edge) as client:
        assert client.get("/").data == b"body"

    assert calls == [stage]


def test_middleware_is_passed_on_every_edge(app: Flask, edge: str) -> None:
    inner = app.wsgi_app

    def middleware(environ: Any, start_response: Any) -> Any:
        environ["X_SEEN"] = "yes"
        return inner(environ, start_response)

    app.wsgi_app = middleware  # type: ignore[method-assign]
    app.add_url_rule("/", "index", lambda: request.environ["X_SEEN"])

    with make_client(app, edge) as client:
        assert client.get("/").data == b"yes"


def test_a_response_that_delivers_itself_is_asked(app: Flask, edge: str) -> None:
    class Own(Response):
        def get_wsgi_headers(self, environ: Any) -> Any:
            headers = super().get_wsgi_headers(environ)
            headers["X-Path"] = environ["PATH_INFO"]
            return headers

    app.response_class = Own
    app.add_url_rule("/here", "index", lambda: "")

    with make_client(app, edge) as client:
        assert client.get("/here").headers["X-Path"] == "/here"


def test_a_request_class_with_its_own_constructor_gets_the_environ(
    app: Flask, edge: str
) -> None:
    class Own(app.request_class):  # type: ignore[name-defined,misc]
        def __init__(self, environ: Any, *args: Any, **kwargs: Any) -> None:
            super().__init__(environ, *args, **kwargs)
            self.seen = environ["PATH_INFO"]

    app.request_class = Own
    app.add_url_rule("/here", "index", lambda: request.seen)  # type: ignore[attr-defined]

    with make_client(app, edge) as client:
        assert client.get("/here").data == b"/here"


def test_a_wsgi_callable_from_after_request_is_delivered(app: Flask, edge: str) -> None:
    @app.after_request
    def replace(response: Response) -> Any:
        return NotFound()

    app.add_url_rule("/", "index", lambda: "")

    with make_client(app, edge) as client:
        assert client.get("/").status_code == 404


def test_an_untrusted_host_is_answered_before_the_view(
    app: Flask, client: FlaskClient
) -> None:
    app.config["TRUSTED_HOSTS"] = ["example.org"]
    app.add_url_rule("/", "index", lambda: "view")

    assert client.get("/").status_code == 400
    assert client.get("/", base_url="http://example.org").data == b"view"


def test_the_error_that_ended_a_request_reaches_teardown(edge: str) -> None:
    app = application()
    errors: list[BaseException | None] = []
    app.teardown_request(errors.append)

    with make_client(app, edge) as client:
        assert client.get("/error").status_code == 500
        assert client.get("/").status_code == 200

    assert isinstance(errors[0], ValueError)
    assert errors[1:] == [None]


def test_a_500_handler_gets_the_original_error(edge: str) -> None:
    app = application()
    raised: list[BaseException] = []
    got = []
    app.after_request(lambda r: got.append("after") or r)  # type: ignore[func-returns-value]

    @app.errorhandler(500)
    def answer(error: Any) -> tuple[str, int]:
        raised.append(error.original_exception)
        return "sorry", 500

    def receive(sender: Flask, exception: Exception) -> None:
        got.append("signal")

    with (
        make_client(app, edge) as client,
        got_request_exception.connected_to(receive, app),
    ):
        assert client.get("/error").data == b"sorry"

    assert isinstance(raised[0], ValueError)
    assert got == ["signal", "after"]


def test_nothing_is_left_current_after_a_request(app: Flask, edge: str) -> None:
    app.add_url_rule("/", "index", lambda: "")

    with make_client(app, edge) as client:
        client.get("/")

    assert not has_request_context()
    assert not has_app_context()


def test_url_for_and_session_work_in_a_view(app: Flask, client: FlaskClient) -> None:
    @app.route("/page/<int:number>")
    def page(number: int) -> dict[str, Any]:
        session["seen"] = session.get("seen", 0) + 1
        g.value = number
        return {
            "url": url_for("page", number=number + 1),
            "absolute": url_for("page", number=1, _external=True),
            "seen": session["seen"],
            "g": g.value,
            "app": current_app.name,
        }

    client.get("/page/1")

    assert client.get("/page/2").json == {
        "url": "/page/3",
        "absolute": "http://localhost/page/1",
        "seen": 2,
        "g": 2,
        "app": "flask_test",
    }


def test_a_stream_keeps_its_context(app: Flask, client: FlaskClient) -> None:
    @app.route("/")
    def index() -> Response:
        g.name = "kept"

        def chunks() -> Iterator[str]:
            yield g.name
            yield request.path

        return Response(stream_with_context(chunks()))

    assert client.get("/").data == b"kept/"


def test_a_generator_response_is_closed(app: Flask, client: FlaskClient) -> None:
    closed: list[str] = []

    @app.route("/")
    def index() -> Response:
        response = Response(iter(["a", "b"]))
        response.call_on_close(lambda: closed.append("closed"))
        return response

    with client.get("/") as answer:
        assert answer.data == b"ab"

    assert closed == ["closed"]


def test_an_application_context_that_is_active_is_reused(app: Flask) -> None:
    with app.app_context() as outer:
        g.value = "outer"

        with app.test_request_context():
            assert g.value == "outer"

        assert g.value == "outer"
        assert isinstance(outer, AppContext)


def test_the_application_is_freed_without_the_collector() -> None:
    import gc
    import weakref

    gc.collect()
    gc.disable()

    try:
        app = Flask("freed")
        app.add_url_rule("/", "index", lambda: "")
        app.test_client().get("/")
        reference = weakref.ref(app)
        del app

        assert reference() is None
    finally:
        gc.enable()


def test_a_wsgi_application_may_start_late_and_write(edge: str) -> None:
    app = Flask("wsgi")

    def late(environ: Any, start_response: Any) -> Any:
        write = start_response("202 Accepted", [("X-Late", "yes")])
        write(b"written ")
        yield b"yielded"

    app.wsgi_app = late  # type: ignore[method-assign]

    with make_client(app, edge) as client:
        response = client.get("/")

    assert response.status_code == 202
    assert response.headers["X-Late"] == "yes"
    assert response.data == b"written yielded"


def test_a_response_of_another_class_keeps_its_fields_and_functions(
    app: Flask, client: FlaskClient
) -> None:
    from werkzeug.wrappers import Response as BaseResponse

    closed: list[str] = []

    @app.route("/")
    def index() -> BaseResponse:
        response = BaseResponse("body", headers={"X-Base": "yes"})
        response.call_on_close(lambda: closed.append("closed"))
        return response

    with client.get("/") as answer:
        assert answer.headers["X-Base"] == "yes"
        assert answer.data == b"body"

    assert closed == ["closed"]


def test_fields_assigned_to_a_response_replace_its_own(
    app: Flask, client: FlaskClient
) -> None:
    from werkzeug.datastructures import Headers

    @app.route("/")
    def index() -> Response:
        response = Response("body")
        response.headers = Headers({"X-Own": "yes"})
        return response

    answer = client.get("/")

    assert answer.headers["X-Own"] == "yes"
    assert "Content-Type" not in answer.headers


def test_the_development_server_is_told_nothing_of_what_is_our_server_s_alone(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(
        "werkzeug.serving.run_simple", lambda *_, **kw: given.update(kw)
    )
    ours: dict[str, Any] = dict.fromkeys(ServerOptions.__annotations__, 1)

    app.run(debug=True, **ours)

    assert given == {"threaded": False, "use_reloader": True, "use_debugger": True}


def test_the_development_server_has_one_worker(app: Flask) -> None:
    with pytest.raises(ValueError, match="has one process"):
        app.run(debug=True, workers=2)
