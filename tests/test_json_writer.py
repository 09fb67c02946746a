"""The native writer of JSON gives what the library gives, or leaves it to the library."""

from __future__ import annotations

import collections
import enum
import json as stdlib_json
import math
import struct
import sys
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bustapi import Flask, Response, json, jsonify
from bustapi._bustapi import Globals, write_json
from bustapi.json import _library
from bustapi.json.provider import DefaultJSONProvider

LAYOUTS: list[dict[str, Any]] = [{}, {"separators": (",", ":")}, {"indent": 2}]

text = st.text(st.characters(exclude_categories=()), max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(text, inner, max_size=6)
    ),
    max_leaves=25,
)


def written(value: object, options: dict[str, Any], *flags: bool) -> str | None:
    ensure_ascii, sort_keys = flags or (True, True)
    return write_json(value, ensure_ascii, sort_keys, options)


@given(plain, st.booleans(), st.booleans(), st.sampled_from(LAYOUTS))
def test_plain_values_are_written_as_the_library_writes_them(
    value: Any, ensure_ascii: bool, sort_keys: bool, options: dict[str, Any]
) -> None:
    expected: str | None = stdlib_json.dumps(
        value, ensure_ascii=ensure_ascii, sort_keys=sort_keys, **options
    )

    found = written(value, options, ensure_ascii, sort_keys)

    if found is None:
        # A surrogate, which no bytes in UTF-8 can hold.
        assert any("\ud800" <= character <= "\udfff" for character in str(expected))
        assert not ensure_ascii
    else:
        assert found == expected


@given(st.lists(text, unique=True))
@example(["\uffff", "\U00010000", "\xff", "\u0100", "", "a", "\ud800"])
def test_keys_are_sorted_as_python_compares_them(keys: list[str]) -> None:
    value = dict.fromkeys(keys)

    assert written(value, {}) == stdlib_json.dumps(value, sort_keys=True)
    assert written(value, {}, True, False) == stdlib_json.dumps(value)


@given(st.integers(0, 2**64 - 1))
def test_each_float_is_written_as_its_repr(bits: int) -> None:
    [number] = struct.unpack("<d", struct.pack("<Q", bits))

    assert written([number], {}) == stdlib_json.dumps([number])


@given(st.integers(2**52, 2**53 - 1), st.integers(-80, 80), st.integers(0, 60))
def test_a_float_between_two_shortest_texts_is_written_as_its_repr(
    mantissa: int, exponent: int, zeros: int
) -> None:
    # Few bits that are set make exact halves of a last digit.
    for bits in (mantissa, mantissa >> zeros << zeros, mantissa | 1):
        number = math.ldexp(bits, exponent)

        assert written(number, {}) == repr(number)


def test_floats_at_the_edges_are_written_as_their_repr() -> None:
    numbers = [
        *(0.0, -0.0, 1e16, 1e15, 9999999999999998.0, 1e-4, 1e-5, 1.5, 1e22, 1e23),
        *(sys.float_info.max, sys.float_info.min, 5e-324, math.inf, -math.inf),
        *(math.ldexp(1, exponent) for exponent in range(-1074, 1024)),
    ]
    numbers += [math.nextafter(number, math.inf) for number in numbers]

    for number in numbers:
        assert written(number, {}) == stdlib_json.dumps(number)


@pytest.mark.parametrize("width", [1, 62, 63, 64, 65, 128, 1000])
def test_integers_of_any_width_are_written(width: int) -> None:
    for number in (2**width, -(2**width), 2**width - 1, 1 - 2**width):
        assert written(number, {}) == str(number)


@pytest.mark.parametrize("characters", ["ascii", "é", "€", "😀", "\ud83d"])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_every_character_of_each_width_is_escaped_as_the_library_does(
    characters: str, ensure_ascii: bool
) -> None:
    for code in [*range(0x200), *range(0xD7F0, 0xE010), 0xFFFF, 0x10000, 0x10FFFF]:
        value = f"a{chr(code)}{characters}"
        expected = stdlib_json.dumps(value, ensure_ascii=ensure_ascii)

        has_surrogate = any("\ud800" <= c <= "\udfff" for c in value)
        declines = has_surrogate and not ensure_ascii
        found = written(value, {}, ensure_ascii, True)
        assert found == (None if declines else expected)


