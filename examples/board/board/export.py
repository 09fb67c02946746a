"""Every post as CSV, sent while it is read from the database."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bustapi import Blueprint, Response, current_app, stream_with_context, url_for

from . import store
from .auth import login_required
from .db import connect

bp = Blueprint("export", __name__)

COLUMNS = ("id", "title", "author", "created_at", "edited_at", "comments", "body")
ROWS_PER_CHUNK = 100


@bp.get("/export.csv")
@login_required
def export_csv() -> Any:
    """Stream the posts, a chunk of rows at a time, however many there are."""
    # The connection on g is closed when the view's context ends, before the first row
    # is sent. This one belongs to the response.
    connection = connect(Path(current_app.config["DATABASE"]))
    cursor = store.all_posts(connection)

    def chunks() -> Iterator[str]:
        yield encode([(*COLUMNS, "url")])
        while rows := cursor.fetchmany(ROWS_PER_CHUNK):
            yield encode([cells(row) for row in rows])

    response = Response(stream_with_context(chunks()), mimetype="text/csv")
    response.headers["Content-Disposition"] = "attachment; filename=posts.csv"
    response.call_on_close(connection.close)
    return response


def cells(row: sqlite3.Row) -> list[object]:
    """Return a post as the cells of a line."""
    address = url_for("posts.show", post_id=row["id"], _external=True)
    return [*(cell(row[column]) for column in COLUMNS), address]


def encode(rows: list[Any]) -> str:
    """Return rows as lines of CSV (RFC 4180)."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def cell(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value

    return value
