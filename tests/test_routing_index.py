"""The native routing index against Werkzeug's own matcher."""

from __future__ import annotations

import gc
import re
import weakref
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException
from werkzeug.routing import (
    BaseConverter,
    BuildError,
    IntegerConverter,
    Map,
    RequestRedirect,
    Rule,
    ValidationError,
)
from werkzeug.routing.matcher import StateMachineMatcher
from werkzeug.routing.rules import RulePart

from bustapi import Flask, _routing, request
from bustapi._bustapi import RuleIndex, exchange
from bustapi._routing import RouteTable
from bustapi.ctx import AppContext
from bustapi.server.handler import make_handler
from bustapi.testing import FlaskClient
from edges import make_client

A_UUID = "12345678-1234-5678-1234-56789abcdeF0"


class Heavy(BaseConverter):
    """Comes before every built-in converter."""

    weight = 10
    regex = "[a-z0-9]+"


class Loose(BaseConverter):
    """Takes slashes, though its class is no ``PathConverter``."""

    regex = "[ab/]+"
    part_isolating = False


class Plain(BaseConverter):
    """Has the expression and the weight of the base class."""


class Even(IntegerConverter):
    """Has the expression of ``int`` and refuses what ``int`` takes."""

    def to_python(self, value: str) -> int:
        number = int(value)

        if number % 2:
            raise ValidationError

        return number


CONVERTERS = {"heavy": Heavy, "loose": Loose, "plain": Plain, "even": Even}


def make_map(*rules: Rule, **options: Any) -> Map:
    return Map(rules, converters=CONVERTERS, **options)


def make_table(*rules: Rule, **options: Any) -> RouteTable:
    table = RouteTable()
    table.rebuild(make_map(*rules, **options), False)
    return table


def find(*rules: str | Rule, path: str, method: str = "GET") -> Any:
    """Return the endpoint (the rule's text for plain text) and the arguments."""
    made = [Rule(r, endpoint=r) if isinstance(r, str) else r for r in rules]
    hit = make_table(*made).find(path, method)
    return None if hit is None else (hit[0].endpoint, hit[1])


class Answer(NamedTuple):
    """What Werkzeug says: rule and arguments, or the error it raises."""

    rule: Rule | None
    arguments: dict[str, Any]
    error: Exception | None


def ask_werkzeug(url_map: Map, path: str, method: str) -> Answer:
    adapter = url_map.bind("localhost", path_info=path)

    try:
        rule, arguments = adapter.match(method=method, return_rule=True)
    # An alias without a rule to point to ends in an error of another class.
    except (HTTPException, BuildError) as e:
        return Answer(None, {}, e)

    return Answer(rule, dict(arguments), None)


# Generated sets of rules

STATIC = st.sampled_from(["a", "b", "ab", "a.b", "1", "-", "ü", "a b"])
DYNAMIC = st.sampled_from(
    [
        "<{}>",
        "<string(length=2):{}>",
        "<string(minlength=2):{}>",
        "<string(minlength=0,maxlength=3):{}>",
        "<int:{}>",
        "<int(signed=True):{}>",
        "<int(fixed_digits=2):{}>",
        "<int(min=2, max=12):{}>",
        "<int(signed=True, max=3):{}>",
        "<float:{}>",
        "<float(signed=True, max=2):{}>",
        "<uuid:{}>",
        '<any(a, b, "a.b", ab):{}>',
        "<path:{}>",
    ]
)
FOREIGN = st.sampled_from(["<heavy:{}>", "<loose:{}>", "<plain:{}>", "<even:{}>"])
GLUE = st.sampled_from(["a", "a-", ".", "-", ".json", "b", "1", "", "ü"])


@st.composite
def rule_texts(draw: st.DrawFn, foreign: bool) -> str:
    """A rule of up to four segments: static, dynamic, or both in one."""
    names = iter("wxyzuvst")
    converters = st.one_of(DYNAMIC, FOREIGN) if foreign else DYNAMIC
    segments = []

    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.integers(0, 3))

        if kind < 2:
            segments.append(draw(STATIC))
        elif kind == 2:
            segments.append(draw(converters).format(next(names)))
        else:
            first, second = draw(converters), draw(converters)
            segment = draw(GLUE) + first.format(next(names)) + draw(GLUE)

            if draw(st.booleans()):
                segment += second.format(next(names)) + draw(GLUE)

            segments.append(segment)

    return (
        "/"
        + "/".join(segments)
        + ("/" if bool(segments) and draw(st.booleans()) else "")
    )


