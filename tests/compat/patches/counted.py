"""An application that passes every stage, for counting who is called how often."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    after_this_request,
    current_app,
    flash,
    g,
    jsonify,
    make_response,
    redirect,
    render_template_string,
    request,
    session,
    stream_template_string,
    stream_with_context,
    url_for,
)
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

REQUESTS: list[tuple[str, str, list[tuple[str, str]], bytes | None]] = [
    ("GET", "/", [], None),
    ("HEAD", "/", [], None),
    ("OPTIONS", "/", [], None),
    ("POST", "/", [], b"x=1"),
    ("GET", "/user/7", [], None),
    ("GET", "/bytes", [], None),
    ("GET", "/json", [], None),
    ("GET", "/list", [], None),
    ("GET", "/jsonify", [], None),
    ("GET", "/tuple", [], None),
    ("GET", "/made", [], None),
    ("GET", "/other-class", [], None),
    ("GET", "/callable", [], None),
    ("GET", "/stream", [], None),
    ("GET", "/stream-context", [], None),
    ("GET", "/redirect", [], None),
    ("GET", "/slash", [], None),
    ("GET", "/template", [], None),
    ("GET", "/stream-template", [], None),
    ("GET", "/session", [], None),
    ("GET", "/session/set", [], None),
    ("GET", "/flash", [], None),
    ("GET", "/cookie", [("Cookie", "a=b; session=altered")], None),
    ("GET", "/reads?a=1", [("Cookie", "a=b")], None),
    ("POST", "/form", [("Content-Type", "application/x-www-form-urlencoded")], b"a=1"),
    ("POST", "/posted-json", [("Content-Type", "application/json")], b'{"a": 1}'),
    ("POST", "/posted-json", [("Content-Type", "application/json")], b"{"),
    ("GET", "/missing", [], None),
    ("GET", "/error", [], None),
    ("GET", "/abort/418", [], None),
    ("GET", "/handled", [], None),
    ("GET", "/late", [], None),
    ("GET", "/async", [], None),
    ("GET", "/none", [], None),
    ("GET", "/b/", [], None),
    ("GET", "/b/abort", [], None),
    ("GET", "/b/missing", [], None),
]


class Handled(Exception):
    """An error with a handler."""


def create_app(flask_class: type[Flask], has_hooks: bool) -> Flask:
    """Make the application.

    :param flask_class: class of the application.
    :param has_hooks: with functions in every registry, or with none in any.
    """
    app = flask_class("counted", static_folder=None)
    app.config.update(SECRET_KEY="secret", PROPAGATE_EXCEPTIONS=False)
    add_views(app)
    app.register_blueprint(make_blueprint(has_hooks), url_prefix="/b")

    if has_hooks:
        add_hooks(app)

    return app


def add_views(app: Flask) -> None:
    """Add a view for each way to answer."""

    @app.route("/", methods=["GET", "POST"])
    def index() -> str:
        return "index"

    @app.route("/user/<int:number>")
    def user(number: int) -> str:
        return str(number)

    @app.route("/bytes")
    def raw() -> bytes:
        return b"bytes"

    @app.route("/json")
    def mapping() -> dict[str, int]:
        return {"a": 1}

    @app.route("/list")
    def sequence() -> list[int]:
        return [1, 2]

    @app.route("/jsonify")
    def jsonified() -> Response:
        return jsonify(a=1)

    @app.route("/tuple")
    def with_status() -> tuple[str, int, dict[str, str]]:
        return "made", 201, {"X-Own": "yes"}

    @app.route("/made")
    def made() -> Response:
        response = make_response("made")
        response.set_cookie("own", "value")
        response.delete_cookie("other")
        response.add_etag()
        return response.make_conditional(request)

    @app.route("/other-class")
    def other_class() -> BaseResponse:
        return BaseResponse("other")

    @app.route("/callable")
    def wsgi() -> t.Any:
        return NotFound()

    @app.route("/stream")
    def stream() -> Iterator[str]:
        yield "one "
        yield "two"

    @app.route("/stream-context")
    def stream_context() -> Response:
        @stream_with_context
        def chunks() -> Iterator[str]:
            yield request.path

        return current_app.response_class(chunks())

    @app.route("/redirect")
    def redirected() -> BaseResponse:
        return redirect(url_for("user", number=3))

    @app.route("/slash/")
    def slash() -> str:
        return "slash"

    @app.route("/template")
    def template() -> str:
        return render_template_string("{{ url_for('index') }} {{ g.before }}")

    @app.route("/stream-template")
    def streamed_template() -> Iterator[str]:
        return stream_template_string("{{ request.path }}")

    @app.route("/session")
    def session_read() -> str:
        return str(session.get("a"))

    @app.route("/session/set")
    def session_set() -> str:
        session["a"] = 1
        return "set"

    @app.route("/flash")
    def flashed() -> str:
        flash("message")
        return "flashed"

    @app.route("/cookie")
    def cookie() -> str:
        return request.cookies["a"]

    @app.route("/reads")
    def reads() -> str:
        g.value = request.args["a"]
        return f"{g.value} {request.host} {request.url} {request.blueprint}"

    @app.route("/form", methods=["POST"])
    def form() -> str:
        return request.form["a"]

    @app.route("/posted-json", methods=["POST"])
    def posted_json() -> t.Any:
        return request.get_json()

    @app.route("/error")
    def error() -> str:
        raise ValueError("not handled")

    @app.route("/abort/<int:code>")
    def aborted(code: int) -> str:
        abort(code)

    @app.route("/handled")
    def handled() -> str:
        raise Handled

    @app.route("/late")
    def late() -> str:
        @after_this_request
        def change(response: Response) -> Response:
            response.headers["X-Late"] = "yes"
            return response

        return "late"

    @app.route("/async")
    async def asynchronous() -> str:
        return "async"

    @app.route("/none")
    def nothing() -> None:
        return None


def make_blueprint(has_hooks: bool) -> Blueprint:
    """Make a blueprint, with functions in each of its registries or with none."""
    blueprint = Blueprint("b", "counted")

    @blueprint.route("/")
    def index() -> str:
        return url_for(".index")

    @blueprint.route("/abort")
    def aborted() -> str:
        abort(409)

    if has_hooks:
        blueprint.before_request(lambda: None)
        blueprint.after_request(lambda response: response)
        blueprint.teardown_request(lambda error: None)
        blueprint.url_value_preprocessor(lambda endpoint, values: None)
        blueprint.url_defaults(lambda endpoint, values: None)
        blueprint.context_processor(lambda: {})
        blueprint.errorhandler(409)(lambda error: ("conflict", 409))

    return blueprint


def add_hooks(app: Flask) -> None:
    """Put a function into each registry of the application."""

    @app.before_request
    def before() -> None:
        g.before = "before"

    @app.after_request
    def after(response: Response) -> Response:
        response.headers["X-After"] = "yes"
        return response

    app.teardown_request(lambda error: None)
    app.teardown_appcontext(lambda error: None)
    app.url_value_preprocessor(lambda endpoint, values: None)
    app.url_defaults(lambda endpoint, values: None)
    app.context_processor(lambda: {"processed": 1})
    app.errorhandler(418)(lambda error: ("teapot", 418))
    app.errorhandler(Handled)(lambda error: ("handled", 400))
    app.errorhandler(500)(lambda error: ("sorry", 500))
