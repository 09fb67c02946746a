"""The native routing index: Werkzeug's state machine, drawn for the extension module.

Werkzeug's ``url_map`` stays the only registry, and its matcher the only judge of what is
not a plain hit. After ``Map.update()`` the matcher is a tree of states with static and
dynamic transitions. It is copied state by state, in Werkzeug's order, so that the same
depth-first search can run without Python objects. What cannot be copied exactly is
copied as something that makes the search decline:

- a dynamic transition whose regular expression is not put together from the expressions
  of the built-in converters is *opaque*: a search that reaches it declines;
- a rule whose arguments are not converted by built-in converters, or whose endpoint has
  a rule with ``defaults``, ``alias`` or ``redirect_to``, declines when it is hit;
- under host or subdomain matching, with a subclass of ``Map``, ``Rule`` or the matcher,
  and when the private structure of Werkzeug is not the one known here, the index is
  empty and declines everything.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from operator import is_
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from werkzeug.routing import Map, MapAdapter, Rule
from werkzeug.routing.converters import (
    AnyConverter,
    BaseConverter,
    FloatConverter,
    IntegerConverter,
    PathConverter,
    UnicodeConverter,
    UUIDConverter,
)
from werkzeug.routing.matcher import State, StateMachineMatcher
from werkzeug.routing.rules import RulePart

if TYPE_CHECKING:
    from ._bustapi import RequestHead, RuleIndex

Piece: TypeAlias = tuple[str, Any]
"""One element of a dynamic part: its kind, and what the kind needs to know."""

Argument: TypeAlias = tuple[str, str, Any]
"""Name, conversion and options of one argument of a rule."""

Transition: TypeAlias = tuple[list[Piece] | None, bool, bool, int]
"""A dynamic transition: pieces (None: opaque), final, suffixed, number of the state."""

StatePicture: TypeAlias = tuple[dict[str, int], list[Transition], list[int]]
"""Static transitions, dynamic ones in order, numbers of the rules that end here."""

RulePicture: TypeAlias = tuple[
    Rule, frozenset[str] | None, bool, bool, list[Argument] | None
]
"""Rule, methods, ``strict_slashes``, ``websocket``, arguments (None: a hit declines)."""

_MAX_DEPTH = 100
"""Deepest state that is indexed: a rule with more slashes leaves the index empty."""

_MAX_ARGUMENTS = 16
"""Most arguments of a rule that is answered, the bound of the native search."""

_MAX_REPEAT = 1_000_000
"""Largest length option that is indexed; an expression with a larger one is opaque."""


class RouteTable:
    """The index of one application, and the state of the map it was built from."""

    __slots__ = (
        "_declined",
        "_generation",
        "_index",
        "_is_foreign",
        "_lock",
        "_map",
        "_matcher",
        "_revision",
    )

    def __init__(self, index: RuleIndex | None = None) -> None:
        """
        :param index: the index to fill. By default a new one, made when it is first
            asked for: an application under another server needs none.
        """
        self._index = index
        self._lock = Lock()
        #: Generation of the index since this table last filled it.
        self._generation = 0
        #: The map that was copied, with what its revision and matcher were.
        self._map: Map | None = None
        self._revision: object = None
        self._matcher: object = None
        #: The map for which the index is empty, and whether it will stay so.
        self._declined: Map | None = None
        self._is_foreign = False

    @property
    def index(self) -> RuleIndex:
        """The index that the server looks paths up in."""
        if self._index is None:
            from ._bustapi import RuleIndex

            self._index = RuleIndex()

        return self._index

    def is_current(self, url_map: Map, subdomain_matching: bool) -> bool:
        """Return whether the index still shows ``url_map`` as it is.

        ``strict_slashes``, ``merge_slashes`` and ``converters`` of the map are not asked:
        a rule takes them over when it is added, and a path with ``//`` is declined.
        """
        if url_map is self._map:
            return (
                url_map._remap is self._revision
                and url_map._matcher is self._matcher
                and not (
                    url_map.host_matching
                    or url_map.default_subdomain
                    or subdomain_matching
                )
            )

        return url_map is self._declined and (
            self._is_foreign or _has_domains(url_map, subdomain_matching)
        )

    def rebuild(self, url_map: Map, subdomain_matching: bool) -> None:
        """Fill the index from ``url_map``, unless it has become current meanwhile.

        :param subdomain_matching: whether the application matches subdomains.
        """
        with self._lock:
            if self.is_current(url_map, subdomain_matching):
                return

            # Nothing is current until the last line, whichever way this is left.
            self._map = self._declined = None
            self._is_foreign = not _is_known(url_map)

            if self._is_foreign or _has_domains(url_map, subdomain_matching):
                rules = list(url_map.iter_rules())
                self.index.rebuild(
                    [],
                    [],
                    False,
                    may_stream=any(map(_streams, rules)),
                    may_be_threaded=any(map(_is_threaded, rules)),
                )
                self._generation = self.index.generation
                self._declined = url_map
                return

            picture = _Picture()
            self._matcher = url_map._matcher
            self._revision = picture.draw(url_map)
            self.index.rebuild(
                picture.states,
                picture.rules,
                picture.is_complete,
                streaming=picture.streaming,
                threaded=picture.threaded,
                may_stream=picture.may_stream,
                may_be_threaded=picture.may_be_threaded,
            )
            self._generation = self.index.generation
            self._map = url_map

    def find(self, path: str, method: str) -> tuple[Rule, dict[str, Any]] | None:
        """Return the rule and the view's arguments, or None: Werkzeug is to decide.

        :param path: decoded path with its leading slash.
        """
        return self.index.find(path, method)

    def match(
        self, head: RequestHead, url_map: Map, subdomain_matching: bool
    ) -> tuple[Rule, dict[str, Any]] | None:
        """Return the hit of a request that the server parsed, or None to decline.

        What the server found is taken only from the generation that is current: requests
        sent in one go are looked up before the first of them may have added a rule.
        """
        if not self.is_current(url_map, subdomain_matching):
            self.rebuild(url_map, subdomain_matching)

        if head.generation == self._generation:
            return head.hit

        if head.is_upgrade:
            return None

        return self.find(head.path, head.method)


class _Revision:
    """Stands in ``Map._remap`` for "no rule was added since an index was built".

    It is false, so that Werkzeug's own checks read it as False. ``Map.add`` puts True in
    its place and ``Map.update`` False, so one comparison tells whether a rule came,
    however many there are. Tables that share a map share its revision.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


