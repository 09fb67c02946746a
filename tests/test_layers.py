"""Imports inside the package go down its layers only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bustapi

PACKAGE = Path(bustapi.__file__).parent

LAYERS = (
    (
        "typing",
        "signals",
        "globals",
        "config",
        "_bustapi",
        "_conditions",
        "_lazy",
        "_werkzeug",
        "_wire",
    ),
    (
        "helpers",
        "json",
        "logging",
        "debughelpers",
        "sessions",
        "_interpreters",
        "_signing",
    ),
    ("wrappers", "templating", "views"),
    ("ctx", "sansio.scaffold"),
    ("sansio.blueprints", "blueprints", "_plan", "_routing"),
    ("_stock", "_session_cookie"),
    ("sansio.app", "app"),
    ("application", "_former", "server", "testing", "cli"),
    ("", "__main__"),
)
"""Module names below the package, a package standing for what is inside it."""

UPWARD = {
    # Flask puts a group of commands on each application and each blueprint, at once.
    ("app", "cli"),
    ("blueprints", "cli"),
}
"""Imports at module level that go up all the same, each with the reason."""

LEAVES = ("sansio",)
"""Packages whose ``__init__`` is empty: they have a layer only through their modules."""


def layer_of(module: str) -> int:
    """Return the layer of a module, found under its longest listed name."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        for number, names in enumerate(LAYERS):
            if name in names:
                return number
    raise LookupError(f"{module!r} stands in no layer; add it to LAYERS")


def modules() -> Iterator[tuple[str, Path]]:
    """Yield the name of each module below the package, with its file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        if ".".join(parts) not in LEAVES:
            yield ".".join(parts), path


def imported(module: str, path: Path) -> Iterator[str]:
    """Yield what ``module`` imports from the package when it is loaded itself."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in at_load(ast.parse(path.read_text()).body):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = list(absolute(node, package))
        for name in names:
            if name == "bustapi" or name.startswith("bustapi."):
                yield name.removeprefix("bustapi").removeprefix(".")


def at_load(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the import statements that run with the module, not in a function."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from at_load(node.orelse)
        elif isinstance(node, ast.If | ast.With | ast.ClassDef | ast.Try):
            yield from at_load(node.body)
            yield from at_load(getattr(node, "orelse", []))
            for handler in getattr(node, "handlers", []):
                yield from at_load(handler.body)


def absolute(node: ast.ImportFrom, package: str) -> Iterator[str]:
    """Yield the modules that a ``from … import …`` names, from the top."""
    base = node.module or ""
    if node.level:
        above = ["bustapi", *filter(None, package.split("."))]
        above = above[: len(above) - node.level + 1]
        base = ".".join([*above, *filter(None, [node.module])])
    for alias in node.names:
        inside = PACKAGE.joinpath(*base.split(".")[1:])
        is_module = (inside / alias.name).is_dir() or any(
            inside.glob(f"{alias.name}.py*")
        )
        yield f"{base}.{alias.name}" if is_module else base


@pytest.mark.parametrize(
    ("module", "path"),
    [pytest.param(*found, id=found[0] or "bustapi") for found in modules()],
)
def test_imports_go_down_the_layers(module: str, path: Path) -> None:
    own = layer_of(module) if module else len(LAYERS) - 1

    upward = {
        name
        for name in imported(module, path)
        if name not in LEAVES
        and (layer_of(name) if name else len(LAYERS) - 1) > own
        and (module, name) not in UPWARD
    }

    assert not upward


def test_the_server_imports_no_application() -> None:
    above = {"app", "application", "sansio.app"}

    for module, path in modules():
        if module.partition(".")[0] == "server":
            text = path.read_text()
            names = {name for name in imported(module, path)}
            assert not names & above, f"{module} imports {names & above}"
            assert "import bustapi\n" not in text


def test_the_architecture_page_has_the_same_layers() -> None:
    page = (Path(__file__).parents[1] / "ARCHITECTURE.md").read_text()

    rows = re.findall(r"^\| (\d+) \| (.*) \|$", page, re.MULTILINE)

    listed = [(int(n), set(re.findall(r"`([\w.]+)`", names))) for n, names in rows]
    assert listed == [
        (number, {name or "__init__" for name in names})
        for number, names in enumerate(LAYERS)
    ]
