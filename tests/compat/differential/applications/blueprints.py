"""Blueprints in blueprints: prefixes, defaults, hooks, templates, files and handlers."""

from __future__ import annotations

import typing as t
from pathlib import Path

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    g,
    render_template,
    render_template_string,
    request,
    url_for,
)
from werkzeug.exceptions import HTTPException

HERE = Path(__file__).parent


def create_app(config: dict[str, t.Any]) -> Flask:
    """Return the application; both sides call this."""
    app = Flask(__name__)
    app.config.update(config)
    trace(app, "app")
    outer = make("outer", url_prefix="/outer/<lang>", url_defaults={"kind": "o"})
    inner = make("inner", url_prefix="/inner")
    innermost = make("innermost", template_folder="templates", static_folder="static")
    bare = make("bare")

    @outer.url_value_preprocessor
    def take(endpoint: str | None, values: dict[str, t.Any] | None) -> None:
        g.lang = values.pop("lang", None) if values else None

    @outer.url_defaults
    def give(endpoint: str, values: dict[str, t.Any]) -> None:
        values.setdefault("lang", g.get("lang") or "xx")

    @inner.errorhandler(404)
    def on_missing(error: HTTPException) -> tuple[str, int]:
        return f"inner 404 {request.blueprint}", 404

    @outer.errorhandler(LookupError)
    def on_lookup(error: LookupError) -> tuple[str, int]:
        return f"outer {error!r}", 500

    @bare.app_errorhandler(404)
    def on_missing_anywhere(error: HTTPException) -> tuple[str, int]:
        return f"bare's 404 {request.blueprint}", 404

    @bare.before_app_request
    def before_app() -> str | None:
        g.steps.append("bare before app")
        return "stopped by bare" if "stop" in request.args else None

    @bare.after_app_request
    def after_app(response: Response) -> Response:
        response.headers.add("X-Bare", ",".join(g.get("steps", [])))
        return response

    @bare.app_context_processor
    def process_app() -> dict[str, str]:
        return {"everywhere": "yes", "name": "from bare"}

    @bare.app_url_defaults
    def defaults_app(endpoint: str, values: dict[str, t.Any]) -> None:
        if endpoint == "marked":
            values.setdefault("mark", "m")

    @bare.app_url_value_preprocessor
    def values_app(endpoint: str | None, values: dict[str, t.Any] | None) -> None:
        g.steps = [f"values {endpoint}"]

    bare.add_app_template_filter(lambda value: value[::-1], "backwards")
    bare.add_app_template_test(lambda value: value == "x", "an_x")
    bare.add_app_template_global(lambda: "global", "a_global")

    @app.get("/marked/<mark>", endpoint="marked")
    def marked(mark: str) -> str:
        return url_for("marked")

    @app.get("/template")
    def template() -> str:
        return render_template_string(
            "{{ everywhere }} {{ name }} {{ 'abc'|backwards }} {{ 'x' is an_x }}"
            " {{ a_global() }} {{ only_inner }}"
        )

    innermost.record(lambda state: g_notes.append(f"record {state.name}"))
    innermost.record_once(lambda state: g_notes.append(f"once {state.name}"))
    g_notes: list[str] = []
    inner.register_blueprint(innermost, url_prefix="/innermost")
    inner.register_blueprint(innermost, url_prefix="/twice", name="twice")
    outer.register_blueprint(inner)
    outer.register_blueprint(bare, url_prefix="")
    app.register_blueprint(outer)
    app.register_blueprint(inner, url_prefix="/alone", name="alone")
    app.register_blueprint(make("rooted"), url_prefix="/")
    app.register_blueprint(make("other", url_prefix="/ignored"), url_prefix="/other/")

    @app.get("/notes")
    def notes() -> list[str]:
        return g_notes

    return app


def trace(scaffold: Flask | Blueprint, name: str) -> None:
    """Note which hooks run."""

    @scaffold.before_request
    def before() -> None:
        g.steps.append(f"{name} before")

    @scaffold.after_request
    def after(response: Response) -> Response:
        response.headers.add("X-After", name)
        return response

    @scaffold.context_processor
    def process() -> dict[str, str]:
        return {f"only_{name}": name, "name": name}


def make(name: str, **options: t.Any) -> Blueprint:
    """Return a blueprint with one of each."""
    blueprint = Blueprint(name, __name__, root_path=str(HERE / "parts"), **options)
    trace(blueprint, name)

    @blueprint.get("/", defaults={"tail": ""})
    @blueprint.get("/show/<tail>")
    def show(**values: t.Any) -> list[t.Any]:
        return [
            request.endpoint,
            request.blueprint,
            request.blueprints,
            sorted(values.items()),
            g.get("lang"),
            g.steps,
        ]

    @blueprint.get("/url")
    def url(**values: t.Any) -> str:
        return url_for(".show", tail="t")

    @blueprint.get("/missing")
    def missing(**values: t.Any) -> t.NoReturn:
        abort(404)

    @blueprint.get("/lookup")
    def lookup(**values: t.Any) -> t.NoReturn:
        raise LookupError(name)

    @blueprint.get("/template")
    def template(**values: t.Any) -> str:
        return render_template("part/index.html", value="v")

    @blueprint.post("/post")
    def post(**values: t.Any) -> str:
        return "post"

    return blueprint