def _has_domains(url_map: Map, subdomain_matching: bool) -> bool:
    """Return whether the host of a request takes part in matching."""
    return bool(
        subdomain_matching or url_map.host_matching or url_map.default_subdomain
    )


def _streams(rule: Rule) -> bool:
    """Return whether the view of a rule reads the body while it comes."""
    return bool(getattr(rule, "stream_request", False))


def _is_threaded(rule: Rule) -> bool:
    """Return whether the view of a rule is not to run on the thread of the event loop."""
    return bool(getattr(rule, "threaded", False))


class _Picture:
    """States and rules of a map as the extension takes them."""

    def __init__(self) -> None:
        self.states: list[StatePicture] = []
        self.rules: list[RulePicture] = []
        self.is_complete = False
        #: Numbers of the rules whose views read the body while it comes.
        self.streaming: set[int] = set()
        #: Whether the map has such a rule, which may be one that a search declines.
        self.may_stream = False
        #: The same for rules whose views are not to run on the thread of the event loop.
        self.threaded: set[int] = set()
        self.may_be_threaded = False
        self._numbers: dict[int, int] = {}
        self._declined_endpoints: set[Any] = set()

    def draw(self, url_map: Map) -> object:
        """Copy the matcher's states and return what now stands in ``Map._remap``."""
        while True:
            url_map.update()

            # Werkzeug sorts under this lock, and a list is empty while it is sorted.
            with url_map._remap_lock:
                revision: object = url_map._remap

                if revision:
                    continue

                if not isinstance(revision, _Revision):
                    revision = _Revision()
                    # Before the first look: whatever is added from now on replaces it.
                    url_map._remap = revision  # type: ignore[assignment]

                self._draw_map(url_map)
                return revision

    def _draw_map(self, url_map: Map) -> None:
        root = _path_root(url_map._matcher._root)

        if root is None:
            return

        for endpoint, rules in list(url_map._rules_by_endpoint.items()):
            self.may_stream |= any(map(_streams, rules))
            self.may_be_threaded |= any(map(_is_threaded, rules))

            if any(r.defaults or r.alias or r.redirect_to is not None for r in rules):
                self._declined_endpoints.add(endpoint)

        self.is_complete = True

        if not self._draw_state(root, 0):
            self.states, self.rules, self.is_complete = [], [], False

    def _draw_state(self, state: State, depth: int) -> bool:
        """Copy a state and what follows it; False: it cannot be copied at all."""
        if depth > _MAX_DEPTH or type(state) is not State:
            return False

        static: dict[str, int] = {}
        dynamic: list[Transition] = []
        rules: list[int] = []
        self.states.append((static, dynamic, rules))

        for rule in list(state.rules):
            if type(rule) is not Rule:
                return False

            if _streams(rule):
                self.streaming.add(len(self.rules))

            if _is_threaded(rule):
                self.threaded.add(len(self.rules))

            rules.append(len(self.rules))
            self.rules.append(self._draw_rule(rule))

        for segment, following in list(state.static.items()):
            # No path that comes from a request holds a lone surrogate.
            if _is_encodable(segment):
                static[segment] = len(self.states)

                if not self._draw_state(following, depth + 1):
                    return False

        for part, following in list(state.dynamic):
            if type(part) is not RulePart or part.static:
                return False

            pieces = _read_pieces(part)
            self.is_complete &= pieces is not None
            dynamic.append((pieces, part.final, part.suffixed, len(self.states)))

            if not self._draw_state(following, depth + 1):
                return False

        return True

    def _draw_rule(self, rule: Rule) -> RulePicture:
        arguments = None

        if rule.endpoint not in self._declined_endpoints:
            arguments = _read_arguments(rule)

        self.is_complete &= arguments is not None
        methods = None

        if rule.methods is not None:
            methods = frozenset(filter(_is_encodable, rule.methods))

        return rule, methods, bool(rule.strict_slashes), bool(rule.websocket), arguments


