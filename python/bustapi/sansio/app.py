"""``App``: registration and configuration of an application."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, ValuesView
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from werkzeug.exceptions import Aborter, BadRequest, BadRequestKeyError
from werkzeug.routing import BuildError, Map, Rule
from werkzeug.sansio.response import Response
from werkzeug.utils import cached_property
from werkzeug.utils import redirect as make_redirect

from .. import typing as ft
from ..config import Config, ConfigAttribute
from ..ctx import _AppCtxGlobals
from ..helpers import _split_blueprint_path, get_debug_flag
from ..json.provider import DefaultJSONProvider, JSONProvider
from ..logging import create_logger
from ..templating import DispatchingJinjaLoader, Environment
from .scaffold import (
    Scaffold,
    _endpoint_from_view_func,
    find_package,
    setupmethod,
)

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

    from ..testing import FlaskClient, FlaskCliRunner
    from .blueprints import Blueprint

T_shell_context_processor = TypeVar(
    "T_shell_context_processor", bound=ft.ShellContextProcessorCallable
)
T_teardown = TypeVar("T_teardown", bound=ft.TeardownCallable)
T_template_filter = TypeVar("T_template_filter", bound=ft.TemplateFilterCallable)
T_template_global = TypeVar("T_template_global", bound=ft.TemplateGlobalCallable)
T_template_test = TypeVar("T_template_test", bound=ft.TemplateTestCallable)


# Options of a rule that are for our server and not for Werkzeug, which knows none of them.
_SERVER_OPTIONS = "stream_request", "threaded"


def _make_timedelta(value: timedelta | int | None) -> timedelta | None:
    """Return a number of seconds as a ``timedelta``; anything else as it is."""
    if value is None or isinstance(value, timedelta):
        return value

    return timedelta(seconds=value)


class App(Scaffold):
    """The part of :class:`.Flask` that does no input or output.

    Registration and configuration. The parameters are those of :class:`.Flask`; a
    framework with another kind of input and output may derive from this class.

    .. versionadded:: 3.0
    """

    #: Class of :attr:`aborter`, which raises HTTP errors.
    #:
    #: .. versionadded:: 2.2
    aborter_class = Aborter

    #: Class of the Jinja environment.
    #:
    #: .. versionadded:: 0.11
    jinja_environment = Environment

    #: Class of :data:`.g`. A replacement can add attributes that build themselves, or
    #: refuse unknown ones.
    #:
    #: .. versionadded:: 0.10
    app_ctx_globals_class = _AppCtxGlobals

    #: Class of :attr:`config`.
    #:
    #: .. versionadded:: 0.11
    config_class = Config

    #: Whether the application is being tested (:data:`TESTING`). Errors then reach the
    #: test client unless :data:`PROPAGATE_EXCEPTIONS` says otherwise.
    testing = ConfigAttribute[bool]("TESTING")

    #: Key that signs cookies and other things (:data:`SECRET_KEY`).
    secret_key = ConfigAttribute["str | bytes | None"]("SECRET_KEY")

    #: How long a permanent session lives (:data:`PERMANENT_SESSION_LIFETIME`).
    permanent_session_lifetime = ConfigAttribute[timedelta](
        "PERMANENT_SESSION_LIFETIME",
        get_converter=_make_timedelta,  # type: ignore[arg-type]
    )

    #: Class of :attr:`json`, the provider of everything that is JSON.
    #:
    #: .. versionadded:: 2.2
    json_provider_class: type[JSONProvider] = DefaultJSONProvider

    #: Options for the Jinja environment, read when it is made.
    #:
    #: .. versionchanged:: 1.1.0
    #:     A plain dictionary.
    jinja_options: dict[str, Any] = {}

    #: Class of the rules.
    #:
    #: .. versionadded:: 0.7
    url_rule_class = Rule

    #: Class of :attr:`url_map`.
    #:
    #: .. versionadded:: 1.1.0
    url_map_class = Map

    #: Class of the test clients; None: :class:`.testing.FlaskClient`.
    #:
    #: .. versionadded:: 0.7
    test_client_class: type[FlaskClient] | None = None

    #: Class of the runners of commands; None: :class:`.testing.FlaskCliRunner`.
    #:
    #: .. versionadded:: 1.0
    test_cli_runner_class: type[FlaskCliRunner] | None = None

    #: What :attr:`config` begins with.
    default_config: dict[str, Any]

    #: Class of the responses.
    response_class: type[Response]

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
            static_folder=static_folder,
            static_url_path=static_url_path,
            template_folder=template_folder,
            root_path=root_path,
        )

        if instance_path is None:
            instance_path = self.auto_find_instance_path()
        elif not os.path.isabs(instance_path):
            raise ValueError(
                f"'instance_path' must be absolute, and {instance_path!r} is relative."
                " Join it to a folder first."
            )

        #: Folder for files that belong to a deployment.
        #:
        #: .. versionadded:: 0.8
        self.instance_path = instance_path

        #: The configuration, a dictionary that can load itself from files.
        self.config = self.make_config(instance_relative_config)

        #: Raises HTTP errors; :func:`.abort` calls it.
        #:
        #: .. versionadded:: 2.2
        self.aborter = self.make_aborter()

        #: Encodes and decodes JSON.
        #:
        #: .. versionadded:: 2.2
        self.json: JSONProvider = self.json_provider_class(self)

        #: Functions asked when a URL cannot be built, with error, endpoint and values.
        #:
        #: .. versionadded:: 0.9
        self.url_build_error_handlers: list[
            Callable[[Exception, str, dict[str, Any]], str]
        ] = []

        #: Functions called when an application context ends.
        #:
        #: .. versionadded:: 0.9
        self.teardown_appcontext_funcs: list[ft.TeardownCallable] = []

        #: Functions that provide names for the shell.
        #:
        #: .. versionadded:: 0.11
        self.shell_context_processors: list[ft.ShellContextProcessorCallable] = []

        #: Registered blueprints by name; nested ones have dotted names.
        #:
        #: .. versionadded:: 0.7
        self.blueprints: dict[str, Blueprint] = {}

        #: Place for what extensions keep, by the name of the extension.
        #:
        #: .. versionadded:: 0.7
        self.extensions: dict[str, Any] = {}

        #: The URL rules. Converters may be added before the rules that use them.
        self.url_map = self.url_map_class(host_matching=host_matching)

        #: Whether the subdomain below :data:`SERVER_NAME` is matched.
        self.subdomain_matching = subdomain_matching

        # Whether set-up is over.
        self._got_first_request = False

    def _check_setup_finished(self, f_name: str) -> None:
        if self._got_first_request:
            raise AssertionError(
                f"The setup method {f_name!r} was called on the application after its"
                " first request; what it adds would not reach every request and every"
                " worker.\n"
                "Do all set-up of an application (imports, decorators, functions) before"
                " it is run."
            )

    # What the application is made of

    @cached_property
    def name(self) -> str:
        """Name of the application: the import name, or that of the file that is run.

        .. versionadded:: 0.8
        """
        if self.import_name != "__main__":
            return self.import_name

        path: str | None = getattr(sys.modules["__main__"], "__file__", None)

        if path is None:
            return "__main__"

        return os.path.splitext(os.path.basename(path))[0]

    @cached_property
    def logger(self) -> logging.Logger:
        """The logger, named like the application.

        In debug mode its level is ``DEBUG`` unless one is set; without any handler it
        gets one that writes to the server's error stream. Configure logging before the
        first look, and neither happens where you have decided otherwise.

        .. versionchanged:: 1.1.0
            Named like the application.

        .. versionchanged:: 1.0.0
            The level is set once, and no handler is removed.

        .. versionadded:: 0.3
        """
        return create_logger(self)

    @cached_property
    def jinja_env(self) -> Environment:
        """The Jinja environment, made on first use.

        :meth:`create_jinja_environment` makes it, from :attr:`jinja_options` as they
        are then. Filters, tests and globals may be added at any time.
        """
        return self.create_jinja_environment()

    def create_jinja_environment(self) -> Environment:
        """Make the Jinja environment, see :meth:`.Flask.create_jinja_environment`."""
        raise NotImplementedError

    def make_config(self, instance_relative: bool = False) -> Config:
        """Make the configuration from :attr:`default_config`.

        :param instance_relative: load files relative to the instance folder.

        .. versionadded:: 0.8
        """
        defaults = dict(self.default_config)
        defaults["DEBUG"] = get_debug_flag()
        return self.config_class(
            self.instance_path if instance_relative else self.root_path, defaults
        )

    def make_aborter(self) -> Aborter:
        """Make :attr:`aborter`; a subclass may extend its mapping.

        .. versionadded:: 2.2
        """
        return self.aborter_class()

    def auto_find_instance_path(self) -> str:
        """Return the default instance folder.

        ``instance`` beside the module or package, or under ``var`` of the prefix that
        the package is installed in.

        .. versionadded:: 0.8
        """
        prefix, package_path = find_package(self.import_name)

        if prefix is None:
            return os.path.join(package_path, "instance")

        return os.path.join(prefix, "var", f"{self.name}-instance")

    def create_global_jinja_loader(self) -> DispatchingJinjaLoader:
        """Make the loader that asks the application, then its blueprints.

        .. versionadded:: 0.7
        """
        return DispatchingJinjaLoader(self)

    def select_jinja_autoescape(self, filename: str | None) -> bool:
        """Return whether a template is autoescaped; a template from a string is.

        :param filename: name of the template.

        .. versionchanged:: 2.2
            Also ``.svg``.

        .. versionadded:: 0.5
        """
        return filename is None or filename.endswith(
            (".html", ".htm", ".xml", ".xhtml", ".svg")
        )

    @property
    def debug(self) -> bool:
        """Whether debug mode is on (:data:`DEBUG`); never in production.

        It is to be set before the application is made, by ``--debug`` or
        :envvar:`FLASK_DEBUG`; set later it may not reach everything.
        """
        return cast(bool, self.config["DEBUG"])

    @debug.setter
    def debug(self, value: bool) -> None:
        self.config["DEBUG"] = value

        if self.config["TEMPLATES_AUTO_RELOAD"] is None:
            self.jinja_env.auto_reload = value

    # Registration

    @setupmethod
    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Register a blueprint on the application.

        Everything that the blueprint has recorded happens now, through its
        :meth:`~.Blueprint.register`. ::

            app.register_blueprint(pages, url_prefix="/shop")

        :param blueprint: the blueprint.
        :param options: ``url_prefix``, ``subdomain``, ``url_defaults``, ``name`` and
            ``cli_group`` override the blueprint's own; all reach the recorded functions
            as ``state.options``.
        :raises ValueError: when the name is taken; ``name`` gives it another one.

        .. versionchanged:: 2.0.1
            Added ``name``.

        .. versionadded:: 0.7
        """
        blueprint.register(self, options)

    def iter_blueprints(self) -> ValuesView[Blueprint]:
        """Iterate over the blueprints in the order of their registration.

        .. versionadded:: 0.11
        """
        return self.blueprints.values()

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ft.RouteCallable | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        if endpoint is None:
            endpoint = _endpoint_from_view_func(view_func)  # type: ignore[arg-type]

        methods = options.pop("methods", None)

        if methods is None:
            methods = getattr(view_func, "methods", None) or ("GET",)

        if isinstance(methods, str):
            raise TypeError(
                "'methods' must be a list of strings, as in"
                f' @app.route(..., methods=["POST"]), not the string {methods!r}.'
            )

        methods = {method.upper() for method in methods}
        required = set(getattr(view_func, "required_methods", ()))

        if provide_automatic_options is None:
            provide_automatic_options = getattr(
                view_func, "provide_automatic_options", None
            )

        if provide_automatic_options is None:
            provide_automatic_options = "OPTIONS" not in methods and bool(
                self.config["PROVIDE_AUTOMATIC_OPTIONS"]
            )

        # Flask 3.2: also when it was asked for. Flask 3.1 leaves the method out of the
        # rule then, and answers 405.
        if provide_automatic_options:
            required.add("OPTIONS")

        asked = {name: options.pop(name, None) for name in _SERVER_OPTIONS}

        rule_object = self.url_rule_class(
            rule, methods=methods | required, **{**options, "endpoint": endpoint}
        )
        rule_object.provide_automatic_options = provide_automatic_options  # type: ignore[attr-defined]

        for name, value in asked.items():
            if value if value is not None else getattr(view_func, name, False):
                setattr(rule_object, name, True)

        self.url_map.add(rule_object)

        if view_func is None:
            return

        registered = self.view_functions.get(endpoint)

        if registered is not None and registered != view_func:
            raise AssertionError(
                f"The view function mapping is overwriting an existing one: endpoint"
                f" {endpoint!r} belongs to {registered!r}. Give one of the two another"
                " 'endpoint'."
            )

        self.view_functions[endpoint] = view_func

    @overload
    def template_filter(self, name: T_template_filter) -> T_template_filter: ...
    @overload
    def template_filter(
        self, name: str | None = None
    ) -> Callable[[T_template_filter], T_template_filter]: ...
    @setupmethod
    def template_filter(
        self, name: T_template_filter | str | None = None
    ) -> T_template_filter | Callable[[T_template_filter], T_template_filter]:
        """Register a template filter. ::

            @app.template_filter()
            def reverse(text):
                return text[::-1]

        ``{{ title|reverse }}`` then calls it. The parentheses may be left out, as Flask
        allows from 3.2 on.

        :param name: name in templates, by default that of the function.
        """

        if callable(name):
            self.add_template_filter(name)
            return name

        def decorator(f: T_template_filter) -> T_template_filter:
            self.add_template_filter(f, name=name)
            return f

        return decorator

    @setupmethod
    def add_template_filter(
        self, f: ft.TemplateFilterCallable, name: str | None = None
    ) -> None:
        """Register a template filter without the decorator :meth:`template_filter`.

        :param f: the filter, called with the value and the arguments in the template.
        :param name: name in templates, by default that of the function.
        """
        self.jinja_env.filters[name or f.__name__] = f

    @overload
    def template_test(self, name: T_template_test) -> T_template_test: ...
    @overload
    def template_test(
        self, name: str | None = None
    ) -> Callable[[T_template_test], T_template_test]: ...
    @setupmethod
    def template_test(
        self, name: T_template_test | str | None = None
    ) -> T_template_test | Callable[[T_template_test], T_template_test]:
        """Register a template test. ::

            @app.template_test()
            def odd_length(text):
                return len(text) % 2 == 1

        ``{% if title is odd_length %}`` then calls it. The parentheses may be left out.

        :param name: name in templates, by default that of the function.

        .. versionadded:: 0.10
        """

        if callable(name):
            self.add_template_test(name)
            return name

        def decorator(f: T_template_test) -> T_template_test:
            self.add_template_test(f, name=name)
            return f

        return decorator

    @setupmethod
    def add_template_test(
        self, f: ft.TemplateTestCallable, name: str | None = None
    ) -> None:
        """Register a template test without the decorator :meth:`template_test`.

        :param f: the test, called with the value and the arguments in the template.
        :param name: name in templates, by default that of the function.

        .. versionadded:: 0.10
        """
        self.jinja_env.tests[name or f.__name__] = f

    @overload
    def template_global(self, name: T_template_global) -> T_template_global: ...
    @overload
    def template_global(
        self, name: str | None = None
    ) -> Callable[[T_template_global], T_template_global]: ...
    @setupmethod
    def template_global(
        self, name: T_template_global | str | None = None
    ) -> T_template_global | Callable[[T_template_global], T_template_global]:
        """Register a global function for templates. ::

            @app.template_global()
            def double(number):
                return 2 * number

        ``{{ double(21) }}`` then calls it. The parentheses may be left out.

        :param name: name in templates, by default that of the function.

        .. versionadded:: 0.10
        """

        if callable(name):
            self.add_template_global(name)
            return name

        def decorator(f: T_template_global) -> T_template_global:
            self.add_template_global(f, name=name)
            return f

        return decorator

    @setupmethod
    def add_template_global(
        self, f: ft.TemplateGlobalCallable, name: str | None = None
    ) -> None:
        """Register a global function without the decorator :meth:`template_global`.

        :param f: the function.
        :param name: name in templates, by default that of the function.

        .. versionadded:: 0.10
        """
        self.jinja_env.globals[name or f.__name__] = f

    @setupmethod
    def teardown_appcontext(self, f: T_teardown) -> T_teardown:
        """Call a function when an application context ends, that of a request too.

        The place to give back what was opened for :data:`.g`. It takes the error that
        no handler answered, or None; what it returns is ignored, and it must not raise.
        The last registered runs first, after all :meth:`teardown_request` functions. ::

            @app.teardown_appcontext
            def close(error):
                connection = g.pop("connection", None)

                if connection is not None:
                    connection.close()

        .. versionadded:: 0.9
        """
        self.teardown_appcontext_funcs.append(f)
        return f

    @setupmethod
    def shell_context_processor(
        self, f: T_shell_context_processor
    ) -> T_shell_context_processor:
        """Let a function provide names for the interactive shell, as a dictionary. ::

            @app.shell_context_processor
            def names():
                return {"Book": Book}

        .. versionadded:: 0.11
        """
        self.shell_context_processors.append(f)
        return f

    # Errors

    def _find_error_handler(
        self, e: Exception, blueprints: list[str]
    ) -> ft.ErrorHandlerCallable | None:
        """Return the handler for an error.

        By status code in the blueprints and the application, then by class in the
        blueprints and the application, each along the MRO of the error.
        """
        exc_class, code = self._get_exc_class_and_code(type(e))
        scopes = (*blueprints, None)

        for key in (code, None) if code is not None else (None,):
            for scope in scopes:
                handlers = self.error_handler_spec[scope][key]

                if not handlers:
                    continue

                for cls in exc_class.__mro__:
                    handler = handlers.get(cls)

                    if handler is not None:
                        return handler

        return None

    def trap_http_exception(self, e: Exception) -> bool:
        """Return whether an HTTP error is raised like any other instead of answered.

        All are with :data:`TRAP_HTTP_EXCEPTIONS`; bad requests are with
        :data:`TRAP_BAD_REQUEST_ERRORS`; missing keys of a form are in debug mode while
        that is None.

        :param e: the error.

        .. versionchanged:: 1.0
            Bad requests other than missing keys are not trapped in debug mode.

        .. versionadded:: 0.8
        """
        if self.config["TRAP_HTTP_EXCEPTIONS"]:
            return True

        trap_bad_request = self.config["TRAP_BAD_REQUEST_ERRORS"]

        if trap_bad_request:
            return isinstance(e, BadRequest)

        return (
            trap_bad_request is None
            and self.debug
            and isinstance(e, BadRequestKeyError)
        )

    def should_ignore_error(self, error: BaseException | None) -> bool:
        """Return whether teardown functions are kept from an error.

        False by default; where an override returns true they are called with None.

        :param error: the error, or None.

        .. versionadded:: 0.10
        """
        return False

    # URLs and redirects

    def redirect(self, location: str, code: int = 302) -> BaseResponse:
        """Make a redirect response; called by :func:`.redirect`.

        :param location: where to.
        :param code: status code.

        .. versionadded:: 2.2
        """
        return make_redirect(
            location,
            code=code,
            Response=self.response_class,  # type: ignore[arg-type]
        )

    def inject_url_defaults(self, endpoint: str, values: dict[str, Any]) -> None:
        """Let the URL default functions add arguments for an endpoint.

        :param endpoint: the endpoint that a URL is built for.
        :param values: its arguments, changed in place.

        .. versionadded:: 0.7
        """
        scopes: Iterable[str | None] = (None,)

        if "." in endpoint:
            blueprints = _split_blueprint_path(endpoint.rpartition(".")[0])
            scopes = chain(scopes, reversed(blueprints))

        for scope in scopes:
            if scope in self.url_default_functions:
                for function in self.url_default_functions[scope]:
                    function(endpoint, values)

    def handle_url_build_error(
        self, error: BuildError, endpoint: str, values: dict[str, Any]
    ) -> str:
        """Ask :attr:`url_build_error_handlers` for a URL that could not be built.

        A handler that returns None or raises ``BuildError`` passes the question on.

        :param error: why it could not be built.
        :param endpoint: the endpoint.
        :param values: the arguments.
        :raises BuildError: when no handler has an answer.

        .. versionadded:: 0.9
        """
        for handler in self.url_build_error_handlers:
            try:
                url = handler(error, endpoint, values)
            except BuildError as e:
                error = e
            else:
                if url is not None:
                    return url

        # With its own traceback when it is the one being handled.
        if error is sys.exc_info()[1]:
            raise

        raise error
