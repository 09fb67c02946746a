"""JSON: the text is Flask's to the byte, with encoders that are made once."""

from __future__ import annotations

import dataclasses
import decimal
import io
import json as stdlib_json
import uuid
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from bustapi import Flask, json, jsonify
from bustapi.json.provider import DefaultJSONProvider, JSONProvider, _default
from bustapi.json.tag import JSONTag, TaggedJSONSerializer


@dataclasses.dataclass
class Point:
    x: int
    day: date


def test_a_response_is_flasks_byte_for_byte(app: Flask, app_ctx: object) -> None:
    response = app.json.response(
        {
            "b": [1, 2.5, None, True],
            "a": "é\u2028</script>",
            "d": date(2024, 1, 2),
            "u": uuid.UUID(int=1),
            "dec": decimal.Decimal("1.10"),
            "dc": Point(1, date(2024, 1, 2)),
            "m": Markup("<i>"),
        }
    )

    assert response.content_type == "application/json"
    assert response.get_data() == (  # type: ignore[attr-defined]
        b'{"a":"\\u00e9\\u2028</script>","b":[1,2.5,null,true],'
        b'"d":"Tue, 02 Jan 2024 00:00:00 GMT",'
        b'"dc":{"day":"Tue, 02 Jan 2024 00:00:00 GMT","x":1},'
        b'"dec":"1.10","m":"<i>","u":"00000000-0000-0000-0000-000000000001"}\n'
    )


@pytest.mark.parametrize(
    ("args", "kwargs", "body"),
    [
        ((), {}, b"null\n"),
        ((1,), {}, b"1\n"),
        ((1, "a"), {}, b'[1,"a"]\n'),
        (({"b": 1, "a": 2},), {}, b'{"a":2,"b":1}\n'),
        ((), {"b": 1, "a": 2}, b'{"a":2,"b":1}\n'),
        (([],), {}, b"[]\n"),
    ],
)
def test_jsonify_takes_a_value_a_list_or_an_object(
    app_ctx: object, args: tuple[Any, ...], kwargs: dict[str, Any], body: bytes
) -> None:
    assert jsonify(*args, **kwargs).data == body


def test_jsonify_refuses_both_kinds_of_arguments(app_ctx: object) -> None:
    with pytest.raises(TypeError, match="args or kwargs"):
        jsonify(1, a=1)


def test_jsonify_needs_an_application() -> None:
    with pytest.raises(RuntimeError, match="application context"):
        jsonify(1)


def test_debug_mode_indents_responses_and_compact_overrules_it(
    app: Flask, app_ctx: object
) -> None:
    provider = app.json
    assert isinstance(provider, DefaultJSONProvider)
    app.debug = True
    assert jsonify({"a": [1]}).data == b'{\n  "a": [\n    1\n  ]\n}\n'

    provider.compact = True
    assert jsonify({"a": [1]}).data == b'{"a":[1]}\n'

    app.debug = False
    provider.compact = False
    assert jsonify({"a": []}).data == b'{\n  "a": []\n}\n'


def test_dumps_has_spaces_and_sorted_keys(app: Flask) -> None:
    assert app.json.dumps({"b": 1, "a": [1, 2]}) == '{"a": [1, 2], "b": 1}'


def test_changed_attributes_take_effect_at_once(app: Flask, app_ctx: object) -> None:
    provider = app.json
    assert isinstance(provider, DefaultJSONProvider)
    assert json.dumps({"b": "é", "a": 1}) == '{"a": 1, "b": "\\u00e9"}'

    provider.sort_keys = False
    assert json.dumps({"b": "é", "a": 1}) == '{"b": "\\u00e9", "a": 1}'

    provider.ensure_ascii = False
    provider.mimetype = "application/problem+json"

    assert json.dumps({"b": "é", "a": 1}) == '{"b": "é", "a": 1}'
    assert jsonify("é").content_type == "application/problem+json"

    provider.default = lambda o: "replaced"
    assert json.dumps(object()) == '"replaced"'


def test_a_default_method_of_a_subclass_is_called(app: Flask) -> None:
    class Provider(DefaultJSONProvider):
        prefix = "x"

        def default(self, o: Any) -> Any:
            return f"{self.prefix}{o.__class__.__name__}"

    provider = Provider(app)
    assert provider.dumps(object()) == '"xobject"'

    provider.prefix = "y"
    assert provider.dumps(object()) == '"yobject"'


def test_arguments_of_dumps_win_over_the_attributes(app: Flask) -> None:
    value = {"b": "é", "a": object()}

    text = app.json.dumps(
        value, ensure_ascii=False, sort_keys=False, default=lambda o: 1, indent=1
    )

    assert text == '{\n "b": "é",\n "a": 1\n}'


def test_options_that_cannot_be_hashed_are_used(app: Flask) -> None:
    assert app.json.dumps([1, 2], separators=[";", ":"]) == "[1;2]"


def test_an_encoder_class_is_used(app: Flask) -> None:
    class Encoder(stdlib_json.JSONEncoder):
        def encode(self, o: Any) -> str:
            return "encoded"

    assert app.json.dumps(1, cls=Encoder) == "encoded"
    assert app.json.dumps(1) == "1"


def test_unknown_options_are_refused_as_by_the_library(app: Flask) -> None:
    for _ in range(2):
        with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
            app.json.dumps(1, colour="red")


def test_ever_other_options_do_not_fill_the_memory(app: Flask) -> None:
    provider = app.json
    assert isinstance(provider, DefaultJSONProvider)

    for width in range(100):
        assert provider.dumps([1], indent=width).startswith("[\n")

    assert len(provider._encoders) < 20


