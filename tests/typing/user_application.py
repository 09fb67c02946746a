"""An application as users write it; the type checkers must find nothing in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from http import HTTPStatus

from typing_extensions import assert_type
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as BaseResponse

from bustapi import (
    Blueprint,
    BustAPI,
    Flask,
    Request,
    Response,
    abort,
    current_app,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
    stream_with_context,
    url_for,
)
from bustapi.testing import FlaskClient, FlaskCliRunner
from bustapi.typing import ResponseReturnValue
from bustapi.views import MethodView, View

app = BustAPI(__name__)
flask = Flask(__name__, static_folder=None, template_folder="pages")
part = Blueprint("part", __name__, url_prefix="/part")


@app.route("/text")
def text() -> str:
    return "text"


@app.get("/bytes")
def some_bytes() -> bytes:
    return b"bytes"


@app.get("/dict")
def some_dict() -> dict[str, object]:
    return {"a": 1}


@app.get("/list")
def some_list() -> list[int]:
    return [1]


@app.post("/status")
def with_status() -> tuple[str, int]:
    return "made", 201


@app.post("/enum")
def with_status_enum() -> tuple[str, HTTPStatus]:
    return "made", HTTPStatus.CREATED


@app.get("/headers")
def with_headers() -> tuple[str, int, dict[str, str]]:
    return "made", 201, {"X-One": "1"}


@app.get("/iterator")
def iterator() -> Iterator[str]:
    yield "a"


@app.get("/stream")
def stream() -> Response:
    @stream_with_context
    def generate() -> Iterator[str]:
        yield request.path

    return Response(generate())


@app.get("/any/<int:number>")
def anything(number: int) -> ResponseReturnValue:
    if number:
        return redirect(url_for("text"))
    return make_response("x", 202)


@app.get("/async")
async def asynchronous() -> str:
    return "async"


@app.get("/never")
def never() -> str:
    abort(404)


@app.before_request
def before() -> str | None:
    g.user = session.get("user")
    return None


@app.after_request
def after(response: Response) -> Response:
    return response


@app.teardown_request
def teardown(error: BaseException | None) -> None:
    assert_type(error, BaseException | None)


@app.errorhandler(404)
def missing(error: NotFound) -> tuple[str, int]:
    return str(error.description), 404


@app.errorhandler(HTTPException)
def any_http(error: HTTPException) -> ResponseReturnValue:
    return jsonify(code=error.code), error.code or 500


@app.errorhandler(ZeroDivisionError)
def division(error: ZeroDivisionError) -> str:
    return str(error)


@app.template_filter("shout")
def shout(value: str) -> str:
    return value.upper()


@app.context_processor
def inject() -> dict[str, object]:
    return {"now": 1}


@app.cli.command("hello")
def hello() -> None:
    print("hello")


@part.record_once
def registered(state: object) -> None:
    print(state)


class Item(MethodView):
    def get(self, number: int) -> ResponseReturnValue:
        return {"number": number}

    def post(self, number: int) -> ResponseReturnValue:
        return "posted", 201


class Page(View):
    methods = ["GET"]

    def dispatch_request(self) -> ResponseReturnValue:
        return render_template("page.html")


part.add_url_rule("/item/<int:number>", view_func=Item.as_view("item"))
part.add_url_rule("/page", view_func=Page.as_view("page"))
app.register_blueprint(part)

assert_type(request.method, str)
assert_type(request.args.get("page", 1, type=int), int)
assert_type(app.permanent_session_lifetime, timedelta)
assert_type(app.test_client(), FlaskClient)
assert_type(app.test_cli_runner(), FlaskCliRunner)
assert_type(app.request_class, type[Request])
assert_type(current_app.name, str)
assert_type(url_for("text"), str)
assert_type(redirect("/"), BaseResponse)


async def streamed() -> AsyncIterator[bytes]:
    yield b"x"
