"""Request and response of an application: Werkzeug's, with what Flask adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

from werkzeug.datastructures import EnvironHeaders, Headers
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge
from werkzeug.sansio.utils import get_host
from werkzeug.utils import cached_property, get_content_type
from werkzeug.wrappers import Request as RequestBase
from werkzeug.wrappers import Response as ResponseBase
from werkzeug.wsgi import ClosingIterator

from . import json
from ._bustapi import Unpatched, lazy_attribute
from ._lazy import assign_none, assigned, delete
from ._werkzeug import LimitedStream
from ._wire import call_wsgi, environ_of, head_template, without_body
from .globals import current_app
from .helpers import _split_blueprint_path

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from typing_extensions import Self
    from werkzeug.routing import Rule

    from ._bustapi import Body, RequestHead, Wire
    from .ctx import AppContext


class Request(RequestBase):
    """The request that :data:`~bustapi.request` stands for.

    Werkzeug's request, plus the rule that matched and its arguments. A subclass set as
    :attr:`.Flask.request_class` replaces it.

    There are two ways to make one: from a WSGI environ, and by the server from the head
    it parsed. The second builds the environ, and what depends on it, when something
    reads it; both answer alike.
    """

    json_module: Any = json

    #: The rule that matched, with its methods and endpoint. None when none did; then
    #: ``routing_exception`` tells why.
    #:
    #: .. versionadded:: 0.6
    url_rule: Rule | None = None

    #: Arguments that the rule found in the path; None when nothing matched.
    view_args: dict[str, Any] | None = None

    #: The error that is going to be raised in place of a view: not found, method not
    #: allowed, or a redirect.
    routing_exception: HTTPException | None = None

    _head: RequestHead | None = None
    _body: Body | None = None
    _max_content_length: int | None = None
    _max_form_memory_size: int | None = None
    _max_form_parts: int | None = None

    @classmethod
    def _from_head(cls, head: RequestHead, body: Body | None) -> Request:
        """Make the request from the parsed head and the reader of its body."""
        self: Request = object.__new__(cls)

        if self not in _made_of_heads:
            # Whoever makes requests in his own way is given what he knows: an environ.
            return cls(environ_of(head, body))

        self._head = head
        self._body = body
        return self

    def _forget_environ(self) -> None:
        """Break the cycle of environ and request at the end of a request."""
        if self._head is None or "environ" in self.__dict__:
            self.environ["werkzeug.request"] = None

    # What Werkzeug takes from the environ when the object is made.

    @lazy_attribute
    def environ(self) -> WSGIEnvironment:
        """The WSGI environ of the request."""
        environ = environ_of(cast("RequestHead", self._head), self._body)
        environ["werkzeug.request"] = self
        return environ

    @lazy_attribute
    def headers(self) -> EnvironHeaders:  # type: ignore[override]
        """The header fields that came, a view of the environ."""
        return EnvironHeaders(self.environ)

    @cached_property
    def host(self) -> str:
        """The host that the request is for, with the port unless it is the scheme's.

        :raises SecurityError: when it is none of the trusted hosts.
        """
        head = self._head
        host = self.headers.get("host") if head is None else head.host
        # Where a rule was found the host has been judged, before anything could change.
        trusted = None if self.url_rule is not None else self.trusted_hosts
        return get_host(self.scheme, host, None if host else self.server, trusted)

    @lazy_attribute
    def method(self) -> str:
        """The method of the request in capitals."""
        return cast("RequestHead", self._head).method.upper()

    @lazy_attribute
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return cast("RequestHead", self._head).scheme

    @lazy_attribute
    def server(self) -> tuple[str, int | None] | None:
        """Host and port that the server listens on."""
        environ = self.environ
        return environ["SERVER_NAME"], int(environ["SERVER_PORT"])

    @lazy_attribute
    def root_path(self) -> str:
        """Prefix under which the application is mounted; the server mounts at the root."""
        return ""

    @lazy_attribute
    def path(self) -> str:
        """Path of the URL below the root path, with its leading slash."""
        return "/" + cast("RequestHead", self._head).path.lstrip("/")

    @lazy_attribute
    def query_string(self) -> bytes:
        """What stands after the ``?``, as it came."""
        return cast("RequestHead", self._head).query_string

    @lazy_attribute
    def remote_addr(self) -> str | None:
        """Address of the client."""
        return cast("RequestHead", self._head).remote_addr

    @lazy_attribute
    def shallow(self) -> bool:
        """Whether reading the body is an error."""
        return False

    @cached_property
    def stream(self) -> Any:
        """The body as a file that ends where the body ends.

        :raises RequestEntityTooLarge: when it is longer than :attr:`max_content_length`.
        """
        body = self._body

        # A chunked body has no declared length, but once collected a known one.
        if body is not None and body.length is not None:
            limit = self.max_content_length

            if limit is not None and body.length > limit:
                raise RequestEntityTooLarge()

        stream = cast(Any, RequestBase.stream).fget(self)

        if type(stream) is LimitedStream and self.content_length is None:
            return _UndeclaredStream(
                self.environ["wsgi.input"], stream.limit, is_max=True
            )

        return stream

    @property
    def max_content_length(self) -> int | None:
        """Most bytes of the body that are read for this request; None for no limit.

        More is answered with 413. Taken from :data:`MAX_CONTENT_LENGTH` unless it is set
        on the request, which a view or a hook may do before the body is read.

        .. versionchanged:: 3.1
            Can be set per request.

        .. versionchanged:: 0.6
            Configurable.
        """
        if self._max_content_length is not None:
            return self._max_content_length

        if not current_app:
            return super().max_content_length

        return cast("int | None", current_app.config["MAX_CONTENT_LENGTH"])

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self._max_content_length = value

    @property
    def max_form_memory_size(self) -> int | None:
        """Most bytes that a multipart field, not a file, may take; None for no limit.

        More is answered with 413. Taken from :data:`MAX_FORM_MEMORY_SIZE` unless set on
        the request.

        .. versionchanged:: 3.1
            Configurable, and can be set per request.
        """
        if self._max_form_memory_size is not None:
            return self._max_form_memory_size

        if not current_app:
            return super().max_form_memory_size

        return cast("int | None", current_app.config["MAX_FORM_MEMORY_SIZE"])

    @max_form_memory_size.setter
    def max_form_memory_size(self, value: int | None) -> None:
        self._max_form_memory_size = value

    @property  # type: ignore[override]
    def max_form_parts(self) -> int | None:
        """Most parts of a multipart body, fields and files; None for no limit.

        More is answered with 413. Taken from :data:`MAX_FORM_PARTS` unless set on the
        request.

        .. versionchanged:: 3.1
            Configurable, and can be set per request.
        """
        if self._max_form_parts is not None:
            return self._max_form_parts

        if not current_app:
            return super().max_form_parts

        return cast("int | None", current_app.config["MAX_FORM_PARTS"])

    @max_form_parts.setter
    def max_form_parts(self, value: int | None) -> None:
        self._max_form_parts = value

    @property
    def endpoint(self) -> str | None:
        """Endpoint of the rule that matched, None when none did.

        With :attr:`view_args` it builds this URL again, or one like it.
        """
        rule = self.url_rule
        return None if rule is None else cast(str, rule.endpoint)

    @property
    def blueprint(self) -> str | None:
        """Name under which the current blueprint is registered, dotted when nested."""
        endpoint = self.endpoint

        if endpoint is None or "." not in endpoint:
            return None

        return endpoint.rpartition(".")[0]

    @property
    def blueprints(self) -> list[str]:
        """Names of the current blueprint and those around it, innermost first.

        .. versionadded:: 2.0.1
        """
        name = self.blueprint
        return [] if name is None else _split_blueprint_path(name)

    def _load_form_data(self) -> None:
        super()._load_form_data()

        # In debug mode a missing file explains that the form has the wrong enctype.
        if (
            current_app
            and current_app.debug
            and self.mimetype != "multipart/form-data"
            and not self.files
        ):
            from .debughelpers import attach_enctype_error_multidict

            attach_enctype_error_multidict(self)

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Answer 400 for malformed JSON and 415 for another type.

        The detail of a parse error is shown in debug mode only.
        """
        try:
            return super().on_json_loading_failed(e)
        except BadRequest as error:
            if current_app and current_app.debug:
                raise

            raise BadRequest() from error


