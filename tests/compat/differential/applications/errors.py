"""Errors in each stage of a request, and handlers of each kind."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    after_this_request,
    g,
    got_request_exception,
    render_template_string,
    request,
    session,
    stream_template_string,
    stream_with_context,
)
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    RequestedRangeNotSatisfiable,
    TooManyRequests,
    Unauthorized,
)
from werkzeug.routing import BaseConverter, RequestRedirect


class Broken(Exception):
    """What goes wrong."""


class Handled(Exception):
    """What the application has a handler for."""


class HandledMore(Handled):
    """What it has a handler for through the base class, and a blueprint by itself."""


class Payment(HTTPException):
    """An HTTP error of the application's own."""

    code = 402
    description = "Pay <first>."


class Codeless(HTTPException):
    """An HTTP error without a code."""


class Failing(BaseConverter):
    """A converter that fails while the URL is matched."""

    def to_python(self, value: str) -> t.NoReturn:
        raise Broken(value)


def create_app(config: dict[str, t.Any]) -> Flask:
    """Return the application; both sides call this.

    ``HANDLERS`` in the configuration names the handlers that the application has.
    """
    app = Flask(__name__)
    app.secret_key = "errors"
    app.config.update(config)
    app.url_map.converters["failing"] = Failing
    log: list[str] = []
    add_stages(app, log)
    add_raisers(app)
    add_handlers(app, config.get("HANDLERS", []))
    app.register_blueprint(make_blueprint(), url_prefix="/shop")
    got_request_exception.connect(
        lambda sender, exception, **_: log.append(f"signal {type(exception).__name__}"),
        app,
        weak=False,
    )

    @app.get("/log")
    def show_log() -> str:
        lines, log[:] = "\n".join(log), []
        return lines

    return app


def add_stages(app: Flask, log: list[str]) -> None:
    """Fail wherever the query says."""

    def fails(stage: str) -> bool:
        return request.args.get("fail") == stage

    @app.url_value_preprocessor
    def values(endpoint: str | None, view_args: dict[str, t.Any] | None) -> None:
        if fails("values"):
            raise Broken("values")

    @app.before_request
    def before() -> None:
        if fails("before"):
            raise Broken("before")
        if fails("before-abort"):
            abort(401)
        if fails("before-handled"):
            raise Handled("before")

    @app.after_request
    def after(response: Response) -> Response:
        response.headers["X-After"] = f"{response.status_code}"
        if fails("after"):
            raise Broken("after")
        if fails("after-abort"):
            abort(409)
        if fails("after-none"):
            return None  # type: ignore[return-value]
        return response

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        log.append(f"request {type(error).__name__}")
        if fails("teardown"):
            raise Broken("teardown")

    @app.teardown_appcontext
    def teardown_app(error: BaseException | None) -> None:
        log.append(f"app {type(error).__name__}")
        if g.get("fail") == "teardown-app":
            raise Broken("teardown-app")

    @app.context_processor
    def process() -> dict[str, str]:
        if fails("processor"):
            raise Broken("processor")
        return {}

    @app.route("/stage", methods=["GET", "POST"])
    def stage() -> t.Any:
        g.fail = request.args.get("fail")
        if fails("view"):
            raise Broken("view")
        if fails("after-this"):

            @after_this_request
            def this(response: Response) -> t.NoReturn:
                raise Broken("this")

        if fails("session"):
            session["x"] = object()
        if fails("template"):
            return render_template_string("{{ 1 // 0 }}")
        if fails("template-syntax"):
            return render_template_string("{% if %}")
        if fails("template-undefined"):
            return render_template_string("{{ a.b }}")
        if fails("processor"):
            return render_template_string("x")
        if fails("stream"):
            return Response(break_off(2))
        if fails("stream-first"):
            return Response(break_off(0))
        if fails("stream-template"):
            return stream_template_string("a{{ 1 // 0 }}"), 203
        if fails("stream-context"):
            return Response(stream_with_context(break_off(1)))
        if fails("exit"):
            raise RuntimeError("exit") from Broken("cause")
        return "fine"

    @app.get("/stage/<failing:value>")
    def converted(value: str) -> str:
        return value


def break_off(chunks: int) -> Iterator[str]:
    for _ in range(chunks):
        yield "chunk"
    raise Broken("stream")


