"""Blueprints: parts of an application that are recorded first and registered later."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .. import typing as ft
from .scaffold import Scaffold, _endpoint_from_view_func, _sentinel, setupmethod

if TYPE_CHECKING:
    from .app import App

DeferredSetupFunction = Callable[["BlueprintSetupState"], None]
T_after_request = TypeVar("T_after_request", bound=ft.AfterRequestCallable[Any])
T_before_request = TypeVar("T_before_request", bound=ft.BeforeRequestCallable)
T_error_handler = TypeVar("T_error_handler", bound=ft.ErrorHandlerCallable)
T_teardown = TypeVar("T_teardown", bound=ft.TeardownCallable)
T_template_context_processor = TypeVar(
    "T_template_context_processor", bound=ft.TemplateContextProcessorCallable
)
T_template_filter = TypeVar("T_template_filter", bound=ft.TemplateFilterCallable)
T_template_global = TypeVar("T_template_global", bound=ft.TemplateGlobalCallable)
T_template_test = TypeVar("T_template_test", bound=ft.TemplateTestCallable)
T_url_defaults = TypeVar("T_url_defaults", bound=ft.URLDefaultCallable)
T_url_value_preprocessor = TypeVar(
    "T_url_value_preprocessor", bound=ft.URLValuePreprocessorCallable
)


class BlueprintSetupState:
    """One registration of a blueprint, as the recorded functions see it.

    :param blueprint: the blueprint.
    :param app: the application that it is registered on.
    :param options: what was passed to ``register_blueprint``.
    :param first_registration: whether the blueprint was not registered there before.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        app: App,
        options: Any,
        first_registration: bool,
    ) -> None:
        #: The application that the blueprint is registered on.
        self.app = app

        #: The blueprint.
        self.blueprint = blueprint

        #: What was passed to ``register_blueprint``.
        self.options = options

        #: Whether this is the first registration of the blueprint on the application;
        #: what shall be done once only, asks this.
        self.first_registration = first_registration

        #: Subdomain of the rules, None for the default.
        self.subdomain = self._option("subdomain", blueprint.subdomain)

        #: Prefix of the rules, None for none.
        self.url_prefix = self._option("url_prefix", blueprint.url_prefix)

        #: Name that the blueprint is registered under.
        self.name: str = options.get("name", blueprint.name)
        #: Names of the blueprints around it, dotted; empty for none.
        self.name_prefix: str = options.get("name_prefix", "")

        #: Default values for the arguments of every rule.
        self.url_defaults = {
            **blueprint.url_values_defaults,
            **dict(options.get("url_defaults", ())),
        }

    def _option(self, name: str, default: str | None) -> str | None:
        value: str | None = self.options.get(name)
        return default if value is None else value

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ft.RouteCallable | None = None,
        **options: Any,
    ) -> None:
        """Add a rule to the application under the prefix and name of the blueprint.

        For recorded functions. The arguments are those of :meth:`.Flask.add_url_rule`;
        the rule gets the URL prefix, the endpoint the name, and the options the
        subdomain and the default values of this registration.
        """
        if endpoint is None:
            endpoint = _endpoint_from_view_func(view_func)  # type: ignore[arg-type]

        options.setdefault("subdomain", self.subdomain)
        self.app.add_url_rule(
            _join_prefix(self.url_prefix, rule),
            f"{self.name_prefix}.{self.name}.{endpoint}".lstrip("."),
            view_func,
            defaults={**self.url_defaults, **options.pop("defaults", {})},
            **options,
        )


def _join_prefix(prefix: str | None, rule: str) -> str:
    """Put a URL prefix before a rule, with one slash between them."""
    if prefix is None:
        return rule

    if not rule:
        return prefix

    return f"{prefix.rstrip('/')}/{rule.lstrip('/')}"


