"""The native reader of JSON gives what the library gives, or leaves it to the library."""

from __future__ import annotations

import json as stdlib_json
import math
import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bustapi import Flask, json
from bustapi._bustapi import read_json
from bustapi.json import _library
from bustapi.json.provider import DefaultJSONProvider

OTHERWISE = object()

text = st.text(st.characters(exclude_categories=()), max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner, max_size=6),
    max_leaves=25,
)


def native(source: Any) -> Any:
    """Return what is read natively, or OTHERWISE."""
    return read_json(source, lambda given: OTHERWISE)


def exact(value: Any) -> Any:
    """Return a value as something that equals only what has the same types and bits."""
    if type(value) is float:
        return struct.pack("<d", value)

    if type(value) is list:
        return [exact(item) for item in value]

    if type(value) is dict:
        return [(key, exact(item)) for key, item in value.items()]

    return type(value), value


def assert_alike(source: Any) -> None:
    """Assert that text is read as the library reads it, or not at all."""
    found = native(source)

    if found is not OTHERWISE:
        assert exact(found) == exact(stdlib_json.loads(source))


@given(plain, st.booleans(), st.sampled_from([None, 2]), st.booleans())
def test_what_the_library_wrote_is_read_as_it_reads_it(
    value: Any, ensure_ascii: bool, indent: int | None, as_bytes: bool
) -> None:
    written = stdlib_json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)

    assert_alike(written.encode("utf-8", "surrogatepass") if as_bytes else written)


grammar = st.lists(
    st.sampled_from(
        [
            *("{", "}", "[", "]", ",", ":", '"', "\\", " ", "\n", "\t", "\r", "\f"),
            *("0", "1", "9", "-", "+", ".", "e", "E", "00", "1.5", "1e5", "-0", "-0.0"),
            *("true", "false", "null", "NaN", "Infinity", "-Infinity", "-NaN", "n"),
            *(
                '"a"',
                '"a":1',
                '"',
                "\\u",
                "d800",
                "\\ud83d\\ude00",
                "é",
                "\x00",
                "\x7f",
            ),
            *("\ufeff", "1e999", "-1e999", "1e-999", "9223372036854775807", "'a'"),
            *("9223372036854775808", "-9223372036854775808", "-9223372036854775809"),
            *("\u2028", "\xa0", "//", "/**/", "undefined", "\\/", "\\x", "\x1f"),
        ]
    ),
    max_size=8,
).map("".join)


@given(grammar)
@example("-")
@example("[1,]")
@example('{"a":1,"b":2,"a":3}')
@example('"\\ud800"')
@example('"\\ud800\\u0041"')
@example('"\\udc00\\ud800"')
def test_text_of_pieces_of_json_is_read_as_the_library_reads_it(source: str) -> None:
    for given_source in (source, source.encode(), f"[{source}]", f'"{source}"'):
        found = native(given_source)

        if found is not OTHERWISE:
            # What is an error to the library is never a value here.
            assert exact(found) == exact(stdlib_json.loads(given_source))


@given(st.binary(max_size=12))
@example(b"1\x00")
@example(b"\x001")
@example(b"1\x00\x00\x00")
@example(b"\xef\xbb\xbf1")
@example(b"\xff\xfe1\x00")
@example(b'"\xed\xa0\x80"')
@example(b'"\xc0\x80"')
@example(b'"\xf4\x90\x80\x80"')
def test_any_bytes_are_read_as_the_library_reads_them(source: bytes) -> None:
    for given_source in (source, b'"' + source + b'"'):
        found = native(given_source)

        if found is not OTHERWISE:
            assert exact(found) == exact(stdlib_json.loads(given_source))


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?\Z"))
def test_each_number_is_read_as_the_library_reads_it(source: str) -> None:
    assert_alike(source)
    assert_alike(f"[{source} ]".encode())


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_read_to_the_bit(number: float) -> None:
    for source in (repr(number), f"{number:.17g}", f"{number:.30e}"):
        if "." in source or "e" in source:
            assert native(source).hex() == float(source).hex()

    halfway = f"{math.nextafter(number, math.inf):.800f}"[:40]
    assert_alike(halfway)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (b'{"a": 1, "b": [true, null, 1.5], "a": 2}', {"a": 2, "b": [True, None, 1.5]}),
        (b' \t\r\n"\\u00e9\xc3\xa9\\ud83d\\ude00\\/" ', "éé😀/"),
        ('"é€😀"', "é€😀"),
        (b"-0", 0),
        (b"null", None),
        (b"[]", []),
        (b"{}", {}),
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
    ],
)
def test_plain_text_is_read_natively(source: Any, value: Any) -> None:
    assert exact(native(source)) == exact(value)


