"""Board: a notice board with accounts, posts, comments, attachments and a JSON API."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bustapi import Flask, Response

from . import api, auth, csrf, db, errors, export, formatting, posts, secret


def create_app(
    config: Mapping[str, Any] | None = None, instance_path: str | None = None
) -> Flask:
    """Build the application and bring its instance folder up to date.

    A fresh clone needs no set-up: the folder, the secret key and the database are made
    on the first start. Several workers may call this at the same time.

    :param config: values that override the defaults and the ``BOARD_*`` variables.
    :param instance_path: where the database, the uploads and the secret key live; the
        variable ``BOARD_INSTANCE_PATH`` does the same for a server started from a shell.
    """
    app = Flask(
        __name__,
        instance_path=instance_path or os.environ.get("BOARD_INSTANCE_PATH"),
        instance_relative_config=True,
    )
    app.config.from_mapping(
        TITLE="Board",
        POSTS_PER_PAGE=10,
        MAX_CONTENT_LENGTH=16 * 1024 * 1024,
        SESSION_COOKIE_NAME="board_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.config.from_prefixed_env("BOARD")
    app.config.from_mapping(config or {})

    instance = Path(app.instance_path)
    app.config.setdefault("DATABASE", str(instance / "board.sqlite3"))
    app.config.setdefault("UPLOAD_FOLDER", str(instance / "uploads"))
    for folder in (instance, Path(app.config["UPLOAD_FOLDER"])):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not app.config["SECRET_KEY"]:
        app.config["SECRET_KEY"] = secret.load(instance / "secret_key")

    db.init_app(app)
    csrf.init_app(app)
    errors.init_app(app)
    formatting.init_app(app)
    app.context_processor(lambda: {"current_user": auth.current_user})
    app.after_request(add_security_fields)

    app.register_blueprint(auth.bp)
    app.register_blueprint(posts.bp)
    app.register_blueprint(export.bp)
    app.register_blueprint(api.bp)
    app.add_url_rule("/", endpoint="index", view_func=posts.index)
    return app


def add_security_fields(response: Response) -> Response:
    """Say what a browser may do with a response, unless the view said it already."""
    response.headers.setdefault(
        "Content-Security-Policy",
        "default-src 'self'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'; object-src 'none'",
    )
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response
