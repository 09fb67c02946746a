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

    For methods that register something: after the first request (an application) or
    the registration (a blueprint) it would reach some workers or requests only.
    """
    name = f.__name__

    def wrapper(self: Scaffold, *args: Any, **kwargs: Any) -> Any:
        self._check_setup_finished(name)
        return f(self, *args, **kwargs)

    return cast(F, update_wrapper(wrapper, f))


class Scaffold:
    """The part that :class:`.Flask` and :class:`.Blueprint` have in common.

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
        """Absolute path of the folder with static files; None for none."""
        if self._static_folder is None:
            return None

        return os.path.join(self.root_path, self._static_folder)

    @static_folder.setter
    def static_folder(self, value: str | os.PathLike[str] | None) -> None:
        self._static_folder = None if value is None else os.fspath(value).rstrip(r"\/")

    @property
    def has_static_folder(self) -> bool:
        """Whether :attr:`static_folder` is set.

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
        """Jinja's loader for the templates of this object.

        .. versionadded:: 0.5
        """
        if self.template_folder is None:
            return None

        return FileSystemLoader(os.path.join(self.root_path, self.template_folder))

    # Routes

    def _method_route(
        self, method: str, rule: str, options: dict[str, Any]
    ) -> Callable[[T_route], T_route]:
        if "methods" in options:
            raise TypeError("Use the 'route' decorator to use the 'methods' argument.")

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

        :param rule: the rule, with variable parts in angle brackets.
        :param options: ``endpoint`` (by default the name of the function), ``methods``
            (by default ``["GET"]``; ``HEAD`` and ``OPTIONS`` are added), and the
            arguments of :class:`werkzeug.routing.Rule`.
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
        """Register a URL rule, with or without its view function.

        :meth:`route` calls it. A rule without a view function needs one later, through
        :meth:`endpoint` or :attr:`view_functions`.

        :param rule: the rule.
        :param endpoint: name of the endpoint, by default that of the function.
        :param view_func: the view function.
        :param provide_automatic_options: whether ``OPTIONS`` is answered by itself.
        :param options: arguments of :class:`werkzeug.routing.Rule`.
        """
        raise NotImplementedError

    @setupmethod
    def endpoint(self, endpoint: str) -> Callable[[F], F]:
        """Register the view function of an endpoint whose rule was added without one.

        :param endpoint: name of the endpoint.
        """

        def decorator(f: F) -> F:
            self.view_functions[endpoint] = f
            return f

        return decorator

    # Hooks

    @setupmethod
    def before_request(self, f: T_before_request) -> T_before_request:
        """Call a function before each request.

        It takes no arguments. What it returns, if not None, answers the request and no
        view is called. A blueprint's function runs for the views of the blueprint.
        """
        self.before_request_funcs.setdefault(None, []).append(f)
        return f

    @setupmethod
    def after_request(self, f: T_after_request) -> T_after_request:
        """Call a function with each response.

        It takes the response and returns it, or another one. If an earlier one raises,
        the rest do not run: what must run belongs into :meth:`teardown_request`.
        """
        self.after_request_funcs.setdefault(None, []).append(f)
        return f

    @setupmethod
    def teardown_request(self, f: T_teardown) -> T_teardown:
        """Call a function when the context of a request ends.

        It takes the error that ended the request, or None; its result is ignored, and
        it must not fail.
        """
        self.teardown_request_funcs.setdefault(None, []).append(f)
        return f

    @setupmethod
    def context_processor(
        self, f: T_template_context_processor
    ) -> T_template_context_processor:
        """Let a function provide values for templates, as a dictionary."""
        self.template_context_processors[None].append(f)
        return f

    @setupmethod
    def url_value_preprocessor(
        self, f: T_url_value_preprocessor
    ) -> T_url_value_preprocessor:
        """Call a function with endpoint and arguments of a URL before the hooks.

        It may change the arguments in place, as in taking a language code out of them.
        """
        self.url_value_preprocessors[None].append(f)
        return f

    @setupmethod
    def url_defaults(self, f: T_url_defaults) -> T_url_defaults:
        """Call a function with endpoint and arguments when a URL is built.

        It may add arguments in place.
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

        A blueprint's handler is for errors of its own views: which blueprint a URL that
        matched nothing belongs to cannot be known.

        :param code_or_exception: status code, or class of the error.

        .. versionadded:: 0.7
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
        """Register an error handler without the decorator :meth:`errorhandler`.

        :param code_or_exception: status code, or class of the error.
        :param f: the handler.

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
    """Return the default endpoint of a view function: its name."""
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
            # A namespace package has several places; take the one with the submodule.
            return _find_namespace_path(import_name, root_name, root_spec)

        # Above the folder with the __init__.py.
        return os.path.dirname(os.path.dirname(root_spec.origin))

    return os.path.dirname(cast(str, root_spec.origin))


def _find_namespace_path(import_name: str, root_name: str, root_spec: Any) -> str:
    package_spec = importlib.util.find_spec(import_name)

    if package_spec is not None and package_spec.submodule_search_locations:
        first = pathlib.Path(os.path.commonpath(package_spec.submodule_search_locations))
        location = next(
            place
            for place in root_spec.submodule_search_locations
            if first.is_relative_to(place)
        )
    else:
        location = root_spec.submodule_search_locations[0]

    return os.path.dirname(location)


def find_package(import_name: str) -> tuple[str | None, str]:
    """Return the prefix that a package is installed under, and the path it is in.

    The prefix is None for a package that is not installed but imported from the current
    folder or a checkout.

    :param import_name: name of a module or package.
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