METHODS: st.SearchStrategy[list[str] | None] = st.one_of(
    st.none(),
    st.lists(st.sampled_from(["GET", "POST", "PUT"]), min_size=1, max_size=2),
)


@st.composite
def rules(draw: st.DrawFn, foreign: bool, special: bool) -> Rule:
    text = draw(rule_texts(foreign))
    options: dict[str, Any] = {
        "methods": draw(METHODS),
        "strict_slashes": draw(st.sampled_from([None, None, True, False])),
        "endpoint": draw(st.sampled_from(["e1", "e2", "e3", "e4", "e5"])),
    }

    # Now and then one of the options that make an endpoint (0 to 2) or a rule special.
    match draw(st.integers(0 if special else 3, 15)):
        case 0:
            options["defaults"] = {"page": 1}
        case 1:
            options["alias"] = True
        case 2:
            options["redirect_to"] = "/elsewhere"
        case 3:
            if not options["methods"] or set(options["methods"]) <= {"GET"}:
                options["websocket"] = True
        case 4:
            options["build_only"] = True
        case 5:
            options["subdomain"] = "sub"
        case 6:
            options["merge_slashes"] = False

    return Rule(text, **options)


@st.composite
def maps(draw: st.DrawFn) -> Map:
    some_rules = rules(draw(st.booleans()), draw(st.booleans()))
    return make_map(
        *draw(st.lists(some_rules, min_size=1, max_size=10)),
        strict_slashes=draw(st.booleans()),
        merge_slashes=draw(st.booleans()),
        redirect_defaults=draw(st.booleans()),
    )


VALUES = st.sampled_from(
    [
        *(
            "a",
            "b",
            "ab",
            "a.b",
            "a/b",
            "b/a/b",
            "1",
            "2",
            "07",
            "12",
            "13",
            "-1",
            "-4",
        ),
        *("1.5", "-2.5", "0.0", "1.", "9" * 19, "9" * 30, "9" * 700, "-0", A_UUID),
        *("", " ", "ü", "üü", "٣", "1٣", "a\nb", "\n", "x-1", "a-1.json", "..", "a--b"),
    ]
)

FITTING = {
    "AnyConverter": st.sampled_from(["a", "b", "a.b", "ab"]),
    "Even": st.sampled_from(["2", "3", "12"]),
    "FloatConverter": st.sampled_from(["1.5", "0.0", "-1.5", "2.50"]),
    "IntegerConverter": st.sampled_from(["1", "2", "07", "12", "13", "-1", "9" * 30]),
    "PathConverter": st.sampled_from(["a", "a/b", "b/a/b", "1", "1/b"]),
    "UnicodeConverter": st.sampled_from(["a", "ab", "1", "12", "ü", "a.b", "üü"]),
    "UUIDConverter": st.just(A_UUID),
}
"""Values that the converter of this name mostly takes."""


@st.composite
def values(draw: st.DrawFn, converter: BaseConverter) -> str:
    if draw(st.integers(0, 7)) == 0:
        return draw(VALUES)

    return draw(FITTING.get(type(converter).__name__, VALUES))


@st.composite
def paths(draw: st.DrawFn, url_map: Map) -> str:
    """A path that a rule of the map may match, a near miss, or anything."""
    if draw(st.integers(0, 9)) == 0:
        alphabet = st.sampled_from("ab1-./ü\n٣ ")
        return "/" + draw(st.text(alphabet, max_size=8))

    rule = draw(st.sampled_from(list(url_map.iter_rules())))
    _, path = "".join(
        draw(values(rule._converters[text])) if is_dynamic else text
        for is_dynamic, text in rule._trace
    ).split("|", 1)

    match draw(st.integers(0, 11)):
        case 0:
            path += "/"
        case 1:
            path = path.rstrip("/") or "/"
        case 2:
            path += "/" + draw(VALUES)
        case 3:
            path = path.replace("/", "//", 1)

    return path


def may_decline(path: str) -> bool:
    """Return whether a complete index may decline a path that Werkzeug matches."""
    return (
        not path.startswith("/")
        or "//" in path
        or not path.isascii()
        or "9" * 19 in path
    )


