"""The database: one SQLite connection per request, and the migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bustapi import Flask, current_app, g

from .once import create_once

MIGRATIONS = Path(__file__).parent / "migrations"


def init_app(app: Flask) -> None:
    """Migrate the application's database and close its connections in time."""
    app.teardown_appcontext(close_db)
    migrate(Path(app.config["DATABASE"]))


def get_db() -> sqlite3.Connection:
    """Return the connection of the current context, opened on first use."""
    if "db" not in g:
        g.db = connect(Path(current_app.config["DATABASE"]))

    connection: sqlite3.Connection = g.db
    return connection


def close_db(error: BaseException | None = None) -> None:
    """Close the connection of the current context, if one was opened."""
    connection = g.pop("db", None)

    if connection is not None:
        connection.close()


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection that checks foreign keys and returns rows by name."""
    connection = sqlite3.connect(path, timeout=10)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")  # Safe in WAL mode.
    return connection


def migrate(path: Path, folder: Path = MIGRATIONS) -> int:
    """Bring the database up to date and return its version.

    Migrations are the files ``0001_name.sql``, ``0002_name.sql`` and so on. SQLite keeps
    the number of the last one applied as ``user_version``. Each runs in a transaction
    that takes the write lock before it looks at that number, so workers that start
    together wait for each other and each file is applied once, wholly or not at all.
    """
    create_once(path, _create_empty)
    version = 0

    with closing(connect(path)) as connection:
        connection.isolation_level = None

        for script in sorted(folder.glob("[0-9]*.sql")):
            version = int(script.name.partition("_")[0])
            _apply(connection, version, script.read_text("utf-8"))

    return version


def _apply(connection: sqlite3.Connection, version: int, script: str) -> None:
    connection.execute("BEGIN IMMEDIATE")

    try:
        if _user_version(connection) < version:
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version:d}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _user_version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _statements(script: str) -> Iterator[str]:
    # executescript() would commit the transaction that the migration runs in.
    statement = ""

    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

    yield statement  # Without its semicolon, or a comment, or nothing.


def _create_empty(draft: Path) -> None:
    # The journal mode stays with the file. It is set before any other process can open
    # it because changing it needs the database for itself, and does not wait for it.
    with closing(sqlite3.connect(draft)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