class Text(str):
    pass


class Number(int):
    pass


class Real(float):
    pass


class Choice(enum.IntEnum):
    ONE = 1


class Table(dict[Any, Any]):
    pass


class Row(list[Any]):
    pass


Pair = collections.namedtuple("Pair", ["a"])

DECLINED = {
    "str": Text("a"),
    "int": Number(1),
    "float": Real(1.5),
    "enum": Choice.ONE,
    "dict": Table(a=1),
    "ordered": collections.OrderedDict(a=1),
    "default": collections.defaultdict(int, a=1),
    "list": Row([1]),
    "tuple": Pair(1),
    "bytes": b"a",
    "set": {1},
    "object": object(),
    "type": int,
}


@pytest.mark.parametrize("name", DECLINED)
@pytest.mark.parametrize("options", LAYOUTS)
def test_values_of_other_types_are_declined_wherever_they_are(
    name: str, options: dict[str, Any]
) -> None:
    value = DECLINED[name]

    for whole in (value, [1, value], (value,), {"a": 1, "b": [value]}):
        assert written(whole, options) is None


@pytest.mark.parametrize("key", [1, 1.5, True, None, Text("a"), (1,)])
@pytest.mark.parametrize("sort_keys", [True, False])
def test_keys_of_other_types_are_declined(key: Any, sort_keys: bool) -> None:
    assert written({key: 1}, {}, True, sort_keys) is None
    assert written({"b": 1, key: 1}, {}, True, sort_keys) is None


@pytest.mark.parametrize(
    "options",
    [
        {"separators": [",", ":"]},
        {"separators": (", ", ":")},
        {"separators": (",",)},
        {"separators": (",", ":", "")},
        {"separators": (Text(","), ":")},
        {"separators": None},
        {"indent": 0},
        {"indent": 4},
        {"indent": True},
        {"indent": Number(2)},
        {"indent": 2.0},
        {"indent": "  "},
        {"indent": None},
        {"indent": 2, "separators": (",", ":")},
        {"skipkeys": True},
        {"allow_nan": False},
        {"default": str},
        {"cls": stdlib_json.JSONEncoder},
    ],
)
def test_options_that_are_not_written_here_are_declined(
    options: dict[str, Any],
) -> None:
    assert written({"a": 1}, options) is None


@pytest.mark.parametrize("flag", [1, 0, None, "yes", []])
def test_flags_that_are_no_booleans_are_declined(flag: object) -> None:
    assert write_json(1, flag, True, {}) is None
    assert write_json(1, True, flag, {}) is None


def test_a_circle_and_deep_nesting_are_left_to_the_library(
    app: Flask, app_ctx: object
) -> None:
    circle: dict[str, Any] = {}
    circle["a"] = [circle, circle]
    deep: Any = 1

    for _ in range(400):
        deep = [deep]

    assert written(circle, {}) is None
    assert written(deep, {}) is None
    assert json.dumps(deep) == f"{'[' * 400}1{']' * 400}"
    with pytest.raises(ValueError, match="Circular"):
        json.dumps(circle)

    for _ in range(200_000):
        deep = [deep]

    with pytest.raises(RecursionError):
        jsonify(deep)


@pytest.mark.skipif(
    not hasattr(sys, "set_int_max_str_digits"), reason="since 3.11, and in patches"
)
def test_an_integer_of_too_many_digits_is_the_librarys_error(
    app: Flask, app_ctx: object
) -> None:
    value = 10**5000

    assert written(value, {}) is None
    with pytest.raises(ValueError, match="digits"):
        jsonify(value)


def test_the_end_follows_the_value() -> None:
    assert write_json([1], True, True, {}, "\n") == "[1]\n"
    assert write_json([object()], True, True, {}, "\n") is None


