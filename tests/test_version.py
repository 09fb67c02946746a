"""The version of the package stands in one place: the workspace table of Cargo.toml."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import tomli

from bustapi import _bustapi

ROOT = Path(__file__).parents[1]


def load(path: str) -> dict[str, Any]:
    return tomli.loads((ROOT / path).read_text())


def test_the_crates_take_the_version_of_the_workspace() -> None:
    for member in load("Cargo.toml")["workspace"]["members"]:
        package = load(f"{member}/Cargo.toml")["package"]

        assert package["version"] == {"workspace": True}, member


def test_the_python_package_takes_the_version_of_the_crate() -> None:
    project = load("pyproject.toml")["project"]

    assert "version" not in project
    assert "version" in project["dynamic"]


def test_metadata_and_extension_agree_with_the_workspace() -> None:
    expected = load("Cargo.toml")["workspace"]["package"]["version"]

    assert version("bustapi") == expected
    assert _bustapi.__version__ == expected


def test_no_other_file_spells_the_version() -> None:
    expected = load("Cargo.toml")["workspace"]["package"]["version"]
    elsewhere = [
        str(path.relative_to(ROOT))
        for folder in ("python", "crates", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".pyi", ".rs", ".toml", ".md"}
        and "target" not in path.parts
        and "_build" not in path.parts
        and f'"{expected}"' in path.read_text()
    ]

    assert elsewhere == []
