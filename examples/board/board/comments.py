"""Comments, in a blueprint that is nested in the one of the posts."""

from __future__ import annotations

from typing import Any

from bustapi import Blueprint, abort, flash, redirect, request, url_for

from . import store
from .auth import login_required, require_owner, require_user

bp = Blueprint("comments", __name__, url_prefix="/<int:post_id>/comments")


@bp.post("/")
@login_required
def create(post_id: int) -> Any:
    """Add a comment to a post."""
    if store.find_post(post_id) is None:
        abort(404)

    body = request.form.get("body", "").replace("\r\n", "\n").strip()
    error = store.comment_error(body)
    if error is not None:
        flash(error, "error")
        return redirect(url_for("posts.show", post_id=post_id, _anchor="comments"))

    comment_id = store.create_comment(post_id, require_user()["id"], body)
    anchor = f"comment-{comment_id}"
    return redirect(url_for("posts.show", post_id=post_id, _anchor=anchor))


@bp.post("/<int:comment_id>/delete")
@login_required
def delete(post_id: int, comment_id: int) -> Any:
    """Delete a comment of one's own."""
    comment = store.find_comment(post_id, comment_id)
    if comment is None:
        abort(404)
    require_owner(comment)

    store.delete_comment(comment_id)

    flash("The comment is gone.", "success")
    return redirect(url_for("posts.show", post_id=post_id, _anchor="comments"))
