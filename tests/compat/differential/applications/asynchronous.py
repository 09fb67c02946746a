"""Coroutine functions as views, hooks, handlers and processors."""

from __future__ import annotations

import asyncio
import contextvars
import typing as t

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    after_this_request,
    g,
    render_template_string,
    request,
    session,
)
from flask.views import MethodView, View

seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="unset")


def create_app(config: dict[str, t.Any]) -> Flask:
    """Return the application; both sides call this."""
    app = Flask(__name__)
    app.secret_key = "asynchronous"
    app.config.update(config)
    part = Blueprint("part", __name__, url_prefix="/part")
    torn: list[str] = []

    @app.before_request
    async def before() -> str | None:
        await asyncio.sleep(0)
        g.steps = ["before"]
        seen.set("before")
        return "stopped" if "stop" in request.args else None

    @app.after_request
    async def after(response: Response) -> Response:
        await asyncio.sleep(0)
        response.headers["X-Steps"] = ",".join([*g.get("steps", []), "after"])
        return response

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        torn.append(f"{request.path} {type(error).__name__}")

    @app.context_processor
    async def process() -> dict[str, str]:
        return {"value": "processed"}

    @app.errorhandler(ZeroDivisionError)
    async def on_division(error: Exception) -> tuple[str, int]:
        return f"divided {request.path}", 502

    @app.errorhandler(404)
    async def on_missing(error: Exception) -> tuple[dict[str, str], int]:
        return {"missing": request.path}, 404

    @app.route("/", methods=["GET", "POST"])
    async def index() -> dict[str, t.Any]:
        await asyncio.sleep(0)
        return {"method": request.method, "args": request.args, "form": request.form}

    @app.get("/session/<value>")
    async def use_session(value: str) -> str:
        before = session.get("value")
        session["value"] = value
        return str(before)

    @app.get("/divide")
    async def divide() -> float:
        return 1 / 0

    @app.get("/fail")
    async def fail() -> t.NoReturn:
        raise LookupError("async")

    @app.get("/abort")
    async def aborted() -> t.NoReturn:
        abort(409)

    @app.get("/this")
    async def this() -> tuple[str, int]:
        @after_this_request
        async def mark(response: Response) -> Response:
            response.headers["X-This"] = "1"
            return response

        return "this", 201

    @app.get("/template")
    async def template() -> str:
        return render_template_string("{{ value }} {{ request.path }}")

    @app.get("/gather")
    async def gather() -> list[str]:
        async def path(i: int) -> str:
            await asyncio.sleep(0)
            return f"{request.path} {i}"

        return list(await asyncio.gather(path(1), path(2)))

    @app.get("/generator")
    async def generator() -> t.Any:
        async def generate() -> t.AsyncIterator[str]:
            yield "x"

        return generate()

    @app.get("/context")
    def context() -> str:
        return seen.get()

    @app.get("/torn")
    def show_torn() -> str:
        return "\n".join(torn)

    @part.before_request
    async def part_before() -> None:
        g.steps.append("part")

    @part.get("/")
    async def part_index() -> str:
        return "part"

    class Methods(MethodView):
        async def get(self) -> str:
            return "get"

        def post(self) -> str:
            return "post"

    class Whole(View):
        async def dispatch_request(self) -> str:
            return "whole"

    app.add_url_rule("/methods", view_func=Methods.as_view("methods"))
    app.add_url_rule("/whole", view_func=Whole.as_view("whole"))
    app.register_blueprint(part)
    return app
