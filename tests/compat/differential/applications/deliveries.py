"""Responses of which a part was replaced before they are delivered.

``/KIND/CHANGE`` makes a response in one way and changes it in another; each call that
closes something is logged by a logger named after it.
"""

from __future__ import annotations

import io
import logging
import typing as t
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus

from flask import Flask, Response, jsonify, request
from werkzeug.datastructures import EnvironHeaders, Headers, MultiDict
from werkzeug.wrappers import Response as BaseResponse


def note(name: str) -> None:
    """Let the comparison see that something was called."""
    logging.getLogger(name).warning(name)


class Pieces:
    """An iterator that notes when it is closed."""

    def __init__(self, *pieces: object) -> None:
        self._pieces = iter(pieces)

    def __iter__(self) -> Iterator[object]:
        return self

    def __next__(self) -> object:
        return next(self._pieces)

    def close(self) -> None:
        note("pieces.close")


class ClosingList(list[object]):
    def close(self) -> None:
        note("list.close")


class OwnHeaders(Headers):
    def to_wsgi_list(self) -> list[tuple[str, str]]:
        return [*super().to_wsgi_list(), ("X-Own", "1")]


def generate() -> Iterator[str]:
    try:
        yield "the first "
        yield "two"
    finally:
        note("generator.close")


# The ways to make a response


def looked_at() -> Response:
    response = Response("looked at")
    response.headers["X-Looked"] = "1"
    return response


KINDS: dict[str, Callable[[], Response]] = {
    "text": lambda: Response("text"),
    "created": lambda: Response(b"created", 201, mimetype="text/plain"),
    "empty": lambda: Response(),
    "gone": lambda: Response("no content", 204),
    "list": lambda: Response(["a", b"b", "ü"]),
    "tuple": lambda: Response((b"a", b"b")),
    "stream": lambda: Response(t.cast(t.Any, Pieces("the first ", b"two"))),
    "passed": lambda: Response(
        t.cast(t.Any, Pieces(b"the first ", b"two")), direct_passthrough=True
    ),
    "json": lambda: jsonify(a=1),
    "looked": looked_at,
    "forced": lambda: t.cast(Response, Response.force_type(BaseResponse("forced"))),
}


# What is changed

Change = Callable[[t.Any], object]
CHANGES: dict[str, Change] = {}


def change(name: str) -> Callable[[Change], Change]:
    def register(function: Change) -> Change:
        CHANGES[name] = function
        return function

    return register


def assigning(attribute: str, make: Callable[[], object]) -> Change:
    def assign(response: t.Any) -> None:
        setattr(response, attribute, make())

    return assign


def deleting(attribute: str) -> Change:
    def delete(response: t.Any) -> None:
        delattr(response, attribute)

    return delete


FIELDS: dict[str, Callable[[], object]] = {
    "dict": lambda: {"X-One": "1", "content-type": "text/x"},
    "dict-of-lists": lambda: {"X-One": ["1", "2"]},
    "dict-with-numbers": lambda: {"X-One": 1, "X-Two": 2.5},
    "dict-with-length": lambda: {"Content-Length": "2"},
    "dict-with-location": lambda: {"Location": "/ü?a=ü", "Content-Location": "/ü"},
    "dict-of-bytes": lambda: {"X-One": b"1"},
    "dict-of-none": lambda: {"X-One": None},
    "dict-with-line-end": lambda: {"X-One": "a\r\nX-Two: b"},
    "empty-dict": lambda: {},
    "pairs": lambda: [("X-One", "1"), ("X-One", "2")],
    "pairs-with-numbers": lambda: [("X-One", 1)],
    "lists": lambda: (["X-One", "1"], ["X-Two", "2"]),
    "generator": lambda: (pair for pair in [("X-One", "1")]),
    "none": lambda: None,
    "text": lambda: "text",
    "number": lambda: 7,
    "headers": lambda: Headers({"X-One": "1"}),
    "own-headers": lambda: OwnHeaders({"X-One": "1"}),
    "environ": lambda: EnvironHeaders(request.environ),
    "multi": lambda: MultiDict([("X-One", "1"), ("X-One", "2")]),
}
for _name, _make in FIELDS.items():
    CHANGES[f"headers-{_name}"] = assigning("headers", _make)

BODIES: dict[str, Callable[[], object]] = {
    "text": lambda: "text",
    "bytes": lambda: b"bytes",
    "bytearray": lambda: bytearray(b"bytes"),
    "none": lambda: None,
    "number": lambda: 7,
    "list": lambda: [b"the first ", b"two"],
    "mixed": lambda: [b"the first ", "two", "ü"],
    "numbers": lambda: [1, 2],
    "nothing": lambda: [],
    "tuple": lambda: ("the first ", b"two"),
    "closing-list": lambda: ClosingList(["the first ", "two"]),
    "dict": lambda: {"the first ": 1, "two": 2},
    "set": lambda: {"one"},
    "generator": generate,
    "pieces": lambda: Pieces("the first ", b"two"),
    "no-pieces": lambda: Pieces(),
    "bad-pieces": lambda: Pieces(7),
    "late-bad-pieces": lambda: Pieces("one", 7),
    "file": lambda: io.BytesIO(b"the first\ntwo"),
    "map": lambda: map(str, [1, 2]),
}
for _name, _make in BODIES.items():
    CHANGES[f"response-{_name}"] = assigning("response", _make)