def _path_root(root: State) -> State | None:
    """Return the state after the empty domain and the leading slash of a path.

    None: the states before it are not as they must be without hosts and subdomains.
    """
    if type(root) is not State or root.dynamic or root.rules:
        return None

    domain = root.static.get("", State())

    if type(domain) is not State or domain.dynamic or domain.rules:
        return None

    return domain.static.get("", State())


# Where the structure is known


STOCK_METHODS: tuple[tuple[type, str, object], ...] = tuple(
    (owner, name, getattr(owner, name))
    for owner, name in (
        (Map, "add"),
        (Map, "bind"),
        (Map, "bind_to_environ"),
        (Map, "update"),
        (MapAdapter, "match"),
        (MapAdapter, "get_default_redirect"),
        (StateMachineMatcher, "add"),
        (StateMachineMatcher, "match"),
        (StateMachineMatcher, "update"),
    )
)

_MAP_ATTRIBUTES = {
    "_matcher": StateMachineMatcher,
    "_remap": object,
    "_remap_lock": object,
    "_rules_by_endpoint": dict,
    "default_subdomain": str,
    "host_matching": bool,
}


def _is_known(url_map: Map) -> bool:
    """Return whether a map is Werkzeug's own in the structure that is read here.

    Its ``__dict__`` is left alone: asking for it makes CPython build one, and then every
    attribute of the map costs more in every request.
    """
    return (
        type(url_map) is Map
        and _has_fields(State, "dynamic", "rules", "static")
        and _has_fields(RulePart, "content", "final", "static", "suffixed", "weight")
        and all(getattr(owner, name) is stock for owner, name, stock in STOCK_METHODS)
        and all(
            getattr(getattr(url_map, name), "__func__", None) is stock
            for owner, name, stock in STOCK_METHODS
            if owner is Map
        )
        and all(
            isinstance(getattr(url_map, name, None), kind)
            for name, kind in _MAP_ATTRIBUTES.items()
        )
        and type(url_map._matcher) is StateMachineMatcher
        and set(vars(url_map._matcher)) == {"_root", "merge_slashes"}
    )


def _has_fields(kind: type, *names: str) -> bool:
    return is_dataclass(kind) and tuple(field.name for field in fields(kind)) == names


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False

    return True


# Reading the expression of a dynamic part


# What ``re.escape`` puts a backslash before.
_SPECIAL = r"()\[\]{}?*+\-|^$\\.&~# \t\n\r\v\f"

_UUID = "-".join(rf"\[A-Fa-f0-9\]\{{{n}\}}" for n in (8, 4, 4, 4, 12))

# A part is literal text, escaped, and named groups with the converters' expressions.
_PIECE = re.compile(
    rf"""
    (?P<literal> (?: \\. | [^{_SPECIAL}] )+ )
    | \(\?P<__werkzeug_(?P<number>\d+)>
      (?:
        (?P<string> \[\^/\] \{{ (?P<least>\d+) (?P<comma>,)? (?P<most>\d+)? \}} )
        | (?P<some> \[\^/\]\+ )
        | (?P<sign>-\?)? (?: (?P<float>\\d\+\\\.\\d\+) | (?P<int>\\d\+) )
        | (?P<uuid> {_UUID} )
        | (?P<path> \[\^/\]\.\*\? )
        | \(\?: (?P<any> (?: \\. | \| | [^{_SPECIAL}] )* ) \)
      )
      \)
    """,
    re.VERBOSE | re.DOTALL,
)


