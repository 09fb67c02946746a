"""The same posts as JSON, for scripts with a token and for pages with a session."""

from __future__ import annotations

import sqlite3
from typing import Any

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import HTTPException

from bustapi import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    make_response,
    request,
    url_for,
)

from . import files, store
from .auth import require_owner, require_user
from .posts import get_post, remove

bp = Blueprint("api", __name__, url_prefix="/api")


@bp.errorhandler(HTTPException)
def show_error(error: HTTPException) -> Response:
    """Answer an error as JSON with its status, name and message."""
    status = error.code or 500
    response = make_response(error.get_response())
    details = {"status": status, "name": error.name, "message": error.description}
    response.set_data(current_app.json.dumps({"error": details}) + "\n")
    response.mimetype = "application/json"
    if status == 401:
        response.www_authenticate = WWWAuthenticate("bearer", {"realm": "board"})
    return response


@bp.get("/me")
def me() -> Any:
    """Return the account behind the token or session."""
    user = require_user()
    return {"id": user["id"], "name": user["name"], "created_at": user["created_at"]}


@bp.get("/posts")
def list_posts() -> Any:
    """Return a page of posts, newest first."""
    number = request.args.get("page", 1, type=int)
    size = min(max(request.args.get("per_page", 20, type=int), 1), 100)
    query = request.args.get("q", "").strip()
    page = store.list_posts(number, size, query)
    if page is None:
        abort(404, f"There is no page {number}.")

    def address(of: int | None) -> str | None:
        if of is None:
            return None
        return url_for(".list_posts", page=of, per_page=size, q=query or None)

    return {
        "items": [post_document(row) for row in page.items],
        "page": page.number,
        "pages": page.count,
        "total": page.total,
        "next": address(page.next),
        "previous": address(page.previous),
    }


@bp.post("/posts")
def create_post() -> Any:
    """Store a post."""
    user = require_user()
    title, body = post_content({})
    post_id = store.create_post(user["id"], title, body)

    response = jsonify(full_document(post_id))
    response.status_code = 201
    response.headers["Location"] = url_for(".show_post", post_id=post_id)
    return response


@bp.get("/posts/<int:post_id>")
def show_post(post_id: int) -> Any:
    """Return a post with its attachments and comments."""
    return full_document(post_id)


@bp.patch("/posts/<int:post_id>")
def update_post(post_id: int) -> Any:
    """Change the title or the body of a post of one's own, or both."""
    post = get_post(post_id)
    require_owner(post)
    title, body = post_content({"title": post["title"], "body": post["body"]})

    store.update_post(post_id, title, body)

    return full_document(post_id)


@bp.delete("/posts/<int:post_id>")
def delete_post(post_id: int) -> Any:
    """Delete a post of one's own."""
    require_owner(get_post(post_id))

    remove(post_id)

    return "", 204


@bp.post("/posts/<int:post_id>/comments")
def create_comment(post_id: int) -> Any:
    """Add a comment to a post."""
    user = require_user()
    get_post(post_id)
    body = text(document(), "body")
    error = store.comment_error(body)
    if error is not None:
        abort(422, error)

    comment_id = store.create_comment(post_id, user["id"], body)

    comment = store.find_comment(post_id, comment_id)
    assert comment is not None  # It was stored just now.
    return comment_document(comment), 201


@bp.post("/posts/<int:post_id>/files")
def create_files(post_id: int) -> Any:
    """Attach the files of a multipart form to a post of one's own."""
    post = get_post(post_id)
    require_owner(post)
    uploads = files.submitted()
    if not uploads:
        abort(422, "Send one file or several as multipart fields named 'files'.")
    if post["attachments"] + len(uploads) > files.MAX_ATTACHMENTS:
        abort(422, f"A post has room for {files.MAX_ATTACHMENTS} files.")

    for upload in uploads:
        files.save(post_id, upload)

    return full_document(post_id), 201


def document() -> dict[str, Any]:
    """Return the JSON object in the request; answer 422 if it is another value."""
    value = request.get_json()

    if not isinstance(value, dict):
        abort(422, "Send a JSON object.")

    return value


def text(values: dict[str, Any], name: str) -> str:
    """Return a member without space around it; answer 422 if it is not a text."""
    value = values.get(name, "")

    if not isinstance(value, str):
        abort(422, f"{name!r} must be a string.")

    return value.strip()


def post_content(defaults: dict[str, str]) -> tuple[str, str]:
    """Return title and body from the request; answer 422 if one is not acceptable."""
    values = {**defaults, **document()}
    title, body = text(values, "title"), text(values, "body")

    errors = store.post_errors(title, body)
    if errors:
        abort(422, " ".join(f"{name}: {message}" for name, message in errors.items()))

    return title, body


def post_document(row: sqlite3.Row) -> dict[str, Any]:
    """Return a post as it stands in a list."""
    return {
        "id": row["id"],
        "title": row["title"],
        "body": row["body"],
        "author": row["author"],
        "created_at": row["created_at"],
        "edited_at": row["edited_at"],
        "comment_count": row["comments"],
        "attachment_count": row["attachments"],
        "url": url_for("api.show_post", post_id=row["id"]),
    }


def full_document(post_id: int) -> dict[str, Any]:
    """Return a post with everything that hangs on it; answer 404 if there is none."""
    return {
        **post_document(get_post(post_id)),
        "attachments": [
            {
                "id": row["id"],
                "name": row["name"],
                "size": row["size"],
                "url": url_for(
                    "posts.files.download",
                    post_id=post_id,
                    attachment_id=row["id"],
                    name=row["name"],
                ),
            }
            for row in store.list_attachments(post_id)
        ],
        "comments": [comment_document(row) for row in store.list_comments(post_id)],
    }


def comment_document(row: sqlite3.Row) -> dict[str, Any]:
    """Return a comment."""
    return {
        "id": row["id"],
        "author": row["author"],
        "body": row["body"],
        "created_at": row["created_at"],
    }
