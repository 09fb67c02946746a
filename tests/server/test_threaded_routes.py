"""Routes with ``threaded``: their views never run on the thread of the event loop."""

from __future__ import annotations

import threading

from werkzeug.routing import BaseConverter

from bustapi import Blueprint, BustAPI, Flask
from bustapi.testing import FlaskClient
from bustapi.views import MethodView, View

from .core import Server, body_of, read_until, request, serving_app


class Own(BaseConverter):
    """Of another class than Werkzeug's, so that the index declines."""


def thread_name(**view_args: object) -> str:
    return f"{threading.current_thread().name};"


def settled_thread(server: Server, path: str, fields: str = "") -> str:
    """Return the thread of a quick view once the server knows it."""
    with server.connect() as connection:
        for _ in range(100):
            connection.sendall(request(path, fields))
            name = body_of(read_until(connection, b";"))

    return name.decode().rstrip(";")


def test_the_option_the_function_or_the_class_says_so() -> None:
    app = Flask(__name__)
    blueprint = Blueprint("bp", __name__)

    class Report(MethodView):
        threaded = True

        def get(self) -> str:
            return thread_name()

    class Plain(View):
        def dispatch_request(self) -> str:
            return thread_name()

    def marked() -> str:
        return thread_name()

    marked.threaded = True  # type: ignore[attr-defined]
    blueprint.get("/blueprint", threaded=True)(thread_name)
    app.register_blueprint(blueprint)
    app.get("/option", threaded=True)(thread_name)
    app.add_url_rule("/rule", "rule", thread_name, threaded=True)
    app.get("/marked")(marked)
    app.get("/refused", threaded=False)(marked)
    app.add_url_rule("/class", view_func=Report.as_view("report"))
    app.add_url_rule("/plain", view_func=Plain.as_view("plain"))
    app.add_url_rule("/asked", view_func=Plain.as_view("asked"), threaded=True)

    with serving_app(app) as server:
        names = {
            rule.rule: settled_thread(server, rule.rule)
            for rule in app.url_map.iter_rules()
            if rule.endpoint != "static"
        }

    assert names == {
        "/blueprint": "view",
        "/option": "view",
        "/rule": "view",
        "/marked": "view",
        "/refused": "hot",
        "/class": "view",
        "/plain": "hot",
        "/asked": "view",
    }


def test_other_routes_of_the_application_still_run_inline(app: Flask) -> None:
    app.get("/report", threaded=True)(thread_name)
    app.get("/quick", endpoint="quick")(thread_name)

    with serving_app(app) as server:
        assert settled_thread(server, "/quick") == "hot"


def test_a_rule_that_werkzeug_decides_on_stays_on_threads() -> None:
    app = Flask(__name__)
    app.url_map.converters["own"] = Own
    app.get("/<own:name>", threaded=True)(thread_name)

    with serving_app(app) as server:
        assert settled_thread(server, "/abc") == "view"


def test_a_rule_under_host_matching_stays_on_threads() -> None:
    app = Flask(__name__, host_matching=True, static_host="static")
    app.get("/", host="localhost", threaded=True)(thread_name)

    with serving_app(app) as server:
        assert settled_thread(server, "/") == "view"


def test_an_upgrade_that_is_not_taken_changes_nothing(app: Flask) -> None:
    app.get("/", threaded=True)(thread_name)

    with serving_app(app) as server:
        assert settled_thread(server, "/", "Upgrade: h2c\r\n") == "view"


def test_where_no_route_is_threaded_a_rule_that_werkzeug_decides_on_runs_inline() -> (
    None
):
    app = Flask(__name__)
    app.url_map.converters["own"] = Own
    app.get("/<own:name>")(thread_name)

    with serving_app(app) as server:
        assert settled_thread(server, "/abc") == "hot"


def test_an_upload_of_a_threaded_route_is_collected_and_run_on_a_view_thread(
    app: Flask,
) -> None:
    app.post("/", threaded=True)(thread_name)

    with serving_app(app) as server, server.connect() as connection:
        for _ in range(100):
            connection.sendall(request("/", "Content-Length: 2\r\n", "POST") + b"ab")
            name = body_of(read_until(connection, b";"))

    assert name == b"view;"


def test_elsewhere_the_option_changes_nothing(app: Flask, client: FlaskClient) -> None:
    app.get("/", threaded=True)(thread_name)

    response = client.get("/")

    assert response.status_code == 200
    assert response.text == f"{threading.current_thread().name};"


def test_one_thread_serves_a_threaded_route_too() -> None:
    app = BustAPI(__name__)
    app.get("/", threaded=True)(thread_name)

    with serving_app(app, threads=1) as server:
        assert settled_thread(server, "/") == "single"
