"""Protection of forms against requests that another site makes a browser send."""

from __future__ import annotations

import hmac
import secrets

from bustapi import Flask, abort, request, session

from . import auth

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def init_app(app: Flask) -> None:
    """Check every request that may change something; offer the token to templates."""
    app.before_request(check)
    app.context_processor(lambda: {"csrf_token": token})


def token() -> str:
    """Return the token of this session, drawn on first use."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(32)

    value: str = session["csrf"]
    return value


def check() -> None:
    """Refuse an unsafe request that does not repeat its session's token.

    Forms send it as the field ``csrf_token``, scripts as ``X-CSRF-Token``.
    """
    if not is_at_risk():
        return

    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        abort(400, "This form was sent from another site.")

    expected = session.get("csrf", "")
    given = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")

    if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
        abort(400, "This form is out of date. Go back, reload the page and try again.")


def is_at_risk() -> bool:
    """Return whether this request could change something in its sender's name unasked."""
    # This runs before the view. What no view will answer is 404, 405 or a redirect.
    if request.method in SAFE_METHODS or request.routing_exception is not None:
        return False

    # A browser sends cookies by itself, but never a bearer token.
    if auth.bearer_token() is not None:
        return False

    # Without a user the API has nothing to protect, and says itself what is missing.
    return request.blueprint != "api" or auth.current_user() is not None