def test_shared_containers_are_no_circle() -> None:
    shared = [1]
    assert written([shared, shared, {"a": shared}], {}) == '[[1], [1], {"a": [1]}]'


# What is replaced in the library, and then asked


def as_written(app: Flask) -> list[str]:
    """Return a value as each way of the provider writes it."""
    return [
        app.json.dumps({"a": 1.5}),
        cast(Response, app.json.response({"a": 1.5})).get_data(as_text=True),
    ]


PATCHES: dict[str, tuple[Any, str, Any]] = {
    "dumps": (stdlib_json, "dumps", lambda obj, **options: "replaced"),
    "the class": (
        stdlib_json,
        "JSONEncoder",
        type("Own", (stdlib_json.JSONEncoder,), {"encode": lambda *a: "replaced"}),
    ),
    "encode": (stdlib_json.JSONEncoder, "encode", lambda *args: "replaced"),
    "iterencode": (
        stdlib_json.JSONEncoder,
        "iterencode",
        lambda *args, **options: ["replaced"],
    ),
    "strings": (
        stdlib_json.encoder,
        "encode_basestring_ascii",
        lambda text: '"replaced"',
    ),
    "the maker": (
        stdlib_json.encoder,
        "c_make_encoder",
        lambda *args: lambda obj, level: ["replaced"],
    ),
    "separators": (stdlib_json.JSONEncoder, "item_separator", "replaced"),
}


@pytest.mark.parametrize("name", PATCHES)
def test_a_replaced_part_of_the_library_is_asked(
    app: Flask, app_ctx: object, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = as_written(app)
    value = {"a": [1, "b"]}
    options: dict[str, Any] = {"ensure_ascii": True, "sort_keys": True}

    with monkeypatch.context() as patch:
        patch.setattr(*PATCHES[name])
        compact = {**options, "separators": (",", ":")}
        expected = stdlib_json.dumps(value, **options)
        response = stdlib_json.dumps(value, **compact)

        assert "replaced" in expected + response
        assert app.json.dumps(value) == expected
        assert jsonify(value).get_data(as_text=True) == f"{response}\n"

    assert as_written(app) == before


def test_a_float_of_the_encoder_module_is_used(
    app: Flask, app_ctx: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rounded(float):
        def __repr__(self) -> str:
            return f"{self:.1f}"

    monkeypatch.setattr(stdlib_json.encoder, "c_make_encoder", None)
    monkeypatch.setattr(stdlib_json.encoder, "float", Rounded, raising=False)

    assert app.json.dumps([0.123]) == "[0.1]"


def test_an_init_of_the_encoder_decides(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Any = stdlib_json.JSONEncoder.__init__

    def init(self: Any, **options: Any) -> None:
        original(self, **{**options, "sort_keys": False})

    monkeypatch.setattr(stdlib_json.JSONEncoder, "__init__", init)

    assert app.json.dumps({"b": 1, "a": 2}) == '{"b": 1, "a": 2}'


def test_the_library_of_this_interpreter_is_recognised() -> None:
    assert _library.writes_as_ever()


def test_a_replaced_dumps_of_the_object_makes_the_response(
    app: Flask, app_ctx: object
) -> None:
    app.json.dumps = lambda obj, **options: f"own {obj}"  # type: ignore[method-assign]

    assert jsonify(1).get_data(as_text=True) == "own 1\n"


def test_a_replaced_dumps_of_the_class_makes_the_response(
    app: Flask, app_ctx: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        DefaultJSONProvider, "dumps", lambda self, obj, **options: f"own {obj}"
    )

    assert jsonify(1).get_data(as_text=True) == "own 1\n"


def test_names_that_modules_lack_are_watched_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Globals({stdlib_json: {"dumps", "float"}})
    assert names

    with monkeypatch.context() as patch:
        patch.setattr(stdlib_json, "float", float, raising=False)
        assert not names

    assert names

    with monkeypatch.context() as patch:
        patch.delattr(stdlib_json, "dumps")
        assert not names

    assert names
