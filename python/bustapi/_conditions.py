"""What a client gets of a file: whole, a part, or nothing (RFC 9110, sections 13 and 14).

The fields of a request are judged in the order of section 13.2.2:

1. ``If-Match``, or in its absence ``If-Unmodified-Since``, says which state of the file
   the client wants to go on with. Another state is answered with 412.
2. ``If-None-Match``, or in its absence ``If-Modified-Since``, says which state the client
   has. The same state is answered with 304.
3. ``Range`` asks a ``GET`` for a part, and ``If-Range`` for the whole file instead where
   the part would belong to another state.

What a server may not understand, a malformed date or range, is as if it were not there.
"""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from werkzeug.datastructures import Headers
from werkzeug.exceptions import PreconditionFailed, RequestedRangeNotSatisfiable
from werkzeug.http import parse_date
from werkzeug.sansio.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import ETags
    from werkzeug.wrappers import Response


class Representation(NamedTuple):
    """What there is to send: its validators as field values, and its length in bytes."""

    etag: str | None = None
    last_modified: str | None = None
    length: int | None = None


class Judgment(NamedTuple):
    """The status of the answer, and the part of the representation that a 206 has."""

    status: int
    part: range | None = None


WHOLE = Judgment(200)


def judge(environ: Mapping[str, Any], current: Representation, now: float) -> Judgment:
    """Return what a request gets of a representation.

    :param environ: the method and the header fields, under their names in WSGI.
    :param current: what a ``GET`` without conditions would get.
    :param now: the time in seconds since 1970.
    """
    # Other methods have acted already, and not on what is about to be sent (13.2.1).
    if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
        return WHOLE

    if not _is_expected(environ, current):
        return Judgment(412)

    if _is_known(environ, current):
        return Judgment(304)

    # RFC 9110, section 14.2: only GET has ranges.
    if environ["REQUEST_METHOD"] == "HEAD":
        return WHOLE

    return _judge_range(environ, current, now)


def make_conditional(response: Response, environ: WSGIEnvironment) -> Response:
    """Turn a response that has a whole file into the answer to a request.

    :param response: status 200, with the validators and the length of the file.
    :param environ: that of the request.
    :raises PreconditionFailed: when the file is not in the state that is asked for.
    :raises RequestedRangeNotSatisfiable: when the part lies behind its end.
    """
    length = response.content_length
    status, part = judge(
        environ,
        Representation(
            response.headers.get("ETag"), response.headers.get("Last-Modified"), length
        ),
        time.time(),
    )

    # A handler may send a file as the answer to an error, this one or another. Conditions
    # are not meant for that file (13.2.1), and an error in a handler would be a 500.
    if status >= 400 and sys.exc_info()[0] is None:
        response.close()

        if status == 412:
            raise PreconditionFailed()

        raise RequestedRangeNotSatisfiable(length)

    # Werkzeug makes the answer, of a request in which everything has been judged.
    judged = {"REQUEST_METHOD": environ["REQUEST_METHOD"]}

    if part is not None:
        judged["HTTP_RANGE"] = f"bytes={part.start}-{part.stop - 1}"

    response.make_conditional(judged, accept_ranges=True, complete_length=length)

    if status == 304:
        response.status_code = 304
        # Some servers send the file all the same.
        response.headers.pop("X-Sendfile", None)

    return response


def _is_expected(environ: Mapping[str, Any], current: Representation) -> bool:
    """Judge ``If-Match`` (13.1.1) and ``If-Unmodified-Since`` (13.1.4)."""
    match = environ.get("HTTP_IF_MATCH")

    if match is not None:
        tags = _parse_tags(match)
        tag, is_weak = _unquote(current.etag)
        return tags.star_tag or (not is_weak and tags.is_strong(tag))

    since = _parse_date(environ.get("HTTP_IF_UNMODIFIED_SINCE"))
    modified = _parse_date(current.last_modified)
    return since is None or modified is None or modified <= since


