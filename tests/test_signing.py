"""Cookies of sessions are signed and read natively as itsdangerous does it, or by itself."""

from __future__ import annotations

import hashlib
import hmac
import string
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from itsdangerous import (
    BadPayload,
    BadSignature,
    SignatureExpired,
    TimestampSigner,
    URLSafeTimedSerializer,
)
from itsdangerous.signer import HMACAlgorithm
from markupsafe import Markup

from bustapi import Flask
from bustapi._bustapi import SignedJSON
from bustapi._signing import make_serializer
from bustapi.json import tag
from bustapi.json.provider import DefaultJSONProvider
from bustapi.json.tag import JSONTag, TaggedJSONSerializer, TagTuple
from bustapi.sessions import (
    SecureCookieSessionInterface,
    _lazy_sha1,
    session_json_serializer,
)

NOW = 1_700_000_000

text = st.text(st.characters(exclude_categories=()), max_size=10)
content = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | text
    | st.binary(max_size=10)
    | st.uuids()
    | st.text(max_size=10).map(Markup)
    | st.datetimes(datetime(1000, 1, 1), timezones=st.just(timezone.utc))
    | st.datetimes(datetime(1000, 1, 1)),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(
            text | st.sampled_from([" t", " b", " di", " t__", " d", "_flashes"]), inner
        )
    ),
    max_leaves=25,
)

generated = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: NOW)


def signing(**options: Any) -> URLSafeTimedSerializer:
    """Return the serializer of a session interface."""
    given = {
        "keys": ("key",),
        "salt": "cookie-session",
        "serializer": session_json_serializer,
        "key_derivation": "hmac",
        "digest_method": _lazy_sha1,
    } | options
    return make_serializer(**given)


def reference(**options: Any) -> URLSafeTimedSerializer:
    """Return itsdangerous' own one with the same options."""
    given: dict[str, Any] = {
        "keys": ("key",),
        "key_derivation": "hmac",
        "digest_method": hashlib.sha1,
    } | options
    return URLSafeTimedSerializer(
        list(given["keys"]),
        salt="cookie-session",
        serializer=given.get("serializer", TaggedJSONSerializer()),
        signer_kwargs={
            "key_derivation": given["key_derivation"],
            "digest_method": given["digest_method"],
        },
    )


@pytest.fixture
def signatures() -> Iterator[mock.Mock]:
    """Counts the signatures that Python makes."""
    with mock.patch.object(hmac, "HMAC", wraps=hmac.HMAC) as signatures:
        yield signatures


# What is written


@generated
@given(content, st.booleans(), st.booleans())
def test_what_is_signed_is_what_itsdangerous_signs(
    app: Flask, app_ctx: object, value: Any, ensure_ascii: bool, sort_keys: bool
) -> None:
    provider: Any = app.json
    provider.ensure_ascii = ensure_ascii
    provider.sort_keys = sort_keys
    whole = {"value": value}

    assert outcome(signing().dumps, whole) == outcome(reference().dumps, whole)
    assert outcome(signing().dumps, value) == outcome(reference().dumps, value)


