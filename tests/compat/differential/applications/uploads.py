"""Bodies of each kind and the limits that hold for them."""

from __future__ import annotations

import typing as t

from flask import Flask, request
from werkzeug.datastructures import MultiDict


def create_app(config: dict[str, t.Any]) -> Flask:
    """Return the application; both sides call this."""
    app = Flask(__name__)
    app.config.update(config)

    def describe() -> dict[str, t.Any]:
        return {
            "form": [[k, request.form.getlist(k)] for k in request.form],
            "files": [
                [
                    name,
                    file.filename,
                    file.content_type,
                    file.mimetype_params,
                    file.content_length,
                    sorted(file.headers.items()),
                    file.read().decode("latin-1"),
                ]
                for name in request.files
                for file in request.files.getlist(name)
            ],
            "values": [[k, request.values.getlist(k)] for k in sorted(request.values)],
        }

    @app.route("/form", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def form() -> dict[str, t.Any]:
        return describe()

    @app.post("/data-first")
    def data_first() -> dict[str, t.Any]:
        content = request.get_data().decode("latin-1")
        return {"data": content, **describe()}

    @app.post("/data-after")
    def data_after() -> dict[str, t.Any]:
        described = describe()
        return {"data": request.get_data().decode("latin-1"), **described}

    @app.post("/data-parsed")
    def data_parsed() -> dict[str, t.Any]:
        content = request.get_data(parse_form_data=True).decode("latin-1")
        return {"data": content, **describe()}

    @app.post("/uncached")
    def uncached() -> list[str]:
        first = request.get_data(cache=False).decode("latin-1")
        return [first, request.get_data().decode("latin-1")]

    @app.post("/text")
    def text() -> str:
        return request.get_data(as_text=True)

    @app.post("/stream")
    def stream() -> list[t.Any]:
        return [request.stream.read(2).decode(), request.stream.read().decode()]

    @app.post("/lines")
    def lines() -> list[str]:
        return [line.decode("latin-1") for line in request.stream]

    @app.post("/unread")
    def unread() -> str:
        return "unread"

    @app.post("/json")
    def json() -> dict[str, t.Any]:
        return {"json": request.get_json(), "again": request.json}

    @app.post("/json/force")
    def json_force() -> dict[str, t.Any]:
        return {"json": request.get_json(force=True)}

    @app.post("/json/silent")
    def json_silent() -> dict[str, t.Any]:
        return {"json": request.get_json(silent=True)}

    @app.post("/limits")
    def limits() -> dict[str, t.Any]:
        request.max_content_length = int(request.args["content"])
        request.max_form_memory_size = int(request.args["memory"])
        request.max_form_parts = int(request.args["parts"])
        return describe()

    @app.post("/limits/show")
    def show_limits() -> list[t.Any]:
        return [
            request.max_content_length,
            request.max_form_memory_size,
            request.max_form_parts,
        ]

    @app.post("/ordered")
    def ordered() -> str:
        request.parameter_storage_class = MultiDict
        return type(request.form).__name__ + repr(request.form.to_dict(flat=False))

    @app.post("/length")
    def length() -> list[t.Any]:
        return [request.content_length, request.mimetype, request.content_encoding]

    return app
