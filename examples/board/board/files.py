"""Attachments, in a blueprint that is nested in the one of the posts."""

from __future__ import annotations

import mimetypes
import re
import secrets
import sqlite3
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Any

from werkzeug.datastructures import FileStorage

from bustapi import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    request,
    send_from_directory,
    url_for,
)

from . import store
from .auth import login_required, require_owner

bp = Blueprint("files", __name__, url_prefix="/<int:post_id>/files")

MAX_ATTACHMENTS = 10
NAME_LENGTH = 100
MISLEADING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line ends, and what makes ``exe.png`` of ``gnp.exe``."""
INLINE_TYPES = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
"""What a page may show. Anything else, HTML and SVG above all, is only downloaded."""


@bp.post("/")
@login_required
def create(post_id: int) -> Any:
    """Attach files to a post of one's own."""
    post = store.find_post(post_id)
    if post is None:
        abort(404)
    require_owner(post)

    uploads = submitted()
    if not uploads:
        flash("Choose a file first.", "error")
    elif post["attachments"] + len(uploads) > MAX_ATTACHMENTS:
        flash(f"A post has room for {MAX_ATTACHMENTS} files.", "error")
    else:
        for upload in uploads:
            save(post_id, upload)
        flash("Attached.", "success")

    return go_on(url_for("posts.show", post_id=post_id, _anchor="attachments"))


@bp.get("/<int:attachment_id>/<name>")
def download(post_id: int, attachment_id: int, name: str) -> Any:
    """Send an attachment for saving."""
    attachment = get_attachment(post_id, attachment_id, name)
    return send_from_directory(
        upload_folder(),
        attachment["stored_name"],
        mimetype=mimetypes.guess_type(name)[0] or "application/octet-stream",
        as_attachment=True,
        download_name=attachment["name"],
    )


@bp.get("/<int:attachment_id>/view/<name>")
def view(post_id: int, attachment_id: int, name: str) -> Any:
    """Send an image for a page to show."""
    attachment = get_attachment(post_id, attachment_id, name)
    mimetype = INLINE_TYPES.get(Path(name).suffix.lower())
    if mimetype is None:
        abort(404)

    return send_from_directory(
        upload_folder(), attachment["stored_name"], mimetype=mimetype
    )


@bp.post("/<int:attachment_id>/delete")
@login_required
def delete(post_id: int, attachment_id: int) -> Any:
    """Delete an attachment of a post of one's own."""
    post = store.find_post(post_id)
    attachment = store.find_attachment(post_id, attachment_id)
    if post is None or attachment is None:
        abort(404)
    require_owner(post)

    store.delete_attachment(attachment_id)
    unlink(attachment)

    flash(f"{attachment['name']} is gone.", "success")
    return redirect(url_for("posts.show", post_id=post_id, _anchor="attachments"))


def get_attachment(post_id: int, attachment_id: int, name: str) -> sqlite3.Row:
    """Return an attachment; answer 404 if there is none with this address."""
    attachment = store.find_attachment(post_id, attachment_id)

    if attachment is None or attachment["name"] != name:
        abort(404)

    return attachment


def submitted() -> list[FileStorage]:
    """Return the files that came with a form; an empty field sends a nameless one."""
    return [upload for upload in request.files.getlist("files") if upload.filename]


def go_on(address: str) -> Any:
    """Send the browser to another page after an upload.

    A script that shows the progress would follow a redirect unseen, and the flashed
    message would be lost on it. It gets the address and goes there itself.
    """
    if request.headers.get("X-Requested-With") == "XMLHttpRequest":
        return "", 201, {"Location": address}

    return redirect(address)


def save(post_id: int, upload: FileStorage) -> int:
    """Store an upload as an attachment of a post and return its number."""
    name = name_of(upload.filename or "")
    stored_name = secrets.token_hex(16)
    path = upload_folder() / stored_name
    upload.save(path)

    try:
        size = path.stat().st_size
        return store.create_attachment(post_id, name, stored_name, size)
    except BaseException:
        path.unlink()
        raise


def name_of(filename: str) -> str:
    """Return the name under which people find an upload again, in any script.

    It only ever stands in a page, an address and a header field. The file on the disk
    has a name of its own, which says nothing.
    """
    # Some browsers send a path; macOS sends its letters apart from their accents.
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", filename)[-1])
    path = PurePosixPath(MISLEADING.sub("", name).strip(" .") or "file")
    suffix = path.suffix[:20]
    return path.stem[: NAME_LENGTH - len(suffix)] + suffix


def unlink(attachment: sqlite3.Row) -> None:
    """Remove the file of an attachment."""
    (upload_folder() / attachment["stored_name"]).unlink(missing_ok=True)


def upload_folder() -> Path:
    """Return the folder with the files of all attachments."""
    return Path(current_app.config["UPLOAD_FOLDER"])
