"""What extensions, agents and tests do to an application, in the shape they do it.

A scenario gets an application and a way to ask it, and returns what it has seen.
"""

from __future__ import annotations

import functools
import threading
import typing as t
from unittest import mock

import flask
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    g,
    render_template_string,
    request,
    session,
    stream_template_string,
    url_for,
)
from flask.sessions import SecureCookieSession, SessionInterface
from flask.wrappers import Request
from werkzeug.debug import DebuggedApplication
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

Scenario = t.Callable[[Flask, t.Any], t.Any]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    """Register a scenario under its name."""
    SCENARIOS[function.__name__] = function
    return function


def add_views(app: Flask) -> None:
    """Add a few views that scenarios ask for."""
    app.add_url_rule("/", "index", lambda: "index")
    app.add_url_rule("/user/<int:number>", "user", lambda number: str(number))
    app.add_url_rule("/error", "error", lambda: str(1 // 0))
    app.add_url_rule("/json", "json", lambda: {"a": 1})
    app.add_url_rule("/template", "template", lambda: render_template_string("t"))


PATHS = ("/", "/user/3", "/json", "/error", "/missing", "/template")


def ask_all(ask: t.Any) -> list[t.Any]:
    return [ask(path) for path in PATHS]


# Extensions


@scenario
def sentry_assigns_call_of_the_class(app: Flask, ask: t.Any) -> t.Any:
    add_views(app)
    before = ask_all(ask)
    old = Flask.__call__
    paths: list[str] = []

    def patched(self: t.Any, environ: t.Any, start_response: t.Any) -> t.Any:
        paths.append(environ["PATH_INFO"])
        return old(self, environ, start_response)

    Flask.__call__ = patched  # type: ignore

    try:
        return [before, ask_all(ask), paths]
    finally:
        Flask.__call__ = old  # type: ignore


@scenario
def opentelemetry_wraps_wsgi_app_and_adds_hooks(app: Flask, ask: t.Any) -> t.Any:
    add_views(app)
    spans: list[str] = []
    inner = app.wsgi_app

    def wrapped(environ: t.Any, start_response: t.Any) -> t.Any:
        environ["otel.starttime"] = 1

        def started(status: str, headers: t.Any, *args: t.Any) -> t.Any:
            spans.append(f"{status} {flask.request.url_rule}")
            return start_response(status, [*headers, ("X-Trace", "1")], *args)

        return inner(environ, started)

    app.wsgi_app = wrapped  # type: ignore

    def before() -> None:
        request.environ["otel.span"] = request.url_rule and request.url_rule.rule

    def teardown(error: t.Any) -> None:
        spans.append(f"{request.environ.get('otel.span')} {error!r}")

    app.before_request(before)
    app.teardown_request(teardown)
    answers = ask_all(ask)
    # Uninstrumented while the application serves.
    app.wsgi_app = inner  # type: ignore
    app.before_request_funcs[None].remove(before)
    app.teardown_request_funcs[None].remove(teardown)
    return [answers, ask_all(ask), spans]


@scenario
def opentelemetry_replaces_the_class(app: Flask, ask: t.Any) -> t.Any:
    original = flask.Flask

    class Instrumented(original):  # type: ignore
        def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
            super().__init__(*args, **kwargs)
            self.before_request(lambda: setattr(g, "span", "yes"))

    flask.Flask = Instrumented  # type: ignore

    try:
        from flask import Flask as Imported

        own = Imported("own", static_folder=None)
        own.add_url_rule("/", "index", lambda: g.span)
        return [ask.of(own)("/"), isinstance(own, original), repr(own)]
    finally:
        flask.Flask = original  # type: ignore


@scenario
def restful_replaces_the_handlers_of_errors(app: Flask, ask: t.Any) -> t.Any:
    add_views(app)
    before = ask_all(ask)

    def error_router(original: t.Any, e: Exception) -> t.Any:
        if request.path == "/error" or isinstance(e, NotFound):
            response = app.make_response({"message": type(e).__name__})
            response.status_code = getattr(e, "code", 500)
            return response
        return original(e)

    app.handle_exception = functools.partial(  # type: ignore
        error_router, app.handle_exception
    )
    app.handle_user_exception = functools.partial(  # type: ignore
        error_router, app.handle_user_exception
    )
    return [before, ask_all(ask)]


@scenario
def cors_wraps_the_handlers_and_after_request(app: Flask, ask: t.Any) -> t.Any:
    add_views(app)

    def cors(response: Response) -> Response:
        response.headers.add("Access-Control-Allow-Origin", "*")
        return response

    def wrap(handler: t.Any) -> t.Any:
        def wrapped(*args: t.Any, **kwargs: t.Any) -> t.Any:
            return cors(app.make_response(handler(*args, **kwargs)))

        return wrapped

    app.after_request(cors)
    app.handle_exception = wrap(app.handle_exception)  # type: ignore
    app.handle_user_exception = wrap(app.handle_user_exception)  # type: ignore
    return ask_all(ask)


@scenario
def the_debug_toolbar_sets_dispatch_request(app: Flask, ask: t.Any) -> t.Any:
    add_views(app)
    before = ask_all(ask)
    seen: list[str] = []

    def dispatch_request() -> t.Any:
        req = flask.globals.request_ctx.request
        rule = req.url_rule

        if req.routing_exception is not None:
            app.raise_routing_exception(req)

        view = app.view_functions[rule.endpoint]  # type: ignore
        seen.append(rule.endpoint)  # type: ignore
        return app.ensure_sync(view)(**req.view_args)  # type: ignore

    app.dispatch_request = dispatch_request  # type: ignore
    return [before, ask_all(ask), seen]


@scenario
def sock_returns_a_response_with_its_own_call(app: Flask, ask: t.Any) -> t.Any:
    class WebSocketResponse(Response):
        def __call__(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
            if flask.request.args.get("mode") == "plain":
                return super().__call__(*args, **kwargs)
            args[1]("299 Upgraded", [("X-Socket", "yes")])
            return [b"frames"]

    app.add_url_rule("/ws", "ws", lambda: WebSocketResponse("closed"))
    return [ask("/ws"), ask("/ws?mode=plain")]


@scenario
def caching_appends_a_hook_during_a_request(app: Flask, ask: t.Any) -> t.Any:
    def cached(f: t.Any) -> t.Any:
        def decorated(*args: t.Any, **kwargs: t.Any) -> t.Any:
            @flask.after_this_request
            def once(response: Response) -> Response:
                response.headers["X-Once"] = "yes"
                return response

            def hit(response: Response) -> Response:
                response.headers["hit_cache"] = "True"
                return response

            app.after_request_funcs.setdefault(None, []).append(hit)
            return f(*args, **kwargs)

        return functools.update_wrapper(decorated, f)

    app.add_url_rule("/", "index", cached(lambda: "cached"))
    app.add_url_rule("/other", "other", lambda: "other")
    return [ask("/other"), ask("/"), ask("/"), ask("/other")]


@scenario
def socketio_assigns_the_session_of_a_context(app: Flask, ask: t.Any) -> t.Any:
    def index() -> str:
        session_object = SecureCookieSession({"managed": "yes"})
        flask.globals.request_ctx._session = session_object
        return str(session["managed"])

    def inside() -> t.Any:
        environ = request.environ.copy()

        with app.request_context(environ):
            flask.globals.request_ctx._session = SecureCookieSession({"in": "side"})
            within = session["in"]

        return f"{within} {session.get('in')}"

    app.add_url_rule("/", "index", index)
    app.add_url_rule("/inside", "inside", inside)
    return [ask("/"), ask("/inside")]


@scenario
def sqlalchemy_scopes_by_the_application_context(app: Flask, ask: t.Any) -> t.Any:
    sessions: dict[int, list[str]] = {}
    kept: list[t.Any] = []
    removed: list[int] = []

    def scope() -> int:
        return id(flask.globals.app_ctx._get_current_object())  # type: ignore

    def index() -> str:
        kept.append(flask.globals.app_ctx._get_current_object())  # type: ignore
        mine = sessions.setdefault(scope(), [])
        mine.append("view")
        return str(len(mine))

    @app.teardown_appcontext
    def remove(error: t.Any) -> None:
        removed.append(len(sessions.pop(scope(), [])))

    app.after_request(lambda r: sessions[scope()].append("after") or r)  # type: ignore
    app.add_url_rule("/", "index", index)
    answers = [ask("/"), ask("/"), ask("/")]
    return [answers, removed, len(sessions), len({id(c) for c in kept})]


@scenario
def injector_wraps_all_registries(app: Flask, ask: t.Any) -> t.Any:
    calls: list[str] = []
    blueprint = Blueprint("b", "b", url_prefix="/b")
    blueprint.add_url_rule("/", "index", lambda: render_template_string("{{ p }}"))
    blueprint.before_request(lambda: None)
    app.register_blueprint(blueprint)
    add_views(app)
    app.before_request(lambda: None)
    app.after_request(lambda r: r)
    app.teardown_request(lambda e: None)
    app.context_processor(lambda: {"p": "processed"})
    app.register_error_handler(404, lambda e: ("handled", 404))
    before = [ask("/"), ask("/b/")]

    def wrap(f: t.Any, name: str) -> t.Any:
        def wrapped(*args: t.Any, **kwargs: t.Any) -> t.Any:
            calls.append(name)
            return f(*args, **kwargs)

        return functools.update_wrapper(wrapped, f)

    for endpoint, view in app.view_functions.items():
        app.view_functions[endpoint] = wrap(view, endpoint)

    for name in (
        "before_request_funcs",
        "after_request_funcs",
        "teardown_request_funcs",
        "template_context_processors",
    ):
        registry = getattr(app, name)

        for functions in registry.values():
            functions[:] = [wrap(f, name) for f in functions]

    for codes in app.error_handler_spec.values():
        for handlers in codes.values():
            for kind, handler in handlers.items():
                handlers[kind] = wrap(handler, "handler")

    return [before, ask("/"), ask("/b/"), ask("/missing"), calls]


@scenario
def prometheus_replaces_views(app: Flask, ask: t.Any) -> t.Any:
    add_views(app)
    before = ask_all(ask)
    counts: dict[str, int] = {}

    for endpoint, view in list(app.view_functions.items()):

        @functools.wraps(view)
        def counted(
            *args: t.Any, view: t.Any = view, endpoint: str = endpoint, **kwargs: t.Any
        ) -> t.Any:
            counts[endpoint] = counts.get(endpoint, 0) + 1
            return view(*args, **kwargs)

        app.view_functions[endpoint] = counted

    return [before, ask_all(ask), counts]


@scenario
def moto_sets_the_class_of_clients(app: Flask, ask: t.Any) -> t.Any:
    from flask.testing import FlaskClient

    class Client(FlaskClient):
        def open(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
            kwargs.setdefault("headers", {})["X-Client"] = "own"
            return super().open(*args, **kwargs)

    app.add_url_rule("/", "index", lambda: request.headers["X-Client"])
    app.test_client_class = Client
    client = app.test_client()
    return [client.get("/").text, type(client).__name__]


@scenario
def login_keeps_its_user_on_g(app: Flask, ask: t.Any) -> t.Any:
    def load() -> str:
        if not hasattr(g, "_login_user"):
            g._login_user = request.headers.get("X-User", "anonymous")
        return str(g._login_user)

    app.context_processor(lambda: {"user": load()})
    app.add_url_rule("/", "index", lambda: render_template_string("{{ user }}"))
    return [ask("/", fields=[("X-User", "a")]), ask("/"), ask("/")]


@scenario
def executor_copies_both_context_variables(app: Flask, ask: t.Any) -> t.Any:
    from flask.globals import _cv_app

    def index() -> str:
        context = _cv_app.get(None)
        copied = flask.copy_current_request_context(lambda: request.path)
        found: list[str] = []

        def work() -> None:
            found.append(copied())

            with context.app.app_context():  # type: ignore
                found.append(current_app.name)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return " ".join(found)

    app.add_url_rule("/", "index", index)
    return ask("/")


# Middleware


@scenario
def proxy_fix(app: Flask, ask: t.Any) -> t.Any:
    app.add_url_rule(
        "/",
        "index",
        lambda: f"{request.url} {request.remote_addr} {url_for('index')}",
    )
    before = ask("/")
    app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1, x_prefix=1)  # type: ignore
    fields = [
        ("X-Forwarded-For", "10.0.0.1"),
        ("X-Forwarded-Host", "outside.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Prefix", "/prefix"),
    ]
    return [before, ask("/", fields=fields)]


@scenario
def dispatcher_middleware(app: Flask, ask: t.Any) -> t.Any:
    other = Flask("other", static_folder=None)
    other.add_url_rule("/x", "x", lambda: f"{request.script_root} {url_for('x')}")
    add_views(app)
    before = [ask("/other/x"), *ask_all(ask)]
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/other": other})  # type: ignore
    return [before, ask("/other/x"), ask_all(ask)]


@scenario
def debugged_application(app: Flask, ask: t.Any) -> t.Any:
    add_views(app)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.wsgi_app = DebuggedApplication(app.wsgi_app, evalex=False)  # type: ignore
    answer = ask("/error")
    return [ask("/"), answer[1], "ZeroDivisionError" in answer[3]]


# Patches of modules and objects


@scenario
def rendering_is_patched_by_name(app: Flask, ask: t.Any) -> t.Any:
    add_views(app)
    app.add_url_rule("/stream", "stream", lambda: stream_template_string("s"))
    original = flask.templating._render

    def render(app: t.Any, template: t.Any, context: t.Any) -> str:
        return f"patched {original(app, template, context)}"

    with mock.patch("flask.templating._render", render):
        patched = [ask("/template"), ask("/stream")]

    return [patched, ask("/template")]


@scenario
def mocks_of_signals_in_the_module(app: Flask, ask: t.Any) -> t.Any:
    add_views(app)
    ask("/")
    sent = []

    for name in ("request_started", "request_finished", "request_tearing_down"):
        with mock.patch(f"flask.app.{name}") as signal:
            ask("/")
            sent.append([name, signal.send.call_count])

    with mock.patch("flask.app.got_request_exception") as signal:
        ask("/error")
        sent.append(signal.send.call_count)

    return sent


@scenario
def mocks_of_methods(app: Flask, ask: t.Any) -> t.Any:
    add_views(app)
    seen = [ask("/")]

    with mock.patch("flask.app.Flask.handle_exception") as handle:
        handle.return_value = Response("mocked", 599)
        seen.append(ask("/error"))

    with mock.patch("flask.Flask.dispatch_request", autospec=True) as dispatch:
        dispatch.side_effect = lambda self: f"mocked {self.name}"
        seen.append(ask("/"))

    with mock.patch.object(Flask, "wsgi_app", autospec=True) as wsgi:
        wsgi.side_effect = lambda self, environ, start: NotFound()(environ, start)
        seen.append(ask("/"))

    with mock.patch.object(app, "preprocess_request", return_value="early"):
        seen.append(ask("/"))

    return [seen, ask_all(ask)]


@scenario
def context_classes_replaced_in_the_module(app: Flask, ask: t.Any) -> t.Any:
    class Own(flask.ctx.RequestContext):
        def match_request(self) -> None:
            super().match_request()
            self.request.matched_by = "own"  # type: ignore

    app.add_url_rule("/own", "own", lambda: getattr(request, "matched_by", "stock"))
    before = ask("/own")

    with mock.patch("flask.app.RequestContext", Own):
        patched = ask("/own")

    return [before, patched, ask("/own")]


@scenario
def an_object_is_patched_and_restored(app: Flask, ask: t.Any) -> t.Any:
    add_views(app)
    seen = [ask("/")]

    for name in ("wsgi_app", "request_context", "create_url_adapter", "app_context"):
        calls = []
        original = getattr(app, name)

        def patched(*args: t.Any) -> t.Any:
            calls.append(name)  # noqa: B023
            return original(*args)  # noqa: B023

        setattr(app, name, patched)
        seen.append(ask("/"))
        delattr(app, name)
        seen += [ask("/"), calls[:1]]

    return seen


@scenario
def a_patch_comes_from_another_thread(app: Flask, ask: t.Any) -> t.Any:
    add_views(app)

    def index() -> str:
        def patch() -> None:
            app.process_response = lambda response: Response("patched")  # type: ignore

        thread = threading.Thread(target=patch)
        thread.start()
        thread.join()
        return "index"

    app.view_functions["index"] = index
    return [ask("/json"), ask("/"), ask("/json")]


@scenario
def a_subclass_that_answers_for_its_attributes(app: Flask, ask: t.Any) -> t.Any:
    asked: list[str] = []

    class Own(Flask):
        def __getattribute__(self, name: str) -> t.Any:
            if name == "wsgi_app":
                asked.append(name)
                return lambda environ, start: NotFound()(environ, start)
            return super().__getattribute__(name)

    own = Own("own", static_folder=None)
    own.add_url_rule("/", "index", lambda: "index")
    return [ask.of(own)("/"), asked]


@scenario
def a_request_class_with_side_effects(app: Flask, ask: t.Any) -> t.Any:
    events: list[str] = []

    class Own(Request):
        def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
            super().__init__(*args, **kwargs)
            events.append("made")

        def close(self) -> None:
            super().close()
            events.append("closed")

    app.request_class = Own
    app.before_request(lambda: events.append("before"))
    add_views(app)
    return [ask_all(ask), events]


@scenario
def a_request_class_with_its_own_properties(app: Flask, ask: t.Any) -> t.Any:
    class Own(Request):
        @property
        def blueprints(self) -> list[str]:
            return ["virtual"]

        @property
        def cookies(self) -> t.Any:
            return {"session": self.headers.get("X-Session")}

        @property
        def max_content_length(self) -> int:
            return 3

    app.request_class = Own  # type: ignore
    app.before_request_funcs["virtual"] = [lambda: setattr(g, "virtual", "yes")]
    app.add_url_rule("/", "index", lambda: f"{g.get('virtual')} {session.get('a')}")
    app.add_url_rule("/body", "body", lambda: request.get_data(), methods=["POST"])
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore
    cookie = serializer.dumps({"a": "found"})
    return [
        ask("/", fields=[("X-Session", cookie)]),
        ask("/"),
        ask("/body", "POST", body=b"long body"),
    ]


@scenario
def a_request_class_whose_constructor_fails(app: Flask, ask: t.Any) -> t.Any:
    class Own(Request):
        def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
            raise ValueError("no request")

    add_views(app)
    before = ask("/")
    app.request_class = Own
    return [before, ask("/")]


@scenario
def a_class_of_g_that_keeps_the_time(app: Flask, ask: t.Any) -> t.Any:
    events: list[str] = []

    class Own(flask.ctx._AppCtxGlobals):
        def __init__(self) -> None:
            events.append("g")

    app.app_ctx_globals_class = Own
    app.before_request(lambda: events.append("before"))
    add_views(app)

    with app.app_context():
        events.append("inside")

    return [ask("/"), events]


@scenario
def a_session_interface_of_its_own(app: Flask, ask: t.Any) -> t.Any:
    events: list[str] = []

    class Own(SessionInterface):
        def open_session(self, app: t.Any, request: t.Any) -> t.Any:
            events.append(f"open {request.path} {request.endpoint}")
            return SecureCookieSession()

        def save_session(self, app: t.Any, session: t.Any, response: t.Any) -> None:
            events.append(f"save {response.status}")

    app.session_interface = Own()
    add_views(app)
    return [ask_all(ask), events]


@scenario
def methods_of_a_rule_changed_at_start(app: Flask, ask: t.Any) -> t.Any:
    add_views(app)

    for rule in app.url_map.iter_rules():
        rule.methods.discard("HEAD")  # type: ignore

    return [ask("/"), ask("/", "HEAD")]
