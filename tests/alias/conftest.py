"""Where the tests of the alias run: in interpreters of their own.

The alias changes imports for good, so no test installs it in the process of the suite.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from interpreters import (
    PYTHON,
    Environment,
    Finished,
    Run,
    make_environment,
    own_environment,
    packages_of,
)
from serving import Server, Start


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs Python source and returns the finished process."""

    def run(source: str, *arguments: str) -> Finished:
        path = os.pathsep.join([str(tmp_path), str(PYTHON)])
        return subprocess.run(
            [sys.executable, *(arguments or ("-c", textwrap.dedent(source)))],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**own_environment(), "PYTHONPATH": path},
        )

    return run


@pytest.fixture
def stand_in_flask(tmp_path: Path) -> None:
    """Put a package named flask on the path, as if the real one were installed."""
    package = tmp_path / "flask"
    package.mkdir()
    package.joinpath("__init__.py").write_text("class Flask: pass\n")
    package.joinpath("globals.py").touch()
    tmp_path.joinpath("shop.py").write_text("from flask import Flask\n")


@pytest.fixture(scope="session")
def beside_flask(tmp_path_factory: pytest.TempPathFactory, flask_python: str) -> Path:
    """Return the prefix of the virtual environment that :class:`Environment` is."""
    return make_environment(
        tmp_path_factory.mktemp("beside-flask"), packages_of(flask_python)
    )


@pytest.fixture(scope="session")
def without_flask(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the prefix of a virtual environment in which Flask is not installed."""
    return make_environment(tmp_path_factory.mktemp("without-flask"))


@pytest.fixture
def beside(beside_flask: Path, tmp_path: Path) -> Environment:
    """Return an environment with Flask itself, in an empty folder."""
    return Environment(beside_flask, tmp_path)


@pytest.fixture
def without(without_flask: Path, tmp_path: Path) -> Environment:
    """Return an environment without Flask, in an empty folder."""
    return Environment(without_flask, tmp_path)


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Start a Python command in an environment; it is ended after the test."""
    started: list[Server] = []

    def start(
        *arguments: str,
        alias: str | None = "1",
        environment: Environment | None = None,
        **extra: str,
    ) -> Server:
        environment = environment or request.getfixturevalue("beside")
        server = Server(
            environment.folder,
            *arguments,
            python=environment.python,
            **{**environment.variables(alias=alias), **extra},
        )
        started.append(server)
        return server

    yield start

    # A program that is asked to end ends its workers.
    for server in started:
        server.process.terminate()

    for server in started:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(5)

        server.kill()