def outcome(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except (TypeError, ValueError, BadSignature, BadPayload) as e:
        return type(e), str(e)


PLAIN: list[Any] = [
    {},
    {"n": 2},
    {"user_id": 7, "name": "é€😀", "flags": [True, None, 1.5]},
    {"_flashes": [("message", "Saved."), ("error", Markup("<b>not</b>"))]},
    {" t": [1]},
    {" di": {" b": (1,)}},
    {"a": {" t__": 1}},
    {"token": b"\x00\xff", "id": UUID(int=5), "empty": b""},
    {"at": datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone(timedelta(hours=2)))},
    {"text": "repeated " * 40},
    {"long": string.printable},
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_contents_of_the_known_types_are_signed_and_read_natively(
    app: Flask, app_ctx: object, signatures: mock.Mock, value: Any
) -> None:
    serializer = signing()
    # The first call derives the keys.
    serializer.dumps({})
    signatures.reset_mock()

    signed = serializer.dumps(value)
    loaded = serializer.loads(signed, max_age=60)

    assert signatures.call_count == 0
    assert signed == reference().dumps(value)
    assert loaded == reference().loads(signed, max_age=60)
    assert repr(loaded) == repr(reference().loads(signed))


@given(st.text(st.characters(codec="ascii"), max_size=80))
@example("aaaaaaaaaaaaa")
@example("abcdefghijkabcdefghijk")
def test_content_is_compressed_exactly_when_that_is_shorter(value: str) -> None:
    found = native_signer().dumps(value, True, True, NOW, zlib.compress)

    json = tag_json(value)
    assert found is not None
    assert found.startswith(".") is (len(zlib.compress(json)) < len(json) - 1)


def tag_json(value: Any) -> bytes:
    return TaggedJSONSerializer().dumps(value).encode()


def native_signer(*keys: bytes) -> SignedJSON:
    serializer = TaggedJSONSerializer()
    return SignedJSON(list(keys or (b"key",)), serializer.order, serializer.tags, {})


@given(
    st.integers(1, 20).flatmap(
        lambda size: st.text(
            st.characters(min_codepoint=32, max_codepoint=126), min_size=size
        ).map(lambda s: s[:20])
    )
)
@example("t|||}}}t}|ttt}}||t")
@example("aaabbbabaabbaabab")
def test_what_is_not_given_to_zlib_would_not_become_shorter(value: str) -> None:
    asked: list[bytes] = []

    def compress(json: bytes) -> bytes:
        asked.append(json)
        return zlib.compress(json)

    native_signer().dumps(value, True, True, NOW, compress)

    json = tag_json(value)
    assert asked == [json] or len(zlib.compress(json)) >= len(json) - 1


class Text(str):
    pass


DECLINED: list[Any] = [
    {1: "a"},
    {"a": Text("b")},
    OrderedDict(a=1),
    {"a": OrderedDict(b=1)},
    {"a": {1, 2}},
    {"a": object()},
    {"a": type("Moment", (datetime,), {})(2024, 5, 6)},
    {"a": type("Bytes", (bytes,), {})(b"b")},
    {"a": 10**30},
]


@pytest.mark.parametrize("value", DECLINED, ids=repr)
def test_contents_of_other_types_are_signed_by_python(
    app: Flask, app_ctx: object, value: Any
) -> None:
    assert outcome(signing().dumps, value) == outcome(reference().dumps, value)


def test_a_circle_is_an_error_of_python(app: Flask, app_ctx: object) -> None:
    circle: list[Any] = []
    circle.append(circle)

    with pytest.raises(RecursionError):
        signing().dumps({"a": circle})


# What is read


@generated
@given(content)
def test_what_itsdangerous_signed_is_read_as_it_reads_it(
    app: Flask, app_ctx: object, value: Any
) -> None:
    signed = outcome(reference().dumps, value)

    if isinstance(signed, str):
        loaded = outcome(signing().loads, signed, max_age=60)
        expected = outcome(reference().loads, signed, max_age=60)
        assert repr(loaded) == repr(expected)
        assert loaded == expected


raw = st.sampled_from(
    [
        *('{" t":[1]}', '{" t":1}', '{" t":{}}', '{" b":"YQ=="}', '{" b":"%"}'),
        *('{" m":1}', '{" u":"x"}', '{" d":"x"}', '{" di":{"a__":1}}', '{" di":1}'),
        *('{"a":{" t":[{" t":[]}]}}', '{" t":[1],"a":1}', '{"\\u0020t":[1]}', "[[]]"),
        *("null", "1", "NaN", "", "{", '{"a":1,"a":2}', "[1] ", "\ufeff1", '"\\ud800"'),
    ]
)


@generated
@given(raw, st.booleans())
def test_any_signed_text_is_read_as_itsdangerous_reads_it(
    app: Flask, app_ctx: object, json: str, is_compressed: bool
) -> None:
    serializer = reference()
    data = zlib.compress(json.encode()) if is_compressed else json.encode()
    payload = (b"." if is_compressed else b"") + encoded(data)
    signed = serializer.make_signer("cookie-session").sign(payload).decode()

    found = outcome(signing().loads, signed, max_age=60)

    assert repr(found) == repr(outcome(serializer.loads, signed, max_age=60))


def encoded(data: bytes) -> bytes:
    from itsdangerous import base64_encode

    return base64_encode(data)


SIGNED = "eyJuIjoyfQ.ZVPxAA.s02O7-9tNShZMKgOMMlOHJgGK1I"


def test_a_cookie_is_what_it_has_always_been(app: Flask, app_ctx: object) -> None:
    assert signing().dumps({"n": 2}) == reference().dumps({"n": 2})
    assert signing().dumps({"n": 2}).rpartition(".")[0] == SIGNED.rpartition(".")[0]


@generated
@given(
    st.integers(0, 60),
    st.sampled_from([*string.ascii_letters, *string.digits, *"-_.=+/ \0é"]),
)
def test_an_altered_character_is_judged_as_itsdangerous_judges_it(
    app: Flask, app_ctx: object, index: int, character: str
) -> None:
    signed = reference().dumps({"n": 2})
    index %= len(signed) + 1
    altered = signed[:index] + character + signed[index + 1 :]

    for changed in (
        altered,
        signed[:index],
        signed[:index] + character + signed[index:],
    ):
        found = outcome(signing().loads, changed, max_age=60)
        assert found == outcome(reference().loads, changed, max_age=60)


def test_what_another_encoder_of_base64_may_write_is_valid_as_well(
    app: Flask, app_ctx: object
) -> None:
    signed = reference().dumps({"n": 2})
    # The last character of a signature has two bits that are not looked at.
    last = signed[-1]
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    other = signed[:-1] + alphabet[alphabet.index(last) ^ 1]

    for valid in (signed, other, f"{signed}="):
        assert signing().loads(valid, max_age=60) == {"n": 2}


def test_content_without_a_valid_signature_is_not_decompressed() -> None:
    native = native_signer()
    signed = native.dumps({"a": "b" * 100}, True, True, NOW, zlib.compress)
    assert signed is not None
    assert signed.startswith(".")
    touched: list[bytes] = []

    for index in range(len(signed)):
        altered = f"{signed[:index]}{'A' if signed[index] != 'A' else 'B'}{signed[index + 1 :]}"
        assert native.loads(altered, 60, NOW, touched.append) is NotImplemented

    assert touched == []
    other = native_signer(b"other")
    assert other.loads(signed, 60, NOW, touched.append) is NotImplemented
    assert touched == []


@pytest.mark.parametrize("age", [-1, 0, 59, 60, 61, 10**9])
@pytest.mark.parametrize("max_age", [60, 0, -1, None])
def test_the_age_is_judged_as_itsdangerous_judges_it(
    app: Flask, app_ctx: object, age: int, max_age: int | None
) -> None:
    signed = reference().dumps({"n": 2})

    with mock.patch.object(TimestampSigner, "get_timestamp", lambda self: NOW + age):
        found = outcome(signing().loads, signed, max_age=max_age)
        expected = outcome(reference().loads, signed, max_age=max_age)

    assert found == expected


def test_a_signature_that_is_too_old_says_so(app: Flask, app_ctx: object) -> None:
    signed = signing().dumps({"n": 2})

    with mock.patch.object(TimestampSigner, "get_timestamp", lambda self: NOW + 61):
        with pytest.raises(SignatureExpired, match="61 > 60"):
            signing().loads(signed, max_age=60)


@pytest.mark.parametrize("derivation", ["hmac", "concat", "django-concat", "none"])
@pytest.mark.parametrize("key", ["key", b"key", "é", "k" * 200, "\0"])
def test_keys_are_derived_in_each_way(
    app: Flask, app_ctx: object, derivation: str, key: Any
) -> None:
    ours = signing(keys=("former", key), key_derivation=derivation)
    theirs = reference(keys=("former", key), key_derivation=derivation)
    former = reference(keys=("former",), key_derivation=derivation)

    signed = ours.dumps({"n": 2})

    assert signed == theirs.dumps({"n": 2})
    assert theirs.loads(signed) == {"n": 2}
    assert ours.loads(former.dumps(1), 60) == 1


def test_an_unknown_derivation_is_an_error_when_something_is_signed(
    app: Flask, app_ctx: object
) -> None:
    serializer = signing(key_derivation="unknown")

    for _ in range(2):
        with pytest.raises(TypeError, match="key derivation"):
            serializer.dumps({"n": 2})


# What is left to itsdangerous


class TagSet(JSONTag):
    __slots__ = ()
    key = " s"

    def check(self, value: Any) -> bool:
        return isinstance(value, set)

    def to_json(self, value: Any) -> Any:
        return sorted(value)

    def to_python(self, value: Any) -> Any:
        return set(value)


def test_a_tag_that_is_registered_later_writes_and_reads(
    app: Flask, app_ctx: object
) -> None:
    serializer = TaggedJSONSerializer()
    ours = signing(serializer=serializer)
    assert ours.loads(ours.dumps({"a": (1,)}), 60) == {"a": (1,)}

    serializer.register(TagSet, index=0)

    assert ours.loads(ours.dumps({"a": {1, 2}, "b": {" s": 1}}), 60) == {
        "a": {1, 2},
        "b": {" s": 1},
    }


def test_tags_that_were_replaced_write_and_read(app: Flask, app_ctx: object) -> None:
    class Pairs(TagTuple):
        __slots__ = ()

        def to_json(self, value: Any) -> Any:
            return ["own", *value]

    serializer = TaggedJSONSerializer()
    ours = signing(serializer=serializer)
    ours.dumps({})
    serializer.tags[" t"] = serializer.order[2] = Pairs(serializer)

    assert ours.loads(ours.dumps({"a": (1,)}), 60) == {"a": ("own", 1)}


def test_a_serializer_of_ones_own_is_used(app: Flask, app_ctx: object) -> None:
    class Own(TaggedJSONSerializer):
        def dumps(self, value: Any) -> str:
            return super().dumps(["own", value])

    ours = signing(serializer=Own())

    assert ours.loads(ours.dumps({"n": 2}), 60) == ["own", {"n": 2}]


@pytest.mark.parametrize("digest", [hashlib.sha256, hashlib.md5])
def test_another_digest_signs(app: Flask, app_ctx: object, digest: Any) -> None:
    ours, theirs = signing(digest_method=digest), reference(digest_method=digest)

    assert ours.dumps({"n": 2}) == theirs.dumps({"n": 2})
    assert ours.loads(theirs.dumps({"n": 2}), 60) == {"n": 2}


def test_without_an_application_the_library_writes() -> None:
    assert signing().loads(signing().dumps({"b": 1, "a": 2}), 60) == {"b": 1, "a": 2}
    assert signing().dumps({"b": 1, "a": 2}) == reference().dumps({"b": 1, "a": 2})


def test_a_provider_of_ones_own_writes_and_reads(app: Flask, app_ctx: object) -> None:
    class Provider(DefaultJSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return super().dumps(["own", obj], **kwargs)

        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            return ["read", super().loads(s, **kwargs)]

    app.json = Provider(app)

    assert signing().loads(signing().dumps({"n": 2}), 60) == ["read", ["own", {"n": 2}]]


def test_another_salt_and_the_time_are_itsdangerous_own(
    app: Flask, app_ctx: object
) -> None:
    signed = signing().dumps({"n": 2}, salt="other")

    assert signed == reference().dumps({"n": 2}, salt="other")
    assert signing().loads(signed, salt="other") == {"n": 2}
    value, at = signing().loads(signing().dumps(1), return_timestamp=True)
    assert (value, at.timestamp()) == (1, NOW)


PATCHES: list[tuple[Any, str, Any]] = [
    (URLSafeTimedSerializer, "dumps", lambda self, obj, salt=None: "replaced"),
    (URLSafeTimedSerializer, "dump_payload", lambda self, obj: b"replaced"),
    (TimestampSigner, "sign", lambda self, value: b"replaced"),
    (TimestampSigner, "get_signature", lambda self, value: b"replaced"),
    (TimestampSigner, "derive_key", lambda self, key=None: b"replaced"),
    (HMACAlgorithm, "get_signature", lambda self, key, value: b"replaced"),
    (TaggedJSONSerializer, "dumps", lambda self, value: '"replaced"'),
    (TaggedJSONSerializer, "tag", lambda self, value: "replaced"),
    (TagTuple, "to_json", lambda self, value: ["replaced"]),
    (tag, "dumps", lambda value, **options: '"replaced"'),
    (hashlib, "sha1", hashlib.sha256),
    (zlib, "compress", lambda data: b""),
]


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    PATCHES,
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_replaced_part_is_asked(
    app: Flask,
    app_ctx: object,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    value: Any,
) -> None:
    given = {"a": (1, 2), "text": "long enough to be compressed" * 3}
    before = signing().dumps(given)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, value)
        make_serializer.cache_clear()
        found = signing().dumps(given)
        assert found != before
        assert found == reference(digest_method=_lazy_sha1).dumps(given)

    make_serializer.cache_clear()
    assert signing().dumps(given) == before


@pytest.mark.parametrize("name", ["dumps", "dump_payload", "make_signer"])
def test_a_replaced_method_of_a_serializer_itself_is_called(
    app: Flask, app_ctx: object, name: str
) -> None:
    serializer = signing(keys=("a key of its own", name))
    serializer.dumps({})
    calls: list[Any] = []
    original = getattr(serializer, name)

    def patched(*args: Any) -> Any:
        calls.append(args)
        return original(*args)

    setattr(serializer, name, patched)
    serializer.dumps({"n": 2})

    assert len(calls) == 1


def test_an_interrupt_inside_of_a_tag_is_none_of_its_errors(
    app: Flask, app_ctx: object
) -> None:
    def interrupt(*args: Any) -> Any:
        raise KeyboardInterrupt

    native = SignedJSON([b"key"], [], {}, {datetime: mock.Mock(tag=interrupt)})

    with pytest.raises(KeyboardInterrupt):
        native.dumps({"at": datetime(2024, 5, 6)}, True, True, NOW, zlib.compress)

    packed = native.dumps({"a": "b" * 100}, True, True, NOW, zlib.compress)

    with pytest.raises(KeyboardInterrupt):
        native.loads(packed, 60, NOW, interrupt)


def test_a_signer_needs_a_key() -> None:
    with pytest.raises(ValueError, match="no key"):
        SignedJSON([], [], {}, {})


@pytest.mark.parametrize("time", [-1, 2**64, 1.5, "1", None, True])
def test_what_is_no_time_is_left_to_python(time: Any) -> None:
    native = native_signer()

    assert native.dumps({}, True, True, time, zlib.compress) is None
    assert native.loads(SIGNED, 60, time, zlib.decompress) is NotImplemented


@pytest.mark.parametrize("flag", [1, 0, None, "yes"])
def test_flags_that_are_no_booleans_are_left_to_python(flag: Any) -> None:
    assert native_signer().dumps({}, flag, True, NOW, zlib.compress) is None
    assert native_signer().dumps({}, True, flag, NOW, zlib.compress) is None


def test_the_interface_signs_natively(
    app: Flask, app_ctx: object, signatures: mock.Mock
) -> None:
    app.secret_key = "the key of an application"
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    serializer.dumps({})
    signatures.reset_mock()

    assert serializer.loads(serializer.dumps({"n": 2}), 60) == {"n": 2}
    assert signatures.call_count == 0


def test_tags_are_recognised_by_what_they_are() -> None:
    serializer = TaggedJSONSerializer()
    native = SignedJSON([b"key"], serializer.order, serializer.tags, {})
    order, tags = serializer.order, serializer.tags
    other = TaggedJSONSerializer()

    assert native.has_tags(order, tags)
    assert native.has_tags(list(order), dict(tags))
    assert not native.has_tags(order[:-1], tags)
    assert not native.has_tags(order[::-1], tags)
    assert not native.has_tags([*order, order[0]], tags)
    assert not native.has_tags(other.order, tags)
    assert not native.has_tags(order, other.tags)
    assert not native.has_tags(order, {**tags, " s": order[0]})
    assert not native.has_tags(order, {**dict(list(tags.items())[1:]), " s": order[0]})
    assert not native.has_tags(tuple(order), tags)
    assert not native.has_tags(order, None)

    serializer.register(TagSet)
    assert not native.has_tags(serializer.order, serializer.tags)
