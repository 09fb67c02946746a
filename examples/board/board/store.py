"""Posts, comments and attachments in the database: what pages and API share."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import cast

from .db import get_db

TITLE_LENGTH = 120
BODY_LENGTH = 20_000
COMMENT_LENGTH = 4_000

_POSTS = """
    SELECT posts.*, users.name AS author,
        (SELECT count(*) FROM comments WHERE post_id = posts.id) AS comments,
        (SELECT count(*) FROM attachments WHERE post_id = posts.id) AS attachments
    FROM posts JOIN users ON users.id = posts.author_id
"""


@dataclass(frozen=True)
class Page:
    """One page of a longer list."""

    items: list[sqlite3.Row]
    number: int
    size: int
    total: int

    @property
    def count(self) -> int:
        """The number of pages; an empty list has one."""
        return max(1, -(-self.total // self.size))

    @property
    def previous(self) -> int | None:
        """The number of the page before, if there is one."""
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        """The number of the page after, if there is one."""
        return self.number + 1 if self.number < self.count else None


def list_posts(number: int, size: int, query: str = "") -> Page | None:
    """Return a page of posts, newest first, or None if the list ends before it.

    :param query: only posts with this text in their title or body.
    """
    if number < 1:
        return None

    db = get_db()
    escaped = query.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    pattern = f"%{escaped}%"
    where = r" WHERE title LIKE :pattern ESCAPE '\' OR body LIKE :pattern ESCAPE '\' "

    total = db.execute(f"SELECT count(*) FROM posts {where}", {"pattern": pattern})
    page = Page([], number, size, total.fetchone()[0])
    if number > page.count:
        return None

    rows = db.execute(
        f"{_POSTS} {where} ORDER BY posts.id DESC LIMIT :size OFFSET :offset",
        {"pattern": pattern, "size": size, "offset": (number - 1) * size},
    )
    page.items.extend(rows)
    return page


def all_posts(connection: sqlite3.Connection) -> sqlite3.Cursor:
    """Return a cursor over every post, oldest first."""
    return connection.execute(f"{_POSTS} ORDER BY posts.id")


def find_post(post_id: int) -> sqlite3.Row | None:
    """Return the post with this number."""
    return _one(f"{_POSTS} WHERE posts.id = ?", post_id)


def post_errors(title: str, body: str) -> dict[str, str]:
    """Return what is wrong with the content of a post, by field."""
    errors = {}

    if not title:
        errors["title"] = "Give the post a title."
    elif len(title) > TITLE_LENGTH:
        errors["title"] = f"Use at most {TITLE_LENGTH} characters."
    if not body:
        errors["body"] = "Write something."
    elif len(body) > BODY_LENGTH:
        errors["body"] = f"Use at most {BODY_LENGTH:,} characters."

    return errors


def create_post(author_id: int, title: str, body: str) -> int:
    """Store a post and return its number."""
    return _insert(
        "INSERT INTO posts (author_id, title, body) VALUES (?, ?, ?)",
        author_id,
        title,
        body,
    )


def update_post(post_id: int, title: str, body: str) -> None:
    """Change the content of a post."""
    with get_db() as db:
        db.execute(
            "UPDATE posts SET title = ?, body = ?,"
            " edited_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = ?",
            (title, body, post_id),
        )


def delete_post(post_id: int) -> None:
    """Delete a post with its comments and attachment rows."""
    with get_db() as db:
        db.execute("DELETE FROM posts WHERE id = ?", (post_id,))


def list_comments(post_id: int) -> list[sqlite3.Row]:
    """Return the comments on a post, oldest first."""
    return (
        get_db()
        .execute(
            "SELECT comments.*, users.name AS author FROM comments"
            " JOIN users ON users.id = comments.author_id"
            " WHERE post_id = ? ORDER BY comments.id",
            (post_id,),
        )
        .fetchall()
    )


def find_comment(post_id: int, comment_id: int) -> sqlite3.Row | None:
    """Return a comment on a post."""
    return _one(
        "SELECT comments.*, users.name AS author FROM comments"
        " JOIN users ON users.id = comments.author_id"
        " WHERE post_id = ? AND comments.id = ?",
        post_id,
        comment_id,
    )


def comment_error(body: str) -> str | None:
    """Return what is wrong with the text of a comment."""
    if not body:
        return "Write something first."
    if len(body) > COMMENT_LENGTH:
        return f"Use at most {COMMENT_LENGTH:,} characters."
    return None


def create_comment(post_id: int, author_id: int, body: str) -> int:
    """Store a comment and return its number."""
    return _insert(
        "INSERT INTO comments (post_id, author_id, body) VALUES (?, ?, ?)",
        post_id,
        author_id,
        body,
    )


def delete_comment(comment_id: int) -> None:
    """Delete a comment."""
    with get_db() as db:
        db.execute("DELETE FROM comments WHERE id = ?", (comment_id,))


def list_attachments(post_id: int) -> list[sqlite3.Row]:
    """Return the attachments of a post in the order in which they came."""
    return (
        get_db()
        .execute("SELECT * FROM attachments WHERE post_id = ? ORDER BY id", (post_id,))
        .fetchall()
    )


def find_attachment(post_id: int, attachment_id: int) -> sqlite3.Row | None:
    """Return an attachment of a post."""
    return _one(
        "SELECT * FROM attachments WHERE post_id = ? AND id = ?", post_id, attachment_id
    )


def create_attachment(post_id: int, name: str, stored_name: str, size: int) -> int:
    """Store what is known about an attachment and return its number."""
    return _insert(
        "INSERT INTO attachments (post_id, name, stored_name, size)"
        " VALUES (?, ?, ?, ?)",
        post_id,
        name,
        stored_name,
        size,
    )


def delete_attachment(attachment_id: int) -> None:
    """Forget an attachment."""
    with get_db() as db:
        db.execute("DELETE FROM attachments WHERE id = ?", (attachment_id,))


def _one(statement: str, *parameters: object) -> sqlite3.Row | None:
    row = get_db().execute(statement, parameters).fetchone()
    return cast("sqlite3.Row | None", row)


def _insert(statement: str, *parameters: object) -> int:
    with get_db() as db:
        number = db.execute(statement, parameters).lastrowid

    assert number is not None  # An INSERT that succeeded has one.
    return number