def _read_pieces(part: RulePart) -> list[Piece] | None:
    """Take the expression of a dynamic part to pieces; None: it has foreign elements."""
    tail = r"(?<!/)(/?)\Z" if part.suffixed else r"\Z"

    if not part.content.endswith(tail):
        return None

    content = part.content[: -len(tail)]
    pieces: list[Piece] = []
    converters = 0
    position = 0

    while position < len(content):
        match = _PIECE.match(content, position)

        if match is None:
            return None

        if match["number"] is not None:
            if match["number"] != str(converters):
                return None

            converters += 1

        piece = _read_piece(match)

        if piece is None:
            return None

        pieces.append(piece)
        position = match.end()

    return pieces if converters <= _MAX_ARGUMENTS else None


def _read_piece(match: re.Match[str]) -> Piece | None:
    if match["literal"] is not None:
        items = _read_alternatives(match["literal"])
        return None if items is None else ("literal", items[0])

    if match["any"] is not None:
        items = _read_alternatives(match["any"])
        return None if items is None else ("any", items)

    if match["string"] is not None:
        return _read_string(match)

    if match["some"] is not None:
        return "string", (1, None)

    for kind in "int", "float":
        if match[kind] is not None:
            return kind, match["sign"] is not None

    return ("uuid", None) if match["uuid"] is not None else ("path", None)


def _read_string(match: re.Match[str]) -> Piece | None:
    least = int(match["least"])
    most = int(match["most"]) if match["most"] is not None else None

    if match["comma"] is None:
        if most is not None:
            return None

        most = least

    # Werkzeug raises when the expression has its bounds the wrong way round.
    if max(least, most or 0) > _MAX_REPEAT or (most is not None and least > most):
        return None

    return "string", (least, most)


def _read_alternatives(expression: str) -> list[str] | None:
    """Undo ``"|".join(map(re.escape, items))``; None: it was not made so."""
    items = [""]

    for escaped, plain in re.findall(r"\\(.)|(.)", expression, re.DOTALL):
        if plain == "|":
            items.append("")
        else:
            items[-1] += escaped or plain

    if "|".join(map(re.escape, items)) != expression:
        return None

    return items if all(map(_is_encodable, items)) else None


# Reading what a rule makes of its values


STOCK_CONVERSIONS: dict[type[BaseConverter], tuple[object, object]] = {
    cls: (cls.to_python, getattr(cls, "num_convert", None))
    for cls in (
        AnyConverter,
        FloatConverter,
        IntegerConverter,
        PathConverter,
        UnicodeConverter,
        UUIDConverter,
    )
}


def _read_arguments(rule: Rule) -> list[Argument] | None:
    """Return the arguments of a rule in order; None: Werkzeug must convert them."""
    if len(rule._converters) > _MAX_ARGUMENTS:
        return None

    arguments: list[Argument] = []

    for name, converter in rule._converters.items():
        conversion = _read_conversion(converter)

        if conversion is None:
            return None

        arguments.append((name, *conversion))

    return arguments


def _read_conversion(converter: BaseConverter) -> tuple[str, Any] | None:
    cls = type(converter)

    if "to_python" in vars(converter) or "num_convert" in vars(converter):
        return None

    stock = STOCK_CONVERSIONS.get(cls)
    found = cls.to_python, getattr(cls, "num_convert", None)

    # By identity: a wrapper made by wrapt equals what it wraps.
    if stock is None or not all(map(is_, stock, found)):
        return None

    if isinstance(converter, IntegerConverter):
        return _read_int(converter)

    if isinstance(converter, FloatConverter):
        return _read_float(converter)

    return ("uuid" if cls is UUIDConverter else "str"), None


def _read_int(converter: IntegerConverter) -> tuple[str, Any] | None:
    options = (converter.fixed_digits, converter.min, converter.max)

    if not all(
        option is None or (isinstance(option, int) and -(2**63) <= option < 2**63)
        for option in options
    ):
        return None

    return "int", (int(converter.fixed_digits or 0), *options[1:])


def _read_float(converter: FloatConverter) -> tuple[str, Any] | None:
    if converter.fixed_digits:
        return None

    bounds: list[float | None] = []

    for bound in converter.min, converter.max:
        # Python compares a float with an integer exactly, also beyond 2**53.
        if isinstance(bound, int) and abs(bound) > 2**53:
            return None

        if bound is not None and not isinstance(bound, (int, float)):
            return None

        bounds.append(None if bound is None else float(bound))

    return "float", tuple(bounds)