REQUEST_METHODS = ["GET", "GET", "GET", "HEAD", "POST", "PUT", "get", "BREW"]


@settings(deadline=None)
@given(st.data())
def test_a_hit_is_what_werkzeug_matches(data: st.DataObject) -> None:
    url_map = data.draw(maps())
    table = RouteTable()
    table.rebuild(url_map, False)

    for _ in range(10):
        path = data.draw(paths(url_map))
        method = data.draw(st.sampled_from(REQUEST_METHODS))
        hit = table.find(path, method)
        answer = ask_werkzeug(url_map, path, method)

        if hit is not None:
            assert hit[0] is answer.rule
            assert list(hit[1].items()) == list(answer.arguments.items())
            assert list(map(type, hit[1].values())) == list(
                map(type, answer.arguments.values())
            )
        elif table.index.complete and method.isupper() and not may_decline(path):
            assert isinstance(answer.error, HTTPException | RequestRedirect)


@settings(deadline=None)
@given(st.lists(rule_texts(True), min_size=1, max_size=8))
def test_only_foreign_converters_keep_an_index_from_being_complete(
    texts: list[str],
) -> None:
    table = make_table(*(Rule(text, endpoint=text) for text in texts))

    is_stock = not any(f"<{name}:" in text for name in CONVERTERS for text in texts)

    assert table.index.complete is is_stock


# Each kind of piece


@pytest.mark.parametrize(
    ("rule", "path", "arguments"),
    [
        ("/", "/", {}),
        ("/a/b", "/a/b", {}),
        ("/<x>", "/hello", {"x": "hello"}),
        ("/<x>", "/ü ß\n", {"x": "ü ß\n"}),
        ("/<string(length=2):x>", "/üß", {"x": "üß"}),
        ("/<string(minlength=2, maxlength=3):x>", "/abc", {"x": "abc"}),
        ("/<int:x>", "/007", {"x": 7}),
        ("/<int:x>", "/" + "9" * 40, {"x": int("9" * 40)}),
        ("/<int(fixed_digits=3):x>", "/007", {"x": 7}),
        ("/<int(signed=True):x>", "/-7", {"x": -7}),
        ("/<int(min=2, max=3):x>", "/3", {"x": 3}),
        ("/<float:x>", "/1.50", {"x": 1.5}),
        ("/<float(signed=True, max=2):x>", "/-1.5", {"x": -1.5}),
        ("/<uuid:x>", "/" + A_UUID, {"x": UUID(A_UUID)}),
        ('/<any(a, "b|c", "d.e"):x>', "/b|c", {"x": "b|c"}),
        ("/<any(ab, a):x><y>", "/abc", {"x": "ab", "y": "c"}),
        ("/<any(a, ab):x><y>", "/abc", {"x": "a", "y": "bc"}),
        ("/<path:x>", "/a/b/c", {"x": "a/b/c"}),
        ("/<path:x>/edit", "/a/edit/edit", {"x": "a/edit"}),
        ("/<path:x>/", "/a/b/", {"x": "a/b"}),
        ("/a-<int:i>.json", "/a-5.json", {"i": 5}),
        ("/<x>.<y>", "/a.b.c", {"x": "a.b", "y": "c"}),
        ("/<int:x>-<int:y>/<z>", "/1-2/c", {"x": 1, "y": 2, "z": "c"}),
        ("/<path:x>/to/<path:y>", "/a/b/to/to/c", {"x": "a/b", "y": "to/c"}),
        ("/<b>/<a>/<c>", "/1/2/3", {"b": "1", "a": "2", "c": "3"}),
    ],
)
def test_each_kind_of_piece_gives_werkzeugs_values(
    rule: str, path: str, arguments: dict[str, object]
) -> None:
    url_map = make_map(Rule(rule, endpoint="e"))
    table = RouteTable()
    table.rebuild(url_map, False)

    hit = table.find(path, "GET")

    assert hit is not None
    assert hit == (ask_werkzeug(url_map, path, "GET").rule, arguments)
    assert list(map(type, hit[1].values())) == list(map(type, arguments.values()))
    assert list(hit[1]) == list(arguments)
    assert table.index.complete


def test_arguments_are_a_new_dict_for_each_hit() -> None:
    table = make_table(Rule("/<int:i>", endpoint="e"))
    first, second = table.find("/1", "GET"), table.find("/1", "GET")

    assert first is not None
    assert second is not None
    first[1].clear()

    assert second[1] == {"i": 1}


