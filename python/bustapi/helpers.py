"""Functions that views call: responses, URLs, files, messages, streams."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from datetime import datetime
from functools import cache, update_wrapper
from typing import (
    IO,
    TYPE_CHECKING,
    Any,
    AnyStr,
    NoReturn,
    ParamSpec,
    cast,
    overload,
)

import werkzeug.utils
from werkzeug.exceptions import abort as _wz_abort
from werkzeug.utils import redirect as _wz_redirect
from werkzeug.wrappers import Response as BaseResponse

from . import _conditions
from .globals import _cv_app, _cv_request, current_app, request, request_ctx, session
from .signals import message_flashed

if TYPE_CHECKING:
    from .wrappers import Response

P = ParamSpec("P")


def get_debug_flag() -> bool:
    """Return whether :envvar:`FLASK_DEBUG` asks for debug mode; off by default."""
    value = os.environ.get("FLASK_DEBUG")
    return bool(value) and cast(str, value).lower() not in {"0", "false", "no"}


def get_load_dotenv(default: bool = True) -> bool:
    """Return whether dotenv files are to be read.

    :envvar:`FLASK_SKIP_DOTENV` decides where it is set.

    :param default: the answer where it is not.
    """
    value = os.environ.get("FLASK_SKIP_DOTENV")

    if not value:
        return default

    return value.lower() in {"0", "false", "no"}


@overload
def stream_with_context(
    generator_or_function: Iterator[AnyStr],
) -> Iterator[AnyStr]: ...
@overload
def stream_with_context(
    generator_or_function: Callable[P, Iterator[AnyStr]],
) -> Callable[P, Iterator[AnyStr]]: ...
def stream_with_context(
    generator_or_function: Iterator[AnyStr] | Callable[..., Iterator[AnyStr]],
) -> Iterator[AnyStr] | Callable[..., Iterator[AnyStr]]:
    """Keep the context of the request while a response is streamed.

    A response's iterator is read after the request's context was left, so that
    ``request`` and ``session`` could not be used in it. This wraps an iterator so that
    the context is entered again before the first item and left after the last one; the
    teardown functions run then too. It may be used as a function or a decorator::

        @app.route("/export")
        def export():
            def lines():
                for row in rows(until=request.args["until"]):
                    yield f"{row}\\n"

            return stream_with_context(lines())

    :param generator_or_function: an iterator, or a function that returns one.
    :raises RuntimeError: when it is called outside of a request.

    .. versionadded:: 0.9
    """
    try:
        iterator = iter(generator_or_function)  # type: ignore[arg-type]
    except TypeError:
        function = cast("Callable[..., Iterator[AnyStr]]", generator_or_function)

        def decorator(*args: Any, **kwargs: Any) -> Any:
            return stream_with_context(function(*args, **kwargs))

        return update_wrapper(decorator, function)

    stream = _stream_in_context(iterator)
    # Up to its first ``yield`` the generator only remembers the contexts of now.
    next(stream)
    return cast("Iterator[AnyStr]", stream)


def _stream_in_context(iterator: Iterator[AnyStr]) -> Iterator[AnyStr | None]:
    request_context = _cv_request.get(None)

    if request_context is None:
        raise RuntimeError(
            "'stream_with_context' was called while no request is being handled. Call it"
            " in a view, or leave it out where the stream does without the request."
        )

    app_context = _cv_app.get()
    yield None

    # One object may be both; then it is entered once.
    outer = nullcontext() if app_context is request_context else app_context

    with outer, request_context:
        try:
            yield from iterator
        finally:
            if hasattr(iterator, "close"):
                iterator.close()


def make_response(*args: Any) -> Response:
    """Make a response of what a view could return, to change it before it is returned.

    ::

        response = make_response(render_template("not_found.html"), 404)
        response.headers["X-Missing"] = "page"

    Without an argument it is an empty response; several are a tuple.

    :param args: what a view could return.

    .. versionadded:: 0.6
    """
    if not args:
        return current_app.response_class()

    return current_app.make_response(args[0] if len(args) == 1 else args)


def url_for(
    endpoint: str,
    *,
    _anchor: str | None = None,
    _method: str | None = None,
    _scheme: str | None = None,
    _external: bool | None = None,
    **values: Any,
) -> str:
    """Build the URL of an endpoint, by :meth:`.Flask.url_for` of the current application.

    ::

        link = url_for("static", filename="style.css")
        absolute = url_for("static", filename="style.css", _external=True)

    :param endpoint: name of the endpoint; with a leading dot, relative to the current
        blueprint.
    :param _anchor: fragment to append after ``#``.
    :param _method: build for the rule of this method.
    :param _scheme: scheme of an absolute URL.
    :param _external: whether to give scheme and host.
    :param values: arguments of the rule; those it does not know become the query.

    .. versionchanged:: 2.2
        Calls ``current_app.url_for``.
    """
    return current_app.url_for(
        endpoint,
        _anchor=_anchor,
        _method=_method,
        _scheme=_scheme,
        _external=_external,
        **values,
    )


def redirect(
    location: str, code: int = 302, Response: type[BaseResponse] | None = None
) -> BaseResponse:
    """Make a response that sends the client to another URL.

    By :meth:`.Flask.redirect` of the current application, where there is one. ::

        @app.get("/old")
        def old():
            return redirect("/new")

    :param location: the URL.
    :param code: status of the redirect.
    :param Response: class of the response, used only without a current application.

    .. versionadded:: 2.2
        Calls ``current_app.redirect``.
    """
    if current_app:
        return current_app.redirect(location, code=code)

    return _wz_redirect(location, code=code, Response=Response)


def abort(code: int | BaseResponse, *args: Any, **kwargs: Any) -> NoReturn:
    """Raise the error of a status code, or answer with a response at once.

    By :attr:`.Flask.aborter` of the current application, where there is one, so that
    its further codes are known. ::

        @app.get("/books/<int:number>")
        def book(number):
            if number not in books:
                abort(404, f"There is no book {number}.")

            return books[number]

    :param code: status code of a registered error, or a response.
    :param args: passed to the error.
    :param kwargs: passed to the error.

    .. versionadded:: 2.2
        Calls ``current_app.aborter``.
    """
    if current_app:
        current_app.aborter(code, *args, **kwargs)

    _wz_abort(code, *args, **kwargs)


def get_template_attribute(template_name: str, attribute: str) -> Any:
    """Return a macro or a variable that a template exports. ::

        price = get_template_attribute("_prices.html", "price")
        label = price(amount, currency="EUR")

    :param template_name: name of the template.
    :param attribute: name of the macro or variable.

    .. versionadded:: 0.2
    """
    return getattr(current_app.jinja_env.get_template(template_name).module, attribute)


def flash(message: str, category: str = "message") -> None:
    """Store a message that the next request shows.

    A template takes it out with :func:`get_flashed_messages`. ::

        flash("The book was saved.", "info")

    :param message: the message.
    :param category: kind of the message; ``"message"``, ``"error"``, ``"info"`` and
        ``"warning"`` are usual, any other may be used.

    .. versionchanged:: 0.3
        Added ``category``.
    """
    # The list is assigned, since a session only notices changes of itself.
    flashes = session.get("_flashes", [])
    flashes.append((category, message))
    session["_flashes"] = flashes

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    message_flashed.send(
        app, _async_wrapper=app.ensure_sync, message=message, category=category
    )


def get_flashed_messages(
    with_categories: bool = False, category_filter: Iterable[str] = ()
) -> list[str] | list[tuple[str, str]]:
    """Return the flashed messages, and remove them from the session.

    Further calls within the same request return the same messages. ::

        for category, message in get_flashed_messages(with_categories=True):
            print(category, message)

    :param with_categories: return pairs of category and message.
    :param category_filter: categories to keep; all by default.

    .. versionchanged:: 0.9
        Added ``category_filter``.
    """
    context = request_ctx
    flashes = context.flashes

    if flashes is None:
        flashes = session.pop("_flashes") if "_flashes" in session else []
        context.flashes = flashes

    if category_filter:
        flashes = [flash for flash in flashes if flash[0] in category_filter]

    if with_categories:
        return flashes

    return [message for _, message in flashes]


def _prepare_send_file_kwargs(**kwargs: Any) -> dict[str, Any]:
    """Return arguments for Werkzeug's ``send_file`` with what the application decides."""
    app = current_app
    app._rename_file_options(kwargs)

    if kwargs.get("max_age") is None:
        kwargs["max_age"] = app.get_send_file_max_age

    kwargs.update(
        environ=request.environ,
        use_x_sendfile=app.config["USE_X_SENDFILE"],
        response_class=app.response_class,
        _root_path=app.root_path,
    )
    return kwargs