def _is_known(environ: Mapping[str, Any], current: Representation) -> bool:
    """Judge ``If-None-Match`` (13.1.2) and ``If-Modified-Since`` (13.1.3)."""
    none_match = environ.get("HTTP_IF_NONE_MATCH")

    if none_match is not None:
        return _parse_tags(none_match).contains_weak(_unquote(current.etag)[0])

    since = _parse_date(environ.get("HTTP_IF_MODIFIED_SINCE"))
    modified = _parse_date(current.last_modified)
    return since is not None and modified is not None and modified <= since


def _judge_range(
    environ: Mapping[str, Any], current: Representation, now: float
) -> Judgment:
    """Judge ``Range`` (14.2), which ``If-Range`` may take away."""
    asked = environ.get("HTTP_RANGE")
    condition = environ.get("HTTP_IF_RANGE")

    # Of a stream the end is not known. An empty file has no part that Content-Range could
    # name, so the whole of it is the better answer to a client that asks for its end.
    if asked is None or not current.length:
        return WHOLE

    if condition is not None and not _is_unchanged(condition, current, now):
        return WHOLE

    parts = _parse_range(asked, current.length)

    if parts is None:
        return WHOLE

    satisfiable = [part for part in parts if part]

    if not satisfiable:
        return Judgment(416)

    # RFC 9110, section 14.2: a server may ignore the field; several parts would be one
    # body made of many.
    return Judgment(206, satisfiable[0]) if len(satisfiable) == 1 else WHOLE


def _is_unchanged(condition: str, current: Representation, now: float) -> bool:
    """Judge ``If-Range`` (13.1.5): parts are joined only to what they are parts of."""
    date = _parse_date(condition)

    if date is None:
        tag, is_weak = _unquote(condition)
        return bool(tag) and not is_weak and (tag, False) == _unquote(current.etag)

    # Within the second that it names, the file could change again (8.8.2.2).
    return date == _parse_date(current.last_modified) and date.timestamp() + 1 <= now


def _parse_tags(value: str) -> ETags:
    """Return the entity tags of a field as Werkzeug reads them.

    The attribute of a request is where every version of Werkzeug has them.
    """
    fields = Headers([("If-Match", value)])
    return Request("GET", "http", None, "", "/", b"", fields, None).if_match


def _unquote(etag: str | None) -> tuple[str, bool]:
    """Return what stands between the quotes of a tag, and whether it is a weak one."""
    tag = etag or ""
    is_weak = tag.startswith(("W/", "w/"))
    tag = tag[2:] if is_weak else tag
    return (tag[1:-1] if tag[:1] == tag[-1:] == '"' else tag), is_weak


_BLANK = " \t"

_PART = re.compile(r"([0-9]+)[ \t]*-[ \t]*([0-9]*)|-([0-9]+)")


def _parse_range(value: str, length: int) -> list[range] | None:
    """Return the parts that a ``Range`` names, empty where they lie behind the end.

    None when it is malformed or in another unit than bytes (14.1).
    """
    unit, _, items = value.partition("=")

    if unit.strip(_BLANK).lower() != "bytes":
        return None

    parts = []

    for item in items.split(","):
        item = item.strip(_BLANK)

        # RFC 9110, section 5.6.1.2: a recipient skips empty elements of a list.
        if not item:
            continue

        match = _PART.fullmatch(item)

        if match is None:
            return None

        first, last, suffix = match.groups()

        if suffix:
            parts.append(range(max(0, length - _parse_number(suffix)), length))
        elif last and _parse_number(last) < _parse_number(first):
            return None
        else:
            stop = min(_parse_number(last) + 1, length) if last else length
            parts.append(range(_parse_number(first), stop))

    return parts or None


def _parse_number(digits: str) -> int:
    """Return a number, and for one beyond the end of any file another one there.

    Python refuses to convert thousands of digits.
    """
    return int(digits.lstrip("0")[:20] or "0")


_HTTP_DATE = re.compile(
    r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT"
    r"|[A-Z][a-z]{5,8}, [0-9]{2}-[A-Z][a-z]{2}-[0-9]{2} [0-9:]{8} GMT"
    r"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}"
)
"""The three forms of RFC 9110, section 5.6.7; Werkzeug takes the first of several."""


def _parse_date(value: str | None) -> datetime | None:
    return parse_date(value) if value and _HTTP_DATE.fullmatch(value) else None
