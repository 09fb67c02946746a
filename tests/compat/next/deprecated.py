"""Finds the names that installed packages deprecate, by their own warnings."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import pkgutil
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("werkzeug", "jinja2", "click", "itsdangerous", "blinker", "markupsafe")
"""What this package requires. None of them has a dependency that it uses itself."""

ANNOUNCED = Path(__file__).with_name("announced.txt")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def names_to_hide() -> dict[str, dict[str, str]]:
    """Return the names that are to go, by the module that binds them.

    Each comes with the name that its value keeps, or an empty one.
    """
    hidden: dict[str, dict[str, str]] = {}
    announced = announced_names()

    for package in PACKAGES:
        loaded = [importlib.import_module(name) for name in module_names(package)]
        names = {name for module in loaded for name in deprecated_names(module)}
        names |= {name for name in announced if name.split(":")[0] in sys.modules}

        for name in sorted(names):
            if not is_there(name):
                raise LookupError(f"{name!r} is gone. Take it off {ANNOUNCED.name}.")

            for module, inside in bindings(name, loaded):
                hidden.setdefault(module, {})[inside] = announced.get(name, "")

    return hidden


def announced_names() -> dict[str, str]:
    """Return the names of the list, each with the one that it keeps, or an empty one."""
    lines = ANNOUNCED.read_text().splitlines()
    parts = (line.partition(" > ") for line in lines if not line.startswith("#"))
    return {name: kept for name, _, kept in parts if name}


def is_there(name: str) -> bool:
    """Whether the installed version has ``MODULE:NAME``, with a warning or without."""
    module, _, inside = name.partition(":")
    value: object = importlib.import_module(module)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        for part in inside.split("."):
            value = getattr(value, part, None)

    return value is not None


def module_names(package: str) -> Iterator[str]:
    """Yield a package and the modules in it that can be imported for their names."""
    yield package
    path = importlib.import_module(package).__path__

    for found in pkgutil.walk_packages(path, package + "."):
        # A console of Windows, and programs.
        if found.name.rpartition(".")[2] not in {"_winconsole", "__main__"}:
            yield found.name


def deprecated_names(module: types.ModuleType) -> Iterator[str]:
    """Yield ``MODULE:NAME`` for each public name that warns whoever uses it."""
    spec = importlib.util.find_spec(module.__name__)

    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return

    tree = ast.parse(Path(spec.origin).read_text())

    for node in ast.walk(tree):
        if isinstance(node, _Function) and node.name == "__getattr__":
            for name in warned_of(module, node):
                yield f"{module.__name__}:{name}"

    for node in tree.body:
        if isinstance(node, _Function) and warns(node) and is_public(node.name):
            yield f"{module.__name__}:{node.name}"

        if isinstance(node, ast.ClassDef) and is_public(node.name):
            for inside in node.body:
                if isinstance(inside, _Function) and warns(inside):
                    if inside.name in {"__init__", "__new__"}:
                        yield f"{module.__name__}:{node.name}"
                    elif is_public(inside.name):
                        yield f"{module.__name__}:{node.name}.{inside.name}"


def warned_of(module: types.ModuleType, function: _Function) -> Iterator[str]:
    """Yield the names in a module's ``__getattr__`` that answer with a warning."""
    words = {
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    for word in sorted(filter(str.isidentifier, words)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = hasattr(module, word)

        if found and any(issubclass(w.category, DeprecationWarning) for w in caught):
            yield word


def warns(function: _Function) -> bool:
    """Whether every call of a function warns that the function is to go."""
    own = [node for node in function.body if isinstance(node, ast.Expr)]
    marks = [*(node.value for node in own), *function.decorator_list]
    return any(
        isinstance(mark, ast.Call)
        and ast.unparse(mark.func) in {"warnings.warn", "warn", "deprecated"}
        and (
            "DeprecationWarning" in ast.unparse(mark)
            or ast.unparse(mark.func) == "deprecated"
        )
        for mark in marks
    )


def bindings(name: str, loaded: list[types.ModuleType]) -> Iterator[tuple[str, str]]:
    """Yield each module with the name by which something can be had from it."""
    module_name, _, inside = name.partition(":")
    first = inside.partition(".")[0]
    module = importlib.import_module(module_name)
    yield module_name, inside

    value = vars(module).get(first)

    # The class of an attribute stays. So does what the module has from another one.
    if first != inside or getattr(value, "__module__", module_name) != module_name:
        return

    for other in loaded:
        if value is not None and vars(other).get(first) is value:
            yield other.__name__, first


def is_public(name: str) -> bool:
    """Whether a name is meant for others."""
    return not name.startswith("_")


if __name__ == "__main__":
    json.dump(names_to_hide(), sys.stdout, indent=1)
