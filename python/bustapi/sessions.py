"""Sessions: what an application remembers of a client between requests."""

from __future__ import annotations

import collections.abc as c
import hashlib
from collections.abc import MutableMapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NoReturn, cast

from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.datastructures import CallbackDict

from ._bustapi import find_cookie
from ._signing import make_serializer
from .json.tag import TaggedJSONSerializer

if TYPE_CHECKING:
    from .app import Flask
    from .wrappers import Request, Response


class SessionMixin(MutableMapping[str, Any]):
    """What an object needs, besides being a mapping, to be a session."""

    @property
    def permanent(self) -> bool:
        """Whether the session outlives the browser; kept in it as ``"_permanent"``."""
        return cast(bool, self.get("_permanent", False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)

    #: Whether the session was made by this request. Not every interface can tell.
    new = False

    #: Whether the session was changed. True by default: a class that cannot tell is
    #: saved always.
    modified = True

    #: Whether the session was looked at in this request. The response then varies by
    #: cookie. The ``session`` proxy and ``session`` of the context set it.
    accessed = False


class SecureCookieSession(CallbackDict[str, Any], SessionMixin):
    """The content of a signed cookie.

    A change of the session itself sets :attr:`modified`; a change inside of a list or
    dictionary in it does not, so the application sets the attribute then.

    :param initial: items to begin with.
    """

    modified = False

    def __init__(self, initial: c.Mapping[str, Any] | None = None) -> None:
        super().__init__(initial, _mark_modified)


def _mark_modified(session: SecureCookieSession) -> None:
    session.modified = True


class NullSession(SecureCookieSession):
    """An empty session that can be read and not written.

    It stands in where no session could be opened, since there is no secret key, and
    explains that when something is to be stored.
    """

    def _fail(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Explain that there is no key to sign the session with.

        :raises RuntimeError: always.
        """
        raise RuntimeError(
            "The session is unavailable because no secret key is set. Set 'secret_key'"
            " of the application to a random value that is kept secret."
        )

    __setitem__ = __delitem__ = clear = pop = popitem = update = setdefault = _fail
    del _fail


class SessionInterface:
    """How sessions are opened and saved; set as :attr:`.Flask.session_interface`.

    A subclass needs :meth:`open_session` and :meth:`save_session`. Several requests may
    use one session at the same time, so what a store does must be safe for that.

    While a request is handled the interface is called like this: the context is pushed,
    ``open_session`` is called, the URL is matched, the view runs, and after the last
    ``after_request`` function ``save_session`` is called, unless the session is null.

    ::

        class StoredSession(dict, SessionMixin):
            pass

        class StoredSessions(SessionInterface):
            def open_session(self, app, request):
                session = StoredSession()
                session.id = request.cookies.get("id") or secrets.token_hex()
                session.update(store.get(session.id, {}))
                return session

            def save_session(self, app, session, response):
                store[session.id] = dict(session)
                response.set_cookie("id", session.id, httponly=True)

        app.session_interface = StoredSessions()

    .. versionadded:: 0.8
    """

    #: Class of the session that stands in where none could be opened.
    null_session_class = NullSession

    #: Whether sessions are stored as pickles, for extensions that ask.
    #:
    #: .. versionadded:: 0.10
    pickle_based = False

    def make_null_session(self, app: Flask) -> NullSession:
        """Return a session that stands in where :meth:`open_session` gave None.

        :param app: the application.
        """
        return self.null_session_class()

    def is_null_session(self, obj: object) -> bool:
        """Return whether a session is one that stands in. It is never saved.

        :param obj: the session.
        """
        return isinstance(obj, self.null_session_class)

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name of the cookie, :data:`SESSION_COOKIE_NAME`."""
        return app.config["SESSION_COOKIE_NAME"]  # type: ignore[no-any-return]

    def get_cookie_domain(self, app: Flask) -> str | None:
        """Return the domain of the cookie, :data:`SESSION_COOKIE_DOMAIN`.

        Without one the cookie is sent to the very host that set it.

        .. versionchanged:: 2.3
            Not taken from :data:`SERVER_NAME`.
        """
        return app.config["SESSION_COOKIE_DOMAIN"]  # type: ignore[no-any-return]

    def get_cookie_path(self, app: Flask) -> str:
        """Return the path of the cookie.

        :data:`SESSION_COOKIE_PATH`, or else :data:`APPLICATION_ROOT`.
        """
        return app.config["SESSION_COOKIE_PATH"] or app._application_root

    def get_cookie_httponly(self, app: Flask) -> bool:
        """Return whether scripts cannot see it, :data:`SESSION_COOKIE_HTTPONLY`."""
        return app.config["SESSION_COOKIE_HTTPONLY"]  # type: ignore[no-any-return]

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether it is sent over TLS only, :data:`SESSION_COOKIE_SECURE`."""
        return app.config["SESSION_COOKIE_SECURE"]  # type: ignore[no-any-return]

    def get_cookie_samesite(self, app: Flask) -> str | None:
        """Return ``"Strict"``, ``"Lax"`` or None, :data:`SESSION_COOKIE_SAMESITE`."""
        return app.config["SESSION_COOKIE_SAMESITE"]  # type: ignore[no-any-return]

    def get_cookie_partitioned(self, app: Flask) -> bool:
        """Return whether it is kept per top-level site.

        :data:`SESSION_COOKIE_PARTITIONED`.

        .. versionadded:: 3.1
        """
        return app.config["SESSION_COOKIE_PARTITIONED"]  # type: ignore[no-any-return]

    def get_expiration_time(self, app: Flask, session: SessionMixin) -> datetime | None:
        """Return when the cookie ends; None: with the browser.

        For a permanent session that is now and
        :attr:`.Flask.permanent_session_lifetime`.

        :param app: the application.
        :param session: the session.
        """
        if session.permanent:
            return datetime.now(timezone.utc) + app.permanent_session_lifetime

        return None

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Return whether the response is to set the cookie.

        It does when the session was changed, and each time when it is permanent and
        :data:`SESSION_REFRESH_EACH_REQUEST` is on.

        :param app: the application.
        :param session: the session.

        .. versionadded:: 0.11
        """
        return session.modified or (
            session.permanent and app.config["SESSION_REFRESH_EACH_REQUEST"]
        )

    def open_session(self, app: Flask, request: Request) -> SessionMixin | None:
        """Return the session of a request, or None for a null session.

        Called before the URL is matched. A session that cannot be read is an empty
        session.

        :param app: the application.
        :param request: the request.
        """
        raise NotImplementedError()

    def save_session(
        self, app: Flask, session: SessionMixin, response: Response
    ) -> None:
        """Save the session and set what the response needs for it.

        :param app: the application.
        :param session: the session, never a null session.
        :param response: the response.
        """
        raise NotImplementedError()


session_json_serializer = TaggedJSONSerializer()


def _lazy_sha1(string: bytes = b"") -> Any:
    """Return a SHA-1 object, looked up when it is called.

    Some builds of Python lack SHA-1; the name must not be needed to import this module,
    since an application there sets another digest.
    """
    return hashlib.sha1(string)


class SecureCookieSessionInterface(SessionInterface):
    """Keeps the session in a cookie that is signed, and not encrypted, by itsdangerous.

    The format is Flask's: an application may change between both and keeps the sessions
    of its clients.
    """

    #: Sets signatures of sessions apart from others made with the same key.
    salt = "cookie-session"

    #: Digest of the signature.
    digest_method = staticmethod(_lazy_sha1)

    #: How itsdangerous makes the signing key from the secret key.
    key_derivation = "hmac"

    #: Writes and reads the content.
    serializer = session_json_serializer

    #: Class of the sessions.
    session_class = SecureCookieSession

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs and verifies, None while there is no secret key.

        The current key signs; those of :data:`SECRET_KEY_FALLBACKS` verify too.

        :param app: the application.
        """
        secret_key = app.secret_key

        if not secret_key:
            return None

        # The last key signs.
        keys = (*(app.config["SECRET_KEY_FALLBACKS"] or ()), secret_key)
        options = (
            self.salt,
            self.serializer,
            self.key_derivation,
            self.digest_method,
        )

        try:
            return make_serializer(keys, *options)
        except TypeError:
            # Something cannot be hashed: it may change, so nothing is kept.
            keys = tuple(bytes(k) if isinstance(k, bytearray) else k for k in keys)
            return make_serializer.__wrapped__(keys, *options)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session that a request's cookie holds.

        A cookie that is missing, altered or too old gives an empty one.

        :param app: the application.
        :param request: the request.
        """
        serializer = self.get_signing_serializer(app)

        if serializer is None:
            return None

        value = request.cookies.get(self.get_cookie_name(app))
        return self._read(app, serializer, value)

    def _open_from_field(self, app: Flask, field: str) -> Any:
        """Return the session that a ``Cookie`` field holds, without a request object.

        ``NotImplemented``: the request is to parse the field.
        """
        serializer = self.get_signing_serializer(app)

        if serializer is None:
            return None

        value = find_cookie(field, self.get_cookie_name(app))

        if value is NotImplemented:
            return NotImplemented

        return self._read(app, serializer, value)

    def _read(
        self, app: Flask, serializer: URLSafeTimedSerializer, value: str | None
    ) -> SecureCookieSession:
        """Return the session that the value of a cookie holds."""
        if not value:
            return self.session_class()

        max_age = int(app.permanent_session_lifetime.total_seconds())

        try:
            content = serializer.loads(value, max_age=max_age)
        except BadSignature:
            return self.session_class()

        return self.session_class(content)

    def save_session(
        self, app: Flask, session: SessionMixin, response: Response
    ) -> None:
        """Set the cookie, or delete it when the session was emptied.

        The response varies by cookie if the session was looked at, set or deleted.

        :param app: the application.
        :param session: the session.
        :param response: the response.
        """
        name = self.get_cookie_name(app)
        attributes: dict[str, Any] = {
            "domain": self.get_cookie_domain(app),
            "path": self.get_cookie_path(app),
            "secure": self.get_cookie_secure(app),
            "partitioned": self.get_cookie_partitioned(app),
            "samesite": self.get_cookie_samesite(app),
            "httponly": self.get_cookie_httponly(app),
        }

        # PERF: adding a name that is there already costs 3 µs, so it is done once.
        varies = session.accessed

        if varies:
            response.vary.add("Cookie")

        if not session:
            if not session.modified:
                return

            response.delete_cookie(name, **attributes)
        elif self.should_set_cookie(app, session):
            expires = self.get_expiration_time(app, session)
            value = self.get_signing_serializer(app).dumps(dict(session))  # type: ignore[union-attr]
            response.set_cookie(name, value, expires=expires, **attributes)
        else:
            return

        if not varies:
            response.vary.add("Cookie")
