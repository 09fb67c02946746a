"""Templates: Jinja with the loaders and the context of an application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from jinja2 import BaseLoader, Template, TemplateNotFound
from jinja2 import Environment as BaseEnvironment
from jinja2.utils import LRUCache

from .globals import _cv_app, _cv_request, current_app

# Not used here; who takes it from here in Flask finds it.
from .globals import request as request
from .helpers import stream_with_context
from .signals import before_render_template, template_rendered

if TYPE_CHECKING:
    from .app import Flask
    from .sansio.app import App
    from .sansio.scaffold import Scaffold

# What a loader finds: source, file name, a function that tells if it is current.
_Source = tuple[str, str | None, Callable[[], bool] | None]

# Most templates made from strings that an environment keeps compiled.
_MAX_STRING_TEMPLATES = 128


def _default_template_ctx_processor() -> dict[str, Any]:
    """Return ``g`` and ``request`` for the context of a template.

    ``session`` is a global of the environment and stays the proxy, so that a template
    that reads it marks the session as accessed and one that does not leaves it alone.
    """
    app_context = _cv_app.get(None)
    request_context = _cv_request.get(None)
    values: dict[str, Any] = {}

    if app_context is not None:
        values["g"] = app_context.g

    if request_context is not None:
        values["request"] = request_context.request

    return values


class Environment(BaseEnvironment):
    """Jinja's environment, which finds templates of blueprints too.

    :param app: the application.
    :param options: options of Jinja; the loader is
        :meth:`.Flask.create_global_jinja_loader` unless one is given.
    """

    def __init__(self, app: App, **options: Any) -> None:
        if "loader" not in options:
            options["loader"] = app.create_global_jinja_loader()

        super().__init__(**options)
        #: The application whose templates these are.
        self.app = app
        self._string_templates = _StringTemplates()


class DispatchingJinjaLoader(BaseLoader):
    """Looks for a template in the application, then in its blueprints.

    :param app: the application.
    """

    def __init__(self, app: App) -> None:
        #: The application whose templates these are.
        self.app = app

    def get_source(self, environment: BaseEnvironment, template: str) -> _Source:
        """Return source, file name and up-to-date function of the first match.

        :param environment: the environment that asks.
        :param template: name of the template.
        :raises jinja2.TemplateNotFound: when nobody has it.
        """
        if self.app.config["EXPLAIN_TEMPLATE_LOADING"]:
            return self._get_source_explained(environment, template)

        return self._get_source_fast(environment, template)

    def _get_source_explained(
        self, environment: BaseEnvironment, template: str
    ) -> _Source:
        """Ask every loader, log what each said, and return the first match."""
        from .debughelpers import explain_template_loading_attempts

        attempts: list[tuple[BaseLoader, Scaffold, _Source | None]] = []
        match: _Source | None = None

        for owner, loader in self._iter_loaders(template):
            source: _Source | None

            try:
                source = loader.get_source(environment, template)
            except TemplateNotFound:
                source = None
            else:
                match = match or source

            attempts.append((loader, owner, source))

        explain_template_loading_attempts(self.app, template, attempts)

        if match is None:
            raise TemplateNotFound(template)

        return match

    def _get_source_fast(self, environment: BaseEnvironment, template: str) -> _Source:
        """Return what the first loader finds."""
        for _, loader in self._iter_loaders(template):
            try:
                return loader.get_source(environment, template)
            except TemplateNotFound:
                continue

        raise TemplateNotFound(template)

    def _iter_loaders(self, template: str) -> Iterator[tuple[Scaffold, BaseLoader]]:
        """Yield who has a loader, with the loader."""
        if self.app.jinja_loader is not None:
            yield self.app, self.app.jinja_loader

        for blueprint in self.app.iter_blueprints():
            if blueprint.jinja_loader is not None:
                yield blueprint, blueprint.jinja_loader

    def list_templates(self) -> list[str]:
        """Return the names of all templates."""
        names: set[str] = set()

        for _, loader in self._iter_loaders(""):
            names.update(loader.list_templates())

        return list(names)


def _render(app: Flask, template: Template, context: dict[str, Any]) -> str:
    app.update_template_context(context)

    if before_render_template.receivers:
        before_render_template.send(
            app, _async_wrapper=app.ensure_sync, template=template, context=context
        )

    text = template.render(context)

    if template_rendered.receivers:
        template_rendered.send(
            app, _async_wrapper=app.ensure_sync, template=template, context=context
        )

    return text


def render_template(
    template_name_or_list: str | Template | list[str | Template],
    **context: Any,
) -> str:
    """Render a template of the application or a blueprint. ::

        page = render_template("hello.html", person="Ada")

    :param template_name_or_list: name of the template; of a list, the first that exists
        is taken.
    :param context: values for the template.
    """
    app = _current_app()
    template = app.jinja_env.get_or_select_template(template_name_or_list)
    return _render(app, template, context)


def render_template_string(source: str, **context: Any) -> str:
    """Render a template from its source, with escaping on.

    The source is code: never build it from what a client sent; pass that as a value.

    :param source: source of the template.
    :param context: values for the template.
    """
    app = _current_app()
    return _render(app, _template_from_string(app.jinja_env, source), context)


def _stream(app: Flask, template: Template, context: dict[str, Any]) -> Iterator[str]:
    app.update_template_context(context)

    if before_render_template.receivers:
        before_render_template.send(
            app, _async_wrapper=app.ensure_sync, template=template, context=context
        )

    def generate() -> Iterator[str]:
        yield from template.generate(context)

        if template_rendered.receivers:
            template_rendered.send(
                app, _async_wrapper=app.ensure_sync, template=template, context=context
            )

    stream = generate()

    if _cv_request.get(None) is not None:
        return stream_with_context(stream)

    return stream


def stream_template(
    template_name_or_list: str | Template | list[str | Template],
    **context: Any,
) -> Iterator[str]:
    """Render a template piece by piece; the result may be returned by a view. ::

        @app.get("/export")
        def export():
            return stream_template("rows.html", rows=rows(until=10))


    In a request its context stays available to the template.

    :param template_name_or_list: name of the template; of a list, the first that exists
        is taken.
    :param context: values for the template.

    .. versionadded:: 2.2
    """
    app = _current_app()
    template = app.jinja_env.get_or_select_template(template_name_or_list)
    return _stream(app, template, context)


def stream_template_string(source: str, **context: Any) -> Iterator[str]:
    """Render a template from its source piece by piece, with escaping on.

    :param source: source of the template.
    :param context: values for the template.

    .. versionadded:: 2.2
    """
    app = _current_app()
    return _stream(app, _template_from_string(app.jinja_env, source), context)


def _current_app() -> Flask:
    context = _cv_app.get(None)

    if context is None:
        # Raises the error that explains it.
        return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]

    return context.app


def _template_from_string(environment: BaseEnvironment, source: str) -> Template:
    """Return the template of a source, compiled before if nothing has changed since."""
    # An overlay shares the attributes of its environment, and must not share this.
    if environment.__class__ is Environment and environment.linked_to is None:
        return environment._string_templates.get(environment, source)

    return environment.from_string(source)


# Attributes of an environment that decide what a source is compiled to.
_SYNTAX = (
    "block_start_string",
    "block_end_string",
    "variable_start_string",
    "variable_end_string",
    "comment_start_string",
    "comment_end_string",
    "line_statement_prefix",
    "line_comment_prefix",
    "trim_blocks",
    "lstrip_blocks",
    "newline_sequence",
    "keep_trailing_newline",
    "optimized",
    "finalize",
    "undefined",
    "autoescape",
    "is_async",
    "sandboxed",
    "template_class",
    "code_generator_class",
    "context_class",
)


class _StringTemplates:
    """Templates that were made from strings, compiled once.

    Jinja compiles a source on each call, which takes ten times as long as rendering it.
    What a source is compiled to depends on the environment too, down to its filters,
    since Jinja evaluates constant expressions; so its state is compared on each look,
    and everything is compiled anew when it has changed. An extension may read anything
    while it parses, so with others than Jinja's own nothing is kept.
    """

    def __init__(self) -> None:
        self._state: tuple[Any, ...] | None = None
        self._templates: LRUCache = LRUCache(_MAX_STRING_TEMPLATES)

    def get(self, environment: Environment, source: str) -> Template:
        """Return the template of a source in an environment."""
        if source.__class__ is not str or not _is_determined(environment):
            return environment.from_string(source)

        state = _state_of(environment)

        if state != self._state:
            # A new cache, so that a thread that compiles now fills the old one.
            self._templates = LRUCache(_MAX_STRING_TEMPLATES)
            self._state = state

        templates = self._templates
        template: Template | None = templates.get(source)

        if template is None:
            template = templates[source] = environment.from_string(source)

        return template


def _is_determined(environment: Environment) -> bool:
    """Return whether compiling depends on nothing but the environment's attributes."""
    for name in environment.extensions:
        if not name.startswith("jinja2.ext."):
            return False

    attributes = environment.__dict__
    return not any(name in attributes for name in ("from_string", "compile", "_parse"))


def _state_of(environment: Environment) -> tuple[Any, ...]:
    """Return a picture of all that a source's compiled form depends on."""
    attributes = environment.__dict__
    autoescape = environment.autoescape

    return (
        [attributes.get(name, getattr(environment, name)) for name in _SYNTAX],
        # The choice for a template without a name is compiled into it.
        autoescape(None) if callable(autoescape) else autoescape,
        id(environment.globals),
        attributes.get("newstyle_gettext"),
        environment.extensions.copy(),
        environment.filters.copy(),
        environment.tests.copy(),
        environment.policies.copy(),
    )
