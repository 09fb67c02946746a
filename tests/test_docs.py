"""The code blocks of README and docs run, and print what they say they print.

The Python blocks of a page run in order, in one namespace, in a folder of their own. A
block of text that follows a block of Python and is marked ``output`` is what that block
prints; a block marked ``templates/NAME`` or the like is a file that the page needs.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bustapi.logging import default_handler

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *(
        path
        for path in sorted((ROOT / "docs").rglob("*.md"))
        if "_build" not in path.parts
    ),
]


class Block(NamedTuple):
    """A fenced block: its line number, what stands behind the fence, its text."""

    line: int
    info: str
    text: str


def blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a page that start at the left margin."""
    text = path.read_text()
    return [
        Block(text.count("\n", 0, found.start()) + 2, found[2].strip(), found[3])
        for found in re.finditer(
            r"^(```+)([^\n`]*)\n(.*?)^\1$", text, re.MULTILINE | re.DOTALL
        )
    ]


def pages_with_python() -> list[Path]:
    return [
        path for path in PAGES if any(b.info.startswith("python") for b in blocks(path))
    ]


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """Undo what a page configures of the logging that all applications share."""
    root, formatter = logging.getLogger(), default_handler.formatter
    handlers, level = root.handlers[:], root.level

    yield

    root.handlers[:] = handlers
    root.setLevel(level)
    default_handler.setFormatter(formatter)


@pytest.mark.parametrize(
    "page", pages_with_python(), ids=lambda page: str(page.relative_to(ROOT))
)
def test_the_code_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs_as_before: None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    # A module of its own: an application finds its folder through __name__.
    namespace: dict[str, object] = {"__name__": f"page_{page.stem}"}
    namespace["__file__"] = str(tmp_path / "page.py")
    before = set(sys.modules)
    printed: str | None = None

    for block in blocks(page):
        language, _, rest = block.info.partition(" ")
        if language == "python":
            # The line number is that of the page, so a traceback points into it.
            code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(code, namespace)
            printed = out.getvalue()
        elif rest == "output":
            assert printed == block.text, f"{page.name}, line {block.line}"
        elif rest and "/" in rest:
            target = tmp_path / rest
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
    forget_modules(tmp_path, before)


def forget_modules(folder: Path, before: set[str]) -> None:
    """Let no later import find the modules that a page imported from its folder."""
    for name in set(sys.modules) - before:
        module = sys.modules[name]
        paths = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]

        if any(path and Path(path).is_relative_to(folder) for path in paths):
            del sys.modules[name]


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")

    assert broken == []
