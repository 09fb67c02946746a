"""Makes ``docs/reference/specification.md``: which test proves which statement.

``make snapshots`` calls it.

It runs the tests of this folder, all but its own guard, and writes a row for each mark
``statement(heading, words)``, in the order of the documents, with the result. The guard,
``test_table.py``, compares the page with the marks.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "reference" / "specification.md"

HEAD = """\
# The specification, statement by statement

Class `BustAPI` is specified by two documents: the BustAPI reference and the application
object of Flask 0.11. Each row is a statement of theirs with an effect, named by a few of
its words, and the test that proves it; the tests stand in `tests/specification/` in the
order of the documents. Almost all of them run over both ways into an application, as a
WSGI application and through the package's own HTTP parser.

This page is written by `make snapshots`. `make mutate-specification` takes each method and
attribute away in turn, and shows that its tests fail then.

| heading | statement | test | result |
|---|---|---|---|
"""


class Statement(NamedTuple):
    """A statement of the specification, and where it is proved."""

    heading: str
    words: str
    file: str
    test: str


def statements() -> Iterator[Statement]:
    """Yield what the marks of the tests say, file by file."""
    for path in sorted(FOLDER.glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                for heading, words in _marks(node):
                    yield Statement(heading, words, path.name, node.name)


def _marks(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call):
            name = ast.unparse(decorator.func)

            if name == "statement":
                heading, words = map(ast.literal_eval, decorator.args)
                yield heading, words


def row(statement: Statement, result: str) -> str:
    """Return the line of a statement in the table."""
    words = statement.words.replace("|", "\\|")
    test = statement.test.removeprefix("test_").replace("_", " ")
    return f"| `{statement.heading}` | {words} | {test} | {result} |"


class Results:
    """Keeps the worst outcome of each test, over all its parameters."""

    def __init__(self) -> None:
        self.outcomes: dict[tuple[str, str], str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        path, _, name = report.nodeid.partition("::")
        key = Path(path).name, name.partition("[")[0]

        if report.outcome != "passed":
            self.outcomes[key] = report.outcome
        else:
            self.outcomes.setdefault(key, "passed")


def main() -> int:
    """Run the tests and write the page."""
    results = Results()
    own_guard = f"--ignore={FOLDER / 'test_table.py'}"
    status = pytest.main(
        ["-q", "-p", "no:cacheprovider", own_guard, str(FOLDER)], [results]
    )
    rows = [
        row(statement, results.outcomes[statement.file, statement.test])
        for statement in statements()
    ]
    PAGE.write_text(HEAD + "\n".join(rows) + "\n")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
