"""What an application and a blueprint share: routes, hooks, handlers, resources."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import sys
from collections import defaultdict
from collections.abc import Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar, cast

from jinja2 import BaseLoader, FileSystemLoader
from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.utils import cached_property

from .. import typing as ft
from ..helpers import get_root_path
from ..templating import _default_template_ctx_processor

if TYPE_CHECKING:
    from click import Group

# Stands for "nothing was passed" where None has a meaning.
_sentinel: Any = object()

F = TypeVar("F", bound=Callable[..., Any])
T_after_request = TypeVar("T_after_request", bound=ft.AfterRequestCallable[Any])
T_before_request = TypeVar("T_before_request", bound=ft.BeforeRequestCallable)
T_error_handler = TypeVar("T_error_handler", bound=ft.ErrorHandlerCallable)
T_teardown = TypeVar("T_teardown", bound=ft.TeardownCallable)
T_template_context_processor = TypeVar(
    "T_template_context_processor", bound=ft.TemplateContextProcessorCallable
)
T_url_defaults = TypeVar("T_url_defaults", bound=ft.URLDefaultCallable)
T_url_value_preprocessor = TypeVar(
    "T_url_value_preprocessor", bound=ft.URLValuePreprocessorCallable
)
T_route = TypeVar("T_route", bound=ft.RouteCallable)


def setupmethod(f: F) -> F:
    """Make a method refuse to run once set-up is over.

    For methods that register something: after the first request (of an application) or
    the first registration (of a blueprint) it would reach some workers or some requests
    only. A subclass or an extension may use it for methods of its own.

    :param f: a method of a :class:`Scaffold`; it keeps its name and signature.
    """
    name = f.__name__

    def wrapper(self: Scaffold, *args: Any, **kwargs: Any) -> Any:
        self._check_setup_finished(name)
        return f(self, *args, **kwargs)

    return cast(F, update_wrapper(wrapper, f))


class Scaffold:
    """The part that :class:`.Flask` and :class:`bustapi.Blueprint` have in common.

    Registries, the decorators that fill them, and the folders that belong to the object.
    Not made directly.

    :param import_name: name of the module or package where the object lives.
    :param static_folder: folder with static files, relative to ``root_path``.
    :param static_url_path: URL prefix of the static files.
    :param template_folder: folder with templates, relative to ``root_path``.
    :param root_path: folder that relative paths start from, found from ``import_name``
        if left out.

    .. versionadded:: 2.0
    """

    cli: Group
    name: str
    _static_folder: str | None = None
    _static_url_path: str | None = None

    def __init__(
        self,
        import_name: str,
        static_folder: str | os.PathLike[str] | None = None,
        static_url_path: str | None = None,
        template_folder: str | os.PathLike[str] | None = None,
        root_path: str | None = None,
    ) -> None:
        #: Name of the module or package where the object lives. Not to be changed.
        self.import_name = import_name

        self.static_folder = static_folder
        self.static_url_path = static_url_path

        #: Folder with templates, relative to :attr:`root_path`; None for none.
        self.template_folder = template_folder

        if root_path is None:
            root_path = get_root_path(import_name)

        #: Absolute path that resources are looked up from. Not to be changed.
        self.root_path = root_path

        # The registries are plain dictionaries that extensions read and change. Where a
        # key names a scope, it is the name of a blueprint, or None for the application.

        #: View functions by endpoint. Filled by :meth:`route`; may be assigned to.
        self.view_functions: dict[str, ft.RouteCallable] = {}

        #: Error handlers: scope, then status code (None for other errors), then class.
        self.error_handler_spec: dict[
            ft.AppOrBlueprintKey,
            dict[int | None, dict[type[Exception], ft.ErrorHandlerCallable]],
        ] = defaultdict(lambda: defaultdict(dict))

        #: Functions called before each request, by scope.
        self.before_request_funcs: dict[
            ft.AppOrBlueprintKey, list[ft.BeforeRequestCallable]
        ] = defaultdict(list)

        #: Functions called with each response, by scope.
        self.after_request_funcs: dict[
            ft.AppOrBlueprintKey, list[ft.AfterRequestCallable[Any]]
        ] = defaultdict(list)

        #: Functions called when a request ends, even with an error, by scope.
        self.teardown_request_funcs: dict[
            ft.AppOrBlueprintKey, list[ft.TeardownCallable]
        ] = defaultdict(list)

        #: Functions that provide values for templates, by scope.
        self.template_context_processors: dict[
            ft.AppOrBlueprintKey, list[ft.TemplateContextProcessorCallable]
        ] = defaultdict(list, {None: [_default_template_ctx_processor]})

        #: Functions that see the arguments of a URL before the view, by scope.
        self.url_value_preprocessors: dict[
            ft.AppOrBlueprintKey, list[ft.URLValuePreprocessorCallable]
        ] = defaultdict(list)

        #: Functions that add arguments when a URL is built, by scope.
        self.url_default_functions: dict[
            ft.AppOrBlueprintKey, list[ft.URLDefaultCallable]
        ] = defaultdict(list)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def _check_setup_finished(self, f_name: str) -> None:
        raise NotImplementedError

    # Resources

    @property
    def static_folder(self) -> str | None:
        """Absolute path of the folder with static files; None for none.

        What is assigned may be relative to :attr:`root_path`. The static route is made
        with the object or at registration, so a folder that is set afterwards needs a
        route of its own.
        """
        if self._static_folder is None:
            return None

        return os.path.join(self.root_path, self._static_folder)

    @static_folder.setter
    def static_folder(self, value: str | os.PathLike[str] | None) -> None:
        self._static_folder = None if value is None else os.fspath(value).rstrip(r"\/")

    @property
    def has_static_folder(self) -> bool:
        """Whether :attr:`static_folder` is set; the folder itself need not exist.

        .. versionadded:: 0.5
        """
        return self.static_folder is not None

    @property
    def static_url_path(self) -> str | None:
        """URL prefix of the static files, by default the name of their folder."""
        if self._static_url_path is not None:
            return self._static_url_path

        if self.static_folder is None:
            return None

        return f"/{os.path.basename(self.static_folder)}".rstrip("/")

    @static_url_path.setter
    def static_url_path(self, value: str | None) -> None:
        self._static_url_path = None if value is None else value.rstrip("/")

    @cached_property
    def jinja_loader(self) -> BaseLoader | None:
        """Jinja's loader for the templates of this object, None without a folder.

        By default it reads :attr:`template_folder`; a subclass may return any other.

        .. versionadded:: 0.5
        """
        if self.template_folder is None:
            return None

        return FileSystemLoader(os.path.join(self.root_path, self.template_folder))

    # Routes

    def _method_route(
        self, method: str, rule: str, options: dict[str, Any]
    ) -> Callable[[T_route], T_route]:
        """Return the decorator of a rule for one method."""
        if "methods" in options:
            raise TypeError(
                f"'{method.lower()}' is for one method and takes no 'methods'. Use"
                " 'route' to name several."
            )

        return self.route(rule, methods=[method], **options)

    @setupmethod
    def get(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """Register a view for ``GET``: :meth:`route` with that method.

        .. versionadded:: 2.0
        """
        return self._method_route("GET", rule, options)

    @setupmethod
    def post(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """Register a view for ``POST``: :meth:`route` with that method.

        .. versionadded:: 2.0
        """
        return self._method_route("POST", rule, options)

    @setupmethod
    def put(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """Register a view for ``PUT``: :meth:`route` with that method.

        .. versionadded:: 2.0
        """
        return self._method_route("PUT", rule, options)

    @setupmethod
    def delete(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """Register a view for ``DELETE``: :meth:`route` with that method.

        .. versionadded:: 2.0
        """
        return self._method_route("DELETE", rule, options)

    @setupmethod
    def patch(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """Register a view for ``PATCH``: :meth:`route` with that method.

        .. versionadded:: 2.0
        """
        return self._method_route("PATCH", rule, options)

    @setupmethod
    def route(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """Register a view function for a URL rule. ::

            @app.route("/user/<int:number>")
            def user(number):
                return f"user {number}"

        The decorator returns the function unchanged, so several may be stacked to give
        one view several URLs.

        :param rule: the rule, with variable parts in angle brackets.
        :param options: ``endpoint`` (by default the name of the function), ``methods``
            (by default ``["GET"]``; ``HEAD`` and ``OPTIONS`` are added), and everything
            else that :meth:`add_url_rule` takes.
        """

        def decorator(f: T_route) -> T_route:
            endpoint = options.pop("endpoint", None)
            self.add_url_rule(rule, endpoint, f, **options)
            return f

        return decorator

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ft.RouteCallable | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Register a URL rule, with or without its view function. ::

            app.add_url_rule("/user/<int:number>", view_func=user)

        :meth:`route` is the same as a decorator. A rule without a view function needs
        one before its first request, through :meth:`endpoint` or
        :attr:`view_functions`.

        Methods come from ``options``, else from the attribute ``methods`` of the
        function, else ``GET`` alone. To them are added the function's
        ``required_methods``, ``OPTIONS`` where it is answered automatically, and
        ``HEAD`` beside ``GET``.

        :param rule: the rule, with variable parts in angle brackets.
        :param endpoint: name that URLs are built with, by default that of the function.
        :param view_func: the view function. Two rules may share one; two functions
            may not share an endpoint.
        :param provide_automatic_options: whether ``OPTIONS`` is answered without
            calling the view. When None, the attribute of that name of the function
            decides; without one it is so unless ``methods`` has ``OPTIONS`` or
            :data:`PROVIDE_AUTOMATIC_OPTIONS` is off.
        :param options: ``methods``, and the arguments of
            :class:`werkzeug.routing.Rule`, as ``defaults`` or ``strict_slashes``; and
            ``stream_request``: whether the server calls the view as soon as the head of
            a request is there, so that it reads the body while the client sends it. By
            default the attribute of that name of the function decides, else the body is
            collected first. ``threaded``: whether the server calls the view on a thread of
            its own from the first request on, rather than when it was seen to wait. By
            default the attribute of that name of the function decides.
        :raises AssertionError: when the endpoint has another view function.
        """
        raise NotImplementedError

    @setupmethod
    def endpoint(self, endpoint: str) -> Callable[[F], F]:
        """Register the view function of an endpoint whose rule was added without one.

        ::

            app.add_url_rule("/example", endpoint="example")

            @app.endpoint("example")
            def example():
                return "an example"

        :param endpoint: name of the endpoint; the name is used as it stands, also on a
            blueprint.
        """

        def decorator(f: F) -> F:
            self.view_functions[endpoint] = f
            return f

        return decorator

    # Hooks

    @setupmethod
    def before_request(self, f: T_before_request) -> T_before_request:
        """Call a function before each request. ::

            @app.before_request
            def load_user():
                g.user = session.get("user")

        It takes no arguments. What it returns, if not None, is treated as a view's
        return value: it answers the request, and neither the functions behind it nor
        the view are called.

        The application's run for every request, those of a blueprint for requests that
        its views handle, outer blueprints before inner ones. A blueprint's
        :meth:`.Blueprint.before_app_request` is for every request.
        """
        self.before_request_funcs.setdefault(None, []).append(f)
        return f

    @setupmethod
    def after_request(self, f: T_after_request) -> T_after_request:
        """Call a function with each response.

        It takes the response and returns it, or another one. The last registered runs
        first, inner blueprints before outer ones and the application. If one raises, the
        rest do not run: what must run belongs into :meth:`teardown_request`.

        The application's run for every request, those of a blueprint for requests that
        its views handle, and :meth:`.Blueprint.after_app_request` is for all again. ::

            @app.after_request
            def forbid_frames(response):
                response.headers["X-Frame-Options"] = "DENY"
                return response

        """
        self.after_request_funcs.setdefault(None, []).append(f)
        return f

    @setupmethod
    def teardown_request(self, f: T_teardown) -> T_teardown:
        """Call a function when the context of a request ends. ::

            @app.teardown_request
            def close(error):
                connection = g.pop("connection", None)

                if connection is not None:
                    connection.close()

        It takes the error that no handler answered, or None; what it returns is
        ignored. It also runs when an earlier stage failed, so what it cleans up may not
        exist, and it must not raise. The last registered runs first. With a test
        client in a ``with`` block the context ends later than the response.
        """
        self.teardown_request_funcs.setdefault(None, []).append(f)
        return f

    @setupmethod
    def context_processor(
        self, f: T_template_context_processor
    ) -> T_template_context_processor:
        """Let a function provide values for templates, as a dictionary.

        The application's are called for every template, those of a blueprint for
        templates rendered by its views. What a view passes wins over a value of the
        same name. ::

            @app.context_processor
            def site():
                return {"site": "The shop"}

        """
        self.template_context_processors[None].append(f)
        return f

    @setupmethod
    def url_value_preprocessor(
        self, f: T_url_value_preprocessor
    ) -> T_url_value_preprocessor:
        """Call a function with endpoint and arguments of a URL before the hooks. ::

            @app.url_value_preprocessor
            def take_language(endpoint, values):
                g.language = (values or {}).pop("language", None)

        It runs before :meth:`before_request` functions and may change the arguments in
        place; both are None when no rule matched. What it returns is ignored.

        .. versionadded:: 0.7
        """
        self.url_value_preprocessors[None].append(f)
        return f

    @setupmethod
    def url_defaults(self, f: T_url_defaults) -> T_url_defaults:
        """Call a function with endpoint and arguments when a URL is built.

        It may add arguments in place, which the caller of :func:`.url_for` then need not
        pass. A blueprint's is called for endpoints of the blueprint. ::

            @app.url_defaults
            def add_language(endpoint, values):
                if app.url_map.is_endpoint_expecting(endpoint, "language"):
                    values.setdefault("language", "en")

        .. versionadded:: 0.7
        """
        self.url_default_functions[None].append(f)
        return f

    # Error handlers

    @setupmethod
    def errorhandler(
        self, code_or_exception: type[Exception] | int
    ) -> Callable[[T_error_handler], T_error_handler]:
        """Answer an error with a function. ::

            @app.errorhandler(404)
            def not_found(error):
                return "not here", 404

        The function takes the error, and what it returns is treated as a view's return
        value. A handler for a class is for its subclasses too; the nearest class wins.
        Handlers for a status code are asked before those for a class, a blueprint's
        before the application's.

        A blueprint's handler is for errors of its own views: which blueprint a URL that
        matched nothing belongs to cannot be known.

        :param code_or_exception: status code, or class of the error.

        .. versionchanged:: 1.0
            Handlers are looked up by status code, then by class.

        .. versionchanged:: 0.7
            Takes classes that are not HTTP errors.
        """

        def decorator(f: T_error_handler) -> T_error_handler:
            self.register_error_handler(code_or_exception, f)
            return f

        return decorator

    @setupmethod
    def register_error_handler(
        self,
        code_or_exception: type[Exception] | int,
        f: ft.ErrorHandlerCallable,
    ) -> None:
        """Register an error handler without the decorator :meth:`errorhandler`. ::

            app.register_error_handler(404, lambda error: ("not here", 404))

        :param code_or_exception: status code, or class of the error.
        :param f: the handler.
        :raises ValueError: for a status code that is none of an error, or a class that
            is no exception.
        :raises TypeError: for an instance instead of a class.

        .. versionadded:: 0.7
        """
        exc_class, code = self._get_exc_class_and_code(code_or_exception)
        self.error_handler_spec[None][code][exc_class] = f

    @staticmethod
    def _get_exc_class_and_code(
        exc_class_or_code: type[Exception] | int,
    ) -> tuple[type[Exception], int | None]:
        """Return the class of an error and its status code, None for other errors."""
        exc_class: type[Exception]

        if isinstance(exc_class_or_code, int):
            try:
                exc_class = default_exceptions[exc_class_or_code]
            except KeyError:
                raise ValueError(
                    f"{exc_class_or_code!r} is not a status code that HTTP knows as an"
                    " error. Use a subclass of HTTPException with that code instead."
                ) from None
        else:
            exc_class = exc_class_or_code

        if isinstance(exc_class, Exception):
            raise TypeError(
                f"{exc_class!r} is an instance, not a class. Handlers are registered for"
                " exception classes or status codes."
            )

        if not issubclass(exc_class, Exception):
            raise ValueError(
                f"'{exc_class.__name__}' is not a subclass of Exception. Handlers are"
                " registered for exception classes or status codes."
            )

        if issubclass(exc_class, HTTPException):
            return exc_class, exc_class.code

        return exc_class, None


