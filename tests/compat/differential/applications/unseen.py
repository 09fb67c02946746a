"""What Flask promises and its own suite of tests does not look at."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from flask import Flask, Request, Response, redirect, render_template, request, session
from flask.globals import request_ctx
from flask.views import View


def create_app(config: dict[str, t.Any]) -> Flask:
    """Return the application; both sides call this."""
    notes: list[str] = []

    class NotingRequest(Request):
        def close(self) -> None:
            notes.append(f"request.close() of {self.path}")
            super().close()

    class Forgiving(Flask):
        request_class = NotingRequest

        def should_ignore_error(self, error: BaseException | None) -> bool:
            return isinstance(error, ZeroDivisionError)

    app = Forgiving(__name__)
    app.secret_key = "unseen"
    app.config.update(config)
    environs: list[dict[str, t.Any]] = []

    @app.teardown_appcontext
    def first(error: BaseException | None) -> None:
        notes.append(f"first {error!r}")

    @app.teardown_appcontext
    def second(error: BaseException | None) -> None:
        notes.append(f"second {error!r}")

    @app.context_processor
    def process() -> dict[str, str]:
        return {"value": "from the processor", "injected": "injected"}

    def mark(letter: str) -> Callable[..., t.Any]:
        def decorate(view: Callable[..., str]) -> Callable[..., str]:
            return lambda **values: letter + view(**values)

        return decorate

    class Decorated(View):
        decorators = [mark("first "), mark("second ")]

        def dispatch_request(self) -> str:
            return "view"

    @app.get("/environ")
    def keep_environ() -> str:
        environs.append(request.environ)
        return str(request.environ["werkzeug.request"] is not None)

    @app.get("/environ/after")
    def kept_environ() -> str:
        return repr(environs.pop().get("werkzeug.request", "gone"))

    @app.get("/session/<action>")
    def use_session(action: str) -> str:
        if action == "set":
            session["a"] = 1
        if action == "clear":
            session.clear()
        return repr(dict(session))

    @app.get("/session/untouched")
    def untouched() -> str:
        return "untouched"

    @app.before_request
    def delete_behind_the_proxy() -> None:
        if request.args.get("delete"):
            request_ctx._session.clear()  # type: ignore[union-attr]

    @app.get("/notes")
    def show_notes() -> list[str]:
        shown, notes[:] = notes[:], []
        return shown

    app.add_url_rule("/decorated", view_func=Decorated.as_view("decorated"))
    app.add_url_rule("/redirect", "redirect", lambda: redirect("/there"))
    app.add_url_rule("/template/<name>", "template", render_page)
    app.add_url_rule("/json", "json", lambda: {"text": "ü ☃"})
    app.add_url_rule("/crash", "crash", lambda: 1 / 0)
    app.add_url_rule("/redirect/app", "of-app", lambda: app.redirect("/there"))
    app.add_url_rule("/status/text", "text", lambda: ("made", "299 Odd One"))
    app.add_url_rule("/status/list", "list", lambda: ([1], "299 Odd One"))
    app.add_url_rule("/status/response", "made", lambda: (Response(), "299 Odd One"))
    app.add_url_rule("/response", "response", lambda: Response("x"))
    app.add_url_rule("/request", "request", lambda: request.path)
    return app


def render_page(name: str) -> str:
    return render_template(name, value="<value>")
