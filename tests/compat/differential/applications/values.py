"""Everything that a view can return, and JSON in its variants."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import typing as t
import uuid
from collections import OrderedDict, UserDict, UserString, namedtuple
from collections.abc import Iterator
from http import HTTPStatus

from flask import (
    Flask,
    Response,
    json,
    jsonify,
    make_response,
    request,
    stream_template,
    stream_template_string,
    stream_with_context,
)
from flask.json.provider import DefaultJSONProvider
from flask.json.tag import TaggedJSONSerializer
from markupsafe import Markup
from werkzeug.datastructures import Headers, ImmutableMultiDict
from werkzeug.exceptions import Gone, NotFound
from werkzeug.wrappers import Response as WerkzeugResponse


@dataclasses.dataclass
class Point:
    """A dataclass with another in it."""

    x: int
    inner: t.Any = None


class Color(enum.Enum):
    """An enumeration, which JSON does not have."""

    RED = "red"


class Level(enum.IntEnum):
    """An enumeration of integers, which JSON writes as such."""

    HIGH = 3


class WithHTML:
    """Something that says how it is written as HTML."""

    def __html__(self) -> str:
        return "<i>html</i>"


class Text(str):
    """A subclass of str."""


class OwnResponse(Response):
    """The response class of an application."""

    default_mimetype = "text/x-own"
    default_status = 207
    charset = "utf-8"


class Hybrid:
    """A WSGI callable that is an instance and no response."""

    def __call__(self, environ: t.Any, start_response: t.Any) -> list[bytes]:
        start_response("230 Hybrid", [("Content-Length", "2"), ("X-A", "1")])
        return [b"hy"]


def wsgi_writes(environ: t.Any, start_response: t.Any) -> list[bytes]:
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"written ")
    return [b"returned"]


def wsgi_generator(environ: t.Any, start_response: t.Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"a"
    yield b"b"


Pair = namedtuple("Pair", "body status")


def streamed() -> Response:
    @stream_with_context
    def generate() -> Iterator[str]:
        yield "a"
        yield ""
        yield request.path
        yield "ü"

    return Response(generate(), 202, {"X-S": "1"})


def closed() -> Response:
    response = Response(iter(["x", "y"]))
    response.call_on_close(lambda: None)
    return response


def set_afterwards() -> Response:
    response = make_response("before")
    response.data = "after ü"
    response.status = "210 Set"
    response.mimetype = "text/plain"
    response.headers.add("X-Two", "1")
    response.headers.add("X-Two", "2")
    return response


def status_code_afterwards() -> Response:
    response = make_response("x")
    response.status_code = 599
    return response


def lengthless() -> Response:
    response = make_response("without a length")
    del response.headers["Content-Length"]
    return response


def typeless() -> Response:
    response = make_response("without a type")
    del response.headers["Content-Type"]
    return response


def weak_tag() -> Response:
    response = make_response("tagged")
    response.set_etag("one", weak=True)
    response.last_modified = dt.datetime(2020, 1, 2, tzinfo=dt.timezone.utc)
    return response.make_conditional(request)


def ranged() -> Response:
    response = make_response("0123456789")
    return response.make_conditional(request, accept_ranges=True, complete_length=10)


def dated() -> Response:
    response = make_response("x")
    response.expires = dt.datetime(2030, 1, 1, tzinfo=dt.timezone.utc)
    response.age = 7
    response.retry_after = 9
    response.allow.update(["GET", "BREW"])
    response.content_security_policy.default_src = "'self'"
    response.access_control_allow_origin = "*"
    response.www_authenticate.type = "basic"
    response.location = "/päth?q=1"
    response.cache_control.no_store = True
    return response


def frozen() -> Response:
    response = Response(iter(["a", "b"]))
    response.freeze()
    return response


def big_cookie() -> Response:
    response = make_response("cookie")
    response.set_cookie("big", "x" * 5000)
    return response


def many_cookies() -> Response:
    response = make_response("cookies")
    response.set_cookie("plain", "v")
    response.set_cookie("quoted", 'a "b"; \\c,\té')
    response.set_cookie("session-like", "v", max_age=dt.timedelta(days=1))
    response.set_cookie("dated", "v", expires=0)
    response.set_cookie("none", "v", path=None, samesite="none", secure=True)
    response.set_cookie("part", "v", partitioned=True)
    response.set_cookie("domain", "v", domain=".exämple.com")
    response.delete_cookie("plain", path="/x", domain="example.com")
    return response


VALUES: dict[str, t.Callable[[], t.Any]] = {
    "str": lambda: "ä",
    "str-subclass": lambda: Text("sub"),
    "markup": lambda: Markup("<b>"),
    "user-string": lambda: UserString("x"),
    "surrogate": lambda: "\ud800",
    "bytes": lambda: b"\xff",
    "bytearray": lambda: bytearray(b"ba"),
    "memoryview": lambda: memoryview(b"mv"),
    "dict": lambda: {"b": 1, "a": [None, True]},
    "dict-ordered": lambda: OrderedDict([("z", 1), ("a", 2)]),
    "dict-user": lambda: UserDict({"a": 1}),
    "dict-empty": lambda: {},
    "multidict": lambda: ImmutableMultiDict([("a", 1), ("a", 2)]),
    "list": lambda: ["ü", 1.5, float("inf")],
    "list-empty": lambda: [],
    "set": lambda: {1},
    "tuple-one": lambda: ("x",),
    "tuple-empty": lambda: (),
    "tuple-four": lambda: ("x", 200, {}, None),
    "tuple-none": lambda: (None, 200),
    "tuple-status": lambda: ("x", 299),
    "tuple-status-string": lambda: ("x", "299 Odd"),
    "tuple-status-string-number": lambda: ("x", "404"),
    "tuple-status-bytes": lambda: ("x", b"299 Odd"),
    "tuple-status-empty": lambda: ("x", ""),
    "tuple-status-words": lambda: ("x", "not a number"),
    "tuple-status-enum": lambda: ("x", HTTPStatus.IM_A_TEAPOT),
    "tuple-status-float": lambda: ("x", 2.5),
    "tuple-status-none": lambda: ("x", None),
    "tuple-headers-dict": lambda: ("x", {"X-A": "1", "content-type": "text/q"}),
    "tuple-headers-list": lambda: ("x", [("X-A", "1"), ("X-A", "2")]),
    "tuple-headers-tuple": lambda: ("x", (("X-A", "1"),)),
    "tuple-headers-object": lambda: ("x", Headers([("X-A", "1"), ("X-A", "2")])),
    "tuple-headers-empty": lambda: ("x", 200, {}),
    "tuple-headers-none": lambda: ("x", 201, None),
    "tuple-headers-number": lambda: ("x", 201, {"X-N": 5}),
    "tuple-headers-newline": lambda: ("x", 201, {"X-N": "a\nb"}),
    "tuple-headers-unicode": lambda: ("x", 201, {"X-N": "é☃"}),
    "tuple-both": lambda: ("x", 201, {"X-A": "1"}),
    "tuple-namedtuple": lambda: Pair("named", 203),
    "tuple-list": lambda: ([1], 203),
    "tuple-dict": lambda: ({"a": 1}, {"X-A": "1"}),
    "tuple-response": lambda: (Response("x", 202, {"X-A": "1"}), {"X-A": "2"}),
    "tuple-response-status": lambda: (Response("x", 202), "203 Mine"),
    "tuple-tuple": lambda: (("x", 200), 201),
    "generator": lambda: (c for c in "abü"),
    "generator-bytes": lambda: (c for c in [b"a", b"", b"\xff"]),
    "generator-wrong": lambda: (c for c in ["a", 1]),
    "generator-status": lambda: ((c for c in "ab"), 201),
    "iterator-file": lambda: iter([b"a"]),
    "range": lambda: range(3),
    "none": lambda: None,
    "false": lambda: False,
    "int": lambda: 5,
    "float": lambda: 1.5,
    "class": lambda: Point,
    "exception": lambda: Gone("gone"),
    "exception-status": lambda: (NotFound(), 418),
    "response": lambda: Response("x", 201, {"X-A": "1"}),
    "response-werkzeug": lambda: WerkzeugResponse("x", 201, {"X-A": "1"}),
    "response-own": lambda: OwnResponse("own"),
    "response-none": lambda: Response(),
    "response-list": lambda: Response(["a", b"b", "ü"]),
    "response-number": lambda: Response(["a", 1]),
    "response-204": lambda: Response("body", 204),
    "response-205": lambda: Response("body", 205),
    "response-304": lambda: Response("body", 304),
    "response-100": lambda: Response("body", 199),
    "response-mimetype": lambda: Response("x", mimetype="application/xml"),
    "response-content-type": lambda: Response("x", content_type="text/x; a=b"),
    "response-json": lambda: Response("[]", mimetype="application/json"),
    "response-type-header": lambda: Response("x", headers={"Content-Type": "a/b"}),
    "response-passthrough": lambda: Response([b"a"], direct_passthrough=True),
    "wsgi-class": lambda: Hybrid(),
    "wsgi-writes": lambda: wsgi_writes,
    "wsgi-generator": lambda: wsgi_generator,
    "streamed": streamed,
    "closed": closed,
    "set-afterwards": set_afterwards,
    "status-code-afterwards": status_code_afterwards,
    "lengthless": lengthless,
    "typeless": typeless,
    "weak-tag": weak_tag,
    "ranged": ranged,
    "dated": dated,
    "frozen": frozen,
    "big-cookie": big_cookie,
    "many-cookies": many_cookies,
    "made-nothing": lambda: make_response(),
    "made-many": lambda: make_response("x", 203, {"X-A": "1"}),
    "made-tuple": lambda: make_response(("x", 203)),
    "template-stream": lambda: stream_template("base.html", value="<v>"),
    "template-stream-string": lambda: stream_template_string("{{ 1 }}{{ x }}", x="<"),
    "json-dates": lambda: jsonify(
        [
            dt.datetime(2020, 1, 2, 3, 4, 5, 678),
            dt.datetime(2020, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))),
            dt.date(1900, 12, 31),
        ]
    ),
    "json-time": lambda: jsonify(dt.time(1, 2)),
    "json-decimal": lambda: jsonify(decimal.Decimal("1E+3"), decimal.Decimal("NaN")),
    "json-uuid": lambda: {"u": uuid.UUID(int=2**127)},
    "json-dataclass": lambda: jsonify(Point(1, Point(2, [Point(3)]))),
    "json-dataclass-class": lambda: jsonify(Point),
    "json-html": lambda: [WithHTML(), Markup("<u>&")],
    "json-enum": lambda: [Color.RED],
    "json-int-enum": lambda: [Level.HIGH, Level],
    "json-int-enum-only": lambda: [Level.HIGH],
    "json-bytes": lambda: [b"x"],
    "json-keys-mixed": lambda: {1: "a", "b": 2},
    "json-keys-numbers": lambda: {2: "a", 1: "b", None: 3},
    "json-keys-integers": lambda: {10: "a", 9: "b"},
    "json-keys-tuple": lambda: {(1, 2): 3},
    "json-nan": lambda: [float("nan"), -float("inf"), -0.0, 1e22, 0.1],
    "json-large": lambda: [2**70, -(2**63)],
    "json-text": lambda: ["\u2028 </script> \x00 \x7f 😀 \ud800"],
    "json-deep": lambda: {"a": {"b": {"c": [{"z": 1, "y": (1, 2)}]}}},
    "json-self": lambda: jsonify(a=1, b=2),
    "json-both": lambda: jsonify(1, a=2),
    "json-dumps": lambda: json.dumps({"b": 1, "a": "ü"}, indent=1, sort_keys=False),
    "json-tagged": lambda: TaggedJSONSerializer().dumps(
        {"t": (1,), "b": b"x", "m": Markup("<"), " t": 1, "u": uuid.UUID(int=1)}
    ),
}


def create_app(config: dict[str, t.Any]) -> Flask:
    """Return the application; both sides call this.

    ``JSON`` in the configuration are attributes of the JSON provider, ``OWN`` replaces
    the response class, ``PROVIDER`` the provider.
    """
    app = Flask(__name__)
    app.config.update(config)

    if config.get("PROVIDER"):

        class Provider(DefaultJSONProvider):
            def dumps(self, obj: t.Any, **kwargs: t.Any) -> str:
                return "own " + super().dumps(obj, **kwargs)

        app.json = Provider(app)

    for name, value in config.get("JSON", {}).items():
        setattr(app.json, name, value)

    if config.get("OWN"):
        app.response_class = OwnResponse

    for name, view in VALUES.items():
        app.add_url_rule(f"/{name}", name, view, methods=["GET", "POST"])

    return app