def add_raisers(app: Flask) -> None:
    """Add views that raise errors of each kind."""
    errors: dict[str, t.Callable[[], BaseException]] = {
        "broken": lambda: Broken("x"),
        "handled": lambda: Handled("x"),
        "handled-more": lambda: HandledMore("y"),
        "payment": Payment,
        "codeless": Codeless,
        "bad-request": lambda: BadRequest("bad <so>"),
        "not-found": NotFound,
        "unauthorized": lambda: Unauthorized(www_authenticate=None),
        "method": lambda: MethodNotAllowed(["PUT", "BREW"], "no"),
        "too-many": lambda: TooManyRequests(retry_after=7),
        "range": lambda: RequestedRangeNotSatisfiable(10),
        "internal": lambda: InternalServerError("mine"),
        "internal-original": lambda: InternalServerError(
            original_exception=ValueError("o")
        ),
        "redirect": lambda: RequestRedirect("/elsewhere"),
        "with-response": lambda: BadRequest(response=Response("replaced", 499)),
        "key": lambda: KeyError("k"),
        "assertion": lambda: AssertionError("a"),
        "stop": lambda: StopIteration("s"),
        "lookup": lambda: LookupError("l"),
    }

    def raiser(make: t.Callable[[], BaseException]) -> t.Callable[[], t.NoReturn]:
        def view() -> t.NoReturn:
            raise make()

        return view

    for name, make in errors.items():
        app.add_url_rule(f"/raise/{name}", f"raise-{name}", raiser(make))

    @app.get("/abort/<code>")
    def abort_code(code: str) -> t.NoReturn:
        abort(int(code))

    @app.get("/abort/text")
    def abort_text() -> t.NoReturn:
        abort(404, "<b>text</b>")

    @app.get("/abort/response")
    def abort_response() -> t.NoReturn:
        abort(Response("whole", 200, {"X-A": "1"}))

    @app.get("/abort/wsgi")
    def abort_wsgi() -> t.NoReturn:
        abort(lambda environ, start: [start("210 W", [])] and [b"wsgi"])  # type: ignore

    @app.get("/bad/key")
    def bad_key() -> str:
        return request.args["missing"] + request.form["missing"]

    @app.post("/bad/file")
    def bad_file() -> str:
        return str(request.files["missing"])

    @app.post("/bad/json")
    def bad_json() -> t.Any:
        return {"got": request.json}

    @app.get("/slashed/")
    def slashed() -> str:
        return "slashed"

    @app.post("/slashed/post/")
    def slashed_post() -> str:
        return "slashed"


def add_handlers(app: Flask, names: list[str]) -> None:
    """Add the named handlers."""

    def on_handled(error: Exception) -> tuple[str, int]:
        return f"handled {error!r}", 444

    def on_anything(error: Exception) -> tuple[str, int]:
        return f"anything {type(error).__name__}", 555

    def on_http(error: HTTPException) -> t.Any:
        response = error.get_response()
        response.data = f"http {error.code} {error.name}"
        return response

    def on_code(error: HTTPException) -> tuple[str, int | None, dict[str, str]]:
        original = getattr(error, "original_exception", "no")
        return f"code {error.code} {original!r}", error.code, {"X-Handler": "code"}

    def fails(error: Exception) -> t.NoReturn:
        raise Broken("in the handler")

    def reraises(error: Exception) -> t.NoReturn:
        raise error

    def aborts(error: Exception) -> t.NoReturn:
        abort(503)

    def nothing(error: Exception) -> None:
        return None

    handlers: dict[str, tuple[t.Any, t.Callable[..., t.Any]]] = {
        "handled": (Handled, on_handled),
        "anything": (Exception, on_anything),
        "http": (HTTPException, on_http),
        "404": (404, on_code),
        "405": (405, on_code),
        "payment": (Payment, on_code),
        "500": (500, on_code),
        "internal": (InternalServerError, on_code),
        "400-class": (BadRequest, on_code),
        "fails": (Handled, fails),
        "500-fails": (500, fails),
        "reraises": (Broken, reraises),
        "aborts": (Broken, aborts),
        "nothing": (Broken, nothing),
        "lookup": (LookupError, on_handled),
    }

    for name in names:
        app.register_error_handler(*handlers[name])


def make_blueprint() -> Blueprint:
    """Return a blueprint with handlers of its own and a second one in it."""
    shop = Blueprint("shop", __name__)
    till = Blueprint("till", __name__, url_prefix="/till")

    @shop.errorhandler(HandledMore)
    def on_more(error: Exception) -> str:
        return f"shop {error!r}"

    @shop.errorhandler(404)
    def on_missing(error: HTTPException) -> tuple[str, int]:
        return "shop 404", 404

    @till.errorhandler(Payment)
    def on_payment(error: HTTPException) -> tuple[str, int]:
        return "till payment", 402

    @till.errorhandler(404)
    def on_missing_here(error: HTTPException) -> tuple[str, int]:
        return "till 404", 404

    @shop.app_errorhandler(418)
    def on_teapot(error: HTTPException) -> tuple[str, int]:
        return "shop's 418 for all", 418

    for blueprint in (shop, till):

        @blueprint.get("/abort/<int:code>")
        def abort_code(code: int) -> t.NoReturn:
            abort(code)

        @blueprint.get("/more")
        def more() -> t.NoReturn:
            raise HandledMore("m")

        @blueprint.get("/payment")
        def payment() -> t.NoReturn:
            raise Payment

        @blueprint.get("/broken")
        def broken() -> t.NoReturn:
            raise Broken("b")

    shop.register_blueprint(till)
    return shop
