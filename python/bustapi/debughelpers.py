"""Errors and explanations that are shown in debug mode only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from jinja2.loaders import BaseLoader
from werkzeug.routing import RequestRedirect

from .globals import _cv_request

# Not used here; who takes it from here in Flask finds it.
from .globals import request_ctx as request_ctx

if TYPE_CHECKING:
    from .sansio.app import App
    from .sansio.scaffold import Scaffold
    from .wrappers import Request

    # What a loader finds: source, file name, a function that tells if it is current.
    Source = tuple[str, str | None, Callable[[], bool] | None]


class UnexpectedUnicodeError(AssertionError, UnicodeError):
    """Raised where text or bytes of the wrong kind came, with advice.

    An ``AssertionError``, so that it is not answered as an error of the client.
    """


class DebugFilesKeyError(KeyError, AssertionError):
    """Raised for a missing file that came as a form field, and says why.

    :param request: the request.
    :param key: name of the field.
    """

    def __init__(self, request: Request, key: str) -> None:
        submitted = request.form.getlist(key)
        parts = [
            f"The file {key!r} was looked for in 'request.files', but there is no such"
            f" file. The form was sent as {request.mimetype!r} and not as"
            " 'multipart/form-data', so no file contents were transmitted. Give the"
            " form the attribute 'enctype=\"multipart/form-data\"'."
        ]

        if submitted:
            names = ", ".join(repr(name) for name in submitted)
            parts.append(
                "The browser sent the name of the file in its place."
                f" This was submitted: {names}"
            )

        #: What is shown.
        self.msg = "\n\n".join(parts)

    def __str__(self) -> str:
        return self.msg


class FormDataRoutingRedirect(AssertionError):
    """Raised for a redirect that would lose the form data of the request.

    :param request: the request, whose ``routing_exception`` is the redirect.
    """

    def __init__(self, request: Request) -> None:
        redirect = cast(RequestRedirect, request.routing_exception)
        assert isinstance(redirect, RequestRedirect)
        parts = [
            f"A request was sent to {request.url!r}. Its rule redirects it to the"
            f" canonical URL {redirect.new_url!r}."
        ]

        if f"{request.base_url}/" == redirect.new_url.partition("?")[0]:
            parts.append(
                " The rule ends with a slash, so a URL without one is redirected."
            )

        parts.append(
            f" Browsers drop form data on such a redirect. Send {request.method}"
            " requests to the canonical URL, or answer with status 307 or 308."
            "\n\nThis error is raised in debug mode only."
        )
        super().__init__("".join(parts))


def attach_enctype_error_multidict(request: Request) -> None:
    """Make a missing key of ``request.files`` explain a form of the wrong type.

    :param request: a request whose form was not sent as ``multipart/form-data``.
    """
    stock = request.files.__class__

    class ExplainingFiles(stock):  # type: ignore[valid-type, misc]
        def __getitem__(self, key: str) -> Any:
            try:
                return super().__getitem__(key)
            except KeyError as e:
                if key not in request.form:
                    raise

                raise DebugFilesKeyError(request, key).with_traceback(
                    e.__traceback__
                ) from None

    ExplainingFiles.__name__ = stock.__name__
    ExplainingFiles.__module__ = stock.__module__
    request.files.__class__ = ExplainingFiles


def _dump_loader_info(loader: BaseLoader) -> Iterator[str]:
    """Yield lines that describe a loader: its class and its plain attributes."""
    yield f"class: {type(loader).__module__}.{type(loader).__name__}"

    for name, value in sorted(loader.__dict__.items()):
        if name.startswith("_"):
            continue

        if isinstance(value, (tuple, list)):
            if not all(isinstance(item, str) for item in value):
                continue

            yield f"{name}:"
            yield from (f"  - {item}" for item in value)
        elif isinstance(value, (str, int, float, bool)):
            yield f"{name}: {value!r}"


def explain_template_loading_attempts(
    app: App,
    template: str,
    attempts: list[tuple[BaseLoader, Scaffold, Source | None]],
) -> None:
    """Log where a template was looked for (:data:`EXPLAIN_TEMPLATE_LOADING`).

    :param app: the application.
    :param template: name of the template.
    :param attempts: each loader with whom it belongs to and what it found.
    """
    lines = [f"Locating template {template!r}:"]

    for number, (loader, owner, source) in enumerate(attempts, start=1):
        lines.append(f"{number:5}: trying loader of {_describe_owner(owner)}")
        lines += [f"       {line}" for line in _dump_loader_info(loader)]
        lines.append(f"       -> {_describe_source(source)}")

    found = sum(source is not None for _, _, source in attempts)

    if found == 0:
        lines.append("Error: the template could not be found.")
    elif found > 1:
        lines.append("Warning: several loaders have a template of this name.")

    context = _cv_request.get(None)
    blueprint = None if context is None else context.request.blueprint

    if found != 1 and blueprint is not None:
        lines += [
            "  The template was looked up from an endpoint that belongs to the"
            f" blueprint {blueprint!r}.",
            "  Perhaps it does not lie in the right folder?",
            "  See https://flask.palletsprojects.com/blueprints/#templates",
        ]

    app.logger.info("\n".join(lines))


def _describe_owner(owner: object) -> str:
    # Not at the top: these are made of what stands on this layer.
    from .sansio.app import App
    from .sansio.blueprints import Blueprint

    if isinstance(owner, App):
        return f"application {owner.import_name!r}"

    if isinstance(owner, Blueprint):
        return f"blueprint {owner.name!r} ({owner.import_name})"

    return repr(owner)


def _describe_source(source: Source | None) -> str:
    if source is None:
        return "no match"

    return f"found ({source[1] or '<string>'!r})"