def _endpoint_from_view_func(view_func: ft.RouteCallable) -> str:
    """Return the default endpoint of a view function: its name.

    :raises AssertionError: for None, a rule having neither function nor endpoint.
    """
    assert view_func is not None, "An endpoint is needed where no view function is."
    return view_func.__name__


def _find_package_path(import_name: str) -> str:
    """Return the folder that holds the top-level module or package."""
    root_name, _, _ = import_name.partition(".")

    try:
        root_spec = importlib.util.find_spec(root_name)

        if root_spec is None:
            raise ValueError("not found")
    except (ImportError, ValueError):
        # The main module has no spec, and a name may be made up.
        return os.getcwd()

    if root_spec.submodule_search_locations:
        if root_spec.origin is None or root_spec.origin == "namespace":
            return _find_namespace_path(
                import_name, list(root_spec.submodule_search_locations)
            )

        # Above the folder with the __init__.py.
        return os.path.dirname(os.path.dirname(root_spec.origin))

    return os.path.dirname(cast(str, root_spec.origin))


def _find_namespace_path(import_name: str, places: list[str]) -> str:
    """Return the folder that holds the portion of a namespace package with a module.

    :param import_name: name of a module below the namespace.
    :param places: the folders that the namespace consists of.
    """
    spec = importlib.util.find_spec(import_name)

    if spec is None or not spec.submodule_search_locations:
        return os.path.dirname(places[0])

    package = pathlib.Path(os.path.commonpath(spec.submodule_search_locations))
    return os.path.dirname(next(p for p in places if package.is_relative_to(p)))


def find_package(import_name: str) -> tuple[str | None, str]:
    """Return the prefix that a package is installed under, and the path it is in.

    The prefix is None for a package that is not installed but imported from the current
    folder or a checkout. The path is the folder that :data:`sys.path` would need.

    :param import_name: name of a module or package, imported or importable.
    """
    package_path = _find_package_path(import_name)
    prefix = os.path.abspath(sys.prefix)

    if pathlib.PurePath(package_path).is_relative_to(prefix):
        return prefix, package_path

    site_parent, site_folder = os.path.split(package_path)

    if site_folder.lower() != "site-packages":
        return None, package_path

    parent, folder = os.path.split(site_parent)

    # Windows: PREFIX/Lib/site-packages.
    if folder.lower() == "lib":
        return parent, package_path

    # Elsewhere: PREFIX/lib/pythonX.Y/site-packages.
    if os.path.basename(parent).lower() == "lib":
        return os.path.dirname(parent), package_path

    # Something else, as in a flat folder of packages.
    return site_parent, package_path
