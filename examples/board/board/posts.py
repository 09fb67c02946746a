"""The board itself: list, read, write, edit and delete posts."""

from __future__ import annotations

import sqlite3
from typing import Any

from bustapi import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)

from . import comments, files, store
from .auth import login_required, require_owner, require_user

bp = Blueprint("posts", __name__, url_prefix="/posts")
bp.register_blueprint(files.bp)
bp.register_blueprint(comments.bp)


def index() -> Any:
    """Show a page of posts, all or those that hold a text."""
    query = request.args.get("q", "").strip()
    number = request.args.get("page", 1, type=int)
    page = store.list_posts(number, current_app.config["POSTS_PER_PAGE"], query)

    if page is None:
        abort(404)

    return render_template("posts/index.html", page=page, query=query)


@bp.get("/<int:post_id>")
def show(post_id: int) -> Any:
    """Show a post with its attachments and comments."""
    return render_template(
        "posts/show.html",
        post=get_post(post_id),
        attachments=store.list_attachments(post_id),
        comments=store.list_comments(post_id),
        inline_types=files.INLINE_TYPES,
    )


@bp.route("/new", methods=["GET", "POST"])
@login_required
def create() -> Any:
    """Show the form for a post; store it with its attachments."""
    if request.method == "GET":
        return render_template("posts/form.html", post=None, errors={})

    title, body = submitted()
    uploads = files.submitted()
    errors = store.post_errors(title, body)
    if len(uploads) > files.MAX_ATTACHMENTS:
        errors["files"] = f"Attach at most {files.MAX_ATTACHMENTS} files."
    if errors:
        return render_template("posts/form.html", post=None, errors=errors), 422

    post_id = store.create_post(require_user()["id"], title, body)
    for upload in uploads:
        files.save(post_id, upload)

    flash("Your post is on the board.", "success")
    return files.go_on(url_for(".show", post_id=post_id))


@bp.route("/<int:post_id>/edit", methods=["GET", "POST"])
@login_required
def edit(post_id: int) -> Any:
    """Show the form with a post of one's own; store the change."""
    post = get_post(post_id)
    require_owner(post)
    if request.method == "GET":
        return render_template("posts/form.html", post=post, errors={})

    title, body = submitted()
    errors = store.post_errors(title, body)
    if errors:
        return render_template("posts/form.html", post=post, errors=errors), 422

    store.update_post(post_id, title, body)
    flash("Your change is saved.", "success")
    return redirect(url_for(".show", post_id=post_id))


@bp.post("/<int:post_id>/delete")
@login_required
def delete(post_id: int) -> Any:
    """Delete a post of one's own with everything that hangs on it."""
    require_owner(get_post(post_id))

    remove(post_id)

    flash("The post is gone.", "success")
    return redirect(url_for("index"))


def get_post(post_id: int) -> sqlite3.Row:
    """Return a post; answer 404 if there is none with this number."""
    post = store.find_post(post_id)

    if post is None:
        abort(404)

    return post


def remove(post_id: int) -> None:
    """Delete a post and the files of its attachments."""
    attachments = store.list_attachments(post_id)
    store.delete_post(post_id)

    for attachment in attachments:
        files.unlink(attachment)


def submitted() -> tuple[str, str]:
    """Return title and body as the form sent them, without space around them."""
    title = " ".join(request.form.get("title", "").split())
    body = request.form.get("body", "").replace("\r\n", "\n").strip()
    return title, body
