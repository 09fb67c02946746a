"""URLs built inside and outside of requests, hosts that are trusted, and proxies."""

from __future__ import annotations

import typing as t

from flask import Flask, redirect, request, url_for
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BuildError


def create_app(config: dict[str, t.Any]) -> Flask:
    """Return the application; both sides call this.

    ``PROXIES`` in the configuration is how many proxies are trusted, ``HANDLER`` adds
    one for build errors.
    """
    app = Flask(__name__)
    app.secret_key = "urls"
    app.config.update(config)

    if "PROXIES" in config:
        count = config["PROXIES"]
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app,
            x_for=count,
            x_proto=count,
            x_host=count,
            x_port=count,
            x_prefix=count,
        )

    @app.url_defaults
    def add_defaults(endpoint: str, values: dict[str, t.Any]) -> None:
        if endpoint == "localized":
            values.setdefault("lang", "en")

    @app.get("/<lang>/localized")
    def localized(lang: str) -> str:
        return url_for("localized") + " " + url_for("localized", lang="de")

    @app.get("/where")
    def where() -> dict[str, t.Any]:
        return {
            "url": request.url,
            "base": request.base_url,
            "root": request.url_root,
            "host_url": request.host_url,
            "host": request.host,
            "scheme": request.scheme,
            "secure": request.is_secure,
            "script": request.script_root,
            "root_path": request.root_path,
            "path": request.path,
            "full": request.full_path,
            "remote": request.remote_addr,
            "route": list(request.access_route),
            "trusted": request.trusted_hosts,
        }

    @app.get("/build")
    def build() -> list[str]:
        return [
            url_for("where"),
            url_for("where", _external=True),
            url_for("where", _external=True, _scheme="ftp"),
            url_for("where", _scheme="", _external=True),
            url_for("where", _anchor="ä b", q=["1", "2"], r=None, s="a&b"),
            url_for("static", filename="dir/ü.css", v=1),
            url_for("item", i=3, _method="POST"),
            url_for("item", i=3, _method="GET"),
            url_for("item", i=3),
            url_for("localized", _external=True),
        ]

    @app.get("/build/outside")
    def build_outside() -> list[t.Any]:
        built: list[t.Any] = []
        other = Flask("other")
        other.config.update(config, SERVER_NAME=config.get("SERVER_NAME"))
        other.add_url_rule("/there/<int:i>", "there", str)
        with other.app_context():
            for values in ({"i": 1}, {"i": 2, "_external": False}):
                try:
                    built.append(other.url_for("there", **values))
                except RuntimeError:
                    built.append("RuntimeError")
        return built

    @app.get("/item/<int:i>", endpoint="item")
    def item(i: int) -> str:
        return str(i)

    app.add_url_rule("/item/post/<int:i>", "item", item, methods=["POST"])

    @app.get("/build/<name>")
    def build_broken(name: str) -> str:
        if name == "scheme":
            return url_for("where", _scheme="https", _external=False)
        if name == "values":
            return url_for("item", i="no number")
        if name == "missing":
            return url_for("item")
        if name == "method":
            return url_for("item", i=1, _method="DELETE")
        return url_for(name)

    @app.get("/to/<path:target>")
    def to(target: str) -> t.Any:
        return redirect(target, code=request.args.get("code", 302, type=int))

    @app.get("/folder/")
    def folder() -> str:
        return "folder"

    if config.get("HANDLER"):

        @app.url_build_error_handlers.append
        def on_build_error(
            error: Exception, endpoint: str, values: dict[str, t.Any]
        ) -> str:
            if endpoint != "external":
                raise error
            return "http://external/" + ",".join(sorted(values))

        @app.errorhandler(BuildError)
        def show(error: BuildError) -> str:
            return f"cannot build {error.endpoint} {sorted(error.values)}"

    return app
