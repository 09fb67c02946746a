"""Whether an index is current, how it is made of the map, and requests that use it."""

from __future__ import annotations

import gc
import re
import weakref
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.routing import (
    Map,
    Rule,
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
from rule_maps import (
    Heavy,
    ask_werkzeug,
    find,
    make_map,
)

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
