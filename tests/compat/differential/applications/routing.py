"""Rules of every kind under each setting of the map."""

from __future__ import annotations

import typing as t

from flask import Flask, Response, redirect, request, url_for
from flask.views import MethodView, View
from werkzeug.routing import (
    BaseConverter,
    EndpointPrefix,
    IntegerConverter,
    Rule,
    RuleFactory,
    Subdomain,
    Submount,
    ValidationError,
)


class Even(IntegerConverter):
    """An integer that declines some of what its expression matches."""

    def to_python(self, value: str) -> int:
        number: int = super().to_python(value)
        if number % 2:
            raise ValidationError
        return number


class Heavy(BaseConverter):
    """A converter that is tried before others."""

    weight = 10
    regex = "x[a-z]*"


class Spanning(BaseConverter):
    """A converter that takes slashes."""

    part_isolating = False
    regex = r"\d+/\d+"

    def to_python(self, value: str) -> tuple[str, ...]:
        return tuple(value.split("/"))

    def to_url(self, value: t.Iterable[str]) -> str:
        return "/".join(value)


class Choice(BaseConverter):
    """A converter with an argument and a default."""

    def __init__(self, map: t.Any, letters: str = "ab", *, minlength: int = 1) -> None:
        super().__init__(map)
        self.regex = f"[{letters}]{{{minlength},}}"


def create_app(config: dict[str, t.Any]) -> Flask:
    """Return the application; both sides call this.

    ``MAP`` in the configuration are attributes of the map.
    """
    app = Flask(__name__)
    app.config.update(config)

    for name, value in config.get("MAP", {}).items():
        setattr(app.url_map, name, value)

    app.url_map.converters.update(even=Even, heavy=Heavy, span=Spanning, choice=Choice)

    def show(**values: object) -> str:
        rule = request.url_rule
        return f"{request.endpoint} {rule} {sorted(values.items())!r}"

    rules: list[tuple[str, dict[str, t.Any]]] = [
        ("/", {}),
        ("/a", {}),
        ("/a/", {"endpoint": "a-slash"}),
        ("/b/", {}),
        ("/c/d/", {"strict_slashes": False}),
        ("/e//f", {}),
        ("/e/merge//f/", {"merge_slashes": False}),
        ("/g/<int:i>", {}),
        ("/g/<even:i>", {}),
        ("/g/<heavy:h>", {}),
        ("/g/<s>", {}),
        ("/g/<path:p>", {}),
        ("/g/last", {}),
        ("/h/<span:pair>", {}),
        ("/h/<span:pair>/tail", {}),
        ("/i/<choice:c>", {}),
        ("/i/<choice(letters='xyz', minlength=2):c>", {}),
        ("/j/<int(fixed_digits=3):i>", {}),
        ("/j/<int(min=5, max=9):i>/", {}),
        ("/j/<float(min=1.5):f>", {}),
        ("/k/<string(minlength=2, maxlength=4):s>", {}),
        ("/k/<any('a b', \"c,d\"):s>", {}),
        ("/l/<a>-<b>.<c>", {}),
        ("/l/<a>-<int:b>", {}),
        ("/m/<x>/<y>", {"defaults": {"z": 1}}),
        ("/m/<x>/<y>/<int:z>", {"endpoint": "rule24"}),
        ("/o/<x>", {"redirect_to": "p/<x>"}),
        ("/o/f/<x>", {"redirect_to": lambda adapter, x: f"p/{x}!"}),
        ("/p/<x>", {}),
        ("/q", {"methods": ["get", "Put"]}),
        ("/q", {"methods": ["POST"], "endpoint": "q-post"}),
        ("/r", {"methods": ["POST"]}),
        ("/r/<x>", {"methods": ["DELETE"], "provide_automatic_options": False}),
        ("/r/<path:x>", {"methods": ["PATCH"]}),
        ("/s", {"methods": ["OPTIONS"]}),
        ("/t", {"build_only": True}),
        ("/u ü/<x>", {}),
        ("/v.json", {}),
        ("/w/<x>.json", {}),
        ("/w/<path:x>.xml", {}),
        ("/y/%41", {}),
        ("/z;a=1/<x>", {}),
    ]

    for number, (rule, options) in enumerate(rules):
        endpoint = options.pop("endpoint", f"rule{number}")
        app.add_url_rule(rule, endpoint, show, **options)

    app.add_url_rule("/multi/<int:page>", "multi", show)
    app.add_url_rule("/multi/", "multi", show, defaults={"page": 1})
    app.add_url_rule("/multi/one", "multi", show, defaults={"page": 1}, alias=True)
    app.add_url_rule("/websocket", "websocket", show, websocket=True)
    factories: list[RuleFactory] = [
        Submount(
            "/mount", [Rule("/x", endpoint="in/x"), Rule("/<y>", endpoint="in/y")]
        ),
        EndpointPrefix("pre/", [Rule("/prefixed", endpoint="x")]),
        Subdomain("sub", [Rule("/in-subdomain", endpoint="in/x")]),
    ]

    for factory in factories:
        app.url_map.add(factory)

    app.view_functions.update({"in/x": show, "in/y": show, "pre/x": show})

    @app.endpoint("late")
    def late() -> str:
        return "late"

    app.url_map.add(Rule("/late", endpoint="late", methods=["GET"]))
    app.url_map.add(Rule("/viewless", endpoint="viewless"))

    @app.route("/stacked")
    @app.route("/stacked/<int:i>")
    def stacked(i: int = 0) -> str:
        return f"stacked {i}"

    @app.get("/build")
    def build() -> list[str]:
        return [
            url_for("rule13", pair=("1", "2")),
            url_for("rule16", c="xyz"),
            url_for("rule24", x=1, y=2, z=1),
            url_for("rule24", x=1, y=2, z=2),
            url_for("rule35"),
            url_for("multi", page=1),
            url_for("multi", page=2),
            url_for("in/y", y="a/b"),
            url_for("rule36", x="ü/?"),
            url_for("stacked"),
            url_for("stacked", i=4, j=[1, 2]),
        ]

    add_classes(app)
    return app


def add_classes(app: Flask) -> None:
    """Add views that are classes."""

    class Base(MethodView):
        def get(self, i: int | None = None) -> str:
            return f"get {i}"

    class Derived(Base):
        def post(self) -> str:
            return "post"

        def head(self, i: int | None = None) -> Response:
            return Response("head", headers={"X-Head": "own"})

    class Optional(MethodView):
        provide_automatic_options = False

        def get(self) -> str:
            return "no options"

        def options(self) -> str:
            return "own options"

    class Limited(MethodView):
        methods = ["GET", "POST"]

        def get(self) -> str:
            return "limited"

    class Plain(View):
        def dispatch_request(self, **values: t.Any) -> t.Any:
            return redirect(url_for("base", i=values["i"]))

    app.add_url_rule("/class/base", view_func=Base.as_view("base"))
    app.add_url_rule(
        "/class/base/<int:i>", view_func=Base.as_view("base"), endpoint="b"
    )
    app.add_url_rule("/class/derived", view_func=Derived.as_view("derived"))
    app.add_url_rule(
        "/class/derived/<int:i>", "derived-i", Derived.as_view("derived-i")
    )
    app.add_url_rule("/class/optional", view_func=Optional.as_view("optional"))
    app.add_url_rule("/class/limited", view_func=Limited.as_view("limited"))
    app.add_url_rule("/class/plain/<int:i>", view_func=Plain.as_view("plain"))
