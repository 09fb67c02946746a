"""Prints which methods are called through their object, in order, step by step.

python flask_calls.py            of whatever `flask` is installed
python flask_calls.py --alias    of this package, through the alias

Every method that a class of Flask defines is overridden by one that notes its name and
calls the one it overrides: what is not noted could not have been replaced by a subclass.
"""

from __future__ import annotations

import functools
import inspect
import io
import json
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

calls: list[str] = []

TEMPLATE = "{{ g.name }} {{ config.DEBUG }} {{ url_for('index') }}"


def noted(cls: Any, also: tuple[str, ...] = ()) -> Any:
    """Return a subclass that notes each call of a method that Flask defines."""
    methods: dict[str, object] = {}

    for name in {n for base in cls.__mro__ if is_ours(base) for n in vars(base)}:
        static = inspect.getattr_static(cls, name)
        special = name.startswith("_") and name not in also
        if inspect.isfunction(static) and not special:
            methods[name] = noting(cls.__name__, static)

    return type(cls.__name__, (cls,), methods)


def is_ours(cls: type) -> bool:
    """Whether a class is one of the framework's."""
    return cls.__module__.partition(".")[0] in {"flask", "bustapi"}


def noting(owner: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that notes its name and does what the overridden one does."""

    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        calls.append(f"{owner}.{function.__name__}")
        return function(*args, **kwargs)

    return method


class Stop(Exception):
    """Raised by a view that has a handler for it."""


def make_app(folder: str) -> Any:
    """Make an application of noting classes, with all kinds of views."""
    flask = import_module("flask")
    provider = import_module("flask.json.provider").DefaultJSONProvider
    interface = import_module("flask.sessions").SecureCookieSessionInterface

    class Flask(noted(flask.Flask, ("__call__", "_find_error_handler"))):  # type: ignore[misc]
        json_provider_class = noted(provider)
        request_class = noted(flask.Request)
        response_class = noted(flask.Response)
        config_class = noted(flask.Config)
        session_interface = noted(interface)()
        test_client_class = noted(import_module("flask.testing").FlaskClient)

    app = Flask("named", root_path=folder)
    app.config.from_mapping(SECRET_KEY="key")
    app.config.from_prefixed_env()
    app.config.from_object("json")
    blueprint = noted(flask.Blueprint)("part", "named", "static", root_path=folder)

    def stop() -> None:
        raise Stop

    def count() -> str:
        flask.session["count"] = flask.session.get("count", 0) + 1
        return str(flask.session["count"])

    def flashed() -> dict[str, Any]:
        flask.flash("hello")
        return {"flashes": flask.get_flashed_messages()}

    async def asynchronous() -> str:
        return "async"

    def echo() -> Any:
        return flask.jsonify(flask.request.get_json())

    views: dict[str, Callable[..., Any]] = {
        "index": lambda: "index",
        "tuple": lambda: ("made", 201, {"X-A": "1"}),
        "dict": lambda: {"a": 1},
        "none": lambda: None,
        "abort": lambda: flask.abort(403),
        "stop": stop,
        "crash": lambda: 1 / 0,
        "count": count,
        "flashed": flashed,
        "asynchronous": asynchronous,
        "echo": echo,
        "redirect": lambda: flask.redirect(flask.url_for("index", x=1)),
        "nowhere": lambda: flask.url_for("no_such_endpoint"),
        "template": lambda: flask.render_template("page.html"),
        "string": lambda: flask.render_template_string(TEMPLATE),
        "stream": lambda: flask.stream_template("page.html"),
        "file": lambda: flask.send_from_directory(folder, "page.html"),
        "made": lambda: flask.make_response("made", 202),
    }

    for name, view in views.items():
        app.route(f"/{name}", endpoint=name, methods=["GET", "POST"])(view)

    app.before_request(lambda: setattr(flask.g, "name", "someone"))
    app.after_request(lambda response: response)
    app.teardown_request(lambda error: None)
    app.teardown_appcontext(lambda error: None)
    app.context_processor(dict)
    app.url_value_preprocessor(lambda endpoint, values: None)
    app.url_defaults(lambda endpoint, values: None)
    app.errorhandler(Stop)(lambda error: ("stopped", 418))
    app.errorhandler(404)(lambda error: ("missing", 404))

    blueprint.get("/page")(lambda: "page")
    blueprint.before_request(lambda: None)
    blueprint.errorhandler(Stop)(lambda error: "stopped")
    blueprint.record_once(lambda state: None)
    app.register_blueprint(blueprint, url_prefix="/part")
    return app


def steps(folder: str) -> dict[str, Callable[[], object]]:
    """Return what is done, one thing after the other."""
    made: dict[str, Any] = {}

    def make() -> None:
        made["app"] = make_app(folder)
        made["client"] = made["app"].test_client()

    def get(path: str, **options: Any) -> Callable[[], object]:
        return lambda: made["client"].open(path, **options).get_data()

    def with_context(action: Callable[[Any], object]) -> Callable[[], object]:
        def enter() -> object:
            with made["app"].test_request_context("/index"):
                return action(made["app"])

        return enter

    def transaction() -> None:
        with made["client"].session_transaction() as session:
            session["count"] = 5

    names = (
        "index tuple dict none abort stop count count flashed asynchronous redirect"
        " nowhere template string stream file made crash unknown part/page"
        " static/page.html part/static/page.html"
    ).split()
    asked = {f"GET {name}": get(f"/{name}") for name in names}

    return {
        "make": make,
        **asked,
        "GET count again": get("/count"),
        "POST echo": get("/echo", method="POST", json={"a": 1}),
        "POST echo without JSON": get("/echo", method="POST", data="x"),
        "POST echo with broken JSON": get(
            "/echo",
            method="POST",
            input_stream=io.BytesIO(b"{"),
            content_length=1,
            content_type="application/json",
        ),
        "HEAD index": get("/index", method="HEAD"),
        "OPTIONS index": get("/index", method="OPTIONS"),
        "PUT index": get("/index", method="PUT"),
        "GET with a bad host": get("/index", base_url="http://a b/"),
        "session transaction": transaction,
        "preprocess": with_context(lambda app: app.preprocess_request()),
        "full dispatch": with_context(lambda app: app.full_dispatch_request()),
        "dispatch": with_context(lambda app: app.dispatch_request()),
        "open_resource": lambda: made["app"].open_resource("page.html").close(),
        "select a loader": lambda: made["app"].jinja_env.get_template("page.html"),
        "shell context": lambda: made["app"].make_shell_context(),
        "runner": lambda: made["app"].test_cli_runner().invoke(args=["routes"]),
    }


def take(step: Callable[[], object]) -> list[str]:
    """Return the calls that one step makes."""
    calls.clear()
    try:
        step()
    except Exception as e:
        calls.append(f"raised {type(e).__name__}")

    return list(calls)


def main() -> None:
    """Print the calls of all steps as JSON."""
    if "--alias" in sys.argv:
        import bustapi_alias

        bustapi_alias.install()

    with tempfile.TemporaryDirectory() as folder:
        for name in ("static", "templates", "."):
            Path(folder, name).mkdir(exist_ok=True)
            Path(folder, name, "page.html").write_text(TEMPLATE)

        json.dump(
            {name: take(step) for name, step in steps(folder).items()}, sys.stdout
        )


if __name__ == "__main__":
    main()
