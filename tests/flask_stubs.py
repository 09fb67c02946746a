"""Writes the stubs of ``flask``, which re-export this package's modules name by name.

    .venv/bin/python tests/flask_stubs.py PYTHON

PYTHON is an interpreter that has Flask itself; ``make snapshots`` has one. A stub lists what the module of Flask binds and the one of this package binds too, so that
an application that imports ``flask`` is checked for Flask's names and for no other.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
STUBS = ROOT / "stubs" / "flask-stubs"
NAMES = ROOT / "tests" / "compat" / "flask_names.py"

HEADER = "# Written by tests/flask_stubs.py; a change by hand is lost."


def read_names(python: str) -> dict[str, str]:
    """Return what the modules of Flask bind, as an interpreter that has it says."""
    output = subprocess.run(
        [python, str(NAMES)], capture_output=True, text=True, check=True, timeout=25
    ).stdout
    names: dict[str, str] = json.loads(output)
    return names


def make_stubs(names: dict[str, str]) -> dict[str, str]:
    """Return the content of each file, by its path below the folder of the stubs."""
    modules = [name[7:] for name in names if name.startswith("module ")]
    return {
        path_of(module, modules): "\n".join(
            [HEADER, *sorted(lines_of(module, names)), ""]
        )
        for module in modules
    }


def path_of(module: str, modules: list[str]) -> str:
    """Return where the stub of a module lies."""
    path = module.replace(".", "/").removeprefix("flask").lstrip("/")
    is_package = any(other.startswith(f"{module}.") for other in modules)
    return f"{path}/__init__.pyi".lstrip("/") if is_package else f"{path}.pyi"


def lines_of(module: str, names: dict[str, str]) -> Iterator[str]:
    """Yield the lines of the stub of a module."""
    ours = module.replace("flask", "bustapi", 1)
    bound_here = vars(importlib.import_module(ours))

    for full, told in names.items():
        holder, _, name = full.rpartition(".")

        if holder == module and name.isidentifier() and name in bound_here:
            yield import_of(name, ours, told)

    if module == "flask":
        yield "__version__: str"


def import_of(name: str, ours: str, told: str) -> str:
    """Return the line that binds a name, to a module of ``flask`` or to what ours has."""
    kind, _, target = told.partition(" ")

    if kind != "module":
        return f"from {ours} import {name} as {name}"

    parent, _, last = target.rpartition(".")
    return (
        f"from {parent} import {last} as {name}"
        if parent
        else f"import {last} as {name}"
    )


def main(python: str) -> None:
    """Write the stubs."""
    for path, content in make_stubs(read_names(python)).items():
        target = STUBS / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
