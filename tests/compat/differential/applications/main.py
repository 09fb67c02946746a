"""An application with many kinds of routes, written for Flask and served by either."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import typing as t
import uuid
from collections.abc import Callable, Iterator
from http import HTTPStatus

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    after_this_request,
    current_app,
    flash,
    g,
    get_flashed_messages,
    jsonify,
    make_response,
    redirect,
    render_template,
    render_template_string,
    request,
    send_file,
    send_from_directory,
    session,
    stream_template_string,
    stream_with_context,
    url_for,
)
from flask.views import MethodView, View
from markupsafe import Markup
from werkzeug.exceptions import BadRequest, Conflict, HTTPException
from werkzeug.routing import BaseConverter


class ListConverter(BaseConverter):
    """Segments joined by plus signs."""

    regex = r"[^/+]+(?:\+[^/+]+)*"

    def to_python(self, value: str) -> list[str]:
        return value.split("+")

    def to_url(self, value: list[str]) -> str:
        return "+".join(value)


class Trouble(Exception):
    """An error of the application with a handler."""


class WorseTrouble(Trouble):
    """Handled through its base class."""


class Hopeless(Exception):
    """An error whose handler fails itself."""


def create_app(config: dict[str, t.Any]) -> Flask:
    """Return the application; both sides call this."""
    app = Flask(__name__)
    app.secret_key = "differential"
    app.config["MAX_CONTENT_LENGTH"] = 2000
    app.config["MAX_FORM_MEMORY_SIZE"] = 500
    app.config["MAX_FORM_PARTS"] = 4
    app.config.update(config)
    app.url_map.converters["list"] = ListConverter
    add_values(app)
    add_routing(app)
    add_request(app)
    add_session(app)
    add_files(app)
    add_errors(app)
    add_templates(app)
    add_classes(app)
    add_hooks(app)
    app.register_blueprint(make_part(), url_prefix="/part")
    app.register_blueprint(make_part(), url_prefix="/again/<lang>", name="again")
    return app


def add_values(app: Flask) -> None:
    """Add views for each kind of return value."""
    values: dict[str, Callable[[], t.Any]] = {
        "text": lambda: "päge",
        "empty": lambda: "",
        "bytes": lambda: b"\x00\xff",
        "bytearray": lambda: bytearray(b"abc"),
        "dict": lambda: {"b": 1, "a": "ü<>&'", "n": None},
        "list": lambda: [1, 2.5, True, {"x": []}],
        "status": lambda: ("made", 201),
        "status-string": lambda: ("made", "299 Odd One"),
        "status-enum": lambda: ("made", HTTPStatus.ACCEPTED),
        "headers": lambda: ("x", {"X-One": "1", "Content-Type": "text/x"}),
        "headers-list": lambda: ("x", [("X-One", "1"), ("X-One", "2")]),
        "headers-multi": lambda: ("x", 202, {"X-Many": ["1", "2"]}),
        "dict-status": lambda: ({"a": 1}, 418),
        "generator": lambda: (part for part in ("a", "ü", b"c")),
        "generator-empty": lambda: iter(()),
        "none": lambda: None,
        "number": lambda: 1,
        "tuple-bad": lambda: ("a", 200, {}, 4),
        "tuple-none": lambda: (None, 200),
        "response": lambda: Response("r", 203, {"X-R": "r"}, mimetype="text/csv"),
        "response-tuple": lambda: (Response("r", 203, {"X-R": "r"}), 299, {"X-R": "s"}),
        "response-text-header": lambda: Response("r", headers={"X-L": "\xe9"}),
        "no-content": lambda: ("ignored?", 204),
        "not-modified": lambda: ("ignored?", 304),
        "wsgi": lambda: wsgi_hello,
        "json-kinds": lambda: jsonify(
            when=dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc),
            day=dt.date(2020, 1, 2),
            number=decimal.Decimal("1.10"),
            key=uuid.UUID(int=7),
            markup=Markup("<b>"),
        ),
        "json-args": lambda: jsonify(1, "two", None),
        "json-nothing": lambda: jsonify(),
        "json-bad": lambda: {"set": {1}},
        "cookies": with_cookies,
        "etag": with_etag,
        "cache": with_cache_control,
    }
    for name, view in values.items():
        app.add_url_rule(f"/value/{name}", f"value-{name}", view)


def wsgi_hello(environ: dict[str, t.Any], start_response: t.Any) -> list[bytes]:
    start_response("222 Wisgy", [("X-From", environ["REQUEST_METHOD"])])
    return [b"a", b"b"]


def with_cookies() -> Response:
    response = make_response("cookies")
    response.set_cookie("a", "1", max_age=60, httponly=True, samesite="Lax")
    response.set_cookie("b", "ü; x", path="/value", secure=True, domain="localhost")
    response.delete_cookie("c")
    return response


def with_etag() -> Response:
    response = make_response("tagged")
    response.add_etag()
    return response.make_conditional(request)


def with_cache_control() -> Response:
    response = make_response("cached")
    response.cache_control.public = True
    response.cache_control.max_age = 10
    response.vary.add("Accept")
    response.content_language.add("de")
    return response


def add_routing(app: Flask) -> None:
    """Add rules of each kind."""

    def show(**values: object) -> str:
        return f"{request.endpoint} {sorted(values.items())!r}"

    rules = [
        ("/", {}),
        ("/slash/", {}),
        ("/bare", {}),
        ("/loose", {"strict_slashes": False}),
        ("/int/<int:i>", {}),
        ("/int/signed/<int(signed=True, max=5):i>", {}),
        ("/float/<float:f>", {}),
        ("/string/<s>", {}),
        ("/string/long/<string(length=2):s>", {}),
        ("/any/<any(one, two):a>", {}),
        ("/uuid/<uuid:u>", {}),
        ("/path/<path:p>", {}),
        ("/path/<path:p>/end", {}),
        ("/list/<list:items>", {}),
        ("/two/<int:a>-<b>", {}),
        ("/file.<ext>", {}),
        ("/ümlaut/<s>", {}),
        ("/both/<int:i>", {"methods": ["GET"]}),
        ("/both/<path:p>", {"methods": ["POST"]}),
        ("/only/put", {"methods": ["PUT", "DELETE"]}),
        ("/own/options", {"methods": ["GET", "OPTIONS"]}),
        ("/no/options", {"provide_automatic_options": False}),
    ]
    for number, (rule, options) in enumerate(rules):
        app.add_url_rule(rule, f"rule{number}", show, **options)
    app.add_url_rule("/pages/", "pages", show, defaults={"page": 1})
    app.add_url_rule("/pages/<int:page>", "pages", show)
    app.add_url_rule("/old/<int:page>", "old", show, redirect_to="/pages/<page>")
    app.add_url_rule("/alias/<int:page>", "pages", show, alias=True)

    @app.get("/urls")
    def urls() -> list[str]:
        return [
            url_for("pages", page=1),
            url_for("pages", page=2, q="ä b", _anchor="x y"),
            url_for("static", filename="a b.css"),
            url_for("rule13", items=["a", "b"]),
            url_for("part.index", _external=True),
            url_for("again.index", lang="de"),
            url_for("rule0", _external=True, _scheme="https"),
            app.url_for("rule2", _method="GET", many=[1, 2]),
        ]

    @app.get("/urls/broken")
    def urls_broken() -> str:
        return url_for("rule4")


def add_request(app: Flask) -> None:
    """Add views that show what arrived."""

    @app.route("/echo", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def echo() -> dict[str, t.Any]:
        return {
            "method": request.method,
            "path": request.path,
            "full_path": request.full_path,
            "url": request.url,
            "base_url": request.base_url,
            "host": request.host,
            "args": request.args.to_dict(flat=False),
            "form": request.form.to_dict(flat=False),
            "files": {
                name: [stored.filename, stored.content_type, stored.read().decode()]
                for name, stored in request.files.items()
            },
            "values": request.values.to_dict(flat=False),
            "cookies": request.cookies.to_dict(flat=False),
            "type": [request.content_type, request.mimetype, request.mimetype_params],
            "length": request.content_length,
            "agent": request.user_agent.string,
            "accept": list(request.accept_mimetypes.values()),
            "languages": request.accept_languages.best_match(["de", "en"]),
            "auth": repr(request.authorization),
            "json?": request.is_json,
            "secure": request.is_secure,
            "blueprint": [request.endpoint, request.blueprint, request.blueprints],
            "scheme": request.scheme,
            "script_root": request.script_root,
            "headers": sorted(
                list(field) for field in request.headers if field[0] != "Connection"
            ),
        }

    @app.post("/raw")
    def raw() -> bytes:
        return request.get_data()[::-1]

    @app.post("/stream")
    def stream() -> bytes:
        return request.stream.read(3) + b"|" + request.stream.read()

    @app.post("/json")
    def json() -> dict[str, t.Any]:
        return {"got": request.get_json()}

    @app.post("/json/silent")
    def json_silent() -> dict[str, t.Any]:
        return {"got": request.get_json(silent=True), "force": request.json is None}

    @app.get("/key")
    def key() -> str:
        return request.args["key"] + request.form.get("none", "-")

    @app.get("/number")
    def number() -> str:
        return str(request.args.get("n", 7, type=int))


def add_session(app: Flask) -> None:
    """Add views that use the session."""

    @app.get("/session/set/<value>")
    def session_set(value: str) -> str:
        session["value"] = value
        session["kinds"] = (1, b"x", Markup("<i>"), uuid.UUID(int=1))
        return "set"

    @app.get("/session/get")
    def session_get() -> str:
        return repr(session.get("value")) + repr(session.get("kinds"))

    @app.get("/session/permanent")
    def session_permanent() -> str:
        session.permanent = True
        session["p"] = 1
        return "permanent"

    @app.get("/session/clear")
    def session_clear() -> str:
        session.clear()
        return "cleared"

    @app.get("/session/contains")
    def session_contains() -> str:
        return str("value" in session)

    @app.get("/session/flash")
    def session_flash() -> str:
        flash("first")
        flash("second", "error")
        return "flashed"

    @app.get("/session/flashes")
    def session_flashes() -> str:
        only = get_flashed_messages(category_filter=["error"])
        return repr(only) + repr(get_flashed_messages(with_categories=True))


def add_files(app: Flask) -> None:
    """Add views that send files."""

    @app.get("/file/<path:name>")
    def file(name: str) -> Response:
        return send_from_directory("static", name)

    @app.get("/download")
    def download() -> Response:
        return send_file(
            "static/table.csv", as_attachment=True, download_name="tä b.csv", max_age=5
        )

    @app.get("/memory")
    def memory() -> Response:
        return send_file(io.BytesIO(b"0123456789"), mimetype="text/plain", etag="x")

    @app.get("/memory/unnamed")
    def memory_unnamed() -> Response:
        return send_file(io.BytesIO(b"0123456789"))


def add_errors(app: Flask) -> None:
    """Add views that fail, and what handles that."""

    @app.get("/abort/<int:code>")
    def abort_with(code: int) -> t.NoReturn:
        abort(code)

    @app.get("/abort/described")
    def abort_described() -> t.NoReturn:
        abort(409, "Because <so>.")

    @app.get("/abort/response")
    def abort_response() -> t.NoReturn:
        abort(Response("my own", 499))

    @app.get("/trouble")
    def trouble() -> t.NoReturn:
        raise Trouble("oh")

    @app.get("/trouble/worse")
    def trouble_worse() -> t.NoReturn:
        raise WorseTrouble("no")

    @app.get("/crash")
    def crash() -> float:
        return 1 / 0

    @app.get("/bad-handler")
    def bad_handler() -> t.NoReturn:
        raise Hopeless("x")

    @app.errorhandler(Trouble)
    def on_trouble(error: Trouble) -> tuple[str, int]:
        return f"{type(error).__name__}: {error}", 502

    @app.errorhandler(Hopeless)
    def on_hopeless(error: Hopeless) -> t.NoReturn:
        raise RuntimeError("while handling") from error

    @app.errorhandler(Conflict)
    def on_conflict(error: Conflict) -> tuple[dict[str, t.Any], int | None]:
        return {"error": error.description}, error.code

    @app.errorhandler(410)
    def on_gone(error: HTTPException) -> HTTPException:
        return error

    @app.errorhandler(500)
    def on_error(error: HTTPException) -> tuple[str, int]:
        original = getattr(error, "original_exception", None)
        return f"500: {type(original).__name__}", 500

    @app.get("/redirect")
    def redirected() -> t.Any:
        return redirect("/elsewhere?a=ä")

    @app.get("/redirect/<int:code>")
    def redirected_with(code: int) -> t.Any:
        return redirect(url_for("pages", page=3), code)

    @app.get("/redirect/external")
    def redirected_out() -> t.Any:
        return redirect("https://example.org/ü", Response=current_app.response_class)


def add_templates(app: Flask) -> None:
    """Add views that render."""

    @app.context_processor
    def inject() -> dict[str, str]:
        return {"injected": "injected", "value": "overridden"}

    @app.template_filter("shout")
    def shout(value: str) -> str:
        return value.upper() + "!"

    @app.template_test("odd_length")
    def odd_length(value: str) -> bool:
        return len(value) % 2 == 1

    @app.template_global("twice")
    def twice(value: str) -> str:
        return value * 2

    @app.get("/template/<name>")
    def template(name: str) -> str:
        return render_template(["nowhere.html", name], value="<value>")

    @app.get("/template/string")
    def template_string() -> str:
        g.mine = "g"
        return render_template_string(
            "{{ value }} {{ 'x'|shout }} {{ 'abc' is odd_length }} {{ twice('ab') }}"
            " {{ g.mine }} {{ request.path }} {{ config.TESTING }} {{ session }}",
            value="<i>",
        )

    @app.get("/template/stream")
    def template_stream() -> Iterator[str]:
        return stream_template_string(
            "{% for i in range(3) %}{{ i }}{{ request.path }}{% endfor %}"
        )

    @app.get("/stream/context")
    def stream_context() -> Response:
        @stream_with_context
        def generate() -> Iterator[str]:
            yield request.path
            yield request.args.get("x", "-")

        return Response(generate(), mimetype="text/plain")


def add_classes(app: Flask) -> None:
    """Add class-based views."""

    def mark(letter: str) -> Callable[..., t.Any]:
        def decorate(view: Callable[..., str]) -> Callable[..., str]:
            return lambda **values: letter + view(**values)

        return decorate

    class Item(MethodView):
        decorators = [mark("a"), mark("b")]

        def get(self, i: int) -> str:
            return f"get {i}"

        def put(self, i: int) -> str:
            return f"put {i}"

    class Once(View):
        methods = ["GET", "POST"]
        init_every_request = False

        def __init__(self, greeting: str) -> None:
            self.greeting = greeting
            self.calls = 0

        def dispatch_request(self) -> str:
            self.calls += 1
            return f"{self.greeting} {self.calls}"

    app.add_url_rule("/item/<int:i>", view_func=Item.as_view("item"))
    app.add_url_rule("/once", view_func=Once.as_view("once", "hello"))


def add_hooks(app: Flask) -> None:
    """Add functions that run round each request, and a view that shows their order."""

    @app.url_value_preprocessor
    def note_values(endpoint: str | None, values: dict[str, t.Any] | None) -> None:
        g.order = ["values"]

    @app.before_request
    def before_first() -> None:
        g.order.append("before 1")

    @app.before_request
    def before_second() -> str | None:
        g.order.append("before 2")
        return "stopped" if "stop" in request.args else None

    @app.after_request
    def after_first(response: Response) -> Response:
        response.headers["X-Order"] = ", ".join([*g.get("order", []), "after 1"])
        return response

    @app.after_request
    def after_second(response: Response) -> Response:
        if "order" in g:
            g.order.append("after 2")
        return response

    @app.get("/hooks")
    def hooks() -> str:
        @after_this_request
        def this(response: Response) -> Response:
            g.order.append("this")
            response.headers["X-This"] = "yes"
            return response

        return "hooks"


def make_part() -> Blueprint:
    """Return a blueprint with one nested in it."""
    part = Blueprint(
        "part",
        __name__,
        root_path=str(t.cast(str, __file__).rpartition("/")[0] + "/parts"),
        template_folder="templates",
        static_folder="files",
        static_url_path="/files",
    )
    child = Blueprint("child", __name__, url_prefix="/child")

    @part.url_value_preprocessor
    def take_language(endpoint: str | None, values: dict[str, t.Any] | None) -> None:
        g.lang = (values or {}).pop("lang", "none")
        g.order.append("part values")

    @part.before_request
    def before() -> None:
        g.order.append("part before")

    @part.after_request
    def after(response: Response) -> Response:
        g.order.append("part after")
        return response

    @part.context_processor
    def inject() -> dict[str, str]:
        return {"only_in_part": "here"}

    @part.get("/")
    def index() -> str:
        return render_template("part/index.html", value=g.lang)

    @part.get("/missing")
    def missing() -> t.NoReturn:
        abort(404)

    @part.get("/refused")
    def refused() -> t.NoReturn:
        raise BadRequest("not like this")

    @part.errorhandler(404)
    def on_missing(error: HTTPException) -> tuple[str, int]:
        return f"part: {error.code} {request.blueprint}", 404

    @part.app_errorhandler(405)
    def on_method(error: HTTPException) -> tuple[str, int]:
        return "the part's word on methods", 405

    @child.get("/<name>")
    def leaf(name: str) -> list[t.Any]:
        return [name, request.endpoint, request.blueprints, url_for(".leaf", name="x")]

    @child.get("/missing")
    def child_missing() -> t.NoReturn:
        abort(404)

    @child.before_request
    def child_before() -> None:
        g.order.append("child before")

    @child.after_request
    def child_after(response: Response) -> Response:
        g.order.append("child after")
        return response

    part.register_blueprint(child)
    return part