# Requests that are made of the head that the server parsed: of classes that make them in
# Werkzeug's way, and have nothing of their own in the place of what is built later.
_made_of_heads = Unpatched(
    {
        "__init__": Request.__init__,
        "__new__": object.__new__,
        "__getattribute__": object.__getattribute__,
        "__setattr__": object.__setattr__,
        **{
            name: value
            for name, value in vars(Request).items()
            if isinstance(value, lazy_attribute)
        },
    }
)


class _UndeclaredStream(LimitedStream):
    """A body of unknown length that must not be longer than the limit.

    Werkzeug's stream returns the part up to the limit as if it were the body.
    """

    def readall(self) -> bytes:
        body = super().readall()

        if self.is_exhausted and self._stream.read(1):
            raise RequestEntityTooLarge()

        return body


# What headers come to that nobody has looked at: the content type, the head of a response
# that has only that, and else None and the fields that were added.
_Described: TypeAlias = tuple[str, bytes | None, tuple[tuple[str, str], ...]]

# For mimetypes that responses were given: what they come to, with the content type as
# Werkzeug completes it. Bounded, since they can come from anywhere.
_MAX_CONTENT_TYPES = 256
_content_types: dict[str, _Described] = {}


_class_of_object: Any = vars(object)["__class__"]
_KEPT = {
    "headers": "_headers",
    "response": "_pieces",
    "_on_close": "_close_functions",
}


