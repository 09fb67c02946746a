"""The reference names everything public, and its docstrings are true to the code.

``make docs`` builds the pages and says where in ``BUSTAPI_DOCS``; what looks at built
pages is skipped without that.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import json
import os
import re
import secrets
import textwrap
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any, NamedTuple, TypeVar

import click
import pytest

import bustapi
import bustapi_alias
from bustapi.json.tag import TaggedJSONSerializer
from bustapi.sessions import SecureCookieSessionInterface
from public_api import API, module_names, origin, read_api

ROOT = Path(__file__).parents[1]
PACKAGE = Path(bustapi.__file__).parent

UNLISTED = {
    "bustapi.app.Rule": "Werkzeug's class, kept importable from where Flask has it.",
}
"""Public names that stand on no page, each with the reason."""


# ---- every name stands on a page ----


@pytest.fixture(scope="module")
def documented() -> set[str]:
    """The Python names that the built pages describe."""
    folder = os.environ.get("BUSTAPI_DOCS")
    if folder is None:
        pytest.skip("`make docs` builds the pages that this looks at")

    # Sphinx, "inventory version 2": four lines of text, the rest compressed.
    content = (ROOT / folder / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(content).decode().splitlines()
    fields = [line.split() for line in lines]
    return {field[0] for field in fields if field[1].startswith("py:")}


def test_every_public_name_stands_on_a_page(documented: set[str]) -> None:
    missing = [
        name
        for name, value in public_names(read_api())
        if not isinstance(value, TypeVar)
        and not names_of(name, read_aliases()) & documented
    ]

    missing += [
        name
        for name in (f"bustapi_alias.{name}" for name in bustapi_alias.__all__)
        if name not in documented
    ]

    assert sorted(missing) == sorted(UNLISTED)


def public_names(api: API) -> Iterator[tuple[str, Any]]:
    """Yield the whole name of everything public that is defined where it is listed."""
    for module_name, names in api.items():
        module = importlib.import_module(module_name)

        for name, description in names.items():
            owner, _, member = name.partition(".")

            # Constructors are part of their class.
            if not description.startswith("= ") and member != "__init__":
                value = getattr(module, owner)
                yield f"{module_name}.{name}", value if not member else None


def read_aliases() -> dict[str, set[str]]:
    """Return the names under which the package itself hands a name on."""
    aliases: dict[str, set[str]] = {}

    for name, value in vars(bustapi).items():
        if home := origin(value):
            aliases.setdefault(home, set()).add(f"bustapi.{name}")

    # Proxies and signals do not say where they are defined; they are the same objects.
    homes = [importlib.import_module(f"bustapi.{m}") for m in ("globals", "signals")]
    shared = {id(v): n for home in homes for n, v in vars(home).items()}

    for module_name in module_names():
        for name, value in vars(importlib.import_module(module_name)).items():
            if shared.get(id(value)) == name:
                aliases[f"{module_name}.{name}"] = {
                    f"bustapi.{name}",
                    *(f"{home.__name__}.{name}" for home in homes),
                }

    return aliases


def names_of(name: str, aliases: dict[str, set[str]]) -> set[str]:
    """Return what a page may call a name: an alias, or the member of a related class.

    A class below shows what it inherits, and an override what it overrides.
    """
    names = {name, *aliases.get(name, ())}
    owner, _, member = name.rpartition(".")
    module, _, class_name = owner.rpartition(".")

    if module and inspect.isclass(
        cls := getattr(importlib.import_module(module), class_name, None)
    ):
        classes: list[type] = [*cls.__mro__, *subclasses(cls)]

        for related in classes:
            home = origin(related)
            names |= {f"{n}.{member}" for n in (home, *aliases.get(home, ()))}

    return names


def subclasses(cls: type) -> Iterator[type]:
    children: list[type] = cls.__subclasses__()

    for below in children:
        yield below
        yield from subclasses(below)


# ---- docstrings and the code they describe ----


class Documented(NamedTuple):
    """A public function or class of the package."""

    name: str
    value: Callable[..., object]


def described() -> Iterator[Documented]:
    """Yield the public classes, and the public functions in and outside of them."""
    for module_name in module_names():
        module = importlib.import_module(module_name)

        for name, value in vars(module).items():
            if name.startswith("_") or len(name) == 1:
                continue

            if isinstance(value, type | FunctionType) and (
                value.__module__ == module_name
            ):
                yield Documented(f"{module_name}.{name}", value)

            if isinstance(value, type) and value.__module__ == module_name:
                for member, function in vars(value).items():
                    function = getattr(function, "__func__", function)
                    if not member.startswith("_") and isinstance(
                        function, FunctionType
                    ):
                        yield Documented(f"{module_name}.{name}.{member}", function)


def own_or_inherited_doc(item: Documented) -> str:
    """Return the docstring, that of the method it overrides where it has none."""
    if inspect.isclass(item.value) or item.value.__doc__:
        return inspect.getdoc(item.value) or ""

    owner, _, member = item.name.rpartition(".")
    module, _, class_name = owner.rpartition(".")

    # Outside of a class there is nothing to inherit.
    cls = getattr(importlib.import_module(module), class_name, None)
    return inspect.getdoc(getattr(cls, member, None)) or ""


def test_every_docstring_begins_with_a_sentence() -> None:
    wrong = [
        item.name
        for item in described()
        if not summary_of(own_or_inherited_doc(item)).endswith(".")
    ]

    assert wrong == []


def summary_of(doc: str) -> str:
    """Return the first paragraph, without the mark of an example that follows it."""
    return doc.partition("\n\n")[0].removesuffix(" ::")


def test_docstrings_explain_parameters_that_exist_and_leave_none_out() -> None:
    wrong = {}

    for item in described():
        fields = re.findall(r"^\s*:param (\w+):", item.value.__doc__ or "", re.M)
        explained = set(fields) - {"args", "kwargs"}

        if explained:
            existing = set(inspect.signature(item.value).parameters)
            unknown = explained - existing
            unexplained = existing - explained - {"self", "cls", "args", "kwargs"}

            if unknown or (unexplained and not overrides(item)):
                wrong[item.name] = unknown | unexplained

    assert wrong == {}


def overrides(item: Documented) -> bool:
    """Whether a method may leave parameters to the one that it overrides."""
    owner, _, member = item.name.rpartition(".")
    module, _, class_name = owner.rpartition(".")
    cls = getattr(importlib.import_module(module), class_name, None) if module else None
    return inspect.isclass(cls) and any(hasattr(b, member) for b in cls.__bases__)


# ---- examples ----


class Example(NamedTuple):
    """A literal block of a docstring: where it stands, and its text."""

    path: Path
    owner: str
    line: int
    text: str


def examples() -> Iterator[Example]:
    """Yield the blocks behind ``::`` in the docstrings of both packages."""
    for package in (PACKAGE, Path(bustapi_alias.__file__).parent):
        for path in sorted(package.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                    doc = ast.get_docstring(node) or ""
                    name = getattr(node, "name", path.stem)
                    line = getattr(node, "lineno", 1)

                    for found in re.finditer(r"::\n\n((?:(?: {4}.*)?\n)+)", f"{doc}\n"):
                        yield Example(path, name, line, textwrap.dedent(found[1]))


FILES = {
    "production.cfg": "PRODUCTION = True\n",
    "shop.json": '{"CURRENCY": "EUR"}',
    "shop/__init__.py": "",
    "shop/default_settings.py": "ITEMS = 10\n",
    "report.txt": "all is well\n",
    "templates/hello.html": "Hello, {{ person }}!\n",
    "templates/not_found.html": "not here\n",
    "templates/rows.html": "{% for row in rows %}{{ row }}{% endfor %}\n",
    "templates/_prices.html": "{% macro price(amount, currency) %}{{ amount }}"
    " {{ currency }}{% endmacro %}",
}
"""What the examples open, import or render."""


TAKEN = [
    ("cli", "AppGroup"),
    ("cli", "with_appcontext"),
    ("json.provider", "JSONProvider"),
    ("json.tag", "JSONTag"),
    ("json.tag", "TaggedJSONSerializer"),
    ("sessions", "SessionInterface"),
    ("sessions", "SessionMixin"),
    ("views", "MethodView"),
    ("views", "View"),
]
"""Names that the examples take from modules, besides those of the package itself."""


def surroundings(folder: Path) -> dict[str, Any]:
    """Return the names that an example takes for granted."""
    app = bustapi.BustAPI("example", root_path=str(folder))
    app.secret_key = "only for examples"
    names = {name: getattr(bustapi, name) for name in bustapi.__all__}
    taken = {
        name: getattr(importlib.import_module(f"bustapi.{module}"), name)
        for module, name in TAKEN
    }
    return {
        **names,
        "__name__": "example",
        **taken,
        "click": click,
        "other_json": json,
        "secrets": secrets,
        "store": {},
        "pages": bustapi.Blueprint("pages", "example"),
        "runner": app.test_cli_runner(),
        "json": json,
        "app": app,
        "client": app.test_client(),
        "amount": 3,
        "books": {1: "one"},
        "Book": SimpleNamespace(all=lambda: [SimpleNamespace(name="one")]),
        "Middleware": lambda wsgi_app: wsgi_app,
        "Store": dict,
        "gevent": SimpleNamespace(spawn=lambda function: function()),
        "rows": lambda until: [until],
        "user": lambda number: f"user {number}",
    }


@pytest.mark.usefixtures("modules_as_before")
@pytest.mark.parametrize(
    "example",
    list(examples()),
    ids=lambda example: f"{example.path.stem}-{example.owner}",
)
def test_the_example_of_a_docstring_runs(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)

    monkeypatch.syspath_prepend(tmp_path)
    # One serializer serves all applications; what an example adds to it stays there.
    monkeypatch.setattr(
        SecureCookieSessionInterface, "serializer", TaggedJSONSerializer()
    )
    namespace = surroundings(tmp_path)
    source = "\n" * example.line + example.text

    if example.text.startswith(">>> "):
        run_session(example, namespace)
        return

    with namespace["app"].test_request_context():
        exec(compile(source, str(example.path), "exec"), namespace)

    app = namespace["app"]
    routes = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]

    for rule in routes:
        # Answers of the example's own views, whatever their arguments.
        url = re.sub(r"<[^>]*>", "1", rule.rule)
        with app.test_client().get(url, query_string={"until": "x"}) as answer:
            assert answer.status_code < 500


def run_session(example: Example, namespace: dict[str, Any]) -> None:
    """Run an example that shows the interactive interpreter."""
    test = doctest.DocTestParser().get_doctest(
        example.text, namespace, example.owner, str(example.path), example.line
    )

    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


# ---- configuration ----


def test_every_configuration_key_stands_there_with_its_default() -> None:
    page = (ROOT / "docs/reference/configuration.md").read_text()

    entries = re.findall(
        r"^\.\. data:: (\w+)\n   :type: .+\n   :value: (.+)\n\n   \S", page, re.M
    )

    documented = {key: eval(value, {"timedelta": timedelta}) for key, value in entries}
    assert documented == dict(bustapi.BustAPI.default_config)
