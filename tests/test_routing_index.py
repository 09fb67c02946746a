"""What the native index of rules answers, and what it declines, beside Werkzeug."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException
from werkzeug.routing import (
    BaseConverter,
    Map,
    RequestRedirect,
    Rule,
)
from werkzeug.routing.matcher import StateMachineMatcher

from bustapi import _routing
from bustapi._routing import RouteTable
from rule_maps import (
    CONVERTERS,
    ask_werkzeug,
    find,
    make_map,
    make_table,
)

A_UUID = "12345678-1234-5678-1234-56789abcdeF0"


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
