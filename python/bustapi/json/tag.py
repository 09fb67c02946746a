"""JSON that gives back the types it was made from, as session cookies need it.

JSON has no tuples, dates or bytes. A value of such a type is written as an object with
one key that names the type, and turned back when it is read::

    >>> TaggedJSONSerializer().dumps({"at": (1, 2)})
    '{"at":{" t":[1,2]}}'

A class of one's own is added by a subclass of :class:`JSONTag`, which is registered with
:meth:`TaggedJSONSerializer.register`::

    class TagSet(JSONTag):
        __slots__ = ()
        key = " s"

        def check(self, value):
            return isinstance(value, set)

        def to_json(self, value):
            return [self.serializer.tag(item) for item in sorted(value)]

        def to_python(self, value):
            return set(value)

    app.session_interface.serializer.register(TagSet)
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

from markupsafe import Markup
from werkzeug.http import http_date, parse_date

from ..json import dumps, loads


class JSONTag:
    """How values of one type are written and read.

    :param serializer: the serializer that the tag is registered with; a container asks
        it to tag its items.
    """

    __slots__ = ("serializer",)

    #: Key of the object that a value is written as. Empty: the tag only walks through
    #: a container, and nothing is read by it.
    key: str = ""

    def __init__(self, serializer: TaggedJSONSerializer) -> None:
        """Make a tag for one serializer."""
        #: The serializer that the tag belongs to; it tags what is inside of a value.
        self.serializer = serializer

    def check(self, value: Any) -> bool:
        """Return whether a value is written by this tag."""
        raise NotImplementedError

    def to_json(self, value: Any) -> Any:
        """Return what stands for a value, of types that JSON has."""
        raise NotImplementedError

    def to_python(self, value: Any) -> Any:
        """Return the value that :meth:`to_json` was given."""
        raise NotImplementedError

    def tag(self, value: Any) -> dict[str, Any]:
        """Return the object that a value is written as."""
        return {self.key: self.to_json(value)}


class TagDict(JSONTag):
    """A dictionary that could be taken for a tagged value.

    That is one whose only key is the key of a tag. ``__`` is appended to it, and taken
    away again when it is read.
    """

    __slots__ = ()
    key = " di"

    def check(self, value: Any) -> bool:
        return (
            isinstance(value, dict)
            and len(value) == 1
            and next(iter(value)) in self.serializer.tags
        )

    def to_json(self, value: Any) -> Any:
        [(key, item)] = value.items()
        return {f"{key}__": self.serializer.tag(item)}

    def to_python(self, value: Any) -> Any:
        [(key, item)] = value.items()
        return {key[:-2]: item}


class PassDict(JSONTag):
    """Any other dictionary: only its values are tagged."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return isinstance(value, dict)

    def to_json(self, value: Any) -> Any:
        # JSON keys are strings, so keys need no tag.
        tag = self.serializer.tag
        return {key: tag(item) for key, item in value.items()}

    tag = to_json


class TagTuple(JSONTag):
    """A tuple, written as a list."""

    __slots__ = ()
    key = " t"

    def check(self, value: Any) -> bool:
        return isinstance(value, tuple)

    def to_json(self, value: Any) -> Any:
        return [self.serializer.tag(item) for item in value]

    def to_python(self, value: Any) -> Any:
        return tuple(value)


class PassList(JSONTag):
    """A list: only its items are tagged."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return isinstance(value, list)

    def to_json(self, value: Any) -> Any:
        return [self.serializer.tag(item) for item in value]

    tag = to_json


class TagBytes(JSONTag):
    """Bytes, written in Base64."""

    __slots__ = ()
    key = " b"

    def check(self, value: Any) -> bool:
        return isinstance(value, bytes)

    def to_json(self, value: Any) -> Any:
        return b64encode(value).decode("ascii")

    def to_python(self, value: Any) -> Any:
        return b64decode(value)


class TagMarkup(JSONTag):
    """What has an ``__html__`` method; read as :class:`~markupsafe.Markup`."""

    __slots__ = ()
    key = " m"

    def check(self, value: Any) -> bool:
        return callable(getattr(value, "__html__", None))

    def to_json(self, value: Any) -> Any:
        return str(value.__html__())

    def to_python(self, value: Any) -> Any:
        return Markup(value)


class TagUUID(JSONTag):
    """A UUID, written as 32 hexadecimal digits."""

    __slots__ = ()
    key = " u"

    def check(self, value: Any) -> bool:
        return isinstance(value, UUID)

    def to_json(self, value: Any) -> Any:
        return value.hex

    def to_python(self, value: Any) -> Any:
        return UUID(value)


class TagDateTime(JSONTag):
    """A date with its time, written as an HTTP date: in UTC, to the second."""

    __slots__ = ()
    key = " d"

    def check(self, value: Any) -> bool:
        return isinstance(value, datetime)

    def to_json(self, value: Any) -> Any:
        return http_date(value)

    def to_python(self, value: Any) -> Any:
        return parse_date(value)


class TaggedJSONSerializer:
    """Writes and reads JSON with the tags that are registered.

    Besides JSON's own types these are ``tuple``, ``bytes``, ``Markup``, ``UUID`` and
    ``datetime``.
    """

    __slots__ = ("tags", "order")

    #: Classes of the tags that a serializer begins with, in the order of their check.
    default_tags = [
        TagDict,
        PassDict,
        TagTuple,
        PassList,
        TagBytes,
        TagMarkup,
        TagUUID,
        TagDateTime,
    ]

    def __init__(self) -> None:
        #: The tags by their keys.
        self.tags: dict[str, JSONTag] = {}
        #: The tags in the order in which they are asked about a value.
        self.order: list[JSONTag] = []

        for tag_class in self.default_tags:
            self.register(tag_class)

    def register(
        self, tag_class: type[JSONTag], force: bool = False, index: int | None = None
    ) -> None:
        """Add a tag.

        :param tag_class: class of the tag; it is made here.
        :param force: replace a tag with the same key in place of an error.
        :param index: where in the order of checks, last by default. A subclass of a type
            that has a tag must be checked before it.
        :raises KeyError: when the key is taken.
        """
        tag = tag_class(self)
        key = tag.key

        if key:
            if not force and key in self.tags:
                raise KeyError(
                    f"The key {key!r} belongs to a tag already. Choose another, or pass"
                    " 'force=True' to replace it."
                )

            self.tags[key] = tag

        if index is None:
            self.order.append(tag)
        else:
            self.order.insert(index, tag)

    def tag(self, value: Any) -> Any:
        """Return a value with tags where it needs them."""
        for tag in self.order:
            if tag.check(value):
                return tag.tag(value)

        return value

    def untag(self, value: dict[str, Any]) -> Any:
        """Return what an object stands for: a tagged value, or itself."""
        if len(value) != 1:
            return value

        key = next(iter(value))

        if key not in self.tags:
            return value

        return self.tags[key].to_python(value[key])

    def _untag_scan(self, value: Any) -> Any:
        """Return a value with everything in it untagged, the innermost first."""
        if isinstance(value, dict):
            return self.untag(
                {key: self._untag_scan(item) for key, item in value.items()}
            )

        if isinstance(value, list):
            return [self._untag_scan(item) for item in value]

        return value

    def dumps(self, value: Any) -> str:
        """Return a value as compact tagged JSON."""
        return dumps(self.tag(value), separators=(",", ":"))

    def loads(self, value: str) -> Any:
        """Return the value that tagged JSON stands for."""
        return self._untag_scan(loads(value))
