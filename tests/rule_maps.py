"""Maps of rules, and the index made from them beside Werkzeug."""

from __future__ import annotations

from typing import Any, NamedTuple

from werkzeug.exceptions import HTTPException
from werkzeug.routing import (
    BaseConverter,
    BuildError,
    IntegerConverter,
    Map,
    Rule,
    ValidationError,
)

from bustapi import Flask
from bustapi._routing import RouteTable


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


def rules(app: Flask) -> dict[str, list[str]]:
    """Return the rules of an application by endpoint, without its static route."""
    found: dict[str, list[str]] = {}

    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            found.setdefault(rule.endpoint, []).append(rule.rule)

    return found
