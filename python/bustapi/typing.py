"""Aliases for what views, hooks and handlers take and return."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

if t.TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from werkzeug.datastructures import Headers
    from werkzeug.sansio.response import Response

#: What ``make_response`` turns into a response by itself.
ResponseValue = t.Union[
    "Response",
    str,
    bytes,
    list[t.Any],
    # A mapping is covariant in its values, so that a TypedDict is accepted.
    t.Mapping[str, t.Any],
    t.Iterator[str],
    t.Iterator[bytes],
    cabc.AsyncIterable[str],
    cabc.AsyncIterable[bytes],
]

#: The value of one header field, or of several of the same name.
HeaderValue = str | list[str] | tuple[str, ...]

#: What may stand for the headers in a tuple that a view returns.
HeadersValue = t.Union[
    "Headers",
    t.Mapping[str, HeaderValue],
    t.Sequence[tuple[str, HeaderValue]],
]

#: All that a view may return.
ResponseReturnValue = t.Union[
    ResponseValue,
    tuple[ResponseValue, HeadersValue],
    tuple[ResponseValue, int],
    tuple[ResponseValue, int, HeadersValue],
    "WSGIApplication",
]

#: Bound to Werkzeug's sans-I/O class, so that any response class of an application fits.
ResponseClass = t.TypeVar("ResponseClass", bound="Response")

#: Name of a blueprint, or None for the application: the key of a registry.
AppOrBlueprintKey = str | None

#: A function that is given each response and returns one.
AfterRequestCallable = (
    t.Callable[[ResponseClass], ResponseClass]
    | t.Callable[[ResponseClass], t.Awaitable[ResponseClass]]
)
#: A function without arguments or result; Flask kept the name.
BeforeFirstRequestCallable = t.Callable[[], None] | t.Callable[[], t.Awaitable[None]]
#: A function called before the view; what it returns may answer in its place.
BeforeRequestCallable = (
    t.Callable[[], ResponseReturnValue | None]
    | t.Callable[[], t.Awaitable[ResponseReturnValue | None]]
)
#: A function that provides names for the shell.
ShellContextProcessorCallable = t.Callable[[], dict[str, t.Any]]
#: A function that is given the error a context ended with, or None.
TeardownCallable = (
    t.Callable[[BaseException | None], None]
    | t.Callable[[BaseException | None], t.Awaitable[None]]
)
#: A function that provides values for templates.
TemplateContextProcessorCallable = (
    t.Callable[[], dict[str, t.Any]] | t.Callable[[], t.Awaitable[dict[str, t.Any]]]
)
#: A template filter: the value first, then the arguments of the filter.
TemplateFilterCallable = t.Callable[..., t.Any]
#: A function that templates can call.
TemplateGlobalCallable = t.Callable[..., t.Any]
#: A template test: says whether the value passes it.
TemplateTestCallable = t.Callable[..., bool]
#: A function that is given endpoint and values before a URL is built.
URLDefaultCallable = t.Callable[[str, dict[str, t.Any]], None]
#: A function that is given endpoint and values of a URL before the view.
URLValuePreprocessorCallable = t.Callable[[str | None, dict[str, t.Any] | None], None]

# The argument is Any: a handler of one exception class is registered for that class, and
# a parameter type is contravariant, so no narrower alias would accept it.
#: A function that answers an error, see :meth:`.Flask.errorhandler`.
ErrorHandlerCallable = (
    t.Callable[[t.Any], ResponseReturnValue]
    | t.Callable[[t.Any], t.Awaitable[ResponseReturnValue]]
)

#: A view function.
RouteCallable = (
    t.Callable[..., ResponseReturnValue]
    | t.Callable[..., t.Awaitable[ResponseReturnValue]]
)