class Source(bytes):
    pass


LEFT = [
    *(b"NaN", b"[Infinity]", b"-Infinity", b"9223372036854775808", b"[" * 300),
    *(
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf1",
        "1".encode("utf-16"),
        b"1\x00",
    ),
    *(
        b"",
        b" ",
        b"[1,]",
        b"{'a': 1}",
        b'{"a": 1} x',
        b"01",
        b"1.",
        b".5",
        b"+1",
        b"nul",
    ),
    *(b'"\t"', b'"\x00"', b"[1] //", b"{1: 1}", b'{"a" 1}', b'"\xff"', b'"\\x"'),
    *("\ufeff1", '"\ud800"', bytearray(b"1"), memoryview(b"1"), Source(b"1"), 1, None),
]


@pytest.mark.parametrize("source", LEFT, ids=repr)
def test_what_is_an_error_or_is_read_in_another_way_is_left_to_the_library(
    app: Flask, source: Any
) -> None:
    given_sources: list[Any] = []

    assert read_json(source, given_sources.append) is None
    assert given_sources == [source]
    assert outcome(app.json.loads, source) == outcome(stdlib_json.loads, source)


def outcome(loads: Any, source: Any) -> Any:
    try:
        return exact(loads(source))
    except (ValueError, TypeError, RecursionError) as e:
        return type(e), str(e)


def test_equal_strings_of_two_texts_are_not_kept(app: Flask) -> None:
    first, second = (app.json.loads(b'["a text"]')[0] for _ in range(2))

    assert first == second
    assert first is not second


# What is replaced in the library, and then asked

PATCHES: dict[str, tuple[Any, str, Any]] = {
    "loads": (stdlib_json, "loads", lambda s, **options: "replaced"),
    "detect_encoding": (stdlib_json, "detect_encoding", lambda b: "latin-1"),
    "the decoder": (
        stdlib_json,
        "_default_decoder",
        type("Own", (stdlib_json.JSONDecoder,), {"decode": lambda *a: "replaced"})(),
    ),
    "decode": (stdlib_json.JSONDecoder, "decode", lambda self, s: "replaced"),
    "raw_decode": (
        stdlib_json.JSONDecoder,
        "raw_decode",
        lambda self, s, idx: ("replaced", len(s)),
    ),
    "decode of the decoder": (
        vars(getattr(stdlib_json, "_default_decoder")),  # noqa: B009
        "decode",
        lambda s: "replaced",
    ),
    "the scanner": (
        vars(getattr(stdlib_json, "_default_decoder")),  # noqa: B009
        "scan_once",
        lambda s, idx: ("replaced", len(s)),
    ),
}


@pytest.mark.parametrize("name", PATCHES)
def test_a_replaced_part_of_the_library_is_asked(
    app: Flask, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    owner, attribute, value = PATCHES[name]
    source = '"é"'.encode()

    with monkeypatch.context() as patch:
        replace = patch.setitem if type(owner) is dict else patch.setattr
        replace(owner, attribute, value)
        expected = stdlib_json.loads(source)
        assert expected != "é"
        assert app.json.loads(source) == expected

    assert app.json.loads(source) == "é"


def test_constants_that_were_changed_are_the_librarys(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    constants = getattr(stdlib_json.decoder, "_CONSTANTS")  # noqa: B009
    monkeypatch.setitem(constants, "NaN", None)

    assert app.json.loads("[NaN]") == [None]


def test_options_are_the_librarys(app: Flask) -> None:
    assert app.json.loads("1", parse_int=str) == "1"


def test_a_loads_of_a_subclass_is_called(app: Flask, app_ctx: object) -> None:
    class Provider(DefaultJSONProvider):
        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            return ["own", super().loads(s, **kwargs)]

    app.json = Provider(app)

    assert json.loads("1") == ["own", 1]


def test_the_library_of_this_interpreter_is_recognised() -> None:
    assert _library.reads_as_ever()
