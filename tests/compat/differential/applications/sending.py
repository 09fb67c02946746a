"""Files sent in every way."""

from __future__ import annotations

import io
import os
import typing as t
from pathlib import Path

from flask import Flask, Response, current_app, send_file, send_from_directory

HERE = Path(__file__).parent


class Source(io.BytesIO):
    """A file object with a name, as opened files have."""

    name = "a/source.json"


def create_app(config: dict[str, t.Any]) -> Flask:
    """Return the application; both sides call this.

    ``AGES`` in the configuration lets an override decide how long files are kept,
    ``MIDDLEWARE`` puts one round the application, so that the server calls it as WSGI.
    """

    class Aging(Flask):
        def get_send_file_max_age(self, filename: str | None) -> int | None:
            return 42 if filename and filename.endswith(".css") else None

    app = (Aging if config.get("AGES") else Flask)(__name__)
    app.config.update(config)

    if config.get("MIDDLEWARE"):
        inner = app.wsgi_app
        app.wsgi_app = lambda *args: inner(*args)  # type: ignore[method-assign]

    content = b"0123456789"

    def bytes_(**options: t.Any) -> Response:
        return send_file(io.BytesIO(content), **options)

    def css(**options: t.Any) -> Response:
        return send_file("static/style.css", **options)

    def consumed() -> Response:
        file = io.BytesIO(content)
        file.seek(4)
        return send_file(file, mimetype="text/plain")

    def opened() -> Response:
        return send_file(open(HERE / "static" / "style.css", "rb"), mimetype="a/b")

    def changed() -> Response:
        response = css()
        response.headers["X-A"] = "1"
        response.set_cookie("c", "1")
        return response

    def read() -> Response:
        response = css()
        response.direct_passthrough = False
        return Response(response.get_data())

    views: dict[str, t.Callable[[], Response]] = {
        "bytes": lambda: bytes_(mimetype="text/plain"),
        "bytes-named": lambda: bytes_(download_name="a.csv"),
        "bytes-attachment": lambda: bytes_(
            mimetype="a/b", as_attachment=True, download_name="q\"uo'te;.txt"
        ),
        "bytes-attachment-unnamed": lambda: bytes_(mimetype="a/b", as_attachment=True),
        "bytes-untyped": lambda: bytes_(),
        "bytes-etag": lambda: bytes_(mimetype="a/b", etag="tag"),
        "bytes-etag-true": lambda: bytes_(mimetype="a/b", etag=True),
        "bytes-modified": lambda: bytes_(mimetype="a/b", last_modified=1_600_000_000),
        "bytes-unconditional": lambda: bytes_(
            mimetype="a/b", conditional=False, etag="t", last_modified=1
        ),
        "bytes-age": lambda: bytes_(mimetype="a/b", max_age=5),
        "bytes-age-zero": lambda: bytes_(mimetype="a/b", max_age=0),
        "bytes-age-function": lambda: bytes_(
            download_name="x.css", max_age=lambda name: len(name or "")
        ),
        "text": lambda: send_file(io.StringIO("text"), mimetype="a/b"),
        "source": lambda: send_file(Source(content), mimetype="a/b"),
        "consumed": consumed,
        "opened": opened,
        "css": lambda: css(),
        "css-path": lambda: send_file(HERE / "static" / "style.css"),
        "css-typed": lambda: css(mimetype="text/x; a=b"),
        "css-attachment": lambda: css(as_attachment=True),
        "css-unicode": lambda: css(as_attachment=True, download_name="tä ☃.css"),
        "css-inline-name": lambda: css(download_name="ünline.txt"),
        "css-encoded": lambda: css(download_name="a.tar.gz"),
        "css-encoded-attachment": lambda: css(
            download_name="a.tar.gz", as_attachment=True
        ),
        "css-unknown": lambda: css(download_name="a.unknownext"),
        "css-untagged": lambda: css(etag=False),
        "css-etag": lambda: css(etag="my-tag"),
        "css-unconditional": lambda: css(conditional=False),
        "css-modified": lambda: css(last_modified=1_600_000_000.5),
        "css-age": lambda: css(max_age=60),
        "css-changed": changed,
        "css-read": read,
        "missing": lambda: send_file("static/missing"),
        "folder": lambda: send_file("static"),
        "static-method": lambda: current_app.send_static_file("table.csv"),
        "static-missing": lambda: current_app.send_static_file("none"),
    }

    for name, view in views.items():
        app.add_url_rule(f"/{name}", name, view)

    @app.get("/from/<path:name>")
    def from_directory(name: str) -> Response:
        return send_from_directory("static", name, as_attachment=name.endswith("csv"))

    @app.get("/from/absolute/<path:name>")
    def from_absolute(name: str) -> Response:
        return send_from_directory(os.path.abspath(HERE / "parts"), name)

    @app.get("/from/none")
    def from_none() -> Response:
        return send_from_directory("nowhere", "x")

    return app
