"""The cookie that a stock session interface sets, without what its methods build for it.

What comes of it is what ``SecureCookieSessionInterface.save_session`` does to the response.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from werkzeug import http
from werkzeug.datastructures import Headers
from werkzeug.sansio import response as sansio_response

from ._bustapi import Globals, Originals, Unpatched
from .globals import _cv_app
from .wrappers import Response

if TYPE_CHECKING:
    from .app import Flask
    from .sessions import SecureCookieSessionInterface, SessionMixin

# Values that Werkzeug does not put into quotes; those of itsdangerous have no others.
_is_plain = re.compile(r"[A-Za-z0-9_.-]*").fullmatch


def save(
    app: Flask,
    interface: SecureCookieSessionInterface,
    session: SessionMixin,
    response: Response,
) -> bool:
    """Save a session. False: the interface is to do it.

    :param interface: one whose methods nobody has replaced.
    """
    context = _cv_app.get(None)

    if not (
        (session or not session.modified)
        and context is not None
        and context.app is app
        and response in _responses
        and _classes
        and _functions
    ):
        return False

    # Before the content is written, which may fail.
    varies = session.accessed

    if varies:
        _vary(response)

    is_permanent = session.permanent

    if not session or not (
        session.modified
        or (is_permanent and app.config["SESSION_REFRESH_EACH_REQUEST"])
    ):
        return True

    cookie = _cookie(app, interface, session, is_permanent)

    if cookie is None:
        return False

    if not response._append("Set-Cookie", cookie):
        response.headers.add("Set-Cookie", cookie)

    if not varies:
        _vary(response)

    return True


def _vary(response: Response) -> None:
    """Say that the response depends on the cookie, once."""
    if not (
        response._has_appended("Vary", "Cookie") or response._append("Vary", "Cookie")
    ):
        response.vary.add("Cookie")


def _cookie(
    app: Flask,
    interface: SecureCookieSessionInterface,
    session: SessionMixin,
    is_permanent: bool,
) -> str | None:
    """Return the value of the field, None where Werkzeug is to write it."""
    config = app.config

    try:
        line = _line(
            is_permanent,
            config["SESSION_COOKIE_NAME"],
            config["SESSION_COOKIE_DOMAIN"],
            config["SESSION_COOKIE_PATH"] or app._application_root,
            config["SESSION_COOKIE_SECURE"],
            config["SESSION_COOKIE_PARTITIONED"],
            config["SESSION_COOKIE_SAMESITE"],
            config["SESSION_COOKIE_HTTPONLY"],
        )
    except TypeError:
        # Something cannot be hashed.
        return None

    if line is None:
        return None

    before, between, after = line
    serializer = interface.get_signing_serializer(app)
    value = serializer.dumps(dict(session))  # type: ignore[union-attr]

    if not _is_plain(value):
        return None

    if is_permanent:
        expires = interface.get_expiration_time(app, session)
        cookie = f"{before}{value}{between}{http.http_date(expires)}{after}"
    else:
        cookie = f"{before}{value}{after}"

    limit = config["MAX_COOKIE_SIZE"]

    # Werkzeug warns of one that is longer.
    return None if limit and len(cookie) > limit else cookie


@lru_cache(maxsize=32, typed=True)
def _line(
    is_expiring: bool,
    name: str,
    domain: str | None,
    path: str | None,
    secure: bool,
    partitioned: bool,
    samesite: str | None,
    httponly: bool,
) -> tuple[str, str, str] | None:
    """Return what stands before the value, between it and its end of life, and after that.

    None where Werkzeug is to write it, or to refuse it.

    PERF: writing it costs 9 µs, and but for these two it is the same each time.
    """
    if type(name) is not str:
        return None

    try:
        line = http.dump_cookie(
            name,
            expires=_MARK if is_expiring else None,
            domain=domain,
            path=path,
            secure=secure,
            partitioned=partitioned,
            samesite=samesite,
            httponly=httponly,
            max_size=0,
        )
    except ValueError:
        return None

    before = f"{name.encode().decode('latin-1')}="
    rest = line.removeprefix(before)
    between, _, after = rest.partition(_MARK)
    is_whole = before + rest == line and rest.count(_MARK) == is_expiring

    if not is_whole or "\r" in line or "\n" in line:
        return None

    return (before, between, after) if is_expiring else (before, "", rest)


# A character that no attribute of a cookie holds.
_MARK = "\0"

# What the methods of the interface come to for a response of this package.
_responses = Unpatched(
    {
        name: getattr(Response, name)
        for name in (
            *("set_cookie", "vary", "headers", "max_cookie_size", "_append"),
            "__getattribute__",
        )
    },
    own=["set_cookie", "_append"],
    usual=Response(""),
)
_classes = Originals(
    {Headers: {"__init__", "__getitem__", "__setitem__", "get", "set", "add", "extend"}}
)
_functions = Globals(
    {
        http: {"dump_cookie", "http_date"},
        sansio_response: {"dump_cookie"},
    }
)
