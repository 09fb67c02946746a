"""``Flask``: the application, from a request to its response."""

from __future__ import annotations

import collections.abc as cabc
import os
import sys
import weakref
from collections.abc import Callable, Iterable
from datetime import timedelta
from inspect import iscoroutinefunction
from itertools import chain
from types import FunctionType, TracebackType
from typing import IO, TYPE_CHECKING, Any, AnyStr, NoReturn, cast
from urllib.parse import quote

import click
from werkzeug import serving
from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequestKeyError, HTTPException, InternalServerError
from werkzeug.routing import (
    BuildError,
    MapAdapter,
    RequestRedirect,
    RoutingException,
)

# Not used here; extensions take it from here as they do from Flask.
from werkzeug.routing import Rule as Rule
from werkzeug.serving import is_running_from_reloader
from werkzeug.wrappers import Response as BaseResponse

from . import _session_cookie, cli
from . import typing as ft
from ._bustapi import Unpatched
from ._plan import APP_SCOPES, EndpointPlan, make_plan
from ._routing import RouteTable
from ._stock import classes_are_stock
from ._werkzeug import ImmutableDict, get_host
from ._wire import call_wsgi
from .ctx import AppContext, RequestContext
from .globals import _cv_app, _cv_request, g, request, request_ctx, session
from .globals import current_app as current_app  # Not used here, as Rule.
from .helpers import (
    get_debug_flag,
    get_flashed_messages,
    get_load_dotenv,
    send_from_directory,
)

# The type variables and _make_timedelta are Flask's names of this module, too.
from .sansio.app import App
from .sansio.app import T_shell_context_processor as T_shell_context_processor
from .sansio.app import T_teardown as T_teardown
from .sansio.app import T_template_filter as T_template_filter
from .sansio.app import T_template_global as T_template_global
from .sansio.app import T_template_test as T_template_test
from .sansio.app import _make_timedelta as _make_timedelta
from .sansio.scaffold import _sentinel
from .sessions import SecureCookieSessionInterface, SessionInterface, SessionMixin
from .signals import (
    appcontext_tearing_down,
    got_request_exception,
    request_finished,
    request_started,
    request_tearing_down,
)
from .templating import Environment
from .wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from ._bustapi import Body, RequestHead, RuleIndex, Wire
    from .testing import FlaskClient, FlaskCliRunner

# PERF: bound once, see ``ctx``.
_get_request = _cv_request.get