# The order of the search


def test_a_method_decides_between_rules_of_different_states() -> None:
    rules = (
        Rule("/a/<int:i>", endpoint="get", methods=["GET"]),
        Rule("/a/<path:p>", endpoint="post", methods=["POST"]),
    )

    table = make_table(*rules)

    get, post = table.find("/a/1", "GET"), table.find("/a/1", "POST")

    assert get == (rules[0], {"i": 1})
    assert post == (rules[1], {"p": "1"})
    assert table.find("/a/1", "PUT") is None
    assert table.find("/a/x", "GET") is None


def test_a_get_rule_answers_head() -> None:
    assert find(Rule("/a", endpoint="a", methods=["GET"]), path="/a", method="HEAD")


def test_a_rule_without_methods_takes_any() -> None:
    assert find("/a", path="/a", method="BREW") == ("/a", {})


def test_static_segments_come_before_dynamic_ones_and_are_left_again() -> None:
    rules = ("/a/b", "/<x>/c")

    assert find(*rules, path="/a/b") == ("/a/b", {})
    assert find(*rules, path="/a/c") == ("/<x>/c", {"x": "a"})


def test_a_value_of_an_abandoned_branch_is_forgotten() -> None:
    rules = ("/<int:i>/<int:j>/x", "/<s>/<t>")

    assert find(*rules, path="/1/2") == ("/<s>/<t>", {"s": "1", "t": "2"})


def test_a_lenient_rule_takes_a_path_with_or_without_final_slash() -> None:
    without = Rule("/a", endpoint="without", strict_slashes=False)
    with_slash = Rule("/b/", endpoint="with", strict_slashes=False)

    assert find(without, path="/a/") == ("without", {})
    assert find(with_slash, path="/b") == ("with", {})


def test_a_build_only_rule_is_never_hit() -> None:
    table = make_table(Rule("/a", endpoint="a", build_only=True))

    assert table.find("/a", "GET") is None
    assert table.index.complete


# What declines


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/n/1٣", "a digit of another script"),
        ("/n/5", "a value that the converter refuses"),
        ("/fixed/123", "a value of another length"),
        ("/n/" + "9" * 700, "a number that Python may refuse to read"),
        ("/n", "a redirect to the final slash"),
        ("/n//1", "slashes to be merged"),
        ("n/1", "no leading slash"),
        ("", "an empty path"),
        ("/nothing", "no rule"),
        ("/\ud800", "a lone surrogate"),
    ],
)
def test_a_path_is_declined(path: str, reason: str) -> None:
    rules = ("/n/", "/n/<int(max=4):i>", "/fixed/<int(fixed_digits=2):i>", "/n/1")

    assert find(*rules, path=path) is None


def test_a_digit_of_another_script_is_left_to_werkzeug_although_it_matches() -> None:
    url_map = make_map(Rule("/<int:i>", endpoint="e"))
    table = RouteTable()
    table.rebuild(url_map, False)

    assert table.find("/٣", "GET") is None
    assert ask_werkzeug(url_map, "/٣", "GET").arguments == {"i": 3}


@pytest.mark.parametrize("method", ["get", "Get", "", "GÉT"])
def test_a_method_that_werkzeug_would_change_is_declined(method: str) -> None:
    assert find("/a", path="/a", method=method) is None


@pytest.mark.parametrize(
    "options",
    [{"defaults": {"page": 1}}, {"alias": True}, {"redirect_to": "/b"}],
    ids=lambda options: next(iter(options)),
)
def test_an_endpoint_with_a_special_rule_is_declined(options: dict[str, Any]) -> None:
    rules = [
        Rule("/page/<int:page>", endpoint="e"),
        Rule("/page", endpoint="e", **options),
        Rule("/other", endpoint="other"),
    ]

    table = make_table(*rules)

    assert table.find("/page", "GET") is None
    assert table.find("/page/2", "GET") is None
    assert table.find("/other", "GET") == (rules[2], {})
    assert not table.index.complete


