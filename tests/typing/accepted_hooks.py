"""Hooks, handlers, template functions and signals are accepted, and keep their types."""

from __future__ import annotations

import typing as t
from http import HTTPStatus

import click
from typing_extensions import assert_type
from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.user_agent import UserAgent

from bustapi import (
    Blueprint,
    Flask,
    Request,
    Response,
    after_this_request,
    copy_current_request_context,
    current_app,
    g,
    json,
    request,
    request_started,
    session,
    stream_with_context,
    template_rendered,
)
from bustapi.blueprints import BlueprintSetupState
from bustapi.config import Config
from bustapi.ctx import AppContext
from bustapi.json.provider import DefaultJSONProvider, JSONProvider
from bustapi.sessions import SecureCookieSessionInterface, SessionMixin
from bustapi.typing import ResponseReturnValue

part = Blueprint("part", __name__, template_folder="pages", cli_group=None)


class OwnRequest(Request):
    user_agent_class = UserAgent


class OwnProvider(DefaultJSONProvider):
    sort_keys = False

    def dumps(self, obj: t.Any, **kwargs: t.Any) -> str:
        return super().dumps(obj, **kwargs)


class OwnSessions(SecureCookieSessionInterface):
    salt = "own"

    def open_session(self, app: Flask, request: Request) -> t.Any:
        return super().open_session(app, request)


class OwnFlask(Flask):
    request_class = OwnRequest
    json_provider_class = OwnProvider
    session_interface = OwnSessions()

    def make_response(self, rv: ResponseReturnValue) -> Response:
        return super().make_response(rv)

    def dispatch_request(self) -> ResponseReturnValue:
        return super().dispatch_request()


app = OwnFlask(__name__)


@app.before_request
@part.before_request
@part.before_app_request
def before_without_value() -> None: ...


@app.before_request
def before_with_value() -> ResponseReturnValue | None:
    return "stop", 403


@app.before_request
async def before_async() -> str | None:
    return None


@app.after_request
@part.after_app_request
def after(response: Response) -> Response:
    return response


@part.after_request
async def after_async(response: Response) -> Response:
    return response


@app.teardown_request
@app.teardown_appcontext
@part.teardown_app_request
def teardown(error: BaseException | None) -> None: ...


@app.teardown_appcontext
async def teardown_async(error: BaseException | None = None) -> None: ...


@app.errorhandler(400)
@app.errorhandler(HTTPStatus.BAD_REQUEST)
@app.errorhandler(BadRequest)
def bad_request(error: BadRequest) -> str:
    return error.description or ""


@app.errorhandler(ValueError)
@part.app_errorhandler(KeyError)
def of_a_base_class(error: Exception) -> tuple[str, int]:
    return "bad", 400


@part.errorhandler(HTTPException)
def the_error_itself(error: HTTPException) -> HTTPException:
    return error


@app.errorhandler(404)
async def missing(error: NotFound) -> ResponseReturnValue:
    return {"error": error.name}, 404


app.register_error_handler(ValueError, of_a_base_class)


@app.context_processor
def context() -> dict[str, t.Any]:
    return {"now": 1}


@app.context_processor
async def context_async() -> dict[str, t.Any]:
    return {}


@app.shell_context_processor
def shell() -> dict[str, t.Any]:
    return {}


@app.template_filter
def bare(value: str) -> str:
    return value


@app.template_filter()
@app.template_filter("other")
def named(value: str, times: int = 1) -> str:
    return value * times


@app.template_test
def is_even(value: int) -> bool:
    return value % 2 == 0


@part.app_template_global("double")
def double(value: int) -> int:
    return value * 2


@app.url_value_preprocessor
def take_language(endpoint: str | None, values: dict[str, t.Any] | None) -> None:
    if values:
        g.language = values.pop("language")


@app.url_defaults
def give_language(endpoint: str, values: dict[str, t.Any]) -> None:
    values["language"] = g.get("language", "en")


@part.record
def recorded(state: BlueprintSetupState) -> None:
    assert_type(state.app.config, Config)


@part.cli.command("hello", with_appcontext=False)
@click.argument("name")
def hello(name: str) -> None:
    click.echo(name)


def on_start(sender: Flask, **extra: t.Any) -> None: ...


request_started.connect(on_start, app)
template_rendered.connect(on_start)

# What a decorator takes it gives back.
assert_type(before_with_value(), ResponseReturnValue | None)
assert_type(named("a", times=2), str)
assert_type(bare("a"), str)
assert_type(is_even(2), bool)
assert_type(double(2), int)
assert_type(of_a_base_class(ValueError()), tuple[str, int])
assert_type(context(), dict[str, t.Any])


def in_a_request() -> None:
    @after_this_request
    def later(response: Response) -> Response:
        return response

    @copy_current_request_context
    def elsewhere(number: int) -> str:
        return str(number)

    @stream_with_context
    def lines() -> t.Iterator[str]:
        yield "a"

    assert_type(elsewhere(1), str)
    assert_type(list(lines()), list[str])
    assert_type(list(stream_with_context(iter([b"a"]))), list[bytes])
    assert_type(g.anything, t.Any)
    assert_type(g.pop("anything", None), t.Any)
    assert_type("anything" in g, bool)
    g.user = "somebody"
    del g.user
    assert_type(session.permanent, bool)
    assert_type(session["x"], t.Any)
    session["x"] = session.get("x", 0) + 1
    assert_type(request.endpoint, str | None)
    assert_type(request.blueprints, list[str])
    assert_type(request.view_args, dict[str, t.Any] | None)
    assert_type(request.get_json(silent=True), t.Any | None)
    assert_type(request.json, t.Any)
    assert_type(request.form.getlist("a", type=int), list[int])
    assert_type(request.max_content_length, int | None)
    assert_type(current_app.debug, bool)
    assert_type(current_app.json, JSONProvider)
    assert_type(current_app.config["X"], t.Any)
    assert_type(current_app.config.get_namespace("X_"), dict[str, t.Any])
    assert_type(current_app.url_for("x", _method="GET", number=1), str)
    assert_type(json.dumps({}), str)
    assert_type(json.loads("{}"), t.Any)
    assert_type(app.secret_key, str | bytes | None)
    assert_type(app.extensions, dict[str, t.Any])

    with app.app_context() as context:
        assert_type(context, AppContext)
        assert_type(context.app, Flask)

    with app.test_request_context("/", method="POST", json={"a": 1}) as asked:
        assert_type(asked.request, Request)

    with app.test_client() as client:
        response = client.post("/", json={"a": 1}, headers={"X-A": "1"})
        assert_type(response.status_code, int)
        assert_type(response.json, t.Any | None)
        assert_type(response.text, str)
        assert_type(response.headers["X-A"], str)
        assert_type(len(response.history), int)

        with client.session_transaction() as stored:
            assert_type(stored, SessionMixin)
            stored["x"] = 1

    result = app.test_cli_runner().invoke(args=["hello"])
    assert_type(result.exit_code, int)
