"""Rules that depend on the host: host matching, or subdomains."""

from __future__ import annotations

import typing as t

from flask import Blueprint, Flask, request, url_for


def create_app(config: dict[str, t.Any]) -> Flask:
    """Return the application; both sides call this.

    ``MATCHING`` in the configuration is ``"host"``, ``"subdomain"`` or ``"none"``.
    """
    matching = config.pop("MATCHING")
    app = make_host_app() if matching == "host" else make_subdomain_app(matching)
    app.config.update(config)
    return app


def show(**values: object) -> str:
    return f"{request.endpoint} {request.host} {sorted(values.items())!r}"


def make_host_app() -> Flask:
    """Return an application that matches hosts."""
    app = Flask(__name__, host_matching=True, static_host="static.test:8000")
    app.add_url_rule("/", "one", show, host="one.test")
    app.add_url_rule("/", "two", show, host="two.test:8000")
    app.add_url_rule("/", "named", show, host="<name>.wild.test")
    app.add_url_rule("/only/", "only", show, host="one.test")
    app.add_url_rule("/any", "any", show, host="<host>")

    @app.get("/urls", host="one.test")
    def urls() -> list[str]:
        return [
            url_for("one"),
            url_for("two"),
            url_for("named", name="x"),
            url_for("static", filename="style.css"),
            url_for("one", _external=True),
        ]

    return app


def make_subdomain_app(matching: str) -> Flask:
    """Return an application with rules for subdomains."""
    app = Flask(__name__, subdomain_matching=matching == "subdomain")
    app.add_url_rule("/", "root", show)
    app.add_url_rule("/", "api", show, subdomain="api")
    app.add_url_rule("/", "user", show, subdomain="<user>")
    app.add_url_rule("/deep", "deep", show, subdomain="<user>.deep")
    app.add_url_rule("/folder/", "folder", show, subdomain="api")
    part = Blueprint("part", __name__, subdomain="part")
    part.add_url_rule("/", "index", show)
    part.add_url_rule("/own", "own", show, subdomain="own")
    app.register_blueprint(part, url_prefix="/p")

    @app.get("/urls")
    def urls() -> list[str]:
        return [
            url_for("root"),
            url_for("api"),
            url_for("user", user="x"),
            url_for("part.index"),
            url_for("root", _external=True),
        ]

    return app
