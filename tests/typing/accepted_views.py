"""Every shape of view and of return value is accepted, and keeps its type."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from http import HTTPStatus
from typing import Any, TypedDict

from typing_extensions import assert_type
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as BaseResponse

from bustapi import (
    Blueprint,
    Flask,
    Response,
    jsonify,
    make_response,
    redirect,
    send_file,
    stream_template,
    url_for,
)
from bustapi.typing import ResponseReturnValue, ResponseValue, RouteCallable
from bustapi.views import MethodView, View

app = Flask(__name__)
part = Blueprint("part", __name__)


class Status(TypedDict):
    status: str


class OwnResponse(Response):
    """A response class of an application."""


@app.route("/a")
@part.get("/a")
def two_routes(number: int = 1) -> str:
    return str(number)


@app.get("/typed-dict")
def typed_dict() -> Status:
    return {"status": "ok"}


@app.get("/list-of-dicts")
def list_of_dicts() -> list[dict[str, int]]:
    return [{"a": 1}]


@app.get("/generator")
def generator() -> Generator[str, None, None]:
    yield "a"


@app.get("/bytes-iterator")
def bytes_iterator() -> Iterator[bytes]:
    return iter([b"a"])


@app.get("/template-stream")
def template_stream() -> Iterator[str]:
    return stream_template("page.html", name="a")


@app.get("/own")
def own_response() -> OwnResponse:
    return OwnResponse("a")


@app.get("/redirect")
def redirected() -> BaseResponse:
    return redirect(url_for("two_routes", number=3, _anchor="a", _external=True))


@app.get("/json")
def json() -> Response:
    return jsonify(1, 2)


@app.get("/file")
def file() -> Response:
    return send_file("x", as_attachment=True, max_age=3)


@app.get("/status-list")
def list_and_status() -> tuple[list[int], int]:
    return [1], 400


@app.get("/status-dict")
def dict_and_status() -> tuple[dict[str, int], HTTPStatus]:
    return {"a": 1}, HTTPStatus.ACCEPTED


@app.get("/header-list")
def header_pairs() -> tuple[str, list[tuple[str, str]]]:
    return "a", [("X-A", "1")]


@app.get("/headers")
def header_object() -> tuple[str, Headers]:
    return "a", Headers()


@app.get("/header-values")
def header_with_several_values() -> tuple[str, int, dict[str, list[str]]]:
    return "a", 200, {"X-A": ["1", "2"]}


@app.get("/response-tuple")
def response_in_a_tuple() -> tuple[Response, int]:
    return make_response("a"), 400


@app.get("/one-of-many")
def one_of_many() -> str | tuple[str, int] | BaseResponse:
    return "a"


@app.get("/return-value")
def declared() -> ResponseReturnValue:
    return {"a": 1}, 201, {"X-A": "1"}


@app.get("/value")
def declared_value() -> ResponseValue:
    return b"a"


@app.get("/wsgi")
def application() -> Callable[[dict[str, Any], Any], list[bytes]]:
    return lambda environ, start_response: []


@app.post("/async")
async def asynchronous(number: int) -> tuple[dict[str, int], int]:
    return {"number": number}, 201


@app.get("/async-generator")
async def asynchronous_value() -> ResponseReturnValue:
    return jsonify(1)


@app.route("/many", methods=["GET", "POST"], defaults={"page": 1}, strict_slashes=False)
def with_options(page: int) -> str:
    return str(page)


@app.endpoint("named")
def named() -> str:
    return "named"


# A decorator gives back the function that it takes, with its parameters.
assert_type(two_routes(1), str)
assert_type(typed_dict(), Status)
checked: Callable[[int], Awaitable[tuple[dict[str, int], int]]] = asynchronous
assert_type(named(), str)


def counted(view: RouteCallable) -> RouteCallable:
    return view


class Item(MethodView):
    init_every_request = False
    decorators = [counted]

    def __init__(self, table: str) -> None:
        self.table = table

    def get(self, number: int) -> ResponseReturnValue:
        return {"number": number}

    async def put(self, number: int) -> str:
        return str(number)


class Page(View):
    methods = ["GET", "POST"]
    provide_automatic_options = False

    def dispatch_request(self, name: str) -> str:
        return name


class AsyncPage(View):
    async def dispatch_request(self) -> str:
        return "a"


item: RouteCallable = Item.as_view("item", "table")
app.add_url_rule("/item/<int:number>", view_func=item, methods=["GET", "PUT"])
app.add_url_rule("/page/<name>", view_func=Page.as_view("page"))
part.add_url_rule("/async-page", view_func=AsyncPage.as_view("async_page"))
app.add_url_rule("/later", endpoint="later")
app.register_blueprint(part, url_prefix="/part", name="other")


async def parts() -> AsyncGenerator[str, None]:
    yield "a"


@app.get("/async-parts")
def asynchronous_parts() -> AsyncGenerator[str, None]:
    return parts()