def send_file(
    path_or_file: os.PathLike[AnyStr] | str | IO[bytes],
    mimetype: str | None = None,
    as_attachment: bool = False,
    download_name: str | None = None,
    conditional: bool = True,
    etag: bool | str = True,
    last_modified: datetime | int | float | None = None,
    max_age: int | Callable[[str | None], int | None] | None = None,
    # For type checkers there are no others: the old names are for old programs.
    **renamed: NoReturn,
) -> Response:
    """Send a file as the response.

    The path is trusted: never pass one that a client chose; use
    :func:`send_from_directory` for that. The server sends a real file without copying
    it where it can. A file object must be open for bytes and stand at the position to
    begin from. ::

        @app.get("/report")
        def report():
            return send_file("report.txt", as_attachment=True)

    :param path_or_file: path, relative to the application's folder, or a file object.
    :param mimetype: media type, by default guessed from the name.
    :param as_attachment: ask the browser to save the file instead of showing it.
    :param download_name: name to save it under, by default that of the path.
    :param conditional: send a part, or nothing, when the request asks for it by its
        ``Range`` and ``If-…`` fields (RFC 9110). A :attr:`.Flask.response_class` with a
        ``make_conditional`` of its own is asked instead.
    :param etag: compute an entity tag, or the tag itself. A path is needed to compute it.
    :param last_modified: time of the last change, by default that of the path.
    :param max_age: seconds for which the client may cache it, or a function that is given
        the path; by default :meth:`.Flask.get_send_file_max_age`.
    :param renamed: options under names that Flask gave them before 2.0; only
        :class:`.BustAPI` knows them.
    :raises TypeError: for an option that is not known.
    :raises PreconditionFailed: 412, when the request is for another state of the file.
    :raises RequestedRangeNotSatisfiable: 416, when no part that it asks for is there.

    .. versionchanged:: 2.0
        ``download_name``, ``max_age`` and ``etag`` have these names; the default of
        ``max_age`` is None rather than 12 hours.

    .. versionadded:: 0.2
    """
    arguments = _prepare_send_file_kwargs(
        path_or_file=path_or_file,
        mimetype=mimetype,
        as_attachment=as_attachment,
        download_name=download_name,
        conditional=conditional,
        etag=etag,
        last_modified=last_modified,
        max_age=max_age,
        **renamed,
    )
    return _send(werkzeug.utils.send_file, arguments)