def test_defaults_redirect_a_rule_of_the_same_endpoint() -> None:
    url_map = make_map(
        Rule("/all/", endpoint="all", defaults={"page": 1}),
        Rule("/all/page/<int:page>", endpoint="all"),
    )
    table = RouteTable()
    table.rebuild(url_map, False)

    assert isinstance(
        ask_werkzeug(url_map, "/all/page/1", "GET").error, RequestRedirect
    )
    assert table.find("/all/page/1", "GET") is None


def test_a_foreign_converter_declines_what_comes_after_it() -> None:
    rules = [
        Rule("/a/<int:i>", endpoint="int"),
        Rule("/a/<heavy:h>", endpoint="heavy"),
        Rule("/a/fixed", endpoint="fixed"),
    ]
    url_map = make_map(*rules)
    table = RouteTable()
    table.rebuild(url_map, False)

    # Weight 10 comes before the 50 of ``int``, and after static text.
    assert ask_werkzeug(url_map, "/a/1", "GET").rule is rules[1]
    assert table.find("/a/1", "GET") is None
    assert table.find("/a/fixed", "GET") == (rules[2], {})
    assert not table.index.complete


def test_a_foreign_converter_after_a_hit_is_not_reached() -> None:
    rules = [Rule("/<int:i>", endpoint="int"), Rule("/<loose:l>", endpoint="loose")]
    table = make_table(*rules)

    assert table.find("/1", "GET") == (rules[0], {"i": 1})
    assert table.find("/a", "GET") is None


def test_a_foreign_conversion_of_a_known_expression_is_declined() -> None:
    url_map = make_map(Rule("/<even:i>", endpoint="even"))
    table = RouteTable()
    table.rebuild(url_map, False)

    assert ask_werkzeug(url_map, "/2", "GET").arguments == {"i": 2}
    assert table.find("/2", "GET") is None


def test_more_arguments_than_the_search_carries_are_declined() -> None:
    names = [f"<x{i}>" for i in range(17)]

    assert find("/" + "/".join(names[:16]), path="/a" * 16) is not None
    assert find("/" + "/".join(names), path="/a" * 17) is None


def test_more_methods_than_the_index_tells_apart_are_declined() -> None:
    rules = [Rule(f"/{i}", endpoint=str(i), methods=[f"M{i}"]) for i in range(70)]
    table = make_table(*rules)

    assert table.find("/3", "M3") == (rules[3], {})
    assert table.find("/3", "M69") is None
    assert table.find("/69", "M69") is None


def test_an_expression_that_backtracks_without_end_is_declined() -> None:
    rule = "/<path:a>a<path:b>a<path:c>a<path:d>a<path:e>b"

    assert find(rule, path="/" + "a" * 300) is None


def test_a_websocket_rule_is_passed_over() -> None:
    rules = [
        Rule("/a", endpoint="socket", websocket=True),
        Rule("/<x>", endpoint="plain"),
    ]

    assert make_table(*rules).find("/a", "GET") == (rules[1], {"x": "a"})


def test_a_rule_of_a_subdomain_is_never_hit() -> None:
    assert find(Rule("/a", endpoint="a", subdomain="sub"), path="/a") is None


@pytest.mark.parametrize(
    ("options", "subdomain_matching"),
    [
        ({"host_matching": True}, False),
        ({"default_subdomain": "www"}, False),
        ({}, True),
    ],
    ids=["hosts", "default subdomain", "subdomains"],
)
def test_an_index_is_empty_where_the_host_decides(
    options: dict[str, Any], subdomain_matching: bool
) -> None:
    url_map = make_map(Rule("/a", endpoint="a"), **options)
    table = RouteTable()
    table.rebuild(url_map, subdomain_matching)

    assert table.find("/a", "GET") is None
    assert not table.index.complete
    assert table.is_current(url_map, subdomain_matching)


def test_an_index_is_empty_for_classes_that_it_does_not_know() -> None:
    class OtherMap(Map):
        pass

    class OtherRule(Rule):
        pass

    class OtherMatcher(StateMachineMatcher):
        pass

    other_map = OtherMap([Rule("/a", endpoint="a")])
    other_rule = Map([OtherRule("/a", endpoint="a")])
    other_matcher = Map([])
    other_matcher._matcher = OtherMatcher(True)
    other_matcher.add(Rule("/a", endpoint="a"))
    patched = Map([Rule("/a", endpoint="a")])
    patched.update = lambda: None  # type: ignore[method-assign]

    for url_map in other_map, other_rule, other_matcher, patched:
        table = RouteTable()
        table.rebuild(url_map, False)

        assert table.find("/a", "GET") is None
        assert not table.index.complete
        assert table.is_current(url_map, False)


