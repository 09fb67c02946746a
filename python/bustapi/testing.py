"""Calling an application and its commands from tests, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import copy
from functools import cache
from importlib import metadata
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import werkzeug.test
from click.testing import CliRunner, Result
from werkzeug.test import Client
from werkzeug.wrappers import Request as BaseRequest

from .cli import ScriptInfo
from .sessions import SessionMixin

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.test import TestResponse

    from .app import Flask


class EnvironBuilder(werkzeug.test.EnvironBuilder):
    """Build a WSGI environ with the application's idea of its own address.

    :param app: the application that is asked for defaults.
    :param path: path of the request, or a whole URL.
    :param base_url: URL that ``path`` is below. Left out, it is made of
        :data:`PREFERRED_URL_SCHEME`, :data:`SERVER_NAME` and :data:`APPLICATION_ROOT`.
    :param subdomain: put before :data:`SERVER_NAME`; not together with ``base_url``.
    :param url_scheme: instead of :data:`PREFERRED_URL_SCHEME`; not together with
        ``base_url``.
    :param args: passed on to :class:`werkzeug.test.EnvironBuilder`.
    :param kwargs: passed on to :class:`werkzeug.test.EnvironBuilder`; ``json`` is
        encoded by :attr:`.Flask.json`.
    """

    def __init__(
        self,
        app: Flask,
        path: str = "/",
        base_url: str | None = None,
        subdomain: str | None = None,
        url_scheme: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if base_url is None:
            base_url, path = _split_address(app, path, subdomain, url_scheme)
        elif subdomain or url_scheme:
            raise AssertionError(
                "'base_url' holds the scheme and the host already. Leave out"
                " 'subdomain' and 'url_scheme', or leave out 'base_url'."
            )

        #: The application that is asked for defaults.
        self.app = app
        super().__init__(path, base_url, *args, **kwargs)

    def json_dumps(self, obj: Any, **kwargs: Any) -> str:
        """Encode ``obj`` as the application itself would."""
        return self.app.json.dumps(obj, **kwargs)


def _split_address(
    app: Flask, path: str, subdomain: str | None, url_scheme: str | None
) -> tuple[str, str]:
    """Return the base URL and the path with its query for a request to ``path``."""
    url = urlsplit(path)
    scheme = url.scheme or url_scheme or app.config["PREFERRED_URL_SCHEME"]
    host = app.config.get("SERVER_NAME") or "localhost"

    if subdomain:
        host = f"{subdomain}.{host}"

    root = app._application_root.lstrip("/")
    base_url = f"{scheme}://{url.netloc or host}/{root}"
    return base_url, f"{url.path}?{url.query}" if url.query else url.path


@cache
def _user_agent() -> str:
    return f"Werkzeug/{metadata.version('werkzeug')}"


class FlaskClient(Client):
    """Werkzeug's test client, which also knows about contexts and sessions.

    In a ``with`` block the contexts of the last request stay active until the next
    request or the end of the block. :attr:`environ_base` holds what every request's
    environ starts with.

    .. versionchanged:: 0.12
        Added :attr:`environ_base`.
    """

    #: The application that is called.
    application: Flask

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Whether the context of a request is kept for the ``with`` block.
        self.preserve_context = False
        #: What the environ of every request starts with.
        self.environ_base: dict[str, Any] = {
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_USER_AGENT": _user_agent(),
        }
        # Contexts of the request that is being made, and those that are kept active.
        self._new_contexts: list[AbstractContextManager[Any]] = []
        self._context_stack = ExitStack()

    @contextmanager
    def session_transaction(self, *args: Any, **kwargs: Any) -> Iterator[SessionMixin]:
        """Open the session of this client, and save it at the end of the block. ::

            with client.session_transaction() as session:
                session["user_id"] = 42

        :param args: of :meth:`.Flask.test_request_context`, for sessions that depend on
            the request.
        :param kwargs: like ``args``.
        :raises TypeError: when the client keeps no cookies.
        :raises RuntimeError: when the session interface opened no session.
        """
        if self._cookies is None:
            raise TypeError(
                "Cookies are disabled. Make the client with 'use_cookies=True' to have"
                " a session."
            )

        app = self.application
        context = app.test_request_context(*args, **kwargs)
        self._add_cookies_to_wsgi(context.request.environ)

        with context:
            session = app._open_session(context.request)

        if session is None:
            raise RuntimeError(
                "Session backend did not open a session. Flask's own one needs a"
                " 'SECRET_KEY'."
            )

        yield session

        if app.session_interface.is_null_session(session):
            return

        response = app.response_class()

        with context:
            app._save_session(session, response)

        self._update_cookies_from_response(
            context.request.host.partition(":")[0],
            context.request.path,
            response.headers.getlist("Set-Cookie"),
        )

    def _copy_environ(self, other: WSGIEnvironment) -> WSGIEnvironment:
        """Return ``other`` on top of the base, asking for contexts if they are kept."""
        environ = self.environ_base | other

        if self.preserve_context:
            environ["werkzeug.debug.preserve_context"] = self._new_contexts.append

        return environ

    def _request_from_builder_args(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> BaseRequest:
        kwargs["environ_base"] = self._copy_environ(kwargs.get("environ_base", {}))
        builder = EnvironBuilder(self.application, *args, **kwargs)

        try:
            return builder.get_request()
        finally:
            builder.close()

    def _request_from(self, source: object) -> BaseRequest | None:
        """Return a request for what describes a whole one, None for anything else."""
        if isinstance(source, werkzeug.test.EnvironBuilder):
            builder = copy(source)
            builder.environ_base = self._copy_environ(dict(builder.environ_base or {}))
            return builder.get_request()

        if isinstance(source, dict):
            return EnvironBuilder.from_environ(
                source, app=self.application, environ_base=self._copy_environ({})
            ).get_request()

        if isinstance(source, BaseRequest):
            request = copy(source)
            request.environ = self._copy_environ(request.environ)
            return request

        return None

    def open(
        self,
        *args: Any,
        buffered: bool = False,
        follow_redirects: bool = False,
        **kwargs: Any,
    ) -> TestResponse:
        """Make a request and return its response.

        :param args: of :class:`EnvironBuilder`, or one builder, environ or request.
        :param buffered: read the whole response and close it.
        :param follow_redirects: make further requests until the answer is no redirect.
        """
        request = self._request_from(args[0]) if args else None

        if request is None:
            request = self._request_from_builder_args(args, kwargs)

        # What an earlier request left active must not reach into this one.
        self._context_stack.close()

        response = super().open(
            request, buffered=buffered, follow_redirects=follow_redirects
        )
        response.json_module = self.application.json  # type: ignore[assignment]

        for context in self._new_contexts:
            self._context_stack.enter_context(context)

        self._new_contexts.clear()
        return response

    def __enter__(self) -> FlaskClient:
        if self.preserve_context:
            raise RuntimeError(
                "This client is in a 'with' block already. Nest another client instead."
            )

        self.preserve_context = True
        return self

    def __exit__(
        self,
        exc_type: type | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.preserve_context = False
        self._context_stack.close()


class FlaskCliRunner(CliRunner):
    """Click's test runner, which gives commands the application under test.

    :param app: the application whose commands are invoked.
    """

    def __init__(self, app: Flask, **kwargs: Any) -> None:
        #: The application whose commands are run.
        self.app = app
        super().__init__(**kwargs)

    def invoke(  # type: ignore[override]
        self, cli: Any = None, args: Any = None, **kwargs: Any
    ) -> Result:
        """Invoke a command in isolation and return its result. ::

            @app.cli.command("greet")
            def greet():
                click.echo("hello")

            result = runner.invoke(args=["greet"])
            assert "hello" in result.output

        :param cli: the command, by default the group :attr:`.Flask.cli`.
        :param args: arguments as a list of strings.
        :param kwargs: of :meth:`click.testing.CliRunner.invoke`. ``obj`` is by default
            a :class:`.ScriptInfo` that loads the application under test.
        """
        if cli is None:
            cli = self.app.cli

        kwargs.setdefault("obj", ScriptInfo(create_app=lambda: self.app))
        return super().invoke(cli, args, **kwargs)
