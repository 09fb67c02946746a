"""Sessions: what is written, what is read, and which fields that adds."""

from __future__ import annotations

import datetime as dt
import hashlib
import typing as t
import uuid

from flask import Flask, flash, get_flashed_messages, request, session
from flask.globals import request_ctx
from flask.sessions import SecureCookieSessionInterface
from markupsafe import Markup

CONTENTS: dict[str, t.Any] = {
    "empty-values": {"a": "", "b": None, "c": [], "d": {}},
    "plain": {"user": 7, "name": "jo", "ok": True, "x": 1.5},
    "unicode": {"name": "Jörg ☃ 😀 \u2028", "ключ": 1},
    "tuple": {"t": (1, ("two", (3,)), [])},
    "bytes": {"b": b"\x00\xff" * 3},
    "markup": {"m": Markup("<b>&amp;</b>")},
    "uuid": {"u": uuid.UUID(int=5)},
    "datetime": {"d": dt.datetime(2024, 2, 29, 12, 0, 1, tzinfo=dt.timezone.utc)},
    "datetime-naive": {"d": dt.datetime(2024, 2, 29, 12, 0, 1, 999)},
    "dict-like-tag": {"x": {" t": [1], " b": 2}, "y": {" di": 3}},
    "dict-like-tag-alone": {"x": {" t": [1]}},
    "nested": {"l": [{"a": (1, b"x")}, {"m": [Markup("<i>")]}]},
    "long": {"text": "abc" * 400},
    "keys": {"z": 1, "a": 2, "m": {"z": 1, "a": 2}},
    "integer-keys": {"x": {1: "a", 2: "b"}},
    "permanent": {"_permanent": True, "a": 1},
    "not-permanent": {"_permanent": False, "a": 1},
    "flashes": {"_flashes": [("message", "hi"), ("error", Markup("<b>"))]},
    "set": {"s": {1}},
}


def create_app(config: dict[str, t.Any]) -> Flask:
    """Return the application; both sides call this.

    ``INTERFACE`` in the configuration are attributes of the session interface.
    """
    app = Flask(__name__)
    app.config.update(config)
    attributes = dict(config.get("INTERFACE", {}))

    if "digest_method" in attributes:
        digest = getattr(hashlib, attributes["digest_method"])
        attributes["digest_method"] = staticmethod(digest)

    if attributes:
        interface = type("Interface", (SecureCookieSessionInterface,), attributes)
        app.session_interface = interface()

    @app.get("/write/<name>")
    def write(name: str) -> str:
        session.update(CONTENTS[name])
        return "written"

    @app.get("/read")
    def read() -> str:
        return repr(sorted(session.items())) + f" {session.permanent} {session.new}"

    @app.get("/untouched")
    def untouched() -> str:
        return "untouched"

    @app.get("/behind")
    def behind() -> str:
        return repr(sorted(request_ctx._session.items()))  # type: ignore[union-attr]

    @app.get("/flash")
    def flash_some() -> str:
        flash("plain")
        flash(Markup("<b>marked</b>"), "error")
        flash("ünïcode", "error")
        return "flashed"

    @app.get("/flashed")
    def flashed() -> str:
        first = get_flashed_messages(with_categories=True)
        again = get_flashed_messages(category_filter=["error"])
        return f"{first!r} {again!r}"

    actions: dict[str, t.Callable[[], t.Any]] = {
        "in": lambda: "a" in session,
        "len": lambda: len(session),
        "iter": lambda: list(session),
        "get": lambda: session.get("a"),
        "bool": lambda: bool(session),
        "repr": lambda: repr(session),
        "set": lambda: session.__setitem__("a", 2),
        "set-same": lambda: session.__setitem__("a", session.get("a")),
        "pop": lambda: session.pop("a", None),
        "delete": lambda: session.__delitem__("a"),
        "popitem": lambda: session.popitem(),
        "clear": lambda: session.clear(),
        "setdefault": lambda: session.setdefault("a", 3),
        "update": lambda: session.update(b=1),
        "or": lambda: session.__ior__({"c": 1}),
        "permanent": lambda: setattr(session, "permanent", True),
        "not-permanent": lambda: setattr(session, "permanent", False),
        "modified": lambda: setattr(session, "modified", True),
        "unmodified": lambda: (
            session.__setitem__("a", 9),
            setattr(session, "modified", False),
        ),
        "inner": lambda: session.setdefault("list", []).append(1),
        "copy": lambda: sorted(session.copy()),
        "missing": lambda: session["missing"],
        "attributes": lambda: [session.modified, session.new, session.accessed],
        "proxy": lambda: type(session._get_current_object()).__name__,  # type: ignore
    }

    @app.route("/do/<name>", methods=["GET", "POST"])
    def do(name: str) -> str:
        return repr(actions[name]())

    @app.after_request
    def after(response: t.Any) -> t.Any:
        if "vary" in request.args:
            response.vary.add("Accept")
        if "late" in request.args:
            session["late"] = 1
        return response

    return app