def test_an_index_is_empty_when_werkzeug_has_been_patched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(StateMachineMatcher, "match", lambda *args: None)

    assert find("/a", path="/a") is None


def test_todays_structure_of_werkzeug_is_known() -> None:
    url_map = make_map(Rule("/a/<int:i>", endpoint="a"))

    assert _routing._is_known(url_map)
    assert _routing._path_root(url_map._matcher._root) is not None
    assert make_table(Rule("/a/<int:i>", endpoint="a")).index.complete


def test_another_structure_of_werkzeug_is_not_known() -> None:
    url_map = make_map(Rule("/a", endpoint="a"))
    del url_map._matcher._root

    assert not _routing._is_known(url_map)


# Whether the index is current


@pytest.fixture
def url_map() -> Map:
    return make_map(Rule("/a", endpoint="a"))


@pytest.fixture
def table(url_map: Map) -> RouteTable:
    table = RouteTable()
    table.rebuild(url_map, False)
    return table


def test_a_new_table_is_not_current_and_declines(url_map: Map) -> None:
    table = RouteTable()

    assert not table.is_current(url_map, False)
    assert table.find("/a", "GET") is None
    assert table.index.generation == 0


def test_a_table_stays_current_while_werkzeug_matches_and_builds(
    table: RouteTable, url_map: Map
) -> None:
    url_map.bind("localhost").match("/a")
    url_map.bind("localhost").build("a")
    url_map.update()

    assert table.is_current(url_map, False)


@pytest.mark.parametrize("is_updated", [False, True])
def test_a_rule_that_is_added_is_noticed(
    table: RouteTable, url_map: Map, is_updated: bool
) -> None:
    rule = Rule("/b", endpoint="a")
    url_map.add(rule)

    if is_updated:
        url_map.update()

    assert not table.is_current(url_map, False)

    table.rebuild(url_map, False)

    assert table.is_current(url_map, False)
    assert table.find("/b", "GET") == (rule, {})


def test_another_map_is_noticed(table: RouteTable, url_map: Map) -> None:
    other = make_map(Rule("/b", endpoint="b"))

    assert not table.is_current(other, False)

    table.rebuild(other, False)

    assert table.is_current(other, False)
    assert not table.is_current(url_map, False)
    assert table.find("/a", "GET") is None


def test_another_matcher_is_noticed(table: RouteTable, url_map: Map) -> None:
    url_map._matcher = StateMachineMatcher(True)

    assert not table.is_current(url_map, False)

    table.rebuild(url_map, False)

    assert table.find("/a", "GET") is None


def test_host_and_subdomain_matching_are_noticed(
    table: RouteTable, url_map: Map
) -> None:
    assert not table.is_current(url_map, True)

    for name, value in ("host_matching", True), ("default_subdomain", "www"):
        before = getattr(url_map, name)
        setattr(url_map, name, value)

        assert not table.is_current(url_map, False)

        table.rebuild(url_map, False)

        assert table.find("/a", "GET") is None

        setattr(url_map, name, before)

        assert not table.is_current(url_map, False)

        table.rebuild(url_map, False)

        assert table.find("/a", "GET") is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [("strict_slashes", False), ("merge_slashes", False), ("redirect_defaults", False)],
)
def test_an_option_that_rules_took_over_may_change_without_a_rebuild(
    name: str, value: bool
) -> None:
    url_map = make_map(
        Rule("/a/", endpoint="a"),
        Rule("/b", endpoint="b"),
        Rule("/c", endpoint="c", defaults={"page": 1}),
        Rule("/c/<int:page>", endpoint="c"),
        Rule("/d/<path:p>", endpoint="d"),
    )
    table = RouteTable()
    table.rebuild(url_map, False)

    setattr(url_map, name, value)

    assert table.is_current(url_map, False)

    for path in (
        "/a",
        "/a/",
        "/b",
        "/b/",
        "//b",
        "/c",
        "/c/1",
        "/c/2",
        "/d/x//y",
        "/d/x",
    ):
        hit = table.find(path, "GET")

        if hit is not None:
            assert hit == ask_werkzeug(url_map, path, "GET")[:2]


