"""README and docs, followed to the letter: every block of a page, from top to bottom.

``tests/pages.py`` says which kinds of blocks there are. A page has one folder, in which
its files are saved, its Python runs in one namespace, and its commands are typed, in a
network of their own (``tests/terminal.py``), since they name ports.

What cannot be done on this machine makes the page a skipped one, after everything else
on it was done.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
import os
import re
import shlex
import shutil
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import pytest
import tomli

from bustapi.cli import cli
from bustapi.logging import default_handler
from interpreters import Environment, add_packages, make_environment, packages_of
from other_programs import NotInstalled, check_unit
from pages import PAGES, ROOT, Block, Command, Kind, UnknownBlock, blocks, commands
from terminal import Network, NoNetwork, Terminal

# Typed here, these would run tests that are running, or need another interpreter; with
# the option they say what they would do instead.
TEST_COMMANDS = {"make test": "--dry-run", "python -m pytest": "--collect-only"}

COMMANDS_OF_APPLICATIONS = {"NAME"}
"""What stands for the name of a command that an application may have."""


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """Undo what a page configures of the logging that all applications share."""
    root, formatter = logging.getLogger(), default_handler.formatter
    handlers, level = root.handlers[:], root.level

    yield

    root.handlers[:] = handlers
    root.setLevel(level)
    default_handler.setFormatter(formatter)


@pytest.fixture(scope="module")
def editable(tmp_path_factory: pytest.TempPathFactory, flask_python: str) -> Path:
    """The environment of the pages that do not install the package themselves."""
    return make_environment(
        tmp_path_factory.mktemp("reader"), packages_of(flask_python)
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a page, which is the current one and on the import path."""
    folder = tmp_path / "page"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("logs_as_before", "modules_as_before")
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_does_what_it_says(
    page: Path, folder: Path, request: pytest.FixtureRequest
) -> None:
    # Most pages have no commands, and need no environment.
    follow(Reader(page, folder, lambda: request.getfixturevalue("editable")))


@pytest.mark.skipif(
    "BUSTAPI_INSTALL" not in os.environ,
    reason="building takes minutes; `make docs` sets BUSTAPI_INSTALL",
)
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("logs_as_before", "modules_as_before")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if "\n$ pip " in page.read_text()], ids=name_of
)
def test_a_page_that_installs_does_what_it_says(
    page: Path, folder: Path, tmp_path: Path, flask_python: str
) -> None:
    prefix = tmp_path / "environment"
    venv.create(prefix, symlinks=True, with_pip=True)
    add_packages(prefix, packages_of(flask_python))

    follow(Reader(page, folder, lambda: prefix, is_installing=True))


def follow(reader: Reader) -> None:
    """Follow a page to its end, and skip the test if part of it had to be left out."""
    with reader:
        for block in blocks(reader.page):
            reader.follow(block)

    if reader.left_out:
        pytest.skip("; ".join(["all but what follows was done", *reader.left_out]))


