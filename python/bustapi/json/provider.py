"""JSON providers: the only place where an application's JSON is written and read."""

from __future__ import annotations

import dataclasses
import decimal
import json
import uuid
import weakref
from collections.abc import Callable
from datetime import date
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, AnyStr

from werkzeug.http import http_date

from .._bustapi import Unpatched, read_json, write_json
from ._library import reads_as_ever, writes_as_ever

if TYPE_CHECKING:
    from werkzeug.sansio.response import Response

    from ..sansio.app import App

# Most encoders that a provider keeps. Two are used as a rule, one for strings and one
# for responses; a program that passes ever other options must not fill the memory.
_MAX_ENCODERS = 16


class JSONProvider:
    """What writes and reads JSON for an application.

    To use another library, override at least :meth:`dumps` and :meth:`loads`, and set
    :attr:`.Flask.json_provider_class` or assign an instance to :attr:`.Flask.json`. ::

        class OtherJSON(JSONProvider):
            def dumps(self, obj, **kwargs):
                return other_json.dumps(obj)

            def loads(self, s, **kwargs):
                return other_json.loads(s)

        app.json = OtherJSON(app)

    :param app: the application; kept weakly.

    .. versionadded:: 2.2
    """

    def __init__(self, app: App) -> None:
        self._app: App = weakref.proxy(app)

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return an object as JSON text.

        :param obj: the object.
        :param kwargs: options of the library.
        """
        raise NotImplementedError

    def dump(self, obj: Any, fp: IO[str], **kwargs: Any) -> None:
        """Write an object to a file as JSON text.

        :param obj: the object.
        :param fp: file open for text in UTF-8.
        :param kwargs: options of the library.
        """
        fp.write(self.dumps(obj, **kwargs))

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return the object that JSON text stands for.

        :param s: text, or bytes in UTF-8.
        :param kwargs: options of the library.
        """
        raise NotImplementedError

    def load(self, fp: IO[AnyStr], **kwargs: Any) -> Any:
        """Return the object that the JSON text of a file stands for.

        :param fp: file open for text, or for bytes in UTF-8.
        :param kwargs: options of the library.
        """
        return self.loads(fp.read(), **kwargs)

    def _prepare_response_obj(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Return the object that the arguments of :meth:`response` stand for."""
        if args and kwargs:
            raise TypeError(
                "A JSON response was given positional and keyword arguments. Pass args"
                " or kwargs: values, or the items of one object."
            )

        if not args:
            return kwargs or None

        return args[0] if len(args) == 1 else args

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a JSON response. :func:`.jsonify` calls this.

        One positional argument is the object itself, several are a list, keyword
        arguments are an object; without any it is ``null``.

        :param args: a value, or the items of a list.
        :param kwargs: the items of an object.
        :raises TypeError: when both are given.
        """
        obj = self._prepare_response_obj(args, kwargs)
        return self._app.response_class(self.dumps(obj), mimetype="application/json")


def _default(o: Any) -> Any:
    """Return what stands for an object that JSON has no type for.

    Dates as HTTP dates, decimals and UUIDs as strings, data classes as objects, and
    what has an ``__html__`` method as that text.
    """
    if isinstance(o, date):
        return http_date(o)

    if isinstance(o, (decimal.Decimal, uuid.UUID)):
        return str(o)

    if dataclasses.is_dataclass(o):
        return dataclasses.asdict(o)  # type: ignore[arg-type]

    if hasattr(o, "__html__"):
        return str(o.__html__())

    raise TypeError(f"Object of type {type(o).__name__} is not JSON serializable")


class DefaultJSONProvider(JSONProvider):
    """JSON by the standard library, with a few more types.

    - :class:`~datetime.datetime` and :class:`~datetime.date` become HTTP dates
      (RFC 9110 5.6.7);
    - :class:`~decimal.Decimal` and :class:`~uuid.UUID` become strings;
    - data classes become objects by :func:`dataclasses.asdict`;
    - objects with an ``__html__`` method, such as ``Markup``, become that text.
    """

    #: Returns what stands for an object that the library cannot write, or raises
    #: ``TypeError``. A subclass may replace it by a method.
    default: Callable[[Any], Any] = staticmethod(_default)

    #: Write characters beyond ASCII as escapes. Such output passes everywhere.
    ensure_ascii = True

    #: Sort keys, so that equal objects give equal text. Keys of different types cannot
    #: be sorted; turn it off for them.
    sort_keys = True

    #: Write responses without indentation and spaces. None: unless in debug mode.
    compact: bool | None = None

    #: Media type of responses.
    mimetype = "application/json"

    @cached_property
    def _encoders(self) -> dict[tuple[Any, ...], json.JSONEncoder]:
        """Encoders by all that they were made from."""
        return {}

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return an object as JSON text.

        :param obj: the object.
        :param kwargs: options of :func:`json.dumps`; they win over the attributes
            :attr:`default`, :attr:`ensure_ascii` and :attr:`sort_keys`.
        """
        if not writes_as_ever():
            return json.dumps(obj, **self._options(kwargs))

        text = write_json(obj, self.ensure_ascii, self.sort_keys, kwargs)
        return self._encode(obj, kwargs) if text is None else text

    def _encode(self, obj: Any, kwargs: dict[str, Any]) -> str:
        """Return an object as JSON text, written by an encoder of the library."""
        # PERF: json.dumps makes an encoder per call unless all options are its defaults;
        # that is 1.6 µs, half of a small object.
        key = (self.default, self.ensure_ascii, self.sort_keys, *kwargs.items())

        try:
            encoder = self._encoders.get(key)
        except TypeError:
            # An option that cannot be hashed, such as a list of separators.
            return json.dumps(obj, **self._options(kwargs))

        if encoder is None:
            options = self._options(kwargs)

            # The class may decide anything per call.
            if "cls" in options or len(self._encoders) >= _MAX_ENCODERS:
                return json.dumps(obj, **options)

            encoder = self._encoders[key] = json.JSONEncoder(**options)

        return encoder.encode(obj)

    def _options(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the options of :func:`json.dumps`: the attributes, then what was passed."""
        return {
            "default": self.default,
            "ensure_ascii": self.ensure_ascii,
            "sort_keys": self.sort_keys,
            **kwargs,
        }

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return the object that JSON text stands for.

        :param s: text, or bytes in UTF-8.
        :param kwargs: options of :func:`json.loads`.
        """
        if kwargs or not reads_as_ever():
            return json.loads(s, **kwargs)

        return read_json(s, json.loads)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a JSON response that ends with a line break.

        Indented in debug mode and where :attr:`compact` is False, otherwise without a
        space. :func:`.jsonify` calls this.

        :param args: a value, or the items of a list.
        :param kwargs: the items of an object.
        :raises TypeError: when both are given.
        """
        obj = self._prepare_response_obj(args, kwargs)
        compact = self.compact

        if compact is False or (compact is None and self._app.debug):
            options = _INDENTED
        else:
            options = _COMPACT

        text = None

        # PERF: plain values are written with their line break, past the call of `dumps`.
        if _writes_plainly(self):
            text = write_json(obj, self.ensure_ascii, self.sort_keys, options, "\n")

        if text is None:
            text = f"{self.dumps(obj, **options)}\n"

        return self._app.response_class(text, mimetype=self.mimetype)


_COMPACT: dict[str, Any] = {"separators": (",", ":")}
_INDENTED: dict[str, Any] = {"indent": 2}


def _writes_plainly(provider: JSONProvider) -> bool:
    """Return whether a provider writes plain values as :class:`DefaultJSONProvider` does.

    Its attributes :attr:`~DefaultJSONProvider.ensure_ascii` and
    :attr:`~DefaultJSONProvider.sort_keys` decide how.
    """
    return provider in _own_dumps and writes_as_ever()


def _reads_plainly(provider: JSONProvider) -> bool:
    """Return whether a provider reads as :class:`DefaultJSONProvider` does."""
    return provider in _own_loads and reads_as_ever()


_own_dumps = Unpatched(
    {
        "dumps": DefaultJSONProvider.dumps,
        "__getattribute__": object.__getattribute__,
    },
    own=["dumps"],
)
_own_loads = Unpatched(
    {
        "loads": DefaultJSONProvider.loads,
        "__getattribute__": object.__getattribute__,
    },
    own=["loads"],
)
