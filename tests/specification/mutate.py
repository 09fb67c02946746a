"""Takes away what a heading of the specification describes, and runs its tests.

.venv/bin/python tests/specification/mutate.py [NAME ...]

A method is replaced by one that does nothing, any other attribute by one that is None and
ignores what is assigned. Then the tests of the heading run, until one fails. A name whose
tests still pass is a survivor: nothing notices that what the heading describes is gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

TIMEOUT = 120.0
"""Seconds for the tests of one heading; a test that hangs counts as one that fails."""

WITHOUT_EFFECT: dict[str, str] = {}
"""Names of which the document says that they do nothing, with the words that say it."""

IN_NO_CLASS = {
    *("BustAPI", "Flask", "Constructor Arguments", "About the First Parameter"),
    *("Context Proxies", "abort", "g", "jsonify", "redirect", "render_template"),
    *("request", "session"),
    *("instance_relative_config", "root_path", "static_path", "static_url_path"),
    "template_folder",
}
"""Headings that describe no attribute of the class: parameters, proxies, helpers."""


def headings() -> set[str]:
    """Return the names of the attributes and methods that have tests."""
    from specification.table import statements

    return {
        statement.heading
        for statement in statements()
        if statement.heading not in IN_NO_CLASS and " " not in statement.heading
    }


def take_away(name: str) -> None:
    """Replace a method or attribute of ``BustAPI`` by one that does nothing."""
    from bustapi import BustAPI

    present = getattr(BustAPI, name, None)

    if callable(present) and not isinstance(present, type):
        setattr(BustAPI, name, _do_nothing)
    else:
        setattr(BustAPI, name, _Nothing())


def _do_nothing(*args: Any, **kwargs: Any) -> None:
    """Stand in for a method."""


class _Nothing:
    """Stands in for an attribute."""

    def __get__(self, instance: object, owner: type) -> None:
        return None

    def __set__(self, instance: object, value: object) -> None:
        """Ignore the value."""


def survives(name: str) -> bool:
    """Return whether the tests of a heading pass without what it describes."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    environ = {**os.environ, "SPECIFICATION_MUTANT": name}

    try:
        result = subprocess.run(
            [*command, str(FOLDER)],
            env=environ,
            cwd=FOLDER.parents[1],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return False

    # 1: a test failed, 2: the tests could not even be collected.
    if result.returncode not in {0, 1, 2}:
        raise RuntimeError(
            f"The tests of {name!r} did not run (status {result.returncode}). pytest said:\n{result.stdout}"
            f"\n{result.stderr}"
        )

    return result.returncode == 0


def main(names: list[str]) -> int:
    """Try all names, or those given, and tell which survive."""
    names = names or sorted(headings())

    with ThreadPoolExecutor(2) as pool:
        survivors = [
            name
            for name, survived in zip(names, pool.map(survives, names), strict=True)
            if survived
        ]

    for name in survivors:
        print(f"{name} survives: {WITHOUT_EFFECT.get(name, 'nothing notices')}")

    print(f"{len(names)} names, {len(survivors)} survivors")
    return int(any(name not in WITHOUT_EFFECT for name in survivors))


if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER.parent))
    sys.exit(main(sys.argv[1:]))
