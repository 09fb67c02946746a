"""The first start, and every later one."""

from __future__ import annotations

import sqlite3
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from board import create_app
from board.db import MIGRATIONS, connect, get_db, migrate
from bustapi import Flask


def test_the_instance_folder_is_made_on_the_first_start(
    app: Flask, tmp_path: Path
) -> None:
    names = {path.name for path in (tmp_path / "instance").iterdir()}

    assert names == {"board.sqlite3", "secret_key", "uploads"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes.")
def test_nobody_else_can_read_the_instance_folder(app: Flask, tmp_path: Path) -> None:
    folder = tmp_path / "instance"

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("board.sqlite3", "secret_key"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name


def test_a_second_start_keeps_key_and_posts(app: Flask, tmp_path: Path) -> None:
    with app.app_context(), get_db() as db:
        db.execute("INSERT INTO users (name, password_hash) VALUES ('ada', '')")

    again = create_app(instance_path=str(tmp_path / "instance"))

    assert again.config["SECRET_KEY"] == app.config["SECRET_KEY"]
    with again.app_context():
        assert get_db().execute("SELECT name FROM users").fetchone()[0] == "ada"


def test_a_setting_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOARD_POSTS_PER_PAGE", "3")

    app = create_app(instance_path=str(tmp_path))

    assert app.config["POSTS_PER_PAGE"] == 3


def test_starts_at_the_same_moment_migrate_once(tmp_path: Path) -> None:
    path = tmp_path / "board.sqlite3"

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda _: migrate(path), range(8)))

    assert versions == [len(list(MIGRATIONS.glob("*.sql")))] * 8


def test_a_connection_has_wal_and_checks_foreign_keys(app: Flask) -> None:
    with app.app_context():
        assert get_db().execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        with pytest.raises(sqlite3.IntegrityError):
            get_db().execute(
                "INSERT INTO posts (author_id, title, body) VALUES (9, '', '')"
            )


def test_the_connection_is_one_per_context_and_closed_with_it(app: Flask) -> None:
    with app.app_context():
        connection = get_db()
        assert get_db() is connection

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_migrations_run_in_order_from_where_the_database_stands(tmp_path: Path) -> None:
    path, folder = tmp_path / "database", tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_first.sql").write_text("CREATE TABLE t (a);\n-- The end.\n")
    migrate(path, folder)
    (folder / "0002_second.sql").write_text(
        "ALTER TABLE t ADD COLUMN b;\nINSERT INTO t\nVALUES (1, 'a;b')\n"
    )

    assert migrate(path, folder) == 2

    with closing(connect(path)) as connection:
        assert [tuple(row) for row in connection.execute("SELECT * FROM t")] == [
            (1, "a;b")
        ]


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path, folder = tmp_path / "database", tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_broken.sql").write_text("CREATE TABLE t (a);\nNO SUCH THING;\n")

    with pytest.raises(sqlite3.OperationalError):
        migrate(path, folder)

    with closing(connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 0
        assert connection.execute("SELECT * FROM sqlite_master").fetchall() == []
