"""The modules of each Rust crate import one another in no circle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

CRATES = Path(__file__).parents[1] / "crates"

# What begins the tests of a module; what only they use is no part of the crate.
_TESTS = re.compile(r"^#\[cfg\((all\()?test", re.MULTILINE)
_USE = re.compile(
    r"^\s*(?:pub(?:\([^)]*\))? )?use ([^;]+);|\b((?:crate|super)(?:::\w+)+)",
    re.MULTILINE,
)


def paths(tree: str, prefix: str = "") -> Iterator[str]:
    """Return the paths of a use tree: ``a::{b, c::d}`` is ``a::b`` and ``a::c::d``."""
    tree = re.sub(r"\s+", "", tree)
    head, brace, rest = tree.partition("{")

    if not brace:
        yield prefix + re.sub(r"as\w+$", "", tree)
        return

    depth, part = 0, ""

    for character in rest[: rest.rindex("}")] + ",":
        if character == "," and depth == 0:
            if part:
                yield from paths(part, prefix + head)

            part = ""
            continue

        depth += (character == "{") - (character == "}")
        part += character


def modules(crate: Path) -> dict[str, set[str]]:
    """Return what each module of a crate imports of it."""
    root = crate / "src"
    files = {
        "::".join(("crate", *path.relative_to(root).with_suffix("").parts)): path
        for path in root.rglob("*.rs")
        if path.name != "lib.rs"
    }
    graph = {}

    for name, path in files.items():
        text = path.read_text()

        if found := _TESTS.search(text):
            text = text[: found.start()]

        text = re.sub(r"//.*", "", text)
        used = set()

        for match in _USE.finditer(text):
            for target in paths(match[1] or match[2]):
                target = re.sub(r"^self::", f"{name}::", target)
                parent = name.rpartition("::")[0]
                target = re.sub(r"^super::", f"{parent}::", target)

                while target and target not in files:
                    target = target.rpartition("::")[0]

                # A module and those inside it are one: the outer one re-exports.
                if target and target != name and not target.startswith(f"{name}::"):
                    used.add(target)

        graph[name] = used

    return graph


@pytest.mark.parametrize("crate", ["bustapi-core", "bustapi-python"])
def test_no_module_imports_itself_through_others(crate: str) -> None:
    graph = modules(CRATES / crate)
    assert len(graph) > 10

    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as e:
        pytest.fail("a circle of imports: " + " → ".join(e.args[1]))


def test_a_circle_would_be_found(tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    (source / "one.rs").write_text("use crate::{two::Two, three::{A, b::C}};\n")
    (source / "two.rs").write_text("fn f() { super::one::g() }\n")
    (source / "three.rs").write_text("#[cfg(test)]\nmod tests { use crate::one; }\n")

    graph = modules(tmp_path)

    assert graph == {
        "crate::one": {"crate::two", "crate::three"},
        "crate::two": {"crate::one"},
        "crate::three": set(),
    }
