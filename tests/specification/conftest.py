"""An application of class ``BustAPI`` in a folder of its own, over both edges.

Each test is marked ``statement(heading, words)``: the heading of the specification under
which a statement stands, and a few words of it. ``table.py`` makes a page of the marks,
``mutate.py`` takes away what a heading describes and runs its tests.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from bustapi import BustAPI, server
from specification.mutate import take_away

MUTANT = os.environ.get("SPECIFICATION_MUTANT")

if MUTANT is not None:
    take_away(MUTANT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without something, run the tests of its heading alone."""
    if MUTANT is not None:
        items[:] = [item for item in items if MUTANT in _headings_of(item)]


def _headings_of(item: pytest.Item) -> set[str]:
    # "run (0.11)" is the heading of the other document about the same.
    marks = item.iter_markers("statement")
    return {mark.args[0].partition(" (")[0] for mark in marks}


@pytest.fixture
def app(tmp_path: Path) -> BustAPI:
    """An application with a secret key that answers errors as in production."""
    app = BustAPI(
        "specified", root_path=str(tmp_path), instance_path=str(tmp_path / "instance")
    )
    app.secret_key = "test key"
    return app


@pytest.fixture
def unconfigured_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has configured logging; pytest itself has, and other tests may have."""
    monkeypatch.setattr(logging.root, "handlers", [])


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the server of the package, or Werkzeug's, was started with."""
    options: dict[str, Any] = {}

    def serve(app: Any, **given: Any) -> None:
        options.update(given, server="own")

    def run_simple(host: str, port: int, app: Any, **given: Any) -> None:
        options.update(given, host=host, port=port, server="werkzeug")

    monkeypatch.delenv("FLASK_DEBUG", raising=False)
    monkeypatch.delenv("FLASK_RUN_FROM_CLI", raising=False)
    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setattr("bustapi.app._stock_run_simple", run_simple)
    monkeypatch.setattr("werkzeug.serving.run_simple", run_simple)
    return options
