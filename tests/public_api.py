"""Describes the public names of the package, for the snapshot ``public_api.json``.

``make snapshots`` writes it again.

What is listed: in each module whose name has no leading underscore, the names that it
binds itself or re-exports on purpose (``__all__``, ``import name as name``), and in each
class the members that its body and its ``__init__`` bind. The list is read from the
source, so it depends neither on the interpreter nor on the versions of other packages.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
import textwrap
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TypeGuard

from werkzeug.local import LocalProxy

import bustapi

SNAPSHOT = Path(__file__).with_name("public_api.json")

CLOSED = ("bustapi.server.",)
"""Packages whose interface is their ``__all__``; their modules are their own matter."""

API = dict[str, dict[str, str]]


def read_api() -> API:
    """Return each public name with its description, by module."""
    modules = {name: importlib.import_module(name) for name in module_names()}
    return {
        name: dict(sorted(describe_module(module, modules)))
        for name, module in modules.items()
    }


def module_names() -> Iterator[str]:
    """Yield the names of the public modules."""
    yield bustapi.__name__

    for found in pkgutil.walk_packages(bustapi.__path__, f"{bustapi.__name__}."):
        parts = found.name.split(".")
        if not any(
            part.startswith("_") for part in parts
        ) and not found.name.startswith(CLOSED):
            yield found.name


def describe_module(
    module: ModuleType, modules: Container[object]
) -> Iterator[tuple[str, str]]:
    """Yield the names of a module, those in a class behind its name and a dot."""
    tree = ast.parse(inspect.getsource(module))
    exported = getattr(module, "__all__", None)
    names = bound_names(tree.body) if exported is None else exported

    for name in sorted(set(filter(is_public, names))):
        value = getattr(module, name)
        home = origin(value)

        if home.rpartition(".")[0] in modules and home != f"{module.__name__}.{name}":
            yield name, f"= {home}"
            continue

        yield name, describe(value)

        if is_class(value) and home.startswith(f"{bustapi.__name__}."):
            for member in sorted(set(filter(is_public, member_names(value)))):
                yield f"{name}.{member}", describe_member(value, member)


def origin(value: object) -> str:
    """Return where a class or function says it is defined, nothing for other values."""
    if not is_class(value) and not isinstance(value, FunctionType):
        return ""

    return f"{value.__module__}.{value.__qualname__}"


def bound_names(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements bind, without those that they only import."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in (
                node.targets if isinstance(node, ast.Assign) else [node.target]
            ):
                yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (a.name for a in node.names if a.name == a.asname)
        elif is_for_types(node):
            yield from bound_names(node.orelse)
        elif isinstance(node, ast.If | ast.Try):
            yield from bound_names([*node.body, *node.orelse])


def is_for_types(node: ast.stmt) -> TypeGuard[ast.If]:
    """Whether a statement is ``if TYPE_CHECKING:``, whose first names do not exist."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def member_names(cls: type) -> Iterator[str]:
    """Yield the names that the body of a class binds, and ``__init__`` on ``self``."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(node, ast.ClassDef)
    yield from bound_names(node.body)

    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            for target in ast.walk(method):
                if isinstance(target, ast.Attribute) and (
                    isinstance(target.ctx, ast.Store)
                    and ast.unparse(target.value) == "self"
                ):
                    yield target.attr


def is_public(name: str) -> bool:
    """Whether a name is for users.

    Constructors are. Other names with an underscore are not, nor are those of a single
    capital letter, which are type variables; ``g`` is.
    """
    if len(name) == 1:
        return name.islower()

    return name == "__init__" or not name.startswith("_")


def is_proxy(value: object) -> bool:
    """Whether a value is a proxy, asked without asking what it stands for."""
    return issubclass(type(value), LocalProxy)


def is_class(value: object) -> TypeGuard[type]:
    """Whether a value is a class; an alias says so too up to Python 3.10."""
    return issubclass(type(value), type)


def describe_member(cls: type, name: str) -> str:
    """Return the kind of a member, with the signature of a method."""
    static = inspect.getattr_static(cls, name, None)

    if isinstance(static, classmethod | staticmethod):
        return f"{type(static).__name__} {describe(static.__func__)}"

    if isinstance(static, FunctionType) or is_class(static):
        return describe(static)

    # Whether a look computes it is not the caller's business.
    return "attribute"


def describe(value: object) -> str:
    """Return the kind of a value, with the signature of a function."""
    if is_proxy(value):
        return "proxy"

    if is_class(value):
        return "class"

    if inspect.ismodule(value):
        return f"module {value.__name__}"

    if not isinstance(value, FunctionType):
        return "value"

    prefix = "async def " if inspect.iscoroutinefunction(value) else "def "
    return prefix + re.sub(r" at 0x[0-9a-f]+", "", str(inspect.signature(value)))


def main() -> None:
    """Write the snapshot."""
    SNAPSHOT.write_text(json.dumps(read_api(), indent=2) + "\n")


if __name__ == "__main__":
    main()
