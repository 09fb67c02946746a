"""The servers that drills ask."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from benchmarks.run import Server

from .served import LARGE


def command(app: str) -> tuple[str, ...]:
    run = (sys.executable, "-m", "bustapi", "run", app)
    return (*run, "--port", "PORT", "--no-access-log")


COMMAND = command("tests.drills.app:app")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the application sends."""
    folder = tmp_path_factory.mktemp("drill")

    for name, size in (("large", LARGE), ("small", 200_000)):
        with folder.joinpath(name).open("wb") as out:
            out.truncate(size)

    return folder


@contextmanager
def started(folder: Path, *command: str) -> Iterator[Server]:
    server = Server("drill", list(command), {"DRILL_FOLDER": str(folder)})
    server.start(min(os.sched_getaffinity(0)))
    yield server
    server.stop()


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    with started(folder, *COMMAND) as server:
        yield server


@pytest.fixture
def mixed_server(folder: Path) -> Iterator[Server]:
    with started(folder, *command("tests.drills.mixed:app")) as server:
        yield server


@pytest.fixture
def few_descriptors(folder: Path) -> Iterator[Server]:
    """A server that may have 1,024 descriptors."""
    limited = ("sh", "-c", 'ulimit -n 1024; exec "$@"', "sh", *COMMAND)

    with started(folder, *limited) as server:
        yield server
