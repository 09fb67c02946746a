"""What README, docs and metadata say in more than one place, they say alike."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
import tomli

from pages import PAGES, ROOT

PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text())

CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.(\d+))")

PYTHONS = [
    match[1]
    for classifier in PROJECT["project"]["classifiers"]
    if (match := CLASSIFIER.fullmatch(classifier))
]
"""The versions of CPython that the package is for; the classifiers alone decide."""

TOLD_TO_PEOPLE = [*PAGES, ROOT / "Makefile", ROOT / "ARCHITECTURE.md"]

TOLD_TO_CONTRIBUTORS = [
    *TOLD_TO_PEOPLE,
    *(
        path
        for folder in ("tests", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != Path(__file__)
    ),
]


def test_the_pythons_are_listed_in_order_and_without_a_gap() -> None:
    minors = [int(version.partition(".")[2]) for version in PYTHONS]

    assert minors == list(range(minors[0], minors[-1] + 1))


@pytest.mark.parametrize("path", TOLD_TO_PEOPLE, ids=lambda path: path.name)
def test_a_range_of_pythons_is_that_of_the_classifiers(path: Path) -> None:
    text = path.read_text()
    ranges = re.findall(r"CPython\s+(3\.\d+)\s+to\s+(3\.\d+)", text)
    oldest = re.findall(r"CPython\s+(3\.\d+)\s+and\s+later", text)
    oldest += re.findall(r"older than Python (3\.\d+)", text)

    assert set(ranges) <= {(PYTHONS[0], PYTHONS[-1])}
    assert set(oldest) <= {PYTHONS[0]}


def test_readme_and_makefile_say_which_pythons() -> None:
    said = f"CPython {PYTHONS[0]} to {PYTHONS[-1]}"

    assert said in (ROOT / "README.md").read_text()
    assert said in (ROOT / "Makefile").read_text()


def test_a_python_that_a_command_names_is_one_of_the_classifiers() -> None:
    named = {
        version
        for path in TOLD_TO_PEOPLE
        for version in re.findall(
            r"python(3\.\d+)|pyenv install (3\.\d+)", path.read_text()
        )
        for version in version
        if version
    }

    assert named <= set(PYTHONS)


def test_every_tool_looks_at_the_oldest_python() -> None:
    tools = PROJECT["tool"]
    stubs = tomli.loads((ROOT / "stubs" / "pyproject.toml").read_text())["project"]
    locked = re.search(r"--python-version (\S+)", (ROOT / "Makefile").read_text())

    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"
    assert stubs["requires-python"] == f">={PYTHONS[0]}"
    assert tools["ruff"]["target-version"] == f"py{PYTHONS[0].replace('.', '')}"
    assert tools["mypy"]["python_version"] == PYTHONS[0]
    assert tools["pyright"]["pythonVersion"] == PYTHONS[0]
    assert locked is not None and locked[1] == PYTHONS[0]


def test_a_version_of_rust_is_that_of_the_workspace() -> None:
    workspace = tomli.loads((ROOT / "Cargo.toml").read_text())["workspace"]
    wanted = workspace["package"]["rust-version"]

    for path in TOLD_TO_PEOPLE:
        assert set(re.findall(r"Rust\s+(1\.\d+)", path.read_text())) <= {wanted}, path


def test_a_script_is_called_by_the_python_that_has_what_it_needs() -> None:
    """A clone's packages are in .venv alone, whatever ``python`` is."""
    told = [
        (path.relative_to(ROOT).as_posix(), line.strip())
        for path in TOLD_TO_CONTRIBUTORS
        for line in path.read_text().splitlines()
        if re.search(r"(?<!\.venv/bin/)\bpython3? (tests/|-m benchmarks)", line)
    ]

    assert told == []


def test_a_script_that_is_to_be_called_is_there() -> None:
    called = {
        command
        for path in TOLD_TO_CONTRIBUTORS
        for command in re.findall(
            r"\.venv/bin/python (?:-m )?[\w./]*\w", path.read_text()
        )
    }

    for command in called:
        *_, flag, name = shlex.split(command)
        found = find_spec(name) if flag == "-m" else (ROOT / name).exists()
        assert found, command


def test_a_target_that_a_test_names_is_one_of_the_makefile() -> None:
    targets = set(
        re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.M)
    )
    named = {
        target
        for path in TOLD_TO_CONTRIBUTORS
        for target in re.findall(r"`make ([a-z-]+)", path.read_text())
    }

    assert named <= targets


def test_readme_and_status_name_the_same_that_is_not_there() -> None:
    readme = re.search(
        r"^Not yet: (.*?)\. ", (ROOT / "README.md").read_text(), re.M | re.S
    )
    status = (ROOT / "docs" / "status.md").read_text()
    section = re.search(r"^## Not there yet\n(.*?)^## ", status, re.M | re.S)
    assert readme is not None
    assert section is not None

    named = " ".join(readme[1].split()).split(", ")

    assert named == re.findall(r"^- \*\*(.*?)\*\*", section[1], re.M)