def test_one_encoder_serves_all_calls_with_equal_options(
    app: Flask, app_ctx: object
) -> None:
    provider = app.json
    assert isinstance(provider, DefaultJSONProvider)
    value = {"a": date(2024, 1, 2)}

    for _ in range(3):
        jsonify(value)
        json.dumps(value)
        encoders = list(provider._encoders.values())

    assert len(encoders) == 2
    jsonify(value)
    assert list(map(id, provider._encoders.values())) == list(map(id, encoders))


def test_an_error_leaves_the_encoder_usable(app: Flask) -> None:
    circular: list[Any] = []
    circular.append(circular)

    with pytest.raises(ValueError, match="Circular"):
        app.json.dumps(circular)
    with pytest.raises(TypeError, match="object is not JSON|not JSON serializable"):
        app.json.dumps([object()])

    shared = [1]
    assert app.json.dumps([shared, shared]) == "[[1], [1]]"


def test_keys_of_different_types_cannot_be_sorted(app: Flask) -> None:
    with pytest.raises(TypeError):
        app.json.dumps({1: 1, "a": 2})


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.uuids()
    | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values)
def test_text_equals_that_of_a_new_encoder(value: Any) -> None:
    app = Flask(__name__)

    expected = stdlib_json.dumps(value, default=_default, sort_keys=True)

    assert app.json.dumps(value) == expected
    assert app.json.dumps(value) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2024, 5, 6, 7, 8, 9), "Mon, 06 May 2024 07:08:09 GMT"),
        (
            datetime(2024, 5, 6, 1, 0, tzinfo=timezone(timedelta(hours=2))),
            "Sun, 05 May 2024 23:00:00 GMT",
        ),
        (date(2024, 5, 6), "Mon, 06 May 2024 00:00:00 GMT"),
    ],
)
def test_dates_are_http_dates(app: Flask, value: date, text: str) -> None:
    assert app.json.loads(app.json.dumps(value)) == text


def test_a_provider_of_ones_own_is_used_everywhere(app: Flask, app_ctx: object) -> None:
    class Provider(JSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return f"<{obj}>"

        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            return ("loaded", s)

    app.json = Provider(app)
    file = io.StringIO()
    json.dump(1, file)

    assert json.dumps(1) == "<1>"
    assert file.getvalue() == "<1>"
    assert json.loads("x") == ("loaded", "x")
    assert json.load(io.BytesIO(b"x")) == ("loaded", b"x")
    assert jsonify(1).data == b"<1>"
    assert jsonify(1).mimetype == "application/json"


def test_an_overridden_dumps_makes_the_response(app: Flask, app_ctx: object) -> None:
    class Provider(DefaultJSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return f"{sorted(kwargs.items())}"

    app.json = Provider(app)

    assert jsonify(1).data == b"[('separators', (',', ':'))]\n"


def test_the_base_provider_writes_nothing(app: Flask) -> None:
    provider = JSONProvider(app)

    with pytest.raises(NotImplementedError):
        provider.dumps(1)
    with pytest.raises(NotImplementedError):
        provider.loads("1")


def test_without_an_application_the_library_is_used() -> None:
    file = io.StringIO()
    json.dump({"b": date(2024, 1, 2), "a": 1}, file)

    expected = '{"b": "Tue, 02 Jan 2024 00:00:00 GMT", "a": 1}'
    assert file.getvalue() == expected
    assert json.dumps({"b": date(2024, 1, 2), "a": 1}) == expected
    assert json.loads(b"[1]") == [1]
    assert json.load(io.StringIO("[1]")) == [1]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": {"b": [1, (2, (3,))]}},
        {" t": [1]},
        {" di": {" b": "x"}},
        {" t__": 1},
        (),
        b"",
        [b"\xff"],
        uuid.UUID(int=9),
        datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc),
    ],
)
def test_tagged_json_gives_back_what_it_was_given(value: Any) -> None:
    serializer = TaggedJSONSerializer()

    assert serializer.loads(serializer.dumps(value)) == value


tagged = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.binary()
    | st.uuids()
    | st.text().map(Markup)
    # HTTP dates have no fractions, and Python reads years before 1000 as of this century.
    | st.datetimes(datetime(1000, 1, 1), timezones=st.just(timezone.utc)).map(
        lambda at: at.replace(microsecond=0, fold=0)
    ),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(
            st.text() | st.sampled_from([" t", " b", " di", " t__", " di__"]), inner
        )
    ),
    max_leaves=20,
)


@given(tagged)
def test_any_value_comes_back_from_tagged_json(value: Any) -> None:
    serializer = TaggedJSONSerializer()

    loaded = serializer.loads(serializer.dumps(value))

    assert loaded == value
    assert repr(loaded) == repr(value)


def test_a_tag_of_ones_own_may_come_before_another() -> None:
    class Pair(tuple[int, int]):
        pass

    class TagPair(JSONTag):
        __slots__ = ()
        key = " p"

        def check(self, value: Any) -> bool:
            return isinstance(value, Pair)

        def to_json(self, value: Any) -> Any:
            return list(value)

        def to_python(self, value: Any) -> Any:
            return Pair(value)

    serializer = TaggedJSONSerializer()
    serializer.register(TagPair, index=0)

    assert serializer.dumps(Pair((1, 2))) == '{" p":[1,2]}'
    assert type(serializer.loads('{" p":[1,2]}')) is Pair
    with pytest.raises(KeyError, match="' p'"):
        serializer.register(TagPair)

    serializer.register(TagPair, force=True)
    assert len(serializer.order) == 10


def test_a_tag_must_be_written() -> None:
    tag = JSONTag(TaggedJSONSerializer())

    for method in (tag.check, tag.to_json, tag.to_python):
        with pytest.raises(NotImplementedError):
            method(1)