STATUSES: dict[str, object] = {
    "odd": "299 Odd One",
    "word": "banana",
    "number": 404,
    "digits": "404",
    "member": HTTPStatus.IM_A_TEAPOT,
    "unknown": 799,
    "modified": 304,
    "gone": 204,
    "bytes": b"200 OK",
    "none": None,
    "empty": "",
    "spaced": " 201 Made ",
}
for _name, _value in STATUSES.items():
    CHANGES[f"status-{_name}"] = assigning("status", lambda value=_value: value)
    CHANGES[f"code-{_name}"] = assigning("status_code", lambda value=_value: value)

for _name in ("headers", "response", "_status"):
    CHANGES[f"deleted-{_name}"] = deleting(_name)

# Methods and settings of the one object


def own(name: str) -> Change:
    """Put a function round a method, in the object itself."""

    def wrap(response: t.Any) -> None:
        method = getattr(response, name)

        def noted(*args: t.Any, **options: t.Any) -> t.Any:
            note(f"own.{name}")
            return method(*args, **options)

        setattr(response, name, noted)

    return wrap


for _name in (
    *("close", "get_app_iter", "get_wsgi_headers", "get_wsgi_response"),
    *("iter_encoded", "__call__", "get_data", "calculate_content_length"),
):
    CHANGES[f"own-{_name}"] = own(_name)

for _name, _value in {
    "direct_passthrough": True,
    "automatically_set_content_length": False,
    "autocorrect_location_header": True,
    "implicit_sequence_conversion": False,
    "default_status": 404,
    "foreign": 1,
}.items():
    CHANGES[f"set-{_name}"] = assigning(_name, lambda value=_value: value)


@change("nothing")
def nothing(response: Response) -> None:
    pass


@change("close")
def close(response: Response) -> None:
    response.close()


@change("call-on-close")
def call_on_close(response: Response) -> None:
    response.call_on_close(lambda: note("on_close"))
    response.call_on_close(lambda: note("on_close"))


@change("on-close-tuple")
def on_close_tuple(response: t.Any) -> None:
    response._on_close = (lambda: note("on_close"),)


@change("own-after-deleting")
def own_after_deleting(response: t.Any) -> None:
    own("close")(response)
    del response.direct_passthrough
    response.direct_passthrough = False


@change("own-app-iter")
def own_app_iter(response: t.Any) -> None:
    response.get_app_iter = lambda environ: [b"other"]


@change("own-encoded")
def own_encoded(response: t.Any) -> None:
    response.iter_encoded = lambda: iter([b"other"])


@change("own-wsgi-headers")
def own_wsgi_headers(response: t.Any) -> None:
    response.get_wsgi_headers = lambda environ: Headers({"X-Own": "1"})


@change("location")
def location(response: t.Any) -> None:
    response.autocorrect_location_header = True
    response.headers["Location"] = "there"


@change("head")
def head(response: t.Any) -> None:
    request.environ["REQUEST_METHOD"] = "HEAD"


@change("get")
def get(response: t.Any) -> None:
    request.environ["REQUEST_METHOD"] = "GET"


# Classes that a response may be turned into


class CodeOfItsOwn(Response):
    @property
    def status_code(self) -> int:
        return 204

    @status_code.setter
    def status_code(self, code: int) -> None:
        pass


class StatusOfItsOwn(Response):
    @property
    def status(self) -> str:
        return "299 Own"

    @status.setter
    def status(self, value: object) -> None:
        pass


class HeadersOfItsOwn(Response):
    @property
    def headers(self) -> Headers:  # type: ignore[override]
        return Headers({"X-Own": "1"})

    @headers.setter
    def headers(self, value: object) -> None:
        pass


class BodyOfItsOwn(Response):
    @property
    def response(self) -> Iterable[bytes]:  # type: ignore[override]
        return [b"own"]

    @response.setter
    def response(self, value: object) -> None:
        pass


class NeverWhole(Response):
    is_sequence = False  # type: ignore[assignment]


class NoLength(Response):
    automatically_set_content_length = False


class Passing(Response):
    @property
    def direct_passthrough(self) -> bool:  # type: ignore[override]
        return True

    @direct_passthrough.setter
    def direct_passthrough(self, value: object) -> None:
        pass


for _class in (
    *(CodeOfItsOwn, StatusOfItsOwn, HeadersOfItsOwn, BodyOfItsOwn),
    *(NeverWhole, NoLength, Passing, BaseResponse),
):
    CHANGES[f"class-{_class.__name__}"] = assigning(
        "__class__", lambda value=_class: value
    )


def create_app(config: dict[str, t.Any]) -> Flask:
    """Return the application; both sides call this.

    With ``HOOK`` in the configuration the change is made by an ``after_request``
    function, else by the view.
    """
    app = Flask(__name__, static_folder=None)
    app.config.update(config)

    def names() -> Response:
        return jsonify([f"/{kind}/{name}" for kind in KINDS for name in CHANGES])

    def view(kind: str, name: str) -> Response:
        response = KINDS[kind]()

        if not config.get("HOOK"):
            CHANGES[name](response)

        return response

    def hook(response: Response) -> Response:
        if config.get("HOOK") and request.view_args:
            CHANGES[request.view_args["name"]](response)

        return response

    app.add_url_rule("/names", "names", names)
    app.add_url_rule("/<kind>/<name>", "view", view)
    app.after_request(hook)
    return app