class Response(ResponseBase):
    """The response that views return or that is made of what they return.

    Werkzeug's response with ``text/html`` as its default type, and JSON through the
    application's provider. A subclass set as :attr:`.Flask.response_class` replaces it.

    .. versionchanged:: 1.0
        Added :attr:`max_cookie_size`; JSON support.
    """

    default_mimetype: str | None = "text/html"

    json_module = json

    autocorrect_location_header = False

    # A whole body that nobody has looked at, and what stands for the headers while nobody
    # has looked at them, nor at the functions that are called at the end: the content
    # type, and the head of a response that has only that.
    _body: bytes | None = None
    _described: _Described | None = None
    # What was built already. None while nobody has looked at it, and for what was made by
    # another class and turned into this one (``force_type``): its values are in the
    # dictionary of the object under their own names.
    _pieces: Any = None
    _headers: Any = None
    _close_functions: Any = None

    def __init__(
        self,
        response: Any = None,
        status: Any = None,
        headers: Any = None,
        mimetype: str | None = None,
        content_type: str | None = None,
        direct_passthrough: bool = False,
    ) -> None:
        # PERF: a whole body with nothing said but its type is most responses. Three
        # objects (Headers, the lists of the body and of close functions) and a dozen calls
        # are put off until somebody looks; Werkzeug's constructor costs 3 µs, this 0.3.
        kind = type(response)

        if (
            (kind is str or kind is bytes)
            and headers is None
            and content_type is None
            and not direct_passthrough
            and self in _whole_responses
        ):
            if mimetype is None:
                mimetype = self.default_mimetype

            described = _content_types.get(mimetype)  # type: ignore[arg-type]

            if described is None:
                described = _complete_content_type(mimetype)

            if described is not None:
                self._body = response.encode() if kind is str else response
                self._described = described
                self.direct_passthrough = False
                self._status = "200 OK"
                self._status_code = 200

                if status is not None and status != 200:
                    self.status = status

                return

        # None would mean that another class has made it.
        self._headers = self._pieces = self._close_functions = ()
        super(Response, self).__init__(  # noqa: UP008
            response, status, headers, mimetype, content_type, direct_passthrough
        )

    # An object that is turned into one of another class (``force_type`` of that class does
    # it) has its attributes where Werkzeug has them.

    @property
    def __class__(self) -> type[Self]:
        return type(self)

    @__class__.setter
    def __class__(self, cls: Any) -> None:
        if not issubclass(cls, Response):
            for name, kept_as in _KEPT.items():
                if hasattr(self, name):
                    self.__dict__[name] = getattr(self, name)
                    self.__dict__.pop(kept_as, None)

            self.__dict__.pop("_body", None)
            self.__dict__.pop("_described", None)

        _class_of_object.__set__(self, cls)

    @property
    def response(self) -> Any:
        """The body: a list of ``bytes`` when it is whole, else what yields its parts."""
        pieces = self._pieces

        if pieces is None:
            if self._body is None:
                return assigned(self, "response")

            self._settle()
            pieces = self._pieces = [self._body]
            self._body = None

        return pieces

    @response.setter
    def response(self, pieces: Any) -> None:
        self._settle()

        if self._pieces is None and self._body is None:
            self.__dict__.pop("response", None)

        self._body = None

        if pieces is None:
            assign_none(self, "response", "_pieces")
        else:
            self._pieces = pieces

    @response.deleter
    def response(self) -> None:
        self._settle()

        if self._body is not None:
            self._body = None
        else:
            delete(self, "response", "_pieces")

    def _settle(self) -> None:
        """Make what was put off, but the list of the body, before a part changes."""
        if self._described is not None:
            content_type, _, appended = self._described
            length = str(len(cast(bytes, self._body)))
            self._headers = Headers(
                [
                    ("Content-Type", content_type),
                    ("Content-Length", length),
                    *appended,
                ]
            )
            self._close_functions = []
            self._described = None

    def _append(self, name: str, value: str) -> bool:
        """Append a field if nobody has looked at the headers; False: somebody has.

        :param name: a name that the headers do not have, or may have twice.
        :param value: a value without line breaks.
        """
        described = self._described

        if described is None:
            return False

        # PERF: not in an attribute of its own. With one more than usual the delivery
        # would look at all of them (`Unpatched`), which costs 2,000 instructions.
        self._described = (described[0], None, (*described[2], (name, value)))
        return True

    def _has_appended(self, name: str, value: str) -> bool:
        """Return whether a field was appended and nobody has looked at the headers since."""
        described = self._described
        return described is not None and (name, value) in described[2]

    @property
    def headers(self) -> Any:
        """Header fields of the response, a mutable list with names in any case."""
        if self._described is not None:
            self._settle()

        headers = self._headers
        return assigned(self, "headers") if headers is None else headers

    @headers.setter
    def headers(self, headers: Headers) -> None:
        self._settle()

        if self._headers is None:
            self.__dict__.pop("headers", None)

        if headers is None:
            assign_none(self, "headers", "_headers")
        else:
            self._headers = headers

    @headers.deleter
    def headers(self) -> None:
        self._settle()
        delete(self, "headers", "_headers")

    @property
    def _on_close(self) -> Any:
        functions = self._close_functions

        if functions is None:
            if self._described is None:
                return assigned(self, "_on_close")

            self._settle()
            functions = self._close_functions

        return functions

    @_on_close.setter
    def _on_close(self, functions: Any) -> None:
        self._settle()

        if self._close_functions is None:
            self.__dict__.pop("_on_close", None)

        if functions is None:
            assign_none(self, "_on_close", "_close_functions")
        else:
            self._close_functions = functions

    @_on_close.deleter
    def _on_close(self) -> None:
        self._settle()
        delete(self, "_on_close", "_close_functions")

    def to_wire(self, context: AppContext) -> Wire:
        """Return the response as the server takes it.

        :param context: the context of the request; its environ is built only if
            something depends on it.
        """
        # Whoever replaced what is delivered over WSGI, or how, is served through it.
        if self not in _native_deliveries:
            return call_wsgi(self, context.request.environ)

        described = self._described

        # PERF: the response that was made by the constructor and that nobody looked at.
        if (
            described is not None
            and self._status == "200 OK"
            and (context._request is None or context._method != "HEAD")
        ):
            template = described[1]

            if template is not None:
                return 200, template, self._body  # type: ignore[return-value]

            length = str(len(self._body))  # type: ignore[arg-type]
            fields = [("Content-Type", described[0]), ("Content-Length", length)]
            return "200 OK", [*fields, *described[2]], self._body

        if type(self.headers) is not Headers:
            return call_wsgi(self, context.request.environ)

        return self._status, self._wire_headers(context), self._wire_body(context)

    def _wire_headers(self, context: AppContext) -> list[tuple[str, str]]:
        status = self._status_code

        if status >= 200 and status != 204 and status != 304:
            fields = self.headers.to_wsgi_list()
            has_length = False

            for name, _ in fields:
                lowered = name.lower()

                if lowered == "content-length":
                    has_length = True
                elif lowered == "location" or lowered == "content-location":
                    break
            else:
                if has_length or not self.is_sequence:
                    if self.direct_passthrough and "X-Sendfile" in self.headers:
                        is_head = context._method == "HEAD"
                        return fields if is_head else without_body(fields)

                    return fields  # type: ignore[no-any-return]

        # Only a Location that is to be made absolute depends on the request.
        environ = context.request.environ if self.autocorrect_location_header else {}
        return self.get_wsgi_headers(environ).to_wsgi_list()

    def _wire_body(self, context: AppContext) -> Any:
        status = self._status_code
        body: Any = self.response
        is_whole = (type(body) is list or type(body) is tuple) and (not self._on_close)

        if context._method == "HEAD" or status < 200 or status == 204 or status == 304:
            return b"" if is_whole else ClosingIterator((), self.close)

        if self.direct_passthrough:
            return body

        if is_whole:
            return b"".join(self.iter_encoded())

        return ClosingIterator(self.iter_encoded(), self.close)

    @property
    def max_cookie_size(self) -> int:  # type: ignore[override]
        """Size in bytes above which a cookie is warned of (:data:`MAX_COOKIE_SIZE`)."""
        if current_app:
            return cast(int, current_app.config["MAX_COOKIE_SIZE"])

        return super(Response, self).max_cookie_size  # noqa: UP008


# Responses that need not be made as Werkzeug makes them.
_whole_responses = Unpatched(
    {name: getattr(Response, name) for name in ("default_status", "set_data", "status")}
)


def _complete_content_type(mimetype: str | None) -> _Described | None:
    """Return content type and head for a mimetype, None when Werkzeug shall judge it."""
    if (
        not mimetype
        or not (mimetype.isascii() and mimetype.isprintable())
        or len(_content_types) >= _MAX_CONTENT_TYPES
    ):
        return None

    completed = get_content_type(mimetype, "utf-8")
    known = _content_types[mimetype] = completed, head_template(200, completed), ()
    return known


_DELIVERING = (
    *("close", "get_app_iter", "get_wsgi_headers", "get_wsgi_response"),
    "iter_encoded",
)

# Responses that need not be delivered over WSGI.
_native_deliveries = Unpatched(
    {
        name: getattr(Response, name)
        for name in (
            *(*_DELIVERING, "__call__", "__getattribute__"),
            *("headers", "response", "status", "status_code"),
            *("is_sequence", "automatically_set_content_length"),
        )
    },
    own=_DELIVERING,
    usual=Response(""),
)