def send_from_directory(
    directory: os.PathLike[str] | str, path: os.PathLike[str] | str, **kwargs: Any
) -> Response:
    """Send a file of a folder, answering 404 for what is not inside of it. ::

        @app.route("/manuals/<path:page>")
        def manual(page):
            return send_from_directory("manuals", page, max_age=3600)

    :param directory: the folder, relative to the application's. Trusted.
    :param path: path below the folder; may come from a client.
    :param kwargs: arguments of :func:`send_file`.

    .. versionadded:: 0.5
    """
    arguments = _prepare_send_file_kwargs(directory=directory, path=path, **kwargs)
    return _send(werkzeug.utils.send_from_directory, arguments)


_stock_make_conditional = BaseResponse.make_conditional


def _send(function: Callable[..., BaseResponse], arguments: dict[str, Any]) -> Response:
    """Send a file with a function of Werkzeug, and judge the conditions of the request.

    A class of responses that has a ``make_conditional`` of its own judges them itself.
    """
    response_class = arguments["response_class"]

    if (
        not arguments.get("conditional", True)
        or response_class.make_conditional is not _stock_make_conditional
    ):
        return cast("Response", function(**arguments))

    response = function(**{**arguments, "conditional": False})
    return cast(
        "Response", _conditions.make_conditional(response, arguments["environ"])
    )


def get_root_path(import_name: str) -> str:
    """Return the folder of a module or package; the current one if it has none.

    :param import_name: name of the module or package.
    :raises RuntimeError: for a package without a file, such as a namespace package.
    """
    module = sys.modules.get(import_name)
    path: str | None = getattr(module, "__file__", None)

    if path is not None:
        return os.path.dirname(os.path.abspath(path))

    loader = _find_loader(import_name)

    # An interactive session, or ``__main__`` without a file.
    if loader is None:
        return os.getcwd()

    if hasattr(loader, "get_filename"):
        path = cast(str, loader.get_filename(import_name))
    else:
        # Loaders need not tell the file before the module is imported.
        __import__(import_name)
        path = getattr(sys.modules[import_name], "__file__", None)

        if path is None:
            raise RuntimeError(
                f"The module {import_name!r} has no file, so the folder of the"
                " application cannot be found from it; it may be a namespace package."
                " Pass 'root_path'."
            )

    return os.path.dirname(os.path.abspath(path))


def _find_loader(import_name: str) -> Any:
    """Return the loader of a module that is not imported, None if there is none."""
    try:
        spec = importlib.util.find_spec(import_name)
    except (ImportError, ValueError):
        return None

    return None if spec is None else spec.loader


@cache
def _split_blueprint_path(name: str) -> list[str]:
    """Return the names of a nested blueprint and of those around it, itself first."""
    names = [name]

    while "." in name:
        name = name.rpartition(".")[0]
        names.append(name)

    return names
