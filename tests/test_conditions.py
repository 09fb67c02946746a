"""Ranges and preconditions of files: what a request gets (RFC 9110, 13 and 14)."""

from __future__ import annotations

import io
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import werkzeug.utils
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import (
    HTTPException,
    PreconditionFailed,
    RequestedRangeNotSatisfiable,
)
from werkzeug.wrappers import Response as WerkzeugResponse

from bustapi import Blueprint, Flask, Response, request, send_file, send_from_directory
from bustapi._conditions import WHOLE, Judgment, Representation, judge

LONG_AGO = "Sat, 01 Jan 2000 00:00:00 GMT"
EARLIER = "Sun, 13 Sep 2020 12:26:39 GMT"
MODIFIED = "Sun, 13 Sep 2020 12:26:40 GMT"
LATER = "Sun, 13 Sep 2020 12:26:41 GMT"
MODIFIED_AT = 1_600_000_000
NOW = 1_700_000_000.0

FILE = Representation('"now"', MODIFIED, 10)
WEAK = Representation('W/"now"', MODIFIED, 10)
UNTAGGED = Representation(None, MODIFIED, 10)
UNDATED = Representation('"now"', None, 10)
BARE = Representation(None, None, 10)
EMPTY = Representation('"now"', MODIFIED, 0)
STREAM = Representation('"now"', MODIFIED, None)


def ask(
    fields: dict[str, str],
    current: Representation = FILE,
    method: str = "GET",
    now: float = NOW,
) -> Judgment:
    """Judge a request whose header fields have their names in HTTP."""
    environ = {f"HTTP_{n.upper().replace('-', '_')}": v for n, v in fields.items()}
    return judge({"REQUEST_METHOD": method, **environ}, current, now)


# One field at a time

CONDITIONS: list[tuple[str, str, Representation, int]] = [
    # RFC 9110, section 13.1.1: strong comparison.
    ("If-Match", "*", FILE, 200),
    ("If-Match", "*", BARE, 200),
    ("If-Match", '"now"', FILE, 200),
    ("If-Match", '"old", "now"', FILE, 200),
    ("If-Match", '"old","now"', FILE, 200),
    ("If-Match", ',"now",', FILE, 200),
    ("If-Match", '"old"', FILE, 412),
    ("If-Match", '"NOW"', FILE, 412),
    ("If-Match", 'W/"now"', FILE, 412),
    ("If-Match", '"now"', WEAK, 412),
    ("If-Match", 'W/"now"', WEAK, 412),
    ("If-Match", '"now"', UNTAGGED, 412),
    ("If-Match", '""', UNTAGGED, 412),
    ("If-Match", "", FILE, 412),
    # 13.1.2: weak comparison.
    ("If-None-Match", "*", FILE, 304),
    ("If-None-Match", "*", BARE, 304),
    ("If-None-Match", '"now"', FILE, 304),
    ("If-None-Match", '"old", "now"', FILE, 304),
    ("If-None-Match", 'W/"now"', FILE, 304),
    ("If-None-Match", '"now"', WEAK, 304),
    ("If-None-Match", 'W/"now"', WEAK, 304),
    ("If-None-Match", '"old"', FILE, 200),
    ("If-None-Match", '"now"', UNTAGGED, 200),
    ("If-None-Match", '""', UNTAGGED, 200),
    ("If-None-Match", "", FILE, 200),
    # 13.1.3
    ("If-Modified-Since", EARLIER, FILE, 200),
    ("If-Modified-Since", MODIFIED, FILE, 304),
    ("If-Modified-Since", LATER, FILE, 304),
    ("If-Modified-Since", "Sunday, 13-Sep-20 12:26:41 GMT", FILE, 304),
    ("If-Modified-Since", "Sun Sep 13 12:26:41 2020", FILE, 304),
    ("If-Modified-Since", "Fri Jan  1 00:00:00 2021", FILE, 304),
    ("If-Modified-Since", LATER, UNDATED, 200),
    ("If-Modified-Since", f"{LATER}, {LATER}", FILE, 200),
    ("If-Modified-Since", "Sun, 99 Sep 2020 12:26:41 GMT", FILE, 200),
    ("If-Modified-Since", "2020-09-13T12:26:41Z", FILE, 200),
    ("If-Modified-Since", "later", FILE, 200),
    ("If-Modified-Since", "", FILE, 200),
    # 13.1.4
    ("If-Unmodified-Since", EARLIER, FILE, 412),
    ("If-Unmodified-Since", MODIFIED, FILE, 200),
    ("If-Unmodified-Since", LATER, FILE, 200),
    ("If-Unmodified-Since", "Sunday, 13-Sep-20 12:26:39 GMT", FILE, 412),
    ("If-Unmodified-Since", "Sun Sep 13 12:26:39 2020", FILE, 412),
    ("If-Unmodified-Since", EARLIER, UNDATED, 200),
    ("If-Unmodified-Since", f"{EARLIER}, {EARLIER}", FILE, 200),
    ("If-Unmodified-Since", "earlier", FILE, 200),
]


