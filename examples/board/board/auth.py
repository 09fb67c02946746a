"""Accounts: sign-up, login, logout, API tokens, and who is asking."""

from __future__ import annotations

import functools
import hashlib
import re
import secrets
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar, cast

from werkzeug.security import check_password_hash, generate_password_hash

from bustapi import (
    Blueprint,
    abort,
    flash,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)

from .db import get_db

bp = Blueprint("auth", __name__)

View = TypeVar("View", bound=Callable[..., Any])
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,29}")
PASSWORD_LENGTH = range(8, 1025)
METHOD = "scrypt"


@bp.route("/signup", methods=["GET", "POST"])
def signup() -> Any:
    """Show the form for a new account; make the account and log in."""
    if request.method == "GET":
        return render_template("auth/signup.html", errors={})

    name = request.form.get("name", "").strip()
    password = request.form.get("password", "")
    errors = account_errors(name, password)

    if not errors:
        user_id = create_user(name, password)
        if user_id is None:
            errors["name"] = "This name is taken. Choose another one."
        else:
            log_in(user_id)
            flash(f"Welcome, {name}. Your account is ready.", "success")
            return redirect(url_for("index"))

    return render_template("auth/signup.html", errors=errors), 422


@bp.route("/login", methods=["GET", "POST"])
def login() -> Any:
    """Show the login form; start a session for whoever knows the password."""
    if request.method == "GET":
        return render_template("auth/login.html", error=None)

    user_id = find_user(
        request.form.get("name", "").strip(), request.form.get("password", "")
    )
    if user_id is None:
        error = "Name and password do not belong together."
        return render_template("auth/login.html", error=error), 422

    log_in(user_id)
    flash("You are logged in.", "success")
    return redirect(local_target(request.args.get("next")))


@bp.post("/logout")
def logout() -> Any:
    """End the session."""
    session.clear()
    flash("You are logged out. See you soon.", "info")
    return redirect(url_for("index"))


def current_user() -> sqlite3.Row | None:
    """Return the row of whoever sent this request, or None.

    A bearer token decides alone when there is one; otherwise the session does.
    """
    if "user" not in g:
        token = bearer_token()
        g.user = user_of_session() if token is None else user_of_token(token)

    return cast("sqlite3.Row | None", g.user)


def login_required(view: View) -> View:
    """Send whoever is not logged in to the login form, and back afterwards."""

    @functools.wraps(view)
    def wrapper(**arguments: Any) -> Any:
        if current_user() is None:
            flash("Log in to go on.", "info")
            target = request.full_path if request.method == "GET" else None
            return redirect(url_for("auth.login", next=target))
        return view(**arguments)

    return cast(View, wrapper)


@bp.get("/account")
@login_required
def account() -> Any:
    """Show an account and the labels of its API tokens."""
    return render_template("auth/account.html", tokens=own_tokens(), secret=None)


@bp.post("/account/tokens")
@login_required
def create_token() -> Any:
    """Make an API token and show it, this one time."""
    label = request.form.get("label", "").strip()[:60] or "Unnamed"
    token = secrets.token_urlsafe(32)

    with get_db() as db:
        db.execute(
            "INSERT INTO api_tokens (user_id, label, digest) VALUES (?, ?, ?)",
            (require_user()["id"], label, digest(token)),
        )

    return render_template("auth/account.html", tokens=own_tokens(), secret=token), 201


@bp.post("/account/tokens/<int:token_id>/delete")
@login_required
def delete_token(token_id: int) -> Any:
    """Revoke an API token of one's own."""
    with get_db() as db:
        deleted = db.execute(
            "DELETE FROM api_tokens WHERE id = ? AND user_id = ?",
            (token_id, require_user()["id"]),
        )

    if not deleted.rowcount:
        abort(404)

    flash("The token is revoked.", "success")
    return redirect(url_for(".account"))


def require_user() -> sqlite3.Row:
    """Return the row of whoever sent this request; without one, answer 401."""
    user = current_user()

    if user is None:
        abort(401, "Send an API token, or log in first.")

    return user


def require_owner(row: sqlite3.Row) -> None:
    """Answer 403 unless the row's author sent this request."""
    if row["author_id"] != require_user()["id"]:
        abort(403)


def bearer_token() -> str | None:
    """Return the token in the ``Authorization`` field, if that is what it holds."""
    authorization = request.authorization

    if authorization is None or authorization.type != "bearer":
        return None

    return authorization.token or ""


def user_of_token(token: str) -> sqlite3.Row | None:
    """Return the user to whom an API token was given."""
    return _one_user(
        "SELECT users.* FROM users JOIN api_tokens ON user_id = users.id"
        " WHERE digest = ?",
        digest(token),
    )


def user_of_session() -> sqlite3.Row | None:
    """Return the user who logged in with this session."""
    if "user_id" not in session:
        return None

    return _one_user("SELECT * FROM users WHERE id = ?", session["user_id"])


def _one_user(statement: str, parameter: object) -> sqlite3.Row | None:
    return cast(
        "sqlite3.Row | None", get_db().execute(statement, (parameter,)).fetchone()
    )


def own_tokens() -> list[sqlite3.Row]:
    """Return the API tokens of whoever sent this request, newest first."""
    return (
        get_db()
        .execute(
            "SELECT * FROM api_tokens WHERE user_id = ? ORDER BY id DESC",
            (require_user()["id"],),
        )
        .fetchall()
    )


def account_errors(name: str, password: str) -> dict[str, str]:
    """Return what is wrong with a name and a password, by field."""
    errors = {}

    if NAME.fullmatch(name) is None:
        errors["name"] = (
            "Use 3 to 30 letters, digits, dots, hyphens or underscores, and begin"
            " with a letter or digit."
        )
    if len(password) not in PASSWORD_LENGTH:
        errors["password"] = "Use at least 8 characters."

    return errors


def create_user(name: str, password: str) -> int | None:
    """Store a new account and return its number, or None if the name is taken."""
    password_hash = generate_password_hash(password, METHOD)

    try:
        with get_db() as db:
            inserted = db.execute(
                "INSERT INTO users (name, password_hash) VALUES (?, ?)",
                (name, password_hash),
            )
    except sqlite3.IntegrityError:
        return None

    return inserted.lastrowid


def find_user(name: str, password: str) -> int | None:
    """Return the number of the account with this name and password."""
    user = _one_user("SELECT * FROM users WHERE name = ?", name)

    # A name that does not exist costs as much time as one that does.
    password_hash = unknown_hash() if user is None else user["password_hash"]
    is_right = check_password_hash(password_hash, password[: PASSWORD_LENGTH.stop])

    return user["id"] if user is not None and is_right else None


@functools.cache
def unknown_hash() -> str:
    """Return a hash that no password has."""
    return generate_password_hash(secrets.token_hex(32), METHOD)


def log_in(user_id: int) -> None:
    """Start a session for a user; nothing of the one before stays."""
    session.clear()
    session["user_id"] = user_id


def digest(token: str) -> str:
    """Return what is stored of an API token."""
    return hashlib.sha256(token.encode()).hexdigest()


def local_target(target: str | None) -> str:
    """Return ``target`` if it is a path on this site, else the first page."""
    # A browser reads "//host" and "/\host" as another site, and drops control characters.
    is_local = target is not None and re.fullmatch(r"/(?![/\\])[!-~]*", target)
    return target if target is not None and is_local else url_for("index")