def test_a_converter_that_is_replaced_changes_no_rule_that_is_there(
    url_map: Map, table: RouteTable
) -> None:
    rule = Rule("/<int:i>", endpoint="i")
    url_map.add(rule)
    table.rebuild(url_map, False)

    url_map.converters["int"] = Heavy

    assert table.is_current(url_map, False)
    assert table.find("/1", "GET") == ask_werkzeug(url_map, "/1", "GET")[:2]


def test_two_tables_of_one_map_stay_current_beside_each_other(
    table: RouteTable, url_map: Map
) -> None:
    other = RouteTable()
    other.rebuild(url_map, False)

    assert table.is_current(url_map, False)
    assert other.is_current(url_map, False)

    url_map.add(Rule("/b", endpoint="b"))
    other.rebuild(url_map, False)

    assert not table.is_current(url_map, False)


def test_a_rebuild_of_a_current_table_does_nothing(
    table: RouteTable, url_map: Map
) -> None:
    generation = table.index.generation

    table.rebuild(url_map, False)

    assert table.index.generation == generation


# A request that the server looked up


class Head(NamedTuple):
    """What the table reads of the server's parsed head."""

    path: str
    hit: tuple[Any, dict[str, Any]] | None
    generation: int
    is_upgrade: bool = False
    method: str = "GET"


def test_what_the_server_found_is_taken_from_the_current_generation_only(
    table: RouteTable, url_map: Map
) -> None:
    hit = table.find("/a", "GET")
    head: Any = Head("/a", hit, table.index.generation)

    assert table.match(head, url_map, False) is hit

    added = Rule("/<x>", endpoint="x")
    url_map.add(added)
    stale: Any = Head("/b", None, table.index.generation)

    assert table.match(stale, url_map, False) == (added, {"x": "b"})
    # The index is current again, and yet this head was looked up before.
    assert table.match(stale, url_map, False) == (added, {"x": "b"})


def test_a_request_for_an_upgrade_is_declined(table: RouteTable, url_map: Map) -> None:
    head: Any = Head("/a", None, 0, is_upgrade=True)

    assert table.match(head, url_map, False) is None


# The index itself


def test_rebuild_raises_the_generation_by_one() -> None:
    index = RuleIndex()

    for generation in 1, 2, 3:
        index.rebuild([({}, [], [])], [], True)

        assert index.generation == generation


@pytest.mark.parametrize(
    "states",
    [
        [({"a": 0}, [], [])],
        [({"a": 1}, [], [])],
        [({"a": 1, "b": 1}, [], []), ({}, [], [])],
        [({}, [], [0])],
        [({}, [([("colour", None)], False, False, 1)], []), ({}, [], [])],
    ],
    ids=["itself", "nowhere", "twice", "no rule", "unknown kind"],
)
def test_a_picture_that_is_no_tree_is_refused_and_empties_the_index(
    states: list[Any],
) -> None:
    index = RuleIndex()
    index.rebuild(
        [({"a": 1}, [], []), ({}, [], [0])], [("r", None, True, False, [])], True
    )

    assert index.find("/a", "GET") == ("r", {})

    with pytest.raises(ValueError):
        index.rebuild(states, [], True)

    assert index.find("/a", "GET") is None
    assert not index.complete


def test_an_index_in_a_cycle_is_collected() -> None:
    class Owner:
        pass

    owner = Owner()
    index = RuleIndex()
    owner.index = index  # type: ignore[attr-defined]
    index.rebuild([({}, [], [0])], [(owner, None, True, False, [])], True)
    reference = weakref.ref(owner)
    del owner, index

    gc.collect()

    assert reference() is None


# Reading expressions


@example("a|b", True)
@example("a\\|b", True)
@given(st.text(), st.booleans())
def test_any_text_is_read_back_from_its_expression(text: str, suffixed: bool) -> None:
    tail = r"(?<!/)(/?)\Z" if suffixed else r"\Z"
    content = f"{re.escape(text)}(?P<__werkzeug_0>(?:{re.escape(text)}|b)){tail}"
    part = RulePart(content, suffixed, False, suffixed, weight=None)  # type: ignore[arg-type]
    literal = [("literal", text)] if text else []

    assert _routing._read_pieces(part) == [*literal, ("any", [text, "b"])]