@pytest.mark.parametrize(("name", "value", "current", "status"), CONDITIONS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_condition_is_judged(
    method: str, name: str, value: str, current: Representation, status: int
) -> None:
    assert ask({name: value}, current, method) == Judgment(status)


@pytest.mark.parametrize("name", sorted({name for name, *_ in CONDITIONS}))
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
def test_a_method_that_sends_no_file_by_itself_has_no_conditions(
    method: str, name: str
) -> None:
    assert ask({name: "*", "Range": "bytes=0-1"}, FILE, method) == WHOLE
    assert ask({name: EARLIER}, FILE, method) == WHOLE


RANGES: list[tuple[str, Judgment]] = [
    # RFC 9110, section 14.1.2
    ("bytes=0-0", Judgment(206, range(1))),
    ("bytes=2-4", Judgment(206, range(2, 5))),
    ("bytes=5-", Judgment(206, range(5, 10))),
    ("bytes=0-", Judgment(206, range(10))),
    ("bytes=9-9", Judgment(206, range(9, 10))),
    ("bytes=0-9", Judgment(206, range(10))),
    ("bytes=0-10", Judgment(206, range(10))),
    ("bytes=8-100", Judgment(206, range(8, 10))),
    ("bytes=002-004", Judgment(206, range(2, 5))),
    (f"bytes=8-{'9' * 5000}", Judgment(206, range(8, 10))),
    ("bytes=-1", Judgment(206, range(9, 10))),
    ("bytes=-10", Judgment(206, range(10))),
    # "the entire representation is used"
    ("bytes=-11", Judgment(206, range(10))),
    (f"bytes=-{'9' * 5000}", Judgment(206, range(10))),
    # 14.1: units in any case; blanks that a list may have, and those that Werkzeug takes.
    ("BYTES=2-4", Judgment(206, range(2, 5))),
    ("bytes= 2-4", Judgment(206, range(2, 5))),
    ("bytes =2-4", Judgment(206, range(2, 5))),
    ("bytes=2 - 4", Judgment(206, range(2, 5))),
    ("bytes=,2-4 ,", Judgment(206, range(2, 5))),
    # 14.1.1, 15.5.17: not satisfiable.
    ("bytes=10-", Judgment(416)),
    ("bytes=10-20", Judgment(416)),
    ("bytes=99-", Judgment(416)),
    (f"bytes={'9' * 5000}-", Judgment(416)),
    ("bytes=-0", Judgment(416)),
    ("bytes=10-,-0", Judgment(416)),
    # 14.2: several parts are ignored, when more than one is there.
    ("bytes=0-1,3-4", WHOLE),
    ("bytes=0-1, -1", WHOLE),
    ("bytes=3-4,0-1", WHOLE),
    ("bytes=0-5,3-9", WHOLE),
    ("bytes=2-4,10-", Judgment(206, range(2, 5))),
    ("bytes=10-,2-4", Judgment(206, range(2, 5))),
    # Another unit is not understood.
    ("items=0-1", WHOLE),
    ("none=", WHOLE),
    ("bytes2=0-1", WHOLE),
    # Malformed
    ("", WHOLE),
    ("bytes", WHOLE),
    ("bytes=", WHOLE),
    ("bytes=,", WHOLE),
    ("bytes=-", WHOLE),
    ("bytes=1", WHOLE),
    ("bytes=9-2", WHOLE),
    ("bytes=a-b", WHOLE),
    ("bytes=1-b", WHOLE),
    ("bytes=--1", WHOLE),
    ("bytes=+1-2", WHOLE),
    ("bytes=1-2-3", WHOLE),
    ("bytes=1_0-", WHOLE),
    ("bytes=0x1-", WHOLE),
    ("bytes=\N{SUPERSCRIPT TWO}-", WHOLE),
    ("bytes=\N{ARABIC-INDIC DIGIT ONE}-", WHOLE),
    ("bytes=0-1,x", WHOLE),
    ("bytes=0-1,bytes=3-4", WHOLE),
    ("0-1", WHOLE),
]


@pytest.mark.parametrize(("value", "judgment"), RANGES)
def test_a_range_is_judged(value: str, judgment: Judgment) -> None:
    assert ask({"Range": value}) == judgment


@pytest.mark.parametrize("value", [value for value, _ in RANGES])
def test_only_get_has_ranges(value: str) -> None:
    assert ask({"Range": value}, FILE, "HEAD") == WHOLE


@pytest.mark.parametrize("value", [value for value, _ in RANGES])
@pytest.mark.parametrize("current", [EMPTY, STREAM])
def test_there_is_no_part_of_nothing_or_of_what_has_no_known_end(
    value: str, current: Representation
) -> None:
    assert ask({"Range": value}, current) == WHOLE


IF_RANGES: list[tuple[str, Representation, bool]] = [
    # RFC 9110, section 13.1.5: strong comparison.
    ('"now"', FILE, True),
    ('"old"', FILE, False),
    ('W/"now"', FILE, False),
    ('"now"', WEAK, False),
    ('W/"now"', WEAK, False),
    ('"now"', UNTAGGED, False),
    ('""', UNTAGGED, False),
    ("*", FILE, False),
    ('"old", "now"', FILE, False),
    ("", FILE, False),
    # "exactly matches"
    (MODIFIED, FILE, True),
    (MODIFIED, UNTAGGED, True),
    ("Sunday, 13-Sep-20 12:26:40 GMT", FILE, True),
    (EARLIER, FILE, False),
    (LATER, FILE, False),
    (MODIFIED, UNDATED, False),
    (f"{MODIFIED}, {MODIFIED}", FILE, False),
    ("Sun, 99 Sep 2020 12:26:40 GMT", FILE, False),
]


@pytest.mark.parametrize(("value", "current", "holds"), IF_RANGES)
def test_a_part_is_sent_only_of_the_same_state(
    value: str, current: Representation, holds: bool
) -> None:
    part = ask({"Range": "bytes=2-4", "If-Range": value}, current)
    beyond = ask({"Range": "bytes=10-", "If-Range": value}, current)

    assert part == (Judgment(206, range(2, 5)) if holds else WHOLE)
    assert beyond == (Judgment(416) if holds else WHOLE)


def test_if_range_alone_says_nothing() -> None:
    assert ask({"If-Range": '"now"'}) == WHOLE
    assert ask({"If-Range": '"old"'}) == WHOLE


@pytest.mark.parametrize(
    ("now", "holds"),
    [(-1.0, False), (0.0, False), (0.9, False), (1.0, True), (60.0, True)],
)
def test_a_date_holds_when_its_second_is_over(now: float, holds: bool) -> None:
    # RFC 9110, section 8.8.2.2: else the file could change twice within it.
    fields = {"Range": "bytes=2-4", "If-Range": MODIFIED}

    judgment = ask(fields, now=MODIFIED_AT + now)

    assert judgment == (Judgment(206, range(2, 5)) if holds else WHOLE)


# All fields at once: what each says by itself, and the order of RFC 9110, section 13.2.2.

Says = dict[str | None, bool | None]

IF_MATCH: Says = {
    None: None,
    "*": True,
    '"now"': True,
    'W/"now"': False,
    '"old"': False,
}
IF_UNMODIFIED: Says = {None: None, EARLIER: False, MODIFIED: True, "x": None}
IF_NONE_MATCH: Says = {None: None, "*": False, 'W/"now"': False, '"old"': True}
IF_MODIFIED: Says = {None: None, EARLIER: True, MODIFIED: False, "x": None}
IF_RANGE: Says = {
    **{None: None, '"now"': True, 'W/"now"': False, '"old"': False},
    **{MODIFIED: True, LATER: False},
}
RANGE: dict[str | None, Judgment] = {
    None: WHOLE,
    "bytes=2-4": Judgment(206, range(2, 5)),
    "bytes=10-": Judgment(416),
    "items=1-2": WHOLE,
    "bytes=0-1,3-4": WHOLE,
}


def in_order(method: str, values: tuple[str | None, ...]) -> Judgment:
    """Return the judgment that follows from what each field says by itself."""
    match, unmodified, none_match, modified, if_range, part = values
    steps = [
        (IF_MATCH[match] if match is not None else IF_UNMODIFIED[unmodified], 412),
        (IF_NONE_MATCH[none_match] if none_match else IF_MODIFIED[modified], 304),
    ]

    for says, status in steps:
        if says is False:
            return Judgment(status)

    if method == "HEAD" or IF_RANGE[if_range] is False:
        return WHOLE

    return RANGE[part]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_fields_are_judged_in_the_order_of_the_standard(method: str) -> None:
    names = ["If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since"]
    names += ["If-Range", "Range"]
    kinds = (IF_MATCH, IF_UNMODIFIED, IF_NONE_MATCH, IF_MODIFIED, IF_RANGE, RANGE)

    for values in product(*kinds):
        fields = {n: v for n, v in zip(names, values, strict=True) if v is not None}
        assert ask(fields, FILE, method) == in_order(method, values), fields


# Whatever comes

NAMES = [
    *("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"),
    *("If-Range", "Range"),
]
VALUES = st.one_of(
    st.text(alphabet="bytes=0123456789-, \t", max_size=20).map(lambda v: f"bytes={v}"),
    st.text(alphabet='W/"now,* ', max_size=12),
    st.text(alphabet="SunSep,- :0123456789GMT", max_size=32),
    st.from_regex(r"\A[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [0-9:]{8} GMT\Z"),
    st.text(alphabet=st.characters(max_codepoint=255), max_size=24),
)


bounded = settings(derandomize=True, database=None, deadline=None)


@bounded
@given(
    fields=st.dictionaries(st.sampled_from(NAMES), VALUES),
    method=st.sampled_from(["GET", "HEAD"]),
    current=st.sampled_from([FILE, WEAK, UNTAGGED, UNDATED, BARE, EMPTY, STREAM]),
)
@example({"If-Modified-Since": "Sun, 01 Sep 0000 ::::0000 GMT"}, "GET", FILE)
def test_whatever_comes_has_a_judgment(
    fields: dict[str, str], method: str, current: Representation
) -> None:
    status, part = ask(fields, current, method)

    assert status in {200, 206, 304, 412, 416}
    assert (part is not None) == (status == 206)

    if part is not None:
        assert 0 <= part.start < part.stop <= 10


@bounded
@given(first=st.integers(0, 12), last=st.integers(0, 12), length=st.integers(1, 12))
def test_a_part_has_the_bytes_from_first_to_last(
    first: int, last: int, length: int
) -> None:
    content = bytes(range(length))

    judgment = ask({"Range": f"bytes={first}-{last}"}, Representation(length=length))

    if last < first:
        assert judgment == WHOLE
    elif first >= length:
        assert judgment == Judgment(416)
    else:
        assert judgment.part is not None
        assert bytes(content[i] for i in judgment.part) == content[first : last + 1]


# Files, over all edges

CONTENT = b"0123456789"


@pytest.fixture
def file(app: Flask, tmp_path: Path) -> Path:
    """A file that four routes send; its tag is ``"now"`` at ``/sent`` alone."""
    path = tmp_path / "static" / "file.bin"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    app.static_folder = str(path.parent)
    pages = Blueprint("pages", __name__, static_folder=path.parent, url_prefix="/pages")
    app.register_blueprint(pages)
    app.add_url_rule(
        "/sent",
        "sent",
        lambda: send_file(path, etag="now", last_modified=MODIFIED_AT),
        methods=["GET", "POST"],
    )
    app.add_url_rule(
        "/from/<name>", "from", lambda name: send_from_directory(path.parent, name)
    )
    return path


def get(
    client: Any, url: str, fields: dict[str, str] | None = None, method: str = "GET"
) -> Any:
    """Return a response that was read to its end and closed."""
    return client.open(url, method=method, headers=fields or {}, buffered=True)


WAYS = ["/sent", "/from/file.bin", "/static/file.bin", "/pages/static/file.bin"]


@pytest.mark.socket
@pytest.mark.parametrize("url", WAYS)
def test_a_file_is_judged_however_it_is_sent(client: Any, file: Path, url: str) -> None:
    def ask_for(**fields: str) -> tuple[int, bytes, str | None]:
        names = {name.replace("_", "-"): value for name, value in fields.items()}
        response = get(client, url, names)
        content_range = response.headers.get("Content-Range")
        return response.status_code, response.data, content_range

    tag = get(client, url).headers["ETag"]
    whole = 200, CONTENT, None
    part = 206, b"234", "bytes 2-4/10"

    assert ask_for(Range="bytes=2-4") == part
    assert ask_for(Range="bytes=-99") == (206, CONTENT, "bytes 0-9/10")
    assert ask_for(Range="items=0-1") == whole
    assert ask_for(Range="bytes=0-1,3-4") == whole
    assert ask_for(Range="bytes=10-")[::2] == (416, "bytes */10")
    assert ask_for(Range="bytes=2-4", If_Range=tag) == part
    assert ask_for(Range="bytes=2-4", If_Range=f"W/{tag}") == whole
    assert ask_for(Range="bytes=2-4", If_Match=tag) == part
    assert ask_for(Range="bytes=2-4", If_Match='"old"')[::2] == (412, None)
    assert ask_for(Range="bytes=2-4", If_Unmodified_Since=LONG_AGO)[::2] == (412, None)
    assert ask_for(Range="bytes=2-4", If_None_Match=tag) == (304, b"", None)
    assert ask_for(If_Match="*") == whole


@pytest.mark.socket
def test_a_whole_file_says_that_there_are_parts(client: Any, file: Path) -> None:
    response = get(client, "/sent", {"Range": "bytes=0-1,3-4"})

    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Content-Length"] == "10"
    assert response.headers["ETag"] == '"now"'
    assert response.headers["Last-Modified"] == MODIFIED


@pytest.mark.socket
def test_a_part_has_its_length_and_the_validators(client: Any, file: Path) -> None:
    response = get(client, "/sent", {"Range": "bytes=-99"})

    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Content-Length"] == "10"
    assert response.headers["ETag"] == '"now"'
    assert response.headers["Last-Modified"] == MODIFIED


@pytest.mark.socket
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_that_is_known_has_no_content(
    client: Any, file: Path, method: str
) -> None:
    fields = {"If-None-Match": 'W/"now"', "Range": "bytes=0-1"}

    response = get(client, "/sent", fields, method)

    assert (response.status_code, response.data) == (304, b"")
    # RFC 9110, section 15.4.5
    assert response.headers["ETag"] == '"now"'
    assert response.headers["Cache-Control"] == "no-cache"
    assert "Content-Length" not in response.headers
    assert "Content-Range" not in response.headers


@pytest.mark.socket
def test_head_with_a_range_tells_of_the_whole_file(client: Any, file: Path) -> None:
    response = get(client, "/sent", {"Range": "bytes=2-4"}, "HEAD")

    assert (response.status_code, response.data) == (200, b"")
    assert response.headers["Content-Length"] == "10"
    assert "Content-Range" not in response.headers


@pytest.mark.socket
def test_a_post_that_answers_with_a_file_has_no_conditions(
    client: Any, file: Path
) -> None:
    fields = {"If-Match": '"old"', "If-None-Match": "*", "Range": "bytes=0-1"}

    response = get(client, "/sent", fields, "POST")

    assert (response.status_code, response.data) == (200, CONTENT)


@pytest.mark.socket
@pytest.mark.parametrize(
    ("fields", "status", "length"),
    [
        ({"If-Match": '"old"'}, 412, None),
        ({"Range": "bytes=10-"}, 416, "bytes */10"),
    ],
)
def test_a_refusal_goes_to_the_error_handlers(
    app: Flask,
    client: Any,
    file: Path,
    fields: dict[str, str],
    status: int,
    length: str | None,
) -> None:
    seen: list[HTTPException] = []

    @app.errorhandler(HTTPException)
    def page(error: HTTPException) -> HTTPException:
        seen.append(error)
        return error

    response = get(client, "/sent", fields)

    assert [error.code for error in seen] == [status]
    assert response.status_code == status
    assert response.data.startswith(b"<!doctype html>")
    assert response.headers.get("Content-Range") == length
    assert not {"Accept-Ranges", "ETag", "Last-Modified"} & set(response.headers.keys())


@pytest.mark.socket
@pytest.mark.parametrize(
    ("url", "status"), [("/sent", 412), ("/absent", 404), ("/broken", 500)]
)
def test_an_error_page_that_is_a_file_is_sent_whole(
    app: Flask, client: Any, file: Path, url: str, status: int
) -> None:
    def fail() -> str:
        raise KeyError

    app.add_url_rule("/broken", "broken", fail)

    @app.errorhandler(Exception)
    def page(error: Exception) -> tuple[Response, int]:
        return send_file(file), getattr(error, "code", 500)

    response = get(client, url, {"If-Match": '"old"', "Range": "bytes=10-"})

    assert (response.status_code, response.data) == (status, CONTENT)


@pytest.mark.socket
@pytest.mark.parametrize("fields", [{"If-Match": '"old"'}, {"Range": "bytes=10-"}])
def test_a_file_that_is_refused_is_closed(
    app: Flask, client: Any, fields: dict[str, str]
) -> None:
    file = io.BytesIO(CONTENT)
    app.add_url_rule("/", "file", lambda: send_file(file, "a/b", etag="now"))

    get(client, "/", fields)

    assert file.closed


@pytest.mark.socket
def test_a_file_in_memory_is_judged_by_what_it_has(app: Flask, client: Any) -> None:
    app.add_url_rule("/", "file", lambda: send_file(io.BytesIO(CONTENT), "a/b"))

    part = get(client, "/", {"Range": "bytes=2-4"})
    refused = get(client, "/", {"If-Match": '"old"'})
    known = get(client, "/", {"If-None-Match": "*"})

    assert (part.status_code, part.data) == (206, b"234")
    assert refused.status_code == 412
    assert (known.status_code, known.data) == (304, b"")


@pytest.mark.socket
@pytest.mark.parametrize("value", ["bytes=2-4", "bytes=99-", "bytes=-2"])
def test_a_file_object_whose_length_is_not_known_is_sent_whole(
    app: Flask, client: Any, file: Path, value: str
) -> None:
    app.add_url_rule("/", "file", lambda: send_file(file.open("rb"), "a/b"))

    response = get(client, "/", {"Range": value})

    assert (response.status_code, response.data) == (200, CONTENT)


@pytest.mark.socket
@pytest.mark.parametrize("value", ["bytes=0-", "bytes=-1", "bytes=5-9"])
def test_an_empty_file_is_sent_whole(client: Any, file: Path, value: str) -> None:
    file.write_bytes(b"")

    response = get(client, "/sent", {"Range": value})

    assert (response.status_code, response.data) == (200, b"")
    assert response.headers["Content-Length"] == "0"
    assert "Content-Range" not in response.headers


@pytest.mark.socket
def test_a_file_sent_without_conditions_is_sent_whole(
    app: Flask, client: Any, file: Path
) -> None:
    app.add_url_rule(
        "/", "file", lambda: send_file(file, etag="now", conditional=False)
    )
    fields = {"If-Match": '"old"', "If-None-Match": "*", "Range": "bytes=0-1"}

    response = get(client, "/", fields)

    assert (response.status_code, response.data) == (200, CONTENT)
    assert "Accept-Ranges" not in response.headers


@pytest.mark.skipif(
    not hasattr(Response, "set_etag"), reason="Werkzeug 3.3 is without the method"
)
@pytest.mark.socket
def test_a_weak_tag_of_a_response_class_is_judged(
    app: Flask, client: Any, file: Path
) -> None:
    class Weakly(Response):
        def set_etag(self, etag: str, weak: bool = False) -> None:
            super().set_etag(etag, weak=True)

    app.response_class = Weakly

    part = get(client, "/sent", {"Range": "bytes=2-4", "If-Range": 'W/"now"'})
    known = get(client, "/sent", {"If-None-Match": '"now"'})

    assert (part.status_code, part.data) == (200, CONTENT)
    assert known.status_code == 304


@pytest.mark.socket
def test_a_part_behind_four_gigabytes_is_found(
    app: Flask, client: Any, file: Path
) -> None:
    size = 5 * 2**30

    with file.open("r+b") as sparse:
        sparse.seek(size - 3)
        sparse.write(b"end")

    response = get(client, "/sent", {"Range": "bytes=-5"})

    assert (response.status_code, response.data) == (206, b"\0\0end")
    assert response.headers["Content-Range"] == f"bytes {size - 5}-{size - 1}/{size}"


def test_a_server_that_sends_the_file_is_told_nothing_with_304(
    app: Flask, client: Any, file: Path
) -> None:
    app.config["USE_X_SENDFILE"] = True

    whole = get(client, "/sent")
    known = get(client, "/sent", {"If-None-Match": '"now"'})
    refused = get(client, "/sent", {"If-Match": '"old"'})

    assert whole.headers["X-Sendfile"] == str(file)
    assert known.status_code == 304
    assert refused.status_code == 412
    assert "X-Sendfile" not in known.headers
    assert "X-Sendfile" not in refused.headers


# Who judges himself


@pytest.mark.socket
def test_a_response_class_judges_itself(app: Flask, client: Any, file: Path) -> None:
    calls: list[object] = []

    class Own(Response):
        def make_conditional(
            self,
            request_or_environ: Any,
            accept_ranges: bool | str = False,
            complete_length: int | None = None,
        ) -> Response:
            range_ = request_or_environ["HTTP_RANGE"]
            calls.append((range_, accept_ranges, complete_length))
            return self

    app.response_class = Own

    response = get(client, "/sent", {"If-Match": '"old"', "Range": "bytes=0-1"})

    assert calls == [("bytes=0-1", True, 10)]
    assert (response.status_code, response.data) == (200, CONTENT)


def test_a_patched_method_of_werkzeug_judges(
    app: Flask, client: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        WerkzeugResponse, "make_conditional", lambda self, *args, **kwargs: self
    )

    response = get(client, "/sent", {"If-Match": '"old"', "Range": "bytes=0-1"})

    assert (response.status_code, response.data) == (200, CONTENT)


@pytest.mark.socket
def test_a_response_that_a_view_makes_conditional_is_judged_by_werkzeug(
    app: Flask, client: Any, file: Path
) -> None:
    def whole() -> Response:
        response = Response(CONTENT)
        response.headers["ETag"] = '"now"'
        response.make_conditional(request, accept_ranges=True, complete_length=10)
        return response

    app.add_url_rule("/view", "view", whole)
    app.add_url_rule(
        "/werkzeug", "werkzeug", lambda: werkzeug.utils.send_file(file, request.environ)
    )

    for url in ("/view", "/werkzeug"):
        response = get(client, url, {"Range": "bytes=2-4", "If-Match": '"old"'})
        assert (response.status_code, response.data) == (206, b"234")


def test_an_error_leaves_the_function_itself(app: Flask, file: Path) -> None:
    for fields, error in [
        ({"If-Match": '"old"'}, PreconditionFailed),
        ({"Range": "bytes=10-"}, RequestedRangeNotSatisfiable),
    ]:
        with app.test_request_context(headers=fields), pytest.raises(error):
            send_file(file)
