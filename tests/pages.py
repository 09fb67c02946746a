"""The pages of the documentation and their fenced blocks, each of a known kind.

What stands behind the fence says what a block is:

``python``
    is run, in the namespace of the blocks before it.
``LANGUAGE FILE``
    is a file, which a reader saves under that name in the folder of the page.
``LANGUAGE examples/…``
    is a copy of that file of the repository, saved under its own name.
``text output``
    is what the block before it prints.
``text layout``
    shows a folder; nothing is done with it.
``console``
    has commands after ``$``, each followed by what it prints, if that is shown.
``{directive}``
    is for Sphinx, which ``make docs`` calls.

Everything else is of no kind, and fails.
"""

from __future__ import annotations

import enum
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *(
        path
        for path in sorted((ROOT / "docs").rglob("*.md"))
        if "_build" not in path.parts
    ),
    ROOT / "examples" / "board" / "README.md",
    ROOT / "stubs" / "README.md",
]


class Kind(enum.Enum):
    """What is done with a block; see the top of the module."""

    PYTHON = "run"
    FILE = "saved"
    COPY = "compared with a file of the repository"
    OUTPUT = "compared with what was printed"
    LAYOUT = "looked at"
    CONSOLE = "typed"
    DIRECTIVE = "given to Sphinx"


class UnknownBlock(Exception):
    """A page has a block of which nothing says what is done with it."""


class Block(NamedTuple):
    """A fenced block: its line number, what stands behind the fence, its text."""

    line: int
    info: str
    text: str

    @property
    def kind(self) -> Kind:
        language, _, rest = self.info.partition(" ")

        match language, rest:
            case "python", "":
                return Kind.PYTHON
            case "console", "":
                return Kind.CONSOLE
            case "text", "output":
                return Kind.OUTPUT
            case "text", "layout":
                return Kind.LAYOUT

        if re.fullmatch(r"\{[a-z-]+\}", language):
            return Kind.DIRECTIVE

        if language and rest.startswith("examples/"):
            return Kind.COPY

        if language and re.fullmatch(r"[\w./-]+\.\w+", rest):
            return Kind.FILE

        raise UnknownBlock(
            f"Nothing says what is done with the block {self.info!r} in line"
            f" {self.line}. Give it one of the kinds that tests/pages.py lists."
        )

    @property
    def file(self) -> str:
        """The file that a block of kind FILE or COPY is."""
        return self.info.partition(" ")[2]


class Command(NamedTuple):
    """A command of a console block, and the lines that are shown of its output."""

    line: int
    text: str
    output: list[str]


def blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a page.

    :raises UnknownBlock: for code that is not fenced at the left margin, and would
        not be found.
    """
    text = path.read_text()
    found = [
        Block(text.count("\n", 0, match.start()) + 2, match[2].strip(), match[3])
        for match in re.finditer(
            r"^(```+)([^\n`]*)\n(.*?)^\1$", text, re.MULTILINE | re.DOTALL
        )
    ]
    inside = {
        number
        for block in found
        for number in range(block.line - 1, block.line + block.text.count("\n") + 1)
    }

    for number, line in enumerate(text.splitlines(), 1):
        if number not in inside and re.match(r"\s*(```|~~~)|(\t| {4,})[^\s*-]", line):
            raise UnknownBlock(
                f"{path.name}, line {number}: code that is not between"
                " ``` at the left margin is not found by the tests. Put it there."
            )

    return found


def commands(block: Block) -> list[Command]:
    """Return the commands of a console block."""
    found: list[Command] = []

    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            found.append(Command(number, line[2:], []))
        elif not found:
            raise UnknownBlock(f"Line {number} is not a command: it lacks its '$ '.")
        elif found[-1].text.endswith("\\"):
            found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{line}")
        else:
            found[-1].output.append(line)

    return found