@pytest.mark.parametrize(
    "content",
    [
        r"(?P<__werkzeug_0>\d*)\Z",
        r"(?P<__werkzeug_1>\d+)\Z",
        r"(?P<__werkzeug_0>\d+)",
        r"(?P<__werkzeug_0>\d+)?\Z",
        r"(?P<__werkzeug_0>[^/]{3,2})\Z",
        r"(?P<__werkzeug_0>[^/]{1,99999999})\Z",
        r"(?P<__werkzeug_0>(?:a|b+))\Z",
        r"(?P<__werkzeug_0>[^/].*)\Z",
        r"(?P<name>\d+)\Z",
        r"a.b\Z",
        r"\d\Z",
    ],
)
def test_another_expression_is_opaque(content: str) -> None:
    part = RulePart(content, False, False, False, weight=None)  # type: ignore[arg-type]

    assert _routing._read_pieces(part) is None


def test_a_tree_that_is_too_deep_leaves_the_index_empty() -> None:
    assert find("/a" * 99, path="/a" * 99) is not None
    assert find("/a" * 120, "/b", path="/b") is None


# The index in use


@pytest.mark.socket
@pytest.mark.parametrize("is_updated", [False, True])
def test_a_rule_added_inside_a_request_answers_the_next_one(
    app: Flask, client: FlaskClient, is_updated: bool
) -> None:
    @app.route("/<path:rest>")
    def catch_all(rest: str) -> str:
        return f"all of {rest}"

    @app.route("/add")
    def add() -> str:
        app.view_functions["late"] = lambda: "late"
        app.url_map.add(Rule("/late", endpoint="late"))

        if is_updated:
            app.url_map.update()

        return "added"

    # The first request builds the index, the second is looked up in it.
    answers = [client.get(f"/{path}").text for path in ("late", "late", "add", "late")]

    assert answers == ["all of late", "all of late", "added", "late"]
    assert client.get("/late").text == "late"


@pytest.mark.socket
def test_a_map_replaced_inside_a_request_answers_the_next_one(
    app: Flask, client: FlaskClient
) -> None:
    app.view_functions["new"] = lambda: "new"

    @app.route("/old")
    def old() -> str:
        return "old"

    @app.route("/replace")
    def replace() -> str:
        app.url_map = Map([Rule("/new", endpoint="new")])
        return "replaced"

    answers = [client.get(f"/{path}").text for path in ("old", "old", "replace")]

    assert answers == ["old", "old", "replaced"]
    assert client.get("/old").status_code == 404
    assert client.get("/new").text == "new"


def test_requests_sent_in_one_go_see_a_rule_that_one_of_them_adds(app: Flask) -> None:
    @app.route("/<path:rest>")
    def catch_all(rest: str) -> str:
        return f"<all of {rest}>"

    @app.route("/add")
    def add() -> str:
        app.view_functions["late"] = lambda: "<late>"
        app.url_map.add(Rule("/late", endpoint="late"))
        return "<added>"

    paths = ["late", "late", "add", "late", "late"]
    data = "".join(f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n" for path in paths)
    received = exchange(make_handler(app), data.encode(), index=app._rule_index)

    assert re.findall(r"<.*?>", received.decode()) == [
        *("<all of late>", "<all of late>", "<added>", "<late>", "<late>")
    ]


def test_a_hit_is_answered_without_werkzeugs_matcher(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    @app.route("/user/<int:number>")
    def user(number: int) -> dict[str, object]:
        assert request.url_rule is not None
        return {"rule": request.url_rule.rule, "view_args": request.view_args}

    with make_client(app, "native") as client:
        client.get("/user/1")
        # Without an adapter there is nothing that Werkzeug could match with. A patch of
        # the matcher itself would be honoured, see the classes in ``_stock``.
        monkeypatch.setattr(AppContext, "_create_request_adapter", None)

        answer = client.get("/user/2").json

    assert answer == {"rule": "/user/<int:number>", "view_args": {"number": 2}}


def test_an_index_does_not_keep_its_application_alive() -> None:
    app = Flask("short-lived")
    app.add_url_rule("/<int:number>", "number", lambda number: str(number))
    index = app._rule_index
    data = b"GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2
    gc.disable()

    try:
        assert exchange(make_handler(app), data, index=index).count(b"200 OK") == 2
        assert index.find("/1", "GET") is not None
        reference = weakref.ref(app)
        del app
        assert reference() is None
    finally:
        gc.enable()