class Flask(App):
    """The application: a WSGI callable and the registry of everything in it.

    Views, rules, hooks, error handlers, configuration and templates meet here. It is
    usually made in the main module or in the ``__init__.py`` of a package::

        from bustapi import Flask

        app = Flask(__name__)

    ``import_name`` tells where the application lives: templates, static files and other
    resources are looked for beside that module or package. ``__name__`` is right in a
    single module; in a package, its name.

    :param import_name: name of the module or package of the application.
    :param static_url_path: URL prefix of the static files, by default the name of
        ``static_folder``.
    :param static_folder: folder with static files, relative to ``root_path`` or
        absolute; None for no static route.
    :param static_host: host of the static route; needed when ``host_matching`` is on
        and there is a static folder.
    :param host_matching: match the whole host of each rule.
    :param subdomain_matching: match the subdomain below :data:`SERVER_NAME`.
    :param template_folder: folder with templates, relative to ``root_path``.
    :param instance_path: folder for files that belong to a deployment, by default
        ``instance`` beside the module or package.
    :param instance_relative_config: load configuration files relative to the instance
        folder rather than to ``root_path``.
    :param root_path: folder of the application, found from ``import_name`` if left out.

    .. versionadded:: 1.0
        ``host_matching``, ``static_host`` and ``subdomain_matching``.
    .. versionadded:: 0.11
        ``root_path``.
    .. versionadded:: 0.8
        ``instance_path`` and ``instance_relative_config``.
    """

    #: What :attr:`config` begins with: each key that has a meaning, with its default.
    default_config = ImmutableDict(
        {
            "DEBUG": None,
            "TESTING": False,
            "PROPAGATE_EXCEPTIONS": None,
            "SECRET_KEY": None,
            "SECRET_KEY_FALLBACKS": None,
            "PERMANENT_SESSION_LIFETIME": timedelta(days=31),
            "USE_X_SENDFILE": False,
            "TRUSTED_HOSTS": None,
            "SERVER_NAME": None,
            "APPLICATION_ROOT": "/",
            "SESSION_COOKIE_NAME": "session",
            "SESSION_COOKIE_DOMAIN": None,
            "SESSION_COOKIE_PATH": None,
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SECURE": False,
            "SESSION_COOKIE_PARTITIONED": False,
            "SESSION_COOKIE_SAMESITE": None,
            "SESSION_REFRESH_EACH_REQUEST": True,
            "MAX_CONTENT_LENGTH": None,
            "MAX_FORM_MEMORY_SIZE": 500_000,
            "MAX_FORM_PARTS": 1_000,
            "SEND_FILE_MAX_AGE_DEFAULT": None,
            "TRAP_BAD_REQUEST_ERRORS": None,
            "TRAP_HTTP_EXCEPTIONS": False,
            "EXPLAIN_TEMPLATE_LOADING": False,
            "PREFERRED_URL_SCHEME": "http",
            "TEMPLATES_AUTO_RELOAD": None,
            "MAX_COOKIE_SIZE": 4093,
            "PROVIDE_AUTOMATIC_OPTIONS": True,
        }
    )

    #: Class of the request objects.
    request_class: type[Request] = Request

    #: Class of the response objects.
    response_class: type[Response] = Response

    #: Opens and saves sessions.
    #:
    #: .. versionadded:: 0.8
    session_interface: SessionInterface = SecureCookieSessionInterface()

    def __init__(
        self,
        import_name: str,
        static_url_path: str | None = None,
        static_folder: str | os.PathLike[str] | None = "static",
        static_host: str | None = None,
        host_matching: bool = False,
        subdomain_matching: bool = False,
        template_folder: str | os.PathLike[str] | None = "templates",
        instance_path: str | None = None,
        instance_relative_config: bool = False,
        root_path: str | None = None,
    ) -> None:
        super().__init__(
            import_name=import_name,
            static_url_path=static_url_path,
            static_folder=static_folder,
            static_host=static_host,
            host_matching=host_matching,
            subdomain_matching=subdomain_matching,
            template_folder=template_folder,
            instance_path=instance_path,
            instance_relative_config=instance_relative_config,
            root_path=root_path,
        )

        #: Commands of the application, a :class:`click.Group`. They appear under the
        #: command line program once the application was found.
        self.cli = cli.AppGroup()
        self.cli.name = self.name

        self._plans: dict[str, EndpointPlan] = {}
        self._routes = RouteTable()

        # The URL does not depend on the folder, and the folder may be filled later.
        if self.has_static_folder:
            if bool(static_host) != host_matching:
                raise AssertionError(
                    "'static_host' and 'host_matching' go together: pass both or"
                    " neither."
                )

            # Through a weak reference, so that no cycle keeps the application alive.
            self_ref = weakref.ref(self)
            self.add_url_rule(
                f"{self.static_url_path}/<path:filename>",
                endpoint="static",
                host=static_host,
                view_func=lambda **kw: self_ref().send_static_file(**kw),  # type: ignore[union-attr]
            )

    # Files of the application

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """Return for how many seconds a client may cache a file; None: ask each time.

        Taken from :data:`SEND_FILE_MAX_AGE_DEFAULT`. An override may decide by name.

        :param filename: path of the file as it was given to ``send_file``.

        .. versionchanged:: 2.0
            The default is None instead of 12 hours.

        .. versionadded:: 0.9
        """
        value = self.config["SEND_FILE_MAX_AGE_DEFAULT"]

        if isinstance(value, timedelta):
            return int(value.total_seconds())

        return cast("int | None", value)

    def send_static_file(self, filename: str) -> Response:
        """Send a file of the static folder; the view of the static route.

        :param filename: path below :attr:`static_folder`.
        :raises RuntimeError: when the application has no static folder.

        .. versionadded:: 0.5
        """
        if not self.has_static_folder:
            raise RuntimeError(
                "There is no static folder to send files from. Pass 'static_folder' or"
                " set the attribute."
            )

        # send_file would ask the current application, this may be another one.
        max_age = self.get_send_file_max_age(filename)
        return send_from_directory(
            cast(str, self.static_folder), filename, max_age=max_age
        )

    def open_resource(
        self, resource: str, mode: str = "rb", encoding: str | None = None
    ) -> IO[AnyStr]:
        """Open a file that belongs to the application for reading.

        :param resource: path relative to :attr:`root_path`.
        :param mode: ``"rb"``, ``"r"`` or ``"rt"``.
        :param encoding: encoding in text mode.
        :raises ValueError: for a mode that writes.

        .. versionchanged:: 3.1
            Added ``encoding``.
        """
        if mode not in {"r", "rt", "rb"}:
            raise ValueError(
                f"Resources are opened for reading only, with 'r', 'rt' or 'rb', not"
                f" with {mode!r}."
            )

        path = os.path.join(self.root_path, resource)

        if mode == "rb":
            return open(path, mode)

        return open(path, mode, encoding=encoding)

    def open_instance_resource(
        self, resource: str, mode: str = "rb", encoding: str | None = "utf-8"
    ) -> IO[AnyStr]:
        """Open a file of the instance folder, for reading or writing.

        :param resource: path relative to :attr:`instance_path`.
        :param mode: any mode of :func:`open`.
        :param encoding: encoding in text mode.

        .. versionchanged:: 3.1
            Added ``encoding``.
        """
        path = os.path.join(self.instance_path, resource)

        if "b" in mode:
            return open(path, mode)

        return open(path, mode, encoding=encoding)

    # Templates

    def create_jinja_environment(self) -> Environment:
        """Make the Jinja environment from :attr:`jinja_options` and the configuration.

        It is made on first use of :attr:`jinja_env`; options changed later have no
        effect.

        .. versionchanged:: 0.11
            ``auto_reload`` follows :data:`TEMPLATES_AUTO_RELOAD`.

        .. versionadded:: 0.5
        """
        options = dict(self.jinja_options)
        options.setdefault("autoescape", self.select_jinja_autoescape)

        if "auto_reload" not in options:
            auto_reload = self.config["TEMPLATES_AUTO_RELOAD"]
            options["auto_reload"] = self.debug if auto_reload is None else auto_reload

        environment = self.jinja_environment(self, **options)
        environment.globals.update(
            url_for=self.url_for,
            get_flashed_messages=get_flashed_messages,
            config=self.config,
            # Context processors provide these to templates that are rendered; imported
            # templates have no context but the globals.
            request=request,
            session=session,
            g=g,
        )
        environment.policies["json.dumps_function"] = self.json.dumps
        return environment

    def update_template_context(self, context: dict[str, Any]) -> None:
        """Add what the context processors provide to a template's context.

        What the view passed wins over a processor's value of the same name.

        :param context: values for the template, changed in place.
        """
        scopes: Iterable[str | None] = APP_SCOPES

        # A template may be rendered outside of a request.
        if (context_now := _cv_request.get(None)) is not None:
            scopes = chain(scopes, reversed(context_now.request.blueprints))

        passed = context.copy()

        for name in scopes:
            if name in self.template_context_processors:
                for function in self.template_context_processors[name]:
                    context.update(self.ensure_sync(function)())

        context.update(passed)

    def make_shell_context(self) -> dict[str, Any]:
        """Return the names that an interactive shell starts with.

        ``app`` and ``g``, and what the shell context processors return.

        .. versionadded:: 0.11
        """
        names = {"app": self, "g": g}

        for processor in self.shell_context_processors:
            names.update(processor())

        return names

    # URLs

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Make the adapter that matches and builds URLs.

        :param request: the request, or None for an application context; then
            :data:`SERVER_NAME` must be set, or there is no adapter.

        .. versionchanged:: 3.1
            :data:`SERVER_NAME` does not restrict the hosts that are answered;
            :data:`TRUSTED_HOSTS` does.

        .. versionchanged:: 1.0
            Subdomains are matched with ``subdomain_matching`` only.

        .. versionchanged:: 0.9
            Can be called outside of a request.

        .. versionadded:: 0.6
        """
        if request is None:
            if self.config["SERVER_NAME"] is None:
                return None

            return self.url_map.bind(
                self.config["SERVER_NAME"],
                script_name=self._application_root,
                url_scheme=self.config["PREFERRED_URL_SCHEME"],
            )

        if (trusted_hosts := self.config["TRUSTED_HOSTS"]) is not None:
            request.trusted_hosts = trusted_hosts

        # Checked here, since binding does not look at the trusted hosts.
        request.host = get_host(request.environ, request.trusted_hosts)
        subdomain = None
        server_name = self.config["SERVER_NAME"]

        if self.url_map.host_matching:
            # With a server name Werkzeug would not look at the host that came.
            server_name = None
        elif not self.subdomain_matching:
            subdomain = self.url_map.default_subdomain or ""

        return _bind_to_environ(self.url_map, request.environ, server_name, subdomain)  # type: ignore[no-any-return]

    def raise_routing_exception(self, request: Request) -> NoReturn:
        """Raise the error that matching the URL ended with.

        In debug mode a redirect that would lose the form data of a request is raised as
        an error that explains it.

        :param request: a request with a ``routing_exception``.
        """
        error = request.routing_exception

        if (
            not self.debug
            or not isinstance(error, RequestRedirect)
            or error.code in {307, 308}
            or request.method in {"GET", "HEAD", "OPTIONS"}
        ):
            raise error  # type: ignore[misc]

        from .debughelpers import FormDataRoutingRedirect

        raise FormDataRoutingRedirect(request)

    def url_for(
        self,
        /,
        endpoint: str,
        *,
        _anchor: str | None = None,
        _method: str | None = None,
        _scheme: str | None = None,
        _external: bool | None = None,
        **values: Any,
    ) -> str:
        """Build the URL of an endpoint.

        Called by :func:`bustapi.url_for`. In a request the result is relative to the
        host; outside, it is absolute and needs :data:`SERVER_NAME`.

        :param endpoint: name of the endpoint; with a leading dot, relative to the
            current blueprint.
        :param _anchor: fragment to append after ``#``.
        :param _method: build for the rule of this method.
        :param _scheme: scheme of an absolute URL.
        :param _external: whether to give scheme and host.
        :param values: arguments of the rule; those it does not know become the query.
        :raises RuntimeError: outside of a request without :data:`SERVER_NAME`.
        :raises ValueError: for ``_scheme`` with ``_external=False``.

        .. versionadded:: 2.2
            Moved here from ``flask.url_for``.
        """
        context = _cv_request.get(None)

        if context is not None:
            url_adapter = context.url_adapter
            blueprint = context.request.blueprint

            if endpoint[:1] == ".":
                if blueprint is not None:
                    endpoint = f"{blueprint}{endpoint}"
                else:
                    endpoint = endpoint[1:]

            if _external is None:
                _external = _scheme is not None
        else:
            app_context = _cv_app.get(None)

            # bustapi.url_for needs a context; called on the application, it may be none.
            if app_context is not None:
                url_adapter = app_context.url_adapter
            else:
                url_adapter = self.create_url_adapter(None)

            if url_adapter is None:
                raise RuntimeError(
                    "URLs cannot be built outside of a request while 'SERVER_NAME' is"
                    " not set. Set it, and 'APPLICATION_ROOT' and"
                    " 'PREFERRED_URL_SCHEME' where they differ from the default."
                )

            if _external is None:
                _external = True

        # A scheme that is silently dropped could leave a link insecure.
        if _scheme is not None and not _external:
            raise ValueError("With '_scheme', '_external' must not be False.")

        self.inject_url_defaults(endpoint, values)

        try:
            url: str = url_adapter.build(  # type: ignore[union-attr]
                endpoint,
                values,
                method=_method,
                url_scheme=_scheme,
                force_external=_external,
            )
        except BuildError as error:
            values.update(
                _anchor=_anchor, _method=_method, _scheme=_scheme, _external=_external
            )
            return self.handle_url_build_error(error, endpoint, values)

        if _anchor is not None:
            # Characters that RFC 3986 3.5 allows in a fragment stay readable.
            url = f"{url}#{quote(_anchor, safe='%!#$&()*+,/:;=?@' + chr(39))}"

        return url

    # Running and testing

    def run(
        self,
        host: str | None = None,
        port: int | None = None,
        debug: bool | None = None,
        load_dotenv: bool = True,
        **options: Any,
    ) -> None:
        """Serve the application until it is interrupted.

        The server is the package's own, the same that ``bustapi run`` starts. With
        debug mode on, or with an option that only Werkzeug's development server has
        (``use_reloader``, ``use_debugger``, ``ssl_context`` and so on), that one runs.

        :param host: address to listen on, by default that of :data:`SERVER_NAME`, else
            ``127.0.0.1``; ``0.0.0.0`` for all.
        :param port: port to listen on, by default that of :data:`SERVER_NAME`, else 5000.
        :param debug: turn debug mode on or off.
        :param load_dotenv: read ``.env`` and ``.flaskenv``.
        :param options: those of :func:`bustapi.server.serve`, or of
            :func:`werkzeug.serving.run_simple`.

        .. versionchanged:: 1.0
            Reads :envvar:`FLASK_DEBUG` and dotenv files; serves several requests at a
            time.

        .. versionchanged:: 0.10
            The port comes from :data:`SERVER_NAME`.
        """
        # Under a command that imports the application, a call outside of a main guard
        # would start a second server.
        if os.environ.get("FLASK_RUN_FROM_CLI") == "true":
            if not is_running_from_reloader():
                click.secho(
                    " * A call of 'app.run()' was left out, since a command is running"
                    " that it would block.\n"
                    "   Put it under 'if __name__ == \"__main__\":'.",
                    fg="red",
                )

            return

        if get_load_dotenv(load_dotenv):
            cli.load_dotenv()

            if "FLASK_DEBUG" in os.environ:
                self.debug = get_debug_flag()

        if debug is not None:
            self.debug = bool(debug)

        server_name = self.config.get("SERVER_NAME") or ""
        name_host, _, name_port = server_name.partition(":")
        host = host or name_host or "127.0.0.1"

        if port or port == 0:
            port = int(port)
        else:
            port = int(name_port) if name_port else 5000

        if self._wants_development_server(options):
            self._run_development_server(host, port, options)
        else:
            from .server import serve

            if options.pop("threaded", True) is False:
                options["threads"] = 1

            serve(self, host=host, port=port, **options)

    def _wants_development_server(self, options: dict[str, Any]) -> bool:
        """Return whether Werkzeug's development server is to run.

        It runs in debug mode and when an option names something that it alone has. And
        whoever replaced ``run_simple`` is served through what he put there.
        """
        from .server.settings import ServerOptions

        return (
            self.debug
            or serving.run_simple is not _stock_run_simple
            or not options.keys() <= {"threaded", *ServerOptions.__annotations__}
        )

    def _run_development_server(
        self, host: str, port: int, options: dict[str, Any]
    ) -> None:
        from .server.settings import ServerOptions

        workers = options.pop("workers", 1)

        if workers != 1:
            raise ValueError(
                f"'workers' is {workers!r}, and the development server that debug mode"
                " and its options need has one process. Leave out either."
            )

        # What the other server is told in these words, this one is told in its own.
        options.setdefault("threaded", options.pop("threads", None) != 1)

        for name in ServerOptions.__annotations__:
            options.pop(name, None)

        options.setdefault("use_reloader", self.debug)
        options.setdefault("use_debugger", self.debug)
        cli.show_server_banner(self.debug, self.name)

        try:
            serving.run_simple(host, port, self, **options)
        finally:
            # From an interactive shell the server can be started again, after set-up
            # that is refused once a request was handled.
            self._got_first_request = False

    def test_client(self, use_cookies: bool = True, **kwargs: Any) -> FlaskClient:
        """Make a client that calls the application without a server.

        In a ``with`` block the context of the last request stays, so that ``request``
        and ``session`` can be looked at. Errors reach the test when :attr:`testing` is
        on; otherwise they are answered as in production. ::

            with app.test_client() as client:
                client.get("/?page=2")
                assert request.args["page"] == "2"

        :param use_cookies: keep cookies between requests.
        :param kwargs: passed on to :attr:`test_client_class`.

        .. versionchanged:: 0.11
            Added ``kwargs``.

        .. versionchanged:: 0.7
            Added ``use_cookies`` and :attr:`test_client_class`.
        """
        from .testing import FlaskClient

        client_class = self.test_client_class or FlaskClient
        return client_class(
            self, self.response_class, use_cookies=use_cookies, **kwargs
        )

    def test_cli_runner(self, **kwargs: Any) -> FlaskCliRunner:
        """Make a runner for the commands of the application.

        :param kwargs: passed on to :attr:`test_cli_runner_class`.

        .. versionadded:: 1.0
        """
        from .testing import FlaskCliRunner

        runner_class = self.test_cli_runner_class or FlaskCliRunner
        return runner_class(self, **kwargs)

    # Errors

    def handle_http_exception(
        self, e: HTTPException
    ) -> HTTPException | ft.ResponseReturnValue:
        """Answer an HTTP error with the handler registered for it, or with itself.

        :param e: the error.

        .. versionchanged:: 1.0.3
            A routing redirect is not an error and has no handler.

        .. versionchanged:: 1.0
            Looked up by code, then by class along the MRO, in blueprints before the
            application.

        .. versionadded:: 0.3
        """
        # A response pretending to be an error (``abort(response)``) has no code.
        if e.code is None:
            return e

        # Matching raises these to answer a redirect.
        if isinstance(e, RoutingException):
            return e

        handler = self._find_error_handler(e, request.blueprints)

        if handler is None:
            return e

        return cast(ft.ResponseReturnValue, self.ensure_sync(handler)(e))

    def handle_user_exception(
        self, e: Exception
    ) -> HTTPException | ft.ResponseReturnValue:
        """Answer an error that a view or a hook raised, or raise it again.

        HTTP errors go to :meth:`handle_http_exception` unless they are trapped; others
        to the handler registered for their class.

        :param e: the error.
        :raises Exception: the error itself, when nothing handles it.

        .. versionchanged:: 1.0
            The key of a ``BadRequestKeyError`` is shown in debug mode only.

        .. versionadded:: 0.7
        """
        if isinstance(e, BadRequestKeyError) and (
            self.debug or self.config["TRAP_BAD_REQUEST_ERRORS"]
        ):
            e.show_exception = True

        if isinstance(e, HTTPException) and not self.trap_http_exception(e):
            return self.handle_http_exception(e)

        handler = self._find_error_handler(e, request.blueprints)

        if handler is None:
            raise

        return cast(ft.ResponseReturnValue, self.ensure_sync(handler)(e))

    def handle_exception(self, e: Exception) -> Response:
        """Answer an error that nothing handled: log it and give a 500.

        Sends :data:`.got_request_exception`. Where errors propagate
        (:data:`PROPAGATE_EXCEPTIONS`, or debug and testing mode while that is None) it
        is raised again, for the debugger or the test. Otherwise a handler registered
        for 500 gets an ``InternalServerError`` whose ``original_exception`` is the
        error.

        :param e: the error.

        .. versionchanged:: 1.1.0
            The 500 handler always gets an ``InternalServerError``; ``after_request``
            functions run.

        .. versionadded:: 0.3
        """
        exc_info = sys.exc_info()
        got_request_exception.send(self, _async_wrapper=self.ensure_sync, exception=e)
        propagate = self.config["PROPAGATE_EXCEPTIONS"]

        if propagate is None:
            propagate = self.testing or self.debug

        if propagate:
            # With its traceback when it is the one being handled.
            if exc_info[1] is e:
                raise

            raise e

        self.log_exception(exc_info)
        server_error: ft.ResponseReturnValue | InternalServerError
        server_error = InternalServerError(original_exception=e)
        handler = self._find_error_handler(server_error, request.blueprints)

        if handler is not None:
            server_error = self.ensure_sync(handler)(server_error)

        return self.finalize_request(server_error, from_error_handler=True)

    def log_exception(
        self,
        exc_info: tuple[type[BaseException], BaseException, TracebackType]
        | tuple[None, None, None],
    ) -> None:
        """Log an error that nothing handled, with the request it came from.

        :param exc_info: as :func:`sys.exc_info` gives it.

        .. versionadded:: 0.8
        """
        self.logger.error(
            f"Exception on {request.path} [{request.method}]", exc_info=exc_info
        )

    # The stages of a request, in order

    def full_dispatch_request(self) -> Response:
        """Take the current request through all stages to its response.

        :meth:`preprocess_request`, :meth:`dispatch_request`, errors,
        :meth:`finalize_request`.

        .. versionadded:: 0.7
        """
        if not self._got_first_request:
            self._begin_first_request()

        try:
            if request_started.receivers:
                request_started.send(self, _async_wrapper=self.ensure_sync)

            rv = self.preprocess_request()

            if rv is None:
                rv = self.dispatch_request()
        except Exception as e:
            rv = self.handle_user_exception(e)

        return self.finalize_request(rv)

    def preprocess_request(self) -> ft.ResponseReturnValue | None:
        """Call the URL value preprocessors, then the ``before_request`` functions.

        Those of the application first, then those of the blueprints from the outermost
        to the current one. The first ``before_request`` function that returns something
        answers the request.
        """
        if not self.url_value_preprocessors and not self.before_request_funcs:
            return None

        context = _get_request(None) or _outside_of_request()
        scopes = self._scopes_of(context)
        preprocessors = self.url_value_preprocessors

        if preprocessors:
            request = context.request

            for name in scopes:
                if name in preprocessors:
                    for function in preprocessors[name]:
                        function(request.endpoint, request.view_args)

        functions = self.before_request_funcs

        for name in scopes:
            if name in functions:
                for before in functions[name]:
                    rv = self.ensure_sync(before)()

                    if rv is not None:
                        return rv  # type: ignore[no-any-return]

        return None

    def dispatch_request(self) -> ft.ResponseReturnValue:
        """Call the view of the rule that matched, or raise the error of the matching.

        .. versionchanged:: 0.7
            Errors are handled by :meth:`full_dispatch_request`.
        """
        context = _get_request(None) or _outside_of_request()
        rule: Any
        view_args: Any

        request = context._request

        if request is not None:
            if request.routing_exception is not None:
                self.raise_routing_exception(request)

            rule = request.url_rule
            view_args = request.view_args
            method = request.method
        else:
            rule, view_args = context._hit  # type: ignore[misc]
            method = context._head.method  # type: ignore[union-attr]

        if method == "OPTIONS" and getattr(rule, "provide_automatic_options", False):
            return self.make_default_options_response()

        endpoint = rule.endpoint
        view = self.view_functions[endpoint]
        plan = self._plans.get(endpoint)

        if plan is None or plan.view is not view:
            plan = self._plans[endpoint] = make_plan(self, endpoint, view)

        if plan.call is None or self not in _plain_callers:
            return self.ensure_sync(view)(**view_args)  # type: ignore[no-any-return]

        return plan.call(**view_args)  # type: ignore[no-any-return]

    def make_default_options_response(self) -> Response:
        """Answer ``OPTIONS`` with the methods that the URL allows.

        .. versionadded:: 0.7
        """
        adapter = request_ctx.url_adapter
        response = self.response_class()
        response.allow.update(adapter.allowed_methods())  # type: ignore[union-attr]
        return response

    def finalize_request(
        self,
        rv: ft.ResponseReturnValue | HTTPException,
        from_error_handler: bool = False,
    ) -> Response:
        """Turn a return value into the response and process it.

        :param rv: what a view, a hook or an error handler returned.
        :param from_error_handler: log errors of the processing instead of raising them,
            since an error is being answered already.
        """
        response = self.make_response(rv)

        try:
            response = self.process_response(response)

            if request_finished.receivers:
                request_finished.send(
                    self, _async_wrapper=self.ensure_sync, response=response
                )
        except Exception:
            if not from_error_handler:
                raise

            self.logger.exception(
                "Finalizing the response failed while an error was being answered."
            )

        return response

    def make_response(self, rv: ft.ResponseReturnValue) -> Response:
        """Turn the return value of a view into a response.

        :param rv: one of

            ``str``, ``bytes``, ``bytearray``
                the body.
            ``dict``, ``list``
                encoded as JSON by :attr:`json`.
            a generator or iterator of ``str`` or ``bytes``
                streamed.
            ``tuple``
                ``(body, status, headers)``, ``(body, status)`` or ``(body, headers)``,
                where the body is any of these, the status a number or a string such as
                ``"201 Created"``, and the headers replace fields of the same name.
            :attr:`response_class`
                used as it is.
            another response class, or a WSGI callable
                brought to :attr:`response_class`.

        :raises TypeError: for anything else, and for None.

        .. versionchanged:: 2.2
            A list is encoded as JSON; a generator is streamed.

        .. versionchanged:: 1.1
            A dictionary is encoded as JSON.

        .. versionchanged:: 0.9
            Tuples are taken apart here.
        """
        response_class = self.response_class

        # PERF: the classes that views return most, told by identity.
        kind = type(rv)

        if kind is response_class:
            return rv  # type: ignore[return-value]

        if kind is str:
            return response_class(rv)

        if kind is dict:
            return self.json.response(rv)  # type: ignore[return-value]

        status: int | str | None = None
        headers: Any = None

        if isinstance(rv, tuple):
            rv, status, headers = self._split_return_value(rv)

        if rv is None:
            raise TypeError(
                f"The view of endpoint {request.endpoint!r} returned None. Return a"
                " response; a view that ends without 'return' gives None too."
            )

        if not isinstance(rv, response_class):
            if isinstance(rv, (str, bytes, bytearray)) or isinstance(rv, cabc.Iterator):
                # Given to the constructor, which then needs no second look at them.
                rv = response_class(rv, status=status, headers=headers)
                status = headers = None
            elif isinstance(rv, (dict, list)):
                rv = self.json.response(rv)
            elif isinstance(rv, BaseResponse) or callable(rv):
                try:
                    rv = response_class.force_type(rv, request.environ)  # type: ignore[arg-type]
                except TypeError as e:
                    raise TypeError(
                        f"{e}\n{_describe_return_value(rv)}"
                    ).with_traceback(sys.exc_info()[2]) from None
            else:
                raise TypeError(_describe_return_value(rv))

        response = cast(Response, rv)

        if status is not None:
            if isinstance(status, (str, bytes, bytearray)):
                response.status = status
            else:
                response.status_code = status

        if headers:
            response.headers.update(headers)

        return response

    def _split_return_value(self, rv: tuple[Any, ...]) -> tuple[Any, Any, Any]:
        """Take a tuple apart into body, status and headers."""
        if len(rv) == 3:
            return rv

        if len(rv) == 2:
            if isinstance(rv[1], (Headers, dict, tuple, list)):
                return rv[0], None, rv[1]

            return rv[0], rv[1], None

        raise TypeError(
            f"A view returned a tuple of {len(rv)} items. A response tuple must have the"
            " form (body, status, headers), (body, status) or (body, headers)."
        )

    def process_response(self, response: Response) -> Response:
        """Call the ``after_request`` functions on a response and save the session.

        First those of :func:`.after_this_request`, then those of the blueprints from
        the current one outwards, then the application's; the last registered first.

        :param response: the response so far.

        .. versionchanged:: 0.5
            The last registered function runs first.
        """
        context = _get_request(None) or _outside_of_request()

        if context._after_functions is not None:
            for function in context._after_functions:
                response = self.ensure_sync(function)(response)

        functions = self.after_request_funcs

        if functions:
            for name in reversed(self._scopes_of(context)):
                if name in functions:
                    for function in reversed(functions[name]):
                        response = self.ensure_sync(function)(response)

        # A session that nobody looked at, of a request that brought none, is empty.
        opened = context._opened

        if opened is None and self.session_interface is not context._session_deferred:
            opened = context._session

        if opened is not None:
            if not self.session_interface.is_null_session(opened):
                self._save_session(opened, response)

        return response

    def do_teardown_request(
        self,
        exc: BaseException | None = _sentinel,
    ) -> None:
        """Call the ``teardown_request`` functions; the last of a request context does.

        Those of the blueprints from the current one outwards, then the application's,
        the last registered first; then :data:`.request_tearing_down` is sent.

        :param exc: the error that ended the request, by default the one being handled.

        .. versionchanged:: 0.9
            Added ``exc``.
        """
        functions = self.teardown_request_funcs

        if not functions and not request_tearing_down.receivers:
            return

        if exc is _sentinel:
            exc = sys.exc_info()[1]

        if functions:
            context = _get_request(None) or _outside_of_request()
            scopes = self._scopes_of(context)

            for name in reversed(scopes):
                if name in functions:
                    for function in reversed(functions[name]):
                        self.ensure_sync(function)(exc)

        request_tearing_down.send(self, _async_wrapper=self.ensure_sync, exc=exc)

    def do_teardown_appcontext(
        self,
        exc: BaseException | None = _sentinel,
    ) -> None:
        """Call the ``teardown_appcontext`` functions, the last registered first.

        Then :data:`.appcontext_tearing_down` is sent.

        :param exc: the error that ended the work, by default the one being handled.

        .. versionadded:: 0.9
        """
        functions = self.teardown_appcontext_funcs

        if not functions and not appcontext_tearing_down.receivers:
            return

        if exc is _sentinel:
            exc = sys.exc_info()[1]

        for function in reversed(functions):
            self.ensure_sync(function)(exc)

        appcontext_tearing_down.send(self, _async_wrapper=self.ensure_sync, exc=exc)

    # Functions that may be coroutine functions

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that can be called synchronously.

        A plain function is returned as it is; a coroutine function is wrapped by
        :meth:`async_to_sync`.

        :param func: a view, hook or handler.

        .. versionadded:: 2.0
        """
        if iscoroutinefunction(func):
            return self.async_to_sync(func)

        return func

    def async_to_sync(
        self, func: Callable[..., cabc.Coroutine[Any, Any, Any]]
    ) -> Callable[..., Any]:
        """Return a function that runs a coroutine function to its end.

        :param func: a coroutine function.
        :raises RuntimeError: when asgiref is not installed (the ``async`` extra).

        .. versionadded:: 2.0
        """
        try:
            from asgiref.sync import async_to_sync as asgiref_async_to_sync
        except ImportError:
            raise RuntimeError(
                "Coroutine functions are run by asgiref, which is not installed."
                " Install it, or this package with its 'async' extra."
            ) from None

        return asgiref_async_to_sync(func)

    # Contexts

    def app_context(self) -> AppContext:
        """Make an application context; ``with app.app_context():`` enters it.

        Inside, :data:`.current_app` is this application and :data:`.g` is new.

        .. versionadded:: 0.9
        """
        return AppContext(self)

    def request_context(self, environ: WSGIEnvironment) -> RequestContext:
        """Make the context of a request from its WSGI environ.

        :param environ: the environ.
        """
        return RequestContext(self, environ)

    def test_request_context(self, *args: Any, **kwargs: Any) -> RequestContext:
        """Make the context of a made-up request, for tests and the shell. ::

            with app.test_request_context("/?page=2"):
                assert request.args["page"] == "2"

        Takes the arguments of :class:`.testing.EnvironBuilder`: path, ``base_url``,
        ``subdomain``, ``url_scheme``, ``data``, ``json`` and so on. No hooks run.
        """
        from .testing import EnvironBuilder

        builder = EnvironBuilder(self, *args, **kwargs)

        try:
            environ = builder.get_environ()
        finally:
            builder.close()

        return self.request_context(environ)

    # Edges

    def wsgi_app(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request of a WSGI server.

        Apart from :meth:`__call__`, so that middleware can be put around it while the
        application object stays what it is::

            app.wsgi_app = Middleware(app.wsgi_app)

        :param environ: the WSGI environ.
        :param start_response: takes status and headers.

        .. versionchanged:: 0.7
            Teardown functions run whatever happens.
        """

        def deliver(context: AppContext, response: Response) -> Iterable[bytes]:
            return response(environ, start_response)

        return self._respond(self.request_context(environ), deliver, environ)  # type: ignore[no-any-return]

    def native_app(self, head: RequestHead, body: Body | None) -> Wire:
        """Answer a request of the package's own server.

        The sibling of :meth:`wsgi_app`: the context comes from the head that the server
        parsed, and the response goes back without an environ in between.

        :param head: start line and header fields.
        :param body: reader of the body, None when there is none.
        """
        context = _stock_context._from_head(self, head, body)

        # Making one may do anything in a class of the application's own.
        if self.request_class is not _stock_request:
            context._request = context._make_request(self.request_class)

        return self._respond(context, _deliver_natively, None)  # type: ignore[no-any-return]

    def _respond(
        self,
        context: AppContext,
        deliver: Callable[[AppContext, Response], Any],
        environ: WSGIEnvironment | None,
    ) -> Any:
        """Take a request from its context to what an edge delivers."""
        error: BaseException | None = None

        try:
            try:
                context.push()
                response = self.full_dispatch_request()
            except Exception as e:
                error = e
                response = self.handle_exception(e)
            except BaseException as e:
                error = e
                raise

            return deliver(context, response)
        finally:
            if environ is not None and "werkzeug.debug.preserve_context" in environ:
                environ["werkzeug.debug.preserve_context"](_cv_app.get())
                environ["werkzeug.debug.preserve_context"](_cv_request.get())

            if error is None:
                context.pop(None)
            else:
                self._leave_after_error(context, error)

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request of a WSGI server through :meth:`wsgi_app`."""
        return self.wsgi_app(environ, start_response)

    # For names that Flask had once: what a class or object that has them replaces. The
    # replacements are those of `_former`; of their own these do what Flask does today.

    @property
    def _application_root(self) -> str:
        """Path under which the application is mounted."""
        return self.config["APPLICATION_ROOT"]  # type: ignore[no-any-return]

    def _rename_file_options(self, options: dict[str, Any]) -> None:
        """Bring the options of ``send_file`` to the names that Werkzeug takes."""

    def _begin_first_request(self) -> None:
        """Let set-up be over."""
        self._got_first_request = True

    def _open_session(self, request: Request) -> SessionMixin | None:
        return self.session_interface.open_session(self, request)

    def _make_null_session(self) -> SessionMixin:
        return self.session_interface.make_null_session(self)

    def _save_session(self, session: SessionMixin, response: Response) -> None:
        interface: Any = self.session_interface

        if (
            _is_stock_interface(interface)
            and classes_are_stock
            and _session_cookie.save(self, interface, session, response)
        ):
            return

        interface.save_session(self, session, response)

    def _leave_after_error(self, context: AppContext, error: BaseException) -> None:
        """Leave the context of a request that ended with an error."""
        context.pop(None if self.should_ignore_error(error) else error)

    def _leave_kept_context(
        self, context: AppContext, current: AppContext
    ) -> AppContext | None:
        """Return the application context that a request is pushed inside of."""
        return current

    # What the native edge rests on

    def _has_native_edge(self) -> bool:
        """Return whether requests may come through :meth:`native_app`.

        Whoever replaced one of the functions that a WSGI request passes, in a subclass,
        on the class or on the instance, is served through what he put there.
        """
        if (
            self in _native_edges
            and RequestContext is _stock_context
            and classes_are_stock
        ):
            return True

        return False

    @property
    def _rule_index(self) -> RuleIndex:
        """The index that the server looks paths up in, filled for the first request."""
        self._routes.rebuild(self.url_map, self.subdomain_matching)
        return self._routes.index

    def _match_natively(self, context: AppContext) -> bool:
        """Let the index match a request of the server; False: Werkzeug is to decide."""
        config = self.config

        # Where the host decides, the adapter must exist before the view runs.
        if config["TRUSTED_HOSTS"] is not None or config["SERVER_NAME"] is not None:
            return False

        request = context._request

        # So it does when a request class of the application's own says so.
        if request is not None and request.trusted_hosts is not None:
            return False

        hit = self._routes.match(
            context._head,  # type: ignore[arg-type]
            self.url_map,
            self.subdomain_matching,
        )

        if hit is None:
            return False

        context._hit = hit

        # A session interface may have looked at the request already.
        if request is not None:
            request.url_rule, request.view_args = hit

        return True

    def _bind_hit(self, rule: Rule, environ: WSGIEnvironment) -> MapAdapter:
        """Make the adapter of a request that the index matched.

        Then neither host nor configuration has a part in it.
        """
        return _bind_to_environ(rule.map, environ, None, "")  # type: ignore[no-any-return]

    def _may_defer_session(
        self, context: AppContext, interface: SessionInterface
    ) -> bool:
        """Return whether opening the session can wait until somebody looks at it.

        It can when it is Flask's own signed cookie and none came: then opening it has
        no effect that could be seen.
        """
        # PERF: as in `_is_stock_interface`, whose call costs 200 instructions.
        if interface is _shared_interface:
            if _attributes_of_shared_interface:
                return False
        elif type(interface) is not SecureCookieSessionInterface or interface.__dict__:
            return False

        if context._head is not None:
            cookies = context._head.cookie
        elif classes_are_stock:
            cookies = context.request.environ.get("HTTP_COOKIE")
        else:
            return False

        if cookies and self.config["SESSION_COOKIE_NAME"] in cookies:
            return False

        # A class of the application's own may find cookies elsewhere.
        request_class = self.request_class
        return (
            request_class is _stock_request or request_class.cookies is _stock_cookies
        )

    def _open_from_head(self, context: AppContext) -> Any:
        """Open the session of a request of the server without a request object.

        ``NotImplemented``: what the cookies are is for the request to say.
        """
        head = context._head
        interface = self.session_interface

        if (
            head is None
            or head.cookie is None
            or context._request is not None
            or self.request_class is not _stock_request
            or not _is_stock_interface(interface)
        ):
            return NotImplemented

        return interface._open_from_field(self, head.cookie)  # type: ignore[attr-defined]

    def _has_own_app_context(self) -> bool:
        """Return whether somebody replaced :meth:`app_context`."""
        return (
            self.__class__.app_context is not _stock_app_context
            or "app_context" in self.__dict__
        )

    def _has_stock_ensure_sync(self) -> bool:
        """Return whether a plain function may be called without ``ensure_sync``."""
        return self in _plain_callers

    def _scopes_of(self, context: AppContext) -> tuple[str | None, ...]:
        """Return the keys of the registries for a request, the application's first."""
        request = context._request

        if request is not None:
            return (None, *reversed(request.blueprints))

        if context._hit is None:
            return APP_SCOPES

        endpoint = cast(str, context._hit[0].endpoint)

        if "." not in endpoint:
            return APP_SCOPES

        plan = self._plans.get(endpoint)

        if plan is None:
            return (None, *reversed(context.request.blueprints))

        return plan.scopes


def _outside_of_request() -> NoReturn:
    """Raise the error that explains what a request context is."""
    request_ctx._get_current_object()  # type: ignore[attr-defined]
    raise AssertionError("A proxy found a context that the variable does not hold.")


def _is_stock_interface(interface: SessionInterface) -> bool:
    """Return whether sessions are Flask's own signed cookies.

    Nobody has given the interface attributes; its class is watched elsewhere.
    """
    if interface is _shared_interface:
        return not _attributes_of_shared_interface

    return type(interface) is SecureCookieSessionInterface and not interface.__dict__


def _deliver_natively(context: AppContext, response: Response) -> Wire:
    # An ``after_request`` function may have put any WSGI callable in its place.
    if isinstance(response, Response):
        return response.to_wire(context)

    return call_wsgi(response, context.request.environ)


def _describe_return_value(rv: object) -> str:
    return (
        "A view must return a string or bytes, a dict or list, an iterator, a response or"
        " another WSGI callable, or a tuple of one of these with status and headers, but"
        f" it was a {type(rv).__name__}."
    )


def _bind_in_flask(
    url_map: Any, environ: Any, server_name: Any, subdomain: Any
) -> MapAdapter:
    return url_map.bind_to_environ(  # type: ignore[no-any-return]
        environ, server_name=server_name, subdomain=subdomain
    )


# Werkzeug attributes its warning about a server name that differs from the host to the
# module that called it, and filters for it name Flask's module.
_bind_to_environ = FunctionType(_bind_in_flask.__code__, {"__name__": "flask.app"})

# Applications whose requests may come past WSGI.
_native_edges = Unpatched(
    {
        "__call__": Flask.__call__,
        "__getattribute__": object.__getattribute__,
        "app_context": Flask.app_context,
        "create_url_adapter": Flask.create_url_adapter,
        "request_context": Flask.request_context,
        "wsgi_app": Flask.wsgi_app,
    },
    own=["app_context", "create_url_adapter", "request_context", "wsgi_app"],
)

# Applications that call a plain function as it is.
_plain_callers = Unpatched({"ensure_sync": Flask.ensure_sync}, own=["ensure_sync"])

# PERF: what applications have that set no interface; its dictionary costs 150
# instructions when it is asked for by name.
_shared_interface = Flask.session_interface
_attributes_of_shared_interface = vars(_shared_interface)

_stock_app_context = Flask.app_context
_stock_context = RequestContext
_stock_request = Request
_stock_cookies = Request.cookies
_stock_run_simple = serving.run_simple