class Reader:
    """Somebody who follows a page block by block."""

    def __init__(
        self,
        page: Path,
        folder: Path,
        environment: Callable[[], Path],
        *,
        is_installing: bool = False,
    ) -> None:
        self.page = page
        #: What could not be done, each with the reason.
        self.left_out: list[str] = []
        self._folder = folder
        self._environment = environment
        self._is_installing = is_installing
        self._printed: str | None = None
        self._opened = contextlib.ExitStack()
        self._terminal: Terminal | None = None
        # A module of its own: an application finds its folder through __name__.
        self._namespace: dict[str, object] = {"__name__": f"page_{page.stem}"}
        self._namespace["__file__"] = str(folder / "page.py")

    def follow(self, block: Block) -> None:
        match block.kind:
            case Kind.PYTHON:
                self._run(block)
            case Kind.FILE:
                self._save(block)
            case Kind.COPY:
                self._compare(block)
            case Kind.OUTPUT:
                assert self._printed == block.text, self._place(block.line)
            case Kind.CONSOLE:
                self._type(block)
            case Kind.LAYOUT | Kind.DIRECTIVE:
                pass

    def __enter__(self) -> Reader:
        self._opened.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.__exit__(kind, error, traceback)

    def _place(self, line: int) -> str:
        return f"{name_of(self.page)}, line {line}"

    def _run(self, block: Block) -> None:
        # The line number is that of the page, so a traceback points into it.
        code = compile("\n" * (block.line - 1) + block.text, str(self.page), "exec")

        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, self._namespace)

        self._printed = out.getvalue()

    def _save(self, block: Block) -> None:
        target = self._folder / block.file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text)

        try:
            check(target)
        except NotInstalled as error:
            self.left_out.append(f"line {block.line}, {block.info!r} ({error})")

    def _compare(self, block: Block) -> None:
        assert (ROOT / block.file).read_text() == block.text, (
            f"{self._place(block.line)} is not what {block.file} is. Copy the one that"
            " is right over the other."
        )
        shutil.copy(ROOT / block.file, self._folder)

    def _type(self, block: Block) -> None:
        for command in commands(block):
            if command.text.startswith("pip ") and not self._is_installing:
                # What it would install is there already.
                continue

            place = f"line {command.line}, {command.text!r}"

            if command.text.startswith("curl ") and shutil.which("curl") is None:
                self.left_out.append(f"{place} (curl is not installed)")
                continue

            try:
                self._terminal = self._terminal or self._open_terminal()
            except NoNetwork as error:
                self.left_out.append(f"{place} (no network namespace: {error})")
                continue

            text = command.text.partition(" #")[0].strip()
            text = text.replace("path/to/bustapi", str(ROOT))
            for start, option in TEST_COMMANDS.items():
                text += f" {option}" if text.startswith(start) else ""
            printed = self._terminal.type(text, self._folder_of(command))

            if command.output:
                assert printed.splitlines() == command.output, self._place(command.line)

        if self._terminal is not None:
            self._terminal.stop()

    def _open_terminal(self) -> Terminal:
        environment = Environment(self._environment(), self._folder)
        variables = environment.variables(alias=None)

        # Arguments of the `make` that the suite runs in are not for the reader's.
        for name in ("ARGS", "HOST", "PORT", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS"):
            variables.pop(name, None)

        # The environment that the suite was started in has what `make` needs.
        variables["VENV"] = os.path.relpath(sys.prefix, ROOT)
        variables["BOARD_INSTANCE_PATH"] = str(self._folder / "board")
        network = self._opened.enter_context(Network())
        return self._opened.enter_context(Terminal(network, variables))

    def _folder_of(self, command: Command) -> Path:
        """Return where a command is typed: in the clone what is about the clone."""
        if command.text.startswith(("git ", "make ", "pip ")):
            return ROOT

        is_of_an_example = "examples" in self.page.parts
        return self.page.parent if is_of_an_example else self._folder


def check(file: Path) -> None:
    """Have whoever reads a kind of file check one, though nothing may read it here."""
    match file.suffix:
        case ".py":
            compile(file.read_text(), str(file), "exec")
        case ".toml":
            tomli.loads(file.read_text())
        case ".service":
            check_unit(file)


@pytest.mark.parametrize(
    "text",
    [
        "```\nbustapi run\n```\n",
        "```sh\nbustapi run\n```\n",
        "```text\noutput\n```\n",
        "```ini\n[Service]\n```\n",
        "```console\nbustapi run\n```\n",
        "- a list\n\n  ```python\n  1 / 0\n  ```\n",
        "~~~python\n1 / 0\n~~~\n",
        "To serve it:\n\n    bustapi run\n",
    ],
)
def test_a_block_of_which_nothing_says_what_is_done_with_it_fails(
    text: str, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)

    with pytest.raises(UnknownBlock):
        follow(Reader(page, tmp_path, lambda: tmp_path))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_command_within_a_sentence_is_one_that_there_is(page: Path) -> None:
    unknown = [
        span
        for span in re.findall(r"(?<!`)`((?:bustapi|make) [^`]+)`", page.read_text())
        if not is_command(shlex.split(span))
    ]

    assert unknown == []


def is_command(words: list[str]) -> bool:
    """Whether ``make`` has the target, or ``bustapi`` the command with its options."""
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text()
        return f"\n.PHONY: {words[1]}\n" in makefile

    own = [cli, *cli.commands.values()]
    options = {option for command in own for p in command.params for option in p.opts}
    options |= {o for command in own for p in command.params for o in p.secondary_opts}
    rest = itertools.dropwhile(lambda word: word.startswith("-"), words[1:])
    called = next(rest, "")
    # What a program is given is its own.
    asked = [] if called == "exec" else words[1:]

    return (called in {"", *COMMANDS_OF_APPLICATIONS, *cli.commands}) and all(
        word.partition("=")[0] in options for word in asked if word.startswith("-")
    )


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in [*PAGES, ROOT / "ARCHITECTURE.md"]:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")

    assert broken == []