class Blueprint(Scaffold):
    """The part of :class:`.Blueprint` that does no input or output.

    The parameters are those of :class:`.Blueprint`.

    .. versionadded:: 3.0
    """

    _got_registered_once = False

    def __init__(
        self,
        name: str,
        import_name: str,
        static_folder: str | os.PathLike[str] | None = None,
        static_url_path: str | None = None,
        template_folder: str | os.PathLike[str] | None = None,
        url_prefix: str | None = None,
        subdomain: str | None = None,
        url_defaults: dict[str, Any] | None = None,
        root_path: str | None = None,
        cli_group: str | None = _sentinel,
    ) -> None:
        super().__init__(
            import_name=import_name,
            static_folder=static_folder,
            static_url_path=static_url_path,
            template_folder=template_folder,
            root_path=root_path,
        )

        if not name:
            raise ValueError("The 'name' of a blueprint may not be empty.")

        #: Name of the blueprint: what its endpoints begin with, before a dot.
        self.name = name
        self._check_name()

        #: What the URLs of its rules begin with, None for nothing.
        self.url_prefix = url_prefix

        #: Subdomain of its rules, None for that of the application.
        self.subdomain = subdomain

        #: What was recorded, in order; called with the state at each registration.
        self.deferred_functions: list[DeferredSetupFunction] = []

        #: Values that its rules have as defaults.
        self.url_values_defaults = {} if url_defaults is None else url_defaults

        #: Name of the group of its commands; None to put them beside the application's.
        self.cli_group = cli_group
        self._blueprints: list[tuple[Blueprint, dict[str, Any]]] = []

    def _check_name(self) -> None:
        if "." in self.name:
            raise ValueError(
                f"The 'name' of a blueprint may not contain a dot, as {self.name!r}"
                " does: dots separate the names of nested blueprints."
            )

    def _check_setup_finished(self, f_name: str) -> None:
        if self._got_registered_once:
            raise AssertionError(
                f"The setup method {f_name!r} was called on the blueprint {self.name!r}"
                " after its registration; what it adds would not reach the application.\n"
                "Do all set-up of a blueprint (imports, decorators, functions) before it"
                " is registered."
            )

    # Recording

    @setupmethod
    def record(self, func: DeferredSetupFunction) -> None:
        """Call a function at each registration, with the setup state.

        :param func: takes a :class:`~bustapi.blueprints.BlueprintSetupState`.
        """
        self.deferred_functions.append(func)

    @setupmethod
    def record_once(self, func: DeferredSetupFunction) -> None:
        """Call a function at the first registration on an application only.

        When the blueprint is registered a second time, under another name, or nested in
        two places, the function is passed over. ::

            @pages.record_once
            def set_default(state):
                state.app.config.setdefault("CURRENCY", "EUR")

        :param func: takes a :class:`~bustapi.blueprints.BlueprintSetupState`.
        """

        def wrapper(state: BlueprintSetupState) -> None:
            if state.first_registration:
                func(state)

        self.record(update_wrapper(wrapper, func))

    def make_setup_state(
        self, app: App, options: dict[str, Any], first_registration: bool = False
    ) -> BlueprintSetupState:
        """Make the state that the recorded functions are given.

        A subclass may override it to return a state that does more.

        :param app: the application.
        :param options: what was passed to ``register_blueprint``.
        :param first_registration: whether it is the first one on that application.
        """
        return BlueprintSetupState(self, app, options, first_registration)

    @setupmethod
    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Nest a blueprint in this one.

        It is registered with this one: below its URL prefix and subdomain, its name
        behind this one's and a dot, its functions running inside of this one's.

        :param blueprint: the inner blueprint.
        :param options: override the inner blueprint's own, as
            :meth:`.Flask.register_blueprint` takes them.
        :raises ValueError: for this blueprint itself.

        .. versionchanged:: 2.0.1
            ``name`` changes the name it is registered with.

        .. versionadded:: 2.0
        """
        if blueprint is self:
            raise ValueError(f"The blueprint {self.name!r} cannot be nested in itself.")

        self._blueprints.append((blueprint, options))

    # Registration

    def register(self, app: App, options: dict[str, Any]) -> None:
        """Register everything recorded on an application.

        :meth:`.Flask.register_blueprint` calls it, and a subclass may override it. In
        this order: the static route, the registries, the recorded functions, the
        commands, the nested blueprints.

        :param app: the application.
        :param options: what was passed to ``register_blueprint``; for a nested
            blueprint with a ``name_prefix``.
        :raises ValueError: when another blueprint, or this one, has the name already.

        .. versionchanged:: 2.3
            Nested blueprints apply subdomains.

        .. versionchanged:: 2.1
            The same blueprint twice under one name is an error.

        .. versionchanged:: 2.0.1
            Nested blueprints have dotted names; ``name`` changes the last part.
        """
        own_name = options.get("name", self.name)
        name = f"{options.get('name_prefix', '')}.{own_name}".lstrip(".")

        if name in app.blueprints:
            self._refuse_name(app, name)

        is_first = all(blueprint is not self for blueprint in app.blueprints.values())
        app.blueprints[name] = self
        self._got_registered_once = True
        state = self.make_setup_state(app, options, is_first)

        if self.has_static_folder:
            state.add_url_rule(
                f"{self.static_url_path}/<path:filename>",
                view_func=self.send_static_file,  # type: ignore[attr-defined]
                endpoint="static",
            )

        self._merge_blueprint_funcs(app, name)

        for function in self.deferred_functions:
            function(state)

        self._register_commands(app, name, options.get("cli_group", self.cli_group))

        for blueprint, nested_options in self._blueprints:
            blueprint.register(
                app, _nest_options(state, blueprint, {**nested_options}, name)
            )

    def _refuse_name(self, app: App, name: str) -> None:
        other = "this blueprint" if app.blueprints[name] is self else "another one"
        raise ValueError(
            f"The blueprint name {name!r} is already registered for {other}. Pass"
            " another 'name' to 'register_blueprint'."
        )

    def _register_commands(self, app: App, name: str, group: Any) -> None:
        """Put the commands into the application's, under a group or beside them."""
        if not self.cli.commands:
            return

        if group is None:
            app.cli.commands.update(self.cli.commands)
            return

        self.cli.name = name if group is _sentinel else group
        app.cli.add_command(self.cli)

    def _merge_blueprint_funcs(self, app: App, name: str) -> None:
        """Put the registries into those of the application, scoped by the name.

        The lists of the application are extended in place: whoever holds one sees it.
        """

        def scope(key: ft.AppOrBlueprintKey) -> str:
            return name if key is None else f"{name}.{key}"

        for key, by_code in self.error_handler_spec.items():
            app.error_handler_spec[scope(key)] = defaultdict(
                dict, {code: dict(by_class) for code, by_class in by_code.items()}
            )

        app.view_functions.update(self.view_functions)

        registries: tuple[tuple[Mapping[Any, list[Any]], dict[Any, list[Any]]], ...] = (
            (self.before_request_funcs, app.before_request_funcs),
            (self.after_request_funcs, app.after_request_funcs),
            (self.teardown_request_funcs, app.teardown_request_funcs),
            (self.url_default_functions, app.url_default_functions),
            (self.url_value_preprocessors, app.url_value_preprocessors),
            (self.template_context_processors, app.template_context_processors),
        )

        for own, parent in registries:
            for key, functions in own.items():
                parent[scope(key)].extend(functions)

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ft.RouteCallable | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Record a URL rule, with or without its view function.

        At registration the rule gets the URL prefix and the endpoint the name of the
        blueprint. The parameters are those of :meth:`.Flask.add_url_rule`.

        :raises ValueError: for a dot in ``endpoint`` or in the name of the function,
            since dots stand between blueprint and endpoint.
        """
        if endpoint and "." in endpoint:
            raise ValueError(
                f"The 'endpoint' of a blueprint may not contain a dot, as {endpoint!r}"
                " does. Leave the name of the blueprint out of it."
            )

        if view_func and "." in getattr(view_func, "__name__", ""):
            raise ValueError(
                "The name of the 'view_func' of a blueprint may not contain a dot, as"
                f" {view_func.__name__!r} does."
            )

        self.record(
            lambda state: state.add_url_rule(
                rule,
                endpoint,
                view_func,
                provide_automatic_options=provide_automatic_options,
                **options,
            )
        )

    # For the whole application

    @overload
    def app_template_filter(self, name: T_template_filter) -> T_template_filter: ...
    @overload
    def app_template_filter(
        self, name: str | None = None
    ) -> Callable[[T_template_filter], T_template_filter]: ...
    @setupmethod
    def app_template_filter(
        self, name: T_template_filter | str | None = None
    ) -> T_template_filter | Callable[[T_template_filter], T_template_filter]:
        """Register a template filter for all templates of the application.

        As :meth:`.Flask.template_filter`, also without parentheses.

        :param name: name in templates, by default that of the function.
        """

        if callable(name):
            self.add_app_template_filter(name)
            return name

        def decorator(f: T_template_filter) -> T_template_filter:
            self.add_app_template_filter(f, name=name)
            return f

        return decorator

    @setupmethod
    def add_app_template_filter(
        self, f: ft.TemplateFilterCallable, name: str | None = None
    ) -> None:
        """Register a template filter without :meth:`app_template_filter`.

        :param f: the filter, called with the value and the arguments in the template.
        :param name: name in templates, by default that of the function.
        """
        self._record_template("filters", f, name)

    @overload
    def app_template_test(self, name: T_template_test) -> T_template_test: ...
    @overload
    def app_template_test(
        self, name: str | None = None
    ) -> Callable[[T_template_test], T_template_test]: ...
    @setupmethod
    def app_template_test(
        self, name: T_template_test | str | None = None
    ) -> T_template_test | Callable[[T_template_test], T_template_test]:
        """Register a template test for all templates of the application.

        As :meth:`.Flask.template_test`, also without parentheses.

        :param name: name in templates, by default that of the function.

        .. versionadded:: 0.10
        """

        if callable(name):
            self.add_app_template_test(name)
            return name

        def decorator(f: T_template_test) -> T_template_test:
            self.add_app_template_test(f, name=name)
            return f

        return decorator

    @setupmethod
    def add_app_template_test(
        self, f: ft.TemplateTestCallable, name: str | None = None
    ) -> None:
        """Register a template test without :meth:`app_template_test`.

        :param f: the test, called with the value and the arguments in the template.
        :param name: name in templates, by default that of the function.

        .. versionadded:: 0.10
        """
        self._record_template("tests", f, name)

    @overload
    def app_template_global(self, name: T_template_global) -> T_template_global: ...
    @overload
    def app_template_global(
        self, name: str | None = None
    ) -> Callable[[T_template_global], T_template_global]: ...
    @setupmethod
    def app_template_global(
        self, name: T_template_global | str | None = None
    ) -> T_template_global | Callable[[T_template_global], T_template_global]:
        """Register a template global for all templates of the application.

        As :meth:`.Flask.template_global`, also without parentheses.

        :param name: name in templates, by default that of the function.

        .. versionadded:: 0.10
        """

        if callable(name):
            self.add_app_template_global(name)
            return name

        def decorator(f: T_template_global) -> T_template_global:
            self.add_app_template_global(f, name=name)
            return f

        return decorator

    @setupmethod
    def add_app_template_global(
        self, f: ft.TemplateGlobalCallable, name: str | None = None
    ) -> None:
        """Register a template global without :meth:`app_template_global`.

        :param f: the function.
        :param name: name in templates, by default that of the function.

        .. versionadded:: 0.10
        """
        self._record_template("globals", f, name)

    def _record_template(self, kind: str, f: Any, name: str | None) -> None:
        """Record an entry of a dictionary of the Jinja environment."""

        def register(state: BlueprintSetupState) -> None:
            getattr(state.app.jinja_env, kind)[name or f.__name__] = f

        self.record_once(register)

    @setupmethod
    def before_app_request(self, f: T_before_request) -> T_before_request:
        """Like :meth:`before_request`, for every request of the application."""
        self._record_hook("before_request_funcs", f)
        return f

    @setupmethod
    def after_app_request(self, f: T_after_request) -> T_after_request:
        """Like :meth:`after_request`, for every request of the application."""
        self._record_hook("after_request_funcs", f)
        return f

    @setupmethod
    def teardown_app_request(self, f: T_teardown) -> T_teardown:
        """Like :meth:`teardown_request`, for every request of the application."""
        self._record_hook("teardown_request_funcs", f)
        return f

    @setupmethod
    def app_context_processor(
        self, f: T_template_context_processor
    ) -> T_template_context_processor:
        """Like :meth:`context_processor`, for every template of the application."""
        self._record_hook("template_context_processors", f)
        return f

    @setupmethod
    def app_errorhandler(
        self, code: type[Exception] | int
    ) -> Callable[[T_error_handler], T_error_handler]:
        """Like :meth:`errorhandler`, for every request of the application.

        :param code: status code, or class of the error.
        """

        def decorator(f: T_error_handler) -> T_error_handler:
            def register(state: BlueprintSetupState) -> None:
                state.app.errorhandler(code)(f)

            self.record_once(register)
            return f

        return decorator

    @setupmethod
    def app_url_value_preprocessor(
        self, f: T_url_value_preprocessor
    ) -> T_url_value_preprocessor:
        """Like :meth:`url_value_preprocessor`, for every request of the application."""
        self._record_hook("url_value_preprocessors", f)
        return f

    @setupmethod
    def app_url_defaults(self, f: T_url_defaults) -> T_url_defaults:
        """Like :meth:`url_defaults`, for every URL of the application."""
        self._record_hook("url_default_functions", f)
        return f

    def _record_hook(self, registry: str, f: Any) -> None:
        """Record a function for a registry of the application, for every request."""
        self.record_once(
            lambda state: getattr(state.app, registry).setdefault(None, []).append(f)
        )


def _nest_options(
    state: BlueprintSetupState, inner: Blueprint, options: dict[str, Any], name: str
) -> dict[str, Any]:
    """Return the options of a nested blueprint, joined with those of the outer one."""
    prefix = options.get("url_prefix")
    prefix = inner.url_prefix if prefix is None else prefix
    subdomain = options.get("subdomain")
    subdomain = inner.subdomain if subdomain is None else subdomain

    if prefix is None:
        prefix = state.url_prefix
    elif state.url_prefix is not None:
        prefix = f"{state.url_prefix.rstrip('/')}/{prefix.lstrip('/')}"

    if subdomain is None:
        subdomain = state.subdomain
    elif state.subdomain is not None:
        subdomain = f"{subdomain}.{state.subdomain}"

    if prefix is not None:
        options["url_prefix"] = prefix

    if subdomain is not None:
        options["subdomain"] = subdomain

    options["name_prefix"] = name
    return options
